//! Exact decimals: money, quantities and prices outside of Arrow columns.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// A decimal of `units` times ten to the minus `scale`. Written with exactly
/// `scale` places, in text and as a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub units: i128,
    pub scale: u8,
}

impl Decimal {
    pub fn new(units: i128, scale: u8) -> Self {
        Self { units, scale }
    }

    /// 元 from 分.
    pub fn yuan(fen: i64) -> Self {
        Self::new(i128::from(fen), 2)
    }

    /// The same number at another scale; digits cut off are rounded half away
    /// from zero.
    #[must_use]
    pub fn rescale(self, scale: u8) -> Self {
        let units = if scale >= self.scale {
            self.units.saturating_mul(pow10(scale - self.scale))
        } else {
            divide_round(self.units, pow10(self.scale - scale))
        };
        Self { units, scale }
    }

    /// Without trailing zeros beyond `places`.
    #[must_use]
    pub fn trim_to(self, places: u8) -> Self {
        let mut trimmed = self;
        while trimmed.scale > places && trimmed.units % 10 == 0 {
            trimmed.units /= 10;
            trimmed.scale -= 1;
        }
        trimmed
    }
}

/// Ten to the power `exponent`, for exponents a decimal can have.
pub fn pow10(exponent: u8) -> i128 {
    10_i128.checked_pow(u32::from(exponent)).unwrap_or(i128::MAX)
}

/// `a / b`, rounded half away from zero; `b` is positive.
pub fn divide_round(a: i128, b: i128) -> i128 {
    let half = b / 2;
    if a >= 0 { (a + half) / b } else { (a - half) / b }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = self.units.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let one = pow10(self.scale).unsigned_abs();
        write!(f, "{sign}{}.{:0width$}", digits / one, digits % one, width = usize::from(self.scale))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: sonic_rs::RawNumber = sonic_rs::from_str(&self.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

/// From a JSON number without an exponent, with the places that it is written with.
impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = sonic_rs::RawNumber::deserialize(deserializer)?;
        let text = number.as_str();
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let units = format!("{whole}{places}").parse().map_err(|_| serde::de::Error::custom("not a plain decimal number"))?;
        Ok(Self::new(units, u8::try_from(places.len()).map_err(serde::de::Error::custom)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_places() {
        for (units, scale, text) in [(1250, 2, "12.50"), (-5, 2, "-0.05"), (0, 2, "0.00"), (7, 0, "7"), (30_000, 4, "3.0000")] {
            let decimal = Decimal::new(units, scale);
            assert_eq!(decimal.to_string(), text);
            assert_eq!(sonic_rs::to_string(&decimal).unwrap(), text);
            assert_eq!(sonic_rs::from_str::<Decimal>(text).unwrap(), decimal);
        }
    }

    #[test]
    fn rescaling_rounds_half_away_from_zero() {
        for (units, expect) in [(12_345, "1.23"), (12_350, "1.24"), (-12_350, "-1.24"), (-12_349, "-1.23")] {
            assert_eq!(Decimal::new(units, 4).rescale(2).to_string(), expect);
        }
        assert_eq!(Decimal::new(30_000, 4).trim_to(0).to_string(), "3");
        assert_eq!(Decimal::new(30_100, 4).trim_to(2).to_string(), "3.01");
    }
}
