//! The commands that look back, over a real broker: the journal of two runs
//! with a change of rules between them is shown, checked and decided again, and
//! a transaction that was left open is found and ended.

mod support;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

use claimsift::base::fault::chain;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::log::Log as _;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use rdkafka::ClientConfig;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;
use support::broker::Broker;
use support::feed;
use support::feed::World;
use support::site;
use support::site::Tune;

const PARTITIONS: i32 = 2;
const STEP: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(60);

static BROKER: LazyLock<Broker> = LazyLock::new(Broker::start);

/// What the program ended with and said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }
}

fn claimsift(args: &[&str], config: &Path) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_claimsift")).args(args).arg("--config").arg(config).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn send(kafka: &KafkaSettings, messages: &[Generated]) {
    let mut to = Feed::connect(kafka).unwrap();
    for message in messages {
        let partition = feed::partition(message, PARTITIONS);
        let topic = &kafka.inputs[message.input];
        to.send(topic, partition, Some(message.person.as_bytes()), feed::value(message), message.timestamp_ms).unwrap();
    }
    to.flush().unwrap();
}

/// Keys and values of a topic.
fn records(kafka: &KafkaSettings, topic: &str) -> Vec<(i32, Option<Vec<u8>>, Vec<u8>)> {
    let mut records = Vec::new();
    let read = admin::read_topic(kafka, topic, &mut |record| {
        records.push((record.partition, record.key.map(<[u8]>::to_vec), record.value.unwrap_or_default().to_vec()));
        Ok(())
    });
    read.map_err(|fault| chain(&fault)).unwrap();
    records
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &to);
        } else if entry.file_name() != "rules.lock" {
            // Versions are not raised here.
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Two runs with a change of rules between them.
fn two_runs(folder: &Path, kafka: &KafkaSettings) -> PathBuf {
    let settings = SynthSettings {
        settlements: 600,
        prescriptions: 160,
        persons: 100,
        rejects: 0.01,
        planted: Planted { violations: 1, missed: 0, withdrawn: 1, near_misses: 0, innocents: 0 },
        ..SynthSettings::default()
    };
    let (messages, _) = World::read().feed(&settings);
    let config = |name: &str, rules: &Path| {
        let more = format!("state: {{ store: \"file://{}\" }}\n", folder.join("state").display());
        let tune = Tune { instance: "a", workers: 1, epoch: 200, more: &more };
        let path = folder.join(name);
        fs::write(&path, site::config_of(rules, kafka, settings.first_day(), settings.live_first(), &tune)).unwrap();
        path
    };
    let rules = folder.join("rules");
    copied(&site::rules(), &rules);
    let count = rules.join("health/rx-count.yaml");
    let text = fs::read_to_string(&count).unwrap();
    fs::write(&count, text.replace("default: 5, min: 5", "default: 7, min: 5")).unwrap();
    let (old, new) = (config("old.yaml", &site::rules()), config("new.yaml", &rules));
    let (first, rest) = messages.split_at(messages.len() * 3 / 4);
    send(kafka, first);
    claimsift(&["run", "--until-end"], &old).well();
    claimsift(&["activate"], &new).well();
    send(kafka, rest);
    admin::advance(kafka, &[&kafka.inputs[0], &kafka.inputs[1]], "end").unwrap();
    claimsift(&["run", "--until-end"], &new).well();
    new
}

#[test]
fn what_two_runs_wrote_is_shown_checked_and_decided_again() {
    let kafka = BROKER.with_topics("looking-back", "unused", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    let config = two_runs(folder.path(), &kafka);
    let journal = records(&kafka, &kafka.journal);
    let clues = records(&kafka, &kafka.clues);
    let shadow = records(&kafka, &kafka.shadow).len();
    assert!(!clues.is_empty() && !records(&kafka, &kafka.rejects).is_empty());

    let of_one: Vec<String> =
        journal.iter().filter(|(partition, ..)| *partition == 1).map(|(.., value)| String::from_utf8(value.clone()).unwrap()).collect();
    let shown = claimsift(&["journal", "show", "--json", "--shard", "1", "--from", "2", "--to", "3"], &config).well();
    assert_eq!(shown.lines().collect::<Vec<_>>(), of_one[1..3]);
    let table = claimsift(&["journal", "show"], &config).well();
    assert!(table.contains(&kafka.inputs[0]) && table.contains(&kafka.partials), "{table}");
    assert!(table.ends_with(&format!("{} 条 entries\n", journal.len())), "{table}");
    assert_eq!(claimsift(&["journal", "show", "--shard", "2"], &config).code, Some(2));

    let checked = claimsift(&["journal", "verify", "--inputs"], &config).well();
    assert!(checked.ends_with("无误 all is well\n") && checked.contains(&format!("{} 条日志", journal.len())), "{checked}");

    let out = folder.path().join("again.ndjson");
    let replay = ["replay", "--shard", "all", "--from", "1", "--to", "9999", "--out", out.to_str().unwrap()];
    let same = claimsift(&replay, &config).well();
    assert!(same.ends_with("一致 the same\n"), "{same}");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), clues.len() + shadow);
    let middle = claimsift(&["replay", "--shard", "1", "--from", "3", "--to", "5"], &config).well();
    assert!(middle.contains("3–5") && middle.ends_with("一致 the same\n"), "{middle}");
    assert_eq!(records(&kafka, &kafka.journal), journal, "who looks back writes nothing");
    assert_eq!(records(&kafka, &kafka.clues), clues);

    // A clue that nobody decided.
    let (.., value) = &clues[0];
    let mut feed = Feed::connect(&kafka).unwrap();
    let key = "00112233445566778899aabbccddeeff";
    feed.send_with(&kafka.clues, 0, Some(key.as_bytes()), Some(value), None, &[]).unwrap();
    feed.flush().unwrap();
    let forged = claimsift(&replay, &config);
    assert_eq!(forged.code, Some(1));
    assert!(forged.out.contains(&format!("{key} 第1次 revision 1")) && forged.out.contains("多出 extra"), "{}", forged.out);
    assert!(forged.err.starts_with("不一致 not the same"), "{}", forged.err);

    // An entry that does not follow.
    let last = of_one.last().unwrap();
    feed.send_with(&kafka.journal, 1, None, Some(last.as_bytes()), None, &[]).unwrap();
    feed.flush().unwrap();
    let broken = claimsift(&["journal", "verify"], &config);
    assert_eq!(broken.code, Some(1));
    assert!(broken.out.contains(&format!("分片 shard 1 纪元 epoch {}: 不相接", of_one.len())), "{}", broken.out);
}

#[test]
fn a_transaction_that_was_left_open_is_found_and_ended() {
    let kafka = BROKER.with_topics("left-open", "a-0", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("claimsift.yaml");
    let settings = SynthSettings::default();
    let tune = Tune { instance: "a", workers: 2, epoch: 200, more: "" };
    fs::write(&config, site::config(&kafka, settings.first_day(), settings.live_first(), &tune)).unwrap();
    let quiet = claimsift(&["txn", "list"], &config).well();
    assert!(quiet.contains("no partition is held back"), "{quiet}");
    assert!(quiet.contains("left-open-group-a-0, left-open-group-a-1"), "{quiet}");

    // As a worker leaves it that hangs, where the broker does not act for long.
    let worker: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap)
        .set("transactional.id", "left-open-group-a-1")
        .set("transaction.timeout.ms", "600000")
        .create()
        .unwrap();
    worker.init_transactions(LIMIT).unwrap();
    worker.begin_transaction().unwrap();
    let record: BaseRecord<'_, str, str> = BaseRecord::to(&kafka.clues).partition(1).payload("half a clue");
    worker.send(record).unwrap();
    let start = Instant::now();
    while worker.in_flight_count() > 0 {
        assert!(start.elapsed() < LIMIT);
        worker.poll(STEP);
    }
    let found = claimsift(&["txn", "list"], &config).well();
    assert!(found.contains(&kafka.clues) && found.contains("1 个分区受未结束的事务阻挡"), "{found}");

    // Not behind the back of a worker that lives.
    let mut member = KafkaLog::connect(KafkaSettings { slot: "b-0".to_owned(), ..kafka.clone() }).unwrap();
    while member.shards(STEP).unwrap().is_none_or(|shards| shards.is_empty()) {
        assert!(start.elapsed() < LIMIT);
    }
    let refused = claimsift(&["txn", "abort", "--yes"], &config);
    assert!(refused.code == Some(2) && refused.err.contains("live members") && refused.err.contains("claimsift-b-0"), "{}", refused.err);
    member.leave().unwrap();
    drop(member);
    let asked = claimsift(&["txn", "abort", "--force"], &config);
    assert!(asked.code == Some(2) && asked.err.contains("nothing was done"), "{}", asked.err);

    // Another machine's ids do not help.
    let other = claimsift(&["txn", "abort", "--yes", "--force", "--instance", "c", "--workers", "1"], &config);
    assert!(other.code == Some(1) && other.out.contains("left-open-group-c-0"), "{}{}", other.out, other.err);
    let ended = claimsift(&["txn", "abort", "--yes", "--force"], &config).well();
    assert!(ended.contains("left-open-group-a-1") && ended.contains("no partition is held back"), "{ended}");
    assert!(worker.commit_transaction(LIMIT).is_err(), "whoever left it is fenced");
    assert_eq!(records(&kafka, &kafka.clues), []);
}
