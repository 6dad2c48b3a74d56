//! Ratios of small units, shrunk to what peers are (empirical Bayes), and the
//! decision that follows.
//!
//! The true ratio λ of a unit comes from a mixture of ordinary peers and a wide
//! outlier component. Counts: O | λ ~ Poisson(λE) and gamma components
//! (Clayton & Kaldor 1987; DuMouchel 1999, MGPS). Costs and lengths of stay:
//! R | λ ~ Gamma(k, mean λ) with k = E²/V and inverse-gamma components. Both
//! are conjugate, so the posterior is a mixture of the same family.

use std::fmt;

use crate::stats::finite;
use crate::stats::gamma::SHAPE_MAX;
use crate::stats::gamma::gamma_p;
use crate::stats::gamma::gamma_q;
use crate::stats::gamma::gamma_quantile;
use crate::stats::gamma::gamma_quantile_upper;
use crate::stats::roots::root;
use crate::stats::special::digamma;
use crate::stats::special::ln_gamma;
use crate::stats::special::ln_poisson;
use crate::stats::special::ln_shape_kernel;

/// A true ratio up to this one is immaterial, whatever peers are.
pub const MATERIAL_RATIO: f64 = 1.2;
/// The part of ordinary peers that the limit leaves below it.
pub const PEERS_BELOW_LIMIT: f64 = 0.975;
/// How sure a decision is: EB05 is the quantile at one minus this.
pub const CERTAINTY: f64 = 0.95;
/// Shape and rate of the fixed prior of counts, for peer classes too small to
/// fit one: peers of mean 1 and standard deviation 0.2.
pub const FALLBACK: Component = Component { shape: 25.0, rate: 25.0 };

/// What a ratio is of, and with it the family of the mixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Poisson counts: λ is gamma with `shape` and `rate`.
    Counts,
    /// Money or days: λ is inverse gamma, `rate` / λ a gamma of `shape`.
    Costs,
}

/// One component of a mixture. Both numbers are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    pub shape: f64,
    pub rate: f64,
}

/// What was seen of a unit in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// `observed` events where `expected` were. `observed` need not be whole:
    /// R·k of k, the scaled Poisson form, is what a cost is to a prior of counts.
    Count { observed: f64, expected: f64 },
    /// A ratio worth `effective` cases (k = E²/V).
    Cost { ratio: f64, effective: f64 },
}

/// The parameter of a prior that is out of its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorError {
    OrdinaryShape,
    OrdinaryRate,
    OutlierShape,
    OutlierRate,
    OutlierWeight,
    /// Shape and rate are far apart: the ordinary component has no 97.5 % quantile
    /// that is a number.
    Limit,
}

impl fmt::Display for PriorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OrdinaryShape => "the shape of the ordinary component must be a positive number up to 1e10",
            Self::OrdinaryRate => "the rate of the ordinary component must be a positive number",
            Self::OutlierShape => "the shape of the outlier component must be a positive number up to 1e10",
            Self::OutlierRate => "the rate of the outlier component must be a positive number",
            Self::OutlierWeight => "the weight of the outlier component must lie between 0 and 1",
            Self::Limit => "the ordinary component has no 97.5 % quantile",
        })
    }
}

impl std::error::Error for PriorError {}

/// How sure it is that a unit's true ratio is too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    None,
    /// Material: EB05 > 1.2, but inside what some ordinary peers are.
    Watch,
    /// Above the limit of ordinary peers: EB05 > L.
    Alert,
}

/// A distribution of the true ratio: one component, or two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixture {
    family: Family,
    ordinary: Component,
    /// The outlier component and its weight.
    outlier: Option<(f64, Component)>,
}

/// What a peer class is before a unit is looked at, with its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    mixture: Mixture,
    limit: f64,
}

/// All that is told of one unit. Ratios have no unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgment {
    /// Posterior weight of the outlier component; zero without one.
    pub outlier_weight: f64,
    pub eb_mean: f64,
    /// exp(E ln λ), the geometric mean.
    pub ebgm: f64,
    pub eb05: f64,
    pub eb95: f64,
    /// P(λ > 1.2).
    pub p_material: f64,
    /// P(λ > limit).
    pub p_limit: f64,
    /// L, which EB05 must exceed.
    pub limit: f64,
    pub decision: Decision,
}

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

impl Component {
    /// ln of the density of what was seen, if λ comes from this component.
    /// Counts: the negative binomial Γ(a+O)/(Γ(a) O!) · (b/(b+E))^a
    /// (E/(b+E))^O. Costs: k ln k + (k−1) ln R + a ln b + lnΓ(a+k) − lnΓ(k) −
    /// lnΓ(a) − (a+k) ln(b+kR). `None` out of the domain of [`Prior::posterior`]
    /// and for a ratio of zero, which has no density.
    pub fn ln_marginal(self, seen: Seen) -> Option<f64> {
        let Component { shape, rate } = self;
        match seen.within()? {
            Seen::Count { observed: 0.0, expected } => finite(-shape * libm::log1p(expected / rate)),
            Seen::Count { observed, expected } => finite(ln_shape_kernel(shape, rate, observed, expected) - libm::log(observed)),
            Seen::Cost { ratio: 0.0, .. } => None,
            Seen::Cost { ratio, effective } => finite(ln_shape_kernel(shape, rate, effective, effective * ratio) - libm::log(ratio)),
        }
    }

    /// What [`Component::ln_marginal`] is but for a term that all components
    /// share; it has a value at a ratio of zero too.
    fn ln_weight(self, seen: Seen) -> Option<f64> {
        let Seen::Cost { ratio: 0.0, effective } = seen else { return self.ln_marginal(seen) };
        finite(ln_gamma(self.shape + effective)? - ln_gamma(self.shape)? - effective * libm::log(self.rate))
    }

    fn after(self, seen: Seen) -> Self {
        match seen {
            Seen::Count { observed, expected } => Self { shape: self.shape + observed, rate: self.rate + expected },
            Seen::Cost { ratio, effective } => Self { shape: self.shape + effective, rate: self.rate + effective * ratio },
        }
    }
}

impl Seen {
    /// Itself, where it can have been seen.
    fn within(self) -> Option<Self> {
        let possible = match self {
            Self::Count { observed, expected } => {
                observed >= 0.0 && observed.is_finite() && expected.is_finite() && (expected > 0.0 || expected == 0.0 && observed == 0.0)
            }
            Self::Cost { ratio, effective } => ratio >= 0.0 && ratio.is_finite() && positive(effective),
        };
        possible.then_some(self)
    }

    fn family(self) -> Family {
        match self {
            Self::Count { .. } => Family::Counts,
            Self::Cost { .. } => Family::Costs,
        }
    }
}

impl Prior {
    /// A prior of ordinary peers and, if there are enough to fit it, an outlier
    /// component with its weight in [0, 1]. Where hyperparameters are written
    /// (α₁, β₁, α₂, β₂, P), as DuMouchel does, the first component is the outlier
    /// one and P its weight.
    pub fn new(family: Family, ordinary: Component, outlier: Option<(f64, Component)>) -> Result<Self, PriorError> {
        let checked = |component: Component, shape, rate| {
            if !positive(component.shape) || component.shape > SHAPE_MAX {
                return Err(shape);
            }
            if positive(component.rate) { Ok(()) } else { Err(rate) }
        };
        checked(ordinary, PriorError::OrdinaryShape, PriorError::OrdinaryRate)?;
        if let Some((weight, component)) = outlier {
            checked(component, PriorError::OutlierShape, PriorError::OutlierRate)?;
            if !(0.0..=1.0).contains(&weight) {
                return Err(PriorError::OutlierWeight);
            }
        }
        let peers = Mixture { family, ordinary, outlier: None };
        let limit = peers.quantile(PEERS_BELOW_LIMIT).ok_or(PriorError::Limit)?.max(MATERIAL_RATIO);
        Ok(Self { mixture: Mixture { family, ordinary, outlier }, limit })
    }

    /// L = max(1.2, 97.5 % quantile of the ordinary component).
    pub fn limit(&self) -> f64 {
        self.limit
    }

    pub fn mixture(&self) -> &Mixture {
        &self.mixture
    }

    /// The distribution of a unit's true ratio after what was seen of it.
    /// Domain: O ≥ 0, E > 0 (both may be zero), R ≥ 0, k > 0, all finite, and of
    /// the prior's family.
    pub fn posterior(&self, seen: Seen) -> Option<Mixture> {
        let seen = seen.within().filter(|seen| seen.family() == self.mixture.family)?;
        let Mixture { family, ordinary, outlier } = self.mixture;
        let outlier = match outlier {
            None => None,
            Some((weight, component)) => {
                let difference = ordinary.ln_weight(seen)? - component.ln_weight(seen)?;
                let odds = libm::exp(difference + libm::log(1.0 - weight) - libm::log(weight));
                // Weights of 0 and 1 stay what they are, whatever was seen.
                let weight = if weight == 0.0 || weight == 1.0 { weight } else { 1.0 / (1.0 + odds) };
                Some((weight, component.after(seen)))
            }
        };
        let posterior = Mixture { family, ordinary: ordinary.after(seen), outlier };
        posterior.parts().all(|(_, part)| part.shape <= SHAPE_MAX && part.rate.is_finite()).then_some(posterior)
    }

    /// All that is told of a unit: `alert` where P(λ > L) > 0.95, else `watch`
    /// where P(λ > 1.2) > 0.95. `None` out of the domain of
    /// [`Prior::posterior`], and where the posterior of a cost has no mean.
    pub fn judge(&self, seen: Seen) -> Option<Judgment> {
        let posterior = self.posterior(seen)?;
        let (p_material, p_limit) = (posterior.survival(MATERIAL_RATIO)?, posterior.survival(self.limit)?);
        let decision = if p_limit > CERTAINTY {
            Decision::Alert
        } else if p_material > CERTAINTY {
            Decision::Watch
        } else {
            Decision::None
        };
        Some(Judgment {
            outlier_weight: posterior.outlier_weight(),
            eb_mean: posterior.mean()?,
            ebgm: posterior.geometric_mean()?,
            eb05: posterior.quantile(1.0 - CERTAINTY)?,
            eb95: posterior.quantile(CERTAINTY)?,
            p_material,
            p_limit,
            limit: self.limit,
            decision,
        })
    }
}

impl Judgment {
    /// (EB mean − 1) · E: what is above the expectation once shrunk, in the unit
    /// of `expected`. Work queues are ordered by it.
    pub fn excess(&self, expected: f64) -> Option<f64> {
        finite((self.eb_mean - 1.0) * expected)
    }
}

impl Mixture {
    /// Components that have weight, with it.
    fn parts(&self) -> impl Iterator<Item = (f64, Component)> {
        [Some((1.0 - self.outlier_weight(), self.ordinary)), self.outlier].into_iter().flatten().filter(|(weight, _)| *weight > 0.0)
    }

    /// The weighted sum of what each component gives.
    fn sum(&self, of: impl Fn(Component) -> Option<f64>) -> Option<f64> {
        let mut sum = 0.0;
        for (weight, part) in self.parts() {
            sum += weight * of(part)?;
        }
        finite(sum)
    }

    /// Weight of the outlier component: Q = w f₁ / (w f₁ + (1−w) f₂) after what
    /// was seen.
    pub fn outlier_weight(&self) -> f64 {
        self.outlier.map_or(0.0, |(weight, _)| weight)
    }

    /// E λ: a/b of counts, b/(a−1) of costs. `None` where a cost's shape is at
    /// most 1.
    pub fn mean(&self) -> Option<f64> {
        self.sum(|part| self.moments(part).map(|(mean, _)| mean))
    }

    /// √Var λ. `None` where a cost's shape is at most 2.
    pub fn sd(&self) -> Option<f64> {
        let mean = self.mean()?;
        let variance = self.sum(|part| {
            let (own, variance) = self.moments(part)?;
            Some(variance? + (own - mean) * (own - mean))
        });
        finite(libm::sqrt(variance?))
    }

    /// Mean and variance of a component.
    fn moments(&self, Component { shape, rate }: Component) -> Option<(f64, Option<f64>)> {
        match self.family {
            Family::Counts => Some((shape / rate, Some(shape / rate / rate))),
            Family::Costs if shape > 1.0 => {
                let mean = rate / (shape - 1.0);
                Some((mean, (shape > 2.0).then(|| mean * mean / (shape - 2.0))))
            }
            Family::Costs => None,
        }
    }

    /// exp(E ln λ); of counts EBGM = exp(Q(ψ(a₁+O) − ln(b₁+E)) + (1−Q)(…))
    /// (DuMouchel 1999).
    pub fn geometric_mean(&self) -> Option<f64> {
        let ln = self.sum(|Component { shape, rate }| {
            let ln = digamma(shape)? - libm::log(rate);
            Some(if self.family == Family::Counts { ln } else { -ln })
        });
        finite(libm::exp(ln?))
    }

    /// P(λ ≤ t) for a finite t ≥ 0.
    pub fn cdf(&self, t: f64) -> Option<f64> {
        self.tail(t, gamma_p, gamma_q)
    }

    /// P(λ > t) for a finite t ≥ 0.
    pub fn survival(&self, t: f64) -> Option<f64> {
        self.tail(t, gamma_q, gamma_p)
    }

    fn tail(&self, t: f64, counts: fn(f64, f64) -> Option<f64>, costs: fn(f64, f64) -> Option<f64>) -> Option<f64> {
        if !(t >= 0.0 && t.is_finite()) {
            return None;
        }
        let tail = match self.family {
            Family::Counts => self.sum(|part| counts(part.shape, part.rate * t)),
            // rate / t, which may be out of range for the smallest t.
            Family::Costs => self.sum(|part| costs(part.shape, (part.rate / t).min(f64::MAX))),
        };
        tail.map(|tail| tail.min(1.0))
    }

    /// Density at t > 0 (each component: its own), as the slope of the cdf.
    fn density(&self, t: f64) -> f64 {
        let own = |part: Component| {
            let x = if self.family == Family::Counts { part.rate * t } else { part.rate / t };
            part.shape * libm::exp(ln_poisson(part.shape, x)) / t
        };
        self.parts().map(|(weight, part)| weight * own(part)).sum()
    }

    /// The t with P(λ ≤ t) = p, for 0 < p < 1: EB05 for 0.05.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        if !(p > 0.0 && p < 1.0) {
            return None;
        }
        let own = |part: Component| match self.family {
            Family::Counts => gamma_quantile(part.shape, p).map(|x| x / part.rate),
            Family::Costs => gamma_quantile_upper(part.shape, p).map(|x| part.rate / x),
        };
        let (mut lo, mut hi) = (f64::INFINITY, 0.0_f64);
        for (_, part) in self.parts() {
            let quantile = own(part)?;
            (lo, hi) = (lo.min(quantile), hi.max(quantile));
        }
        if lo == hi || !hi.is_finite() {
            return finite(hi);
        }
        // The smaller tail carries the digits.
        let rising = |t: f64| {
            let miss = if p <= 0.5 { self.cdf(t).map(|cdf| cdf - p) } else { self.survival(t).map(|survival| 1.0 - p - survival) };
            (miss.unwrap_or(0.0), self.density(t))
        };
        finite(root(lo, hi, rising))
    }
}
