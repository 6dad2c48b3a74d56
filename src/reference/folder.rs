//! A reference folder in memory: its manifest and its table files as bytes.

use std::fs;
use std::path::Path;

use crate::base::fault::Fault;

/// Name of the manifest in every reference folder.
pub const MANIFEST: &str = "manifest.yaml";

/// The files of one folder. Nothing is judged yet.
#[derive(Clone, Debug)]
pub struct Folder {
    /// What diagnostics put before file names: the path as the user gave it.
    pub path: String,
    /// File name and content.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Folder {
    /// Reads the manifest and every CSV and Parquet file of `path`.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let doing = |what: &Path| format!("read reference folder {}", what.display());
        let mut files = Vec::new();
        if !path.is_dir() {
            // A folder without a manifest, and so a mistake with a place.
            return Ok(Self { path: path.display().to_string(), files });
        }
        for entry in fs::read_dir(path).map_err(|error| Fault::stop(doing(path), error))? {
            let file = entry.map_err(|error| Fault::stop(doing(path), error))?.path();
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
            if name == MANIFEST || name.ends_with(".csv") || name.ends_with(".parquet") {
                let bytes = fs::read(&file).map_err(|error| Fault::stop(doing(&file), error))?;
                files.push((name.to_owned(), bytes));
            }
        }
        files.sort();
        Ok(Self { path: path.display().to_string(), files })
    }

    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes.as_slice())
    }

    /// A file's name as diagnostics show it.
    pub fn display(&self, file: &str) -> String {
        format!("{}/{file}", self.path.trim_end_matches('/'))
    }
}
