//! The page about the formats of reference tables, from their declarations.

use std::fmt::Write as _;

use crate::reference::tables::Column;
use crate::reference::tables::FLAG_WORDS;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::Need;
use crate::reference::tables::TABLES;
use crate::reference::tables::Table;
use crate::reference::tables::Words as _;

const HEAD: &str = "# Reference tables\n\n\
What files of reference tables hold, column by column. The reader checks every cell by the same declarations; `claimsift reference check` tells every mistake of every file with line, caret and help.\n\n\
A folder of tables has a `manifest.yaml` that says which file holds which table:\n\n\
```yaml\n\
name: city\n\
version: \"2026.1\"\n\
source:\n  - Where the tables come from.\n\
tables:\n  - { table: institutions, file: institutions.csv }\n\
```\n\n\
- Files are CSV in UTF-8 (a byte order mark is allowed) with a header row, or Parquet with the same columns. Columns come in any order. Cells are trimmed; quote those that hold commas.\n\
- Files of one table, also of several folders, are one table.\n\
- Rows are dated: a row holds from `valid_from` to the day before `valid_to`. A change is a new row, and the old one gets a `valid_to`; rows with the same key may not overlap. Rows of a table without these columns hold as long as the version that their first column names, and a change is a new version.\n\
- A missing row is never an answer: what no table knows is unknown, counted, and listed by `claimsift reference unmatched`.\n\
- With any mistake nothing is loaded.\n";

pub fn tables_page() -> String {
    let mut page = HEAD.to_owned();
    for table in TABLES {
        write_table(&mut page, table);
    }
    page
}

fn write_table(page: &mut String, table: &Table) {
    let _ = write!(page, "\n## `{}` {}\n\n{}\n\n", table.name, table.zh, table.en);
    match table.key {
        Key::Cells(cells) => {
            let cells: Vec<String> = cells.iter().map(|cell| format!("`{cell}`")).collect();
            let _ = writeln!(page, "Key: {}.\n", cells.join(", "));
        }
        Key::Own(words) => {
            let _ = writeln!(page, "Key: {words}.\n");
        }
    }
    page.push_str("| column | type | unit | required | 中文 | meaning | allowed |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for column in table.columns {
        let unit = if let Kind::Number { unit, .. } = column.kind { unit } else { "" };
        let need = match column.need {
            Need::Filled => "yes",
            Need::MayBeEmpty => "may be empty",
            Need::MayBeMissing => "column may be missing",
        };
        let (kind, allowed) = in_words(table, column);
        let _ = writeln!(page, "| `{}` | {kind} | {unit} | {need} | {} | {} | {allowed} |", column.name, column.zh, column.en);
    }
    let heads: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let _ = write!(page, "\n```csv\n{}\n{}\n```\n", heads.join(","), table.example);
}

/// Type and allowed values of a column.
fn in_words(table: &Table, column: &Column) -> (String, String) {
    let list = |words: &[&'static str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ");
    let (kind, allowed) = match column.kind {
        Kind::Text => ("text", String::new()),
        Kind::Word(words) => ("word", list(&words.words())),
        Kind::WordOf { column: other, words } => {
            let others = table.columns.iter().find(|column| column.name == other);
            let Some(Kind::Word(known)) = others.map(|column| column.kind) else { return ("word".to_owned(), String::new()) };
            let of = |word: &&'static str| Some((*word, words(word)?)).filter(|(_, words)| !words.is_empty());
            let each: Vec<String> = known.words().iter().filter_map(of).map(|(word, own)| format!("`{word}`: {}", list(&own))).collect();
            ("word", format!("by {other}: {}; else empty", each.join("; ")))
        }
        Kind::Flag => ("flag", list(&FLAG_WORDS.words())),
        Kind::Day => ("day", "yyyy-MM-dd".to_owned()),
        Kind::DayAfter(from) => ("day", format!("yyyy-MM-dd, after `{from}`")),
        Kind::Number { places, .. } => return (format!("number, at most {places} decimals"), "not negative".to_owned()),
        Kind::Institution => ("code", "H or P and 11 digits".to_owned()),
        Kind::Drug => ("code", "X and 22 characters, or Z and 19".to_owned()),
        Kind::DrugPrefix => ("start of a code", "of a drug".to_owned()),
        Kind::Item => ("code", "X 23, Z 20, C 20 characters, services 15 digits".to_owned()),
        Kind::ItemOrPrefix => ("code", "X 23, Z 20, C 20 characters, services 15 digits; or the start of one and `*`".to_owned()),
        Kind::Area => ("area", "six digits".to_owned()),
        Kind::AreaPrefix => ("area", "up to six digits".to_owned()),
        Kind::Level => ("code", "01 to 14".to_owned()),
        Kind::Category { .. } => ("ICD-10 category", "a letter and two digits".to_owned()),
        Kind::Content => ("amounts", "like `5mg` or `3ml;300IU`: ng, μg, mg, g; μl, ml, l; IU, 万IU".to_owned()),
        Kind::Month => ("month", "yyyy-MM".to_owned()),
        Kind::AgeBand => ("age band", "like `0-17` or `65-`, or `*`".to_owned()),
        Kind::Name => ("name", "lower-case letters, digits and `_`".to_owned()),
    };
    (kind.to_owned(), allowed)
}
