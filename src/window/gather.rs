//! The shard's side of groups: contributions gathered by institution until
//! they are flushed as blocks.
//!
//! A *flush* takes everything gathered so far together with the watermarks of
//! that moment and is told in portions, one rollup after the other, so that an
//! epoch writes to few partitions. A block tells those watermarks only if
//! nothing of the flush is left for its rollup; blocks before it tell what was
//! told before. So a rollup never takes for complete what is still on its way.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::Deserialize;
use serde::Serialize;

use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::ShardId;
use crate::base::limits::BLOCK_SUMS_MAX;
use crate::base::limits::BLOCK_TEXT_BYTES_MAX;
use crate::base::time::Civil;
use crate::state::saved::sorted;

use super::group::Contribution;
use super::group::Definition;
use super::group::GroupFault;
use super::group::Overflow;
use super::group::Row;
use super::group::RowKey;
use super::group::Sums;
use super::group::Text;
use super::partial::Block;
use super::partial::Body;
use super::partial::BodyRow;

/// When a shard flushes, and how much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushLimits {
    /// So many rows begin a flush to the rollups that they are for.
    pub rows: usize,
    /// A watermark that advanced so far, in seconds of event time, begins a
    /// flush that every rollup hears of.
    pub seconds: i64,
    /// Rows that one epoch may write; a statement counts as one.
    pub portion_rows: usize,
}

/// What [`decide`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Rows gathered since the last flush began.
    pub rows: usize,
    /// Portions of the last flush are left.
    pub flushing: bool,
    /// What the last flush to all rollups told, for each input.
    pub told: [Civil; EVENT_INPUTS],
    pub watermarks: [Civil; EVENT_INPUTS],
    /// Everything shall be told now.
    pub end: bool,
}

/// What is done at the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is flushed.
    Rest,
    /// The next portion of the flush that has begun.
    GoOn,
    /// A flush to the rollups that rows are for.
    Rows,
    /// A flush to all rollups, if only to tell watermarks.
    All,
}

/// Whether to flush, from state alone. A flush that has begun is told to its
/// end before another one begins.
pub fn decide(at: &Standing, limits: &FlushLimits) -> Decision {
    let advanced = at.watermarks.iter().zip(at.told).map(|(now, told)| now.0 - told.0).max().unwrap_or(0);
    if at.flushing {
        Decision::GoOn
    } else if advanced >= limits.seconds.max(1) || (at.end && (at.rows > 0 || advanced > 0)) {
        Decision::All
    } else if at.rows > 0 && at.rows >= limits.rows {
        Decision::Rows
    } else {
        Decision::Rest
    }
}

/// Rows of institutions, in the order in which they are written.
type Groups = BTreeMap<(Text, Definition), BTreeMap<(RowKey, i32), Row>>;

/// One row that is gathered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Open {
    institution: Text,
    definition: Definition,
    key: RowKey,
    day: i32,
}

/// What was told to one rollup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// Of the last block.
    sequence: u64,
    watermarks: [Civil; EVENT_INPUTS],
}

/// What a shard has counted and not yet told, with all that its next blocks
/// depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    source: ShardId,
    /// How many shards there are; each is a rollup.
    partitions: ShardId,
    /// Looked up for every case; brought into order when a flush begins.
    #[serde(with = "sorted")]
    open: HashMap<Open, Row>,
    /// What is left of the flush that has begun, by rollup; without groups only
    /// a statement is left.
    flushing: BTreeMap<ShardId, Groups>,
    /// The watermarks of that flush.
    flushed_at: [Civil; EVENT_INPUTS],
    /// The watermarks of the last flush to all rollups.
    told_all: [Civil; EVENT_INPUTS],
    told: BTreeMap<ShardId, Told>,
}

impl Gathered {
    pub fn new(source: ShardId, partitions: ShardId) -> Self {
        let unseen = [Civil::MIN; EVENT_INPUTS];
        Self {
            source,
            partitions,
            open: HashMap::new(),
            flushing: BTreeMap::new(),
            flushed_at: unseen,
            told_all: unseen,
            told: BTreeMap::new(),
        }
    }

    /// Rows gathered since the last flush began.
    pub fn rows(&self) -> usize {
        self.open.len()
    }

    /// Whether it is of this shard among so many.
    pub fn is_of(&self, source: ShardId, partitions: ShardId) -> bool {
        (self.source, self.partitions) == (source, partitions)
    }

    /// Nothing is gathered and no flush under way.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.flushing.is_empty()
    }

    pub fn add(&mut self, definition: Definition, contribution: &Contribution) -> Result<(), GroupFault> {
        self.change(definition, contribution, Sums::plus)
    }

    /// Takes away what was added, whether it was flushed since or not.
    pub fn retract(&mut self, definition: Definition, contribution: &Contribution) -> Result<(), GroupFault> {
        self.change(definition, contribution, Sums::minus)
    }

    fn change(
        &mut self,
        definition: Definition,
        contribution: &Contribution,
        apply: impl Fn(Sums, Sums) -> Result<Sums, Overflow>,
    ) -> Result<(), GroupFault> {
        contribution.check(&definition)?;
        let Contribution { institution, key, day, sums } = contribution;
        let place = Open { institution: institution.clone(), definition, key: key.clone(), day: *day };
        let old = self.open.get(&place);
        let of = |idx: usize| old.and_then(|row| row.get(idx)).copied().unwrap_or_default();
        let row: Row = sums.iter().enumerate().map(|(idx, sums)| apply(of(idx), *sums)).collect::<Result<_, _>>()?;
        if row.iter().any(|sums| !sums.is_zero()) {
            self.open.insert(place, row);
        } else {
            self.open.remove(&place);
        }
        Ok(())
    }

    pub fn standing(&self, watermarks: [Civil; EVENT_INPUTS], end: bool) -> Standing {
        Standing { rows: self.open.len(), flushing: !self.flushing.is_empty(), told: self.told_all, watermarks, end }
    }

    /// The blocks that an epoch writes at its end: none, or one portion of a
    /// flush, by rollup, institution, definition, department, doctor, cell and
    /// day. `watermarks`: of the shard after the epoch. `home`: the rollup of
    /// an institution. At an `end` it is asked again until it gives no block.
    pub fn flush(
        &mut self,
        limits: &FlushLimits,
        watermarks: [Civil; EVENT_INPUTS],
        end: bool,
        home: impl Fn(&str) -> ShardId,
    ) -> Vec<Block> {
        match decide(&self.standing(watermarks, end), limits) {
            Decision::Rest => return Vec::new(),
            Decision::GoOn => {}
            Decision::Rows => self.begin(watermarks, home),
            Decision::All => {
                self.begin(watermarks, home);
                self.told_all = watermarks;
                for rollup in 0..self.partitions {
                    self.flushing.entry(rollup).or_default();
                }
            }
        }
        self.portion(limits.portion_rows)
    }

    fn begin(&mut self, watermarks: [Civil; EVENT_INPUTS], home: impl Fn(&str) -> ShardId) {
        self.flushed_at = watermarks;
        for (place, row) in std::mem::take(&mut self.open) {
            let Open { institution, definition, key, day } = place;
            let groups = self.flushing.entry(home(&institution)).or_default();
            groups.entry((institution, definition)).or_default().insert((key, day), row);
        }
    }

    fn portion(&mut self, limit: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut left = limit.max(1);
        while left > 0
            && let Some(mut next) = self.flushing.first_entry()
        {
            let rollup = *next.key();
            let body = cut(next.get_mut(), left);
            left = left.saturating_sub(body.as_ref().map_or(1, |body| body.rows().len()));
            let told = self.told.entry(rollup).or_insert(Told { sequence: 0, watermarks: [Civil::MIN; EVENT_INPUTS] });
            if next.get().is_empty() {
                next.remove();
                told.watermarks = self.flushed_at;
            }
            told.sequence += 1;
            blocks.push(Block { source: self.source, rollup, sequence: told.sequence, watermarks: told.watermarks.to_vec(), body });
        }
        blocks
    }
}

/// Takes the next rows of one group, `limit` at most and no more than a block
/// may hold; at least one, if there is one.
fn cut(groups: &mut Groups, limit: usize) -> Option<Body> {
    let mut group = groups.first_entry()?;
    let (institution, definition) = group.key().clone();
    let limit = limit.min(BLOCK_SUMS_MAX / definition.indicators());
    let mut rows = Vec::new();
    let mut text_bytes = 0;
    while rows.len() < limit
        && let Some(next) = group.get_mut().first_entry()
    {
        text_bytes += next.key().0.text_bytes();
        if text_bytes > BLOCK_TEXT_BYTES_MAX {
            break;
        }
        let ((key, day), sums) = next.remove_entry();
        rows.push(BodyRow { key, day, sums });
    }
    if group.get().is_empty() {
        group.remove();
    }
    Body::new(definition, institution, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Digest;
    use crate::window::group::Measure;

    const LIMITS: FlushLimits = FlushLimits { rows: 100, seconds: 3600, portion_rows: 3 };

    fn definition() -> Definition {
        Definition::new(Digest([1; 32]), 1).unwrap()
    }

    fn case(institution: &str, doctor: &str, day: i32) -> Contribution {
        let key = RowKey { doctor: Some(doctor.into()), ..RowKey::default() };
        Contribution { institution: institution.into(), key, day, sums: vec![Sums::of(Measure::new(5, 5, None))] }
    }

    /// `H0` to `H9` are at home in the partition of their digit, of three.
    fn home(institution: &str) -> ShardId {
        ShardId::from(institution.as_bytes()[1] - b'0') % 3
    }

    fn at(seconds: i64) -> [Civil; EVENT_INPUTS] {
        [Civil(seconds), Civil::MIN]
    }

    #[test]
    fn a_flush_begins_by_rows_by_event_time_or_at_the_end() {
        let rest = Standing { rows: 99, flushing: false, told: at(7200), watermarks: at(7200 + 3599), end: false };
        for (standing, expect) in [
            (rest, Decision::Rest),
            (Standing { rows: 100, ..rest }, Decision::Rows),
            (Standing { rows: 0, watermarks: at(7200 + 3600), ..rest }, Decision::All),
            (Standing { rows: 100, watermarks: at(7200 + 3600), ..rest }, Decision::All),
            (Standing { end: true, ..rest }, Decision::All),
            (Standing { rows: 0, end: true, ..rest }, Decision::All),
            (Standing { rows: 0, watermarks: at(7200), end: true, ..rest }, Decision::Rest),
            (Standing { rows: 1, watermarks: at(7200), end: true, ..rest }, Decision::All),
            (Standing { flushing: true, end: true, rows: 100, ..rest }, Decision::GoOn),
            // The other input alone moved; an input first seen; one that never was.
            (Standing { rows: 0, watermarks: [Civil(7200), Civil(0)], ..rest }, Decision::All),
            (Standing { rows: 0, told: [Civil::MIN; 2], watermarks: [Civil::MIN; 2], end: true, ..rest }, Decision::Rest),
            (Standing { rows: 0, told: [Civil::MIN; 2], watermarks: [Civil::MAX; 2], ..rest }, Decision::All),
        ] {
            assert_eq!(decide(&standing, &LIMITS), expect, "{standing:?}");
        }
        assert_eq!(decide(&Standing { rows: 0, ..rest }, &FlushLimits { rows: 0, ..LIMITS }), Decision::Rest);
    }

    #[test]
    fn a_flush_is_told_in_portions_and_the_last_block_tells_the_watermarks() {
        let mut gathered = Gathered::new(7, 3);
        for (institution, rows) in [("H4", 2), ("H1", 3), ("H0", 1)] {
            for day in 0..rows {
                gathered.add(definition(), &case(institution, "d", day)).unwrap();
            }
        }
        let mut told = Vec::new();
        for epoch in 0.. {
            let blocks = gathered.flush(&LIMITS, at(10_000 + epoch), false, home);
            if blocks.is_empty() {
                break;
            }
            // What comes while a flush is under way waits for the next one.
            gathered.add(definition(), &case("H2", "late", 0)).unwrap();
            told.extend(blocks.into_iter().map(|block| {
                let body = block.body.map(|body| (body.institution().to_string(), body.rows().len()));
                (epoch, block.rollup, block.sequence, block.watermarks[0], body)
            }));
        }
        let some = |institution: &str, rows| Some((institution.to_owned(), rows));
        let (unseen, now) = (Civil::MIN, Civil(10_000));
        let expect = [
            (0, 0, 1, now, some("H0", 1)),
            (0, 1, 1, unseen, some("H1", 2)),
            (1, 1, 2, unseen, some("H1", 1)),
            (1, 1, 3, now, some("H4", 2)),
            (2, 2, 1, now, None),
        ];
        assert_eq!(told, expect);
        assert_eq!(gathered.rows(), 1);
        let blocks = gathered.flush(&LIMITS, at(10_001), true, home);
        assert_eq!(blocks.iter().map(|block| (block.rollup, block.sequence)).collect::<Vec<_>>(), [(0, 2), (1, 4), (2, 2)]);
        assert!(gathered.is_empty());
        assert!(gathered.flush(&LIMITS, at(10_001), true, home).is_empty());
    }

    #[test]
    fn a_block_stays_within_its_bounds() {
        let mut gathered = Gathered::new(0, 1);
        let wide = Definition::new(Digest([2; 32]), 64).unwrap();
        let long = "长".repeat(80);
        for day in 0..70 {
            gathered.add(wide, &Contribution { sums: vec![Sums::of(None); 64], ..case("H0", "d", day) }).unwrap();
        }
        for doctor in 0..2000 {
            gathered.add(definition(), &case("H0", &format!("{long}{doctor}"), 0)).unwrap();
        }
        let limits = FlushLimits { portion_rows: usize::MAX, ..LIMITS };
        let blocks = gathered.flush(&limits, at(0), true, home);
        let sizes: Vec<usize> = blocks.iter().map(|block| block.body.as_ref().unwrap().rows().len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 2070);
        assert!(sizes.contains(&64) && sizes.len() > 3, "{sizes:?}");
        assert!(blocks.iter().all(|block| block.encode().len() < 1_000_000));
    }

    #[test]
    fn what_cannot_be_added_changes_nothing() {
        let mut gathered = Gathered::new(0, 1);
        gathered.add(definition(), &case("H0", "d", 0)).unwrap();
        let before = gathered.clone();
        let two = Contribution { sums: vec![Sums::of(None); 2], ..case("H1", "d", 0) };
        assert!(matches!(gathered.add(definition(), &two), Err(GroupFault::Indicators { known: 1, found: 2, .. })));
        let long = case("H1", &"d".repeat(257), 0);
        assert_eq!(gathered.retract(definition(), &long), Err(GroupFault::LongText { bytes: 257 }));
        assert_eq!(gathered, before);
    }
}
