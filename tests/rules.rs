//! The shipped rules: no mistakes, locked meanings, and every case comes out
//! as it says. `UPDATE=1 cargo test --test rules` writes the lock file anew.

#[path = "support/feed.rs"]
mod feed;

use claimsift::base::diagnostic;
use claimsift::commands::load;
use claimsift::commands::rules::TESTED;
use claimsift::offline::cases;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::lock;
use claimsift::ruleset::read;
use claimsift::synth;

#[test]
fn rules_are_read_checked_and_compiled_without_a_mistake() {
    let (book, mut diagnostics) = load::book(&feed::path("rules")).unwrap();
    diagnostics.extend(compile(&book, TESTED).1);
    assert!(diagnostics.is_empty(), "\n{}", diagnostic::render(&diagnostics));
    assert!(book.rules.len() >= 10, "{} rules", book.rules.len());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether it writes")]
fn the_lock_file_is_up_to_date() {
    let (book, _) = load::book(&feed::path("rules")).unwrap();
    let path = feed::path("rules").join(lock::LOCK_FILE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, lock::render(&book)).unwrap();
    }
    let (text, mut diagnostics) = read::load_file(&path).unwrap();
    diagnostics.extend(lock::check(&book, Some(&text)));
    assert!(diagnostics.is_empty(), "\n{}", diagnostic::render(&diagnostics));
    assert_eq!(text.text, lock::render(&book), "the lock file is as `claimsift rules lock` writes it");
}

/// A rule's file is where people read what it misses; the plants only act it out.
#[test]
fn what_is_planted_and_missed_stands_in_the_rules_file() {
    let (book, _) = load::book(&feed::path("rules")).unwrap();
    let told = |rule: &str, reason: &str| book.rule(rule).is_some_and(|rule| rule.not_seen.iter().any(|text| text.zh == reason));
    let silent: Vec<_> = synth::misses().filter(|(rule, reason)| !told(rule, reason)).collect();
    assert!(silent.is_empty(), "planted, missed and not under `not_seen`: {silent:#?}");
    assert!(synth::misses().count() > book.rules.len(), "honest misses are planted");
}

#[test]
fn every_case_comes_out_as_it_says() {
    let loaded = load::load_for(&feed::path("rules"), &feed::references(), TESTED).unwrap_or_else(|failure| panic!("{failure:?}"));
    let (mut cases, mut failed) = (0, Vec::new());
    for rule in loaded.book.rules.iter().filter(|rule| TESTED.contains(&rule.status)) {
        assert!(!rule.cases.is_empty(), "{} has no case", rule.id);
        cases += rule.cases.len();
        let failures = cases::run(rule, &loaded.rules, &loaded.references);
        failed.extend(failures.into_iter().map(|failure| format!("{} / {}: {}", failure.rule, failure.case, failure.message)));
    }
    assert!(failed.is_empty(), "{} of {cases} cases failed:\n{}", failed.len(), failed.join("\n"));
}
