//! Days on which a row holds, and the check that two rows never answer the
//! same question on the same day.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;

/// Days since 1970-01-01: `from` inclusive, `to` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Validity {
    pub from: i64,
    pub to: i64,
}

impl Validity {
    /// The end of a row that is still open.
    pub const OPEN: i64 = i64::MAX;
    /// The days of a row that is not dated.
    pub const ALWAYS: Self = Self { from: i64::MIN, to: Self::OPEN };

    pub fn holds(self, day: i64) -> bool {
        self.from <= day && day < self.to
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    pub fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// A value and the days on which it holds.
#[derive(Clone, Debug)]
pub struct Dated<T> {
    pub validity: Validity,
    pub value: T,
}

impl<T> Dated<T> {
    pub fn new(validity: Validity, value: T) -> Self {
        Self { validity, value }
    }
}

/// The first of `rows` in force on `day`.
pub fn as_of<T>(rows: &[Dated<T>], day: i64) -> Option<&T> {
    rows.iter().find(|row| row.validity.holds(day)).map(|row| &row.value)
}

/// Where a row stands in its file.
#[derive(Clone, Debug)]
pub struct Place {
    pub source: Arc<SourceText>,
    pub span: Range<usize>,
}

impl Place {
    /// Line of the file, from 1.
    pub fn line(&self) -> usize {
        Diagnostic::new(&self.source, self.span.clone(), "").line()
    }
}

/// Collects the keys of a table and finds those that are answered twice.
#[derive(Debug, Default)]
pub struct Keys {
    seen: BTreeMap<Vec<String>, Vec<(Validity, Place)>>,
}

impl Keys {
    /// `key`: the parts that two rows may not share on one day.
    pub fn add(&mut self, key: Vec<String>, validity: Validity, place: Place) {
        self.seen.entry(key).or_default().push((validity, place));
    }

    /// One diagnostic for each row that overlaps one before it.
    pub fn report_overlaps(self, diagnostics: &mut Vec<Diagnostic>) {
        for (key, rows) in self.seen {
            let key = key.iter().map(String::as_str).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            for (at, (validity, place)) in rows.iter().enumerate() {
                if let Some((_, first)) = rows.iter().take(at).find(|(other, _)| other.overlaps(*validity)) {
                    let first = format!("{}:{}", first.source.name, first.line());
                    let (dates, help) = match *validity {
                        Validity::ALWAYS => ("", format!("Remove this row or the one at {first}.")),
                        _ => (" with overlapping dates", format!("Give the row at {first} a valid_to, or remove one of the two.")),
                    };
                    let message = format!("duplicate key `{key}`{dates}");
                    diagnostics.push(Diagnostic::new(&place.source, place.span.clone(), message).help(help));
                }
            }
        }
    }
}
