//! 用药供给: one supply of one substance to one person, joined from the
//! prescription's drug line and the settlement's drug lines.
//!
//! Never read from a topic: the engine builds these rows from both events, and
//! rules on quantities and days judge them whichever half came first.

use super::Column;
use super::Kind::Amount;
use super::Kind::Date;
use super::Kind::Flag;
use super::Kind::Int;
use super::Kind::Quantity;
use super::Kind::Text;
use super::Kind::Time;
use super::Table;
use super::Tag::Personal;
use super::Tag::Pseudonym;
use super::col;

pub static SUPPLY: Table = Table { name: "supply", columns: COLUMNS };

const COLUMNS: &[Column] = &[
    col("psn_key", Text, "人员假名", "keyed pseudonym of the person").tag(Pseudonym),
    col("fixmedins_code", Text, "开方机构", "prescribing institution; the bill's where no prescription is known"),
    col("rx_no", Text, "处方号", "the prescription's number at its institution, or the line's own"),
    col("substance", Text, "成分", "ingredient by the drug master, else by the code's name part"),
    col("med_list_codg", Text, "医疗目录编码", "national catalogue code"),
    col("drug_name", Text, "药品名称", "generic name, else the name on the bill"),
    col("spec", Text, "规格", "pack text"),
    col("special_class", Text, "特殊管理类别", "NARC, PSY1, PSY2, TOXIC, RADIO, PRECURSOR or NONE at the fact time; NULL unclassified"),
    col("form_group", Text, "剂型组", "injection, sustained (controlled or sustained release), patch, other; NULL unknown"),
    col("fact_time", Time, "事实时间", "issued at, else dispensed at"),
    col("dispensed", Flag, "已配发", "a settlement line exists"),
    col("prescribed", Flag, "有处方", "the prescription itself is known"),
    col("circulated", Flag, "流转处方", "bought on a circulated prescription"),
    col("quantity", Quantity, "数量", "in smallest packs, summed over the lines; NULL unless convertible"),
    col("amount", Amount, "金额", "sum of the lines"),
    col("days_declared", Quantity, "申报天数", "days of supply as declared"),
    col("days_computed", Quantity, "计算天数", "quantity by dose and frequency; NULL where either is not computable"),
    col("days_pack", Quantity, "最小包装天数", "days that one smallest pack lasts"),
    col("packs", Quantity, "包装数", "whole smallest packs, where known"),
    col("one_pack", Flag, "仅一个最小包装", "one smallest pack; NULL where it may be and the unit or the pack is not known"),
    col("doses", Quantity, "剂量单位数", "quantity in dose units (片, 支), where convertible"),
    col("dose_usual", Quantity, "单次常用量", "greatest usual single dose in dose units, by the drug master; NULL not listed"),
    col("dispensed_at", Time, "配发时间", "first settlement line; NULL not dispensed"),
    col("audited_at", Time, "审方时间", "when a pharmacist audited the prescription; NULL not told"),
    col(
        "operation",
        Flag,
        "就诊有手术或麻醉",
        "an operation or anaesthesia was billed in the visit; kept for controlled drugs, NULL for others",
    )
    .tag(Personal),
    col("inst_level", Text, "开方机构等级", "level code of the prescribing institution; NULL not registered"),
    col("area", Text, "就医地", "area of care, 6 digits"),
    col("insured_area", Text, "参保地", "area of insurance, 6 digits"),
    col("setting", Text, "就诊场景", "outpatient, emergency, inpatient, pharmacy, ...; NULL unmapped"),
    col("long_rx_flag", Text, "长期处方标志", "1: long prescription; NULL where only a bill is known"),
    col("sp_dise_flag", Text, "特殊病种标志", "1: chronic list").tag(Personal),
    col("diag_codes", Text, "诊断代码", "diagnoses of the visit, each between semicolons; NULL none").tag(Personal),
    col("disease_groups", Text, "疾病组", "disease groups of those diagnoses, each between semicolons").tag(Personal),
    col("brdy", Date, "出生日期", "date of birth").tag(Personal),
    col("age", Int, "年龄", "age in years at the fact time by the date of birth, else as stated").tag(Personal),
    col("dscg_tkdrug_flag", Text, "出院带药标志", "1: discharge drugs"),
];
