//! The registry of institutions: kind, level, area and nature on a day.

use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::code::CodeKind;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::as_of;

pub const COLUMNS: &[&str] = &[
    "fixmedins_code",
    "name",
    "kind",
    "level",
    "area",
    "nature",
    "host_code",
    "fstdiag_usable",
    "authno_fed",
    "online_licence",
    "valid_from",
    "valid_to",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution {
    pub code: String,
    pub name: String,
    /// `hospital`, `pharmacy` or `online`.
    pub kind: &'static str,
    /// 01 to 14.
    pub level: String,
    /// Six digits.
    pub area: String,
    /// `public`, `nonprofit` or `private`.
    pub nature: &'static str,
    /// The physical institution behind an online body.
    pub host_code: Option<String>,
    /// Whether its first-visit flag means anything; if not it is read as NULL.
    pub fstdiag_usable: bool,
    /// Whether its feed carries the number of the online identity check.
    pub authno_fed: bool,
    /// Whether it is licensed for online care; `None`: the registry does not say.
    pub online_licence: Option<bool>,
}

const KIND_WORDS: &[(&str, &str)] = &[("hospital", "hospital"), ("pharmacy", "pharmacy"), ("online", "online")];
pub const NATURE_WORDS: &[(&str, &str)] = &[("public", "public"), ("nonprofit", "nonprofit"), ("private", "private")];

/// A cell that holds the code of an institution.
pub fn institution_code<'a>(row: Row<'a>, column: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a str> {
    let code = row.text(column);
    let known = code::kind_of(code, &[CodeKind::Institution]).is_some();
    if !known {
        let help = "Write H or P, the six digits of the area and five of the institution.";
        row.report(column, format!("`{code}` is no institution code"), help, diagnostics);
    }
    known.then_some(code)
}

#[derive(Debug, Default)]
pub struct Registry {
    institutions: HashMap<String, Vec<Dated<Institution>>>,
}

impl Registry {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let kind = row.choice("kind", KIND_WORDS, diagnostics);
            let nature = row.choice("nature", NATURE_WORDS, diagnostics);
            let validity = row.validity(diagnostics);
            let usable = row.flag("fstdiag_usable", diagnostics);
            let fed = row.flag("authno_fed", diagnostics);
            let licence = row.choice("online_licence", &[("", None), ("1", Some(true)), ("0", Some(false))], diagnostics);
            let code = row.text("fixmedins_code");
            let host = row.optional("host_code");
            let mut sound = institution_code(row, "fixmedins_code", diagnostics).is_some();
            sound &= host.is_none() || institution_code(row, "host_code", diagnostics).is_some();
            let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
            let (area, level) = (row.text("area"), row.text("level"));
            if !digits(area, 6) {
                row.report("area", format!("`{area}` is no area"), "Write six digits.", diagnostics);
                sound = false;
            }
            if !digits(level, 2) || !("01"..="14").contains(&level) {
                row.report("level", format!("`{level}` is no level"), "Write 01 to 14; 11 is without a level.", diagnostics);
                sound = false;
            }
            let (Some(kind), Some(nature), Some(validity), Some(fstdiag_usable), Some(authno_fed), Some(online_licence), true) =
                (kind, nature, validity, usable, fed, licence, sound)
            else {
                continue;
            };
            keys.add(code.to_owned(), validity, row.place("fixmedins_code"));
            built.institutions.entry(code.to_owned()).or_default().push(Dated::new(
                validity,
                Institution {
                    code: code.to_owned(),
                    name: row.text("name").to_owned(),
                    kind,
                    level: level.to_owned(),
                    area: area.to_owned(),
                    nature,
                    host_code: host.map(str::to_owned),
                    fstdiag_usable,
                    authno_fed,
                    online_licence,
                },
            ));
        }
        keys.report_overlaps(diagnostics);
        built
    }

    /// `None` if the institution is not registered on that day.
    pub fn institution(&self, code: &str, day: i64) -> Option<&Institution> {
        as_of(self.institutions.get(code)?, day)
    }
}
