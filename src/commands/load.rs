//! Loads rules and reference tables from folders; all mistakes of all files
//! are told, and with any nothing is loaded.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::diagnostic;
use crate::base::diagnostic::Diagnostic;
use crate::commands::Failure;
use crate::engine::activation::BundleName;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::EVALUATED;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::compile::compile;
use crate::ruleset::digest::digest;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::read;
use crate::ruleset::words::Status;
use crate::runtime::store::BundleFiles;

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

impl Loaded {
    /// With whole digests.
    pub fn bundle(&self) -> BundleName {
        BundleName { rules: digest(&self.book).to_string(), references: self.references.digest().to_string() }
    }
}

/// Reads and compiles; `statuses` says which rules are wanted.
pub fn load_for(rules: &Path, references: &[PathBuf], statuses: &[Status]) -> Result<Loaded, Failure> {
    compiled(&BundleFiles::read(rules, references)?, statuses)
}

/// Compiles what was read.
pub fn compiled(files: &BundleFiles, statuses: &[Status]) -> Result<Loaded, Failure> {
    let (book, more) = read::read(&files.rules);
    let (set, last) = compile(&book, statuses);
    let diagnostics = [files.mistakes.clone(), more, last].concat();
    let snapshot = Snapshot::load(&files.references);
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

pub fn mistakes_of(diagnostics: &[Diagnostic]) -> Failure {
    let count = diagnostics.len();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    Failure::Mistakes(format!("{}{count} {noun}, nothing was loaded\n", diagnostic::render(diagnostics)))
}
