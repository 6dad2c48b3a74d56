//! Planted cases of controlled injections, and of the two narcotics that have
//! limits of their own: doses beyond the usual one, and places of use.

use super::CLEAR;
use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::take_back_part;
use super::controlled::FRACTURE;
use super::missed;
use super::orders::AT_ONCE;
use super::orders::By;
use super::orders::Case;
use super::orders::DAY_SURGERY;
use super::orders::EMERGENCY_VISIT;
use super::orders::QD;
use super::orders::STAY;
use super::orders::ordered;
use super::orders::put;
use super::pattern;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::Told;
use crate::synth::stage::Stage;
use crate::synth::text::Id;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("nar-inj", SUSPECTED, "two_ampoules_without_pain", "无疼痛诊断开具两支麻醉药品注射剂", |s| {
        ampoules(s, MORPHINE, 2)?.act(s)
    }),
    pattern("nar-inj", SUSPECTED, "two_ampoules_bill_only", "两支麻醉药品注射剂（仅有结算单）", |s| {
        ampoules(s, MORPHINE, 2)?.by(s, By::Bill)
    }),
    pattern("nar-inj", SUSPECTED, "two_ampoules_prescription_only", "两支麻醉药品注射剂（仅有处方）", |s| {
        ampoules(s, MORPHINE, 2)?.by(s, By::Prescription)
    }),
    pattern("nar-inj", SUSPECTED, "class_one_injection_two_ampoules", "两支第一类精神药品注射剂", |s| {
        ampoules(s, MIDAZOLAM, 2)?.act(s)
    }),
    pattern("nar-inj", SUSPECTED, "injection_for_pain_4_days", "疼痛患者注射剂四日量", |s| daily(s, 4)?.in_pain(s).act(s)),
    pattern("nar-inj", SUSPECTED, "injection_for_pain_days_computed", "疼痛患者注射剂未申报天数，折算超过三日", |s| {
        daily(s, 5)?.undeclared().in_pain(s).act(s)
    }),
    pattern("nar-inj", SUSPECTED, "injection_beyond_both_limits", "无诊断，按剂量按天数均超量", |s| {
        daily(s, 4)?.undiagnosed().act(s)
    }),
    pattern("nar-inj", SUSPECTED, "operation_in_another_visit", "手术在另一次就诊", operation_in_another_visit),
    pattern(
        "nar-inj",
        missed(Grade::Suspected, "就诊没有诊断，无法确定按剂量还是按天数"),
        "ampoules_without_diagnosis",
        "无诊断开具两支注射剂",
        |s| ampoules(s, MORPHINE, 2)?.undiagnosed().act(s),
    ),
    pattern(
        "nar-inj",
        missed(Grade::Suspected, "药品字典未载明单次常用量"),
        "usual_dose_not_listed",
        "单次常用量未载明的注射剂",
        |s| ampoules(s, MORPHINE, 2)?.unlisted(s, None, "盐酸氢吗啡酮注射液", "注射剂"),
    ),
    pattern(
        "nar-inj",
        missed(Grade::Suspected, "数量单位与药品字典不一致"),
        "ampoules_counted_in_milligrams",
        "数量按毫克录入",
        |s| ampoules(s, MORPHINE, 2)?.counted_in(s, "mg"),
    ),
    pattern(
        "nar-inj",
        missed(Grade::Suspected, "手术结算单未载明就诊号，或属同一就诊"),
        "operation_of_an_unknown_visit",
        "手术结算单未载明就诊号",
        operation_of_an_unknown_visit,
    ),
    pattern("nar-inj", NEAR, "one_ampoule", "恰好一次常用量", |s| ampoules(s, MORPHINE, 1)?.act(s)),
    pattern("nar-inj", NEAR, "two_ampoules_are_one_usual_dose", "两支恰为一次常用量", |s| ampoules(s, PETHIDINE, 2)?.act(s)),
    pattern("nar-inj", NEAR, "class_one_injection_one_ampoule", "一支第一类精神药品注射剂", |s| {
        ampoules(s, MIDAZOLAM, 1)?.act(s)
    }),
    pattern("nar-inj", NEAR, "injection_for_pain_3_days", "疼痛患者注射剂恰好三日量", |s| daily(s, 3)?.in_pain(s).act(s)),
    pattern("nar-inj", NEAR, "injection_for_pain_only_the_last_ampoule", "折算只因最后一支超过三日", |s| {
        daily(s, 4)?.undeclared().in_pain(s).act(s)
    }),
    pattern("nar-inj", INNOCENT, "operation_in_the_visit", "本次就诊有手术", operation_in_the_visit),
    pattern("nar-inj", INNOCENT, "anaesthesia_in_the_visit", "本次就诊有麻醉", anaesthesia_in_the_visit),
    pattern("nar-inj", INNOCENT, "ampoules_in_emergency", "急诊用两支", |s| ampoules(s, MORPHINE, 2)?.at(EMERGENCY_VISIT).act(s)),
    pattern("nar-inj", INNOCENT, "ampoules_in_day_surgery", "日间手术用两支", |s| ampoules(s, MORPHINE, 2)?.at(DAY_SURGERY).act(s)),
    pattern("nar-inj", INNOCENT, "ampoules_in_a_stay", "住院一日用两支", |s| ampoules(s, MORPHINE, 2)?.at(STAY).act(s)),
    pattern("nar-inj", INNOCENT, "papaverine_injection", "罂粟碱注射液（非麻醉药品）", |s| ampoules(s, PAPAVERINE, 2)?.act(s)),
    pattern("nar-inj", INNOCENT, "one_of_two_ampoules_returned", "两支中一支已在同一结算单退回", one_returned),
    pattern("special-body", SUSPECTED, "pethidine_beyond_usual_dose", "哌替啶超过一次常用量", pethidine_outpatient),
    pattern("special-body", SUSPECTED, "pethidine_beyond_usual_dose_emergency", "急诊哌替啶超过一次常用量", |s| {
        ampoules(s, PETHIDINE, 3)?.at(EMERGENCY_VISIT).act(s)
    }),
    pattern("special-body", SUSPECTED, "pethidine_beyond_usual_dose_inpatient", "住院哌替啶超过一次常用量", |s| {
        ampoules(s, PETHIDINE, 3)?.at(STAY).act(s)
    }),
    pattern("special-body", SUSPECTED, "pethidine_as_discharge_drug", "哌替啶作为出院带药", |s| pethidine_in_a_stay(s, true)),
    pattern("special-body", SUSPECTED, "unlisted_pethidine_as_discharge_drug", "无编码的哌替啶作为出院带药", unlisted_pethidine_discharged),
    pattern("special-body", SUSPECTED, "pethidine_sold_by_pharmacy", "药店销售哌替啶", pethidine_at_pharmacy),
    pattern("special-body", SUSPECTED, "pethidine_on_circulated_prescription", "哌替啶处方流转至药店", pethidine_circulated),
    pattern("special-body", SUSPECTED, "dihydroetorphine_two_doses", "二氢埃托啡超过一次常用量", |s| {
        dihydroetorphine(s, SECOND, 2)?.act(s)
    }),
    pattern("special-body", SUSPECTED, "dihydroetorphine_below_second_level", "二级以下机构使用二氢埃托啡", |s| {
        dihydroetorphine(s, FIRST, 1)?.act(s)
    }),
    pattern(
        "special-body",
        SUSPECTED,
        "unlisted_dihydroetorphine_below_second_level",
        "二级以下机构使用无编码的二氢埃托啡",
        |s| dihydroetorphine(s, FIRST, 1)?.unlisted(s, None, "盐酸二氢埃托啡舌下片", "舌下片"),
    ),
    pattern(
        "special-body",
        missed(Grade::Suspected, "开方机构未登记，等级未知"),
        "dihydroetorphine_at_unregistered_institution",
        "未登记机构使用二氢埃托啡",
        dihydroetorphine_unregistered,
    ),
    pattern(
        "special-body",
        missed(Grade::Suspected, "药品字典没有该品规，单次常用量未知"),
        "unlisted_pethidine_three_ampoules",
        "无编码的哌替啶三支",
        |s| ampoules(s, PETHIDINE, 3)?.unlisted(s, None, "盐酸哌替啶注射液", "注射剂"),
    ),
    pattern(
        "special-body",
        missed(Grade::Suspected, "数量单位与药品字典不一致，剂量未知"),
        "pethidine_counted_in_milligrams",
        "哌替啶数量按毫克录入",
        |s| ampoules(s, PETHIDINE, 3)?.at(EMERGENCY_VISIT).counted_in(s, "mg"),
    ),
    pattern("special-body", NEAR, "pethidine_one_usual_dose", "哌替啶恰好一次常用量", |s| ampoules(s, PETHIDINE, 2)?.act(s)),
    pattern("special-body", NEAR, "pethidine_one_usual_dose_inpatient", "住院哌替啶恰好一次常用量", |s| {
        pethidine_in_a_stay(s, false)
    }),
    pattern("special-body", NEAR, "dihydroetorphine_at_second_level", "二级医院使用一次常用量二氢埃托啡", |s| {
        dihydroetorphine(s, SECOND, 1)?.act(s)
    }),
    pattern("special-body", INNOCENT, "dihydroetorphine_at_third_level", "三级医院使用一次常用量二氢埃托啡", |s| {
        dihydroetorphine(s, THIRD, 1)?.act(s)
    }),
    pattern("special-body", INNOCENT, "pethidine_at_township_hospital", "乡镇卫生院使用一次常用量哌替啶", pethidine_at_township),
    pattern("special-body", INNOCENT, "morphine_ampoules_in_emergency", "急诊用三支吗啡", |s| {
        ampoules(s, MORPHINE, 3)?.at(EMERGENCY_VISIT).act(s)
    }),
];

const MORPHINE: &str = "XN02AAM059B";
const PETHIDINE: &str = "XN02ABP062B";
const MIDAZOLAM: &str = "XN05CDM084B";
const PAPAVERINE: &str = "XA03ADY070B";
/// Level codes of the first, second and third level.
const FIRST: &[&str] = &["08", "09", "10"];
const SECOND: &[&str] = &["05", "06", "07"];
const THIRD: &[&str] = &["01", "02", "03"];
const SUTURE: (&str, &str) = ("86.5900x006", "皮肤缝合术");
const UNREGISTERED: &str = "H99010199999";

/// So many ampoules at once.
fn ampoules(s: &mut Stage, code: &str, count: i64) -> Option<Case> {
    let drug = s.drug(|drug| drug.code.starts_with(code))?;
    Some(Case::packs(drug, count, 1, AT_ONCE))
}

/// An ampoule of morphine a day.
fn daily(s: &mut Stage, days: i64) -> Option<Case> {
    let drug = s.drug(|drug| drug.code.starts_with(MORPHINE))?;
    Some(Case::packs(drug, days, days, QD))
}

fn operation_in_the_visit(s: &mut Stage) -> Option<TruthKey> {
    let (rx, mut bill) = ampoules(s, MORPHINE, 2)?.written(s);
    bill.operation = Some(SUTURE);
    put(s, rx, bill, By::Both)
}

fn anaesthesia_in_the_visit(s: &mut Stage) -> Option<TruthKey> {
    let (rx, mut bill) = ampoules(s, MORPHINE, 2)?.written(s);
    let mut line = Line::new(Goods::Own("003301000010000", "局部浸润麻醉"), 1, 2000, bill.begin.plus_seconds(600));
    line.own.push(("med_chrgitm_type", Told::Text("1413".to_owned())));
    bill.lines.push(line);
    put(s, rx, bill, By::Both)
}

fn operation_in_another_visit(s: &mut Stage) -> Option<TruthKey> {
    let (rx, bill) = ampoules(s, MORPHINE, 2)?.written(s);
    let mut other = s.visit(rx.person, rx.institution, rx.time.plus_days(-1), FRACTURE);
    other.operation = Some(SUTURE);
    s.put_bill(other);
    put(s, rx, bill, By::Both)
}

fn operation_of_an_unknown_visit(s: &mut Stage) -> Option<TruthKey> {
    let (rx, bill) = ampoules(s, MORPHINE, 2)?.written(s);
    let mut other = s.visit(rx.person, rx.institution, rx.time, FRACTURE);
    other.operation = Some(SUTURE);
    other.own.push(("mdtrt_id", Told::Absent));
    s.put_bill(other);
    put(s, rx, bill, By::Both)
}

fn one_returned(s: &mut Stage) -> Option<TruthKey> {
    let (rx, mut bill) = ampoules(s, MORPHINE, 2)?.written(s);
    let place = bill.lines.iter().position(|line| line.order.is_some())?;
    take_back_part(&mut bill, place, 1);
    put(s, rx, bill, By::Bill)
}

fn pethidine_outpatient(s: &mut Stage) -> Option<TruthKey> {
    let key = ampoules(s, PETHIDINE, 3)?.act(s)?;
    s.beside("nar-inj", SUSPECTED, key.clone());
    Some(key)
}

fn pethidine_in_a_stay(s: &mut Stage, discharge: bool) -> Option<TruthKey> {
    let (rx, mut bill) = ampoules(s, PETHIDINE, 2)?.at(STAY).written(s);
    ordered(&mut bill).for_each(|line| line.discharge = discharge);
    put(s, rx, bill, By::Both)
}

fn unlisted_pethidine_discharged(s: &mut Stage) -> Option<TruthKey> {
    let (rx, mut bill) = ampoules(s, PETHIDINE, 2)?.at(STAY).written(s);
    for line in ordered(&mut bill) {
        line.discharge = true;
        line.own.push(("med_list_codg", Told::Absent));
        line.own.push(("dosform_name", Told::Text("注射剂".to_owned())));
    }
    put(s, rx, bill, By::Bill)
}

fn pethidine_at_pharmacy(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(|drug| drug.code.starts_with(PETHIDINE))?;
    let time = s.moment();
    let person = s.adult(time);
    let mut bill = s.purchase(person, time, FRACTURE);
    let order = Id::Prescription { institution: 0, number: bill.number };
    let mut line = s.drug_line(drug, 2, time);
    line.order = Some(order);
    bill.lines.push(line);
    let (fixmedins_code, substance) = (s.institution_code(bill.institution), s.row(drug).substance.clone());
    let sale = s.line_key(&bill, 0);
    s.beside("retail-special", CLEAR, sale);
    s.put_bill(bill);
    Some(TruthKey::Supply { fixmedins_code, rx_no: order.to_string(), substance })
}

fn pethidine_circulated(s: &mut Stage) -> Option<TruthKey> {
    let (rx, _) = ampoules(s, PETHIDINE, 2)?.written(s);
    let bill = s.circulated(&rx);
    let sale = s.line_key(&bill, 0);
    s.beside("retail-special", CLEAR, sale);
    put(s, rx, bill, By::Both)
}

/// So many doses, at a hospital of one of the levels.
fn dihydroetorphine(s: &mut Stage, levels: &[&str], doses: i64) -> Option<Case> {
    let drug = s.drug(|drug| drug.substance == "二氢埃托啡")?;
    let place = Some(s.hospital_where(|row| levels.contains(&row.level.as_str()))?);
    Some(Case { loose: true, place, ..Case::packs(drug, doses, 1, AT_ONCE) })
}

fn dihydroetorphine_unregistered(s: &mut Stage) -> Option<TruthKey> {
    let (mut rx, _) = dihydroetorphine(s, FIRST, 1)?.written(s);
    rx.own.push(("fixmedins_code", Told::Text(UNREGISTERED.to_owned())));
    // Nobody is registered at a place that is not.
    rx.own.extend(["fixmedins_name", "dr_code", "prsc_dept_code"].map(|field| (field, Told::Absent)));
    let TruthKey::Supply { rx_no, substance, .. } = s.supply_key(&rx) else { return None };
    s.put_prescription(rx);
    Some(TruthKey::Supply { fixmedins_code: UNREGISTERED.to_owned(), rx_no, substance })
}

fn pethidine_at_township(s: &mut Stage) -> Option<TruthKey> {
    let place = Some(s.hospital_where(|row| row.level == "10")?);
    Case { place, ..ampoules(s, PETHIDINE, 2)? }.act(s)
}
