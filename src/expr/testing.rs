//! Columns and one row for the tests of this module.

use arrow::array::ArrayRef;
use arrow::array::UInt32Array;
use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;

use super::builder::ProgramBuilder;
use super::columns::Columns;
use super::columns::Grain;
use super::error::ExprError;
use super::params::Param;
use super::params::ParamValue;
use super::params::Params;
use super::program::Input;
use super::resolve::Typed;
use super::resolve::Want;
use super::resolve::parse;
use super::text;
use super::types::TIME;

pub(crate) fn columns() -> Columns {
    Columns::new()
        .with("header", "gend", DataType::Utf8, Grain::Header)
        .with("header", "area", DataType::Utf8, Grain::Header)
        .with("header", "diag_codes", DataType::Utf8, Grain::Header)
        .with("header", "online", DataType::Boolean, Grain::Header)
        .with("header", "brdy", DataType::Date32, Grain::Header)
        .with("header", "setl_time", TIME, Grain::Header)
        .with("header", "updt_time", TIME, Grain::Header)
        .with("header", "ipt_days", DataType::Int32, Grain::Header)
        .with("header", "medfee_sumamt", DataType::Decimal128(18, 2), Grain::Header)
        .with("line", "med_list_codg", DataType::Utf8, Grain::Line)
        .with("line", "cnt", DataType::Decimal128(18, 4), Grain::Line)
        .with("line", "pric", DataType::Decimal128(18, 6), Grain::Line)
        .with("line", "amount", DataType::Decimal128(18, 2), Grain::Line)
        .with("line", "fee_ocur_time", TIME, Grain::Line)
        .with("ref", "sex_limit", DataType::Utf8, Grain::Line)
        .with("ref", "delivery_item", DataType::Boolean, Grain::Line)
}

/// The value of each column in the one row of [`check`].
fn sample(name: &str) -> ScalarValue {
    let text = |text: &str| ScalarValue::Utf8(Some(text.to_owned()));
    match name {
        "header.gend" => text("2"),
        "header.area" => text("510722"),
        "header.diag_codes" => text(";I10;E11.9;"),
        "header.online" => ScalarValue::Boolean(None),
        "header.brdy" => ScalarValue::Date32(Some(14_009)),
        "header.setl_time" => ScalarValue::TimestampSecond(Some(1_772_699_400), None),
        "header.updt_time" => ScalarValue::TimestampSecond(None, None),
        "header.ipt_days" => ScalarValue::Int32(Some(3)),
        "header.medfee_sumamt" => ScalarValue::Decimal128(Some(12_345), 18, 2),
        "line.med_list_codg" => text("XG04CAA000A001010100001"),
        "line.cnt" => ScalarValue::Decimal128(Some(25_000), 18, 4),
        "line.pric" => ScalarValue::Decimal128(Some(10_000_001), 18, 6),
        "line.amount" => ScalarValue::Decimal128(Some(2_500), 18, 2),
        "line.fee_ocur_time" => ScalarValue::TimestampSecond(Some(1_772_699_400), None),
        "ref.sex_limit" => text("1"),
        "ref.delivery_item" => ScalarValue::Boolean(Some(false)),
        other => panic!("no sample of {other}"),
    }
}

pub(crate) fn params() -> Params {
    let with_areas = |default: &str, areas: &[(&str, &str)]| Param {
        default: ParamValue::number(default).unwrap(),
        by_area: areas.iter().map(|(area, value)| ((*area).to_owned(), ParamValue::number(value).unwrap())).collect(),
        by_date: Vec::new(),
    };
    let mut params =
        Params { area_column: Some("header.area".to_owned()), time_column: Some("header.setl_time".to_owned()), ..Params::default() };
    params.values.insert("child_max".to_owned(), with_areas("18", &[]));
    params.values.insert("days_max".to_owned(), with_areas("7", &[("51", "8"), ("5107", "9"), ("52", "10")]));
    params.values.insert("share".to_owned(), with_areas("0.2", &[("6", "0.25"), ("5107", "1")]));
    params
        .values
        .insert("code".to_owned(), Param { default: ParamValue::Text("XG04".to_owned()), by_area: [].into(), by_date: Vec::new() });
    let number = |text: &str| ParamValue::number(text).unwrap();
    // The sample was settled on 2026-03-05, day 20517.
    let since = |days: &[(i64, &str)]| days.iter().map(|(day, value)| (day * 86_400, number(value))).collect();
    params
        .values
        .insert("today".to_owned(), Param { by_date: since(&[(20_000, "3"), (20_517, "4.5"), (20_518, "6")]), ..with_areas("2", &[]) });
    params.values.insert("tomorrow".to_owned(), Param { by_date: since(&[(20_518, "6")]), ..with_areas("2", &[]) });
    params.values.insert("of_area".to_owned(), Param { by_date: since(&[(20_000, "3")]), ..with_areas("2", &[("5107", "9")]) });
    params.values.insert("of_other_area".to_owned(), Param { by_date: since(&[(20_000, "3")]), ..with_areas("2", &[("52", "9")]) });
    params
}

pub(crate) fn typed(sql: &str) -> Typed {
    parse(sql, &columns(), Want::Any, &params()).unwrap_or_else(|errors| panic!("{sql}: {errors:?}"))
}

/// Evaluates over one row and compares the value as text.
#[track_caller]
pub(crate) fn check(sql: &str, expect: &str) {
    let typed = typed(sql);
    let mut builder = ProgramBuilder::new(&columns());
    builder.add(&typed, Grain::Line);
    let program = builder.build();
    let arrays: Vec<ArrayRef> = program.columns().iter().map(|column| sample(&column.name).to_array().unwrap()).collect();
    let parents = UInt32Array::from(vec![0]);
    let result = program.evaluate(&Input { columns: &arrays, header_rows: 1, parents: &parents });
    assert_eq!(result[0].data_type(), typed.data_type(), "type of {sql}");
    assert_eq!(text::value(&result[0], 0), expect, "{sql}");
}

/// The mistakes of a text that must not compile.
#[track_caller]
pub(crate) fn refused(sql: &str) -> Vec<ExprError> {
    match parse(sql, &columns(), Want::Any, &params()) {
        Ok(typed) => panic!("{sql} was accepted as {}", typed.resolved_sql()),
        Err(errors) => {
            assert!(errors.iter().all(|error| sql.get(error.span.clone()).is_some()), "{errors:?}");
            assert!(!errors.is_empty());
            errors
        }
    }
}
