//! Puts a judged run into state: events, contacts, consultations and supply
//! lines, and says which persons' facts changed.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::base::time::SECONDS_PER_DAY;
use crate::engine::enrich::Batch;
use crate::engine::enrich::Diagnoses;
use crate::engine::enrich::HeaderFacts;
use crate::engine::facts::Days;
use crate::engine::facts::Numbers;
use crate::engine::facts::Table;
use crate::engine::facts::Texts;
use crate::engine::facts::Times;
use crate::engine::facts::is_care;
use crate::engine::items::ItemId;
use crate::engine::items::Items;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::reference::special_drug::SpecialClass;
use crate::state::corrections::Corrections;
use crate::state::corrections::LineRefund;
use crate::state::events::EventIdx;
use crate::state::events::EventRow;
use crate::state::events::Events;
use crate::state::events::Roles;
use crate::state::intern::Arena;
use crate::state::intern::Interner;
use crate::state::intern::Sym;
use crate::state::intern::TextRef;
use crate::state::keyed::Keyed;
use crate::state::persons::PersonIdx;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;
use crate::state::supplies::Half;
use crate::state::supplies::HalfLine;
use crate::state::supplies::LineProfile;
use crate::state::supplies::Supplies;
use crate::state::supplies::SupplyKey;
use crate::state::versions::EventId;

/// The tables that a run is put into.
#[derive(Debug, Default)]
pub struct Memory {
    pub events: Events,
    pub supplies: Supplies,
    pub texts: Arena,
    pub symbols: Interner,
    pub corrections: Corrections,
    /// Substances of controlled drugs by person.
    controlled: Keyed<PersonIdx, Vec<Sym>>,
    /// By item number.
    item_names: Vec<Option<ItemNames>>,
}

/// What lines of one item are called.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ItemNames {
    code: Sym,
    name: Sym,
    form: Sym,
}

/// Whose facts changed.
#[derive(Debug, Default)]
pub struct Changed {
    /// Number of the first supply line that is new.
    pub first_half: usize,
    /// In order, each once.
    pub supplies: Vec<SupplyKey>,
    /// Those of them that something else than their lines bears on.
    pub whole: BTreeSet<SupplyKey>,
    /// Persons with a consultation that a new fact may bear on.
    pub persons: BTreeSet<PersonIdx>,
    /// New consultations: the fact time from which the wait runs.
    pub consultations: Vec<(i64, PersonIdx)>,
}

impl Memory {
    /// The business id of an event.
    pub fn id(&self, event: EventIdx) -> EventId {
        let row = self.events.row(event);
        let input = usize::from(row.input);
        let id = self.texts.get(row.id);
        let institution = self.symbols.text(row.institution).unwrap_or_default();
        let mut scratch = Vec::new();
        if input == SETTLEMENT_INPUT { EventId::of(input, [id], &mut scratch) } else { EventId::of(input, [institution, id], &mut scratch) }
    }

    /// Marks what an event bears on, as it begins or ceases to count.
    pub(super) fn touch(&self, event: EventIdx, changed: &mut Changed) {
        let row = self.events.row(event);
        for half in self.supplies.halves(row.halves) {
            changed.touch_supply(SupplyKey { person: row.person, substance: half.profile.substance });
        }
        if self.events.operated(event) {
            for substance in self.controlled.get(&row.person).into_iter().flatten() {
                changed.touch_supply(SupplyKey { person: row.person, substance: *substance });
            }
        }
        changed.persons.insert(row.person);
    }
}

impl Changed {
    /// Everything about a supply key is judged anew.
    pub(super) fn touch_supply(&mut self, key: SupplyKey) {
        self.whole.insert(key);
        if let Err(place) = self.supplies.binary_search(&key) {
            self.supplies.insert(place, key);
        }
    }
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
        let mut changed = Changed { first_half: self.supplies.len(), ..Changed::default() };
        let header = HeaderColumns::new(batch);
        let mut run = RunColumns { batch, items, line: LineColumns::new(batch), consultation: false };
        for (row, facts) in batch.headers.iter().enumerate() {
            let person = marks.persons[row];
            let anchor = marks.anchors[row];
            let contact = facts.online == Some(false) && is_care(facts.setting);
            let maybe_care = facts.setting.is_none() || is_care(facts.setting);
            let roles = Roles {
                contact,
                possible_contact: facts.online != Some(true) && maybe_care && !contact,
                consultation: anchor.is_some(),
                prescription: batch.input != SETTLEMENT_INPUT,
                operation: has_operation(batch, row),
                bill: batch.input == SETTLEMENT_INPUT,
            };
            let at = HeaderPlace { input: batch.input, row, person, told: anchor.flatten(), offset: marks.offsets[row] };
            let event = self.event(&header, facts, at, roles);
            run.consultation = anchor.is_some();
            let first = self.supplies.len();
            self.lines(&run, event, row, person, &mut changed);
            let count = u16::try_from(self.supplies.len() - first).unwrap_or(u16::MAX);
            self.events.set_halves(event, (u32::try_from(first).unwrap_or(u32::MAX), count));
            if roles.operation {
                // It may excuse what was told of controlled drugs before.
                for substance in self.controlled.get(&person).into_iter().flatten() {
                    let key = SupplyKey { person, substance: *substance };
                    changed.supplies.push(key);
                    changed.whole.insert(key);
                }
            }
            if anchor.is_some() {
                changed.consultations.push((facts.fact_time, person));
            }
            if anchor.is_some() || self.events.consultations(person).next().is_some() {
                changed.persons.insert(person);
            }
        }
        changed.supplies.sort_unstable();
        changed.supplies.dedup();
        changed
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { events, supplies, texts, symbols, corrections, controlled, item_names } = self;
        events.save(saver);
        supplies.save(saver);
        texts.save("texts", saver);
        symbols.save("symbols", saver);
        corrections.save(saver);
        controlled.save("controlled", saver);
        saver.head("item_names", item_names);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let events = Events::load(loader)?;
        Ok(Self {
            supplies: Supplies::load(loader, &events)?,
            events,
            texts: Arena::load("texts", loader)?,
            symbols: Interner::load("symbols", loader)?,
            corrections: Corrections::load(loader)?,
            controlled: Keyed::load("controlled", loader)?,
            item_names: loader.head("item_names")?,
        })
    }

    fn event(&mut self, header: &HeaderColumns<'_>, facts: &HeaderFacts, at: HeaderPlace, roles: Roles) -> EventIdx {
        let HeaderPlace { input, row, person, told, offset } = at;
        let diagnoses = self.diagnoses(header, facts, row);
        let upload = header.upload(person, row);
        let row = EventRow {
            person,
            input: u8::try_from(input).unwrap_or(u8::MAX),
            online: facts.online,
            first_visit: told.filter(|_| facts.first_visit_usable),
            chronic: facts.setting == Some("chronic") || header.sp_dise.is(row, "1"),
            long_rx: header.long_rx.is(row, "1"),
            offset,
            event_time: facts.event_time,
            fact_time: facts.fact_time,
            id: self.texts.keep(header.id.get(row)),
            hi_rxno: self.texts.keep(header.hi_rxno.get(row)),
            init_rxno: self.texts.keep(header.init_rxno.get(row)),
            mdtrt_id: self.texts.keep(header.mdtrt_id.get(row)),
            institution: self.symbols.intern(header.institution.get(row)),
            institution_name: self.symbols.intern(header.institution_name.get(row)),
            area: self.symbols.intern(header.area.get(row)),
            insured_area: self.symbols.intern(header.insured_area.get(row)),
            setting: self.symbols.intern(facts.setting),
            dise_codg: self.symbols.intern(header.dise_codg.get(row)),
            doctor: self.symbols.intern(header.doctor.get(row)),
            hi_paymtd: self.symbols.intern(header.hi_paymtd.get(row)),
            department: self.symbols.intern(header.department.get(row)),
            diagnoses: (0, 0),
            birth_day: header.brdy.get(row),
            age: header.age.get(row).and_then(|age| u8::try_from(age / 10_000).ok()),
            fund_pay: header.fund_pay.get(row).into(),
            within_scope: header.within_scope.get(row).into(),
            audited: header.audited.get(row).into(),
            total: header.total.get(row).into(),
            halves: (0, 0),
            previous: None,
        };
        self.events.push(row, &diagnoses, roles, upload)
    }

    /// The halves of a supply that count, net of what lines of other messages
    /// refund, the latest arrival first.
    pub fn halves(&self, key: SupplyKey) -> impl Iterator<Item = Half<'_>> {
        let refunds = self.corrections.refunds(key.person);
        let live = self.supplies.of(key).filter(|half| self.events.is_live(half.event));
        live.filter_map(move |half| if refunds.is_empty() { Some(half) } else { self.net(half, refunds) })
    }

    fn net<'a>(&self, mut half: Half<'a>, refunds: &[LineRefund]) -> Option<Half<'a>> {
        if half.prescribed {
            return Some(half);
        }
        let line = self.texts.get(half.line);
        for refund in refunds {
            if self.bears(refund, half.event, line) {
                let less = |left: Option<i64>, part: Option<i64>| left.zip(part).and_then(|(left, part)| left.checked_add(part));
                half.refunded = true;
                half.quantity = less(half.quantity, refund.quantity);
                half.amount = less(half.amount, refund.amount);
            }
        }
        let by_amount = || half.amount.is_some_and(|amount| amount <= 0);
        let returned = half.refunded && half.quantity.map_or_else(by_amount, |quantity| quantity <= 0);
        (!returned).then_some(half)
    }

    fn diagnoses(&mut self, header: &HeaderColumns<'_>, facts: &HeaderFacts, row: usize) -> Vec<Sym> {
        let mut out: Vec<Sym> = Vec::new();
        for code in header.diagnoses.of(facts.diagnoses.clone(), row) {
            // Some feeds write ICD codes in small letters.
            let sym = if code.bytes().any(|byte| byte.is_ascii_lowercase()) {
                self.symbols.intern(Some(&code.to_ascii_uppercase()))
            } else {
                self.symbols.intern(Some(code))
            };
            if !sym.is_none() && !out.contains(&sym) {
                out.push(sym);
            }
        }
        out
    }

    fn lines(&mut self, run: &RunColumns<'_>, event: EventIdx, row: usize, person: PersonIdx, changed: &mut Changed) {
        let (batch, line) = (run.batch, &run.line);
        let bill = batch.input == SETTLEMENT_INPUT;
        let rx_no = if bill { TextRef::default() } else { self.events.row(event).id };
        for (place, at) in batch.headers[row].lines.clone().enumerate() {
            let fact = &batch.lines[at];
            // By the amount where the quantity is not told: a refund, or a line of which nothing is left.
            let by_amount = || fact.net_amount.is_some_and(|amount| amount < 0 || (fact.refunded && amount == 0));
            let returned = fact.net_quantity.map_or_else(by_amount, |quantity| quantity <= 0);
            if bill && (returned || line.list_type.get(at).is_some_and(|kind| kind != "101")) {
                continue;
            }
            let facts = run.items.at(fact.item, fact.fact_time.div_euclid(SECONDS_PER_DAY));
            // A drug without a usable code is still a supply: its class is unknown, not none.
            let drug = !bill || line.list_type.is(at, "101");
            let named = || line.name.get(at).filter(|_| drug);
            let Some(substance) = facts.substance.or_else(named) else { continue };
            let key = SupplyKey { person, substance: self.symbols.intern(Some(substance)) };
            let half = HalfLine {
                event,
                prescribed: !bill,
                circulated: line.circulated.is(at, "1"),
                discharge: line.discharge.is(at, "1"),
                line: match line.key.get(at) {
                    Some(key) => self.texts.keep(Some(key)),
                    None => self.texts.keep(Some(&(place + 1).to_string())),
                },
                rx_no: if bill { self.texts.keep(line.rx_no.get(at)) } else { rx_no },
                time: if bill { fact.fact_time } else { batch.headers[row].fact_time },
                quantity: fact.net_quantity,
                amount: fact.net_amount,
            };
            let mut profile = self.profile(line, at, fact.item, key.substance);
            if fact.refunded {
                // How many days are left of them, the line does not say.
                profile.days = None;
            }
            self.supplies.push(key, profile, half);
            if facts.special_class.is_some_and(|class| class != SpecialClass::NotSpecial) {
                if !self.controlled.get(&person).is_some_and(|known| known.contains(&key.substance)) {
                    self.controlled.or_default(person).push(key.substance);
                }
            }
            changed.supplies.push(key);
            if run.consultation {
                self.events.add_substance(event, key.substance);
            }
        }
    }

    fn profile(&mut self, line: &LineColumns<'_>, at: usize, item: ItemId, substance: Sym) -> LineProfile {
        let place = item.0 as usize;
        if self.item_names.len() <= place {
            self.item_names.resize(place + 1, None);
        }
        let names = self.item_names[place].unwrap_or_else(|| ItemNames {
            code: self.symbols.intern(line.code.get(at)),
            name: self.symbols.intern(line.name.get(at)),
            form: self.symbols.intern(line.form.get(at)),
        });
        self.item_names[place] = Some(names);
        LineProfile {
            item: item.0,
            code: names.code,
            name: names.name,
            spec: self.symbols.intern(line.spec.get(at)),
            form: names.form,
            unit: self.symbols.intern(line.unit.get(at)),
            dose: line.dose.get(at),
            dose_unit: self.symbols.intern(line.dose_unit.get(at)),
            frequency: self.symbols.intern(line.frequency.get(at)),
            days: line.days.get(at).filter(|days| *days > 0),
            price: line.price.get(at),
            substance,
        }
    }
}

/// Whether a bill has an operation, or a fee for one or for anaesthesia
/// (06; 1413 where the fee group has local tails).
fn has_operation(batch: &Batch, row: usize) -> bool {
    if batch.input != SETTLEMENT_INPUT {
        return false;
    }
    let groups = batch.line_table().texts("med_chrgitm_type");
    let billed = |at: usize| groups.get(at).is_some_and(|group| group.starts_with("06") || group.starts_with("1413"));
    let listed = || batch.decoded.parents.get(2).is_some_and(|parents| parents.binary_search(&(row as u32)).is_ok());
    batch.headers[row].lines.clone().any(billed) || listed()
}

/// Where a header row stands and what is known of it beside its columns.
struct HeaderPlace {
    input: InputId,
    row: usize,
    person: PersonIdx,
    told: Option<bool>,
    offset: i64,
}

/// Header columns of a run, looked up once.
struct HeaderColumns<'a> {
    id: Texts<'a>,
    hi_rxno: Texts<'a>,
    init_rxno: Texts<'a>,
    mdtrt_id: Texts<'a>,
    institution: Texts<'a>,
    institution_name: Texts<'a>,
    area: Texts<'a>,
    insured_area: Texts<'a>,
    dise_codg: Texts<'a>,
    doctor: Texts<'a>,
    hi_paymtd: Texts<'a>,
    department: Texts<'a>,
    long_rx: Texts<'a>,
    sp_dise: Texts<'a>,
    brdy: Days<'a>,
    age: Numbers<'a>,
    fund_pay: Numbers<'a>,
    within_scope: Numbers<'a>,
    audited: Times<'a>,
    total: Numbers<'a>,
    message: Texts<'a>,
    diagnoses: Diagnoses<'a>,
}

impl<'a> HeaderColumns<'a> {
    fn new(batch: &'a Batch) -> Self {
        let header: Table<'a> = batch.header();
        let bill = batch.input == SETTLEMENT_INPUT;
        let either = |of_bill: &str, of_prescription: &str| header.texts(if bill { of_bill } else { of_prescription });
        Self {
            id: either("setl_id", "hosp_rxno"),
            hi_rxno: header.texts("hi_rxno"),
            init_rxno: header.texts("init_rxno"),
            mdtrt_id: header.texts("mdtrt_id"),
            institution: header.texts("fixmedins_code"),
            institution_name: header.texts("fixmedins_name"),
            area: either("fix_blng_admdvs", "mdtrtarea_no"),
            insured_area: either("insu_admdvs", "insu_plc_no"),
            dise_codg: header.texts("dise_codg"),
            doctor: header.texts("dr_code"),
            hi_paymtd: header.texts("hi_paymtd"),
            department: header.texts("prsc_dept_code"),
            long_rx: header.texts("long_rx_flag"),
            sp_dise: header.texts("sp_dise_flag"),
            brdy: header.days("brdy"),
            age: header.numbers(if bill { "age" } else { "patn_age" }),
            fund_pay: header.numbers("fund_pay_sumamt"),
            within_scope: header.numbers("inscp_scp_amt"),
            audited: header.times("phar_chk_time"),
            total: header.numbers("medfee_sumamt"),
            message: header.texts("medins_setl_id"),
            diagnoses: batch.diagnoses(),
        }
    }

    /// What two bills of a person share if they are one that was sent twice:
    /// the sender's message, the institution and the total.
    fn upload(&self, person: PersonIdx, row: usize) -> Option<u128> {
        let (message, institution, total) = (self.message.get(row)?, self.institution.get(row)?, self.total.get(row)?);
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&person.0.to_le_bytes());
        bytes.extend_from_slice(&total.to_le_bytes());
        bytes.extend_from_slice(institution.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(message.as_bytes());
        Some(xxh3_128(&bytes))
    }
}

/// Line columns of a run, looked up once; what an event type lacks is NULL.
struct LineColumns<'a> {
    key: Texts<'a>,
    rx_no: Texts<'a>,
    list_type: Texts<'a>,
    code: Texts<'a>,
    name: Texts<'a>,
    spec: Texts<'a>,
    form: Texts<'a>,
    circulated: Texts<'a>,
    discharge: Texts<'a>,
    unit: Texts<'a>,
    dose_unit: Texts<'a>,
    frequency: Texts<'a>,
    dose: Numbers<'a>,
    days: Numbers<'a>,
    price: Numbers<'a>,
}

impl<'a> LineColumns<'a> {
    fn new(batch: &'a Batch) -> Self {
        let line: Table<'a> = batch.line_table();
        let bill = batch.input == SETTLEMENT_INPUT;
        let name = |of_bill: &'static str, of_prescription: &'static str| if bill { of_bill } else { of_prescription };
        Self {
            key: line.texts("feedetl_sn"),
            rx_no: line.texts("rx_drord_no"),
            list_type: line.texts("list_type"),
            code: line.texts("med_list_codg"),
            name: line.texts(name("medins_list_name", "drug_genname")),
            spec: line.texts(name("spec", "drug_spec")),
            form: line.texts(name("dosform_name", "drug_dosform")),
            circulated: line.texts("rx_circ_flag"),
            discharge: line.texts("dscg_tkdrug_flag"),
            unit: line.texts("drug_dosunt"),
            dose_unit: line.texts("sin_dosunt"),
            frequency: line.texts("used_frqu_codg"),
            dose: line.numbers("sin_doscnt"),
            days: line.numbers(name("prd_days", "medc_days")),
            price: line.numbers(name("pric", "drug_pric")),
        }
    }
}

/// A run while its lines are remembered.
struct RunColumns<'a> {
    batch: &'a Batch,
    items: &'a Items,
    line: LineColumns<'a>,
    /// Whether the row at hand is a consultation.
    consultation: bool,
}
