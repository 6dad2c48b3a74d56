//! A case of one drug in some quantity for some days: what is ordered, for
//! whom and where, and the messages that tell of it.

use crate::base::time::Civil;

use super::TruthKey;
use super::billing::birthday;
use super::controlled::FRACTURE;
use super::controlled::LUNG_CANCER;
use super::controlled::NEURALGIA;
use crate::synth::model::BED;
use crate::synth::model::Bill;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::EMERGENCY;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Frequency;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::NURSING;
use crate::synth::model::Person;
use crate::synth::model::Prescription;
use crate::synth::model::SERVICES;
use crate::synth::model::Told;
use crate::synth::model::WARD_ROUND;
use crate::synth::model::WHEN_NEEDED;
use crate::synth::stage::Stage;

pub(super) const QD: Frequency = FREQUENCIES[0];
pub(super) const BID: Frequency = FREQUENCIES[1];
pub(super) const TID: Frequency = FREQUENCIES[2];
pub(super) const AT_ONCE: Frequency = Frequency { code: "st", name: "立即", times: 1, cycle: 1 };
pub(super) const EVERY_THIRD_DAY: Frequency = Frequency { code: "q3d", name: "每三日一次", times: 1, cycle: 3 };
pub(super) const WEEKLY: Frequency = Frequency { code: "qw", name: "每周一次", times: 1, cycle: 7 };
/// No code of the national list.
pub(super) const OWN_CODE: Frequency = Frequency { code: "q72h", name: "每72小时一次", times: 1, cycle: 3 };

pub(super) const EMERGENCY_VISIT: &str = "13";
pub(super) const DAY_SURGERY: &str = "28";
pub(super) const STAY: &str = "21";

/// Which messages tell of the case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Both,
    Bill,
    Prescription,
}

/// One drug on one prescription.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub drug: u32,
    pub dose: i64,
    pub frequency: Frequency,
    /// Packs, or dose units where `loose`.
    pub count: i64,
    pub loose: bool,
    /// As declared.
    pub days: Option<i64>,
    pub diagnosis: Option<Diagnosis>,
    pub med_type: &'static str,
    pub who: fn(&mut Stage, Civil) -> Person,
    /// The prescriber's institution; any hospital if there is none.
    pub place: Option<u32>,
}

pub(super) fn anyone(s: &mut Stage, time: Civil) -> Person {
    s.adult(time)
}

pub(super) fn schoolchild(s: &mut Stage, time: Civil) -> Person {
    s.person(None, 7, 16, time)
}

pub(super) fn on_eighteenth_birthday(s: &mut Stage, time: Civil) -> Person {
    let person = s.person(None, 18, 18, time);
    Person { birth: birthday(18, time), ..person }
}

pub(super) fn day_before_eighteenth_birthday(s: &mut Stage, time: Civil) -> Person {
    let person = on_eighteenth_birthday(s, time);
    Person { birth: person.birth + 1, ..person }
}

impl Case {
    /// So many packs for so many days.
    pub(super) fn packs(drug: u32, packs: i64, days: i64, frequency: Frequency) -> Self {
        Self {
            drug,
            dose: 1,
            frequency,
            count: packs,
            loose: false,
            days: Some(days),
            diagnosis: Some(FRACTURE),
            med_type: "11",
            who: anyone,
            place: None,
        }
    }

    /// Exactly what so many days need, counted out of its pack.
    pub(super) fn days(drug: u32, days: i64, frequency: Frequency) -> Self {
        let count = days * frequency.times / frequency.cycle;
        Self { loose: true, ..Self::packs(drug, count, days, frequency) }
    }

    /// The days are not told, and the dose is taken when needed.
    pub(super) fn when_needed(self) -> Self {
        Self { frequency: WHEN_NEEDED, ..self.undeclared() }
    }

    pub(super) fn undeclared(self) -> Self {
        Self { days: None, ..self }
    }

    pub(super) fn with(self, diagnosis: Diagnosis) -> Self {
        Self { diagnosis: Some(diagnosis), ..self }
    }

    /// With cancer, or with another disease of pain.
    pub(super) fn in_pain(self, s: &mut Stage) -> Self {
        self.with(s.dice.pick(&[LUNG_CANCER, NEURALGIA]))
    }

    pub(super) fn undiagnosed(self) -> Self {
        Self { diagnosis: None, ..self }
    }

    /// `med_type`.
    pub(super) fn at(self, med_type: &'static str) -> Self {
        Self { med_type, ..self }
    }

    pub(super) fn of(self, who: fn(&mut Stage, Civil) -> Person) -> Self {
        Self { who, ..self }
    }

    /// The prescription and the visit's own bill, not yet put.
    pub(super) fn written(self, s: &mut Stage) -> (Prescription, Bill) {
        let time = s.moment();
        let person = (self.who)(s, time);
        let place = self.place.unwrap_or_else(|| s.hospital());
        let days = self.days.unwrap_or(1);
        let dosage = Dosage { drug: self.drug, dose: self.dose, frequency: self.frequency, packs: self.count, days };
        let mut rx = s.prescription(person, place, time, self.diagnosis.unwrap_or_default(), vec![dosage]);
        if self.diagnosis.is_none() {
            rx.diagnoses.clear();
        }
        rx.med_type = self.med_type;
        let mut bill = s.in_house(&rx);
        bill.med_type = self.med_type;
        if self.loose {
            let row = s.row(self.drug);
            let price = (row.price / row.pack_count).max(1);
            ordered(&mut bill).for_each(|line| line.price = price);
            let sum = price * self.count;
            for (field, told) in
                [("drug_dosunt", Told::Text(row.dose_unit.clone())), ("drug_pric", Told::Fen(price)), ("drug_sumamt", Told::Fen(sum))]
            {
                rx.own_of_drugs.push((0, field, told));
            }
        }
        if self.days.is_none() {
            ordered(&mut bill).for_each(|line| line.days = None);
            for field in ["medc_days", "medc_begntime", "medc_endtime"] {
                rx.own_of_drugs.push((0, field, Told::Absent));
            }
        }
        match self.med_type {
            EMERGENCY_VISIT => bill.lines[0] = Line::new(Goods::Service(EMERGENCY), 1, SERVICES[EMERGENCY].price, bill.begin),
            STAY => admit(&mut bill),
            _ => {}
        }
        (rx, bill)
    }

    /// Puts the case as both messages tell it.
    pub(super) fn act(self, s: &mut Stage) -> Option<TruthKey> {
        self.by(s, By::Both)
    }

    pub(super) fn by(self, s: &mut Stage, by: By) -> Option<TruthKey> {
        let (rx, bill) = self.written(s);
        put(s, rx, bill, by)
    }

    /// Puts the case with a unit of quantity that the drug master does not know.
    pub(super) fn counted_in(self, s: &mut Stage, unit: &str) -> Option<TruthKey> {
        let (mut rx, bill) = self.written(s);
        rx.own_of_drugs.push((0, "drug_dosunt", Told::Text(unit.to_owned())));
        put(s, rx, bill, By::Both)
    }

    /// Puts the prescription alone, without these fields of its header.
    pub(super) fn not_telling(self, s: &mut Stage, fields: &[&'static str]) -> Option<TruthKey> {
        let (mut rx, bill) = self.written(s);
        rx.own.extend(fields.iter().map(|field| (*field, Told::Absent)));
        put(s, rx, bill, By::Prescription)
    }

    /// Puts the prescription alone, of a drug that no table lists.
    pub(super) fn unlisted(self, s: &mut Stage, code: Option<&str>, name: &str, form: &str) -> Option<TruthKey> {
        self.unlisted_with(s, (code, name, form), |_| {})
    }

    /// The same, with something else about it.
    pub(super) fn unlisted_with(
        self,
        s: &mut Stage,
        (code, name, form): (Option<&str>, &str, &str),
        change: impl FnOnce(&mut Prescription),
    ) -> Option<TruthKey> {
        let (mut rx, bill) = self.written(s);
        let text = |text: &str| Told::Text(text.to_owned());
        rx.own_of_drugs.push((0, "med_list_codg", code.map_or(Told::Absent, text)));
        rx.own_of_drugs.push((0, "drug_genname", text(name)));
        rx.own_of_drugs.push((0, "drug_dosform", text(form)));
        change(&mut rx);
        put(s, rx, bill, By::Prescription)
    }
}

pub(super) fn put(s: &mut Stage, rx: Prescription, bill: Bill, by: By) -> Option<TruthKey> {
    let key = s.supply_key(&rx);
    if by != By::Prescription {
        s.put_bill(bill);
    }
    if by != By::Bill {
        s.put_prescription(rx);
    }
    Some(key)
}

/// The bill's lines of what was ordered.
pub(super) fn ordered(bill: &mut Bill) -> impl Iterator<Item = &mut Line> {
    bill.lines.iter_mut().filter(|line| line.order.is_some())
}

/// Makes a stay of the visit: it began two days before the order and ends
/// soon after it.
fn admit(bill: &mut Bill) {
    let ordered = bill.begin;
    bill.begin = ordered.plus_days(-2);
    (bill.end, bill.time, bill.stay_days) = (ordered.plus_seconds(5400), ordered.plus_seconds(7200), Some(2));
    bill.lines.retain(|line| line.order.is_some());
    for day in 0..=2 {
        for idx in [BED, WARD_ROUND, NURSING] {
            bill.lines.push(Line::new(Goods::Service(idx), 1, SERVICES[idx].price, bill.begin.plus_days(day)));
        }
    }
}
