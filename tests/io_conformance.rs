//! Every log holds to the same promises.

mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use claimsift::base::ids::EVENT_INPUTS;
use claimsift::base::ids::InputId;
use claimsift::base::ids::ShardId;
use claimsift::base::time::Civil;
use claimsift::base::time::Zone;
use claimsift::io::conformance::Bench;
use claimsift::io::conformance::GroupBench;
use claimsift::io::conformance::check_group;
use claimsift::io::conformance::check_run;
use claimsift::io::files::FilesConfig;
use claimsift::io::files::FilesLog;
use claimsift::io::files::LineHead;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::io::memory::Mishap;
use claimsift::io::partition::Partitioner;
use support::broker::Broker;

/// Of every log under test.
const PARTITIONS: i32 = 2;

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
}

impl GroupBench for Memory {
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
    let fresh = || Memory { cluster: MemoryCluster::new(PARTITIONS), gap: 0 };
    check_run(fresh);
    check_group(fresh);
}

#[test]
fn memory_with_gaps_between_offsets() {
    let fresh = || Memory { cluster: MemoryCluster::new(PARTITIONS), gap: 3 };
    check_run(fresh);
    check_group(fresh);
}

/// Files are written when the worker opens them. A line's place among the
/// events, and its person, who decides the partition, stand beside it.
struct Files {
    dir: tempfile::TempDir,
    lines: [Vec<(String, i32)>; EVENT_INPUTS],
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), lines: Default::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Somebody who belongs into a partition.
fn person(partition: i32) -> String {
    let mut persons = (0..).map(|number| format!("P{number}"));
    persons.find(|person| Partitioner::Murmur2.partition(person.as_bytes(), PARTITIONS) == partition).unwrap()
}

impl Bench for Files {
    type Log = FilesLog;
    const SHOWS_AT_THE_END: bool = true;

    fn worker(&mut self, _: &str) -> FilesLog {
        let mut inputs = Vec::new();
        let mut heads = HashMap::new();
        for (input, lines) in self.lines.iter().enumerate() {
            let path = self.path(&format!("in-{input}.ndjson"));
            std::fs::write(&path, lines.iter().map(|(line, _)| format!("{line}\n")).collect::<String>()).unwrap();
            inputs.push((format!("input-{input}"), vec![path]));
            for (place, (line, partition)) in lines.iter().enumerate() {
                heads.insert((input, line.clone().into_bytes()), (i64::try_from(place).unwrap(), person(*partition)));
            }
        }
        let config = FilesConfig {
            inputs,
            partitions: PARTITIONS,
            partitioner: Partitioner::Murmur2,
            zone: Zone::default(),
            clues: Some(self.path("clues.ndjson")),
            shadow: None,
            rejects: None,
        };
        let read_head = move |input: InputId, line: &[u8]| {
            let (place, person) = heads[&(input, line.to_vec())].clone();
            LineHead { event_time: Some(Civil(place)), business_id: line.to_vec(), person: Some(person) }
        };
        FilesLog::open(config, Box::new(read_head)).unwrap()
    }

    fn feed(&mut self, input: InputId, partition: i32, values: &[&str]) {
        self.lines[input].extend(values.iter().map(|value| ((*value).to_owned(), partition)));
    }

    fn output(&mut self, output: Output, _: i32) -> Vec<Vec<u8>> {
        assert_eq!(output, Output::Clues);
        let text = std::fs::read_to_string(self.path("clues.ndjson")).unwrap_or_default();
        text.lines().map(|line| line.as_bytes().to_vec()).collect()
    }
}

/// One worker reads files once, from the start, and has no journal.
#[test]
fn files() {
    check_run(Files::new);
}

struct Kafka(KafkaSettings);

impl Kafka {
    /// Topics of their own on one broker.
    fn new(number: &mut u32) -> Self {
        static BROKER: OnceLock<Broker> = OnceLock::new();
        *number += 1;
        Self(BROKER.get_or_init(Broker::start).with_topics(&format!("conformance-{number}"), "unused", PARTITIONS))
    }
}

impl Bench for Kafka {
    type Log = KafkaLog;

    fn worker(&mut self, slot: &str) -> KafkaLog {
        KafkaLog::connect(KafkaSettings { slot: slot.to_owned(), ..self.0.clone() }).unwrap()
    }

    fn feed(&mut self, input: InputId, partition: i32, values: &[&str]) {
        let mut feed = Feed::connect(&self.0).unwrap();
        for value in values {
            feed.send(&self.0.inputs[input], partition, None, Some(value.as_bytes()), 1_700_000_000_000).unwrap();
        }
        feed.flush().unwrap();
    }

    fn output(&mut self, output: Output, partition: i32) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        let each = &mut |record: admin::TopicRecord<'_>| {
            values.extend(record.value.filter(|_| record.partition == partition).map(<[u8]>::to_vec));
            Ok(())
        };
        admin::read_topic(&self.0, self.0.topic(output), each).unwrap();
        values
    }
}

impl GroupBench for Kafka {
    fn fail_next_commit(&mut self, _: &str) -> bool {
        false
    }

    fn lose_next_answer(&mut self, _: &str) -> bool {
        false
    }
}

#[test]
fn kafka() {
    let mut number = 0;
    check_run(|| Kafka::new(&mut number));
    check_group(|| Kafka::new(&mut number));
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
