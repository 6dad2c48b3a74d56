//! Disease groups: which diagnoses count as the same disease.

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

pub static TABLE: Table = Table {
    name: "disease_groups",
    zh: "疾病组",
    en: "ICD-10 categories that count as one disease. The group `pain` widens the limits of narcotics.",
    columns: &[
        col("group", Kind::Name, "疾病组", "name of the group").asked(),
        col("icd_from", Kind::Category { to: Some("icd_to") }, "起始类目", "first category").asked(),
        col("icd_to", Kind::Category { to: None }, "终止类目", "last category"),
        col("zh", Kind::Text, "中文名", "the group in Chinese").may_be_empty(),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Own("a group's category"),
    example: "hypertension,I10,I13,高血压,2007-05-01,,ICD-10",
};

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
            let (group, validity) = (row.sound("group"), row.validity());
            let (Some(from), Some(to)) = (row.sound("icd_from"), row.sound("icd_to")) else { continue };
            let range = categories(from, to);
            if range.is_none() {
                let help = "Write two categories such as E10 and E14, the lower one first.";
                row.report("icd_from", format!("`{from}` to `{to}` is no range of categories"), help, diagnostics);
            }
            let (Some(group), Some(validity), Some(range)) = (group, validity, range) else { continue };
            for category in range {
                let key = vec![group.to_owned(), String::from_utf8_lossy(&category).into_owned()];
                keys.add(key, validity, row.place("icd_from"));
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
