//! Whatever happens to workers, logs and messages, what is told in the end is
//! what one straight pass tells: histories drawn from seeds.
//!
//! `CLAIMSIFT_SEEDS=1000..2000` lives through others than the usual ones.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_bills.rs"]
mod group_bills;
#[path = "support/sim.rs"]
mod sim;
#[path = "support/sim_log.rs"]
mod sim_log;
#[path = "support/turns.rs"]
mod turns;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use claimsift::base::diagnostic;
use claimsift::base::diagnostic::SourceText;
use claimsift::base::fault::Fault;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::time::Civil;
use claimsift::engine::Engine;
use claimsift::engine::activation::Activation;
use claimsift::engine::activation::BundleName;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::doc::EvaluateDoc;
use claimsift::ruleset::read;
use claimsift::runtime::bundles::Bundles;
use claimsift::synth::Corrected;
use claimsift::synth::CorrectionKind;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::synth::correct;
use claimsift::window::calendar::Month;
use effective::Word;
use effective::effective;
use effective::word;
use feed::World;
use fleet::Fleet;
use fleet::Sent;
use sim::Fed;
use sim::Ground;
use sim::History;
use sim::live;
use sim::shorten;
use sim_log::Mutant;

const PARTITIONS: i32 = 3;
/// Feeds of persons, each of other persons.
const POOLS: usize = 24;
/// Histories of the usual test.
const USUAL: u64 = 500;
/// A bug shows itself in one of so many.
const MUTANT_SEEDS: u64 = 400;

/// Bundles at hand.
struct Shelf(Vec<Arc<Engine>>);

impl Bundles for Shelf {
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault> {
        let found = self.0.iter().find(|engine| BundleName::of(&engine.versions).is(bundle));
        found.cloned().ok_or_else(|| Fault::stop(format!("load {bundle}"), "it is not on the shelf"))
    }
}

/// One feed, its rules, and what a straight pass tells.
struct Field {
    engine: Arc<Engine>,
    shelf: Shelf,
    activations: Vec<Vec<u8>>,
    feed: Vec<Fed>,
    expect: BTreeMap<String, Word>,
}

impl Field {
    /// `other`: rules that judge alike under another digest.
    fn new(engine: Arc<Engine>, other: Arc<Engine>, feed: Vec<Fed>) -> Self {
        let activation = |(number, engine): (u64, &Arc<Engine>)| {
            let bundle = BundleName::of(&engine.versions);
            Activation { number, bundle, groups_from: Month::new(2026, 1), wall_ms: 0 }.encode()
        };
        let course = [&other, &engine, &other];
        let activations = (1..).zip(course).map(activation).collect();
        let expect = straight(&engine, &feed);
        Self { shelf: Shelf(vec![Arc::clone(&engine), other]), engine, activations, feed, expect }
    }

    fn ground(&self) -> Ground<'_> {
        Ground { engine: &self.engine, bundles: &self.shelf, activations: &self.activations, feed: &self.feed, expect: &self.expect }
    }
}

/// One pass in the order of event time, without a log.
fn straight(engine: &Arc<Engine>, feed: &[Fed]) -> BTreeMap<String, Word> {
    let mut fleet = Fleet::new(engine);
    for shard in 0..fleet.shards.len() {
        let own: Vec<&Fed> = feed.iter().filter(|fed| fleet.home(&fed.person) == shard).collect();
        for of_input in own.chunk_by(|one, other| one.input == other.input) {
            let sent: Vec<Sent> = of_input
                .iter()
                .map(|fed| Sent { key: fed.person.clone().into_bytes(), value: Some(fed.value.clone()), watermark: None })
                .collect();
            fleet.feed(shard, of_input[0].input, &sent);
        }
        (0..2).for_each(|input| fleet.feed(shard, input, &[Sent::statement("end")]));
    }
    fleet.settle();
    effective(&fleet.records.iter().map(word).collect::<Vec<_>>())
}

/// The shipped rules under another owner: another digest, the same clues.
fn renamed(engine: &Engine) -> Arc<Engine> {
    let (texts, _) = read::load(&feed::path("rules")).unwrap();
    let change = |source: &Arc<SourceText>| {
        let text = source.text.replace("owner: insurance-desk", "owner: audit-desk");
        Arc::new(SourceText { name: source.name.clone(), text })
    };
    let (mut book, mut mistakes) = read::read(&texts.iter().map(change).collect::<Vec<_>>());
    book.rules.retain(|rule| !matches!(rule.evaluate, EvaluateDoc::Ratio(_)));
    let (rules, more) = compile(&book, EVALUATED);
    mistakes.extend(more);
    assert!(mistakes.is_empty(), "{}", diagnostic::render(&mistakes));
    let key = IdentityKey::from_bytes(&[9; 32]);
    Arc::new(Engine::new(Arc::new(rules), Arc::clone(&engine.references), engine.settings.clone(), key))
}

fn persons() -> Vec<Field> {
    let world = World::read().without_groups();
    let settings = SynthSettings {
        seed: 11,
        settlements: 2_000,
        prescriptions: 700,
        persons: 400,
        planted: Planted { violations: 1, missed: 1, withdrawn: 12, near_misses: 1, innocents: 1 },
        ..SynthSettings::default()
    };
    let engine = world.engine(&settings, PARTITIONS);
    let other = renamed(&engine);
    assert_ne!(engine.versions.rule_set, other.versions.rule_set);
    let mut pools: Vec<Vec<Fed>> = vec![Vec::new(); POOLS];
    let mut pool_of: BTreeMap<String, usize> = BTreeMap::new();
    let (messages, _) = world.feed(&settings);
    let Corrected { feed: messages, made } = correct(messages, &CorrectionKind::ALL, 150, 3);
    assert!(made.len() > 20, "{made:?}");
    for message in messages.into_iter().filter(|message| message.reject.is_none()) {
        let next = pool_of.len() % POOLS;
        let pool = *pool_of.entry(message.person.clone()).or_insert(next);
        pools[pool].push(Fed {
            input: message.input,
            person: message.person,
            event_time: message.event_time.0,
            timestamp_ms: message.timestamp_ms + 4 * 86_400_000,
            value: message.json,
        });
    }
    pools.into_iter().map(|feed| Field::new(Arc::clone(&engine), Arc::clone(&other), feed)).collect()
}

/// Bills of two institutions and two months, one of them dear.
fn groups() -> Vec<Field> {
    let rules = group_bills::rules();
    let engine = group_bills::engine(&rules, PARTITIONS);
    let changed: Vec<_> = rules.iter().map(|(id, text)| (*id, text.replace("owner: insurance-desk", "owner: audit-desk"))).collect();
    let other = group_bills::engine(&changed, PARTITIONS);
    assert_ne!(engine.versions.rule_set, other.versions.rule_set);
    let feed = |seed: u64| {
        let mut bills = group_bills::bills(seed);
        bills.retain(|bill| [0, 1].map(group_bills::institution).contains(&bill.institution));
        let fed = |bill: &group_bills::Bill| {
            let time = Civil::parse(&format!("{} {:02}:00:00", group_bills::date(bill.day), bill.hour)).unwrap();
            Fed {
                input: SETTLEMENT_INPUT,
                person: bill.person.clone(),
                event_time: time.0,
                timestamp_ms: i64::MAX / 2,
                value: bill.json().into_bytes(),
            }
        };
        let mut all: Vec<Fed> = bills.iter().map(fed).collect();
        all.sort_by_key(|fed| fed.event_time);
        all
    };
    (1..4).map(|seed| Field::new(Arc::clone(&engine), Arc::clone(&other), feed(seed))).collect()
}

struct Fields {
    persons: Vec<Field>,
    groups: Vec<Field>,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| Fields { persons: persons(), groups: groups() });

/// Every eighth history is about groups.
fn field(seed: u64) -> &'static Field {
    let Fields { persons, groups } = &*FIELDS;
    let place = usize::try_from(seed / 8).unwrap();
    if seed % 8 == 7 { &groups[place % groups.len()] } else { &persons[usize::try_from(seed).unwrap() % persons.len()] }
}

/// Lives through all of them, on all cores; the first that fails.
fn first_failing(seeds: Range<u64>, history: &(dyn Fn(u64) -> History + Sync)) -> Option<(u64, String)> {
    LazyLock::force(&FIELDS);
    let next = AtomicU64::new(seeds.start);
    let failed = std::sync::Mutex::new(None::<(u64, String)>);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failed.lock().unwrap().is_some() {
                        return;
                    }
                    if let Err(reason) = live(&field(seed).ground(), &history(seed)) {
                        let mut failed = failed.lock().unwrap();
                        if failed.as_ref().is_none_or(|(known, _)| seed < *known) {
                            *failed = Some((seed, reason));
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

fn seeds() -> Range<u64> {
    let told = std::env::var("CLAIMSIFT_SEEDS").ok();
    let range = told.as_deref().and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    range.unwrap_or(0..USUAL)
}

#[test]
fn feeds_have_what_histories_can_spoil() {
    let told: usize = FIELDS.persons.iter().map(|field| field.expect.len()).sum();
    assert!(told > 150, "{told} clues of persons");
    assert!(FIELDS.groups.iter().all(|field| field.expect.len() > 5), "clues about groups");
}

#[test]
fn every_history_ends_as_one_straight_pass() {
    let seeds = seeds();
    let Some((seed, reason)) = first_failing(seeds.clone(), &History::of) else {
        println!("{} histories, seeds {} to {}", seeds.end - seeds.start, seeds.start, seeds.end);
        return;
    };
    let field = field(seed);
    let (history, feed, shorter) = shorten(&field.ground(), &History::of(seed), &|feed| straight(&field.engine, feed));
    let list: Vec<String> = feed.iter().map(|fed| String::from_utf8_lossy(&fed.value).into_owned()).collect();
    panic!("seed {seed}: {reason}\n\nshortest: {history:?}\n{shorter}\n{}", list.join("\n"));
}

/// A seed that is told is worth something only if it tells the same again.
#[test]
fn a_seed_is_one_history() {
    for seed in 40..56 {
        let ground = field(seed).ground();
        assert_eq!(live(&ground, &History::of(seed)), live(&ground, &History::of(seed)), "seed {seed}");
    }
}

/// What cannot find a bug proves nothing.
#[test]
fn bugs_are_caught() {
    for mutant in [
        Mutant::OffsetsFirst,
        Mutant::AppliedTwice,
        Mutant::JournalOffByOne,
        Mutant::RetractionDropped,
        Mutant::WrittenAgain,
        Mutant::DefinitionsMixed,
        Mutant::PartialDropped,
        Mutant::ParkedTakenBack,
    ] {
        let history = |seed| History { mutant: Some(mutant), ..History::of(seed) };
        let caught = first_failing(0..MUTANT_SEEDS, &history);
        let (seed, reason) = caught.unwrap_or_else(|| panic!("{mutant:?} is not caught"));
        println!("{mutant:?}: seed {seed}: {}", reason.lines().next().unwrap_or_default());
    }
}
