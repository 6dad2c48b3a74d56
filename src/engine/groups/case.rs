//! A case as it is counted: when it is finished, what kind of case it is, and
//! to whom it is attributed.
//!
//! A stay counts once its final bill is there, with all its bills, at the time
//! of that bill; so does a visit, all of whose bills are final. Of several
//! final bills the last by settlement time, then id, speaks for the case.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::base::time::SECONDS_PER_DAY;
use crate::reference::baseline_tables::Case;
use crate::state::cases::BillView;
use crate::state::cases::CaseIdx;
use crate::state::cases::Cases;
use crate::state::events::Events;
use crate::state::intern::Arena;
use crate::state::intern::Interner;
use crate::state::intern::Sym;
use crate::state::persons::PersonIdx;
use crate::window::group::Contribution;
use crate::window::group::Measure;
use crate::window::group::RowKey;
use crate::window::group::Sums;
use crate::window::group::Text;

/// What cells are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub case: Case,
    pub disease_group: Sym,
    pub age: Option<u8>,
    pub level: Option<u8>,
    pub setting: Sym,
    pub insutype: Sym,
}

/// A finished case.
pub struct CaseFacts<'a> {
    /// The bill that speaks for it.
    pub closing: BillView<'a>,
    pub bills: Vec<BillView<'a>>,
    /// Days since 1970-01-01: the day of the pane time.
    pub day: i32,
    pub kind: Kind,
    pub institution: Text,
    pub department: Option<Text>,
    pub doctor: Option<Text>,
    /// The physical institution behind an online body.
    pub host: Option<Text>,
    /// Length of stay, at least one; `None`: not known.
    pub days: Option<i64>,
    /// What was taken back of it is not known.
    pub in_doubt: bool,
}

/// Codes as groups carry them, by symbol.
#[derive(Debug, Default)]
pub struct Names {
    by_sym: Vec<Option<Text>>,
}

impl Names {
    pub fn text(&mut self, sym: Sym, symbols: &Interner) -> Option<Text> {
        let place = sym.0 as usize;
        if self.by_sym.len() <= place {
            self.by_sym.resize(place + 1, None);
        }
        let known = self.by_sym.get_mut(place)?;
        if known.is_none() {
            *known = symbols.text(sym).map(Text::from);
        }
        known.clone()
    }
}

/// The tables that cases are read from.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub cases: &'a Cases,
    pub events: &'a Events,
    pub texts: &'a Arena,
    pub symbols: &'a Interner,
    pub doubts: &'a Doubts,
}

/// Visits of which it is not known what was taken back, by person and institution.
pub type Doubts = HashMap<(PersonIdx, Sym), BTreeSet<Box<str>>>;

impl<'a> CaseFacts<'a> {
    /// `None`: no bill of it is final, or it tells no institution.
    pub fn read(idx: CaseIdx, tables: Tables<'a>, names: &mut Names) -> Option<Self> {
        let Tables { cases, events, texts, symbols, doubts } = tables;
        let bills: Vec<BillView<'a>> = cases.bills(idx).filter(|bill| events.is_live(bill.row.event)).collect();
        let order = |bill: &&BillView<'a>| {
            let event = events.row(bill.row.event);
            (event.event_time, texts.get(event.id))
        };
        let closing = *bills.iter().filter(|bill| !bill.row.interim).max_by_key(order)?;
        let row = *closing.row;
        let event = events.row(row.event);
        let kind = Kind {
            case: row.case,
            disease_group: event.dise_codg,
            age: row.age,
            level: row.level,
            setting: event.setting,
            insutype: row.insutype,
        };
        let doctor = match row.case {
            Case::Stay => row.doctor,
            Case::Visit => dearest_doctor(&bills, symbols).unwrap_or(row.doctor),
        };
        Some(Self {
            closing,
            day: i32::try_from(event.event_time.div_euclid(SECONDS_PER_DAY)).ok()?,
            kind,
            institution: names.text(event.institution, symbols)?,
            department: names.text(row.department, symbols),
            doctor: names.text(doctor, symbols),
            // A body that stands for itself is reported once.
            host: names.text(row.host, symbols).filter(|_| row.host != event.institution),
            days: days_of(&bills, &closing),
            in_doubt: doubts.get(&(event.person, event.institution)).is_some_and(|visits| visits.contains(texts.get(event.mdtrt_id))),
            bills,
        })
    }
}

/// From the first begin to the last end; as the closing bill states it where
/// that one does not tell both.
fn days_of(bills: &[BillView<'_>], closing: &BillView<'_>) -> Option<i64> {
    let begin = bills.iter().filter_map(|bill| bill.row.begin_day).min();
    let end = bills.iter().filter_map(|bill| bill.row.end_day).max();
    let told = closing.row.begin_day.is_some() && closing.row.end_day.is_some();
    let between = begin.zip(end).filter(|_| told).map(|(begin, end)| i64::from(end) - i64::from(begin));
    let days = between.or(closing.row.stated_days.map(i64::from))?;
    (days >= 0).then_some(days.max(1))
}

/// Who ordered the most, by amount; ties go to the least code.
fn dearest_doctor(bills: &[BillView<'_>], symbols: &Interner) -> Option<Sym> {
    let mut sums: Vec<(Sym, i64)> = Vec::new();
    for (doctor, amount) in bills.iter().flat_map(|bill| bill.doctors) {
        match sums.iter_mut().find(|(known, _)| known == doctor) {
            Some((_, sum)) => *sum = sum.saturating_add(*amount),
            None => sums.push((*doctor, *amount)),
        }
    }
    let first = sums.into_iter().max_by(|(a, of_a), (b, of_b)| of_a.cmp(of_b).then_with(|| symbols.text(*b).cmp(&symbols.text(*a))));
    first.map(|(doctor, _)| doctor)
}

/// A case as the census counts it: that it is there.
pub fn counted(case: &CaseFacts<'_>) -> Contribution {
    Contribution {
        institution: case.institution.clone(),
        key: RowKey::default(),
        day: case.day,
        sums: vec![Sums::of(Measure::new(0, 0, None))],
    }
}
