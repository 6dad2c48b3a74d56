//! Activations: which bundle of rules and references is in force from when on,
//! as the control topic tells it to every worker.

use serde::Deserialize;
use serde::Serialize;

use crate::engine::journal::Versions;
use crate::window::calendar::Month;

/// Rises when older programs would read a record wrongly.
pub const FORMAT: u32 = 1;

/// Digits of a digest that tell it apart from others.
const SHORT_DIGITS: usize = 16;

/// A rule set and a reference set, by their digests: whole ones in the control
/// topic and the store, their first digits in journals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BundleName {
    pub rules: String,
    pub references: String,
}

impl BundleName {
    /// What a journal entry was written under.
    pub fn of(versions: &Versions) -> Self {
        Self { rules: versions.rule_set.clone(), references: versions.references.clone() }
    }

    /// Whether both name the same, one of them perhaps by first digits only.
    pub fn is(&self, other: &Self) -> bool {
        let same = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
        same(&self.rules, &other.rules) && same(&self.references, &other.references)
    }
}

impl std::fmt::Display for BundleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule set {}, references {}", self.rules, self.references)
    }
}

/// A bundle put into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// From 1, rising by one.
    pub number: u64,
    pub bundle: BundleName,
    /// Cases from this month on are gathered by the bundle's definitions.
    pub groups_from: Month,
    /// When it was written, milliseconds since the Unix epoch: for people.
    pub wall_ms: i64,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    number: u64,
    rules: String,
    references: String,
    /// `yyyy-MM`
    groups_from: String,
    wall_ms: i64,
}

/// Records of a control topic that say nothing that can be followed.
#[derive(Debug, PartialEq, Eq)]
pub struct ActivationFault {
    place: usize,
    reason: String,
}

impl std::fmt::Display for ActivationFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "activation at place {} cannot be read: {}", self.place, self.reason)
    }
}

impl std::error::Error for ActivationFault {}

impl Activation {
    pub fn encode(&self) -> Vec<u8> {
        let written = Written {
            format: FORMAT,
            number: self.number,
            rules: self.bundle.rules.clone(),
            references: self.bundle.references.clone(),
            groups_from: self.groups_from.to_string(),
            wall_ms: self.wall_ms,
        };
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads a control topic. Of several records of one number the first
    /// holds: they were written at the same time, and every worker sees the
    /// same order.
    pub fn decode_all(values: &[Vec<u8>]) -> Result<Vec<Self>, ActivationFault> {
        let mut activations: Vec<Self> = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let activation = Self::decode(value).map_err(|reason| ActivationFault { place, reason })?;
            if activation.number == activations.len() as u64 + 1 {
                activations.push(activation);
            }
        }
        Ok(activations)
    }

    fn decode(value: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        if written.format != FORMAT {
            return Err(format!("its format is {} and this program reads format {FORMAT}", written.format));
        }
        // Fewer digits could name several.
        let named = |digest: &str| digest.len() >= SHORT_DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(digest) = [&written.rules, &written.references].into_iter().find(|digest| !named(digest)) {
            return Err(format!("`{digest}` is no digest"));
        }
        let groups_from = Month::parse(&written.groups_from).ok_or_else(|| format!("`{}` is no month", written.groups_from))?;
        Ok(Self {
            number: written.number,
            bundle: BundleName { rules: written.rules, references: written.references },
            groups_from,
            wall_ms: written.wall_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(number: u64, rules: &str, month: &str) -> Activation {
        let bundle = BundleName { rules: rules.repeat(8), references: "ee".repeat(8) };
        Activation { number, bundle, groups_from: Month::parse(month).unwrap(), wall_ms: 7 }
    }

    #[test]
    fn of_activations_with_one_number_the_first_holds() {
        let written = [(1, "aa"), (2, "bb"), (2, "cc"), (4, "dd"), (3, "dd"), (1, "bb")];
        let values: Vec<Vec<u8>> = written.iter().map(|(number, rules)| activation(*number, rules, "2026-11").encode()).collect();
        let read = Activation::decode_all(&values).unwrap();
        assert_eq!(read, [(1, "aa"), (2, "bb"), (3, "dd")].map(|(number, rules)| activation(number, rules, "2026-11")));
    }

    #[test]
    fn a_record_that_cannot_be_followed_is_told() {
        let check = |from: &str, to: &str, expect: &str| {
            let text = String::from_utf8(activation(1, "aa", "2026-11").encode()).unwrap();
            let values = [activation(1, "aa", "2026-11").encode(), text.replacen(from, to, 1).into_bytes()];
            let fault = Activation::decode_all(&values).unwrap_err().to_string();
            assert!(fault.contains("place 1") && fault.contains(expect), "{fault}");
        };
        check("\"format\":1", "\"format\":2", "its format is 2");
        check("2026-11", "2026-13", "`2026-13` is no month");
        check("\"number\":1,", "", "number");
        check("aaaa", "", "is no digest");
        check("eeee", "zzzz", "is no digest");
    }
}
