//! Clues that later events may revise or withdraw.

use hashbrown::HashMap;

use crate::base::ids::ClueId;

/// What a set of clues is a function of: the facts of one rule about one
/// person (and one substance). When those facts change, the whole set is
/// computed anew and compared with what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClueScope {
    /// Number of the rule within the shard.
    pub rule: u32,
    pub person: u32,
    pub substance: u32,
}

/// The last word on one clue.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: ClueId,
    pub revision: u32,
    pub retracted: bool,
    /// Bytes of the finding that was told last.
    pub finding: Box<[u8]>,
}

#[derive(Debug, Default)]
pub struct ClueTable {
    by_scope: HashMap<ClueScope, Vec<Told>>,
}

impl ClueTable {
    pub fn told(&self, scope: ClueScope) -> &[Told] {
        self.by_scope.get(&scope).map_or(&[], Vec::as_slice)
    }

    pub fn told_mut(&mut self, scope: ClueScope) -> &mut Vec<Told> {
        self.by_scope.entry(scope).or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.by_scope.is_empty()
    }
}
