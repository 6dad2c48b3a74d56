//! `claimsift clues`: effective clues as tables for people.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::base::fault::Fault;
use crate::base::time::Civil;
use crate::clues::sheets::EXCEL_ROWS;
use crate::clues::sheets::sheets;
use crate::clues::told::Effective;
use crate::clues::told::Told;
use crate::clues::totals::Totals;
use crate::commands::Failure;
use crate::commands::print;
use crate::commands::run::kafka_settings;
use crate::commands::say;
use crate::commands::topics::load_config;
use crate::io::files::each_line;
use crate::io::kafka::admin;

#[derive(Debug, Args)]
pub struct Clues {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write effective clues as CSV for Excel: by problem type, by item and by
    /// line, three files for each department, county or institution.
    Export(Export),
}

#[derive(Debug, Args)]
struct Export {
    /// Files of clues as `run --clues` writes them (also gzip and zstd; `-` for standard input).
    #[arg(required_unless_present = "config")]
    files: Vec<PathBuf>,
    /// Read the clue topic of this configuration instead.
    #[arg(long, conflicts_with = "files")]
    config: Option<PathBuf>,
    /// Whose files are kept apart.
    #[arg(long, value_enum)]
    by: By,
    /// The first day (yyyy-MM-dd) of what clues are about.
    #[arg(long, value_parser = day)]
    from: Option<i64>,
    /// The last day.
    #[arg(long, value_parser = day)]
    to: Option<i64>,
    /// A folder that is empty or does not exist.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// The lead department.
    Department,
    /// The competent area.
    County,
    Institution,
}

impl By {
    fn of(self, told: &Told) -> Option<&str> {
        match self {
            Self::Department => Some(&told.finding.lead),
            Self::County => told.finding.area.as_deref(),
            Self::Institution => told.finding.subject.fixmedins_code.as_deref(),
        }
    }
}

/// A day of an option.
pub fn day(text: &str) -> Result<i64, String> {
    Civil::parse(text).filter(|_| text.len() == 10).map(Civil::day).ok_or_else(|| "not a day: write yyyy-MM-dd".to_owned())
}

impl Clues {
    pub fn execute(&self) -> Result<(), Failure> {
        let Verb::Export(export) = &self.verb;
        export.execute()
    }
}

impl Export {
    fn execute(&self) -> Result<(), Failure> {
        if self.out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            let folder = self.out.display();
            return Err(Failure::Plain(format!("{folder} is not empty: files of an earlier export would stand among the new ones")));
        }
        let effective = self.read()?;
        let within = |told: &&Told| {
            let day = Civil::parse(&told.finding.fact_time).map(Civil::day);
            let after = self.from.is_none_or(|from| day.is_some_and(|day| day >= from));
            after && self.to.is_none_or(|to| day.is_some_and(|day| day <= to))
        };
        let mut groups: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
        for told in effective.clues().filter(within) {
            groups.entry(self.by.of(told).unwrap_or(UNKNOWN)).or_default().push(told);
        }
        if effective.shadow > 0 {
            say(&format!("{} records of shadow rules were left out\n", effective.shadow));
        }
        std::fs::create_dir_all(&self.out).map_err(|error| Fault::stop(format!("create {}", self.out.display()), error))?;
        for (group, clues) in &groups {
            for sheet in sheets(clues) {
                let path = self.out.join(format!("{}.{}.csv", file_name(group), sheet.name));
                if sheet.len() > EXCEL_ROWS {
                    say(&format!("{} has {} rows, and Excel shows {EXCEL_ROWS}: choose fewer days\n", path.display(), sheet.len()));
                }
                write(&path, &sheet.csv())?;
            }
            let mut totals = Totals::default();
            clues.iter().for_each(|told| totals.add(&told.finding));
            let (vola, fund) = totals.sums();
            print(&format!("{group}: {} 条线索 clues, 问题金额 amount {vola} 元, 医保支付 of the funds {fund} 元\n", clues.len()));
        }
        print(&format!("{} 组 groups in {}\n", groups.len(), self.out.display()));
        Ok(())
    }

    fn read(&self) -> Result<Effective, Failure> {
        let mut effective = Effective::default();
        if let Some(config) = &self.config {
            let kafka = kafka_settings(&load_config(config)?, 0)?;
            let mut bad = None;
            admin::read_topic(&kafka, &kafka.clues, &mut |record| {
                if let Err(reason) = effective.take(record.value.unwrap_or_default()) {
                    bad.get_or_insert(format!("{} {}/{}: no clue record: {reason}", kafka.clues, record.partition, record.offset));
                }
                Ok(())
            })?;
            return bad.map_or(Ok(effective), |message| Err(Failure::Plain(message)));
        }
        for path in &self.files {
            each_line(path, &mut |number, line| {
                let told = effective.take(line);
                told.map_err(|reason| Failure::Plain(format!("{}:{number}: no clue record: {reason}", path.display())))
            })?;
        }
        Ok(effective)
    }
}

/// The group of clues that name none.
const UNKNOWN: &str = "unknown";

/// Codes come from the feed: nothing but letters, digits, `-` and `_` gets
/// into a file's name as it is, so that no code leads out of the folder and no
/// two share a file.
fn file_name(group: &str) -> String {
    let safe = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_');
    group.chars().map(|ch| if safe(ch) { ch.to_string() } else { format!("%{:X}", u32::from(ch)) }).collect()
}

/// A file that is there is whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let part = path.with_extension("part");
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| Fault::stop(format!("write {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_tell_groups_apart() {
        let names = ["H99010100002", "../etc", "a/b", "a_b", "a%2Fb", "卫健"].map(file_name);
        assert_eq!(names, ["H99010100002", "%2E%2E%2Fetc", "a%2Fb", "a_b", "a%252Fb", "%536B%5065"]);
    }
}
