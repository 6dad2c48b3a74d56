//! Two bare consumers that only poll: what a log is measured against.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use claimsift::io::kafka::KafkaSettings;
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;

/// Messages a second of two consumers of the new group `group`, a thread each,
/// until they have seen the `total` that both inputs hold in eight partitions.
pub fn read(settings: &KafkaSettings, total: usize, group: &str) -> f64 {
    let seen = AtomicUsize::new(0);
    let consumers: Vec<BaseConsumer> = (0..2)
        .map(|_| {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", &settings.bootstrap)
                .set("group.id", group)
                .set("auto.offset.reset", "earliest")
                .set("enable.auto.commit", "false")
                .set("fetch.queue.backoff.ms", "10")
                .create()
                .unwrap();
            let topics: Vec<&str> = settings.inputs.iter().map(String::as_str).collect();
            consumer.subscribe(&topics).unwrap();
            consumer
        })
        .collect();
    // Both are members before the clock runs, and then start over.
    while consumers.iter().any(|consumer| consumer.assignment().unwrap().count() != 4) {
        for consumer in &consumers {
            drop(consumer.poll(Duration::from_millis(10)));
        }
    }
    for consumer in &consumers {
        let mut list = consumer.assignment().unwrap();
        list.set_all_offsets(rdkafka::Offset::Beginning).unwrap();
        let _list = consumer.seek_partitions(list, Duration::from_secs(10)).unwrap();
    }
    let start = Instant::now();
    thread::scope(|scope| {
        for consumer in &consumers {
            let seen = &seen;
            scope.spawn(move || {
                while seen.load(Ordering::Relaxed) < total {
                    if let Some(Ok(_)) = consumer.poll(Duration::from_millis(1)) {
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    total as f64 / start.elapsed().as_secs_f64()
}
