//! Several processes on a real broker that are killed at random, leave and
//! come back, while the broker itself goes away: what they tell in the end is
//! what one pass in memory tells.
//!
//! `make soak` has a million events and more than fifty kills.

#[path = "support/broker.rs"]
mod broker;
#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/site.rs"]
mod site;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use broker::Broker;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::engine::Engine;
use claimsift::engine::journal::JournalEntry;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::partition::Partitioner;
use claimsift::synth;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use effective::words;
use feed::World;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;
use rdkafka::ClientConfig;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;

const PARTITIONS: i32 = 4;
/// No step of this test takes this long unless it never ends.
const LIMIT: Duration = Duration::from_secs(240);
/// Longer than a transaction may be open, which is 15 s.
const OUTAGE: Duration = Duration::from_secs(20);

struct Size {
    events: u64,
    kills: usize,
    outage: bool,
}

fn size() -> Size {
    if std::env::var_os("CLAIMSIFT_SOAK").is_some() {
        Size { events: 1_000_000, kills: 54, outage: true }
    } else {
        Size { events: 40_000, kills: 6, outage: false }
    }
}

fn settings(events: u64) -> SynthSettings {
    let prescriptions = events / 11;
    SynthSettings {
        seed: 31,
        settlements: events - prescriptions,
        prescriptions,
        persons: u32::try_from(events / 5).unwrap(),
        planted: Planted { violations: 6, missed: 1, withdrawn: 6, near_misses: 2, innocents: 2 },
        duplicates: 0.001,
        late: 0.01,
        ..SynthSettings::default()
    }
}

/// A running program; killed when dropped.
struct Process {
    child: Child,
    told: PathBuf,
}

impl Process {
    fn start(config: &Path, told: PathBuf, more: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_claimsift"))
            .args(["run", "--config"])
            .arg(config)
            .args(more)
            .stdout(Stdio::null())
            .stderr(File::create(&told).unwrap())
            .spawn()
            .unwrap();
        Self { child, told }
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.told).unwrap()
    }

    /// As `kill -9` does it.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// Ends in good order.
    fn stop(mut self) {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        // One that was only just started does not listen yet.
        assert!(status.success() || status.code().is_none(), "{status}: {}", self.told());
    }

    fn finish(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}", self.told());
    }

    /// Whether it has ended. A broker that was killed may come back with the
    /// member that a slot had before: it fences the one that has it now, which
    /// stops, and whoever supervises it starts it again. Nothing else ends it.
    fn was_fenced(&mut self) -> bool {
        let Some(status) = self.child.try_wait().unwrap() else { return false };
        assert!(self.told().contains("another process has taken this worker's slot"), "a process ended ({status}): {}", self.told());
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Offsets that the group has committed, by input topic and partition.
struct Progress {
    client: BaseConsumer,
    kafka: KafkaSettings,
}

type Offsets = BTreeMap<(usize, i32), i64>;

impl Progress {
    fn of(kafka: &KafkaSettings) -> Self {
        let client = ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).set("group.id", &kafka.group).create().unwrap();
        Self { client, kafka: kafka.clone() }
    }

    /// `None`: the broker does not answer, or a transaction is still open.
    fn committed(&self) -> Option<Offsets> {
        let mut list = TopicPartitionList::new();
        for topic in &self.kafka.inputs {
            list.add_partition_range(topic, 0, PARTITIONS - 1);
        }
        let list = self.client.committed_offsets(list, Duration::from_secs(2)).ok()?;
        let input = |topic: &str| self.kafka.inputs.iter().position(|name| name == topic).unwrap();
        let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        Some(list.elements().iter().map(|row| ((input(row.topic()), row.partition()), offset(row.offset()))).collect())
    }

    fn sum(&self) -> i64 {
        self.committed().map_or(0, |offsets| offsets.values().sum())
    }

    /// Partitions of settlements that have not moved since.
    fn behind(&self, since: &Offsets) -> Option<Vec<i32>> {
        let now = self.committed()?;
        let stuck = |partition: &i32| now[&(0, *partition)] <= since[&(0, *partition)];
        Some((0..PARTITIONS).filter(stuck).collect())
    }
}

fn read(kafka: &KafkaSettings, topic: &str, each: &mut dyn FnMut(i32, Option<&[u8]>, &[u8])) {
    for _ in 0..1000 {
        let mut found = Vec::new();
        let done = admin::read_topic(kafka, topic, &mut |record| {
            found.push((record.partition, record.key.map(<[u8]>::to_vec), record.value.unwrap_or_default().to_vec()));
            Ok(())
        });
        match done {
            Ok(()) => return found.iter().for_each(|(partition, key, value)| each(*partition, key.as_deref(), value)),
            Err(fault) => assert_ne!(fault.remedy, Remedy::Stop, "{}", chain(&fault)),
        }
    }
    panic!("{topic} cannot be read");
}

fn told(kafka: &KafkaSettings) -> Vec<Word> {
    let mut all = Vec::new();
    for (output, topic) in [(Output::Clues, &kafka.clues), (Output::Shadow, &kafka.shadow)] {
        read(kafka, topic, &mut |_, key, value| {
            all.push(word(&Record {
                output,
                partition: None,
                key: key.map(<[u8]>::to_vec),
                value: Some(value.to_vec()),
                headers: Vec::new(),
                timestamp_ms: None,
            }));
        });
    }
    all
}

/// Every shard's journal is an unbroken chain that reads nothing twice.
fn check_journal(kafka: &KafkaSettings) -> u64 {
    let mut values: BTreeMap<i32, Vec<Vec<u8>>> = BTreeMap::new();
    read(kafka, &kafka.journal, &mut |partition, _, value| values.entry(partition).or_default().push(value.to_vec()));
    let mut messages = 0;
    for (shard, values) in values {
        let entries = JournalEntry::decode_all(&values).unwrap_or_else(|fault| panic!("shard {shard}: {fault}"));
        let mut next = [0; 3];
        for run in entries.iter().flat_map(|entry| &entry.runs) {
            assert!(run.from >= next[run.input], "shard {shard} reads offset {} of input {} twice", run.from, run.input);
            next[run.input] = run.to;
        }
        messages += entries.iter().map(|entry| entry.n_in).sum::<u64>();
    }
    messages
}

/// What one worker tells of the same feed over a log in memory.
fn straight(world: &World, settings: &SynthSettings) -> BTreeMap<String, Word> {
    let own = world.engine(settings, PARTITIONS);
    let key = IdentityKey::from_bytes(&[0; 32]);
    let engine = Arc::new(Engine::new(Arc::clone(&own.rules), Arc::clone(&own.references), own.settings.clone(), key));
    let cluster = MemoryCluster::new(PARTITIONS);
    cluster.retain(false);
    cluster.set_feeding(true);
    let cut = feed::Cut { partitions: PARTITIONS, workers: 1, run_messages_max: 1024, epoch_messages_max: 32_768 };
    let run = feed::run_while(&engine, &cluster, &cut, || {
        let mut last = 0;
        for (count, message) in synth::generate(settings, &world.city).enumerate() {
            if count % 512 == 0 {
                cluster.wait_for_room(20_000);
            }
            last = message.timestamp_ms;
            feed::send(&cluster, &message);
        }
        feed::state_end(&cluster, last);
        cluster.end();
    });
    effective(&words(&run.clues))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long a broker is away is the matter here")]
fn killed_at_random_they_tell_what_one_pass_tells() {
    let Size { events, kills, outage } = size();
    let settings = settings(events);
    let world = World::read();
    let mut random = Pcg64::seed_from_u64(7);
    let mut broker = Broker::start();
    let kafka = broker.with_topics("kills", "unused", PARTITIONS);
    let dir = tempfile::tempdir().unwrap();
    let mut started = 0;
    let mut start = |instance: usize, more: &[&str]| {
        let name = ["a", "b", "c"][instance];
        let store = dir.path().join(format!("state-{name}"));
        let more_config = format!("state: {{ store: \"file://{}\", snapshot_every: 2s }}\n", store.display());
        let tune = site::Tune { instance: name, workers: 1, epoch: 2000, more: &more_config };
        let config = dir.path().join(format!("{name}.yaml"));
        std::fs::write(&config, site::config(&kafka, settings.first_day(), settings.live_first(), &tune)).unwrap();
        started += 1;
        Process::start(&config, dir.path().join(format!("told-{started}")), more)
    };

    let fed = Arc::new(AtomicBool::new(false));
    let feeder = thread::spawn({
        let (kafka, settings, fed) = (kafka.clone(), settings.clone(), Arc::clone(&fed));
        move || {
            let city = site::city(settings.live_first());
            let mut feed = Feed::connect(&kafka).unwrap();
            let mut messages = 0_u64;
            for event in synth::generate(&settings, &city) {
                let partition = Partitioner::Murmur2.partition(event.person.as_bytes(), PARTITIONS);
                feed.send(&kafka.inputs[event.input], partition, Some(event.person.as_bytes()), Some(&event.json), event.timestamp_ms)
                    .unwrap();
                messages += 1;
            }
            feed.flush().unwrap();
            admin::advance(&kafka, &[&kafka.inputs[0], &kafka.inputs[1]], "end").unwrap();
            fed.store(true, Ordering::Relaxed);
            messages + 2 * u64::try_from(PARTITIONS).unwrap()
        }
    });
    let progress = Progress::of(&kafka);
    let mut running: BTreeMap<usize, Process> = BTreeMap::from([(0, start(0, &[])), (1, start(1, &[]))]);
    let mut fenced = 0;
    let mut supervise = |running: &mut BTreeMap<usize, Process>, start: &mut dyn FnMut(usize, &[&str]) -> Process| {
        for (instance, process) in running {
            if process.was_fenced() {
                fenced += 1;
                *process = start(*instance, &[]);
            }
        }
    };
    let mut restored: Vec<f64> = Vec::new();
    let mut moments: Vec<i64> = (0..kills).map(|_| random.random_range(0..i64::try_from(events).unwrap() * 9 / 10)).collect();
    moments.sort_unstable();
    for (turn, moment) in moments.into_iter().enumerate() {
        let began = Instant::now();
        while progress.sum() < moment {
            assert!(began.elapsed() < LIMIT, "stuck before {moment}: {}", running.values().map(Process::told).collect::<String>());
            supervise(&mut running, &mut start);
        }
        if turn == kills / 2 {
            // The feeder must not be sending while nobody answers.
            while !fed.load(Ordering::Relaxed) {
                assert!(began.elapsed() < LIMIT);
            }
            if outage {
                broker.down();
                thread::sleep(OUTAGE);
            }
            broker.restart();
        }
        // The third joins after a third of the kills, and leaves again.
        if turn == kills / 3 {
            running.insert(2, start(2, &[]));
        } else if turn == kills * 2 / 3
            && let Some(third) = running.remove(&2)
        {
            third.stop();
        }
        let since = progress.committed();
        let victims: Vec<usize> = running.keys().copied().collect();
        let victim = victims[random.random_range(0..victims.len())];
        running.remove(&victim).unwrap().kill();
        let killed = Instant::now();
        running.insert(victim, start(victim, &[]));
        let Some(since) = since else { continue };
        loop {
            supervise(&mut running, &mut start);
            match progress.behind(&since) {
                Some(stuck) if stuck.is_empty() => {
                    restored.push(killed.elapsed().as_secs_f64());
                    break;
                }
                // All is read, or the next is to be killed.
                _ if progress.sum() >= i64::try_from(events).unwrap() * 95 / 100 => break,
                _ => assert!(killed.elapsed() < LIMIT, "nobody goes on: {}", running.values().map(Process::told).collect::<String>()),
            }
        }
    }
    let messages = feeder.join().unwrap();
    running.into_values().for_each(Process::stop);
    ["a", "b"]
        .iter()
        .enumerate()
        .map(|(instance, _)| start(instance, &["--until-end"]))
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(Process::finish);
    start(0, &["--until-end"]).finish();

    assert_eq!(check_journal(&kafka), messages);
    let told = told(&kafka);
    let revisions: BTreeSet<(&str, u32)> = told.iter().map(|word| (word.clue_id.as_str(), word.revision)).collect();
    assert_eq!(revisions.len(), told.len(), "no revision is told twice");
    let found = effective(&told);
    let differing = differences(&straight(&world, &settings), &found);
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    restored.sort_by(f64::total_cmp);
    let at = |share: f64| restored.get((restored.len() as f64 * share) as usize).or(restored.last()).copied().unwrap_or_default();
    println!(
        "{messages} messages, {kills} kills, {fenced} fenced after the broker came back, {} clues; seconds from a kill until every partition went on: median {:.1}, nine of ten {:.1}, most {:.1}",
        found.len(),
        at(0.5),
        at(0.9),
        at(1.0)
    );
}
