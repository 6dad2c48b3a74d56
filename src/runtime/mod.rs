//! The edge between logs and shards: reads runs, steps shards, commits epochs,
//! rebuilds state from the journal, and stops in good order.

pub mod breaker;
pub mod bundles;
pub mod recover;
pub mod silence;
pub mod store;
pub mod watch;
pub mod wish;
pub mod worker;
