//! Planted cases of ordinary and long prescriptions: days of supply beyond
//! what one prescription may hold, drugs that may not be on a long one, and
//! more medicines than one prescription may carry.

use super::CLEAR;
use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::birthday;
use super::controlled::ADHD;
use super::controlled::INSOMNIA;
use super::controlled::psy2;
use super::missed;
use super::orders::By;
use super::orders::Case;
use super::orders::EMERGENCY_VISIT;
use super::orders::QD;
use super::orders::STAY;
use super::orders::put;
use super::orders::schoolchild;
use super::pattern;
use crate::base::time::Civil;
use crate::synth::city::Drug;
use crate::synth::everyday::CHRONIC;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::Frequency;
use crate::synth::model::Person;
use crate::synth::model::Prescription;
use crate::synth::model::Told;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("rx-7d", SUSPECTED, "ordinary_8_days", "普通门诊八日量", |s| ordinary(s, 8)?.act(s)),
    pattern("rx-7d", SUSPECTED, "ordinary_four_weeks", "普通门诊四周量", |s| packs(s, 2, 28)?.act(s)),
    pattern("rx-7d", SUSPECTED, "ordinary_days_computed", "普通门诊未申报天数，折算超过七日", |s| {
        packs(s, 3, 42)?.undeclared().act(s)
    }),
    pattern("rx-7d", SUSPECTED, "ordinary_bill_only", "普通门诊超过七日量（仅有结算单）", |s| {
        packs(s, 2, 28)?.by(s, By::Bill)
    }),
    pattern("rx-7d", SUSPECTED, "ordinary_prescription_only", "普通门诊超过七日量（仅有处方）", |s| {
        packs(s, 2, 28)?.by(s, By::Prescription)
    }),
    pattern("rx-7d", SUSPECTED, "ordinary_day_before_sixtieth_birthday", "六十岁生日前一日四周量", |s| {
        packs(s, 2, 28)?.of(day_before_sixtieth_birthday).act(s)
    }),
    pattern("rx-7d", SUSPECTED, "ordinary_stated_age_59", "仅载年龄五十九岁，四周量", |s| {
        packs(s, 2, 28)?.of_stated_age(s, 59)
    }),
    pattern("rx-7d", missed(Grade::Suspected, WHEN_NEEDED), "ordinary_when_needed", "普通门诊必要时服用", |s| {
        packs(s, 3, 42)?.when_needed().act(s)
    }),
    pattern("rx-7d", missed(Grade::Suspected, OWN_CODE), "ordinary_own_frequency", "普通门诊使用机构自用频次", |s| {
        packs(s, 3, 42)?.at_own_frequency().act(s)
    }),
    pattern("rx-7d", missed(Grade::Suspected, NO_AGE), "ordinary_age_not_told", "普通门诊年龄未载明", |s| {
        packs(s, 2, 28)?.not_telling(s, &["brdy", "patn_age"])
    }),
    pattern("rx-7d", missed(Grade::Suspected, NO_SETTING), "ordinary_setting_not_told", "就诊场景未载明的四周量", |s| {
        packs(s, 2, 28)?.not_telling(s, &["med_type", "otp_ipt_flag"])
    }),
    pattern("rx-7d", NEAR, "ordinary_7_days", "普通门诊恰好七日量", |s| ordinary(s, 7)?.act(s)),
    pattern("rx-7d", NEAR, "ordinary_on_sixtieth_birthday", "年满六十岁当日四周量", |s| {
        packs(s, 2, 28)?.of(on_sixtieth_birthday).act(s)
    }),
    pattern("rx-7d", NEAR, "ordinary_stated_age_60", "仅载年龄六十岁，四周量", |s| packs(s, 2, 28)?.of_stated_age(s, 60)),
    pattern("rx-7d", NEAR, "ordinary_only_the_last_pack", "折算只因最后一盒超过七日", |s| {
        Case { dose: 2, ..packs(s, 2, 7)? }.act(s)
    }),
    pattern("rx-7d", INNOCENT, "long_prescription_four_weeks", "长期处方四周量", |s| packs(s, 2, 28)?.long(s)),
    pattern("rx-7d", INNOCENT, "chronic_category_four_weeks", "门诊慢特病四周量", |s| packs(s, 2, 28)?.at("140104").act(s)),
    pattern("rx-7d", INNOCENT, "local_category_four_weeks", "地方医疗类别四周量", |s| packs(s, 2, 28)?.at("9901").act(s)),
    pattern("rx-7d", INNOCENT, "chronic_list_four_weeks", "慢特病标志，四周量", |s| packs(s, 2, 28)?.on_chronic_list(s)),
    pattern("rx-7d", INNOCENT, "elderly_four_weeks", "老年患者四周量", |s| packs(s, 2, 28)?.of(elderly).act(s)),
    pattern("rx-7d", INNOCENT, "ordinary_one_whole_pack", "仅一个最小包装，十四日", |s| packs(s, 1, 14)?.act(s)),
    pattern("rx-7d", INNOCENT, "stay_four_weeks", "住院四周量", |s| packs(s, 2, 28)?.at(STAY).act(s)),
    pattern("rx-3d", SUSPECTED, "emergency_4_days", "急诊四日量", |s| urgent(s, 4)?.act(s)),
    pattern("rx-3d", SUSPECTED, "emergency_four_weeks", "急诊四周量", |s| urgent_packs(s, 2, 28)?.act(s)),
    pattern("rx-3d", SUSPECTED, "emergency_days_computed", "急诊未申报天数，折算超过三日", |s| {
        urgent_packs(s, 3, 42)?.undeclared().act(s)
    }),
    pattern("rx-3d", SUSPECTED, "emergency_packs_last_longer", "急诊申报三日，两盒可用两周", |s| {
        Case { dose: 2, ..urgent_packs(s, 2, 3)? }.act(s)
    }),
    pattern("rx-3d", SUSPECTED, "emergency_bill_only", "急诊超过三日量（仅有结算单）", |s| {
        urgent_packs(s, 2, 28)?.by(s, By::Bill)
    }),
    pattern("rx-3d", SUSPECTED, "emergency_prescription_only", "急诊超过三日量（仅有处方）", |s| {
        urgent_packs(s, 2, 28)?.by(s, By::Prescription)
    }),
    pattern("rx-3d", SUSPECTED, "emergency_day_before_sixtieth_birthday", "急诊六十岁生日前一日四周量", |s| {
        urgent_packs(s, 2, 28)?.of(day_before_sixtieth_birthday).act(s)
    }),
    pattern("rx-3d", SUSPECTED, "emergency_stated_age_59", "急诊仅载年龄五十九岁，四周量", |s| {
        urgent_packs(s, 2, 28)?.of_stated_age(s, 59)
    }),
    pattern("rx-3d", missed(Grade::Suspected, WHEN_NEEDED), "emergency_when_needed", "急诊必要时服用", |s| {
        urgent_packs(s, 3, 42)?.when_needed().act(s)
    }),
    pattern("rx-3d", missed(Grade::Suspected, OWN_CODE), "emergency_own_frequency", "急诊使用机构自用频次", |s| {
        urgent_packs(s, 3, 42)?.at_own_frequency().act(s)
    }),
    pattern("rx-3d", missed(Grade::Suspected, NO_AGE), "emergency_age_not_told", "急诊年龄未载明", |s| {
        urgent_packs(s, 2, 28)?.not_telling(s, &["brdy", "patn_age"])
    }),
    pattern("rx-3d", missed(Grade::Suspected, NO_SETTING), "emergency_setting_not_told", "急诊就诊场景未载明", |s| {
        urgent(s, 7)?.not_telling(s, &["med_type", "otp_ipt_flag"])
    }),
    pattern("rx-3d", NEAR, "emergency_3_days", "急诊恰好三日量", |s| urgent(s, 3)?.act(s)),
    pattern("rx-3d", NEAR, "emergency_on_sixtieth_birthday", "急诊年满六十岁当日四周量", |s| {
        urgent_packs(s, 2, 28)?.of(on_sixtieth_birthday).act(s)
    }),
    pattern("rx-3d", NEAR, "emergency_stated_age_60", "急诊仅载年龄六十岁，四周量", |s| {
        urgent_packs(s, 2, 28)?.of_stated_age(s, 60)
    }),
    pattern("rx-3d", NEAR, "emergency_only_the_last_pack", "急诊折算只因最后一盒超过三日", |s| {
        Case { frequency: EVERY_FOUR_HOURS, ..urgent_packs(s, 2, 3)? }.act(s)
    }),
    pattern("rx-3d", NEAR, "outpatient_4_days", "普通门诊四日量", |s| ordinary(s, 4)?.act(s)),
    pattern("rx-3d", INNOCENT, "emergency_long_prescription", "急诊长期处方四周量", |s| urgent_packs(s, 2, 28)?.long(s)),
    pattern("rx-3d", INNOCENT, "emergency_chronic_list", "急诊慢特病标志，四周量", |s| {
        urgent_packs(s, 2, 28)?.on_chronic_list(s)
    }),
    pattern("rx-3d", INNOCENT, "emergency_elderly", "急诊老年患者四周量", |s| urgent_packs(s, 2, 28)?.of(elderly).act(s)),
    pattern("rx-3d", INNOCENT, "emergency_one_whole_pack", "急诊仅一个最小包装，十四日", |s| urgent_packs(s, 1, 14)?.act(s)),
    pattern("long-rx", SUSPECTED, "long_class_two_psychotropic", "长期处方含第二类精神药品", |s| {
        let drug = s.drug(psy2)?;
        let key = Case::days(drug, 28, QD).with(INSOMNIA).long(s)?;
        s.beside("psy2-7d", SUSPECTED, key.clone());
        Some(key)
    }),
    pattern("long-rx", SUSPECTED, "long_class_two_days_unknown", "长期处方含第二类精神药品，天数未知", |s| {
        let drug = s.drug(psy2)?;
        Case::packs(drug, 3, 28, QD).with(INSOMNIA).when_needed().long(s)
    }),
    pattern("long-rx", SUSPECTED, "long_narcotic", "长期处方含麻醉药品", |s| {
        let drug = s.drug(|drug| drug.code.starts_with("XN02AAM059A001"))?;
        let key = Case::days(drug, 28, QD).long(s)?;
        s.beside("nar-other", CLEAR, key.clone());
        Some(key)
    }),
    pattern("long-rx", SUSPECTED, "long_class_one_psychotropic", "长期处方含第一类精神药品", |s| {
        let drug = s.drug(|drug| drug.code.starts_with("XN06BAP010A010"))?;
        let key = Case::days(drug, 28, QD).with(ADHD).of(schoolchild).long(s)?;
        s.beside("mph", CLEAR, key.clone());
        Some(key)
    }),
    pattern("long-rx", SUSPECTED, "long_toxic_herb", "长期处方含医疗用毒性药品", |s| long_of(s, None, "生半夏", "饮片")),
    pattern("long-rx", SUSPECTED, "long_precursor", "长期处方含药品类易制毒化学品", |s| {
        long_of(s, None, "盐酸麻黄碱片", "片剂")
    }),
    pattern("long-rx", SUSPECTED, "long_radioactive", "长期处方含放射性药品", |s| {
        long_of(s, None, "碘[131I]化钠口服溶液", "口服溶液剂")
    }),
    pattern("long-rx", SUSPECTED, "long_antibacterial", "长期处方含抗菌药物", |s| {
        antimicrobial(s, 28, URINARY_INFECTION)?.long(s)
    }),
    pattern("long-rx", SUSPECTED, "long_antifungal", "长期处方含抗真菌药物", |s| {
        long_of(s, Some("XJ02ACF095E001010199901"), "氟康唑胶囊", "胶囊剂")
    }),
    pattern("long-rx", SUSPECTED, "long_85_days", "长期处方八十五日量", |s| ordinary(s, 85)?.long(s)),
    pattern("long-rx", SUSPECTED, "long_days_computed", "长期处方未申报天数，折算超过十二周", |s| {
        packs(s, 8, 112)?.undeclared().long(s)
    }),
    pattern("long-rx", SUSPECTED, "long_tuberculosis_85_days", "结核患者抗菌药物八十五日量", |s| {
        antimicrobial(s, 85, TUBERCULOSIS)?.long(s)
    }),
    pattern("long-rx", missed(Grade::Suspected, WHEN_NEEDED), "long_when_needed", "长期处方必要时服用", |s| {
        packs(s, 8, 112)?.when_needed().long(s)
    }),
    pattern(
        "long-rx",
        missed(Grade::Suspected, "药名含列管成分而未能归类"),
        "long_of_an_unclassed_drug",
        "长期处方含未归类药品",
        |s| long_of(s, None, "吗啡阿托品片", "片剂"),
    ),
    pattern(
        "long-rx",
        missed(Grade::Suspected, "抗菌药物无诊断，无法排除结核"),
        "long_antibacterial_without_diagnosis",
        "长期处方含抗菌药物，无诊断",
        |s| antimicrobial(s, 28, URINARY_INFECTION)?.undiagnosed().long(s),
    ),
    pattern("long-rx", NEAR, "long_84_days", "长期处方恰好十二周", |s| packs(s, 6, 84)?.long(s)),
    pattern("long-rx", NEAR, "long_only_the_last_pack", "折算只因最后一盒超过十二周", |s| packs(s, 7, 84)?.long(s)),
    pattern("long-rx", NEAR, "long_tuberculosis_84_days", "结核患者抗菌药物恰好十二周", |s| {
        antimicrobial(s, 84, TUBERCULOSIS)?.long(s)
    }),
    pattern("long-rx", INNOCENT, "antibacterial_for_tuberculosis", "结核患者长期处方抗菌药物", |s| {
        antimicrobial(s, 28, TUBERCULOSIS)?.long(s)
    }),
    pattern("long-rx", INNOCENT, "tuberculosis_drug", "长期处方抗结核药", |s| {
        long_of(s, Some("XJ04ACY091A001010112345"), "异烟肼片", "片剂")
    }),
    pattern("long-rx", INNOCENT, "thirteen_weeks_not_called_long", "未标长期处方的十三周量", |s| {
        packs(s, 6, 91)?.of(elderly).act(s)
    }),
    pattern("rx-count", SUSPECTED, "six_western_medicines", "一张处方六种西药", |s| medicines(s, 6, 0, 0)),
    pattern("rx-count", SUSPECTED, "western_and_patent_medicines", "一张处方四种西药两种中成药", |s| medicines(s, 4, 2, 0)),
    pattern("rx-count", SUSPECTED, "six_medicines_and_a_herb", "一张处方六种药品另加饮片", |s| medicines(s, 6, 0, 1)),
    pattern(
        "rx-count",
        missed(Grade::Suspected, "有药品行未载明项目分类"),
        "six_medicines_one_of_no_kind",
        "六种药品之一未载明分类",
        one_of_no_kind,
    ),
    pattern("rx-count", NEAR, "five_medicines", "一张处方恰好五种药品", |s| medicines(s, 5, 0, 0)),
    pattern("rx-count", INNOCENT, "five_medicines_and_a_herb", "五种药品另加饮片", |s| medicines(s, 5, 0, 1)),
    pattern("rx-count", INNOCENT, "eight_herbs", "八味饮片", |s| medicines(s, 0, 0, 8)),
];

const WHEN_NEEDED: &str = "必要时服用且未申报天数";
const OWN_CODE: &str = "机构自用频次且未申报天数";
const NO_AGE: &str = "年龄未知，无法排除老年患者";
const NO_SETTING: &str = "就诊场景未知";

const EVERY_FOUR_HOURS: Frequency = Frequency { code: "q4h", name: "每四小时一次", times: 6, cycle: 1 };
const HYPERTENSION: Diagnosis = ("I10.x00x002", "高血压病");
const URINARY_INFECTION: Diagnosis = ("N39.000", "泌尿道感染");
const TUBERCULOSIS: Diagnosis = ("A15.000", "肺结核");

fn younger(s: &mut Stage, time: Civil) -> Person {
    s.person(None, 25, 55, time)
}

fn elderly(s: &mut Stage, time: Civil) -> Person {
    s.person(None, 62, 85, time)
}

fn on_sixtieth_birthday(s: &mut Stage, time: Civil) -> Person {
    let person = elderly(s, time);
    Person { birth: birthday(60, time), ..person }
}

fn day_before_sixtieth_birthday(s: &mut Stage, time: Civil) -> Person {
    let person = elderly(s, time);
    Person { birth: birthday(60, time) + 1, ..person }
}

impl Case {
    /// Puts both messages, and the prescription as a long one.
    fn long(self, s: &mut Stage) -> Option<TruthKey> {
        let (mut rx, bill) = self.written(s);
        rx.long = true;
        put(s, rx, bill, By::Both)
    }

    fn on_chronic_list(self, s: &mut Stage) -> Option<TruthKey> {
        let (mut rx, mut bill) = self.written(s);
        rx.chronic = Some(CHRONIC[0].listed);
        bill.chronic = rx.chronic;
        put(s, rx, bill, By::Both)
    }

    /// Puts the prescription alone, with an age in place of the date of birth.
    fn of_stated_age(self, s: &mut Stage, age: i64) -> Option<TruthKey> {
        let (mut rx, bill) = self.written(s);
        rx.own.push(("brdy", Told::Absent));
        rx.own.push(("patn_age", Told::Number(age)));
        put(s, rx, bill, By::Prescription)
    }

    fn at_own_frequency(self) -> Self {
        Self { frequency: super::orders::OWN_CODE, ..self.undeclared() }
    }
}

/// Two weeks in a pack, once a day.
fn fortnight(drug: &Drug) -> bool {
    drug.ordinary() && drug.countable() && drug.form_group == "other" && drug.pack_count == 14 && drug.code.starts_with("XC0")
}

/// Exactly so many days, of a person who is not elderly.
fn ordinary(s: &mut Stage, days: i64) -> Option<Case> {
    Some(Case::days(s.drug(fortnight)?, days, QD).with(HYPERTENSION).of(younger))
}

fn packs(s: &mut Stage, packs: i64, days: i64) -> Option<Case> {
    Some(Case::packs(s.drug(fortnight)?, packs, days, QD).with(HYPERTENSION).of(younger))
}

fn urgent(s: &mut Stage, days: i64) -> Option<Case> {
    Some(ordinary(s, days)?.at(EMERGENCY_VISIT))
}

fn urgent_packs(s: &mut Stage, count: i64, days: i64) -> Option<Case> {
    Some(packs(s, count, days)?.at(EMERGENCY_VISIT))
}

fn antimicrobial(s: &mut Stage, days: i64, diagnosis: Diagnosis) -> Option<Case> {
    let drug = s.drug(|drug| drug.ordinary() && drug.countable() && drug.code.starts_with("XJ01MA"))?;
    Some(Case::days(drug, days, QD).with(diagnosis).of(younger))
}

/// A long prescription, alone, of a drug that no table lists.
fn long_of(s: &mut Stage, code: Option<&str>, name: &str, form: &str) -> Option<TruthKey> {
    let case = ordinary(s, 28)?;
    case.unlisted_with(s, (code, name, form), |rx| rx.long = true)
}

/// A prescription, alone, of so many western and patent medicines and herbs.
fn of_many(s: &mut Stage, western: usize, patent: usize, herbs: usize) -> Option<Prescription> {
    const WESTERN: [&str; 7] = ["XC08CAA", "XA10BAE", "XC10AAA", "XB01ACL", "XM04AAF", "XA02BCA", "XR05CBA"];
    const PATENT: [&str; 2] = ["ZA01BAL", "ZA01BAB"];
    const HERBS: [&str; 8] = ["黄芪", "当归", "白芍", "茯苓", "白术", "陈皮", "甘草", "丹参"];
    let mut drugs = Vec::new();
    for code in WESTERN.iter().take(western).chain(PATENT.iter().take(patent)).chain(WESTERN.iter().cycle().take(herbs)) {
        let drug = s.drug(|drug| drug.ordinary() && drug.code.starts_with(code))?;
        drugs.push(Dosage::covering(drug, s.row(drug), 1, QD, 5));
    }
    let time = s.moment();
    let (person, hospital) = (younger(s, time), s.hospital());
    let mut rx = s.prescription(person, hospital, time, HYPERTENSION, drugs);
    for (place, name) in (western + patent..).zip(HERBS.iter().take(herbs)) {
        rx.own_of_drugs.push((place, "med_list_codg", Told::Absent));
        for (field, text) in [("drug_genname", *name), ("drug_dosform", "饮片"), ("rx_item_type_code", "13")] {
            rx.own_of_drugs.push((place, field, Told::Text(text.to_owned())));
        }
    }
    Some(rx)
}

fn of_header(s: &mut Stage, rx: Prescription) -> Option<TruthKey> {
    let key = s.prescription_key(&rx);
    s.put_prescription(rx);
    Some(key)
}

fn medicines(s: &mut Stage, western: usize, patent: usize, herbs: usize) -> Option<TruthKey> {
    let rx = of_many(s, western, patent, herbs)?;
    of_header(s, rx)
}

fn one_of_no_kind(s: &mut Stage) -> Option<TruthKey> {
    let mut rx = of_many(s, 6, 0, 0)?;
    rx.own_of_drugs.push((5, "rx_item_type_code", Told::Absent));
    of_header(s, rx)
}
