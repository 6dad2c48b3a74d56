//! Generated files are up to date. `UPDATE=1 cargo test --test generated`
//! writes them anew. What is written by hand about the demo's feed agrees with it.

use std::env;
use std::fs;
use std::path::Path;

use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::config;
use claimsift::events::prescription::PRESCRIPTION;
use claimsift::events::schema;
use claimsift::events::settlement::SETTLEMENT;
use claimsift::report::catalogue;
use claimsift::ruleset;
use claimsift::synth;
use claimsift::synth::SynthSettings;

type Generator = fn() -> String;

/// Every generated file and what it holds.
const FILES: &[(&str, Generator)] = &[
    ("schemas/rule.schema.json", ruleset::schema::rule_schema),
    ("schemas/gates.schema.json", ruleset::schema::gates_schema),
    ("schemas/departments.schema.json", ruleset::schema::departments_schema),
    ("schemas/code_map.schema.json", ruleset::schema::code_map_schema),
    ("schemas/config.schema.json", config::config_schema),
    ("schemas/settlement.schema.json", || schema::json_schema(&SETTLEMENT)),
    ("schemas/prescription.schema.json", || schema::json_schema(&PRESCRIPTION)),
    ("schemas/clue.schema.json", claimsift::clues::schema::clue_schema),
    ("docs/reference/columns.md", schema::columns_page),
    ("docs/reference/config.md", config::config_page),
    ("docs/reference/tables.md", claimsift::reference::page::tables_page),
    ("docs/reference/rule-file.md", ruleset::page::rule_page),
    ("docs/reference/rule-checks.md", ruleset::lints::page),
];

/// The catalogue: a page per rule, in a folder that holds nothing else.
const CATALOGUE: &str = "docs/rules";

/// The baseline of the made-up city, computed from its ordinary life.
fn baseline(root: &Path) -> Vec<(String, String)> {
    let settings = SynthSettings::default();
    let folders = ["rules/reference", "demo/reference"].map(|folder| root.join(folder));
    let city = demo::city(&folders, settings.live_first()).unwrap();
    synth::baseline(&settings, &city).into_iter().map(|(file, text)| (format!("demo/reference/{file}"), text)).collect()
}

fn catalogue(root: &Path) -> Vec<(String, String)> {
    let (book, diagnostics) = load::book(&root.join("rules")).unwrap();
    assert!(diagnostics.is_empty(), "{}", claimsift::base::diagnostic::render(&diagnostics));
    catalogue::pages(&book).iter().map(|page| (format!("{CATALOGUE}/{}", page.file_name("md")), page.markdown())).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether it writes")]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    let mut expected: Vec<(String, String)> = FILES.iter().map(|(path, generate)| ((*path).to_owned(), generate())).collect();
    expected.extend(catalogue(root));
    expected.extend(baseline(root));
    for entry in fs::read_dir(root.join(CATALOGUE)).into_iter().flatten() {
        let path = format!("{CATALOGUE}/{}", entry.unwrap().file_name().to_string_lossy());
        if expected.iter().any(|(known, _)| *known == path) {
            continue;
        }
        // The page of a rule that is gone.
        if update {
            fs::remove_file(root.join(&path)).unwrap();
        } else {
            stale.push(path);
        }
    }
    for (path, text) in expected {
        let file = root.join(&path);
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            continue;
        }
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        } else {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; run `UPDATE=1 cargo test --release --test generated`");
}

/// A feed that is called whole from before its first day accuses the innocent.
#[test]
fn the_demo_configuration_and_the_readme_tell_the_months_of_the_feed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let settings = SynthSettings::default();
    let (first, live, last) = (settings.first_day(), settings.live_first(), settings.end().pred_opt().unwrap());
    let config = fs::read_to_string(root.join("deploy/demo.yaml")).unwrap();
    assert_eq!(config.matches("complete_from:").count(), 2);
    assert_eq!(config.matches(&format!("complete_from: {first} ")).count(), 2, "the feed begins on {first}");
    assert!(config.contains(&format!("\nclues_from: {live} ")), "the live month begins on {live}");
    for page in ["README.md", "docs/guide/export.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        assert!(text.contains(&format!("--from {live} --to {last}")), "{page}: the live month is {live} to {last}");
    }
}
