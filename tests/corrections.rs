//! Laws of corrections: however messages and what corrects them arrive, the
//! effective clues are those of one pass over what is left.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/survivors.rs"]
mod survivors;
#[allow(dead_code, reason = "survivors read fields and no more")]
#[path = "support/oracle/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::LazyLock;

use claimsift::engine::Engine;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::memory::Faults;
use claimsift::ruleset::words::RuleEvent;
use claimsift::synth::Corrected;
use claimsift::synth::CorrectionKind;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::synth::correct;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use effective::words;
use feed::Cut;
use feed::World;
use feed::run_over;
use fleet::Fleet;
use fleet::Sent;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;
use serde_json::Value;
use survivors::Left;
use survivors::Survivors;
use survivors::survivors;

/// Of a thousand messages so many are corrected.
const SHARE: u64 = 300;

struct Base {
    world: World,
    settings: SynthSettings,
    feed: Vec<Generated>,
    engine: Arc<Engine>,
}

/// Each planted pattern in a small city: of every rule there are clues to lose.
static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::read().without_groups();
    let settings = SynthSettings {
        seed: 11,
        settlements: 1_500,
        prescriptions: 500,
        persons: 250,
        planted: Planted { violations: 1, missed: 0, withdrawn: 1, near_misses: 0, innocents: 1 },
        ..SynthSettings::default()
    };
    let (feed, _) = world.feed(&settings);
    let engine = world.engine(&settings, 1);
    Base { world, settings, feed, engine }
});

fn exact() -> Vec<CorrectionKind> {
    CorrectionKind::ALL.into_iter().filter(|kind| !kind.takes_lines()).collect()
}

fn corrected(kinds: &[CorrectionKind], seed: u64) -> Corrected {
    correct(BASE.feed.clone(), kinds, SHARE, seed)
}

fn left_of(feed: &[Generated]) -> Survivors {
    survivors(&feed.iter().map(|message| (message.input, message.json.as_slice())).collect::<Vec<_>>())
}

/// Places of messages by event time.
fn in_order(feed: &[Generated], mut places: Vec<usize>) -> Vec<usize> {
    places.sort_by_key(|place| (feed[*place].event_time, *place));
    places
}

/// How messages are cut into runs and epochs, and where the shard dies.
#[derive(Clone, Copy)]
struct Way {
    seed: u64,
    run_max: usize,
    restarts: bool,
}

const STRAIGHT: Way = Way { seed: 0, run_max: 512, restarts: false };

fn sent(message: &Generated) -> Sent {
    Sent { key: message.person.clone().into_bytes(), value: Some(message.json.clone()), watermark: None }
}

/// Every word about clues of messages in an order of arrival.
fn told(feed: &[Generated], order: &[usize], way: Way) -> Vec<Word> {
    let mut random = Pcg64::seed_from_u64(way.seed);
    let mut fleet = Fleet::new(&BASE.engine);
    let middle = order.len() / 2;
    let (mut read, mut restarted) = (0, false);
    for of_input in order.chunk_by(|one, other| feed[*one].input == feed[*other].input) {
        let mut rest = of_input;
        while !rest.is_empty() {
            let take = random.random_range(1..=way.run_max).min(rest.len());
            let run: Vec<Sent> = rest[..take].iter().map(|place| sent(&feed[*place])).collect();
            fleet.feed(0, feed[rest[0]].input, &run);
            rest = &rest[take..];
            read += take;
            if random.random_range(0..3) == 0 {
                fleet.close(0);
            }
            if way.restarts && !restarted && read >= middle {
                restarted = true;
                fleet.rebuild(0);
            }
        }
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        fleet.feed(0, input, &[Sent::statement("end")]);
    }
    fleet.settle();
    fleet.records.iter().map(word).collect()
}

/// What one pass over what is left comes to.
fn alone(feed: &[Generated]) -> BTreeMap<String, Word> {
    let order = in_order(feed, left_of(feed).places);
    effective(&told(feed, &order, STRAIGHT))
}

/// As [`differences`], of which few are shown.
#[track_caller]
fn check(what: &str, found: &BTreeMap<String, Word>, expect: &BTreeMap<String, Word>) {
    let differing = differences(found, expect);
    let by_rule = |clues: &BTreeMap<String, Word>, other: &BTreeMap<String, Word>| {
        let only = clues.iter().filter(|(id, _)| !other.contains_key(*id)).map(|(_, clue)| clue.rule.clone());
        only.fold(BTreeMap::new(), |mut rules: BTreeMap<String, usize>, rule| {
            *rules.entry(rule).or_default() += 1;
            rules
        })
    };
    assert!(
        differing.is_empty(),
        "{what}: {} differ; more of {:?}, fewer of {:?}:\n{}",
        differing.len(),
        by_rule(found, expect),
        by_rule(expect, found),
        differing[..differing.len().min(6)].join("\n")
    );
}

#[test]
fn every_kind_is_made_and_the_same_again() {
    let make = |seed| correct(BASE.feed.clone(), &CorrectionKind::ALL, 1000, seed);
    let made = make(1);
    let few: Vec<_> = CorrectionKind::ALL.iter().filter(|kind| made.made.get(kind).is_none_or(|times| *times < 5)).collect();
    assert!(few.is_empty(), "{few:?} of {:?}", made.made);
    assert_eq!(made.feed, make(1).feed);
    assert_ne!(made.feed, make(2).feed);
    assert!(made.feed.is_sorted_by_key(|message| message.timestamp_ms));
}

/// Of a message that is corrected in a way so many are left, so many lines are
/// taken back and so many visits doubtful.
#[test]
fn each_kind_leaves_what_it_should() {
    use CorrectionKind as Kind;
    for kind in Kind::ALL {
        let (left, lines, visits) = match kind {
            Kind::UnlinkedOfTwo => (2, 0, 1),
            Kind::LineReturned | Kind::PartReturned => (2, 1, 0),
            Kind::LineReversed => (1, 1, 1),
            Kind::BilledAgain
            | Kind::Replaced
            | Kind::ReplacedTwice
            | Kind::Restored
            | Kind::SentTwice
            | Kind::UploadedTwice
            | Kind::ReversalDeleted
            | Kind::ReturnReversed
            | Kind::WithdrawnAndRestored
            | Kind::PrescriptionReplaced => (1, 0, 0),
            _ => (0, 0, 0),
        };
        let made = corrected(&[kind], 3);
        let times = made.made[&kind] as usize;
        let found = left_of(&made.feed);
        let others = BASE.feed.len() - times;
        assert_eq!(found.places.len() - others, left * times, "{kind:?} {times} times: messages left");
        assert_eq!(found.refunded.len(), lines * times, "{kind:?} {times} times");
        // Several messages may be of one visit.
        let doubtful = found.doubtful.len();
        assert!(doubtful <= visits * times && doubtful * 10 >= visits * times * 9, "{kind:?} {times} times: {doubtful} doubtful visits");
        let parts = found.refunded.values().filter(|left| **left == Left::Part).count();
        assert_eq!(parts, if kind == Kind::PartReturned { times } else { 0 }, "{kind:?}");
    }
}

#[test]
fn each_kind_alone_comes_to_what_is_left() {
    for kind in exact() {
        let made = corrected(&[kind], 4);
        let order: Vec<usize> = (0..made.feed.len()).collect();
        check(&format!("{kind:?} in order"), &effective(&told(&made.feed, &order, STRAIGHT)), &alone(&made.feed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Up to an hour is disorder, up to three days is lateness; or all at once.
    #[test]
    fn any_arrival_comes_to_what_is_left(seed in any::<u64>(), late in prop_oneof![Just(Some(3600_i64)), Just(Some(3 * 86_400)), Just(None)], run_max in prop_oneof![Just(1_usize), Just(40), Just(4000)], restarts in any::<bool>()) {
        let made = corrected(&exact(), seed);
        let mut random = Pcg64::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..made.feed.len()).collect();
        match late {
            Some(late) => order.sort_by_cached_key(|place| made.feed[*place].timestamp_ms + random.random_range(0..late * 1000)),
            None => order.shuffle(&mut random),
        }
        let found = effective(&told(&made.feed, &order, Way { seed, run_max, restarts }));
        let expect = alone(&made.feed);
        prop_assert!(expect.len() > 100);
        check("any arrival", &found, &expect);
    }
}

#[test]
fn workers_that_die_come_to_what_is_left() {
    let made = corrected(&exact(), 6);
    let expect = alone(&made.feed);
    let cut = Cut { partitions: 4, workers: 2, run_messages_max: 64, epoch_messages_max: 512 };
    let faults = Faults { seed: 6, commit_again: 1000, answer_lost: 500, expelled: 100, crash: 30 };
    let run = run_over(&BASE.world.engine(&BASE.settings, 4), &made.feed, &cut, |cluster| cluster.set_faults(Some(faults)));
    assert!(run.rejects.is_empty());
    check("interrupted", &effective(&words(&run.clues)), &expect);
}

#[test]
fn when_everything_is_taken_back_nothing_is_left() {
    let kinds = [CorrectionKind::Reversed, CorrectionKind::Deleted, CorrectionKind::Withdrawn];
    let made = correct(BASE.feed.clone(), &kinds, 1000, 7);
    assert_eq!(left_of(&made.feed).places, [0; 0]);
    let mut order: Vec<usize> = (0..made.feed.len()).collect();
    for seed in [1, 2] {
        let words = told(&made.feed, &order, Way { seed, run_max: 200, restarts: seed == 2 });
        assert!(words.len() > 200 && words.iter().any(|word| word.status == "RETRACTED"), "{} words", words.len());
        check("taken back", &effective(&words), &BTreeMap::new());
        order.shuffle(&mut Pcg64::seed_from_u64(seed));
    }
}

/// The feed in which lines that other messages take back are taken back in
/// their own; and the lines, by bill and number.
fn as_if_in_one_message(feed: &[Generated]) -> (Vec<Generated>, BTreeSet<String>) {
    let mut out = feed.to_vec();
    let mut named = BTreeSet::new();
    let mut homes: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let texts: Vec<Value> = feed.iter().map(|message| serde_json::from_slice(&message.json).unwrap()).collect();
    let left = left_of(feed);
    for place in left.places.iter().filter(|place| feed[**place].input == SETTLEMENT_INPUT) {
        for line in lines(&texts[*place]) {
            homes.insert((feed[*place].person.clone(), header(&texts[*place], "fixmedins_code"), field(line, "feedetl_sn")), *place);
        }
    }
    for (place, text) in texts.iter().enumerate().filter(|(place, _)| feed[*place].input == SETTLEMENT_INPUT) {
        let own: BTreeSet<String> = lines(text).iter().map(|line| field(line, "feedetl_sn")).collect();
        let moves = |line: &Value| {
            let of = field(line, "init_feedetl_sn");
            let home = homes.get(&(feed[place].person.clone(), header(text, "fixmedins_code"), of.clone())).copied();
            home.filter(|_| !of.is_empty() && !own.contains(&of))
        };
        for line in lines(text) {
            let Some(home) = moves(line) else { continue };
            let mut original: Value = serde_json::from_slice(&out[home].json).unwrap();
            list(&mut original).push(line.clone());
            named.insert(format!("{}#{}", header(&original, "setl_id"), field(line, "init_feedetl_sn")));
            out[home].json = serde_json::to_vec(&original).unwrap();
            let mut carrier: Value = serde_json::from_slice(&out[place].json).unwrap();
            let number = field(line, "feedetl_sn");
            list(&mut carrier).retain(|line| field(line, "feedetl_sn") != number);
            out[place].json = serde_json::to_vec(&carrier).unwrap();
        }
    }
    (out, named)
}

const LISTS: [&str; 3] = ["feedetl", "feeDetl", "fee_detl"];

fn list(message: &mut Value) -> &mut Vec<Value> {
    let name = LISTS.into_iter().find(|name| message.get(name).is_some()).unwrap();
    message[name].as_array_mut().unwrap()
}

fn lines(message: &Value) -> &[Value] {
    LISTS.iter().find_map(|name| message.get(name)).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn field(object: &Value, name: &str) -> String {
    let camel = claimsift::events::camel_case(name);
    [name, &camel].iter().find_map(|name| object.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn header(message: &Value, name: &str) -> String {
    let own = field(message, name);
    if own.is_empty() { message.get("setlinfo").map(|block| field(block, name)).unwrap_or_default() } else { own }
}

fn of_supplies(clues: BTreeMap<String, Word>) -> BTreeMap<String, Word> {
    let judges = |rule: &str| BASE.world.loaded.book.rule(rule).is_some_and(|rule| rule.event == RuleEvent::Supply);
    clues.into_iter().filter(|(_, clue)| judges(&clue.rule)).collect()
}

#[test]
fn supplies_are_those_of_a_feed_whose_bills_take_back_their_own_lines() {
    for kind in [CorrectionKind::LineReturned, CorrectionKind::PartReturned, CorrectionKind::LineReversed] {
        let made = correct(BASE.feed.clone(), &[kind], 1000, 8);
        let (own, named) = as_if_in_one_message(&made.feed);
        assert!(named.len() > 20, "{kind:?}: {} lines", named.len());
        let expect = of_supplies(alone(&own));
        let without = of_supplies(effective(&told(&BASE.feed, &(0..BASE.feed.len()).collect::<Vec<_>>(), STRAIGHT)));
        assert!(!differences(&expect, &without).is_empty(), "{kind:?} changes something");
        let mut order: Vec<usize> = (0..made.feed.len()).collect();
        for seed in [1, 2] {
            let found = effective(&told(&made.feed, &order, Way { seed, run_max: 300, restarts: seed == 2 }));
            let of_lines: Vec<String> = found
                .values()
                .filter(|clue| {
                    let rule = BASE.world.loaded.book.rule(&clue.rule).unwrap();
                    rule.event == RuleEvent::Settlement && clue.names.iter().any(|name| named.contains(name))
                })
                .map(|clue| format!("{} {:?}", clue.rule, clue.names))
                .collect();
            assert_eq!(of_lines, [""; 0], "{kind:?}: clues about lines that were taken back");
            check(&format!("{kind:?}"), &of_supplies(found), &expect);
            order.shuffle(&mut Pcg64::seed_from_u64(seed));
        }
    }
}

/// What other lines and bills come to is not touched by lines that are taken back.
#[test]
fn clues_about_other_lines_stay() {
    let kinds = [CorrectionKind::LineReturned, CorrectionKind::PartReturned];
    let made = correct(BASE.feed.clone(), &kinds, 1000, 9);
    let (_, named) = as_if_in_one_message(&made.feed);
    let of_bills = |clues: BTreeMap<String, Word>| -> BTreeMap<String, Word> {
        let other = |clue: &Word| {
            let rule = BASE.world.loaded.book.rule(&clue.rule).unwrap();
            rule.event == RuleEvent::Settlement && clue.names.is_disjoint(&named)
        };
        clues.into_iter().filter(|(_, clue)| other(clue)).collect()
    };
    let order: Vec<usize> = (0..made.feed.len()).collect();
    let found = of_bills(effective(&told(&made.feed, &order, STRAIGHT)));
    check("other lines", &found, &of_bills(alone(&made.feed)));
}
