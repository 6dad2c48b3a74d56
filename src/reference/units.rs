//! Units in which doses are told, and what one dose unit of a drug holds in
//! them: 5 mg of a tablet, 300 IU and 3 ml of a pen.

use crate::reference::sheet::scaled;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    Mass,
    Volume,
    /// What a drug does, counted in units of its own: IU of insulin.
    Activity,
}

/// Measuring units as they are written, and how many of the least one each is:
/// ng, μl, IU.
const UNITS: &[(&str, Dimension, i128)] = &[
    ("ng", Dimension::Mass, 1),
    ("纳克", Dimension::Mass, 1),
    ("μg", Dimension::Mass, 1_000),
    ("ug", Dimension::Mass, 1_000),
    ("mcg", Dimension::Mass, 1_000),
    ("微克", Dimension::Mass, 1_000),
    ("mg", Dimension::Mass, 1_000_000),
    ("毫克", Dimension::Mass, 1_000_000),
    ("g", Dimension::Mass, 1_000_000_000),
    ("克", Dimension::Mass, 1_000_000_000),
    ("μl", Dimension::Volume, 1),
    ("ul", Dimension::Volume, 1),
    ("微升", Dimension::Volume, 1),
    ("ml", Dimension::Volume, 1_000),
    ("毫升", Dimension::Volume, 1_000),
    ("l", Dimension::Volume, 1_000_000),
    ("升", Dimension::Volume, 1_000_000),
    ("iu", Dimension::Activity, 1),
    ("u", Dimension::Activity, 1),
    ("单位", Dimension::Activity, 1),
    ("国际单位", Dimension::Activity, 1),
    ("万iu", Dimension::Activity, 10_000),
    ("万u", Dimension::Activity, 10_000),
    ("万单位", Dimension::Activity, 10_000),
];

/// Places of an amount in a content.
const PLACES: u32 = 4;

/// What a unit measures and how many least units it is; `None` for one that
/// counts things (片, 支) or is not known.
pub fn measure(unit: &str) -> Option<(Dimension, i128)> {
    // There are two letters that look like a micro sign.
    let unit = unit.trim().replace('µ', "μ").to_lowercase();
    UNITS.iter().find(|(name, ..)| *name == unit).map(|(_, dimension, least)| (*dimension, *least))
}

/// Whether two texts name one unit. No text names none.
pub fn same_unit(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one.is_empty() || other.is_empty() {
        return false;
    }
    one.eq_ignore_ascii_case(other) || measure(one).is_some_and(|measured| measure(other) == Some(measured))
}

/// What one dose unit holds in one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    pub dimension: Dimension,
    /// Ten-thousandths of the least unit.
    pub amount: i128,
}

/// Reads amounts with their units and `;` between: `3ml;300IU`. `None` for
/// anything else, and where one dimension is told twice.
pub fn contents(text: &str) -> Option<Vec<Content>> {
    let mut contents: Vec<Content> = Vec::new();
    for part in text.split([';', '；']) {
        let part = part.trim();
        let digits = part.find(|ch: char| !ch.is_ascii_digit() && ch != '.')?;
        let (dimension, least) = measure(part.get(digits..)?)?;
        let amount = scaled(part.get(..digits)?, PLACES)?.checked_mul(least).filter(|amount| *amount > 0)?;
        if contents.iter().any(|other| other.dimension == dimension) {
            return None;
        }
        contents.push(Content { dimension, amount });
    }
    Some(contents)
}

/// `over / under`, exact; `under` is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    pub over: i128,
    pub under: i128,
}

impl Ratio {
    pub fn whole(number: i128) -> Self {
        Self { over: number, under: 1 }
    }
}

/// How many dose units `amount` of `unit` is; `None` where that cannot be told.
/// `contents`: what one dose unit holds.
pub fn dose_units(amount: i128, unit: &str, dose_unit: &str, contents: &[Content]) -> Option<Ratio> {
    if same_unit(unit, dose_unit) {
        return Some(Ratio::whole(amount));
    }
    let (dimension, least) = measure(unit)?;
    // A dose unit that measures holds itself: 1 ml of a syrup.
    if let Some((_, own)) = measure(dose_unit).filter(|(own, _)| *own == dimension) {
        return Some(Ratio { over: amount.checked_mul(least)?, under: own });
    }
    let content = contents.iter().find(|content| content.dimension == dimension)?;
    Some(Ratio { over: amount.checked_mul(least)?.checked_mul(10_i128.pow(PLACES))?, under: content.amount })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_amounts_with_units() {
        for (text, expect) in [
            ("5mg", Some(vec![(Dimension::Mass, 50_000_000_000)])),
            ("0.25 g", Some(vec![(Dimension::Mass, 2_500_000_000_000)])),
            ("3ml;300IU", Some(vec![(Dimension::Volume, 30_000_000), (Dimension::Activity, 3_000_000)])),
            ("80万单位", Some(vec![(Dimension::Activity, 8_000_000_000)])),
            ("5mg×14片", None),
            ("5mg;10mg", None),
            ("mg", None),
            ("0mg", None),
            ("5片", None),
            ("5", None),
            ("", None),
        ] {
            let found = contents(text).map(|all| all.iter().map(|one| (one.dimension, one.amount)).collect::<Vec<_>>());
            assert_eq!(found, expect, "{text}");
        }
    }

    #[test]
    fn amounts_become_dose_units_where_that_can_be_told() {
        // Amount and expectation in whole and thousandth parts of a unit.
        for (amount, unit, dose_unit, content, thousandths) in [
            (2, "片", "片", "", Some(2_000)),
            (10, "mg", "片", "5mg", Some(2_000)),
            (1, "g", "粒", "250mg", Some(4_000)),
            (125, "µg", "片", "0.25mg", Some(500)),
            (15, "IU", "支", "3ml;300IU", Some(50)),
            (15, "单位", "支", "3ml;300IU", Some(50)),
            (1, "ml", "支", "3ml;300IU", Some(333)),
            (10, "毫升", "ml", "", Some(10_000)),
            (1, "L", "ml", "", Some(1_000_000)),
            (1, "mg", "支", "3ml;300IU", None),
            (5, "mg", "片", "", None),
            (1, "粒", "片", "5mg", None),
            (1, "喷", "支", "3ml", None),
            (1, "", "", "", None),
        ] {
            let contents = contents(content).unwrap_or_default();
            let found = dose_units(amount, unit, dose_unit, &contents).map(|ratio| ratio.over * 1000 / ratio.under);
            assert_eq!(found, thousandths, "{amount} {unit} as {dose_unit} of {content}");
        }
    }
}
