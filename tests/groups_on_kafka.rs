//! Groups on a real broker: killed processes tell what one straight pass tells
//! and what SQL computes of all events, and real discharges come to the ratios
//! of plain sums.

#[path = "support/batch.rs"]
mod batch;
#[path = "support/broker.rs"]
mod broker;
#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/group_feed.rs"]
mod group_feed;
#[path = "support/looks.rs"]
mod looks;
#[allow(dead_code, reason = "the discharges are read here and not written anew")]
#[path = "support/ny_baseline.rs"]
mod ny_baseline;
#[path = "support/site.rs"]
mod site;
#[allow(dead_code, reason = "a batch reads fields and no more")]
#[path = "support/oracle/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::OnceLock;

use broker::Broker;
use chrono::Datelike as _;
use chrono::NaiveDate;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::codecs::json::HeadReader;
use claimsift::commands::observe::SystemClock;
use claimsift::engine::Engine;
use claimsift::engine::journal::Tick;
use claimsift::engine::journal::TickKind;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::evaluators::ratio::Outcome;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::files::FilesConfig;
use claimsift::io::files::FilesLog;
use claimsift::io::files::LineHead;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::partition::Partitioner;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::stats::shrinkage::Decision;
use claimsift::window::partial::Block;
use effective::Word;
use looks::Listener;
use looks::Looks;
use ny_baseline::Discharge;
use ny_baseline::INDICATORS_OF_STAYS;
use serde_json::Value;

const PARTITIONS: i32 = 4;
/// Looks at the broker before a test gives up; each takes some milliseconds at least.
const LOOKS_MAX: usize = 200_000;

fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start)
}

/// A committed record of a topic.
struct Stored {
    partition: i32,
    offset: i64,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
}

fn read(kafka: &KafkaSettings, topic: &str) -> Vec<Stored> {
    for _ in 0..LOOKS_MAX {
        let mut records = Vec::new();
        let read = admin::read_topic(kafka, topic, &mut |record| {
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.unwrap_or_default().to_vec());
            records.push(Stored { partition: record.partition, offset: record.offset, key, value });
            Ok(())
        });
        match read {
            Ok(()) => return records,
            // A topic that was made just now may have no leader yet.
            Err(fault) => assert_ne!(fault.remedy, Remedy::Stop, "{}", chain(&fault)),
        }
    }
    panic!("{topic} cannot be read");
}

fn entries(kafka: &KafkaSettings) -> Vec<(i32, Value)> {
    read(kafka, &kafka.journal).into_iter().map(|record| (record.partition, serde_json::from_slice(&record.value).unwrap())).collect()
}

/// A running program; killed when dropped.
struct Process {
    child: Child,
    told: PathBuf,
}

impl Process {
    fn start(config: &Path, told: PathBuf, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claimsift"));
        command.args(["run", "--config"]).arg(config).args(more).stdout(Stdio::null()).stderr(File::create(&told).unwrap());
        Self { child: command.spawn().unwrap(), told }
    }

    /// As `kill -9` does it.
    fn kill(mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.told());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.told).unwrap()
    }

    fn finish(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}", self.told());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ascending parts of 1, by a generator of this test's own.
fn moments<const N: usize>(seed: u64) -> [f64; N] {
    let mut state = seed;
    let mut moments = [0.0; N];
    for moment in &mut moments {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *moment = (state >> 11) as f64 / (1_u64 << 53) as f64;
    }
    moments.sort_by(f64::total_cmp);
    moments
}

/// Every journal is an unbroken chain, each message is journalled once, and so
/// is each block of partials.
fn check_journal(kafka: &KafkaSettings, messages: u64, blocks: u64) {
    let mut last: BTreeMap<i32, u64> = BTreeMap::new();
    let mut ends: BTreeMap<(u64, i32), i64> = BTreeMap::new();
    let mut sums = [0, 0];
    for (partition, entry) in entries(kafka) {
        let number = |name: &str| entry[name].as_u64().unwrap();
        let previous = last.insert(partition, number("number")).unwrap_or_default();
        assert_eq!((number("previous"), number("number")), (previous, previous + 1), "partition {partition}");
        for run in entry["runs"].as_array().unwrap() {
            let input = run["input"].as_u64().unwrap();
            let end = ends.insert((input, partition), run["to"].as_i64().unwrap()).unwrap_or_default();
            assert!(run["from"].as_i64().unwrap() >= end, "input {input} of partition {partition} is read once: {entry}");
            sums[usize::from(input == PARTIALS_INPUT as u64)] += run["messages"].as_u64().unwrap();
        }
    }
    assert_eq!(sums, [messages, blocks], "messages and blocks that are journalled");
}

/// The blocks by rollup. On the way: between a source and a rollup their
/// numbers rise by one.
fn blocks(kafka: &KafkaSettings) -> BTreeMap<i32, Vec<Stored>> {
    let mut last: BTreeMap<(i32, i32), u64> = BTreeMap::new();
    let mut rollups: BTreeMap<i32, Vec<Stored>> = BTreeMap::new();
    for record in read(kafka, &kafka.partials) {
        let block = Block::decode(&record.value).unwrap();
        assert_eq!(block.rollup, record.partition, "a block lies where its rollup reads");
        if let Some(before) = last.insert((block.source, block.rollup), block.sequence) {
            assert_eq!(block.sequence, before + 1, "from {} for {}", block.source, block.rollup);
        }
        rollups.entry(record.partition).or_default().push(record);
    }
    assert_eq!(last.len(), (PARTITIONS * PARTITIONS) as usize, "every shard tells every other");
    rollups
}

/// What fresh rollups conclude from the blocks alone. A shard takes back only
/// what it sent itself: here its blocks come from one shard more, and itself
/// has nothing to say.
fn concluded(rollups: &BTreeMap<i32, Vec<Stored>>) -> Looks {
    let engine = group_feed::engine(PARTITIONS + 1);
    let mut looks = Looks::default();
    for (rollup, blocks) in rollups {
        let mut shard = Shard::new(Arc::clone(&engine), *rollup);
        let mut run = OwnedMessages::default();
        for stored in blocks {
            let mut block = Block::decode(&stored.value).unwrap();
            if block.source == *rollup {
                block.source = PARTITIONS;
            }
            let (key, value) = (stored.key.as_deref(), block.encode());
            run.push(Message { offset: stored.offset, timestamp_ms: 0, key, value: Some(&value), watermark: None });
        }
        assert_eq!(shard.step(PARTIALS_INPUT, &run, 1, false).stop, None);
        shard.tick(Tick { input: PARTIALS_INPUT, kind: TickKind::SourceIdle(*rollup) });
        for epoch in 1.. {
            let closing = shard.close_epoch(epoch, false);
            looks.add(&closing.looked);
            if !closing.worked {
                break;
            }
        }
    }
    looks
}

fn words(kafka: &KafkaSettings) -> Vec<Word> {
    let record = |stored: Stored| Record {
        output: Output::Clues,
        partition: Some(stored.partition),
        key: stored.key,
        value: Some(stored.value),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    read(kafka, &kafka.clues).into_iter().map(|stored| effective::word(&record(stored))).collect()
}

#[test]
fn killed_processes_conclude_what_one_pass_and_sql_conclude() {
    let name = "groups-killed";
    let kafka = broker().with_topics(name, "unused", PARTITIONS);
    let bills = group_feed::bills();
    let mut feed = Feed::connect(&kafka).unwrap();
    for bill in &bills {
        let partition = Partitioner::Murmur2.partition(bill.person.as_bytes(), PARTITIONS);
        feed.send(&kafka.inputs[0], partition, Some(bill.person.as_bytes()), Some(&bill.json), bill.timestamp_ms).unwrap();
    }
    feed.flush().unwrap();
    admin::advance(&kafka, &[&kafka.inputs[0], &kafka.inputs[1]], group_feed::END).unwrap();
    let messages = bills.len() as u64 + 2 * PARTITIONS as u64;

    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    group_feed::write_rules(&rules);
    let settings = group_feed::settings();
    let mut started = 0;
    let mut start = |instance: &str, more: &[&str]| {
        let tune = site::Tune { instance, workers: 1, epoch: 250, more: "" };
        let config = dir.path().join(format!("{instance}.yaml"));
        std::fs::write(&config, site::config_of(&rules, &kafka, settings.first_day(), settings.live_first(), &tune)).unwrap();
        started += 1;
        Process::start(&config, dir.path().join(format!("told-{started}")), more)
    };
    let until = |running: &[Process], due: u64| {
        let journalled = || entries(&kafka).iter().map(|(_, entry)| entry["n_in"].as_u64().unwrap()).sum::<u64>();
        let reached = (0..LOOKS_MAX).any(|_| journalled() >= due);
        assert!(reached, "{}", running.iter().map(Process::told).collect::<String>());
    };
    let mut running = vec![start("a", &[]), start("b", &[])];
    for (turn, moment) in moments::<3>(23).into_iter().enumerate() {
        until(&running, (moment * bills.len() as f64) as u64);
        // One, the other, then both at once.
        if turn != 1 {
            running.remove(0).kill();
            running.insert(0, start("a", &[]));
        }
        if turn != 0 {
            running.remove(1).kill();
            running.push(start("b", &[]));
        }
    }
    // Once more when all events are read, and panes are looked at.
    until(&running, messages);
    running.into_iter().for_each(Process::kill);
    // Who ends first does not see what the other has still to tell it.
    ["a", "b"].map(|instance| start(instance, &["--until-end"])).into_iter().for_each(Process::finish);
    start("a", &["--until-end"]).finish();

    let rollups = blocks(&kafka);
    let sent: usize = rollups.values().map(Vec::len).sum();
    check_journal(&kafka, messages, sent as u64);
    let batch = batch::Batch::new(&feed::path("demo/reference"));
    bills.iter().for_each(|bill| batch.add(&bill.json));
    let rows = batch.units(group_feed::PANES.0, group_feed::PANES.1);
    let engine = group_feed::engine(PARTITIONS);
    let counted = looks::check_equal(&concluded(&rollups), &rows);
    assert!(counted.judged > 2_000, "{counted:?}");

    // One pass of one worker over a log in memory.
    let cluster = MemoryCluster::new(PARTITIONS);
    for bill in &bills {
        cluster.feed_keyed(SETTLEMENT_INPUT, bill.person.as_bytes(), bill.json.clone(), bill.timestamp_ms);
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        cluster.state_watermark(input, group_feed::END, bills.last().map_or(0, |bill| bill.timestamp_ms));
    }
    let cut = feed::Cut { partitions: PARTITIONS, workers: 1, run_messages_max: 1024, epoch_messages_max: 32_768 };
    let straight = effective::effective(&effective::words(&feed::run_while(&engine, &cluster, &cut, || {}).clues));
    let told = words(&kafka);
    let revisions: BTreeSet<(&str, u32)> = told.iter().map(|word| (word.clue_id.as_str(), word.revision)).collect();
    assert_eq!(revisions.len(), told.len(), "no revision is told twice");
    let killed = effective::effective(&told);
    assert_eq!(effective::differences(&straight, &killed), [""; 0]);
    assert_eq!(killed.len(), counted.alert, "every alert is a clue");
    println!("{messages} messages, {sent} blocks, {} words, {} clues: {counted:?}", told.len(), killed.len());
}

fn rule(id: &str, value: &str, indicator: &str, min_excess: u32) -> String {
    format!(
        "\
id: {id}
version: 1
title: {{ zh: 测试规则, en: a rule of a test }}
status: live
owner: insurance-desk
department: {{ lead: insurance, copy_to: [] }}
result: suspected
severity: low
problem_type: 超标准收费
party: institution
event: settlement
grain: case
evaluate:
  kind: ratio
  compare: expected
  case: stay
  cases: \"header.setting = 'inpatient'\"
  value: {value}
  indicator: {indicator}
  baseline: {}
  units: [institution]
  panes: [year_to_date]
  min_excess: {min_excess}
clue:
  summary: {{ zh: \"{{group.sentence}}\", en: \"{{group.sentence_en}}\" }}
  evidence: [group.n, group.observed, group.expected, group.ratio]
why: {{ zh: 用于测试, en: for a test }}
basis:
  - {{ text: 医疗保障基金使用监督管理条例, article: 第三十八条, issuer: 国务院令第735号, valid_from: 2019-05-01, verified: false }}
innocent_when:
  - {{ zh: 录入错误, en: entered wrongly }}
cases:
  - name: nothing
    given: {{ header: {{}} }}
    expect: quiet
  - name: cases that a test makes
    given: {{ header: {{}} }}
    expect: clue
  - name: cases of no value
    given: {{ header: {{}} }}
    expect: unknown
",
        ny_baseline::NAME
    )
}

/// With the age at the begin of care, which events tell by the day of birth.
fn with_ages(mut stays: Vec<Discharge>, lines: &[Vec<u8>]) -> Vec<Discharge> {
    for (stay, line) in stays.iter_mut().zip(lines) {
        let bill: Value = serde_json::from_slice(line).unwrap();
        let day = |name: &str| NaiveDate::parse_from_str(&bill[name].as_str().unwrap()[..10], "%Y-%m-%d").unwrap();
        let (born, begun) = (day("brdy"), day("begntime"));
        let before = (begun.month(), begun.day()) < (born.month(), born.day());
        stay.age = u8::try_from(begun.year() - born.year() - i32::from(before)).unwrap();
    }
    stays
}

/// A number of so many decimals as a whole one.
fn fixed(text: &str, places: usize) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<places$}").parse().unwrap()
}

/// Cases, observed, expected and variance of each facility by one indicator.
fn plain(stays: &[Discharge], indicator: usize, folder: &Path) -> BTreeMap<String, [i128; 4]> {
    let of = &INDICATORS_OF_STAYS[indicator];
    let places = [2, 4][indicator];
    let mut cells: BTreeMap<[String; 2], [i128; 3]> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(folder.join("baseline_cells.csv")).unwrap();
    let heads = reader.headers().unwrap().clone();
    for row in reader.records().map(Result::unwrap) {
        let column = |name: &str| &row[heads.iter().position(|head| head == name).unwrap()];
        if column("indicator") == of.name && column("n").parse::<u32>().unwrap() >= 30 {
            let key = ["disease_group", "age_band"].map(|name| column(name).to_owned());
            cells.insert(key, [fixed(column("mean"), places), fixed(column("variance"), 2 * places), fixed(column("cap"), places)]);
        }
    }
    let mut sums: BTreeMap<String, [i128; 4]> = BTreeMap::new();
    for stay in stays {
        let band = match stay.age {
            0..=39 => "0-39",
            40..=59 => "40-59",
            _ => "60-",
        };
        let group = stay.group.as_str();
        let nearest = [[group, band], [group, "*"], ["*", band], ["*", "*"]];
        let [mean, variance, cap] = nearest.iter().find_map(|place| cells.get(&place.map(str::to_owned))).unwrap();
        let [n, observed, expected, spread] = sums.entry(stay.facility.clone()).or_default();
        *n += 1;
        *observed += i128::from((of.value)(stay)).min(*cap);
        *expected += mean;
        *spread += variance;
    }
    sums
}

/// Runs a log to its end and returns what was concluded.
fn looked(engine: &Arc<Engine>, log: &mut dyn Log) -> Looks {
    let mut listener = Listener::default();
    let settings = WorkerSettings { until_end: true, ..WorkerSettings::default() };
    let done = Worker::new(Arc::clone(engine), log, settings, &SystemClock::default()).run(&Wish::default(), &mut listener);
    done.unwrap_or_else(|fault| panic!("{}", chain(&fault)));
    std::mem::take(&mut *listener.looks.lock().unwrap())
}

/// Of all facilities: those that are judged, with a ratio above 1.5, alert, watch.
const FUNNELS: [[usize; 5]; 2] = [[169, 163, 14, 6, 13], [169, 163, 3, 0, 4]];

/// They lie beside a full checkout only.
#[test]
fn facilities_have_the_ratios_of_plain_sums_through_files_and_topics() {
    let path = site::root().join("../shared/data/ny-discharges-2020/settlements.ndjson.gz");
    if !path.exists() {
        println!("no real discharges beside this checkout: nothing is computed");
        return;
    }
    let mut text = Vec::new();
    let mut reader = std::io::BufReader::new(flate2::read::MultiGzDecoder::new(File::open(&path).unwrap()));
    std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    let stays = with_ages(ny_baseline::read(&path), &lines);
    let dir = tempfile::tempdir().unwrap();
    let [rules, tables] = ["rules", "tables"].map(|name| dir.path().join(name));
    std::fs::create_dir_all(rules.join("pack")).unwrap();
    std::fs::create_dir(&tables).unwrap();
    ny_baseline::write(&stays, &tables);
    for file in ["departments.yaml", "code_map.yaml"] {
        std::fs::copy(feed::path("rules").join(file), rules.join(file)).unwrap();
    }
    std::fs::write(rules.join("gates.yaml"), "gates: []\n").unwrap();
    let of = [("ny-cost", "{ sum: header.medfee_sumamt }", 5000), ("ny-days", "{}", 10)];
    for ((id, value, least), indicator) in of.iter().zip(&INDICATORS_OF_STAYS) {
        std::fs::write(rules.join(format!("pack/{id}.yaml")), rule(id, value, indicator.name, *least)).unwrap();
    }
    let loaded = group_feed::load(&rules, &[feed::path("rules/reference"), tables.clone()]);
    let engine = |topics: Option<&KafkaSettings>| {
        let mut own = EngineSettings { partitions: PARTITIONS, ..EngineSettings::default() };
        for (input, topic) in own.inputs.iter_mut().zip(topics.into_iter().flat_map(|kafka| &kafka.inputs)) {
            (input.topic, input.partitioner) = (topic.clone(), Some(Partitioner::Murmur2));
        }
        Arc::new(Engine::new(Arc::clone(&loaded.rules), Arc::clone(&loaded.references), own, IdentityKey::from_bytes(&[9; 32])))
    };

    let mut heads = HeadReader::default();
    let head = move |input: usize, line: &[u8]| {
        let head = heads.read(input, line);
        LineHead { event_time: head.event_time, business_id: head.business_id, person: head.person }
    };
    let config = FilesConfig {
        inputs: vec![("settlement".to_owned(), vec![path.clone()]), ("prescription".to_owned(), Vec::new())],
        partitions: PARTITIONS,
        partitioner: Partitioner::Murmur2,
        zone: EngineSettings::default().zone,
        clues: Some(dir.path().join("clues.ndjson")),
        shadow: None,
        rejects: None,
    };
    let from_files = looked(&engine(None), &mut FilesLog::open(config, Box::new(head)).unwrap());

    let kafka = broker().with_topics("groups-discharges", "a", PARTITIONS);
    let mut feed = Feed::connect(&kafka).unwrap();
    for line in &lines {
        let bill: Value = serde_json::from_slice(line).unwrap();
        let person = bill["psn_no"].as_str().unwrap().as_bytes();
        let time = chrono::NaiveDateTime::parse_from_str(bill["setl_time"].as_str().unwrap(), "%Y-%m-%d %H:%M:%S").unwrap();
        let partition = Partitioner::Murmur2.partition(person, PARTITIONS);
        feed.send(&kafka.inputs[0], partition, Some(person), Some(line), time.and_utc().timestamp_millis()).unwrap();
    }
    feed.flush().unwrap();
    admin::advance(&kafka, &[&kafka.inputs[0], &kafka.inputs[1]], "end").unwrap();
    let mut log = KafkaLog::connect(kafka.clone()).unwrap();
    let from_topics = looked(&engine(Some(&kafka)), &mut log);

    for (way, looks) in [("files", from_files), ("topics", from_topics)] {
        let units = looks.units();
        for (indicator, (rule, ..)) in of.iter().enumerate() {
            let sums = plain(&stays, indicator, &tables);
            let mut funnel = [sums.len(), 0, 0, 0, 0];
            for (facility, [n, observed, expected, variance]) in &sums {
                let key = [*rule, "2020-01/12", facility, "institution", facility].map(str::to_owned);
                let [rule, pane, institution, kind, unit] = key;
                let outcome = units[&(rule, pane, institution, kind, unit)];
                let Outcome::Judged(ratio) = outcome else {
                    assert!(*n < 3, "{way}: {facility} of {n} cases is {outcome:?}");
                    continue;
                };
                assert_eq!([ratio.n, ratio.observed, ratio.expected, ratio.variance], [*n, *observed, *expected, *variance], "{facility}");
                assert!((ratio.ratio - *observed as f64 / *expected as f64).abs() < 1e-9, "{facility}");
                assert_eq!((ratio.coverage.part, ratio.coverage.whole), (*n, *n), "{facility}");
                let counts = [true, ratio.ratio > 1.5, ratio.tier == Decision::Alert, ratio.tier == Decision::Watch];
                funnel[1..].iter_mut().zip(counts).for_each(|(sum, counts)| *sum += usize::from(counts));
            }
            let [facilities, judged, above, alert, watch] = funnel;
            println!("{way}, {rule}: facilities {facilities}, judged {judged}, O/E above 1.5 {above}, alert {alert}, watch {watch}");
            assert_eq!(funnel, FUNNELS[indicator], "{way}, {rule}");
        }
    }
}
