//! Planted cases of single fee lines: drugs for one sex or for children,
//! prices above ceilings, delivery fees, and who paid for them.

use crate::base::time::Civil;

use super::CLEAR;
use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::missed;
use super::pattern;
use crate::synth::city::Drug;
use crate::synth::model::Bill;
use crate::synth::model::DISPENSARY;
use crate::synth::model::Diagnosis;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::Pay;
use crate::synth::model::SERVICES;
use crate::synth::model::Split;
use crate::synth::stage::Stage;
use crate::synth::text::civil_date;
use crate::synth::text::day_of;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("drug-sex", CLEAR, "mens_drug_for_woman", "限男性药品用于女性", mens_drug_for_woman),
    pattern("drug-sex", CLEAR, "womens_drug_for_man", "限女性药品用于男性", womens_drug_for_man),
    pattern("drug-sex", CLEAR, "restricted_drug_refunded_in_part", "限性别药品部分退费", sex_refunded_in_part),
    pattern("drug-sex", missed(Grade::Clear, "数据未载明性别"), "sex_not_told", "性别未载明", sex_not_told),
    pattern("drug-sex", NEAR, "drug_for_the_right_sex", "限性别药品用于相符性别", right_sex),
    pattern("drug-sex", INNOCENT, "restricted_drug_self_paid", "限性别药品由个人全自费", sex_self_paid),
    pattern("drug-sex", INNOCENT, "restricted_drug_from_account", "限性别药品由个人账户支付", sex_from_account),
    pattern("drug-sex", INNOCENT, "restricted_drug_from_relatives_account", "限性别药品由家庭共济账户支付", sex_from_relatives_account),
    pattern("drug-sex", INNOCENT, "woman_with_pulmonary_hypertension", "女性肺动脉高压患者用西地那非类药品", pulmonary_hypertension),
    pattern("drug-sex", INNOCENT, "restricted_drug_refunded_in_same_bill", "限性别药品在同一结算单内已退费", sex_refunded),
    pattern("drug-age", SUSPECTED, "childrens_drug_for_adult", "儿童药品用于成人", childs_drug_for_adult),
    pattern("drug-age", SUSPECTED, "childrens_drug_on_eighteenth_birthday", "十八周岁生日当日用儿童药品", childs_drug_on_birthday),
    pattern("drug-age", NEAR, "childrens_drug_day_before_birthday", "十八周岁生日前一日用儿童药品", childs_drug_day_before_birthday),
    pattern("drug-age", INNOCENT, "newborn_on_mothers_card", "新生儿费用记于母亲名下", newborn_on_mother),
    pattern("drug-age", INNOCENT, "childrens_drug_self_paid", "儿童药品由个人全自费", age_self_paid),
    pattern("pay-ceiling", CLEAR, "fund_pays_above_ceiling", "基金支付超限价部分", above_ceiling),
    pattern("pay-ceiling", CLEAR, "excess_split_only_in_part", "超限价部分只拆出一半", half_split),
    pattern("pay-ceiling", CLEAR, "price_above_ceiling_refunded_in_part", "超限价药品部分退费", ceiling_refunded_in_part),
    pattern("pay-ceiling", missed(Grade::Clear, "结算单未载明超限价自费金额"), "split_not_told", "未载明超限价自费金额", split_not_told),
    pattern("pay-ceiling", NEAR, "price_at_ceiling", "单价恰好等于限价", at_ceiling),
    pattern("pay-ceiling", NEAR, "excess_within_rounding", "超出部分在四舍五入之内", within_rounding),
    pattern("pay-ceiling", INNOCENT, "excess_split_correctly", "超限价部分已正确拆为个人自费", correct_split),
    pattern("pay-ceiling", INNOCENT, "excess_split_correctly_refunded_in_part", "已正确拆分且部分退费", correct_split_refunded_in_part),
    pattern("pay-ceiling", INNOCENT, "price_above_ceiling_self_paid", "超限价药品由个人全自费", ceiling_self_paid),
    pattern("pay-ceiling", INNOCENT, "price_above_ceiling_refunded_in_same_bill", "超限价药品在同一结算单内已退费", ceiling_refunded),
    pattern("delivery-fee", CLEAR, "delivery_fee_by_code", "配送费（按编码）纳入医保", delivery_by_code),
    pattern("delivery-fee", SUSPECTED, "delivery_fee_by_name", "配送费（按名称）纳入医保", delivery_by_name),
    pattern("delivery-fee", INNOCENT, "delivery_fee_self_paid", "配送费由个人全自费", delivery_self_paid),
    pattern("delivery-fee", INNOCENT, "infusion_making_and_herb_boiling", "静脉配置费与中药代煎费", dispensary_fees),
];

const CHECKUP: Diagnosis = ("R53.x00", "乏力");
const HYPERTENSION: Diagnosis = ("I10.x00x002", "高血压病");
const COUGH: Diagnosis = ("R05.x00", "咳嗽");
const PULMONARY_HYPERTENSION: Diagnosis = ("I27.000", "原发性肺动脉高压");

/// The day of birth of someone who turns `years` on the day of `time`. Planted
/// cases keep away from the end of a month, so it is never 29 February.
pub(super) fn birthday(years: i64, time: Civil) -> i64 {
    let (year, month, date) = civil_date(time.day());
    day_of(year - years, month, date)
}

/// Adds a line that takes the whole line at `place` back.
pub(super) fn take_back(bill: &mut Bill, place: usize) {
    let count = bill.lines[place].count;
    take_back_part(bill, place, count);
}

/// Adds a line that takes `count` of the units at `place` back, with their
/// part of what was split off.
pub(super) fn take_back_part(bill: &mut Bill, place: usize, count: i64) {
    let mut back = bill.lines[place].clone();
    let part = |amount: i64| -(amount * count / back.count);
    (back.discount, back.split) = (
        part(back.discount),
        match back.split {
            Split::OverLimit(excess) => Split::OverLimit(part(excess)),
            other => other,
        },
    );
    back.count = -count;
    back.refunds = Some(bill.first_line + place as u64);
    bill.lines.push(back);
}

fn limited_to(sex: char) -> impl Fn(&Drug) -> bool {
    move |drug| drug.sex_limit == Some(sex) && drug.class == "NONE" && !drug.child_only && !drug.limited_in_scope()
}

/// A visit of a person of one sex with a drug that is limited to `limit`.
fn sex_bill(s: &mut Stage, limit: char, sex: &'static str) -> Option<Bill> {
    let drug = s.drug(limited_to(limit))?;
    let time = s.moment();
    let (person, hospital) = (s.person(Some(sex), 25, 70, time), s.hospital());
    let mut bill = s.visit(person, hospital, time, CHECKUP);
    bill.lines.push(s.drug_line(drug, 1, time));
    Some(bill)
}

/// Puts the bill; the case is its last line.
fn last_line(s: &mut Stage, bill: Bill) -> Option<TruthKey> {
    let key = s.line_key(&bill, bill.lines.len() - 1);
    s.put_bill(bill);
    Some(key)
}

fn mens_drug_for_woman(s: &mut Stage) -> Option<TruthKey> {
    let bill = sex_bill(s, '1', "2")?;
    last_line(s, bill)
}

fn womens_drug_for_man(s: &mut Stage) -> Option<TruthKey> {
    let bill = sex_bill(s, '2', "1")?;
    last_line(s, bill)
}

fn sex_not_told(s: &mut Stage) -> Option<TruthKey> {
    let bill = sex_bill(s, '2', "9")?;
    last_line(s, bill)
}

fn right_sex(s: &mut Stage) -> Option<TruthKey> {
    let bill = sex_bill(s, '2', "2")?;
    last_line(s, bill)
}

fn sex_self_paid(s: &mut Stage) -> Option<TruthKey> {
    let mut bill = sex_bill(s, '1', "2")?;
    if let Some(line) = bill.lines.last_mut() {
        line.split = Split::SelfPaid;
    }
    last_line(s, bill)
}

fn sex_from_account(s: &mut Stage) -> Option<TruthKey> {
    let mut bill = sex_bill(s, '2', "1")?;
    bill.pay = Pay::Account;
    last_line(s, bill)
}

fn sex_from_relatives_account(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(limited_to('2'))?;
    let time = s.moment();
    let person = s.person(Some("1"), 25, 70, time);
    let mut bill = s.purchase(person, time, CHECKUP);
    bill.lines.push(s.drug_line(drug, 1, time));
    bill.pay = Pay::Relative;
    last_line(s, bill)
}

fn pulmonary_hypertension(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(|drug| drug.sex_limit == Some('1') && (drug.name.contains("西地那非") || drug.name.contains("他达拉非")))?;
    let time = s.moment();
    let (person, hospital) = (s.person(Some("2"), 25, 70, time), s.hospital());
    let mut bill = s.visit(person, hospital, time, PULMONARY_HYPERTENSION);
    bill.lines.push(s.drug_line(drug, 1, time));
    last_line(s, bill)
}

fn sex_refunded(s: &mut Stage) -> Option<TruthKey> {
    let mut bill = sex_bill(s, '1', "2")?;
    let place = bill.lines.len() - 1;
    take_back(&mut bill, place);
    let key = s.line_key(&bill, place);
    s.put_bill(bill);
    Some(key)
}

fn sex_refunded_in_part(s: &mut Stage) -> Option<TruthKey> {
    let mut bill = sex_bill(s, '1', "2")?;
    let place = bill.lines.len() - 1;
    bill.lines[place].count = 3;
    part_refunded(s, bill, place, 2)
}

/// Puts the bill of which `count` units at `place` go back; the case is that line.
fn part_refunded(s: &mut Stage, mut bill: Bill, place: usize, count: i64) -> Option<TruthKey> {
    take_back_part(&mut bill, place, count);
    let key = s.line_key(&bill, place);
    s.put_bill(bill);
    Some(key)
}

fn childs_bill(s: &mut Stage, ages: (i64, i64), turns_18: Option<i64>) -> Option<Bill> {
    let drug = s.drug(|drug| drug.child_only && drug.class == "NONE" && drug.sex_limit.is_none())?;
    let time = s.moment();
    let (mut person, hospital) = (s.person(None, ages.0, ages.1, time), s.hospital());
    if let Some(days) = turns_18 {
        person.birth = birthday(18, time.plus_days(days));
    }
    let mut bill = s.visit(person, hospital, time, COUGH);
    bill.lines.push(s.drug_line(drug, 1, time));
    Some(bill)
}

fn childs_drug_for_adult(s: &mut Stage) -> Option<TruthKey> {
    let bill = childs_bill(s, (20, 70), None)?;
    last_line(s, bill)
}

fn childs_drug_on_birthday(s: &mut Stage) -> Option<TruthKey> {
    let bill = childs_bill(s, (20, 20), Some(0))?;
    last_line(s, bill)
}

fn childs_drug_day_before_birthday(s: &mut Stage) -> Option<TruthKey> {
    let bill = childs_bill(s, (20, 20), Some(1))?;
    last_line(s, bill)
}

fn newborn_on_mother(s: &mut Stage) -> Option<TruthKey> {
    let mut bill = childs_bill(s, (22, 38), None)?;
    bill.person.sex = "2";
    bill.newborn = true;
    last_line(s, bill)
}

fn age_self_paid(s: &mut Stage) -> Option<TruthKey> {
    let mut bill = childs_bill(s, (20, 70), None)?;
    if let Some(line) = bill.lines.last_mut() {
        line.split = Split::SelfPaid;
    }
    last_line(s, bill)
}

/// A visit with a drug that has one ceiling, at ceiling + `excess` a pack.
fn priced_bill(s: &mut Stage, excess: impl Fn(i64) -> i64, packs: (i64, i64)) -> Option<(Bill, i64)> {
    let drug = s.drug(|drug| drug.ordinary() && drug.ceiling.is_some_and(|fen| fen >= 500))?;
    let ceiling = s.row(drug).ceiling?;
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let mut bill = s.visit(person, hospital, time, HYPERTENSION);
    let packs = s.dice.between(packs.0, packs.1);
    let mut line = s.drug_line(drug, packs, time);
    line.price = ceiling + excess(ceiling);
    let over = (line.price - ceiling) * packs;
    bill.lines.push(line);
    Some((bill, over))
}

fn fifth(ceiling: i64) -> i64 {
    (ceiling / 5).max(60)
}

fn with_split(s: &mut Stage, excess: impl Fn(i64) -> i64, packs: (i64, i64), split: impl Fn(i64) -> Split) -> Option<TruthKey> {
    let (mut bill, over) = priced_bill(s, excess, packs)?;
    if let Some(line) = bill.lines.last_mut() {
        line.split = split(over);
    }
    last_line(s, bill)
}

fn above_ceiling(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, fifth, (1, 3), |_| Split::Covered)
}

fn half_split(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, fifth, (2, 4), |over| Split::OverLimit(over / 2))
}

fn split_not_told(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, fifth, (1, 3), |_| Split::LimitNotTold)
}

fn at_ceiling(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, |_| 0, (1, 3), |_| Split::Covered)
}

fn within_rounding(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, |_| 4, (1, 1), |_| Split::Covered)
}

fn correct_split(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, fifth, (1, 3), Split::OverLimit)
}

fn ceiling_self_paid(s: &mut Stage) -> Option<TruthKey> {
    with_split(s, fifth, (1, 3), |_| Split::SelfPaid)
}

fn ceiling_refunded(s: &mut Stage) -> Option<TruthKey> {
    let (mut bill, _) = priced_bill(s, fifth, (1, 3))?;
    let place = bill.lines.len() - 1;
    take_back(&mut bill, place);
    let key = s.line_key(&bill, place);
    s.put_bill(bill);
    Some(key)
}

/// Two packs above the ceiling, of which one goes back.
fn one_of_two_refunded(s: &mut Stage, split: impl Fn(i64) -> Split) -> Option<TruthKey> {
    let (mut bill, over) = priced_bill(s, fifth, (2, 2))?;
    let place = bill.lines.len() - 1;
    bill.lines[place].split = split(over);
    part_refunded(s, bill, place, 1)
}

fn ceiling_refunded_in_part(s: &mut Stage) -> Option<TruthKey> {
    one_of_two_refunded(s, |_| Split::OverLimit(10))
}

fn correct_split_refunded_in_part(s: &mut Stage) -> Option<TruthKey> {
    one_of_two_refunded(s, Split::OverLimit)
}

/// An online bill with a fee on it, of someone seen before.
fn online_fee(s: &mut Stage, goods: Goods, price: i64, split: Split) -> Option<TruthKey> {
    let body = s.online_body()?;
    let time = s.moment();
    let (person, hospital, before) = (s.adult(time), s.hospital(), s.before(time, 1, 300));
    let contact = s.visit(person, hospital, before, HYPERTENSION);
    s.put_bill(contact);
    let mut bill = s.online_bill(person, body, time, HYPERTENSION);
    if let Some(drug) = s.drug(|drug| drug.ordinary() && drug.code.starts_with("XC08CAA")) {
        bill.lines.push(s.drug_line(drug, 2, time));
    }
    let mut fee = Line::new(goods, 1, price, time);
    fee.split = split;
    bill.lines.push(fee);
    last_line(s, bill)
}

fn delivery_by_code(s: &mut Stage) -> Option<TruthKey> {
    let kinds = s.city.delivery.len();
    let kind = if kinds == 0 { return None } else { s.dice.below(kinds as u64) as usize };
    online_fee(s, Goods::Delivery(kind), 800, Split::Covered)
}

fn delivery_by_name(s: &mut Stage) -> Option<TruthKey> {
    online_fee(s, Goods::Own("990109000090000", "同城配送费"), 600, Split::Covered)
}

fn delivery_self_paid(s: &mut Stage) -> Option<TruthKey> {
    if s.city.delivery.is_empty() {
        return None;
    }
    online_fee(s, Goods::Delivery(0), 800, Split::SelfPaid)
}

fn dispensary_fees(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let mut bill = s.visit(person, hospital, time, COUGH);
    for idx in [DISPENSARY, DISPENSARY + 1] {
        bill.lines.push(Line::new(Goods::Service(idx), 1, SERVICES[idx].price, time));
    }
    last_line(s, bill)
}
