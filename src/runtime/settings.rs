//! How a worker works: sizes, waits and limits.

use std::time::Duration;

use crate::runtime::breaker::AcceptedRejects;
use crate::runtime::breaker::RejectLimit;

#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Messages of one epoch over all shards.
    pub epoch_messages_max: usize,
    /// Least time between two commits of a worker that has caught up: scheduling only.
    pub epoch_interval: Duration,
    /// Messages of one run: small enough to keep inputs in step.
    pub run_messages_max: usize,
    pub reject_limit_percent: u32,
    /// Rejects that are no reason to stop.
    pub accepted_rejects: Vec<AcceptedRejects>,
    /// Stop when every input of every shard is at its end.
    pub until_end: bool,
    /// Tells workers apart that share a wish.
    pub slot: usize,
    /// How long to wait for something to do.
    pub idle_wait: Duration,
    /// By input of events: how long it may be silent before a tick calls it
    /// idle; that of settlements holds for sources of partials too. Empty: for
    /// ever.
    pub idle_after: Vec<Duration>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            epoch_messages_max: 32_768,
            epoch_interval: Duration::ZERO,
            run_messages_max: 1024,
            reject_limit_percent: 5,
            accepted_rejects: Vec::new(),
            until_end: false,
            slot: 0,
            idle_wait: Duration::from_millis(20),
            idle_after: Vec::new(),
        }
    }
}

impl WorkerSettings {
    pub fn reject_limit(&self) -> RejectLimit {
        RejectLimit { percent: self.reject_limit_percent, accepted: self.accepted_rejects.clone() }
    }
}
