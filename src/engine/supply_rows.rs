//! Supplies as rows: what rules on supply are evaluated over.

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Int32Array;
use arrow::array::TimestampSecondArray;
use arrow::array::UInt32Array;
use std::sync::Arc;

use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::base::time::age_years;
use crate::engine::affected::case_of;
use crate::engine::enrich::decimals;
use crate::engine::enrich::flags;
use crate::engine::enrich::groups_text;
use crate::engine::enrich::joined;
use crate::engine::enrich::texts;
use crate::engine::items::ItemId;
use crate::engine::items::Items;
use crate::engine::remember::Memory;
use crate::evaluators::supply::Known;
use crate::evaluators::supply::Supply;
use crate::evaluators::supply::Tables;
use crate::evaluators::supply::join;
use crate::expr::Input;
use crate::expr::OutputId;
use crate::reference::item::ItemFacts;
use crate::reference::snapshot::Snapshot;
use crate::reference::special_drug::SpecialClass;
use crate::ruleset::compile::TablePrograms;
use crate::state::events::EventRow;
use crate::state::intern::Sym;
use crate::state::supplies::Half;
use crate::state::supplies::LineProfile;
use crate::state::supplies::SupplyKey;

/// What decides the item-level columns of a supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemCase {
    pub item: u32,
    pub substance: Sym,
    pub special_class: Option<&'static str>,
    pub form_group: Option<&'static str>,
}

/// A supply with what the reference tables say about it at its time.
#[derive(Clone, Debug)]
pub struct SupplyRow<'a> {
    pub key: SupplyKey,
    pub supply: Supply<'a>,
    pub item: ItemId,
    pub facts: ItemFacts<'a>,
    /// Whether any of its halves is new in this run.
    pub fresh: bool,
    /// Whether something in this run may bear on it.
    pub asked: bool,
}

impl SupplyRow<'_> {
    pub fn case(&self) -> ItemCase {
        case_of(self.item.0, self.key.substance, &self.facts)
    }
}

impl Memory {
    /// The rules whose condition can hold for this kind of item: no part of it
    /// that the item decides is false.
    pub fn may_concern(&self, table: &TablePrograms, case: ItemCase, profile: &LineProfile) -> Vec<usize> {
        let sym = |sym: Sym| texts(std::iter::once(self.symbols.text(sym)));
        let columns: Vec<ArrayRef> = table
            .items
            .columns()
            .iter()
            .map(|column| match column.name.as_str() {
                "supply.special_class" => texts(std::iter::once(case.special_class)),
                "supply.form_group" => texts(std::iter::once(case.form_group)),
                "supply.substance" => sym(case.substance),
                "supply.med_list_codg" => sym(profile.code),
                _ => sym(profile.name),
            })
            .collect();
        let parents = UInt32Array::from(Vec::<u32>::new());
        let values = table.items.evaluate(&Input { columns: &columns, header_rows: 1, parents: &parents });
        let is_false = |output: &OutputId| {
            let mask = crate::engine::rows::mask(&values, *output);
            mask.is_valid(0) && !mask.value(0)
        };
        let rules = table.rules.iter().zip(&table.item_conditions);
        rules.filter(|(_, parts)| !parts.iter().any(is_false)).map(|(place, _)| *place).collect()
    }

    pub fn tables(&self) -> Tables<'_> {
        Tables { events: &self.events, texts: &self.texts, symbols: &self.symbols }
    }

    /// Supplies of one person and substance, joined of `halves`. `first_half`:
    /// number of the first half that is new.
    pub fn supplies_joined<'a>(
        &'a self,
        key: SupplyKey,
        halves: Vec<Half<'a>>,
        items: &'a Items,
        snapshot: &Snapshot,
        first_half: usize,
    ) -> Vec<SupplyRow<'a>> {
        let pack =
            |half: &Half<'_>| crate::engine::items::pack_of(&items.at(ItemId(half.profile.item), half.time.div_euclid(SECONDS_PER_DAY)));
        let known = Known { pack: &pack, frequency: &|code, day| snapshot.frequency(code, day) };
        let supplies = join(self.tables(), halves, &known);
        let row = |supply: Supply<'a>| {
            let item = ItemId(supply.speaker().map_or(0, |half| half.profile.item));
            let facts = items.at(item, supply.time.div_euclid(SECONDS_PER_DAY));
            SupplyRow { key, item, facts, fresh: supply.halves.iter().any(|half| half.number >= first_half), asked: true, supply }
        };
        supplies.into_iter().map(row).collect()
    }

    /// The column `supply.*` of all rows; `None` for a name that is no column.
    pub fn supply_column(&self, name: &str, rows: &[&SupplyRow<'_>], snapshot: &Snapshot) -> Option<ArrayRef> {
        let visit = |row: &SupplyRow<'_>| *self.events.row(row.supply.visit);
        let sym = |sym: Sym| self.symbols.text(sym);
        let first = |row: &SupplyRow<'_>| row.supply.speaker().map(|half| *half.profile);
        let number =
            |of: &dyn Fn(&SupplyRow<'_>) -> Option<i64>, scale: i8| decimals(rows.iter().map(|row| of(row).map(i128::from)), 18, scale);
        let array: ArrayRef = match name.strip_prefix("supply.")? {
            "fixmedins_code" => texts(rows.iter().map(|row| row.supply.anchor.institution)),
            "rx_no" => texts(rows.iter().map(|row| Some(row.supply.anchor.shown()))),
            "substance" => texts(rows.iter().map(|row| sym(row.key.substance))),
            "med_list_codg" => texts(rows.iter().map(|row| first(row).and_then(|profile| sym(profile.code)))),
            "drug_name" => texts(rows.iter().map(|row| first(row).and_then(|profile| sym(profile.name)))),
            "spec" => texts(rows.iter().map(|row| first(row).and_then(|profile| sym(profile.spec)))),
            "special_class" => texts(rows.iter().map(|row| row.facts.special_class.map(|class| class.word()))),
            "form_group" => texts(rows.iter().map(|row| row.facts.form_group.map(|form| form.word()))),
            "fact_time" => Arc::new(TimestampSecondArray::from_iter_values(rows.iter().map(|row| row.supply.time))),
            "dispensed" => flags(rows.iter().map(|row| Some(row.supply.dispensed))),
            "prescribed" => flags(rows.iter().map(|row| Some(row.supply.prescribed))),
            "circulated" => flags(rows.iter().map(|row| Some(row.supply.circulated))),
            "quantity" | "packs" => number(&|row| row.supply.packs, 4),
            "amount" => number(&|row| row.supply.amount, 2),
            "days_declared" => number(&|row| row.supply.days_declared, 4),
            "days_computed" => number(&|row| row.supply.days_computed, 4),
            "days_pack" => number(&|row| row.supply.days_pack, 4),
            "one_pack" => flags(rows.iter().map(|row| row.supply.one_pack)),
            "doses" => number(&|row| row.supply.doses, 4),
            "dose_usual" => number(&|row| row.facts.master.and_then(|master| i64::try_from(master.each_dos?).ok()), 4),
            "dispensed_at" => Arc::new(rows.iter().map(|row| row.supply.dispensed_at).collect::<TimestampSecondArray>()),
            "audited_at" => {
                let audited =
                    |row: &SupplyRow<'_>| row.supply.halves.iter().filter_map(|half| self.events.row(half.event).audited.get()).min();
                Arc::new(rows.iter().map(|row| audited(row)).collect::<TimestampSecondArray>())
            }
            "operation" => flags(rows.iter().map(|row| self.operation(row, row.facts.special_class))),
            "inst_level" => {
                let level = |row: &SupplyRow<'_>| {
                    let day = row.supply.time.div_euclid(SECONDS_PER_DAY);
                    snapshot.institution(row.supply.anchor.institution?, day).map(|institution| institution.level.as_str())
                };
                texts(rows.iter().map(|row| level(row)))
            }
            "area" => texts(rows.iter().map(|row| sym(visit(row).area))),
            "insured_area" => texts(rows.iter().map(|row| sym(visit(row).insured_area))),
            "setting" => texts(rows.iter().map(|row| self.first_told(row, |event| sym(event.setting)))),
            "long_rx_flag" => texts(rows.iter().map(|row| row.supply.prescribed.then(|| if visit(row).long_rx { "1" } else { "0" }))),
            "sp_dise_flag" => {
                let chronic = |row: &SupplyRow<'_>| row.supply.halves.iter().any(|half| self.events.row(half.event).chronic);
                texts(rows.iter().map(|row| Some(if chronic(row) { "1" } else { "0" })))
            }
            "diag_codes" => texts(rows.iter().map(|row| joined(self.diagnosis_codes(row)))),
            "disease_groups" => {
                texts(rows.iter().map(|row| groups_text(snapshot, self.diagnosis_codes(row), row.supply.time.div_euclid(SECONDS_PER_DAY))))
            }
            "brdy" => Arc::new(rows.iter().map(|row| self.first_told(row, |event| event.birth_day)).collect::<Date32Array>()),
            "age" => {
                let by_birth = |row: &SupplyRow<'_>| age(self.first_told(row, |event| event.birth_day), row.supply.time);
                let stated = |row: &SupplyRow<'_>| self.first_told(row, |event| event.age).map(i32::from);
                Arc::new(rows.iter().map(|row| by_birth(row).or_else(|| stated(row))).collect::<Int32Array>())
            }
            "dscg_tkdrug_flag" => texts(rows.iter().map(|row| Some(if row.supply.discharge { "1" } else { "0" }))),
            _ => return None,
        };
        Some(array)
    }

    /// What the first event of the supply that tells it says of person or visit.
    fn first_told<T>(&self, row: &SupplyRow<'_>, told: impl Fn(&EventRow) -> Option<T>) -> Option<T> {
        let halves = row.supply.halves.iter().map(|half| half.event);
        std::iter::once(row.supply.visit).chain(halves).find_map(|event| told(self.events.row(event)))
    }

    /// Only of controlled drugs is it known that no later bill changes it unseen.
    fn operation(&self, row: &SupplyRow<'_>, class: Option<SpecialClass>) -> Option<bool> {
        class.filter(|class| *class != SpecialClass::NotSpecial)?;
        let same = |one, other| self.texts.get(one) == self.texts.get(other);
        let told: Vec<Option<bool>> = row.supply.halves.iter().map(|half| self.events.has_operation(half.event, same)).collect();
        if told.contains(&Some(true)) { Some(true) } else { (!told.contains(&None)).then_some(false) }
    }

    /// Diagnoses of the visit: of the event that speaks for it, else of any half's event.
    fn diagnosis_codes<'a>(&'a self, row: &'a SupplyRow<'_>) -> impl Iterator<Item = &'a str> {
        let own = self.events.diagnoses(row.supply.visit);
        let others = row.supply.halves.iter().filter(move |_| own.is_empty()).flat_map(|half| self.events.diagnoses(half.event));
        own.iter().chain(others).filter_map(|code| self.symbols.text(*code))
    }
}

/// Nobody is younger than born: a day of birth after the supply is a mistake.
fn age(birth_day: Option<i32>, at: i64) -> Option<i32> {
    let date = |day: i64| chrono::DateTime::from_timestamp(day * SECONDS_PER_DAY, 0).map(|time| time.date_naive());
    Some(age_years(date(i64::from(birth_day?))?, date(Civil(at).day())?)).filter(|years| *years >= 0)
}
