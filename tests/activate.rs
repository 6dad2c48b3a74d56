//! `claimsift activate` with a broker: rules change between two starts of the
//! program, and the journal says from when on.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

use claimsift::base::fault::chain;
use claimsift::engine::journal::JournalEntry;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::log::Log as _;
use claimsift::synth::Generated;
use claimsift::synth::SynthSettings;
use support::broker::Broker;
use support::feed;
use support::feed::World;
use support::site;
use support::site::Tune;

const PARTITIONS: i32 = 2;
const STEP: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(60);

static BROKER: LazyLock<Broker> = LazyLock::new(Broker::start);

/// Runs the program; what it printed, or with which code it failed and why.
fn claimsift(args: &[&str], config: &Path) -> Result<String, (Option<i32>, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_claimsift")).args(args).arg("--config").arg(config).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err((output.status.code(), text(&output.stderr))) }
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

/// Activations of the entries, those of each shard in order.
fn journalled(kafka: &KafkaSettings) -> Vec<Vec<u64>> {
    let mut entries = vec![Vec::new(); PARTITIONS as usize];
    let read = admin::read_topic(kafka, &kafka.journal, &mut |record| {
        let entry: JournalEntry = serde_json::from_slice(record.value.unwrap()).unwrap();
        entries[record.partition as usize].push(entry.activation);
        Ok(())
    });
    read.unwrap();
    entries
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

#[test]
fn other_rules_come_into_force_without_a_new_journal() {
    let kafka = BROKER.with_topics("activate", "unused", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    let settings = SynthSettings { settlements: 600, prescriptions: 120, persons: 100, ..SynthSettings::default() };
    let (messages, _) = World::read().feed(&settings);
    let store = folder.path().join("state");
    let config = |name: &str, rules: &Path| {
        let more = format!("state: {{ store: \"file://{}\" }}\n", store.display());
        let tune = Tune { instance: "a", workers: 1, epoch: 200, more: &more };
        let path = folder.path().join(name);
        fs::write(&path, site::config_of(rules, &kafka, settings.first_day(), settings.live_first(), &tune)).unwrap();
        path
    };
    let rules = folder.path().join("rules");
    copied(&site::rules(), &rules);
    let (old, new) = (config("old.yaml", &site::rules()), config("new.yaml", &rules));
    let count = rules.join("health/rx-count.yaml");
    let tell = |days: u32| {
        let text = fs::read_to_string(site::rules().join("health/rx-count.yaml")).unwrap();
        fs::write(&count, text.replace("default: 5, min: 5", &format!("default: {days}, min: 5"))).unwrap();
    };

    let (first, rest) = messages.split_at(messages.len() / 2);
    send(&kafka, first);
    claimsift(&["run", "--until-end"], &old).unwrap();
    tell(6);
    let (code, reason) = claimsift(&["run", "--until-end"], &new).unwrap_err();
    assert!(code == Some(2) && reason.contains("claimsift activate"), "{reason}");

    let told = claimsift(&["activate", "--groups-from", "2026-03"], &new).unwrap();
    assert!(told.starts_with("activation 1: rule set ") && told.contains("groups from 2026-03"), "{told}");
    assert_eq!(claimsift(&["activate"], &new).unwrap(), format!("in force already: {told}"));
    assert_eq!(claimsift(&["activate", "--list"], &old).unwrap(), told);
    tell(7);
    let (_, reason) = claimsift(&["activate", "--groups-from", "2026-02"], &new).unwrap_err();
    assert!(reason.contains("behind activation 1"), "{reason}");
    fs::write(&count, "id: no\n").unwrap();
    assert_eq!(claimsift(&["activate"], &new).unwrap_err().0, Some(1), "rules with mistakes");

    // The worker's own files are the old ones: it follows.
    send(&kafka, rest);
    claimsift(&["run", "--until-end"], &old).unwrap();
    let entries = journalled(&kafka);
    for entries in &entries {
        assert_eq!((entries.first(), entries.last(), entries.is_sorted()), (Some(&0), Some(&1), true), "{entries:?}");
    }
    // With newer files its history comes from the store, and cannot come from nowhere.
    tell(7);
    claimsift(&["run", "--until-end"], &new).unwrap();
    assert_eq!(journalled(&kafka), entries);
    fs::remove_dir_all(store.join("rules")).unwrap();
    let (code, reason) = claimsift(&["run", "--until-end"], &new).unwrap_err();
    assert!(code == Some(2) && reason.contains("it is not there"), "{reason}");
}

#[test]
fn activations_are_read_in_order_whenever_they_come() {
    let settings = BROKER.with_topics("control", "a", 2);
    let mut log = KafkaLog::connect(settings.clone()).unwrap();
    let start = Instant::now();
    while log.shards(STEP).unwrap().is_none_or(|shards| shards.is_empty()) {
        assert!(start.elapsed() < LIMIT);
    }
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for value in [b"one".as_slice(), b"two", b"three"] {
        assert_eq!(log.activations(LIMIT).map_err(|fault| chain(&fault)).unwrap(), expected);
        admin::activate(&settings, value).unwrap();
        expected.push(value.to_vec());
        assert_eq!(admin::activations(&settings).unwrap(), expected);
        assert_eq!(log.activations(LIMIT).map_err(|fault| chain(&fault)).unwrap(), expected);
    }
}
