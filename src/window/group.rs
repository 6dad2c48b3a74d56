//! What group rules count: definitions, the contributions of single cases, and
//! their exact sums.
//!
//! All numbers are integers in the fixed point of their indicator (分, days,
//! pieces), so that sums are equal to the bit whatever the order of adding.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::base::ids::Digest;
use crate::base::limits::GROUP_TEXT_BYTES_MAX;
use crate::base::limits::INDICATORS_MAX;
use crate::base::limits::MEASURE_MAX;

/// A code of an institution, department, doctor or cell; cheap to copy.
pub type Text = Arc<str>;

/// What is counted: unit, texts of the indicators, filter, exemptions, cells
/// and baseline version, all in one digest. Thresholds are no part of it.
/// Sums of two definitions are never added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Definition {
    digest: Digest,
    indicators: usize,
}

impl Definition {
    /// `None` unless there are 1 to [`INDICATORS_MAX`] indicators.
    pub fn new(digest: Digest, indicators: usize) -> Option<Self> {
        (1..=INDICATORS_MAX).contains(&indicators).then_some(Self { digest, indicators })
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many numbers are counted of each case.
    pub fn indicators(&self) -> usize {
        self.indicators
    }
}

/// Where inside an institution a case belongs; `None` sorts first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKey {
    /// `None`: the case has no department unit.
    pub department: Option<Text>,
    /// `None`: the case has no doctor unit.
    pub doctor: Option<Text>,
    /// The cell of the baseline; `None` for an unmatched case.
    pub cell: Option<Text>,
}

impl RowKey {
    /// Bytes of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.texts().map(|text| text.len()).sum()
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        [&self.department, &self.doctor, &self.cell].into_iter().flatten()
    }
}

/// What one observation, a case or a line, says about one indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    value: i64,
    raw: i64,
    over: Option<Over>,
}

/// What an observation over its ceiling adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// What was observed.
    pub value: i64,
    /// How far it lies above the ceiling.
    pub excess: i64,
}

impl Measure {
    /// `value` is capped at the cell's limit, `raw` is not; `over` is set where
    /// it lies over its ceiling. `None` if a number is beyond [`MEASURE_MAX`]:
    /// such an observation is not counted, but unknown.
    pub fn new(value: i64, raw: i64, over: Option<Over>) -> Option<Self> {
        let fits = |number: i64| number.unsigned_abs() <= MEASURE_MAX.unsigned_abs();
        let over_fits = over.is_none_or(|over| fits(over.value) && fits(over.excess));
        (fits(value) && fits(raw) && over_fits).then_some(Self { value, raw, over })
    }
}

/// One case, as it counts for one definition. What was added is kept with the
/// event and taken away again as it was, never computed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// `fixmedins_code`.
    pub institution: Text,
    pub key: RowKey,
    /// Days since 1970-01-01 on the civil calendar: the day of the pane time.
    pub day: i32,
    /// One for each indicator: of one observation, the case, or of many, its lines.
    pub sums: Vec<Sums>,
}

impl Contribution {
    /// Whether it may be gathered for `definition`.
    pub fn check(&self, definition: &Definition) -> Result<(), GroupFault> {
        let (known, found) = (definition.indicators, self.sums.len());
        if known != found {
            return Err(GroupFault::Indicators { definition: definition.digest, known, found });
        }
        match self.key.texts().chain([&self.institution]).find(|text| text.len() > GROUP_TEXT_BYTES_MAX) {
            Some(text) => Err(GroupFault::LongText { bytes: text.len() }),
            None => Ok(()),
        }
    }
}

/// Exact sums of one indicator over some observations: cases, or lines of cases
/// where each line has a ceiling of its own. A retraction that is on its way
/// without its case makes them negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Observations counted.
    pub n: i64,
    /// Observations of which the value is not known.
    pub unknown: i64,
    /// Observations over their ceiling.
    pub over: i64,
    /// Sum of the capped values.
    pub value: i128,
    /// Sum of the squares of the capped values.
    pub value_square: i128,
    /// Sum of the values as they were.
    pub raw: i128,
    /// Sum of what was observed over the ceilings.
    pub over_value: i128,
    /// Sum of what lies above the ceilings.
    pub excess: i128,
}

impl Sums {
    /// Of one observation.
    pub fn of(measure: Option<Measure>) -> Self {
        let Some(Measure { value, raw, over }) = measure else { return Self { unknown: 1, ..Self::default() } };
        let value = i128::from(value);
        Self {
            n: 1,
            unknown: 0,
            over: i64::from(over.is_some()),
            value,
            // At most 2^92.
            value_square: value * value,
            raw: raw.into(),
            over_value: over.map_or(0, |over| over.value.into()),
            excess: over.map_or(0, |over| over.excess.into()),
        }
    }

    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        self.with(other, i64::checked_add, i128::checked_add)
    }

    pub fn minus(self, other: Self) -> Result<Self, Overflow> {
        self.with(other, i64::checked_sub, i128::checked_sub)
    }

    fn with(
        self,
        other: Self,
        count: impl Fn(i64, i64) -> Option<i64>,
        amount: impl Fn(i128, i128) -> Option<i128>,
    ) -> Result<Self, Overflow> {
        let sums = || {
            Some(Self {
                n: count(self.n, other.n)?,
                unknown: count(self.unknown, other.unknown)?,
                over: count(self.over, other.over)?,
                value: amount(self.value, other.value)?,
                value_square: amount(self.value_square, other.value_square)?,
                raw: amount(self.raw, other.raw)?,
                over_value: amount(self.over_value, other.over_value)?,
                excess: amount(self.excess, other.excess)?,
            })
        };
        sums().ok_or(Overflow)
    }
}

/// The sums of all indicators of a definition, in their order.
pub type Row = Box<[Sums]>;

/// `to` with `more` added; a missing row is one of zeros. `None`: nothing is left.
pub fn plus(to: Option<&Row>, more: &[Sums]) -> Result<Option<Row>, Overflow> {
    let row: Row = match to {
        Some(row) => row.iter().zip(more).map(|(sums, more)| sums.plus(*more)).collect::<Result<_, _>>()?,
        None => more.into(),
    };
    Ok(row.iter().any(|sums| !sums.is_zero()).then_some(row))
}

/// Puts `row` where `key` is, or nothing.
pub(super) fn put<K: Ord>(rows: &mut BTreeMap<K, Row>, key: K, row: Option<Row>) {
    match row {
        Some(row) => rows.insert(key, row),
        None => rows.remove(&key),
    };
}

/// A sum that does not fit its integer. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sum of a group does not fit its integer")
    }
}

impl std::error::Error for Overflow {}

/// A contribution that cannot be gathered. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupFault {
    /// The definition counts other things than the contribution tells.
    Indicators {
        definition: Digest,
        known: usize,
        found: usize,
    },
    /// A code longer than [`GROUP_TEXT_BYTES_MAX`].
    LongText {
        bytes: usize,
    },
    Overflow,
}

impl From<Overflow> for GroupFault {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

impl fmt::Display for GroupFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Indicators { definition, known, found } => {
                write!(f, "definition {} has {known} indicators, and not {found}", definition.short())
            }
            Self::LongText { bytes } => write!(f, "a code of {bytes} bytes is longer than {GROUP_TEXT_BYTES_MAX}"),
            Self::Overflow => Overflow.fmt(f),
        }
    }
}

impl std::error::Error for GroupFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_counted_or_unknown() {
        let over = Over { value: 90, excess: 15 };
        let sums = Sums::of(Measure::new(-75, 90, Some(over)));
        let expect = Sums { n: 1, unknown: 0, over: 1, value: -75, value_square: 5625, raw: 90, over_value: 90, excess: 15 };
        assert_eq!(sums, expect);
        assert_eq!(Sums::of(None), Sums { unknown: 1, ..Sums::default() });
    }

    #[test]
    fn numbers_beyond_the_bound_are_unknown() {
        let over = |value, excess| Some(Over { value, excess });
        for (value, raw, over, counts) in [
            (MEASURE_MAX, -MEASURE_MAX, None, true),
            (MEASURE_MAX + 1, 0, None, false),
            (0, i64::MIN, None, false),
            (0, 0, over(MEASURE_MAX, MEASURE_MAX), true),
            (0, 0, over(MEASURE_MAX + 1, 0), false),
            (0, 0, over(0, -MEASURE_MAX - 1), false),
        ] {
            assert_eq!(Measure::new(value, raw, over).is_some(), counts, "{value} {raw} {over:?}");
        }
    }

    #[test]
    fn sums_refuse_to_wrap() {
        let square = Sums::of(Measure::new(MEASURE_MAX, 0, None)).value_square;
        assert!(square.checked_mul(1 << 34).is_some());
        let full = Sums { value_square: i128::MAX, ..Sums::default() };
        assert_eq!(full.plus(Sums { value_square: 1, ..Sums::default() }), Err(Overflow));
        let full = Sums { n: i64::MIN, ..Sums::default() };
        assert_eq!(full.minus(Sums { n: 1, ..Sums::default() }), Err(Overflow));
    }

    #[test]
    fn a_contribution_fits_its_definition() {
        let definition = Definition::new(Digest([7; 32]), 2).unwrap();
        let check = |bytes: usize, sums: usize| {
            let key = RowKey { doctor: Some("d".repeat(bytes).into()), ..RowKey::default() };
            Contribution { institution: "H1".into(), key, day: 0, sums: vec![Sums::default(); sums] }.check(&definition)
        };
        assert_eq!(check(GROUP_TEXT_BYTES_MAX, 2), Ok(()));
        assert_eq!(check(GROUP_TEXT_BYTES_MAX + 1, 2), Err(GroupFault::LongText { bytes: GROUP_TEXT_BYTES_MAX + 1 }));
        assert_eq!(check(1, 1), Err(GroupFault::Indicators { definition: Digest([7; 32]), known: 2, found: 1 }));
        assert_eq!(Definition::new(Digest([7; 32]), 0), None);
        assert_eq!(Definition::new(Digest([7; 32]), INDICATORS_MAX + 1), None);
    }
}
