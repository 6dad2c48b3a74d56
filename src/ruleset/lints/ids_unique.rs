//! One id, one thing.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;

pub(super) const LINT: Lint = Lint {
    code: "ids-unique",
    about: "No two rules share an id, no two gates share id, event and grain, and within a rule no two exemptions and gates share an id, \
            because clues and tests name them by it.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (first, second) in book.rules.iter().zip(book.rules.iter().skip(1)) {
        if first.id == second.id && !second.origin.is_malformed("id") {
            let message = format!("rule `{}` exists twice", second.id);
            found.push(
                second
                    .origin
                    .diagnostic("id", message)
                    .help(format!("The other stands in {}; give one of them another id.", first.origin.source.name)),
            );
        }
    }
    for (first, second) in book.gates.iter().zip(book.gates.iter().skip(1)) {
        if (&first.id, first.event, first.grain) == (&second.id, second.event, second.grain) && !second.origin.is_malformed("id") {
            let message = format!("gate `{}` exists twice for {} {}", second.id, second.event, second.grain);
            found.push(second.origin.diagnostic("id", message).help("Give one of them another id, event or grain."));
        }
    }
    for rule in &book.rules {
        for (idx, exempt) in rule.exempt.iter().enumerate() {
            let earlier = rule.exempt.iter().take(idx).map(|other| &other.id).chain(&rule.gates);
            if earlier.into_iter().any(|id| *id == exempt.id) && !rule.origin.is_malformed("exempt") {
                let message = format!("exemption `{}` has the id of another exemption or gate of the rule", exempt.id);
                found.push(rule.origin.diagnostic(&format!("exempt.{idx}.id"), message).help("Give it an id of its own."));
            }
        }
        for (idx, gate) in rule.gates.iter().enumerate() {
            if rule.gates.iter().take(idx).any(|other| other == gate) {
                found.push(
                    rule.origin.diagnostic(&format!("gates.{idx}"), format!("gate `{gate}` is named twice")).help("Remove one of the two."),
                );
            }
        }
    }
    found
}
