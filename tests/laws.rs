//! Effective clues are the same however the input is cut, shared, ordered
//! within what may come late, and interrupted.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use claimsift::base::diagnostic;
use claimsift::base::diagnostic::SourceText;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::base::time::Civil;
use claimsift::codecs::FieldFault;
use claimsift::engine::Engine;
use claimsift::engine::effects::Counts;
use claimsift::engine::shard::Shard;
use claimsift::events::EVENT_TYPES;
use claimsift::events::InputId;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::CrashPoint;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::Mishap;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::read;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::runtime::worker::Silent;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::synth::TrapKind;
use claimsift::synth::TrapOutcome;
use claimsift::synth::Truth;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use effective::words;
use feed::Cut;
use feed::Run;
use feed::World;
use feed::run_over;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;

/// One feed for all laws: each planted pattern a few times in a small city,
/// with traps, rejects and repeats.
struct Base {
    world: World,
    settings: SynthSettings,
    feed: Vec<Generated>,
    truths: Vec<Truth>,
    /// What the plainest way comes to.
    clues: BTreeMap<String, Word>,
    counts: Counts,
    evaluated: Evaluated,
}

/// By rule, what it says to have judged.
type Evaluated = BTreeMap<String, u64>;

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::read().without_groups();
    let settings = SynthSettings {
        seed: 5,
        settlements: 3_000,
        prescriptions: 900,
        persons: 500,
        planted: Planted { violations: 2, missed: 1, withdrawn: 2, near_misses: 1, innocents: 2 },
        duplicates: 0.01,
        traps: 0.007,
        bad_values: 0.003,
        rejects: 0.01,
        ..SynthSettings::default()
    };
    let (feed, truths) = world.feed(&settings);
    let mut base = Base { world, settings, feed, truths, clues: BTreeMap::new(), counts: Counts::default(), evaluated: Evaluated::new() };
    let order: Vec<usize> = (0..base.feed.len()).collect();
    (base.clues, base.counts, base.evaluated) = base.shards(&order, 1, 64);
    assert_eq!(base.counts.field_faults, planted_faults(&base.feed));
    assert!(base.clues.len() > base.truths.len() / 5, "{} clues", base.clues.len());
    assert!(base.world.loaded.rules.rules.iter().all(|rule| base.evaluated[&rule.doc.id] > 0), "{:?}", base.evaluated);
    base
});

/// Each message with a value that cannot be read counts, repeats too.
fn planted_faults(feed: &[Generated]) -> BTreeMap<(&'static str, &'static str, &'static str, FieldFault), u64> {
    let mut planted = BTreeMap::new();
    for message in feed.iter().filter(|message| message.reject.is_none()) {
        if let Some(TrapOutcome::Fault { column, fault }) = message.trap.map(TrapKind::outcome) {
            let event = EVENT_TYPES[message.input];
            *planted.entry((event.name, event.header.name, column, fault)).or_default() += 1;
        }
    }
    planted
}

impl Base {
    fn engine(&self, partitions: i32) -> Arc<Engine> {
        self.world.engine(&self.settings, partitions)
    }

    /// Steps bare shards over the feed in `order`; a run ends where the input
    /// changes or `run` messages are full.
    fn shards(&self, order: &[usize], partitions: i32, run: usize) -> (BTreeMap<String, Word>, Counts, Evaluated) {
        let engine = self.engine(partitions);
        let mut all = Vec::new();
        let mut counts = Counts::default();
        let mut evaluated = Evaluated::new();
        for id in 0..partitions {
            let mut bare = Bare {
                shard: Shard::new(Arc::clone(&engine), id),
                offsets: [0; 2],
                records: Vec::new(),
                counts: Counts::default(),
                evaluated: Evaluated::new(),
            };
            let own: Vec<&Generated> =
                order.iter().map(|idx| &self.feed[*idx]).filter(|message| feed::partition(message, partitions) == id).collect();
            for of_input in own.chunk_by(|one, other| one.input == other.input) {
                of_input.chunks(run).for_each(|messages| bare.step(messages));
            }
            bare.end();
            all.extend(bare.records.iter().map(word));
            counts.add(&bare.counts);
            for (rule, rows) in bare.evaluated {
                *evaluated.entry(rule).or_default() += rows;
            }
        }
        (effective(&all), counts, evaluated)
    }

    fn check(&self, what: &str, clues: &BTreeMap<String, Word>) {
        let differing = differences(&self.clues, clues);
        assert!(differing.is_empty(), "{what}: {} differ:\n{}", differing.len(), differing.join("\n"));
    }

    /// Counts of messages are the same, too, whatever the order of arrival.
    fn check_counts(&self, what: &str, counts: &Counts) {
        let told = |counts: &Counts| {
            (counts.evaluated, counts.duplicate, counts.correction, counts.rejected.clone(), counts.lines, counts.lines_unjudged)
        };
        assert_eq!(told(&self.counts), told(counts), "{what}");
        assert_eq!(self.counts.unknown_codes, counts.unknown_codes, "{what}");
        assert_eq!(self.counts.unknown_fields, counts.unknown_fields, "{what}");
        assert_eq!(self.counts.field_faults, counts.field_faults, "{what}");
    }

    fn check_run(&self, what: &str, run: &Run) {
        self.check(what, &effective(&words(&run.clues)));
        assert_eq!(run.rejects.len() as u64, self.counts.rejected_total(), "{what}: rejects");
    }
}

struct Bare {
    shard: Shard,
    offsets: [i64; 2],
    records: Vec<Record>,
    counts: Counts,
    evaluated: Evaluated,
}

impl Bare {
    fn step(&mut self, messages: &[&Generated]) {
        let Some(input) = messages.first().map(|message| message.input) else { return };
        let mut run = OwnedMessages::default();
        for message in messages {
            run.push(feed::as_message(message, self.offsets[input]));
            self.offsets[input] += 1;
        }
        self.take(input, &run);
    }

    fn end(&mut self) {
        for input in 0..EVENT_TYPES.len() {
            let mut run = OwnedMessages::default();
            run.push(Message { offset: self.offsets[input], timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") });
            self.take(input, &run);
        }
    }

    fn take(&mut self, input: InputId, run: &OwnedMessages) {
        let effects = self.shard.step(input, run, 1, false);
        assert_eq!(effects.stop, None);
        assert!(effects.counts.balance());
        self.counts.add(&effects.counts);
        for (rule, tally) in &effects.rules {
            *self.evaluated.entry(rule.clone()).or_default() += tally.evaluated;
        }
        self.records.extend(effects.records.into_iter().filter(|record| record.output != Output::Rejects));
    }
}

/// Epochs of a few runs, so that there is a journal to recover from.
fn cut(partitions: i32, workers: usize, run_messages_max: usize) -> Cut {
    Cut { partitions, workers, run_messages_max, epoch_messages_max: 1024 }
}

#[test]
fn run_sizes_partitions_and_workers_change_nothing() {
    for (partitions, workers) in [(1, 1), (4, 1), (4, 2)] {
        let engine = BASE.engine(partitions);
        for run in [1, 7, 8192] {
            let what = format!("{partitions} partitions, {workers} workers, runs of {run}");
            BASE.check_run(&what, &run_over(&engine, &BASE.feed, &cut(partitions, workers, run), |_| {}));
        }
    }
}

#[test]
fn the_order_of_the_two_inputs_changes_nothing() {
    for first in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        let mut order: Vec<usize> = (0..BASE.feed.len()).collect();
        order.sort_by_key(|idx| BASE.feed[*idx].input != first);
        for (partitions, run) in [(1, 8192), (4, 64)] {
            let what = format!("all of {} first, {partitions} partitions", EVENT_TYPES[first].name);
            let (clues, counts, evaluated) = BASE.shards(&order, partitions, run);
            BASE.check(&what, &clues);
            BASE.check_counts(&what, &counts);
            assert_eq!(evaluated, BASE.evaluated, "{what}: everything is judged once, however often it is judged again");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Up to an hour is disorder, up to three days is lateness.
    #[test]
    fn arrival_within_what_may_be_late_changes_nothing(seed in any::<u64>(), late in prop_oneof![Just(3600_i64), Just(3 * 86_400)], partitions in prop_oneof![Just(1), Just(4)], run in prop_oneof![Just(1_usize), Just(7), Just(300)]) {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut order: Vec<(i64, usize)> =
            BASE.feed.iter().enumerate().map(|(idx, message)| (message.event_time.0 + random.random_range(0..late), idx)).collect();
        order.sort_unstable();
        let order: Vec<usize> = order.into_iter().map(|(_, idx)| idx).collect();
        let (clues, counts, evaluated) = BASE.shards(&order, partitions, run);
        BASE.check("shuffled", &clues);
        BASE.check_counts("shuffled", &counts);
        prop_assert_eq!(&evaluated, &BASE.evaluated);
    }

    #[test]
    fn mishaps_change_nothing(seed in any::<u64>(), run in prop_oneof![Just(64_usize), Just(300)]) {
        let faults = Faults { seed, commit_again: 1000, answer_lost: 500, expelled: 100, crash: 30 };
        let engine = BASE.engine(4);
        let interrupted = run_over(&engine, &BASE.feed, &cut(4, 2, run), |cluster| cluster.set_faults(Some(faults)));
        BASE.check_run("with mishaps", &interrupted);
    }
}

/// What is told, without where it came from.
fn told(run: &Run) -> Vec<(String, u32, String, String)> {
    let mut told: Vec<_> = words(&run.clues).into_iter().map(|word| (word.clue_id, word.revision, word.status, word.finding)).collect();
    told.sort();
    told
}

#[test]
fn recovery_goes_on_with_the_revisions_that_were_told() {
    let engine = BASE.engine(1);
    // The inputs are far from each other in each run, so that halves of
    // supplies meet late and clues are revised.
    let cut = cut(1, 1, 128);
    let whole = run_over(&engine, &BASE.feed, &cut, |_| {});
    let expect = told(&whole);
    assert!(expect.iter().any(|(_, revision, ..)| *revision > 1), "something is revised");
    let mishaps = [
        Mishap::Crash(CrashPoint::BeforeCommit),
        Mishap::Crash(CrashPoint::AfterCommit),
        Mishap::AnswerLost { landed: true },
        Mishap::AnswerLost { landed: false },
        Mishap::Crash(CrashPoint::Recovery),
        Mishap::Expelled,
        Mishap::CommitAgain,
        Mishap::Crash(CrashPoint::Take),
        Mishap::Crash(CrashPoint::Shards),
    ];
    let interrupted = run_over(&engine, &BASE.feed, &cut, |cluster| {
        for (idx, mishap) in mishaps.iter().chain(&mishaps).enumerate() {
            cluster.inject("worker-0", *mishap);
            if idx % 2 == 0 {
                cluster.inject("worker-0", Mishap::Crash(CrashPoint::AfterCommit));
            }
        }
    });
    BASE.check_run("interrupted", &interrupted);
    let again = told(&interrupted);
    let missing: Vec<_> = expect.iter().filter(|word| !again.contains(word)).collect();
    let extra: Vec<_> = again.iter().filter(|word| !expect.contains(word)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "not told: {missing:#?}\ntold instead: {extra:#?}");
}

#[test]
fn a_muted_replay_comes_to_the_same_state() {
    let engine = BASE.engine(1);
    let (history, rest) = BASE.feed.split_at(BASE.feed.len() * 24 / 25);
    let run = |muted: bool| {
        let mut bare = Bare {
            shard: Shard::new(Arc::clone(&engine), 0),
            offsets: [0; 2],
            records: Vec::new(),
            counts: Counts::default(),
            evaluated: Evaluated::new(),
        };
        let mut shuffled: Vec<&Generated> = history.iter().collect();
        shuffled.shuffle(&mut Pcg64::seed_from_u64(3));
        for of_input in shuffled.chunk_by(|one, other| one.input == other.input) {
            let input = of_input[0].input;
            let mut messages = OwnedMessages::default();
            for message in of_input {
                messages.push(feed::as_message(message, bare.offsets[input]));
                bare.offsets[input] += 1;
            }
            bare.shard.step(input, &messages, 1, muted);
        }
        rest.chunk_by(|one, other| one.input == other.input).for_each(|messages| bare.step(&messages.iter().collect::<Vec<_>>()));
        bare.end();
        bare.records
    };
    assert_eq!(run(true), run(false), "what follows a replay is what would have followed the first time");
}

/// A message in a partition that its person does not hash to says that the feed
/// is partitioned otherwise than configured: whatever came of it would be wrong.
#[test]
fn a_message_in_the_wrong_partition_stops_the_worker_and_nothing_is_committed() {
    let cluster = MemoryCluster::new(4);
    BASE.feed[..100].iter().for_each(|message| feed::send(&cluster, message));
    let message = BASE.feed[100..].iter().find(|message| message.reject.is_none()).unwrap();
    let wrong = (feed::partition(message, 4) + 1) % 4;
    cluster.feed(message.input, wrong, Some(message.person.clone().into_bytes()), Some(message.json.clone()), message.timestamp_ms, None);
    cluster.end();
    let mut log = cluster.worker("worker-0", feed::GROUP);
    let settings = WorkerSettings { until_end: true, ..WorkerSettings::default() };
    let fault = Worker::new(BASE.engine(4), &mut log, settings, &feed::NoClock).run(&Wish::default(), &mut Silent).unwrap_err();
    assert_eq!(fault.remedy, Remedy::Stop);
    assert!(chain(&fault).contains("wrong_partition") && !chain(&fault).contains(&message.person), "{}", chain(&fault));
    for output in [Output::Clues, Output::Rejects, Output::Journal] {
        assert_eq!(cluster.output(output), [], "{output:?}");
    }
}

/// Numbers of orders are often counted by visit.
#[test]
fn one_order_number_of_two_persons_is_two_clues() {
    let engine = BASE.engine(1);
    let truth = BASE.truths.iter().find(|truth| truth.pattern == "class_two_over_7_days_bill_only").unwrap();
    let planted = BASE.feed.iter().find(|message| message.truth.is_some_and(|idx| BASE.truths[idx] == *truth)).unwrap();
    let text = String::from_utf8(planted.json.clone()).unwrap();
    let setl_id = EVENT_TYPES[SETTLEMENT_INPUT].header.columns.iter().find(|column| column.name == "setl_id").unwrap().spellings();
    let setl_id = setl_id.iter().find_map(|name| text.split(&format!("\"{name}\":\"")).nth(1)?.split('"').next()).unwrap().to_owned();
    let other = format!("{}X", &truth.person[..truth.person.len() - 1]);
    let json = text.replace(&setl_id, &format!("{setl_id}9")).replace(&truth.person, &other).into_bytes();
    let twin = Generated { person: other, json, ..planted.clone() };
    let mut bare =
        Bare { shard: Shard::new(engine, 0), offsets: [0; 2], records: Vec::new(), counts: Counts::default(), evaluated: Evaluated::new() };
    bare.step(&[planted, &twin]);
    bare.end();
    assert_eq!(bare.counts.evaluated, 2, "{:?}", bare.counts);
    let clues = effective(&bare.records.iter().map(word).collect::<Vec<_>>());
    assert_eq!(clues.values().filter(|clue| clue.rule == truth.rule).count(), 2, "{clues:#?}");
}

fn by_hand(input: InputId, time: &str, json: serde_json::Value) -> Generated {
    let event_time = Civil::parse(time).unwrap();
    let timestamp_ms = SynthSettings::default().zone.utc_ms(event_time);
    let person = json["psn_no"].as_str().unwrap().to_owned();
    Generated { input, event_time, timestamp_ms, person, json: serde_json::to_vec(&json).unwrap(), ..Generated::default() }
}

fn consultation(area: &str, time: &str) -> Generated {
    by_hand(
        PRESCRIPTION_INPUT,
        time,
        serde_json::json!({
            "hosp_rxno": format!("RX{area}"), "mdtrt_id": format!("MR{area}"), "biz_type_code": "02", "psn_no": "P1", "gend": "2", "brdy": "1986-01-15",
            "insu_plc_no": "990101", "mdtrtarea_no": area, "fixmedins_code": format!("H{area}00002"), "med_type": "11", "otp_ipt_flag": "1",
            "prsc_time": time, "diseinfo": [{ "diag_code": "J06.9" }],
            "rxdrugdetail": [{ "med_list_codg": "XJ01CAA027E001010199901", "drug_genname": "阿莫西林胶囊", "medc_days": 3, "drug_cnt": 1 }],
        }),
    )
}

fn visit(time: &str) -> Generated {
    by_hand(
        SETTLEMENT_INPUT,
        time,
        serde_json::json!({
            "setl_id": "S1", "mdtrt_id": "M1", "psn_no": "P1", "gend": "2", "brdy": "1986-01-15", "insu_admdvs": "990101", "fix_blng_admdvs": "990101",
            "fixmedins_code": "H99010100002", "med_type": "11", "setl_time": time, "begntime": time, "medfee_sumamt": 10.0,
            "diseinfo": [{ "diag_code": "J06.9" }],
            "feedetl": [{ "feedetl_sn": "1", "med_list_codg": "001102000010000-110200001", "cnt": 1, "pric": 10, "det_item_fee_sumamt": 10, "fee_ocur_time": time }],
        }),
    )
}

/// The shipped rules with one text in them replaced, over the base city.
fn engine_with(from: &str, to: &str) -> Arc<Engine> {
    let (mut texts, _) = read::load(&feed::path("rules")).unwrap();
    let rule = texts.iter_mut().find(|source| source.text.contains(from)).unwrap();
    *rule = Arc::new(SourceText { name: rule.name.clone(), text: rule.text.replace(from, to) });
    let (book, mut diagnostics) = read::read(&texts);
    let (rules, more) = compile(&book, EVALUATED);
    diagnostics.extend(more);
    assert!(diagnostics.is_empty(), "{}", diagnostic::render(&diagnostics));
    let base = BASE.engine(1);
    let key = IdentityKey::from_bytes(&[9; 32]);
    Arc::new(Engine::new(Arc::new(rules), Arc::clone(&base.references), base.settings.clone(), key))
}

/// What rules on first visits tell of a visit in person and two consultations
/// two months later, the same in whatever order they are heard of.
fn first_visits_told(engine: &Arc<Engine>, messages: &[Generated; 3]) -> Vec<Word> {
    let mut told: Vec<Vec<Word>> = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [2, 1, 0], [1, 2, 0], [2, 0, 1], [1, 0, 2]] {
        let mut bare = Bare {
            shard: Shard::new(Arc::clone(engine), 0),
            offsets: [0; 2],
            records: Vec::new(),
            counts: Counts::default(),
            evaluated: Evaluated::new(),
        };
        order.iter().for_each(|idx| bare.step(&[&messages[*idx]]));
        bare.end();
        assert_eq!(bare.counts.evaluated, 3, "{:?}", bare.counts);
        let clues = effective(&bare.records.iter().map(word).collect::<Vec<_>>());
        told.push(clues.into_values().filter(|clue| clue.rule == "online-first").collect());
    }
    let findings = |words: &[Word]| words.iter().map(|word| word.finding.clone()).collect::<Vec<_>>();
    assert!(told.iter().all(|words| findings(words) == findings(&told[0])), "{told:#?}");
    told.swap_remove(0)
}

const LOOKBACK: &str = "revisit_lookback_days: { default: 0,";

/// Each consultation is judged by the settings of its own area, whichever of a
/// person's consultations is heard of first.
#[test]
fn settings_of_an_area_hold_for_its_consultations_alone() {
    let engine = engine_with(LOOKBACK, &format!("{LOOKBACK} by_area: {{ \"990102\": 30 }},"));
    // Seen in person two months before both: too long ago for the second area alone.
    let messages =
        [visit("2026-05-10 09:00:00"), consultation("990101", "2026-07-10 09:00:00"), consultation("990102", "2026-07-11 09:00:00")];
    let told = first_visits_told(&engine, &messages);
    let names: Vec<_> = told.iter().flat_map(|clue| clue.names.iter().map(String::as_str)).collect();
    assert_eq!(names, ["RX990102"], "{told:#?}");
}

/// And by those of its own day: the day before a change and the day itself differ.
#[test]
fn settings_of_a_day_hold_from_it_on() {
    let messages =
        [visit("2026-05-10 09:00:00"), consultation("990101", "2026-07-10 23:59:59"), consultation("990102", "2026-07-11 00:00:00")];
    let since = |day: &str| format!("{LOOKBACK} by_date: [{{ from: {day}, value: 30, note: a notice }}],");
    for (day, expect) in [("2026-07-10", &["RX990101", "RX990102"][..]), ("2026-07-11", &["RX990102"]), ("2026-07-12", &[])] {
        let told = first_visits_told(&engine_with(LOOKBACK, &since(day)), &messages);
        let mut names: Vec<_> = told.iter().flat_map(|clue| clue.names.iter().map(String::as_str)).collect();
        names.sort_unstable();
        assert_eq!(names, expect, "{day}: {told:#?}");
        assert!(
            told.iter().all(|clue| clue.finding.contains(r#""revisit_lookback_days":"30""#)),
            "a clue tells the value of its day: {told:#?}"
        );
    }
}
