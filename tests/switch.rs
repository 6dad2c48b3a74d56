//! Rules and references that change while a feed is read: what was told
//! stands, what comes is judged by the new ones, and the journal tells both.

mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use claimsift::base::diagnostic;
use claimsift::base::diagnostic::SourceText;
use claimsift::base::fault::Fault;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::Digest;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::commands::load;
use claimsift::engine::Engine;
use claimsift::engine::activation::Activation;
use claimsift::engine::activation::BundleName;
use claimsift::engine::journal::JournalEntry;
use claimsift::engine::shard::Shard;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::reference::folder::Folder;
use claimsift::reference::snapshot::Snapshot;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::doc::EvaluateDoc;
use claimsift::ruleset::read;
use claimsift::runtime::bundles::Bundles;
use claimsift::runtime::bundles::Stored;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::runtime::store::BundleFiles;
use claimsift::runtime::store::Store;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Silent;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::window::calendar::Month;
use support::effective::Word;
use support::effective::differences;
use support::effective::effective;
use support::effective::word;
use support::effective::words;
use support::feed;
use support::feed::NoClock;
use support::feed::World;

const PARTITIONS: i32 = 2;
const SUPPLY_RULE: &str = "repeat-supply";

/// One feed for all laws, in parts of about equally many events of the live month.
struct Base {
    world: World,
    feed: Vec<Generated>,
    parts: [usize; 2],
    own: Arc<Engine>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::read();
    let settings = SynthSettings {
        seed: 5,
        settlements: 3_000,
        prescriptions: 900,
        persons: 500,
        planted: Planted { violations: 4, missed: 0, withdrawn: 2, near_misses: 1, innocents: 1 },
        ..SynthSettings::default()
    };
    let (feed, _) = world.feed(&settings);
    let live =
        feed.iter().position(|message| message.event_time.day() >= claimsift::base::time::Civil::from_date(settings.live_first()).day());
    let live = live.unwrap();
    let third = (feed.len() - live) / 3;
    let own = world.engine(&settings, PARTITIONS);
    Base { world, parts: [live + third, live + 2 * third], feed, own }
});

impl Base {
    fn part(&self, number: usize) -> &[Generated] {
        let bounds = [0, self.parts[0], self.parts[1], self.feed.len()];
        &self.feed[bounds[number]..bounds[number + 1]]
    }

    /// The shipped rules after changes of their files, with the feed's references or others.
    fn engine(&self, change: impl Fn(&str, &str) -> Option<String>, references: Option<Arc<Snapshot>>) -> Arc<Engine> {
        let (texts, _) = read::load(&feed::path("rules")).unwrap();
        let changed = texts.iter().filter_map(|source| {
            let text = change(read::stem(&source.name), &source.text)?;
            Some(Arc::new(SourceText { name: source.name.clone(), text }))
        });
        let (book, mut mistakes) = read::read(&changed.collect::<Vec<_>>());
        let (rules, more) = compile(&book, EVALUATED);
        mistakes.extend(more);
        assert!(mistakes.is_empty(), "{}", diagnostic::render(&mistakes));
        let references = references.unwrap_or_else(|| Arc::clone(&self.world.loaded.references));
        Arc::new(Engine::new(Arc::new(rules), references, self.own.settings.clone(), IdentityKey::from_bytes(&[9; 32])))
    }
}

fn replaced(rule: &str, from: &str, to: &str) -> Arc<Engine> {
    BASE.engine(
        |stem, text| {
            assert!(stem != rule || text.contains(from), "{rule} has no {from}");
            Some(if stem == rule { text.replace(from, to) } else { text.to_owned() })
        },
        None,
    )
}

fn without(rule: &str) -> Arc<Engine> {
    BASE.engine(|stem, text| (stem != rule).then(|| text.to_owned()), None)
}

/// Bundles at hand.
struct Shelf(Vec<Arc<Engine>>);

impl Bundles for Shelf {
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault> {
        let found = self.0.iter().find(|engine| BundleName::of(&engine.versions).is(bundle));
        found.cloned().ok_or_else(|| Fault::stop(format!("load {bundle}"), "it is not on the shelf"))
    }
}

fn activation(number: u64, engine: &Engine) -> Vec<u8> {
    let bundle = BundleName::of(&engine.versions);
    Activation { number, bundle, groups_from: Month::new(2026, 1), wall_ms: 0 }.encode()
}

fn settings() -> WorkerSettings {
    WorkerSettings { until_end: true, run_messages_max: 64, epoch_messages_max: 256, ..WorkerSettings::default() }
}

/// Works to the end, anew after faults that a new worker mends.
fn work(own: &Arc<Engine>, bundles: Option<&dyn Bundles>, cluster: &MemoryCluster) -> Result<(), String> {
    for _ in 0..500 {
        let mut log = cluster.worker("worker-0", feed::GROUP);
        match Worker::new(Arc::clone(own), &mut log, settings(), &NoClock).with_bundles(bundles).run(&Wish::default(), &mut Silent) {
            Ok(()) => return Ok(()),
            Err(fault) if fault.remedy == Remedy::Stop => return Err(chain(&fault)),
            Err(_) => {}
        }
    }
    panic!("it died 500 times");
}

fn told(cluster: &MemoryCluster) -> Vec<Word> {
    let mut records = [cluster.output(Output::Clues), cluster.output(Output::Shadow)].concat();
    records.sort_by_key(|record| record.transaction);
    words(&records)
}

/// Activations of the entries of each shard.
fn journalled(cluster: &MemoryCluster) -> BTreeMap<i32, Vec<u64>> {
    let mut entries: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
    for record in cluster.output(Output::Journal) {
        let entry: JournalEntry = serde_json::from_slice(&record.record.value.unwrap()).unwrap();
        entries.entry(record.partition).or_default().push(entry.activation);
    }
    entries
}

/// What is put into force before a part of the feed is fed, one after the other.
type Parts<'a> = [Vec<&'a Arc<Engine>>; 3];

/// Feeds part by part; each is worked to its end by a new worker whose
/// configuration is `own`.
fn in_parts(own: &Arc<Engine>, parts: &Parts<'_>, faults: Option<u64>) -> MemoryCluster {
    let cluster = MemoryCluster::new(PARTITIONS);
    let shelf = Shelf(parts.iter().flatten().map(|engine| Arc::clone(engine)).chain([Arc::clone(&BASE.own)]).collect());
    cluster.set_faults(faults.map(|seed| Faults { seed, crash: 100, answer_lost: 100, commit_again: 100, expelled: 0 }));
    let mut number = 0;
    for (place, engines) in parts.iter().enumerate() {
        for engine in engines {
            number += 1;
            cluster.activate(activation(number, engine));
        }
        BASE.part(place).iter().for_each(|message| feed::send(&cluster, message));
        if place == 2 {
            feed::state_end(&cluster, 0);
        }
        work(own, Some(&shelf), &cluster).unwrap();
    }
    cluster
}

/// The same with bare shards, which hear nothing of each other's groups.
fn by_hand(parts: &Parts<'_>) -> Vec<Word> {
    let mut records: Vec<Record> = Vec::new();
    for id in 0..PARTITIONS {
        let mut shard = Shard::new(Arc::clone(&BASE.own), id);
        let mut offsets = [0; 2];
        let mut step = |shard: &mut Shard, input: usize, run: &OwnedMessages| {
            let effects = shard.step(input, run, 1, false);
            records.extend(effects.records.into_iter().filter(|record| record.output != Output::Rejects));
        };
        for (place, engines) in parts.iter().enumerate() {
            for engine in engines {
                let next = shard.activation() + 1;
                shard.switch(Arc::clone(engine), next, Month::new(2026, 1));
            }
            for message in BASE.part(place).iter().filter(|message| feed::partition(message, PARTITIONS) == id) {
                let mut run = OwnedMessages::default();
                run.push(feed::as_message(message, offsets[message.input]));
                offsets[message.input] += 1;
                step(&mut shard, message.input, &run);
            }
        }
        for (input, offset) in offsets.iter().enumerate() {
            let mut run = OwnedMessages::default();
            run.push(Message { offset: *offset, timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") });
            step(&mut shard, input, &run);
        }
    }
    records.iter().map(word).collect()
}

/// What is told about persons' events, and not about groups of cases.
fn of_events(words: &[Word]) -> Vec<Word> {
    let groups = BASE.own.rules.rules.iter().filter(|rule| matches!(rule.doc.evaluate, EvaluateDoc::Ratio(_)));
    let groups: BTreeSet<&String> = groups.map(|rule| &rule.doc.id).collect();
    words.iter().filter(|word| !groups.contains(&word.rule)).cloned().collect()
}

#[track_caller]
fn same(what: &str, one: &[Word], other: &[Word]) {
    let found = differences(&effective(one), &effective(other));
    assert!(found.is_empty(), "{what}: {} differ:\n{}", found.len(), found.join("\n"));
}

/// Clue ids of a rule, by the part of the feed that holds the last of what the clue names.
fn by_part(words: &[Word], rule: &str) -> [BTreeSet<String>; 3] {
    let mut found: [BTreeSet<String>; 3] = Default::default();
    for word in words.iter().filter(|word| word.rule == rule) {
        let named: Vec<&str> = word.names.iter().map(|name| name.split('#').next().unwrap_or_default()).collect();
        let place = (0..3).rev().find(|place| {
            let texts = BASE.part(*place).iter().map(|message| String::from_utf8_lossy(&message.json));
            texts.into_iter().any(|text| named.iter().any(|name| text.contains(&format!("\"{name}\""))))
        });
        found[place.expect("a clue names events of the feed")].insert(word.clue_id.clone());
    }
    found
}

#[test]
fn a_switch_in_the_middle_is_replayed_where_it_was() {
    let (gone, tight) = (without(SUPPLY_RULE), replaced("rx-count", "default: 5, min: 5", "default: 8, min: 5"));
    for parts in [[vec![], vec![&gone], vec![]], [vec![], vec![&gone], vec![&tight, &BASE.own]], [vec![&tight], vec![], vec![&gone]]] {
        let straight = in_parts(&BASE.own, &parts, None);
        let numbers: Vec<u64> = parts
            .iter()
            .scan(0, |number, engines| {
                Some({
                    *number += engines.len() as u64;
                    *number
                })
            })
            .collect();
        for entries in journalled(&straight).into_values() {
            assert!(entries.is_sorted(), "{entries:?}");
            assert_eq!(entries.into_iter().collect::<BTreeSet<_>>(), numbers.iter().copied().collect());
        }
        let words = told(&straight);
        if parts[0].is_empty() {
            same("bare shards", &of_events(&words), &of_events(&by_hand(&parts)));
        }
        same("with crashes", &words, &told(&in_parts(&BASE.own, &parts, Some(parts.concat().len() as u64))));
        // A new owner replays across all switches and has nothing to say.
        let shelf = Shelf(parts.iter().flatten().map(|engine| Arc::clone(engine)).chain([Arc::clone(&BASE.own)]).collect());
        work(&BASE.own, Some(&shelf), &straight).unwrap();
        assert_eq!(told(&straight).len(), words.len());
    }
}

#[test]
fn a_threshold_of_a_rule_over_rows_holds_for_what_comes_after() {
    let lax = replaced("rx-count", "default: 5, min: 5", "default: 9, min: 5");
    let before = by_part(&told(&in_parts(&BASE.own, &[vec![], vec![], vec![]], None)), "rx-count");
    let after = by_part(&told(&in_parts(&lax, &[vec![], vec![], vec![]], None)), "rx-count");
    let switched = by_part(&told(&in_parts(&BASE.own, &[vec![], vec![&lax], vec![&BASE.own]], None)), "rx-count");
    assert_eq!(switched, [before[0].clone(), after[1].clone(), before[2].clone()]);
    assert!(!before[0].is_empty() && before[1] != after[1] && !before[2].is_empty(), "{before:?} {after:?}");
}

#[test]
fn a_rule_that_is_gone_is_silent_and_goes_on_where_it_was_when_it_is_back() {
    let gone = without(SUPPLY_RULE);
    let parts = [vec![], vec![&gone], vec![&BASE.own]];
    let straight = told(&in_parts(&BASE.own, &[vec![], vec![], vec![]], None));
    // `effective` holds that no revision is told twice.
    let words = told(&in_parts(&BASE.own, &parts, None));
    same("bare shards", &of_events(&words), &of_events(&by_hand(&parts)));
    let (all, some) = (by_part(&straight, SUPPLY_RULE), by_part(&words, SUPPLY_RULE));
    assert_eq!(some[0], all[0]);
    assert!(!all[0].is_empty() && !all[2].is_empty() && some[2].is_superset(&all[2]), "{all:?} {some:?}");
    let never = told(&in_parts(&BASE.own, &[vec![], vec![&gone], vec![]], None));
    assert!(by_part(&never, SUPPLY_RULE)[1..].iter().all(BTreeSet::is_empty));
    let others = |words: &[Word]| words.iter().filter(|word| word.rule != SUPPLY_RULE).cloned().collect::<Vec<_>>();
    same("other rules", &others(&straight), &others(&words));
}

#[test]
fn a_rule_on_trial_tells_its_next_word_to_the_other_topic() {
    let shadow = replaced(SUPPLY_RULE, "status: live", "status: shadow");
    let words = told(&in_parts(&BASE.own, &[vec![], vec![&shadow], vec![]], None));
    let live = effective(&told(&in_parts(&BASE.own, &[vec![], vec![], vec![]], None)));
    assert_eq!(effective(&words).keys().collect::<Vec<_>>(), live.keys().collect::<Vec<_>>());
    let of_rule: Vec<&Word> = words.iter().filter(|word| word.rule == SUPPLY_RULE).collect();
    let turn = of_rule.iter().position(|word| word.shadow).unwrap();
    assert!(turn > 0 && of_rule[turn..].iter().all(|word| word.shadow));
}

#[test]
fn items_that_are_known_already_are_asked_of_new_references() {
    let folders = feed::references().map(|folder| Folder::read(&folder).unwrap());
    let mut found = 0;
    let changed: Vec<Folder> = folders
        .into_iter()
        .map(|mut folder| {
            for (name, bytes) in folder.files.iter_mut().filter(|(name, _)| name.contains("knowledge")) {
                let text = String::from_utf8(std::mem::take(bytes)).unwrap();
                assert!(name.ends_with(".csv"));
                let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("sex,")).collect();
                found += text.lines().count() - kept.len();
                *bytes = (kept.join("\n") + "\n").into_bytes();
            }
            folder
        })
        .collect();
    assert!(found > 0, "no point about sexes");
    let references = Snapshot::load(&changed).unwrap_or_else(|mistakes| panic!("{}", diagnostic::render(&mistakes)));
    let other = BASE.engine(|_, text| Some(text.to_owned()), Some(Arc::new(references)));
    assert_eq!(other.versions.rule_set, BASE.own.versions.rule_set);
    let parts = [vec![], vec![&other], vec![&BASE.own]];
    let straight = told(&in_parts(&BASE.own, &[vec![], vec![], vec![]], None));
    let words = told(&in_parts(&BASE.own, &parts, None));
    same("bare shards", &of_events(&words), &of_events(&by_hand(&parts)));
    for rule in ["drug-sex", "service-sex"] {
        let (all, some) = (by_part(&straight, rule), by_part(&words, rule));
        assert_eq!(some, [all[0].clone(), BTreeSet::new(), all[2].clone()], "{rule}");
        assert!(all.iter().all(|part| !part.is_empty()), "{rule}: {all:?}");
    }
}

#[test]
fn what_a_configuration_says_is_older_or_newer_than_what_is_in_force() {
    let (gone, lax) = (without(SUPPLY_RULE), replaced("rx-count", "default: 5, min: 5", "default: 9, min: 5"));
    let parts = [vec![], vec![&gone], vec![]];
    let straight = told(&in_parts(&BASE.own, &parts, None));
    // History is that of the old configuration, whatever the new one says.
    let cluster = in_parts(&BASE.own, &parts, None);
    let shelf = Shelf(vec![Arc::clone(&BASE.own), Arc::clone(&gone)]);
    for newer in [&gone, &lax] {
        work(newer, Some(&shelf), &cluster).unwrap();
        same("another configuration", &straight, &told(&cluster));
    }
    let reason = work(&lax, None, &cluster).unwrap_err();
    assert!(reason.contains("no store") && reason.contains(&BASE.own.versions.rule_set), "{reason}");
    // Before any activation another configuration is a mistake.
    let quiet = in_parts(&BASE.own, &[vec![], vec![], vec![]], None);
    let reason = work(&lax, Some(&shelf), &quiet).unwrap_err();
    assert!(reason.contains("the journal was written with") && reason.contains("claimsift activate"), "{reason}");
    // Nor may the control topic be lost.
    let copy = MemoryCluster::new(PARTITIONS);
    BASE.feed.iter().for_each(|message| feed::send(&copy, message));
    copy.activate(activation(1, &gone));
    copy.activate(activation(1, &lax));
    copy.activate(activation(3, &lax));
    let shelf = Shelf(vec![Arc::clone(&gone)]);
    work(&BASE.own, Some(&shelf), &copy).unwrap();
    assert!(journalled(&copy).into_values().flatten().all(|number| number == 1), "of two the first holds, and none is left out");
}

/// A second passes whenever it is read.
#[derive(Default)]
struct Hasty(Cell<u64>);

impl Clock for Hasty {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_secs(self.0.get())
    }
}

/// Writes an activation after some commits.
struct Operator<'a> {
    cluster: &'a MemoryCluster,
    after: u32,
    value: Vec<u8>,
    heard: Vec<u64>,
}

impl Observer for Operator<'_> {
    fn committed(&mut self, _: u64, _: Duration) {
        self.after = self.after.saturating_sub(1);
        if self.after == 0 && !self.value.is_empty() {
            self.cluster.activate(std::mem::take(&mut self.value));
        }
    }
    fn bundle(&mut self, activation: u64, _: &Engine) {
        self.heard.push(activation);
    }
}

#[test]
fn a_worker_follows_while_it_runs() {
    let gone = without(SUPPLY_RULE);
    let cluster = MemoryCluster::new(PARTITIONS);
    BASE.feed.iter().for_each(|message| feed::send(&cluster, message));
    let shelf = Shelf(vec![Arc::clone(&BASE.own), Arc::clone(&gone)]);
    let mut operator = Operator { cluster: &cluster, after: 4, value: activation(1, &gone), heard: Vec::new() };
    let mut log = cluster.worker("worker-0", feed::GROUP);
    let clock = Hasty::default();
    let worker = Worker::new(Arc::clone(&BASE.own), &mut log, settings(), &clock);
    worker.with_bundles(Some(&shelf)).run(&Wish::default(), &mut operator).unwrap();
    assert_eq!(operator.heard, [0, 1]);
    for entries in journalled(&cluster).into_values() {
        assert_eq!((entries.first(), entries.last(), entries.is_sorted()), (Some(&0), Some(&1), true), "{entries:?}");
    }
    let before = told(&cluster).len();
    work(&BASE.own, Some(&shelf), &cluster).unwrap();
    assert_eq!(told(&cluster).len(), before);
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_store_gives_back_whole_what_it_was_given_or_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("state"));
    let rules = folder.path().join("rules");
    copied(&feed::path("rules"), &rules);
    let keep = || {
        let files = BundleFiles::read(&rules, &feed::references()).unwrap();
        let bundle = load::compiled(&files, EVALUATED).unwrap().bundle();
        store.keep(&bundle, &files).map_err(|fault| chain(&fault)).map(|()| bundle)
    };
    let first = keep().unwrap();
    assert_eq!(keep().unwrap(), first, "what is there is not written again");
    let count = rules.join("health/rx-count.yaml");
    let text = fs::read_to_string(&count).unwrap();
    fs::write(&count, text.replace("default: 5, min: 5", "default: 9, min: 5")).unwrap();
    let second = keep().unwrap();
    assert!(first.rules != second.rules && first.references == second.references);

    let stored = Stored::new(Arc::clone(&BASE.own), store.clone());
    let load = |bundle: &BundleName| stored.load(bundle).map_err(|fault| (fault.remedy, chain(&fault)));
    let short = |text: &str| text[..16].to_owned();
    let engine = load(&BundleName { rules: short(&second.rules), references: short(&second.references) }).unwrap();
    assert_eq!(engine.versions.rule_set, short(&second.rules));
    assert_eq!(engine.references.digest(), BASE.own.references.digest());

    // A worker that cannot load what is in force does not go on.
    let absent = Digest::of([b"absent".as_slice()]).to_string();
    let (remedy, reason) = load(&BundleName { rules: absent.clone(), ..first.clone() }).err().unwrap();
    assert!(remedy == Remedy::Stop && reason.contains(&absent) && reason.contains("it is not there"), "{reason}");
    assert!(reason.contains(&store.path().display().to_string()), "{reason}");
    let cluster = in_parts(&BASE.own, &[vec![], vec![], vec![]], None);
    let missing = Activation {
        number: 1,
        bundle: BundleName { rules: absent.clone(), ..first.clone() },
        groups_from: Month::new(2026, 1),
        wall_ms: 0,
    };
    cluster.activate(missing.encode());
    let before = told(&cluster).len();
    let reason = work(&BASE.own, Some(&stored), &cluster).unwrap_err();
    assert!(reason.contains(&absent) && reason.contains("it is not there"), "{reason}");
    assert_eq!(told(&cluster).len(), before);

    let damage = |path: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).unwrap();
    };
    damage(&store.path().join("rules").join(&first.rules).join("health/rx-count.yaml"), "default: 5", "default: 6");
    let reason = chain(&store.rules(&first.rules).err().unwrap());
    assert!(reason.contains("it is damaged") && reason.contains(&first.rules), "{reason}");
    fs::write(&count, text).unwrap();
    assert!(keep().unwrap_err().contains("it is damaged"), "and it is never written over");
    let tables = store.path().join("references").join(&first.references).join("00/manifest.yaml");
    damage(&tables, "tables:", "tables:\n  - { table: no_such, file: x.csv }");
    let reason = chain(&store.references(&first.references).err().unwrap());
    assert!(reason.contains("unknown table"), "{reason}");
}
