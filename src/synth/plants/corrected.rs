//! Planted cases that other messages correct: violations that are reversed,
//! withdrawn or told anew, and excuses that are.

use super::CLEAR;
use super::FAMILIES;
use super::INNOCENT;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::take_back;
use super::pattern;
use super::repeat::pair;
use crate::base::time::SECONDS_PER_DAY;
use crate::synth::amend::Amended;
use crate::synth::amend::upload;
use crate::synth::model::Bill;
use crate::synth::model::Doc;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("drug-sex", INNOCENT, "mens_drug_reversed", "限男性药品的结算已冲正", |s| taken_back(s, "mens_drug_for_woman")),
    pattern("drug-sex", CLEAR, "mens_drug_billed_again", "限男性药品冲正后重新结算", |s| {
        billed_again(s, "mens_drug_for_woman")
    }),
    pattern("drug-sex", INNOCENT, "mens_drug_not_in_later_version", "更新后的结算不再含限男性药品", |s| {
        without_last_line(s, 1)
    }),
    pattern("drug-sex", CLEAR, "womens_drug_in_later_version", "更新后的结算才含限女性药品", |s| without_last_line(s, 0)),
    pattern("drug-sex", CLEAR, "womens_drug_uploaded_twice", "限女性药品的结算重复上传", uploaded_twice),
    pattern("drug-sex", INNOCENT, "womens_drug_deleted", "限女性药品的结算已作废", |s| deleted(s, "womens_drug_for_man")),
    pattern("drug-sex", CLEAR, "mens_drug_deleted_and_restored", "限男性药品的结算作废后恢复", |s| {
        restored(s, "mens_drug_for_woman")
    }),
    pattern("delivery-fee", INNOCENT, "delivery_fee_reversed", "配送费的结算已冲正", |s| taken_back(s, "delivery_fee_by_code")),
    pattern("delivery-fee", CLEAR, "delivery_fee_billed_again", "配送费冲正后重新结算", |s| {
        billed_again(s, "delivery_fee_by_code")
    }),
    pattern("pay-ceiling", CLEAR, "price_above_ceiling_billed_again", "超限价药品冲正后重新结算", |s| {
        billed_again(s, "fund_pays_above_ceiling")
    }),
    pattern("retail-special", INNOCENT, "narcotic_sale_reversed", "药店销售麻醉药品已冲正", |s| {
        taken_back(s, "pharmacy_sells_narcotic")
    }),
    pattern("nar-other", INNOCENT, "narcotic_over_3_days_deleted", "麻醉药品超过三日量的记录已作废", |s| {
        deleted(s, "narcotic_over_3_days")
    }),
    pattern("psy2-7d", INNOCENT, "class_two_over_7_days_reversed", "第二类精神药品超过七日量已冲正", |s| {
        taken_back(s, "class_two_over_7_days_bill_only")
    }),
    pattern("psy2-7d", INNOCENT, "class_two_over_7_days_withdrawn", "第二类精神药品超过七日量的处方已撤销", |s| {
        deleted(s, "class_two_over_7_days_prescription_only")
    }),
    pattern("online-special", INNOCENT, "narcotic_online_withdrawn", "互联网开具麻醉药品的处方已撤销", |s| {
        deleted(s, "narcotic_online")
    }),
    pattern(
        "online-special",
        CLEAR,
        "class_two_online_withdrawn_and_restored",
        "互联网开具第二类精神药品的处方撤销后恢复",
        |s| restored(s, "class_two_psychotropic_online"),
    ),
    pattern("rx-7d", INNOCENT, "ordinary_prescription_withdrawn", "超过七日量的处方已撤销", |s| {
        deleted(s, "ordinary_prescription_only")
    }),
    pattern("repeat-supply", INNOCENT, "early_refill_reversed", "在另一机构过早续药已冲正", |s| refill_reversed(s, 1)),
    pattern("repeat-supply", INNOCENT, "early_refill_returned_later", "在另一机构过早续药，日后整盒退药", |s| {
        refill_returned(s, 1)
    }),
    pattern("repeat-supply-same", INNOCENT, "early_refill_reversed_there", "同一机构过早续药已冲正", |s| refill_reversed(s, 0)),
    pattern("repeat-supply-same", INNOCENT, "early_refill_returned_there_later", "同一机构过早续药，日后整盒退药", |s| {
        refill_returned(s, 0)
    }),
    pattern("online-first", SUSPECTED, "earlier_contact_reversed", "此前线下就诊已冲正", |s| contact_reversed(s, false)),
    pattern("online-first", INNOCENT, "earlier_contact_billed_again", "此前线下就诊冲正后重新结算", |s| {
        contact_reversed(s, true)
    }),
    pattern("online-first", INNOCENT, "first_visit_withdrawn", "互联网首诊的处方已撤销", |s| deleted(s, "no_earlier_contact")),
];

/// Acts out another family's pattern; what it puts begins at the place returned.
fn act(s: &mut Stage, name: &str) -> Option<(usize, TruthKey)> {
    let pattern = FAMILIES.iter().flat_map(|family| family.iter()).find(|pattern| pattern.name == name)?;
    let from = s.scripted.len();
    Some((from, (pattern.act)(s)?))
}

/// Puts what becomes of the message at a place some hours later.
fn amend(s: &mut Stage, place: usize, amended: Amended, hours: i64) {
    let (number, after) = (s.number(), hours * 3600 + s.dice.between(60, 1800));
    let doc = amended.of(s.city, &s.scripted[place].doc, number, after);
    s.put_amended(number, doc, (!amended.has_own_time()).then_some(after));
}

/// Every bill is reversed, every prescription withdrawn.
fn taken_back(s: &mut Stage, name: &str) -> Option<TruthKey> {
    let (from, key) = act(s, name)?;
    for place in from..s.scripted.len() {
        let is_bill = matches!(s.scripted[place].doc, Doc::Bill(_));
        amend(s, place, if is_bill { Amended::Reversal } else { Amended::Deleted }, 5);
    }
    Some(key)
}

fn deleted(s: &mut Stage, name: &str) -> Option<TruthKey> {
    let (from, key) = act(s, name)?;
    for place in from..s.scripted.len() {
        amend(s, place, Amended::Deleted, 7);
    }
    Some(key)
}

fn restored(s: &mut Stage, name: &str) -> Option<TruthKey> {
    let (from, key) = act(s, name)?;
    let last = s.scripted.len() - 1;
    for place in from..=last {
        amend(s, place, Amended::Deleted, 3);
        amend(s, place, Amended::Touched, 9);
    }
    Some(key)
}

/// The last bill is reversed and comes again; the clue is about the second.
fn billed_again(s: &mut Stage, name: &str) -> Option<TruthKey> {
    let (_, key) = act(s, name)?;
    let last = s.scripted.len() - 1;
    amend(s, last, Amended::Reversal, 4);
    amend(s, last, Amended::Again, 6);
    match (key, s.scripted.last().map(|message| &message.doc)) {
        (TruthKey::Line { mdtrt_id, feedetl_sn, .. }, Some(Doc::Bill(bill))) => {
            Some(TruthKey::Line { setl_id: bill.id(s.city).to_string(), mdtrt_id, feedetl_sn })
        }
        (key, _) => Some(key),
    }
}

/// The line that a rule is about is in the first of two versions, or only in the second.
fn without_last_line(s: &mut Stage, without: usize) -> Option<TruthKey> {
    let name = if without == 1 { "mens_drug_for_woman" } else { "womens_drug_for_man" };
    let (_, key) = act(s, name)?;
    let last = s.scripted.len() - 1;
    amend(s, last, Amended::Touched, 8);
    if let Doc::Bill(bill) = &mut s.scripted[last + without].doc {
        bill.lines.pop();
    }
    Some(key)
}

fn uploaded_twice(s: &mut Stage) -> Option<TruthKey> {
    let (_, key) = act(s, "womens_drug_for_man")?;
    let last = s.scripted.len() - 1;
    amend(s, last, Amended::SecondUpload, 2);
    let city = s.city;
    if let Doc::Bill(bill) = &mut s.scripted[last].doc {
        let own = upload(city, bill);
        bill.own.push(own);
    }
    Some(key)
}

/// Place of the bill of the refill.
fn refill(s: &mut Stage, place: usize) -> Option<(usize, TruthKey)> {
    let key = pair(s, 20, place, true)?;
    let bill = s.scripted.iter().rposition(|message| matches!(message.doc, Doc::Bill(_)))?;
    Some((bill, key))
}

fn refill_reversed(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let (bill, key) = refill(s, place)?;
    amend(s, bill, Amended::Reversal, 20);
    Some(key)
}

/// The packs go back on a bill of the next day.
fn refill_returned(s: &mut Stage, place: usize) -> Option<TruthKey> {
    let (at, key) = refill(s, place)?;
    let Doc::Bill(original) = &mut s.scripted[at].doc else { return None };
    // Lines of the two supplies have numbers of their own.
    original.first_line = 40;
    let original = original.clone();
    let drug = original.lines.len() - 1;
    let mut back = original.clone();
    take_back(&mut back, drug);
    let refund = back.lines.split_off(drug + 1);
    let cost: i64 = refund.iter().map(|line| -line.shares().total).sum();
    let time = original.time.plus_seconds(SECONDS_PER_DAY);
    let mut later: Bill = s.visit(original.person, original.institution, time, original.diagnoses[0]);
    (later.visit, later.first_line) = (original.visit, 80);
    let fee = later.lines[0].clone();
    while later.totals().shares.total <= cost {
        later.lines.push(fee.clone());
    }
    later.lines.extend(refund);
    s.put_bill(later);
    Some(key)
}

/// The visit that excuses is reversed before the consultation or after it.
fn contact_reversed(s: &mut Stage, again: bool) -> Option<TruthKey> {
    let (from, key) = act(s, "same_disease")?;
    let visit = (from..s.scripted.len()).find(|place| matches!(s.scripted[*place].doc, Doc::Bill(_)))?;
    amend(s, visit, Amended::Reversal, 26);
    if again {
        amend(s, visit, Amended::Again, 30);
    }
    Some(key)
}
