//! Event time as a shard knows it.

pub mod watermark;
