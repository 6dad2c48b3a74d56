//! Payment ceilings by code, area and institution level.

use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Keys;
use crate::reference::validity::Validity;

pub const COLUMNS: &[&str] = &["med_list_codg", "area", "level", "ceiling", "valid_from", "valid_to", "source"];

/// Places of a ceiling: 元 times 10^6.
pub const PLACES: u32 = 6;

#[derive(Debug, Default)]
pub struct Ceilings {
    /// By code; rows for longer areas first, and with a level before without.
    by_code: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    area: String,
    level: Option<String>,
    ceiling: i128,
    validity: Validity,
}

impl Ceilings {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let validity = row.validity(diagnostics);
            row.required("ceiling", diagnostics);
            let ceiling = row.decimal("ceiling", PLACES, diagnostics);
            let (code, area) = (row.text("med_list_codg"), row.text("area"));
            let known = code::kind_of(code, code::ITEM_KINDS).is_some();
            if !known {
                row.report("med_list_codg", format!("`{code}` is no national code"), "Write the whole code.", diagnostics);
            }
            let area_sound = area.len() <= 6 && area.bytes().all(|byte| byte.is_ascii_digit());
            if !area_sound {
                row.report("area", format!("`{area}` is no area"), "Write up to six digits; empty means everywhere.", diagnostics);
            }
            let (Some(validity), Some(ceiling), true, true) = (validity, ceiling, known, area_sound) else { continue };
            let level = row.optional("level").map(str::to_owned);
            keys.add(format!("{code} {area} {}", level.as_deref().unwrap_or("-")), validity, row.place("med_list_codg"));
            built.by_code.entry(code.to_owned()).or_default().push(Entry { area: area.to_owned(), level, ceiling, validity });
        }
        for entries in built.by_code.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse((entry.area.len(), entry.level.is_some())));
        }
        keys.report_overlaps(diagnostics);
        built
    }

    /// The most exact ceiling in force. Without an area or a level only rows
    /// that ask for none apply. 999999 is a ceiling like any other here.
    pub fn ceiling(&self, code: &str, area: Option<&str>, level: Option<&str>, day: i64) -> Option<i128> {
        let fits = |entry: &&Entry| {
            entry.validity.holds(day)
                && area.unwrap_or_default().starts_with(&entry.area)
                && (entry.level.is_none() || entry.level.as_deref() == level)
        };
        self.by_code.get(code)?.iter().find(fits).map(|entry| entry.ceiling)
    }
}
