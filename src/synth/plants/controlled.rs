//! Planted cases of controlled drugs: online, at pharmacies, and for too many days.

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
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Prescription;
use crate::synth::model::WHEN_NEEDED;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("online-special", CLEAR, "class_two_psychotropic_online", "互联网开具第二类精神药品", psy2_online),
    pattern("online-special", CLEAR, "narcotic_online", "互联网开具麻醉药品", narcotic_online),
    pattern("online-special", CLEAR, "class_one_psychotropic_online", "互联网开具第一类精神药品", psy1_online),
    pattern("online-special", NEAR, "special_drug_in_person", "线下开具特殊管理药品", special_in_person),
    pattern("online-special", INNOCENT, "atropine_eye_drops_online", "互联网开具阿托品滴眼液", eye_drops_online),
    pattern("online-special", INNOCENT, "compound_cold_tablets_online", "互联网开具复方感冒药", cold_tablets_online),
    pattern("online-special", INNOCENT, "listed_name_inside_another_online", "互联网开具名称含列管成分字样的普通药品", like_named_online),
    pattern("retail-special", CLEAR, "pharmacy_sells_narcotic", "药店销售麻醉药品", narcotic_at_pharmacy),
    pattern("retail-special", CLEAR, "pharmacy_sells_class_one_psychotropic", "药店销售第一类精神药品", psy1_at_pharmacy),
    pattern("retail-special", CLEAR, "pharmacy_sells_class_two_to_minor", "药店向未成年人销售第二类精神药品", psy2_to_minor),
    pattern("retail-special", NEAR, "class_two_on_eighteenth_birthday", "年满十八周岁当日购买第二类精神药品", psy2_on_birthday),
    pattern("retail-special", INNOCENT, "class_two_to_adult_on_prescription", "成年人凭处方购买第二类精神药品", psy2_to_adult),
    pattern("retail-special", INNOCENT, "sale_taken_back_in_same_bill", "同一结算单内已退货", narcotic_sale_taken_back),
    pattern("nar-other", CLEAR, "narcotic_over_3_days", "麻醉药品超过三日量", narcotic_over_3_days),
    pattern("nar-other", CLEAR, "narcotic_over_3_days_bill_only", "麻醉药品超过三日量（仅有结算单）", narcotic_over_3_days_bill_only),
    pattern("nar-other", CLEAR, "narcotic_for_pain_over_7_days", "疼痛患者麻醉药品超过七日量", narcotic_for_pain_over_7_days),
    pattern(
        "nar-other",
        missed(Grade::Clear, "就诊没有诊断，无法确定限量"),
        "narcotic_without_diagnosis",
        "麻醉药品处方无诊断",
        narcotic_without_diagnosis,
    ),
    pattern("nar-other", NEAR, "narcotic_exactly_3_days", "麻醉药品恰好三日量", narcotic_exactly_3_days),
    pattern("nar-other", INNOCENT, "cancer_pain_7_days", "癌痛患者七日量", cancer_pain_7_days),
    pattern("nar-other", INNOCENT, "narcotic_one_whole_pack", "仅一个最小包装", narcotic_one_pack),
    pattern("nar-other", INNOCENT, "child_with_adhd_15_days", "多动症儿童十五日量哌甲酯", child_with_adhd),
    pattern("nar-other", INNOCENT, "sustained_release_7_days", "缓控释剂七日量", sustained_release_7_days),
    pattern("psy2-7d", SUSPECTED, "class_two_over_7_days", "第二类精神药品超过七日量", psy2_over_7_days),
    pattern("psy2-7d", SUSPECTED, "class_two_over_7_days_bill_only", "第二类精神药品超过七日量（仅有结算单）", psy2_over_7_days_bill_only),
    pattern(
        "psy2-7d",
        SUSPECTED,
        "class_two_over_7_days_prescription_only",
        "第二类精神药品超过七日量（仅有处方）",
        psy2_over_7_days_prescription_only,
    ),
    pattern(
        "psy2-7d",
        missed(Grade::Suspected, "结算单未载明天数，也没有处方"),
        "class_two_days_not_told",
        "第二类精神药品未载明用药天数",
        psy2_days_not_told,
    ),
    pattern("psy2-7d", NEAR, "class_two_exactly_7_days", "第二类精神药品恰好七日量", psy2_exactly_7_days),
    pattern("psy2-7d", INNOCENT, "class_two_one_whole_pack", "第二类精神药品仅一个最小包装", psy2_one_pack),
];

pub(super) const INSOMNIA: Diagnosis = ("G47.000", "失眠");
pub(super) const ANXIETY: Diagnosis = ("F41.900", "焦虑障碍");
pub(super) const FRACTURE: Diagnosis = ("S52.500", "桡骨远端骨折");
pub(super) const LUNG_CANCER: Diagnosis = ("C34.900", "肺恶性肿瘤");
pub(super) const NEURALGIA: Diagnosis = ("G50.000", "三叉神经痛");
pub(super) const ADHD: Diagnosis = ("F90.000", "注意缺陷多动障碍");
pub(super) const COLD: Diagnosis = ("J06.900", "急性上呼吸道感染");
const MYOPIA: Diagnosis = ("H52.100", "近视");

pub(super) fn psy2(drug: &Drug) -> bool {
    drug.class == "PSY2" && drug.form_group == "other" && drug.countable() && drug.pack_count <= 30 && !drug.child_only
}

/// Not such as have limits of their own.
fn narcotic(drug: &Drug) -> bool {
    drug.class == "NARC" && drug.form_group == "other" && drug.countable() && drug.dosage_form != "舌下片"
}

fn psy1(drug: &Drug) -> bool {
    drug.class == "PSY1" && drug.form_group == "other" && drug.countable()
}

/// An online prescription of `dosage` to someone seen before for the same disease.
fn online_known(s: &mut Stage, time: Civil, diagnosis: Diagnosis, dosage: Dosage) -> Option<Prescription> {
    let person = s.adult(time);
    let rx = s.online(person, time, diagnosis, vec![dosage])?;
    let (before, hospital) = (s.before(time, 1, 300), s.hospital());
    let contact = s.visit(person, hospital, before, diagnosis);
    s.put_bill(contact);
    Some(rx)
}

fn online_drug(s: &mut Stage, wanted: fn(&Drug) -> bool, diagnosis: Diagnosis, days: i64) -> Option<TruthKey> {
    let drug = s.drug(wanted)?;
    s.online_body()?;
    let time = s.moment();
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[0], days);
    let rx = online_known(s, time, diagnosis, dosage)?;
    let key = s.drug_key(&rx);
    s.put_prescription(rx);
    Some(key)
}

fn psy2_online(s: &mut Stage) -> Option<TruthKey> {
    online_drug(s, psy2, INSOMNIA, 7)
}

fn narcotic_online(s: &mut Stage) -> Option<TruthKey> {
    online_drug(s, narcotic, LUNG_CANCER, 3)
}

fn psy1_online(s: &mut Stage) -> Option<TruthKey> {
    online_drug(s, psy1, ADHD, 3)
}

fn eye_drops_online(s: &mut Stage) -> Option<TruthKey> {
    online_drug(s, |drug| drug.name.contains("阿托品滴眼") && drug.class == "NONE", MYOPIA, 7)
}

fn cold_tablets_online(s: &mut Stage) -> Option<TruthKey> {
    online_drug(s, |drug| (drug.name.contains("酚麻") || drug.name.contains("伪麻")) && drug.class == "NONE", COLD, 5)
}

fn like_named_online(s: &mut Stage) -> Option<TruthKey> {
    let inside = |drug: &Drug| {
        drug.class == "NONE" && ["罂粟碱", "阿扑吗啡", "双氢可待因", "复方氢溴酸右美沙芬"].iter().any(|name| drug.name.contains(name))
    };
    online_drug(s, inside, COLD, 3)
}

fn special_in_person(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(psy2)?;
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[0], 7);
    let rx = s.prescription(person, hospital, time, INSOMNIA, vec![dosage]);
    let bill = s.in_house(&rx);
    s.put_bill(bill);
    let key = s.drug_key(&rx);
    s.put_prescription(rx);
    Some(key)
}

fn sale(s: &mut Stage, wanted: impl Fn(&Drug) -> bool, ages: (i64, i64), diagnosis: Diagnosis) -> Option<TruthKey> {
    let drug = s.drug(wanted)?;
    let time = s.moment();
    let person = s.person(None, ages.0, ages.1, time);
    let mut bill = s.purchase(person, time, diagnosis);
    bill.lines.push(s.drug_line(drug, 1, time));
    let key = s.line_key(&bill, 0);
    s.put_bill(bill);
    Some(key)
}

fn narcotic_at_pharmacy(s: &mut Stage) -> Option<TruthKey> {
    sale(s, narcotic, (30, 75), LUNG_CANCER)
}

fn psy1_at_pharmacy(s: &mut Stage) -> Option<TruthKey> {
    sale(s, psy1, (20, 60), ADHD)
}

fn psy2_to_minor(s: &mut Stage) -> Option<TruthKey> {
    sale(s, psy2, (12, 17), INSOMNIA)
}

fn psy2_on_birthday(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(psy2)?;
    let time = s.moment();
    let mut person = s.person(None, 20, 20, time);
    person.birth = super::billing::birthday(18, time);
    let mut bill = s.purchase(person, time, INSOMNIA);
    bill.lines.push(s.drug_line(drug, 1, time));
    let key = s.line_key(&bill, 0);
    s.put_bill(bill);
    Some(key)
}

fn psy2_to_adult(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(psy2)?;
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[0], 5);
    let rx = s.prescription(person, hospital, time, INSOMNIA, vec![dosage]);
    let bill = s.circulated(&rx);
    let key = s.line_key(&bill, 0);
    s.put_prescription(rx);
    s.put_bill(bill);
    Some(key)
}

fn narcotic_sale_taken_back(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(narcotic)?;
    let time = s.moment();
    let person = s.adult(time);
    let mut bill = s.purchase(person, time, FRACTURE);
    bill.lines.push(s.drug_line(drug, 1, time));
    super::billing::take_back(&mut bill, 0);
    if let Some(other) = s.drug(|drug| drug.ordinary() && drug.code.starts_with("XN02BE")) {
        bill.lines.push(s.drug_line(other, 1, time));
    }
    let key = s.line_key(&bill, 0);
    s.put_bill(bill);
    Some(key)
}

/// Which messages tell of a supply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Both,
    Bill,
    Prescription,
}

struct Supply {
    diagnosis: Option<Diagnosis>,
    dosage: Dosage,
    ages: (i64, i64),
    told: Told,
}

fn supply(s: &mut Stage, supply: Supply) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.person(None, supply.ages.0, supply.ages.1, time);
    let hospital = s.hospital();
    let mut rx = s.prescription(person, hospital, time, supply.diagnosis.unwrap_or(FRACTURE), vec![supply.dosage]);
    if supply.diagnosis.is_none() {
        rx.diagnoses.clear();
    }
    let key = s.supply_key(&rx);
    if supply.told != Told::Prescription {
        let bill = s.in_house(&rx);
        s.put_bill(bill);
    }
    if supply.told != Told::Bill {
        s.put_prescription(rx);
    }
    Some(key)
}

/// Days of a narcotic in at least so many packs.
fn narcotic_days(s: &mut Stage, days: i64, packs: i64, diagnosis: Option<Diagnosis>, told: Told) -> Option<TruthKey> {
    let drug = s.drug(narcotic)?;
    let dosage = s.dosage(drug, days, packs, &FREQUENCIES[1..])?;
    supply(s, Supply { diagnosis, dosage, ages: (30, 75), told })
}

fn narcotic_over_3_days(s: &mut Stage) -> Option<TruthKey> {
    let days = s.dice.between(5, 10);
    narcotic_days(s, days, 2, Some(FRACTURE), Told::Both)
}

fn narcotic_over_3_days_bill_only(s: &mut Stage) -> Option<TruthKey> {
    let days = s.dice.between(5, 10);
    narcotic_days(s, days, 2, Some(FRACTURE), Told::Bill)
}

fn narcotic_for_pain_over_7_days(s: &mut Stage) -> Option<TruthKey> {
    let (days, diagnosis) = (s.dice.between(10, 15), s.dice.pick(&[LUNG_CANCER, NEURALGIA]));
    narcotic_days(s, days, 3, Some(diagnosis), Told::Both)
}

fn narcotic_without_diagnosis(s: &mut Stage) -> Option<TruthKey> {
    narcotic_days(s, 6, 2, None, Told::Both)
}

fn narcotic_exactly_3_days(s: &mut Stage) -> Option<TruthKey> {
    narcotic_days(s, 3, 1, Some(FRACTURE), Told::Both)
}

fn cancer_pain_7_days(s: &mut Stage) -> Option<TruthKey> {
    narcotic_days(s, 7, 2, Some(LUNG_CANCER), Told::Both)
}

fn narcotic_one_pack(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(narcotic)?;
    // One box lasts longer than the limit and cannot be made smaller.
    let often = FREQUENCIES[2];
    let dosage = Dosage { drug, dose: 1, frequency: often, packs: 1, days: (s.row(drug).pack_count / often.times).max(4) };
    supply(s, Supply { diagnosis: Some(FRACTURE), dosage, ages: (30, 75), told: Told::Both })
}

fn child_with_adhd(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(|drug| drug.name.contains("哌甲酯") && drug.countable())?;
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[0], 15);
    supply(s, Supply { diagnosis: Some(ADHD), dosage, ages: (7, 16), told: Told::Both })
}

fn sustained_release_7_days(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(|drug| drug.class == "NARC" && drug.form_group == "sustained")?;
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[1], 7);
    supply(s, Supply { diagnosis: Some(LUNG_CANCER), dosage, ages: (40, 80), told: Told::Both })
}

fn psy2_days(s: &mut Stage, days: i64, packs: i64, told: Told) -> Option<TruthKey> {
    let drug = s.drug(|drug| psy2(drug) && drug.dose_max.unwrap_or(1) * 3 * days > drug.pack_count * (packs - 1))?;
    let dosage = s.dosage(drug, days, packs, &FREQUENCIES[..3])?;
    let diagnosis = s.dice.pick(&[INSOMNIA, ANXIETY]);
    supply(s, Supply { diagnosis: Some(diagnosis), dosage, ages: (25, 80), told })
}

fn psy2_over_7_days(s: &mut Stage) -> Option<TruthKey> {
    let days = s.dice.between(20, 30);
    psy2_days(s, days, 3, Told::Both)
}

fn psy2_over_7_days_bill_only(s: &mut Stage) -> Option<TruthKey> {
    let days = s.dice.between(20, 30);
    psy2_days(s, days, 3, Told::Bill)
}

fn psy2_over_7_days_prescription_only(s: &mut Stage) -> Option<TruthKey> {
    let days = s.dice.between(20, 30);
    psy2_days(s, days, 3, Told::Prescription)
}

fn psy2_exactly_7_days(s: &mut Stage) -> Option<TruthKey> {
    psy2_days(s, 7, 1, Told::Both)
}

fn psy2_one_pack(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(|drug| psy2(drug) && drug.pack_count >= 20)?;
    // One box for ten days or more: nothing smaller is sold.
    let dosage = Dosage { drug, dose: 1, frequency: FREQUENCIES[1], packs: 1, days: s.row(drug).pack_count / 2 };
    supply(s, Supply { diagnosis: Some(INSOMNIA), dosage, ages: (25, 80), told: Told::Both })
}

fn psy2_days_not_told(s: &mut Stage) -> Option<TruthKey> {
    let drug = s.drug(psy2)?;
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let dosage = Dosage { drug, dose: 1, frequency: WHEN_NEEDED, packs: 4, days: 30 };
    let rx = s.prescription(person, hospital, time, INSOMNIA, vec![dosage]);
    let mut bill = s.in_house(&rx);
    for line in &mut bill.lines {
        line.days = None;
    }
    let key = s.supply_key(&rx);
    s.put_bill(bill);
    Some(key)
}
