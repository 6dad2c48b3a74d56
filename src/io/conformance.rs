//! What every log must hold to, as one suite in parts: Kafka and the log in
//! memory pass them all, files the one that a single run can have.
//!
//! A log's tests implement [`Bench`] over it, and [`GroupBench`] if its workers
//! share and recover, and call the parts. Failures are assertions, so the suite
//! belongs in tests alone.

use std::time::Duration;

use crate::base::fault::chain;
use crate::base::ids::INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::record::Messages;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Head;
use crate::io::log::Log;
use crate::io::log::Output;
use crate::io::log::Record;

/// A log under test: fresh at the start, with two partitions, and a way to
/// feed it and to read what was committed.
pub trait Bench {
    type Log: Log;
    /// What was committed shows only when the run has left at its end.
    const SHOWS_AT_THE_END: bool = false;

    /// A new worker on `slot`, which the log must let join its group.
    fn worker(&mut self, slot: &str) -> Self::Log;
    /// Appends messages to a partition; they are readable when this returns,
    /// or by the next worker.
    fn feed(&mut self, input: InputId, partition: i32, values: &[&str]);
    /// Committed values of an output's partition, in order.
    fn output(&mut self, output: Output, partition: i32) -> Vec<Vec<u8>>;
}

/// A log that keeps offsets and a journal, and whose workers form a group.
/// Messages may be fed while a worker runs.
pub trait GroupBench: Bench {
    /// Makes the next commit of `slot` fail so that nothing of it lands and it
    /// may be sent again. `false`: this log cannot be made to.
    fn fail_next_commit(&mut self, slot: &str) -> bool;
    /// Makes the next commit of `slot` land while its answer is lost. `false`:
    /// this log cannot be made to.
    fn lose_next_answer(&mut self, slot: &str) -> bool;
}

/// Longest time that a log may take to assign shards or to show messages.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);
const STEPS: u128 = PATIENCE.as_millis() / STEP.as_millis();

/// One run from the beginning to the end; `fresh` makes an empty log of two
/// partitions.
pub fn check_run<B: Bench>(mut fresh: impl FnMut() -> B) {
    read_in_order(&mut fresh());
    heads_look_without_taking(&mut fresh());
    what_is_committed_shows(&mut fresh());
    partials_come_back_as_an_input(&mut fresh());
}

/// What a group of workers that come and go relies on.
pub fn check_group<B: GroupBench>(mut fresh: impl FnMut() -> B) {
    lag_is_what_is_left(&mut fresh());
    records_and_offsets_land_together(&mut fresh());
    failed_commit_sent_again_lands_once(&mut fresh());
    lost_answer_is_decided_by_the_journal(&mut fresh());
    replay_gives_what_was_taken(&mut fresh());
    restart_goes_on_where_it_committed(&mut fresh());
    partials_land_with_their_epoch(&mut fresh());
    fenced_worker_cannot_commit(&mut fresh());
    two_workers_share_the_shards(&mut fresh());
}

/// Taken messages as (offset, value).
type Seen = Vec<(i64, Vec<u8>)>;

fn seen(messages: &dyn Messages) -> Seen {
    (0..messages.len()).map(|idx| messages.get(idx)).map(|message| (message.offset, message.value.unwrap_or_default().to_vec())).collect()
}

fn values(seen: &Seen) -> Vec<String> {
    seen.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

fn ok<T>(result: Result<T, crate::base::fault::Fault>) -> T {
    match result {
        Ok(value) => value,
        Err(fault) => panic!("{}", chain(&fault)),
    }
}

fn committed_ok(result: Result<(), CommitFailure>) {
    match result {
        Ok(()) => {}
        Err(CommitFailure::Again(fault) | CommitFailure::Lost(fault)) => panic!("{}", chain(&fault)),
    }
}

/// Waits until the worker owns `expect` and stands where its group committed.
fn join(log: &mut impl Log, expect: &[ShardId]) {
    for _ in 0..STEPS {
        if ok(log.shards(STEP)).is_some_and(|mut shards| {
            shards.sort_unstable();
            shards == expect
        }) {
            return recover(log, expect);
        }
    }
    panic!("the worker was not given shards {expect:?}");
}

fn recover(log: &mut impl Log, shards: &[ShardId]) {
    for shard in shards {
        let committed = ok(log.committed(*shard));
        assert_eq!(committed.len(), INPUTS);
        let offsets: Vec<i64> =
            committed.iter().enumerate().map(|(input, offset)| offset.unwrap_or_else(|| ok(log.beginning(*shard, input)))).collect();
        ok(log.seek(*shard, &offsets));
    }
}

/// Takes `count` messages in runs of at most `max`, and the next offset.
fn take(log: &mut impl Log, shard: ShardId, input: InputId, count: usize, max: usize) -> (Seen, i64) {
    let (mut all, mut next) = (Seen::new(), -1);
    for _ in 0..STEPS {
        while matches!(ok(log.head(shard, input)), Head::Ready(_)) && all.len() < count {
            let taken = ok(log.take(shard, input, max.min(count - all.len())));
            assert!(taken.messages.len() <= max);
            all.extend(seen(&*taken.messages));
            next = taken.next_offset;
        }
        if all.len() == count {
            return (all, next);
        }
        ok(log.shards(STEP));
    }
    panic!("only {} of {count} messages came", all.len());
}

/// Takes what is left until the input is at its end: statements at most.
fn exhaust(log: &mut impl Log, shard: ShardId, input: InputId, next: &mut i64) {
    for _ in 0..STEPS {
        match ok(log.head(shard, input)) {
            Head::AtEnd => return,
            Head::Pending => drop(ok(log.shards(STEP))),
            Head::Ready(_) => {
                let taken = ok(log.take(shard, input, 8));
                let left = (0..taken.messages.len()).map(|idx| taken.messages.get(idx)).filter(|message| message.watermark.is_none());
                assert_eq!(left.count(), 0, "everything was taken");
                *next = taken.next_offset;
            }
        }
    }
    panic!("input {input} of shard {shard} has no end");
}

fn write(shard: ShardId, values: &[&str], offsets: &[i64]) -> EpochWrite {
    let record = |output, value: &str| Record {
        output,
        partition: Some(shard),
        key: None,
        value: Some(value.as_bytes().to_vec()),
        headers: vec![("made-by", "conformance".to_owned())],
        timestamp_ms: Some(1_700_000_000_000),
    };
    let mut records: Vec<Record> = values.iter().map(|value| record(Output::Clues, value)).collect();
    records.push(record(Output::Journal, &format!("entry {}", values.join(" "))));
    EpochWrite { records, offsets: offsets.iter().enumerate().map(|(input, next)| (shard, input, *next)).collect() }
}

/// A block of partials for a shard.
fn partial(shard: ShardId, value: &str) -> Record {
    Record {
        output: Output::Partials,
        partition: Some(shard),
        key: Some(b"key".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

fn texts(values: Vec<Vec<u8>>) -> Vec<String> {
    values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

fn read_in_order<B: Bench>(bench: &mut B) {
    bench.feed(0, 0, &["a", "b", "c", "d", "e"]);
    bench.feed(1, 0, &["x"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let (taken, mut next) = take(&mut log, 0, 0, 5, 2);
    assert_eq!(values(&taken), ["a", "b", "c", "d", "e"]);
    assert!(taken.windows(2).all(|pair| pair[0].0 < pair[1].0), "offsets rise");
    assert!(next > taken[4].0, "the next offset lies after the last message");
    assert_eq!(values(&take(&mut log, 0, 1, 1, 8).0), ["x"]);
    exhaust(&mut log, 0, 0, &mut next);
    ok(log.leave());
}

fn heads_look_without_taking<B: Bench>(bench: &mut B) {
    bench.feed(0, 1, &["a", "b"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    take(&mut log, 1, 0, 1, 1);
    for _ in 0..2 {
        let mut head = None;
        for _ in 0..STEPS {
            if matches!(ok(log.head(1, 0)), Head::Ready(_)) {
                break;
            }
            ok(log.shards(STEP));
        }
        ok(log.peek(1, 0, &mut |message| head = message.value.map(<[u8]>::to_vec)));
        assert_eq!(head.as_deref(), Some(&b"b"[..]));
    }
    assert_eq!(values(&take(&mut log, 1, 0, 1, 1).0), ["b"]);
    ok(log.leave());
}

fn what_is_committed_shows<B: Bench>(bench: &mut B) {
    bench.feed(0, 0, &["a", "b"]);
    bench.feed(1, 1, &["x"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    // By shard and input.
    let mut next = [[0; INPUTS]; 2];
    next[0][0] = take(&mut log, 0, 0, 2, 8).1;
    assert!(bench.output(Output::Clues, 0).is_empty(), "nothing shows before the commit");
    committed_ok(log.commit(&write(0, &["one", "two"], &next[0])));
    let shown: &[&str] = if B::SHOWS_AT_THE_END { &[] } else { &["one", "two"] };
    assert_eq!(texts(bench.output(Output::Clues, 0)), shown);
    next[1][1] = take(&mut log, 1, 1, 1, 8).1;
    for (shard, next) in (0..).zip(&mut next) {
        for (input, next) in next.iter_mut().enumerate() {
            exhaust(&mut log, shard, input, next);
        }
        committed_ok(log.commit(&write(shard, &[], next)));
    }
    ok(log.leave());
    assert_eq!(texts(bench.output(Output::Clues, 0)), ["one", "two"]);
}

fn partials_come_back_as_an_input<B: Bench>(bench: &mut B) {
    bench.feed(0, 0, &["a"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let mut next = [[0; INPUTS]; 2];
    next[0][0] = take(&mut log, 0, 0, 1, 8).1;
    assert_eq!(ok(log.head(1, PARTIALS_INPUT)), Head::AtEnd);
    let mut epoch = write(0, &["one"], &next[0]);
    epoch.records.extend([partial(1, "p"), partial(0, "q"), partial(1, "r")]);
    committed_ok(log.commit(&epoch));
    ok(log.look_again(1, PARTIALS_INPUT));
    assert_ne!(ok(log.head(1, PARTIALS_INPUT)), Head::AtEnd, "who looks again misses nothing that was committed");
    for (shard, expected) in [(1, &["p", "r"][..]), (0, &["q"])] {
        let (taken, after) = take(&mut log, shard, PARTIALS_INPUT, expected.len(), 1);
        assert_eq!(values(&taken), expected);
        next[if shard == 1 { 1 } else { 0 }][PARTIALS_INPUT] = after;
    }
    for (shard, next) in (0..).zip(&mut next) {
        for (input, next) in next.iter_mut().enumerate() {
            exhaust(&mut log, shard, input, next);
        }
        committed_ok(log.commit(&write(shard, &[], next)));
    }
    ok(log.leave());
    assert_eq!(texts(bench.output(Output::Clues, 0)), ["one"]);
}

fn lag_is_what_is_left<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a", "b", "c", "d", "e"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let (_, mut next) = take(&mut log, 0, 0, 2, 1);
    assert_eq!(log.lag(0, 0), Some(3));
    take(&mut log, 0, 0, 3, 8);
    exhaust(&mut log, 0, 0, &mut next);
    assert_eq!(log.lag(0, 0), Some(0));
    ok(log.leave());
}

fn records_and_offsets_land_together<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a", "b"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    assert_eq!(ok(log.committed(0)), vec![None; INPUTS]);
    let (_, next) = take(&mut log, 0, 0, 2, 8);
    assert!(bench.output(Output::Clues, 0).is_empty(), "nothing shows before the commit");
    committed_ok(log.commit(&write(0, &["one", "two"], &[next, 0, 0])));
    assert_eq!(ok(log.committed(0)), vec![Some(next), Some(0), Some(0)]);
    assert_eq!(texts(bench.output(Output::Clues, 0)), ["one", "two"]);
    assert_eq!(texts(ok(log.journal(0))), ["entry one two"]);
    assert!(ok(log.journal(1)).is_empty(), "each shard has its own journal");
    committed_ok(log.commit(&write(0, &[], &[next, 0, 0])));
    assert_eq!(texts(ok(log.journal(0))), ["entry one two", "entry "], "an epoch without input commits too");
    ok(log.leave());
}

fn failed_commit_sent_again_lands_once<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let (_, next) = take(&mut log, 0, 0, 1, 8);
    let kept = write(0, &["one"], &[next, 0, 0]);
    if bench.fail_next_commit("w0") {
        assert!(matches!(log.commit(&kept), Err(CommitFailure::Again(_))));
        assert!(bench.output(Output::Clues, 0).is_empty());
        assert_eq!(ok(log.committed(0)), vec![None; INPUTS]);
    }
    committed_ok(log.commit(&kept));
    assert_eq!(texts(bench.output(Output::Clues, 0)), ["one"]);
    assert_eq!(texts(ok(log.journal(0))), ["entry one"], "the journal is read past what was aborted");
    ok(log.leave());
}

fn lost_answer_is_decided_by_the_journal<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let (_, next) = take(&mut log, 0, 0, 1, 8);
    if bench.lose_next_answer("w0") {
        assert!(matches!(log.commit(&write(0, &["one"], &[next, 0, 0])), Err(CommitFailure::Lost(_))));
        drop(log);
        let mut log = bench.worker("w0");
        join(&mut log, &[0, 1]);
        assert_eq!(texts(ok(log.journal(0))), ["entry one"]);
        assert_eq!(ok(log.committed(0))[0], Some(next));
        ok(log.leave());
    }
}

fn replay_gives_what_was_taken<B: GroupBench>(bench: &mut B) {
    let mut log = bench.worker("w0");
    bench.feed(0, 0, &["a", "b", "c"]);
    join(&mut log, &[0, 1]);
    let (first, middle) = take(&mut log, 0, 0, 3, 8);
    committed_ok(log.commit(&write(0, &["one"], &[middle, 0, 0])));
    bench.feed(0, 0, &["d", "e"]);
    let (second, end) = take(&mut log, 0, 0, 2, 8);
    let mut check = |from: i64, to: i64, expect: &[(i64, Vec<u8>)]| {
        let mut got = Seen::new();
        ok(log.replay(0, 0, from, to, &mut |messages| {
            got.extend(seen(messages));
            Ok(())
        }));
        assert_eq!(got, expect, "replay of {from} to {to}");
    };
    check(first[0].0, middle, &first);
    check(middle, end, &second);
    check(first[1].0, first[2].0, &first[1..2]);
    check(middle, middle, &[]);
    ok(log.seek(0, &[middle, 0, 0]));
    assert_eq!(take(&mut log, 0, 0, 2, 8).0, second, "seek goes back");
    ok(log.leave());
}

fn restart_goes_on_where_it_committed<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a", "b", "c"]);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let (_, next) = take(&mut log, 0, 0, 1, 1);
    committed_ok(log.commit(&write(0, &["one"], &[next, 0, 0])));
    take(&mut log, 0, 0, 1, 1);
    drop(log);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    assert_eq!(values(&take(&mut log, 0, 0, 2, 8).0), ["b", "c"], "what was not committed comes again");
    ok(log.leave());
}

fn partials_land_with_their_epoch<B: GroupBench>(bench: &mut B) {
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    let epoch = |value: &str, next: i64| {
        let mut epoch = write(0, &[], &[0, 0, next]);
        epoch.records.push(partial(0, value));
        epoch
    };
    if bench.fail_next_commit("w0") {
        assert!(matches!(log.commit(&epoch("aborted", 0)), Err(CommitFailure::Again(_))));
        assert_eq!(ok(log.head(0, PARTIALS_INPUT)), Head::AtEnd, "what was aborted is nowhere");
    }
    committed_ok(log.commit(&epoch("p", 0)));
    committed_ok(log.commit(&epoch("q", 0)));
    let (taken, next) = take(&mut log, 0, PARTIALS_INPUT, 2, 8);
    assert_eq!(values(&taken), ["p", "q"]);
    committed_ok(log.commit(&write(0, &[], &[0, 0, next])));
    assert_eq!(ok(log.committed(0))[PARTIALS_INPUT], Some(next));
    let mut again = Seen::new();
    ok(log.replay(0, PARTIALS_INPUT, taken[0].0, next, &mut |messages| {
        again.extend(seen(messages));
        Ok(())
    }));
    assert_eq!(again, taken);
    drop(log);
    let mut log = bench.worker("w0");
    join(&mut log, &[0, 1]);
    // Behind the last message stand the marks of its transaction alone.
    exhaust(&mut log, 0, PARTIALS_INPUT, &mut 0);
    committed_ok(log.commit(&epoch("r", next)));
    assert_eq!(values(&take(&mut log, 0, PARTIALS_INPUT, 1, 8).0), ["r"], "it goes on where it committed");
    ok(log.leave());
}

fn fenced_worker_cannot_commit<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a"]);
    let mut old = bench.worker("w0");
    join(&mut old, &[0, 1]);
    let (_, next) = take(&mut old, 0, 0, 1, 8);
    let mut new = bench.worker("w0");
    join(&mut new, &[0, 1]);
    assert!(matches!(old.commit(&write(0, &["old"], &[next, 0, 0])), Err(CommitFailure::Lost(_))));
    let (_, next) = take(&mut new, 0, 0, 1, 8);
    committed_ok(new.commit(&write(0, &["new"], &[next, 0, 0])));
    assert_eq!(texts(bench.output(Output::Clues, 0)), ["new"]);
    assert_eq!(texts(ok(new.journal(0))), ["entry new"]);
    ok(new.leave());
}

fn two_workers_share_the_shards<B: GroupBench>(bench: &mut B) {
    bench.feed(0, 0, &["a"]);
    bench.feed(0, 1, &["b"]);
    let (mut first, mut second) = (bench.worker("w0"), bench.worker("w1"));
    let mut owned: [Vec<ShardId>; 2] = Default::default();
    for _ in 0..STEPS {
        if let Some(shards) = ok(first.shards(STEP)) {
            owned[0] = shards;
        }
        if let Some(shards) = ok(second.shards(STEP)) {
            owned[1] = shards;
        }
        if owned == [[0], [1]] {
            break;
        }
    }
    assert_eq!(owned, [[0], [1]], "shards are shared in the order of slots");
    recover(&mut first, &[0]);
    recover(&mut second, &[1]);
    for (log, shard, value) in [(&mut first, 0, "a"), (&mut second, 1, "b")] {
        let (taken, next) = take(log, shard, 0, 1, 8);
        assert_eq!(values(&taken), [value]);
        committed_ok(log.commit(&write(shard, &[value], &[next, 0, 0])));
    }
    ok(first.leave());
    join(&mut second, &[0, 1]);
    assert!(!matches!(ok(second.head(0, 0)), Head::Ready(_)), "the leaver's commit counts");
    ok(second.leave());
}
