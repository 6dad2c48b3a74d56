//! `date_of(time)`: the day of a time.

use std::sync::Arc;

use arrow::array::types::Date32Type;
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
    name: "date_of",
    usage: "date_of(time) -> Date32",
    zh: "时间所在的日期",
    en: "The day of a time, on the clock of the configured zone.",
    build: || ScalarUDF::new_from_impl(DateOf { signature: Signature::user_defined(Volatility::Immutable) }),
    check: no_check,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateOf {
    signature: Signature,
}

impl ScalarUDFImpl for DateOf {
    fn name(&self) -> &'static str {
        FUNCTION.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        day_types(FUNCTION.name, types, 1)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let days = day_numbers(&args.args[0], args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(days.reinterpret_cast::<Date32Type>())))
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::check;

    #[test]
    fn rounds_down_also_before_1970() {
        check("date_of(timestamp '2026-05-09 23:59:59')", "2026-05-09");
        check("date_of(timestamp '1969-12-31 23:59:59')", "1969-12-31");
        check("date_of(date '2026-05-09')", "2026-05-09");
        check("date_of(header.updt_time)", "NULL");
        check("date_of(header.setl_time) = date '2026-03-05'", "true");
    }
}
