//! The functions that rules have beside those of the library: one file each,
//! one line in [`FUNCTIONS`].

mod age_on;
mod date_of;
mod days_between;
mod icd_in;
mod in_group;

use arrow::array::Array as _;
use arrow::array::Int32Array;
use arrow::array::StringArray;
use arrow::array::cast::AsArray as _;
use arrow::array::types::Date32Type;
use arrow::array::types::Int32Type;
use arrow::array::types::TimestampSecondType;
use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::exec_err;
use datafusion_common::plan_err;
use datafusion_expr::ColumnarValue;
use datafusion_expr::Expr;
use datafusion_expr::ScalarFunctionArgs;
use datafusion_expr::ScalarUDF;

use crate::base::time::SECONDS_PER_DAY;

/// A function of the rule language.
pub struct Function {
    pub name: &'static str,
    /// `age_on(birth_date, time) -> Int32`
    pub usage: &'static str,
    pub zh: &'static str,
    pub en: &'static str,
    pub(super) build: fn() -> ScalarUDF,
    /// Judges the list of constants behind the first argument.
    pub(super) check: fn(&[Expr]) -> std::result::Result<(), String>,
}

/// Every own function.
pub const FUNCTIONS: &[Function] = &[age_on::FUNCTION, date_of::FUNCTION, days_between::FUNCTION, icd_in::FUNCTION, in_group::FUNCTION];

fn no_check(_: &[Expr]) -> std::result::Result<(), String> {
    Ok(())
}

/// The text constants behind the first argument.
fn constants(args: &[Expr]) -> std::result::Result<Vec<&str>, String> {
    let list = args.get(1..).unwrap_or_default();
    if list.is_empty() {
        return Err("expected at least one text behind the column".to_owned());
    }
    let texts = list.iter().map(|arg| match arg {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Ok(text.as_str()),
        other => Err(format!("expected a text constant, found `{}`", super::text::sql(other))),
    });
    texts.collect()
}

/// The same constants when the function is called.
fn scalar_texts(args: &[ColumnarValue]) -> Result<Vec<&str>> {
    let texts = args.get(1..).unwrap_or_default().iter().map(|arg| match arg {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))) => Ok(text.as_str()),
        other => exec_err!("not a text constant: {}", other.data_type()),
    });
    texts.collect()
}

/// The first argument as text.
fn text_column(args: &ScalarFunctionArgs) -> Result<StringArray> {
    Ok(args.args[0].to_array(args.number_rows)?.as_string::<i32>().clone())
}

fn text_types(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    if let Some(wrong) =
        types.iter().find(|kind| !matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null))
    {
        return plan_err!("{function} takes texts, found {}", super::types::Class::of(wrong));
    }
    Ok(vec![DataType::Utf8; types.len()])
}

fn day_types(function: &str, types: &[DataType], count: usize) -> Result<Vec<DataType>> {
    if types.len() != count {
        return plan_err!("{function} takes {count} dates or times, found {} arguments", types.len());
    }
    let accepted = types.iter().map(|kind| match kind {
        DataType::Date32 | DataType::Timestamp(TimeUnit::Second, None) => Ok(kind.clone()),
        DataType::Null => Ok(DataType::Date32),
        other => plan_err!("{function} takes dates or times, found {}", super::types::Class::of(other)),
    });
    accepted.collect()
}

/// Days since 1970-01-01 of a date or of a time's own day; NULL beyond `i32`.
fn day_numbers(value: &ColumnarValue, rows: usize) -> Result<Int32Array> {
    let array = value.to_array(rows)?;
    match array.data_type() {
        DataType::Date32 => Ok(array.as_primitive::<Date32Type>().reinterpret_cast::<Int32Type>()),
        DataType::Timestamp(TimeUnit::Second, None) => {
            let days = |second: i64| i32::try_from(second.div_euclid(SECONDS_PER_DAY)).ok();
            Ok(array.as_primitive::<TimestampSecondType>().unary_opt::<_, Int32Type>(days))
        }
        other => exec_err!("not a day: {other}"),
    }
}
