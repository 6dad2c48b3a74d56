//! Lines as observations: each held against a ceiling of its own.
//!
//! What a line comes to is rounded once, halves away from zero: its amount,
//! price times quantity, and apart from it what of that lies above the ceiling.

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;

use crate::base::decimal::pow10;
use crate::engine::enrich::Batch;
use crate::engine::groups::bills::Decimals;
use crate::engine::groups::bills::scaled;
use crate::engine::groups::case::CaseFacts;
use crate::engine::rows;
use crate::ruleset::compile::LineValue;
use crate::state::cases::Counted;
use crate::window::group::Measure;
use crate::window::group::Over;
use crate::window::group::Overflow;
use crate::window::group::Sums;

/// As a ceiling it says that there is none.
const NO_CEILING: i128 = 999_999;
/// Bits of the lower half of a square: each half fits an `i64` that is not negative.
const HALF: u32 = 62;

/// What is asked of the lines of a run.
pub struct LinePrices<'a> {
    each: Decimals<'a>,
    ceiling: Decimals<'a>,
    times: Decimals<'a>,
    filter: Option<&'a BooleanArray>,
    /// Of the indicator.
    decimals: i64,
}

impl<'a> LinePrices<'a> {
    pub fn new(values: &'a [ArrayRef], value: &LineValue, decimals: u32) -> Self {
        let of = |output: crate::expr::OutputId| Decimals::of(&values[output.0]);
        Self {
            each: of(value.each),
            ceiling: of(value.ceiling),
            times: of(value.times),
            filter: value.filter.map(|filter| rows::mask(values, filter)),
            decimals: decimals.into(),
        }
    }

    /// By header row; `None`: the bill is of no case that counts. Where it is
    /// not known whether it is, its lines are unknown.
    pub fn sums(&self, batch: &Batch, counted: impl Fn(usize) -> Option<bool>) -> Vec<Option<Sums>> {
        let of_bill = |row: usize| {
            let known = counted(row);
            if known == Some(false) {
                return None;
            }
            let lines = batch.headers[row].lines.clone().filter_map(|line| self.line(line));
            // A bill has no more lines than its sums have room for.
            let sums = lines.map(Sums::of).try_fold(Sums::default(), Sums::plus).unwrap_or_default();
            Some(if known.is_some() { sums } else { unknown(sums) })
        };
        (0..batch.headers.len()).map(of_bill).collect()
    }

    /// `None`: no observation, whatever else is not known of the line; then what
    /// it adds, if that is known.
    fn line(&self, line: usize) -> Option<Option<Measure>> {
        let taken = self.filter.map_or(Some(true), |filter| filter.is_valid(line).then(|| filter.value(line)));
        let ceiling = self.ceiling.get(line)?;
        let none = NO_CEILING * pow10(u8::try_from(self.ceiling.scale).ok()?);
        let times = self.times.get(line);
        if taken == Some(false) || ceiling <= 0 || ceiling >= none || times.is_some_and(|times| times <= 0) {
            return None;
        }
        Some(taken.and(times).zip(self.each.get(line)).and_then(|(times, each)| self.measure(each, ceiling, times)))
    }

    fn measure(&self, each: i128, ceiling: i128, times: i128) -> Option<Measure> {
        let scale = self.each.scale.max(self.ceiling.scale);
        let (each, ceiling) = (scaled(each, self.each.scale, scale)?, scaled(ceiling, self.ceiling.scale, scale)?);
        let amount = |price: i128| {
            let product = scaled(price.checked_mul(times)?, scale + self.times.scale, self.decimals)?;
            i64::try_from(product).ok()
        };
        let value = amount(each)?;
        let over = if each > ceiling { Some(Over { value, excess: amount(each.checked_sub(ceiling)?)? }) } else { None };
        Measure::new(value, value, over)
    }
}

/// All observations as such of unknown value.
fn unknown(sums: Sums) -> Sums {
    Sums { unknown: sums.n + sums.unknown, ..Sums::default() }
}

/// Sums over the lines of a bill as they are kept with it: the last ones of
/// them are mostly zero and left out.
pub fn kept(sums: &Sums) -> Vec<i64> {
    let Sums { n, unknown, over, value, value_square, raw: _, over_value, excess } = *sums;
    let (low, high) = (value_square & ((1 << HALF) - 1), value_square >> HALF);
    // They fit: see `LINES_MAX`.
    let mut numbers = vec![n, value as i64, low as i64, unknown, over, over_value as i64, excess as i64, high as i64];
    let last = numbers.iter().rposition(|number| *number != 0).unwrap_or(0);
    numbers.truncate(last + 1);
    numbers
}

fn read(numbers: &[Counted]) -> Sums {
    let of = |place: usize| numbers.get(place).and_then(|(_, number)| number.get()).unwrap_or(0);
    let value = i128::from(of(1));
    Sums {
        n: of(0),
        unknown: of(3),
        over: of(4),
        value,
        value_square: i128::from(of(2)) + (i128::from(of(7)) << HALF),
        raw: value,
        over_value: of(5).into(),
        excess: of(6).into(),
    }
}

/// The lines of all bills of a case that the definition counts. A bill that
/// nobody asked about is one unknown line.
pub fn of_case(number: u16, case: &CaseFacts<'_>) -> Result<Sums, Overflow> {
    let mut sums = Sums::default();
    for bill in &case.bills {
        let own = bill.all_counted(number);
        let asked = number < bill.row.asked;
        sums = sums.plus(if own.is_empty() && !asked { Sums::of(None) } else { read(own) })?;
    }
    Ok(if case.in_doubt { unknown(sums) } else { sums })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Decimal128Array;

    use super::*;
    use crate::base::limits::LINES_MAX;
    use crate::base::limits::MEASURE_MAX;

    fn array(numbers: &[Option<i128>], scale: i8) -> ArrayRef {
        Arc::new(Decimal128Array::from(numbers.to_vec()).with_precision_and_scale(38, scale).unwrap())
    }

    /// Price and ceiling in millionths, quantity in ten-thousandths, and whether the line is asked for.
    type Line = (Option<i128>, Option<i128>, Option<i128>, Option<bool>);

    fn line((each, ceiling, times, filter): Line) -> Option<Sums> {
        let arrays = [array(&[each], 6), array(&[ceiling], 6), array(&[times], 4)];
        let filter = BooleanArray::from(vec![filter]);
        let [each, ceiling, times] = arrays.each_ref().map(Decimals::of);
        LinePrices { each, ceiling, times, filter: Some(&filter), decimals: 2 }.line(0).map(Sums::of)
    }

    #[test]
    fn a_line_is_held_against_its_own_ceiling() {
        let of = |value: i64, over: Option<i64>| Some(Sums::of(Measure::new(value, value, over.map(|excess| Over { value, excess }))));
        let unknown = Some(Sums::of(None));
        let none = 999_999_000_000;
        for (each, ceiling, times, taken, expect) in [
            (Some(5_000_000), Some(4_000_000), Some(30_000), Some(true), of(1500, Some(300))),
            (Some(4_000_000), Some(4_000_000), Some(30_000), Some(true), of(1200, None)),
            (Some(4_000_001), Some(4_000_000), Some(10_000), Some(true), of(400, Some(0))),
            // 1.25 times 0.5 is 62.5 分; 0.25 times 0.5 are 12.5 分: halves away from zero, once.
            (Some(1_250_000), Some(1_000_000), Some(5_000), Some(true), of(63, Some(13))),
            (Some(1_249_999), Some(1_000_000), Some(5_000), Some(true), of(62, Some(12))),
            // No ceiling, no quantity or not asked for: no observation, whatever is unknown.
            (None, None, None, None, None),
            (Some(5_000_000), Some(0), Some(10_000), Some(true), None),
            (Some(5_000_000), Some(-1), Some(10_000), Some(true), None),
            (Some(5_000_000), Some(none), None, Some(true), None),
            (Some(5_000_000), Some(none - 1), Some(10_000), Some(true), of(500, None)),
            (None, Some(4_000_000), Some(0), None, None),
            (Some(5_000_000), Some(4_000_000), Some(-10_000), Some(true), None),
            (None, Some(4_000_000), None, Some(false), None),
            (None, Some(4_000_000), Some(10_000), Some(true), unknown),
            (Some(5_000_000), Some(4_000_000), None, Some(true), unknown),
            (Some(5_000_000), Some(4_000_000), Some(10_000), None, unknown),
            (Some(i128::MAX / 2), Some(4_000_000), Some(10_000), Some(true), unknown),
            (Some(1 << 62), Some(4_000_000), Some(1 << 40), Some(true), unknown),
        ] {
            assert_eq!(line((each, ceiling, times, taken)), expect, "{each:?} {ceiling:?} {times:?} {taken:?}");
        }
    }

    #[test]
    fn what_is_kept_of_a_bill_is_read_as_it_was() {
        let most = Sums::of(Measure::new(-MEASURE_MAX, -MEASURE_MAX, Some(Over { value: MEASURE_MAX, excess: MEASURE_MAX })));
        let most = (0..LINES_MAX).try_fold(Sums::default(), |sum, _| sum.plus(most)).unwrap();
        let one = Sums::of(Measure::new(1200, 1200, None));
        for (sums, numbers) in [
            (Sums::default(), 1),
            (one, 3),
            (one.plus(Sums::of(None)).unwrap(), 4),
            (Sums::of(Measure::new(5, 5, Some(Over { value: 5, excess: 0 }))), 6),
            (most, 8),
        ] {
            let kept = kept(&sums);
            assert_eq!(kept.len(), numbers, "{sums:?}");
            let kept: Vec<Counted> = kept.into_iter().map(|number| (7, Some(number).into())).collect();
            assert_eq!(read(&kept), sums);
        }
        assert_eq!(unknown(one.plus(Sums::of(None)).unwrap()), Sums { unknown: 2, ..Sums::default() });
    }
}
