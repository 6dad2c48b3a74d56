//! Checks on data quality can count, and cases show it.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::shape::suggestion;

pub(super) const LINT: Lint = Lint {
    code: "data-quality-counts",
    about: "`data_quality` stands in rules with `kind: row`, whose rows it counts; no two checks of a rule share an id, and each is expected \
            by a case, because nobody would miss a count that never moves.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let reliable = |rule: &&RuleDoc| !["data_quality", "evaluate", "cases"].iter().any(|key| rule.origin.is_malformed(key));
    book.rules.iter().filter(reliable).flat_map(check_rule).collect()
}

fn check_rule(rule: &RuleDoc) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if !rule.data_quality.is_empty() && !matches!(rule.evaluate, EvaluateDoc::Row { .. }) {
        let help = "Write it into a rule with `kind: row` over the same rows.";
        found.push(rule.origin.diagnostic("data_quality", "a rule that judges no rows counts none").help(help));
    }
    let expected = |id: &str| rule.cases.iter().flat_map(|case| case.data_quality.iter().flatten()).any(|expected| expected == id);
    for (idx, quality) in rule.data_quality.iter().enumerate() {
        let place = format!("data_quality.{idx}.id");
        if rule.data_quality.iter().take(idx).any(|other| other.id == quality.id) {
            let message = format!("check `{}` exists twice", quality.id);
            found.push(rule.origin.diagnostic(&place, message).help("Give one of them another id."));
        } else if !expected(&quality.id) {
            let message = format!("no case expects check `{}`", quality.id);
            found.push(rule.origin.diagnostic(&place, message).help(format!("Add a case with `data_quality: [{}]`.", quality.id)));
        }
    }
    let known: Vec<&str> = rule.quality_checks().collect();
    for (idx, case) in rule.cases.iter().enumerate() {
        for id in case.data_quality.iter().flatten().filter(|id| !known.contains(&id.as_str())) {
            let help =
                if known.is_empty() { "Add it under `data_quality` of the rule.".to_owned() } else { suggestion(id, &known, "Known are") };
            let place = format!("cases.{idx}.data_quality");
            found.push(rule.origin.diagnostic(&place, format!("the rule has no check `{id}`")).help(help));
        }
    }
    found
}
