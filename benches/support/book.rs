//! Parts of the rule book: the rules with which the walking engine began, and
//! those that judge no groups. What the book costs is told against them.
#![allow(dead_code, reason = "every bench uses a part of it")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Of the first ten rules; later ones are measured against these.
const FIRST: [&str; 10] = [
    "online-special",
    "retail-special",
    "nar-other",
    "psy2-7d",
    "drug-sex",
    "drug-age",
    "pay-ceiling",
    "delivery-fee",
    "online-first",
    "repeat-supply",
];

/// Three indicators by three kinds of unit.
const GROUPS: [&str; 3] = ["oe-total-cost", "oe-drug-cost", "oe-visit-cost"];
const UNITS: &str = "  units: [institution, department, doctor]\n";

/// A folder like `rules` with the first ten rules alone.
pub fn first_ten(rules: &Path) -> TempDir {
    part(rules, |rule, text| FIRST.contains(&rule).then(|| text.to_owned()))
}

/// The same with all rules that judge no groups.
pub fn without_groups(rules: &Path) -> TempDir {
    part(rules, |_, text| (!is_of_groups(text)).then(|| text.to_owned()))
}

/// The same, and three rules on groups by all three kinds of unit.
pub fn with_three_groups(rules: &Path) -> TempDir {
    part(rules, |rule, text| {
        let by_all_units = || text.split_inclusive('\n').map(|line| if line.starts_with("  units: ") { UNITS } else { line }).collect();
        if is_of_groups(text) { GROUPS.contains(&rule).then(by_all_units) } else { Some(text.to_owned()) }
    })
}

fn is_of_groups(rule: &str) -> bool {
    rule.contains("\n  kind: ratio\n")
}

/// `kept`: what a rule's file is to say, if it is wanted.
fn part(rules: &Path, kept: impl Fn(&str, &str) -> Option<String>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(rules).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), dir.path().join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(&from).unwrap().map(Result::unwrap) {
                let stem = file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if entry.file_name() == "reference" || stem == "pack" {
                    fs::copy(file.path(), to.join(file.file_name())).unwrap();
                } else if let Some(text) = kept(&stem, &fs::read_to_string(file.path()).unwrap()) {
                    fs::write(to.join(file.file_name()), text).unwrap();
                }
            }
        } else if entry.file_name() != "rules.lock" {
            fs::copy(&from, &to).unwrap();
        }
    }
    dir
}
