//! `days_between(time_a, time_b)`: whole days from one day to another.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use datafusion_common::Result;
use datafusion_expr::ColumnarValue;
use datafusion_expr::ScalarFunctionArgs;
use datafusion_expr::ScalarUDF;
use datafusion_expr::ScalarUDFImpl;
use datafusion_expr::Signature;
use datafusion_expr::Volatility;

use super::Function;
use super::day_numbers;
use super::day_types;
use super::no_check;

pub(super) const FUNCTION: Function = Function {
    name: "days_between",
    usage: "days_between(time_a, time_b) -> Int64",
    zh: "从前一时间的日期到后一时间的日期的天数",
    en: "Days from the day of `time_a` to the day of `time_b`; negative if `time_b` is earlier. Hours do not count.",
    build: || ScalarUDF::new_from_impl(DaysBetween { signature: Signature::user_defined(Volatility::Immutable) }),
    check: no_check,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct DaysBetween {
    signature: Signature,
}

impl ScalarUDFImpl for DaysBetween {
    fn name(&self) -> &'static str {
        FUNCTION.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        day_types(FUNCTION.name, types, 2)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let from = day_numbers(&args.args[0], args.number_rows)?;
        let to = day_numbers(&args.args[1], args.number_rows)?;
        let days: Int64Array = from.iter().zip(to.iter()).map(|(from, to)| Some(i64::from(to?) - i64::from(from?))).collect();
        Ok(ColumnarValue::Array(Arc::new(days)))
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::check;

    #[test]
    fn counts_midnights() {
        check("days_between(timestamp '2026-05-09 23:59:59', timestamp '2026-05-10 00:00:00')", "1");
        check("days_between(timestamp '2026-05-09 00:00:00', timestamp '2026-05-09 23:59:59')", "0");
        check("days_between(date '2026-05-09', timestamp '2026-05-01 08:00:00')", "-8");
        check("days_between('2024-02-28', '2024-03-01')", "2");
        check("days_between(header.setl_time, header.updt_time)", "NULL");
    }
}
