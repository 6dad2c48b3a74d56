//! Where planted patterns are acted out: people who do nothing else, their
//! places and times, and the messages that come of it.

use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::reference::validity::Validity;

use super::city::City;
use super::city::Drug;
use super::city::Institution;
use super::city::InstitutionKind;
use super::everyday::person_number;
use super::groups::is_house;
use super::model::Bill;
use super::model::CONSULTATION;
use super::model::DISPENSARY;
use super::model::Diagnosis;
use super::model::Doc;
use super::model::Dosage;
use super::model::Frequency;
use super::model::Goods;
use super::model::Line;
use super::model::Own;
use super::model::Pay;
use super::model::Person;
use super::model::Prescription;
use super::model::SERVICES;
use super::model::TESTS;
use super::plants::Pattern;
use super::plants::Truth;
use super::plants::TruthKey;
use super::plants::TruthKind;
use super::random::Dice;

/// First number of planted messages and people; everyday ones stay below.
const PLANTED: u64 = 1_000_000_000;
/// Insured outside the city.
pub(super) const ELSEWHERE: u32 = 980_101;

/// A message of a planted pattern.
#[derive(Debug)]
pub(super) struct Scripted {
    pub number: u64,
    pub doc: Doc,
    /// Seconds from event time to record timestamp, where the pattern needs a certain one.
    pub delay: Option<i64>,
    /// Place in `truths` of the case that is anchored here.
    pub truth: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Stage<'c> {
    pub city: &'c City,
    seed: u64,
    pub dice: Dice,
    hospitals: Vec<u32>,
    pharmacies: Vec<u32>,
    online: Vec<u32>,
    areas: Vec<u32>,
    /// First day of the feed, first and last day of the live month.
    pub feed_start: i64,
    live: (i64, i64),
    next: u64,
    acts: u64,
    /// Further clues that the case at hand rightly raises: rule, kind and key.
    beside: Vec<(&'static str, TruthKind, TruthKey)>,
    pub scripted: Vec<Scripted>,
    pub truths: Vec<Truth>,
}

impl Scripted {
    pub(super) fn time(&self) -> Civil {
        match &self.doc {
            Doc::Bill(bill) => bill.time,
            Doc::Prescription(rx) => rx.time,
        }
    }
}

impl<'c> Stage<'c> {
    pub(super) fn new(city: &'c City, seed: u64, feed_start: i64, live_first: i64, live_last: i64) -> Self {
        let span = Validity { from: feed_start, to: live_last + 1 };
        Self {
            city,
            seed,
            dice: Dice::new(seed, PLANTED),
            hospitals: city
                .in_order(InstitutionKind::Hospital, span)
                .into_iter()
                .filter(|idx| !is_house(&city.institutions[*idx as usize]))
                .collect(),
            pharmacies: city.in_order(InstitutionKind::Pharmacy, span),
            online: city.in_order(InstitutionKind::Online, span),
            areas: city.areas(),
            feed_start,
            live: (live_first, live_last),
            next: PLANTED,
            acts: 0,
            beside: Vec::new(),
            scripted: Vec::new(),
            truths: Vec::new(),
        }
    }

    /// Starts a case with dice of its own, however many throws the last one took.
    pub(super) fn begin(&mut self) {
        self.acts += 1;
        self.beside.clear();
        self.dice = Dice::new(self.seed ^ 0x57A6E, self.acts);
    }

    /// Says that the case at hand rightly raises a clue of another rule too.
    pub(super) fn beside(&mut self, rule: &'static str, kind: TruthKind, key: TruthKey) {
        self.beside.push((rule, kind, key));
    }

    /// Records the case and what it raises beside; its anchor is the message put last.
    pub(super) fn tell(&mut self, pattern: &Pattern, key: TruthKey) {
        let truth = Some(self.truths.len());
        if let Some(last) = self.scripted.last_mut() {
            last.truth = truth;
            let person = match &last.doc {
                Doc::Bill(bill) => bill.person,
                Doc::Prescription(rx) => rx.person,
            };
            let time = last.time();
            let told = std::iter::once((pattern.rule, pattern.kind, key)).chain(self.beside.drain(..)).enumerate();
            self.truths.extend(told.map(|(place, (rule, kind, key))| Truth {
                rule,
                kind,
                pattern: pattern.name,
                title: pattern.title,
                key,
                person: person.id().to_string(),
                time,
                beside: place > 0,
            }));
        }
    }

    pub(super) fn live_first(&self) -> i64 {
        self.live.0
    }

    pub(super) fn live_last(&self) -> i64 {
        self.live.1
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A working hour of the live month, with room before and after.
    pub(super) fn moment(&mut self) -> Civil {
        let (first, last) = self.live;
        let day = self.dice.between(first + 2, (last - 4).max(first + 2));
        self.hour(day)
    }

    /// A working hour of the day.
    pub(super) fn hour(&mut self, day: i64) -> Civil {
        Civil(day * SECONDS_PER_DAY + self.dice.between(30_600, 61_200))
    }

    /// A working hour `least` to `most` days before, never before the feed.
    pub(super) fn before(&mut self, time: Civil, least: i64, most: i64) -> Civil {
        let most = most.min(time.day() - self.feed_start).max(least.min(time.day() - self.feed_start));
        let days = self.dice.between(least.min(most), most);
        self.hour(time.day() - days)
    }

    /// Someone of this sex (`None`: any) and of an age in full years at `at`.
    pub(super) fn person(&mut self, sex: Option<&'static str>, youngest: i64, oldest: i64, at: Civil) -> Person {
        let seq = self.number();
        let age = self.dice.between(youngest, oldest);
        // Between the birthday and the day before the next one.
        let birth = at.day() - age * 365 - age / 4 - 1 - self.dice.between(1, 360);
        Person {
            seq: seq % 10_000_000,
            number: person_number(seq),
            sex: sex.unwrap_or(if self.dice.per_mille(500) { "1" } else { "2" }),
            birth,
            area: self.dice.pick(&self.areas),
            employee: age > 20 && self.dice.per_mille(600),
        }
    }

    pub(super) fn adult(&mut self, at: Civil) -> Person {
        self.person(None, 30, 75, at)
    }

    pub(super) fn hospital(&mut self) -> u32 {
        self.dice.pick(&self.hospitals)
    }

    /// Hospitals, each another.
    pub(super) fn hospitals<const N: usize>(&mut self) -> Option<[u32; N]> {
        let start = self.dice.below(self.hospitals.len() as u64) as usize;
        (self.hospitals.len() >= N).then(|| std::array::from_fn(|idx| self.hospitals[(start + idx) % self.hospitals.len()]))
    }

    /// A hospital of ordinary life that `wanted` holds for.
    pub(super) fn hospital_where(&mut self, wanted: impl Fn(&Institution) -> bool) -> Option<u32> {
        let found: Vec<u32> = self.hospitals.iter().copied().filter(|idx| wanted(self.institution_row(*idx))).collect();
        self.dice.pick_or(&found)
    }

    /// An institution that `wanted` holds for, of ordinary life or not.
    pub(super) fn institution(&mut self, wanted: impl Fn(&Institution) -> bool) -> Option<u32> {
        let found = self.city.institutions_where(wanted);
        self.dice.pick_or(&found)
    }

    pub(super) fn pharmacy(&mut self) -> u32 {
        self.dice.pick(&self.pharmacies)
    }

    /// An online body whose word about first visits is believed.
    pub(super) fn online_body(&mut self) -> Option<u32> {
        let usable: Vec<u32> = self.online.iter().copied().filter(|idx| self.city.institutions[*idx as usize].first_visit_usable).collect();
        self.dice.pick_or(&usable)
    }

    /// An online body of ordinary life that `wanted` holds for.
    pub(super) fn online_where(&mut self, wanted: impl Fn(&Self, u32) -> bool) -> Option<u32> {
        let found: Vec<u32> = self.online.iter().copied().filter(|idx| wanted(self, *idx)).collect();
        self.dice.pick_or(&found)
    }

    pub(super) fn drug(&mut self, wanted: impl Fn(&Drug) -> bool) -> Option<u32> {
        let found = self.city.drugs_where(wanted);
        self.dice.pick_or(&found)
    }

    pub(super) fn row(&self, drug: u32) -> &'c Drug {
        &self.city.drugs[drug as usize]
    }

    /// A visit with its consultation and some tests, settled soon after.
    pub(super) fn visit(&mut self, person: Person, institution: u32, begin: Civil, diagnosis: Diagnosis) -> Bill {
        let number = self.number();
        let mut bill = Bill {
            number,
            visit: number,
            person,
            institution,
            med_type: "11",
            business: None,
            first_visit: None,
            newborn: false,
            interim: false,
            stay_days: None,
            ward: None,
            chronic: None,
            begin,
            end: begin.plus_seconds(1800),
            time: begin.plus_seconds(1800),
            diagnoses: vec![diagnosis],
            operation: None,
            lines: vec![Line::new(Goods::Service(CONSULTATION), 1, SERVICES[CONSULTATION].price, begin)],
            first_line: 1,
            pay: Pay::Pool(60),
            own: Own::new(),
        };
        for _ in 0..self.dice.between(2, 7) {
            let idx = self.dice.between(TESTS as i64, DISPENSARY as i64 - 1) as usize;
            bill.lines.push(Line::new(Goods::Service(idx), 1, SERVICES[idx].price, begin.plus_seconds(300)));
        }
        bill
    }

    /// A pharmacy's bill, without lines yet.
    pub(super) fn purchase(&mut self, person: Person, time: Civil, diagnosis: Diagnosis) -> Bill {
        let pharmacy = self.pharmacy();
        let mut bill = self.visit(person, pharmacy, time, diagnosis);
        bill.lines.clear();
        (bill.med_type, bill.time, bill.end) = ("41", time, time);
        bill
    }

    /// An online body's bill; its visit is an online one.
    pub(super) fn online_bill(&mut self, person: Person, institution: u32, time: Civil, diagnosis: Diagnosis) -> Bill {
        let mut bill = self.visit(person, institution, time, diagnosis);
        bill.lines.truncate(1);
        if !self.city.online.is_empty() {
            bill.lines[0].goods = Goods::Online(0);
        }
        bill.business = Some("02");
        bill.first_visit = Some(false);
        bill
    }

    pub(super) fn prescription(
        &mut self,
        person: Person,
        institution: u32,
        time: Civil,
        diagnosis: Diagnosis,
        drugs: Vec<Dosage>,
    ) -> Prescription {
        let number = self.number();
        Prescription {
            number,
            visit: number,
            person,
            institution,
            time,
            med_type: "11",
            online: false,
            first_visit: None,
            original: None,
            long: false,
            chronic: None,
            diagnoses: vec![diagnosis],
            drugs,
            own: Own::new(),
            own_of_drugs: Vec::new(),
        }
    }

    /// A prescription of an online visit.
    pub(super) fn online(&mut self, person: Person, time: Civil, diagnosis: Diagnosis, drugs: Vec<Dosage>) -> Option<Prescription> {
        let body = self.online_body()?;
        let mut rx = self.prescription(person, body, time, diagnosis, drugs);
        (rx.online, rx.first_visit) = (true, Some(false));
        Some(rx)
    }

    /// The visit's own bill with its prescription's drugs in it.
    pub(super) fn in_house(&mut self, rx: &Prescription) -> Bill {
        let diagnosis = rx.diagnoses.first().copied().unwrap_or(("", ""));
        let mut bill = self.visit(rx.person, rx.institution, rx.time, diagnosis);
        bill.diagnoses.clone_from(&rx.diagnoses);
        bill.visit = rx.visit;
        bill.chronic = rx.chronic;
        for dosage in &rx.drugs {
            let mut line = self.drug_line(dosage.drug, dosage.packs, rx.time.plus_seconds(600));
            line.order = Some(rx.id(self.city));
            line.days = Some(dosage.days);
            bill.lines.push(line);
        }
        bill
    }

    /// A pharmacy's bill for the prescription.
    pub(super) fn circulated(&mut self, rx: &Prescription) -> Bill {
        let diagnosis = rx.diagnoses.first().copied().unwrap_or(("", ""));
        let mut bill = self.purchase(rx.person, rx.time.plus_seconds(5400), diagnosis);
        for dosage in &rx.drugs {
            let mut line = self.drug_line(dosage.drug, dosage.packs, bill.time);
            (line.order, line.circulated, line.days) = (Some(rx.national(self.city)), true, Some(dosage.days));
            bill.lines.push(line);
        }
        bill
    }

    pub(super) fn drug_line(&self, drug: u32, packs: i64, fact: Civil) -> Line {
        Line::new(Goods::Drug(drug), packs, self.row(drug).price, fact)
    }

    /// As many packs as cover the days, at least `packs_least`; the dose is the
    /// smallest for which that is so.
    pub(super) fn dosage(&self, drug: u32, days: i64, packs_least: i64, frequencies: &[Frequency]) -> Option<Dosage> {
        let row = self.row(drug);
        (1..=row.dose_max.unwrap_or(1)).flat_map(|dose| frequencies.iter().map(move |often| (dose, *often))).find_map(|(dose, often)| {
            let dosage = Dosage::covering(drug, row, dose, often, days);
            (dosage.packs >= packs_least).then_some(dosage)
        })
    }

    pub(super) fn put_bill(&mut self, bill: Bill) {
        self.scripted.push(Scripted { number: bill.number, doc: Doc::Bill(bill), delay: None, truth: None });
    }

    pub(super) fn put_prescription(&mut self, rx: Prescription) {
        self.scripted.push(Scripted { number: rx.number, doc: Doc::Prescription(rx), delay: None, truth: None });
    }

    /// Puts what becomes of a message; without a time of its own it arrives
    /// so many seconds after the message's.
    pub(super) fn put_amended(&mut self, number: u64, doc: Doc, delay: Option<i64>) {
        self.scripted.push(Scripted { number, doc, delay, truth: None });
    }

    pub(super) fn line_key(&self, bill: &Bill, place: usize) -> TruthKey {
        TruthKey::Line {
            setl_id: bill.id(self.city).to_string(),
            mdtrt_id: bill.visit_id(self.city).to_string(),
            feedetl_sn: (bill.first_line + place as u64).to_string(),
        }
    }

    pub(super) fn settlement_key(&self, bill: &Bill) -> TruthKey {
        TruthKey::Settlement { setl_id: bill.id(self.city).to_string() }
    }

    pub(super) fn institution_row(&self, institution: u32) -> &'c Institution {
        &self.city.institutions[institution as usize]
    }

    /// Whether a day lies in the live month, with room for days beside it.
    pub(super) fn is_live(&self, day: i64) -> bool {
        let (first, last) = self.live;
        (first + 2..last - 3).contains(&day)
    }

    pub(super) fn institution_code(&self, institution: u32) -> String {
        self.city.institutions[institution as usize].code.clone()
    }

    pub(super) fn prescription_key(&self, rx: &Prescription) -> TruthKey {
        TruthKey::Prescription { fixmedins_code: self.institution_code(rx.institution), hosp_rxno: rx.id(self.city).to_string() }
    }

    pub(super) fn drug_key(&self, rx: &Prescription) -> TruthKey {
        TruthKey::PrescriptionLine {
            fixmedins_code: self.institution_code(rx.institution),
            hosp_rxno: rx.id(self.city).to_string(),
            line: 1,
        }
    }

    pub(super) fn supply_key(&self, rx: &Prescription) -> TruthKey {
        TruthKey::Supply {
            fixmedins_code: self.institution_code(rx.institution),
            rx_no: rx.id(self.city).to_string(),
            substance: rx.drugs.first().map_or(String::new(), |dosage| self.row(dosage.drug).substance.clone()),
        }
    }
}
