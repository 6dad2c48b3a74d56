//! A rule's parameters: `param.x` stands for a constant, which changes on
//! given days and which an area may override.

use std::collections::BTreeMap;

use datafusion_common::ScalarValue;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// `unscaled` divided by ten to the power of `scale`.
    Number {
        unscaled: i128,
        scale: u8,
    },
    Text(String),
}

impl ParamValue {
    /// Reads a plain decimal number such as `7`, `-1` or `0.20`, of at most 30 digits.
    pub fn number(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let dot_without_digits = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || dot_without_digits || !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() > 30 {
            return None;
        }
        let magnitude: i128 = format!("{whole}{fraction}").parse().ok()?;
        Some(Self::Number { unscaled: if negative { -magnitude } else { magnitude }, scale: u8::try_from(fraction.len()).ok()? })
    }
}

impl From<i64> for ParamValue {
    fn from(value: i64) -> Self {
        Self::Number { unscaled: i128::from(value), scale: 0 }
    }
}

/// A parameter with its overrides.
#[derive(Clone, Debug)]
pub struct Param {
    pub default: ParamValue,
    /// By prefix of the area; the longest prefix that fits wins, on every day.
    pub by_area: BTreeMap<String, ParamValue>,
    /// What holds instead of the default from the begin of a day on, in
    /// seconds of civil time; in order.
    pub by_date: Vec<(i64, ParamValue)>,
}

/// The parameters of one rule.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// The qualified column that holds the area, such as `header.area`. Needed
    /// if a parameter has overrides. Where it is NULL such a parameter is NULL
    /// too: which limit holds is not known.
    pub area_column: Option<String>,
    /// The qualified column that holds the time of the fact. Needed if a
    /// parameter has values by date.
    pub time_column: Option<String>,
    pub values: BTreeMap<String, Param>,
}

/// The values of a parameter as literals of one type.
pub(super) struct Literals<'a> {
    pub default: ScalarValue,
    /// From the longest prefix to the shortest.
    pub areas: Vec<(&'a str, ScalarValue)>,
    /// From the last day to the first.
    pub dates: Vec<(i64, ScalarValue)>,
}

impl Param {
    /// `None` if text and numbers are mixed.
    pub(super) fn literals(&self) -> Option<Literals<'_>> {
        let all = || std::iter::once(&self.default).chain(self.by_area.values()).chain(self.by_date.iter().map(|(_, value)| value));
        let scale = all().map(|value| if let ParamValue::Number { scale, .. } = value { *scale } else { 0 }).max().unwrap_or(0);
        let texts = all().filter(|value| matches!(value, ParamValue::Text(_))).count();
        if texts != 0 && texts != all().count() {
            return None;
        }
        let rescaled = |value: &ParamValue| match value {
            ParamValue::Number { unscaled, scale: own } => unscaled.checked_mul(10_i128.pow(u32::from(scale - own))),
            ParamValue::Text(_) => Some(0),
        };
        let numbers: Option<Vec<i128>> = all().map(rescaled).collect();
        let digits = numbers?.iter().map(|number| number.unsigned_abs().to_string().len()).max().unwrap_or(1);
        let precision = u8::try_from(digits.max(usize::from(scale) + 1)).ok().filter(|precision| *precision <= 38)?;
        let literal = |value: &ParamValue| match value {
            ParamValue::Text(text) => Some(ScalarValue::Utf8(Some(text.clone()))),
            ParamValue::Number { unscaled, .. } if scale == 0 => {
                i64::try_from(*unscaled).ok().map(|number| ScalarValue::Int64(Some(number)))
            }
            number => rescaled(number).map(|number| ScalarValue::Decimal128(Some(number), precision, i8::try_from(scale).unwrap_or(0))),
        };
        let mut areas = Vec::with_capacity(self.by_area.len());
        for (prefix, value) in &self.by_area {
            areas.push((prefix.as_str(), literal(value)?));
        }
        areas.sort_by_key(|(prefix, _)| (usize::MAX - prefix.len(), *prefix));
        let dates: Option<Vec<_>> = self.by_date.iter().rev().map(|(from, value)| Some((*from, literal(value)?))).collect();
        Some(Literals { default: literal(&self.default)?, areas, dates: dates? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain_decimals() {
        for (text, unscaled, scale) in [("7", 7, 0), ("-1", -1, 0), ("0.20", 20, 2), ("-0.5", -5, 1)] {
            assert_eq!(ParamValue::number(text), Some(ParamValue::Number { unscaled, scale }), "{text}");
        }
        for text in ["", ".5", "5.", "1e3", "+1", "--1", "-", "1.2.3", "１"] {
            assert_eq!(ParamValue::number(text), None, "{text}");
        }
    }
}
