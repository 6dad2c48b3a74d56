//! The gamma distribution: both tails, their quantiles, and chi-square.
//!
//! The scale is 1 throughout: a rate divides the quantile. Relative errors are
//! some 1e-13 for shapes between 0.01 and a million, tails included.

use crate::stats::finite;
use crate::stats::special::ln_gamma;
use crate::stats::special::ln_poisson;
use crate::stats::special::normal_quantile;

/// Largest shape. The series and the fraction need some 9 √shape terms, a
/// million here; no sum of cases comes near.
pub const SHAPE_MAX: f64 = 1e10;
/// Smallest part that still changes a sum.
const TINY: f64 = 1e-17;
/// Stands for a zero denominator in Lentz's method.
const NO_ZERO: f64 = 1e-300;
/// What a factor of the fraction may still differ from 1: a unit in the last
/// place, which rounding alone gives.
const STILL: f64 = 2.3e-16;
/// Terms after which the fraction is taken as it is.
const TERMS_MAX: usize = 10_000_000;
/// Newton steps after which a quantile is taken as it is.
const STEPS_MAX: usize = 200;
/// Longest Newton step in ln x: far from the root the slope misleads.
const STEP_MAX: f64 = 3.0;

/// A tail at one place: its logarithm, and by how much that rises (of the
/// lower tail) or falls (of the upper one) with ln x.
struct Tail {
    ln: f64,
    slope: f64,
}

/// Whether the series for P converges faster than the fraction for Q.
fn below(shape: f64, x: f64) -> bool {
    x < shape + 1.0
}

/// Σ x^k / ((a+1)…(a+k)), k ≥ 0: P over the Poisson kernel (Abramowitz & Stegun
/// 1964, 6.5.29).
fn series(shape: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut step) = (1.0, 1.0, shape);
    while term > TINY * sum {
        step += 1.0;
        term *= x / step;
        sum += term;
    }
    sum
}

/// Legendre's continued fraction: Q over a times the Poisson kernel (Abramowitz
/// & Stegun 1964, 6.5.31), by Lentz's method.
fn fraction(shape: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / NO_ZERO;
    let mut d = 1.0 / b;
    let mut value = d;
    let mut step = 0.0;
    for _ in 0..TERMS_MAX {
        step += 1.0;
        let an = step * (shape - step);
        b += 2.0;
        d = an * d + b;
        c = b + an / c;
        d = 1.0 / if d.abs() < NO_ZERO { NO_ZERO } else { d };
        c = if c.abs() < NO_ZERO { NO_ZERO } else { c };
        let factor = d * c;
        value *= factor;
        // No number ends it too.
        if !factor.is_normal() || (factor - 1.0).abs() < STILL {
            break;
        }
    }
    value
}

fn in_domain(shape: f64, x: f64) -> bool {
    shape > 0.0 && shape <= SHAPE_MAX && x >= 0.0 && x.is_finite()
}

/// P and Q for x > 0.
fn tails(shape: f64, x: f64) -> (f64, f64) {
    let kernel = libm::exp(ln_poisson(shape, x));
    if below(shape, x) {
        let lower = (kernel * series(shape, x)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (kernel * shape * fraction(shape, x)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// P(a, x) = γ(a, x) / Γ(a): the probability of at most `x`. Shape in
/// (0, [`SHAPE_MAX`]], x ≥ 0.
pub fn gamma_p(shape: f64, x: f64) -> Option<f64> {
    if !in_domain(shape, x) {
        return None;
    }
    if x == 0.0 { Some(0.0) } else { finite(tails(shape, x).0) }
}

/// Q(a, x) = 1 − P(a, x), with small values as exact as large ones; for a whole
/// shape the Poisson probability of fewer than `shape` events where `x` are
/// expected. Domain of [`gamma_p`].
pub fn gamma_q(shape: f64, x: f64) -> Option<f64> {
    if !in_domain(shape, x) {
        return None;
    }
    if x == 0.0 { Some(1.0) } else { finite(tails(shape, x).1) }
}

fn ln_lower(shape: f64, x: f64) -> Tail {
    let ln_kernel = ln_poisson(shape, x);
    if below(shape, x) {
        let sum = series(shape, x);
        return Tail { ln: ln_kernel + libm::log(sum), slope: shape / sum };
    }
    let (lower, _) = tails(shape, x);
    Tail { ln: libm::log(lower), slope: shape * libm::exp(ln_kernel) / lower }
}

fn ln_upper(shape: f64, x: f64) -> Tail {
    let ln_kernel = ln_poisson(shape, x);
    if below(shape, x) {
        let (_, upper) = tails(shape, x);
        return Tail { ln: libm::log(upper), slope: shape * libm::exp(ln_kernel) / upper };
    }
    let value = fraction(shape, x);
    Tail { ln: ln_kernel + libm::log(shape * value), slope: 1.0 / value }
}

/// Where the lower tail is about `p`: Wilson & Hilferty (1931), or the first
/// term of the series where that has no answer.
fn start(shape: f64, p: f64, z: f64) -> Option<f64> {
    let root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * libm::sqrt(shape));
    if shape > 0.5 && root > 0.1 || root > 1.0 {
        return Some(shape * root * root * root);
    }
    Some(libm::exp((libm::log(p) + ln_gamma(shape + 1.0)?) / shape))
}

/// The x whose tail is `probability` ≤ ½. Both logarithms are concave in ln x,
/// so Newton's steps close in from everywhere; the last ones are below a unit
/// in the last place.
fn invert(shape: f64, probability: f64, upper: bool) -> Option<f64> {
    let z = normal_quantile(probability)?;
    let mut x = if upper { start(shape, 1.0 - probability, -z)? } else { start(shape, probability, z)? };
    let target = libm::log(probability);
    let mut last = f64::INFINITY;
    for _ in 0..STEPS_MAX {
        // Below the smallest number: a shape near zero has its mass there.
        if x < f64::MIN_POSITIVE {
            return Some(0.0);
        }
        let tail = if upper { ln_upper(shape, x) } else { ln_lower(shape, x) };
        let miss = if upper { target - tail.ln } else { tail.ln - target };
        let step = (miss / tail.slope).clamp(-STEP_MAX, STEP_MAX);
        // A tail that rounds to zero has no slope: shapes near zero have no
        // digits of Q to find a place by.
        if step.is_nan() {
            return None;
        }
        if step == 0.0 || step.abs() < 1e-10 && step.abs() >= last {
            break;
        }
        last = step.abs();
        x -= x * -libm::expm1(-step);
    }
    finite(x)
}

/// The x with P(a, x) = p; p in [0, 1), shape of [`gamma_p`]. Zero where the
/// quantile is below the smallest number.
pub fn gamma_quantile(shape: f64, p: f64) -> Option<f64> {
    if !in_domain(shape, 0.0) || !(0.0..1.0).contains(&p) {
        return None;
    }
    match p {
        0.0 => Some(0.0),
        p if p <= 0.5 => invert(shape, p, false),
        p => invert(shape, 1.0 - p, true),
    }
}

/// The x with Q(a, x) = q; q in (0, 1], shape of [`gamma_p`]. `None` where a
/// shape near zero leaves no digit of Q.
pub fn gamma_quantile_upper(shape: f64, q: f64) -> Option<f64> {
    if !(in_domain(shape, 0.0) && q > 0.0 && q <= 1.0) {
        return None;
    }
    match q {
        1.0 => Some(0.0),
        q if q <= 0.5 => invert(shape, q, true),
        q => invert(shape, 1.0 - q, false),
    }
}

/// The p-quantile of chi-square with `degrees` of freedom (any positive
/// number): twice that of a gamma with half the shape.
pub fn chi_square_quantile(p: f64, degrees: f64) -> Option<f64> {
    gamma_quantile(degrees / 2.0, p).and_then(|x| finite(2.0 * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shape, x, P, Q: the series of P summed with 80 digits.
    const TAILS: [(f64, f64, f64, f64); 22] = [
        (0.01, 0.001, 0.938_570_652_526_129, 0.061_429_347_473_871_014),
        (0.01, 0.5, 0.994_373_243_806_032_9, 0.005_626_756_193_967_184_4),
        (0.3, 0.1, 0.545_912_849_591_796_5, 0.454_087_150_408_203_5),
        (0.3, 8.0, 0.999_975_760_726_303_2, 2.423_927_369_673_730_8e-5),
        (1.0, 0.001, 0.000_999_500_166_625_008_5, 0.999_000_499_833_375),
        (1.0, 30.0, 0.999_999_999_999_906_4, 9.357_622_968_840_175e-14),
        (5.5, 1.0, 0.001_504_118_282_583_803_8, 0.998_495_881_717_416_2),
        (5.5, 20.0, 0.999_964_224_875_472_3, 3.577_512_452_765_524e-5),
        (9.99, 10.0, 0.543_342_436_999_798_1, 0.456_657_563_000_201_9),
        (10.0, 11.5, 0.711_205_460_451_328_7, 0.288_794_539_548_671_24),
        (44.0, 57.92, 0.974_994_726_313_498_3, 0.025_005_273_686_501_784),
        (120.0, 60.0, 6.155_483_219_391_95e-12, 0.999_999_999_993_844_5),
        (120.0, 260.0, 1.0, 9.600_135_124_188_608e-23),
        (1e3, 900.0, 0.000_549_902_265_711_782_9, 0.999_450_097_734_288_2),
        (1e3, 1200.0, 0.999_999_998_711_839_4, 1.288_160_608_628_143_3e-9),
        (1e4, 1e4, 0.501_329_808_339_955_2, 0.498_670_191_660_044_8),
        (1e4, 10_600.0, 0.999_999_998_037_807_5, 1.962_192_482_133_047e-9),
        (1e5, 98_800.0, 6.977_510_173_228_803e-5, 0.999_930_224_898_267_7),
        (1e6, 1e6, 0.500_132_980_760_872_5, 0.499_867_019_239_127_4),
        (1e6, 1_003_000.0, 0.998_638_259_353_782_4, 0.001_361_740_646_217_591_5),
        (1e6, 990_000.0, 5.446_644_693_010_809e-24, 1.0),
        (1e6, 1_010_000.0, 1.0, 1.060_699_747_758_690_2e-23),
    ];

    fn near(found: f64, expect: f64, tolerance: f64, of: &str) {
        assert!((found - expect).abs() <= tolerance * expect, "{of}: {found:e} is not {expect:e}");
    }

    #[test]
    fn both_tails_are_right_to_thirteen_digits() {
        for (shape, x, p, q) in TAILS {
            near(gamma_p(shape, x).unwrap(), p, 1e-13, &format!("P({shape}, {x})"));
            near(gamma_q(shape, x).unwrap(), q, 1e-13, &format!("Q({shape}, {x})"));
        }
    }

    #[test]
    fn quantiles_are_right_to_thirteen_digits() {
        for (shape, x, p, q) in TAILS {
            // The smaller tail fixes x; a shape near zero stretches what rounding it did.
            let tolerance = 1e-13_f64.max(1e-15 / shape);
            let found = if p < q { gamma_quantile(shape, p) } else { gamma_quantile_upper(shape, q) };
            near(found.unwrap(), x, tolerance, &format!("quantile of {shape}"));
        }
        near(chi_square_quantile(0.95, 1.0).unwrap(), 3.841_458_820_694_124, 1e-15, "chi-square");
    }

    #[test]
    fn ends_and_the_impossible() {
        assert_eq!((gamma_p(2.0, 0.0), gamma_q(2.0, 0.0)), (Some(0.0), Some(1.0)));
        assert_eq!((gamma_q(2.0, 1e300), gamma_p(2.0, 1e300)), (Some(0.0), Some(1.0)));
        assert_eq!((gamma_quantile(2.0, 0.0), gamma_quantile_upper(2.0, 1.0)), (Some(0.0), Some(0.0)));
        assert_eq!((gamma_quantile(2.0, 1.0), gamma_quantile_upper(2.0, 0.0)), (None, None));
        // All of its mass lies below the smallest number.
        assert_eq!(gamma_quantile(1e-5, 0.05), Some(0.0));
        for (shape, x) in [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (2e10, 1.0), (1.0, -1.0), (1.0, f64::NAN), (1.0, f64::INFINITY)] {
            assert_eq!((gamma_p(shape, x), gamma_q(shape, x)), (None, None), "{shape} at {x}");
        }
        for p in [-0.1, 1.1, f64::NAN] {
            assert_eq!((gamma_quantile(2.0, p), gamma_quantile_upper(2.0, p)), (None, None));
        }
    }

    #[test]
    fn the_largest_shape_has_an_end() {
        near(gamma_p(SHAPE_MAX, SHAPE_MAX).unwrap(), 0.5, 1e-5, "middle");
        near(gamma_quantile(SHAPE_MAX, 0.5).unwrap(), SHAPE_MAX - 1.0 / 3.0, 1e-14, "median");
    }
}
