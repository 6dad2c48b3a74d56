//! Funnel plots: what O/E may be at a size E, and how much honest units differ
//! beyond chance (overdispersion).
//!
//! Limits are of O/E, around 1. They are for display and a second opinion:
//! decisions come from `stats::shrinkage`.

use crate::stats::finite;
use crate::stats::intervals::Interval;
use crate::stats::intervals::gamma_limits;
use crate::stats::quantile::Place;

/// The part of z scores trimmed or winsorized at each end, in thousandths.
const EACH_END: u32 = 100;
/// What the mean square of normal z scores is after a tenth of them was cut off
/// at each end: E(z² | |z| < z₀.₉).
pub const PHI_OF_TRIMMED: f64 = 0.437_724_594_903_962_75;
/// The same after a tenth was pulled in at each end.
pub const PHI_OF_WINSORIZED: f64 = 0.678_654_558_952_874_4;

/// A unit on the plot: `expected` > 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    pub observed: f64,
    pub expected: f64,
}

/// How the spread between units is taken from a crowd that has outliers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// NHS SHMI: y = ln(O/E), s = 1/√E, z = y/s; ⌊n/10⌋ units dropped at each
    /// end. Units with O = 0 have no place on it.
    Shmi,
    /// CQC (Spiegelhalter et al. 2012): y = √(O/E), s = 1/(2√E), z = (y−1)/s;
    /// z pulled in to its P10 and P90.
    Cqc,
}

/// What a crowd of units comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispersion {
    /// φ = mean(z²) of the n units kept: 1 is chance alone.
    pub phi: f64,
    /// τ² = max(0, (nφ − (n−1)) / (Σw − Σw²/Σw)), w = 1/s² (DerSimonian & Laird
    /// 1986): the variance between units, on the scale of y.
    pub tau2: f64,
    pub kept: usize,
}

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// Exact Poisson limits at size `expected` > 0 (Spiegelhalter 2005):
/// χ²(α/2; 2E)/(2E) and χ²(1−α/2; 2E+2)/(2E); `confidence` in (0, 1).
pub fn poisson_limits(expected: f64, confidence: f64) -> Option<Interval> {
    if !positive(expected) {
        return None;
    }
    let limits = gamma_limits(expected, confidence)?;
    Interval::of(limits.lo / expected, limits.hi / expected)
}

impl Method {
    /// The z score of a unit without allowance for spread. `None` where E ≤ 0, O <
    /// 0, and of SHMI where O = 0.
    pub fn z(self, unit: Unit) -> Option<f64> {
        self.y(unit).and_then(|y| finite(y / libm::sqrt(self.variance(unit.expected))))
    }

    /// The z score with allowance for the spread τ² ≥ 0. Domain of [`Method::z`].
    pub fn adjusted_z(self, unit: Unit, tau2: f64) -> Option<f64> {
        if !(tau2 >= 0.0 && tau2.is_finite()) {
            return None;
        }
        self.y(unit).and_then(|y| finite(y / libm::sqrt(self.variance(unit.expected) + tau2)))
    }

    /// How far y is from where O = E.
    fn y(self, Unit { observed, expected }: Unit) -> Option<f64> {
        if !(positive(expected) && observed >= 0.0 && observed.is_finite()) {
            return None;
        }
        match self {
            Self::Shmi => finite(libm::log(observed / expected)),
            Self::Cqc => finite(libm::sqrt(observed / expected) - 1.0),
        }
    }

    /// s² at a size.
    fn variance(self, expected: f64) -> f64 {
        match self {
            Self::Shmi => 1.0 / expected,
            Self::Cqc => 1.0 / (4.0 * expected),
        }
    }

    /// Limits of O/E at size `expected` > 0 and z > 0, with the spread τ² ≥ 0:
    /// SHMI exp(±z√(1/E + τ²)), CQC (1 ± z√(1/(4E) + τ²))², the lower one zero
    /// where the root would be negative.
    pub fn limits(self, expected: f64, tau2: f64, z: f64) -> Option<Interval> {
        if !(positive(expected) && positive(z) && tau2 >= 0.0) {
            return None;
        }
        let half = z * libm::sqrt(self.variance(expected) + tau2);
        match self {
            Self::Shmi => Interval::of(libm::exp(-half), libm::exp(half)),
            Self::Cqc => {
                let (lo, hi) = ((1.0 - half).max(0.0), 1.0 + half);
                Interval::of(lo * lo, hi * hi)
            }
        }
    }

    /// The spread of a crowd, as published. The published recipes have no factor
    /// for what trimming takes away, so τ² is too small: see
    /// [`Method::corrected`]. `None` where a unit has no z, or none is kept. Does
    /// not depend on the order of `units`.
    pub fn dispersion(self, units: &[Unit]) -> Option<Dispersion> {
        self.spread(units, 1.0)
    }

    /// The spread of a crowd with φ divided by what it is for normal z scores
    /// trimmed or winsorized alike.
    pub fn corrected(self, units: &[Unit]) -> Option<Dispersion> {
        self.spread(
            units,
            match self {
                Self::Shmi => PHI_OF_TRIMMED,
                Self::Cqc => PHI_OF_WINSORIZED,
            },
        )
    }

    fn spread(self, units: &[Unit], phi_of_chance: f64) -> Option<Dispersion> {
        let mut scored: Vec<(f64, f64)> =
            units.iter().map(|unit| Some((self.z(*unit)?, 1.0 / self.variance(unit.expected)))).collect::<Option<_>>()?;
        scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n = scored.len();
        match self {
            Self::Shmi => {
                let drop = n * EACH_END as usize / 1000;
                scored = scored[drop..n - drop].to_vec();
            }
            Self::Cqc => {
                let z: Vec<f64> = scored.iter().map(|(z, _)| *z).collect();
                let low = Place::of(n, EACH_END)?.among(&z)?;
                let high = Place::of(n, 1000 - EACH_END)?.among(&z)?;
                for (z, _) in &mut scored {
                    *z = z.clamp(low, high);
                }
            }
        }
        let kept = scored.len() as f64;
        let (mut z2, mut w, mut w2) = (0.0, 0.0, 0.0);
        for (z, weight) in &scored {
            z2 += z * z;
            w += weight;
            w2 += weight * weight;
        }
        let phi = finite(z2 / kept / phi_of_chance)?;
        let between = kept * phi - (kept - 1.0);
        // A crowd of one has no spread between units.
        let tau2 = if between > 0.0 && scored.len() > 1 { finite(between / (w - w2 / w))? } else { 0.0 };
        Some(Dispersion { phi, tau2, kept: scored.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::special::normal_cdf;
    use crate::stats::special::normal_quantile;

    const CROWD: [Unit; 4] = [
        Unit { observed: 3.0, expected: 4.0 },
        Unit { observed: 80.0, expected: 40.0 },
        Unit { observed: 10.0, expected: 9.0 },
        Unit { observed: 30.0, expected: 31.0 },
    ];

    #[test]
    fn the_order_of_units_does_not_matter() {
        for method in [Method::Shmi, Method::Cqc] {
            let mut turned = CROWD;
            turned.reverse();
            assert_eq!(method.dispersion(&CROWD), method.dispersion(&turned));
            assert!(method.corrected(&CROWD).unwrap().tau2 > method.dispersion(&CROWD).unwrap().tau2);
        }
    }

    #[test]
    fn what_is_impossible_has_no_place() {
        let none = Unit { observed: 0.0, expected: 2.0 };
        assert_eq!(Method::Shmi.z(none), None);
        assert_eq!(Method::Shmi.dispersion(&[none, CROWD[0]]), None);
        assert!(Method::Cqc.dispersion(&[none, CROWD[0]]).is_some());
        for method in [Method::Shmi, Method::Cqc] {
            assert_eq!(method.dispersion(&[]), None);
            assert_eq!(method.dispersion(&CROWD[1..2]).unwrap().tau2, 0.0);
            for expected in [0.0, -1.0, f64::NAN, f64::INFINITY] {
                assert_eq!(method.z(Unit { observed: 1.0, expected }), None);
                assert_eq!(method.limits(expected, 0.0, 3.0), None);
                assert_eq!(poisson_limits(expected, 0.95), None);
            }
            assert_eq!(method.limits(1.0, f64::NAN, 3.0), None);
        }
        assert_eq!(Method::Cqc.limits(0.1, 0.0, 3.0).unwrap().lo, 0.0);
    }

    /// E(z² | |z| < c) = 1 − 2cφ(c)/(1−2t) and E(min(|z|, c)²) = 1 − 2t − 2cφ(c)
    /// + 2tc² for normal z with t outside on each side.
    #[test]
    fn factors_are_those_of_normal_scores() {
        let t = f64::from(EACH_END) / 1000.0;
        let c = normal_quantile(1.0 - t).unwrap();
        assert!((normal_cdf(c).unwrap() - (1.0 - t)).abs() < 1e-15);
        let density = libm::exp(-c * c / 2.0) / libm::sqrt(std::f64::consts::TAU);
        let inside = 1.0 - 2.0 * t - 2.0 * c * density;
        assert!((inside / (1.0 - 2.0 * t) - PHI_OF_TRIMMED).abs() < 1e-12);
        assert!((inside + 2.0 * t * c * c - PHI_OF_WINSORIZED).abs() < 1e-12);
    }
}
