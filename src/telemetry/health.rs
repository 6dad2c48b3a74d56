//! Whether the workers live and are ready, and how far their partitions are, as
//! they say it themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::ids::ShardId;

/// Shared by workers that tell and by whoever asks. Times are milliseconds
/// since the Unix epoch, given by the caller.
#[derive(Debug)]
pub struct Health {
    workers: Vec<Worker>,
    silence_ms_max: i64,
    partitions: Mutex<BTreeMap<ShardId, (usize, Partition)>>,
}

/// How far a partition of this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Its turn to be recovered has not come.
    Waiting,
    /// So many epochs of the journal are replayed, of so many.
    Recovering {
        done: u64,
        total: u64,
        seconds_left: Option<u64>,
    },
    Ready,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => write!(f, "waiting"),
            Self::Recovering { done, total, seconds_left: None } => write!(f, "recovering, {done} of {total} epochs"),
            Self::Recovering { done, total, seconds_left: Some(left) } => {
                write!(f, "recovering, {done} of {total} epochs, about {left} s left")
            }
            Self::Ready => write!(f, "ready"),
        }
    }
}

#[derive(Debug)]
struct Worker {
    beat_ms: AtomicI64,
    ready: AtomicBool,
    failed: AtomicBool,
}

/// What is wrong with one worker, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// It met a bug or gave up; it commits nothing any more.
    Failed { worker: usize },
    /// It has not been heard of for so many seconds.
    Silent { worker: usize, seconds: i64 },
    /// It has no assignment yet, or is still recovering.
    NotReady { worker: usize },
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { worker } => write!(f, "worker {worker} failed"),
            Self::Silent { worker, seconds } => write!(f, "worker {worker} silent for {seconds} s"),
            Self::NotReady { worker } => write!(f, "worker {worker} not ready"),
        }
    }
}

impl Health {
    /// `workers` that start now; each may stay silent for `silence_max` before
    /// it counts as stuck, which must cover its longest recovery step.
    pub fn new(workers: usize, silence_max: Duration, now_ms: i64) -> Self {
        let worker = |_| Worker { beat_ms: AtomicI64::new(now_ms), ready: AtomicBool::new(false), failed: AtomicBool::new(false) };
        let silence_ms_max = i64::try_from(silence_max.as_millis()).unwrap_or(i64::MAX);
        Self { workers: (0..workers).map(worker).collect(), silence_ms_max, partitions: Mutex::default() }
    }

    /// The worker is at work.
    pub fn beat(&self, worker: usize, now_ms: i64) {
        self.workers[worker].beat_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// The worker knows its shards and has recovered them, or no longer.
    pub fn set_ready(&self, worker: usize, ready: bool) {
        self.workers[worker].ready.store(ready, Ordering::Release);
    }

    /// The worker has these partitions now, and is to recover them.
    pub fn assign(&self, worker: usize, shards: &[ShardId]) {
        let mut partitions = self.partitions.lock();
        partitions.retain(|_, (owner, _)| *owner != worker);
        partitions.extend(shards.iter().map(|shard| (*shard, (worker, Partition::Waiting))));
    }

    /// How far a partition of the worker is; of one that has gone to another nothing is heard.
    pub fn partition(&self, worker: usize, shard: ShardId, now: Partition) {
        if let Some((_, known)) = self.partitions.lock().get_mut(&shard).filter(|(owner, _)| *owner == worker) {
            *known = now;
        }
    }

    /// All partitions of this process.
    pub fn partitions(&self) -> BTreeMap<ShardId, Partition> {
        self.partitions.lock().iter().map(|(shard, (_, partition))| (*shard, *partition)).collect()
    }

    /// The worker will not work again; said before anything else is done about it.
    pub fn fail(&self, worker: usize) {
        self.workers[worker].failed.store(true, Ordering::Release);
    }

    /// Whatever should restart the process; empty while all is well.
    pub fn ailments(&self, now_ms: i64) -> Vec<Ailment> {
        let ailment = |(idx, worker): (usize, &Worker)| {
            if worker.failed.load(Ordering::Acquire) {
                return Some(Ailment::Failed { worker: idx });
            }
            let silence_ms = now_ms.saturating_sub(worker.beat_ms.load(Ordering::Relaxed));
            (silence_ms > self.silence_ms_max).then_some(Ailment::Silent { worker: idx, seconds: silence_ms / 1000 })
        };
        self.workers.iter().enumerate().filter_map(ailment).collect()
    }

    /// Whatever keeps the process from taking part; empty when it does.
    pub fn hindrances(&self, now_ms: i64) -> Vec<Ailment> {
        let mut found = self.ailments(now_ms);
        let waiting =
            |(idx, worker): (usize, &Worker)| (!worker.ready.load(Ordering::Acquire)).then_some(Ailment::NotReady { worker: idx });
        found.extend(self.workers.iter().enumerate().filter_map(waiting));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_told_by_who_has_them() {
        let health = Health::new(2, Duration::from_secs(30), 0);
        health.assign(0, &[0, 1]);
        health.assign(1, &[2]);
        let half = Partition::Recovering { done: 5, total: 10, seconds_left: Some(3) };
        health.partition(0, 1, half);
        health.partition(1, 1, Partition::Ready);
        assert_eq!(health.partitions(), BTreeMap::from([(0, Partition::Waiting), (1, half), (2, Partition::Waiting)]));
        assert_eq!(half.to_string(), "recovering, 5 of 10 epochs, about 3 s left");
        health.assign(1, &[1, 2]);
        health.assign(0, &[0]);
        health.partition(1, 1, Partition::Ready);
        assert_eq!(health.partitions()[&1], Partition::Ready);
    }

    #[test]
    fn silence_and_failure_end_life_and_recovery_delays_readiness() {
        let health = Health::new(2, Duration::from_secs(30), 1_000_000);
        assert_eq!(health.ailments(1_030_000), []);
        assert_eq!(health.hindrances(1_000_000).len(), 2);
        health.set_ready(0, true);
        health.set_ready(1, true);
        assert_eq!(health.hindrances(1_000_000), []);
        health.beat(0, 1_020_000);
        health.beat(0, 1_010_000);
        assert_eq!(health.ailments(1_045_000), [Ailment::Silent { worker: 1, seconds: 45 }]);
        health.set_ready(1, false);
        assert_eq!(health.hindrances(1_020_000), [Ailment::NotReady { worker: 1 }]);
        health.fail(0);
        health.beat(0, 1_020_001);
        assert_eq!(health.ailments(1_020_001), [Ailment::Failed { worker: 0 }]);
        assert_eq!(Ailment::Silent { worker: 1, seconds: 45 }.to_string(), "worker 1 silent for 45 s");
    }
}
