//! The whole program on a real broker that holds a backlog: events a second and
//! what they cost, against two bare consumers that only poll the same topics in
//! the same run. `CLAIMSIFT_BENCH_EVENTS` in all; broker and program share the
//! machine.

#[path = "support/bare.rs"]
mod bare;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use claimsift::codecs::RejectClass;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::kafka::tune_allocator;
use claimsift::io::partition::Partitioner;
use claimsift::synth;
use claimsift::synth::SynthSettings;
use support::broker::Broker;
use support::site;
use support::site::Tune;

const PARTITIONS: i32 = 4;
/// Between two looks at what the program has used.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "whoever runs the bench says how much it reads; how long it took is what it tells")]
fn main() {
    tune_allocator();
    let events: u64 = std::env::var("CLAIMSIFT_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let feed = SynthSettings {
        settlements: events - events / 11,
        prescriptions: events / 11,
        persons: u32::try_from(events / 5).unwrap(),
        ..SynthSettings::default()
    };
    let broker = Broker::start();
    let kafka = broker.with_topics("whole", "unused", PARTITIONS);
    let (messages, bytes) = fill(&kafka, &feed);
    println!("{messages} messages, {:.2} KB each", bytes as f64 / messages as f64 / 1000.0);
    let dir = tempfile::tempdir().unwrap();
    for workers in [1, 2] {
        let bare = bare::read(&kafka, messages, &format!("bare-{workers}"));
        let own = KafkaSettings { group: format!("own-{workers}"), ..broker.with_outputs(&kafka, &format!("own-{workers}"), PARTITIONS) };
        let tune = Tune { instance: "a", workers, epoch: 32_768, more: "" };
        let config = dir.path().join("claimsift.yaml");
        std::fs::write(&config, site::config(&own, feed.first_day(), feed.live_first(), &tune)).unwrap();
        let started = Instant::now();
        let wall_started = chrono::Utc::now().timestamp_millis();
        let child = Command::new(env!("CARGO_BIN_EXE_claimsift"))
            .args(["run", "--until-end", "--config"])
            .arg(&config)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let used = watch(child);
        let whole = started.elapsed().as_secs_f64();
        let mut last = 0;
        admin::read_topic(&own, &own.journal, &mut |record| {
            let entry: serde_json::Value = serde_json::from_slice(record.value.unwrap_or_default()).unwrap();
            last = last.max(entry["wall_ms"].as_i64().unwrap());
            Ok(())
        })
        .unwrap();
        let committed = (last - wall_started) as f64 / 1000.0;
        let rate = messages as f64 / committed;
        println!(
            "{workers} workers: {rate:>8.0} events/s to the last commit ({committed:.1} s, process {whole:.1} s), \
             bare consumers {bare:>8.0} messages/s, ratio {:.3}; {:.1} CPU s per million, {:.0} MiB at most",
            rate / bare,
            used.cpu_seconds * 1e6 / messages as f64,
            used.rss_kib as f64 / 1024.0
        );
    }
}

fn fill(kafka: &KafkaSettings, settings: &SynthSettings) -> (usize, usize) {
    let city = site::city(settings.live_first());
    let mut generator = synth::generate(settings, &city);
    let mut feed = Feed::connect(kafka).unwrap();
    let mut event = synth::Generated::default();
    let (mut messages, mut bytes) = (0, 0);
    while generator.next_into(&mut event) {
        let key = event.person.as_bytes();
        let value = (event.reject != Some(RejectClass::Tombstone)).then_some(event.json.as_slice());
        let partition = Partitioner::Murmur2.partition(key, PARTITIONS);
        feed.send(&kafka.inputs[event.input], partition, Some(key), value, event.timestamp_ms).unwrap();
        messages += 1;
        bytes += event.json.len();
    }
    feed.flush().unwrap();
    admin::advance(kafka, &[&kafka.inputs[0], &kafka.inputs[1]], "end").unwrap();
    (messages, bytes)
}

/// What a process used, as its last look told.
#[derive(Default)]
struct Used {
    cpu_seconds: f64,
    rss_kib: u64,
}

/// Waits for the program's end, looking at what it uses.
fn watch(mut child: Child) -> Used {
    let mut used = Used::default();
    loop {
        if let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", child.id())) {
            // User and system time in hundredths of a second, after the name in brackets.
            let fields: Vec<f64> =
                stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
            used.cpu_seconds = used.cpu_seconds.max((fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / 100.0);
        }
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
            used.rss_kib = used.rss_kib.max(peak.unwrap_or_default());
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return used;
        }
        thread::park_timeout(LOOK_EVERY);
    }
}
