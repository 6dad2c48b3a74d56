//! Nobody is told of a clear breach on a text that nobody read.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Status;

pub(super) const LINT: Lint = Lint {
    code: "basis-verified",
    about: "A live rule whose result is clear cites only bases that a person compared with the published text.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let told_as_clear = book.rules.iter().filter(|rule| rule.status == Status::Live && rule.result == Grade::Clear);
    for rule in told_as_clear.filter(|rule| !["status", "result", "basis"].iter().any(|key| rule.origin.is_malformed(key))) {
        for (idx, _) in rule.basis.iter().enumerate().filter(|(_, basis)| !basis.verified) {
            let help = "Compare it with the published text and set `verified: true`, or lower `result` to suspected or `status` to shadow.";
            let message = "a live rule with a clear result on an unverified basis";
            found.push(rule.origin.diagnostic(&format!("basis.{idx}.verified"), message).help(help));
        }
    }
    found
}
