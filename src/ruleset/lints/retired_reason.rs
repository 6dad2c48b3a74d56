//! Rules are retired with a reason, never deleted.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Status;

pub(super) const LINT: Lint = Lint {
    code: "retired-reason",
    about: "A retired rule says why in `retired_because`, and only a retired one does: an auditor who finds an old clue asks.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    book.rules.iter().filter(|rule| !rule.origin.is_malformed("status")).filter_map(check_rule).collect()
}

fn check_rule(rule: &RuleDoc) -> Option<Diagnostic> {
    match (rule.status, &rule.retired_because) {
        (Status::Retired, None) => {
            Some(rule.origin.diagnostic("status", "a retired rule without a reason").help("Add `retired_because` and say why."))
        }
        (Status::Draft | Status::Shadow | Status::Live, Some(_)) => {
            let message = format!("`retired_because` on a rule that is {}", rule.status);
            Some(rule.origin.diagnostic("retired_because", message).help("Remove it, or set `status: retired`."))
        }
        _ => None,
    }
}
