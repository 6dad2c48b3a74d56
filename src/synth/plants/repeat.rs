//! Planted cases of supplies that overlap: collected at several institutions,
//! and the good reasons for a refill before the last one is used up.

use crate::base::time::Civil;

use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::missed;
use super::pattern;
use crate::synth::city::Drug;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Frequency;
use crate::synth::model::Person;
use crate::synth::model::Prescription;
use crate::synth::model::WHEN_NEEDED;
use crate::synth::stage::Stage;
use crate::synth::text::day_of;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("repeat-supply", SUSPECTED, "refill_elsewhere_far_too_early", "在另一机构过早续药", two_institutions),
    pattern("repeat-supply", SUSPECTED, "three_institutions_in_a_month", "一月内三家机构重复开药", three_institutions),
    pattern(
        "repeat-supply",
        missed(Grade::Suspected, "各结算单均未载明天数，也没有处方"),
        "refill_days_not_told",
        "续药天数未载明",
        days_not_told,
    ),
    pattern("repeat-supply", NEAR, "seven_days_left", "前次用药只剩七日", seven_days_left),
    pattern("repeat-supply", NEAR, "surplus_of_13_days", "累计余量十三日", surplus_13_days),
    pattern("repeat-supply", INNOCENT, "dose_raised", "后一处方加大剂量", dose_raised),
    pattern("repeat-supply", INNOCENT, "other_release_form", "更换释放剂型", other_release_form),
    pattern("repeat-supply", INNOCENT, "basal_and_bolus_insulin", "基础与餐时胰岛素并用", two_insulins),
    pattern("repeat-supply", INNOCENT, "early_refill_at_same_institution", "同一机构提前续药", same_institution),
    pattern("repeat-supply", INNOCENT, "second_prescription_never_dispensed", "第二张处方未配药", never_dispensed),
    pattern("repeat-supply", INNOCENT, "discharge_drugs_before_refill", "出院带药后续药", discharge_drugs),
    pattern("repeat-supply", INNOCENT, "long_prescription_refilled_in_time", "长期处方按时续药", long_prescription),
];

pub(super) const HYPERTENSION: Diagnosis = ("I10.x00x002", "高血压病");
const DIABETES: Diagnosis = ("E11.900", "2型糖尿病");

pub(super) fn steady(drug: &Drug) -> bool {
    // Whole packs that make up four weeks.
    let weeks = (28 + drug.pack_count / 2) / drug.pack_count * drug.pack_count;
    let packed = drug.countable() && (27..=30).contains(&weeks);
    drug.ordinary() && packed && drug.form_group == "other" && drug.code.starts_with("XC0")
}

/// Supplies of one substance: after how many days, at which of the hospitals,
/// for how many days, in which dose and how often.
pub(super) struct Step {
    pub after: i64,
    pub place: usize,
    pub dosage: Dosage,
    pub dispensed: bool,
    pub circulated: bool,
}

/// Puts all steps; the case is anchored at the last one's prescription.
pub(super) fn act(s: &mut Stage, diagnosis: Diagnosis, start: Civil, steps: Vec<Step>) -> Option<TruthKey> {
    let places = s.hospitals::<3>()?;
    if steps.iter().any(|step| start.plus_days(step.after).day() + 1 > s.live_last()) {
        return None;
    }
    let person: Person = s.adult(start);
    let mut key = None;
    for step in steps {
        let time = start.plus_days(step.after);
        let mut rx: Prescription = s.prescription(person, places[step.place], time, diagnosis, vec![step.dosage]);
        rx.long = step.dosage.days > 60;
        key = Some(s.supply_key(&rx));
        if step.dispensed {
            let bill = if step.circulated { s.circulated(&rx) } else { s.in_house(&rx) };
            s.put_bill(bill);
        }
        s.put_prescription(rx);
    }
    key
}

/// A moment from which `days` later is still in the live month.
pub(super) fn start(s: &mut Stage, days: i64) -> Civil {
    let mut end = s.moment();
    // Before a holiday everybody may refill early.
    while before_holiday(end) && end.day() > s.live_first() {
        end = end.plus_days(-1);
    }
    let earliest = s.feed_start * 86_400 + 10 * 3600;
    Civil((end.0 - days * 86_400).max(earliest))
}

/// Whether a public holiday of these years begins within two weeks.
fn before_holiday(time: Civil) -> bool {
    const FIRST_DAYS: [(i64, u32, u32); 14] = [
        (2025, 1, 1),
        (2025, 1, 28),
        (2025, 4, 4),
        (2025, 5, 1),
        (2025, 5, 31),
        (2025, 10, 1),
        (2026, 1, 1),
        (2026, 2, 15),
        (2026, 4, 4),
        (2026, 5, 1),
        (2026, 6, 19),
        (2026, 9, 25),
        (2026, 10, 1),
        (2027, 1, 1),
    ];
    FIRST_DAYS.iter().any(|(year, month, date)| (0..=14).contains(&(day_of(*year, *month, *date) - time.day())))
}

pub(super) fn four_weeks(s: &Stage, drug: u32, dose: i64, often: Frequency) -> Dosage {
    Dosage::about(drug, s.row(drug), dose, often, 28)
}

/// Two supplies of four weeks, the second when `left` days are left.
pub(super) fn pair(s: &mut Stage, left: i64, place: usize, dispensed: bool) -> Option<TruthKey> {
    let drug = s.drug(steady)?;
    let dosage = four_weeks(s, drug, 1, FREQUENCIES[0]);
    let after = dosage.days - left;
    let begin = start(s, after);
    let circulated = s.dice.per_mille(300);
    let first = Step { after: 0, place: 0, dosage, dispensed: true, circulated: false };
    let second = Step { after, place, dosage, dispensed, circulated };
    act(s, HYPERTENSION, begin, vec![first, second])
}

fn two_institutions(s: &mut Stage) -> Option<TruthKey> {
    let left = s.dice.between(18, 25);
    pair(s, left, 1, true)
}

fn three_institutions(s: &mut Stage) -> Option<TruthKey> {
    three_times(s, [0, 1, 2])
}

/// Three supplies of four weeks, one after the other, each a little too early.
pub(super) fn three_times(s: &mut Stage, places: [usize; 3]) -> Option<TruthKey> {
    let drug = s.drug(steady)?;
    let dosage = four_weeks(s, drug, 1, FREQUENCIES[0]);
    // Eleven days left each time: only both together are too much.
    let after = dosage.days - 11;
    // The refill in between lies in the live month, too: one shortly before a
    // holiday of the month before would be excused.
    let earliest = Civil(s.live_first() * 86_400 + 10 * 3600).plus_days(-after);
    let begin = start(s, 2 * after).max(earliest);
    let step = |after, place| Step { after, place, dosage, dispensed: true, circulated: false };
    act(s, HYPERTENSION, begin, vec![step(0, places[0]), step(after, places[1]), step(2 * after, places[2])])
}

fn seven_days_left(s: &mut Stage) -> Option<TruthKey> {
    pair(s, 7, 1, true)
}

fn surplus_13_days(s: &mut Stage) -> Option<TruthKey> {
    pair(s, 13, 1, true)
}

fn same_institution(s: &mut Stage) -> Option<TruthKey> {
    // Less would be left over than its own rule tells of.
    pair(s, 12, 0, true)
}

fn never_dispensed(s: &mut Stage) -> Option<TruthKey> {
    pair(s, 20, 1, false)
}

fn days_not_told(s: &mut Stage) -> Option<TruthKey> {
    without_days(s, 1)
}

pub(super) fn without_days(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let drug = s.drug(steady)?;
    let places = s.hospitals::<2>()?;
    let begin = start(s, 6);
    let person = s.adult(begin);
    let mut key = None;
    for (place, time) in [(places[0], begin), (places[place], begin.plus_days(6))] {
        let dosage = Dosage { frequency: WHEN_NEEDED, ..four_weeks(s, drug, 1, FREQUENCIES[0]) };
        let rx = s.prescription(person, place, time, HYPERTENSION, vec![dosage]);
        let mut bill = s.in_house(&rx);
        for line in &mut bill.lines {
            line.days = None;
        }
        key = Some(s.supply_key(&rx));
        s.put_bill(bill);
    }
    key
}

fn dose_raised(s: &mut Stage) -> Option<TruthKey> {
    raised(s, 1)
}

pub(super) fn raised(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let drug = s.drug(|drug| steady(drug) && drug.dose_max.unwrap_or(1) >= 2)?;
    let begin = start(s, 8);
    let (low, high) = (four_weeks(s, drug, 1, FREQUENCIES[0]), four_weeks(s, drug, 2, FREQUENCIES[0]));
    let first = Step { after: 0, place: 0, dosage: low, dispensed: true, circulated: false };
    let second = Step { after: 8, place, dosage: high, dispensed: true, circulated: false };
    act(s, HYPERTENSION, begin, vec![first, second])
}

fn other_release_form(s: &mut Stage) -> Option<TruthKey> {
    other_form(s, 1)
}

pub(super) fn other_form(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let city = s.city;
    let of_form = |drug: &Drug, form: &str| drug.ordinary() && drug.countable() && drug.form_group == form;
    let plain_of = |slow: &Drug, drug: &Drug| of_form(drug, "other") && drug.substance == slow.substance;
    let slow = s.drug(|slow| of_form(slow, "sustained") && city.drugs.iter().any(|drug| plain_of(slow, drug)))?;
    let slow_row = s.row(slow);
    let plain = s.drug(|drug| plain_of(slow_row, drug))?;
    let begin = start(s, 6);
    let first = Step { after: 0, place: 0, dosage: four_weeks(s, plain, 1, FREQUENCIES[0]), dispensed: true, circulated: false };
    let second = Step { after: 6, place, dosage: four_weeks(s, slow, 1, FREQUENCIES[0]), dispensed: true, circulated: false };
    act(s, HYPERTENSION, begin, vec![first, second])
}

fn two_insulins(s: &mut Stage) -> Option<TruthKey> {
    let basal = s.drug(|drug| ["甘精", "地特", "德谷"].iter().any(|name| drug.name.contains(name)))?;
    let bolus = s.drug(|drug| ["门冬", "赖脯", "谷赖"].iter().any(|name| drug.name.contains(name)))?;
    let begin = start(s, 3);
    let pens = |drug| Dosage { drug, dose: 1, frequency: FREQUENCIES[0], packs: 2, days: 28 };
    let first = Step { after: 0, place: 0, dosage: pens(basal), dispensed: true, circulated: false };
    let second = Step { after: 3, place: 1, dosage: pens(bolus), dispensed: true, circulated: false };
    act(s, DIABETES, begin, vec![first, second])
}

fn discharge_drugs(s: &mut Stage) -> Option<TruthKey> {
    discharged(s, 1)
}

/// Discharge drugs, then the doctor's refill before they are used up.
pub(super) fn discharged(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let drug = s.drug(steady)?;
    let places = s.hospitals::<2>()?;
    let dosage = four_weeks(s, drug, 1, FREQUENCIES[0]);
    let begin = start(s, 9);
    let person = s.adult(begin);
    let mut bill = super::innocent::stay(s, person, begin, HYPERTENSION, 5);
    bill.institution = places[0];
    let mut line = s.drug_line(drug, dosage.packs, begin.plus_seconds(-3600));
    (line.discharge, line.days) = (true, Some(dosage.days));
    bill.lines.push(line);
    s.put_bill(bill);
    let rx = s.prescription(person, places[place], begin.plus_days(9), HYPERTENSION, vec![dosage]);
    let bill = s.in_house(&rx);
    let key = s.supply_key(&rx);
    s.put_bill(bill);
    s.put_prescription(rx);
    Some(key)
}

fn long_prescription(s: &mut Stage) -> Option<TruthKey> {
    long_in_time(s, 1)
}

pub(super) fn long_in_time(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let drug = s.drug(steady)?;
    let dosage = Dosage::about(drug, s.row(drug), 1, FREQUENCIES[0], 84);
    let after = dosage.days - 5;
    let begin = start(s, after);
    let step = |after, place| Step { after, place, dosage, dispensed: true, circulated: false };
    act(s, HYPERTENSION, begin, vec![step(0, 0), step(after, place)])
}
