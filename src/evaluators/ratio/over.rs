//! Over-ceiling ratios (超上限比) of a unit, from the sums that its O/E has.
//!
//! Three measures that are never mixed: observations over the ceiling of all,
//! what these spend of all spending, and what lies above the ceilings of all
//! spending. The first and the third are judged as O/E values of their own, the
//! second is shown. Observations are cases, each against the ceiling of its
//! cell, or lines, each against its own: an indicator is of one grain. Only
//! cells that say what is usual above ceilings count.

use crate::reference::baseline_tables::Measure;

use super::GroupLimits;
use super::Outcome;
use super::Part;
use super::Standard;
use super::Unit;
use super::Unknown;
use super::plus;

/// All that is told of a unit against its ceilings.
#[derive(Clone, Debug, PartialEq)]
pub struct OverCeiling {
    /// Cases (or lines) over the ceiling, of those that are usual (E = Σ n·rate).
    pub by_case: Outcome,
    /// Spending of those over the ceiling, of all spending; both not capped.
    pub by_spend: Part,
    /// What lies above the ceilings, of what is usual. The sums hold it up to
    /// the cap of the cell, as the baseline does.
    pub by_amount: Outcome,
    /// Cases (or lines) over the ceiling, of all.
    pub case_share: Part,
    /// What lies above the ceilings, of all spending, which is not capped.
    pub amount_share: Part,
}

impl Standard<'_> {
    /// Over-ceiling ratios of a unit; the parts are those of the cells that a
    /// judged ratio counts. An error where they cannot be summed.
    pub fn over_ceiling(&self, unit: &Unit<'_>, limits: &GroupLimits) -> Result<OverCeiling, Unknown> {
        let [mut case_share, mut by_spend, mut amount_share] = [Part::default(); 3];
        for (name, row) in unit.cells {
            let ceiling = name.as_ref().and_then(|name| self.usual(name, Measure::OverShare));
            let (Some(_), Some(sums)) = (ceiling, row.get(unit.index)) else { continue };
            case_share.add(sums.over.into(), sums.n.into())?;
            by_spend.add(sums.over_value, sums.raw)?;
            amount_share.add(sums.excess, sums.raw)?;
        }
        Ok(OverCeiling {
            by_case: self.outcome(unit, Measure::OverShare, limits),
            by_spend,
            by_amount: self.outcome(unit, Measure::OverAmount, limits),
            case_share,
            amount_share,
        })
    }
}

impl Part {
    fn add(&mut self, part: i128, whole: i128) -> Result<(), Unknown> {
        *self = Self { part: plus(self.part, part)?, whole: plus(self.whole, whole)? };
        Ok(())
    }
}
