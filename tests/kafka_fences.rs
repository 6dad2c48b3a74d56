//! Who may still commit to a real broker, and what the others left behind.

#[path = "support/broker.rs"]
mod broker;
#[path = "support/log_worker.rs"]
mod log_worker;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use log_worker::LIMIT;
use log_worker::PARTITIONS;
use log_worker::STEP;
use log_worker::Worker;
use log_worker::broker;
use log_worker::check_clues;
use log_worker::committed;
use log_worker::produce;
use log_worker::told;
use rdkafka::ClientConfig;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;

#[test]
#[expect(clippy::disallowed_methods, reason = "another producer than ours, in no hurry")]
fn what_a_dead_predecessor_left_open_is_aborted() {
    let settings = broker().with_topics("left", "a", PARTITIONS);
    produce(&settings, 0, 10);
    let predecessor: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &settings.bootstrap)
        .set("transactional.id", format!("{}-{}", settings.group, settings.slot))
        .create()
        .unwrap();
    predecessor.init_transactions(LIMIT).unwrap();
    predecessor.begin_transaction().unwrap();
    for topic in [&settings.clues, &settings.journal] {
        predecessor.send(BaseRecord::<[u8], [u8]>::to(topic).partition(0).key(b"half").payload(b"half")).unwrap();
    }
    predecessor.flush(LIMIT).unwrap();

    let mut worker = Worker::connect(&settings);
    worker.until_owns(&[0, 1, 2, 3]);
    assert_eq!(worker.log.journal(0).unwrap(), Vec::<Vec<u8>>::new(), "read to its end, past what was aborted");
    worker.drain("whole");
    check_clues(&settings, 10);
    assert!(predecessor.commit_transaction(LIMIT).is_err());
}

/// As after an outage that is longer than a transaction may be open: the broker
/// knows the producer no more, and the group still knows the worker.
#[test]
#[expect(clippy::disallowed_methods, reason = "another producer than ours, in no hurry")]
fn a_producer_that_is_fenced_is_replaced_and_the_journal_says_what_landed() {
    let settings = broker().with_topics("fenced", "a", PARTITIONS);
    produce(&settings, 0, 10);
    let mut worker = Worker::connect(&settings);
    worker.until_owns(&[0, 1, 2, 3]);
    (0..PARTITIONS).for_each(|shard| assert!(worker.log.journal(shard).unwrap().is_empty()));
    worker.drain("before");
    let fence = || {
        let other: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &settings.bootstrap)
            .set("transactional.id", format!("{}-{}", settings.group, settings.slot))
            .create()
            .unwrap();
        other.init_transactions(LIMIT).unwrap();
        other
    };
    let journal = |write: &EpochWrite| -> Vec<(i32, Vec<u8>)> {
        let own = write.records.iter().filter(|record| record.output == Output::Journal);
        own.map(|record| (record.partition.unwrap(), record.value.clone().unwrap())).collect()
    };

    // Nothing landed: the same write is sent again, without a rebuild.
    produce(&settings, 10, 10);
    let from = worker.taken.len();
    while worker.taken.len() < from + 80 {
        worker.take(100);
    }
    fence();
    let kept = worker.write(from, "kept");
    match worker.log.commit(&kept) {
        Err(CommitFailure::Again(_)) => {}
        other => panic!("{other:?}"),
    }
    assert!(worker.try_commit(from, "kept"));
    check_clues(&settings, 20);

    // It landed, and nobody said so: it is not sent again.
    let other = fence();
    let landed = worker.write(worker.taken.len(), "landed");
    other.begin_transaction().unwrap();
    for (partition, value) in journal(&landed) {
        other.send(BaseRecord::<[u8], [u8]>::to(&settings.journal).partition(partition).payload(&value)).unwrap();
    }
    other.commit_transaction(LIMIT).unwrap();
    worker.log.commit(&landed).map_err(|failure| told(&failure)).unwrap();
    let entries = committed(&settings, &settings.journal);
    assert!((0..PARTITIONS).all(|shard| entries[&shard].iter().filter(|entry| entry.starts_with("landed")).count() == 1), "{entries:?}");

    // Somebody else went on: the state is no longer ours.
    let other = fence();
    other.begin_transaction().unwrap();
    other.send(BaseRecord::<[u8], [u8]>::to(&settings.journal).partition(1).payload(b"another's")).unwrap();
    other.commit_transaction(LIMIT).unwrap();
    match worker.log.commit(&worker.write(worker.taken.len(), "too late")) {
        Err(CommitFailure::Lost(fault)) => assert_eq!(fault.remedy, Remedy::Retry, "{}", chain(&fault)),
        other => panic!("{other:?}"),
    }
    check_clues(&settings, 20);
}

#[test]
fn a_worker_that_lost_its_shards_cannot_commit_them() {
    let settings = broker().with_topics("moved", "a", PARTITIONS);
    produce(&settings, 0, 20);
    let quick = KafkaSettings {
        // The group takes the shards of a member that does not poll.
        extra: BTreeMap::from([
            ("session.timeout.ms".to_owned(), "6000".to_owned()),
            ("max.poll.interval.ms".to_owned(), "6000".to_owned()),
        ]),
        ..settings.clone()
    };
    let mut first = Worker::connect(&quick);
    first.until_owns(&[0, 1, 2, 3]);
    let start = Instant::now();
    while first.taken.len() < 2 * 4 * 20 {
        assert!(start.elapsed() < LIMIT, "{:?}", first.heads());
        first.take(100);
    }
    let kept = first.write(0, "too late");
    let mut second = Worker::connect(&KafkaSettings { slot: "b".to_owned(), ..quick });
    second.until_owns(&[0, 1, 2, 3]);
    match first.log.commit(&kept) {
        Err(CommitFailure::Lost(fault)) => assert_eq!(fault.remedy, Remedy::Retry, "{}", chain(&fault)),
        other => panic!("{other:?}"),
    }
    assert!(committed(&settings, &settings.clues).is_empty());
    // It comes back as a member, and its log still serves, however often the
    // group thinks again on the way.
    let (stop, stopped) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        while stopped.try_recv().is_err() {
            second.serve(STEP);
            second.drain_or_lose("second");
        }
    });
    first.taken.clear();
    first.at.clear();
    let start = Instant::now();
    while committed(&settings, &settings.clues).values().map(Vec::len).sum::<usize>() < 2 * 4 * 20 || first.at.is_empty() {
        assert!(start.elapsed() < LIMIT);
        first.serve(STEP);
        first.drain_or_lose("first");
    }
    stop.send(()).unwrap();
    other.join().unwrap();
    check_clues(&settings, 20);
}
