//! The whole program on a real broker that holds a backlog: events a second and
//! what they cost, against two bare consumers that only poll the same topics in
//! the same run; and what the rule book costs against its first ten rules, and
//! what groups cost beside it, where every event is judged. `CLAIMSIFT_BENCH_EVENTS` in all; broker
//! and program share the machine.

#[path = "support/bare.rs"]
mod bare;
#[path = "support/book.rs"]
mod book;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use chrono::NaiveDate;
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
const BOOK_ROUNDS: u32 = 2;
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
    let ten = book::first_ten(&site::rules());
    let (rows, three) = (book::without_groups(&site::rules()), book::with_three_groups(&site::rules()));
    for workers in [1, 2] {
        let bare = bare::read(&kafka, messages, &format!("bare-{workers}"));
        let shipped = measure(
            &broker,
            &kafka,
            &feed,
            messages,
            &Way { name: "live", rules: &site::rules(), live: feed.live_first(), workers },
            dir.path(),
        );
        println!(
            "{workers} workers: {:>8.0} events/s to the last commit ({:.1} s, process {:.1} s), \
             bare consumers {bare:>8.0} messages/s, ratio {:.3}; {:.1} CPU s per million, {:.0} MiB at most",
            shipped.rate,
            shipped.committed,
            shipped.whole,
            shipped.rate / bare,
            shipped.used.cpu_seconds * 1e6 / messages as f64,
            shipped.used.rss_kib as f64 / 1024.0
        );
        // All in turn, so that a machine that is slow for a while is slow for all.
        let (mut rates, mut cpu) = ([0.0_f64; 4], [f64::INFINITY; 4]);
        for round in 0..BOOK_ROUNDS {
            for (place, (name, rules)) in
                [("ten", ten.path()), ("rows", rows.path()), ("three", three.path()), ("book", &site::rules())].into_iter().enumerate()
            {
                let name = format!("{name}-{round}");
                let way = Way { name: &name, rules, live: feed.first_day(), workers };
                let measured = measure(&broker, &kafka, &feed, messages, &way, dir.path());
                rates[place] = rates[place].max(measured.rate);
                cpu[place] = cpu[place].min(measured.used.cpu_seconds * 1e6 / messages as f64);
            }
        }
        println!("{workers} workers, every event judged, events/s and CPU s per million:");
        let lost = |than: usize, of: usize| 100.0 * (1.0 - rates[of] / rates[than]);
        for (place, (what, than)) in
            [("first ten rules", 0), ("all without groups", 0), ("these and 3 indicators by 3 units", 1), ("the whole book", 1)]
                .into_iter()
                .enumerate()
        {
            println!("  {what:<34} {:>8.0} {:>6.1} {:>6.1} % lost", rates[place], cpu[place], lost(than, place));
        }
    }
}

/// How the program is run.
struct Way<'a> {
    name: &'a str,
    rules: &'a Path,
    /// Clues are told from then on.
    live: NaiveDate,
    workers: u32,
}

struct Measured {
    /// Messages a second to the last commit, and the seconds to it.
    rate: f64,
    committed: f64,
    /// Seconds to the end of the process.
    whole: f64,
    used: Used,
}

/// Runs the program over the backlog.
#[expect(clippy::disallowed_methods, reason = "how long it took is what the bench tells")]
fn measure(broker: &Broker, kafka: &KafkaSettings, feed: &SynthSettings, messages: usize, way: &Way<'_>, dir: &Path) -> Measured {
    let name = format!("{}-{}", way.name, way.workers);
    let own = KafkaSettings { group: name.clone(), ..broker.with_outputs(kafka, &name, PARTITIONS) };
    let tune = Tune { instance: "a", workers: way.workers, epoch: 32_768, more: "" };
    let config = dir.join("claimsift.yaml");
    std::fs::write(&config, site::config_of(way.rules, &own, feed.first_day(), way.live, &tune)).unwrap();
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
    Measured { rate: messages as f64 / committed, committed, whole, used }
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
