//! The state store: rule sets and reference sets, each stored whole under its
//! digest, so that whoever reads a journal can judge as it was judged then.
//!
//! ```text
//! rules/<digest>/gates.yaml, <pack>/<rule>.yaml, ...
//! references/<digest>/<place of the folder>/manifest.yaml, ...
//! ```
//!
//! A set appears by one rename and is never written again; what is read back
//! must have the digest that it is named by.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::base::diagnostic;
use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::fault::Fault;
use crate::engine::activation::BundleName;
use crate::reference::bundle::Bundle;
use crate::reference::folder::Folder;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::EVALUATED;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::compile::compile;
use crate::ruleset::digest::digest;
use crate::ruleset::lock::LOCK_FILE;
use crate::ruleset::read;

/// The files of a bundle as their owners wrote them.
#[derive(Clone, Debug)]
pub struct BundleFiles {
    /// Of the rules' folder, as [`read::load`] gives them.
    pub rules: Vec<Arc<SourceText>>,
    /// Files of the rules' folder that cannot be used.
    pub mistakes: Vec<Diagnostic>,
    pub lock: Option<Arc<SourceText>>,
    pub references: Vec<Folder>,
}

impl BundleFiles {
    /// Reads the folders; nothing is judged yet.
    ///
    /// # Errors
    /// If a folder or a file in it cannot be read.
    pub fn read(rules: &Path, references: &[PathBuf]) -> Result<Self, Fault> {
        let lock = rules.join(LOCK_FILE);
        let (texts, mistakes) = read::load(rules)?;
        Ok(Self {
            rules: texts,
            mistakes,
            lock: if lock.exists() { Some(read::load_file(&lock)?.0) } else { None },
            references: references.iter().map(|folder| Folder::read(folder)).collect::<Result<_, _>>()?,
        })
    }
}

/// What is stored, and in which folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rules,
    References,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::References => "references",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Rules => "rule set",
            Self::References => "reference set",
        }
    }
}

/// A set that is not yet complete; nobody looks at names that begin so.
const UNFINISHED: &str = ".new-";
static SETS_BEGUN: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Stores what is not there yet. `bundle`: the whole digests of the files.
    ///
    /// # Errors
    /// Stop: what stands there is damaged, or the disk refuses.
    pub fn keep(&self, bundle: &BundleName, files: &BundleFiles) -> Result<(), Fault> {
        let texts = files.rules.iter().map(|source| (read::path_in_tree(&source.name), source.text.as_bytes()));
        let lock = files.lock.iter().map(|source| (LOCK_FILE.to_owned(), source.text.as_bytes()));
        self.keep_set(Kind::Rules, &bundle.rules, &texts.chain(lock).collect::<Vec<_>>())?;
        let tables = files
            .references
            .iter()
            .enumerate()
            .flat_map(|(place, folder)| folder.files.iter().map(move |(name, bytes)| (format!("{place:02}/{name}"), bytes.as_slice())));
        self.keep_set(Kind::References, &bundle.references, &tables.collect::<Vec<_>>())
    }

    /// The rule set of a digest, or of its first digits.
    ///
    /// # Errors
    /// Stop: it is not there, or not what its name says.
    pub fn rules(&self, digits: &str) -> Result<RuleSet, Fault> {
        let (folder, name) = self.find(Kind::Rules, digits)?;
        let (texts, mistakes) = read::load(&folder)?;
        let (book, more) = read::read(&texts);
        self.named(Kind::Rules, &name, &digest(&book).to_string())?;
        let (set, last) = compile(&book, EVALUATED);
        self.sound(Kind::Rules, &name, &[mistakes, more, last].concat())?;
        Ok(set)
    }

    /// The references of a digest, or of its first digits.
    ///
    /// # Errors
    /// Stop: they are not there, or not what their name says.
    pub fn references(&self, digits: &str) -> Result<Snapshot, Fault> {
        let (folder, name) = self.find(Kind::References, digits)?;
        let folders: Vec<Folder> = entries(&folder)?.iter().map(|path| Folder::read(path)).collect::<Result<_, _>>()?;
        let (bundle, mistakes) = Bundle::read(&folders);
        self.named(Kind::References, &name, &bundle.digest().to_string())?;
        Snapshot::of(&bundle, mistakes).map_err(|mistakes| self.unusable(Kind::References, &name, &mistakes))
    }

    fn find(&self, kind: Kind, digits: &str) -> Result<(PathBuf, String), Fault> {
        let folder = self.root.join(kind.folder());
        let mut found: Vec<String> = match folder.is_dir() {
            true => entries(&folder)?.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect(),
            false => Vec::new(),
        };
        found.retain(|name| !digits.is_empty() && name.starts_with(digits));
        match found.as_slice() {
            [name] => Ok((folder.join(name), name.clone())),
            [] => Err(self.fault(
                kind,
                digits,
                "it is not there: bring it back from a backup, or start a worker whose configuration names its files".to_owned(),
            )),
            several => Err(self.fault(kind, digits, format!("{} begin so: {}", several.len(), several.join(", ")))),
        }
    }

    fn sound(&self, kind: Kind, name: &str, mistakes: &[Diagnostic]) -> Result<(), Fault> {
        if mistakes.is_empty() { Ok(()) } else { Err(self.unusable(kind, name, mistakes)) }
    }

    /// What it was, and this program finds mistakes in it.
    fn unusable(&self, kind: Kind, name: &str, mistakes: &[Diagnostic]) -> Fault {
        self.fault(kind, name, format!("this version of the program cannot use it:\n{}", diagnostic::render(mistakes)))
    }

    fn named(&self, kind: Kind, name: &str, digest: &str) -> Result<(), Fault> {
        if name == digest {
            return Ok(());
        }
        Err(self.fault(kind, name, format!("it is damaged: its content has the digest {digest}; bring it back from a backup")))
    }

    fn fault(&self, kind: Kind, name: &str, reason: String) -> Fault {
        Fault::stop(format!("load {} {name} from the store {}", kind.noun(), self.root.display()), reason)
    }

    fn keep_set(&self, kind: Kind, digest: &str, files: &[(String, &[u8])]) -> Result<(), Fault> {
        let folder = self.root.join(kind.folder());
        let place = folder.join(digest);
        if !place.exists() {
            let new = folder.join(format!("{UNFINISHED}{}-{}", std::process::id(), SETS_BEGUN.fetch_add(1, Ordering::Relaxed)));
            let written = write_set(&new, files).and_then(|()| fs::rename(&new, &place)).and_then(|()| File::open(&folder)?.sync_all());
            if let Err(error) = written {
                let _ = fs::remove_dir_all(&new);
                // Whoever was quicker wrote the same.
                if !place.exists() {
                    return Err(Fault::stop(format!("store {} {digest} in {}", kind.noun(), self.root.display()), error));
                }
            }
        }
        match kind {
            Kind::Rules => self.rules(digest).map(|_| ()),
            Kind::References => self.references(digest).map(|_| ()),
        }
    }
}

/// Every file is on the disk before the set gets its name.
fn write_set(new: &Path, files: &[(String, &[u8])]) -> io::Result<()> {
    fs::create_dir_all(new)?;
    let mut folders = vec![new.to_owned()];
    for (name, bytes) in files {
        let path = new.join(name);
        if let Some(parent) = path.parent().filter(|parent| !folders.iter().any(|folder| folder == parent)) {
            fs::create_dir_all(parent)?;
            folders.push(parent.to_owned());
        }
        let mut file = File::create_new(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    folders.iter().rev().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// In order of their names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>());
    let mut paths = listed.map_err(|error| Fault::stop(format!("read folder {}", folder.display()), error))?;
    paths.sort();
    Ok(paths)
}
