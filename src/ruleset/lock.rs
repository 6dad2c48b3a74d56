//! `rules.lock`: which meaning each version of a rule has, so that a rule
//! never changes under the same version. Clues and backtests name rules by
//! id and version.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::ids::Digest;
use crate::ruleset::digest::canonical;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;

/// The lock file's name, beside `gates.yaml`.
pub const LOCK_FILE: &str = "rules.lock";

const HEAD: &str = "# Rule, version and meaning. Written by `claimsift rules lock`; do not edit.\n";

/// Keys that explain a rule or say where it stands, and change no clue of it.
const NOT_MEANING: &[&str] =
    &["version", "title", "status", "retired_because", "owner", "focus", "why", "innocent_when", "not_seen", "data_quality", "cases"];

/// The meaning of a rule: all that decides which clues it gives and what they
/// say, the gates it uses included.
pub fn meaning(book: &RuleBook, rule: &RuleDoc) -> Digest {
    let own = canonical(&rule.origin.node, |key| !NOT_MEANING.contains(&key));
    let gates = rule.gates.iter().filter_map(|id| book.gate(id, rule.event, rule.grain));
    let gates: Vec<String> = gates.map(|gate| canonical(&gate.origin.node, |key| !matches!(key, "zh" | "en"))).collect();
    Digest::of([own.as_bytes()].into_iter().chain(gates.iter().map(String::as_bytes)))
}

/// The lock file's text for a book.
pub fn render(book: &RuleBook) -> String {
    let mut text = HEAD.to_owned();
    for rule in &book.rules {
        let _ = writeln!(text, "{} {} {}", rule.id, rule.version, meaning(book, rule));
    }
    text
}

const WRITE_ANEW: &str = "Run `claimsift rules lock`.";

struct Locked<'a> {
    version: u32,
    meaning: &'a str,
    span: Range<usize>,
}

/// Everything in which book and lock file differ. `None`: there is no file yet.
pub fn check(book: &RuleBook, lock: Option<&Arc<SourceText>>) -> Vec<Diagnostic> {
    compare(book, lock).into_iter().map(|(diagnostic, _)| diagnostic).collect()
}

/// The differences that writing the file anew must not paper over: a meaning
/// changed under its version, a version that went back, a rule deleted.
pub fn refuse(book: &RuleBook, lock: Option<&Arc<SourceText>>) -> Vec<Diagnostic> {
    compare(book, lock).into_iter().filter(|(_, by_hand)| *by_hand).map(|(diagnostic, _)| diagnostic).collect()
}

/// Differences, each with whether a person has to mend it.
fn compare(book: &RuleBook, lock: Option<&Arc<SourceText>>) -> Vec<(Diagnostic, bool)> {
    let (locked, mut found) = lock.map(parse).unwrap_or_default();
    for rule in &book.rules {
        let tell = |message: String, help: &str| rule.origin.diagnostic("version", message).help(help);
        let (id, version) = (&rule.id, rule.version);
        match locked.get(id.as_str()) {
            None => found.push((tell(format!("rule `{id}` is not in {LOCK_FILE}"), WRITE_ANEW), false)),
            Some(lock) if version < lock.version => {
                let message = format!("version {version} of rule `{id}` is below the locked version {}", lock.version);
                found.push((tell(message, "Raise it above the locked version."), true));
            }
            Some(lock) if version > lock.version => {
                found.push((tell(format!("version {version} of rule `{id}` is not in {LOCK_FILE}"), WRITE_ANEW), false));
            }
            Some(lock) if lock.meaning != meaning(book, rule).to_string() => {
                let message = format!("the meaning of rule `{id}` changed under version {version}");
                found.push((
                    tell(message, "Raise `version`, then run `claimsift rules lock`; gates that the rule uses are part of its meaning."),
                    true,
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(source) = lock {
        for (id, lock) in locked.iter().filter(|(id, _)| book.rule(id).is_none()) {
            let diagnostic = Diagnostic::new(source, lock.span.clone(), format!("rule `{id}` is gone"));
            found.push((diagnostic.help("Bring the file back and set `status: retired`; old clues still name the rule."), true));
        }
    }
    found
}

fn parse(source: &Arc<SourceText>) -> (BTreeMap<&str, Locked<'_>>, Vec<(Diagnostic, bool)>) {
    let (mut locked, mut found) = (BTreeMap::new(), Vec::new());
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let span = start..start + line.trim_end().len();
        start += line.len();
        let mut words = line.split_whitespace();
        match (words.next(), words.next().map(str::parse), words.next(), words.next()) {
            (None, ..) => {}
            (Some(first), ..) if first.starts_with('#') => {}
            (Some(id), Some(Ok(version)), Some(meaning), None) => {
                locked.insert(id, Locked { version, meaning, span });
            }
            _ => {
                let diagnostic = Diagnostic::new(source, span, "not a line of rule, version and meaning");
                found.push((diagnostic.help("Take the file from version control; it is written by `claimsift rules lock`."), true));
            }
        }
    }
    (locked, found)
}
