//! Tells of rows of events how what is held of them differs from what was told.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::ids::ClueId;
use crate::clues::build;
use crate::clues::finding::Finding;
use crate::clues::finding::Place;
use crate::clues::lifecycle::Change;
use crate::clues::lifecycle::Revision;
use crate::engine::effects::RuleTally;
use crate::engine::shard::Shard;
use crate::engine::tell::Teller;
use crate::engine::words::CORRECTED;
use crate::engine::words::Voice;
use crate::engine::words::spoken;
use crate::io::log::Record;
use crate::state::events::EventIdx;
use crate::state::row_clues::RowTold;
use crate::state::versions::EventId;

/// Counted of a line that a line of another message takes back, whole or in
/// part: nobody can say what the rest is.
const REFUNDED: &str = "refunded_elsewhere";

/// What a rule over rows holds of one row of the run.
pub(super) struct RowFinding {
    /// Header row.
    pub row: usize,
    pub id: ClueId,
    /// Number of the rule within the shard.
    pub rule: u32,
    pub shadow: bool,
    pub line: Option<String>,
    pub finding: Finding,
}

impl Shard {
    /// `ids`: of the rows of the run; `touched`: events before them that
    /// corrections bear on.
    pub(super) fn tell_rows(
        &mut self,
        teller: &Teller<'_>,
        ids: &[EventId],
        findings: Vec<RowFinding>,
        touched: &BTreeSet<EventIdx>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        ids.iter().for_each(|id| self.row_clues.begin(*id));
        // Nearly all are told at once: what they are need not be read back.
        let mut asked: BTreeMap<EventIdx, EventId> = BTreeMap::new();
        for found in findings {
            let id = ids[found.row];
            let bytes = build::encode(&found.finding);
            self.row_clues.found(id, found.id, found.rule, found.shadow, found.line.as_deref(), &bytes);
        }
        let with_clues = ids.iter().filter(|id| !self.row_clues.of(**id).is_empty());
        asked.extend(with_clues.filter_map(|id| Some((self.versions.event(*id)?, *id))));
        asked.extend(touched.iter().map(|event| (*event, self.memory.id(*event))));
        let mut records = Vec::new();
        let mut done = BTreeSet::new();
        for id in asked.into_values() {
            if done.insert(id) {
                self.tell_event(id, teller, tallies, &mut records);
            }
        }
        records
    }

    fn tell_event(&mut self, id: EventId, teller: &Teller<'_>, tallies: &mut BTreeMap<String, RuleTally>, records: &mut Vec<Record>) {
        let Self { row_clues, versions, memory, rule_numbers, .. } = self;
        let Some(told) = row_clues.of_mut(id) else { return };
        let event = versions.event(id).filter(|event| memory.events.is_live(*event));
        let source = |event: EventIdx| {
            let row = memory.events.row(event);
            teller.place(usize::from(row.input), row.offset)
        };
        for clue in told {
            let name = rule_numbers.id(clue.rule);
            let tally = tallies.entry(name.to_owned()).or_default();
            let holder = event.filter(|_| clue.holds);
            let withheld = holder.zip(clue.line.as_deref()).is_some_and(|(holder, line)| memory.is_refunded(holder, line));
            tally.count_unknown(REFUNDED, u64::from(withheld && !clue.withheld));
            clue.withheld = withheld;
            let holder = holder.filter(|_| !withheld);
            // A rule that is gone tells nothing that it has not told.
            if clue.revision == 0 && rule_numbers.place(clue.rule).is_none() {
                continue;
            }
            let Some(word) = say(clue, holder.is_some()) else { continue };
            if let Some(place) = rule_numbers.place(clue.rule).filter(|_| holder.is_some()) {
                clue.shadow = teller.engine.rules.rules[place].shadow;
            }
            let sources: Vec<Place> = holder.map(source).into_iter().collect();
            let voice = Voice { rule: name, shadow: clue.shadow };
            records.push(spoken(voice, word, sources, None, CORRECTED.into(), teller, tally));
        }
    }
}

/// The next word about a clue, if there is one to say.
fn say(clue: &mut RowTold, stands: bool) -> Option<Revision> {
    let is_told = clue.revision > 0 && !clue.retracted;
    if !stands {
        if !is_told {
            return None;
        }
        clue.retracted = true;
        clue.revision += 1;
        return Some(Revision { id: clue.id, revision: clue.revision, change: Change::Retracted, finding: clue.finding.clone() });
    }
    let newer = clue.newer.take();
    if is_told && newer.is_none() {
        return None;
    }
    let previous = clue.finding.clone();
    clue.finding = newer.unwrap_or_else(|| previous.clone());
    clue.revision += 1;
    clue.retracted = false;
    let change = if clue.revision == 1 { Change::New } else { Change::Updated { previous } };
    Some(Revision { id: clue.id, revision: clue.revision, change, finding: clue.finding.clone() })
}
