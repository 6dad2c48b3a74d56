//! The edge between logs and shards: reads runs, steps shards, commits epochs,
//! rebuilds state from the journal, and stops in good order. Beside it what
//! looks back: whether a journal holds together, and whether it comes out again
//! as it was told.

pub mod breaker;
pub mod bundles;
mod parked;
pub mod recover;
pub mod replay;
pub mod settings;
pub mod silence;
pub mod snapshot;
pub mod standing;
pub mod store;
pub mod verify;
pub mod watch;
pub mod wish;
pub mod worker;
