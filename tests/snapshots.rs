//! Workers that begin with snapshots go on as those that replay everything,
//! however often they die; and no snapshot is used that is not what it was.

mod support;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::ShardId;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::engine::Engine;
use claimsift::engine::activation::Activation;
use claimsift::engine::activation::BundleName;
use claimsift::io::log::Output;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::objects::Objects;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::read;
use claimsift::runtime::bundles::Bundles;
use claimsift::runtime::snapshot::shelf::KEPT;
use claimsift::runtime::snapshot::shelf::Shelf;
use claimsift::runtime::snapshot::taker::RecoverFrom;
use claimsift::runtime::snapshot::taker::Snapshots;
use claimsift::runtime::snapshot::writer::Outcome;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::window::calendar::Month;
use support::feed;
use support::feed::World;
use support::taken_back::taken_back;

const PARTITIONS: ShardId = 2;
const PARTS: usize = 4;

struct Base {
    feed: Vec<Generated>,
    own: Arc<Engine>,
    /// Without some rules that remember and some on groups.
    other: Arc<Engine>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::read();
    let settings = SynthSettings {
        seed: 5,
        settlements: 1_500,
        prescriptions: 500,
        persons: 200,
        planted: Planted { violations: 2, missed: 0, withdrawn: 1, near_misses: 0, innocents: 1 },
        rejects: 0.02,
        ..SynthSettings::default()
    };
    let own = world.engine(&settings, PARTITIONS);
    let (texts, _) = read::load(&feed::path("rules")).unwrap();
    let gone = ["repeat-supply", "online-first", "oe-total-cost", "over-drug-cases"];
    let (book, _) = read::read(&texts.into_iter().filter(|source| !gone.contains(&read::stem(&source.name))).collect::<Vec<_>>());
    let (rules, mistakes) = compile(&book, EVALUATED);
    assert!(mistakes.is_empty());
    let key = IdentityKey::from_bytes(&[9; 32]);
    let other = Arc::new(Engine::new(Arc::new(rules), Arc::clone(&world.loaded.references), own.settings.clone(), key));
    Base { feed: taken_back(world.feed(&settings).0), own, other }
});

struct Shelved;

impl Bundles for Shelved {
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, claimsift::base::fault::Fault> {
        let engines = [&BASE.own, &BASE.other];
        Ok(Arc::clone(engines.into_iter().find(|engine| BundleName::of(&engine.versions).is(bundle)).unwrap()))
    }
}

/// A second goes by whenever it is asked.
#[derive(Default)]
struct Ticking(Cell<u64>);

impl Clock for Ticking {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_secs(self.0.get())
    }
}

/// What workers said of snapshots and of recovery.
#[derive(Debug, Default)]
struct Heard {
    written: usize,
    restored: usize,
    unusable: usize,
    replayed: u64,
}

impl Observer for Heard {
    fn recovering(&mut self, _: ShardId, done: u64, total: u64) {
        self.replayed += u64::from(done < total);
    }
    fn restored(&mut self, _: ShardId) {
        self.restored += 1;
    }
    fn unusable(&mut self, _: ShardId) {
        self.unusable += 1;
    }
    fn snapshot(&mut self, _: ShardId, outcome: Outcome) {
        assert!(matches!(outcome, Outcome::Written { .. }));
        self.written += 1;
    }
}

fn shelf(folder: &Path) -> Arc<Shelf> {
    Arc::new(Shelf::new(Objects::folder(folder).unwrap(), feed::GROUP.to_owned()))
}

fn snapshots(folder: &Path, from: RecoverFrom, every: u64) -> Snapshots {
    Snapshots::new(shelf(folder), from, Duration::from_secs(every))
}

/// Works to the end, anew after faults that a new worker mends.
fn work(cluster: &MemoryCluster, snapshots: Option<&Snapshots>) -> Result<Heard, String> {
    let mut heard = Heard::default();
    for _ in 0..500 {
        let mut log = cluster.worker("worker-0", feed::GROUP);
        let settings = WorkerSettings { until_end: true, run_messages_max: 64, epoch_messages_max: 256, ..WorkerSettings::default() };
        let clock = Ticking::default();
        let mut worker =
            Worker::new(Arc::clone(&BASE.own), &mut log, settings, &clock).with_bundles(Some(&Shelved)).with_snapshots(snapshots);
        match worker.run(&Wish::default(), &mut heard) {
            Ok(()) => return Ok(heard),
            Err(fault) if fault.remedy == Remedy::Stop => return Err(chain(&fault)),
            Err(_) => {}
        }
    }
    panic!("it died 500 times");
}

fn feed_part(cluster: &MemoryCluster, part: usize) {
    let size = BASE.feed.len().div_ceil(PARTS);
    BASE.feed.chunks(size).nth(part).unwrap().iter().for_each(|message| feed::send(cluster, message));
    if part + 1 == PARTS {
        feed::state_end(cluster, 0);
    }
}

/// Feeds part by part and works each to its end; before the second and third
/// other rules are put into force if `switching`.
fn in_parts(snapshots: Option<&Snapshots>, faults: Option<u64>, switching: bool) -> (MemoryCluster, Vec<Heard>) {
    let cluster = MemoryCluster::new(PARTITIONS);
    cluster.set_faults(faults.map(|seed| Faults { seed, crash: 300, answer_lost: 200, commit_again: 200, expelled: 100 }));
    let mut heard = Vec::new();
    for part in 0..PARTS {
        if let (true, Some(engine)) = (switching, [None, Some(&BASE.other), Some(&BASE.own), None][part]) {
            let bundle = BundleName::of(&engine.versions);
            let groups_from = Month::new(2026, 5 + i32::try_from(part).unwrap());
            cluster.activate(Activation { number: part as u64, bundle, groups_from, wall_ms: 0 }.encode());
        }
        feed_part(&cluster, part);
        heard.push(work(&cluster, snapshots).unwrap());
    }
    (cluster, heard)
}

type Told = Vec<(i32, Option<Vec<u8>>, Option<Vec<u8>>)>;

/// All that was written, in order.
fn told(cluster: &MemoryCluster, output: Output) -> Told {
    cluster.output(output).into_iter().map(|record| (record.partition, record.record.key, record.record.value)).collect()
}

#[track_caller]
fn check_same(cluster: &MemoryCluster, plain: &MemoryCluster) {
    for output in [Output::Clues, Output::Shadow, Output::Rejects, Output::Partials, Output::Journal] {
        let (found, expect) = (told(cluster, output), told(plain, output));
        assert!(!expect.is_empty() || output == Output::Shadow, "{output:?}");
        assert!(found == expect, "{output:?}: {} records, {} expected", found.len(), expect.len());
    }
}

#[test]
fn who_takes_over_after_a_stop_in_good_order_replays_nothing() {
    for switching in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path(), RecoverFrom::Auto, 1_000_000);
        let (cluster, heard) = in_parts(Some(&snapshots), None, switching);
        let (plain, replayed) = in_parts(None, None, switching);
        check_same(&cluster, &plain);
        let shards = PARTITIONS as usize;
        for (part, heard) in heard.iter().enumerate() {
            let expect = (shards, if part == 0 { 0 } else { shards }, 0, 0);
            assert_eq!((heard.written, heard.restored, heard.unusable, heard.replayed), expect, "part {part}");
        }
        assert!(replayed.iter().skip(1).all(|heard| heard.replayed > 10));
    }
}

#[test]
fn snapshots_on_the_way_change_nothing_however_often_workers_die() {
    for (seed, switching) in [(1, false), (2, true)] {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path(), RecoverFrom::Auto, 2);
        let (cluster, heard) = in_parts(Some(&snapshots), Some(seed), switching);
        let (plain, _) = in_parts(None, Some(seed), switching);
        drop(snapshots);
        let clues = |cluster: &MemoryCluster| support::effective::effective(&support::effective::words(&cluster.output(Output::Clues)));
        let differing = support::effective::differences(&clues(&plain), &clues(&cluster));
        assert!(differing.is_empty(), "{}", differing.join("\n"));
        let restored: usize = heard.iter().map(|heard| heard.restored).sum();
        assert!(restored > 3 * PARTITIONS as usize, "{restored} restored");
        let shelf = shelf(folder.path());
        for shard in shelf.shards().unwrap() {
            let numbers = shelf.numbers(shard).unwrap();
            assert!((1..=KEPT).contains(&numbers.len()), "{numbers:?}");
            for number in numbers {
                shelf.check(shard, number).unwrap();
            }
        }
    }
}

/// Files under a folder, in order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.parent().unwrap().ends_with("manifests")).collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_snapshot_that_is_not_what_it_was_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let taken = snapshots(folder.path(), RecoverFrom::Auto, 1_000_000);
    let (cluster, _) = in_parts(Some(&taken), None, false);
    drop(taken);
    let (plain, _) = in_parts(None, None, false);
    let auto = || snapshots(folder.path(), RecoverFrom::Auto, 0);
    let shards = PARTITIONS as usize;
    // The newest of each shard.
    for shard in 0..shards {
        let of_shard: Vec<PathBuf> = manifests(folder.path())
            .into_iter()
            .filter(|path| path.parent().unwrap().parent().unwrap().ends_with(shard.to_string()))
            .collect();
        assert_eq!(of_shard.len(), KEPT);
        if shard == 0 {
            flip(of_shard.last().unwrap(), 1000)
        } else {
            fs::write(of_shard.last().unwrap(), b"claimsift snapshot 1 ").unwrap()
        }
    }
    let heard = work(&cluster, Some(&auto())).unwrap();
    assert_eq!((heard.restored, heard.unusable), (shards, shards));
    assert!(heard.replayed > 0);
    // A segment that all share.
    for path in files(folder.path()) {
        if path.file_name().unwrap().to_string_lossy().starts_with("symbols-0-") {
            flip(&path, 77);
        }
    }
    let heard = work(&cluster, Some(&auto())).unwrap();
    assert_eq!((heard.restored, heard.unusable), (0, shards * KEPT));
    // Somebody who insists is told what to do.
    let mut insisting = snapshots(folder.path(), RecoverFrom::Snapshot, 0);
    insisting.replay_messages_max = 10;
    let reason = work(&cluster, Some(&insisting)).unwrap_err();
    assert!(reason.contains("recover: replay") && reason.contains("has no snapshot of this shard"), "{reason}");
    let replaying = snapshots(folder.path(), RecoverFrom::Replay, 0);
    let heard = work(&cluster, Some(&replaying)).unwrap();
    assert_eq!((heard.restored, heard.unusable), (0, 0));
    check_same(&cluster, &plain);
}

#[test]
fn a_snapshot_of_another_journal_or_key_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let taken = snapshots(folder.path(), RecoverFrom::Auto, 1_000_000);
    in_parts(Some(&taken), None, false);
    drop(taken);
    let other = MemoryCluster::new(PARTITIONS);
    // The same journal but for its entries' times.
    for part in [1, 0] {
        feed_part(&other, part);
        work(&other, None).unwrap();
    }
    let heard = work(&other, Some(&snapshots(folder.path(), RecoverFrom::Auto, 0))).unwrap();
    assert_eq!((heard.restored, heard.unusable), (0, PARTITIONS as usize * KEPT));
}

#[test]
fn what_no_snapshot_needs_is_removed_and_segments_stay_few() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = MemoryCluster::new(PARTITIONS);
    let size = BASE.feed.len().div_ceil(24);
    for some in BASE.feed.chunks(size) {
        some.iter().for_each(|message| feed::send(&cluster, message));
        work(&cluster, Some(&snapshots(folder.path(), RecoverFrom::Auto, 1_000_000))).unwrap();
    }
    let shelf = shelf(folder.path());
    for shard in 0..PARTITIONS {
        let numbers = shelf.numbers(shard).unwrap();
        assert_eq!(numbers.len(), KEPT);
        let newest = shelf.check(shard, *numbers.last().unwrap()).unwrap();
        let of_events = newest.segments.iter().filter(|segment| segment.table == "events").count();
        assert!(of_events <= 6, "{of_events} segments after 24 snapshots");
        let pruned = shelf.prune(shard, 1, None).unwrap();
        assert_eq!(pruned.snapshots, KEPT - 1);
        assert_eq!(shelf.check(shard, *numbers.last().unwrap()).unwrap(), newest);
        let left = files(folder.path()).into_iter().filter(|path| path.parent().unwrap().ends_with(format!("{shard}/segments"))).count();
        assert_eq!(left, newest.segments.len());
    }
}

/// Removes segments behind the worker's back, once.
struct Removing<'a> {
    folder: &'a Path,
    removed: bool,
    outcomes: Vec<Outcome>,
}

impl Observer for Removing<'_> {
    fn snapshot(&mut self, _: ShardId, outcome: Outcome) {
        self.outcomes.push(outcome);
        if !std::mem::replace(&mut self.removed, true) {
            let of_persons = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("persons-");
            files(self.folder).into_iter().filter(of_persons).for_each(|path| fs::remove_file(path).unwrap());
        }
    }
}

#[test]
fn segments_that_somebody_removed_are_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = MemoryCluster::new(PARTITIONS);
    (0..PARTS).for_each(|part| feed_part(&cluster, part));
    let snapshots = Snapshots::at_once(shelf(folder.path()), RecoverFrom::Auto, Duration::from_secs(2));
    let mut log = cluster.worker("worker-0", feed::GROUP);
    let settings = WorkerSettings { until_end: true, run_messages_max: 64, epoch_messages_max: 256, ..WorkerSettings::default() };
    let mut observer = Removing { folder: folder.path(), removed: false, outcomes: Vec::new() };
    let clock = Ticking::default();
    let mut worker = Worker::new(Arc::clone(&BASE.own), &mut log, settings, &clock).with_snapshots(Some(&snapshots));
    worker.run(&Wish::default(), &mut observer).unwrap();
    assert!(observer.outcomes.contains(&Outcome::Failed) && observer.outcomes.last() != Some(&Outcome::Failed), "{:?}", observer.outcomes);
    for shard in 0..PARTITIONS {
        let newest = *snapshots.shelf.numbers(shard).unwrap().last().unwrap();
        snapshots.shelf.check(shard, newest).unwrap();
    }
}

/// Exit code and output of `claimsift snapshot ...` over the snapshots of a folder.
fn command(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let config = folder.join("claimsift.yaml");
    let text = format!(
        "kafka: {{ bootstrap: \"127.0.0.1:1\", group: {} }}\nmade_up_data: true\nstate: {{ snapshots: \"file://{}\" }}\n",
        feed::GROUP,
        folder.join("state").display()
    );
    fs::write(&config, text).unwrap();
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_claimsift")).arg("snapshot").args(args).arg("--config").arg(&config).output();
    let output = output.unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn operators_list_verify_and_prune() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = command(folder.path(), &["list"]);
    assert!(code == Some(0) && text.contains("没有快照"), "{text}");
    let state = folder.path().join("state");
    in_parts(Some(&snapshots(&state, RecoverFrom::Auto, 1_000_000)), None, true);
    let lines = PARTITIONS as usize * KEPT;
    let (code, text) = command(folder.path(), &["verify"]);
    assert!(code == Some(0) && text.matches("完好").count() == lines, "{text}");
    let segment = files(&state).into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("head-")).unwrap();
    flip(&segment, 60);
    let (code, text) = command(folder.path(), &["list"]);
    assert!(code == Some(0) && text.matches("完好").count() == lines, "manifests alone are read: {text}");
    let (code, text) = command(folder.path(), &["verify"]);
    assert!(code == Some(1) && text.matches("完好").count() == lines - 1 && text.contains("不可用"), "{text}");
    let (code, text) = command(folder.path(), &["prune", "--keep", "1"]);
    assert!(code == Some(0) && text.contains("removed 2 snapshots"), "{text}");
    let (code, text) = command(folder.path(), &["verify"]);
    assert!(code == Some(0) && text.matches("完好").count() == PARTITIONS as usize, "{text}");
}
