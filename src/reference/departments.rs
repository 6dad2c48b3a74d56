//! Departments that institutions are licensed for.

use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::registry::institution_code;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::as_of;

pub const COLUMNS: &[&str] = &["fixmedins_code", "dept_code", "caty", "valid_from", "valid_to", "source"];

#[derive(Debug, Default)]
pub struct Departments {
    /// By institution: its own codes and the national department of each.
    by_institution: HashMap<String, HashMap<String, Vec<Dated<String>>>>,
}

impl Departments {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let validity = row.validity(diagnostics);
            let code = institution_code(row, "fixmedins_code", diagnostics);
            let (department, caty) = (row.required("dept_code", diagnostics), row.required("caty", diagnostics));
            let (Some(validity), Some(code), Some(department), Some(caty)) = (validity, code, department, caty) else { continue };
            keys.add(format!("{code} {department}"), validity, row.place("dept_code"));
            let own = built.by_institution.entry(code.to_owned()).or_default();
            own.entry(department.to_owned()).or_default().push(Dated::new(validity, caty.to_owned()));
        }
        keys.report_overlaps(diagnostics);
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
