//! Clues of rules that are gone: nobody judges them again, and they are
//! withdrawn when an event that they rest on ceases to count.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;

use crate::clues::lifecycle::Change;
use crate::clues::lifecycle::Revision;
use crate::engine::effects::RuleTally;
use crate::engine::shard::Shard;
use crate::engine::tell::Teller;
use crate::engine::words::CORRECTED;
use crate::engine::words::Voice;
use crate::engine::words::spoken;
use crate::events::EVENT_TYPES;
use crate::io::log::Record;
use crate::state::clues::ClueScope;
use crate::state::events::EventIdx;

/// What a told finding rests on.
#[derive(Deserialize)]
struct Rests {
    evidence: Vec<Item>,
}
#[derive(Deserialize)]
struct Item {
    event: String,
    id: String,
    fixmedins_code: Option<String>,
}

impl Shard {
    /// `touched`: events before this run that corrections bear on.
    pub(super) fn withdraw_orphans(
        &mut self,
        teller: &Teller<'_>,
        touched: &BTreeSet<EventIdx>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        let gone: BTreeSet<u32> = if touched.is_empty() { BTreeSet::new() } else { self.rule_numbers.gone().collect() };
        let mut records = Vec::new();
        let dead: Vec<EventIdx> = touched.iter().copied().filter(|event| !self.memory.events.is_live(*event)).collect();
        for rule in gone {
            for event in &dead {
                for scope in self.scopes_of(rule, *event) {
                    records.extend(self.withdraw(scope, *event, teller, tallies));
                }
            }
        }
        records
    }

    /// Where a rule may have told something about an event.
    fn scopes_of(&self, rule: u32, event: EventIdx) -> BTreeSet<ClueScope> {
        let row = self.memory.events.row(event);
        let substances = self.memory.supplies.halves(row.halves).map(|half| half.profile.substance.0);
        let scope = |substance| ClueScope { rule, person: row.person.0, substance };
        std::iter::once(0).chain(substances).map(scope).collect()
    }

    fn withdraw(
        &mut self,
        scope: ClueScope,
        event: EventIdx,
        teller: &Teller<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        if self.clues.told(scope).iter().all(|told| told.retracted) {
            return Vec::new();
        }
        let row = self.memory.events.row(event);
        let (name, id) = (EVENT_TYPES[usize::from(row.input)].name, self.memory.texts.get(row.id));
        let institution = self.memory.symbols.text(row.institution);
        let rests = |finding: &[u8]| {
            let read: Option<Rests> = sonic_rs::from_slice(finding).ok();
            read.is_some_and(|read| {
                read.evidence.iter().any(|item| item.event == name && item.id == id && item.fixmedins_code.as_deref() == institution)
            })
        };
        let rule = self.rule_numbers.id(scope.rule);
        let voice = Voice { rule, shadow: self.rule_numbers.is_shadow(scope.rule) };
        let tally = tallies.entry(rule.to_owned()).or_default();
        let mut records = Vec::new();
        for told in self.clues.told_mut(scope).iter_mut().filter(|told| !told.retracted && rests(&told.finding)) {
            told.retracted = true;
            told.revision += 1;
            let word = Revision { id: told.id, revision: told.revision, change: Change::Retracted, finding: told.finding.clone() };
            records.push(spoken(voice, word, Vec::new(), None, CORRECTED.into(), teller, tally));
        }
        records
    }
}
