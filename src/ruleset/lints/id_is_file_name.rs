//! A rule is found by its id.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;
use crate::ruleset::read::stem;

pub(super) const LINT: Lint =
    Lint { code: "id-is-file-name", about: "A rule's id is its file's name without `.yaml`, so that a clue leads to the file.", check };

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let strays = book.rules.iter().filter(|rule| !rule.origin.is_malformed("id") && rule.id != stem(&rule.origin.source.name));
    let tell = |rule: &crate::ruleset::doc::RuleDoc| {
        let message = format!("rule `{}` stands in a file of another name", rule.id);
        rule.origin.diagnostic("id", message).help(format!(
            "Rename the file to `{}.yaml`, or the rule to `{}`.",
            rule.id,
            stem(&rule.origin.source.name)
        ))
    };
    strays.map(tell).collect()
}
