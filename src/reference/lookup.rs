//! Everything that the tables know about one code, with the place of each row.

use crate::reference::bundle::Bundle;
use crate::reference::disease::category;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::snapshot::Snapshot;
use crate::reference::special_drug;
use crate::reference::special_drug::How;
use crate::reference::special_drug::Match;
use crate::reference::special_drug::SpecialClass;
use crate::reference::tables::Column;
use crate::reference::tables::Kind;
use crate::reference::tables::Table;

/// A row that is about the code.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    pub table: &'static Table,
    pub row: Row<'a>,
    /// Column and text by which it was found, for a reader.
    pub how: String,
}

impl Known<'_> {
    pub fn holds(&self, day: i64) -> bool {
        self.row.validity().is_some_and(|validity| validity.holds(day))
    }
}

/// Rows in the order of the tables and their files. `bundle` is what
/// `snapshot` was made of.
pub fn known<'a>(bundle: &'a Bundle, snapshot: &Snapshot, code: &str) -> Vec<Known<'a>> {
    let (matches, _) = snapshot.special_matches(code);
    let mut found = Vec::new();
    for (table, sheets) in bundle.tables() {
        for row in sheets.iter().flat_map(Sheet::rows) {
            let by_cell = || table.columns.iter().filter(|column| column.asked).find_map(|column| how(column, row, code));
            let by_name = || {
                let of_row = |found: &&Match| matches!(found.how, How::Name { .. }) && is_row(found, row);
                let found = matches.iter().find(of_row).filter(|_| table.name == special_drug::TABLE.name)?;
                Some(in_words(&found.how))
            };
            if let Some(how) = by_cell().or_else(by_name) {
                found.push(Known { table, row, how });
            }
        }
    }
    found
}

/// The class of special management on a day and, where a row decides it, that row.
pub fn special_class<'a>(
    bundle: &'a Bundle,
    snapshot: &Snapshot,
    code: &str,
    day: i64,
) -> (Option<SpecialClass>, Option<(String, Row<'a>)>) {
    let (matches, otherwise) = snapshot.special_matches(code);
    let Some(decides) = matches.iter().find(|found| found.validity.holds(day)) else { return (otherwise, None) };
    let mut rows = bundle.sheets(special_drug::TABLE.name).iter().flat_map(Sheet::rows);
    (decides.class, rows.find(|row| is_row(decides, *row)).map(|row| (in_words(&decides.how), row)))
}

fn is_row(found: &Match, row: Row<'_>) -> bool {
    row.validity() == Some(found.validity) && found.how.is_row(row)
}

fn in_words(how: &How) -> String {
    match how {
        How::Prefix(prefix) => format!("code_prefix `{prefix}`"),
        How::Name { spelling, form: None } => format!("generic_name `{spelling}`"),
        How::Name { spelling, form: Some(_) } => format!("generic_name `{spelling}` and its dosage_form"),
    }
}

fn how(column: &Column, row: Row<'_>, code: &str) -> Option<String> {
    let (name, text) = (column.name, row.optional(column.name)?);
    let holds = match column.kind {
        Kind::DrugPrefix => code.starts_with(text),
        Kind::ItemOrPrefix => text.strip_suffix('*').map_or(text == code, |prefix| code.starts_with(prefix)),
        Kind::Category { to } => {
            // Codes of institutions and doctors begin like categories.
            let icd = code.len() == 3 || code.as_bytes().get(3) == Some(&b'.');
            let own = category(code).filter(|_| icd)?;
            (category(text)?..=category(to.map_or(text, |to| row.text(to)))?).contains(&own)
        }
        _ => text.eq_ignore_ascii_case(code),
    };
    holds.then(|| match column.kind {
        Kind::Category { to: Some(to) } => format!("{name} to {to} `{text}` to `{}`", row.text(to)),
        _ => format!("{name} `{text}`"),
    })
}
