//! Loads rules and reference tables from folders; all mistakes of all files
//! are told, and with any nothing is loaded.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::diagnostic;
use crate::base::diagnostic::Diagnostic;
use crate::commands::Failure;
use crate::reference::folder::Folder;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::EVALUATED;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::compile::compile;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::read;
use crate::ruleset::words::Status;

/// A rule book with everything that was wrong with it.
pub fn book(folder: &Path) -> Result<(RuleBook, Vec<Diagnostic>), Failure> {
    let (texts, mut diagnostics) = read::load(folder)?;
    let (book, more) = read::read(&texts);
    diagnostics.extend(more);
    Ok((book, diagnostics))
}

pub struct Loaded {
    pub book: RuleBook,
    pub rules: Arc<RuleSet>,
    pub references: Arc<Snapshot>,
}

/// Reads and compiles; `statuses` says which rules are wanted.
pub fn load_for(rules: &Path, references: &[PathBuf], statuses: &[Status]) -> Result<Loaded, Failure> {
    let (book, mut diagnostics) = book(rules)?;
    let (set, more) = compile(&book, statuses);
    diagnostics.extend(more);
    let snapshot = snapshot(references)?;
    let mut mistakes = match &snapshot {
        Ok(_) => Vec::new(),
        Err(found) => found.clone(),
    };
    mistakes.extend(diagnostics);
    match snapshot {
        Ok(references) if mistakes.is_empty() => Ok(Loaded { book, rules: Arc::new(set), references: Arc::new(references) }),
        _ => Err(mistakes_of(&mistakes)),
    }
}

pub fn load(rules: &Path, references: &[PathBuf]) -> Result<Loaded, Failure> {
    load_for(rules, references, EVALUATED)
}

fn snapshot(folders: &[PathBuf]) -> Result<Result<Snapshot, Vec<Diagnostic>>, Failure> {
    let mut read = Vec::new();
    for folder in folders {
        read.push(Folder::read(folder)?);
    }
    Ok(Snapshot::load(&read))
}

pub fn mistakes_of(diagnostics: &[Diagnostic]) -> Failure {
    let count = diagnostics.len();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    Failure::Mistakes(format!("{}{count} {noun}, nothing was loaded\n", diagnostic::render(diagnostics)))
}
