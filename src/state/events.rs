//! Accepted events as far as later ones may ask about them.

use hashbrown::HashMap;
use serde::Deserialize;
use serde::Serialize;

use super::chunks::Chunks;
use super::intern::Sym;
use super::intern::TextRef;
use super::keyed::Keyed;
use super::packed::MaybeI64;
use super::persons::PersonIdx;
use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;

/// Number of an event within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventIdx(pub u32);

/// One settlement or prescription, without its lines.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
    /// Total of a bill, 分.
    pub total: MaybeI64,
    /// Its halves of supplies: number of the first, and how many.
    pub halves: (u32, u16),
    /// Among bills: the one of the person that came before.
    pub previous: Option<EventIdx>,
}

/// Why an event does not count, as bits; several may hold at once.
pub mod gone {
    /// Another version of its business id holds.
    pub const REPLACED: u8 = 1;
    /// A negative bill names it.
    pub const REVERSED: u8 = 2;
    /// A negative bill that names none is its exact negation.
    pub const MATCHED: u8 = 4;
    /// Its sender sent it under another business id too.
    pub const DOUBLE: u8 = 8;
}

/// Events, their diagnoses, and who had which kind of contact.
#[derive(Debug, Default)]
pub struct Events {
    rows: Chunks<EventRow>,
    roles: Chunks<Roles>,
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
    /// The last bill of each person.
    bills: HashMap<PersonIdx, EventIdx>,
    /// The first bill by sender's message and amount.
    uploads: Keyed<u128, EventIdx>,
    /// Bills that were sent more than once, by the first of them, and which
    /// that is for each of the others.
    doubles: Keyed<EventIdx, Vec<EventIdx>>,
    first_of: HashMap<EventIdx, EventIdx>,
    /// Those that do not count, with the bits of [`gone`].
    gone: Keyed<EventIdx, u8>,
    /// The same as a bit for each event: asked for every row that is read.
    dead: Vec<u64>,
}

/// What an event is to the tables by person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    pub contact: bool,
    pub possible_contact: bool,
    pub consultation: bool,
    pub prescription: bool,
    pub operation: bool,
    pub bill: bool,
}

impl Events {
    /// `upload`: a hash of what makes two bills one upload.
    pub fn push(&mut self, mut row: EventRow, diagnoses: &[Sym], roles: Roles, upload: Option<u128>) -> EventIdx {
        let idx = EventIdx(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        assert!(idx.0 != u32::MAX, "a shard holds fewer than 2^32 events");
        let start = u32::try_from(self.diagnoses.len()).unwrap_or(u32::MAX);
        let kept = &diagnoses[..diagnoses.len().min(usize::from(u16::MAX))];
        self.diagnoses.extend_from_slice(kept);
        row.diagnoses = (start, u16::try_from(kept.len()).unwrap_or(u16::MAX));
        if roles.bill {
            row.previous = self.bills.insert(row.person, idx);
        }
        if let Some(upload) = upload
            && let Some(first) = self.uploads.get(&upload).copied()
        {
            self.doubles.or_default(first).push(idx);
            self.first_of.insert(idx, first);
        } else if let Some(upload) = upload {
            self.uploads.insert(upload, idx);
        }
        self.rows.push(row);
        self.roles.push(roles);
        self.index(idx, row.person, roles);
        idx
    }

    fn index(&mut self, idx: EventIdx, person: PersonIdx, roles: Roles) {
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
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self {
            rows,
            roles,
            diagnoses,
            contacts: _,
            possible_contacts: _,
            consultations: _,
            prescriptions: _,
            operations: _,
            substances,
            bills: _,
            uploads,
            doubles,
            first_of: _,
            gone,
            dead: _,
        } = self;
        // What a consultation prescribed is known once it was read.
        let new = saver.mark("events")..rows.len();
        let events = new.filter_map(|idx| Some(EventIdx(u32::try_from(idx).ok()?)));
        saver.more("event_substances", events.filter_map(|idx| substances.get_key_value(&idx)));
        rows.save("events", saver);
        roles.save("event_roles", saver);
        saver.rows("diagnoses", diagnoses.len(), |idx| diagnoses[idx]);
        uploads.save("uploads", saver);
        doubles.save("double_uploads", saver);
        gone.save("events_gone", saver);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut events = Self {
            rows: Chunks::load("events", loader)?,
            roles: Chunks::load("event_roles", loader)?,
            uploads: Keyed::load("uploads", loader)?,
            doubles: Keyed::load("double_uploads", loader)?,
            gone: Keyed::load("events_gone", loader)?,
            ..Self::default()
        };
        if events.rows.len() != events.roles.len() {
            return Err(Damage::malformed("event_roles", "there are not as many as events"));
        }
        for idx in events.all() {
            let (row, roles) = (*events.row(idx), events.roles[idx.0 as usize]);
            if roles.bill && events.bills.insert(row.person, idx) != row.previous {
                return Err(Damage::malformed("events", "a bill does not follow the one before"));
            }
            events.index(idx, row.person, roles);
        }
        let doubles = events.doubles.iter().flat_map(|(first, others)| others.iter().map(|other| (*other, *first)));
        events.first_of = doubles.collect();
        let gone: Vec<(EventIdx, u8)> = events.gone.iter().map(|(event, bits)| (*event, *bits)).collect();
        for (event, bits) in gone {
            if events.get(event).is_none() {
                return Err(Damage::malformed("events_gone", "an event is missing"));
            }
            events.mark_dead(event, bits);
        }
        loader.rows("diagnoses", |sym| {
            events.diagnoses.push(sym);
            Ok(())
        })?;
        loader.rows("event_substances", |(idx, substances)| {
            events.substances.insert(idx, substances);
            Ok(())
        })?;
        Ok(events)
    }

    pub fn all(&self) -> impl Iterator<Item = EventIdx> + use<> {
        (0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX)).map(EventIdx)
    }

    pub fn row(&self, idx: EventIdx) -> &EventRow {
        &self.rows[idx.0 as usize]
    }

    pub fn get(&self, idx: EventIdx) -> Option<&EventRow> {
        self.rows.get(idx.0 as usize)
    }

    pub fn diagnoses(&self, idx: EventIdx) -> &[Sym] {
        let (start, len) = self.row(idx).diagnoses;
        self.diagnoses.get(start as usize..start as usize + usize::from(len)).unwrap_or_default()
    }

    fn live<'a>(&'a self, list: Option<&'a Vec<EventIdx>>) -> impl Iterator<Item = EventIdx> + 'a {
        list.into_iter().flatten().copied().filter(|event| self.is_live(*event))
    }

    /// Whether it counts.
    #[inline]
    pub fn is_live(&self, event: EventIdx) -> bool {
        let place = event.0 as usize;
        self.dead.get(place / 64).is_none_or(|bits| bits >> (place % 64) & 1 == 0)
    }

    /// The bits of [`gone`].
    pub fn gone(&self, event: EventIdx) -> u8 {
        self.gone.get(&event).copied().unwrap_or_default()
    }

    pub fn set_gone(&mut self, event: EventIdx, bits: u8) {
        if bits == 0 {
            self.gone.remove(&event);
        } else {
            self.gone.insert(event, bits);
        }
        self.mark_dead(event, bits);
    }

    fn mark_dead(&mut self, event: EventIdx, bits: u8) {
        let (word, bit) = (event.0 as usize / 64, 1 << (event.0 % 64));
        if bits != 0 && self.dead.len() <= word {
            self.dead.resize(word + 1, 0);
        }
        if let Some(dead) = self.dead.get_mut(word) {
            *dead = if bits == 0 { *dead & !bit } else { *dead | bit };
        }
    }

    /// All bills of a person, the last that came first, whether they count or not.
    pub fn bills(&self, person: PersonIdx) -> impl Iterator<Item = EventIdx> {
        std::iter::successors(self.bills.get(&person).copied(), |bill| self.row(*bill).previous)
    }

    /// The bills that are one upload with this one, with itself; none if there is no other.
    pub fn uploads(&self, bill: EventIdx) -> impl Iterator<Item = EventIdx> {
        let first = self.first_of.get(&bill).copied().unwrap_or(bill);
        let others = self.doubles.get(&first);
        others.map(|_| first).into_iter().chain(others.into_iter().flatten().copied())
    }

    pub fn set_halves(&mut self, event: EventIdx, halves: (u32, u16)) {
        if let Some(row) = self.rows.get_mut(event.0 as usize) {
            row.halves = halves;
        }
    }

    /// Whether it is a bill with an operation, counting or not.
    pub fn operated(&self, event: EventIdx) -> bool {
        self.operations.get(&self.row(event).person).is_some_and(|events| events.contains(&event))
    }

    pub fn contacts(&self, person: PersonIdx) -> impl Iterator<Item = EventIdx> {
        self.live(self.contacts.get(&person))
    }

    pub fn possible_contacts(&self, person: PersonIdx) -> impl Iterator<Item = EventIdx> {
        self.live(self.possible_contacts.get(&person))
    }

    pub fn consultations(&self, person: PersonIdx) -> impl Iterator<Item = EventIdx> {
        self.live(self.consultations.get(&person))
    }

    pub fn prescriptions(&self, person: PersonIdx) -> impl Iterator<Item = EventIdx> {
        self.live(self.prescriptions.get(&person))
    }

    /// Whether an operation or anaesthesia was billed in the visit of an event;
    /// `None` where one was that may have been in that visit.
    pub fn has_operation(&self, event: EventIdx, same_text: impl Fn(TextRef, TextRef) -> bool) -> Option<bool> {
        let own = self.row(event);
        let mut may_be = false;
        for other in self.live(self.operations.get(&own.person)) {
            let row = self.row(other);
            if other == event {
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
