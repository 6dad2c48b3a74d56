//! What the runtime needs of a log, and what it gives to one in return.
//!
//! A log holds one partition per shard of every input, of the outputs and of
//! the journal. Everything that an epoch writes becomes visible together with
//! the input offsets, or nothing of it does.

use std::time::Duration;

use crate::base::fault::Fault;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::record::Messages;

/// Topics that the engine writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// Clues of live rules, keyed by clue id.
    Clues,
    /// Clues of shadow rules.
    Shadow,
    /// Messages that could not be used, byte for byte.
    Rejects,
    /// A journal entry per shard and epoch, in the shard's own partition.
    Journal,
    /// Blocks of partial sums, in the partition of the shard that they are for:
    /// what is committed here are the messages of `PARTIALS_INPUT`.
    Partials,
}

/// Headers of a reject that say where it came from. The first holds the name
/// of the input (its topic on Kafka), the others decimal numbers.
pub const SOURCE_TOPIC_HEADER: &str = "claimsift-source-topic";
pub const SOURCE_PARTITION_HEADER: &str = "claimsift-source-partition";
pub const SOURCE_OFFSET_HEADER: &str = "claimsift-source-offset";

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub output: Output,
    /// `None`: the log's partitioner decides by key.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, String)>,
    /// Record timestamp in milliseconds since the Unix epoch; `None`: now.
    pub timestamp_ms: Option<i64>,
}

/// A committed record of an output as its readers find it.
#[derive(Clone, Copy, Debug)]
pub struct TopicRecord<'a> {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(String, Option<Vec<u8>>)],
}

/// Everything that one epoch of a worker writes: one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochWrite {
    pub records: Vec<Record>,
    /// Next offset to read, of every input of every shard it writes for,
    /// moved or not.
    pub offsets: Vec<(ShardId, InputId, i64)>,
}

/// What waits at the head of one input of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// At least this many messages are at hand.
    Ready(usize),
    /// Nothing at hand, but the log goes on.
    Pending,
    /// Everything that the log held when last asked has been taken.
    AtEnd,
}

/// What became of an epoch that could not be committed.
#[derive(Debug)]
pub enum CommitFailure {
    /// Nothing of it landed and the shards are still ours: commit the same write again.
    Again(Fault),
    /// The shards are no longer ours, or it is unknown what landed: drop the
    /// state; the journal decides at the next assignment. Remedy Retry: this
    /// log goes on, `shards` is next and tells them again. Restart: only a new
    /// log does. Stop: a person has to act.
    Lost(Fault),
}

/// One worker's access to a log.
///
/// A fault with remedy Retry from a call about a shard says that the shard has
/// gone, or may go, to another worker: give up what was begun and call `shards`.
pub trait Log {
    /// Serves membership. `Some(shards)`: the set of owned shards is now this,
    /// and every shard in it starts anew (recover before reading). Never called
    /// between `take` and `commit` of the same epoch.
    fn shards(&mut self, wait: Duration) -> Result<Option<Vec<ShardId>>, Fault>;

    /// Looks ahead without consuming.
    fn head(&mut self, shard: ShardId, input: InputId) -> Result<Head, Fault>;

    /// The next `head` counts all that was committed before this call, also
    /// what the log has not heard of by itself yet.
    fn look_again(&mut self, _shard: ShardId, _input: InputId) -> Result<(), Fault> {
        Ok(())
    }

    /// The first message that `take` would return, if `head` is `Ready`.
    fn peek(&mut self, shard: ShardId, input: InputId, look: &mut dyn FnMut(crate::base::record::Message<'_>)) -> Result<(), Fault>;

    /// Consumes up to `max` messages in offset order, and says which offset is next.
    /// Control records and aborted batches leave gaps.
    fn take(&mut self, shard: ShardId, input: InputId, max: usize) -> Result<Taken<'_>, Fault>;

    /// Writes all of it, or nothing.
    fn commit(&mut self, write: &EpochWrite) -> Result<(), CommitFailure>;

    /// Committed input offsets of a shard; `None` where nothing was committed.
    fn committed(&mut self, shard: ShardId) -> Result<Vec<Option<i64>>, Fault>;

    /// Values of the shard's journal partition, oldest first, read to its stable end.
    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault>;

    /// Values of the control topic, oldest first, read to its stable end; none
    /// where a log has no such topic. `patience`: how long it may take to ask
    /// for that end.
    fn activations(&mut self, patience: Duration) -> Result<Vec<Vec<u8>>, Fault>;

    /// Reads a past range of an input again: messages with `from <= offset < to`, in chunks.
    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault>;

    /// Where the next `take` reads, for every input of the shard.
    fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault>;

    /// Messages between the next `take` and the log's end, as far as the log
    /// knows without asking anybody; offsets that no message has may count.
    /// `None`: nothing is known.
    fn lag(&self, shard: ShardId, input: InputId) -> Option<u64>;

    /// Offset of the first message that an input still holds.
    fn beginning(&mut self, shard: ShardId, input: InputId) -> Result<i64, Fault>;

    /// Leaves the group; afterwards nothing may be called.
    fn leave(&mut self) -> Result<(), Fault>;
}

/// What stands in a log, for those who look back: it joins no group, owns no
/// shard and writes nothing.
pub trait Archive {
    /// How many shards there are.
    fn shards(&self) -> ShardId;

    /// As [`Log::journal`], up to the end of what is decided.
    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault>;

    /// As [`Log::activations`].
    fn activations(&mut self) -> Result<Vec<Vec<u8>>, Fault>;

    /// The first offset that an input still holds, and the one after its last.
    fn bounds(&mut self, shard: ShardId, input: InputId) -> Result<(i64, i64), Fault>;

    /// As [`Log::replay`].
    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault>;

    /// Every committed record that an output still holds. Returns the record
    /// time (milliseconds since the Unix epoch) before which some were dropped
    /// for their age; `None`: all that were ever written are there.
    fn output(&mut self, output: Output, each: &mut dyn FnMut(TopicRecord<'_>) -> Result<(), Fault>) -> Result<Option<i64>, Fault>;
}

/// Messages handed out by [`Log::take`].
pub struct Taken<'a> {
    pub messages: Box<dyn Messages + 'a>,
    /// The next offset to read after these messages.
    pub next_offset: i64,
}
