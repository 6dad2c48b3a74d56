//! The outside world as logs: in memory, in files, on Kafka.

pub mod conformance;
pub mod files;
pub mod kafka;
pub mod log;
pub mod memory;
pub mod objects;
pub mod partition;
