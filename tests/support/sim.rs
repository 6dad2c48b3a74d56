//! A history of workers over a log in memory, drawn from one seed: what is fed
//! when, who runs, dies, is put off or joins, and what the log does to them.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::InputId;
use claimsift::engine::Engine;
use claimsift::engine::journal::JournalEntry;
use claimsift::io::log::Output;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::io::objects::Objects;
use claimsift::runtime::bundles::Bundles;
use claimsift::runtime::snapshot::shelf::Shelf;
use claimsift::runtime::snapshot::taker::RecoverFrom;
use claimsift::runtime::snapshot::taker::Snapshots;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Silent;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::effective::Word;
use super::effective::differences;
use super::effective::effective;
use super::effective::words;
use super::sim_log::Mutant;
use super::sim_log::SimLog;
use super::turns::Seat;
use super::turns::Turns;

pub const GROUP: &str = "simulation";
/// More turns than any history needs that comes to an end.
const TURNS_MAX: u64 = 400_000;

/// What may happen beside reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The log's own mishaps: crashes, lost answers, aborts, expulsions.
    Mishaps,
    /// A slot's session ends.
    Expire,
    /// Another worker takes a slot whose worker goes on.
    Zombie,
    /// One more worker joins, and leaves again.
    Rebalance,
    /// A new bundle is activated.
    Switch,
    /// A clock jumps.
    Clock,
    /// Messages come again, and later than others.
    Disorder,
    /// Messages that nobody can read.
    Poison,
    /// Snapshots are taken, and recovery begins with them.
    Snapshots,
    /// An object of a snapshot is cut short, changed or lost.
    Torn,
}

pub const EVENTS: &[Event] = &[
    Event::Mishaps,
    Event::Expire,
    Event::Zombie,
    Event::Rebalance,
    Event::Switch,
    Event::Clock,
    Event::Disorder,
    Event::Poison,
    Event::Snapshots,
    Event::Torn,
];

/// A message to be fed.
#[derive(Clone, Debug)]
pub struct Fed {
    pub input: InputId,
    pub person: String,
    /// Civil seconds.
    pub event_time: i64,
    pub timestamp_ms: i64,
    pub value: Vec<u8>,
}

/// What a history is drawn over.
pub struct Ground<'a> {
    pub engine: &'a Arc<Engine>,
    pub bundles: &'a dyn Bundles,
    /// Control records, in order.
    pub activations: &'a [Vec<u8>],
    pub feed: &'a [Fed],
    /// What one straight pass comes to.
    pub expect: &'a BTreeMap<String, Word>,
}

#[derive(Clone, Debug)]
pub struct History {
    pub seed: u64,
    pub events: BTreeSet<Event>,
    pub mutant: Option<Mutant>,
}

impl History {
    pub fn of(seed: u64) -> Self {
        Self { seed, events: EVENTS.iter().copied().collect(), mutant: None }
    }
}

struct SimClock(AtomicU64);

impl Clock for SimClock {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed) as i64
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// What was drawn before anybody runs.
struct Plan {
    /// Messages in the order in which they are fed.
    order: Vec<Fed>,
    poison: usize,
    settings: WorkerSettings,
    workers: usize,
    faults: Option<Faults>,
    /// Between two snapshots.
    snapshots: Option<Duration>,
}

fn plan(ground: &Ground<'_>, history: &History, random: &mut Pcg64) -> Plan {
    let has = |event| history.events.contains(&event);
    let late = [1, 3600, 3 * 86_400][random.random_range(0..3)];
    let again: f64 = [0.0, 0.02, 0.2][random.random_range(0..3)];
    let disorder = has(Event::Disorder);
    let mut order: Vec<(i64, usize, Fed)> = Vec::new();
    for (place, fed) in ground.feed.iter().enumerate() {
        let shift = random.random_range(0..late);
        order.push((fed.event_time + if disorder { shift } else { 0 }, place, fed.clone()));
        let repeat = random.random_bool(again);
        let later = random.random_range(0..late.max(2));
        if disorder && repeat {
            order.push((fed.event_time + later, place, fed.clone()));
        }
    }
    order.sort_by_key(|(at, place, _)| (*at, *place));
    let mut order: Vec<Fed> = order.into_iter().map(|(.., fed)| fed).collect();
    let mut poison = 0;
    let texts = ["{", "[]", "\u{feff}", "{\"psn_no\":1}", "null", "{\"setl_id\":\"X\",\"psn_no\":\"Y\",\"setl_time\":\"yesterday\"}"];
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..=order.len());
        let value = texts[random.random_range(0..texts.len())].as_bytes().to_vec();
        let Some(like) = order.get(at.min(order.len() - 1)).cloned() else { continue };
        if has(Event::Poison) {
            order.insert(at, Fed { value, ..like });
            poison += 1;
        }
    }
    let settings = WorkerSettings {
        run_messages_max: [1, 3, 16, 64][random.random_range(0..4)],
        epoch_messages_max: [1, 8, 64, 512][random.random_range(0..4)],
        reject_limit_percent: 100,
        until_end: true,
        idle_wait: Duration::ZERO,
        idle_after: vec![Duration::from_secs(3600); 2],
        ..WorkerSettings::default()
    };
    let rate = [0, 100, 600][random.random_range(0..3)];
    let faults = Faults { seed: history.seed, commit_again: 2 * rate, answer_lost: rate, expelled: rate / 3, crash: rate / 3 };
    let workers = random.random_range(1..=3);
    let every = Duration::from_millis(random.random_range(200..20_000));
    let snapshots = (has(Event::Snapshots) && random.random_bool(0.5)).then_some(every);
    Plan { order, poison, settings, workers, faults: has(Event::Mishaps).then_some(faults), snapshots }
}

/// Everything that workers of a history share.
struct Stage<'a> {
    ground: &'a Ground<'a>,
    cluster: MemoryCluster,
    turns: Turns,
    clock: SimClock,
    settings: WorkerSettings,
    snapshots: Option<Snapshots>,
    mutant: Option<Mutant>,
    failures: Mutex<Vec<String>>,
    /// By slot, how many workers took it: only the last may go on.
    holders: Mutex<BTreeMap<usize, u64>>,
}

impl Stage<'_> {
    /// A worker on a slot, and a new one whenever it dies, until it leaves.
    fn work(&self, slot: usize, seat: Seat, wish: &Wish, mut log: MemoryLog, holder: u64) {
        // Of two workers that think they hold a slot each speaks for itself.
        let own_slot = usize::try_from(seat).unwrap();
        loop {
            let mut own = SimLog::new(log, &self.turns, seat, self.mutant);
            let settings = WorkerSettings { slot: own_slot, ..self.settings.clone() };
            let worker = Worker::new(Arc::clone(self.ground.engine), &mut own, settings, &self.clock);
            let worker = worker.with_bundles(Some(self.ground.bundles));
            match worker.with_snapshots(self.snapshots.as_ref()).run(wish, &mut Silent) {
                Ok(()) => break,
                Err(fault) if fault.remedy == Remedy::Stop => {
                    if !chain(&fault).contains("another worker holds it") {
                        self.failures.lock().unwrap().push(format!("worker {slot} stops: {}", chain(&fault)));
                    }
                    break;
                }
                Err(_) => {}
            }
            self.turns.pass(seat);
            drop(own);
            if self.holders.lock().unwrap().get(&slot) != Some(&holder) {
                break;
            }
            log = self.cluster.worker(&name(slot), GROUP);
        }
        self.turns.leave(seat);
    }

    fn take(&self, slot: usize) -> (u64, MemoryLog) {
        let mut holders = self.holders.lock().unwrap();
        let holder = holders.entry(slot).or_default();
        *holder += 1;
        (*holder, self.cluster.worker(&name(slot), GROUP))
    }
}

fn name(slot: usize) -> String {
    format!("worker-{slot}")
}

/// Lives through a history. Returns a hash of all that was written, or what
/// went wrong.
pub fn live(ground: &Ground<'_>, history: &History) -> Result<u64, String> {
    let mut random = Pcg64::seed_from_u64(history.seed);
    let Plan { order, poison, settings, workers, faults, snapshots } = plan(ground, history, &mut random);
    let objects = Objects::memory().unwrap();
    let shelf = Arc::new(Shelf::new(objects.another().unwrap(), GROUP.to_owned()));
    let partitions = ground.engine.settings.partitions;
    let stage = Stage {
        ground,
        cluster: MemoryCluster::new(partitions),
        turns: Turns::default(),
        clock: SimClock(AtomicU64::new(1)),
        settings,
        snapshots: snapshots.map(|every| Snapshots::at_once(shelf, RecoverFrom::Auto, every)),
        mutant: history.mutant,
        failures: Mutex::new(Vec::new()),
        holders: Mutex::new(BTreeMap::new()),
    };
    stage.cluster.set_feeding(true);
    stage.cluster.set_faults(faults);
    let (wish, guests) = (Wish::default(), Wish::default());
    let lived = std::thread::scope(|scope| {
        let enter = |slot: usize, wish| {
            let seat = stage.turns.sit();
            let (holder, log) = stage.take(slot);
            let stage = &stage;
            scope.spawn(move || stage.work(slot, seat, wish, log, holder));
            seat
        };
        for slot in 0..workers {
            enter(slot, &wish);
        }
        let mut waiting_feed = order.into_iter();
        let mut activations = ground.activations.iter();
        let mut guest: Option<Seat> = None;
        let (mut invited, mut ending, mut over) = (false, false, false);
        let events: Vec<Event> = history.events.iter().copied().collect();
        for _ in 0..TURNS_MAX {
            let seats = stage.turns.waiting();
            guest = guest.filter(|guest| seats.contains(guest));
            if ending && guest.is_none() && !over {
                stage.cluster.end();
                over = true;
            }
            if seats.is_empty() {
                if ending {
                    return true;
                }
                // Each stopped for another: somebody starts one again.
                enter(0, &wish);
                continue;
            }
            let lot = random.random_range(0..1000);
            let pick = random.random_range(0..usize::MAX);
            if !ending && lot < 60 {
                let count = random.random_range(1..40);
                let mut fed = 0;
                for message in waiting_feed.by_ref().take(count) {
                    feed(&stage.cluster, &message);
                    fed += 1;
                }
                if fed == 0 {
                    // The good end: nothing goes wrong any more.
                    guests.stop();
                    stage.cluster.set_faults(None);
                    for input in 0..2 {
                        stage.cluster.state_watermark(input, "end", 0);
                    }
                    ending = true;
                }
                continue;
            }
            if !ending && lot < 64 {
                let victim = pick % workers;
                match events.get(pick / 7 % events.len().max(1)) {
                    Some(Event::Expire) => stage.cluster.expire(&name(victim), GROUP),
                    Some(Event::Zombie) => {
                        enter(victim, &wish);
                    }
                    Some(Event::Rebalance) if !invited => {
                        guest = Some(enter(workers, &guests));
                        invited = true;
                    }
                    Some(Event::Rebalance) => guests.stop(),
                    Some(Event::Switch) => activations.next().into_iter().for_each(|value| stage.cluster.activate(value.clone())),
                    Some(Event::Torn) => tear(&objects, random.random_range(0..usize::MAX)),
                    Some(Event::Clock) => {
                        stage.clock.0.fetch_add(random.random_range(0..7_200_000), Ordering::Relaxed);
                    }
                    _ => {}
                }
                continue;
            }
            stage.clock.0.fetch_add(50, Ordering::Relaxed);
            stage.turns.grant(seats[pick % seats.len()]);
        }
        // Nobody may be left waiting for a turn.
        wish.abort();
        guests.abort();
        stage.cluster.end();
        while let Some(seat) = stage.turns.waiting().first() {
            stage.turns.grant(*seat);
        }
        false
    });
    if !lived {
        return Err(format!("no end after {TURNS_MAX} turns"));
    }
    let failures = stage.failures.into_inner().unwrap();
    if !failures.is_empty() {
        return Err(failures.join("\n"));
    }
    // Who leaves at the end hands nothing on: what a worker left behind that the
    // group had put out is read by one more, as a person would start it.
    let mut log = stage.cluster.worker(&name(0), GROUP);
    let worker = Worker::new(Arc::clone(ground.engine), &mut log, stage.settings.clone(), &stage.clock);
    if let Err(fault) = worker.with_bundles(Some(ground.bundles)).run(&Wish::default(), &mut Silent) {
        return Err(format!("the last worker stops: {}", chain(&fault)));
    }
    drop(log);
    check(ground, &stage.cluster, poison)
}

/// Spoils one of the objects, if there is any.
fn tear(objects: &Objects, lot: usize) {
    let names = objects.list("").unwrap();
    let Some((name, _)) = names.get(lot % names.len().max(1)) else { return };
    let Some(mut bytes) = objects.get(name).unwrap().filter(|bytes| !bytes.is_empty()) else { return };
    let place = lot / 3 % bytes.len();
    match lot % 3 {
        0 => bytes.truncate(place),
        1 => bytes[place] ^= 1 << (lot % 8),
        _ => return objects.remove(name).unwrap(),
    }
    objects.put(name, bytes).unwrap();
}

fn feed(cluster: &MemoryCluster, message: &Fed) {
    let partition = claimsift::io::partition::Partitioner::Murmur2.partition(message.person.as_bytes(), cluster.partitions());
    cluster.feed(
        message.input,
        partition,
        Some(message.person.clone().into_bytes()),
        Some(message.value.clone()),
        message.timestamp_ms,
        None,
    );
}

/// What must hold of what is left, whatever happened.
fn check(ground: &Ground<'_>, cluster: &MemoryCluster, poison: usize) -> Result<u64, String> {
    let told = [cluster.output(Output::Clues), cluster.output(Output::Shadow)].concat();
    let told = words(&told);
    // Its assertions are about revisions.
    let found = std::panic::catch_unwind(|| effective(&told)).map_err(|_| "revisions of a clue do not follow each other".to_owned())?;
    let differing = differences(ground.expect, &found);
    if !differing.is_empty() {
        return Err(format!("{} clues differ from one straight pass:\n{}", differing.len(), differing.join("\n")));
    }
    let rejects = cluster.output(Output::Rejects).len();
    if rejects != poison {
        return Err(format!("{rejects} rejects of {poison} messages that nobody can read"));
    }
    let mut values: BTreeMap<i32, Vec<Vec<u8>>> = BTreeMap::new();
    for record in cluster.output(Output::Journal) {
        values.entry(record.partition).or_default().push(record.record.value.unwrap());
    }
    for (shard, values) in values {
        let entries = JournalEntry::decode_all(&values).map_err(|fault| format!("journal of shard {shard}: {fault}"))?;
        let mut next = [0_i64; 3];
        for run in entries.iter().flat_map(|entry| &entry.runs) {
            if run.from < next[run.input] {
                return Err(format!("journal of shard {shard}: offset {} of input {} is read twice", run.from, run.input));
            }
            next[run.input] = run.to;
        }
        if entries.windows(2).any(|pair| pair[0].activation > pair[1].activation) {
            return Err(format!("journal of shard {shard}: an activation is taken back"));
        }
    }
    let mut hash = 0;
    for output in [Output::Clues, Output::Shadow, Output::Rejects, Output::Journal, Output::Partials] {
        for record in cluster.output(output) {
            hash = xxh3_64_with_seed(record.record.value.as_deref().unwrap_or_default(), hash ^ record.offset as u64);
        }
    }
    Ok(hash)
}

/// The shortest history that still fails as this one does, by leaving out
/// events and persons, with what is left of the feed.
pub fn shorten(ground: &Ground<'_>, history: &History, expect: &dyn Fn(&[Fed]) -> BTreeMap<String, Word>) -> (History, Vec<Fed>, String) {
    let mut best = (history.clone(), ground.feed.to_vec(), live(ground, history).err().unwrap_or_default());
    for event in EVENTS {
        let mut less = best.0.clone();
        less.events.remove(event);
        if let Err(reason) = live(ground, &less) {
            best = (less, best.1, reason);
        }
    }
    let mut persons: Vec<String> = best.1.iter().map(|fed| fed.person.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    persons.shuffle(&mut Pcg64::seed_from_u64(history.seed));
    for person in persons {
        let feed: Vec<Fed> = best.1.iter().filter(|fed| fed.person != person).cloned().collect();
        if feed.is_empty() {
            continue;
        }
        let expect = expect(&feed);
        let less = Ground { feed: &feed, expect: &expect, ..*ground };
        if let Err(reason) = live(&less, &best.0) {
            best = (best.0, feed, reason);
        }
    }
    best
}
