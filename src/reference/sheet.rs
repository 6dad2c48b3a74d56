//! One table file as rows of text, each cell with its place for a caret.
//!
//! A Parquet file is turned into the CSV text that says the same, so that
//! there is one reader, one set of checks and one digest.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::StringArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::time::Civil;
use crate::reference::validity::Place;
use crate::reference::validity::Validity;

/// The rows of one file, cells in the order of the table's columns.
#[derive(Debug)]
pub struct Sheet {
    source: Arc<SourceText>,
    columns: &'static [&'static str],
    /// Place of each of `columns` in the file.
    order: Vec<usize>,
    rows: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    cells: Vec<String>,
    /// Bytes of the record in the text.
    start: usize,
    end: usize,
}

/// A row under its column names.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    sheet: &'a Sheet,
    record: &'a Record,
}

impl Sheet {
    /// Reads `bytes` as a table of exactly `columns`, in any order.
    /// `None` if the file is no such table; then there is a diagnostic.
    pub fn read(name: &str, bytes: &[u8], columns: &'static [&'static str], diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let bytes = if name.ends_with(".parquet") { csv_of_parquet(name, bytes, diagnostics)? } else { bytes.to_vec() };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = Arc::new(SourceText { name: name.to_owned(), text });
                diagnostics.push(
                    Diagnostic::new(&source, at..at + '\u{fffd}'.len_utf8(), "not UTF-8")
                        .help("The file may be GBK: save it as UTF-8 (in a shell: `iconv -f GB18030 -t UTF-8`)."),
                );
                return None;
            }
        };
        let source = Arc::new(SourceText { name: name.to_owned(), text });
        Self::parse(source, columns, diagnostics)
    }

    fn parse(source: Arc<SourceText>, columns: &'static [&'static str], diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        // Spreadsheets put a byte order mark before the header.
        let skip = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let body = source.text.get(skip..).unwrap_or_default();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body.as_bytes());
        let mut records = Vec::new();
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    diagnostics
                        .push(Diagnostic::new(&source, 0..0, format!("not CSV: {error}")).help("Quote cells that hold commas or quotes."));
                    return None;
                }
            }
            let start = skip + record.position().map_or(0, |at| at.byte() as usize);
            let end = skip + reader.position().byte() as usize;
            records.push(Record { cells: record.iter().map(|cell| cell.trim().to_owned()).collect(), start, end });
        }
        let mut records = records.into_iter();
        let Some(header) = records.next() else {
            let help = format!("Start the file with a header row: {}.", columns.join(","));
            diagnostics.push(Diagnostic::new(&source, 0..0, "no header row").help(help));
            return None;
        };
        let order = column_order(&source, &header, columns, diagnostics)?;
        let width = header.cells.len();
        let mut rows = Vec::new();
        for row in records {
            if row.cells.len() != width {
                let message = format!("{} cells in a row of {width}", row.cells.len());
                let span = row.start..trimmed_end(&source.text, row.start, row.end);
                diagnostics.push(Diagnostic::new(&source, span, message).help("Quote cells that hold commas, and keep empty cells."));
                continue;
            }
            rows.push(Record { cells: order.iter().filter_map(|at| row.cells.get(*at).cloned()).collect(), ..row });
        }
        Some(Self { source, columns, order, rows })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { sheet: self, record })
    }
}

fn column_order(
    source: &Arc<SourceText>,
    header: &Record,
    columns: &'static [&'static str],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<usize>> {
    let before = diagnostics.len();
    let help = || format!("The columns of this table are {}.", columns.join(","));
    for (at, name) in header.cells.iter().enumerate() {
        let span = cell_span(&source.text, header.start, at);
        if !columns.contains(&name.as_str()) {
            diagnostics.push(Diagnostic::new(source, span, format!("unknown column `{name}`")).help(help()));
        } else if header.cells.iter().take(at).any(|earlier| earlier == name) {
            diagnostics.push(Diagnostic::new(source, span, format!("column `{name}` twice")).help("Keep one of the two."));
        }
    }
    let place = |column: &&str| header.cells.iter().position(|cell| cell == column);
    for column in columns.iter().filter(|column| place(column).is_none()) {
        let span = header.start..trimmed_end(&source.text, header.start, header.end);
        diagnostics.push(Diagnostic::new(source, span, format!("missing column `{column}`")).help(help()));
    }
    (diagnostics.len() == before).then(|| columns.iter().filter_map(place).collect())
}

impl<'a> Row<'a> {
    /// The cell's text without spaces around it. The column must be one of the table's.
    pub fn text(self, column: &str) -> &'a str {
        let at = self.column(column);
        self.record.cells.get(at).map_or("", String::as_str)
    }

    /// The cell's text, `None` if empty.
    pub fn optional(self, column: &str) -> Option<&'a str> {
        Some(self.text(column)).filter(|text| !text.is_empty())
    }

    pub fn cells(self) -> &'a [String] {
        &self.record.cells
    }

    pub fn place(self, column: &str) -> Place {
        let at = self.sheet.order.get(self.column(column)).copied().unwrap_or_default();
        Place { source: Arc::clone(&self.sheet.source), span: cell_span(&self.sheet.source.text, self.record.start, at) }
    }

    pub fn report(self, column: &str, message: impl Into<String>, help: impl Into<String>, diagnostics: &mut Vec<Diagnostic>) {
        let place = self.place(column);
        diagnostics.push(Diagnostic::new(&place.source, place.span, message).help(help));
    }

    /// A cell that must not be empty.
    pub fn required(self, column: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a str> {
        let text = self.optional(column);
        if text.is_none() {
            self.report(column, format!("`{column}` is empty"), "Every row needs it.", diagnostics);
        }
        text
    }

    /// The meaning of one of `words`.
    pub fn choice<T: Copy>(self, column: &str, words: &[(&str, T)], diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
        let text = self.text(column);
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.report(column, format!("unknown {column} `{text}`"), format!("Write one of {}.", known.join(", ")), diagnostics);
        }
        found
    }

    pub fn flag(self, column: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
        self.choice(column, &[("1", true), ("0", false), ("true", true), ("false", false)], diagnostics)
    }

    /// A number of at most `places` decimals, times 10^`places`. `None` and no
    /// diagnostic if the cell is empty.
    pub fn decimal(self, column: &str, places: u32, diagnostics: &mut Vec<Diagnostic>) -> Option<i128> {
        let text = self.optional(column)?;
        let value = scaled(text, places);
        if value.is_none() {
            let help = format!("Write digits with at most {places} decimals and no unit.");
            self.report(column, format!("`{text}` is not a number of this kind"), help, diagnostics);
        }
        value
    }

    /// `valid_from` and `valid_to` as days.
    pub fn validity(self, diagnostics: &mut Vec<Diagnostic>) -> Option<Validity> {
        self.days("valid_from", "valid_to", diagnostics)
    }

    /// Two columns as days; inner `None` if both are empty.
    pub fn period(self, from: &str, to: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Option<Validity>> {
        if self.optional(from).is_none() && self.optional(to).is_none() {
            return Some(None);
        }
        self.days(from, to, diagnostics).map(Some)
    }

    /// From the day of one column to before that of another; without it, open.
    fn days(self, from_column: &str, to_column: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Validity> {
        let from = self.day(from_column, diagnostics);
        let to = match self.optional(to_column) {
            None => Some(Validity::OPEN),
            Some(_) => self.day(to_column, diagnostics),
        };
        let (from, to) = (from?, to?);
        if to <= from {
            let help = "The first day of validity must come before the day on which it no longer holds.";
            self.report(to_column, format!("{to_column} is not after {from_column}"), help, diagnostics);
            return None;
        }
        Some(Validity { from, to })
    }

    fn day(self, column: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
        let text = self.text(column);
        let time = Civil::parse(text).filter(|_| text.len() == "yyyy-MM-dd".len());
        if time.is_none() {
            self.report(column, format!("`{text}` is not a day"), "Write yyyy-MM-dd.", diagnostics);
        }
        Some(time?.day())
    }

    fn column(self, name: &str) -> usize {
        let at = self.sheet.columns.iter().position(|column| *column == name);
        assert!(at.is_some(), "{name} is no column of this table");
        at.unwrap_or_default()
    }
}

/// `12.5` with two places as 1250.
fn scaled(text: &str, places: u32) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > places as usize || !digits(whole) || !digits(fraction) {
        return None;
    }
    let padded = format!("{whole}{fraction:0<width$}", width = places as usize);
    padded.parse().ok()
}

/// Bytes of the cell number `at` of the record that starts at `start`.
fn cell_span(text: &str, start: usize, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let mut begin = start;
    while bytes.get(begin).is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        begin += 1;
    }
    let (mut cell, mut quoted, mut end) = (0, false, begin);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                if cell == at {
                    break;
                }
                cell += 1;
                begin = end + 1;
            }
            b'\n' | b'\r' if !quoted => break,
            _ => {}
        }
        end += 1;
    }
    begin..end
}

fn trimmed_end(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(start, |record| start + record.trim_end().len())
}

fn csv_of_parquet(name: &str, bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<u8>> {
    match parquet_text(bytes) {
        Ok(text) => Some(text.into_bytes()),
        Err(error) => {
            let source = Arc::new(SourceText { name: name.to_owned(), text: String::new() });
            let message = format!("not a readable Parquet file: {error}");
            diagnostics.push(Diagnostic::new(&source, 0..0, message).help("Write it uncompressed or with snappy, or use CSV."));
            None
        }
    }
}

fn parquet_text(bytes: &[u8]) -> Result<String, ArrowError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))?.build()?;
    let mut text = String::new();
    for batch in reader {
        let batch = batch?;
        if text.is_empty() {
            let names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
            let _ = writeln!(text, "{}", names.join(","));
        }
        let columns = batch.columns().iter().map(|column| cast(column, &DataType::Utf8)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            for (at, column) in columns.iter().enumerate() {
                let cells = column.as_any().downcast_ref::<StringArray>();
                let cell = cells.filter(|cells| cells.is_valid(row)).map_or("", |cells| cells.value(row));
                let comma = if at == 0 { "" } else { "," };
                let _ = write!(text, "{comma}\"{}\"", cell.replace('"', "\"\""));
            }
            text.push('\n');
        }
    }
    Ok(text)
}
