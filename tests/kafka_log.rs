//! The Kafka log against a real broker: nothing lost, nothing twice, nothing of
//! an epoch that did not commit.

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
use claimsift::base::ids::ShardId;
use claimsift::base::limits::MESSAGE_BYTES_MAX;
use claimsift::io::kafka::KafkaLog;
use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Head;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use log_worker::LIMIT;
use log_worker::PARTITIONS;
use log_worker::STEP;
use log_worker::Worker;
use log_worker::broker;
use log_worker::check_clues;
use log_worker::committed;
use log_worker::noise;
use log_worker::produce;
use log_worker::record;
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;

#[test]
fn epochs_are_whole_and_a_restart_goes_on_where_they_end() {
    let settings = broker().with_topics("epochs", "a", PARTITIONS);
    produce(&settings, 0, 500);
    let mut worker = Worker::connect(&settings);
    assert_eq!(worker.log.shard_count(), PARTITIONS);
    worker.until_owns(&[0, 1, 2, 3]);
    worker.drain("first");
    worker.log.leave().unwrap();
    drop(worker);

    produce(&settings, 500, 20);
    let mut worker = Worker::connect(&settings);
    worker.until_owns(&[0, 1, 2, 3]);
    for shard in 0..PARTITIONS {
        let journal = worker.log.journal(shard).unwrap();
        let last = String::from_utf8_lossy(journal.last().unwrap()).into_owned();
        assert_eq!(last, format!("first {shard} [500, 500, 0]"), "the journal agrees with the committed offsets");
        assert_eq!(worker.log.committed(shard).unwrap(), vec![Some(500), Some(500), Some(0)]);
    }
    worker.drain("second");
    check_clues(&settings, 520);
    // Order within a partition, and what came with a message.
    for (input, shard) in (0..2).flat_map(|input| (0..PARTITIONS).map(move |shard| (input, shard))) {
        let offsets: Vec<i64> = worker.taken.iter().filter(|taken| (taken.0, taken.1) == (input, shard)).map(|taken| taken.2).collect();
        assert!(offsets.iter().copied().eq(500..520));
    }
    admin::read_topic(&settings, &settings.inputs[0], &mut |record| {
        assert_eq!(record.timestamp_ms, 1_600_000_000_000 + record.offset);
        assert_eq!(record.key, Some(b"key".as_slice()));
        Ok(())
    })
    .unwrap();
    admin::read_topic(&settings, &settings.clues, &mut |record| {
        assert_eq!(record.headers, [("note".to_owned(), record.key.map(<[u8]>::to_vec))]);
        Ok(())
    })
    .unwrap();
}

#[test]
fn nothing_of_an_epoch_that_was_not_committed_is_seen() {
    let settings = broker().with_topics("killed", "a", PARTITIONS);
    produce(&settings, 0, 50);
    let mut old = Worker::connect(&settings);
    old.until_owns(&[0, 1, 2, 3]);
    old.drain("before");
    produce(&settings, 50, 50);
    let start = Instant::now();
    let from = old.taken.len();
    while old.taken.len() < from + 2 * 4 * 50 {
        assert!(start.elapsed() < LIMIT);
        old.take(100);
    }
    // Its epoch is ready, but another process of this name comes first.
    let kept = old.write(from, "zombie");
    let mut new = Worker::connect(&settings);
    new.until_owns(&[0, 1, 2, 3]);
    let lost = old.log.commit(&kept);
    match lost {
        Err(CommitFailure::Lost(fault)) => assert_eq!(fault.remedy, Remedy::Stop, "{}", chain(&fault)),
        other => panic!("{other:?}"),
    }
    check_clues(&settings, 50);
    new.drain("after");
    check_clues(&settings, 100);
    for (partition, entries) in committed(&settings, &settings.journal) {
        assert!(entries.iter().all(|entry| !entry.starts_with("zombie")), "partition {partition}: {entries:?}");
    }
}

/// Commits an epoch with a record longer than the journal takes: it leaves its
/// marks in the log and nothing else.
fn refuse(worker: &mut Worker, from: usize) {
    let mut write = worker.write(from, "refused");
    write.records.push(record(Output::Journal, Some(0), "long", &noise(MESSAGE_BYTES_MAX + 512 * 1024)));
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < LIMIT);
        match worker.log.commit(&write).unwrap_err() {
            CommitFailure::Again(_) => {}
            CommitFailure::Lost(fault) => {
                assert_eq!(fault.remedy, Remedy::Stop);
                assert!(chain(&fault).contains("max.message.bytes"), "{}", chain(&fault));
                return;
            }
        }
    }
}

#[test]
fn a_journal_is_read_to_its_end_past_the_marks_of_transactions() {
    let settings = broker().with_topics("gaps", "a", PARTITIONS);
    produce(&settings, 0, 30);
    let mut worker = Worker::connect(&settings);
    worker.until_owns(&[0, 1, 2, 3]);
    let start = Instant::now();
    let mut epochs = 0;
    while worker.taken.len() < 2 * 4 * 30 {
        assert!(start.elapsed() < LIMIT);
        let from = worker.taken.len();
        if epochs == 1 {
            refuse(&mut worker, from);
        }
        if worker.take(7) > 0 {
            worker.commit(from, &format!("epoch {epochs}"));
            epochs += 1;
        }
    }
    assert!(epochs > 3);
    for shard in 0..PARTITIONS {
        let journal = worker.log.journal(shard).unwrap();
        let numbers: Vec<String> =
            journal.iter().map(|entry| String::from_utf8_lossy(entry).split(" [").next().unwrap().to_owned()).collect();
        let expected: Vec<String> = (0..epochs).map(|epoch| format!("epoch {epoch} {shard}")).collect();
        assert_eq!(numbers, expected);
        // Asked a second time, and of ranges in turn.
        assert_eq!(worker.log.journal(shard).unwrap().len(), journal.len());
        let mut texts = Vec::new();
        for (from, to) in [(0, 10), (10, 11), (11, 30), (3, 5)] {
            for input in 0..2 {
                worker
                    .log
                    .replay(shard, input, from, to, &mut |messages| {
                        texts.extend((0..messages.len()).map(|idx| (input, messages.get(idx).offset)));
                        Ok(())
                    })
                    .unwrap();
            }
        }
        let expected: Vec<(usize, i64)> = [(0, 10), (10, 11), (11, 30), (3, 5)]
            .into_iter()
            .flat_map(|(from, to)| (0..2).flat_map(move |input| (from..to).map(move |offset| (input, offset))))
            .collect();
        assert_eq!(texts, expected);
    }
    check_clues(&settings, 30);
}

#[test]
fn two_workers_share_the_shards_and_hand_them_over() {
    let settings = broker().with_topics("shared", "a", PARTITIONS);
    produce(&settings, 0, 200);
    let mut first = Worker::connect(&settings);
    first.until_owns(&[0, 1, 2, 3]);
    let from = first.taken.len();
    while first.take(50) == 0 {}
    first.commit(from, "alone");

    let other = KafkaSettings { slot: "b".to_owned(), ..settings.clone() };
    let (done, leave) = mpsc::channel::<()>();
    let (drained, wait) = mpsc::channel::<()>();
    let second = thread::spawn(move || {
        let mut second = Worker::connect(&other);
        second.until_owns(&[2, 3]);
        second.drain("second");
        drained.send(()).unwrap();
        leave.recv().unwrap();
        second.log.leave().unwrap();
    });
    first.until_owns(&[0, 1]);
    first.drain("first");
    wait.recv().unwrap();
    check_clues(&settings, 200);

    done.send(()).unwrap();
    first.until_owns(&[0, 1, 2, 3]);
    second.join().unwrap();
    produce(&settings, 200, 10);
    first.drain("all again");
    check_clues(&settings, 210);
    let write = EpochWrite { offsets: vec![(0, 0, 210), (0, 1, 210)], ..EpochWrite::default() };
    first.log.commit(&write).unwrap();
}

#[test]
fn a_watermark_statement_reaches_every_partition() {
    let settings = broker().with_topics("statement", "a", PARTITIONS);
    produce(&settings, 0, 3);
    admin::advance(&settings, &[&settings.inputs[0], &settings.inputs[1]], "2026-01-31 23:59:59").unwrap();
    let mut worker = Worker::connect(&settings);
    worker.until_owns(&[0, 1, 2, 3]);
    worker.drain("all");
    let statements: Vec<(usize, ShardId, i64)> =
        worker.taken.iter().filter(|taken| taken.3 == "watermark 2026-01-31 23:59:59").map(|taken| (taken.0, taken.1, taken.2)).collect();
    assert_eq!(statements.len(), 8);
    assert!(statements.iter().all(|statement| statement.2 == 3));
    let mut seen = None;
    assert_eq!(worker.log.head(0, 0).unwrap(), Head::AtEnd);
    worker.log.peek(0, 0, &mut |message| seen = Some(message.offset)).unwrap();
    assert_eq!(seen, None);
    worker.log.seek(0, &[2, 2, 0]).unwrap();
    let start = Instant::now();
    while !matches!(worker.log.head(0, 0).unwrap(), Head::Ready(_)) {
        assert!(start.elapsed() < LIMIT);
    }
    worker.log.peek(0, 0, &mut |message| seen = Some(message.offset)).unwrap();
    assert_eq!(seen, Some(2));
    assert_eq!(worker.log.take(0, 0, 1).unwrap().next_offset, 3);
}

#[test]
fn topics_that_were_made_can_be_used_at_once() {
    for round in 0..3 {
        let settings = broker().with_topics(&format!("fresh-{round}"), "a", 24);
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &settings.bootstrap).create().unwrap();
        let [settlement, prescription] = &settings.inputs;
        for topic in [settlement, prescription, &settings.clues, &settings.shadow, &settings.rejects, &settings.journal, &settings.partials]
        {
            let metadata = client.fetch_metadata(Some(topic), LIMIT).unwrap();
            let leaders: Vec<i32> = metadata.topics()[0].partitions().iter().map(|partition| partition.leader()).collect();
            assert!(leaders.len() == 24 && leaders.iter().all(|leader| *leader >= 0), "{topic}: {leaders:?}");
        }
    }
}

#[test]
fn what_a_person_must_mend_stops_and_says_how() {
    fn check(settings: KafkaSettings, expected: &str) {
        match KafkaLog::connect(settings) {
            Err(fault) => {
                assert_eq!(fault.remedy, Remedy::Stop, "{}", chain(&fault));
                assert!(chain(&fault).contains(expected), "{}", chain(&fault));
            }
            Ok(_) => panic!("connected"),
        }
    }
    let broker = broker();
    check(broker.settings("absent", "a"), "claimsift topics create");
    let settings = broker.with_topics("unequal", "a", 2);
    let other = broker.with_topics("wider", "a", 3);
    check(KafkaSettings { journal: other.journal.clone(), ..settings.clone() }, "`wider-journal` has 3");
    check(KafkaSettings { partials: other.partials.clone(), ..settings.clone() }, "`wider-partials` has 3");
    check(KafkaSettings { control: other.clues.clone(), ..settings.clone() }, "it needs one");
    let third = broker.with_topics("third", "a", 3);
    let wide_inputs = KafkaSettings {
        inputs: [other.rejects, third.rejects],
        journal: other.journal,
        partials: other.partials,
        rejects: settings.clues.clone(),
        clues: settings.rejects.clone(),
        ..settings.clone()
    };
    check(wide_inputs, "raise its `max.message.bytes`");
    check(KafkaSettings { extra: BTreeMap::from([("group.id".to_owned(), "x".to_owned())]), ..settings.clone() }, "`group.id`");
    assert_eq!(admin::create_topics(&settings, 2, 1).unwrap(), Vec::<String>::new(), "topics that exist are left alone");
    assert_eq!(admin::topic_partitions(&settings, &[&settings.clues, "absent"]).unwrap(), BTreeMap::from([(settings.clues.clone(), 2)]));

    // A journal whose inputs were cut off: reading on would lose events silently.
    let mut log = KafkaLog::connect(settings).unwrap();
    let start = Instant::now();
    while log.shards(STEP).unwrap().is_none_or(|shards| shards.is_empty()) {
        assert!(start.elapsed() < LIMIT);
    }
    log.seek(0, &[1000, 0, 0]).unwrap();
    let fault = loop {
        assert!(start.elapsed() < LIMIT);
        if let Err(fault) = log.head(0, 0) {
            break fault;
        }
    };
    assert_eq!(fault.remedy, Remedy::Stop);
    assert!(chain(&fault).contains("no longer holds the offset"), "{}", chain(&fault));
}
