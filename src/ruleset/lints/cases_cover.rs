//! A rule shows when it fires, when it is quiet and when it does not know.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Expect;
use crate::ruleset::words::Words as _;

pub(super) const LINT: Lint = Lint {
    code: "cases-cover",
    about: "Each rule has at least one case that expects a clue, one that expects quiet and one that expects unknown, and no two \
            cases of one name.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    book.rules.iter().filter(|rule| !rule.origin.is_malformed("cases")).flat_map(check_rule).collect()
}

fn check_rule(rule: &RuleDoc) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for expect in Expect::ALL.iter().filter(|expect| rule.cases.iter().all(|case| case.expect != **expect)) {
        let message = format!("no case of rule `{}` expects `{expect}`", rule.id);
        let help = match expect {
            Expect::Clue => "Add a case with the least that makes the rule fire.",
            Expect::Quiet => "Add a case that differs from the firing one in what makes it innocent.",
            Expect::Unknown => "Add a case in which a column that the condition needs is null.",
        };
        found.push(Diagnostic::new(&rule.origin.source, key_span(rule), message).help(help));
    }
    for (idx, case) in rule.cases.iter().enumerate() {
        if rule.cases.iter().take(idx).any(|other| other.name == case.name) {
            let diagnostic = Diagnostic::new(&rule.origin.source, case.span.clone(), format!("two cases are named {:?}", case.name));
            found.push(diagnostic.help("Name each case by what it shows."));
        }
    }
    found
}

fn key_span(rule: &RuleDoc) -> std::ops::Range<usize> {
    rule.origin.at("cases")
}
