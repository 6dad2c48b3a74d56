//! A rule names departments that receive clues, and departments lead on.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::departments::Departments;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::shape;
use crate::ruleset::words::Status;

pub(super) const LINT: Lint = Lint {
    code: "departments-known",
    about: "Each department of a rule is in departments.yaml, and one that only takes referrals stands under `refer_if_confirmed`. \
            A department that ended names one that succeeds it, or no rule that is evaluated names it as lead. \
            Ids are unique, a department ends after it began, and successions do not run in circles.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = of_file(&book.departments);
    for rule in book.rules.iter().filter(|rule| !rule.origin.is_malformed("department")) {
        let department = &rule.department;
        found.extend(named(book, rule, "department.lead", &department.lead, false));
        for (list, ids) in [("copy_to", &department.copy_to), ("refer_if_confirmed", &department.refer_if_confirmed)] {
            for (idx, id) in ids.iter().enumerate() {
                found.extend(named(book, rule, &format!("department.{list}.{idx}"), id, list == "refer_if_confirmed"));
            }
        }
        let evaluated = matches!(rule.status, Status::Live | Status::Shadow);
        let last = book.departments.succession(&department.lead).pop();
        if let Some(end) = last.and_then(|last| last.valid_to).filter(|_| evaluated) {
            let message = format!("nobody succeeds department `{}`, which ended on {end}", department.lead);
            found.push(rule.origin.diagnostic("department.lead", message).help("Name another lead, or a successor in departments.yaml."));
        }
    }
    found
}

fn named(book: &RuleBook, rule: &RuleDoc, place: &str, id: &str, referral: bool) -> Option<Diagnostic> {
    match book.departments.get(id) {
        None => {
            let known: Vec<&str> = book.departments.rows.iter().map(|row| row.id.as_str()).collect();
            let help = if book.departments.origin().is_none() {
                "There is no departments.yaml beside gates.yaml; add it.".to_owned()
            } else {
                shape::suggestion(id, &known, "departments.yaml has")
            };
            Some(rule.origin.diagnostic(place, format!("department `{id}` does not exist")).help(help))
        }
        Some(row) if row.refer_only && !referral => {
            let message = format!("department `{id}` only takes referrals");
            Some(rule.origin.diagnostic(place, message).help("Name it under `refer_if_confirmed`."))
        }
        Some(_) => None,
    }
}

fn of_file(departments: &Departments) -> Vec<Diagnostic> {
    let Some(origin) = departments.origin().filter(|origin| !origin.is_malformed("departments")) else { return Vec::new() };
    let mut found = Vec::new();
    for (idx, row) in departments.rows.iter().enumerate() {
        let place = |key: &str| format!("departments.{idx}.{key}");
        if departments.rows[..idx].iter().any(|earlier| earlier.id == row.id) {
            let message = format!("department `{}` stands twice", row.id);
            found.push(origin.diagnostic(&place("id"), message).help("Give one of them another id."));
        }
        if row.valid_to.is_some_and(|to| to <= row.valid_from) {
            let message = format!("department `{}` ends before it begins", row.id);
            found.push(
                origin.diagnostic(&place("valid_to"), message).help("`valid_to` is the first day on which it receives nothing more."),
            );
        }
        let Some(next) = &row.succeeded_by else { continue };
        let message = if row.valid_to.is_none() {
            format!("department `{}` is succeeded without an end", row.id)
        } else if departments.get(next).is_none() {
            format!("department `{next}` does not exist")
        } else if departments.succession(&row.id).last().is_some_and(|last| last.succeeded_by.is_some()) {
            format!("the succession of department `{}` comes to no end", row.id)
        } else {
            continue;
        };
        found.push(
            origin
                .diagnostic(&place("succeeded_by"), message)
                .help("Name a department of the file, and the day from which it takes over as `valid_to`."),
        );
    }
    found
}
