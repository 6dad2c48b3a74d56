//! The rules with which the walking engine began, out of the whole book: what
//! the book costs is told against them.

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

/// A folder like `rules` with the first ten rules alone.
pub fn first_ten(rules: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(rules).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), dir.path().join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(&from).unwrap().map(Result::unwrap) {
                let stem = file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let pack = entry.file_name() == "reference" || stem == "pack";
                if pack || FIRST.contains(&stem.as_str()) {
                    fs::copy(file.path(), to.join(file.file_name())).unwrap();
                }
            }
        } else if entry.file_name() != "rules.lock" {
            fs::copy(&from, &to).unwrap();
        }
    }
    dir
}
