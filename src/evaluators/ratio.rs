//! Whether a unit has more than its baseline expects of such cases: observed
//! over expected, shrunken to what peers are.
//!
//! Sums, expectations and thresholds are whole numbers; floats begin where a
//! ratio is divided. What cannot be told is `Unknown` with a reason that is
//! counted, never an infinite ratio. Only cases of known value whose cell the
//! baseline has enter O and E; all others lower the coverage.

mod line;
mod outcome;
pub mod over;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::base::decimal::divide_round;
use crate::base::ids::Digest;
use crate::reference::baseline;
use crate::reference::baseline::Baseline;
use crate::reference::baseline::Cell;
use crate::reference::baseline::Indicator;
use crate::reference::baseline_tables::Case;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::Model;
use crate::reference::baseline_tables::SHARE_PLACES;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::stratum::CASES_OF_CEILING;
use crate::reference::stratum::CASES_OF_MEAN;
use crate::reference::validity::Validity;
use crate::stats::shrinkage::Component;
use crate::stats::shrinkage::Decision;
use crate::stats::shrinkage::Family;
use crate::stats::shrinkage::Prior;
use crate::stats::shrinkage::Seen;
use crate::window::calendar::Span;
use crate::window::group::Sums;
use crate::window::view::Cells;

pub use line::alert_from;
pub use outcome::CellPart;
pub use outcome::FORMULA;
pub use outcome::GroupLimits;
pub use outcome::Outcome;
pub use outcome::Part;
pub use outcome::Ratio;
pub use outcome::TOP_CELLS;
pub use outcome::Unknown;

/// Share of one case, in the fixed point of rates.
const SHARE_ONE: i128 = 10_i128.pow(SHARE_PLACES);
/// Digits of an EB mean that its excess is computed from, so that who has the
/// printed numbers gets the printed excess.
const EXCESS_STEPS: i128 = 10_000;

/// Cases that an institution told for a pane, and those that were expected.
/// Its departments and doctors are as complete as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// See [`cases`].
    pub cases: i128,
    /// In ten-thousandths of a case; see [`expected_cases`].
    pub expected: Option<i128>,
}

/// A unit that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    pub kind: UnitKind,
    pub peer_class: Option<&'a str>,
    pub cells: &'a Cells,
    /// Place of the indicator in the rows of `cells`.
    pub index: usize,
    pub told: Told,
}

/// All cases of the sums, with those that are unmatched or of unknown value.
pub fn cases(cells: &Cells, index: usize) -> i128 {
    cells.values().filter_map(|row| row.get(index)).map(|sums| i128::from(sums.n) + i128::from(sums.unknown)).sum()
}

/// Cases that a pane should have, in ten-thousandths of a case; `None` unless
/// the baseline says so of each of its months.
pub fn expected_cases(baseline: &Baseline, institution: &str, span: Span, case: Case) -> Option<i128> {
    let mut month = span.start();
    let mut sum = 0;
    while month <= span.last() {
        let of = baseline::Month::of_day(month.start().day())?;
        sum += i128::from(baseline.expected(institution, of, case)?);
        month = month.plus(1);
    }
    Some(sum)
}

/// One indicator of a baseline, by the names of its cells over some days.
#[derive(Clone, Debug)]
pub struct Standard<'a> {
    digest: Digest,
    indicator: Option<&'a Indicator>,
    /// By the text of their place; `None` where two rows of one place share
    /// these days, since a name does not tell which of them a case met.
    cells: BTreeMap<String, Option<&'a Cell>>,
}

/// What is expected of one case of a cell.
struct Usual {
    mean: i128,
    variance: i128,
}

/// Sums over the cells that count.
#[derive(Default)]
struct Counted {
    n: i128,
    all: i128,
    observed: i128,
    expected: i128,
    variance: i128,
    raw: i128,
    cells: Vec<CellPart>,
    /// A case is not there yet whose retraction is.
    under_way: bool,
}

impl<'a> Standard<'a> {
    /// `days`: those of the pane.
    pub fn new(baseline: &'a Baseline, indicator: &str, days: Validity) -> Self {
        let indicator = baseline.indicator(indicator);
        let mut cells = BTreeMap::new();
        for cell in indicator.into_iter().flat_map(Indicator::cells).filter(|cell| cell.validity.overlaps(days)) {
            cells.entry(cell.place.to_string()).and_modify(|known| *known = None).or_insert(Some(cell));
        }
        Self { digest: baseline.digest(), indicator, cells }
    }

    /// O/E of a unit.
    pub fn judge(&self, unit: &Unit<'_>, limits: &GroupLimits) -> Outcome {
        self.outcome(unit, Measure::Expected, limits)
    }

    fn outcome(&self, unit: &Unit<'_>, measure: Measure, limits: &GroupLimits) -> Outcome {
        match self.ratio(unit, measure, limits) {
            Ok(ratio) => Outcome::Judged(Box::new(ratio)),
            Err(reason) => Outcome::Unknown(reason),
        }
    }

    /// A cell of enough cases for what is asked of it.
    fn cell(&self, name: &str, measure: Measure) -> Option<&Cell> {
        let least = if measure == Measure::Expected { CASES_OF_MEAN } else { CASES_OF_CEILING };
        self.cells.get(name).copied().flatten().filter(|cell| cell.n >= least)
    }

    fn usual(&self, name: &str, measure: Measure) -> Option<Usual> {
        let cell = self.cell(name, measure)?;
        Some(match measure {
            Measure::Expected => Usual { mean: cell.mean.into(), variance: cell.variance },
            Measure::OverShare => {
                let rate = i128::from(cell.over?.rate);
                Usual { mean: rate, variance: rate * (SHARE_ONE - rate) }
            }
            Measure::OverAmount => {
                let over = cell.over?;
                Usual { mean: over.mean.into(), variance: over.variance }
            }
        })
    }

    fn count(&self, unit: &Unit<'_>, measure: Measure) -> Result<Counted, Unknown> {
        let mut counted = Counted::default();
        for (name, row) in unit.cells {
            let sums = row.get(unit.index).copied().unwrap_or_default();
            let n = i128::from(sums.n);
            counted.all += n + i128::from(sums.unknown);
            counted.under_way |= sums.n < 0 || sums.unknown < 0 || sums.n == 0 && (sums.value != 0 || sums.raw != 0);
            let Some((name, usual)) = name.as_ref().and_then(|name| Some((name, self.usual(name, measure)?))) else { continue };
            if sums.n == 0 {
                continue;
            }
            let (observed, expected) = (observed(sums, measure)?, times(n, usual.mean)?);
            counted.n += n;
            counted.observed = plus(counted.observed, observed)?;
            counted.expected = plus(counted.expected, expected)?;
            counted.variance = plus(counted.variance, times(n, usual.variance)?)?;
            counted.raw = plus(counted.raw, sums.raw)?;
            counted.cells.push(CellPart { cell: name.clone(), n: sums.n, observed, expected });
        }
        Ok(counted)
    }

    fn ratio(&self, unit: &Unit<'_>, measure: Measure, limits: &GroupLimits) -> Result<Ratio, Unknown> {
        let indicator = self.indicator.ok_or(Unknown::NoBaselineCells)?;
        let counted = self.count(unit, measure)?;
        if counted.cells.is_empty() {
            return Err(Unknown::NoBaselineCells);
        }
        let whole = unit.told.expected.filter(|expected| *expected > 0).ok_or(Unknown::NoExpectedCases)?;
        let completeness = Part { part: times(unit.told.cases, 10_000)?, whole };
        if counted.under_way || !completeness.at_least(limits.completeness_min)? {
            return Err(Unknown::Incomplete);
        }
        let known = indicator.prior(measure, unit.kind, unit.peer_class).ok_or(Unknown::NoPrior)?;
        let prior = prior(known).ok_or(Unknown::NoPrior)?;
        if counted.n < limits.cases_min.into() {
            return Err(Unknown::TooFewCases);
        }
        if counted.expected <= 0 {
            return Err(Unknown::ZeroExpected);
        }
        if counted.observed < 0 {
            return Err(Unknown::NegativeObserved);
        }
        let ratio = finite(counted.observed as f64 / counted.expected as f64)?;
        let (effective, seen) = seen(&counted, ratio, known.model, measure)?;
        let judgment = prior.judge(seen).ok_or(Unknown::Overflow)?;
        let excess = excess(judgment.eb_mean, counted.expected)?;
        let coverage = Part { part: counted.n, whole: counted.all };
        let least = match measure {
            Measure::OverShare => times(limits.min_excess_cases.into(), SHARE_ONE)?,
            Measure::Expected | Measure::OverAmount => limits.min_excess.into(),
        };
        let most = if coverage.at_least(limits.coverage_min)? && excess >= least { Decision::Alert } else { Decision::Watch };
        let raw = if measure == Measure::Expected { Some(finite(counted.raw as f64 / counted.expected as f64)?) } else { None };
        Ok(Ratio {
            measure,
            grain: indicator.grain,
            unit_kind: unit.kind,
            decimals: if measure == Measure::OverShare { SHARE_PLACES } else { indicator.unit.decimals() },
            n: counted.n,
            observed: counted.observed,
            expected: counted.expected,
            variance: counted.variance,
            raw,
            ratio,
            effective,
            judgment,
            tier: judgment.decision.min(most),
            excess,
            coverage,
            completeness,
            top: top(counted.cells)?,
            baseline: self.digest,
            formula: FORMULA,
        })
    }
}

fn observed(sums: Sums, measure: Measure) -> Result<i128, Unknown> {
    match measure {
        Measure::Expected => Ok(sums.value),
        Measure::OverShare => times(sums.over.into(), SHARE_ONE),
        Measure::OverAmount => Ok(sums.excess),
    }
}

/// Effective cases, and what a prior of this model is asked with. A share of
/// cases is a count; all other counts take the scaled Poisson form, R·k of k,
/// which is O of E where the cells vary as counts do.
fn seen(counted: &Counted, ratio: f64, model: Model, measure: Measure) -> Result<(f64, Seen), Unknown> {
    if (model, measure) == (Model::Counts, Measure::OverShare) {
        let one = SHARE_ONE as f64;
        let (observed, expected) = (counted.observed as f64 / one, counted.expected as f64 / one);
        return Ok((expected, Seen::Count { observed, expected }));
    }
    if counted.variance <= 0 {
        return Err(Unknown::NoVariance);
    }
    let expected = counted.expected as f64;
    let effective = finite(expected * (expected / counted.variance as f64))?;
    Ok(match model {
        Model::Counts => (effective, Seen::Count { observed: finite(ratio * effective)?, expected: effective }),
        Model::Costs => (effective, Seen::Cost { ratio, effective }),
    })
}

fn prior(known: &baseline::Prior) -> Option<Prior> {
    let component = |of: baseline::Component| Component { shape: of.shape, rate: of.rate };
    let family = match known.model {
        Model::Counts => Family::Counts,
        Model::Costs => Family::Costs,
    };
    let outlier = known.outlier.map(|(weight, of)| (weight, component(of)));
    Prior::new(family, component(known.ordinary), outlier).ok()
}

fn excess(eb_mean: f64, expected: i128) -> Result<i128, Unknown> {
    let steps = libm::round(eb_mean * EXCESS_STEPS as f64);
    // Beyond this a float has no four digits left.
    if !(0.0..1e15).contains(&steps) {
        return Err(Unknown::Overflow);
    }
    let product = times(steps as i128 - EXCESS_STEPS, expected)?;
    // Room for half a step on either side.
    plus(product.saturating_abs(), EXCESS_STEPS)?;
    Ok(divide_round(product, EXCESS_STEPS))
}

fn top(cells: Vec<CellPart>) -> Result<Vec<CellPart>, Unknown> {
    let beyond = |part: CellPart| Ok((part.observed.checked_sub(part.expected).ok_or(Unknown::Overflow)?, part));
    let mut ordered: Vec<(i128, CellPart)> = cells.into_iter().map(beyond).collect::<Result<_, _>>()?;
    ordered.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.cell.cmp(&other.cell)));
    ordered.truncate(TOP_CELLS);
    Ok(ordered.into_iter().map(|(_, part)| part).collect())
}

fn plus(a: i128, b: i128) -> Result<i128, Unknown> {
    a.checked_add(b).ok_or(Unknown::Overflow)
}

fn times(a: i128, b: i128) -> Result<i128, Unknown> {
    a.checked_mul(b).ok_or(Unknown::Overflow)
}

fn finite(value: f64) -> Result<f64, Unknown> {
    crate::stats::finite(value).ok_or(Unknown::Overflow)
}
