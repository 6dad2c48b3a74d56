//! Clues that later events may revise or withdraw.

use serde::Deserialize;
use serde::Serialize;

use super::keyed::Keyed;
use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;
use super::saved::blob;
use crate::base::ids::ClueId;

/// What a set of clues is a function of: the facts of one rule about one
/// person (and one substance). When those facts change, the whole set is
/// computed anew and compared with what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClueScope {
    /// Number of the rule within the shard.
    pub rule: u32,
    pub person: u32,
    pub substance: u32,
}

/// The last word on one clue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    pub id: ClueId,
    pub revision: u32,
    pub retracted: bool,
    /// Bytes of the finding that was told last.
    #[serde(with = "blob")]
    pub finding: Box<[u8]>,
}

#[derive(Debug, Default)]
pub struct ClueTable {
    by_scope: Keyed<ClueScope, Vec<Told>>,
}

impl ClueTable {
    pub fn told(&self, scope: ClueScope) -> &[Told] {
        self.by_scope.get(&scope).map_or(&[], Vec::as_slice)
    }

    pub fn told_mut(&mut self, scope: ClueScope) -> &mut Vec<Told> {
        self.by_scope.or_default(scope)
    }

    pub fn is_empty(&self) -> bool {
        self.by_scope.is_empty()
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { by_scope } = self;
        by_scope.save("clues", saver);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        Ok(Self { by_scope: Keyed::load("clues", loader)? })
    }
}
