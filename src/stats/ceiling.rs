//! Over-ceiling ratios (超上限比): where a ceiling comes from, and what part of
//! a unit's cases and money is above it.

use crate::stats::finite;
use crate::stats::oe::Case;
use crate::stats::oe::Sums;
use crate::stats::oe::SumsError;
use crate::stats::quantile::Place;
use crate::stats::quantile::Sorted;

/// What a share of 1 is in the fixed point of `OverCeiling::cases`.
pub const SHARE_ONE: i64 = 1_000_000_000_000;

/// Mean and sample standard deviation of ln y. `None` with fewer than two
/// values or one that is not positive.
pub fn log_moments(values: &Sorted) -> Option<(f64, f64)> {
    let logs = logs(values)?;
    let n = logs.len() as f64;
    if logs.len() < 2 {
        return None;
    }
    let mean = logs.iter().sum::<f64>() / n;
    let squares: f64 = logs.iter().map(|ln| (ln - mean) * (ln - mean)).sum();
    Some((finite(mean)?, finite(libm::sqrt(squares / (n - 1.0)))?))
}

/// Geometric mean plus two standard deviations: exp(mean ln y + 2 sd ln y), in
/// the unit of the values (Cots et al. 2003). Domain of [`log_moments`].
pub fn geometric(values: &Sorted) -> Option<f64> {
    let (mean, sd) = log_moments(values)?;
    finite(libm::exp(mean + 2.0 * sd))
}

/// Q3 + `fences` · (Q3 − Q1) with type-7 quartiles (Tukey 1977); `fences` is 1.5
/// or 3.
pub fn tukey(values: &Sorted, fences: f64) -> Option<f64> {
    let (low, high) = (values.interpolated(250)?, values.interpolated(750)?);
    finite(high + fences * (high - low))
}

/// Tukey's fence of ln y, back on the scale of y. `None` where a value is not
/// positive.
pub fn log_tukey(values: &Sorted, fences: f64) -> Option<f64> {
    let logs = logs(values)?;
    let quartile = |level| Place::of(logs.len(), level)?.among(&logs);
    let (low, high) = (quartile(250)?, quartile(750)?);
    finite(libm::exp(high + fences * (high - low)))
}

/// `factor` times the arithmetic mean: 2 in the DIP specification (NHSA 2020).
pub fn times_mean(values: &Sorted, factor: f64) -> Option<f64> {
    finite(factor * values.mean()?)
}

fn logs(values: &Sorted) -> Option<Vec<f64>> {
    values.values().iter().map(|value| (*value > 0).then(|| libm::log(*value as f64))).collect()
}

/// One case under a ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// In fen, or another whole unit that both share. Not negative.
    pub amount: i64,
    pub ceiling: i64,
    /// π of the case's cell, in parts of [`SHARE_ONE`]: the share of baseline
    /// cases over the ceiling.
    pub expected_share: i64,
}

/// What a unit's cases come to against their ceilings. Each part is an O/E of
/// its own, so it merges, retracts and has errors as those do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverCeiling {
    /// O = cases over, E = Σπ, V = Σπ(1−π), in parts of [`SHARE_ONE`]: an
    /// indicator of counts.
    pub cases: Sums,
    /// O = spending of cases over, E = all spending.
    pub spend: Sums,
    /// O = money above the ceilings, E = all spending.
    pub amount: Sums,
}

/// Observed and expected number of cases over, and the variance of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Over {
    pub observed: f64,
    pub expected: f64,
    pub variance: f64,
}

impl Spending {
    /// One case each of the three parts.
    fn cases(self) -> Result<[Case; 3], SumsError> {
        let wrong = [
            (self.amount < 0, "amount"),
            (self.ceiling < 0, "ceiling"),
            (!(0..=SHARE_ONE).contains(&self.expected_share), "expected_share"),
        ];
        if let Some((_, name)) = wrong.into_iter().find(|(wrong, _)| *wrong) {
            return Err(SumsError::OutOfRange(name));
        }
        let rest = SHARE_ONE - self.expected_share;
        let over = self.amount > self.ceiling;
        let all = |observed| Case { observed, expected: self.amount, variance: 0 };
        Ok([
            Case {
                observed: if over { SHARE_ONE } else { 0 },
                expected: self.expected_share,
                variance: i128::from(self.expected_share) * i128::from(rest),
            },
            all(if over { self.amount } else { 0 }),
            all((self.amount - self.ceiling).max(0)),
        ])
    }
}

impl OverCeiling {
    /// With one case more.
    pub fn with(self, spending: Spending) -> Result<Self, SumsError> {
        let [cases, spend, amount] = spending.cases()?;
        Ok(Self { cases: self.cases.with(cases)?, spend: self.spend.with(spend)?, amount: self.amount.with(amount)? })
    }

    /// Without a case that was added before.
    pub fn without(self, spending: Spending) -> Result<Self, SumsError> {
        let [cases, spend, amount] = spending.cases()?;
        Ok(Self { cases: self.cases.without(cases)?, spend: self.spend.without(spend)?, amount: self.amount.without(amount)? })
    }

    /// The sums of both.
    pub fn merge(self, other: Self) -> Result<Self, SumsError> {
        Ok(Self { cases: self.cases.merge(other.cases)?, spend: self.spend.merge(other.spend)?, amount: self.amount.merge(other.amount)? })
    }

    /// The sums that, merged with `other`, give these.
    pub fn subtract(self, other: Self) -> Result<Self, SumsError> {
        Ok(Self {
            cases: self.cases.subtract(other.cases)?,
            spend: self.spend.subtract(other.spend)?,
            amount: self.amount.subtract(other.amount)?,
        })
    }

    /// Cases over their ceiling.
    pub fn over(&self) -> u64 {
        u64::try_from(self.cases.o / i128::from(SHARE_ONE)).unwrap_or(0)
    }

    /// What a prior of counts is asked with. `None` without cases.
    pub fn counts(&self) -> Option<Over> {
        if self.cases.n <= 0 {
            return None;
        }
        let one = SHARE_ONE as f64;
        Some(Over {
            observed: self.over() as f64,
            expected: finite(self.cases.e as f64 / one)?,
            variance: finite(self.cases.v as f64 / one / one)?,
        })
    }

    /// OCR_n: the share of cases over their ceiling.
    pub fn share_of_cases(&self) -> Option<f64> {
        (self.cases.n > 0).then(|| self.over() as f64 / self.cases.n as f64)
    }

    /// OCR_spend = (Σ y where y > U) / Σ y: the share of spending that cases over
    /// carry. `None` without spending.
    pub fn share_of_spend(&self) -> Option<f64> {
        self.spend.ratio()
    }

    /// OCR_amount = Σ max(0, y−U) / Σ y: the share of money above the ceilings.
    /// `None` without spending.
    pub fn share_of_amount(&self) -> Option<f64> {
        self.amount.ratio()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: i64 = SHARE_ONE / 10;

    #[test]
    fn three_shares_of_one_and_the_same_cases() {
        let under = Spending { amount: 600, ceiling: 600, expected_share: SHARE };
        let over = Spending { amount: 1400, ceiling: 1000, expected_share: SHARE };
        let sums = OverCeiling::default().with(under).unwrap().with(over).unwrap();
        assert_eq!((sums.share_of_cases(), sums.share_of_spend(), sums.share_of_amount()), (Some(0.5), Some(0.7), Some(0.2)));
        assert_eq!(sums.counts(), Some(Over { observed: 1.0, expected: 0.2, variance: 0.18 }));
        assert_eq!(sums.cases.ratio(), Some(5.0));
        let none = OverCeiling::default();
        assert_eq!(sums.without(over).unwrap().without(under), Ok(none));
        assert_eq!(sums.subtract(sums), Ok(none));
        assert_eq!((none.share_of_cases(), none.share_of_spend(), none.share_of_amount(), none.counts()), (None, None, None, None));
        for wrong in [Spending { amount: -1, ..over }, Spending { expected_share: SHARE_ONE + 1, ..over }, Spending { ceiling: -1, ..over }]
        {
            assert!(OverCeiling::default().with(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn logarithms_want_positive_values() {
        let values = |values: &[i64]| Sorted::new(values.to_vec());
        assert_eq!(geometric(&values(&[0, 5, 7])), None);
        assert_eq!(geometric(&values(&[5])), None);
        assert_eq!(log_tukey(&values(&[-1, 5]), 1.5), None);
        assert_eq!((tukey(&values(&[]), 1.5), log_tukey(&values(&[]), 1.5), times_mean(&values(&[]), 2.0)), (None, None, None));
        assert_eq!(times_mean(&values(&[2, 4]), 2.0), Some(6.0));
        assert_eq!(tukey(&values(&[2, 4]), f64::NAN), None);
    }
}
