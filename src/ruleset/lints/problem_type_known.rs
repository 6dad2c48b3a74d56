//! A rule's problem type has a national code.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;
use crate::ruleset::shape;

pub(super) const LINT: Lint = Lint {
    code: "problem-type-known",
    about: "The problem type of a rule stands in code_map.yaml under `vola_bhvr_type`: clues carry its code, and summaries are made by it.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let known: Vec<&str> = book.code_map.problem_types().collect();
    let malformed = book.code_map.origin().is_some_and(|origin| origin.is_malformed("vola_bhvr_type"));
    let rules = book.rules.iter().filter(|rule| !malformed && !rule.origin.is_malformed("problem_type"));
    rules
        .filter(|rule| book.code_map.vola_bhvr_type(&rule.problem_type).is_none())
        .map(|rule| {
            let help = if book.code_map.origin().is_none() {
                "There is no code_map.yaml beside gates.yaml; add it.".to_owned()
            } else {
                shape::suggestion(&rule.problem_type, &known, "code_map.yaml has")
            };
            rule.origin.diagnostic("problem_type", format!("problem type `{}` has no code", rule.problem_type)).help(help)
        })
        .collect()
}
