//! Journal entries: what each epoch of a shard read, so that its state is a
//! function of the journal and the inputs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::effects::RunDone;
use crate::base::ids::ShardId;

/// Rises when the same input would give other clues under the same rules.
pub const SEMANTICS: u32 = 6;

/// One run of one input: `messages` were read at offsets from `from` to below
/// `to`. Control records and aborted batches leave gaps, so the count and the
/// hash, never the offsets, say what was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    pub input: usize,
    pub from: i64,
    pub to: i64,
    pub messages: u64,
    pub hash: u64,
}

/// A decision that the runtime took by the wall clock. It reaches a shard only
/// as an entry of its journal, so that replay takes it again at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    pub input: usize,
    pub kind: TickKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickKind {
    /// The input was silent for its `idle_after`. It is idle until its next
    /// message. Its watermark stays: silence is no statement that nothing
    /// earlier follows, so nothing is concluded from it.
    Idle,
    /// The shard of this number sent no partials for its `idle_after`: looks go
    /// ahead without it until it is heard of again. State is kept for it all
    /// the same. `input` is that of the partials.
    SourceIdle(ShardId),
}

/// What must be the same when the journal is continued; rule set and references
/// may be others where an activation says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    pub semantics: u32,
    pub rule_set: String,
    pub references: String,
    pub identity_key: String,
    /// Digest of the settings that decide what state and clues are made of an input.
    #[serde(default)]
    pub settings: String,
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { semantics, rule_set, references, identity_key, settings } = self;
        write!(f, "rule set {rule_set}, references {references}, identity key {identity_key}, settings {settings}, semantics {semantics}")
    }
}

/// How often one column had one fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// Name of the event type.
    pub event: String,
    pub table: String,
    pub column: String,
    pub fault: String,
    pub count: u64,
}

/// One epoch of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// From 1, rising by one.
    pub number: u64,
    pub previous: u64,
    pub versions: Versions,
    /// Number of the activation in force; 0: before the first, under the
    /// configuration's own bundle.
    #[serde(default, skip_serializing_if = "is_none")]
    pub activation: u64,
    pub runs: Vec<RunRecord>,
    pub n_in: u64,
    pub evaluated: u64,
    pub duplicate: u64,
    pub correction: u64,
    pub statement: u64,
    /// By reject class.
    pub rejected: BTreeMap<String, u64>,
    /// Rejected messages by input, for the rate that stops a worker.
    pub rejected_by_input: Vec<u64>,
    /// Values of accepted messages that became NULL; entries of earlier
    /// versions say nothing about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_faults: Vec<FaultCount>,
    /// Taken after the runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<Tick>,
    /// When the epoch was written, milliseconds since the Unix epoch: for
    /// people, never for decisions.
    pub wall_ms: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_none(activation: &u64) -> bool {
    *activation == 0
}

impl From<&RunDone> for RunRecord {
    fn from(run: &RunDone) -> Self {
        Self { input: run.input, from: run.from, to: run.to, messages: run.messages, hash: run.hash }
    }
}

/// A journal that cannot be continued.
#[derive(Debug, PartialEq, Eq)]
pub enum JournalFault {
    Malformed {
        place: usize,
        reason: String,
    },
    /// Entry `number` does not follow the one before it.
    Broken {
        number: u64,
        previous: u64,
    },
}

impl std::fmt::Display for JournalFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed { place, reason } => write!(f, "journal entry at place {place} cannot be read: {reason}"),
            Self::Broken { number, previous } => write!(f, "journal entry {number} does not follow entry {previous}"),
        }
    }
}

impl std::error::Error for JournalFault {}

impl JournalEntry {
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a shard's journal and checks that each entry follows the one before.
    pub fn decode_all(values: &[Vec<u8>]) -> Result<Vec<Self>, JournalFault> {
        let mut entries = Vec::with_capacity(values.len());
        let mut previous = 0;
        for (place, value) in values.iter().enumerate() {
            let entry: Self =
                serde_json::from_slice(value).map_err(|error| JournalFault::Malformed { place, reason: error.to_string() })?;
            if entry.number != previous + 1 || entry.previous != previous {
                return Err(JournalFault::Broken { number: entry.number, previous });
            }
            previous = entry.number;
            entries.push(entry);
        }
        Ok(entries)
    }
}
