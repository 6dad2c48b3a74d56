//! What one step wants done: clues and rejects to write, and what was counted.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::base::record::Message;
use crate::codecs::FieldFault;
use crate::codecs::RejectClass;
use crate::evaluators::ratio::Outcome;
use crate::events::InputId;
use crate::io::log::Record;
use crate::reference::baseline_tables::UnitKind;
use crate::window::calendar::Span;
use crate::window::group::Text;

/// What became of the messages of a step. Every message is counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub n_in: u64,
    pub evaluated: u64,
    pub duplicate: u64,
    pub correction: u64,
    pub statement: u64,
    pub rejected: BTreeMap<RejectClass, u64>,
    pub lines: u64,
    /// Refund lines that name no line that they refund: not judged.
    pub lines_unjudged: u64,
    /// By event type, table, column and fault.
    pub field_faults: BTreeMap<(&'static str, &'static str, &'static str, FieldFault), u64>,
    pub unknown_fields: u64,
    pub shape_misses: u64,
    /// Codes that no reference table knows, by kind.
    pub unknown_codes: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Every message has exactly one outcome.
    pub fn balance(&self) -> bool {
        self.n_in == self.evaluated + self.rejected_total() + self.duplicate + self.correction + self.statement
    }

    pub fn add(&mut self, other: &Self) {
        self.n_in += other.n_in;
        self.evaluated += other.evaluated;
        self.duplicate += other.duplicate;
        self.correction += other.correction;
        self.statement += other.statement;
        self.lines += other.lines;
        self.lines_unjudged += other.lines_unjudged;
        self.unknown_fields += other.unknown_fields;
        self.shape_misses += other.shape_misses;
        add_map(&mut self.rejected, &other.rejected);
        add_map(&mut self.field_faults, &other.field_faults);
        add_map(&mut self.unknown_codes, &other.unknown_codes);
    }
}

fn add_map<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(*key).or_default() += count;
    }
}

/// What a rule made of the rows it looked at. A row counts once, when it
/// enters, as it came out then: a rule that remembers judges it again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// Headers or lines; for rules on supply drug lines of bills and
    /// prescriptions, for rules on earlier contact consultations whose wait is over.
    pub evaluated: u64,
    /// Rows whose condition held and nothing excused.
    pub hits: u64,
    /// Rows whose condition held and a gate or an exemption excused.
    pub excused: u64,
    /// By reason: `condition`, a gate's or exemption's id, `no_basis_in_force`,
    /// `history_too_short`, `history_elsewhere`, ...
    pub unknown: BTreeMap<String, u64>,
    /// By check on data quality: rows that it holds for.
    pub quality: BTreeMap<String, u64>,
    pub new: u64,
    pub updated: u64,
    pub retracted: u64,
    /// Time by the engine's meter: the rule's own and its shares of what rules
    /// compute together.
    pub nanoseconds: u64,
}

impl RuleTally {
    pub fn count_unknown(&mut self, reason: &str, rows: u64) {
        if rows > 0 {
            *self.unknown.entry(reason.to_owned()).or_default() += rows;
        }
    }

    pub fn count_quality(&mut self, check: &str, rows: u64) {
        if rows > 0 {
            *self.quality.entry(check.to_owned()).or_default() += rows;
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.evaluated += other.evaluated;
        self.hits += other.hits;
        self.excused += other.excused;
        self.new += other.new;
        self.updated += other.updated;
        self.retracted += other.retracted;
        self.nanoseconds += other.nanoseconds;
        for (reason, count) in &other.unknown {
            *self.unknown.entry(reason.clone()).or_default() += count;
        }
        for (check, count) in &other.quality {
            self.count_quality(check, *count);
        }
    }
}

/// A run as it was read: what the journal records of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDone {
    pub input: InputId,
    /// Offset of the first message, and the next after the last.
    pub from: i64,
    pub to: i64,
    pub messages: u64,
    /// Over keys and values, in order.
    pub hash: u64,
}

impl RunDone {
    /// Nothing of it is read yet.
    pub fn begin(input: InputId, messages: usize) -> Self {
        Self { input, from: 0, to: 0, messages: messages as u64, hash: 0 }
    }

    /// Takes in the next message; returns a hash of its value, so that one pass
    /// over the bytes serves the run and whoever compares contents.
    pub fn read(&mut self, message: Message<'_>) -> u64 {
        if self.to == 0 {
            self.from = message.offset;
        }
        self.to = message.offset + 1;
        let content = xxh3_64(message.value.unwrap_or_default());
        self.hash = xxh3_64_with_seed(message.key.unwrap_or_default(), self.hash ^ content);
        content
    }
}

/// The outcome of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effects {
    pub run: RunDone,
    /// Clues and rejects, encoded.
    pub records: Vec<Record>,
    pub counts: Counts,
    /// By rule id.
    pub rules: BTreeMap<String, RuleTally>,
    /// Kind and code of what no reference table knows, each once a step.
    pub unlisted: BTreeSet<(&'static str, String)>,
    /// Why the worker must stop instead of committing this step: a reject
    /// class whose policy is `stop`.
    pub stop: Option<String>,
}

/// What the end of an epoch wants done: partials to send, and clues of panes
/// that were looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Closing {
    /// State changed: the epoch is journalled even if it read nothing.
    pub worked: bool,
    pub records: Vec<Record>,
    /// By rule id.
    pub rules: BTreeMap<String, RuleTally>,
    /// Units that were looked at, whatever came of it; empty where nothing is told.
    pub looked: Vec<Looked>,
}

/// A unit that a ratio rule looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub rule: String,
    pub span: Span,
    pub institution: Text,
    pub unit_kind: UnitKind,
    /// Code of the department or doctor, or of the institution.
    pub unit: Text,
    pub outcome: Outcome,
}
