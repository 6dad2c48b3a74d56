//! `manifest.yaml` of a reference folder: its name, its version and which
//! file holds which table.
//!
//! The file has one fixed shape, read here line by line:
//!
//! ```yaml
//! name: product
//! version: "2026.11"
//! source:
//!   - Where the tables come from.
//! tables:
//!   - { table: special_drug, file: special_drug.csv }
//! ```

use std::ops::Range;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;

/// A table that a manifest names.
#[derive(Clone, Debug)]
pub struct TableEntry {
    pub table: String,
    pub file: String,
    /// Bytes of the manifest that a caret about this entry marks.
    pub span: Range<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub tables: Vec<TableEntry>,
}

const HELP: &str = "Write `name`, `version`, `source` (a list of notes) and `tables` (a list of `{ table: …, file: … }`).";

/// Reads a manifest; with any diagnostic the result is of no use.
pub fn read(source: &Arc<SourceText>, diagnostics: &mut Vec<Diagnostic>) -> Manifest {
    let mut manifest = Manifest::default();
    let mut list = "";
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let text = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        let span = start..start + text.len();
        let top_level = !line.starts_with([' ', '-']);
        at += line.len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let entry = text.strip_prefix("- ");
        match (list, entry, text.split_once(':')) {
            ("source", Some(_), _) | ("source", None, _) if !top_level || entry.is_some() => {}
            ("tables", Some(item), _) => match table_entry(item, span.clone()) {
                Some(table) => manifest.tables.push(table),
                None => diagnostics.push(
                    Diagnostic::new(source, span, format!("not a table entry: `{item}`"))
                        .help("Write `- { table: NAME, file: FILE.csv }`."),
                ),
            },
            (_, None, Some(("name", value))) if top_level => manifest.name = scalar(value),
            (_, None, Some(("version", value))) if top_level => manifest.version = scalar(value),
            (_, None, Some(("source", ""))) if top_level => list = "source",
            (_, None, Some(("tables", ""))) if top_level => list = "tables",
            _ => diagnostics.push(Diagnostic::new(source, span, format!("unexpected line `{text}`")).help(HELP)),
        }
    }
    let missing = [("name", manifest.name.is_empty()), ("version", manifest.version.is_empty()), ("tables", manifest.tables.is_empty())];
    for (key, _) in missing.iter().filter(|(_, missing)| *missing) {
        diagnostics.push(Diagnostic::new(source, 0..0, format!("missing `{key}`")).help(HELP));
    }
    manifest
}

fn table_entry(item: &str, span: Range<usize>) -> Option<TableEntry> {
    let inside = item.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut table, mut file) = (None, None);
    for part in inside.split(',') {
        let (key, value) = part.split_once(':')?;
        match key.trim() {
            "table" => table = Some(scalar(value)),
            "file" => file = Some(scalar(value)),
            _ => return None,
        }
    }
    Some(TableEntry { table: table?, file: file?, span })
}

fn scalar(value: &str) -> String {
    let value = value.trim();
    let quoted = [('"', '"'), ('\'', '\'')].iter().find_map(|(open, close)| value.strip_prefix(*open)?.strip_suffix(*close));
    quoted.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Manifest, Vec<Diagnostic>) {
        let source = Arc::new(SourceText { name: "manifest.yaml".to_owned(), text: text.to_owned() });
        let mut diagnostics = Vec::new();
        let manifest = read(&source, &mut diagnostics);
        (manifest, diagnostics)
    }

    #[test]
    fn reads_the_fixed_shape() {
        let (manifest, diagnostics) =
            read_text("# note\nname: city\nversion: \"1.0\"\nsource:\n  - a: b\n  - c\ntables:\n  - { table: ceilings, file: c.csv }\n");
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("city", "1.0"));
        assert_eq!((manifest.tables[0].table.as_str(), manifest.tables[0].file.as_str()), ("ceilings", "c.csv"));
    }

    #[test]
    fn every_mistake_is_told() {
        let (_, diagnostics) = read_text("name: city\nowner: me\ntables:\n  - ceilings.csv\n");
        let lines: Vec<usize> = diagnostics.iter().map(Diagnostic::line).collect();
        assert_eq!(lines, [2, 4, 1, 1], "{diagnostics:?}");
    }
}
