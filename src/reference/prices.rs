//! Prices by code, area and institution: payment ceilings and guide prices.

use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::registry::NATURE_WORDS;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Keys;
use crate::reference::validity::Validity;

/// Columns of `ceilings`.
pub const CEILINGS: &[&str] = &["med_list_codg", "area", "level", "ceiling", "valid_from", "valid_to", "source"];
/// Columns of `guide_prices`.
pub const GUIDE_PRICES: &[&str] = &["med_list_codg", "area", "level", "nature", "price", "valid_from", "valid_to", "source"];

/// Places of a price: 元 times 10^6.
pub const PLACES: u32 = 6;

/// Whom a price is asked for. What is not known fits only rows that ask for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    pub area: Option<&'a str>,
    pub level: Option<&'a str>,
    pub nature: Option<&'a str>,
}

#[derive(Debug, Default)]
pub struct Prices {
    /// By code; the more exact row first.
    by_code: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    area: String,
    level: Option<String>,
    nature: Option<&'static str>,
    price: i128,
    validity: Validity,
}

impl Prices {
    pub fn ceilings(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        Self::build(sheets, "ceiling", &|_, _| Some(None), diagnostics)
    }

    pub fn guide_prices(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let nature = |row: Row<'_>, diagnostics: &mut Vec<Diagnostic>| match row.optional("nature") {
            None => Some(None),
            Some(_) => row.choice("nature", NATURE_WORDS, diagnostics).map(Some),
        };
        Self::build(sheets, "price", &nature, diagnostics)
    }

    /// `nature`: the nature that a row asks for; outer `None` where it is none.
    fn build(
        sheets: &[Sheet],
        value: &str,
        nature: &dyn Fn(Row<'_>, &mut Vec<Diagnostic>) -> Option<Option<&'static str>>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let validity = row.validity(diagnostics);
            row.required(value, diagnostics);
            let price = row.decimal(value, PLACES, diagnostics);
            let nature = nature(row, diagnostics);
            let (code, area) = (row.text("med_list_codg"), row.text("area"));
            let known = code::kind_of(code, code::ITEM_KINDS).is_some();
            if !known {
                row.report("med_list_codg", format!("`{code}` is no national code"), "Write the whole code.", diagnostics);
            }
            let area_sound = area.len() <= 6 && area.bytes().all(|byte| byte.is_ascii_digit());
            if !area_sound {
                row.report("area", format!("`{area}` is no area"), "Write up to six digits; empty means everywhere.", diagnostics);
            }
            let (Some(validity), Some(price), Some(nature), true, true) = (validity, price, nature, known, area_sound) else { continue };
            let level = row.optional("level").map(str::to_owned);
            let asked = [level.as_deref().unwrap_or("-"), nature.unwrap_or_default()].join(" ");
            keys.add(format!("{code} {area} {}", asked.trim_end()), validity, row.place("med_list_codg"));
            built.by_code.entry(code.to_owned()).or_default().push(Entry { area: area.to_owned(), level, nature, price, validity });
        }
        for entries in built.by_code.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse((entry.area.len(), entry.level.is_some(), entry.nature.is_some())));
        }
        keys.report_overlaps(diagnostics);
        built
    }

    /// The most exact price in force. Without an area, a level or a nature only
    /// rows that ask for none apply. 999999 is a price like any other here.
    pub fn price(&self, code: &str, place: Place<'_>, day: i64) -> Option<i128> {
        let fits = |entry: &&Entry| {
            entry.validity.holds(day)
                && place.area.unwrap_or_default().starts_with(&entry.area)
                && (entry.level.is_none() || entry.level.as_deref() == place.level)
                && (entry.nature.is_none() || entry.nature == place.nature)
        };
        self.by_code.get(code)?.iter().find(fits).map(|entry| entry.price)
    }
}
