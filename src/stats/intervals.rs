//! Confidence limits of counts, of weighted sums and of shares.
//!
//! `confidence` is two-sided and lies in (0, 1): 0.95 leaves 2.5 % on each side.

use crate::stats::finite;
use crate::stats::gamma::gamma_p;
use crate::stats::gamma::gamma_quantile;
use crate::stats::gamma::gamma_quantile_upper;
use crate::stats::roots::root;
use crate::stats::special::ln_poisson;
use crate::stats::special::normal_quantile;

/// A lower and an upper limit, both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub lo: f64,
    pub hi: f64,
}

impl Interval {
    /// Both limits, if they are numbers.
    pub(crate) fn of(lo: f64, hi: f64) -> Option<Self> {
        Some(Self { lo: finite(lo)?, hi: finite(hi)? })
    }

    fn over(self, divisor: f64) -> Option<Self> {
        Self::of(self.lo / divisor, self.hi / divisor)
    }
}

/// What lies outside on each side.
fn tail(confidence: f64) -> Option<f64> {
    (confidence > 0.0 && confidence < 1.0).then_some((1.0 - confidence) / 2.0)
}

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// The z of a two-sided `confidence`: 1.96 for 0.95.
pub fn z_of(confidence: f64) -> Option<f64> {
    normal_quantile(tail(confidence)?).map(|z| -z)
}

/// χ²(α/2; 2x)/2 and χ²(1−α/2; 2x+2)/2 of any `events` x ≥ 0, the lower one
/// zero where x is.
pub(crate) fn gamma_limits(events: f64, confidence: f64) -> Option<Interval> {
    if !(events >= 0.0 && events.is_finite()) {
        return None;
    }
    let alpha = tail(confidence)?;
    let lo = if events > 0.0 { gamma_quantile(events, alpha)? } else { 0.0 };
    Interval::of(lo, gamma_quantile_upper(events + 1.0, alpha)?)
}

/// Exact limits of `observed` / `expected` for a Poisson count (Garwood 1936;
/// chi-square form Ulm 1990). `expected` > 0.
pub fn exact(observed: u64, expected: f64, confidence: f64) -> Option<Interval> {
    if !positive(expected) {
        return None;
    }
    gamma_limits(observed as f64, confidence)?.over(expected)
}

/// Byar's approximation to the exact limits (Breslow & Day 1987):
/// lo = O(1 − 1/(9O) − z/(3√O))³/E, hi the same of O + 1 with +z. The lower
/// limit is zero where the formula gives less.
pub fn byar(observed: u64, expected: f64, confidence: f64) -> Option<Interval> {
    if !positive(expected) {
        return None;
    }
    let z = z_of(confidence)?;
    let cube = |events: f64, z: f64| {
        let side = 1.0 - 1.0 / (9.0 * events) + z / (3.0 * libm::sqrt(events));
        events * side * side * side
    };
    let events = observed as f64;
    let lo = if observed == 0 { 0.0 } else { cube(events, -z).max(0.0) };
    Interval::of(lo, cube(events + 1.0, z))?.over(expected)
}

/// Mid-P limits (CDC NHSN SIR): the means μ with P(X<O|μ) + ½P(X=O|μ) = 1−α/2
/// and = α/2, over `expected` > 0. The lower limit is zero where O is.
pub fn mid_p(observed: u64, expected: f64, confidence: f64) -> Option<Interval> {
    if !positive(expected) {
        return None;
    }
    let alpha = tail(confidence)?;
    let events = observed as f64;
    if observed == 0 {
        return Interval::of(0.0, -libm::log(2.0 * alpha).min(0.0))?.over(expected);
    }
    // P(X≥O|μ) is the lower gamma tail of shape O: the mid-P one lies between
    // the quantiles of O and of O + 1.
    let at = |p: f64| {
        let (lo, hi) = (gamma_quantile(events, p)?, gamma_quantile(events + 1.0, p)?);
        let rising = |mean: f64| {
            let next = libm::exp(ln_poisson(events, mean));
            let tail = gamma_p(events, mean).unwrap_or(0.0) - next / 2.0;
            (tail - p, (events / mean + 1.0) * next / 2.0)
        };
        Some(root(lo, hi, rising))
    };
    Interval::of(at(alpha)?, at(1.0 - alpha)?)?.over(expected)
}

/// Limits of a weighted sum of Poisson counts (Fay & Feuer 1997) from its value
/// x, its variance v and its largest weight w: gamma quantiles with mean x and
/// variance v below, mean x+w and variance v+w² above. x ≥ 0, v > 0 where x is,
/// w > 0.
pub fn fay_feuer(value: f64, variance: f64, weight_max: f64, confidence: f64) -> Option<Interval> {
    let alpha = tail(confidence)?;
    let zero = value == 0.0 && variance == 0.0;
    if !positive(weight_max) || !(zero || positive(value) && positive(variance)) {
        return None;
    }
    let lo = if zero { 0.0 } else { gamma_quantile(value * value / variance, alpha)? * (variance / value) };
    let (mean, spread) = (value + weight_max, variance + weight_max * weight_max);
    Interval::of(lo, gamma_quantile_upper(mean * mean / spread, alpha)? * (spread / mean))
}

/// R · exp(±z · se / R): limits of a positive ratio on the log scale, `se` ≥ 0
/// on the scale of the ratio (delta method).
pub fn log_scale(ratio: f64, se: f64, confidence: f64) -> Option<Interval> {
    if !(positive(ratio) && se >= 0.0 && se.is_finite()) {
        return None;
    }
    let factor = libm::exp(z_of(confidence)? * se / ratio);
    Interval::of(ratio / factor, ratio * factor)
}

/// Limits of a share, `part` of `whole` (Wilson 1927). `part` ≤ `whole`, `whole` > 0.
pub fn wilson(part: u64, whole: u64, confidence: f64) -> Option<Interval> {
    if whole == 0 || part > whole {
        return None;
    }
    let z = z_of(confidence)?;
    let (x, n, rest) = (part as f64, whole as f64, (whole - part) as f64);
    let half = z * libm::sqrt(x * (rest / n) + z * z / 4.0);
    let middle = x + z * z / 2.0;
    let lo = if part == 0 { 0.0 } else { (middle - half) / (n + z * z) };
    let hi = if part == whole { 1.0 } else { (middle + half) / (n + z * z) };
    Interval::of(lo, hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_impossible_has_no_limits() {
        for expected in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            for limits in [exact, byar, mid_p] {
                assert_eq!(limits(3, expected, 0.95), None);
            }
        }
        for confidence in [0.0, 1.0, -0.5, f64::NAN] {
            for limits in [exact, byar, mid_p] {
                assert_eq!(limits(3, 1.0, confidence), None);
            }
            assert_eq!(wilson(1, 2, confidence), None);
            assert_eq!(log_scale(1.0, 0.1, confidence), None);
            assert_eq!(fay_feuer(1.0, 1.0, 1.0, confidence), None);
        }
        // An infinite limit is no limit.
        assert_eq!(exact(3, f64::MIN_POSITIVE / 4.0, 0.95), None);
        assert_eq!(log_scale(1.0, 1e6, 0.95), None);
        assert_eq!(log_scale(0.0, 0.1, 0.95), None);
        assert_eq!(wilson(3, 2, 0.95), None);
        assert_eq!(wilson(0, 0, 0.95), None);
        assert_eq!(fay_feuer(1.0, 0.0, 1.0, 0.95), None);
    }

    #[test]
    fn exact_limits_hold_the_others_and_byar_stays_above_zero() {
        for observed in [0, 1, 2, 5, 40, 2_000] {
            let (wide, narrow) = (exact(observed, 3.0, 0.998).unwrap(), mid_p(observed, 3.0, 0.998).unwrap());
            assert!(wide.lo <= narrow.lo && narrow.hi <= wide.hi, "{observed}: {narrow:?} is not in {wide:?}");
            assert!(byar(observed, 3.0, 0.998).unwrap().lo >= 0.0);
        }
        assert_eq!(byar(1, 1.0, 0.998).unwrap().lo, 0.0);
    }

    /// One weight for all is a plain count.
    #[test]
    fn equal_weights_give_exact_limits() {
        for observed in [0_u64, 4, 30] {
            let x = observed as f64 / 8.0;
            let (weighted, plain) = (fay_feuer(x, x / 8.0, 0.125, 0.95).unwrap(), exact(observed, 8.0, 0.95).unwrap());
            assert!((weighted.lo - plain.lo).abs() < 1e-14 && (weighted.hi - plain.hi).abs() < 1e-14);
        }
    }
}
