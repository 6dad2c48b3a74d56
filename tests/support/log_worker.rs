//! A worker of a Kafka log that keeps its own books as the engine does, and a
//! broker that the tests of one file share.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use claimsift::base::fault::Fault;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::ShardId;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Head;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use claimsift::io::log::Record;

use super::broker::Broker;

pub const PARTITIONS: i32 = 4;
/// No step of these tests takes this long unless it never ends.
pub const LIMIT: Duration = Duration::from_secs(40);
pub const STEP: Duration = Duration::from_millis(20);

/// A worker that keeps its own books as the engine does.
pub struct Worker {
    pub log: KafkaLog,
    /// Next offsets by shard.
    pub at: BTreeMap<ShardId, Vec<i64>>,
    /// Every message taken: input, shard, offset, text.
    pub taken: Vec<(usize, ShardId, i64, String)>,
}

impl Worker {
    pub fn connect(settings: &KafkaSettings) -> Self {
        Self { log: KafkaLog::connect(settings.clone()).map_err(|fault| chain(&fault)).unwrap(), at: BTreeMap::new(), taken: Vec::new() }
    }

    /// Serves the group once and recovers what it was given.
    pub fn serve(&mut self, wait: Duration) -> Option<Vec<ShardId>> {
        let shards = self.log.shards(wait).map_err(|fault| chain(&fault)).unwrap()?;
        self.at.clear();
        for shard in &shards {
            match self.recover(*shard) {
                Ok(offsets) => {
                    self.at.insert(*shard, offsets);
                }
                // Taken away meanwhile: the next `shards` says so.
                Err(fault) if fault.remedy == Remedy::Retry => {
                    self.at.clear();
                    return None;
                }
                Err(fault) => panic!("{}", chain(&fault)),
            }
        }
        Some(shards)
    }

    pub fn recover(&mut self, shard: ShardId) -> Result<Vec<i64>, Fault> {
        let committed = self.log.committed(shard)?;
        let mut offsets = Vec::new();
        for (input, offset) in committed.into_iter().enumerate() {
            offsets.push(match offset {
                Some(offset) => offset,
                None => self.log.beginning(shard, input)?,
            });
        }
        self.log.seek(shard, &offsets)?;
        Ok(offsets)
    }

    pub fn until_owns(&mut self, shards: &[ShardId]) {
        let start = Instant::now();
        while !self.at.keys().eq(shards) {
            assert!(start.elapsed() < LIMIT, "owns {:?} instead of {shards:?}", self.at.keys());
            self.serve(STEP);
        }
    }

    pub fn heads(&mut self) -> Vec<Head> {
        let shards: Vec<ShardId> = self.at.keys().copied().collect();
        shards
            .iter()
            .flat_map(|shard| [0, 1, 2].map(|input| self.log.head(*shard, input).map_err(|fault| chain(&fault)).unwrap()))
            .collect()
    }

    /// Takes what is at hand, without committing; the text of every message.
    pub fn take(&mut self, max: usize) -> usize {
        let mut count = 0;
        for (shard, offsets) in &mut self.at {
            for (input, next) in offsets.iter_mut().enumerate() {
                let taken = self.log.take(*shard, input, max).map_err(|fault| chain(&fault)).unwrap();
                for idx in 0..taken.messages.len() {
                    let message = taken.messages.get(idx);
                    let text = match (message.value, message.watermark) {
                        (Some(value), None) => String::from_utf8_lossy(value).into_owned(),
                        (None, Some(text)) => format!("watermark {}", String::from_utf8_lossy(text)),
                        other => panic!("{other:?}"),
                    };
                    self.taken.push((input, *shard, message.offset, text));
                    count += 1;
                }
                *next = taken.next_offset;
            }
        }
        count
    }

    /// An epoch: a clue for each message since `from`, a journal entry a shard, all offsets.
    pub fn write(&self, from: usize, note: &str) -> EpochWrite {
        let mut write = EpochWrite::default();
        for (input, shard, offset, text) in &self.taken[from..] {
            write.records.push(record(Output::Clues, None, &format!("{input}-{shard}-{offset}"), text));
        }
        for (shard, offsets) in &self.at {
            write.records.push(record(Output::Journal, Some(*shard), note, &format!("{note} {shard} {offsets:?}")));
            write.offsets.extend(offsets.iter().enumerate().map(|(input, offset)| (*shard, input, *offset)));
        }
        write
    }

    pub fn commit(&mut self, from: usize, note: &str) {
        assert!(self.try_commit(from, note), "the shards are gone");
    }

    /// `false` if the shards went to another, and the state with them.
    pub fn try_commit(&mut self, from: usize, note: &str) -> bool {
        let write = self.write(from, note);
        let start = Instant::now();
        loop {
            match self.log.commit(&write) {
                Ok(()) => return true,
                // A transaction after an aborted one may be refused once more.
                Err(CommitFailure::Again(_)) if start.elapsed() < LIMIT => {}
                Err(CommitFailure::Lost(fault)) if fault.remedy == Remedy::Retry => {
                    self.taken.truncate(from);
                    self.at.clear();
                    return false;
                }
                Err(failure) => panic!("{}", told(&failure)),
            }
        }
    }

    /// Takes and commits until every input of every shard is at its end.
    pub fn drain(&mut self, note: &str) {
        assert!(self.drain_or_lose(note), "the shards are gone");
    }

    pub fn drain_or_lose(&mut self, note: &str) -> bool {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < LIMIT, "not drained: {:?}", self.heads());
            let from = self.taken.len();
            if self.take(100) > 0 {
                if !self.try_commit(from, note) {
                    return false;
                }
            } else if self.heads().iter().all(|head| *head == Head::AtEnd) {
                return true;
            } else if self.serve(Duration::from_millis(5)).is_some() {
                return false;
            }
        }
    }
}

pub fn record(output: Output, partition: Option<i32>, key: &str, value: &str) -> Record {
    Record {
        output,
        partition,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: vec![("note", key.to_owned())],
        timestamp_ms: Some(1_700_000_000_000),
    }
}

/// Text that no compression makes short enough.
pub fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(b' ' + ((state >> 33) % 95) as u8));
    }
    text
}

pub fn told(failure: &CommitFailure) -> String {
    match failure {
        CommitFailure::Again(fault) => format!("again: {}", chain(fault)),
        CommitFailure::Lost(fault) => format!("lost: {:?}: {}", fault.remedy, chain(fault)),
    }
}

/// One broker for all tests of this file; topics and groups carry the test's name.
pub fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start)
}

/// Fills both inputs with `count` messages a partition, from number `first`.
pub fn produce(settings: &KafkaSettings, first: i64, count: i64) {
    let mut feed = Feed::connect(settings).unwrap();
    for number in first..first + count {
        for partition in 0..PARTITIONS {
            for (input, topic) in settings.inputs.iter().enumerate() {
                let value = format!("{input}/{partition}/{number}");
                feed.send(topic, partition, Some(b"key"), Some(value.as_bytes()), 1_600_000_000_000 + number).unwrap();
            }
        }
    }
    feed.flush().unwrap();
}

/// Committed values of a topic, by partition.
pub fn committed(settings: &KafkaSettings, topic: &str) -> BTreeMap<i32, Vec<String>> {
    let mut values: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    admin::read_topic(settings, topic, &mut |record| {
        let text = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
        values.entry(record.partition).or_default().push(text);
        Ok(())
    })
    .map_err(|fault| chain(&fault))
    .unwrap();
    values
}

/// Every message from 0 to `count` of every partition of both inputs, once.
pub fn check_clues(settings: &KafkaSettings, count: i64) {
    let mut found: Vec<String> = committed(settings, &settings.clues).into_values().flatten().collect();
    let mut expected: Vec<String> = (0..2)
        .flat_map(|input| (0..PARTITIONS).flat_map(move |partition| (0..count).map(move |number| format!("{input}/{partition}/{number}"))))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "each message once");
}
