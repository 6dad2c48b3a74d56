//! The edge between logs and shards: reads runs, steps shards, commits epochs,
//! rebuilds state from the journal, and stops in good order.

pub mod breaker;
pub mod recover;
pub mod silence;
pub mod wish;
pub mod worker;
