//! One value of an Arrow column as a clue carries it.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray as _;
use arrow::datatypes::DataType;
use arrow::datatypes::Date32Type;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimeUnit;
use arrow::datatypes::TimestampSecondType;

use crate::base::decimal::Decimal;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::clues::finding::Scalar;

/// The value at a row; a type that no column has reads as NULL.
pub fn scalar_at(array: &ArrayRef, row: usize) -> Scalar {
    if array.is_null(row) {
        return Scalar::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Scalar::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Boolean => Scalar::Bool(array.as_boolean().value(row)),
        DataType::Int32 => Scalar::Integer(i64::from(array.as_primitive::<Int32Type>().value(row))),
        DataType::Int64 => Scalar::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let units = array.as_primitive::<Decimal128Type>().value(row);
            Scalar::Number(Decimal::new(units, u8::try_from(*scale).unwrap_or(0)))
        }
        DataType::Date32 => {
            let day = i64::from(array.as_primitive::<Date32Type>().value(row));
            Scalar::Text(Civil(day * SECONDS_PER_DAY).to_string().chars().take(10).collect())
        }
        DataType::Timestamp(TimeUnit::Second, _) => Scalar::Text(Civil(array.as_primitive::<TimestampSecondType>().value(row)).to_string()),
        _ => text_of_another(array, row),
    }
}

/// Types that only expressions make (views, other integers): by a safe cast.
fn text_of_another(array: &dyn Array, row: usize) -> Scalar {
    let one = array.slice(row, 1);
    let target = if array.data_type().is_integer() { DataType::Int64 } else { DataType::Utf8 };
    match arrow::compute::cast(&one, &target) {
        Ok(cast) if cast.is_valid(0) => scalar_at(&cast, 0),
        _ => Scalar::Null,
    }
}
