//! The tables of some reference folders as they are written: every row with
//! its place, before anything is made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::ids::Digest;
use crate::reference::folder::Folder;
use crate::reference::folder::MANIFEST;
use crate::reference::manifest;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::TABLES;
use crate::reference::tables::Table;
use crate::reference::tables::table;
use crate::reference::validity::Keys;

/// Name and version of a folder that went into a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderVersion {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Default)]
pub struct Bundle {
    pub folders: Vec<FolderVersion>,
    /// By table name; files of one table are one table.
    sheets: BTreeMap<&'static str, Vec<Sheet>>,
}

impl Bundle {
    /// Reads `folders` and tells every mistake that shows without knowing what
    /// a table is for.
    pub fn read(folders: &[Folder]) -> (Self, Vec<Diagnostic>) {
        let mut bundle = Self::default();
        let mut diagnostics = Vec::new();
        for folder in folders {
            bundle.read_folder(folder, &mut diagnostics);
        }
        for (table, sheets) in bundle.tables() {
            let Key::Cells(cells) = table.key else { continue };
            let mut keys = Keys::default();
            for row in sheets.iter().flat_map(Sheet::rows) {
                let key: Vec<String> = cells.iter().map(|cell| row.text(cell).to_owned()).collect();
                // What an empty or impossible code shares with others is nobody's question.
                let asked = cells.first().is_some_and(|cell| row.sound(cell).is_some());
                if let Some(validity) = row.validity().filter(|_| asked) {
                    keys.add(key, validity, row.place(cells.first().copied().unwrap_or_default()));
                }
            }
            keys.report_overlaps(&mut diagnostics);
        }
        (bundle, diagnostics)
    }

    /// The files of a table.
    pub fn sheets(&self, table: &str) -> &[Sheet] {
        self.sheets.get(table).map_or(&[], Vec::as_slice)
    }

    /// Tables of which there is a file.
    pub fn tables(&self) -> impl Iterator<Item = (&'static Table, &[Sheet])> {
        TABLES.iter().map(|table| (*table, self.sheets(table.name))).filter(|(_, sheets)| !sheets.is_empty())
    }

    /// Names the content: independent of file names, row order, column order,
    /// file format and the division into folders.
    pub fn digest(&self) -> Digest {
        let of = |(table, sheets): (&&str, &Vec<Sheet>)| content(table, sheets.iter().flat_map(Sheet::rows));
        let parts: Vec<Vec<u8>> = self.sheets.iter().flat_map(of).collect();
        Digest::of(parts.iter().map(Vec::as_slice))
    }

    /// Names the content of one table.
    pub fn digest_of(&self, table: &str) -> Digest {
        Digest::of(content(table, self.sheets(table).iter().flat_map(Sheet::rows)).iter().map(Vec::as_slice))
    }

    fn read_folder(&mut self, folder: &Folder, diagnostics: &mut Vec<Diagnostic>) {
        let source = |text: String| Arc::new(SourceText { name: folder.display(MANIFEST), text });
        let Some(bytes) = folder.file(MANIFEST) else {
            let help = "A reference folder says in `manifest.yaml` which file holds which table.";
            diagnostics.push(Diagnostic::new(&source(String::new()), 0..0, "no manifest").help(help));
            return;
        };
        let source = source(String::from_utf8_lossy(bytes).into_owned());
        let manifest = manifest::read(&source, diagnostics);
        for entry in &manifest.tables {
            let Some(table) = table(&entry.table) else {
                let known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
                diagnostics.push(
                    Diagnostic::new(&source, entry.span.clone(), format!("unknown table `{}`", entry.table))
                        .help(format!("The tables are {}.", known.join(", "))),
                );
                continue;
            };
            let Some(bytes) = folder.file(&entry.file) else {
                let message = format!("file `{}` is not in the folder", entry.file);
                diagnostics.push(
                    Diagnostic::new(&source, entry.span.clone(), message)
                        .help("Only .csv and .parquet files of the folder itself are read."),
                );
                continue;
            };
            if let Some(sheet) = Sheet::read(&folder.display(&entry.file), bytes, table, diagnostics) {
                self.sheets.entry(table.name).or_default().push(sheet);
            }
        }
        self.folders.push(FolderVersion { name: manifest.name, version: manifest.version });
    }
}

/// A table's name and rows of it in an order that no file decides.
pub fn content<'a>(table: &str, rows: impl Iterator<Item = Row<'a>>) -> Vec<Vec<u8>> {
    let cells = |row: Row<'_>| Digest::of(row.cells().iter().map(String::as_bytes)).0.to_vec();
    let mut rows: Vec<Vec<u8>> = rows.map(cells).collect();
    rows.sort();
    rows.insert(0, table.as_bytes().to_vec());
    rows
}
