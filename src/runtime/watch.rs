//! What a worker needs and tells beside its log: a clock, and somebody who listens.

use std::time::Duration;

use crate::base::ids::ShardId;
use crate::base::time::Civil;
use crate::engine::Engine;
use crate::engine::effects::Closing;
use crate::engine::effects::Effects;
use crate::events::InputId;
use crate::runtime::snapshot::writer::Outcome;
use crate::window::pane::Holding;

/// What a worker tells while it runs. Called on the worker's thread.
pub trait Observer {
    /// The assignment changed; the shards are not yet rebuilt.
    fn shards(&mut self, _shards: &[ShardId]) {}
    /// So many of the epochs that a shard is rebuilt from are done; told before
    /// each, and at the end.
    fn recovering(&mut self, _shard: ShardId, _done: u64, _total: u64) {}
    /// A shard was restored from a snapshot.
    fn restored(&mut self, _shard: ShardId) {}
    /// A snapshot of a shard could not be used.
    fn unusable(&mut self, _shard: ShardId) {}
    /// What became of a snapshot that was taken.
    fn snapshot(&mut self, _shard: ShardId, _outcome: Outcome) {}
    /// The shards are rebuilt and read on.
    fn ready(&mut self, _shards: &[ShardId]) {}
    /// The bundle that shards go on under, with the number of its activation;
    /// 0: the configuration's, before any.
    fn bundle(&mut self, _activation: u64, _engine: &Engine) {}
    fn step(&mut self, _shard: ShardId, _effects: &Effects) {}
    fn watermark(&mut self, _shard: ShardId, _input: InputId, _watermark: Civil) {}
    /// Whether an input is idle: told when a tick says so, and when it speaks again.
    fn idle(&mut self, _shard: ShardId, _input: InputId, _idle: bool) {}
    /// A tick says that looks of a shard go ahead without a source.
    fn source_idle(&mut self, _shard: ShardId, _source: ShardId) {}
    /// An epoch of a shard was closed.
    fn closed(&mut self, _shard: ShardId, _closing: &Closing) {}
    /// Whom the panes of a shard wait for, and how many rows came too late for
    /// them so far; told as often as lags.
    fn panes(&mut self, _shard: ShardId, _holding: &[Holding], _late_rows: u64) {}
    /// Messages of an input that were there about now and not taken yet.
    fn lag(&mut self, _shard: ShardId, _input: InputId, _messages: u64) {}
    fn committed(&mut self, _messages: u64, _took: Duration) {}
    /// A commit was refused and is sent again, or its shards were lost.
    fn refused(&mut self, _lost: bool) {}
    fn alive(&mut self) {}
}

/// Says nothing.
pub struct Silent;
impl Observer for Silent {}

/// Wall time for journal entries and metrics; the core never sees it.
pub trait Clock {
    fn wall_ms(&self) -> i64;
    fn monotonic(&self) -> Duration;
}
