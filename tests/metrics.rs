//! What an operator sees of a running worker: how far it lags, and what each
//! rule costs.

#[path = "support/feed.rs"]
mod feed;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use claimsift::base::ids::ShardId;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::base::time::Civil;
use claimsift::commands::observe::Reporter;
use claimsift::commands::observe::SystemClock;
use claimsift::commands::observe::Totals;
use claimsift::engine::Engine;
use claimsift::engine::effects::Effects;
use claimsift::engine::meter::Meter;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::events::EVENT_TYPES;
use claimsift::events::InputId;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::memory::MemoryCluster;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::telemetry::health::Health;
use claimsift::telemetry::metrics::Metrics;
use feed::World;

fn reporter_by(engine: &Engine, metrics: &Arc<Metrics>, clock: Arc<dyn Clock>) -> Reporter {
    let health = Arc::new(Health::new(1, Duration::from_secs(30), 0));
    Reporter::new(engine, Arc::clone(metrics), health, clock, 0)
}

fn reporter(engine: &Engine, metrics: &Arc<Metrics>) -> Reporter {
    reporter_by(engine, metrics, Arc::new(SystemClock::default()))
}

/// The value of a series, if it is shown.
fn shown(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.render();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

fn lag(metrics: &Metrics, input: InputId) -> Option<f64> {
    shown(metrics, &format!("claimsift_lag_messages{{input=\"{}\",partition=\"0\"}}", EVENT_TYPES[input].name))
}

/// A second passes whenever it is asked.
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

/// Reads the lags that are shown at the commit of each epoch.
struct Reader {
    reporter: Reporter,
    metrics: Arc<Metrics>,
    lags: Vec<[Option<f64>; 2]>,
}

impl Observer for Reader {
    fn shards(&mut self, shards: &[ShardId]) {
        self.reporter.shards(shards);
        assert_eq!(lag(&self.metrics, SETTLEMENT_INPUT), None, "a lag that nobody knows is not shown");
    }
    fn step(&mut self, shard: ShardId, effects: &Effects) {
        self.reporter.step(shard, effects);
    }
    fn lag(&mut self, shard: ShardId, input: InputId, messages: u64) {
        self.reporter.lag(shard, input, messages);
    }
    fn committed(&mut self, _: u64, _: Duration) {
        self.lags.push([SETTLEMENT_INPUT, PRESCRIPTION_INPUT].map(|input| lag(&self.metrics, input)));
    }
}

#[test]
fn the_lag_in_messages_is_what_is_left_to_take() {
    let world = World::read();
    let engine = world.engine(&SynthSettings::default(), 1);
    let cluster = MemoryCluster::new(1);
    // Prescriptions are later, so that all bills come first.
    for (input, count, timestamp_ms) in [(SETTLEMENT_INPUT, 10, 0), (PRESCRIPTION_INPUT, 3, 1_000)] {
        for _ in 0..count {
            cluster.feed(input, 0, None, Some(b"{}".to_vec()), timestamp_ms, None);
        }
    }
    cluster.end();
    let metrics = Arc::new(Metrics::new());
    let mut reader = Reader { reporter: reporter(&engine, &metrics), metrics, lags: Vec::new() };
    let settings = WorkerSettings { run_messages_max: 4, epoch_messages_max: 4, until_end: true, ..WorkerSettings::default() };
    let mut log = cluster.worker("worker-0", feed::GROUP);
    Worker::new(engine, &mut log, settings, &Hasty::default()).run(&Wish::default(), &mut reader).unwrap();
    assert_eq!(reader.lags, [[Some(6.0), Some(3.0)], [Some(2.0), Some(3.0)], [Some(0.0), Some(0.0)]]);
}

/// Stands where it was put.
#[derive(Default)]
struct Put(AtomicI64);

impl Clock for Put {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn the_lag_in_event_time_grows_while_an_input_stands_still() {
    let engine = World::read().engine(&SynthSettings::default(), 1);
    let (metrics, clock) = (Arc::new(Metrics::new()), Arc::new(Put::default()));
    let mut reporter = reporter_by(&engine, &metrics, Arc::<Put>::clone(&clock));
    let seconds = || shown(&metrics, "claimsift_lag_event_seconds{input=\"settlement\",partition=\"0\"}");
    let event_time = Civil::parse("2026-03-10 10:00:00").unwrap();
    let put = |ms| clock.0.store(engine.settings.zone.utc_ms(event_time) + ms, Ordering::Relaxed);
    put(5_000);
    reporter.shards(&[0]);
    reporter.lag(0, SETTLEMENT_INPUT, 0);
    assert_eq!(seconds(), None, "nothing has come yet");
    reporter.watermark(0, SETTLEMENT_INPUT, event_time);
    assert_eq!(seconds(), Some(5.0));
    put(65_000);
    reporter.lag(0, SETTLEMENT_INPUT, 0);
    assert_eq!(seconds(), Some(65.0));
}

#[test]
fn codes_that_no_table_knows_are_listed_once_and_what_is_no_code_is_not_repeated() {
    let bill = |id: &str, institution: &str, drug: &str| {
        format!(
            r#"{{"setl_id":"{id}","psn_no":"P1","setl_time":"2026-03-10 10:00:00","medfee_sumamt":1,"fixmedins_code":"{institution}","feedetl":[{{"feedetl_sn":"1","list_type":"101","med_list_codg":"{drug}"}}]}}"#
        )
    };
    let bills = [
        bill("S1", "H99010199999", "OWN-17"),
        bill("S2", "H99010199999", "OWN-17"),
        bill("S3", "H99010100001", "XN02AAM059A001010199901"),
        bill("S4", "H99010100001", "张三 13800000000"),
    ];
    let mut run = OwnedMessages::default();
    for (offset, value) in (0..).zip(&bills) {
        run.push(Message { offset, timestamp_ms: 2_000_000_000_000, key: None, value: Some(value.as_bytes()), watermark: None });
    }
    let effects = Shard::new(World::read().engine(&SynthSettings::default(), 1), 0).step(SETTLEMENT_INPUT, &run, 1, false);
    assert_eq!(effects.counts.evaluated, 4);
    let (mut one, mut all) = (Totals::default(), Totals::default());
    assert_eq!(one.unlisted_text(), "");
    for _ in 0..2 {
        one.step(0, &effects);
        all.add(&one);
    }
    let told = "1 drug codes that no reference table knows: OWN-17\n1 institution codes that no reference table knows: H99010199999\n";
    assert_eq!(one.unlisted_text(), told);
    assert_eq!(all.unlisted_text(), told);
    assert_eq!(all.counts.unknown_codes[&"drug"], 3 * 3);
    // A list is for reading: of many the first, and how many there are.
    all.unlisted.extend((10..40).map(|number| ("drug", format!("OWN-{number}"))));
    let text = all.unlisted_text();
    assert!(text.starts_with("30 drug codes that no reference table knows: OWN-10, OWN-11, ") && text.contains("OWN-29, ...\n"), "{text}");
}

#[test]
fn what_contradicts_itself_is_counted_by_check_and_told_to_nobody() {
    let settings = SynthSettings::default();
    let day = settings.live_first();
    let bill = |id: &str, amount: &str| {
        format!(
            r#"{{"setl_id":"{id}","mdtrt_id":"{id}","psn_no":"P1","setl_time":"{day} 10:00:00","medfee_sumamt":{amount},"fixmedins_code":"H99010100001","fix_blng_admdvs":"990101","med_type":"11","feedetl":[{{"feedetl_sn":"1","list_type":"201","fee_ocur_time":"{day} 10:00:00","cnt":3,"pric":10,"det_item_fee_sumamt":{amount}}}]}}"#
        )
    };
    let bills = [bill("S1", "20.00"), bill("S2", "30.00"), bill("S3", "25.00")];
    let mut run = OwnedMessages::default();
    for (offset, value) in (0..).zip(&bills) {
        run.push(Message { offset, timestamp_ms: 2_000_000_000_000, key: None, value: Some(value.as_bytes()), watermark: None });
    }
    let engine = World::read().engine(&settings, 1);
    let metrics = Arc::new(Metrics::new());
    let mut reporter = reporter(&engine, &metrics);
    let counted = |rule: &str, check: &str| shown(&metrics, &format!("claimsift_data_quality_total{{check=\"{check}\",rule=\"{rule}\"}}"));
    assert_eq!(counted("amount-mismatch", "amount_below"), Some(0.0), "it shows before anything is counted");
    let effects = Shard::new(Arc::clone(&engine), 0).step(SETTLEMENT_INPUT, &run, 1, false);
    assert_eq!((effects.counts.evaluated, effects.records.len()), (3, 0), "nobody is told");
    reporter.step(0, &effects);
    reporter.step(0, &effects);
    assert_eq!(counted("amount-mismatch", "amount_below"), Some(4.0));
    assert_eq!(counted("realname", "not_fed"), Some(0.0));
    assert_eq!(counted("online-first", "told_first_against_known_contact"), Some(0.0));
}

static TICKS: AtomicU64 = AtomicU64::new(0);

/// Some time passes whenever it is read.
fn ticking() -> u64 {
    TICKS.fetch_add(1_000_000, Ordering::Relaxed)
}

fn with_meter(engine: &Engine, meter: Meter) -> Arc<Engine> {
    let settings = EngineSettings { meter, ..engine.settings.clone() };
    let key = IdentityKey::from_bytes(&[9; 32]);
    Arc::new(Engine::new(Arc::clone(&engine.rules), Arc::clone(&engine.references), settings, key))
}

fn effects(engine: &Arc<Engine>, feed: &[Generated]) -> Vec<Effects> {
    let mut shard = Shard::new(Arc::clone(engine), 0);
    let mut offsets = [0; 2];
    let mut all = Vec::new();
    for of_input in feed.chunk_by(|one, other| one.input == other.input) {
        let input = of_input[0].input;
        let mut run = OwnedMessages::default();
        for message in of_input {
            run.push(feed::as_message(message, offsets[input]));
            offsets[input] += 1;
        }
        all.push(shard.step(input, &run, 1, false));
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        let mut run = OwnedMessages::default();
        run.push(Message { offset: offsets[input], timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") });
        all.push(shard.step(input, &run, 1, false));
    }
    all
}

#[test]
fn every_rule_tells_its_time_and_nothing_depends_on_the_meter() {
    let world = World::read();
    let settings = SynthSettings {
        settlements: 1_500,
        prescriptions: 450,
        persons: 250,
        planted: Planted { violations: 1, missed: 0, withdrawn: 1, near_misses: 1, innocents: 1 },
        ..SynthSettings::default()
    };
    let (feed, _) = world.feed(&settings);
    let still = world.engine(&settings, 1);
    let metrics = Arc::new(Metrics::new());
    let mut reporter = reporter(&still, &metrics);
    let mut metered = effects(&with_meter(&still, ticking), &feed);
    for effects in &mut metered {
        reporter.step(0, effects);
        effects.rules.values_mut().for_each(|tally| tally.nanoseconds = 0);
    }
    assert_eq!(metered, effects(&still, &feed));
    for rule in &still.rules.rules {
        let seconds = shown(&metrics, &format!("claimsift_rule_seconds_total{{rule=\"{}\"}}", rule.doc.id));
        assert!(seconds.is_some_and(|seconds| seconds > 0.0), "{} took {seconds:?}", rule.doc.id);
    }
}
