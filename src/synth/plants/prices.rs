//! Planted cases of prices above a guide price, and of amounts above quantity
//! times price.

use crate::base::time::Civil;

use super::Grade::Suspected;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::edits::Edit;
use super::edits::as_it_is;
use super::edits::claimed;
use super::edits::half_taken_back;
use super::edits::head;
use super::edits::line;
use super::edits::no_kind;
use super::edits::put_line;
use super::edits::self_paid;
use super::edits::taken_back;
use super::edits::text;
use super::missed;
use super::pattern;
use super::scope::UNREGISTERED;
use crate::synth::city::Drug;
use crate::synth::city::Institution;
use crate::synth::model::Bill;
use crate::synth::model::Diagnosis;
use crate::synth::model::Goods;
use crate::synth::model::Line;
use crate::synth::model::SERVICES;
use crate::synth::model::Told;
use crate::synth::registry::GuidePrice;
use crate::synth::registry::MARKET_PRICE;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("guide-price", SUSPECTED, "one_fen_above_guide_price", "单价高于指导价一分", |s| charged(s, public, 1, as_it_is)),
    pattern("guide-price", SUSPECTED, "far_above_guide_price", "单价远高于指导价", |s| charged(s, public, 1_000, as_it_is)),
    pattern("guide-price", SUSPECTED, "above_guide_price_self_paid", "高于指导价，由个人全自费", |s| {
        charged(s, public, 300, self_paid)
    }),
    pattern("guide-price", SUSPECTED, "above_guide_price_kind_not_told", "高于指导价（目录类别未载明）", |s| {
        charged(s, public, 300, no_kind)
    }),
    pattern("guide-price", SUSPECTED, "above_guide_price_of_other_department", "高于指导价，普通科室", |s| {
        charged(s, public, 300, |bill, place| line(bill, place, "bilg_dept_name", text("内科门诊")))
    }),
    pattern("guide-price", SUSPECTED, "above_guide_price_half_refunded", "高于指导价且部分退费", |s| {
        charged(s, public, 300, half_taken_back)
    }),
    pattern("guide-price", SUSPECTED, "above_guide_price_claimed", "高于指导价，零星报销", |s| charged(s, public, 300, claimed)),
    pattern("guide-price", SUSPECTED, "one_fen_above_price_of_high_level", "高于三级医院指导价一分", |s| by_level(s, true, 1)),
    pattern("guide-price", SUSPECTED, "price_of_high_level_at_lower_level", "低等级医院按三级医院价格收费", |s| {
        by_level(s, false, 0)
    }),
    pattern("guide-price", SUSPECTED, "one_fen_above_price_of_county", "高于本县指导价一分", |s| by_area(s, true, 1)),
    pattern("guide-price", SUSPECTED, "price_of_another_county", "按外县指导价收费", |s| by_area(s, false, 0)),
    pattern("guide-price", SUSPECTED, "old_price_on_day_of_lowering", "调价当日仍按原价收费", |s| lowered(s, 0)),
    pattern("guide-price", missed(Suspected, "目录无该项目指导价"), "no_guide_price", "项目无指导价", |s| {
        let (time, hospital) = (s.moment(), s.hospital_where(public)?);
        let listed = |idx: &usize| s.city.registry.guide_prices.iter().any(|row| row.item == SERVICES[*idx].code);
        let idx = (0..SERVICES.len()).find(|idx| SERVICES[*idx].list == "201" && !listed(idx))?;
        put_charge(s, hospital, idx, SERVICES[idx].price * 3, time, as_it_is)
    }),
    pattern("guide-price", missed(Suspected, "子项价格不在目录"), "part_of_an_item", "项目子项收费", |s| {
        charged(s, public, 1_000, |bill, place| coded(bill, place, 11, "0100", "（子项）"))
    }),
    pattern(
        "guide-price",
        missed(Suspected, "机构不在登记表"),
        "above_guide_price_institution_unknown",
        "高于指导价，机构未登记",
        |s| charged(s, public, 1_000, |bill, _| head(bill, "fixmedins_code", text(UNREGISTERED))),
    ),
    pattern(
        "guide-price",
        missed(Suspected, "未载明单价"),
        "above_guide_price_price_not_told",
        "高于指导价，单价未载明",
        |s| charged(s, public, 1_000, |bill, place| line(bill, place, "pric", Told::Absent)),
    ),
    pattern(
        "guide-price",
        missed(Suspected, "未载明项目名称，不能排除加收或特需"),
        "above_guide_price_name_not_told",
        "高于指导价，名称未载明",
        |s| charged(s, public, 1_000, |bill, place| line(bill, place, "medins_list_name", Told::Absent)),
    ),
    pattern("guide-price", NEAR, "exactly_guide_price", "单价恰好等于指导价", |s| charged(s, public, 0, as_it_is)),
    pattern("guide-price", NEAR, "exactly_price_of_high_level", "恰好等于三级医院指导价", |s| by_level(s, true, 0)),
    pattern("guide-price", NEAR, "exactly_price_of_county", "恰好等于本县指导价", |s| by_area(s, true, 0)),
    pattern("guide-price", NEAR, "old_price_on_day_before_lowering", "调价前一日按原价收费", |s| lowered(s, -1)),
    pattern("guide-price", INNOCENT, "above_guide_price_in_private_hospital", "营利性医院高于指导价", |s| {
        charged(s, |institution| institution.nature == "private", 1_000, as_it_is)
    }),
    pattern("guide-price", INNOCENT, "surcharge_code_above_guide_price", "加收编码另计", |s| {
        charged(s, public, 1_000, |bill, place| coded(bill, place, 13, "01", "（加收）"))
    }),
    pattern("guide-price", INNOCENT, "surcharge_within_the_line", "单价含加收", |s| {
        charged(s, public, 300, |bill, place| named(bill, place, "（节假日加收）"))
    }),
    pattern("guide-price", INNOCENT, "special_service_by_name", "特需服务（名称）", |s| {
        charged(s, public, 5_000, |bill, place| named(bill, place, "（特需）"))
    }),
    pattern("guide-price", INNOCENT, "special_service_by_department", "特需服务（科室）", |s| {
        charged(s, public, 5_000, |bill, place| line(bill, place, "bilg_dept_name", text("特需门诊")))
    }),
    pattern("guide-price", INNOCENT, "price_set_by_the_market", "市场调节价项目", |s| {
        let (time, hospital) = (s.moment(), s.hospital_where(public)?);
        let item = &s.city.registry.guide_prices.iter().find(|row| row.price == MARKET_PRICE)?.item;
        let idx = SERVICES.iter().position(|service| service.code == item)?;
        put_charge(s, hospital, idx, 50_000, time, as_it_is)
    }),
    pattern("guide-price", INNOCENT, "drug_is_no_service", "药品不适用服务指导价", |s| {
        let (drug, hospital) = (s.drug(unpriced)?, s.hospital_where(public)?);
        let time = s.moment();
        let person = s.adult(time);
        let mut bill = s.visit(person, hospital, time, BACK_PAIN);
        bill.lines.push(s.drug_line(drug, 1, time.plus_seconds(600)));
        put_line(s, bill, as_it_is)
    }),
    pattern("guide-price", INNOCENT, "above_guide_price_refunded_in_same_bill", "高于指导价，同一结算单内已退费", |s| {
        charged(s, public, 300, taken_back)
    }),
    pattern("amount-mismatch", SUSPECTED, "forty_yuan_for_three_packs_of_ten", "三盒十元收四十元", |s| {
        sold(s, 3, "10.00", 4_000, as_it_is)
    }),
    pattern("amount-mismatch", SUSPECTED, "discount_not_taken_off", "优惠未从金额中扣除", |s| {
        sold(s, 2, "10.00", 2_000, |bill, place| line(bill, place, "medins_disc_amt", Told::Fen(500)))
    }),
    pattern("amount-mismatch", SUSPECTED, "one_fen_beyond_one_yuan", "高出一元零一分", |s| sold(s, 3, "10.00", 3_101, as_it_is)),
    pattern("amount-mismatch", SUSPECTED, "one_fen_beyond_half_a_percent", "高出千分之五再加一分", |s| {
        sold(s, 100, "10.00", 100_501, as_it_is)
    }),
    pattern("amount-mismatch", SUSPECTED, "refund_gives_back_too_little", "退费金额少于应退", |s| {
        sold(s, 3, "10.00", 3_000, |bill, place| give_back(bill, place, 2, 1_000))
    }),
    pattern("amount-mismatch", SUSPECTED, "forty_for_thirty_claimed", "金额高于数量乘单价，零星报销", |s| {
        sold(s, 3, "10.00", 4_000, claimed)
    }),
    pattern("amount-mismatch", SUSPECTED, "forty_for_thirty_self_paid", "金额高于数量乘单价，由个人全自费", |s| {
        sold(s, 3, "10.00", 4_000, self_paid)
    }),
    pattern("amount-mismatch", missed(Suspected, "未载明数量"), "quantity_not_told", "数量未载明", |s| {
        sold(s, 3, "10.00", 4_000, |bill, place| line(bill, place, "cnt", Told::Absent))
    }),
    pattern("amount-mismatch", missed(Suspected, "未载明单价"), "price_not_told", "单价未载明", |s| {
        sold(s, 3, "10.00", 4_000, |bill, place| line(bill, place, "pric", Told::Absent))
    }),
    pattern(
        "amount-mismatch",
        missed(Suspected, "未载明目录类别，不能排除中药饮片"),
        "herbs_or_not_is_not_told",
        "是否饮片未载明",
        |s| herbs(s, &[("list_type", None), ("med_chrgitm_type", None)]),
    ),
    pattern("amount-mismatch", NEAR, "exactly_one_yuan_above", "恰好高出一元", |s| sold(s, 3, "10.00", 3_100, as_it_is)),
    pattern("amount-mismatch", NEAR, "exactly_half_a_percent_above", "恰好高出千分之五", |s| {
        sold(s, 100, "10.00", 100_500, as_it_is)
    }),
    pattern("amount-mismatch", INNOCENT, "rounding_of_a_long_price", "单价多位小数的四舍五入", |s| {
        sold(s, 7, "3.333333", 2_334, as_it_is)
    }),
    pattern("amount-mismatch", INNOCENT, "discount_taken_off", "优惠已从金额中扣除", |s| {
        sold(s, 2, "10.00", 1_500, |bill, place| line(bill, place, "medins_disc_amt", Told::Fen(500)))
    }),
    pattern("amount-mismatch", INNOCENT, "herbs_by_doses", "中药饮片按付数计价", |s| herbs(s, &[("list_type", Some("102"))])),
    pattern("amount-mismatch", INNOCENT, "herbs_by_fee_group", "中药饮片（按收费类别）按付数计价", |s| {
        herbs(s, &[("list_type", None), ("med_chrgitm_type", Some("10"))])
    }),
    pattern("amount-mismatch", INNOCENT, "second_operation_at_a_reduced_price", "同台第二手术减半收费", |s| {
        let (time, hospital) = (s.moment(), s.hospital());
        let person = s.adult(time);
        let mut bill = s.visit(person, hospital, time, STRICTURE);
        bill.lines.push(Line::new(Goods::Own("003310010160000", "食管胃吻合口狭窄切开成形术"), 1, 50_000, time.plus_seconds(900)));
        put_line(s, bill, |bill, place| line(bill, place, "pric", text("1000.00")))
    }),
    pattern("amount-mismatch", INNOCENT, "amount_below", "金额低于数量乘单价", |s| sold(s, 3, "10.00", 2_000, as_it_is)),
    pattern("amount-mismatch", INNOCENT, "mismatch_refunded_as_a_whole", "金额不符的明细已全部退费", |s| {
        sold(s, 3, "10.00", 4_000, |bill, place| give_back(bill, place, 3, 4_000))
    }),
    pattern("amount-mismatch", INNOCENT, "refund_leaves_the_right_amount", "退费后余额正确", |s| {
        sold(s, 3, "10.00", 4_000, |bill, place| give_back(bill, place, 1, 2_000))
    }),
    pattern("amount-mismatch", INNOCENT, "refund_of_a_discounted_line", "有优惠的明细按份退费", |s| {
        sold(s, 4, "10.00", 3_200, |bill, place| {
            line(bill, place, "medins_disc_amt", Told::Fen(800));
            give_back(bill, place, 2, 1_600);
            line(bill, place + 1, "medins_disc_amt", Told::Fen(-400));
        })
    }),
];

const BACK_PAIN: Diagnosis = ("M54.500", "腰痛");
const STRICTURE: Diagnosis = ("K22.200", "食管梗阻");

fn public(institution: &Institution) -> bool {
    institution.nature == "public"
}

/// An ordinary drug that no ceiling limits.
fn unpriced(drug: &Drug) -> bool {
    drug.ordinary() && drug.ceiling.is_none() && drug.countable()
}

/// A service of [`SERVICES`] and its guide price where a row asks for nothing.
struct Guided<'c> {
    idx: usize,
    price: i64,
    rows: Vec<&'c GuidePrice>,
}

/// Guided services of the day, each with all its rows of the day.
fn guided<'c>(s: &Stage<'c>, day: i64) -> Vec<Guided<'c>> {
    let in_force = |code: &str| -> Vec<&'c GuidePrice> {
        s.city.registry.guide_prices.iter().filter(|row| row.item == code && row.days.holds(day) && row.price != MARKET_PRICE).collect()
    };
    let plain = |row: &&&GuidePrice| row.area.is_empty() && row.level.is_empty() && row.nature.is_empty();
    let of = |idx: usize| {
        let rows = in_force(SERVICES[idx].code);
        let price = rows.iter().find(plain)?.price;
        Some(Guided { idx, price, rows })
    };
    (0..SERVICES.len()).filter_map(of).collect()
}

fn put_charge(s: &mut Stage, hospital: u32, idx: usize, price: i64, time: Civil, edit: Edit) -> Option<TruthKey> {
    let person = s.adult(time);
    let mut bill = s.visit(person, hospital, time, BACK_PAIN);
    bill.lines.push(Line::new(Goods::Service(idx), 1, price, time.plus_seconds(600)));
    put_line(s, bill, edit)
}

/// A service of one guide price for all, at so many 分 above it.
fn charged(s: &mut Stage, place: fn(&Institution) -> bool, above: i64, edit: Edit) -> Option<TruthKey> {
    let (time, hospital) = (s.moment(), s.hospital_where(place)?);
    let for_all: Vec<(usize, i64)> =
        guided(s, time.day()).iter().filter(|guided| guided.rows.len() == 1).map(|guided| (guided.idx, guided.price)).collect();
    let (idx, price) = s.dice.pick_or(&for_all)?;
    put_charge(s, hospital, idx, price + above, time, edit)
}

/// At what a level may ask and `above`, at a public hospital of that level or of another.
fn by_level(s: &mut Stage, own: bool, above: i64) -> Option<TruthKey> {
    let time = s.moment();
    let (idx, row) = guided(s, time.day())
        .iter()
        .find_map(|guided| guided.rows.iter().find(|row| !row.level.is_empty() && row.area.is_empty()).map(|row| (guided.idx, *row)))?;
    let hospital = s.hospital_where(|institution| public(institution) && (institution.level == row.level) == own)?;
    put_charge(s, hospital, idx, row.price + above, time, as_it_is)
}

/// At what a county allows and `above`, at a public hospital there or elsewhere.
fn by_area(s: &mut Stage, own: bool, above: i64) -> Option<TruthKey> {
    let time = s.moment();
    let (idx, row) = guided(s, time.day())
        .iter()
        .find_map(|guided| guided.rows.iter().find(|row| !row.area.is_empty() && row.level.is_empty()).map(|row| (guided.idx, *row)))?;
    let hospital = s.hospital_where(|institution| public(institution) && (institution.area.to_string() == row.area) == own)?;
    put_charge(s, hospital, idx, row.price + above, time, as_it_is)
}

/// The old price, so many days after the one on which it was lowered.
fn lowered(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let rows = &s.city.registry.guide_prices;
    let old = rows.iter().find(|row| s.is_live(row.days.to) && row.area.is_empty() && row.level.is_empty())?;
    let idx = SERVICES.iter().position(|service| service.code == old.item)?;
    let hospital = s.hospital_where(public)?;
    let time = s.hour(old.days.to + after);
    put_charge(s, hospital, idx, old.price, time, as_it_is)
}

/// Adds to the name of the service at `place`.
fn named(bill: &mut Bill, place: usize, more: &str) {
    if let Goods::Service(idx) = bill.lines[place].goods {
        line(bill, place, "medins_list_name", Told::Text(format!("{}{more}", SERVICES[idx].name)));
    }
}

/// The same with another end of the code, after so many characters of it.
fn coded(bill: &mut Bill, place: usize, kept: usize, end: &str, more: &str) {
    if let Goods::Service(idx) = bill.lines[place].goods {
        line(bill, place, "med_list_codg", Told::Text(format!("{}{end}", &SERVICES[idx].code[..kept])));
    }
    named(bill, place, more);
}

/// A visit with a drug of which quantity, price and amount are told apart.
fn sold(s: &mut Stage, count: i64, price: &str, amount: i64, edit: Edit) -> Option<TruthKey> {
    let drug = s.drug(unpriced)?;
    let (time, hospital) = (s.moment(), s.hospital());
    let person = s.adult(time);
    let mut bill = s.visit(person, hospital, time, BACK_PAIN);
    // What is billed is one unit of the amount; the line says something else.
    bill.lines.push(Line::new(Goods::Drug(drug), 1, amount, time.plus_seconds(600)));
    let place = bill.lines.len() - 1;
    line(&mut bill, place, "cnt", Told::Number(count));
    line(&mut bill, place, "pric", text(price));
    put_line(s, bill, edit)
}

/// Adds a line that takes so many units and so much money of the one at `place` back.
fn give_back(bill: &mut Bill, place: usize, count: i64, amount: i64) {
    let mut back = bill.lines[place].clone();
    (back.count, back.price) = (-1, amount);
    back.refunds = Some(bill.first_line + place as u64);
    back.own.push(("cnt", Told::Number(-count)));
    bill.lines.push(back);
}

/// Seven doses of thirty grams of a herb; some fields are told in their own way.
fn herbs(s: &mut Stage, told: &[(&'static str, Option<&str>)]) -> Option<TruthKey> {
    let (time, hospital) = (s.moment(), s.hospital());
    let person = s.adult(time);
    let mut bill = s.visit(person, hospital, time, BACK_PAIN);
    bill.lines.push(Line::new(Goods::Own("", "黄芪"), 1, 4_200, time.plus_seconds(600)));
    let place = bill.lines.len() - 1;
    line(&mut bill, place, "med_list_codg", Told::Absent);
    line(&mut bill, place, "cnt", Told::Number(30));
    line(&mut bill, place, "pric", text("0.20"));
    for (field, value) in told {
        line(&mut bill, place, field, value.map_or(Told::Absent, text));
    }
    put_line(s, bill, as_it_is)
}
