//! Groups under corrections: what is summed are the cases that are left, and
//! of cases that nobody knows only that they were.

#[path = "support/batch.rs"]
mod batch;
#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_bills.rs"]
mod group_bills;
#[path = "support/looks.rs"]
mod looks;
#[path = "support/survivors.rs"]
mod survivors;
#[allow(dead_code, reason = "survivors read fields and no more")]
#[path = "support/oracle/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::LazyLock;

use batch::Key;
use claimsift::base::time::Civil;
use claimsift::base::time::Zone;
use claimsift::engine::Engine;
use claimsift::evaluators::ratio::Outcome;
use claimsift::evaluators::ratio::Ratio;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::synth::CorrectionKind;
use claimsift::synth::Generated;
use claimsift::synth::correct;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use fleet::Fleet;
use fleet::Sent;
use group_bills::Random;
use group_bills::bills;
use group_bills::engine;
use group_bills::rules;
use looks::Looks;
use survivors::Survivors;
use survivors::survivors;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| engine(&rules(), 3));

/// Bills of two months as messages.
fn feed(seed: u64) -> Vec<Generated> {
    let message = |bill: &group_bills::Bill| {
        // Interim bills have amounts of their own, so that none is taken for another.
        let bill = &group_bills::Bill { rest: bill.rest + i64::from(bill.interim) * 100, ..bill.clone() };
        let event_time = Civil::parse(&format!("{} {:02}:00:00", group_bills::date(bill.day), bill.hour)).unwrap();
        let timestamp_ms = Zone::default().utc_ms(event_time);
        Generated { event_time, timestamp_ms, person: bill.person.clone(), json: bill.json().into_bytes(), ..Generated::default() }
    };
    bills(seed).iter().map(message).collect()
}

fn left_of(feed: &[Generated]) -> Survivors {
    survivors(&feed.iter().map(|message| (message.input, message.json.as_slice())).collect::<Vec<_>>())
}

/// What shards conclude of messages.
struct Concluded {
    looks: Looks,
    clues: BTreeMap<String, Word>,
}

impl Concluded {
    fn judged(&self) -> BTreeMap<Key, &Ratio> {
        let mut judged = BTreeMap::new();
        for (key, outcome) in self.looks.units() {
            if let Outcome::Judged(ratio) = outcome {
                judged.insert(key, &**ratio);
            }
        }
        judged
    }
}

/// Each shard at its own pace; with `restarts` they die on the way.
fn run(feed: &[Generated], order: &[usize], seed: u64, restarts: bool) -> Concluded {
    let mut fleet = Fleet::new(&ENGINE);
    let mut random = Random::new(seed);
    let mut queues: Vec<Vec<Sent>> = vec![Vec::new(); fleet.shards.len()];
    for place in order.iter().rev() {
        let message = &feed[*place];
        let sent = Sent { key: message.person.clone().into_bytes(), value: Some(message.json.clone()), watermark: None };
        queues[fleet.home(&message.person)].push(sent);
    }
    while queues.iter().any(|queue| !queue.is_empty()) {
        let shard = random.below(queues.len() as u64) as usize;
        let take = (1 + random.below(40) as usize).min(queues[shard].len());
        let run: Vec<Sent> = (0..take).filter_map(|_| queues[shard].pop()).collect();
        fleet.feed(shard, SETTLEMENT_INPUT, &run);
        if random.below(3) == 0 {
            fleet.deliver(shard, random.below(5) as usize);
        }
        if random.below(2) == 0 {
            fleet.close(shard);
        }
        if restarts && random.below(30) == 0 {
            fleet.rebuild(shard);
        }
    }
    for shard in 0..fleet.shards.len() {
        for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
            fleet.feed(shard, input, &[Sent::statement("2026-09-20 00:00:00")]);
        }
    }
    fleet.settle();
    let mut looks = Looks::default();
    looks.add(&fleet.looked);
    Concluded { looks, clues: effective(&fleet.records.iter().map(word).collect::<Vec<_>>()) }
}

fn in_order(feed: &[Generated], keep: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = left_of(feed).places.into_iter().filter(|place| keep(*place)).collect();
    places.sort_by_key(|place| (feed[*place].event_time, *place));
    places
}

/// By time of arrival with some days more or less.
fn shuffled(feed: &[Generated], seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut order: Vec<(i64, usize)> =
        feed.iter().enumerate().map(|(place, message)| (message.timestamp_ms / 1000 + random.below(3 * 86_400) as i64, place)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, place)| place).collect()
}

fn certain() -> Vec<CorrectionKind> {
    CorrectionKind::ALL.into_iter().filter(|kind| !kind.takes_lines() && !kind.leaves_doubt()).collect()
}

#[test]
fn sums_are_those_of_the_bills_that_are_left() {
    for seed in [1, 2, 3] {
        let made = correct(feed(seed), &certain(), 250, seed);
        assert!(made.made.len() > 12, "{:?}", made.made);
        assert!(left_of(&made.feed).doubtful.is_empty());
        let expect = run(&made.feed, &in_order(&made.feed, |_| true), 1, false);
        let found = run(&made.feed, &shuffled(&made.feed, seed), seed, true);
        assert!(expect.judged().len() > 200 && expect.clues.len() > 3, "{} and {}", expect.judged().len(), expect.clues.len());
        for (key, outcome) in expect.looks.units() {
            assert_eq!(found.looks.units().get(&key), Some(&outcome), "seed {seed}: {key:?}");
        }
        let judged: Vec<Key> = found.judged().into_keys().filter(|key| !expect.looks.units().contains_key(key)).collect();
        assert_eq!(judged, [], "seed {seed}: units of which nothing is left");
        let differing = differences(&found.clues, &expect.clues);
        assert!(differing.is_empty(), "seed {seed}:\n{}", differing.join("\n"));
    }
}

#[test]
fn a_doubtful_visit_counts_as_a_case_of_no_value() {
    let made = correct(feed(4), &[CorrectionKind::UnlinkedOfTwo], 60, 4);
    let left = left_of(&made.feed);
    assert!(left.doubtful.len() > 20);
    let visit = |message: &Generated| {
        let value: serde_json::Value = serde_json::from_slice(&message.json).unwrap();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        (text("psn_no"), text("fixmedins_code"), text("mdtrt_id"))
    };
    let certain = in_order(&made.feed, |place| !left.doubtful.contains(&visit(&made.feed[place])));
    let without = run(&made.feed, &certain, 1, false);
    let with = run(&made.feed, &in_order(&made.feed, |_| true), 1, false);
    let found = run(&made.feed, &shuffled(&made.feed, 4), 4, true);
    let (mut compared, mut doubtful) = (0, BTreeSet::new());
    let (without, with) = (without.judged(), with.judged());
    for (key, judged) in found.judged() {
        if let Some(other) = without.get(&key) {
            let numbers = |judged: &Ratio| (judged.n, judged.observed, judged.expected, judged.variance);
            assert_eq!(numbers(judged), numbers(other), "{key:?}");
            compared += 1;
        }
        if let Some(all) = with.get(&key) {
            assert_eq!(judged.coverage.whole, all.coverage.whole, "{key:?}: cases in all");
            if all.n > judged.n {
                doubtful.insert(key);
            }
        }
    }
    assert!(compared > 200 && doubtful.len() > 20, "{compared} compared, {} with doubts", doubtful.len());
}

#[test]
fn when_everything_is_taken_back_no_unit_is_left() {
    let made = correct(feed(5), &[CorrectionKind::Reversed, CorrectionKind::Deleted, CorrectionKind::Unlinked], 1000, 5);
    let left = left_of(&made.feed);
    assert_eq!((left.places.len(), left.unmatched.len()), (0, 0));
    for seed in [5, 6] {
        let found = run(&made.feed, &shuffled(&made.feed, seed), seed, seed == 6);
        assert_eq!(found.judged().into_keys().collect::<Vec<_>>(), []);
        assert_eq!(found.clues.into_keys().collect::<Vec<_>>(), [""; 0]);
    }
}
