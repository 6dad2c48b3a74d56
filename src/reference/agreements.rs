//! Agreements between institutions and the insurance agency: the main one and
//! the supplement for online care, with their states.

use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::registry::institution_code;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::as_of;

pub const COLUMNS: &[&str] = &["fixmedins_code", "kind", "state", "valid_from", "valid_to", "source"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgreementKind {
    /// 主协议.
    Main,
    /// 互联网补充协议.
    Online,
}

const KIND_WORDS: &[(&str, AgreementKind)] = &[("main", AgreementKind::Main), ("online", AgreementKind::Online)];
const STATE_WORDS: &[(&str, &str)] = &[("active", "active"), ("suspended", "suspended"), ("ended", "ended")];

#[derive(Debug, Default)]
pub struct Agreements {
    by_institution: HashMap<(String, AgreementKind), Vec<Dated<&'static str>>>,
}

impl Agreements {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let kind = row.choice("kind", KIND_WORDS, diagnostics);
            let state = row.choice("state", STATE_WORDS, diagnostics);
            let validity = row.validity(diagnostics);
            let code = institution_code(row, "fixmedins_code", diagnostics);
            let (Some(kind), Some(state), Some(validity), Some(code)) = (kind, state, validity, code) else { continue };
            keys.add(format!("{code} {}", row.text("kind")), validity, row.place("fixmedins_code"));
            built.by_institution.entry((code.to_owned(), kind)).or_default().push(Dated::new(validity, state));
        }
        keys.report_overlaps(diagnostics);
        built
    }

    /// `active`, `suspended` or `ended`; `None` if no row holds on the day.
    pub fn state(&self, institution: &str, kind: AgreementKind, day: i64) -> Option<&'static str> {
        as_of(self.by_institution.get(&(institution.to_owned(), kind))?, day).copied()
    }
}
