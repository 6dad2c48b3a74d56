//! Planted cases of online prescriptions: young children, critical illness,
//! and identity checks.

use super::Grade;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::birthday;
use super::controlled::COLD;
use super::missed;
use super::pattern;
use crate::base::time::Civil;
use crate::synth::city::InstitutionKind;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Person;
use crate::synth::model::Prescription;
use crate::synth::model::Told;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("online-child6", SUSPECTED, "child_online", "互联网接诊六岁以下儿童", |s| children(s, small_child, &[])),
    pattern("online-child6", SUSPECTED, "child_online_day_before_sixth_birthday", "六岁生日前一日互联网接诊", |s| {
        children(s, day_before_sixth_birthday, &[])
    }),
    pattern("online-child6", SUSPECTED, "child_online_of_stated_age", "仅载年龄五岁的儿童互联网接诊", |s| {
        children(s, small_child, &[("brdy", None), ("patn_age", Some("5"))])
    }),
    pattern(
        "online-child6",
        SUSPECTED,
        "child_online_known_by_identity_check",
        "仅凭身份核验号可知的互联网接诊儿童",
        |s| children(s, small_child, &[("biz_type_code", None)]),
    ),
    pattern(
        "online-child6",
        missed(Grade::Suspected, "出生日期和年龄均未载明"),
        "child_online_of_unknown_age",
        "年龄未载明的互联网接诊",
        |s| children(s, small_child, &[("brdy", None), ("patn_age", None)]),
    ),
    pattern("online-child6", missed(Grade::Suspected, CONFLICT), "child_of_conflicting_signs", "儿童就诊线上标志矛盾", |s| {
        children(s, small_child, &[("biz_type_code", Some("01"))])
    }),
    pattern("online-child6", missed(Grade::Suspected, NO_SIGN), "child_without_any_sign", "儿童就诊无从判断是否线上", |s| {
        children(s, small_child, &[("biz_type_code", None), ("auth_no", None)])
    }),
    pattern("online-child6", NEAR, "child_online_on_sixth_birthday", "年满六岁当日互联网接诊", |s| {
        children(s, on_sixth_birthday, &[])
    }),
    pattern("online-child6", NEAR, "child_online_stated_to_be_six", "仅载年龄六岁的互联网接诊", |s| {
        children(s, on_sixth_birthday, &[("brdy", None), ("patn_age", Some("6"))])
    }),
    pattern("online-child6", INNOCENT, "child_in_person", "六岁以下儿童线下就诊", |s| in_person(s, small_child, COLD)),
    pattern("online-child6", INNOCENT, "adult_online", "成年人互联网就诊", |s| consulted(s, adult, COLD, &[])),
    pattern("online-critical", SUSPECTED, "critical_illness_online", "互联网接诊急危重症", |s| {
        let critical = s.dice.pick(CRITICAL);
        consulted(s, adult, critical, &[])
    }),
    pattern("online-critical", SUSPECTED, "ketoacidosis_online", "互联网接诊糖尿病酮症酸中毒", |s| {
        let ketoacidosis = s.dice.pick(KETOACIDOSIS);
        consulted(s, adult, ketoacidosis, &[])
    }),
    pattern("online-critical", SUSPECTED, "critical_pregnancy_online", "互联网接诊妊娠急危重症", |s| {
        let critical = s.dice.pick(OF_PREGNANCY);
        consulted(s, young_woman, critical, &[])
    }),
    pattern("online-critical", SUSPECTED, "critical_second_diagnosis_online", "次要诊断为急危重症的互联网处方", critical_second),
    pattern(
        "online-critical",
        SUSPECTED,
        "critical_known_by_identity_check",
        "仅凭身份核验号可知的互联网接诊急危重症",
        |s| {
            let critical = s.dice.pick(CRITICAL);
            consulted(s, adult, critical, &[("biz_type_code", None)])
        },
    ),
    pattern(
        "online-critical",
        missed(Grade::Suspected, "急性脑梗死与其复诊编码相同，未列入清单"),
        "acute_stroke_online",
        "互联网接诊急性脑梗死",
        |s| consulted(s, adult, ("I63.900", "脑梗死"), &[]),
    ),
    pattern("online-critical", missed(Grade::Suspected, "处方没有诊断"), "critical_not_told", "急危重症未载诊断", |s| {
        let critical = s.dice.pick(CRITICAL);
        let mut rx = online(s, adult, critical)?;
        rx.diagnoses.clear();
        put(s, rx)
    }),
    pattern(
        "online-critical",
        missed(Grade::Suspected, CONFLICT),
        "critical_of_conflicting_signs",
        "急危重症线上标志矛盾",
        |s| {
            let critical = s.dice.pick(CRITICAL);
            consulted(s, adult, critical, &[("biz_type_code", Some("01"))])
        },
    ),
    pattern(
        "online-critical",
        missed(Grade::Suspected, NO_SIGN),
        "critical_without_any_sign",
        "急危重症无从判断是否线上",
        |s| {
            let critical = s.dice.pick(CRITICAL);
            consulted(s, adult, critical, &[("biz_type_code", None), ("auth_no", None)])
        },
    ),
    pattern("online-critical", NEAR, "neighbouring_codes_online", "相邻编码的稳定期疾病互联网复诊", |s| {
        let stable = s.dice.pick(STABLE);
        consulted(s, adult, stable, &[])
    }),
    pattern("online-critical", INNOCENT, "stroke_follow_up_online", "脑梗死互联网复诊", |s| {
        consulted(s, adult, ("I63.900", "脑梗死"), &[])
    }),
    pattern("online-critical", INNOCENT, "old_infarction_online", "陈旧性心肌梗死互联网复诊", |s| {
        consulted(s, adult, ("I25.200", "陈旧性心肌梗死"), &[])
    }),
    pattern("online-critical", INNOCENT, "common_cold_online", "感冒互联网复诊", |s| consulted(s, adult, COLD, &[])),
    pattern("online-critical", INNOCENT, "critical_illness_in_person", "急危重症线下就诊", |s| {
        let critical = s.dice.pick(CRITICAL);
        in_person(s, adult, critical)
    }),
    pattern("realname", SUSPECTED, "no_identity_check", "互联网处方无身份核验号", |s| {
        consulted(s, adult, COLD, &[("auth_no", None)])
    }),
    pattern("realname", SUSPECTED, "empty_identity_check", "互联网处方身份核验号为空", |s| {
        consulted(s, adult, COLD, &[("auth_no", Some(""))])
    }),
    pattern("realname", SUSPECTED, "no_identity_check_from_the_day_it_is_fed", "机构开始上传核验号当日无核验号", |s| {
        from_the_day(s, 0)
    }),
    pattern("realname", missed(Grade::Suspected, NO_SIGN), "no_check_and_no_sign", "无业务类型也无核验号", |s| {
        consulted(s, adult, COLD, &[("auth_no", None), ("biz_type_code", None)])
    }),
    pattern(
        "realname",
        missed(Grade::Suspected, "业务类型代码无表可查"),
        "no_check_and_unknown_business",
        "业务类型代码未知",
        |s| consulted(s, adult, COLD, &[("auth_no", None), ("biz_type_code", Some("03"))]),
    ),
    pattern(
        "realname",
        missed(Grade::Suspected, "机构未登记，不知是否上传核验号"),
        "no_check_at_unregistered_institution",
        "未登记机构无身份核验号",
        unregistered,
    ),
    pattern("realname", NEAR, "identity_checked", "互联网处方有身份核验号", |s| consulted(s, adult, COLD, &[])),
    pattern("realname", NEAR, "day_before_the_check_is_fed", "机构开始上传核验号前一日", |s| from_the_day(s, -1)),
    pattern("realname", INNOCENT, "no_check_in_person", "线下处方无身份核验号", |s| in_person(s, adult, COLD)),
    pattern("realname", INNOCENT, "check_not_fed_by_institution", "机构尚未上传身份核验号", check_not_fed),
];

pub(super) const CONFLICT: &str = "线上标志相互矛盾";
const NO_SIGN: &str = "无从判断是否线上";

/// Every part of the list, but for ketoacidosis and pregnancy.
const CRITICAL: &[Diagnosis] = &[
    ("I21.900", "急性心肌梗死"),
    ("I22.900", "随后性心肌梗死"),
    ("I26.900", "肺栓塞"),
    ("I46.900", "心脏停搏"),
    ("I60.900", "蛛网膜下腔出血"),
    ("I61.900", "脑出血"),
    ("I62.000", "急性硬膜下出血"),
    ("I71.000", "主动脉夹层"),
    ("J46.x00", "哮喘持续状态"),
    ("J80.x00", "急性呼吸窘迫综合征"),
    ("J81.x00", "急性肺水肿"),
    ("J96.000", "急性呼吸衰竭"),
    ("K35.900", "急性阑尾炎"),
    ("K56.700", "肠梗阻"),
    ("K65.000", "急性腹膜炎"),
    ("K85.900", "急性胰腺炎"),
    ("K92.000", "呕血"),
    ("K92.100", "黑便"),
    ("K92.200", "消化道出血"),
    ("N17.900", "急性肾衰竭"),
    ("A40.900", "链球菌性脓毒症"),
    ("A41.900", "脓毒症"),
    ("G00.900", "细菌性脑膜炎"),
    ("G41.900", "癫痫持续状态"),
    ("R40.200", "昏迷"),
    ("R57.900", "休克"),
    ("S06.400", "创伤性硬膜外出血"),
    ("S06.500", "创伤性硬膜下出血"),
    ("S06.600", "创伤性蛛网膜下腔出血"),
    ("T36.900", "抗生素中毒"),
    ("T42.400", "苯二氮䓬类中毒"),
    ("T50.900", "药物中毒"),
    ("T58.x00", "一氧化碳中毒"),
    ("T60.900", "农药中毒"),
    ("T78.000", "食物过敏性休克"),
    ("T78.200", "过敏性休克"),
    ("T79.400", "创伤性休克"),
    ("T88.600", "药物过敏性休克"),
];
const KETOACIDOSIS: &[Diagnosis] = &[
    ("E10.000", "1型糖尿病伴昏迷"),
    ("E10.100", "1型糖尿病性酮症酸中毒"),
    ("E11.000", "2型糖尿病伴昏迷"),
    ("E11.100", "2型糖尿病性酮症酸中毒"),
    ("E14.000", "糖尿病伴昏迷"),
    ("E14.100", "糖尿病性酮症酸中毒"),
];
const OF_PREGNANCY: &[Diagnosis] = &[("O00.900", "异位妊娠"), ("O15.900", "子痫")];
/// Next to codes of the list, and not on it.
const STABLE: &[Diagnosis] = &[
    ("I20.900", "心绞痛"),
    ("I25.200", "陈旧性心肌梗死"),
    ("I27.900", "慢性肺源性心脏病"),
    ("I69.300", "脑梗死后遗症"),
    ("I71.400", "腹主动脉瘤"),
    ("J45.900", "支气管哮喘"),
    ("J84.100", "间质性肺纤维化"),
    ("J96.100", "慢性呼吸衰竭"),
    ("K57.900", "肠憩室病"),
    ("K86.100", "慢性胰腺炎"),
    ("N18.300", "慢性肾脏病3期"),
    ("G40.900", "癫痫"),
    ("E10.900", "1型糖尿病"),
    ("E11.200", "2型糖尿病性肾病"),
    ("E14.900", "糖尿病"),
    ("R40.000", "嗜睡"),
    ("S06.000", "脑震荡"),
    ("T78.400", "过敏反应"),
];

/// What a header tells instead of what it would: a text, or nothing.
type Fields = &'static [(&'static str, Option<&'static str>)];
type Who = fn(&mut Stage, Civil) -> Person;

pub(super) fn adult(s: &mut Stage, time: Civil) -> Person {
    s.adult(time)
}

fn young_woman(s: &mut Stage, time: Civil) -> Person {
    s.person(Some("2"), 20, 40, time)
}

fn small_child(s: &mut Stage, time: Civil) -> Person {
    s.person(None, 1, 5, time)
}

fn on_sixth_birthday(s: &mut Stage, time: Civil) -> Person {
    let person = small_child(s, time);
    Person { birth: birthday(6, time), ..person }
}

fn day_before_sixth_birthday(s: &mut Stage, time: Civil) -> Person {
    let person = small_child(s, time);
    Person { birth: birthday(6, time) + 1, ..person }
}

fn dosage(s: &mut Stage, code: &str, days: i64) -> Option<Dosage> {
    let drug = s.drug(|drug| drug.class == "NONE" && drug.sex_limit.is_none() && drug.code.starts_with(code))?;
    Some(Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[1], days))
}

/// An online body whose word about first visits is believed and whose feed
/// carries the identity check.
pub(super) fn fed(s: &mut Stage) -> Option<u32> {
    s.online_where(|s, body| {
        let row = s.institution_row(body);
        row.first_visit_usable && row.authorization_fed
    })
}

/// An online prescription at `body` to someone who was seen in person before
/// for the same disease and had the same drug, not yet put.
pub(super) fn online_at(s: &mut Stage, body: u32, time: Civil, who: Who, diagnosis: Diagnosis) -> Option<Prescription> {
    let person = who(s, time);
    let code = if person.age(time.day()) < 18 { "ZA01CAX" } else { "XN02BED" };
    let dosage = dosage(s, code, 3)?;
    let (before, hospital) = (s.before(time, 2, 300), s.hospital());
    let mut contact = s.visit(person, hospital, before, diagnosis);
    contact.lines.push(s.drug_line(dosage.drug, 1, before));
    s.put_bill(contact);
    let mut rx = s.prescription(person, body, time, diagnosis, vec![dosage]);
    (rx.online, rx.first_visit) = (true, Some(false));
    Some(rx)
}

fn online(s: &mut Stage, who: Who, diagnosis: Diagnosis) -> Option<Prescription> {
    let body = fed(s)?;
    let time = s.moment();
    online_at(s, body, time, who, diagnosis)
}

fn put(s: &mut Stage, rx: Prescription) -> Option<TruthKey> {
    let key = s.prescription_key(&rx);
    s.put_prescription(rx);
    Some(key)
}

fn consulted(s: &mut Stage, who: Who, diagnosis: Diagnosis, fields: Fields) -> Option<TruthKey> {
    let mut rx = online(s, who, diagnosis)?;
    let told = |text: &str| Told::Text(text.to_owned());
    rx.own.extend(fields.iter().map(|(field, text)| (*field, text.map_or(Told::Absent, told))));
    put(s, rx)
}

fn children(s: &mut Stage, who: Who, fields: Fields) -> Option<TruthKey> {
    consulted(s, who, COLD, fields)
}

fn in_person(s: &mut Stage, who: Who, diagnosis: Diagnosis) -> Option<TruthKey> {
    let mut rx = online(s, who, diagnosis)?;
    (rx.institution, rx.online, rx.first_visit) = (s.hospital(), false, None);
    put(s, rx)
}

fn critical_second(s: &mut Stage) -> Option<TruthKey> {
    let mut rx = online(s, adult, COLD)?;
    rx.diagnoses.push(s.dice.pick(CRITICAL));
    put(s, rx)
}

/// A prescription without check, so many days after the body's feed begins to
/// carry it.
fn from_the_day(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let body = s.institution(|row| row.kind == InstitutionKind::Online && row.authorization_from.is_some())?;
    let day = s.institution_row(body).authorization_from? + after;
    if !(s.live_first()..=s.live_last()).contains(&day) {
        return None;
    }
    let time = s.hour(day);
    let rx = online_at(s, body, time, adult, COLD)?;
    put(s, rx)
}

fn unregistered(s: &mut Stage) -> Option<TruthKey> {
    let mut rx = online(s, adult, COLD)?;
    let code = "H99010199999".to_owned();
    rx.own.push(("fixmedins_code", Told::Text(code.clone())));
    // Nobody is registered at a place that is not.
    rx.own.extend(["auth_no", "fixmedins_name", "dr_code", "prsc_dept_code"].map(|field| (field, Told::Absent)));
    let TruthKey::Prescription { hosp_rxno, .. } = put(s, rx)? else { return None };
    Some(TruthKey::Prescription { fixmedins_code: code, hosp_rxno })
}

fn check_not_fed(s: &mut Stage) -> Option<TruthKey> {
    let body = s.online_where(|s, body| !s.institution_row(body).authorization_fed)?;
    let time = s.moment();
    let rx = online_at(s, body, time, adult, COLD)?;
    put(s, rx)
}
