//! The architecture as a test: layers, homes of outside crates, and the shape of files.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Modules from the ground up: each may use itself and those before it.
const LAYERS: &[&str] = &[
    "base",
    "io",
    "telemetry",
    "events",
    "codecs",
    "expr",
    "reference",
    "state",
    "window",
    "stats",
    "evaluators",
    "ruleset",
    "clues",
    "feedback",
    "engine",
    "synth",
    "offline",
    "report",
    "config",
    "runtime",
    "http",
    "commands",
];

/// Outside crates with a home, and where they may be named. A name ending in
/// `*` stands for all crates that begin so.
const HOMES: &[(&str, &str)] = &[
    ("rdkafka", "src/io/kafka"),
    ("datafusion*", "src/expr/"),
    ("sqlparser", "src/expr/"),
    ("prometheus", "src/telemetry/"),
    ("axum", "src/http/"),
    ("clap", "src/commands/"),
    ("comfy_table", "src/commands/"),
    ("indicatif", "src/commands/"),
    ("saphyr", "src/ruleset/yaml.rs"),
    ("postcard", "src/state/saved.rs"),
    ("object_store", "src/io/objects.rs"),
];

const LINES_MAX: usize = 600;
/// Longer files, each with the reason why it stays one.
const LONG_FILES: &[(&str, &str)] = &[("tests/end_to_end.rs", "all its tests share one broker and its helpers")];

/// The one folder that may name rules: what the generator plants for each.
const RULE_NAMES_HOME: &str = "src/synth/plants/";

/// Words that say that something is not finished; split, or this file would find itself.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

/// Folders that exist on one machine only.
const MACHINE_FOLDERS: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

struct File {
    /// From the root of the repository, with forward slashes.
    path: String,
    text: String,
}

/// Text files that are tracked or about to be.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git").current_dir(root).args(["ls-files", "-co", "--exclude-standard"]).output();
    let paths: Vec<PathBuf> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect(),
        // An unpacked archive has no repository: everything in it is tracked.
        _ => walk(root).into_iter().filter_map(|path| path.strip_prefix(root).ok().map(Path::to_owned)).collect(),
    };
    let paths: BTreeSet<PathBuf> = paths.into_iter().collect();
    let read = |path: PathBuf| {
        let text = String::from_utf8(std::fs::read(root.join(&path)).ok()?).ok()?;
        Some(File { path: path.to_string_lossy().replace('\\', "/"), text })
    };
    paths.into_iter().filter_map(read).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != ".git" {
            found.extend(walk(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Numbered lines that are code and not comment.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(idx, line)| (idx + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_word(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || ch == '_'
}

/// What follows `word` wherever it stands alone in `line`.
fn after<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(word).filter(move |(at, _)| !line[..*at].ends_with(is_word)).map(move |(at, _)| &line[at + word.len()..])
}

fn of_src(file: &File) -> bool {
    file.path.starts_with("src/") && file.path.ends_with(".rs")
}

fn layers(file: &File) -> Vec<String> {
    let Some(module) = file.path.strip_prefix("src/").filter(|_| of_src(file)) else { return Vec::new() };
    let module = module.split(['/', '.']).next().unwrap_or_default();
    if matches!(module, "lib" | "main") {
        return Vec::new();
    }
    let Some(own) = LAYERS.iter().position(|layer| *layer == module) else {
        return vec![format!("{}: module `{module}` is not in the table of layers", file.path)];
    };
    let mut found = Vec::new();
    for (number, line) in code(&file.text) {
        for rest in after(line, "crate::") {
            let used = rest.split(|ch| !is_word(ch)).next().unwrap_or_default();
            if LAYERS.iter().position(|layer| *layer == used).is_some_and(|layer| layer > own) {
                found.push(format!("{}:{number}: `{module}` stands below `{used}` and may not use it", file.path));
            }
        }
    }
    found
}

fn homes(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (name, home) in HOMES.iter().filter(|(_, home)| of_src(file) && !file.path.starts_with(home)) {
        let prefix = name.trim_end_matches('*');
        for (number, line) in code(&file.text) {
            let named = after(line, prefix).any(|rest| {
                let rest = if name.ends_with('*') { rest.trim_start_matches(is_word) } else { rest };
                rest.starts_with("::")
            });
            if named {
                found.push(format!("{}:{number}: `{name}` is at home in {home}", file.path));
            }
        }
    }
    found
}

fn shape(file: &File) -> Vec<String> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !file.text.starts_with("//! ") {
        found.push(format!("{}:1: say in a `//!` sentence what the file is for", file.path));
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX && !LONG_FILES.iter().any(|(path, _)| *path == file.path) {
        found.push(format!("{}: {lines} lines are more than {LINES_MAX}; split it", file.path));
    }
    for (number, line) in code(&file.text) {
        let line = line.trim_start();
        let used = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("use crate::");
        if used.is_some_and(|rest| rest.contains('{')) {
            found.push(format!("{}:{number}: one `use` line per item", file.path));
        }
    }
    found
}

fn words(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (idx, line) in file.text.lines().enumerate() {
        for word in UNFINISHED {
            if after(line, word).any(|rest| !rest.starts_with(is_word)) {
                found.push(format!("{}:{}: finish it, or say what is true today", file.path, idx + 1));
            }
        }
        let outside = |at: usize| !line[..at].ends_with(|ch: char| is_word(ch) || matches!(ch, '.' | '-' | '/' | '}' | ')'));
        for folder in MACHINE_FOLDERS {
            if line.match_indices(folder).any(|(at, _)| outside(at)) {
                found.push(format!("{}:{}: a path of one machine", file.path, idx + 1));
            }
        }
    }
    found
}

fn titles(file: &File) -> Vec<String> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let mut fenced = false;
    let mut count = 0;
    for line in file.text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        count += usize::from(!fenced && line.starts_with("# "));
    }
    if count == 1 { Vec::new() } else { vec![format!("{}: {count} titles, not one", file.path)] }
}

/// The id of a rule file; other YAML has none at its top.
fn rule_id(file: &File) -> Option<&str> {
    let rule = file.path.starts_with("rules/") && file.path.ends_with(".yaml");
    rule.then(|| file.text.lines().find_map(|line| line.strip_prefix("id:")))?.map(str::trim)
}

fn rule_names(file: &File, ids: &BTreeSet<&str>) -> Vec<String> {
    if !of_src(file) || file.path.starts_with(RULE_NAMES_HOME) {
        return Vec::new();
    }
    let part = |ch: char| is_word(ch) || ch == '-';
    let mut found = Vec::new();
    for (idx, line) in file.text.lines().enumerate() {
        for id in ids {
            let alone = |at: usize| !line[..at].ends_with(part) && !line[at + id.len()..].starts_with(part);
            if line.match_indices(id).any(|(at, _)| alone(at)) {
                found.push(format!("{}:{}: the program knows no rule by name, but this names `{id}`", file.path, idx + 1));
            }
        }
    }
    found
}

fn all_well(found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn modules_use_only_what_stands_below_them() {
    all_well(files().iter().flat_map(layers));
}

#[test]
fn outside_crates_stay_at_home() {
    all_well(files().iter().flat_map(homes));
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let files = files();
    all_well(files.iter().flat_map(shape));
    for (path, reason) in LONG_FILES {
        let long = files.iter().any(|file| file.path == *path && file.text.lines().count() > LINES_MAX);
        assert!(long && !reason.is_empty(), "{path} needs no exception");
    }
}

#[test]
fn nothing_is_left_unfinished_or_tied_to_a_machine() {
    all_well(files().iter().flat_map(words));
}

#[test]
fn documents_have_one_title() {
    all_well(files().iter().flat_map(titles));
}

#[test]
fn no_rule_is_known_by_name() {
    let files = files();
    let ids: BTreeSet<&str> = files.iter().filter_map(rule_id).collect();
    all_well(files.iter().flat_map(|file| rule_names(file, &ids)));
}

/// Each check finds what it is for, and nothing else.
#[test]
fn the_checks_themselves_work() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let check = |found: Vec<String>, expect: &[&str]| assert_eq!(found, expect);

    check(
        layers(&file("src/io/log.rs", "use crate::base::ids::Digest;\n    pub use crate::events::X;\n// crate::engine::Y")),
        &["src/io/log.rs:2: `io` stands below `events` and may not use it"],
    );
    check(layers(&file("src/other.rs", "")), &["src/other.rs: module `other` is not in the table of layers"]);
    check(layers(&file("src/main.rs", "use crate::commands::run;")), &[]);

    check(
        homes(&file("src/engine/step.rs", "use datafusion_expr::Expr;\nlet clap = 1;\nmy_clap::f()\nclap::Parser")),
        &["src/engine/step.rs:1: `datafusion*` is at home in src/expr/", "src/engine/step.rs:4: `clap` is at home in src/commands/"],
    );
    check(homes(&file("src/io/kafka.rs", "use rdkafka::Message;")), &[]);

    check(
        shape(&file("src/base/a.rs", "pub use crate::base::{ids, time};\nuse crate::base::ids;\n")),
        &["src/base/a.rs:1: say in a `//!` sentence what the file is for", "src/base/a.rs:1: one `use` line per item"],
    );
    check(
        shape(&file("src/base/a.rs", &format!("//! A.\n{}", "\n".repeat(LINES_MAX)))),
        &["src/base/a.rs: 601 lines are more than 600; split it"],
    );

    let (word, folder) = (UNFINISHED[0], MACHINE_FOLDERS[2]);
    check(
        words(&file("a.sh", &format!("{word}: later\n{word}S are lists\ncd {folder}x\nsrc{folder}x\n"))),
        &["a.sh:1: finish it, or say what is true today", "a.sh:3: a path of one machine"],
    );

    check(titles(&file("a.md", "# One\n```\n# no title\n```\n## Part\n")), &[]);
    check(titles(&file("a.md", "# One\n# Two\n")), &["a.md: 2 titles, not one"]);

    let rule = file("rules/drugs/drug-price.yaml", "# yaml\nid: drug-price\nversion: 1\n");
    let ids: BTreeSet<&str> = rule_id(&rule).into_iter().collect();
    check(
        rule_names(&file("src/engine/a.rs", "\"drug-prices\"\n\"drug-price\""), &ids),
        &["src/engine/a.rs:2: the program knows no rule by name, but this names `drug-price`"],
    );
    check(rule_names(&file("src/synth/plants/mod.rs", "\"drug-price\""), &ids), &[]);
}
