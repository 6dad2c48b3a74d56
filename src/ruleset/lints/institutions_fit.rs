//! A number of institutions belongs to rules that compare several.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Institutions;

pub(super) const LINT: Lint = Lint {
    code: "institutions-fit",
    about: "`institutions_min` counts different institutions: with `institutions: one` there is nothing to count, and it must not stand there.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in book.rules.iter().filter(|rule| !rule.origin.is_malformed("evaluate")) {
        let EvaluateDoc::OverlappingSupply(doc) = &rule.evaluate else { continue };
        if let (Institutions::One, Some(least)) = (doc.institutions, doc.institutions_min) {
            let message = format!("supplies of one institution are compared, not of {least}");
            found.push(rule.origin.diagnostic("evaluate.institutions_min", message).help("Remove it, or set `institutions: several`."));
        }
    }
    found
}
