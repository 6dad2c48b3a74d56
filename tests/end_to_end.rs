//! The program itself on a real broker: what it finds equals a second,
//! independent computation, exactly once, however often it is killed.

mod support;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use chrono::NaiveDate;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::INPUTS;
use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::codecs::RejectClass;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::partition::Partitioner;
use claimsift::synth;
use claimsift::synth::SynthSettings;
use rdkafka::ClientConfig;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use serde_json::Value;
use support::broker::Broker;
use support::oracle::Clue;
use support::oracle::Effective;
use support::oracle::Oracle;
use support::oracle::check_equal;
use support::site;
use support::site::Tune;
use support::site::city;
use support::site::root;

const PARTITIONS: i32 = 4;
/// Looks at the broker before a test gives up; each takes some milliseconds at least.
const LOOKS_MAX: usize = 200_000;
const ANSWER: Duration = Duration::from_secs(20);

fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start)
}

/// A feed with everything in it: repeats, hard spellings and values that cannot
/// be read (one message of a hundred together), late messages, and messages
/// that cannot be used.
fn feed_settings(seed: u64, events: u64) -> SynthSettings {
    let prescriptions = events / 11;
    SynthSettings {
        seed,
        settlements: events - prescriptions,
        prescriptions,
        persons: u32::try_from(events / 5).unwrap(),
        duplicates: 0.001,
        traps: 0.007,
        bad_values: 0.003,
        rejects: 0.01,
        late: 0.01,
        ..SynthSettings::default()
    }
}

/// Topics, a configuration and a folder of one test.
struct Site {
    kafka: KafkaSettings,
    dir: tempfile::TempDir,
    /// Since when the feed is whole, and go-live.
    dates: (NaiveDate, NaiveDate),
    started: std::cell::Cell<u32>,
}

const PLAIN: Tune<'static> = Tune { instance: "a", workers: 2, epoch: 3000, more: "" };

impl Site {
    fn new(name: &str, dates: (NaiveDate, NaiveDate)) -> Self {
        let kafka = broker().with_topics(name, "unused", PARTITIONS);
        Self { kafka, dir: tempfile::tempdir().unwrap(), dates, started: std::cell::Cell::new(0) }
    }

    fn of(name: &str, feed: &SynthSettings) -> Self {
        Self::new(name, (feed.first_day(), feed.live_first()))
    }

    /// Writes the configuration of one worker process.
    fn config(&self, tune: &Tune<'_>) -> PathBuf {
        let text = site::config(&self.kafka, self.dates.0, self.dates.1, tune);
        let path = self.dir.path().join(format!("{}.yaml", tune.instance));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn start(&self, config: &Path, more: &[&str]) -> Worker {
        self.started.set(self.started.get() + 1);
        let told = self.dir.path().join(format!("told-{}", self.started.get()));
        let child = Command::new(env!("CARGO_BIN_EXE_claimsift"))
            .args(["run", "--config"])
            .arg(config)
            .args(more)
            .stdout(Stdio::null())
            .stderr(File::create(&told).unwrap())
            .spawn()
            .unwrap();
        Worker { child, told }
    }

    /// Works off everything that the topics hold.
    fn finish(&self, config: &Path) {
        let (status, told) = self.start(config, &["--until-end"]).wait();
        assert!(status.success(), "{told}");
    }

    /// Committed records of a topic.
    fn read(&self, topic: &str, each: &mut dyn FnMut(&Stored)) {
        for _ in 0..LOOKS_MAX {
            let mut records = Vec::new();
            let read = admin::read_topic(&self.kafka, topic, &mut |record| {
                records.push(Stored {
                    partition: record.partition,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers: record.headers.to_vec(),
                });
                Ok(())
            });
            match read {
                Ok(()) => return records.iter().for_each(each),
                // A topic that was made just now may have no leader yet.
                Err(fault) => assert_ne!(fault.remedy, Remedy::Stop, "{}", chain(&fault)),
            }
        }
        panic!("{topic} cannot be read");
    }

    /// Messages that are journalled, over all partitions.
    fn journalled(&self) -> u64 {
        let mut sum = 0;
        self.read(&self.kafka.journal, &mut |record| sum += json(record.value())["n_in"].as_u64().unwrap());
        sum
    }

    /// Waits until so many messages are journalled, while the worker lives.
    fn until_journalled(&self, count: u64, workers: &mut [&mut Worker]) {
        for _ in 0..LOOKS_MAX {
            if self.journalled() >= count {
                return;
            }
            for worker in &mut *workers {
                worker.check_alive();
            }
        }
        panic!("only {} of {count} messages are journalled", self.journalled());
    }

    /// Runs over files: what was found, the rejects' lines, and what was told.
    fn over_files(&self, config: &Path, settlements: &Path, prescriptions: Option<&Path>) -> (Effective, usize, String) {
        let out = |name: &str| self.dir.path().join(format!("out-{name}.ndjson"));
        let mut run = Command::new(env!("CARGO_BIN_EXE_claimsift"));
        run.args(["run", "--config"]).arg(config).arg("--settlement").arg(settlements);
        if let Some(prescriptions) = prescriptions {
            run.arg("--prescription").arg(prescriptions);
        }
        for name in ["clues", "shadow", "rejects"] {
            run.arg(format!("--{name}")).arg(out(name));
        }
        let output = run.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        let lines = |name: &str| {
            let text = std::fs::read(out(name)).unwrap();
            text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let mut effective = Effective::default();
        for line in lines("clues").into_iter().chain(lines("shadow")) {
            effective.add(&line);
        }
        (effective, lines("rejects").len(), told)
    }

    fn effective(&self) -> Effective {
        let mut effective = Effective::default();
        for topic in [&self.kafka.clues, &self.kafka.shadow] {
            self.read(topic, &mut |record| effective.add(record.value()));
        }
        effective
    }

    /// Tables of the effective clues: files and what stands in them.
    fn export(&self, name: &str, source: &[&Path]) -> BTreeMap<String, Vec<u8>> {
        let out = self.dir.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_claimsift"));
        let output = command.args(["clues", "export", "--by", "county", "--out"]).arg(&out).args(source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect()
    }

    fn group(&self) -> BaseConsumer {
        ClientConfig::new().set("bootstrap.servers", &self.kafka.bootstrap).set("group.id", &self.kafka.group).create().unwrap()
    }

    /// The topics of all inputs.
    fn inputs(&self) -> [&str; INPUTS] {
        [&self.kafka.inputs[0], &self.kafka.inputs[1], &self.kafka.partials]
    }

    /// By input and partition.
    fn committed(&self) -> BTreeMap<(usize, i32), Option<i64>> {
        let mut list = TopicPartitionList::new();
        for topic in self.inputs() {
            list.add_partition_range(topic, 0, PARTITIONS - 1);
        }
        let list = self.group().committed_offsets(list, ANSWER).unwrap();
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        let input = |topic: &str| self.inputs().iter().position(|name| *name == topic).unwrap();
        list.elements().iter().map(|row| ((input(row.topic()), row.partition()), offset(row.offset()))).collect()
    }

    /// Whether so many members share the partitions.
    fn has_members(&self, count: usize) -> bool {
        let list = self.group().fetch_group_list(Some(&self.kafka.group), ANSWER).unwrap();
        let group = list.groups().iter().find(|group| group.name() == self.kafka.group);
        group.is_some_and(|group| group.state() == "Stable" && group.members().len() == count)
    }

    /// Every journal is an unbroken chain of entries that account for every
    /// message, and the group stands where the journals and the inputs end.
    fn check_journal(&self, messages: u64) {
        let mut last: BTreeMap<i32, u64> = BTreeMap::new();
        let mut read: BTreeMap<(usize, i32), i64> = BTreeMap::new();
        let mut sum = 0;
        self.read(&self.kafka.journal, &mut |record| {
            let entry = json(record.value());
            let number = |name: &str| entry[name].as_u64().unwrap();
            let previous = last.insert(record.partition, number("number")).unwrap_or_default();
            assert_eq!((number("previous"), number("number")), (previous, previous + 1), "partition {}", record.partition);
            let rejected: u64 = entry["rejected"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
            let parts = ["evaluated", "duplicate", "correction", "statement"].map(number);
            assert_eq!(number("n_in"), parts.iter().sum::<u64>() + rejected, "{entry}");
            assert_eq!(number("correction"), 0, "the feed holds none");
            let runs = entry["runs"].as_array().unwrap();
            let events = runs.iter().filter(|run| run["input"].as_u64() != Some(PARTIALS_INPUT as u64));
            assert_eq!(number("n_in"), events.map(|run| run["messages"].as_u64().unwrap()).sum::<u64>());
            for run in runs {
                let place = (usize::try_from(run["input"].as_u64().unwrap()).unwrap(), record.partition);
                let from = run["from"].as_i64().unwrap();
                assert!(from >= read.get(&place).copied().unwrap_or_default(), "offsets of {place:?} are read once: {entry}");
                read.insert(place, run["to"].as_i64().unwrap());
            }
            sum += number("n_in");
        });
        assert_eq!(sum, messages);
        let committed: BTreeMap<(usize, i32), i64> = self.committed().into_iter().map(|(place, offset)| (place, offset.unwrap())).collect();
        // Of partials a partition may have none.
        for partition in 0..PARTITIONS {
            read.entry((PARTIALS_INPUT, partition)).or_default();
        }
        assert_eq!(committed, read);
        let group = self.group();
        for ((input, partition), offset) in read {
            let end = group.fetch_watermarks(self.inputs()[input], partition, ANSWER).unwrap().1;
            // Behind the last partials stand the marks of transactions.
            assert!(offset == end || input == PARTIALS_INPUT, "input {input}, partition {partition}");
        }
    }

    /// The journals count these field faults and no others.
    fn check_faults(&self, expected: &BTreeMap<Fault, u64>) {
        let mut found: BTreeMap<Fault, u64> = BTreeMap::new();
        self.read(&self.kafka.journal, &mut |record| {
            for row in json(record.value())["field_faults"].as_array().into_iter().flatten() {
                let text = |name: &str| row[name].as_str().unwrap().to_owned();
                assert_eq!(text("table"), "header", "{row}");
                let input = ["settlement", "prescription"].iter().position(|name| *name == text("event")).unwrap();
                *found.entry((input, text("column"), text("fault"))).or_default() += row["count"].as_u64().unwrap();
            }
        });
        assert_eq!(found, *expected);
    }

    /// The reject topic holds these messages byte for byte and no others.
    fn check_rejects(&self, expected: &BTreeMap<Refused, u64>) {
        let mut found: BTreeMap<Refused, u64> = BTreeMap::new();
        self.read(&self.kafka.rejects, &mut |record| {
            let header = |name: &str| {
                let value = record.headers.iter().find(|header| header.0 == name).and_then(|header| header.1.clone());
                String::from_utf8(value.unwrap_or_default()).unwrap()
            };
            let refused = Refused {
                topic: header("claimsift-source-topic"),
                partition: header("claimsift-source-partition"),
                class: header("class"),
                key: record.key.clone(),
                value: record.value.clone(),
            };
            *found.entry(refused).or_default() += 1;
        });
        for (refused, count) in expected {
            assert_eq!(found.get(refused), Some(count), "{refused:?}");
        }
        for refused in found.keys() {
            assert!(expected.contains_key(refused), "{refused:?}");
        }
    }
}

/// A record of an output.
struct Stored {
    partition: i32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Stored {
    fn value(&self) -> &[u8] {
        self.value.as_deref().unwrap()
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// A message that must be found in the reject topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Refused {
    topic: String,
    partition: String,
    class: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

/// A running program; killed when dropped.
struct Worker {
    child: Child,
    told: PathBuf,
}

impl Worker {
    fn check_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the worker ended ({status}): {}", std::fs::read_to_string(&self.told).unwrap());
        }
    }

    /// As `kill -9` does it.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, std::fs::read_to_string(&self.told).unwrap())
    }

    /// Ends in good order.
    fn stop(self) {
        self.signal("TERM");
        let (status, told) = self.wait();
        assert!(status.success(), "{told}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was fed, and what must come of it.
struct Fed {
    messages: u64,
    clues: std::collections::BTreeSet<Clue>,
    refused: BTreeMap<Refused, u64>,
    faults: BTreeMap<Fault, u64>,
    withdrawn: usize,
}

/// A header column that could not be read: input, column, kind of fault.
type Fault = (usize, String, String);

/// Generates the feed into the topics, ends it with statements, and computes
/// what is to be found.
fn fill(kafka: &KafkaSettings, settings: &SynthSettings) -> Fed {
    fill_and(kafka, settings, &mut |_| {})
}

/// The same; `each` sees the messages that can be used.
fn fill_and(kafka: &KafkaSettings, settings: &SynthSettings, each: &mut dyn FnMut(&synth::Generated)) -> Fed {
    let city = city(settings.live_first());
    let mut oracle = Oracle::new(root(), settings.live_first(), settings.first_day(), "9901");
    let mut generator = synth::generate(settings, &city);
    let withdrawn = generator.truths().iter().filter(|truth| truth.kind == synth::TruthKind::Withdrawn).count();
    let mut feed = Feed::connect(kafka).unwrap();
    let mut event = synth::Generated::default();
    let mut refused: BTreeMap<Refused, u64> = BTreeMap::new();
    let mut faults: BTreeMap<Fault, u64> = BTreeMap::new();
    let mut messages = 0;
    while generator.next_into(&mut event) {
        let topic = &kafka.inputs[event.input];
        let key = event.person.as_bytes();
        let partition = Partitioner::Murmur2.partition(key, PARTITIONS);
        let value = (event.reject != Some(RejectClass::Tombstone)).then_some(event.json.as_slice());
        feed.send(topic, partition, Some(key), value, event.timestamp_ms).unwrap();
        messages += 1;
        match event.reject {
            None => {
                let outcome = event.trap.map(synth::TrapKind::outcome);
                let mut unreadable = None;
                if let Some(synth::TrapOutcome::Fault { column, fault }) = outcome {
                    unreadable = Some(column);
                    *faults.entry((event.input, column.to_owned(), fault.name().to_owned())).or_default() += 1;
                }
                oracle.add(event.input, &event.json, unreadable);
                each(&event);
            }
            Some(class) => {
                let message = Refused {
                    topic: topic.clone(),
                    partition: partition.to_string(),
                    class: class.name().to_owned(),
                    key: Some(key.to_vec()),
                    value: value.map(<[u8]>::to_vec),
                };
                *refused.entry(message).or_default() += 1;
            }
        }
    }
    feed.flush().unwrap();
    admin::advance(kafka, &[&kafka.inputs[0], &kafka.inputs[1]], "end").unwrap();
    messages += 2 * u64::try_from(PARTITIONS).unwrap();
    Fed { messages, clues: oracle.clues(), refused, faults, withdrawn }
}

/// Everything that must hold when all is read.
fn check(site: &Site, fed: &Fed) -> Effective {
    let effective = site.effective();
    // Clues about groups are held against SQL over the same events, in a test of their own.
    let of_persons: BTreeSet<_> = effective.clues().into_iter().filter(|clue| !clue.evidence.is_empty()).collect();
    check_equal(&of_persons, &fed.clues);
    site.check_rejects(&fed.refused);
    site.check_faults(&fed.faults);
    site.check_journal(fed.messages);
    effective
}

/// Ascending, from 0 to 1, by a generator of this test's own.
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

#[test]
fn killed_five_times_it_finds_what_is_to_be_found_once() {
    let events = if std::env::var_os("CLAIMSIFT_SOAK").is_some() { 1_100_000 } else { 100_000 };
    let settings = feed_settings(7, events);
    let site = Site::of("killed", &settings);
    let config = site.config(&PLAIN);
    let kafka = site.kafka.clone();
    let feeder = thread::spawn({
        let settings = settings.clone();
        move || fill(&kafka, &settings)
    });
    let mut worker = site.start(&config, &[]);
    for moment in moments::<5>(11) {
        site.until_journalled((moment * events as f64) as u64, &mut [&mut worker]);
        worker.kill();
        worker = site.start(&config, &[]);
    }
    let fed = feeder.join().unwrap();
    worker.stop();
    site.finish(&config);
    let effective = check(&site, &fed);
    let by_rule = fed.clues.iter().fold(BTreeMap::<&str, usize>::new(), |mut counts, clue| {
        *counts.entry(clue.rule.as_str()).or_default() += 1;
        counts
    });
    assert!(synth::rules().iter().all(|rule| by_rule.contains_key(rule)), "every planted rule has something to find: {by_rule:?}");
    assert!(effective.withdrawn >= fed.withdrawn, "a clue is withdrawn when the excusing bill comes late");
    assert_eq!(fed.faults.len(), synth::TrapKind::BAD.iter().map(|kinds| kinds.len()).sum::<usize>(), "{:?}", fed.faults);
    // No class but the one that the feed cannot make is missing.
    let classes: std::collections::BTreeSet<&str> = fed.refused.keys().map(|refused| refused.class.as_str()).collect();
    assert_eq!(classes.len(), RejectClass::ALL.len() - 1, "{classes:?}");
}

#[test]
fn two_processes_share_the_partitions_and_one_is_killed() {
    let events = 30_000;
    let settings = feed_settings(8, events);
    let site = Site::of("pair", &settings);
    let configs = ["a", "b"].map(|instance| site.config(&Tune { instance, workers: 1, ..PLAIN }));
    let [mut first, mut second] = [0, 1].map(|idx| site.start(&configs[idx], &[]));
    for look in 0.. {
        assert!(look < LOOKS_MAX, "the two never share the group");
        if site.has_members(2) {
            break;
        }
        first.check_alive();
        second.check_alive();
    }
    let kafka = site.kafka.clone();
    let feeder = thread::spawn(move || fill(&kafka, &settings));
    site.until_journalled(events / 3, &mut [&mut first, &mut second]);
    second.kill();
    second = site.start(&configs[1], &[]);
    let fed = feeder.join().unwrap();
    site.until_journalled(fed.messages, &mut [&mut first, &mut second]);
    first.stop();
    second.stop();
    site.finish(&configs[0]);
    check(&site, &fed);
}

#[test]
fn a_stop_in_good_order_and_a_stop_at_once_lose_nothing() {
    let events = 40_000;
    let settings = feed_settings(9, events);
    let site = Site::of("stopped", &settings);
    let config = site.config(&Tune { workers: 1, epoch: 1000, ..PLAIN });
    let names = ["settlement", "prescription"].map(|name| site.dir.path().join(format!("{name}.ndjson")));
    let mut files = names.each_ref().map(|name| std::io::BufWriter::new(File::create(name).unwrap()));
    let fed = fill_and(&site.kafka, &settings, &mut |event| {
        // A raw line break can only stand between two tokens.
        let line: Vec<u8> = event.json.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
        let file = &mut files[event.input];
        file.write_all(&line).and_then(|()| file.write_all(b"\n")).unwrap();
    });
    files.iter_mut().for_each(|file| file.flush().unwrap());
    let mut worker = site.start(&config, &[]);
    site.until_journalled(1, &mut [&mut worker]);
    worker.signal("TERM");
    let (status, told) = worker.wait();
    assert!(status.success(), "{told}");
    assert!(told.contains("messages in"), "it says what it did: {told}");
    let before = site.journalled();
    assert!(before > 0);

    // Two signals of different kinds: equal ones that come together are one.
    let mut worker = site.start(&config, &[]);
    // A quick worker may have read everything before it heard of the first stop.
    site.until_journalled((before + 1).min(fed.messages), &mut [&mut worker]);
    worker.signal("INT");
    worker.signal("TERM");
    let (_, told) = worker.wait();
    assert!(!told.contains("panicked"), "{told}");

    site.finish(&config);
    let effective = check(&site, &fed);
    let [settlements, prescriptions] = names;
    assert_eq!(
        site.over_files(&config, &settlements, Some(&prescriptions)).0.findings(),
        effective.findings(),
        "files give the same bytes"
    );
    let clues = site.dir.path().join("out-clues.ndjson");
    let from_topic = site.export("topic", &["--config".as_ref(), config.as_path()]);
    assert!(from_topic.len() >= 3 && from_topic == site.export("files", &[clues.as_path()]), "and the same tables");
}

#[test]
fn a_person_in_the_wrong_partition_stops_the_worker() {
    let settings = SynthSettings { rejects: 0.0, traps: 0.0, bad_values: 0.0, late: 0.0, duplicates: 0.0, ..feed_settings(10, 3000) };
    let site = Site::of("misplaced", &settings);
    let config = site.config(&Tune { workers: 1, ..PLAIN });
    let fed = fill(&site.kafka, &settings);
    site.finish(&config);
    let settled = (site.committed(), site.journalled());

    // One more bill of somebody, sent to the next partition.
    let city = city(settings.live_first());
    let event = synth::generate(&SynthSettings { seed: 99, ..settings.clone() }, &city).find(|event| event.input == 0).unwrap();
    let right = Partitioner::Murmur2.partition(event.person.as_bytes(), PARTITIONS);
    let wrong = (right + 1) % PARTITIONS;
    let mut feed = Feed::connect(&site.kafka).unwrap();
    feed.send(&site.kafka.inputs[0], wrong, Some(event.person.as_bytes()), Some(&event.json), event.timestamp_ms).unwrap();
    feed.flush().unwrap();
    let (status, told) = site.start(&config, &["--until-end"]).wait();
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains("wrong_partition") && told.contains("policy is stop"), "{told}");
    assert!(!told.contains(&event.person), "no person is named: {told}");
    assert_eq!((site.committed(), site.journalled()), settled, "nothing of it is committed");
    site.check_rejects(&fed.refused);

    // Somebody decides that it may go to the rejects.
    let lenient = site.config(&Tune { instance: "a", workers: 1, more: "rejects: { policy: { wrong_partition: reject } }\n", ..PLAIN });
    site.finish(&lenient);
    let refused = Refused {
        topic: site.kafka.inputs[0].clone(),
        partition: wrong.to_string(),
        class: "wrong_partition".to_owned(),
        key: Some(event.person.into_bytes()),
        value: Some(event.json),
    };
    check(&site, &Fed { messages: fed.messages + 1, refused: BTreeMap::from([(refused, 1)]), ..fed });
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { std::fs::copy(entry.path(), target).map(|_| ()).unwrap() }
    }
}

/// Changes a file of a copied folder, which must hold `before`.
fn change(path: &Path, before: &str, after: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(before), "{} holds {before}", path.display());
    std::fs::write(path, text.replacen(before, after, 1)).unwrap();
}

#[test]
fn mistakes_in_files_are_all_told_and_nothing_starts() {
    let settings = SynthSettings { rejects: 0.0, ..feed_settings(12, 3000) };
    let site = Site::of("mistaken", &settings);
    fill(&site.kafka, &settings);
    let untouched = |expected: &[&str], config: &Path, more: &[&str]| {
        let (status, told) = site.start(config, more).wait();
        assert_eq!(status.code(), Some(1), "{told}");
        for part in expected {
            assert!(told.contains(part), "`{part}` is told: {told}");
        }
        assert_eq!(site.journalled(), 0);
        assert!(site.committed().values().all(Option::is_none));
        let list = site.group().fetch_group_list(Some(&site.kafka.group), ANSWER).unwrap();
        assert!(list.groups().iter().all(|group| group.members().is_empty()), "nobody joined");
    };

    let config = site.config(&Tune {
        instance: "typo",
        more: "covered_area: [\"9901\"]\nzone: Mars/Olympus\nepoch: { interval_ms: soon }\n",
        ..PLAIN
    });
    untouched(&["covered_area", "Mars/Olympus", "soon", "typo.yaml:12", "typo.yaml:13", "typo.yaml:14"], &config, &[]);

    let copied = site.dir.path().join("rules");
    copy(&root().join("rules"), &copied);
    change(&copied.join("insurance/drug-sex.yaml"), "ref.sex_limit in", "ref.sex_limits in");
    change(&copied.join("health/psy2-7d.yaml"), "severity: medium", "severity: terrible");
    let config = site.config(&PLAIN);
    let rules = copied.to_str().unwrap();
    untouched(&["drug-sex.yaml:", "sex_limits", "psy2-7d.yaml:", "terrible"], &config, &["--rules", rules]);

    let tables = site.dir.path().join("tables");
    copy(&root().join("demo/reference"), &tables);
    change(&tables.join("ceilings.csv"), ",5.880000,2025-01-01", ",dear,2025-13-01");
    change(&tables.join("institutions.csv"), ",hospital,02,", ",hostel,02,");
    let (shipped, tables) = (root().join("rules/reference"), tables.to_str().unwrap().to_owned());
    untouched(
        &["ceilings.csv:2", "dear", "2025-13-01", "institutions.csv:2", "hostel"],
        &config,
        &["--reference", shipped.to_str().unwrap(), &tables],
    );
}

/// The same real discharges through files and through topics. They lie beside
/// a full checkout only.
#[test]
fn real_discharges_come_out_the_same_through_files_and_topics() {
    let path = root().join("../shared/data/ny-discharges-2020/settlements.ndjson.gz");
    if !path.exists() {
        println!("no real discharges beside this checkout: nothing is compared");
        return;
    }
    let since = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap();
    let site = Site::new("discharges", (since, since));
    let config = site.config(&PLAIN);
    let (from_files, rejected_lines, told_files) = site.over_files(&config, &path, None);
    let mut lines = Vec::new();
    let mut reader = std::io::BufReader::new(flate2::read::MultiGzDecoder::new(File::open(&path).unwrap()));
    std::io::Read::read_to_end(&mut reader, &mut lines).unwrap();
    let mut feed = Feed::connect(&site.kafka).unwrap();
    let mut messages = 0;
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let bill = json(line);
        let person = bill["psn_no"].as_str().unwrap();
        let time = chrono::NaiveDateTime::parse_from_str(bill["setl_time"].as_str().unwrap(), "%Y-%m-%d %H:%M:%S").unwrap();
        let partition = Partitioner::Murmur2.partition(person.as_bytes(), PARTITIONS);
        feed.send(&site.kafka.inputs[0], partition, Some(person.as_bytes()), Some(line), time.and_utc().timestamp_millis()).unwrap();
        messages += 1;
    }
    feed.flush().unwrap();
    admin::advance(&site.kafka, &[&site.kafka.inputs[0], &site.kafka.inputs[1]], "end").unwrap();
    site.finish(&config);
    assert_eq!(messages, 36_631);
    site.check_journal(messages + 2 * u64::try_from(PARTITIONS).unwrap());

    let effective = site.effective();
    assert_eq!(from_files.findings(), effective.findings());
    for clue in effective.clues() {
        assert!(
            !["online-first", "repeat-supply", "repeat-supply-same"].contains(&clue.rule.as_str()),
            "each person has one stay: {clue:?}"
        );
    }
    let mut rejects = 0;
    site.read(&site.kafka.rejects, &mut |record| {
        assert!(record.headers.iter().any(|header| header.0 == "reason" && header.1.as_ref().is_some_and(|text| !text.is_empty())));
        rejects += 1;
    });
    assert_eq!(rejected_lines, rejects);
    println!("{} clues, {rejects} rejects; files: {told_files}", effective.clues().len());
}
