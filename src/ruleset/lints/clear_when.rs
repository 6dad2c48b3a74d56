//! A condition for the clear grade needs that grade.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Grade;

pub(super) const LINT: Lint = Lint {
    code: "clear-when",
    about: "`clear_when` lowers rows of a `result: clear` rule to suspected; under `result: suspected` it would mean nothing.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let idle = book
        .rules
        .iter()
        .filter(|rule| rule.clear_when.is_some() && rule.result == Grade::Suspected && !rule.origin.is_malformed("result"));
    let help = "Set `result: clear`, or remove `clear_when`.";
    idle.map(|rule| rule.origin.diagnostic("clear_when", "`clear_when` on a rule whose result is suspected").help(help)).collect()
}
