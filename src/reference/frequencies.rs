//! Frequencies of prescriptions: how many doses a day a code means.
//!
//! Only codes of the table have a meaning: one of an institution's own stays
//! unknown.

use hashbrown::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::as_of;

pub static TABLE: Table = Table {
    name: "frequencies",
    zh: "用药频次",
    en: "What frequency codes of prescriptions mean. Spellings of one frequency are rows of their own; a code without a row is unknown, and so are the days of its drug.",
    columns: &[
        col("code", Kind::Text, "频次编码", "the code, in capitals or not (used_frqu_codg)").asked(),
        col(
            "kind",
            Kind::Word(&KIND_WORDS),
            "频次类别",
            "regular; one dose at once (st); as needed (prn), of which no days can be computed",
        ),
        col("times", WHOLE, "次数", "doses in one cycle; of regular ones only").may_be_empty(),
        col("cycle_days", Kind::Number { places: 0, unit: "天 (days)" }, "周期", "days of the cycle; of regular ones only").may_be_empty(),
        col("name", Kind::Text, "名称", "the frequency in words").may_be_empty(),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Own("the code, in capitals or not"),
    example: "biw,regular,2,7,每周两次,2007-05-01,,list of the hospital",
};

const WHOLE: Kind = Kind::Number { places: 0, unit: "次 (doses)" };
const KIND_WORDS: &[(&str, FrequencyKind)] =
    &[("regular", FrequencyKind::Regular), ("once", FrequencyKind::Once), ("as_needed", FrequencyKind::AsNeeded)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrequencyKind {
    Regular,
    Once,
    AsNeeded,
}

/// What a frequency says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// So many doses in so many days, both positive.
    Regular { times: i128, cycle: i128 },
    /// One dose, and nothing of more than one.
    Once,
    /// Nobody can say how many.
    AsNeeded,
}

#[derive(Debug, Default)]
pub struct Frequencies {
    /// By code in lower case.
    by_code: HashMap<String, Vec<Dated<Frequency>>>,
}

impl Frequencies {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let code = row.sound("code").map(str::to_lowercase);
            if let (Some(code), Some(validity)) = (&code, row.validity()) {
                keys.add(vec![code.clone()], validity, row.place("code"));
            }
            let Some(kind) = row.choice("kind", KIND_WORDS) else { continue };
            for column in ["times", "cycle_days"] {
                let number = row.decimal(column);
                if kind != FrequencyKind::Regular && row.optional(column).is_some() {
                    let help = "Leave it empty, or write `regular` where the doses are counted.";
                    row.report(column, format!("{column} of a frequency that is not regular"), help, diagnostics);
                } else if kind == FrequencyKind::Regular && (number == Some(0) || row.optional(column).is_none()) {
                    row.report(column, format!("a regular frequency without {column}"), "Write a whole number from 1.", diagnostics);
                }
            }
            let frequency = match kind {
                FrequencyKind::Regular => {
                    let numbers = row.decimal("times").zip(row.decimal("cycle_days"));
                    numbers.map(|(times, cycle)| Frequency::Regular { times, cycle })
                }
                FrequencyKind::Once => Some(Frequency::Once),
                FrequencyKind::AsNeeded => Some(Frequency::AsNeeded),
            };
            let (Some(code), Some(validity), Some(frequency)) = (code, row.validity(), frequency) else { continue };
            built.by_code.entry(code).or_default().push(Dated::new(validity, frequency));
        }
        keys.report_overlaps(diagnostics);
        built
    }

    pub fn frequency(&self, code: &str, day: i64) -> Option<Frequency> {
        as_of(self.by_code.get(&code.trim().to_lowercase())?, day).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::snapshot::tests::shipped;

    #[test]
    fn shipped_codes_mean_what_orders_mean_by_them() {
        for (code, doses_in_84_days) in [
            ("qd", Some(84)),
            ("QD", Some(84)),
            ("qn", Some(84)),
            ("bid", Some(168)),
            ("q12h", Some(168)),
            ("tid", Some(252)),
            ("q8h", Some(252)),
            ("qid", Some(336)),
            ("q6h", Some(336)),
            ("qod", Some(42)),
            ("q3d", Some(28)),
            ("qw", Some(12)),
            ("biw", Some(24)),
            ("tiw", Some(36)),
            ("qow", Some(6)),
            ("4w", Some(3)),
            ("prn", None),
            ("st", None),
            ("q72h", None),
            ("医嘱", None),
            ("", None),
        ] {
            let found = match shipped().frequency(code, 20_000) {
                Some(Frequency::Regular { times, cycle }) => Some(84 * times / cycle),
                _ => None,
            };
            assert_eq!(found, doses_in_84_days, "{code}");
        }
        assert_eq!(shipped().frequency("st", 20_000), Some(Frequency::Once));
        assert_eq!(shipped().frequency("prn", 20_000), Some(Frequency::AsNeeded));
        assert_eq!(shipped().frequency("q72h", 20_000), None, "an institution's own");
        assert_eq!(shipped().frequency("qd", 0), None, "before the list");
    }
}
