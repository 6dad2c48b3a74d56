//! Planted cases of supplies that one institution gave again too early, and of
//! what only looks so: orders of one visit, instalments, a stay in between.

use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::take_back;
use super::edits::line;
use super::edits::text;
use super::innocent::stay;
use super::missed;
use super::pattern;
use super::repeat::HYPERTENSION;
use super::repeat::discharged;
use super::repeat::four_weeks;
use super::repeat::long_in_time;
use super::repeat::other_form;
use super::repeat::pair;
use super::repeat::raised;
use super::repeat::start;
use super::repeat::steady;
use super::repeat::three_times;
use super::repeat::without_days;
use crate::base::time::Civil;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Prescription;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("repeat-supply-same", SUSPECTED, "refill_at_one_institution_far_too_early", "同一机构过早续药", far_too_early),
    pattern("repeat-supply-same", SUSPECTED, "three_early_refills_at_one_institution", "同一机构三次提前续药", three_at_one),
    pattern(
        "repeat-supply-same",
        missed(Grade::Suspected, "各结算单均未载明天数，也没有处方"),
        "refill_at_one_institution_days_not_told",
        "同一机构续药天数未载明",
        days_not_told,
    ),
    pattern(
        "repeat-supply-same",
        missed(Grade::Suspected, "两次就诊的医嘱号相同，也可能是同一处方分次取药"),
        "orders_numbered_by_visit",
        "医嘱按就诊编号",
        numbered_by_visit,
    ),
    pattern("repeat-supply-same", NEAR, "seven_days_left_at_one_institution", "同一机构只剩七日", seven_days_left),
    pattern("repeat-supply-same", NEAR, "surplus_of_13_days_at_one_institution", "同一机构余量十三日", surplus_13_days),
    pattern("repeat-supply-same", INNOCENT, "dose_raised_at_one_institution", "同一机构加大剂量", dose_raised),
    pattern("repeat-supply-same", INNOCENT, "other_release_form_at_one_institution", "同一机构更换释放剂型", other_release_form),
    pattern("repeat-supply-same", INNOCENT, "discharge_drugs_before_refill_there", "出院带药后原机构续药", discharge_drugs),
    pattern("repeat-supply-same", INNOCENT, "prescribed_again_and_never_dispensed", "再次开方未配药", never_dispensed),
    pattern("repeat-supply-same", INNOCENT, "long_prescription_refilled_there_in_time", "长期处方按时回原机构续药", long_prescription),
    pattern("repeat-supply-same", INNOCENT, "long_prescription_in_instalments", "长期处方分次取药", instalments),
    pattern("repeat-supply-same", INNOCENT, "two_orders_in_one_visit", "同次就诊两张处方", one_visit),
    pattern("repeat-supply-same", INNOCENT, "two_departments_on_one_day", "同日两科就诊", one_day),
    pattern("repeat-supply-same", INNOCENT, "admitted_while_the_refill_lasts", "续药后住院用药", admitted),
    pattern("repeat-supply-same", INNOCENT, "second_pack_returned", "再次取药后退药", returned),
];

fn far_too_early(s: &mut Stage) -> Option<TruthKey> {
    let left = s.dice.between(18, 25);
    pair(s, left, 0, true)
}

fn three_at_one(s: &mut Stage) -> Option<TruthKey> {
    three_times(s, [0, 0, 0])
}

fn days_not_told(s: &mut Stage) -> Option<TruthKey> {
    without_days(s, 0)
}

fn seven_days_left(s: &mut Stage) -> Option<TruthKey> {
    pair(s, 7, 0, true)
}

fn surplus_13_days(s: &mut Stage) -> Option<TruthKey> {
    pair(s, 13, 0, true)
}

fn dose_raised(s: &mut Stage) -> Option<TruthKey> {
    raised(s, 0)
}

fn other_release_form(s: &mut Stage) -> Option<TruthKey> {
    other_form(s, 0)
}

fn discharge_drugs(s: &mut Stage) -> Option<TruthKey> {
    discharged(s, 0)
}

fn never_dispensed(s: &mut Stage) -> Option<TruthKey> {
    pair(s, 20, 0, false)
}

fn long_prescription(s: &mut Stage) -> Option<TruthKey> {
    long_in_time(s, 0)
}

/// A first supply of four weeks in house, and when the next comes while much of it is left.
fn supplied(s: &mut Stage, after: i64) -> Option<(Prescription, Civil)> {
    let drug = s.drug(steady)?;
    let begin = start(s, after);
    let (person, hospital) = (s.adult(begin), s.hospital());
    let dosage = four_weeks(s, drug, 1, FREQUENCIES[0]);
    Some((s.prescription(person, hospital, begin, HYPERTENSION, vec![dosage]), begin.plus_days(after)))
}

/// Puts the prescription and its bill in house.
fn put(s: &mut Stage, rx: Prescription) {
    let bill = s.in_house(&rx);
    s.put_bill(bill);
    s.put_prescription(rx);
}

/// The same again at a time.
fn again(s: &mut Stage, rx: &Prescription, time: Civil) -> Prescription {
    s.prescription(rx.person, rx.institution, time, HYPERTENSION, rx.drugs.clone())
}

/// The institution counts the orders of each visit from 1.
fn numbered_by_visit(s: &mut Stage) -> Option<TruthKey> {
    let (first, then) = supplied(s, 6)?;
    let second = again(s, &first, then);
    let mut key = None;
    for rx in [first, second] {
        let mut bill = s.in_house(&rx);
        let place = bill.lines.len() - 1;
        line(&mut bill, place, "rx_drord_no", text("1"));
        if let TruthKey::Supply { fixmedins_code, substance, .. } = s.supply_key(&rx) {
            key = Some(TruthKey::Supply { fixmedins_code, rx_no: "1".to_owned(), substance });
        }
        s.put_bill(bill);
    }
    key
}

/// Twelve weeks on one prescription of paper, collected in two visits; both
/// bills tell how long the whole of it lasts.
fn instalments(s: &mut Stage) -> Option<TruthKey> {
    let (rx, then) = supplied(s, 26)?;
    let part = rx.drugs[0];
    let key = s.supply_key(&rx);
    let order = rx.id(s.city);
    for (visit, time) in [(rx.visit, rx.time), (s.number(), then)] {
        let mut bill = s.visit(rx.person, rx.institution, time, HYPERTENSION);
        bill.visit = visit;
        let mut line = s.drug_line(part.drug, part.packs, time.plus_seconds(600));
        (line.order, line.days) = (Some(order), Some(part.days * 3));
        bill.lines.push(line);
        s.put_bill(bill);
    }
    Some(key)
}

fn one_visit(s: &mut Stage) -> Option<TruthKey> {
    let (first, _) = supplied(s, 0)?;
    let mut second = again(s, &first, first.time.plus_seconds(300));
    second.visit = first.visit;
    let key = s.supply_key(&second);
    put(s, first);
    let mut bill = s.in_house(&second);
    // Lines are numbered through the visit.
    bill.first_line = 100;
    s.put_bill(bill);
    s.put_prescription(second);
    Some(key)
}

fn one_day(s: &mut Stage) -> Option<TruthKey> {
    let (mut first, _) = supplied(s, 0)?;
    first.time = Civil(first.time.day() * 86_400 + 32_400);
    let second = again(s, &first, first.time.plus_seconds(4 * 3600));
    let key = s.supply_key(&second);
    put(s, first);
    put(s, second);
    Some(key)
}

/// The ward goes on giving what the person takes at home.
fn admitted(s: &mut Stage) -> Option<TruthKey> {
    let (first, then) = supplied(s, 10)?;
    let mut bill = stay(s, first.person, then, HYPERTENSION, 4);
    bill.institution = first.institution;
    let dosage = first.drugs[0];
    let mut line = s.drug_line(dosage.drug, 1, then.plus_seconds(-3600));
    line.days = Some(dosage.days / dosage.packs);
    bill.lines.push(line);
    put(s, first);
    let key = s.line_key(&bill, bill.lines.len() - 1);
    s.put_bill(bill);
    Some(key)
}

fn returned(s: &mut Stage) -> Option<TruthKey> {
    let (first, then) = supplied(s, 6)?;
    let second = again(s, &first, then);
    put(s, first);
    let mut bill = s.in_house(&second);
    let place = bill.lines.len() - 1;
    take_back(&mut bill, place);
    s.put_bill(bill);
    let key = s.supply_key(&second);
    s.put_prescription(second);
    Some(key)
}
