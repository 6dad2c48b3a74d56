//! `claimsift key`: makes the identity key, wraps it, and names it.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::base::pseudonym;
use crate::base::pseudonym::IDENTITY_KEY_BYTES;
use crate::base::pseudonym::IdentityKey;
use crate::commands::Failure;
use crate::commands::print;

#[derive(Debug, Args)]
pub struct Key {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Draw a key at random and write it to a file that does not exist yet. An
    /// identity key is made once for a whole fleet and never replaced.
    Make {
        file: PathBuf,
        /// File of the key-encryption key that is to wrap it.
        #[arg(long)]
        kek: Option<PathBuf>,
    },
    /// Wrap an identity key by a new key-encryption key; the pseudonyms stay as they are.
    Wrap {
        file: PathBuf,
        /// File of the key-encryption key that is to wrap it.
        #[arg(long)]
        kek: PathBuf,
        /// File of the key-encryption key that wraps it now, if any does.
        #[arg(long)]
        old_kek: Option<PathBuf>,
    },
    /// Print the id of an identity key, as journals and clues name it.
    Id {
        file: PathBuf,
        #[arg(long)]
        kek: Option<PathBuf>,
    },
}

impl Key {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Make { file, kek } => {
                let kek = kek.as_deref().map(read_kek).transpose()?;
                let mut key = [0; IDENTITY_KEY_BYTES];
                SysRng.try_fill_bytes(&mut key).map_err(|error| Failure::Plain(format!("draw a key: {error}")))?;
                create(file, &pseudonym::wrap(&key, kek.as_ref()))?;
                print(&format!("{}\n", IdentityKey::from_bytes(&key).id()));
            }
            Verb::Wrap { file, kek, old_kek } => {
                let old_kek = old_kek.as_deref().map(read_kek).transpose()?;
                let key = pseudonym::unwrap(&read(file)?, old_kek.as_ref()).map_err(|error| unusable(file, error))?;
                // Whole or not at all: a key that is lost is lost for ever.
                let new = file.with_extension("new");
                // What an attempt left that was cut off.
                if new.exists() {
                    std::fs::remove_file(&new).map_err(|error| Failure::Plain(format!("remove {}: {error}", new.display())))?;
                }
                create(&new, &pseudonym::wrap(&key, Some(&read_kek(kek)?)))?;
                std::fs::rename(&new, file).map_err(|error| Failure::Plain(format!("replace {}: {error}", file.display())))?;
                print(&format!("{}\n", IdentityKey::from_bytes(&key).id()));
            }
            Verb::Id { file, kek } => print(&format!("{}\n", identity_key(file, kek.as_deref())?.id())),
        }
        Ok(())
    }
}

/// Reads an identity key, wrapped if `kek` names a key-encryption key.
pub fn identity_key(file: &Path, kek: Option<&Path>) -> Result<IdentityKey, Failure> {
    let kek = kek.map(read_kek).transpose()?;
    IdentityKey::from_file(&read(file)?, kek.as_ref()).map_err(|error| unusable(file, error))
}

fn read_kek(file: &Path) -> Result<[u8; IDENTITY_KEY_BYTES], Failure> {
    pseudonym::key_bytes(&read(file)?).map_err(|error| unusable(file, error))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Plain(format!("read key {}: {error}", file.display())))
}

fn unusable(file: &Path, error: pseudonym::IdentityKeyError) -> Failure {
    Failure::Plain(format!("read key {}: {error}", file.display()))
}

/// Writes a file that must not exist, readable by its owner alone, and sees to
/// it that it is on the disk.
fn create(file: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut opened = options.open(file)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    };
    write().map_err(|error| Failure::Plain(format!("write key {}: {error}", file.display())))
}
