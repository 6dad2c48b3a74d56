//! Clues about rows of one event, so that a correction can revise or withdraw
//! what was told.

use serde::Deserialize;
use serde::Serialize;

use crate::base::ids::ClueId;
use crate::state::keyed::Keyed;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;
use crate::state::saved::blob;
use crate::state::versions::EventId;

/// A clue about a row of the version in force or of an earlier one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowTold {
    pub id: ClueId,
    /// Number of the rule within the shard.
    pub rule: u32,
    /// As it was told last.
    pub shadow: bool,
    /// `feedetl_sn` or the line's place; `None`: the event as a whole.
    pub line: Option<Box<str>>,
    /// Last word; 0: none yet.
    pub revision: u32,
    pub retracted: bool,
    /// Whether the version in force has it.
    pub holds: bool,
    /// Whether it is not told because its line is taken back elsewhere.
    pub withheld: bool,
    /// Bytes of the finding that was told last, or of the first if none was.
    #[serde(with = "blob")]
    pub finding: Box<[u8]>,
    /// What the version in force found, where that is something else.
    pub newer: Option<Box<[u8]>>,
}

#[derive(Debug, Default)]
pub struct RowClues {
    by_event: Keyed<EventId, Vec<RowTold>>,
}

impl RowClues {
    pub fn of(&self, event: EventId) -> &[RowTold] {
        self.by_event.get(&event).map_or(&[], Vec::as_slice)
    }

    pub fn of_mut(&mut self, event: EventId) -> Option<&mut Vec<RowTold>> {
        self.by_event.get_mut(&event)
    }

    /// A version of an event came: nothing that others found holds.
    pub fn begin(&mut self, event: EventId) {
        for told in self.by_event.get_mut(&event).into_iter().flatten() {
            told.holds = false;
        }
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { by_event } = self;
        by_event.save("row_clues", saver);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        Ok(Self { by_event: Keyed::load("row_clues", loader)? })
    }

    /// What the version in force found.
    pub fn found(&mut self, event: EventId, id: ClueId, rule: u32, shadow: bool, line: Option<&str>, finding: &[u8]) {
        let list = self.by_event.or_default(event);
        match list.iter_mut().find(|told| told.id == id) {
            Some(told) => {
                told.holds = true;
                told.rule = rule;
                told.newer = (*told.finding != *finding).then(|| finding.into());
                if told.revision == 0 {
                    told.finding = told.newer.take().unwrap_or_else(|| finding.into());
                    told.shadow = shadow;
                }
            }
            None => list.push(RowTold {
                id,
                rule,
                shadow,
                line: line.map(Into::into),
                revision: 0,
                retracted: false,
                holds: true,
                withheld: false,
                finding: finding.into(),
                newer: None,
            }),
        }
    }
}
