//! Which supplies new lines may bear on: they are judged anew, no others, and
//! each by those rules alone that its kind of item can concern.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::base::time::SECONDS_PER_DAY;
use crate::engine::Engine;
use crate::engine::effects::RuleTally;
use crate::engine::items::ItemId;
use crate::engine::remember::Changed;
use crate::engine::remember::Memory;
use crate::engine::shard::Shard;
use crate::engine::supply_rows::ItemCase;
use crate::engine::supply_rows::SupplyRow;
use crate::evaluators::overlap::may_overlap;
use crate::evaluators::supply::Anchor;
use crate::evaluators::supply::related;
use crate::reference::item::ItemFacts;
use crate::ruleset::compile::SUPPLY_TABLE;
use crate::ruleset::compile::TablePrograms;
use crate::ruleset::words::Institutions;
use crate::state::clues::ClueScope;
use crate::state::events::EventIdx;
use crate::state::intern::Sym;
use crate::state::supplies::Half;
use crate::state::supplies::SupplyKey;

/// Rules on supply, by their places.
#[derive(Clone, Copy)]
pub(super) struct SupplyRules<'a> {
    /// Those over rows.
    pub by_row: &'a [usize],
    /// Those that compare supplies.
    pub overlap: &'a [usize],
    /// Whether any of these compares supplies of several institutions, or of one.
    pub compared: Compared,
    /// What all of these let pass of an earlier supply, in ten-thousandths of a day.
    pub tolerance: i64,
}

/// Supplies of which institutions are compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    pub several: bool,
    pub one: bool,
}

impl Compared {
    pub(super) fn by(self, institutions: Institutions) -> bool {
        match institutions {
            Institutions::Several => self.several,
            Institutions::One => self.one,
        }
    }

    fn any(self) -> bool {
        self.several || self.one
    }
}

impl SupplyRules<'_> {
    pub(super) fn all(self) -> impl Iterator<Item = usize> {
        self.by_row.iter().chain(self.overlap).copied()
    }
}

/// A kind of item, by which of some rules it can concern.
pub(super) type Kind = usize;

/// Which rules on supply can hold for an item: asked of the item-level parts
/// of their conditions once per kind of item. Derived, only looked up.
#[derive(Debug, Default)]
pub struct Concerns {
    by_case: HashMap<ItemCase, Kind>,
    kinds: Vec<Vec<usize>>,
}

impl Concerns {
    fn find(&mut self, table: &TablePrograms, memory: &Memory, case: ItemCase, half: &Half<'_>) -> Kind {
        if let Some(kind) = self.by_case.get(&case) {
            return *kind;
        }
        let rules = memory.may_concern(table, case, half.profile);
        let kind = self.kinds.iter().position(|known| *known == rules).unwrap_or_else(|| {
            self.kinds.push(rules);
            self.kinds.len() - 1
        });
        self.by_case.insert(case, kind);
        kind
    }

    /// Places in [`RuleSet::rules`](crate::ruleset::compile::RuleSet::rules).
    pub(super) fn rules(&self, kind: Kind) -> &[usize] {
        &self.kinds[kind]
    }

    /// The kind of a row; `None` where no new line was of its kind.
    pub(super) fn of(&self, row: &SupplyRow<'_>) -> Option<Kind> {
        self.by_case.get(&row.case()).copied()
    }
}

/// A person and substance with supplies to be judged.
pub(super) struct Need {
    key: SupplyKey,
    /// Whether there may be supplies to compare.
    compared: Compared,
    /// Every supply is judged, whatever lines are new.
    whole: bool,
}

/// The supplies to be judged.
pub(super) struct Affected<'a> {
    /// By key. Those that are not [`SupplyRow::asked`] are there to be compared with.
    pub rows: Vec<SupplyRow<'a>>,
    /// Supplies about which something may have been told that are no longer there.
    pub gone: BTreeMap<SupplyKey, Vec<Anchor<'a>>>,
    /// Keys about which every word told before is asked again.
    pub whole: Vec<SupplyKey>,
    /// By key, where there may be supplies to compare.
    pub compared: BTreeMap<SupplyKey, Compared>,
}

impl Shard {
    /// The supplies of the needed facts that have to be judged.
    pub(super) fn affected(&self, needs: &[Need], changed: &Changed, rules: SupplyRules<'_>) -> Affected<'_> {
        let mut affected = Affected { rows: Vec::new(), gone: BTreeMap::new(), whole: Vec::new(), compared: BTreeMap::new() };
        for need in needs {
            self.supplies_of(need, changed.first_half, rules, &mut affected);
        }
        affected
    }

    /// `place`: of the rule in the rule set in force.
    pub(super) fn supply_scope(&self, place: usize, key: &SupplyKey) -> ClueScope {
        ClueScope { rule: self.rule_numbers.number(place), person: key.person.0, substance: key.substance.0 }
    }

    fn told(&self, rules: impl Iterator<Item = usize>, key: &SupplyKey) -> bool {
        rules.into_iter().any(|place| !self.clues.told(self.supply_scope(place, key)).is_empty())
    }

    /// The changed facts that some rule may hold against somebody, or of which
    /// something was told. The new lines of all are counted as evaluated.
    pub(super) fn needs(
        &mut self,
        engine: &Engine,
        changed: &Changed,
        rules: SupplyRules<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Need> {
        let table = engine.rules.tables[SUPPLY_TABLE].as_ref();
        let clues_from = engine.settings.clues_from;
        let mut entered = 0;
        let mut needs = Vec::new();
        for key in &changed.supplies {
            // Of an operation in the visit no line tells.
            let mut concerns = changed.whole.contains(key) || self.told(rules.all(), key);
            let mut compared = Compared::default();
            let mut first: Option<EventIdx> = None;
            for half in self.memory.halves(*key) {
                let fresh = half.number >= changed.first_half;
                let needed = concerns || compared.any();
                let unseen = (rules.compared.several && !compared.several) || (rules.compared.one && !compared.one);
                if !fresh && needed && !unseen {
                    break;
                }
                let event = self.memory.events.row(half.event);
                let institution = |event| self.memory.events.row(event).institution;
                compared.several |= rules.compared.several
                    && (half.circulated
                        || event.institution.is_none()
                        || first.is_some_and(|first| institution(first) != event.institution));
                compared.one |= rules.compared.one && first.is_some();
                first.get_or_insert(half.event);
                if fresh {
                    entered += u64::from(clues_from.is_none_or(|from| event.event_time >= from.0));
                }
                // An old line may speak for the supply that a new one belongs to.
                if let Some(table) = table.filter(|_| fresh || !needed) {
                    let facts = self.items.at(ItemId(half.profile.item), half.time.div_euclid(SECONDS_PER_DAY));
                    let case = case_of(half.profile.item, key.substance, &facts);
                    let kind = self.concerns.find(table, &self.memory, case, &half);
                    concerns |= !self.concerns.rules(kind).is_empty();
                }
            }
            if concerns || compared.any() {
                needs.push(Need { key: *key, compared, whole: changed.whole.contains(key) });
            }
        }
        for place in rules.all() {
            tallies.entry(engine.rules.rules[place].doc.id.clone()).or_default().evaluated += entered;
        }
        needs
    }

    fn supplies_of<'a>(&'a self, need: &Need, first_half: usize, rules: SupplyRules<'_>, affected: &mut Affected<'a>) {
        let halves: Vec<Half<'a>> = self.memory.halves(need.key).collect();
        let fresh = |half: &Half<'_>| half.number >= first_half;
        let touched = if need.whole { vec![true; halves.len()] } else { related(self.memory.tables(), &halves, &fresh) };
        let of =
            |wanted: &dyn Fn(usize) -> bool| halves.iter().enumerate().filter(|(idx, _)| wanted(*idx)).map(|(_, half)| *half).collect();
        let is_touched = |half: &Half<'_>| halves.iter().zip(&touched).any(|(own, touched)| *touched && own.number == half.number);
        let join = |halves: Vec<Half<'a>>| self.memory.supplies_joined(need.key, halves, &self.items, &self.engine.references, first_half);
        let mut rows: Vec<SupplyRow<'a>> = join(of(&|idx| touched[idx]));
        if need.compared.any() {
            affected.compared.insert(need.key, need.compared);
            let supplies: Vec<_> = rows.iter().map(|row| &row.supply).collect();
            let others = halves.iter().zip(&touched).filter(|(_, touched)| !**touched);
            let lines = others.map(|(half, _)| (half.time, half.days(), half.prescribed));
            let told = || self.told(rules.overlap.iter().copied(), &need.key);
            // A supply that was there may have stood between others.
            let changes = halves.iter().zip(&touched).any(|(half, touched)| *touched && !fresh(half));
            // Most refills come when little is left: no more is joined for them.
            if touched.contains(&false) && (changes || told() || may_overlap(&supplies, lines, rules.tolerance)) {
                rows = join(halves.clone());
                for row in &mut rows {
                    row.asked = row.supply.halves.iter().any(is_touched);
                }
            }
        }
        if need.whole {
            affected.whole.push(need.key);
        } else if self.told(rules.by_row.iter().copied(), &need.key) {
            let before: Vec<SupplyRow<'a>> = join(of(&|idx| touched[idx] && !fresh(&halves[idx])));
            let gone = before.into_iter().filter(|old| !rows.iter().any(|row| row.supply.anchor == old.supply.anchor));
            affected.gone.insert(need.key, gone.map(|old| old.supply.anchor).collect());
        }
        affected.rows.extend(rows);
    }
}

/// What decides the item-level columns.
pub(super) fn case_of(item: u32, substance: Sym, facts: &ItemFacts<'_>) -> ItemCase {
    ItemCase {
        item,
        substance,
        special_class: facts.special_class.map(|class| class.word()),
        form_group: facts.form_group.map(|form| form.word()),
    }
}
