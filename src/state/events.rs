//! Accepted events as far as later ones may ask about them.

use hashbrown::HashMap;

use super::chunks::Chunks;
use super::intern::Sym;
use super::intern::TextRef;
use super::packed::MaybeI64;
use super::persons::PersonIdx;

/// Number of an event within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventIdx(pub u32);

/// One settlement or prescription, without its lines.
#[derive(Clone, Copy, Debug)]
pub struct EventRow {
    pub person: PersonIdx,
    pub input: u8,
    /// `None`: signals are absent or conflict.
    pub online: Option<bool>,
    /// The institution's own word that this is a first visit, where it is usable.
    pub first_visit: Option<bool>,
    /// Stated member of a chronic-disease list.
    pub chronic: bool,
    pub long_rx: bool,
    pub offset: i64,
    pub event_time: i64,
    /// Consultation or begin of care.
    pub fact_time: i64,
    /// `setl_id` or `hosp_rxno`.
    pub id: TextRef,
    pub hi_rxno: TextRef,
    pub init_rxno: TextRef,
    pub mdtrt_id: TextRef,
    pub institution: Sym,
    pub institution_name: Sym,
    pub area: Sym,
    pub insured_area: Sym,
    pub setting: Sym,
    pub dise_codg: Sym,
    pub doctor: Sym,
    pub department: Sym,
    pub hi_paymtd: Sym,
    /// Place of the diagnoses in [`Events::diagnoses`].
    pub diagnoses: (u32, u16),
    /// Days since 1970-01-01.
    pub birth_day: Option<i32>,
    /// Full years, as stated.
    pub age: Option<u8>,
    /// 分: fund paid and within scope, for the fund's share of a clue's money.
    pub fund_pay: MaybeI64,
    pub within_scope: MaybeI64,
    /// When a pharmacist audited a prescription.
    pub audited: MaybeI64,
}

/// Events, their diagnoses, and who had which kind of contact.
#[derive(Debug, Default)]
pub struct Events {
    rows: Chunks<EventRow>,
    diagnoses: Vec<Sym>,
    /// In-person care by person.
    contacts: HashMap<PersonIdx, Vec<EventIdx>>,
    /// Events by person that may have been in-person care: the setting, or
    /// whether it was online, cannot be told.
    possible_contacts: HashMap<PersonIdx, Vec<EventIdx>>,
    /// Online consultations by person.
    consultations: HashMap<PersonIdx, Vec<EventIdx>>,
    /// Prescriptions by person, for continuations that name one.
    prescriptions: HashMap<PersonIdx, Vec<EventIdx>>,
    /// Bills by person with an operation or anaesthesia.
    operations: HashMap<PersonIdx, Vec<EventIdx>>,
    /// Substances that a consultation prescribed or billed.
    substances: HashMap<EventIdx, Vec<Sym>>,
}

/// What an event is to the tables by person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    pub contact: bool,
    pub possible_contact: bool,
    pub consultation: bool,
    pub prescription: bool,
    pub operation: bool,
}

impl Events {
    pub fn push(&mut self, mut row: EventRow, diagnoses: &[Sym], roles: Roles) -> EventIdx {
        let idx = EventIdx(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        assert!(idx.0 != u32::MAX, "a shard holds fewer than 2^32 events");
        let start = u32::try_from(self.diagnoses.len()).unwrap_or(u32::MAX);
        let kept = &diagnoses[..diagnoses.len().min(usize::from(u16::MAX))];
        self.diagnoses.extend_from_slice(kept);
        row.diagnoses = (start, u16::try_from(kept.len()).unwrap_or(u16::MAX));
        let person = row.person;
        self.rows.push(row);
        for (wanted, table) in [
            (roles.contact, &mut self.contacts),
            (roles.possible_contact, &mut self.possible_contacts),
            (roles.consultation, &mut self.consultations),
            (roles.prescription, &mut self.prescriptions),
            (roles.operation, &mut self.operations),
        ] {
            if wanted {
                table.entry(person).or_default().push(idx);
            }
        }
        idx
    }

    pub fn all(&self) -> impl Iterator<Item = EventIdx> + use<> {
        (0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX)).map(EventIdx)
    }

    pub fn row(&self, idx: EventIdx) -> &EventRow {
        &self.rows[idx.0 as usize]
    }

    pub fn diagnoses(&self, idx: EventIdx) -> &[Sym] {
        let (start, len) = self.row(idx).diagnoses;
        self.diagnoses.get(start as usize..start as usize + usize::from(len)).unwrap_or_default()
    }

    pub fn contacts(&self, person: PersonIdx) -> &[EventIdx] {
        self.contacts.get(&person).map_or(&[], Vec::as_slice)
    }

    pub fn possible_contacts(&self, person: PersonIdx) -> &[EventIdx] {
        self.possible_contacts.get(&person).map_or(&[], Vec::as_slice)
    }

    pub fn consultations(&self, person: PersonIdx) -> &[EventIdx] {
        self.consultations.get(&person).map_or(&[], Vec::as_slice)
    }

    pub fn prescriptions(&self, person: PersonIdx) -> &[EventIdx] {
        self.prescriptions.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Whether an operation or anaesthesia was billed in the visit of an event;
    /// `None` where one was that may have been in that visit.
    pub fn has_operation(&self, event: EventIdx, same_text: impl Fn(TextRef, TextRef) -> bool) -> Option<bool> {
        let own = self.row(event);
        let of_person = self.operations.get(&own.person).map_or(&[][..], Vec::as_slice);
        let mut may_be = false;
        for other in of_person {
            let row = self.row(*other);
            if *other == event {
                return Some(true);
            }
            if row.institution != own.institution {
                continue;
            }
            let told = !row.mdtrt_id.is_empty() && !own.mdtrt_id.is_empty();
            if told && same_text(row.mdtrt_id, own.mdtrt_id) {
                return Some(true);
            }
            may_be |= !told;
        }
        (!may_be).then_some(false)
    }

    pub fn add_substance(&mut self, consultation: EventIdx, substance: Sym) {
        self.substances.entry(consultation).or_default().push(substance);
    }

    pub fn substances(&self, consultation: EventIdx) -> &[Sym] {
        self.substances.get(&consultation).map_or(&[], Vec::as_slice)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
