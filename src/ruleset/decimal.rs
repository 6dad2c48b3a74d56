//! Numbers in files, exactly as written: a threshold of 0.1 is one tenth and
//! no binary neighbor of it.

use std::cmp::Ordering;
use std::fmt;

/// `units` / 10^`scale`. Compares by value, so 2.5 equals 2.50; prints the
/// places as written.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    units: i128,
    scale: u32,
}

/// Digits that a number in a file may have; far more than any column holds.
const DIGITS_MAX: usize = 18;

impl Decimal {
    pub fn from_int(value: i64) -> Self {
        Self { units: i128::from(value), scale: 0 }
    }

    /// Reads `-12`, `0.25`; no exponent, no plus sign, at most 18 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (digits, ""),
        };
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits || whole.len() + fraction.len() > DIGITS_MAX {
            return None;
        }
        let magnitude: i128 = format!("{whole}{fraction}").parse().ok()?;
        let units = if text.starts_with('-') { -magnitude } else { magnitude };
        Some(Self { units, scale: u32::try_from(fraction.len()).ok()? })
    }

    /// The value as an integer, if it is one.
    pub fn to_i64(self) -> Option<i64> {
        let unit = 10_i128.pow(self.scale);
        (self.units % unit == 0).then_some(self.units / unit).and_then(|value| i64::try_from(value).ok())
    }

    /// The value times 10^`places`, if it is an integer then.
    pub fn scaled(self, places: u32) -> Option<i64> {
        let value = self.units.checked_mul(10_i128.checked_pow(places)?)?;
        Self { units: value, scale: self.scale }.to_i64()
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // 18 digits shifted by at most 18 places stay within 36 of i128's 38.
        (self.units * 10_i128.pow(other.scale)).cmp(&(other.units * 10_i128.pow(self.scale)))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.units);
        }
        let unit = 10_u128.pow(self.scale);
        let magnitude = self.units.unsigned_abs();
        let sign = if self.units < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = self.scale as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places_and_compare_by_value() {
        for text in ["0", "-12", "0.20", "2.50", "-0.05", "123456789012345678", "0.12345678901234567"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Decimal::parse("2.5"), Decimal::parse("2.500"));
        assert!(Decimal::parse("-0.1") < Decimal::parse("0"));
        assert_eq!(Decimal::parse("3.00").unwrap().to_i64(), Some(3));
        assert_eq!(Decimal::parse("3.01").unwrap().to_i64(), None);
        assert_eq!(Decimal::parse("0.2").unwrap().scaled(4), Some(2000));
    }

    #[test]
    fn other_texts_are_no_number() {
        for text in ["", "-", "+1", "1.", ".5", "1e3", "0x10", "1_000", "１２", "1234567890123456789", "nan"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
