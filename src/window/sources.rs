//! What a rollup has heard of its sources: how far each has told, and which are idle.

use serde::Deserialize;
use serde::Serialize;

use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::time::Civil;

use super::pane::FoldFault;
use super::partial::Block;

/// All shards, as one rollup knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The inputs that groups are counted from: a source is as far as the least of these.
    inputs: Vec<InputId>,
    /// By shard.
    known: Vec<Source>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    /// Of the last block; 0 before the first.
    sequence: u64,
    /// Of each input, the greatest that was told.
    watermarks: Vec<Civil>,
    idle: bool,
}

/// Whether a block is the next one of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Next,
    /// It was folded before.
    Stale,
}

impl Sources {
    /// `partitions`: how many shards there are, of which none has been heard of.
    pub fn new(partitions: ShardId, inputs: &[InputId]) -> Self {
        let count = usize::try_from(partitions).unwrap_or(0);
        Self { inputs: inputs.to_vec(), known: vec![Source::default(); count] }
    }

    fn get(&self, source: ShardId) -> Option<&Source> {
        self.known.get(usize::try_from(source).ok()?)
    }

    fn get_mut(&mut self, source: ShardId) -> Option<&mut Source> {
        self.known.get_mut(usize::try_from(source).ok()?)
    }

    pub(super) fn turn(&self, block: &Block) -> Result<Turn, FoldFault> {
        let source = block.source;
        let known = self.get(source).ok_or(FoldFault::UnknownSource { source, partitions: self.known.len() })?;
        let expected = known.sequence + 1;
        match block.sequence {
            found if found < expected => Ok(Turn::Stale),
            found if found == expected => Ok(Turn::Next),
            found => Err(FoldFault::Gap { source, expected, found }),
        }
    }

    /// The block was folded. Its source is not idle any more, and watermarks
    /// never go back.
    pub(super) fn heard(&mut self, block: &Block) {
        let Some(known) = self.get_mut(block.source) else { return };
        known.sequence = block.sequence;
        known.idle = false;
        known.watermarks.resize(known.watermarks.len().max(block.watermarks.len()), Civil::MIN);
        for (known, told) in known.watermarks.iter_mut().zip(&block.watermarks) {
            *known = (*known).max(*told);
        }
    }

    /// A tick: looks go ahead without this source until it is heard of again.
    /// Silence concludes nothing else. Of a number that is no shard nothing is noted.
    pub fn idle(&mut self, source: ShardId) {
        if let Some(known) = self.get_mut(source) {
            known.idle = true;
        }
    }

    pub fn is_idle(&self, source: ShardId) -> bool {
        self.get(source).is_some_and(|known| known.idle)
    }

    /// How far a source has told. `None` if it was never heard of, or never of
    /// one of the inputs.
    pub fn watermark(&self, source: ShardId) -> Option<Civil> {
        self.of(self.get(source)?)
    }

    fn of(&self, source: &Source) -> Option<Civil> {
        let told = |input: &InputId| source.watermarks.get(*input).copied().filter(|told| *told > Civil::MIN);
        self.inputs.iter().map(told).min()?
    }

    /// How far all sources have told, idle or not; `None` while one was never heard of.
    pub fn least(&self) -> Option<Civil> {
        self.known.iter().map(|source| self.of(source)).min()?
    }

    /// How far looks may go: the least over all sources that are not idle. If
    /// all are, none excuses another, and it is the least over all.
    pub fn least_awake(&self) -> Option<Civil> {
        let awake = self.known.iter().filter(|source| !source.idle).map(|source| self.of(source)).min();
        awake.unwrap_or_else(|| self.least())
    }

    /// How far the foremost source has told.
    pub fn greatest(&self) -> Option<Civil> {
        self.known.iter().filter_map(|source| self.of(source)).max()
    }

    /// Each source with how far it has told, and whether it is idle.
    pub fn iter(&self) -> impl Iterator<Item = (ShardId, Option<Civil>, bool)> {
        (0..).zip(&self.known).map(|(shard, source)| (shard, self.of(source), source.idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(source: ShardId, sequence: u64, watermarks: [i64; 2]) -> Block {
        let watermarks = watermarks.map(|at| if at < 0 { Civil::MIN } else { Civil(at) }).to_vec();
        Block { source, rollup: 0, sequence, watermarks, body: None }
    }

    #[test]
    fn the_slowest_source_and_input_count() {
        let mut sources = Sources::new(2, &[0, 1]);
        assert_eq!((sources.least(), sources.least_awake(), sources.greatest()), (None, None, None));
        sources.heard(&statement(0, 1, [50, -1]));
        assert_eq!((sources.watermark(0), sources.greatest()), (None, None), "an input that never was seen holds");
        sources.heard(&statement(0, 2, [60, 40]));
        assert_eq!((sources.watermark(0), sources.least()), (Some(Civil(40)), None));
        sources.heard(&statement(1, 1, [30, 90]));
        assert_eq!((sources.least(), sources.greatest()), (Some(Civil(30)), Some(Civil(40))));
        sources.heard(&statement(1, 2, [20, 95]));
        assert_eq!(sources.watermark(1), Some(Civil(30)), "it never goes back");
        let one_input = Sources { inputs: vec![0], ..sources };
        assert_eq!(one_input.watermark(0), Some(Civil(60)));
    }

    #[test]
    fn idle_sources_are_passed_over_until_they_are_heard() {
        let mut sources = Sources::new(3, &[0]);
        sources.heard(&statement(0, 1, [50, 0]));
        sources.heard(&statement(1, 1, [20, 0]));
        sources.idle(2);
        assert_eq!((sources.least(), sources.least_awake()), (None, Some(Civil(20))));
        sources.idle(1);
        assert_eq!((sources.least(), sources.least_awake()), (None, Some(Civil(50))));
        sources.idle(0);
        assert_eq!(sources.least_awake(), None, "a silent source holds when all are idle");
        sources.heard(&statement(2, 1, [10, 0]));
        assert_eq!((sources.least(), sources.least_awake()), (Some(Civil(10)), Some(Civil(10))));
        sources.idle(7);
        sources.idle(-1);
        assert!(sources.is_idle(1) && !sources.is_idle(2) && !sources.is_idle(7));
    }

    #[test]
    fn blocks_come_one_by_one() {
        let mut sources = Sources::new(1, &[0]);
        assert_eq!(sources.turn(&statement(0, 2, [0, 0])), Err(FoldFault::Gap { source: 0, expected: 1, found: 2 }));
        assert_eq!(sources.turn(&statement(1, 1, [0, 0])), Err(FoldFault::UnknownSource { source: 1, partitions: 1 }));
        sources.heard(&statement(0, 1, [0, 0]));
        assert_eq!(sources.turn(&statement(0, 1, [0, 0])), Ok(Turn::Stale));
        assert_eq!(sources.turn(&statement(0, 2, [0, 0])), Ok(Turn::Next));
    }
}
