//! Puts a judged run into state: events, contacts, consultations and supply
//! lines, and says which persons' facts changed.

use std::collections::BTreeSet;

use crate::base::time::SECONDS_PER_DAY;
use crate::engine::enrich::Batch;
use crate::engine::enrich::HeaderFacts;
use crate::engine::enrich::western_codes;
use crate::engine::facts::Table;
use crate::engine::facts::is_care;
use crate::engine::items::Items;
use crate::events::SETTLEMENT_INPUT;
use crate::state::events::EventIdx;
use crate::state::events::EventRow;
use crate::state::events::Events;
use crate::state::events::Roles;
use crate::state::intern::Arena;
use crate::state::intern::Interner;
use crate::state::intern::Sym;
use crate::state::intern::TextRef;
use crate::state::persons::PersonIdx;
use crate::state::supplies::Half;
use crate::state::supplies::Supplies;
use crate::state::supplies::SupplyKey;

/// The tables that a run is put into.
#[derive(Debug, Default)]
pub struct Memory {
    pub events: Events,
    pub supplies: Supplies,
    pub texts: Arena,
    pub symbols: Interner,
}

/// Whose facts changed.
#[derive(Debug, Default)]
pub struct Changed {
    pub supplies: BTreeSet<SupplyKey>,
    /// Persons with a consultation that a new fact may bear on.
    pub persons: BTreeSet<PersonIdx>,
    /// New consultations: the fact time from which the wait runs.
    pub consultations: Vec<(i64, PersonIdx)>,
}

/// What the programs and the caller say about each header row.
pub struct Marks<'a> {
    pub persons: &'a [PersonIdx],
    /// Rows that a history rule judges, and the institution's own word.
    pub anchors: &'a [Option<Option<bool>>],
    /// Offsets in the input's partition.
    pub offsets: &'a [i64],
}

impl Memory {
    /// Puts every row of the run into the tables, in order.
    pub fn remember(&mut self, batch: &Batch, items: &Items, marks: &Marks<'_>) -> Changed {
        let mut changed = Changed::default();
        for row in 0..batch.headers.len() {
            let facts = &batch.headers[row];
            let person = marks.persons[row];
            let anchor = marks.anchors[row];
            let bill = batch.input == SETTLEMENT_INPUT;
            let roles = Roles {
                contact: facts.online == Some(false) && is_care(facts.setting),
                consultation: anchor.is_some(),
                prescription: !bill,
            };
            let event = self.event(batch, row, person, anchor.flatten(), marks.offsets[row], roles);
            self.lines(batch, items, event, row, person, &mut changed);
            if anchor.is_some() {
                changed.consultations.push((facts.fact_time, person));
            }
            if anchor.is_some() || !self.events.consultations(person).is_empty() {
                changed.persons.insert(person);
            }
        }
        changed
    }

    fn event(&mut self, batch: &Batch, row: usize, person: PersonIdx, told: Option<bool>, offset: i64, roles: Roles) -> EventIdx {
        let header = batch.header();
        let facts: &HeaderFacts = &batch.headers[row];
        let bill = batch.input == SETTLEMENT_INPUT;
        let text = |name: &str| header.texts(name).get(row);
        let diagnoses = self.diagnoses(batch, row);
        let chronic = facts.setting == Some("chronic") || text("sp_dise_flag") == Some("1");
        let row = EventRow {
            person,
            input: u8::try_from(batch.input).unwrap_or(u8::MAX),
            online: facts.online,
            first_visit: told.filter(|_| facts.first_visit_usable),
            chronic,
            long_rx: text("long_rx_flag") == Some("1"),
            offset,
            event_time: facts.event_time,
            fact_time: facts.fact_time,
            id: self.texts.keep(text(if bill { "setl_id" } else { "hosp_rxno" })),
            hi_rxno: self.texts.keep(text("hi_rxno")),
            init_rxno: self.texts.keep(text("init_rxno")),
            mdtrt_id: self.texts.keep(text("mdtrt_id")),
            institution: self.symbols.intern(text("fixmedins_code")),
            institution_name: self.symbols.intern(text("fixmedins_name")),
            area: self.symbols.intern(text(if bill { "fix_blng_admdvs" } else { "mdtrtarea_no" })),
            insured_area: self.symbols.intern(text(if bill { "insu_admdvs" } else { "insu_plc_no" })),
            setting: self.symbols.intern(facts.setting),
            dise_codg: self.symbols.intern(text("dise_codg")),
            doctor: self.symbols.intern(text("dr_code")),
            department: self.symbols.intern(text("prsc_dept_code")),
            diagnoses: (0, 0),
            birth_day: header.days("brdy").get(row),
            fund_pay: header.numbers("fund_pay_sumamt").get(row),
            within_scope: header.numbers("inscp_scp_amt").get(row),
        };
        self.events.push(row, &diagnoses, roles)
    }

    fn diagnoses(&mut self, batch: &Batch, row: usize) -> Vec<Sym> {
        let mut out: Vec<Sym> = Vec::new();
        for code in western_codes(batch, row) {
            let sym = self.symbols.intern(Some(code));
            if !sym.is_none() && !out.contains(&sym) {
                out.push(sym);
            }
        }
        out
    }

    fn lines(&mut self, batch: &Batch, items: &Items, event: EventIdx, row: usize, person: PersonIdx, changed: &mut Changed) {
        let line = batch.line_table();
        let bill = batch.input == SETTLEMENT_INPUT;
        let rx_no = if bill { TextRef::default() } else { self.events.row(event).id };
        let list_types = line.texts("list_type");
        let names = line.texts(if bill { "medins_list_name" } else { "drug_genname" });
        for (place, at) in batch.headers[row].lines.clone().enumerate() {
            let fact = &batch.lines[at];
            let returned = fact.net_quantity.is_some_and(|quantity| quantity <= 0);
            if bill && (returned || list_types.get(at).is_some_and(|kind| kind != "101")) {
                continue;
            }
            let facts = items.at(fact.item, fact.fact_time.div_euclid(SECONDS_PER_DAY));
            // A drug without a usable code is still a supply: its class is unknown, not none.
            let drug = !bill || list_types.is(at, "101");
            let named = || names.get(at).filter(|_| drug);
            let Some(substance) = facts.substance.or_else(named) else { continue };
            let key = SupplyKey { person, substance: self.symbols.intern(Some(substance)) };
            let mut half = Half::new(event, !bill);
            half.time = if bill { fact.fact_time } else { batch.headers[row].fact_time };
            half.quantity = fact.net_quantity;
            if bill {
                self.bill_line(&line, at, &mut half);
            } else {
                half.rx_no = rx_no;
                self.drug_line(&line, at, place, &mut half);
            }
            self.supplies.push(key, half);
            changed.supplies.insert(key);
            if self.events.consultations(person).last() == Some(&event) {
                self.events.add_substance(event, key.substance);
            }
        }
    }

    fn bill_line(&mut self, line: &Table<'_>, at: usize, half: &mut Half) {
        let text = |name: &str| line.texts(name).get(at);
        half.circulated = text("rx_circ_flag") == Some("1");
        half.discharge = text("dscg_tkdrug_flag") == Some("1");
        half.line = self.texts.keep(text("feedetl_sn"));
        half.rx_no = self.texts.keep(text("rx_drord_no"));
        half.code = self.symbols.intern(text("med_list_codg"));
        half.name = self.symbols.intern(text("medins_list_name"));
        half.spec = self.symbols.intern(text("spec"));
        half.form = self.symbols.intern(text("dosform_name"));
        half.days = line.numbers("prd_days").get(at).filter(|days| *days > 0);
        half.price = line.numbers("pric").get(at);
        half.amount = line.numbers("det_item_fee_sumamt").get(at);
    }

    fn drug_line(&mut self, line: &Table<'_>, at: usize, place: usize, half: &mut Half) {
        let text = |name: &str| line.texts(name).get(at);
        half.line = self.texts.keep(Some(&(place + 1).to_string()));
        half.code = self.symbols.intern(text("med_list_codg"));
        half.name = self.symbols.intern(text("drug_genname"));
        half.spec = self.symbols.intern(text("drug_spec"));
        half.form = self.symbols.intern(text("drug_dosform"));
        half.unit = self.symbols.intern(text("drug_dosunt"));
        half.dose = line.numbers("sin_doscnt").get(at);
        half.dose_unit = self.symbols.intern(text("sin_dosunt"));
        half.frequency = self.symbols.intern(text("used_frqu_codg"));
        half.days = line.numbers("medc_days").get(at).filter(|days| *days > 0);
        half.price = line.numbers("drug_pric").get(at);
        half.amount = line.numbers("drug_sumamt").get(at);
    }
}
