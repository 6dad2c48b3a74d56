//! Planted cases of narcotics and class I psychotropics for more days than one
//! prescription may hold: slow release, methylphenidate, and during a stay.

use super::CLEAR;
use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::controlled::ADHD;
use super::controlled::ANXIETY;
use super::controlled::INSOMNIA;
use super::controlled::LUNG_CANCER;
use super::controlled::psy2;
use super::missed;
use super::orders::BID;
use super::orders::By;
use super::orders::Case;
use super::orders::DAY_SURGERY;
use super::orders::EMERGENCY_VISIT;
use super::orders::EVERY_THIRD_DAY;
use super::orders::OWN_CODE;
use super::orders::QD;
use super::orders::STAY;
use super::orders::TID;
use super::orders::WEEKLY;
use super::orders::anyone;
use super::orders::day_before_eighteenth_birthday;
use super::orders::on_eighteenth_birthday;
use super::orders::ordered;
use super::orders::put;
use super::orders::schoolchild;
use super::pattern;
use crate::synth::model::Frequency;
use crate::synth::model::Line;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("nar-sr", CLEAR, "slow_release_8_days", "缓控释麻醉药品八日量", |s| slow(s, 8)?.act(s)),
    pattern("nar-sr", CLEAR, "slow_release_for_pain_16_days", "疼痛患者缓控释麻醉药品十六日量", |s| {
        slow(s, 16)?.in_pain(s).act(s)
    }),
    pattern("nar-sr", CLEAR, "slow_release_days_computed", "缓控释麻醉药品未申报天数，折算超过七日", |s| {
        slow_packs(s, 3, 15)?.undeclared().act(s)
    }),
    pattern("nar-sr", CLEAR, "slow_release_in_emergency", "急诊缓控释麻醉药品八日量", |s| {
        slow(s, 8)?.at(EMERGENCY_VISIT).act(s)
    }),
    pattern("nar-sr", CLEAR, "slow_release_bill_only", "缓控释麻醉药品超过七日量（仅有结算单）", |s| {
        slow_packs(s, 2, 10)?.by(s, By::Bill)
    }),
    pattern("nar-sr", CLEAR, "slow_release_prescription_only", "缓控释麻醉药品超过七日量（仅有处方）", |s| {
        slow_packs(s, 2, 10)?.by(s, By::Prescription)
    }),
    pattern("nar-sr", SUSPECTED, "patches_for_pain_30_days", "疼痛患者透皮贴剂三十日量", |s| {
        patches(s, 10, EVERY_THIRD_DAY)?.in_pain(s).act(s)
    }),
    pattern("nar-sr", SUSPECTED, "patches_9_days", "透皮贴剂三贴九日", |s| loose_patches(s, 3)?.act(s)),
    pattern("nar-sr", SUSPECTED, "patches_for_pain_18_days", "疼痛患者透皮贴剂六贴十八日", |s| {
        loose_patches(s, 6)?.in_pain(s).act(s)
    }),
    pattern(
        "nar-sr",
        missed(Grade::Clear, "就诊没有诊断，无法确定限量"),
        "slow_release_without_diagnosis",
        "缓控释麻醉药品处方无诊断",
        |s| slow(s, 8)?.undiagnosed().act(s),
    ),
    pattern(
        "nar-sr",
        missed(Grade::Clear, "必要时服用且未申报天数"),
        "slow_release_when_needed",
        "缓控释麻醉药品必要时服用",
        |s| slow_packs(s, 3, 15)?.when_needed().act(s),
    ),
    pattern(
        "nar-sr",
        missed(Grade::Suspected, "机构自用频次且未申报天数"),
        "patches_under_an_own_frequency",
        "透皮贴剂使用机构自用频次",
        |s| patches(s, 10, OWN_CODE)?.undeclared().act(s),
    ),
    pattern(
        "nar-sr",
        missed(Grade::Clear, "药品字典没有该品规，剂型未知"),
        "slow_release_of_an_unlisted_product",
        "品规未收录的麻醉药品",
        |s| slow(s, 8)?.unlisted(s, Some("XN02AAQ777E013010112345"), "盐酸羟考酮胶囊", "胶囊剂"),
    ),
    pattern("nar-sr", NEAR, "slow_release_7_days", "缓控释麻醉药品恰好七日量", |s| slow(s, 7)?.act(s)),
    pattern("nar-sr", NEAR, "slow_release_for_pain_15_days", "疼痛患者缓控释麻醉药品恰好十五日量", |s| {
        slow(s, 15)?.in_pain(s).act(s)
    }),
    pattern("nar-sr", NEAR, "slow_release_7_days_without_diagnosis", "无诊断，缓控释麻醉药品七日量", |s| {
        slow(s, 7)?.undiagnosed().act(s)
    }),
    pattern("nar-sr", NEAR, "slow_release_only_the_last_pack", "折算只因最后一盒超过七日", |s| slow_packs(s, 2, 7)?.act(s)),
    pattern("nar-sr", INNOCENT, "slow_release_one_whole_pack", "缓控释麻醉药品仅一个最小包装", |s| {
        Case { frequency: QD, days: Some(10), ..slow_packs(s, 1, 5)? }.act(s)
    }),
    pattern("nar-sr", NEAR, "patches_6_days", "透皮贴剂每72小时更换，两贴六日", |s| loose_patches(s, 2)?.act(s)),
    pattern("nar-sr", INNOCENT, "pack_of_patches_for_pain", "疼痛患者一盒透皮贴剂十五日", |s| {
        patches(s, 5, EVERY_THIRD_DAY)?.in_pain(s).act(s)
    }),
    pattern("nar-sr", INNOCENT, "pack_of_patches_without_pain", "无疼痛诊断，透皮贴剂仅一个最小包装", |s| {
        patches(s, 5, EVERY_THIRD_DAY)?.act(s)
    }),
    pattern("nar-sr", INNOCENT, "class_two_patches", "第二类精神药品透皮贴剂一盒十四日", |s| {
        let drug = s.drug(|drug| drug.class == "PSY2" && drug.form_group == "patch")?;
        Case::packs(drug, 1, 14, WEEKLY).act(s)
    }),
    pattern("nar-sr", INNOCENT, "slow_release_methylphenidate_15_days", "多动症儿童十五日量哌甲酯缓释片", |s| {
        child(s, SLOW, 15)?.act(s)
    }),
    pattern("mph", CLEAR, "child_slow_release_16_days", "多动症儿童哌甲酯缓释片十六日量", |s| child(s, SLOW, 16)?.act(s)),
    pattern("mph", CLEAR, "child_16_days", "多动症儿童哌甲酯片十六日量", |s| child(s, PLAIN, 16)?.act(s)),
    pattern("mph", CLEAR, "fifteen_days_on_eighteenth_birthday", "年满十八周岁当日十五日量哌甲酯", |s| {
        child(s, SLOW, 15)?.of(on_eighteenth_birthday).act(s)
    }),
    pattern("mph", CLEAR, "slow_release_without_adhd_8_days", "无多动症，哌甲酯缓释片八日量", |s| mph(s, SLOW, 8)?.act(s)),
    pattern("mph", CLEAR, "without_adhd_4_days", "无多动症，哌甲酯片四日量", |s| mph(s, PLAIN, 4)?.act(s)),
    pattern("mph", CLEAR, "child_without_adhd_15_days", "儿童无多动症，哌甲酯缓释片十五日量", |s| {
        mph(s, SLOW, 15)?.of(schoolchild).act(s)
    }),
    pattern("mph", CLEAR, "child_16_days_in_emergency", "急诊多动症儿童哌甲酯十六日量", |s| {
        child(s, SLOW, 16)?.at(EMERGENCY_VISIT).act(s)
    }),
    pattern("mph", CLEAR, "child_over_15_days_bill_only", "多动症儿童哌甲酯超过十五日量（仅有结算单）", |s| {
        child_packs(s, 2, 30)?.by(s, By::Bill)
    }),
    pattern("mph", CLEAR, "child_over_15_days_prescription_only", "多动症儿童哌甲酯超过十五日量（仅有处方）", |s| {
        child_packs(s, 2, 30)?.by(s, By::Prescription)
    }),
    pattern("mph", CLEAR, "child_days_computed", "多动症儿童哌甲酯未申报天数，折算超过十五日", |s| {
        child_packs(s, 3, 45)?.undeclared().act(s)
    }),
    pattern(
        "mph",
        missed(Grade::Clear, "就诊没有诊断，无法确定限量"),
        "methylphenidate_without_diagnosis",
        "哌甲酯处方无诊断",
        |s| child(s, SLOW, 16)?.undiagnosed().act(s),
    ),
    pattern(
        "mph",
        missed(Grade::Clear, "有多动症诊断，年龄未知"),
        "methylphenidate_at_an_unknown_age",
        "多动症患者年龄未载明",
        |s| child(s, SLOW, 16)?.not_telling(s, &["brdy", "patn_age"]),
    ),
    pattern(
        "mph",
        missed(Grade::Clear, "必要时服用且未申报天数"),
        "methylphenidate_when_needed",
        "哌甲酯必要时服用",
        |s| child_packs(s, 3, 45)?.when_needed().act(s),
    ),
    pattern("mph", NEAR, "child_slow_release_15_days", "多动症儿童哌甲酯缓释片恰好十五日量", |s| {
        child(s, SLOW, 15)?.act(s)
    }),
    pattern("mph", NEAR, "child_15_days", "多动症儿童哌甲酯片恰好十五日量", |s| child(s, PLAIN, 15)?.act(s)),
    pattern("mph", NEAR, "fifteen_days_day_before_birthday", "十八周岁生日前一日十五日量哌甲酯", |s| {
        child(s, SLOW, 15)?.of(day_before_eighteenth_birthday).act(s)
    }),
    pattern("mph", NEAR, "slow_release_without_adhd_7_days", "无多动症，哌甲酯缓释片恰好七日量", |s| {
        mph(s, SLOW, 7)?.act(s)
    }),
    pattern("mph", NEAR, "without_adhd_3_days", "无多动症，哌甲酯片恰好三日量", |s| mph(s, PLAIN, 3)?.act(s)),
    pattern("mph", NEAR, "child_only_the_last_pack", "折算只因最后一盒超过十五日", |s| child_packs(s, 2, 15)?.act(s)),
    pattern("mph", INNOCENT, "methylphenidate_one_whole_pack", "哌甲酯仅一个最小包装", |s| {
        Case { who: anyone, ..child_packs(s, 1, 15)?.with(ANXIETY) }.act(s)
    }),
    pattern("ward-1d", SUSPECTED, "ward_5_days", "住院一次开具五日量", |s| ward(s, 5)?.act(s)),
    pattern("ward-1d", SUSPECTED, "ward_2_days", "住院一次开具二日量", |s| ward(s, 2)?.act(s)),
    pattern("ward-1d", SUSPECTED, "ward_5_days_for_pain", "住院疼痛患者一次开具五日量", |s| ward(s, 5)?.in_pain(s).act(s)),
    pattern("ward-1d", SUSPECTED, "ward_5_days_without_diagnosis", "住院无诊断一次开具五日量", |s| {
        ward(s, 5)?.undiagnosed().act(s)
    }),
    pattern("ward-1d", SUSPECTED, "ward_class_one_7_days", "住院第一类精神药品一次开具七日量", |s| {
        mph(s, PLAIN, 7)?.at(STAY).act(s)
    }),
    pattern("ward-1d", SUSPECTED, "ward_injection_3_days", "住院注射剂一次开具三日量", |s| ward_of(s, INJECTION, 3)?.act(s)),
    pattern("ward-1d", SUSPECTED, "ward_bill_only", "住院一次开具三日量（仅有结算单）", |s| ward(s, 3)?.by(s, By::Bill)),
    pattern("ward-1d", SUSPECTED, "ward_days_computed", "住院未申报天数，折算超过一日", |s| {
        ward_packs(s, 2)?.undeclared().act(s)
    }),
    pattern("ward-1d", SUSPECTED, "discharge_4_days", "出院带药四日量", |s| ward(s, 4)?.discharged(s)),
    pattern("ward-1d", SUSPECTED, "discharge_for_pain_8_days", "疼痛患者出院带药八日量", |s| {
        ward(s, 8)?.in_pain(s).discharged(s)
    }),
    pattern("ward-1d", SUSPECTED, "discharge_slow_release_8_days", "出院带缓控释药八日量", |s| {
        slow(s, 8)?.at(STAY).discharged(s)
    }),
    pattern("ward-1d", SUSPECTED, "discharge_slow_release_for_pain_16_days", "疼痛患者出院带缓控释药十六日量", |s| {
        slow(s, 16)?.at(STAY).in_pain(s).discharged(s)
    }),
    pattern("ward-1d", SUSPECTED, "discharge_injection_2_days", "出院带注射剂二日量", |s| ward_of(s, INJECTION, 2)?.discharged(s)),
    pattern("ward-1d", SUSPECTED, "discharge_injection_for_pain_4_days", "疼痛患者出院带注射剂四日量", |s| {
        ward_of(s, INJECTION, 4)?.in_pain(s).discharged(s)
    }),
    pattern("ward-1d", missed(Grade::Suspected, "必要时使用且未申报天数"), "ward_when_needed", "住院必要时使用", |s| {
        ward_packs(s, 2)?.when_needed().act(s)
    }),
    pattern(
        "ward-1d",
        missed(Grade::Suspected, "结算单未载明天数，也没有处方"),
        "ward_bill_without_days",
        "住院结算单未载明天数",
        |s| ward(s, 5)?.undeclared().by(s, By::Bill),
    ),
    pattern(
        "ward-1d",
        missed(Grade::Suspected, "出院带药无诊断，无法确定限量"),
        "discharge_without_diagnosis",
        "出院带药无诊断",
        |s| ward(s, 5)?.undiagnosed().discharged(s),
    ),
    pattern("ward-1d", NEAR, "ward_1_day", "住院恰好一日量", |s| ward(s, 1)?.act(s)),
    pattern("ward-1d", NEAR, "ward_injection_1_day", "住院注射剂恰好一日量", |s| ward_of(s, INJECTION, 1)?.act(s)),
    pattern("ward-1d", NEAR, "ward_only_the_last_pack", "折算只因最后一盒超过一日", |s| {
        Case { days: Some(1), ..ward_packs(s, 1)? }.act(s)
    }),
    pattern("ward-1d", NEAR, "discharge_3_days", "出院带药恰好三日量", |s| ward(s, 3)?.discharged(s)),
    pattern("ward-1d", NEAR, "discharge_for_pain_7_days", "疼痛患者出院带药恰好七日量", |s| {
        ward(s, 7)?.in_pain(s).discharged(s)
    }),
    pattern("ward-1d", NEAR, "discharge_slow_release_7_days", "出院带缓控释药恰好七日量", |s| {
        slow(s, 7)?.at(STAY).discharged(s)
    }),
    pattern("ward-1d", NEAR, "discharge_slow_release_for_pain_15_days", "疼痛患者出院带缓控释药恰好十五日量", |s| {
        slow(s, 15)?.at(STAY).in_pain(s).discharged(s)
    }),
    pattern("ward-1d", NEAR, "discharge_injection_1_day", "出院带注射剂恰好一日量", |s| ward_of(s, INJECTION, 1)?.discharged(s)),
    pattern("ward-1d", NEAR, "discharge_injection_for_pain_3_days", "疼痛患者出院带注射剂恰好三日量", |s| {
        ward_of(s, INJECTION, 3)?.in_pain(s).discharged(s)
    }),
    pattern("ward-1d", INNOCENT, "ward_handed_out_day_by_day", "住院同一医嘱逐日发药", ward_day_by_day),
    pattern("ward-1d", INNOCENT, "day_surgery_is_no_stay", "日间手术二日量", |s| ward(s, 2)?.at(DAY_SURGERY).act(s)),
    pattern("ward-1d", INNOCENT, "ward_class_two_5_days", "住院第二类精神药品五日量", |s| {
        let drug = s.drug(psy2)?;
        Case::days(drug, 5, QD).with(INSOMNIA).at(STAY).act(s)
    }),
];

/// Methylphenidate of slow release, and plain.
const SLOW: &str = "XN06BAP010A010";
const PLAIN: &str = "XN06BAP010A001";
const TABLETS: &str = "XN02AAM059A001";
const INJECTION: &str = "XN02AAM059B";

impl Case {
    /// Puts the case as drugs that were taken home from a stay.
    fn discharged(self, s: &mut Stage) -> Option<TruthKey> {
        let (rx, mut bill) = self.at(STAY).written(s);
        ordered(&mut bill).for_each(|line| line.discharge = true);
        put(s, rx, bill, By::Both)
    }
}

fn slow_drug(s: &mut Stage) -> Option<u32> {
    s.drug(|drug| drug.class == "NARC" && drug.form_group == "sustained")
}

/// Narcotic tablets of slow release, twice a day.
fn slow(s: &mut Stage, days: i64) -> Option<Case> {
    Some(Case::days(slow_drug(s)?, days, BID))
}

fn slow_packs(s: &mut Stage, packs: i64, days: i64) -> Option<Case> {
    Some(Case::packs(slow_drug(s)?, packs, days, BID))
}

/// Whole packs of fentanyl patches, each for three days.
fn patches(s: &mut Stage, count: i64, often: Frequency) -> Option<Case> {
    let drug = s.drug(|drug| drug.class == "NARC" && drug.form_group == "patch")?;
    Some(Case::packs(drug, count / s.row(drug).pack_count, count * 3, often))
}

/// Patches out of their pack.
fn loose_patches(s: &mut Stage, count: i64) -> Option<Case> {
    Some(Case { loose: true, count, days: Some(count * 3), ..patches(s, 5, EVERY_THIRD_DAY)? })
}

fn of_code(s: &mut Stage, code: &str) -> Option<u32> {
    s.drug(|drug| drug.code.starts_with(code))
}

/// Methylphenidate twice a day, for another disease.
fn mph(s: &mut Stage, code: &str, days: i64) -> Option<Case> {
    Some(Case::days(of_code(s, code)?, days, BID).with(ANXIETY))
}

fn child(s: &mut Stage, code: &str, days: i64) -> Option<Case> {
    Some(mph(s, code, days)?.with(ADHD).of(schoolchild))
}

fn child_packs(s: &mut Stage, packs: i64, days: i64) -> Option<Case> {
    Some(Case::packs(of_code(s, SLOW)?, packs, days, QD).with(ADHD).of(schoolchild))
}

fn ward(s: &mut Stage, days: i64) -> Option<Case> {
    Some(Case::days(of_code(s, TABLETS)?, days, TID).at(STAY))
}

fn ward_packs(s: &mut Stage, packs: i64) -> Option<Case> {
    Some(Case::packs(of_code(s, TABLETS)?, packs, packs * 6, TID).at(STAY))
}

/// One dose a day.
fn ward_of(s: &mut Stage, code: &str, days: i64) -> Option<Case> {
    Some(Case::days(of_code(s, code)?, days, QD).at(STAY))
}

/// A day's part of the order on each day of the stay.
fn ward_day_by_day(s: &mut Stage) -> Option<TruthKey> {
    let (rx, mut bill) = ward(s, 1)?.with(LUNG_CANCER).written(s);
    let place = bill.lines.iter().position(|line| line.order.is_some())?;
    let first = bill.lines.remove(place);
    let of_day = |day: i64| Line { fact: first.fact.plus_days(-day), ..first.clone() };
    bill.lines.extend((0..2).rev().map(of_day));
    put(s, rx, bill, By::Bill)
}
