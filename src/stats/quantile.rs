//! Exact quantiles of whole values, and how sure a few cases make them.
//!
//! A level is in thousandths, so that ranks are exact: P95 is 950.

use crate::stats::finite;

/// Fewest cases of a baseline cell whose mean is used.
pub const CELL_MEAN_CASES_MIN: u32 = 30;
/// Fewest cases of a baseline cell whose P95 is used: below, its 95 % interval
/// has no upper end ([`ranks`]).
pub const CELL_P95_CASES_MIN: u32 = 72;
/// The same for its P90.
pub const CELL_P90_CASES_MIN: u32 = 36;
/// P90 and P95, in thousandths.
pub const P90: u32 = 900;
pub const P95: u32 = 950;
/// All of it, in thousandths.
const WHOLE: u32 = 1000;
/// Parts of a distribution's height that no sum of it feels.
const NOTHING: f64 = 1e-40;
/// What rounding may take from a cumulated probability.
const FUZZ: f64 = 1e-13;

/// Values in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted(Vec<i64>);

impl Sorted {
    pub fn new(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        Self(values)
    }

    pub fn values(&self) -> &[i64] {
        &self.0
    }

    /// Arithmetic mean, from the exact sum.
    pub fn mean(&self) -> Option<f64> {
        let sum: i128 = self.0.iter().copied().map(i128::from).sum();
        finite(sum as f64 / self.0.len() as f64)
    }

    /// The smallest value that `level` thousandths of the values do not exceed
    /// (Hyndman & Fan 1996, type 1). `None` without values or above 1000.
    pub fn inverse(&self, level: u32) -> Option<i64> {
        if level > WHOLE {
            return None;
        }
        let rank = (self.0.len() as u128 * u128::from(level)).div_ceil(u128::from(WHOLE));
        self.0.get(usize::try_from(rank.max(1) - 1).ok()?).copied()
    }

    /// Linear interpolation between order statistics (Hyndman & Fan 1996, type
    /// 7), rounded once. `None` without values or above 1000.
    pub fn interpolated(&self, level: u32) -> Option<f64> {
        let place = Place::of(self.0.len(), level)?;
        let low = i128::from(*self.0.get(place.idx)?);
        let high = self.0.get(place.idx + 1).map_or(low, |value| i128::from(*value));
        let thousandths = low * i128::from(WHOLE) + (high - low) * i128::from(place.rest);
        finite(thousandths as f64 / f64::from(WHOLE))
    }
}

/// Where a type-7 quantile lies: after which value, and how far to the next.
pub(crate) struct Place {
    pub idx: usize,
    /// In thousandths.
    pub rest: u32,
}

impl Place {
    pub(crate) fn of(n: usize, level: u32) -> Option<Self> {
        if level > WHOLE {
            return None;
        }
        let thousandths = n.checked_sub(1)? as u128 * u128::from(level);
        let whole = u128::from(WHOLE);
        Some(Self { idx: usize::try_from(thousandths / whole).ok()?, rest: u32::try_from(thousandths % whole).ok()? })
    }

    /// The quantile of ascending `values`, which [`Place::of`] was asked for.
    pub(crate) fn among(&self, values: &[f64]) -> Option<f64> {
        let low = *values.get(self.idx)?;
        let high = values.get(self.idx + 1).copied().unwrap_or(low);
        finite(low + (high - low) * f64::from(self.rest) / f64::from(WHOLE))
    }
}

/// Ranks, from 1, of the values between which a quantile lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// `None` where the sample is too small to have a lower end.
    pub lo: Option<u32>,
    /// `None` where it is too small to have an upper one.
    pub hi: Option<u32>,
    /// Probability that the interval holds the quantile, at least what was
    /// asked for; an end that is missing counts as infinite.
    pub coverage: f64,
}

/// Distribution-free confidence interval of a quantile by order statistics
/// (David & Nagaraja 2003): of n values, B ~ Bin(n, q) lie below it; the ranks
/// are the α/2 quantile of B and the 1−α/2 quantile plus one. `n` > 0, `level`
/// in 1..1000, `confidence` in (0, 1).
pub fn ranks(n: u32, level: u32, confidence: f64) -> Option<Ranks> {
    if n == 0 || !(1..WHOLE).contains(&level) || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (first, weights) = binomial(n, level);
    let total: f64 = weights.iter().sum();
    let alpha = (1.0 - confidence) / 2.0;
    let below = |count: u32| {
        let known = count.saturating_sub(first) as usize;
        weights.iter().take(known).sum::<f64>() / total
    };
    let quantile = |p: f64| {
        let mut sum = 0.0;
        let reached = weights.iter().position(|weight| {
            sum += weight / total;
            sum >= p - FUZZ
        });
        first + reached.unwrap_or(weights.len() - 1) as u32
    };
    let (lo, hi) = (quantile(alpha), quantile(1.0 - alpha));
    let coverage = finite(below(hi.saturating_add(1)) - below(lo))?;
    Some(Ranks { lo: (lo > 0).then_some(lo), hi: (hi < n).then(|| hi + 1), coverage })
}

/// Binomial probabilities over their largest one, from the first count that has
/// any, by ratios of neighbors: no rounding but that of the ratios.
fn binomial(n: u32, level: u32) -> (u32, Vec<f64>) {
    let (n, odds) = (u64::from(n), f64::from(level) / f64::from(WHOLE - level));
    let mode = ((n + 1) * u64::from(level) / u64::from(WHOLE)).min(n);
    let mut down = vec![1.0];
    for count in (1..=mode).rev() {
        let next = down[down.len() - 1] * (count as f64 / (n - count + 1) as f64) / odds;
        if next < NOTHING {
            break;
        }
        down.push(next);
    }
    let first = mode - (down.len() as u64 - 1);
    let mut weights: Vec<f64> = down.into_iter().rev().collect();
    for count in mode..n {
        let next = weights[weights.len() - 1] * ((n - count) as f64 / (count + 1) as f64) * odds;
        if next < NOTHING {
            break;
        }
        weights.push(next);
    }
    (u32::try_from(first).unwrap_or(u32::MAX), weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_at_the_ends_and_between() {
        let sorted = Sorted::new(vec![40, 10, 30, 20]);
        for (level, inverse, interpolated) in [(0, 10, 10.0), (250, 10, 17.5), (251, 20, 17.53), (500, 20, 25.0), (1000, 40, 40.0)] {
            assert_eq!((sorted.inverse(level), sorted.interpolated(level)), (Some(inverse), Some(interpolated)), "{level}");
        }
        assert_eq!(sorted.mean(), Some(25.0));
        assert_eq!((sorted.inverse(1001), sorted.interpolated(1001)), (None, None));
        let empty = Sorted::new(Vec::new());
        assert_eq!((empty.inverse(500), empty.interpolated(500), empty.mean()), (None, None, None));
        // Differences of the widest values fit.
        assert!(Sorted::new(vec![i64::MIN, i64::MAX]).interpolated(500).unwrap().abs() < 1.0);
    }

    #[test]
    fn a_cell_is_large_enough_where_its_interval_has_an_upper_end() {
        for (level, enough) in [(P90, CELL_P90_CASES_MIN), (P95, CELL_P95_CASES_MIN)] {
            for n in 1..=300 {
                assert_eq!(ranks(n, level, 0.95).unwrap().hi.is_some(), n >= enough, "{n} at {level}");
            }
        }
    }

    #[test]
    fn intervals_cover_what_they_say_at_any_size() {
        for n in [1, 7, 100, 99_999, u32::MAX] {
            for level in [1, 100, 500, 950, 999] {
                let ranks = ranks(n, level, 0.95).unwrap();
                assert!((0.95 - 1e-9..=1.0).contains(&ranks.coverage), "{n} at {level}: {ranks:?}");
                assert!(ranks.lo.unwrap_or(0) < ranks.hi.unwrap_or(u32::MAX));
            }
        }
        assert_eq!(ranks(0, 500, 0.95), None);
        assert_eq!(ranks(10, 0, 0.95), None);
        assert_eq!(ranks(10, 1000, 0.95), None);
        assert_eq!(ranks(10, 500, f64::NAN), None);
    }
}
