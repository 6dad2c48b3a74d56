//! Planted cases of services that are for one sex or for an age.

use crate::base::time::Civil;

use super::CLEAR;
use super::Grade::Clear;
use super::Grade::Suspected;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::billing::birthday;
use super::edits::Edit;
use super::edits::as_it_is;
use super::edits::claimed;
use super::edits::from_account;
use super::edits::from_relative;
use super::edits::half_taken_back;
use super::edits::head;
use super::edits::no_code;
use super::edits::no_kind;
use super::edits::no_split;
use super::edits::put_line;
use super::edits::self_paid;
use super::edits::taken_back;
use super::edits::text;
use super::innocent::stay;
use super::missed;
use super::pattern;
use crate::synth::model::Bill;
use crate::synth::model::Diagnosis;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::Told;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("service-sex", CLEAR, "mens_test_for_woman", "限男性检验用于女性", |s| for_sex(s, SEMEN, "2", as_it_is)),
    pattern("service-sex", CLEAR, "womens_operation_for_man", "限女性手术用于男性", |s| operated(s, HYSTERECTOMY, "1", as_it_is)),
    pattern("service-sex", CLEAR, "surcharge_of_womens_operation_for_man", "限女性手术的加收项用于男性", |s| {
        operated(s, HYSTERECTOMY_SURCHARGE, "1", as_it_is)
    }),
    pattern("service-sex", CLEAR, "womens_part_of_ultrasound_for_man", "限女性的检查部位用于男性", |s| {
        for_sex(s, VAGINAL, "1", as_it_is)
    }),
    pattern("service-sex", CLEAR, "mens_test_for_woman_kind_not_told", "限男性检验用于女性（目录类别未载明）", |s| {
        for_sex(s, SEMEN, "2", no_kind)
    }),
    pattern("service-sex", CLEAR, "mens_test_for_woman_half_refunded", "限男性检验部分退费", |s| {
        for_sex(s, SEMEN, "2", half_taken_back)
    }),
    pattern("service-sex", CLEAR, "mens_test_for_woman_claimed", "限男性检验由女性零星报销", |s| {
        for_sex(s, SEMEN, "2", claimed)
    }),
    pattern("service-sex", CLEAR, "womens_operation_for_man_on_interim_bill", "限女性手术出现在男性中途结算单", |s| {
        operated(s, HYSTERECTOMY, "1", |bill, _| bill.interim = true)
    }),
    pattern("service-sex", missed(Clear, "数据未载明性别"), "mens_test_sex_not_told", "限男性检验，性别未载明", |s| {
        for_sex(s, SEMEN, "9", as_it_is)
    }),
    pattern("service-sex", missed(Clear, "明细没有国家编码"), "mens_test_without_code", "限男性检验无国家编码", |s| {
        for_sex(s, SEMEN, "2", no_code)
    }),
    pattern(
        "service-sex",
        missed(Clear, "明细未载明是否全自费"),
        "mens_test_split_not_told",
        "限男性检验，未载明支付拆分",
        |s| for_sex(s, SEMEN, "2", no_split),
    ),
    pattern("service-sex", NEAR, "mens_test_for_man", "限男性检验用于男性", |s| for_sex(s, SEMEN, "1", as_it_is)),
    pattern("service-sex", NEAR, "womens_operation_for_woman", "限女性手术用于女性", |s| operated(s, HYSTERECTOMY, "2", as_it_is)),
    pattern("service-sex", NEAR, "common_part_of_ultrasound_for_man", "同一检查的其余部位用于男性", |s| {
        for_sex(s, ULTRASOUND, "1", as_it_is)
    }),
    pattern("service-sex", INNOCENT, "mens_test_self_paid", "限性别项目由个人全自费", |s| for_sex(s, SEMEN, "2", self_paid)),
    pattern("service-sex", INNOCENT, "mens_test_from_account", "限性别项目由个人账户支付", |s| {
        for_sex(s, SEMEN, "2", from_account)
    }),
    pattern("service-sex", INNOCENT, "wifes_test_from_family_account", "妻子的产前检查由丈夫家庭共济账户支付", |s| {
        for_sex(s, ANTENATAL, "1", from_relative)
    }),
    pattern("service-sex", INNOCENT, "mens_test_refunded_in_same_bill", "限性别项目在同一结算单内已退费", |s| {
        for_sex(s, SEMEN, "2", taken_back)
    }),
    pattern("service-sex", INNOCENT, "newborn_boys_operation_on_mothers_card", "新生儿男婴手术记于母亲名下", |s| {
        operated(s, FORESKIN, "2", |bill, _| bill.newborn = true)
    }),
    pattern("service-sex", INNOCENT, "newborns_item_on_mothers_card", "名称含新生儿的限男性项目记于母亲名下", |s| {
        operated(s, NEWBORN_FORESKIN, "2", as_it_is)
    }),
    pattern("service-age", SUSPECTED, "incubator_29_days_after_birth", "出生二十九日用新生儿暖箱", |s| {
        aged(s, INCUBATOR, "1", |time| time.day() - 29, as_it_is)
    }),
    pattern("service-age", SUSPECTED, "newborns_care_for_man", "新生儿护理用于成年男性", |s| {
        aged(s, NEWBORN_CARE, "1", |time| birthday(40, time), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "surcharge_of_newborns_care_for_man", "新生儿护理加收用于成年男性", |s| {
        aged(s, NEWBORN_SURCHARGE, "1", |time| birthday(40, time), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "newborns_care_on_56th_birthday", "五十六周岁女性用新生儿护理", |s| {
        aged(s, NEWBORN_CARE, "2", |time| birthday(56, time), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "newborns_care_for_girl_of_eleven", "十一周岁女童用新生儿护理", |s| {
        aged(s, NEWBORN_CARE, "2", |time| birthday(12, time.plus_days(1)), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "infants_checkup_on_third_birthday", "三周岁生日当日做婴幼儿体检", |s| {
        aged(s, INFANT_CHECKUP, "2", |time| birthday(3, time), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "infants_checkup_on_mothers_card", "婴幼儿体检用于成年女性", |s| {
        aged(s, INFANT_CHECKUP, "2", |time| birthday(30, time), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "childrens_massage_on_18th_birthday", "十八周岁生日当日做小儿捏脊", |s| {
        aged(s, MASSAGE, "1", |time| birthday(18, time), as_it_is)
    }),
    pattern("service-age", SUSPECTED, "childrens_massage_by_stated_age", "无出生日期，申报四十岁做小儿捏脊", |s| {
        aged(s, MASSAGE, "1", |time| birthday(40, time), |bill, _| stated(bill, 40))
    }),
    pattern("service-age", SUSPECTED, "newborns_incubator_at_stated_age_of_one", "无出生日期，申报一岁用新生儿暖箱", |s| {
        aged(s, INCUBATOR, "1", |time| birthday(1, time), |bill, _| stated(bill, 1))
    }),
    pattern("service-age", SUSPECTED, "childrens_massage_half_refunded", "小儿捏脊部分退费", |s| {
        adults_massage(s, half_taken_back)
    }),
    pattern("service-age", SUSPECTED, "childrens_massage_claimed", "成人零星报销小儿捏脊", |s| adults_massage(s, claimed)),
    pattern(
        "service-age",
        missed(Suspected, "无出生日期，申报年龄不足一岁"),
        "incubator_at_stated_age_below_one",
        "出生四十日、仅申报不足一岁用新生儿暖箱",
        |s| aged(s, INCUBATOR, "1", |time| time.day() - 40, |bill, _| stated(bill, 0)),
    ),
    pattern(
        "service-age",
        missed(Suspected, "未载明出生日期和年龄"),
        "childrens_massage_age_not_told",
        "年龄未载明做小儿捏脊",
        |s| adults_massage(s, |bill, _| ["brdy", "age"].into_iter().for_each(|field| head(bill, field, Told::Absent))),
    ),
    pattern(
        "service-age",
        missed(Suspected, "数据未载明性别，不能排除母亲名下"),
        "newborns_care_sex_not_told",
        "性别未载明用新生儿护理",
        |s| aged(s, NEWBORN_CARE, "1", |time| birthday(40, time), |bill, _| head(bill, "gend", Told::Absent)),
    ),
    pattern(
        "service-age",
        missed(Suspected, "明细没有国家编码"),
        "childrens_massage_without_code",
        "小儿捏脊无国家编码",
        |s| adults_massage(s, no_code),
    ),
    pattern("service-age", NEAR, "incubator_28_days_after_birth", "出生二十八日用新生儿暖箱", |s| {
        aged(s, INCUBATOR, "1", |time| time.day() - 28, as_it_is)
    }),
    pattern("service-age", NEAR, "newborns_care_day_before_56th_birthday", "五十六周岁前一日的女性用新生儿护理", |s| {
        aged(s, NEWBORN_CARE, "2", |time| birthday(56, time.plus_days(1)), as_it_is)
    }),
    pattern("service-age", NEAR, "newborns_care_for_girl_of_twelve", "十二周岁女童用新生儿护理", |s| {
        aged(s, NEWBORN_CARE, "2", |time| birthday(12, time), as_it_is)
    }),
    pattern("service-age", NEAR, "infants_checkup_day_before_third_birthday", "三周岁生日前一日做婴幼儿体检", |s| {
        aged(s, INFANT_CHECKUP, "2", |time| birthday(3, time.plus_days(1)), as_it_is)
    }),
    pattern("service-age", NEAR, "childrens_massage_day_before_18th_birthday", "十八周岁生日前一日做小儿捏脊", |s| {
        aged(s, MASSAGE, "1", |time| birthday(18, time.plus_days(1)), as_it_is)
    }),
    pattern("service-age", NEAR, "childrens_massage_by_stated_age_of_17", "无出生日期，申报十七岁做小儿捏脊", |s| {
        aged(s, MASSAGE, "1", |time| birthday(17, time), |bill, _| stated(bill, 17))
    }),
    pattern("service-age", INNOCENT, "newborns_care_on_mothers_card", "新生儿护理记于母亲名下", |s| {
        aged(s, NEWBORN_CARE, "2", |time| birthday(28, time), as_it_is)
    }),
    pattern("service-age", INNOCENT, "newborns_bill_on_fathers_card", "新生儿费用单记于父亲名下", |s| {
        aged(s, NEWBORN_CARE, "1", |time| birthday(30, time), |bill, _| bill.newborn = true)
    }),
    pattern("service-age", INNOCENT, "fee_of_the_28th_day_settled_later", "出生二十八日内发生、其后才结算", settled_later),
    pattern("service-age", INNOCENT, "childrens_massage_self_paid", "小儿捏脊由个人全自费", |s| adults_massage(s, self_paid)),
    pattern("service-age", INNOCENT, "childrens_massage_from_account", "小儿捏脊由个人账户支付", |s| {
        adults_massage(s, from_account)
    }),
    pattern("service-age", INNOCENT, "childrens_massage_from_relatives_account", "小儿捏脊由家庭共济账户支付", |s| {
        adults_massage(s, from_relative)
    }),
    pattern("service-age", INNOCENT, "childrens_massage_refunded_in_same_bill", "小儿捏脊在同一结算单内已退费", |s| {
        adults_massage(s, taken_back)
    }),
];

/// Code and name of a service.
type Item = (&'static str, &'static str);

const SEMEN: Item = ("002501040040000", "精液常规检查");
const HYSTERECTOMY: Item = ("003313030140000", "腹式全子宫切除术");
const HYSTERECTOMY_SURCHARGE: Item = ("003313030140001", "腹式全子宫切除术（经腹腔镜加收）");
const VAGINAL: Item = ("002203020110100", "腔内彩色多普勒超声检查（经阴道）");
const ULTRASOUND: Item = ("002203020110000", "腔内彩色多普勒超声检查");
const ANTENATAL: Item = ("003112010230000", "产前检查");
const FORESKIN: Item = ("003312040010000", "嵌顿包茎松解术");
const NEWBORN_FORESKIN: Item = ("003312040010000", "新生儿嵌顿包茎松解术");
const INCUBATOR: Item = ("003112020010000", "新生儿暖箱");
const NEWBORN_CARE: Item = ("001201000070000", "新生儿护理");
const NEWBORN_SURCHARGE: Item = ("001201000070001", "新生儿护理（加收）");
const INFANT_CHECKUP: Item = ("001301000010000", "婴幼儿健康体检");
const MASSAGE: Item = ("004500000100000", "小儿捏脊治疗");

const CHECKUP: Diagnosis = ("R53.x00", "乏力");
const POLYP: Diagnosis = ("K63.500", "结肠息肉");
const PREMATURE: Diagnosis = ("R68.800", "其他特指的一般症状和体征");

/// 分; no table prices these items.
const PRICE: i64 = 4_800;

fn charge(bill: &mut Bill, (code, name): Item, time: Civil) {
    bill.lines.push(Line::new(Goods::Own(code, name), 1, PRICE, time));
}

/// A visit of a person of a sex, charged with the item.
fn for_sex(s: &mut Stage, item: Item, sex: &'static str, edit: Edit) -> Option<TruthKey> {
    let time = s.moment();
    let (person, hospital) = (s.person(Some(sex), 25, 60, time), s.hospital());
    let mut bill = s.visit(person, hospital, time, CHECKUP);
    charge(&mut bill, item, time.plus_seconds(600));
    put_line(s, bill, edit)
}

/// The same during a stay.
fn operated(s: &mut Stage, item: Item, sex: &'static str, edit: Edit) -> Option<TruthKey> {
    let time = s.moment();
    let person = s.person(Some(sex), 25, 60, time);
    let mut bill = stay(s, person, time, POLYP, 4);
    let day = bill.begin.plus_days(1);
    charge(&mut bill, item, day);
    put_line(s, bill, edit)
}

/// A visit of someone born on a day, charged with the item.
fn aged(s: &mut Stage, item: Item, sex: &'static str, born: fn(Civil) -> i64, edit: Edit) -> Option<TruthKey> {
    let time = s.moment();
    let (mut person, hospital) = (s.person(Some(sex), 30, 60, time), s.hospital());
    person.birth = born(time);
    person.employee &= person.age(time.day()) > 20;
    let mut bill = s.visit(person, hospital, time, PREMATURE);
    charge(&mut bill, item, time.plus_seconds(600));
    put_line(s, bill, edit)
}

fn adults_massage(s: &mut Stage, edit: Edit) -> Option<TruthKey> {
    aged(s, MASSAGE, "1", |time| birthday(40, time), edit)
}

/// Without a birth date; the age is the person's own word.
fn stated(bill: &mut Bill, age: i64) {
    head(bill, "brdy", Told::Absent);
    head(bill, "age", if age == 0 { text("0.1") } else { Told::Number(age) });
}

/// A stay that ends 32 days after birth, with its last day in the incubator on the 28th.
fn settled_later(s: &mut Stage) -> Option<TruthKey> {
    let time = s.moment();
    let mut person = s.person(Some("1"), 30, 60, time);
    (person.birth, person.employee) = (time.day() - 32, false);
    let mut bill = stay(s, person, time, PREMATURE, 6);
    let day = time.plus_days(-4);
    charge(&mut bill, INCUBATOR, day);
    put_line(s, bill, as_it_is)
}
