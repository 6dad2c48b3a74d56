//! The made-up city's feed, and the engine and embedded log that it runs
//! through, set up as the demo sets them up.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::base::time::Civil;
use claimsift::codecs::RejectClass;
use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::commands::load::Loaded;
use claimsift::commands::observe::Totals;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::events::EVENT_TYPES;
use claimsift::io::log::Output;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::io::memory::StoredRecord;
use claimsift::io::partition::Partitioner;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::words::Grain;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth;
use claimsift::synth::City;
use claimsift::synth::Generated;
use claimsift::synth::SynthSettings;
use claimsift::synth::Truth;

pub const GROUP: &str = "test";
/// Messages that may wait in the log before a feeder pauses.
const BACKLOG_MAX: usize = 20_000;
/// Seconds.
const HOUR: i64 = 3600;
/// A worker that dies more often than this will never come to an end.
const RESTARTS_MAX: usize = 500;

/// A path from the root of the repository.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The product's tables, then the made-up city's.
pub fn references() -> [PathBuf; 2] {
    [path("rules/reference"), path("demo/reference")]
}

/// The shipped rules and the made-up city.
pub struct World {
    pub loaded: Loaded,
    pub city: City,
}

impl World {
    pub fn read() -> Self {
        let loaded = load::load(&path("rules"), &references()).unwrap_or_else(|failure| panic!("{failure:?}"));
        let city = demo::city(&references(), SynthSettings::default().live_first());
        Self { loaded, city: city.unwrap_or_else(|failure| panic!("{failure:?}")) }
    }

    /// The same without rules on groups: a city of another size than the baseline's
    /// has other numbers of cases, and cases that are planted crowd its hospitals.
    pub fn without_groups(mut self) -> Self {
        self.loaded.book.rules.retain(|rule| rule.grain != Grain::Case);
        let (rules, mistakes) = compile(&self.loaded.book, EVALUATED);
        assert!(mistakes.is_empty());
        self.loaded.rules = Arc::new(rules);
        self
    }

    pub fn engine(&self, settings: &SynthSettings, partitions: i32) -> Arc<Engine> {
        let mut own = EngineSettings { zone: settings.zone, partitions, ..EngineSettings::default() };
        for input in &mut own.inputs {
            input.partitioner = Some(Partitioner::Murmur2);
            input.complete_from = Some(Civil::from_date(settings.first_day()));
        }
        own.clues_from = Some(Civil::from_date(settings.live_first()));
        own.covered_areas = vec!["9901".to_owned()];
        let key = IdentityKey::from_bytes(&[9; 32]);
        Arc::new(Engine::new(Arc::clone(&self.loaded.rules), Arc::clone(&self.loaded.references), own, key))
    }

    /// The whole feed at once: for small ones.
    pub fn feed(&self, settings: &SynthSettings) -> (Vec<Generated>, Vec<Truth>) {
        let mut generator = synth::generate(settings, &self.city);
        let feed = generator.by_ref().collect();
        (feed, generator.truths().to_vec())
    }
}

/// What is sent for a generated message; a tombstone has no value.
pub fn value(message: &Generated) -> Option<&[u8]> {
    (message.reject != Some(RejectClass::Tombstone)).then_some(message.json.as_slice())
}

pub fn partition(message: &Generated, partitions: i32) -> i32 {
    Partitioner::Murmur2.partition(message.person.as_bytes(), partitions)
}

pub fn as_message(message: &Generated, offset: i64) -> Message<'_> {
    Message { offset, timestamp_ms: message.timestamp_ms, key: Some(message.person.as_bytes()), value: value(message), watermark: None }
}

pub fn send(cluster: &MemoryCluster, message: &Generated) {
    let into = partition(message, cluster.partitions());
    let key = Some(message.person.clone().into_bytes());
    cluster.feed(message.input, into, key, value(message).map(<[u8]>::to_vec), message.timestamp_ms, None);
}

/// States in every partition of every input that nothing earlier follows.
pub fn state(cluster: &MemoryCluster, until: Civil, timestamp_ms: i64) {
    for input in 0..EVENT_TYPES.len() {
        cluster.state_watermark(input, &until.to_string(), timestamp_ms);
    }
}

/// States the end in every partition of every input.
pub fn state_end(cluster: &MemoryCluster, timestamp_ms: i64) {
    for input in 0..EVENT_TYPES.len() {
        cluster.state_watermark(input, "end", timestamp_ms);
    }
}

/// How the log is cut and shared.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub partitions: i32,
    pub workers: usize,
    pub run_messages_max: usize,
    pub epoch_messages_max: usize,
}

/// What a run left behind.
pub struct Run {
    /// Of live and shadow rules, in the order of commits.
    pub clues: Vec<StoredRecord>,
    pub rejects: Vec<StoredRecord>,
    pub journal: Vec<StoredRecord>,
    /// Steps that were lost and done again count twice.
    pub totals: Totals,
}

/// No wall time: what is committed shall repeat exactly.
pub struct NoClock;
impl Clock for NoClock {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn name(slot: usize) -> String {
    format!("worker-{slot}")
}

/// Runs a worker to the end of the log, and a new one on its slot whenever it dies.
fn work(engine: &Arc<Engine>, cluster: &MemoryCluster, mut log: MemoryLog, slot: usize, cut: &Cut, wish: &Wish) -> Totals {
    let mut totals = Totals::default();
    for _ in 0..RESTARTS_MAX {
        let settings = WorkerSettings {
            run_messages_max: cut.run_messages_max,
            epoch_messages_max: cut.epoch_messages_max,
            until_end: true,
            slot,
            ..WorkerSettings::default()
        };
        match Worker::new(Arc::clone(engine), &mut log, settings, &NoClock).run(wish, &mut totals) {
            Ok(()) => return totals,
            Err(fault) if fault.remedy == Remedy::Stop => panic!("{}", chain(&fault)),
            Err(_) => {
                drop(log);
                log = cluster.worker(&name(slot), GROUP);
            }
        }
    }
    panic!("worker {slot} died {RESTARTS_MAX} times");
}

/// Runs workers over the log while `feeding` fills it.
pub fn run_while(engine: &Arc<Engine>, cluster: &MemoryCluster, cut: &Cut, feeding: impl FnOnce()) -> Run {
    // All join before any starts, so that the first assignment is the last one.
    let logs: Vec<MemoryLog> = (0..cut.workers).map(|slot| cluster.worker(&name(slot), GROUP)).collect();
    let wish = &Wish::default();
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            logs.into_iter().enumerate().map(|(slot, log)| scope.spawn(move || work(engine, cluster, log, slot, cut, wish))).collect();
        feeding();
        for worker in workers {
            match worker.join() {
                Ok(own) => totals.add(&own),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let clues = [cluster.output(Output::Clues), cluster.output(Output::Shadow)].concat();
    Run { clues, rejects: cluster.output(Output::Rejects), journal: cluster.output(Output::Journal), totals }
}

/// Runs workers over messages that all stand in the log before they start.
/// `prepare` may set faults.
pub fn run_over(engine: &Arc<Engine>, feed: &[Generated], cut: &Cut, prepare: impl FnOnce(&MemoryCluster)) -> Run {
    let cluster = MemoryCluster::new(cut.partitions);
    feed.iter().for_each(|message| send(&cluster, message));
    state_end(&cluster, feed.last().map_or(0, |message| message.timestamp_ms));
    cluster.end();
    prepare(&cluster);
    run_while(engine, &cluster, cut, || {})
}

/// Generates a feed into the log while workers read it; `each` sees every message.
/// In the live month the feed states every hour how far it has come, but for
/// what is late; returns how many such messages there were.
pub fn run_generated(world: &World, settings: &SynthSettings, cut: &Cut, mut each: impl FnMut(&Generated)) -> (Run, Vec<Truth>, u64) {
    let engine = world.engine(settings, cut.partitions);
    let cluster = MemoryCluster::new(cut.partitions);
    cluster.retain(false);
    cluster.set_feeding(true);
    let mut generator = synth::generate(settings, &world.city);
    let per_statement = cut.partitions as u64 * EVENT_TYPES.len() as u64;
    let mut statements = 0;
    let run = run_while(&engine, &cluster, cut, || {
        let mut message = Generated::default();
        let (mut fed, mut last_ms) = (0_u64, 0);
        let mut hour = Civil::from_date(settings.live_first()).0 / HOUR;
        while generator.next_into(&mut message) {
            if fed % 512 == 0 {
                cluster.wait_for_room(BACKLOG_MAX);
            }
            fed += 1;
            last_ms = message.timestamp_ms;
            let now = settings.zone.civil(last_ms).0 / HOUR;
            if now > hour {
                // What is not late takes less than an hour.
                state(&cluster, Civil((now - 1) * HOUR), last_ms);
                statements += per_statement;
                hour = now;
            }
            each(&message);
            send(&cluster, &message);
        }
        state_end(&cluster, last_ms);
        statements += per_statement;
        cluster.end();
    });
    (run, generator.truths().to_vec(), statements)
}
