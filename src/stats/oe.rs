//! Observed over expected from seven exact sums that merge and retract.

use std::fmt;

use crate::stats::finite;
use crate::stats::intervals::Interval;
use crate::stats::intervals::gamma_limits;
use crate::stats::intervals::log_scale;

/// Fewest cases of a window that something may be concluded from.
pub const CASES_MIN: i64 = 3;
/// Fewest cases at which the sandwich variance has seen the spread of costs.
pub const SANDWICH_CASES_MIN: i64 = 30;

/// What the cases of one unit, indicator and day come to.
///
/// `o`, `e` are in one fixed-point unit (fen for money, a fixed part of a case
/// for counts), `v`, `oo`, `oe`, `ee` in its square. Sums are of one version of
/// the baseline: those of two versions must not be merged. They form a group,
/// so a day may hold a retraction alone; then `n` is negative and no ratio is
/// told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub n: i64,
    pub o: i128,
    pub e: i128,
    pub v: i128,
    pub oo: i128,
    pub oe: i128,
    pub ee: i128,
}

/// What kept a case or sums from being taken in; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumsError {
    /// The sum named does not fit.
    Overflow(&'static str),
    /// The number named cannot be what it says, such as a negative variance.
    OutOfRange(&'static str),
}

impl fmt::Display for SumsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow(sum) => write!(f, "the sum `{sum}` of a ratio does not fit"),
            Self::OutOfRange(name) => write!(f, "the `{name}` of a case is out of range"),
        }
    }
}

impl std::error::Error for SumsError {}

/// One case: what was observed, what the baseline expects, and the variance of
/// the baseline's cell, the latter two not negative. Units as in [`Sums`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub observed: i64,
    pub expected: i64,
    pub variance: i128,
}

impl Case {
    fn sums(self) -> Result<Sums, SumsError> {
        if self.expected < 0 {
            return Err(SumsError::OutOfRange("expected"));
        }
        if self.variance < 0 {
            return Err(SumsError::OutOfRange("variance"));
        }
        // Products of two 64-bit numbers always fit.
        let (o, e) = (i128::from(self.observed), i128::from(self.expected));
        Ok(Sums { n: 1, o, e, v: self.variance, oo: o * o, oe: o * e, ee: e * e })
    }
}

impl Sums {
    /// These sums with one case more.
    pub fn with(self, case: Case) -> Result<Self, SumsError> {
        self.merge(case.sums()?)
    }

    /// These sums without a case that was added before: a correction or a
    /// cancellation.
    pub fn without(self, case: Case) -> Result<Self, SumsError> {
        self.subtract(case.sums()?)
    }

    /// The sums of both. Any order and grouping gives the same bits.
    pub fn merge(self, other: Self) -> Result<Self, SumsError> {
        self.combine(other, i64::checked_add, i128::checked_add)
    }

    /// The sums that, merged with `other`, give these.
    pub fn subtract(self, other: Self) -> Result<Self, SumsError> {
        self.combine(other, i64::checked_sub, i128::checked_sub)
    }

    fn combine(self, other: Self, cases: fn(i64, i64) -> Option<i64>, sums: fn(i128, i128) -> Option<i128>) -> Result<Self, SumsError> {
        let sum = |name, a, b| sums(a, b).ok_or(SumsError::Overflow(name));
        Ok(Self {
            n: cases(self.n, other.n).ok_or(SumsError::Overflow("n"))?,
            o: sum("o", self.o, other.o)?,
            e: sum("e", self.e, other.e)?,
            v: sum("v", self.v, other.v)?,
            oo: sum("oo", self.oo, other.oo)?,
            oe: sum("oe", self.oe, other.oe)?,
            ee: sum("ee", self.ee, other.ee)?,
        })
    }

    /// R = O / E (indirect standardization, Breslow & Day 1987); `None` without
    /// cases or where E ≤ 0.
    pub fn ratio(&self) -> Option<f64> {
        if self.n <= 0 || self.e <= 0 {
            return None;
        }
        finite(self.o as f64 / self.e as f64)
    }

    /// Standard error of R from the baseline's variances: √V / E. Stable at
    /// small n.
    pub fn se_baseline(&self) -> Option<f64> {
        self.ratio()?;
        if self.v < 0 {
            return None;
        }
        finite(libm::sqrt(self.v as f64) / self.e as f64)
    }

    /// Standard error of R from the cases themselves (linearization, the
    /// sandwich): √(n/(n−1) · Σ(O−RE)²) / E for n ≥ 2. Too small for skewed
    /// costs below [`SANDWICH_CASES_MIN`] cases. The sum is taken from ΣO², ΣOE
    /// and ΣE², so cases that all have the same O/E leave a rest of some 1e-8 R.
    pub fn se_sandwich(&self) -> Option<f64> {
        let ratio = self.ratio()?;
        if self.n < 2 {
            return None;
        }
        let squares = self.oo as f64 - 2.0 * ratio * self.oe as f64 + ratio * ratio * self.ee as f64;
        let n = self.n as f64;
        finite(libm::sqrt(n / (n - 1.0) * squares.max(0.0)) / self.e as f64)
    }

    /// k = E² / V: how many cases of a mean-sized variance the window is worth;
    /// R is about a gamma of shape k. `None` where V ≤ 0.
    pub fn effective_cases(&self) -> Option<f64> {
        self.ratio()?;
        if self.v <= 0 {
            return None;
        }
        let e = self.e as f64;
        finite(e * (e / self.v as f64))
    }

    /// R · exp(±z · se/R) with the sandwich error: the delta method on the log
    /// scale. `None` where R ≤ 0.
    pub fn delta_log(&self, confidence: f64) -> Option<Interval> {
        log_scale(self.ratio()?, self.se_sandwich()?, confidence)
    }

    /// R · exp(±z · se/R) with the baseline's error. `None` where R ≤ 0.
    pub fn baseline_log(&self, confidence: f64) -> Option<Interval> {
        log_scale(self.ratio()?, self.se_baseline()?, confidence)
    }

    /// The exact limits of a count of R·k events where k are expected (form of
    /// Fay & Feuer 1997): χ²(α/2; 2Rk)/(2k) and χ²(1−α/2; 2Rk+2)/(2k). `None`
    /// where R < 0.
    pub fn effective_count(&self, confidence: f64) -> Option<Interval> {
        let k = self.effective_cases()?;
        let limits = gamma_limits(self.ratio()? * k, confidence)?;
        Interval::of(limits.lo / k, limits.hi / k)
    }
}

/// The part of a unit's cases that a baseline cell was found for. `None`
/// without cases.
pub fn coverage(matched: u64, unmatched: u64) -> Option<f64> {
    let all = matched as f64 + unmatched as f64;
    (all > 0.0).then(|| matched as f64 / all)
}

/// Whether enough cases have a cell to conclude from them: at most one in ten
/// has none, and there are any.
pub fn covered(matched: u64, unmatched: u64) -> bool {
    let (matched, unmatched) = (u128::from(matched), u128::from(unmatched));
    matched > 0 && 10 * unmatched <= matched + unmatched
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Sums = Sums { n: 3, o: 600, e: 400, v: 40_000, oo: 140_000, oe: 90_000, ee: 60_000 };

    #[test]
    fn what_does_not_fit_is_told_and_never_wraps() {
        let full = Sums { ee: i128::MAX, ..ONE };
        assert_eq!(full.merge(ONE), Err(SumsError::Overflow("ee")));
        assert_eq!(Sums { n: i64::MIN, ..ONE }.subtract(ONE), Err(SumsError::Overflow("n")));
        let case = Case { observed: i64::MIN, expected: i64::MAX, variance: i128::MAX };
        assert_eq!(Sums::default().with(case).unwrap().oo, 1_i128 << 126);
        assert_eq!(ONE.with(case), Err(SumsError::Overflow("v")));
        assert_eq!(ONE.with(Case { expected: -1, ..case }), Err(SumsError::OutOfRange("expected")));
        assert_eq!(ONE.with(Case { variance: -1, ..case }), Err(SumsError::OutOfRange("variance")));
    }

    #[test]
    fn a_ratio_needs_cases_and_an_expectation() {
        assert_eq!(ONE.ratio(), Some(1.5));
        assert_eq!(ONE.se_baseline(), Some(0.5));
        assert_eq!(ONE.effective_cases(), Some(4.0));
        for none in [Sums::default(), Sums { e: 0, ..ONE }, Sums { e: -1, ..ONE }, Sums { n: -1, ..ONE }] {
            let told = [none.ratio(), none.se_baseline(), none.se_sandwich(), none.effective_cases()];
            assert_eq!(told, [None; 4], "{none:?}");
            assert_eq!(none.effective_count(0.95), None);
        }
        let flat = Sums { v: 0, n: 1, ..ONE };
        assert_eq!((flat.effective_cases(), flat.se_sandwich(), flat.se_baseline()), (None, None, Some(0.0)));
        assert_eq!(Sums { v: -1, ..ONE }.se_baseline(), None);
        let refunded = Sums { o: -5, ..ONE };
        assert_eq!((refunded.delta_log(0.95), refunded.effective_count(0.95)), (None, None));
    }

    #[test]
    fn one_case_in_ten_may_lack_a_cell() {
        for (matched, unmatched, expect) in [(9, 1, true), (8, 1, false), (90, 10, true), (0, 0, false), (0, 1, false), (1, 0, true)] {
            assert_eq!(covered(matched, unmatched), expect, "{matched} and {unmatched}");
        }
        assert_eq!(coverage(3, 1), Some(0.75));
        assert_eq!(coverage(0, 0), None);
    }
}
