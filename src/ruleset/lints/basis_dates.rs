//! A basis is in force for some time.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;

pub(super) const LINT: Lint =
    Lint { code: "basis-dates", about: "A basis ends after it begins: `valid_to` is the first day on which it no longer holds.", check };

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in book.rules.iter().filter(|rule| !rule.origin.is_malformed("basis")) {
        for (idx, basis) in rule.basis.iter().enumerate() {
            if let Some(end) = basis.valid_to.filter(|end| *end <= basis.valid_from) {
                let message = format!("the basis ends on {end}, not after it begins on {}", basis.valid_from);
                let help = "Write the first day on which it no longer holds, or null.";
                found.push(rule.origin.diagnostic(&format!("basis.{idx}.valid_to"), message).help(help));
            }
        }
    }
    found
}
