//! Joins the halves of a supply: the prescription's drug lines and the
//! settlement's drug lines of one person and one substance.
//!
//! The prescription number is `hospRxno`. A bill's line belongs to a
//! prescription of the same person when its `rx_drord_no` is that number in the
//! same visit, or, on a circulated prescription, that number or `hiRxno`. A
//! line without a prescription stands for itself, under its own number and
//! the bill's institution.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::base::time::SECONDS_PER_DAY;
use crate::evaluators::dosage::Pack;
use crate::evaluators::dosage::Told;
use crate::evaluators::dosage::count;
use crate::reference::frequencies::Frequency;
use crate::state::events::EventIdx;
use crate::state::events::Events;
use crate::state::intern::Arena;
use crate::state::intern::Interner;
use crate::state::supplies::Half;

/// Ten-thousandths: the scale of quantities and days.
const ONE: i128 = 10_000;

/// Identity of a supply: the prescribing institution and the prescription's
/// number there, or for a line without prescription what it has instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor<'a> {
    /// `None`: bought on a circulated prescription that is not known.
    pub institution: Option<&'a str>,
    /// The visit of a line without prescription, because orders are often
    /// numbered by visit; empty where the prescription's number says it all.
    pub visit: &'a str,
    pub number: Number<'a>,
}

/// What a supply is counted by. An order may be numbered as lines are, and is
/// another supply all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Number<'a> {
    /// The bill's number of a line that names no order.
    Line(&'a str),
    /// Of a prescription or an order.
    Order(&'a str),
}

/// Before the number of a line, and before an order's that begins like one.
const LINE_MARK: char = '#';
const ORDER_MARK: char = '\\';

impl<'a> Anchor<'a> {
    /// The number as people know it; a line without one has its visit's.
    pub fn shown(&self) -> Cow<'a, str> {
        match self.number {
            Number::Line(line) => Cow::Owned(format!("{}{LINE_MARK}{line}", self.visit)),
            Number::Order(number) => Cow::Borrowed(number),
        }
    }
}

impl Number<'_> {
    /// The number as part of a clue's id: no line has an order's, and most
    /// orders have their own.
    pub fn key(&self) -> String {
        match self {
            Self::Line(line) => format!("{LINE_MARK}{line}"),
            Self::Order(number) if number.starts_with([LINE_MARK, ORDER_MARK]) => format!("{ORDER_MARK}{number}"),
            Self::Order(number) => (*number).to_owned(),
        }
    }
}

/// One supply. Quantities and days in ten-thousandths.
#[derive(Clone, Debug)]
pub struct Supply<'a> {
    pub anchor: Anchor<'a>,
    /// Both kinds of halves, in the order of (time, event id, line).
    pub halves: Vec<Half<'a>>,
    /// The event that speaks for the visit: the prescription if known.
    pub visit: EventIdx,
    /// Issued, else dispensed at.
    pub time: i64,
    pub prescribed: bool,
    pub dispensed: bool,
    pub circulated: bool,
    pub discharge: bool,
    /// First handed out.
    pub dispensed_at: Option<i64>,
    /// In packs, where the unit is convertible.
    pub packs: Option<i64>,
    /// In dose units, where the unit is convertible.
    pub doses: Option<i64>,
    /// Whether it is one smallest pack, where that can be told.
    pub one_pack: Option<bool>,
    /// Quantity as billed or prescribed, if all its lines are of one item.
    pub quantity: Option<i64>,
    pub amount: Option<i64>,
    /// Dose units a day, for telling a raised dose.
    pub daily_dose: Option<i64>,
    pub days_declared: Option<i64>,
    pub days_computed: Option<i64>,
    pub days_pack: Option<i64>,
}

impl<'a> Supply<'a> {
    /// Days that count for overlaps: the least of what is declared and
    /// computed, because a longer one would accuse.
    pub fn days(&self) -> Option<i64> {
        match (self.days_declared, self.days_computed) {
            (Some(declared), Some(computed)) => Some(declared.min(computed)),
            (declared, computed) => declared.or(computed),
        }
    }

    /// The half that speaks for the supply: the prescription's if known.
    pub fn speaker(&self) -> Option<Half<'a>> {
        self.halves.iter().find(|half| half.prescribed).or(self.halves.first()).copied()
    }
}

/// What the reference tables say.
pub struct Known<'f, 'a> {
    /// The smallest pack of a half's item at its time.
    pub pack: &'f dyn Fn(&Half<'a>) -> Option<Pack<'a>>,
    /// What a frequency code means on a day.
    pub frequency: &'f dyn Fn(&str, i64) -> Option<Frequency>,
}

/// What the join reads.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub events: &'a Events,
    pub texts: &'a Arena,
    pub symbols: &'a Interner,
}

impl<'a> Tables<'a> {
    /// The order in which equal times are told apart: by business id and
    /// line, never by arrival.
    fn order(&self, a: &Half<'_>, b: &Half<'_>) -> Ordering {
        let id = |half: &Half<'_>| self.texts.get(self.events.row(half.event).id);
        let line = |half: &Half<'_>| self.texts.get(half.line);
        a.time.cmp(&b.time).then_with(|| id(a).cmp(id(b))).then_with(|| line(a).cmp(line(b)))
    }

    fn institution(&self, event: EventIdx) -> Option<&'a str> {
        self.symbols.text(self.events.row(event).institution)
    }

    fn text(&self, sym: crate::state::intern::Sym) -> &'a str {
        self.symbols.text(sym).unwrap_or_default()
    }
}

/// Joins all halves of one person and substance into supplies, in the order
/// of their time and anchor.
pub fn join<'a>(tables: Tables<'a>, mut sorted: Vec<Half<'a>>, known: &Known<'_, 'a>) -> Vec<Supply<'a>> {
    sorted.sort_by(|a, b| tables.order(a, b));
    let prescribed: Vec<Half<'a>> = sorted.iter().copied().filter(|half| half.prescribed).collect();
    let mut anchored: Vec<(Anchor<'a>, Half<'a>)> = sorted
        .into_iter()
        .map(|half| {
            let of_prescription = |other: &Half<'a>| prescription_anchor(tables, other);
            let anchor = if half.prescribed {
                of_prescription(&half)
            } else {
                let owners = prescribed.iter().filter(|other| belongs(tables, &half, other));
                owners.map(of_prescription).min().unwrap_or_else(|| line_anchor(tables, &half))
            };
            (anchor, half)
        })
        .collect();
    // Stable: within an anchor the order of halves stays.
    anchored.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut supplies: Vec<Supply<'a>> = anchored
        .chunk_by(|(a, _), (b, _)| a == b)
        .filter_map(|group| supply(tables, group[0].0.clone(), group.iter().map(|(_, half)| *half).collect(), known))
        .collect();
    supplies.sort_by(|a, b| (a.time, &a.anchor).cmp(&(b.time, &b.anchor)));
    supplies
}

/// Which halves may belong to a supply with one of the `first`: those that are
/// tied to it by the numbers that [`join`] goes by, directly or through others.
/// What is not among them is joined without them as it is with them.
pub fn related(tables: Tables<'_>, halves: &[Half<'_>], first: &dyn Fn(&Half<'_>) -> bool) -> Vec<bool> {
    let mut related: Vec<bool> = halves.iter().map(first).collect();
    let mut open: Vec<usize> = (0..halves.len()).filter(|idx| related[*idx]).collect();
    while let Some(at) = open.pop() {
        for (idx, other) in halves.iter().enumerate() {
            if !related[idx] && tied(tables, &halves[at], other) {
                related[idx] = true;
                open.push(idx);
            }
        }
    }
    related
}

fn tied(tables: Tables<'_>, one: &Half<'_>, other: &Half<'_>) -> bool {
    let text = |text| tables.texts.get(text);
    if one.rx_no.is_empty() || other.rx_no.is_empty() {
        return one.rx_no.is_empty() && other.rx_no.is_empty() && text(one.line) == text(other.line);
    }
    let numbers = |half: &Half<'_>| {
        let national = if half.prescribed { text(tables.events.row(half.event).hi_rxno) } else { "" };
        (text(half.rx_no), national)
    };
    let ((one, one_too), (other, other_too)) = (numbers(one), numbers(other));
    one == other || (!one_too.is_empty() && (one_too == other || one_too == other_too)) || (!other_too.is_empty() && other_too == one)
}

fn prescription_anchor<'a>(tables: Tables<'a>, half: &Half<'_>) -> Anchor<'a> {
    Anchor { institution: tables.institution(half.event), visit: "", number: Number::Order(tables.texts.get(half.rx_no)) }
}

fn line_anchor<'a>(tables: Tables<'a>, half: &Half<'_>) -> Anchor<'a> {
    let row = tables.events.row(half.event);
    let visit = tables.texts.get(if row.mdtrt_id.is_empty() { row.id } else { row.mdtrt_id });
    if half.rx_no.is_empty() {
        let institution = if half.circulated { None } else { tables.institution(half.event) };
        return Anchor { institution, visit, number: Number::Line(tables.texts.get(half.line)) };
    }
    let number = Number::Order(tables.texts.get(half.rx_no));
    if half.circulated {
        // A national number: what several pharmacies sell on it is one supply.
        return Anchor { institution: None, visit: "", number };
    }
    Anchor { institution: tables.institution(half.event), visit, number }
}

fn belongs(tables: Tables<'_>, line: &Half<'_>, prescribed: &Half<'_>) -> bool {
    if line.rx_no.is_empty() {
        return false;
    }
    let number = tables.texts.get(line.rx_no);
    let hosp_rxno = tables.texts.get(prescribed.rx_no);
    let prescription = tables.events.row(prescribed.event);
    if line.circulated {
        return number == hosp_rxno || number == tables.texts.get(prescription.hi_rxno);
    }
    let visit = tables.texts.get(tables.events.row(line.event).mdtrt_id);
    let same_institution = tables.events.row(line.event).institution == prescription.institution;
    same_institution && number == hosp_rxno && !visit.is_empty() && visit == tables.texts.get(prescription.mdtrt_id)
}

fn supply<'a>(tables: Tables<'a>, anchor: Anchor<'a>, halves: Vec<Half<'a>>, known: &Known<'_, 'a>) -> Option<Supply<'a>> {
    let pack = known.pack;
    let speaker = halves.iter().find(|half| half.prescribed).or(halves.first())?;
    let (visit, time) = (speaker.event, speaker.time);
    let of = |prescribed: bool| halves.iter().copied().filter(move |half| half.prescribed == prescribed);
    let (prescribed, dispensed) = (of(true).next().is_some(), of(false).next().is_some());
    // Quantities come from what was handed out, where that is known.
    let total = |value: fn(Half<'_>) -> Option<i64>| of(!dispensed).map(value).try_fold(0_i64, |sum, own| sum.checked_add(own?));
    let declared = |prescribed: bool| of(prescribed).filter_map(|half| half.days()).max();
    let mut joined = Supply {
        anchor,
        visit,
        time,
        prescribed,
        dispensed: of(false).any(|half| half.quantity.is_none_or(|quantity| quantity > 0)),
        circulated: of(false).any(|half| half.circulated),
        discharge: halves.iter().any(|half| half.discharge),
        dispensed_at: of(false).map(|half| half.time).min(),
        packs: None,
        doses: None,
        one_pack: None,
        quantity: None,
        amount: total(|half| half.amount),
        daily_dose: None,
        days_declared: declared(true).or_else(|| declared(false)),
        days_computed: None,
        days_pack: None,
        halves: Vec::new(),
    };
    let dosing = |half: Half<'_>| (half.profile.unit, half.profile.dose, half.profile.dose_unit, half.profile.frequency);
    if let Some(first) = of(true).next()
        && of(true).all(|half| dosing(half) == dosing(first))
    {
        if let Some((pack, quantity)) = pack(&first).zip(total(|half| half.quantity)) {
            let counted = count(&pack, &told(tables, &first, quantity, known));
            (joined.packs, joined.doses, joined.daily_dose) = (counted.packs, counted.doses, counted.daily_dose);
            (joined.days_computed, joined.days_pack) = (counted.days, counted.days_pack);
        }
    } else if !prescribed && halves.iter().all(|half| pack(half).is_some_and(|pack| pack.doses_per_pack == 1)) {
        // A bill tells no unit; where a pack is one dose unit it does not matter.
        joined.packs = total(|half| half.quantity);
        joined.doses = joined.packs;
    }
    let of_one_item = halves.iter().all(|half| half.profile.is_same_item(halves[0].profile));
    joined.quantity = total(|half| half.quantity).filter(|_| of_one_item);
    joined.one_pack = match joined.packs {
        Some(packs) => Some(i128::from(packs) == ONE),
        // In packs or in dose units: where neither reading is one pack, it is none.
        None if !prescribed => pack(&halves[0]).zip(joined.quantity).and_then(|(pack, quantity)| {
            let may_be = quantity <= 10_000 || quantity == pack.doses_per_pack.saturating_mul(10_000);
            (!may_be).then_some(false)
        }),
        None => None,
    };
    joined.halves = halves;
    Some(joined)
}

/// What a prescription line says, for counting.
fn told<'a>(tables: Tables<'a>, half: &Half<'a>, quantity: i64, known: &Known<'_, 'a>) -> Told<'a> {
    let line = half.profile;
    Told {
        quantity,
        unit: tables.text(line.unit),
        dose: line.dose,
        dose_unit: tables.text(line.dose_unit),
        form: tables.text(line.form),
        frequency: (known.frequency)(tables.text(line.frequency), half.time.div_euclid(SECONDS_PER_DAY)),
    }
}
