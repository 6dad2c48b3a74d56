//! Groups: what shards count, send each other and conclude is what plain sums
//! over all bills come to, however the bills arrive and whoever restarts.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_bills.rs"]
mod group_bills;

use std::collections::BTreeSet;

use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::engine::journal::JournalEntry;
use claimsift::engine::journal::Tick;
use claimsift::engine::journal::TickKind;
use claimsift::evaluators::ratio::Outcome;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::Output;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::StoredRecord;
use claimsift::stats::shrinkage::Decision;
use effective::effective;
use effective::word;
use effective::words;
use feed::Cut;
use fleet::Fleet;
use fleet::Sent;
use group_bills::Sum;
use group_bills::bills;
use group_bills::engine;
use group_bills::last;
use group_bills::period;
use group_bills::plain;
use group_bills::rules;
use group_bills::run;

#[test]
fn what_is_judged_are_plain_sums_over_all_bills() {
    let bills = bills(1);
    let fleet = run(&engine(&rules(), 4), &bills, 1, false);
    let found = last(&fleet.looked);
    let mut judged = 0;
    for (unit, sum) in plain(&bills) {
        let key = (unit.0.to_owned(), unit.1.clone(), unit.2.clone(), unit.3.clone());
        let incomplete = unit.3.contains('5') && !unit.2.contains("or") || unit.3.ends_with("-4") || unit.3.ends_with(".4");
        let outcome = found.get(&key).unwrap_or_else(|| panic!("{key:?} was not looked at"));
        let Outcome::Judged(ratio) = outcome else {
            assert!((incomplete && unit.0 != "visit-cost") || sum.n < 3, "{key:?}: {outcome:?} of {sum:?}");
            continue;
        };
        judged += 1;
        let told =
            Sum { n: ratio.n, observed: ratio.observed, expected: ratio.expected, variance: ratio.variance, all: ratio.coverage.whole };
        assert_eq!(told, sum, "{key:?}");
        assert!((ratio.ratio - sum.observed as f64 / sum.expected as f64).abs() < 1e-12);
    }
    assert!(judged > 500, "{judged}");
    let alerts: BTreeSet<String> = found
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Judged(ratio) if ratio.tier == Decision::Alert))
        .map(|((rule, period, kind, unit), _)| format!("{rule} {period} {kind} {unit}"))
        .collect();
    let told: Vec<_> = fleet.records.iter().map(word).collect();
    assert_eq!(effective(&told).len(), alerts.len(), "{alerts:#?}");
    for expect in [
        "stay-cost 2026-07 institution H99010100001",
        "stay-cost 2026-08 doctor D0-0",
        "consumables-over 2026-01/08 institution H99010100001",
    ] {
        assert!(alerts.contains(expect), "{expect} is not among {alerts:#?}");
    }
    assert!(alerts.iter().all(|alert| !alert.contains("H99010100003")), "{alerts:#?}");
}

#[test]
fn clues_do_not_depend_on_shards_cuts_order_or_restarts() {
    let bills = bills(2);
    let straight = run(&engine(&rules(), 1), &bills, 1, false);
    let told: Vec<_> = straight.records.iter().map(word).collect();
    let expect = effective(&told);
    assert!(expect.len() > 3);
    for (partitions, seed) in [(1, 2), (2, 3), (4, 4), (4, 5), (7, 6)] {
        let fleet = run(&engine(&rules(), partitions), &bills, seed, true);
        let told: Vec<_> = fleet.records.iter().map(word).collect();
        let found = effective(&told);
        let differing = effective::differences(&expect, &found);
        assert!(differing.is_empty(), "{partitions} shards, seed {seed}:\n{}", differing.join("\n"));
        let words: BTreeSet<(String, u32)> = told.iter().map(|word| (word.clue_id.clone(), word.revision)).collect();
        assert_eq!(words.len(), told.len(), "no revision is told twice");
        assert_eq!(last(&fleet.looked), last(&straight.looked));
    }
}

#[test]
fn a_pane_waits_for_a_silent_shard_until_a_tick_calls_it_idle() {
    let engine = engine(&rules(), 2);
    let mut fleet = Fleet::new(&engine);
    let bills = bills(3);
    let silent = 1;
    for bill in bills.iter().filter(|bill| bill.day < 31) {
        let shard = fleet.home(&bill.person);
        if shard != silent {
            fleet.feed(shard, SETTLEMENT_INPUT, &[Sent::event(&bill.person, &bill.json())]);
        }
    }
    fleet.feed(0, SETTLEMENT_INPUT, &[Sent::statement("2026-08-10 00:00:00")]);
    fleet.settle();
    assert!(fleet.looked.is_empty(), "one source was never heard of");
    for rollup in 0..2 {
        let holding = fleet.shards[rollup].holding();
        assert!(holding.iter().all(|holding| holding.source == 1 && holding.looks), "{holding:?}");
    }
    assert!(fleet.shards.iter().any(|shard| !shard.holding().is_empty()));
    for rollup in 0..2 {
        fleet.tick(rollup, Tick { input: PARTIALS_INPUT, kind: TickKind::SourceIdle(1) });
    }
    fleet.settle();
    assert!(!fleet.looked.is_empty());
    let before = fleet.looked.len();
    // It was late, not empty: what it brings revises what was concluded.
    for bill in bills.iter().filter(|bill| bill.day < 31) {
        if fleet.home(&bill.person) == silent {
            fleet.feed(silent, SETTLEMENT_INPUT, &[Sent::event(&bill.person, &bill.json())]);
        }
    }
    fleet.feed(silent, SETTLEMENT_INPUT, &[Sent::statement("2026-08-10 00:00:00")]);
    fleet.settle();
    assert!(fleet.looked.len() > before);
    let told = last(&fleet.looked);
    for (unit, sum) in plain(&bills.iter().filter(|bill| bill.day < 31).cloned().collect::<Vec<_>>()) {
        if let Some(Outcome::Judged(ratio)) = told.get(&(unit.0.to_owned(), unit.1.clone(), unit.2.clone(), unit.3.clone())) {
            assert_eq!((ratio.n, ratio.observed), (sum.n, sum.observed), "{unit:?}");
        }
    }
}

#[test]
fn a_month_without_bills_is_no_pane() {
    let engine = engine(&rules(), 2);
    let mut fleet = Fleet::new(&engine);
    for bill in bills(3).iter().filter(|bill| bill.day < 31) {
        fleet.feed(fleet.home(&bill.person), SETTLEMENT_INPUT, &[Sent::event(&bill.person, &bill.json())]);
    }
    for shard in 0..2 {
        fleet.feed(shard, SETTLEMENT_INPUT, &[Sent::statement("2026-10-20 00:00:00")]);
    }
    fleet.settle();
    let periods: BTreeSet<String> = fleet.looked.iter().map(period).collect();
    assert_eq!(periods.iter().map(String::as_str).collect::<Vec<_>>(), ["2026-01/07", "2026-01/08", "2026-01/09", "2026-07", "2026-Q3"]);
    let told: Vec<_> = fleet.records.iter().map(word).collect();
    assert!(told.iter().any(|word| word.finding.contains("2026-07")));
    assert!(told.iter().all(|word| !word.finding.contains("\"2026-08\"") && !word.finding.contains("\"2026-09\"")));
}

/// Goal: through a log, workers tell what one shard alone tells. Method: many
/// workers and shards over one log, whose every kind of mishap a seed draws.
#[test]
fn workers_that_die_and_come_back_tell_what_one_shard_tells() {
    let bills = bills(4);
    let cut = |partitions, workers| Cut { partitions, workers, run_messages_max: 16, epoch_messages_max: 64 };
    let over = |partitions, workers, faults: Option<Faults>| {
        let engine = engine(&rules(), partitions);
        let cluster = MemoryCluster::new(partitions);
        let now = 1_790_000_000_000;
        for bill in &bills {
            cluster.feed_keyed(SETTLEMENT_INPUT, bill.person.as_bytes(), bill.json().into_bytes(), now);
        }
        for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
            cluster.state_watermark(input, "2026-09-20 00:00:00", now);
        }
        cluster.set_faults(faults);
        let run = feed::run_while(&engine, &cluster, &cut(partitions, workers), || {});
        cluster.set_faults(None);
        (engine, cluster, run)
    };
    let expect = effective(&words(&over(1, 1, None).2.clues));
    assert!(expect.len() > 3);
    let mishaps = |seed| Some(Faults { seed, commit_again: 600, answer_lost: 300, expelled: 100, crash: 100 });
    for (partitions, workers, faults) in [(4, 2, None), (4, 2, mishaps(1)), (4, 3, mishaps(2)), (2, 2, mishaps(3)), (7, 2, mishaps(4))] {
        let name = format!("{workers} workers, {partitions} shards, {faults:?}");
        let (engine, cluster, run) = over(partitions, workers, faults);
        assert_eq!(effective::differences(&expect, &effective(&words(&run.clues))), [""; 0], "{name}");
        let committed = cluster.committed(feed::GROUP);
        let sent = cluster.output(Output::Partials);
        assert!(sent.iter().all(|block| block.offset < committed[&(block.partition, PARTIALS_INPUT)]), "{name}: all that was sent is read");
        let read = |record: &StoredRecord| {
            let entry: JournalEntry = serde_json::from_slice(record.record.value.as_deref().unwrap()).unwrap();
            entry.runs.iter().filter(|run| run.input == PARTIALS_INPUT).map(|run| run.messages).sum::<u64>()
        };
        assert_eq!(run.journal.iter().map(read).sum::<u64>(), sent.len() as u64, "{name}: and once");
        // Whoever takes over replays all of it, and has nothing to add.
        let again = feed::run_while(&engine, &cluster, &cut(partitions, 1), || {});
        assert_eq!((again.clues.len(), again.journal.len()), (run.clues.len(), run.journal.len()), "{name}");
        assert_eq!(cluster.output(Output::Partials).len(), sent.len(), "{name}");
    }
}
