//! Functions that distributions are made of: ln Γ, ψ, the normal
//! distribution, and the kernels of Poisson and negative binomial without
//! cancellation.

use crate::stats::finite;

/// ln √(2π).
const LN_SQRT_TWO_PI: f64 = 0.918_938_533_204_672_8;
const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_7;
const SQRT_TWO: f64 = std::f64::consts::SQRT_2;
const TWO_PI: f64 = std::f64::consts::TAU;
/// From here the asymptotic series below give all bits.
const LARGE: f64 = 10.0;

/// ln Γ(x) for x > 0.
pub fn ln_gamma(x: f64) -> Option<f64> {
    if x > 0.0 { finite(libm::lgamma(x)) } else { None }
}

/// ψ(x) = d ln Γ(x) / dx for x > 0: ψ(x) = ψ(x + 1) − 1/x up to 10, then the
/// asymptotic series (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18).
pub fn digamma(x: f64) -> Option<f64> {
    if x.is_nan() || x <= 0.0 {
        return None;
    }
    let (mut large, mut steps) = (x, 0.0);
    while large < LARGE {
        steps += 1.0 / large;
        large += 1.0;
    }
    let s = 1.0 / (large * large);
    let series =
        s * (1.0 / 12.0 - s * (1.0 / 120.0 - s * (1.0 / 252.0 - s * (1.0 / 240.0 - s * (1.0 / 132.0 - s * (691.0 / 32760.0 - s / 12.0))))));
    finite(libm::log(large) - 0.5 / large - series - steps)
}

/// Φ(x), the standard normal distribution.
pub fn normal_cdf(x: f64) -> Option<f64> {
    if x.is_nan() { None } else { Some(libm::erfc(-x / SQRT_TWO) / 2.0) }
}

/// The z with Φ(z) = p, for 0 < p < 1: the approximation 26.2.23 of Abramowitz
/// & Stegun (1964), polished by Halley steps.
pub fn normal_quantile(p: f64) -> Option<f64> {
    if !(f64::MIN_POSITIVE..1.0).contains(&p) {
        return None;
    }
    if p > 0.5 {
        return normal_quantile(1.0 - p).map(|z| -z);
    }
    if p == 0.5 {
        return Some(0.0);
    }
    let t = libm::sqrt(-2.0 * libm::log(p));
    let mut z = (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308))) - t;
    for _ in 0..3 {
        let density = libm::exp(-z * z / 2.0) / SQRT_TWO_PI;
        let miss = (libm::erfc(-z / SQRT_TWO) / 2.0 - p) / density;
        z -= miss / (1.0 + z * miss / 2.0);
    }
    finite(z)
}

/// ln Γ(a + 1) − (a + ½) ln a + a − ln √(2π) for a > 0: what Stirling's formula
/// lacks (Loader 2000).
pub(crate) fn stirling_error(a: f64) -> f64 {
    if a < LARGE {
        return libm::lgamma(a + 1.0) - (a + 0.5) * libm::log(a) + a - LN_SQRT_TWO_PI;
    }
    let s = 1.0 / (a * a);
    let tail = 691.0 / 360_360.0 - s * (1.0 / 156.0 - s * (3617.0 / 122_400.0));
    (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s * (1.0 / 1188.0 - s * tail))))) / a
}

/// a ln(a/x) + x − a for a, x > 0, without cancellation where they are near
/// one another (Loader 2000).
pub(crate) fn deviance(a: f64, x: f64) -> f64 {
    let difference = a - x;
    if difference.abs() >= 0.1 * (a + x) {
        let ratio = a / x;
        let ln = if ratio.is_normal() { libm::log(ratio) } else { libm::log(a) - libm::log(x) };
        return a * ln - difference;
    }
    let v = difference / (a + x);
    let mut sum = difference * v;
    let mut term = 2.0 * a * v;
    let mut odd = 1.0;
    loop {
        term *= v * v;
        odd += 2.0;
        let next = sum + term / odd;
        // No number has no series to end.
        if next == sum || next.is_nan() {
            return next;
        }
        sum = next;
    }
}

/// ln(x^a e^−x / Γ(a + 1)) for a ≥ 0, x > 0: the Poisson probability of `a`
/// events where `x` are expected, for any real `a` (Loader 2000).
pub(crate) fn ln_poisson(a: f64, x: f64) -> f64 {
    if a < LARGE {
        return a * libm::log(x) - x - libm::lgamma(a + 1.0);
    }
    -stirling_error(a) - deviance(a, x) - libm::log(TWO_PI * a) / 2.0
}

/// The Poisson probability of `events` where `mean` are expected; `mean` ≥ 0.
pub fn poisson_pmf(events: u64, mean: f64) -> Option<f64> {
    if !(mean.is_finite() && mean >= 0.0) {
        return None;
    }
    if mean == 0.0 {
        return Some(if events == 0 { 1.0 } else { 0.0 });
    }
    finite(libm::exp(ln_poisson(events as f64, mean)))
}

/// ln of Γ(a+m) / (Γ(a) Γ(m)) · p^a q^m with p = b/(b+e), q = e/(b+e), for
/// positive arguments. Divided by m it is the negative binomial, divided by R
/// the marginal density of a ratio; written with Stirling's errors and
/// deviances (Loader 2000), so that large shapes cost no digits.
pub(crate) fn ln_shape_kernel(a: f64, b: f64, m: f64, e: f64) -> f64 {
    let n = a + m;
    let (np, nq) = (n * (b / (b + e)), n * (e / (b + e)));
    let errors = stirling_error(n) - stirling_error(a) - stirling_error(m);
    libm::log(a * (m / n) / TWO_PI) / 2.0 + errors - deviance(a, np) - deviance(m, nq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expect: f64, tolerance: f64) {
        assert!((found - expect).abs() <= tolerance * expect.abs().max(1e-300), "{found:e} is not {expect:e}");
    }

    #[test]
    fn digamma_is_known_at_known_places() {
        const GAMMA: f64 = 0.577_215_664_901_532_9;
        near(digamma(1.0).unwrap(), -GAMMA, 1e-15);
        near(digamma(0.5).unwrap(), -GAMMA - 2.0 * std::f64::consts::LN_2, 1e-15);
        near(digamma(10.0).unwrap(), 2.251_752_589_066_721, 1e-15);
        near(digamma(1e6).unwrap(), 13.815_510_057_964_191, 1e-15);
        for x in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320] {
            assert_eq!(digamma(x), None);
        }
    }

    #[test]
    fn normal_quantiles_are_known_to_the_last_digits() {
        for (p, z) in [
            (0.975, 1.959_963_984_540_054),
            (0.95, 1.644_853_626_951_472_2),
            (0.999, 3.090_232_306_167_813),
            (0.025, -1.959_963_984_540_054),
            (1e-10, -6.361_340_902_404_057),
            (1e-300, -37.047_096_299_361_2),
        ] {
            near(normal_quantile(p).unwrap(), z, 1e-15);
        }
        assert_eq!(normal_quantile(0.5), Some(0.0));
        for p in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            assert_eq!(normal_quantile(p), None);
        }
    }

    #[test]
    fn kernels_agree_with_their_formulas() {
        for (a, x) in [(0.3, 0.2), (9.9, 4.0), (10.0, 10.0), (25.0, 60.0), (300.0, 301.0)] {
            near(ln_poisson(a, x), a * libm::log(x) - x - libm::lgamma(a + 1.0), 1e-12);
        }
        for (a, b, m, e) in [(0.3, 0.2, 1.5, 4.0), (44.0, 44.0, 17.0, 5.0), (8.0, 14.0, 2.0, 2.6)] {
            let gammas = libm::lgamma(a + m) - libm::lgamma(a) - libm::lgamma(m);
            near(ln_shape_kernel(a, b, m, e), gammas + a * libm::log(b / (b + e)) + m * libm::log(e / (b + e)), 1e-12);
        }
        near(poisson_pmf(3, 2.0).unwrap(), libm::exp(-2.0) * 8.0 / 6.0, 1e-14);
        assert_eq!(poisson_pmf(0, 0.0), Some(1.0));
        assert_eq!(poisson_pmf(1, f64::INFINITY), None);
    }
}
