//! What reference tables look like: every column with kind, unit and meaning,
//! declared once for the reader, for look-ups and for the page about formats.

use std::fmt::Debug;

use crate::reference::agreements;
use crate::reference::baseline::Month;
use crate::reference::baseline_tables;
use crate::reference::code;
use crate::reference::code::CodeKind;
use crate::reference::departments;
use crate::reference::disease;
use crate::reference::drug_master;
use crate::reference::frequencies;
use crate::reference::knowledge;
use crate::reference::prices;
use crate::reference::registry;
use crate::reference::sheet::day_of;
use crate::reference::sheet::scaled;
use crate::reference::special_drug;
use crate::reference::staff;
use crate::reference::stratum::ANY;
use crate::reference::stratum::AgeBand;
use crate::reference::units::contents;

/// Every table that a folder may bring.
pub static TABLES: &[&Table] = &[
    &registry::TABLE,
    &agreements::TABLE,
    &departments::TABLE,
    &staff::TABLE,
    &drug_master::TABLE,
    &frequencies::TABLE,
    &special_drug::TABLE,
    &knowledge::TABLE,
    &disease::TABLE,
    &prices::CEILINGS,
    &prices::GUIDE_PRICES,
    &baseline_tables::INDICATORS,
    &baseline_tables::CELLS,
    &baseline_tables::PRIORS,
    &baseline_tables::EXPECTED,
];

/// The table of that name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().copied().find(|table| table.name == name)
}

#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub zh: &'static str,
    pub en: &'static str,
    pub columns: &'static [Column],
    pub key: Key,
    /// A row as it may stand in a file that has all columns.
    pub example: &'static str,
}

/// What two rows may not share on one day.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// The text of these cells.
    Cells(&'static [&'static str]),
    /// Something that the table itself works out; these words say what.
    Own(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
    pub zh: &'static str,
    pub en: &'static str,
    /// Whether a code that somebody asks about may stand here.
    pub asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No cell may be empty.
    Filled,
    /// Cells may be empty.
    MayBeEmpty,
    /// The whole column may be missing.
    MayBeMissing,
}

/// Words and what they mean to the program, without the meaning.
pub trait Words: Debug + Sync {
    fn words(&self) -> Vec<&'static str>;
}

impl<T: Debug + Sync> Words for &'static [(&'static str, T)] {
    fn words(&self) -> Vec<&'static str> {
        self.iter().map(|(word, _)| *word).collect()
    }
}

/// What a cell that is not empty must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    /// One of the words.
    Word(&'static dyn Words),
    /// One of the words that another column's word allows.
    WordOf {
        column: &'static str,
        words: fn(&str) -> Option<Vec<&'static str>>,
    },
    Flag,
    Day,
    /// A day after that in another column.
    DayAfter(&'static str),
    /// Digits with at most so many decimals.
    Number {
        places: u32,
        unit: &'static str,
    },
    Institution,
    /// A whole national code of a drug.
    Drug,
    /// The start of one.
    DrugPrefix,
    /// A whole national code of anything that is billed.
    Item,
    /// Such a code, or the start of one and `*`.
    ItemOrPrefix,
    /// Six digits.
    Area,
    /// Up to six digits.
    AreaPrefix,
    /// 01 to 14.
    Level,
    /// A three-character category of ICD-10: the first of a range that ends in another column.
    Category {
        to: Option<&'static str>,
    },
    /// Lower-case letters, digits and `_`.
    Name,
    /// What one dose unit holds.
    Content,
    /// `yyyy-MM`.
    Month,
    /// First and last whole year of age, or `*`.
    AgeBand,
}

/// A column whose cells must be filled.
pub const fn col(name: &'static str, kind: Kind, zh: &'static str, en: &'static str) -> Column {
    Column { name, kind, need: Need::Filled, zh, en, asked: false }
}

impl Column {
    pub const fn may_be_empty(self) -> Self {
        Self { need: Need::MayBeEmpty, ..self }
    }

    pub const fn may_be_missing(self) -> Self {
        Self { need: Need::MayBeMissing, ..self }
    }

    /// A code may be looked up here.
    pub const fn asked(self) -> Self {
        Self { asked: true, ..self }
    }

    /// What is wrong with a cell that is not empty, and what to do about it.
    /// `row` gives the other cells.
    pub fn fault<'a>(&self, text: &str, row: &dyn Fn(&str) -> &'a str) -> Option<(String, String)> {
        let name = self.name;
        let told = |sound: bool, what: &str, help: &str| (!sound).then(|| (format!("`{text}` {what}"), help.to_owned()));
        let digits = |most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
        let word = |words: Vec<&'static str>| {
            let known = words.contains(&text);
            (!known).then(|| (format!("unknown {name} `{text}`"), format!("Write one of {}.", words.join(", "))))
        };
        match self.kind {
            Kind::Text => None,
            Kind::Word(words) => word(words.words()),
            // What the other column says is told there.
            Kind::WordOf { column, words } => match words(row(column))?.as_slice() {
                [] => Some((format!("unknown {name} `{text}`"), format!("Leave it empty for `{}`.", row(column)))),
                words => word(words.to_vec()),
            },
            Kind::Flag => word(FLAG_WORDS.words()),
            Kind::Day => told(day_of(text).is_some(), "is not a day", "Write yyyy-MM-dd."),
            Kind::DayAfter(from) => match (day_of(text), day_of(row(from))) {
                (None, _) => told(false, "is not a day", "Write yyyy-MM-dd."),
                (Some(_), None) if row(from).is_empty() => {
                    Some((format!("{name} without {from}"), format!("Write into {from} the first day.")))
                }
                (Some(to), Some(from_day)) if to <= from_day => Some((
                    format!("{name} is not after {from}"),
                    "The first day of validity must come before the day on which it no longer holds.".to_owned(),
                )),
                _ => None,
            },
            Kind::Number { places, .. } => {
                let help = format!("Write digits with at most {places} decimals and no unit.");
                told(scaled(text, places).is_some(), "is not a number of this kind", &help)
            }
            Kind::Institution => {
                let known = code::kind_of(text, &[CodeKind::Institution]).is_some();
                told(known, "is no institution code", "Write H or P, the six digits of the area and five of the institution.")
            }
            Kind::Drug => {
                let known = code::kind_of(text, code::DRUG_KINDS).is_some();
                told(known, "is no drug code", "Write the national code: X and 22 characters, or Z and 19.")
            }
            Kind::DrugPrefix => {
                let help = "A prefix starts like `XN02ABF027` (western drugs) or `ZA04CAE0023` (patent medicines).";
                told(code::is_prefix(text, code::DRUG_KINDS), "starts no drug code", help)
            }
            Kind::Item => told(code::kind_of(text, code::ITEM_KINDS).is_some(), "is no national code", "Write the whole code."),
            Kind::ItemOrPrefix => {
                let help = "Write a whole national code (X 23, Z 20, C 20 characters, services 15 digits) or the start of one and `*`.";
                let known = match text.strip_suffix('*') {
                    Some(prefix) => code::is_prefix(prefix, code::ITEM_KINDS),
                    None => code::kind_of(text, code::ITEM_KINDS).is_some(),
                };
                told(known, "is no national code", help)
            }
            Kind::Area => told(text.len() == 6 && digits(6), "is no area", "Write six digits."),
            Kind::AreaPrefix => told(digits(6), "is no area", "Write up to six digits; empty means everywhere."),
            Kind::Level => {
                let known = text.len() == 2 && digits(2) && ("01"..="14").contains(&text);
                told(known, "is no level", "Write 01 to 14; 11 is without a level.")
            }
            Kind::Category { .. } => {
                let known = text.len() == 3 && disease::category(text).is_some();
                told(known, "is no category", "Write a letter and two digits such as E10.")
            }
            Kind::Content => {
                let help = "Write amounts with their units and `;` between, like `5mg` or `3ml;300IU`.";
                told(contents(text).is_some(), "is no content", help)
            }
            Kind::Name => {
                let known = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
                told(known, "is no name", "Write lower-case letters, digits and `_`.")
            }
            Kind::Month => told(Month::parse(text).is_some(), "is not a month", "Write yyyy-MM."),
            Kind::AgeBand => {
                let help = "Write the first and the last whole year, like `18-64`, or `65-` for all from 65 on; `*` for any age.";
                told(text == ANY || AgeBand::parse(text).is_some(), "is no band of ages", help)
            }
        }
    }
}

pub const FLAG_WORDS: &[(&str, bool)] = &[("1", true), ("0", false), ("true", true), ("false", false)];

pub const VALID_FROM: Column = col("valid_from", Kind::Day, "生效日", "first day on which the row holds");
pub const VALID_TO: Column =
    col("valid_to", Kind::DayAfter("valid_from"), "失效日", "first day on which it no longer holds; empty: open").may_be_empty();
pub const SOURCE: Column = col("source", Kind::Text, "来源", "where the fact comes from").may_be_empty();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_whole() {
        for table in TABLES {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
            assert_eq!(twice, None, "{}", table.name);
            let dated = ["valid_from", "valid_to"].map(|name| names.contains(&name));
            let versioned = dated == [false; 2] && names[0] == baseline_tables::INDICATORS.columns[0].name;
            assert!(dated == [true; 2] || versioned, "{}: rows are dated, or hold as long as their version", table.name);
            if let Key::Cells(cells) = table.key {
                assert!(cells.iter().all(|cell| names.contains(cell)), "{}", table.name);
            }
            for column in table.columns {
                if let Kind::WordOf { column: other, .. } | Kind::DayAfter(other) | Kind::Category { to: Some(other) } = column.kind {
                    assert!(names.contains(&other), "{}: {other}", table.name);
                }
            }
        }
    }
}
