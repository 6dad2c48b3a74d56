//! A whole log in the process: partitions, transactions, membership, faults.
//!
//! It keeps Kafka's manners where a worker can notice them: offsets have gaps
//! (each transaction takes one offset in every partition it wrote, an aborted
//! one those of its records too), a group's generation fences, a slot's new
//! worker fences the old one. It has no clock and no randomness of its own, so
//! a run on one thread repeats exactly.

mod archive;
mod faults;
mod group;
mod worker;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Condvar;
use parking_lot::Mutex;
use parking_lot::MutexGuard;

use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::io::log::EpochWrite;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::io::partition::Partitioner;

pub use self::faults::CrashPoint;
pub use self::faults::Faults;
pub use self::faults::Mishap;
use self::group::Group;
pub use self::worker::MemoryLog;

/// A committed record as a reader of the output topic finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    pub partition: i32,
    pub offset: i64,
    /// The number of the transaction, from 1, in the order of commits.
    pub transaction: u64,
    pub record: Record,
}

/// A log shared by those who feed it and the workers that read it.
#[derive(Clone)]
pub struct MemoryCluster {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something was fed, committed or changed in a group.
    changed: Condvar,
}

struct State {
    partitions: i32,
    partitioner: Partitioner,
    inputs: Vec<Vec<InputPartition>>,
    outputs: BTreeMap<Output, Vec<OutputPartition>>,
    activations: Vec<Vec<u8>>,
    groups: BTreeMap<String, Group>,
    fate: faults::Fate,
    transactions: u64,
    tokens: u64,
    /// Greatest record timestamp seen: the log's "now".
    now_ms: i64,
    /// Rises with every change, so that a waiter never misses one.
    version: u64,
    /// More will be fed: an empty partition is pending, not at its end.
    feeding: bool,
    /// The log is over: leaving workers hand nothing on.
    over: bool,
    /// A reader found a partition empty since the feeder last asked.
    hungry: bool,
    retain: bool,
}

#[derive(Debug)]
struct StoredMessage {
    offset: i64,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    watermark: Option<String>,
}

#[derive(Default)]
struct InputPartition {
    messages: VecDeque<Arc<StoredMessage>>,
    /// First offset still held.
    start: i64,
    end: i64,
}

#[derive(Default)]
struct OutputPartition {
    records: Vec<StoredRecord>,
    end: i64,
}

/// Messages in offset order, shared with the log.
struct Chunk<'a>(&'a [Arc<StoredMessage>]);

impl StoredMessage {
    fn as_message(&self) -> Message<'_> {
        Message {
            offset: self.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            watermark: self.watermark.as_ref().map(String::as_bytes),
        }
    }
}

impl Messages for Chunk<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, idx: usize) -> Message<'_> {
        self.0[idx].as_message()
    }
}

impl InputPartition {
    /// Index of the first message at or after `offset`.
    fn index(&self, offset: i64) -> usize {
        self.messages.partition_point(|message| message.offset < offset)
    }

    fn drop_before(&mut self, offset: i64) {
        while self.messages.front().is_some_and(|message| message.offset < offset) {
            self.messages.pop_front();
        }
        self.start = self.start.max(offset);
    }
}

impl MemoryCluster {
    /// An empty log with this many partitions, at least one.
    pub fn new(partitions: i32) -> Self {
        assert!(partitions > 0, "a log has at least one partition");
        let state = State {
            partitions,
            partitioner: Partitioner::Murmur2,
            inputs: (0..INPUTS).map(|_| (0..partitions).map(|_| InputPartition::default()).collect()).collect(),
            outputs: BTreeMap::new(),
            activations: Vec::new(),
            groups: BTreeMap::new(),
            fate: faults::Fate::default(),
            transactions: 0,
            tokens: 0,
            now_ms: 0,
            version: 0,
            feeding: false,
            over: false,
            hungry: false,
            retain: true,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    fn change<T>(&self, apply: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        state.version += 1;
        let out = apply(&mut state);
        drop(state);
        self.shared.changed.notify_all();
        out
    }

    pub fn partitions(&self) -> i32 {
        self.state().partitions
    }

    /// The partitioner of `feed_keyed` and of output records without a
    /// partition; murmur2 unless set.
    pub fn set_partitioner(&self, partitioner: Partitioner) {
        self.state().partitioner = partitioner;
    }

    /// Appends a message to a partition of an input and returns its offset.
    #[expect(clippy::too_many_arguments, reason = "a message, part by part as a log has them")]
    pub fn feed(
        &self,
        input: InputId,
        partition: i32,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        timestamp_ms: i64,
        watermark: Option<String>,
    ) -> i64 {
        self.change(|state| {
            state.now_ms = state.now_ms.max(timestamp_ms);
            let into = &mut state.inputs[input][partition as usize];
            let offset = into.end;
            into.end += 1;
            into.messages.push_back(Arc::new(StoredMessage { offset, timestamp_ms, key, value, watermark }));
            offset
        })
    }

    /// Appends a message where the partitioner puts its key.
    pub fn feed_keyed(&self, input: InputId, key: &[u8], value: Vec<u8>, timestamp_ms: i64) -> i64 {
        let partition = {
            let state = self.state();
            state.partitioner.partition(key, state.partitions)
        };
        self.feed(input, partition, Some(key.to_vec()), Some(value), timestamp_ms, None)
    }

    /// A watermark statement in every partition of an input. `text` is a civil
    /// time or `end`.
    pub fn state_watermark(&self, input: InputId, text: &str, timestamp_ms: i64) {
        for partition in 0..self.partitions() {
            self.feed(input, partition, None, None, timestamp_ms, Some(text.to_owned()));
        }
    }

    /// Takes offsets that no message has, as the control records and aborted
    /// transactions of a transactional feed do.
    pub fn feed_gap(&self, input: InputId, partition: i32, offsets: i64) {
        self.change(|state| state.inputs[input][partition as usize].end += offsets);
    }

    /// While `true`, an empty partition is pending and not at its end.
    pub fn set_feeding(&self, feeding: bool) {
        self.change(|state| state.feeding = feeding);
    }

    /// Nothing more will be fed, and workers that leave hand their shards to nobody.
    pub fn end(&self) {
        self.change(|state| {
            state.feeding = false;
            state.over = true;
        });
    }

    /// Waits until fewer than `messages_max` messages are uncommitted, or a
    /// reader waits for one in an empty partition. A feeder that asks before
    /// each batch holds memory bounded and can never block its readers.
    pub fn wait_for_room(&self, messages_max: usize) {
        let mut state = self.state();
        while !state.hungry && state.backlog() >= messages_max {
            self.shared.changed.wait(&mut state);
        }
        state.hungry = false;
    }

    /// Messages that were fed and are not yet committed by every group; what
    /// workers tell each other is not among them.
    pub fn backlog(&self) -> usize {
        self.state().backlog()
    }

    /// With `false`, messages that every group has committed are dropped, and
    /// partials are no output but an input only: for runs that nobody will replay.
    pub fn retain(&self, retain: bool) {
        self.state().retain = retain;
    }

    /// A worker on `slot`; a worker that held the slot before is fenced.
    pub fn worker(&self, slot: &str, group: &str) -> MemoryLog {
        let token = self.change(|state| {
            state.tokens += 1;
            let token = state.tokens;
            state.groups.entry(group.to_owned()).or_default().take_slot(slot, token);
            token
        });
        MemoryLog::new(self.clone(), slot, group, token)
    }

    /// The slot's session ends: its shards go to the others.
    pub fn expire(&self, slot: &str, group: &str) {
        self.change(|state| {
            if let Some(group) = state.groups.get_mut(group) {
                group.remove(slot, None, true);
            }
        });
    }

    /// The generation that a group is in; 0 before its first assignment.
    pub fn generation(&self, group: &str) -> u64 {
        self.state().groups.get(group).map_or(0, |group| group.generation)
    }

    /// Draws mishaps from a seed; `None` ends them.
    pub fn set_faults(&self, faults: Option<Faults>) {
        self.state().fate.draw_from(faults);
    }

    /// The next call of the slot's worker that `mishap` can hit is hit by it.
    pub fn inject(&self, slot: &str, mishap: Mishap) {
        self.state().fate.script(slot, mishap);
    }

    /// Committed records of an output, in the order of commits and, within
    /// one, as written.
    pub fn output(&self, output: Output) -> Vec<StoredRecord> {
        let mut all: Vec<StoredRecord> = match self.state().outputs.get(&output) {
            Some(partitions) => partitions.iter().flat_map(|partition| &partition.records).cloned().collect(),
            None => Vec::new(),
        };
        all.sort_by_key(|record| (record.transaction, record.partition, record.offset));
        all
    }

    /// As `output`, and forgets them: for readers that follow a long run.
    pub fn drain_output(&self, output: Output) -> Vec<StoredRecord> {
        let mut all: Vec<StoredRecord> = match self.state().outputs.get_mut(&output) {
            Some(partitions) => partitions.iter_mut().flat_map(|partition| std::mem::take(&mut partition.records)).collect(),
            None => Vec::new(),
        };
        all.sort_by_key(|record| (record.transaction, record.partition, record.offset));
        all
    }

    /// Appends a record to the control topic.
    pub fn activate(&self, value: Vec<u8>) {
        self.change(|state| state.activations.push(value));
    }

    /// Offsets that a group has committed, by shard and input.
    pub fn committed(&self, group: &str) -> BTreeMap<(ShardId, InputId), i64> {
        self.state().groups.get(group).map(|group| group.committed.clone()).unwrap_or_default()
    }
}

impl State {
    fn partition_of(&self, record: &Record) -> i32 {
        match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => self.partitioner.partition(key, self.partitions),
            (None, None) => 0,
        }
    }

    fn output_partition(&mut self, output: Output, partition: i32) -> &mut OutputPartition {
        let count = self.partitions;
        assert!((0..count).contains(&partition), "{output:?} has no partition {partition}");
        let partitions = self.outputs.entry(output).or_insert_with(|| (0..count).map(|_| OutputPartition::default()).collect());
        &mut partitions[partition as usize]
    }

    /// Records and offsets become visible together.
    fn land(&mut self, group: &str, write: &EpochWrite) {
        self.transactions += 1;
        let transaction = self.transactions;
        let mut written = BTreeMap::new();
        for record in &write.records {
            let partition = self.partition_of(record);
            let timestamp_ms = record.timestamp_ms.unwrap_or(self.now_ms);
            let offset = self.pass(record.output, partition, 1);
            if record.output == Output::Partials {
                let message = StoredMessage { offset, timestamp_ms, key: record.key.clone(), value: record.value.clone(), watermark: None };
                self.inputs[PARTIALS_INPUT][partition as usize].messages.push_back(Arc::new(message));
            }
            if record.output != Output::Partials || self.retain {
                let record = Record { timestamp_ms: Some(timestamp_ms), partition: Some(partition), ..record.clone() };
                self.output_partition(record.output, partition).records.push(StoredRecord { partition, offset, transaction, record });
            }
            written.insert((record.output, partition), ());
        }
        for (output, partition) in written.into_keys() {
            self.pass(output, partition, 1);
        }
        let committed = &mut self.groups.entry(group.to_owned()).or_default().committed;
        committed.extend(write.offsets.iter().map(|(shard, input, next)| ((*shard, *input), *next)));
        if !self.retain {
            for (shard, input, _) in &write.offsets {
                let floor = self.committed_by_all(*shard, *input);
                self.inputs[*input][*shard as usize].drop_before(floor);
            }
        }
    }

    /// Takes offsets of an output and returns the first.
    fn pass(&mut self, output: Output, partition: i32, offsets: i64) -> i64 {
        let end = match output {
            Output::Partials => &mut self.inputs[PARTIALS_INPUT][partition as usize].end,
            _ => &mut self.output_partition(output, partition).end,
        };
        *end += offsets;
        *end - offsets
    }

    /// An aborted transaction leaves nothing to read, but its offsets are gone.
    fn abort(&mut self, write: &EpochWrite) {
        let mut written: BTreeMap<(Output, i32), i64> = BTreeMap::new();
        for record in &write.records {
            *written.entry((record.output, self.partition_of(record))).or_insert(1) += 1;
        }
        for ((output, partition), taken) in written {
            self.pass(output, partition, taken);
        }
    }

    fn committed_by_all(&self, shard: ShardId, input: InputId) -> i64 {
        self.groups.values().map(|group| group.committed.get(&(shard, input)).copied().unwrap_or(0)).min().unwrap_or(0)
    }

    fn backlog(&self) -> usize {
        let mut count = 0;
        for (input, partitions) in self.inputs.iter().enumerate().take(EVENT_INPUTS) {
            for (shard, partition) in partitions.iter().enumerate() {
                let done = partition.index(self.committed_by_all(shard as ShardId, input));
                count += partition.messages.len() - done;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests;
