//! Cases as groups count them: visits and stays, each with its bills.
//!
//! A bill without a visit id is a case of its own. What a definition counted of
//! a bill is kept with it, so that a case that changes is taken out of its
//! group exactly as it was put in.

use hashbrown::HashMap;
use serde::Deserialize;
use serde::Serialize;

use crate::reference::baseline_tables::Case;
use crate::state::chunks::Chunks;
use crate::state::events::EventIdx;
use crate::state::events::Events;
use crate::state::intern::Arena;
use crate::state::intern::Sym;
use crate::state::packed::MaybeI64;
use crate::state::persons::PersonIdx;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;

/// Number of a case within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseIdx(u32);

/// No case or bill.
const NONE: u32 = u32::MAX;

/// What one bill adds to its case, beside what its event says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct BillRow {
    pub event: EventIdx,
    pub case: Case,
    /// An interim bill of a stay that goes on.
    pub interim: bool,
    /// Days since 1970-01-01 of begin and end of care.
    pub begin_day: Option<i32>,
    pub end_day: Option<i32>,
    /// Length of stay as stated.
    pub stated_days: Option<i32>,
    pub department: Sym,
    /// In charge.
    pub doctor: Sym,
    pub insutype: Sym,
    /// Full years at the begin of care.
    pub age: Option<u8>,
    /// Band of the institution, 1 to 3.
    pub level: Option<u8>,
    /// The institution behind an online body.
    pub host: Sym,
    /// Definitions of a lower number were asked about this bill.
    pub asked: u16,
}

/// What one definition counts of a bill: its number, and the value in the
/// fixed point of its indicator, unless it is unknown. Of a definition that
/// counts lines there are several in a row: the sums over them.
pub type Counted = (u16, MaybeI64);

#[derive(Debug, Serialize, Deserialize)]
struct Bill {
    row: BillRow,
    /// Places in `counted` and `doctors`.
    counted: (u32, u16),
    doctors: (u32, u16),
    /// The bill of the same case that came before.
    previous: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct CaseRow {
    /// The event whose visit id it is.
    first: EventIdx,
    last_bill: u32,
    /// The case of the same person and institution that came before.
    previous: u32,
}

/// A bill as it is read.
#[derive(Clone, Copy, Debug)]
pub struct BillView<'a> {
    pub row: &'a BillRow,
    counted: &'a [Counted],
    /// Amounts by ordering doctor, in 分.
    pub doctors: &'a [(Sym, i64)],
}

impl BillView<'_> {
    /// The first number of a definition; `None`: it does not count the bill.
    pub fn counted(&self, definition: u16) -> Option<MaybeI64> {
        self.all_counted(definition).first().map(|(_, number)| *number)
    }

    /// All numbers of a definition.
    pub fn all_counted(&self, definition: u16) -> &[Counted] {
        let from = self.counted.partition_point(|(number, _)| *number < definition);
        let own = self.counted.get(from..).unwrap_or_default();
        own.get(..own.partition_point(|(number, _)| *number == definition)).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct Cases {
    /// The last case of a person at an institution.
    heads: HashMap<(PersonIdx, Sym), u32>,
    cases: Chunks<CaseRow>,
    bills: Chunks<Bill>,
    counted: Vec<Counted>,
    doctors: Vec<(Sym, i64)>,
}

impl Cases {
    /// The case that an event belongs to, and whether it is made for it.
    pub fn of(&mut self, event: EventIdx, events: &Events, texts: &Arena) -> (CaseIdx, bool) {
        let row = events.row(event);
        let visit = texts.get(row.mdtrt_id);
        let head = self.heads.entry((row.person, row.institution)).or_insert(NONE);
        // Without a visit id it is a case of its own.
        let mut at = if visit.is_empty() { NONE } else { *head };
        while let Some(known) = self.cases.get(at as usize) {
            if texts.get(events.row(known.first).mdtrt_id) == visit {
                return (CaseIdx(at), false);
            }
            at = known.previous;
        }
        let number = u32::try_from(self.cases.len()).unwrap_or(NONE);
        assert!(number != NONE, "a shard holds fewer than 2^32 - 1 cases");
        self.cases.push(CaseRow { first: event, last_bill: NONE, previous: *head });
        *head = number;
        (CaseIdx(number), true)
    }

    pub fn all(&self) -> impl Iterator<Item = CaseIdx> + use<> {
        (0..u32::try_from(self.cases.len()).unwrap_or(NONE)).map(CaseIdx)
    }

    /// The case that a bill was added to.
    pub fn of_bill(&self, event: EventIdx, events: &Events, texts: &Arena) -> Option<CaseIdx> {
        let row = events.row(event);
        let visit = texts.get(row.mdtrt_id);
        if !visit.is_empty() {
            return self.find(row.person, row.institution, visit, events, texts);
        }
        let mut at = *self.heads.get(&(row.person, row.institution))?;
        while let Some(known) = self.cases.get(at as usize) {
            if known.first == event {
                return Some(CaseIdx(at));
            }
            at = known.previous;
        }
        None
    }

    /// The case of a visit, if one of its bills is known.
    pub fn find(&self, person: PersonIdx, institution: Sym, visit: &str, events: &Events, texts: &Arena) -> Option<CaseIdx> {
        let mut at = *self.heads.get(&(person, institution))?;
        while let Some(known) = self.cases.get(at as usize) {
            if texts.get(events.row(known.first).mdtrt_id) == visit {
                return Some(CaseIdx(at));
            }
            at = known.previous;
        }
        None
    }

    /// `counted` is sorted by definition; numbers of one keep their order.
    pub fn add(&mut self, case: CaseIdx, row: BillRow, counted: &[Counted], doctors: &[(Sym, i64)]) {
        let number = u32::try_from(self.bills.len()).unwrap_or(NONE);
        assert!(number != NONE, "a shard holds fewer than 2^32 - 1 bills");
        let place = |len: usize, more: usize| {
            let start = u32::try_from(len).unwrap_or(NONE);
            assert!(start != NONE, "a shard holds fewer than 2^32 numbers of bills");
            (start, u16::try_from(more).unwrap_or(u16::MAX))
        };
        let (of_counted, of_doctors) = (place(self.counted.len(), counted.len()), place(self.doctors.len(), doctors.len()));
        self.counted.extend_from_slice(counted);
        self.doctors.extend_from_slice(doctors);
        let Some(of) = self.cases.get_mut(case.0 as usize) else { return };
        self.bills.push(Bill { row, counted: of_counted, doctors: of_doctors, previous: of.last_bill });
        of.last_bill = number;
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { heads: _, cases, bills, counted, doctors } = self;
        cases.save("cases", saver);
        bills.save("bills", saver);
        saver.rows("bills_counted", counted.len(), |idx| counted[idx]);
        saver.rows("bills_doctors", doctors.len(), |idx| doctors[idx]);
    }

    /// `events`: those that the cases were made of.
    pub fn load(loader: &mut Loader<'_>, events: &Events) -> Result<Self, Damage> {
        let mut of = Self { cases: Chunks::load("cases", loader)?, bills: Chunks::load("bills", loader)?, ..Self::default() };
        for number in of.all() {
            let case = &of.cases[number.0 as usize];
            let first = events.get(case.first).ok_or_else(|| Damage::malformed("cases", "an event is missing"))?;
            if of.heads.insert((first.person, first.institution), number.0).unwrap_or(NONE) != case.previous {
                return Err(Damage::malformed("cases", "one does not follow the one before"));
            }
        }
        loader.rows("bills_counted", |counted| {
            of.counted.push(counted);
            Ok(())
        })?;
        loader.rows("bills_doctors", |doctor| {
            of.doctors.push(doctor);
            Ok(())
        })?;
        Ok(of)
    }

    /// The bills of a case, the last that came first.
    pub fn bills(&self, case: CaseIdx) -> impl Iterator<Item = BillView<'_>> {
        let mut at = self.cases.get(case.0 as usize).map_or(NONE, |row| row.last_bill);
        std::iter::from_fn(move || {
            let bill = self.bills.get(at as usize)?;
            at = bill.previous;
            let slice = |(start, len): (u32, u16)| start as usize..start as usize + usize::from(len);
            Some(BillView {
                row: &bill.row,
                counted: self.counted.get(slice(bill.counted)).unwrap_or_default(),
                doctors: self.doctors.get(slice(bill.doctors)).unwrap_or_default(),
            })
        })
    }
}
