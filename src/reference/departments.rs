//! Departments that institutions are licensed for.

use hashbrown::HashMap;

use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Dated;
use crate::reference::validity::as_of;

pub static TABLE: Table = Table {
    name: "departments",
    zh: "机构诊疗科目",
    en: "Departments that institutions are licensed for. List all of an institution: with one row it is known, and what is not listed is not licensed.",
    columns: &[
        col("fixmedins_code", Kind::Institution, "机构编码", "institution").asked(),
        col("dept_code", Kind::Text, "科室编码", "the institution's own code of the department").asked(),
        col("caty", Kind::Text, "国家科别", "national department (A03.04)").asked(),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["fixmedins_code", "dept_code"]),
    example: "H99010100001,101,A03.04,2015-01-01,,licence of 2015",
};

#[derive(Debug, Default)]
pub struct Departments {
    /// By institution: its own codes and the national department of each.
    by_institution: HashMap<String, HashMap<String, Vec<Dated<String>>>>,
}

impl Departments {
    pub fn build(sheets: &[Sheet]) -> Self {
        let mut built = Self::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (validity, code) = (row.validity(), row.sound("fixmedins_code"));
            let (department, caty) = (row.sound("dept_code"), row.sound("caty"));
            let (Some(validity), Some(code), Some(department), Some(caty)) = (validity, code, department, caty) else { continue };
            let own = built.by_institution.entry(code.to_owned()).or_default();
            own.entry(department.to_owned()).or_default().push(Dated::new(validity, caty.to_owned()));
        }
        built
    }

    /// The national department of an institution's own code on a day.
    pub fn caty(&self, institution: &str, department: &str, day: i64) -> Option<&str> {
        as_of(self.by_institution.get(institution)?.get(department)?, day).map(String::as_str)
    }

    /// Whether the institution is licensed for a department on a day. `None`
    /// for one without any row on that day: its licence is not known.
    pub fn licensed(&self, institution: &str, department: &str, day: i64) -> Option<bool> {
        let own = self.by_institution.get(institution)?;
        let known = own.values().flatten().any(|row| row.validity.holds(day));
        known.then(|| self.caty(institution, department, day).is_some())
    }
}
