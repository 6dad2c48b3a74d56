//! The departments that receive clues: an open list with dates, because
//! departments are founded, merged and renamed.

use chrono::NaiveDate;

use crate::base::time::Civil;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::Origin;
use crate::ruleset::spec;
use crate::ruleset::view::View;

/// `departments.yaml`; without rows where there is no such file.
#[derive(Clone, Debug, Default)]
pub struct Departments {
    origin: Option<Origin>,
    /// In the file's order.
    pub rows: Vec<Department>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// The word in rules, clues and headers.
    pub id: String,
    pub title: Bilingual,
    /// The first day on which it receives clues.
    pub valid_from: NaiveDate,
    /// The first day on which it no longer does.
    pub valid_to: Option<NaiveDate>,
    /// Who receives its clues from then on.
    pub succeeded_by: Option<String>,
    /// It is told only once a person has confirmed a clue.
    pub refer_only: bool,
}

impl Departments {
    pub(super) fn read(origin: Origin) -> Self {
        let view = View::new(&origin.source, &origin.node, &spec::DEPARTMENTS);
        let row = |view: View<'_>| {
            Some(Department {
                id: view.text("id"),
                title: Bilingual { zh: view.text("zh"), en: view.text("en") },
                valid_from: view.maybe_date("valid_from")?,
                valid_to: view.maybe_date("valid_to"),
                succeeded_by: view.maybe_text("succeeded_by"),
                refer_only: view.bool("refer_only"),
            })
        };
        let rows = view.each("departments", &spec::DEPARTMENT_ROW).filter_map(row).collect();
        Self { rows, origin: Some(origin) }
    }

    /// `None`: there is no file.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    pub fn get(&self, id: &str) -> Option<&Department> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// A department and those that succeed it, one after the other; it ends
    /// where one is named a second time.
    pub fn succession<'a>(&'a self, id: &str) -> Vec<&'a Department> {
        let mut found: Vec<&Department> = Vec::new();
        let mut next = self.get(id);
        while let Some(row) = next.filter(|row| !found.iter().any(|known| known.id == row.id)) {
            found.push(row);
            next = row.succeeded_by.as_deref().and_then(|id| self.get(id));
        }
        found
    }

    /// Who stands for a department on a day (days since 1970-01-01): itself, or
    /// who succeeded it by then. Before it was founded it receives what is
    /// old: somebody has to.
    pub fn on(&self, id: &str, day: i64) -> Option<&Department> {
        let ended = |row: &Department| row.valid_to.is_some_and(|to| Civil::from_date(to).day() <= day);
        self.succession(id).into_iter().find(|row| !ended(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::fixture::CODE_MAP;
    use crate::ruleset::fixture::book;
    use crate::ruleset::fixture::with_top;

    #[test]
    fn a_department_is_whoever_stands_for_it_on_the_day() {
        let (book, found) = with_top(
            "\
departments:
  - { id: insurance, zh: 旧, en: old, valid_from: 2018-05-31, valid_to: 2025-01-01, succeeded_by: new }
  - { id: new, zh: 新, en: new, valid_from: 2025-01-01, valid_to: 2026-01-01, succeeded_by: newest }
  - { id: newest, zh: 最新, en: newest, valid_from: 2026-01-01 }
  - { id: health, zh: 卫, en: health, valid_from: 2018-01-01 }
",
            CODE_MAP,
        );
        assert!(found.is_empty(), "{}", crate::base::diagnostic::render(&found));
        let on = |id: &str, day: &str| book.departments.on(id, Civil::parse(day).unwrap().day()).map(|row| row.id.as_str());
        for (id, day, expect) in [
            ("insurance", "2017-01-01", Some("insurance")),
            ("insurance", "2024-12-31", Some("insurance")),
            ("insurance", "2025-01-01", Some("new")),
            ("insurance", "2026-01-01", Some("newest")),
            ("newest", "2024-01-01", Some("newest")),
            ("health", "2026-01-01", Some("health")),
            ("market", "2026-01-01", None),
        ] {
            assert_eq!(on(id, day), expect, "{id} {day}");
        }
    }

    #[test]
    fn the_least_tree_has_its_departments() {
        let (book, _) = book(&[]);
        assert!(book.departments.get("police").is_some_and(|row| row.refer_only));
    }
}
