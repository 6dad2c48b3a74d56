//! The ordinary life of the city: visits, refills, stays, purchases and online
//! re-visits that no rule has anything to say about.

use crate::base::time::Civil;
use crate::reference::validity::Validity;

use super::SynthSettings;
use super::city::City;
use super::city::InstitutionKind;
use super::groups::Prices;
use super::groups::Pricing;
use super::groups::is_house;
use super::model::Bill;
use super::model::CONSULTATION;
use super::model::DISPENSARY;
use super::model::Diagnosis;
use super::model::Doc;
use super::model::Dosage;
use super::model::EMERGENCY;
use super::model::FREQUENCIES;
use super::model::Goods;
use super::model::InWard;
use super::model::Line;
use super::model::Own;
use super::model::Pay;
use super::model::Person;
use super::model::Prescription;
use super::model::SERVICES;
use super::model::Split;
use super::model::TESTS;
use super::random::Dice;
use super::random::mix;
use super::text::Id;
use super::text::day_of;
use super::wards;
use super::wards::Admission;
use super::wards::Stays;

/// A disease, the drugs that treat it by prefix of their codes, and its number
/// on the chronic disease list.
pub(super) struct Disease {
    pub diagnosis: Diagnosis,
    pub drugs: &'static [&'static str],
    pub listed: (&'static str, &'static str),
}

const fn disease(code: &'static str, name: &'static str, drugs: &'static [&'static str], listed: (&'static str, &'static str)) -> Disease {
    Disease { diagnosis: (code, name), drugs, listed }
}

pub(super) const CHRONIC: [Disease; 6] = [
    disease("I10.x00x002", "高血压病", &["XC08CAA", "XC09CA", "XC07A", "XC09AA"], ("M03900", "高血压")),
    disease("E11.900", "2型糖尿病", &["XA10BA", "XA10BB", "XA10BF"], ("M01600", "糖尿病")),
    disease("I25.101", "冠状动脉粥样硬化性心脏病", &["XB01A"], ("M04600", "冠心病")),
    disease("E78.500", "高脂血症", &["XC10"], ("M07200", "高脂血症")),
    disease("K29.500", "慢性胃炎", &["XA02BC"], ("M05300", "慢性胃炎")),
    disease("M10.900", "痛风", &["XM04AAF"], ("M06900", "痛风")),
];
const ACUTE: [Disease; 6] = [
    disease("J06.900", "急性上呼吸道感染", &["XJ01CA", "ZA01BA", "XN02BED"], ("", "")),
    disease("J20.900", "急性支气管炎", &["XR05CB", "XJ01DC"], ("", "")),
    disease("M54.500", "腰痛", &["XM01AH"], ("", "")),
    disease("L30.900", "湿疹", &["XR06A", "XD07"], ("", "")),
    disease("N39.000", "泌尿道感染", &["XJ01MA"], ("", "")),
    disease("H10.900", "结膜炎", &["XS01AE", "XS01XA"], ("", "")),
];

/// Which message of a visit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Prescription,
    /// A visit with its drugs, dispensed in house.
    Visit,
    /// A visit whose drugs are bought elsewhere.
    Consultation,
    /// A pharmacy's bill for a circulated prescription.
    Dispensing,
    /// An online body's bill for what it sends.
    Online,
    /// A purchase without prescription.
    Shop,
    /// A stay, or with `interim` its first part.
    Stay {
        interim: bool,
    },
    Emergency,
}

/// An everyday message before it is written: small, so that days of them can wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub number: u64,
    pub time: Civil,
    part: Part,
    visit: u64,
    /// Number of the prescription; 0 where there is none.
    prescription: u64,
    seed: u64,
    person: u32,
    institution: u32,
    prescriber: u32,
    begin: Civil,
    disease: u8,
    chronic: bool,
    online: bool,
    /// Whether drugs are part of the visit.
    drugs: bool,
    lines: u16,
    first_line: u16,
    stay: Option<Admission>,
}

impl Plan {
    pub(super) fn is_prescription(&self) -> bool {
        self.part == Part::Prescription
    }

    /// Whether it is a purchase without a prescription.
    pub(super) fn is_purchase(&self) -> bool {
        self.part == Part::Shop
    }

    /// Whether the visit goes by a registered chronic disease. Who is not on a
    /// list gets a month's supply as a long prescription.
    fn listed(&self) -> bool {
        self.chronic && !self.seed.is_multiple_of(8)
    }
}

/// Makes one day after the other. What it remembers of a person is six bytes.
#[derive(Debug)]
pub(super) struct Everyday<'c> {
    city: &'c City,
    seed: u64,
    dice: Dice,
    hospitals: Vec<u32>,
    pharmacies: Vec<u32>,
    online: Vec<u32>,
    stays: Stays,
    prices: Prices,
    areas: Vec<u32>,
    injections: Vec<u32>,
    chronic_drugs: Vec<Vec<u32>>,
    acute_drugs: Vec<Vec<u32>>,
    persons: u64,
    first_day: i64,
    last: Civil,
    /// By person, in days since the first: when the chronic drug may be had
    /// again; when the disease was first seen in person (0 never); when acute
    /// drugs are used up.
    due: Vec<u16>,
    seen: Vec<u16>,
    acute_until: Vec<u16>,
    next_number: u64,
    mean_lines: f64,
    lines: f64,
    bills: f64,
}

impl<'c> Everyday<'c> {
    pub(super) fn new(city: &'c City, settings: &SynthSettings, first_day: i64, live_first: i64, last: Civil) -> Self {
        let (seed, persons, mean_lines) = (settings.seed, settings.persons, settings.mean_lines);
        let treats = |disease: &Disease, idx: u32| disease.drugs.iter().any(|prefix| city.drugs[idx as usize].code.starts_with(prefix));
        let usual = city.drugs_where(|drug| drug.ordinary() && matches!(drug.form_group.as_str(), "other" | "sustained"));
        let lists = |diseases: &[Disease], wanted: &dyn Fn(u32) -> bool| -> Vec<Vec<u32>> {
            let of = |disease: &Disease| usual.iter().copied().filter(|idx| wanted(*idx) && treats(disease, *idx)).collect();
            diseases.iter().map(of).collect()
        };
        let steady = |idx: u32| {
            let drug = &city.drugs[idx as usize];
            drug.countable() && drug.pack_count <= 60
        };
        let span = Validity { from: first_day, to: last.day() + 1 };
        let mut hospitals = city.in_order(InstitutionKind::Hospital, span);
        let stays = Stays::new(city, settings, &hospitals, live_first);
        hospitals.retain(|idx| !is_house(&city.institutions[*idx as usize]));
        Self {
            city,
            seed,
            dice: Dice::new(seed, 1),
            hospitals,
            stays,
            prices: Prices::new(settings, city, live_first),
            pharmacies: city.in_order(InstitutionKind::Pharmacy, span),
            online: city.in_order(InstitutionKind::Online, span),
            areas: city.areas(),
            injections: city.drugs_where(|drug| {
                let usual = drug.dose_unit != "支" || drug.code.starts_with("XJ01DD");
                drug.ordinary() && drug.form_group == "injection" && usual
            }),
            chronic_drugs: lists(&CHRONIC, &steady),
            acute_drugs: lists(&ACUTE, &|_| true),
            persons: u64::from(persons.max(1)),
            first_day,
            last,
            due: vec![0; persons.max(1) as usize],
            seen: vec![0; persons.max(1) as usize],
            acute_until: vec![0; persons.max(1) as usize],
            next_number: 1,
            mean_lines,
            lines: 0.0,
            bills: 0.0,
        }
    }

    /// Plans one day's messages: so many bills and prescriptions, with bills of so many stays.
    pub(super) fn day(&mut self, day: i64, [bills, prescriptions, stays]: [u64; 3], out: &mut Vec<Plan>) {
        let mut left = bills;
        for _ in 0..stays {
            if left > 0 {
                self.stay(day, &mut left, out);
            }
        }
        for _ in 0..prescriptions {
            self.prescribe(day, &mut left, out);
        }
        while left > 0 {
            match self.dice.below(1000) {
                0..220 => self.shop(day, &mut left, out),
                220..250 => {
                    let plan = self.plan(Part::Emergency, day, false);
                    self.bill(plan, &mut left, out);
                }
                _ => {
                    let mut plan = self.plan(Part::Visit, day, true);
                    self.care(&mut plan, day, true);
                    self.bill(plan, &mut left, out);
                }
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// A person, a place and a time; with `refill` rather someone whose chronic
    /// drug is due.
    fn plan(&mut self, part: Part, day: i64, refill: bool) -> Plan {
        let today = (day - self.first_day) as u16;
        let mut person = self.dice.below(self.persons) as u32;
        for _ in 0..if refill { 4 } else { 0 } {
            if self.chronic_of(person).is_some() && self.due[person as usize] <= today {
                break;
            }
            person = self.dice.below(self.persons) as u32;
        }
        let hash = self.hash(person);
        // Most people go to two places near by.
        let hospital = self.hospitals[((hash >> 32) as usize + self.dice.below(10) as usize / 7) % self.hospitals.len()];
        let begin = Civil(day * 86_400 + self.dice.between(27_000, 68_000));
        let number = self.number();
        Plan {
            number,
            time: Civil(begin.0 + self.dice.between(300, 5000)),
            part,
            visit: number,
            prescription: 0,
            seed: mix(self.seed, number),
            person,
            institution: hospital,
            prescriber: hospital,
            begin,
            disease: (self.dice.below(ACUTE.len() as u64)) as u8,
            chronic: false,
            online: false,
            drugs: false,
            lines: 0,
            first_line: 1,
            stay: None,
        }
    }

    /// Decides what a visit treats and whether drugs are given, and remembers it.
    fn care(&mut self, plan: &mut Plan, day: i64, dispensed: bool) {
        let today = (day - self.first_day) as u16;
        let person = plan.person as usize;
        match self.chronic_of(plan.person) {
            Some(disease) if self.due[person] <= today => {
                (plan.chronic, plan.disease, plan.drugs) = (true, disease, true);
                if dispensed {
                    let days = self.dosages(plan).first().map_or(28, |dosage| dosage.days);
                    self.due[person] = today + (days - self.dice.between(-3, 5)).max(1) as u16;
                }
                if !plan.online && self.seen[person] == 0 {
                    self.seen[person] = today + 1;
                }
            }
            _ if self.acute_until[person] <= today => {
                plan.drugs = true;
                self.acute_until[person] = today + 9;
            }
            _ => {}
        }
    }

    fn may_have_drugs(&self, person: u32, today: u16) -> bool {
        let refill = self.chronic_of(person).is_some() && self.due[person as usize] <= today;
        refill || self.acute_until[person as usize] <= today
    }

    fn prescribe(&mut self, day: i64, left: &mut u64, out: &mut Vec<Plan>) {
        let today = (day - self.first_day) as u16;
        let mut plan = self.plan(Part::Prescription, day, true);
        for _ in 0..24 {
            if self.may_have_drugs(plan.person, today) {
                break;
            }
            plan = self.plan(Part::Prescription, day, true);
        }
        let person = plan.person as usize;
        let seen = self.seen[person] > 0 && self.seen[person] <= today;
        let due = self.chronic_of(plan.person).is_some() && self.due[person] <= today;
        plan.online = due && seen && !self.online.is_empty() && self.dice.per_mille(400);
        if plan.online {
            plan.prescriber = self.dice.pick(&self.online);
            plan.institution = plan.prescriber;
        }
        // Seldom is a prescription never taken to a pharmacy.
        let dispensed = *left > 1 && !self.dice.per_mille(60);
        self.care(&mut plan, day, dispensed);
        plan.drugs = true;
        plan.prescription = plan.number;
        plan.time = Civil(plan.begin.0 + 240);
        out.push(plan);
        if *left == 0 {
            return;
        }
        let in_house = !plan.online && self.dice.per_mille(700);
        if in_house && dispensed {
            self.follow(&plan, Part::Visit, 900, 5400, left, out);
            return;
        }
        if !plan.online {
            self.follow(&plan, Part::Consultation, 300, 600, left, out);
        }
        if !dispensed {
            return;
        }
        if plan.online && self.dice.per_mille(400) {
            self.follow(&plan, Part::Online, 900, 5400, left, out);
        } else {
            self.follow(&plan, Part::Dispensing, 3600, 80_000, left, out);
        }
    }

    /// A bill that follows a prescription after some seconds.
    fn follow(&mut self, prescription: &Plan, part: Part, low: i64, high: i64, left: &mut u64, out: &mut Vec<Plan>) {
        let number = self.number();
        let mut plan = Plan { part, number, ..*prescription };
        plan.time = Civil((prescription.time.0 + self.dice.between(low, high)).min(self.last.0));
        if part == Part::Dispensing {
            plan.institution = self.dice.pick(&self.pharmacies);
            plan.visit = number;
            plan.begin = plan.time;
        }
        self.bill(plan, left, out);
    }

    fn shop(&mut self, day: i64, left: &mut u64, out: &mut Vec<Plan>) {
        let mut plan = self.plan(Part::Shop, day, false);
        plan.institution = self.dice.pick(&self.pharmacies);
        plan.begin = plan.time;
        self.bill(plan, left, out);
    }

    fn stay(&mut self, day: i64, left: &mut u64, out: &mut Vec<Plan>) {
        let mut plan = self.plan(Part::Stay { interim: false }, day, false);
        let Some(mut stay) = self.stays.admit(self.city, &mut self.dice, day, self.last.day()) else { return };
        if *left < 2 {
            stay.billed = 0;
        }
        plan.institution = stay.institution;
        let later = if stay.billed > 0 { stay.days - stay.billed } else { 0 };
        plan.begin = plan.begin.plus_days(later - stay.days);
        plan.stay = Some(stay);
        if stay.billed > 0 {
            let number = self.number();
            self.bill(Plan { part: Part::Stay { interim: true }, number, ..plan }, left, out);
            plan.first_line = 200;
            plan.time = plan.time.plus_days(later);
        }
        self.bill(plan, left, out);
    }

    /// Decides the number of lines so that the mean comes out, and counts.
    fn bill(&mut self, mut plan: Plan, left: &mut u64, out: &mut Vec<Plan>) {
        let debt = self.mean_lines * (self.bills + 1.0) - self.lines;
        plan.lines = match plan.part {
            Part::Shop => 1 + self.dice.below(3) as u16,
            Part::Dispensing => 1,
            Part::Stay { .. } => wards::LINES,
            _ => {
                let middle = (self.mean_lines + debt / 20.0).clamp(2.0, self.mean_lines * 2.5);
                (1.0 + self.dice.below((middle * 2.0) as u64) as f64) as u16
            }
        };
        self.lines += f64::from(plan.lines);
        self.bills += 1.0;
        *left = left.saturating_sub(1);
        out.push(plan);
    }

    fn hash(&self, person: u32) -> u64 {
        mix(self.seed ^ 0x5EED, u64::from(person))
    }

    /// The chronic disease of a person, if there is one that a drug treats.
    fn chronic_of(&self, person: u32) -> Option<u8> {
        let hash = self.hash(person) >> 16;
        let disease = (hash % 15) as usize;
        (disease < CHRONIC.len() && !self.chronic_drugs[disease].is_empty()).then_some(disease as u8)
    }

    fn person(&self, person: u32) -> Person {
        let hash = self.hash(person);
        let age = if self.chronic_of(person).is_some() { 42 + (hash >> 8) % 45 } else { 2 + (hash >> 8) % 80 };
        Person {
            seq: u64::from(person),
            number: person_number(u64::from(person)),
            sex: if hash & 1 == 0 { "1" } else { "2" },
            birth: day_of(2025 - age as i64, 1 + (hash >> 24) as u32 % 12, 1 + (hash >> 28) as u32 % 28),
            area: self.areas[(hash >> 40) as usize % self.areas.len()],
            employee: age > 20 && hash & 6 != 0,
        }
    }

    /// What is prescribed: a function of the plan's seed and person, so that
    /// the prescription and its bill agree.
    fn dosages(&self, plan: &Plan) -> Vec<Dosage> {
        let mut dice = Dice::new(plan.seed, self.seed);
        let row = |idx: u32| &self.city.drugs[idx as usize];
        if plan.chronic {
            let list = &self.chronic_drugs[plan.disease as usize];
            let drug = list[(self.hash(plan.person) >> 20) as usize % list.len()];
            let frequency =
                FREQUENCIES[..3].iter().find(|often| row(drug).pack_count / often.times <= 31).copied().unwrap_or(FREQUENCIES[2]);
            return vec![Dosage::about(drug, row(drug), 1, frequency, 28)];
        }
        let list = &self.acute_drugs[plan.disease as usize];
        let count = (1 + dice.below(3) as usize).min(list.len());
        let start = dice.below(list.len().max(1) as u64) as usize;
        let days = dice.between(3, 5);
        (0..count)
            .map(|idx| list[(start + idx) % list.len()])
            .map(|drug| Dosage::covering(drug, row(drug), 1, FREQUENCIES[if row(drug).pack_count <= 6 { 0 } else { 2 }], days))
            .collect()
    }

    /// The message itself.
    pub(super) fn compose(&self, plan: &Plan) -> Doc {
        if plan.is_prescription() {
            return Doc::Prescription(self.prescription(plan));
        }
        let disease = if plan.chronic { &CHRONIC[plan.disease as usize] } else { &ACUTE[plan.disease as usize] };
        let (med_type, percent) = match plan.part {
            Part::Shop | Part::Dispensing => ("41", 55),
            Part::Stay { .. } => ("21", 75),
            Part::Emergency => ("13", 60),
            _ if plan.listed() => ("14", 70),
            _ => ("11", 60),
        };
        let ward = plan.stay.as_ref().map(|stay| (stay.ward(), stay));
        let mut bill = Bill {
            number: plan.number,
            visit: plan.visit,
            person: self.person(plan.person),
            institution: plan.institution,
            med_type,
            business: match plan.part {
                Part::Online => Some("02"),
                Part::Visit | Part::Consultation if plan.seed.is_multiple_of(3) => Some("01"),
                _ => None,
            },
            first_visit: None,
            newborn: false,
            interim: plan.part == Part::Stay { interim: true },
            stay_days: matches!(plan.part, Part::Stay { .. }).then(|| plan.time.day() - plan.begin.day()),
            chronic: (med_type == "14").then_some(disease.listed),
            begin: plan.begin,
            end: if matches!(plan.part, Part::Stay { .. }) { plan.time.plus_seconds(-1800) } else { plan.time },
            time: plan.time,
            ward: ward.map(|(ward, stay)| InWard { group: ward.group, caty: ward.caty, doctor: usize::from(stay.doctor) }),
            diagnoses: vec![ward.map_or(disease.diagnosis, |(ward, _)| ward.diagnosis)],
            operation: None,
            lines: Vec::with_capacity(usize::from(plan.lines) + 4),
            first_line: u64::from(plan.first_line),
            pay: if plan.part == Part::Shop { Pay::Account } else { Pay::Pool(percent) },
            own: Own::new(),
        };
        self.fill(plan, &mut bill);
        Doc::Bill(bill)
    }

    fn fill(&self, plan: &Plan, bill: &mut Bill) {
        if let (Part::Stay { interim }, Some(stay)) = (plan.part, &plan.stay) {
            let age = bill.person.age(plan.begin.day());
            bill.lines = wards::lines(self.city, stay, age, interim, &self.injections, &mut Dice::new(plan.seed, 0), plan.begin);
            return;
        }
        let mut dice = Dice::new(plan.seed, plan.number);
        let fact = plan.begin.plus_seconds(if matches!(plan.part, Part::Dispensing | Part::Shop) { 0 } else { 120 });
        let service = |idx: usize, count: i64| Line::new(Goods::Service(idx), count, SERVICES[idx].price, fact);
        match plan.part {
            Part::Visit | Part::Consultation => bill.lines.push(service(CONSULTATION, 1)),
            Part::Emergency => bill.lines.push(service(EMERGENCY, 1)),
            Part::Online if !self.city.online.is_empty() => bill.lines.push(Line::new(Goods::Online(0), 1, 1200, fact)),
            _ => {}
        }
        if plan.part == Part::Shop {
            let list = &self.acute_drugs[plan.disease as usize];
            for idx in 0..usize::from(plan.lines).min(list.len()) {
                let drug = list[(idx + plan.seed as usize) % list.len()];
                bill.lines.push(Line::new(Goods::Drug(drug), 1, self.city.drugs[drug as usize].price, fact));
            }
        } else if plan.drugs && !matches!(plan.part, Part::Consultation | Part::Emergency) {
            let order = self.order(plan);
            for (place, dosage) in (1..).zip(self.dosages(plan)) {
                let mut line = Line::new(Goods::Drug(dosage.drug), dosage.packs, self.city.drugs[dosage.drug as usize].price, fact);
                self.price(plan, place, &mut line);
                line.order = Some(order);
                line.circulated = plan.part == Part::Dispensing;
                line.days = Some(dosage.days);
                bill.lines.push(line);
            }
        }
        if matches!(plan.part, Part::Visit | Part::Consultation | Part::Emergency) || bill.lines.is_empty() {
            let mut test = TESTS + dice.below((DISPENSARY - TESTS) as u64) as usize;
            while bill.lines.len() < usize::from(plan.lines).max(1) {
                let mut line = service(test, 1);
                // Now and then an institution gives a discount.
                if line.price >= 1000 && dice.per_mille(15) {
                    line.discount = line.price / 10;
                }
                bill.lines.push(line);
                test = if test + 1 == DISPENSARY { TESTS } else { test + 1 };
            }
        }
    }

    /// A hospital prices drugs with a ceiling as it will: what is above it the
    /// person pays.
    fn price(&self, plan: &Plan, place: u64, line: &mut Line) {
        let Goods::Drug(drug) = line.goods else { return };
        let Some(ceiling) = self.city.drugs[drug as usize].ceiling.filter(|_| plan.part != Part::Dispensing) else { return };
        match self.prices.of(plan.institution, plan.time.day(), mix(plan.seed, place)) {
            Pricing::Usual => {}
            Pricing::AtCeiling => line.price = ceiling,
            Pricing::Above => {
                let excess = (ceiling / 8).max(1);
                line.price = ceiling + excess;
                line.split = Split::OverLimit(excess * line.count);
            }
        }
    }

    fn order(&self, plan: &Plan) -> Id {
        let number = if plan.prescription == 0 { plan.visit } else { plan.prescription };
        let rx = Prescription { number, ..self.prescription(plan) };
        if plan.part == Part::Dispensing { rx.national(self.city) } else { rx.id(self.city) }
    }

    fn prescription(&self, plan: &Plan) -> Prescription {
        let disease = if plan.chronic { &CHRONIC[plan.disease as usize] } else { &ACUTE[plan.disease as usize] };
        Prescription {
            number: plan.prescription,
            visit: plan.visit,
            person: self.person(plan.person),
            institution: plan.prescriber,
            time: plan.time,
            med_type: "11",
            online: plan.online,
            first_visit: if plan.online || plan.seed.is_multiple_of(4) { Some(false) } else { None },
            original: None,
            long: plan.chronic && !plan.listed(),
            chronic: plan.listed().then_some(disease.listed),
            diagnoses: vec![disease.diagnosis],
            drugs: if plan.is_prescription() { self.dosages(plan) } else { Vec::new() },
            own: Own::new(),
            own_of_drugs: Vec::new(),
        }
    }
}

/// Digits of a person number: made up, and never two alike.
pub(super) fn person_number(seq: u64) -> u64 {
    99_010_000_000_000_000 + (seq * 7_368_787 + 1_234_567) % 10_000_000_000_000
}
