//! `claimsift demo`: the main job on a made-up city, in process, no broker.
//!
//! Twelve muted months of history, then a live month with planted violations
//! and planted innocent look-alikes, through the engine that `run` uses.

mod page;
mod score;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;
use comfy_table::CellAlignment;
use comfy_table::Table;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::base::ids::ShardId;
use crate::base::pseudonym::IdentityKey;
use crate::base::time::Civil;
use crate::codecs::RejectClass;
use crate::commands::Failure;
use crate::commands::demo::score::Effective;
use crate::commands::demo::score::Planted;
use crate::commands::demo::score::effective;
use crate::commands::demo::score::known_misses;
use crate::commands::demo::score::score;
use crate::commands::load;
use crate::commands::load::Loaded;
use crate::commands::observe::SystemClock;
use crate::commands::observe::Totals;
use crate::commands::print;
use crate::commands::say;
use crate::engine::Engine;
use crate::engine::effects::Closing;
use crate::engine::effects::Effects;
use crate::engine::effects::Looked;
use crate::engine::settings::EngineSettings;
use crate::events::EVENT_TYPES;
use crate::io::log::Output;
use crate::io::memory::MemoryCluster;
use crate::io::memory::StoredRecord;
use crate::io::partition::Partitioner;
use crate::offline::explain::Kept;
use crate::reference::baseline_tables::UnitKind;
use crate::report::month::Family;
use crate::report::month::Groups;
use crate::report::month::accused;
use crate::runtime::worker::Observer;
use crate::runtime::worker::Wish;
use crate::runtime::worker::Worker;
use crate::runtime::worker::WorkerSettings;
use crate::synth;
use crate::synth::City;
use crate::synth::GroupKind;
use crate::synth::GroupTruth;
use crate::synth::SynthSettings;
use crate::synth::Truth;
use crate::window::calendar::Month;
use crate::window::calendar::Span;
use crate::window::group::Text;

#[derive(Debug, Args)]
pub struct Demo {
    /// Settlements and prescriptions in all.
    #[arg(long, default_value_t = 112_000)]
    events: u64,
    /// The same seed gives the same city.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where clues, rejects and the page are written.
    #[arg(long, default_value = "demo-out")]
    out: PathBuf,
    /// Language of the table.
    #[arg(long, value_enum, default_value_t = Lang::Both)]
    lang: Lang,
    /// Folder of rule packs.
    #[arg(long, default_value = "rules")]
    rules: PathBuf,
    /// Reference folders: the product's tables, then the made-up city's.
    #[arg(long, default_values = ["rules/reference", "demo/reference"])]
    reference: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lang {
    Zh,
    En,
    Both,
}

impl Lang {
    fn of(self, zh: &str, en: &str) -> String {
        match self {
            Self::Zh => zh.to_owned(),
            Self::En => en.to_owned(),
            Self::Both => format!("{zh} {en}"),
        }
    }
}

/// Partitions of the embedded log, and workers that share them.
const PARTITIONS: i32 = 4;
const WORKERS: usize = 2;
/// Messages that may wait in the log before the feeder pauses.
const BACKLOG_MAX: usize = 20_000;
/// Short runs, so that event time moves in steps of about a day and a bill
/// that comes late is seen to withdraw what was told before.
const RUN_MESSAGES: usize = 64;

/// Reads the made-up city from the reference folders.
pub fn city(folders: &[PathBuf], on: chrono::NaiveDate) -> Result<City, Failure> {
    let mut tables: Vec<(String, Vec<u8>)> = Vec::new();
    for folder in folders {
        for name in City::TABLES {
            let path = folder.join(format!("{name}.csv"));
            if let Ok(bytes) = std::fs::read(&path) {
                tables.push((name.to_owned(), bytes));
            }
        }
    }
    let views: Vec<(&str, &[u8])> = tables.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    City::read(&views, on).map_err(|error| Failure::Plain(format!("read the made-up city: {error}")))
}

/// One in nine events is a prescription, as in the default feed.
pub fn sized(events: u64, seed: u64) -> SynthSettings {
    let prescriptions = events * 3 / 28;
    let settlements = events - prescriptions;
    SynthSettings {
        seed,
        settlements,
        prescriptions,
        persons: u32::try_from(settlements / 5).unwrap_or(u32::MAX).max(200),
        duplicates: 0.001,
        traps: 0.01,
        rejects: 0.000_5,
        ..SynthSettings::default()
    }
}

/// The demo's page, and the looks at groups that it is made from.
pub struct Shown {
    pub page: String,
    pub looked: Vec<Looked>,
}

/// The page about the demo's month, without a report on the terminal.
pub fn page_of(loaded: &Loaded, settings: &SynthSettings, city: &City) -> Result<Shown, Failure> {
    let engine = engine(loaded, settings);
    let run = run(&engine, settings, city)?;
    let page = page::page(loaded, &engine, settings, &run, &effective(&run.clues));
    Ok(Shown { page, looked: run.looked.into_values().collect() })
}

impl Demo {
    pub fn execute(&self) -> Result<(), Failure> {
        let loaded = load::load(&self.rules, &self.reference)?;
        let settings = sized(self.events, self.seed);
        let city = city(&self.reference, settings.live_first())?;
        let engine = engine(&loaded, &settings);
        let began = Instant::now();
        let run = run(&engine, &settings, &city)?;
        let took = began.elapsed();
        std::fs::create_dir_all(&self.out).map_err(|error| Failure::Plain(format!("create {}: {error}", self.out.display())))?;
        let clues = self.out.join("clues.ndjson");
        let rejects = self.out.join("rejects.ndjson");
        write_lines(&clues, run.clues.iter().filter_map(|record| record.record.value.clone()))?;
        write_lines(&rejects, run.rejects.iter().map(|record| crate::io::files::reject_line(&record.record)))?;
        let effective = effective(&run.clues);
        self.report(&loaded, &run, &effective, took);
        let page = self.out.join("report.html");
        let text = page::page(&loaded, &engine, &settings, &run, &effective);
        std::fs::write(&page, text).map_err(|error| Failure::Plain(format!("write {}: {error}", page.display())))?;
        say(&format!(
            "{} {}\n{} {}\n{} {}\n",
            self.lang.of("线索", "clues:"),
            clues.display(),
            self.lang.of("未受理消息", "rejects:"),
            rejects.display(),
            self.lang.of("报告网页", "page:"),
            page.display()
        ));
        Ok(())
    }

    fn report(&self, loaded: &Loaded, run: &Run, effective: &[Effective], took: Duration) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
        let heads = [
            ("规则", "rule"),
            ("评估", "evaluated"),
            ("线索", "clues"),
            ("植入", "planted"),
            ("发现", "found"),
            ("漏报", "missed"),
            ("误报", "false"),
            ("撤回", "withdrawn"),
        ];
        table.set_header(heads.map(|(zh, en)| if self.lang == Lang::Both { format!("{zh}\n{en}") } else { self.lang.of(zh, en) }));
        for rule in &loaded.rules.rules {
            let id = &rule.doc.id;
            let score = score(&rule.doc, run.planted(), effective);
            let tally = run.totals.rules.get(id).cloned().unwrap_or_default();
            let title =
                self.lang.of(&rule.doc.title.zh, &format!("{}{}", if self.lang == Lang::Both { "\n" } else { "" }, rule.doc.title.en));
            let mark = if rule.shadow { " (shadow)" } else { "" };
            let numbers = [tally.evaluated, score.clues, score.planted, score.found, score.missed, score.wrong, tally.retracted];
            let mut cells = vec![format!("{id}{mark}\n{title}")];
            cells.extend(numbers.iter().map(u64::to_string));
            table.add_row(cells);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        print(&format!("{table}\n"));
        self.footer(loaded, run, took);
    }

    fn footer(&self, loaded: &Loaded, run: &Run, took: Duration) {
        let book = &loaded.book;
        let counts = &run.totals.counts;
        let seconds = took.as_secs_f64().max(0.001);
        let rate = |count: u64| (count as f64 / seconds).round();
        print(&format!(
            "{}: {} = {} {} + {} {} + {} {} + {} {} + {} {}\n",
            self.lang.of("消息", "messages"),
            counts.n_in,
            counts.evaluated,
            self.lang.of("评估", "evaluated"),
            counts.rejected_total(),
            self.lang.of("未受理", "rejected"),
            counts.duplicate,
            self.lang.of("重复", "duplicate"),
            counts.correction,
            self.lang.of("更正", "correction"),
            counts.statement,
            self.lang.of("水位声明", "statement"),
        ));
        print(&format!(
            "{:.1} s, {:.0} {}, {:.0} {} ({})\n",
            seconds,
            rate(counts.n_in),
            self.lang.of("条消息/秒", "events/s"),
            rate(counts.lines),
            self.lang.of("行明细/秒", "lines/s"),
            self.lang.of("含数据生成", "generating the data included"),
        ));
        for ((rule, reason), missed) in known_misses(&run.truths) {
            let told = book.rule(rule).and_then(|rule| rule.not_seen.iter().find(|told| told.zh == reason));
            let reason = self.lang.of(reason, told.map_or(reason, |told| &told.en));
            print(&format!("{}: {missed} × {rule} {reason}\n", self.lang.of("已知漏报", "known misses")));
        }
        self.groups(loaded, run);
    }

    /// What was planted on groups and not told, and who is accused by what.
    fn groups(&self, loaded: &Loaded, run: &Run) {
        let groups = run.groups_of(loaded);
        for (truth, fate) in groups.fates(&loaded.book).filter(|(truth, fate)| fate.is_wrong(truth)) {
            let what = if truth.kind == GroupKind::Violation { ("漏报", "missed") } else { ("误报", "false") };
            let why = fate.words();
            print(&format!(
                "{}: {} {} {}\n",
                self.lang.of(what.0, what.1),
                truth.institution,
                self.lang.of(truth.title, &truth.pattern.replace('_', " ")),
                self.lang.of(&why.zh, &why.en)
            ));
        }
        let Some(all) = accused(&loaded.book, &groups, Family::Expected) else { return };
        print(&format!(
            "O/E > 1.5: {} {}; {}: {} {}\n",
            all.plain_institutions,
            self.lang.of("家没有植入问题的机构会被指认", "institutions without a planted fault would be accused"),
            self.lang.of("本系统", "here"),
            all.own_institutions,
            self.lang.of("家", "are"),
        ));
    }
}

fn engine(loaded: &Loaded, settings: &SynthSettings) -> Arc<Engine> {
    let mut own = EngineSettings { zone: settings.zone, partitions: PARTITIONS, ..EngineSettings::default() };
    for input in &mut own.inputs {
        input.partitioner = Some(Partitioner::Murmur2);
        input.complete_from = Some(Civil::from_date(settings.first_day()));
    }
    own.clues_from = Some(Civil::from_date(settings.live_first()));
    own.covered_areas = vec!["9901".to_owned()];
    // The demo's persons are made up: their key is made from the seed.
    let mut key = [0; 32];
    key.copy_from_slice(&crate::base::ids::Digest::of([b"demo".as_slice(), &settings.seed.to_le_bytes()]).0);
    Arc::new(Engine::new(Arc::clone(&loaded.rules), Arc::clone(&loaded.references), own, IdentityKey::from_bytes(&key)))
}

/// What the run left behind.
struct Run {
    totals: Totals,
    looked: Last,
    groups: Vec<GroupTruth>,
    live: Month,
    clues: Vec<StoredRecord>,
    rejects: Vec<StoredRecord>,
    truths: Vec<Truth>,
    /// Messages of the persons of planted cases, as they arrived.
    kept: BTreeMap<String, Vec<Kept>>,
}

impl Run {
    fn planted(&self) -> Planted<'_> {
        Planted { cases: &self.truths, groups: &self.groups }
    }

    /// The groups of the live month.
    fn groups_of<'a>(&'a self, loaded: &'a Loaded) -> Groups<'a> {
        Groups { references: &loaded.references, live: self.live, looked: self.looked.values().collect(), truths: &self.groups }
    }
}

/// The last look at each unit, by rule, pane and institution.
type Last = BTreeMap<(String, Span, Text, UnitKind, Text), Looked>;

/// Adds up, and moves the progress bar.
struct Watcher<'a> {
    totals: Totals,
    looked: Last,
    done: &'a AtomicU64,
}

impl Observer for Watcher<'_> {
    fn step(&mut self, shard: ShardId, effects: &Effects) {
        self.totals.step(shard, effects);
        self.done.fetch_add(effects.run.messages, Ordering::Relaxed);
    }

    fn closed(&mut self, shard: ShardId, closing: &Closing) {
        self.totals.closed(shard, closing);
        for looked in &closing.looked {
            let key = (looked.rule.clone(), looked.span, looked.institution.clone(), looked.unit_kind, looked.unit.clone());
            self.looked.insert(key, looked.clone());
        }
    }
}

fn run(engine: &Arc<Engine>, settings: &SynthSettings, city: &City) -> Result<Run, Failure> {
    let cluster = MemoryCluster::new(PARTITIONS);
    cluster.retain(false);
    cluster.set_feeding(true);
    let done = AtomicU64::new(0);
    let bar = progress(settings.settlements + settings.prescriptions);
    let logs: Vec<_> = (0..WORKERS).map(|idx| cluster.worker(&format!("demo-{idx}"), "demo")).collect();
    let wish = Wish::default();
    let outcome = std::thread::scope(|scope| {
        let workers: Vec<_> = logs
            .into_iter()
            .enumerate()
            .map(|(slot, mut log)| {
                let (engine, done, wish) = (Arc::clone(engine), &done, &wish);
                scope.spawn(move || {
                    let clock = SystemClock::default();
                    let mut watcher = Watcher { totals: Totals::default(), looked: Last::new(), done };
                    let own = WorkerSettings { until_end: true, run_messages_max: RUN_MESSAGES, slot, ..WorkerSettings::default() };
                    let result = Worker::new(engine, &mut log, own, &clock).run(wish, &mut watcher);
                    if result.is_err() {
                        wish.abort();
                    }
                    (result, watcher.totals, watcher.looked)
                })
            })
            .collect();
        let fed = feed(&cluster, settings, city, &wish, &|| bar.set_position(done.load(Ordering::Relaxed)));
        let (mut totals, mut looked) = (Totals::default(), Last::new());
        let mut fault = None;
        for worker in workers {
            match worker.join() {
                Ok((result, own, seen)) => {
                    fault = fault.or(result.err());
                    totals.add(&own);
                    looked.extend(seen);
                }
                Err(_) => return Err(Failure::Plain("a worker panicked".to_owned())),
            }
        }
        match fault {
            Some(fault) => Err(Failure::World(fault)),
            None => Ok((totals, looked, fed)),
        }
    });
    bar.finish_and_clear();
    let (totals, looked, (truths, kept)) = outcome?;
    let clues = [cluster.output(Output::Clues), cluster.output(Output::Shadow)].concat();
    let groups = synth::group_truths(settings, city);
    let live = Month::of(Civil::from_date(settings.live_first()));
    Ok(Run { totals, looked, groups, live, clues, rejects: cluster.output(Output::Rejects), truths, kept })
}

/// Planted cases, and the messages of their persons.
type Fed = (Vec<Truth>, BTreeMap<String, Vec<Kept>>);

fn feed(cluster: &MemoryCluster, settings: &SynthSettings, city: &City, wish: &Wish, tick: &dyn Fn()) -> Fed {
    let mut generator = synth::generate(settings, city);
    let mut kept: BTreeMap<String, Vec<Kept>> = generator.truths().iter().map(|truth| (truth.person.clone(), Vec::new())).collect();
    let mut event = synth::Generated::default();
    let mut fed = 0_u64;
    let mut last_ms = 0;
    while generator.next_into(&mut event) && !wish.stopping() {
        if fed.is_multiple_of(512) {
            tick();
            cluster.wait_for_room(BACKLOG_MAX);
        }
        fed += 1;
        last_ms = event.timestamp_ms;
        if event.reject.is_none()
            && !event.duplicate
            && let Some(own) = kept.get_mut(&event.person)
        {
            own.push(Kept { input: event.input, value: event.json.clone(), timestamp_ms: event.timestamp_ms });
        }
        if event.reject == Some(RejectClass::Tombstone) {
            let partition = Partitioner::Murmur2.partition(event.person.as_bytes(), PARTITIONS);
            cluster.feed(event.input, partition, Some(event.person.clone().into_bytes()), None, event.timestamp_ms, None);
        } else {
            cluster.feed_keyed(event.input, event.person.as_bytes(), event.json.clone(), event.timestamp_ms);
        }
    }
    for input in 0..EVENT_TYPES.len() {
        cluster.state_watermark(input, "end", last_ms);
    }
    cluster.end();
    (generator.truths().to_vec(), kept)
}

fn progress(total: u64) -> ProgressBar {
    // A bar in a file or a pipe would only be noise.
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} ETA {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target).with_style(style)
}

fn write_lines(path: &Path, lines: impl Iterator<Item = Vec<u8>>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Plain(format!("write {}: {error}", path.display()));
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    for line in lines {
        file.write_all(&line).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    }
    file.flush().map_err(failed)
}
