//! Columns in, a column out, and no way to fail: what cannot be computed for a
//! row is NULL for that row.

use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Datum;
use arrow::array::Scalar;
use arrow::array::StringArray;
use arrow::array::cast::AsArray as _;
use arrow::array::new_null_array;
use arrow::array::types::Decimal128Type;
use arrow::buffer::BooleanBuffer;
use arrow::compute::CastOptions;
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::numeric;
use arrow::compute::kernels::substring::substring;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;
use datafusion_common::DataFusionError;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::Operator;

/// Casts that give NULL where they fail.
pub(super) const SAFE: CastOptions<'static> = CastOptions { safe: true, format_options: FormatOptions::new() };

type Outcome = Result<ArrayRef, DataFusionError>;

/// A whole column, or one value that stands for every row.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub array: ArrayRef,
    pub scalar: bool,
}

impl Operand {
    pub fn column(array: ArrayRef) -> Self {
        Self { array, scalar: false }
    }

    fn slice(&self, offset: usize, length: usize) -> Self {
        if self.scalar { self.clone() } else { Self::column(self.array.slice(offset, length)) }
    }

    fn with_datum<T>(&self, use_it: impl FnOnce(&dyn Datum) -> T) -> T {
        if self.scalar { use_it(&Scalar::new(Arc::clone(&self.array))) } else { use_it(&self.array) }
    }

    /// As many rows as asked for.
    pub fn spread(&self, rows: usize) -> ArrayRef {
        if !self.scalar {
            return Arc::clone(&self.array);
        }
        ScalarValue::try_from_array(&self.array, 0)
            .and_then(|value| value.to_array_of_size(rows))
            .unwrap_or_else(|_| new_null_array(self.array.data_type(), rows))
    }
}

/// Runs the kernel over all rows; if it fails, over halves, until the rows
/// that fail stand alone and become NULL.
pub(super) fn guarded(inputs: &[Operand], rows: usize, data_type: &DataType, kernel: &dyn Fn(&[Operand], usize) -> Outcome) -> ArrayRef {
    match kernel(inputs, rows) {
        Ok(array) => {
            assert_eq!(array.len(), rows, "a kernel gives a value per row");
            if array.data_type() == data_type {
                return array;
            }
            arrow::compute::cast_with_options(&array, data_type, &SAFE).unwrap_or_else(|_| new_null_array(data_type, rows))
        }
        Err(_) if rows <= 1 => new_null_array(data_type, rows),
        Err(_) => {
            let half = rows / 2;
            let part = |offset: usize, length: usize| {
                let inputs: Vec<Operand> = inputs.iter().map(|input| input.slice(offset, length)).collect();
                guarded(&inputs, length, data_type, kernel)
            };
            let (first, second) = (part(0, half), part(half, rows - half));
            arrow::compute::concat(&[&*first, &*second]).unwrap_or_else(|_| new_null_array(data_type, rows))
        }
    }
}

fn binary(inputs: &[Operand], kernel: impl FnOnce(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>) -> Outcome {
    Ok(inputs[0].with_datum(|left| inputs[1].with_datum(|right| kernel(left, right)))?)
}

pub(super) fn compare(op: Operator, inputs: &[Operand]) -> Outcome {
    let kernel = match op {
        Operator::Eq => cmp::eq,
        Operator::NotEq => cmp::neq,
        Operator::Lt => cmp::lt,
        Operator::LtEq => cmp::lt_eq,
        Operator::Gt => cmp::gt,
        Operator::GtEq => cmp::gt_eq,
        Operator::IsDistinctFrom => cmp::distinct,
        Operator::IsNotDistinctFrom => cmp::not_distinct,
        other => return datafusion_common::internal_err!("{other} does not compare"),
    };
    binary(inputs, |left, right| Ok(Arc::new(kernel(left, right)?)))
}

/// Text against a few words, one after the other.
pub(super) fn one_of(inputs: &[Operand], words: &[String], negated: bool) -> Outcome {
    let text = inputs[0].array.as_string::<i32>();
    if let [word] = words {
        let word = StringArray::new_scalar(word);
        return Ok(Arc::new(if negated { cmp::neq(text, &word)? } else { cmp::eq(text, &word)? }));
    }
    let mut any = BooleanArray::new(BooleanBuffer::new_unset(text.len()), text.nulls().cloned());
    for word in words {
        any = arrow::compute::or(&any, &cmp::eq(text, &StringArray::new_scalar(word))?)?;
    }
    Ok(Arc::new(if negated { arrow::compute::not(&any)? } else { any }))
}

/// `substr` of codes: where all characters are of one byte, arrow cuts bytes,
/// which takes a fraction of the time. `None` for everything else.
pub(super) fn part_of_text(expr: &Expr, inputs: &[Operand]) -> Option<Outcome> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let ("substr", [Expr::Column(_), Expr::Literal(start, _), Expr::Literal(length, _)], [text]) =
        (call.name(), call.args.as_slice(), inputs)
    else {
        return None;
    };
    let (ScalarValue::Int64(Some(start @ 1..)), ScalarValue::Int64(Some(length @ 0..))) = (start, length) else { return None };
    let array = text.array.as_string_opt::<i32>().filter(|array| array.is_ascii() && !text.scalar)?;
    // The kernel counts in 32 bits: nothing is longer than all texts together.
    let all = i64::try_from(array.value_data().len()).ok().filter(|all| *all <= i64::from(i32::MAX / 2))?;
    let length = u64::try_from(*length.min(&all)).ok();
    Some(substring(array, (start - 1).min(all), length).map_err(DataFusionError::from))
}

pub(super) fn arithmetic(op: Operator, inputs: &[Operand]) -> Outcome {
    let kernel = match op {
        Operator::Plus => numeric::add,
        Operator::Minus => numeric::sub,
        Operator::Multiply => numeric::mul,
        Operator::Divide => numeric::div,
        Operator::Modulo => numeric::rem,
        other => return datafusion_common::internal_err!("{other} does not compute"),
    };
    if !matches!(op, Operator::Divide | Operator::Modulo) {
        return Ok(in_precision(binary(inputs, kernel)?));
    }
    let divisor = &inputs[1];
    let zero = ScalarValue::new_zero(divisor.array.data_type())?.to_array()?;
    let is_zero = cmp::eq(&divisor.array, &Scalar::new(zero))?;
    let divisor = Operand { array: arrow::compute::nullif(&divisor.array, &is_zero)?, scalar: divisor.scalar };
    Ok(in_precision(binary(&[inputs[0].clone(), divisor], kernel)?))
}

pub(super) fn negate(inputs: &[Operand]) -> Outcome {
    Ok(numeric::neg(&inputs[0].array)?)
}

/// NULL for decimals with more digits than their type has: the kernels only
/// look for what leaves 128 bits.
fn in_precision(array: ArrayRef) -> ArrayRef {
    let DataType::Decimal128(precision, _) = *array.data_type() else { return array };
    let limit = 10_u128.pow(u32::from(precision));
    let decimals = array.as_primitive::<Decimal128Type>();
    if decimals.values().iter().all(|value| value.unsigned_abs() < limit) {
        return array;
    }
    let kept = decimals.unary_opt::<_, Decimal128Type>(|value| (value.unsigned_abs() < limit).then_some(value));
    Arc::new(kept.with_data_type(array.data_type().clone()))
}

pub(super) fn cast(inputs: &[Operand], to: &DataType) -> Outcome {
    Ok(arrow::compute::cast_with_options(&inputs[0].array, to, &SAFE)?)
}

/// Condition `is [not] true` and `is [not] false`: never NULL.
pub(super) fn truth(input: &BooleanArray, value: bool, negated: bool) -> BooleanArray {
    let matching = if value { input.values().clone() } else { !input.values() };
    let matching = match input.nulls() {
        Some(valid) => &matching & valid.inner(),
        None => matching,
    };
    BooleanArray::new(if negated { !&matching } else { matching }, None)
}
