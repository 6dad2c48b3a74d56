//! When a worker commits: by a clock that moves only while the worker waits.

#[path = "support/feed.rs"]
mod feed;

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use claimsift::base::fault::Fault;
use claimsift::base::ids::InputId;
use claimsift::base::ids::ShardId;
use claimsift::base::record::Message;
use claimsift::base::record::Messages;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Head;
use claimsift::io::log::Log;
use claimsift::io::log::Taken;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::SynthSettings;
use feed::World;

/// Seconds since the worker began.
#[derive(Default)]
struct Hand(Cell<u64>);

impl Clock for Hand {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.get())
    }
}

/// A log to which messages come while its worker waits. A wait ends where
/// something comes, as the waits of all logs do, and takes no real time.
struct Arriving<'a> {
    log: MemoryLog,
    cluster: MemoryCluster,
    clock: &'a Hand,
    /// At which second how many messages come.
    to_come: VecDeque<(u64, usize)>,
}

impl Log for Arriving<'_> {
    fn shards(&mut self, wait: Duration) -> Result<Option<Vec<ShardId>>, Fault> {
        let until = self.clock.0.get() + wait.as_secs();
        let come = self.to_come.pop_front_if(|(at, _)| *at <= until);
        for _ in 0..come.map_or(0, |(_, count)| count) {
            self.cluster.feed(SETTLEMENT_INPUT, 0, None, Some(b"{}".to_vec()), 0, None);
        }
        self.clock.0.set(come.map_or(until, |(at, _)| at.max(self.clock.0.get())));
        self.log.shards(Duration::ZERO)
    }
    fn head(&mut self, shard: ShardId, input: InputId) -> Result<Head, Fault> {
        self.log.head(shard, input)
    }
    fn peek(&mut self, shard: ShardId, input: InputId, look: &mut dyn FnMut(Message<'_>)) -> Result<(), Fault> {
        self.log.peek(shard, input, look)
    }
    fn take(&mut self, shard: ShardId, input: InputId, max: usize) -> Result<Taken<'_>, Fault> {
        self.log.take(shard, input, max)
    }
    fn commit(&mut self, write: &EpochWrite) -> Result<(), CommitFailure> {
        self.log.commit(write)
    }
    fn committed(&mut self, shard: ShardId) -> Result<Vec<Option<i64>>, Fault> {
        self.log.committed(shard)
    }
    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        self.log.journal(shard)
    }
    fn activations(&mut self, patience: Duration) -> Result<Vec<Vec<u8>>, Fault> {
        self.log.activations(patience)
    }
    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.log.replay(shard, input, from, to, each)
    }
    fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault> {
        self.log.seek(shard, offsets)
    }
    fn lag(&self, shard: ShardId, input: InputId) -> Option<u64> {
        self.log.lag(shard, input)
    }
    fn beginning(&mut self, shard: ShardId, input: InputId) -> Result<i64, Fault> {
        self.log.beginning(shard, input)
    }
    fn leave(&mut self) -> Result<(), Fault> {
        self.log.leave()
    }
}

/// Notes at which second how many messages were committed.
struct Commits<'a> {
    clock: &'a Hand,
    seen: Vec<(u64, u64)>,
}

impl Observer for Commits<'_> {
    fn committed(&mut self, messages: u64, _: Duration) {
        self.seen.push((self.clock.0.get(), messages));
    }
}

#[test]
fn the_interval_spaces_the_commits_of_a_worker_that_has_caught_up_and_of_no_other() {
    let engine = World::read().engine(&SynthSettings::default(), 1);
    let check = |interval: u64, arrivals: Vec<(u64, usize)>, expected: &[(u64, u64)]| {
        let (cluster, clock) = (MemoryCluster::new(1), Hand::default());
        let mut log =
            Arriving { log: cluster.worker("worker-0", feed::GROUP), cluster: cluster.clone(), clock: &clock, to_come: arrivals.into() };
        let settings = WorkerSettings {
            epoch_interval: Duration::from_secs(interval),
            epoch_messages_max: 8,
            run_messages_max: 8,
            until_end: true,
            ..WorkerSettings::default()
        };
        let mut commits = Commits { clock: &clock, seen: Vec::new() };
        Worker::new(engine.clone(), &mut log, settings, &clock).run(&Wish::default(), &mut commits).unwrap();
        assert_eq!(commits.seen, expected, "interval {interval}");
    };
    // A message a second: what comes meanwhile waits for the next commit.
    let each_second = || (0..=12).map(|second| (second, 1)).collect();
    check(5, each_second(), &[(0, 1), (5, 5), (10, 5), (15, 2)]);
    // A backlog is committed as fast as it is read, but for its last, short epoch.
    check(5, vec![(0, 28)], &[(0, 8), (0, 8), (0, 8), (0, 4)]);
    check(5, vec![(0, 1), (1, 28), (6, 1)], &[(0, 1), (5, 8), (5, 8), (5, 8), (5, 4), (10, 1)]);
}
