//! What a running engine tells about itself: metrics, health, logs.

pub mod health;
pub mod log;
pub mod metric_table;
pub mod metrics;
