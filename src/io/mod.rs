//! The outside world as logs: in memory, in files, on Kafka.

pub mod kafka;
pub mod log;
