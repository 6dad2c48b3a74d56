//! What the shape of a file cannot say: one file per check on a rule book.
//!
//! A check leaves alone what a file's shape already got wrong
//! (`Origin::is_malformed`), so that one slip is told once.

mod basis_dates;
mod basis_verified;
mod cases_cover;
mod clear_when;
mod columns_qualified;
mod data_quality_counts;
mod departments_known;
mod gates_known;
mod grain_fits;
mod id_is_file_name;
mod ids_unique;
mod institutions_fit;
mod params_in_range;
mod problem_type_known;
mod ratio_fits;
mod retired_reason;

use std::fmt::Write as _;

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;

/// A check on a rule book.
#[derive(Debug)]
pub struct Lint {
    /// Its name in messages and pages.
    pub code: &'static str,
    /// What must hold, and why.
    pub about: &'static str,
    pub check: fn(&RuleBook) -> Vec<Diagnostic>,
}

/// All checks, in the order of the page.
pub const LINTS: &[&Lint] = &[
    &id_is_file_name::LINT,
    &ids_unique::LINT,
    &retired_reason::LINT,
    &grain_fits::LINT,
    &institutions_fit::LINT,
    &ratio_fits::LINT,
    &clear_when::LINT,
    &gates_known::LINT,
    &departments_known::LINT,
    &problem_type_known::LINT,
    &params_in_range::LINT,
    &columns_qualified::LINT,
    &basis_dates::LINT,
    &basis_verified::LINT,
    &cases_cover::LINT,
    &data_quality_counts::LINT,
];

/// What all checks find.
pub fn run(book: &RuleBook) -> Vec<Diagnostic> {
    LINTS.iter().flat_map(|lint| (lint.check)(book).into_iter().map(|found| found.code(lint.code))).collect()
}

/// The reference page of all checks.
pub fn page() -> String {
    let mut page =
        String::from("# Checks on rule files\n\n`claimsift rules check` runs them all; the code stands in brackets before the message.\n");
    for lint in LINTS {
        let _ = write!(page, "\n## {}\n\n{}\n", lint.code, lint.about);
    }
    page
}

#[cfg(test)]
mod tests;
