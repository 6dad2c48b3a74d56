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
use crate::reference::tables::Column;
use crate::reference::tables::FLAG_WORDS;
use crate::reference::tables::Kind;
use crate::reference::tables::Need;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::validity::Place;
use crate::reference::validity::Validity;

/// The rows of one file, cells in the order of the table's columns.
#[derive(Debug)]
pub struct Sheet {
    source: Arc<SourceText>,
    table: &'static Table,
    /// Place of each of the table's columns in the file; `None` if the file has none.
    order: Vec<Option<usize>>,
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
    /// Reads `bytes` as `table`, its columns in any order. Every cell that is not
    /// what its column says is told. `None` if the file is no such table; then
    /// there is a diagnostic.
    pub fn read(name: &str, bytes: &[u8], table: &'static Table, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
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
        Self::parse(source, table, diagnostics)
    }

    fn parse(source: Arc<SourceText>, table: &'static Table, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
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
            let help = format!("Start the file with a header row: {}.", heads(table));
            diagnostics.push(Diagnostic::new(&source, 0..0, "no header row").help(help));
            return None;
        };
        let order = column_order(&source, &header, table, diagnostics)?;
        let width = header.cells.len();
        let mut rows = Vec::new();
        for row in records {
            if row.cells.len() != width {
                let message = format!("{} cells in a row of {width}", row.cells.len());
                let span = row.start..trimmed_end(&source.text, row.start, row.end);
                diagnostics.push(Diagnostic::new(&source, span, message).help("Quote cells that hold commas, and keep empty cells."));
                continue;
            }
            let cell = |at: &Option<usize>| at.and_then(|at| row.cells.get(at).cloned()).unwrap_or_default();
            rows.push(Record { cells: order.iter().map(cell).collect(), ..row });
        }
        let sheet = Self { source, table, order, rows };
        sheet.rows().for_each(|row| row.check(diagnostics));
        Some(sheet)
    }

    /// The file's name, as diagnostics show it.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { sheet: self, record })
    }
}

fn heads(table: &Table) -> String {
    table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",")
}

fn column_order(
    source: &Arc<SourceText>,
    header: &Record,
    table: &'static Table,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Option<usize>>> {
    let before = diagnostics.len();
    let help = || format!("The columns of this table are {}.", heads(table));
    for (at, name) in header.cells.iter().enumerate() {
        let span = cell_span(&source.text, header.start, at);
        if !table.columns.iter().any(|column| column.name == name) {
            diagnostics.push(Diagnostic::new(source, span, format!("unknown column `{name}`")).help(help()));
        } else if header.cells.iter().take(at).any(|earlier| earlier == name) {
            diagnostics.push(Diagnostic::new(source, span, format!("column `{name}` twice")).help("Keep one of the two."));
        }
    }
    let place = |column: &Column| header.cells.iter().position(|cell| cell == column.name);
    for column in table.columns.iter().filter(|column| column.need != Need::MayBeMissing && place(column).is_none()) {
        let span = header.start..trimmed_end(&source.text, header.start, header.end);
        diagnostics.push(Diagnostic::new(source, span, format!("missing column `{}`", column.name)).help(help()));
    }
    (diagnostics.len() == before).then(|| table.columns.iter().map(place).collect())
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

    /// The row's first line in its file, from 1.
    pub fn line(self) -> usize {
        self.place(self.sheet.table.columns[0].name).line()
    }

    /// The file's name, as diagnostics show it.
    pub fn file(self) -> &'a str {
        self.sheet.name()
    }

    /// Cells in the order of the table's columns.
    pub fn cells(self) -> &'a [String] {
        &self.record.cells
    }

    /// Where a cell stands; a column that the file has not has the row's first cell.
    pub fn place(self, column: &str) -> Place {
        let at = self.sheet.order.get(self.column(column)).copied().flatten().unwrap_or_default();
        Place { source: Arc::clone(&self.sheet.source), span: cell_span(&self.sheet.source.text, self.record.start, at) }
    }

    pub fn report(self, column: &str, message: impl Into<String>, help: impl Into<String>, diagnostics: &mut Vec<Diagnostic>) {
        let place = self.place(column);
        diagnostics.push(Diagnostic::new(&place.source, place.span, message).help(help));
    }

    /// Tells what is wrong with single cells.
    fn check(self, diagnostics: &mut Vec<Diagnostic>) {
        for column in self.sheet.table.columns {
            let text = self.text(column.name);
            if !text.is_empty() {
                if let Some((message, help)) = column.fault(text, &|other| self.text(other)) {
                    self.report(column.name, message, help, diagnostics);
                }
            } else if column.need == Need::Filled {
                self.report(column.name, format!("`{}` is empty", column.name), "Every row needs it.", diagnostics);
            }
        }
    }

    /// The cell's text if it is what its column says; `None` if it is not, which
    /// was told, or empty.
    pub fn sound(self, column: &str) -> Option<&'a str> {
        let declared = &self.sheet.table.columns[self.column(column)];
        self.optional(column).filter(|text| declared.fault(text, &|other| self.text(other)).is_none())
    }

    /// The meaning of the cell's word. `words` must be those that the table declares.
    pub fn choice<T: Copy>(self, column: &str, words: &[(&'static str, T)]) -> Option<T> {
        if let Kind::Word(declared) = self.sheet.table.columns[self.column(column)].kind {
            assert!(words.iter().map(|(word, _)| *word).eq(declared.words()), "{column} is read by other words than it declares");
        }
        let text = self.sound(column)?;
        words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    pub fn flag(self, column: &str) -> Option<bool> {
        let text = self.sound(column)?;
        FLAG_WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    /// A number times 10 to the power of the places that its column declares.
    pub fn decimal(self, column: &str) -> Option<i128> {
        let kind = self.sheet.table.columns[self.column(column)].kind;
        let places = if let Kind::Number { places, .. } = kind { Some(places) } else { None };
        assert!(places.is_some(), "{column} is no column of numbers");
        scaled(self.sound(column)?, places?)
    }

    /// `valid_from` and `valid_to` as days; `None` if one of them is not sound.
    /// Rows of a table without these columns hold always.
    pub fn validity(self) -> Option<Validity> {
        if !self.sheet.table.columns.iter().any(|column| column.name == VALID_FROM.name) {
            return Some(Validity::ALWAYS);
        }
        self.period("valid_from", "valid_to").flatten()
    }

    /// From the day of one column to before that of another, or open; inner
    /// `None` if both are empty.
    pub fn period(self, from: &str, to: &str) -> Option<Option<Validity>> {
        let Some(until) = self.optional(to) else {
            return match self.optional(from) {
                None => Some(None),
                Some(text) => day_of(text).map(|from| Some(Validity { from, to: Validity::OPEN })),
            };
        };
        let (from, to) = (day_of(self.text(from))?, day_of(until)?);
        (from < to).then_some(Some(Validity { from, to }))
    }

    fn column(self, name: &str) -> usize {
        let at = self.sheet.table.columns.iter().position(|column| column.name == name);
        assert!(at.is_some(), "{name} is no column of this table");
        at.unwrap_or_default()
    }
}

/// A day as tables write it, since 1970-01-01.
pub fn day_of(text: &str) -> Option<i64> {
    Civil::parse(text).filter(|_| text.len() == "yyyy-MM-dd".len()).map(Civil::day)
}

/// `12.5` with two places as 1250.
pub fn scaled(text: &str, places: u32) -> Option<i128> {
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
