//! Disease groups: which diagnoses count as the same disease.

use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;

pub const COLUMNS: &[&str] = &["group", "icd_from", "icd_to", "zh", "valid_from", "valid_to", "source"];

#[derive(Debug, Default)]
pub struct DiseaseGroups {
    /// By three-character category, groups in the order of the tables.
    by_category: HashMap<[u8; 3], Vec<Dated<String>>>,
}

/// The three-character category of an ICD-10 code, upper case.
pub fn category(icd: &str) -> Option<[u8; 3]> {
    let mut bytes = icd.trim().bytes();
    let category = [bytes.next()?.to_ascii_uppercase(), bytes.next()?, bytes.next()?];
    let sound = category[0].is_ascii_uppercase() && category[1].is_ascii_digit() && category[2].is_ascii_digit();
    sound.then_some(category)
}

impl DiseaseGroups {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let group = row.required("group", diagnostics);
            let validity = row.validity(diagnostics);
            let range = categories(row.text("icd_from"), row.text("icd_to"));
            if range.is_none() {
                let message = format!("`{}` to `{}` is no range of categories", row.text("icd_from"), row.text("icd_to"));
                row.report("icd_from", message, "Write two categories such as E10 and E14, the lower one first.", diagnostics);
            }
            let named = group.filter(|group| group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
            if let (Some(group), None) = (group, named) {
                row.report("group", format!("`{group}` is no group name"), "Write lower-case letters, digits and `_`.", diagnostics);
            }
            let (Some(group), Some(validity), Some(range)) = (named, validity, range) else { continue };
            for category in range {
                let label = format!("{group} {}", String::from_utf8_lossy(&category));
                keys.add(label, validity, row.place("icd_from"));
                built.by_category.entry(category).or_default().push(Dated::new(validity, group.to_owned()));
            }
        }
        keys.report_overlaps(diagnostics);
        built
    }

    /// The groups of a diagnosis on a day, in the order of the tables. `icd`
    /// must be a western diagnosis: codes of TCM diseases look alike (A01.01.01).
    pub fn groups(&self, icd: &str, day: i64) -> impl Iterator<Item = &str> {
        let rows = category(icd).and_then(|category| self.by_category.get(&category));
        rows.into_iter().flatten().filter(move |row| row.validity.holds(day)).map(|row| row.value.as_str())
    }
}

/// Every category from one to the other, letters included.
fn categories(from: &str, to: &str) -> Option<Vec<[u8; 3]>> {
    if from.len() != 3 || to.len() != 3 {
        return None;
    }
    let (from, to) = (category(from)?, category(to)?);
    let mut all = Vec::new();
    for letter in from[0]..=to[0] {
        for number in 0..100_u8 {
            let category = [letter, b'0' + number / 10, b'0' + number % 10];
            if (from..=to).contains(&category) {
                all.push(category);
            }
        }
    }
    (!all.is_empty()).then_some(all)
}
