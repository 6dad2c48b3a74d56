//! Every log holds to the same promises.

use std::time::Duration;

use claimsift::base::ids::InputId;
use claimsift::base::ids::ShardId;
use claimsift::io::conformance::Bench;
use claimsift::io::conformance::check_log;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::io::memory::Mishap;

struct Memory {
    cluster: MemoryCluster,
    /// Offsets without a message before each fed one.
    gap: i64,
}

impl Bench for Memory {
    type Log = MemoryLog;

    fn worker(&mut self, slot: &str) -> MemoryLog {
        self.cluster.worker(slot, "conformance")
    }

    fn feed(&mut self, input: InputId, partition: i32, values: &[&str]) {
        for value in values {
            self.cluster.feed_gap(input, partition, self.gap);
            self.cluster.feed(input, partition, None, Some(value.as_bytes().to_vec()), 1_700_000_000_000, None);
        }
        self.cluster.feed_gap(input, partition, self.gap);
    }

    fn output(&mut self, output: Output, partition: i32) -> Vec<Vec<u8>> {
        let records = self.cluster.output(output).into_iter();
        records.filter(|stored| stored.partition == partition).filter_map(|stored| stored.record.value).collect()
    }

    fn fail_next_commit(&mut self, slot: &str) -> bool {
        self.cluster.inject(slot, Mishap::CommitAgain);
        true
    }

    fn lose_next_answer(&mut self, slot: &str) -> bool {
        self.cluster.inject(slot, Mishap::AnswerLost { landed: true });
        true
    }
}

#[test]
fn memory() {
    check_log(|| Memory { cluster: MemoryCluster::new(2), gap: 0 });
}

#[test]
fn memory_with_gaps_between_offsets() {
    check_log(|| Memory { cluster: MemoryCluster::new(2), gap: 3 });
}

/// The least worker that keeps the rules of `Log`: it copies messages.
struct Copier {
    log: MemoryLog,
    shards: Vec<ShardId>,
}

impl Copier {
    /// One epoch of each shard, or what a mishap makes of it.
    fn turn(&mut self) -> Result<(), CommitFailure> {
        if let Some(shards) = self.log.shards(Duration::ZERO).map_err(CommitFailure::Lost)? {
            self.shards.clear();
            for shard in &shards {
                let committed = self.log.committed(*shard).map_err(CommitFailure::Lost)?[0].unwrap_or(0);
                let journal = self.log.journal(*shard).map_err(CommitFailure::Lost)?;
                let told = journal.last().map_or(0, |entry| String::from_utf8_lossy(entry).parse().unwrap());
                assert_eq!(committed, told, "journal and offsets land together");
                self.log.seek(*shard, &[committed]).map_err(CommitFailure::Lost)?;
            }
            self.shards = shards;
        }
        for shard in self.shards.clone() {
            let taken = self.log.take(shard, 0, 3).map_err(CommitFailure::Lost)?;
            let record = |output, value: Vec<u8>| Record {
                output,
                partition: Some(shard),
                key: None,
                value: Some(value),
                headers: Vec::new(),
                timestamp_ms: None,
            };
            let values = (0..taken.messages.len()).filter_map(|idx| taken.messages.get(idx).value);
            let mut records: Vec<Record> = values.map(|value| record(Output::Clues, value.to_vec())).collect();
            if records.is_empty() {
                continue;
            }
            records.push(record(Output::Journal, taken.next_offset.to_string().into_bytes()));
            let write = EpochWrite { records, offsets: vec![(shard, 0, taken.next_offset)] };
            drop(taken);
            while let Err(failure) = self.log.commit(&write) {
                if let CommitFailure::Lost(_) = failure {
                    self.shards.clear();
                    return Err(failure);
                }
            }
        }
        Ok(())
    }
}

/// Goal: whatever goes wrong, a worker that keeps the rules copies each
/// message once. Method: three workers take turns on one thread while a seed
/// draws mishaps; then the mishaps end and everything must get done.
#[test]
fn mishaps_neither_lose_nor_double_a_message() {
    const MESSAGES: usize = 120;
    for seed in 0..100 {
        let cluster = MemoryCluster::new(4);
        cluster.set_faults(Some(Faults { seed, commit_again: 1500, answer_lost: 700, expelled: 300, crash: 300 }));
        let start = |slot: usize| Copier { log: cluster.worker(&format!("w{slot}"), "copy"), shards: Vec::new() };
        let mut workers: Vec<Copier> = (0..3).map(start).collect();
        for turn in 0..600 {
            if turn < MESSAGES {
                cluster.feed_gap(0, (turn % 3) as i32, 1);
                let value = turn.to_string().into_bytes();
                cluster.feed(0, (turn % 4) as i32, None, Some(value), 0, None);
            }
            if turn == 400 {
                cluster.set_faults(None);
            }
            let slot = (turn * 7 + seed as usize) % 3;
            let _ = workers[slot].turn();
            if workers[slot].log.crashed() {
                workers[slot] = start(slot);
            }
        }
        let copied = cluster.output(Output::Clues).into_iter().filter_map(|stored| stored.record.value);
        let mut copied: Vec<usize> = copied.map(|value| String::from_utf8_lossy(&value).parse().unwrap()).collect();
        copied.sort_unstable();
        assert_eq!(copied, (0..MESSAGES).collect::<Vec<_>>(), "seed {seed}");
    }
}
