//! The shipped rules: no mistakes, locked meanings, and every case comes out
//! as it says. `UPDATE=1 cargo test --test rules` writes the lock file anew.

#[path = "support/feed.rs"]
mod feed;

use std::sync::Arc;

use claimsift::base::diagnostic;
use claimsift::base::diagnostic::SourceText;
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

/// Rules of each kind of row with a parameter that changes on the day of the
/// default event, and cases of the day before and of the day itself.
#[test]
fn a_value_by_date_holds_from_its_day_on_and_an_areas_own_goes_before_it() {
    let (mut texts, _) = read::load(&feed::path("rules")).unwrap();
    let dated = "by_date: [{ from: 2026-03-10, value: 100 }]";
    let changes = [
        (
            "id: amount-mismatch\n",
            "tolerance: { default: 1.00,",
            format!("tolerance: {{ default: 1.00, {dated}, by_area: {{ \"990102\": 2 }},"),
            r#"  - name: by date, the day before
    given: { header: { setl_time: "2026-03-10 10:00:00", begntime: "2026-03-09 09:00:00" }, line: { cnt: 3, det_item_fee_sumamt: 40.00 } }
    expect: clue
  - name: by date, the day itself
    given: { line: { cnt: 3, det_item_fee_sumamt: 40.00 } }
    expect: quiet
  - name: by date of the line
    given: { line: { fee_ocur_time: "2026-03-09 23:59:59", cnt: 3, det_item_fee_sumamt: 40.00 } }
    expect: clue
  - name: by date, an area of its own
    given: { header: { fix_blng_admdvs: "990102" }, line: { cnt: 3, det_item_fee_sumamt: 40.00 } }
    expect: clue
"#,
        ),
        (
            "id: psy2-7d\n",
            "days: { default: 7, min: 7, max: 30,",
            format!("days: {{ default: 7, min: 7, max: 100, {dated},"),
            r#"  - name: by date, the day before
    given:
      prescription:
        header: { prsc_time: "2026-03-09 23:59:59" }
        line: { med_list_codg: XN05BAA046A001010199901, drug_genname: 阿普唑仑片, drug_dosform: 片剂, medc_days: 60, sin_doscnt: 1, sin_dosunt: 片, used_frqu_codg: qn, drug_cnt: 3, drug_dosunt: 盒 }
    expect: clue
  - name: by date, the day itself
    given:
      prescription:
        header: { prsc_time: "2026-03-10 00:00:00" }
        line: { med_list_codg: XN05BAA046A001010199901, drug_genname: 阿普唑仑片, drug_dosform: 片剂, medc_days: 60, sin_doscnt: 1, sin_dosunt: 片, used_frqu_codg: qn, drug_cnt: 3, drug_dosunt: 盒 }
    expect: quiet
"#,
        ),
    ];
    for (id, from, to, cases) in &changes {
        let rule = texts.iter_mut().find(|source| source.text.contains(id)).unwrap();
        assert!(rule.text.contains(from), "{id} has a parameter {from}");
        let text = format!("{}{cases}", rule.text.replace(from, to));
        *rule = Arc::new(SourceText { name: rule.name.clone(), text });
    }
    let (book, mut diagnostics) = read::read(&texts);
    let (rules, more) = compile(&book, TESTED);
    diagnostics.extend(more);
    assert!(diagnostics.is_empty(), "\n{}", diagnostic::render(&diagnostics));
    let rules = Arc::new(rules);
    let references =
        load::load_for(&feed::path("rules"), &feed::references(), TESTED).unwrap_or_else(|failure| panic!("{failure:?}")).references;
    for (id, .., cases) in &changes {
        let mut rule = book.rule(id.trim_start_matches("id: ").trim()).unwrap().clone();
        // The file's own cases are about its own values.
        rule.cases.retain(|case| case.name.starts_with("by date"));
        assert_eq!(rule.cases.len(), cases.matches("- name:").count());
        let failures = cases::run(&rule, &rules, &references);
        assert!(failures.is_empty(), "{failures:#?}");
    }
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
