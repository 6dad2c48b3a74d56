//! The rollup's side of groups: blocks folded into months, and which panes to
//! look at when.
//!
//! Calendar months are what is kept, by definition and institution; a quarter
//! and a year to date are sums of months, made when they are looked at.
//!
//! **A look is due** when the least watermark of all sources that are not idle
//! has passed the end of its pane by the lateness, if the pane has rows. A pane
//! that changes after its look is due again, as a revision.
//!
//! **A year is dropped** as a whole, because its last year to date needs its
//! first month: when the least watermark of all sources, *idle or not*, has
//! passed the end of the year by reach and lateness and all its looks were
//! given. What comes for it later is refused and counted as late.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::base::ids::Digest;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::time::Civil;

use super::calendar::Month;
use super::calendar::Span;
use super::calendar::Spans;
use super::group::Overflow;
use super::group::Row;
use super::group::RowKey;
use super::group::Text;
use super::group::plus;
use super::group::put;
use super::partial::Block;
use super::partial::Body;
use super::partial::BodyRow;
use super::sources::Sources;
use super::sources::Turn;
use super::view::Group;

/// How long panes stay open and are kept, in seconds of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaneTimes {
    /// How far behind its watermark an event may arrive.
    pub lateness: i64,
    /// How far before its event time a correction may act.
    pub reach: i64,
}

/// One evaluation of a pane that is due: what [`Panes::group`] sums.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    pub definition: Digest,
    pub institution: Text,
    pub span: Span,
    /// The pane was looked at before and has changed since; it may have no rows left.
    pub revised: bool,
}

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// `late`: rows of years that are dropped, refused.
    Merged { late: Vec<BodyRow> },
    /// The block was folded before; nothing was changed.
    Stale,
}

/// A block that cannot be folded: what was sent is not what arrives, or a sum
/// is beyond all that cases can add up to. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoldFault {
    /// Blocks of `source` from `expected` to before `found` are missing.
    Gap {
        source: ShardId,
        expected: u64,
        found: u64,
    },
    UnknownSource {
        source: ShardId,
        partitions: usize,
    },
    /// The block is for another rollup.
    Misrouted {
        source: ShardId,
        own: ShardId,
        rollup: ShardId,
    },
    /// The same definition was folded with another number of indicators.
    Indicators {
        source: ShardId,
        definition: Digest,
        known: usize,
        found: usize,
    },
    Overflow {
        source: ShardId,
        definition: Digest,
        institution: Text,
    },
}

impl fmt::Display for FoldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { source, expected, found } => {
                write!(f, "partials of shard {source} go on with number {found} instead of {expected}")
            }
            Self::UnknownSource { source, partitions } => write!(f, "partials come from shard {source}, and there are {partitions}"),
            Self::Misrouted { source, own, rollup } => write!(f, "partials of shard {source} for rollup {rollup} came to rollup {own}"),
            Self::Indicators { source, definition, known, found } => {
                write!(f, "partials of shard {source} have {found} indicators for definition {}, known are {known}", definition.short())
            }
            Self::Overflow { source, definition, institution } => {
                write!(f, "partials of shard {source} for institution {institution} and definition {}: {Overflow}", definition.short())
            }
        }
    }
}

impl std::error::Error for FoldFault {}

/// A source that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    pub source: ShardId,
    /// How far it has told; `None`: nothing yet.
    pub since: Option<Civil>,
    /// Looks wait for it, which another source is far enough for.
    pub looks: bool,
    /// State is kept for it, which another source is far enough to drop.
    pub state: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct YearKey {
    /// First, so that the oldest stand together.
    year: i32,
    definition: Digest,
    institution: Text,
}

/// By department, doctor and cell.
type Rows = BTreeMap<RowKey, Row>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Year {
    /// Months that have rows.
    months: BTreeMap<Month, Rows>,
    /// Changed since the last look, or never looked at.
    due: Spans,
    looked: Spans,
}

impl Year {
    fn has_rows(&self, span: Span) -> bool {
        self.months.range(span.start()..=span.last()).next().is_some()
    }
}

/// All panes of the institutions that one shard owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panes {
    own: ShardId,
    times: PaneTimes,
    sources: Sources,
    /// How many indicators each definition has.
    definitions: BTreeMap<Digest, usize>,
    years: BTreeMap<YearKey, Year>,
    /// Each year that has something due, under the month that the first of it ends with.
    agenda: BTreeSet<(Month, YearKey)>,
    /// Years before this one are dropped.
    kept_from: i32,
    late_rows: u64,
}

impl Panes {
    /// `own`: the shard that this is the rollup of. `inputs`: those whose
    /// watermarks panes wait for.
    pub fn new(own: ShardId, partitions: ShardId, inputs: &[InputId], times: PaneTimes) -> Self {
        Self {
            own,
            times,
            sources: Sources::new(partitions, inputs),
            definitions: BTreeMap::new(),
            years: BTreeMap::new(),
            agenda: BTreeSet::new(),
            kept_from: i32::MIN,
            late_rows: 0,
        }
    }

    /// Whether it is the rollup of this shard, with these times.
    pub fn is_of(&self, own: ShardId, times: PaneTimes) -> bool {
        (self.own, self.times) == (own, times)
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// A tick: see [`Sources::idle`].
    pub fn idle(&mut self, source: ShardId) {
        self.sources.idle(source);
    }

    /// Rows that were refused because their year is dropped.
    pub fn late_rows(&self) -> u64 {
        self.late_rows
    }

    /// Adds the rows of a block to their months.
    pub fn fold(&mut self, block: &Block) -> Result<Folded, FoldFault> {
        let Block { source, rollup, .. } = *block;
        if rollup != self.own {
            return Err(FoldFault::Misrouted { source, own: self.own, rollup });
        }
        if self.sources.turn(block)? == Turn::Stale {
            return Ok(Folded::Stale);
        }
        let late = match &block.body {
            Some(body) => self.merge(source, body)?,
            None => Vec::new(),
        };
        self.sources.heard(block);
        Ok(Folded::Merged { late })
    }

    /// Merges all rows or, with a fault, none; returns those that are late.
    fn merge(&mut self, source: ShardId, body: &Body) -> Result<Vec<BodyRow>, FoldFault> {
        let (definition, found) = (body.definition().digest(), body.definition().indicators());
        if let Some(&known) = self.definitions.get(&definition)
            && known != found
        {
            return Err(FoldFault::Indicators { source, definition, known, found });
        }
        let overflow = |_: Overflow| FoldFault::Overflow { source, definition, institution: body.institution().clone() };
        let mut late = Vec::new();
        // Days of one month first, so that each row of a pane is met once.
        let mut added: BTreeMap<Month, Rows> = BTreeMap::new();
        for row in body.rows() {
            let month = Month::of_day(row.day);
            if month.year() < self.kept_from {
                late.push(row.clone());
                continue;
            }
            let rows = added.entry(month).or_default();
            let sum = plus(rows.get(&row.key), &row.sums).map_err(overflow)?;
            put(rows, row.key.clone(), sum);
        }
        added.retain(|_, rows| !rows.is_empty());
        let key = |month: Month| YearKey { year: month.year(), definition, institution: body.institution().clone() };
        let mut merged = Vec::new();
        for (month, rows) in added {
            let kept = self.years.get(&key(month)).and_then(|year| year.months.get(&month));
            let sum = |(place, more): (RowKey, Row)| plus(kept.and_then(|kept| kept.get(&place)), &more).map(|sum| (place, sum));
            let sums: Vec<_> = rows.into_iter().map(sum).collect::<Result<_, _>>().map_err(overflow)?;
            merged.push((month, sums));
        }
        self.late_rows += late.len() as u64;
        self.definitions.insert(definition, found);
        for (month, sums) in merged {
            self.change(month, key(month), sums);
        }
        Ok(late)
    }

    /// Puts sums into one month, which makes all panes that hold it due.
    fn change(&mut self, month: Month, key: YearKey, sums: Vec<(RowKey, Option<Row>)>) {
        let year = self.years.entry(key.clone()).or_default();
        let rows = year.months.entry(month).or_default();
        for (place, sum) in sums {
            put(rows, place, sum);
        }
        if rows.is_empty() {
            year.months.remove(&month);
        }
        let before = year.due.first(key.year);
        year.due.insert_all(Spans::with(month));
        self.settle(key, before);
    }

    /// What panes of a month are judged with has changed: those of a definition
    /// that were looked at are due again.
    pub fn again(&mut self, definition: Digest, institution: &Text, month: Month) {
        let key = YearKey { year: month.year(), definition, institution: institution.clone() };
        let Some(year) = self.years.get_mut(&key).filter(|_| key.year >= self.kept_from) else { return };
        let before = year.due.first(key.year);
        year.due.insert_all(Spans::with(month).and(year.looked));
        self.settle(key, before);
    }

    /// Puts a year on the agenda where it now belongs; `before`: what was first
    /// due of it. A year without rows that nobody looked at is forgotten.
    fn settle(&mut self, key: YearKey, before: Option<Span>) {
        let Some(year) = self.years.get(&key) else { return };
        if let Some(before) = before {
            self.agenda.remove(&(before.last(), key.clone()));
        }
        if year.months.is_empty() && year.looked.is_empty() {
            self.years.remove(&key);
        } else if let Some(next) = year.due.first(key.year) {
            self.agenda.insert((next.last(), key));
        }
    }

    /// The next looks that are due, at most `limit`, by end of the pane,
    /// definition, institution and kind; each is told once. What is not told
    /// now waits for the next call.
    pub fn looks_due(&mut self, limit: usize) -> Vec<Look> {
        let mut looks = Vec::new();
        let Some(passed) = self.sources.least_awake() else { return looks };
        // Exactly the months before this one have ended so long ago.
        let open = Month::of(passed.plus_seconds(-self.times.lateness));
        while looks.len() < limit
            && let Some((last, key)) = self.agenda.first().cloned()
            && last < open
        {
            let Some(year) = self.years.get_mut(&key) else { break };
            let Some(span) = year.due.first(key.year) else { break };
            year.due.remove(span);
            let revised = year.looked.contains(span);
            if revised || year.has_rows(span) {
                year.looked.insert(span);
                looks.push(Look { definition: key.definition, institution: key.institution.clone(), span, revised });
            }
            self.settle(key, Some(span));
        }
        looks
    }

    /// Drops years that are over for all sources, at most `limit` years of an
    /// institution and definition; returns how many.
    pub fn drop_due(&mut self, limit: usize) -> usize {
        if let Some(passed) = self.sources.least() {
            let open = Month::of(passed.plus_seconds(-self.times.reach).plus_seconds(-self.times.lateness)).year();
            let to_look = self.agenda.first().map_or(i32::MAX, |(last, _)| last.year());
            self.kept_from = self.kept_from.max(open.min(to_look));
        }
        let mut dropped = 0;
        while dropped < limit
            && let Some(oldest) = self.years.first_entry()
            && oldest.key().year < self.kept_from
        {
            oldest.remove();
            dropped += 1;
        }
        dropped
    }

    /// The first year that is not dropped; `None` before any was.
    pub fn kept_from(&self) -> Option<i32> {
        (self.kept_from > i32::MIN).then_some(self.kept_from)
    }

    /// The sums of an institution over a pane: without rows if there are none
    /// or its year is dropped.
    pub fn group(&self, definition: Digest, institution: &Text, span: Span) -> Result<Group, Overflow> {
        let mut group = Group::default();
        let key = YearKey { year: span.last().year(), definition, institution: institution.clone() };
        if let Some(year) = self.years.get(&key).filter(|_| key.year >= self.kept_from) {
            for rows in year.months.range(span.start()..=span.last()).map(|(_, rows)| rows) {
                group.add(rows)?;
            }
        }
        Ok(group)
    }

    /// All that is kept, by year, definition, institution and month.
    pub fn months(&self) -> impl Iterator<Item = (Digest, &Text, Month, &BTreeMap<RowKey, Row>)> {
        let kept = self.years.iter().filter(|(key, _)| key.year >= self.kept_from);
        kept.flat_map(|(key, year)| year.months.iter().map(|(month, rows)| (key.definition, &key.institution, *month, rows)))
    }

    /// The sources that panes wait for although another source is far enough,
    /// by number. Idle ones hold no looks, and state all the same.
    pub fn holding(&self) -> Vec<Holding> {
        let foremost = self.sources.greatest();
        let reached = |at: Civil| foremost.is_some_and(|foremost| foremost >= at).then_some(at);
        let look = self.agenda.first().and_then(|(last, _)| reached(last.end().plus_seconds(self.times.lateness)));
        let oldest = self.years.keys().map(|key| key.year).find(|year| *year >= self.kept_from);
        let over = oldest.map(|year| Month::new(year, 12).end().plus_seconds(self.times.lateness).plus_seconds(self.times.reach));
        let over = over.and_then(reached);
        let behind = |since: Option<Civil>, at: Option<Civil>| at.is_some_and(|at| since.is_none_or(|since| since < at));
        let all = self.sources.iter().map(|(source, since, idle)| Holding {
            source,
            since,
            looks: !idle && behind(since, look),
            state: behind(since, over),
        });
        all.filter(|holding| holding.looks || holding.state).collect()
    }
}
