//! How much of what a bare client reads comes through the log: two plain
//! consumers that only poll, against one `KafkaLog` that takes runs, over the
//! same topics in the same broker. `CLAIMSIFT_BENCH_MESSAGES` a topic.

#[path = "support/bare.rs"]
mod bare;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;
use std::time::Instant;

use claimsift::base::limits::RUN_MESSAGES_MAX;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::feed::Feed;
use claimsift::io::kafka::tune_allocator;
use claimsift::io::log::Log;
use support::broker::Broker;

const PARTITIONS: i32 = 4;

#[expect(clippy::disallowed_methods, reason = "whoever runs the bench says how much it reads")]
fn main() {
    tune_allocator();
    let count: usize = std::env::var("CLAIMSIFT_BENCH_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let broker = Broker::start();
    let settings = broker.with_topics("read", "a", PARTITIONS);
    fill(&settings, count);
    for round in 0..3 {
        let bare = bare::read(&settings, 2 * count, &format!("bare-{round}"));
        let ours = ours(&settings, 2 * count, round);
        println!("bare {bare:>9.0} messages/s, log {ours:>9.0} messages/s, ratio {:.2}", ours / bare);
    }
}

/// Some 2.3 KB a message, which lz4 makes four to five times smaller.
fn fill(settings: &KafkaSettings, count: usize) {
    let mut feed = Feed::connect(settings).unwrap();
    let mut state = 7_u64;
    for number in 0..count {
        let mut value = format!("{{\"setl_id\":\"{number}\"");
        while value.len() < 2300 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            value.push_str(&format!(",\"feedetl_field_{}\":\"{}\"", value.len() % 40, state >> 34));
        }
        for topic in &settings.inputs {
            feed.send(topic, (number % 4) as i32, Some(b"key"), Some(value.as_bytes()), 0).unwrap();
        }
    }
    feed.flush().unwrap();
}

fn ours(settings: &KafkaSettings, total: usize, round: usize) -> f64 {
    let mut log = KafkaLog::connect(KafkaSettings { group: format!("log-{round}"), ..settings.clone() }).unwrap();
    while log.shards(Duration::from_millis(10)).unwrap().is_none_or(|shards| shards.len() != 4) {}
    for shard in 0..PARTITIONS {
        log.seek(shard, &[0, 0]).unwrap();
    }
    let start = Instant::now();
    let (mut seen, mut bytes) = (0, 0);
    while seen < total {
        let before = seen;
        for (shard, input) in (0..PARTITIONS).flat_map(|shard| [(shard, 0), (shard, 1)]) {
            let taken = log.take(shard, input, RUN_MESSAGES_MAX).unwrap();
            seen += taken.messages.len();
            bytes += (0..taken.messages.len()).filter_map(|idx| taken.messages.get(idx).value).map(<[u8]>::len).sum::<usize>();
        }
        log.shards(if seen == before { Duration::from_millis(1) } else { Duration::ZERO }).unwrap();
    }
    assert!(bytes > 2000 * total);
    total as f64 / start.elapsed().as_secs_f64()
}
