//! Planted cases of what is billed in an online visit and can only be done in
//! person, and of medicine handed out before a pharmacist audited it.

use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::take_back;
use super::controlled::COLD;
use super::missed;
use super::online::CONFLICT;
use super::online::adult;
use super::online::fed;
use super::online::online_at;
use super::orders::BID;
use super::orders::By;
use super::orders::Case;
use super::orders::ordered;
use super::orders::put;
use super::pattern;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::synth::city::InstitutionKind;
use crate::synth::model;
use crate::synth::model::Bill;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::Told;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("online-needs-exam", SUSPECTED, "test_in_online_visit", "线上就诊当次收取化验费", |s| billed(s, BLOOD, |_| {})),
    pattern("online-needs-exam", SUSPECTED, "examination_in_online_visit", "线上就诊当次收取检查费", |s| {
        billed(s, ULTRASOUND, |_| {})
    }),
    pattern("online-needs-exam", SUSPECTED, "operation_in_online_visit", "线上就诊当次收取手术费", |s| {
        billed(s, EXCISION, |_| {})
    }),
    pattern(
        "online-needs-exam",
        SUSPECTED,
        "local_fee_group_in_online_visit",
        "线上就诊当次收取化验费（地方细分类别）",
        |s| billed(s, Fee { group: "0401", ..BLOOD }, |_| {}),
    ),
    pattern("online-needs-exam", SUSPECTED, "test_in_visit_known_by_online_item", "仅凭线上项目可知的当次化验", |s| {
        billed(s, BLOOD, |bill| bill.business = None)
    }),
    pattern(
        "online-needs-exam",
        SUSPECTED,
        "test_late_on_the_day_of_online_visit",
        "线上就诊当日深夜化验，两日后结算",
        |s| billed(s, BLOOD, |bill| done_after(bill, SECONDS_PER_DAY - 1)),
    ),
    pattern(
        "online-needs-exam",
        missed(Grade::Suspected, "未载明收费类别"),
        "fee_group_not_told",
        "线上化验未载明收费类别",
        |s| billed(s, BLOOD, |bill| tell_last(bill, "med_chrgitm_type", Told::Absent)),
    ),
    pattern(
        "online-needs-exam",
        missed(Grade::Suspected, "未载明费用发生时间"),
        "fee_time_not_told",
        "线上化验未载明发生时间",
        |s| billed(s, BLOOD, |bill| tell_last(bill, "fee_ocur_time", Told::Absent)),
    ),
    pattern("online-needs-exam", missed(Grade::Suspected, CONFLICT), "test_of_conflicting_signs", "结算单线上标志矛盾", |s| {
        billed(s, BLOOD, |bill| bill.business = Some("01"))
    }),
    pattern("online-needs-exam", NEAR, "test_the_day_after_online_visit", "线上开单，次日零时化验", |s| {
        billed(s, BLOOD, |bill| done_after(bill, SECONDS_PER_DAY))
    }),
    pattern("online-needs-exam", INNOCENT, "ordered_online_done_in_person", "线上开单，之后到院化验", ordered_online),
    pattern("online-needs-exam", INNOCENT, "test_done_elsewhere", "外检项目", |s| {
        billed(s, BLOOD, |bill| tell_last(bill, "etip_flag", Told::Text("1".to_owned())))
    }),
    pattern("online-needs-exam", INNOCENT, "test_refunded_in_same_bill", "线上化验在同一结算单内已退费", |s| {
        billed(s, BLOOD, |bill| take_back(bill, 1))
    }),
    pattern("online-needs-exam", INNOCENT, "online_consultation_fee", "线上诊查费", |s| {
        billed(s, Fee { group: "02", ..CONSULTATION }, |_| {})
    }),
    pattern("online-needs-exam", INNOCENT, "drug_of_online_visit", "线上就诊的药品", drug_billed),
    pattern("online-needs-exam", INNOCENT, "test_on_bill_without_any_sign", "无线上标志的化验", |s| {
        let hospital = s.hospital();
        billed_at(s, hospital, BLOOD, |bill| {
            bill.business = None;
            bill.lines[0].goods = Goods::Service(model::CONSULTATION);
        })
    }),
    pattern("pharmacist-audit", SUSPECTED, "dispensed_without_audit", "处方未经审核即配发", |s| audited(s, None)),
    pattern("pharmacist-audit", SUSPECTED, "sold_without_audit", "流转处方未经审核即销售", sold_unaudited),
    pattern("pharmacist-audit", SUSPECTED, "audited_a_second_after_dispensing", "先配发后审核", |s| audited(s, Some(1))),
    pattern(
        "pharmacist-audit",
        missed(Grade::Suspected, "该地区尚未接入审方信息"),
        "dispensed_where_audits_are_not_fed",
        "未接入审方信息地区的处方",
        |s| tablets(s)?.act(s),
    ),
    pattern("pharmacist-audit", NEAR, "audited_when_dispensed", "审核与配发同时", |s| audited(s, Some(0))),
    pattern("pharmacist-audit", INNOCENT, "audited_before_dispensing", "审核在配发之前", |s| audited(s, Some(-300))),
    pattern("pharmacist-audit", INNOCENT, "unaudited_and_not_dispensed", "未审核也未配发", |s| away(s)?.by(s, By::Prescription)),
    pattern("pharmacist-audit", INNOCENT, "unaudited_and_returned", "未审核，全部退回", unaudited_and_returned),
    pattern("pharmacist-audit", INNOCENT, "bill_without_prescription", "仅有结算单，没有处方", |s| away(s)?.by(s, By::Bill)),
];

/// Something done in person, with its price in 分.
#[derive(Clone, Copy)]
struct Fee {
    group: &'static str,
    code: &'static str,
    name: &'static str,
    price: i64,
}

const BLOOD: Fee = Fee { group: "04", code: "002501010150000", name: "血细胞分析", price: 1800 };
const ULTRASOUND: Fee = Fee { group: "03", code: "002203010020000", name: "彩色多普勒超声常规检查", price: 9800 };
const EXCISION: Fee = Fee { group: "06", code: "003316020010000", name: "体表肿物切除术", price: 20_000 };
const CONSULTATION: Fee = Fee { group: "02", code: "001102000010000", name: "普通门诊诊查费", price: 1200 };

fn line_of(fee: Fee, fact: Civil) -> Line {
    let mut line = Line::new(Goods::Own(fee.code, fee.name), 1, fee.price, fact);
    line.own.push(("med_chrgitm_type", Told::Text(fee.group.to_owned())));
    line
}

fn billed(s: &mut Stage, fee: Fee, change: fn(&mut Bill)) -> Option<TruthKey> {
    let body = fed(s)?;
    billed_at(s, body, fee, change)
}

/// The bill of an online visit whose second line is `fee`, after an earlier
/// visit in person.
fn billed_at(s: &mut Stage, place: u32, fee: Fee, change: fn(&mut Bill)) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.adult(time);
    let (before, hospital) = (s.before(time, 2, 300), s.hospital());
    let contact = s.visit(person, hospital, before, COLD);
    s.put_bill(contact);
    let mut bill = s.online_bill(person, place, time, COLD);
    bill.lines.push(line_of(fee, time.plus_seconds(600)));
    change(&mut bill);
    let key = s.line_key(&bill, 1);
    s.put_bill(bill);
    Some(key)
}

fn tell_last(bill: &mut Bill, field: &'static str, told: Told) {
    if let Some(line) = bill.lines.last_mut() {
        line.own.retain(|(own, _)| *own != field);
        line.own.push((field, told));
    }
}

/// The last line is done so many seconds after the day of the visit began, and
/// all is billed two days later.
fn done_after(bill: &mut Bill, seconds: i64) {
    let fact = Civil(bill.end.day() * SECONDS_PER_DAY + seconds);
    bill.time = bill.time.plus_days(2);
    if let Some(line) = bill.lines.last_mut() {
        line.fact = fact;
    }
}

fn ordered_online(s: &mut Stage) -> Option<TruthKey> {
    let body = fed(s)?;
    let time = s.moment();
    let person = s.adult(time);
    let (before, hospital) = (s.before(time, 2, 300), s.hospital());
    for begin in [before, time] {
        let bill = if begin == time { s.online_bill(person, body, time, COLD) } else { s.visit(person, hospital, begin, COLD) };
        s.put_bill(bill);
    }
    let mut later = s.visit(person, hospital, time.plus_days(2), COLD);
    later.business = Some("01");
    later.lines.truncate(1);
    later.lines.push(line_of(BLOOD, later.begin.plus_seconds(600)));
    let key = s.line_key(&later, 1);
    s.put_bill(later);
    Some(key)
}

fn drug_billed(s: &mut Stage) -> Option<TruthKey> {
    let body = fed(s)?;
    let time = s.moment();
    let rx = online_at(s, body, time, adult, COLD)?;
    let mut bill = s.online_bill(rx.person, body, time, COLD);
    bill.visit = rx.visit;
    let dosage = *rx.drugs.first()?;
    let mut line = s.drug_line(dosage.drug, dosage.packs, time.plus_seconds(600));
    (line.order, line.days) = (Some(rx.id(s.city)), Some(dosage.days));
    line.own.push(("med_chrgitm_type", Told::Text("09".to_owned())));
    bill.lines.push(line);
    let key = s.line_key(&bill, 1);
    s.put_prescription(rx);
    s.put_bill(bill);
    Some(key)
}

fn tablets(s: &mut Stage) -> Option<Case> {
    let drug = s.drug(|drug| drug.ordinary() && drug.countable() && drug.code.starts_with("XN02BED"))?;
    Some(Case::days(drug, 3, BID).with(COLD))
}

/// Tablets from the hospital whose area sends audits.
fn away(s: &mut Stage) -> Option<Case> {
    let place = Some(s.institution(|row| row.kind == InstitutionKind::Hospital && row.away)?);
    Some(Case { place, ..tablets(s)? })
}

/// Dispensed in house, and audited so many seconds after.
fn audited(s: &mut Stage, after: Option<i64>) -> Option<TruthKey> {
    let (mut rx, mut bill) = away(s)?.written(s);
    let dispensed = ordered(&mut bill).next()?.fact;
    rx.own.extend(after.map(|seconds| ("phar_chk_time", Told::Time(dispensed.plus_seconds(seconds)))));
    put(s, rx, bill, By::Both)
}

fn sold_unaudited(s: &mut Stage) -> Option<TruthKey> {
    let (rx, _) = Case { loose: false, count: 1, ..away(s)? }.written(s);
    let bill = s.circulated(&rx);
    put(s, rx, bill, By::Both)
}

fn unaudited_and_returned(s: &mut Stage) -> Option<TruthKey> {
    let (rx, mut bill) = away(s)?.written(s);
    let place = bill.lines.iter().position(|line| line.order.is_some())?;
    take_back(&mut bill, place);
    put(s, rx, bill, By::Both)
}
