//! From bytes to columns: decoders that write messages straight into Arrow
//! builders, and the reasons why a message cannot be used.

mod columns;
pub mod corpus;
mod general;
pub mod json;
mod learn;
mod lex;
mod plan;
mod raw;
mod rows;
mod scalar;
mod shape;

use std::collections::BTreeMap;
use std::fmt;

use arrow::record_batch::RecordBatch;

use crate::base::time::Civil;
use crate::events::EventType;

/// Why a message was rejected. The text of a class is its name in headers,
/// metrics and configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectClass {
    /// No payload and no watermark statement either.
    Tombstone,
    /// A payload of no bytes, or of white space only.
    Empty,
    /// More bytes, lines or nesting than `base::limits` allows.
    TooLarge,
    NotUtf8,
    /// Not one JSON value: malformed, truncated, or something after its end.
    NotJson,
    NotObject,
    /// A column of the business id is absent, NULL or unusable.
    NoBusinessId,
    NoPerson,
    EventTime,
    Total,
    LineKey,
    /// The event lies more than a day after its record timestamp.
    Future,
    /// The person's number does not hash to the partition it came from.
    WrongPartition,
}

impl RejectClass {
    pub const ALL: &[Self] = &[
        Self::Tombstone,
        Self::Empty,
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotObject,
        Self::NoBusinessId,
        Self::NoPerson,
        Self::EventTime,
        Self::Total,
        Self::LineKey,
        Self::Future,
        Self::WrongPartition,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tombstone => "tombstone",
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotObject => "not_object",
            Self::NoBusinessId => "no_business_id",
            Self::NoPerson => "no_person",
            Self::EventTime => "event_time",
            Self::Total => "total",
            Self::LineKey => "line_key",
            Self::Future => "future",
            Self::WrongPartition => "wrong_partition",
        }
    }
}

impl fmt::Display for RejectClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An unusable message's class and reason. The reason names fields and places,
/// never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub class: RejectClass,
    pub reason: String,
}

impl Reject {
    pub fn new(class: RejectClass, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into() }
    }
}

/// What was wrong with a value that the message can do without: the column is
/// NULL and the fault is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldFault {
    /// Another JSON type than the column takes.
    Type,
    /// Text that is no number, date or time.
    Syntax,
    /// A number outside what the column holds.
    Range,
    /// More decimal places than the column has.
    Scale,
    /// The column was given twice with different values.
    Duplicate,
}

impl FieldFault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Syntax => "syntax",
            Self::Range => "range",
            Self::Scale => "scale",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Which columns to keep: a bit per column of the header and of each child,
/// in table order. Roles (business id, person, event time, total, line key)
/// are always decoded, kept or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    pub header: Vec<bool>,
    pub children: Vec<Vec<bool>>,
}

impl Projection {
    pub fn all(event: &EventType) -> Self {
        Self {
            header: vec![true; event.header.columns.len()],
            children: event.children.iter().map(|child| vec![true; child.table.columns.len()]).collect(),
        }
    }

    pub fn none(event: &EventType) -> Self {
        Self {
            header: vec![false; event.header.columns.len()],
            children: event.children.iter().map(|child| vec![false; child.table.columns.len()]).collect(),
        }
    }

    /// Keeps what `other`, of the same event type, keeps too.
    pub fn join(&mut self, other: &Self) {
        let join = |own: &mut Vec<bool>, other: &[bool]| own.iter_mut().zip(other).for_each(|(own, other)| *own |= other);
        join(&mut self.header, &other.header);
        self.children.iter_mut().zip(&other.children).for_each(|(own, other)| join(own, other));
    }

    /// Keeps one column; `table` is `header` or a child's name.
    ///
    /// Returns whether the event type has it.
    pub fn keep(&mut self, event: &EventType, table: &str, column: &str) -> bool {
        if table == event.header.name {
            return event.header.index(column).map(|idx| self.header[idx] = true).is_some();
        }
        let child = event.children.iter().position(|child| child.table.name == table);
        child
            .and_then(|child_idx| Some((child_idx, event.children[child_idx].table.index(column)?)))
            .map(|(child_idx, idx)| self.children[child_idx][idx] = true)
            .is_some()
    }
}

/// What a decoder tells about an accepted message beside its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// The raw `psn_no`: for the partitioner check and the pseudonym.
    pub person: std::borrow::Cow<'a, str>,
    pub event_time: Civil,
}

/// Rows of the accepted messages of one run.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// A row per accepted message. Columns are those kept, in table order,
    /// `Tag::Dropped` columns never among them.
    pub header: RecordBatch,
    /// Per child of the event type: its kept columns.
    pub children: Vec<RecordBatch>,
    /// Per child and row: the header row it belongs to, ascending.
    pub parents: Vec<Vec<u32>>,
}

/// Counts that belong to decoding; keys are ordered because they reach output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodeCounts {
    /// By table, column and fault. Only columns that are kept are looked at.
    pub field_faults: BTreeMap<(&'static str, &'static str, FieldFault), u64>,
    /// Members of a message that the event type does not know.
    pub unknown_fields: u64,
    /// Messages that the shape-learning path handed to the general one.
    pub shape_misses: u64,
}

/// Decodes messages of one event type into columns.
///
/// `push` either appends one row to the header (and its children's rows) or
/// changes nothing but counts and says why. Whether it rejects depends on the
/// message alone, never on the projection. Field faults are counted only for
/// accepted messages.
pub trait Decoder: Send {
    fn push<'a>(&mut self, message: &'a [u8]) -> Result<Accepted<'a>, Reject>;
    /// Takes back the row that the last successful `push` appended, with its counts.
    fn undo(&mut self);
    /// Header rows since the last `finish`.
    fn rows(&self) -> usize;
    /// The rows since the last `finish`; the decoder is empty afterwards.
    fn finish(&mut self) -> Decoded;
    /// Counts since the last call.
    fn take_counts(&mut self) -> DecodeCounts;
}
