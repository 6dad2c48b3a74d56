//! `claimsift rules`: check, test, lock and describe rule files.

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::base::diagnostic::Diagnostic;
use crate::commands::Failure;
use crate::commands::load;
use crate::commands::print;
use crate::offline::cases;
use crate::report::catalogue;
use crate::ruleset::compile::compile;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::lock;
use crate::ruleset::words::Status;

#[derive(Debug, Args)]
pub struct Rules {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Report every mistake of all rule files with line, caret and help.
    Check(Folders),
    /// Run the cases that stand in the rule files.
    Test(Folders),
    /// Write the lock file: the meaning of each rule at its version.
    Lock(Folders),
    /// Write the catalogue: a page per rule and an index.
    Catalogue(Catalogue),
}

#[derive(Debug, Args)]
pub struct Folders {
    /// Folder of rule packs.
    #[arg(long, default_value = "rules")]
    pub rules: PathBuf,
    /// Reference folders that cases run on.
    #[arg(long, default_values = ["rules/reference", "demo/reference"])]
    pub reference: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Catalogue {
    /// Folder of rule packs.
    #[arg(long, default_value = "rules")]
    rules: PathBuf,
    /// Folder for the pages.
    #[arg(long)]
    out: PathBuf,
    /// HTML opens in any browser, Markdown in a repository.
    #[arg(long, value_enum, default_value_t = Form::Html)]
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Html,
    Md,
}

/// Rules that are checked and tested: all but those kept for the record.
pub const TESTED: &[Status] = &[Status::Live, Status::Shadow, Status::Draft];

impl Rules {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Check(folders) => check(folders),
            Verb::Test(folders) => test(folders),
            Verb::Lock(folders) => write_lock(folders),
            Verb::Catalogue(catalogue) => catalogue.write(),
        }
    }
}

fn check(folders: &Folders) -> Result<(), Failure> {
    let (book, mut diagnostics) = load::book(&folders.rules)?;
    if diagnostics.is_empty() {
        diagnostics = mistakes(&book, &folders.rules)?;
    } else {
        diagnostics.extend(compile(&book, TESTED).1);
    }
    if !diagnostics.is_empty() {
        return Err(load::mistakes_of(&diagnostics));
    }
    print(&format!("{} rules, {} gates, no mistakes\n", book.rules.len(), book.gates.len()));
    Ok(())
}

/// What is wrong with a sound book beyond its files: rules that cannot be
/// compiled, drafts too, and what differs from the lock file.
pub fn mistakes(book: &RuleBook, folder: &Path) -> Result<Vec<Diagnostic>, Failure> {
    let mut diagnostics = compile(book, TESTED).1;
    let lock_file = folder.join(lock::LOCK_FILE);
    if diagnostics.is_empty() && lock_file.exists() {
        let (text, more) = crate::ruleset::read::load_file(&lock_file)?;
        diagnostics.extend(more);
        diagnostics.extend(lock::check(book, Some(&text)));
    }
    Ok(diagnostics)
}

fn test(folders: &Folders) -> Result<(), Failure> {
    let loaded = load::load_for(&folders.rules, &folders.reference, TESTED)?;
    let mut failed = String::new();
    let (mut cases, mut failures) = (0, 0);
    for rule in loaded.book.rules.iter().filter(|rule| TESTED.contains(&rule.status)) {
        cases += rule.cases.len();
        for failure in cases::run(rule, &loaded.rules, &loaded.references) {
            failures += 1;
            failed.push_str(&format!("{} / {}: {}\n", failure.rule, failure.case, failure.message));
        }
    }
    print(&failed);
    let summary = format!("{} rules, {cases} cases, {failures} failed\n", loaded.book.rules.len());
    if failures == 0 {
        print(&summary);
        Ok(())
    } else {
        Err(Failure::Mistakes(summary))
    }
}

fn write_lock(folders: &Folders) -> Result<(), Failure> {
    let (book, mut diagnostics) = load::book(&folders.rules)?;
    diagnostics.extend(compile(&book, TESTED).1);
    let path = folders.rules.join(lock::LOCK_FILE);
    if path.exists() {
        let (text, more) = crate::ruleset::read::load_file(&path)?;
        diagnostics.extend(more);
        diagnostics.extend(lock::refuse(&book, Some(&text)));
    }
    if !diagnostics.is_empty() {
        return Err(load::mistakes_of(&diagnostics));
    }
    std::fs::write(&path, lock::render(&book)).map_err(|error| Failure::Plain(format!("write {}: {error}", path.display())))?;
    print(&format!("{} written\n", path.display()));
    Ok(())
}

impl Catalogue {
    fn write(&self) -> Result<(), Failure> {
        let (book, diagnostics) = load::book(&self.rules)?;
        if !diagnostics.is_empty() {
            return Err(load::mistakes_of(&diagnostics));
        }
        let failed = |path: &std::path::Path, error| Failure::Plain(format!("write {}: {error}", path.display()));
        std::fs::create_dir_all(&self.out).map_err(|error| failed(&self.out, error))?;
        let pages = catalogue::pages(&book);
        for page in &pages {
            let (ending, text) = match self.form {
                Form::Html => ("html", page.html()),
                Form::Md => ("md", page.markdown()),
            };
            let path = self.out.join(page.file_name(ending));
            std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
        }
        print(&format!("{} pages in {}\n", pages.len(), self.out.display()));
        Ok(())
    }
}
