//! `age_on(birth_date, time)`: age in full years on a day.

use arrow::array::Int32Array;
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
    name: "age_on",
    usage: "age_on(birth_date, time) -> Int32",
    zh: "在某一时间的周岁年龄；出生在该时间之后则为未知",
    en: "Age in full years on the day of `time`; unknown if the birth lies after it. A birthday counts from its first second; \
         29 February counts on 1 March in other years.",
    build: || ScalarUDF::new_from_impl(AgeOn { signature: Signature::user_defined(Volatility::Immutable) }),
    check: no_check,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct AgeOn {
    signature: Signature,
}

impl ScalarUDFImpl for AgeOn {
    fn name(&self) -> &'static str {
        FUNCTION.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        day_types(FUNCTION.name, types, 2)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let births = day_numbers(&args.args[0], args.number_rows)?;
        let days = day_numbers(&args.args[1], args.number_rows)?;
        let ages: Int32Array = births.iter().zip(days.iter()).map(|(birth, day)| full_years(birth?, day?)).collect();
        Ok(ColumnarValue::Array(std::sync::Arc::new(ages)))
    }
}

/// `None` if the birth lies after the day.
fn full_years(birth: i32, day: i32) -> Option<i32> {
    let ((birth_year, birth_date), (year, date)) = (civil(birth), civil(day));
    let age = year - birth_year - i32::from(date < birth_date);
    (birth <= day).then_some(age)
}

/// Year, and month and day as one number that orders within the year.
fn civil(day: i32) -> (i32, i32) {
    // Years start in March here, so that a leap day is a year's last.
    let day = i64::from(day) + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, after_new_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    // Days of i32 span fewer than six million years: all fits i32.
    ((year + era * 400 + after_new_year) as i32, (month * 32 + of_month) as i32)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::base::time::age_years;
    use crate::expr::testing::check;

    #[test]
    fn agrees_with_the_calendar() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for birth in (-30_000..30_000).step_by(17) {
            for later in [0, 1, 364, 365, 366, 1460, 1461, 6574, 36_524, 36_525] {
                let dates = [birth, birth + later].map(|day| epoch + chrono::TimeDelta::days(i64::from(day)));
                assert_eq!(full_years(birth, birth + later), Some(age_years(dates[0], dates[1])), "{dates:?}");
            }
        }
    }

    #[test]
    fn is_unknown_without_a_date_and_before_birth() {
        check("age_on(date '2008-05-10', timestamp '2026-05-09 23:59:59')", "17");
        check("age_on(date '2008-05-10', timestamp '2026-05-10 00:00:00')", "18");
        check("age_on(date '2008-05-10', date '2008-05-09')", "NULL");
        check("age_on(NULL, date '2008-05-09')", "NULL");
        check("age_on('2008-05-10', '2026-05-10')", "18");
    }

    #[test]
    fn holds_at_the_ends_of_time() {
        for (birth, day) in [(i32::MIN, i32::MAX), (i32::MIN, i32::MIN), (i32::MAX, i32::MAX)] {
            assert!(full_years(birth, day).is_some());
        }
        assert_eq!(full_years(i32::MAX, i32::MIN), None);
    }
}
