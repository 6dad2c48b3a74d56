//! What a log in memory adds to the suite that every log passes.

use std::time::Duration;

use super::*;
use crate::base::fault::Remedy;
use crate::io::log::CommitFailure;
use crate::io::log::Head;
use crate::io::log::Log as _;

const NOW: Duration = Duration::ZERO;

fn write(output: Output, values: &[&str], offsets: &[(ShardId, InputId, i64)]) -> EpochWrite {
    let record = |value: &&str| Record {
        output,
        partition: None,
        key: Some(value.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    EpochWrite { records: values.iter().map(record).collect(), offsets: offsets.to_vec() }
}

fn fill(cluster: &MemoryCluster, count: usize) {
    for idx in 0..count {
        cluster.feed(0, 0, None, Some(vec![b'v']), 1000 + idx as i64, None);
    }
}

#[test]
fn each_transaction_takes_an_offset_of_its_own() {
    let cluster = MemoryCluster::new(1);
    let mut log = cluster.worker("w0", "g");
    assert_eq!(log.shards(NOW).unwrap(), Some(vec![0]));
    log.commit(&write(Output::Clues, &["a", "b"], &[])).unwrap();
    cluster.inject("w0", Mishap::CommitAgain);
    assert!(matches!(log.commit(&write(Output::Clues, &["c"], &[])), Err(CommitFailure::Again(_))));
    log.commit(&write(Output::Clues, &["c"], &[])).unwrap();
    let offsets: Vec<i64> = cluster.output(Output::Clues).iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [0, 1, 5]);
    assert_eq!(cluster.drain_output(Output::Clues).len(), 3);
    assert!(cluster.output(Output::Clues).is_empty());
}

#[test]
fn messages_carry_all_that_was_fed_and_positions_pass_gaps() {
    let cluster = MemoryCluster::new(2);
    cluster.feed(1, 1, Some(b"k".to_vec()), None, 7, None);
    cluster.feed_gap(1, 1, 2);
    cluster.state_watermark(1, "end", 8);
    let mut log = cluster.worker("w0", "g");
    log.shards(NOW).unwrap();
    let taken = log.take(1, 1, 10).unwrap();
    let first = taken.messages.get(0);
    assert_eq!((first.offset, first.timestamp_ms, first.key, first.value), (0, 7, Some(&b"k"[..]), None));
    let last = taken.messages.get(1);
    assert_eq!((last.offset, last.watermark), (3, Some(&b"end"[..])));
    assert_eq!(taken.next_offset, 4);
    drop(taken);
    assert_eq!(log.head(0, 1).unwrap(), Head::Ready(1), "a statement goes to every partition");
}

#[test]
fn keys_go_where_the_partitioner_puts_them() {
    for partitioner in Partitioner::ALL {
        let cluster = MemoryCluster::new(4);
        cluster.set_partitioner(*partitioner);
        let mut log = cluster.worker("w0", "g");
        log.shards(NOW).unwrap();
        cluster.feed_keyed(0, b"hejsan", b"value".to_vec(), 1);
        let at = partitioner.partition(b"hejsan", 4);
        assert_eq!(log.head(at, 0).unwrap(), Head::Ready(1));
        log.commit(&write(Output::Clues, &["hejsan"], &[])).unwrap();
        assert_eq!(cluster.output(Output::Clues)[0].partition, at);
    }
}

#[test]
fn an_empty_partition_is_pending_while_it_is_fed() {
    let cluster = MemoryCluster::new(1);
    let mut log = cluster.worker("w0", "g");
    log.shards(NOW).unwrap();
    assert_eq!(log.head(0, 0).unwrap(), Head::AtEnd);
    cluster.set_feeding(true);
    assert_eq!(log.head(0, 0).unwrap(), Head::Pending);
    cluster.end();
    assert_eq!(log.head(0, 0).unwrap(), Head::AtEnd);
}

#[test]
fn what_every_group_committed_can_be_dropped() {
    let cluster = MemoryCluster::new(1);
    cluster.retain(false);
    fill(&cluster, 10);
    let (mut one, mut two) = (cluster.worker("w0", "one"), cluster.worker("w0", "two"));
    one.shards(NOW).unwrap();
    two.shards(NOW).unwrap();
    one.commit(&write(Output::Clues, &[], &[(0, 0, 8)])).unwrap();
    assert_eq!((cluster.backlog(), one.beginning(0, 0).unwrap()), (10, 0));
    two.commit(&write(Output::Clues, &[], &[(0, 0, 6)])).unwrap();
    assert_eq!((cluster.backlog(), one.beginning(0, 0).unwrap()), (4, 6));
    let fault = one.replay(0, 0, 5, 8, &mut |_| Ok(())).unwrap_err();
    assert_eq!(fault.remedy, Remedy::Stop);
    assert_eq!(two.take(0, 0, 10).unwrap().messages.get(0).offset, 6);
}

#[test]
fn a_feeder_holds_memory_bounded_and_never_blocks_a_reader() {
    let cluster = MemoryCluster::new(2);
    cluster.retain(false);
    cluster.set_feeding(true);
    let feeder = {
        let cluster = cluster.clone();
        std::thread::spawn(move || {
            for idx in 0..2000 {
                // The second partition gets its only message last: a reader
                // that waits for it must not be starved by the bound.
                cluster.wait_for_room(100);
                cluster.feed(0, i32::from(idx == 1999), None, Some(vec![b'v']), idx, None);
            }
            cluster.end();
        })
    };
    let mut log = cluster.worker("w0", "g");
    log.shards(NOW).unwrap();
    let mut taken = 0;
    let mut waited = true;
    while taken < 2000 {
        let (shard, head) = if waited { (0, log.head(0, 0).unwrap()) } else { (1, log.head(1, 0).unwrap()) };
        waited = !waited;
        match head {
            Head::Ready(_) => {
                let run = log.take(shard, 0, 64).unwrap();
                let (count, next) = (run.messages.len(), run.next_offset);
                drop(run);
                taken += count;
                log.commit(&write(Output::Clues, &[], &[(shard, 0, next)])).unwrap();
            }
            _ => {
                log.shards(Duration::from_millis(50)).unwrap();
            }
        }
    }
    feeder.join().unwrap();
    assert_eq!(cluster.backlog(), 0);
}

#[test]
fn a_rebalance_waits_for_the_living() {
    let cluster = MemoryCluster::new(4);
    let mut first = cluster.worker("w0", "g");
    assert_eq!(first.shards(NOW).unwrap(), Some(vec![0, 1, 2, 3]));
    let mut second = cluster.worker("w1", "g");
    assert_eq!(second.shards(NOW).unwrap(), None, "the first has not given up its shards");
    first.commit(&write(Output::Clues, &["a"], &[(3, 0, 1)])).unwrap();
    assert_eq!(first.shards(NOW).unwrap(), Some(vec![0, 1]));
    assert_eq!(second.shards(NOW).unwrap(), Some(vec![2, 3]));
    assert_eq!(cluster.generation("g"), 2);
    assert!(matches!(first.commit(&write(Output::Clues, &["b"], &[(3, 0, 2)])), Err(CommitFailure::Lost(_))));
    drop(first);
    assert_eq!(second.shards(NOW).unwrap(), None, "a dead worker's slot waits for its next worker");
    let mut third = cluster.worker("w0", "g");
    assert_eq!(third.shards(NOW).unwrap(), Some(vec![0, 1]));
    assert_eq!(second.shards(NOW).unwrap(), None, "which disturbs nobody");
    cluster.expire("w0", "g");
    assert_eq!(second.shards(NOW).unwrap(), Some(vec![0, 1, 2, 3]));
    let fault = {
        let _taken_over = cluster.worker("w1", "g");
        second.shards(NOW).unwrap_err()
    };
    assert_eq!(fault.remedy, Remedy::Stop);
}

#[test]
fn an_expelled_worker_loses_its_epoch_and_joins_again() {
    let cluster = MemoryCluster::new(2);
    let (mut first, mut second) = (cluster.worker("w0", "g"), cluster.worker("w1", "g"));
    assert_eq!(first.shards(NOW).unwrap(), None);
    assert_eq!(second.shards(NOW).unwrap(), Some(vec![1]));
    assert_eq!(first.shards(NOW).unwrap(), Some(vec![0]));
    cluster.inject("w0", Mishap::Expelled);
    assert!(matches!(first.commit(&write(Output::Clues, &["a"], &[(0, 0, 1)])), Err(CommitFailure::Lost(_))));
    assert_eq!(second.shards(NOW).unwrap(), Some(vec![0, 1]));
    assert_eq!(first.shards(NOW).unwrap(), Some(vec![]), "it lost everything and waits for the other");
    assert_eq!(second.shards(NOW).unwrap(), Some(vec![1]));
    assert_eq!(first.shards(NOW).unwrap(), Some(vec![0]));
    assert!(cluster.output(Output::Clues).is_empty());
}

#[test]
fn a_lost_answer_landed_or_not_and_the_shards_start_anew() {
    for landed in [true, false] {
        let cluster = MemoryCluster::new(1);
        let mut log = cluster.worker("w0", "g");
        log.shards(NOW).unwrap();
        cluster.inject("w0", Mishap::AnswerLost { landed });
        assert!(matches!(log.commit(&write(Output::Journal, &["a"], &[(0, 0, 1)])), Err(CommitFailure::Lost(_))));
        let again = log.commit(&write(Output::Journal, &["b"], &[(0, 0, 2)]));
        assert!(matches!(again, Err(CommitFailure::Lost(_))), "nothing is committed before recovery");
        assert_eq!(log.shards(NOW).unwrap(), Some(vec![0]));
        assert_eq!(log.journal(0).unwrap().len(), usize::from(landed));
        assert_eq!(log.committed(0).unwrap()[0], landed.then_some(1));
    }
}

#[test]
fn a_crash_hits_where_it_is_told_to() {
    for (point, landed) in [
        (CrashPoint::Shards, 0),
        (CrashPoint::Take, 0),
        (CrashPoint::BeforeCommit, 0),
        (CrashPoint::AfterCommit, 1),
        (CrashPoint::Recovery, 0),
    ] {
        let cluster = MemoryCluster::new(1);
        fill(&cluster, 1);
        let mut log = cluster.worker("w0", "g");
        assert_eq!(log.shards(NOW).unwrap(), Some(vec![0]));
        cluster.inject("w0", Mishap::Crash(point));
        let _ = log.shards(NOW);
        let _ = log.committed(0);
        let _ = log.take(0, 0, 1).map(|taken| taken.next_offset);
        let _ = log.commit(&write(Output::Clues, &["a"], &[(0, 0, 1)]));
        assert!(log.crashed(), "{point:?}");
        assert!(log.head(0, 0).is_err(), "{point:?}");
        assert_eq!(cluster.output(Output::Clues).len(), landed, "{point:?}");
        let mut next = cluster.worker("w0", "g");
        assert_eq!(next.shards(NOW).unwrap(), Some(vec![0]), "{point:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_mishaps() {
    let run = |seed: u64| {
        let cluster = MemoryCluster::new(1);
        cluster.set_faults(Some(Faults { seed, commit_again: 2000, answer_lost: 1000, expelled: 500, crash: 300 }));
        let mut log = cluster.worker("w0", "g");
        let mut story = Vec::new();
        for idx in 0..300 {
            if log.crashed() {
                log = cluster.worker("w0", "g");
            }
            story.push(match log.shards(NOW) {
                Err(_) => 'c',
                Ok(_) => match log.commit(&write(Output::Journal, &["a"], &[(0, 0, idx)])) {
                    Ok(()) => '.',
                    Err(CommitFailure::Again(_)) => 'a',
                    Err(CommitFailure::Lost(_)) => 'l',
                },
            });
        }
        (story.into_iter().collect::<String>(), cluster.output(Output::Journal).len())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    for mark in ['c', '.', 'a', 'l'] {
        assert!(run(1).0.contains(mark), "{mark}");
    }
}
