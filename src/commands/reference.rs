//! `claimsift reference`: check reference tables, show what they know of a
//! code, and list what of a feed they do not know.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::Subcommand;
use comfy_table::CellAlignment;
use comfy_table::Table;

use crate::base::fault::Fault;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::commands::Failure;
use crate::commands::clues::day;
use crate::commands::clues::write;
use crate::commands::load;
use crate::commands::print;
use crate::commands::say;
use crate::commands::topics::load_config;
use crate::config::settings::Settings;
use crate::events::EVENT_TYPES;
use crate::io::files::each_line;
use crate::offline::unmatched::Entry;
use crate::offline::unmatched::HEADS;
use crate::offline::unmatched::Unmatched;
use crate::offline::unmatched::sheet;
use crate::reference::bundle::Bundle;
use crate::reference::code;
use crate::reference::folder::Folder;
use crate::reference::lookup;
use crate::reference::lookup::Known;
use crate::reference::sheet::Sheet;
use crate::reference::snapshot::Snapshot;
use crate::reference::validity::Validity;

#[derive(Debug, Args)]
pub struct Reference {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell what each table holds, and every mistake of all files with line, caret and help.
    Check {
        #[command(flatten)]
        folders: Folders,
    },
    /// Show everything that any table knows about a code.
    Show(Show),
    /// List what a feed tells and no table knows.
    Unmatched(Feed),
}

#[derive(Debug, Args)]
pub(super) struct Folders {
    /// Configuration file that names the reference folders.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Reference folders, instead of the configuration's [default without one: rules/reference demo/reference].
    #[arg(long, num_args = 1..)]
    reference: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Show {
    /// Of an institution, a drug, an item, a doctor, a department or a diagnosis.
    code: String,
    /// The day (yyyy-MM-dd) that is asked about.
    #[arg(long, value_parser = day)]
    at: i64,
    #[command(flatten)]
    folders: Folders,
}

#[derive(Debug, Args)]
struct Feed {
    /// A folder with files `settlement*.ndjson` and `prescription*.ndjson`, as `synth --out` writes them.
    #[arg(required_unless_present_any = ["settlement", "prescription"])]
    feed: Option<PathBuf>,
    /// Settlement files (NDJSON, also gzip and zstd; `-` for standard input).
    #[arg(long, num_args = 1.., conflicts_with = "feed")]
    settlement: Vec<PathBuf>,
    /// Prescription files.
    #[arg(long, num_args = 1.., conflicts_with = "feed")]
    prescription: Vec<PathBuf>,
    /// A CSV file for Excel, instead of a table on standard output.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    folders: Folders,
}

impl Reference {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Check { folders } => check(folders),
            Verb::Show(show) => show.execute(),
            Verb::Unmatched(feed) => feed.execute(),
        }
    }
}

impl Folders {
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.config {
            Some(config) => load_config(config)?,
            None => Settings { reference: ["rules/reference", "demo/reference"].map(PathBuf::from).into(), ..Settings::default() },
        };
        if !self.reference.is_empty() {
            settings.reference.clone_from(&self.reference);
        }
        Ok(settings)
    }
}

fn read(folders: &[PathBuf]) -> Result<(Bundle, Vec<crate::base::diagnostic::Diagnostic>), Failure> {
    let folders = folders.iter().map(|folder| Folder::read(folder)).collect::<Result<Vec<_>, Fault>>()?;
    Ok(Bundle::read(&folders))
}

/// A bundle without mistakes, and what is made of it.
pub(super) fn load(folders: &[PathBuf]) -> Result<(Bundle, Snapshot), Failure> {
    let (bundle, diagnostics) = read(folders)?;
    let snapshot = Snapshot::of(&bundle, diagnostics).map_err(|mistakes| load::mistakes_of(&mistakes))?;
    Ok((bundle, snapshot))
}

fn check(folders: &Folders) -> Result<(), Failure> {
    let (bundle, diagnostics) = read(&folders.settings()?.reference)?;
    let mut rows = Vec::new();
    for (table, sheets) in bundle.tables() {
        let dates = sheets.iter().flat_map(Sheet::rows).filter_map(|row| row.validity());
        let dated: Vec<Validity> = dates.filter(|validity| *validity != Validity::ALWAYS).collect();
        rows.push([
            table.name.to_owned(),
            sheets.iter().map(|sheet| sheet.rows().count()).sum::<usize>().to_string(),
            dated.iter().map(|validity| validity.from).min().map(date).unwrap_or_default(),
            dated.iter().map(|validity| validity.to).max().map(date).unwrap_or_default(),
            bundle.digest_of(table.name).short(),
            sheets.iter().map(Sheet::name).collect::<Vec<_>>().join("\n"),
        ]);
    }
    print(&format!("{}\n", drawn(&["table", "rows", "from", "to", "digest", "files"], &[1], rows)));
    let snapshot = Snapshot::of(&bundle, diagnostics).map_err(|mistakes| load::mistakes_of(&mistakes))?;
    let folders: Vec<String> = snapshot.folders().iter().map(|folder| format!("{} {}", folder.name, folder.version)).collect();
    print(&format!("references {} ({}), no mistakes\n", snapshot.digest().short(), folders.join(", ")));
    Ok(())
}

/// `right`: columns of numbers.
pub(super) fn drawn<const N: usize>(heads: &[&str; N], right: &[usize], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(heads.iter());
    for row in rows {
        table.add_row(row);
    }
    for at in right {
        if let Some(column) = table.column_mut(*at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

pub(super) fn date(day: i64) -> String {
    if day == Validity::OPEN { "open".to_owned() } else { Civil(day * SECONDS_PER_DAY).to_string().chars().take(10).collect() }
}

fn period(known: &Known<'_>) -> String {
    known.row.validity().map_or_else(String::new, |validity| format!("{} to {}", date(validity.from), date(validity.to)))
}

impl Show {
    fn execute(&self) -> Result<(), Failure> {
        let (bundle, snapshot) = load(&self.folders.settings()?.reference)?;
        let known = lookup::known(&bundle, &snapshot, &self.code);
        if known.is_empty() {
            return Err(Failure::Mistakes(format!("{}: no reference table knows this code\n", self.code)));
        }
        let at = date(self.at);
        let mut text = format!("{} at {at}\n", self.code);
        if code::kind_of(&self.code, code::ITEM_KINDS).is_some() {
            text.push_str(&self.item(&bundle, &snapshot));
        }
        let (in_force, other): (Vec<&Known<'_>>, Vec<&Known<'_>>) = known.iter().partition(|known| known.holds(self.at));
        let rows = |rows: &[&Known<'_>]| rows.iter().map(|known| row(known)).collect::<String>();
        if in_force.is_empty() {
            let _ = write!(text, "\nno row is in force at {at}\n");
        } else {
            let _ = write!(text, "\nin force at {at}:\n{}", rows(&in_force));
        }
        if !other.is_empty() {
            let _ = write!(text, "\nnot in force at {at}:\n{}", rows(&other));
        }
        print(&text);
        Ok(())
    }

    /// What the engine makes of an item on that day.
    fn item(&self, bundle: &Bundle, snapshot: &Snapshot) -> String {
        let item = snapshot.resolve_item(Some(&self.code), None, None);
        let facts = item.at(self.at);
        let (class, decided) = lookup::special_class(bundle, snapshot, &self.code, self.at);
        let how = match (&decided, class) {
            (Some((how, row)), _) => format!("by {how}, {}:{}", row.file(), row.line()),
            (None, Some(_)) => "no row speaks of it".to_owned(),
            (None, None) if facts.master.is_none() => "unclassified: no row by its code, and no name to go by".to_owned(),
            (None, None) => "unclassified: its name holds that of a listed drug".to_owned(),
        };
        let mut text = format!("special class: {} ({how})\n", class.map_or("unknown", |class| class.word()));
        if let Some(substance) = facts.substance {
            let by = if facts.master.is_some_and(|row| row.substance.is_some()) { "the drug master" } else { "its code" };
            let _ = writeln!(text, "substance: {substance} (by {by})");
        }
        if let Some(form) = facts.form_group {
            let by = if facts.master.is_some_and(|row| row.form_group.is_some()) { "the drug master" } else { "its code" };
            let _ = writeln!(text, "form group: {} (by {by})", form.word());
        }
        text
    }
}

/// One row: where it stands, how it was found, and what its other cells say.
fn row(known: &Known<'_>) -> String {
    let mut text = format!("  {} {}, by {}\n    {}:{}\n", known.table.name, period(known), known.how, known.row.file(), known.row.line());
    for column in known.table.columns.iter().filter(|column| !matches!(column.name, "valid_from" | "valid_to")) {
        if let Some(cell) = known.row.optional(column.name) {
            let _ = writeln!(text, "    {} {} = {cell}", column.name, column.zh);
        }
    }
    text
}

impl Feed {
    fn execute(&self) -> Result<(), Failure> {
        let settings = self.folders.settings()?;
        let (_, snapshot) = load(&settings.reference)?;
        let mut unmatched = Unmatched::new(Arc::new(snapshot), settings.zone);
        for (input, files) in self.files()?.iter().enumerate() {
            for file in files {
                each_line::<Fault>(file, &mut |_, line| {
                    unmatched.take(input, line);
                    Ok(())
                })?;
            }
        }
        let (entries, counts) = unmatched.finish();
        say(&format!(
            "{} messages: {} looked at ({} lines), {} rejected, {} duplicate, {} correction\n",
            counts.n_in,
            counts.evaluated,
            counts.lines,
            counts.rejected_total(),
            counts.duplicate,
            counts.correction
        ));
        match &self.out {
            Some(path) => {
                write(path, &sheet(&entries).csv())?;
                print(&format!("{} unmatched in {}\n", entries.len(), path.display()));
            }
            None if entries.is_empty() => print("the tables know everything that this feed tells\n"),
            None => {
                let cells = |entry: &Entry| {
                    let [first, last] = entry.days();
                    let (code, name) = (plain(&entry.code), plain(&entry.name));
                    let counts = [entry.events.to_string(), entry.lines.to_string(), entry.amount().to_string()];
                    let [events, lines, amount] = counts;
                    [entry.kind_text(), code, name, events, lines, amount, first, last]
                };
                let heads: [&str; 8] = std::array::from_fn(|at| HEADS.get(at).copied().unwrap_or_default());
                print(&format!("{}\n", drawn(&heads, &[3, 4, 5], entries.iter().map(cells))));
            }
        }
        Ok(())
    }

    /// Files by input.
    fn files(&self) -> Result<[Vec<PathBuf>; 2], Failure> {
        let Some(feed) = &self.feed else { return Ok([self.settlement.clone(), self.prescription.clone()]) };
        let reading = |error| Fault::stop(format!("read folder {}", feed.display()), error);
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(feed).map_err(reading)? {
            files.push(entry.map_err(reading)?.path());
        }
        files.sort();
        let of = |name: &str| {
            let named = |path: &&PathBuf| is_named(path, name);
            files.iter().filter(named).cloned().collect::<Vec<PathBuf>>()
        };
        let found = [of(EVENT_TYPES[0].name), of(EVENT_TYPES[1].name)];
        if found.iter().all(Vec::is_empty) {
            let names = [EVENT_TYPES[0], EVENT_TYPES[1]].map(|event| format!("`{}*.ndjson`", event.name)).join(" and ");
            return Err(Failure::Plain(format!("{} has no files {names}", feed.display())));
        }
        Ok(found)
    }
}

fn is_named(path: &Path, event: &str) -> bool {
    path.is_file()
        && path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(event) && name.contains(".ndjson"))
}

/// What a feed tells may hold anything; on a terminal only text is shown.
fn plain(text: &str) -> String {
    text.chars().map(|ch| if ch.is_control() { ' ' } else { ch }).collect()
}
