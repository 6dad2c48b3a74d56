//! Generated files are up to date. `UPDATE=1 cargo test --test generated`
//! writes them anew.

use std::env;
use std::fs;
use std::path::Path;

use claimsift::config;
use claimsift::events::prescription::PRESCRIPTION;
use claimsift::events::schema;
use claimsift::events::settlement::SETTLEMENT;
use claimsift::ruleset;

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
    ("docs/reference/rule-file.md", ruleset::page::rule_page),
    ("docs/reference/rule-checks.md", ruleset::lints::page),
];

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether it writes")]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for (path, generate) in FILES {
        let (file, text) = (root.join(path), generate());
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            continue;
        }
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        } else {
            stale.push(*path);
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; run `UPDATE=1 cargo test --release --test generated`");
}
