//! Planted cases that look unusual and concern no rule at all.

use crate::base::time::Civil;

use super::INNOCENT;
use super::Pattern;
use super::TruthKey;
use super::billing::take_back;
use super::pattern;
use crate::synth::everyday::CHRONIC;
use crate::synth::model::BED;
use crate::synth::model::Bill;
use crate::synth::model::Diagnosis;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::NURSING;
use crate::synth::model::Person;
use crate::synth::model::SERVICES;
use crate::synth::model::WARD_ROUND;
use crate::synth::stage::ELSEWHERE;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("", INNOCENT, "interim_and_final_bill", "住院中途结算与出院结算", interim_and_final),
    pattern("", INNOCENT, "discount", "折扣", discount),
    pattern("", INNOCENT, "refund_in_same_bill", "同一结算单内退费", refund),
    pattern("", INNOCENT, "chronic_disease_list", "门诊慢特病", chronic_list),
    pattern("", INNOCENT, "day_surgery", "日间手术", day_surgery),
    pattern("", INNOCENT, "visit_insured_elsewhere", "异地参保人就诊", visit_insured_elsewhere),
];

const PNEUMONIA: Diagnosis = ("J18.900", "肺炎");
const POLYP: Diagnosis = ("K63.500", "结肠息肉");
const BACK_PAIN: Diagnosis = ("M54.500", "腰痛");

/// A stay that ends at `time`, not before the feed begins.
pub(super) fn stay(s: &mut Stage, person: Person, time: Civil, diagnosis: Diagnosis, days: i64) -> Bill {
    let hospital = s.hospital();
    let days = days.min(time.day() - s.feed_start).max(0);
    let mut bill = s.visit(person, hospital, time.plus_days(-days), diagnosis);
    (bill.med_type, bill.stay_days, bill.time, bill.end) = ("21", Some(days), time, time.plus_seconds(-900));
    bill.lines.clear();
    for day in 0..=days {
        for idx in [BED, WARD_ROUND, NURSING] {
            bill.lines.push(Line::new(Goods::Service(idx), 1, SERVICES[idx].price, Civil((bill.begin.0 + day * 86_400).min(time.0))));
        }
    }
    bill
}

fn put(s: &mut Stage, bill: Bill) -> Option<TruthKey> {
    let key = s.settlement_key(&bill);
    s.put_bill(bill);
    Some(key)
}

fn interim_and_final(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.adult(time);
    let mut last = stay(s, person, time, PNEUMONIA, 10);
    let (first_line, number) = (last.lines.len() as u64 / 2, s.number());
    let rest = last.lines.split_off(last.lines.len() / 2);
    let mut interim = last.clone();
    (interim.interim, interim.number) = (true, number);
    interim.time = Civil(last.begin.0 + (time.0 - last.begin.0) / 2 + 86_400 / 2).plus_seconds(-1);
    interim.end = interim.time;
    for line in &mut interim.lines {
        line.fact = line.fact.min(interim.time);
    }
    last.lines = rest;
    last.first_line = first_line + 1;
    s.put_bill(interim);
    put(s, last)
}

fn discount(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let mut bill = s.visit(person, hospital, time, BACK_PAIN);
    for line in &mut bill.lines {
        line.discount = line.price / 10;
    }
    put(s, bill)
}

fn refund(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let mut bill = s.visit(person, hospital, time, BACK_PAIN);
    take_back(&mut bill, 1);
    put(s, bill)
}

fn chronic_list(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let disease = &CHRONIC[0];
    let mut bill = s.visit(person, hospital, time, disease.diagnosis);
    (bill.med_type, bill.chronic) = ("140104", Some(disease.listed));
    if let Some(drug) = s.drug(|drug| drug.ordinary() && drug.code.starts_with("XC08CAA")) {
        let mut line = s.drug_line(drug, 3, time);
        line.days = Some(s.row(drug).pack_count * 3);
        bill.lines.push(line);
    }
    put(s, bill)
}

fn day_surgery(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.adult(time);
    let mut bill = stay(s, person, time, POLYP, 1);
    bill.med_type = "28";
    bill.operation = Some(("45.4200x003", "纤维结肠镜下结肠息肉切除术"));
    put(s, bill)
}

fn visit_insured_elsewhere(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let (mut person, hospital) = (s.adult(time), s.hospital());
    person.area = ELSEWHERE;
    let bill = s.visit(person, hospital, time, BACK_PAIN);
    put(s, bill)
}
