//! A rule names gates that exist for its rows.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;
use crate::ruleset::shape;

pub(super) const LINT: Lint = Lint {
    code: "gates-known",
    about: "Each gate of a rule is in gates.yaml for the rule's event, at its grain or for a rule on lines or cases at the header's.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in &book.rules {
        if ["gates", "event", "grain"].iter().any(|key| rule.origin.is_malformed(key)) {
            continue;
        }
        for (idx, id) in rule.gates.iter().enumerate().filter(|(_, id)| book.gate(id, rule.event, rule.grain).is_none()) {
            let place = format!("gates.{idx}");
            found.push(if book.gates.iter().any(|gate| gate.id == *id) {
                let message = format!("gate `{id}` is not told for {} {}", rule.event, rule.grain);
                rule.origin.diagnostic(&place, message).help("Add it to gates.yaml for this event and grain.")
            } else {
                let mut known: Vec<&str> = book.gates.iter().map(|gate| gate.id.as_str()).collect();
                known.dedup();
                rule.origin.diagnostic(&place, format!("gate `{id}` does not exist")).help(shape::suggestion(id, &known, "Known are"))
            });
        }
    }
    found
}
