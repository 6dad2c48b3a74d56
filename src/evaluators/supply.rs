//! Joins the halves of a supply: the prescription's drug lines and the
//! settlement's drug lines of one person and one substance.
//!
//! The prescription number is `hospRxno`. A bill's line belongs to a
//! prescription of the same person when its `rx_drord_no` is that number in the
//! same visit, or, on a circulated prescription, that number or `hiRxno`. A
//! line without a prescription stands for itself, under its own number and
//! the bill's institution.

use std::collections::BTreeMap;

use crate::base::decimal::divide_round;
use crate::state::events::EventIdx;
use crate::state::events::Events;
use crate::state::intern::Arena;
use crate::state::intern::Interner;
use crate::state::intern::Sym;
use crate::state::supplies::Half;

/// Ten-thousandths: the scale of quantities and days.
const ONE: i128 = 10_000;

/// What the drug master says about a code's smallest pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pack {
    /// Unit of one dose (片) and of one pack (盒).
    pub dose_unit: String,
    pub pack_unit: String,
    /// Dose units in the smallest pack.
    pub doses_per_pack: i64,
}

/// Identity of a supply: the prescribing institution and the prescription's
/// number there, or for a line without prescription what it has instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    /// `None`: bought on a circulated prescription that is not known.
    pub institution: Option<String>,
    pub number: String,
}

/// One supply. Quantities and days in ten-thousandths.
#[derive(Clone, Debug)]
pub struct Supply {
    pub anchor: Anchor,
    /// Both kinds of halves, in the order of (time, event id, line).
    pub halves: Vec<Half>,
    /// The event that speaks for the visit: the prescription if known.
    pub visit: EventIdx,
    /// Issued, else dispensed at.
    pub time: i64,
    pub prescribed: bool,
    pub dispensed: bool,
    pub circulated: bool,
    pub discharge: bool,
    /// In packs, where the unit is convertible.
    pub packs: Option<i64>,
    pub amount: Option<i64>,
    /// Dose units a day, for telling a raised dose.
    pub daily_dose: Option<i64>,
    pub days_declared: Option<i64>,
    pub days_computed: Option<i64>,
    pub days_pack: Option<i64>,
}

impl Supply {
    /// Days that count for overlaps: the least of what is declared and
    /// computed, because a longer one would accuse.
    pub fn days(&self) -> Option<i64> {
        match (self.days_declared, self.days_computed) {
            (Some(declared), Some(computed)) => Some(declared.min(computed)),
            (declared, computed) => declared.or(computed),
        }
    }
}

/// What the join reads.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub events: &'a Events,
    pub texts: &'a Arena,
    pub symbols: &'a Interner,
}

impl Tables<'_> {
    /// The order in which equal times are told apart: by business id and
    /// line, never by arrival.
    fn order(&self, half: &Half) -> (i64, &str, &str) {
        (half.time, self.texts.get(self.events.row(half.event).id), self.texts.get(half.line))
    }

    fn institution(&self, event: EventIdx) -> Option<String> {
        self.symbols.text(self.events.row(event).institution).map(str::to_owned)
    }
}

/// Joins all halves of one person and substance into supplies, in the order
/// of their time and anchor.
pub fn join<'a>(
    tables: Tables<'_>,
    halves: impl Iterator<Item = &'a Half>,
    pack: &dyn Fn(Sym) -> Option<Pack>,
) -> Vec<Supply> {
    let mut sorted: Vec<&Half> = halves.collect();
    sorted.sort_by(|a, b| tables.order(a).cmp(&tables.order(b)));
    let mut groups: BTreeMap<Anchor, Vec<Half>> = BTreeMap::new();
    for half in sorted.iter().filter(|half| half.prescribed) {
        groups.entry(prescription_anchor(tables, half)).or_default().push(**half);
    }
    for half in sorted.iter().filter(|half| !half.prescribed) {
        let anchor = sorted
            .iter()
            .filter(|other| other.prescribed && belongs(tables, half, other))
            .map(|other| prescription_anchor(tables, other))
            .min()
            .unwrap_or_else(|| line_anchor(tables, half));
        groups.entry(anchor).or_default().push(**half);
    }
    let mut supplies: Vec<Supply> =
        groups.into_iter().filter_map(|(anchor, halves)| supply(tables, anchor, halves, pack)).collect();
    supplies.sort_by(|a, b| (a.time, &a.anchor).cmp(&(b.time, &b.anchor)));
    supplies
}

fn prescription_anchor(tables: Tables<'_>, half: &Half) -> Anchor {
    Anchor { institution: tables.institution(half.event), number: tables.texts.get(half.rx_no).to_owned() }
}

fn line_anchor(tables: Tables<'_>, half: &Half) -> Anchor {
    let number = if half.rx_no.is_empty() {
        let row = tables.events.row(half.event);
        format!("{}#{}", tables.texts.get(row.mdtrt_id), tables.texts.get(half.line))
    } else {
        tables.texts.get(half.rx_no).to_owned()
    };
    let institution = if half.circulated { None } else { tables.institution(half.event) };
    Anchor { institution, number }
}

fn belongs(tables: Tables<'_>, line: &Half, prescribed: &Half) -> bool {
    let number = tables.texts.get(line.rx_no);
    if number.is_empty() {
        return false;
    }
    let (bill, prescription) = (tables.events.row(line.event), tables.events.row(prescribed.event));
    let hosp_rxno = tables.texts.get(prescribed.rx_no);
    let visit = tables.texts.get(bill.mdtrt_id);
    if line.circulated {
        number == hosp_rxno || number == tables.texts.get(prescription.hi_rxno)
    } else {
        number == hosp_rxno && !visit.is_empty() && visit == tables.texts.get(prescription.mdtrt_id)
    }
}

fn supply(tables: Tables<'_>, anchor: Anchor, mut halves: Vec<Half>, pack: &dyn Fn(Sym) -> Option<Pack>) -> Option<Supply> {
    halves.sort_by(|a, b| tables.order(a).cmp(&tables.order(b)));
    let speaker = halves.iter().find(|half| half.prescribed).or(halves.first())?;
    let (visit, time) = (speaker.event, speaker.time);
    let prescribed: Vec<&Half> = halves.iter().filter(|half| half.prescribed).collect();
    let lines: Vec<&Half> = halves.iter().filter(|half| !half.prescribed).collect();
    let quantity = if lines.is_empty() { total(&prescribed, |half| half.quantity) } else { total(&lines, |half| half.quantity) };
    let declared = |halves: &[&Half]| halves.iter().filter_map(|half| half.days).max();
    let days_declared = declared(&prescribed).or_else(|| declared(&lines));
    let mut joined = Supply {
        anchor,
        visit,
        time,
        prescribed: !prescribed.is_empty(),
        dispensed: lines.iter().any(|half| half.quantity.is_none_or(|quantity| quantity > 0)),
        circulated: lines.iter().any(|half| half.circulated),
        discharge: halves.iter().any(|half| half.discharge),
        packs: None,
        amount: if lines.is_empty() { total(&prescribed, |half| half.amount) } else { total(&lines, |half| half.amount) },
        daily_dose: None,
        days_declared,
        days_computed: None,
        days_pack: None,
        halves: Vec::new(),
    };
    if let Some(first) = prescribed.first()
        && prescribed.iter().all(|half| (half.unit, half.dose, half.dose_unit, half.frequency) == (first.unit, first.dose, first.dose_unit, first.frequency))
    {
        compute_days(tables, &mut joined, first, quantity, pack(first.code));
    }
    joined.halves = halves;
    Some(joined)
}

fn total(halves: &[&Half], of: impl Fn(&Half) -> Option<i64>) -> Option<i64> {
    halves.iter().map(|half| of(half)).sum()
}

/// Days = quantity in dose units over dose times doses a day. Unknown where
/// a unit is not the drug master's, a frequency is not in the national list
/// or means "when needed", or the form has no countable dose.
fn compute_days(tables: Tables<'_>, joined: &mut Supply, half: &Half, quantity: Option<i64>, pack: Option<Pack>) {
    let text = |sym| tables.symbols.text(sym).unwrap_or_default();
    let Some(pack) = pack.filter(|pack| pack.doses_per_pack > 0) else { return };
    let per_pack = i128::from(pack.doses_per_pack);
    let in_packs = text(half.unit) == pack.pack_unit;
    let in_doses = text(half.unit) == pack.dose_unit;
    let Some(quantity) = quantity.map(i128::from).filter(|_| in_packs || in_doses) else { return };
    let doses = if in_packs { quantity * per_pack } else { quantity };
    joined.packs = i64::try_from(divide_round(doses, per_pack)).ok();
    if uncountable(text(half.form)) || text(half.dose_unit) != pack.dose_unit {
        return;
    }
    let Some((times, cycle)) = times_per_cycle(text(half.frequency)) else { return };
    let Some(dose) = half.dose.map(i128::from).filter(|dose| *dose > 0) else { return };
    joined.daily_dose = i64::try_from(dose * times / cycle).ok();
    let days = |doses: i128| i64::try_from(divide_round(doses * ONE * cycle, dose * times)).ok();
    joined.days_computed = days(doses);
    joined.days_pack = days(per_pack * ONE);
}

/// Forms whose dose cannot be counted in the pack's units.
fn uncountable(form: &str) -> bool {
    ["滴", "膏", "吸入", "喷", "凝胶", "洗", "搽"].iter().any(|part| form.contains(part))
}

/// Doses per cycle and the cycle's days, by the national frequency list
/// (`used_frqu`). `None` for a code of the institution's own and for "when
/// needed".
fn times_per_cycle(code: &str) -> Option<(i128, i128)> {
    let known = match code.to_ascii_lowercase().as_str() {
        "qd" | "qn" | "qm" => (1, 1),
        "bid" | "q12h" => (2, 1),
        "tid" | "q8h" => (3, 1),
        "qid" | "q6h" => (4, 1),
        "q5h" => (5, 1),
        "q4h" => (6, 1),
        "q3h" => (8, 1),
        "q2h" => (12, 1),
        "qh" => (24, 1),
        "qod" => (1, 2),
        "q3d" => (1, 3),
        "qw" => (1, 7),
        "biw" => (2, 7),
        "tiw" => (3, 7),
        "qow" => (1, 14),
        _ => return None,
    };
    Some(known)
}
