//! What is told of a unit: a ratio with all that it is computed from, or the
//! reason why there is none, and the limits that decide.

use crate::base::ids::Digest;
use crate::reference::baseline_tables::Grain;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::UnitKind;
use crate::stats::oe;
use crate::stats::shrinkage::Decision;
use crate::stats::shrinkage::Judgment;
use crate::window::group::Text;

use super::times;

/// What the numbers of a [`Ratio`] are computed by; it changes with them.
pub const FORMULA: &str = "ratio-1";
/// Cells that a ratio tells: where to begin to read.
pub const TOP_CELLS: usize = 5;
/// What a conclusion needs beside certainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Least (EB mean − 1) · E of an alert, in the fixed point of the indicator.
    pub min_excess: i64,
    /// The same of the share of cases or lines over the ceiling, in these.
    pub min_excess_cases: i64,
    /// Least part of all cases that is counted, in percent; below it watch at most.
    pub coverage_min: i64,
    /// Least part of the expected cases that the institution told, in percent;
    /// below it nothing is concluded.
    pub completeness_min: i64,
    /// Fewest counted cases, or lines, that something is concluded from.
    pub cases_min: i64,
}

impl GroupLimits {
    /// 5,000 元, in 分: less is not worth an investigator's day.
    pub const MIN_EXCESS_AMOUNT: i64 = 500_000;
    /// As many as [`oe::CASES_MIN`]: what fewer cases cannot show, fewer cases
    /// above the expectation cannot either.
    pub const MIN_EXCESS_CASES: i64 = oe::CASES_MIN;
    /// With more than one case in five outside, the cells say too little of the unit.
    pub const COVERAGE_MIN: i64 = 80;
    /// A month of which more than one case in ten is missing is not yet that month.
    pub const COMPLETENESS_MIN: i64 = 90;

    /// The documented limits, with the indicator's own least excess.
    pub fn with(min_excess: i64) -> Self {
        Self {
            min_excess,
            min_excess_cases: Self::MIN_EXCESS_CASES,
            coverage_min: Self::COVERAGE_MIN,
            completeness_min: Self::COMPLETENESS_MIN,
            cases_min: oe::CASES_MIN,
        }
    }
}

/// Why nothing is concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// The baseline has the cell of no case, or does not know the indicator.
    NoBaselineCells,
    /// The baseline does not say how many cases there should be.
    NoExpectedCases,
    /// Too many of the expected cases are missing, or a retraction came before
    /// its case.
    Incomplete,
    NoPrior,
    TooFewCases,
    ZeroExpected,
    /// The cells do not vary, so that any difference would be certain.
    NoVariance,
    /// Refunds exceed what was charged.
    NegativeObserved,
    /// A number is too large to be told.
    Overflow,
}

impl Unknown {
    pub const ALL: [Self; 9] = [
        Self::NoBaselineCells,
        Self::NoExpectedCases,
        Self::Incomplete,
        Self::NoPrior,
        Self::TooFewCases,
        Self::ZeroExpected,
        Self::NoVariance,
        Self::NegativeObserved,
        Self::Overflow,
    ];

    /// As it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoBaselineCells => "no_baseline_cells",
            Self::NoExpectedCases => "no_expected_cases",
            Self::Incomplete => "incomplete",
            Self::NoPrior => "no_prior",
            Self::TooFewCases => "too_few_cases",
            Self::ZeroExpected => "zero_expected",
            Self::NoVariance => "no_variance",
            Self::NegativeObserved => "negative_observed",
            Self::Overflow => "overflow",
        }
    }
}

/// A part of a whole. `Default`: nothing of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub part: i128,
    pub whole: i128,
}

impl Part {
    /// `None` where the whole is not positive.
    pub fn share(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    /// Whether it is so many percent of the whole.
    pub(super) fn at_least(self, percent: i64) -> Result<bool, Unknown> {
        Ok(times(self.part, 100)? >= times(self.whole, percent.into())?)
    }
}

/// What one cell adds; in the fixed point of the ratio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellPart {
    pub cell: Text,
    pub n: i64,
    pub observed: i128,
    pub expected: i128,
}

/// What is told of a unit. `observed` and `expected` count in ten to the minus
/// `decimals` of 元, days, things, cases or lines; `variance` in its square.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    pub measure: Measure,
    /// What is counted: cases, or lines.
    pub grain: Grain,
    pub unit_kind: UnitKind,
    pub decimals: u32,
    /// Cases, or lines, in O and E.
    pub n: i128,
    pub observed: i128,
    pub expected: i128,
    pub variance: i128,
    /// O / E with the values as they were and not capped; of
    /// [`Measure::Expected`] alone.
    pub raw: Option<f64>,
    /// O / E.
    pub ratio: f64,
    /// k = E² / V: the cases of mean size that E is worth. Of counts that are
    /// Poisson, E itself.
    pub effective: f64,
    /// Shrunken ratio, its limits, the limit L of peers and how sure it is; its
    /// `decision` is that of certainty alone.
    pub judgment: Judgment,
    /// The decision that is left when coverage and materiality were asked for too.
    pub tier: Decision,
    /// (EB mean, to four digits, − 1) · E.
    pub excess: i128,
    /// Counted cases, or lines, of all of the unit.
    pub coverage: Part,
    /// Cases that the institution told of those expected, both in
    /// ten-thousandths of a case.
    pub completeness: Part,
    /// By O − E falling, then by name; [`TOP_CELLS`] at most.
    pub top: Vec<CellPart>,
    /// Of the version that E comes from.
    pub baseline: Digest,
    pub formula: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Unknown(Unknown),
    Judged(Box<Ratio>),
}
