//! Planted cases of online visits: first ones, and all the ways in which a
//! patient may be known already.

use crate::base::time::Civil;

use super::CLEAR;
use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::WITHDRAWN;
use super::innocent::stay;
use super::missed;
use super::pattern;
use crate::synth::everyday::CHRONIC;
use crate::synth::model::Bill;
use crate::synth::model::CONSULTATION;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Goods;
use crate::synth::model::Person;
use crate::synth::model::Prescription;
use crate::synth::stage::ELSEWHERE;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("online-first", CLEAR, "first_visit_by_own_word", "机构自报首诊", own_word),
    pattern("online-first", SUSPECTED, "no_earlier_contact", "此前无线下就诊", no_contact),
    pattern("online-first", SUSPECTED, "no_earlier_contact_flag_not_told", "此前无线下就诊且未载明首诊标志", no_contact_no_flag),
    pattern("online-first", SUSPECTED, "own_bill_is_no_earlier_contact", "本次结算单不算此前就诊", own_bill),
    pattern("online-first", SUSPECTED, "own_bill_does_not_say_online", "本次结算单未载明互联网", own_bill_not_called_online),
    pattern("online-first", SUSPECTED, "earlier_contact_for_other_disease", "此前只因其他疾病就诊", other_disease),
    pattern("online-first", SUSPECTED, "earlier_purchase_only", "此前只有购药", purchase_only),
    pattern("online-first", SUSPECTED, "earlier_registration_only", "此前只有挂号", registration_only),
    pattern("online-first", SUSPECTED, "seen_in_person_only_the_day_after", "次日才线下就诊", seen_afterwards),
    pattern("online-first", SUSPECTED, "first_visit_by_own_word_insured_elsewhere", "异地参保人自报首诊", own_word_insured_elsewhere),
    pattern(
        "online-first",
        missed(Grade::Suspected, "同组的其他疾病视为已就诊过的疾病"),
        "new_disease_of_known_group",
        "同组疾病中的新病",
        new_disease_of_known_group,
    ),
    pattern("online-first", WITHDRAWN, "in_person_bill_arrives_late", "线下就诊的结算晚到", bill_arrives_late),
    pattern("online-first", NEAR, "seen_in_person_the_same_day", "当日已线下就诊", same_day),
    pattern("online-first", INNOCENT, "same_disease", "此前线下就诊过同一疾病", same_disease),
    pattern("online-first", INNOCENT, "same_disease_group", "此前线下就诊过同组疾病", same_group),
    pattern("online-first", INNOCENT, "registered_chronic_disease", "已登记的门慢特病种", registered),
    pattern("online-first", INNOCENT, "continues_known_prescription", "续用已知处方", continues),
    pattern("online-first", INNOCENT, "same_substance_after_visit", "线下就诊后已用同一成分药品", same_substance),
    pattern("online-first", INNOCENT, "interim_bill_of_a_stay", "住院中途结算也算线下就诊", interim_bill),
    pattern("online-first", INNOCENT, "insured_elsewhere", "异地参保人（历史可能在外地）", insured_elsewhere),
    pattern("online-first", INNOCENT, "flag_against_known_contact", "自报首诊但已有线下就诊", contradiction),
    pattern("online-first", INNOCENT, "first_days_of_the_feed", "数据接入初期", first_days_of_feed),
];

const HYPERTENSION: Diagnosis = ("I10.x00x002", "高血压病");
const HYPERTENSIVE_HEART: Diagnosis = ("I11.900", "高血压性心脏病");
const DIZZINESS: Diagnosis = ("R42.x00", "头晕");
const BACK_PAIN: Diagnosis = ("M54.500", "腰痛");
const GASTRITIS: Diagnosis = ("K29.500", "慢性胃炎");
const REFLUX: Diagnosis = ("K21.900", "胃食管反流病");
/// Place of hypertension in the list of chronic diseases.
const LISTED: usize = 0;

/// An online prescription of an ordinary drug at `time`, not yet put.
fn online(s: &mut Stage, person: Person, time: Civil, diagnosis: Diagnosis, prefix: &str) -> Option<Prescription> {
    let drug = s.drug(|drug| drug.ordinary() && drug.countable() && drug.code.starts_with(prefix))?;
    let dosage = Dosage::about(drug, s.row(drug), 1, FREQUENCIES[0], 14);
    s.online(person, time, diagnosis, vec![dosage])
}

fn put(s: &mut Stage, rx: Prescription) -> Option<TruthKey> {
    let key = s.prescription_key(&rx);
    s.put_prescription(rx);
    Some(key)
}

fn hypertension(s: &mut Stage) -> Option<(Person, Civil, Prescription)> {
    let time = s.moment();
    let person = s.adult(time);
    let rx = online(s, person, time, HYPERTENSION, "XC0")?;
    Some((person, time, rx))
}

/// Puts an earlier visit for `diagnosis`.
fn seen(s: &mut Stage, person: Person, time: Civil, diagnosis: Diagnosis) {
    let (before, hospital) = (s.before(time, 1, 300), s.hospital());
    let bill = s.visit(person, hospital, before, diagnosis);
    s.put_bill(bill);
}

fn own_word(s: &mut Stage) -> Option<TruthKey> {
    let (_, _, mut rx) = hypertension(s)?;
    rx.first_visit = Some(true);
    put(s, rx)
}

fn own_word_insured_elsewhere(s: &mut Stage) -> Option<TruthKey> {
    let (_, _, mut rx) = hypertension(s)?;
    rx.first_visit = Some(true);
    rx.person.area = ELSEWHERE;
    put(s, rx)
}

fn no_contact(s: &mut Stage) -> Option<TruthKey> {
    let (_, _, rx) = hypertension(s)?;
    put(s, rx)
}

fn no_contact_no_flag(s: &mut Stage) -> Option<TruthKey> {
    let (_, _, mut rx) = hypertension(s)?;
    rx.first_visit = None;
    put(s, rx)
}

/// The consultation and its own bill, which is no earlier contact.
fn with_own_bill(s: &mut Stage, says_online: bool) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    let mut bill = s.online_bill(person, rx.institution, time.plus_seconds(-600), HYPERTENSION);
    (bill.visit, bill.first_visit) = (rx.visit, None);
    if !says_online {
        bill.business = None;
        bill.lines[0].goods = Goods::Service(CONSULTATION);
    }
    s.put_bill(bill);
    put(s, rx)
}

fn own_bill(s: &mut Stage) -> Option<TruthKey> {
    with_own_bill(s, true)
}

fn own_bill_not_called_online(s: &mut Stage) -> Option<TruthKey> {
    with_own_bill(s, false)
}

fn other_disease(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    seen(s, person, time, BACK_PAIN);
    put(s, rx)
}

fn purchase_only(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    let before = s.before(time, 40, 300);
    let mut bill = s.purchase(person, before, HYPERTENSION);
    if let Some(drug) = s.drug(|drug| drug.ordinary() && drug.code.starts_with("XN02BE")) {
        bill.lines.push(s.drug_line(drug, 1, before));
    }
    s.put_bill(bill);
    put(s, rx)
}

fn registration_only(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    let (before, hospital) = (s.before(time, 1, 300), s.hospital());
    let mut bill = s.visit(person, hospital, before, HYPERTENSION);
    bill.lines.truncate(1);
    bill.med_type = "12";
    s.put_bill(bill);
    put(s, rx)
}

fn seen_afterwards(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    let hospital = s.hospital();
    let bill = s.visit(person, hospital, time.plus_days(1), HYPERTENSION);
    s.put_bill(bill);
    put(s, rx)
}

fn new_disease_of_known_group(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.adult(time);
    let rx = online(s, person, time, HYPERTENSIVE_HEART, "XC0")?;
    seen(s, person, time, HYPERTENSION);
    put(s, rx)
}

/// The visit was before the consultation, but its bill is heard of almost three
/// days later: long after the rule has waited, and still within lateness.
fn bill_arrives_late(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    let (hospital, earlier) = (s.hospital(), Civil(time.0 - 3 * 3600));
    let bill = s.visit(person, hospital, earlier, HYPERTENSION);
    let delay = time.0 + 64 * 3600 - bill.time.0;
    s.put_bill(bill);
    if let Some(last) = s.scripted.last_mut() {
        last.delay = Some(delay);
    }
    put(s, rx)
}

fn same_day(s: &mut Stage) -> Option<TruthKey> {
    let time = Civil(s.moment().day() * 86_400 + 16 * 3600);
    let person = s.adult(time);
    let rx = online(s, person, time, HYPERTENSION, "XC0")?;
    let hospital = s.hospital();
    let bill = s.visit(person, hospital, time.plus_seconds(-7 * 3600), HYPERTENSION);
    s.put_bill(bill);
    put(s, rx)
}

fn same_disease(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    seen(s, person, time, ("I10.x00", "特发性(原发性)高血压"));
    put(s, rx)
}

fn same_group(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    seen(s, person, time, HYPERTENSIVE_HEART);
    put(s, rx)
}

fn registered(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.adult(time);
    let mut rx = online(s, person, time, DIZZINESS, "XC0")?;
    rx.chronic = Some(CHRONIC[LISTED].listed);
    let (before, hospital) = (s.before(time, 1, 300), s.hospital());
    let mut bill = s.visit(person, hospital, before, HYPERTENSION);
    (bill.med_type, bill.chronic) = ("14", Some(CHRONIC[LISTED].listed));
    s.put_bill(bill);
    put(s, rx)
}

/// An in-person visit with a prescription, dispensed in house.
fn treated(s: &mut Stage, person: Person, time: Civil, diagnosis: Diagnosis, prefix: &str) -> Option<(Prescription, Bill)> {
    let drug = s.drug(|drug| drug.ordinary() && drug.countable() && drug.code.starts_with(prefix))?;
    let hospital = s.hospital();
    let dosage = Dosage::about(drug, s.row(drug), 1, FREQUENCIES[0], 14);
    let rx = s.prescription(person, hospital, time, diagnosis, vec![dosage]);
    let bill = s.in_house(&rx);
    Some((rx, bill))
}

fn continues(s: &mut Stage) -> Option<TruthKey> {
    s.online_body()?;
    let time = s.moment();
    let (person, before) = (s.adult(time), s.before(time, 40, 200));
    let (original, bill) = treated(s, person, before, GASTRITIS, "XA02BC")?;
    let mut rx = s.online(person, time, DIZZINESS, original.drugs.clone())?;
    rx.original = Some(original.id(s.city));
    s.put_bill(bill);
    s.put_prescription(original);
    put(s, rx)
}

fn same_substance(s: &mut Stage) -> Option<TruthKey> {
    s.online_body()?;
    let time = s.moment();
    let (person, before) = (s.adult(time), s.before(time, 40, 200));
    let (original, bill) = treated(s, person, before, REFLUX, "XA02BC")?;
    let rx = s.online(person, time, GASTRITIS, original.drugs.clone())?;
    s.put_bill(bill);
    s.put_prescription(original);
    put(s, rx)
}

fn interim_bill(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, rx) = hypertension(s)?;
    let before = s.before(time, 1, 200);
    let mut bill = stay(s, person, before, HYPERTENSION, 3);
    bill.interim = true;
    s.put_bill(bill);
    put(s, rx)
}

fn insured_elsewhere(s: &mut Stage) -> Option<TruthKey> {
    let (_, _, mut rx) = hypertension(s)?;
    rx.person.area = ELSEWHERE;
    put(s, rx)
}

fn contradiction(s: &mut Stage) -> Option<TruthKey> {
    let (person, time, mut rx) = hypertension(s)?;
    seen(s, person, time, HYPERTENSION);
    rx.first_visit = Some(true);
    put(s, rx)
}

fn first_days_of_feed(s: &mut Stage) -> Option<TruthKey> {
    let day = s.feed_start + s.dice.between(0, 29);
    let time = Civil(day * 86_400 + s.dice.between(30_600, 61_200));
    let person = s.adult(time);
    let rx = online(s, person, time, HYPERTENSION, "XC0")?;
    put(s, rx)
}
