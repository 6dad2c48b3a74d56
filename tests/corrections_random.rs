//! Small random histories full of corrections: whatever comes of a few
//! messages in some order comes of those that are left alone. Across a change
//! of rules, too, what was told is withdrawn.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/small_book.rs"]
mod small_book;
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
use claimsift::window::calendar::Month;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use fleet::Fleet;
use fleet::Sent;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;
use serde_json::Value;
use serde_json::json;
use small_book::Hand;
use small_book::bill;
use small_book::line;
use small_book::negative;
use small_book::prescription;
use survivors::survivors;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(small_book::engine);

/// A message of few numbers, visits, amounts and times, so that many meet.
fn message(random: &mut Pcg64, senders: bool) -> Hand {
    let mut of = |limit: u32| random.random_range(0..limit);
    let updated = ["2026-07-11 08:00:00", "2026-07-12 08:00:00", "2026-07-13 08:00:00"];
    let mut given = json!({});
    if of(3) > 0 {
        given["updt_time"] = json!(updated[of(3) as usize]);
    }
    given["vali_flag"] = json!(if of(5) == 0 { "0" } else { "1" });
    given["mdtrt_id"] = [json!("V1"), json!("V1"), json!("V2"), Value::Null][of(4) as usize].clone();
    given["psn_no"] = json!(if of(8) == 0 { "P2" } else { "P1" });
    if of(5) == 0 {
        given["prsc_time"] = json!("2026-07-20 09:00:00");
        given["biz_type_code"] = json!("02");
        if of(2) == 0 {
            given["rx_drug_cnt"] = Value::Null;
        }
        return prescription(["RX1", "RX2"][of(2) as usize], given);
    }
    let packs = [1, 2, 2, 3][of(4) as usize];
    given["setl_time"] = json!(format!("2026-07-{:02} 10:00:00", 10 + of(3)));
    let number = of(6);
    if of(5) < 3 || senders {
        given["medfee_sumamt"] = json!(packs as f64 * 10.0);
        given["feedetl"] = json!([line(&format!("{number}"), packs)]);
        if senders {
            given["medins_setl_id"] = json!(["M1", "M2"][of(2) as usize]);
        }
        if of(8) == 0 {
            given["refd_setl_flag"] = json!("1");
        }
        if of(10) == 0 {
            given["init_setl_id"] = json!("S1");
        }
        return bill(["S1", "S2", "S3", "S4"][of(4) as usize], given);
    }
    given["medfee_sumamt"] = json!(packs as f64 * -10.0);
    given["feedetl"] = json!([line("R1", -packs)]);
    let original = [None, Some("S1"), Some("S2"), Some("S3")][of(4) as usize];
    negative(["S4", "S5", "S6"][of(3) as usize], original, given)
}

/// What messages come to: one by one, with restarts, or all of an input at once.
fn told<'a>(messages: impl Iterator<Item = &'a Hand>, way: u64) -> BTreeMap<String, Word> {
    let mut fleet = Fleet::new(&ENGINE);
    let all: Vec<&Hand> = messages.collect();
    for run in all.chunk_by(|one, other| way == 2 && one.input == other.input) {
        fleet.feed(0, run[0].input, &run.iter().map(|message| message.sent()).collect::<Vec<_>>());
        fleet.close(0);
        if way == 1 {
            fleet.rebuild(0);
        }
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        fleet.feed(0, input, &[Sent::statement("end")]);
    }
    fleet.settle();
    effective(&fleet.records.iter().map(word).collect::<Vec<_>>())
}

/// How what messages come to differs from what is left of them alone.
fn mistakes(messages: &[Hand], way: u64) -> Vec<String> {
    let texts: Vec<(usize, &[u8])> = messages.iter().map(|message| (message.input, message.json.as_slice())).collect();
    let left = survivors(&texts).places;
    let found = told(messages.iter(), way);
    differences(&found, &told(left.iter().map(|place| &messages[*place]), 0))
}

/// The same with as few messages as go wrong.
fn shortest(mut messages: Vec<Hand>, way: u64) -> Vec<Hand> {
    let mut place = 0;
    while place < messages.len() {
        let mut fewer = messages.clone();
        fewer.remove(place);
        if mistakes(&fewer, way).is_empty() {
            place += 1;
        } else {
            messages = fewer;
        }
    }
    messages
}

/// A history in its order of arrival.
fn history(seed: u64, senders: bool) -> Vec<Hand> {
    let mut random = Pcg64::seed_from_u64(seed);
    let count = random.random_range(3..=9);
    let mut messages: Vec<Hand> = (0..count).map(|_| message(&mut random, senders)).collect();
    // Some are sent again.
    for _ in 0..random.random_range(0..3) {
        let again = messages[random.random_range(0..messages.len())].clone();
        messages.push(again);
    }
    messages.shuffle(&mut random);
    messages
}

fn check(seed: u64, senders: bool) -> Result<(), TestCaseError> {
    let messages = history(seed, senders);
    let way = seed % 3;
    if !mistakes(&messages, way).is_empty() {
        let short = shortest(messages, way);
        let told: Vec<_> = short.iter().map(|message| String::from_utf8_lossy(&message.json).into_owned()).collect();
        let clues = mistakes(&short, way);
        return Err(TestCaseError::fail(format!("seed {seed}, in this order:\n{}\n\n{}", told.join("\n"), clues.join("\n"))));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn a_few_messages_come_to_what_is_left_of_them(seed in any::<u64>()) {
        check(seed, false)?;
    }

    #[test]
    fn uploads_come_to_what_is_left_of_them(seed in any::<u64>()) {
        check(seed, true)?;
    }
}

/// Most histories have something to correct and something to tell.
#[test]
fn histories_are_full_of_corrections() {
    let (mut void, mut told_of) = (0, 0);
    for seed in 0..100 {
        let messages = history(seed, seed % 2 == 0);
        let texts: Vec<(usize, &[u8])> = messages.iter().map(|message| (message.input, message.json.as_slice())).collect();
        let different = messages.iter().map(|message| &message.json).collect::<BTreeSet<_>>().len();
        void += usize::from(survivors(&texts).places.len() < different);
        told_of += usize::from(!told(messages.iter(), 0).is_empty());
    }
    assert!(void > 80 && told_of > 60, "{void} with corrections, {told_of} with clues, of 100");
}

/// Reversed under rules that no longer say what was told under the old ones.
#[test]
fn what_was_told_under_other_rules_is_withdrawn() {
    let month = Month::parse("2026-07").unwrap();
    let fewer = small_book::engine_without(&["on-line", "on-prescription"]);
    let dispensed = bill("S1", json!({}));
    let rx = prescription("RX1", json!({}));
    let withdrawn =
        [negative("S9", Some("S1"), json!({})), prescription("RX1", json!({ "vali_flag": "0", "updt_time": "2026-07-11 08:00:00" }))];
    let again = [
        negative("S9", Some("S1"), json!({ "vali_flag": "0", "updt_time": "2026-07-12 08:00:00" })),
        prescription("RX1", json!({ "updt_time": "2026-07-12 08:00:00" })),
    ];
    let rules = |fleet: &Fleet| -> Vec<String> {
        let mut rules: Vec<String> =
            effective(&fleet.records.iter().map(word).collect::<Vec<_>>()).into_values().map(|clue| clue.rule).collect();
        rules.sort();
        rules
    };
    for restarts in [false, true] {
        let mut fleet = Fleet::new(&ENGINE);
        let feed = |fleet: &mut Fleet, messages: &[&Hand]| {
            for message in messages {
                fleet.feed(0, message.input, &[message.sent()]);
                fleet.close(0);
                if restarts {
                    fleet.rebuild(0);
                }
            }
        };
        feed(&mut fleet, &[&dispensed, &rx]);
        assert_eq!(rules(&fleet), ["on-amount", "on-bill", "on-days", "on-line", "on-prescription"]);
        fleet.switch(0, &fewer, 1, month);
        feed(&mut fleet, &[&withdrawn[0], &withdrawn[1]]);
        assert_eq!(rules(&fleet), [""; 0], "what is reversed after a rule is gone is withdrawn all the same");
        feed(&mut fleet, &[&again[0], &again[1]]);
        assert_eq!(rules(&fleet), ["on-amount", "on-bill", "on-days", "on-line"], "a reversal that is taken back is as if it had not been");
        fleet.switch(0, &ENGINE, 2, month);
        feed(&mut fleet, &[&bill("S1", json!({ "updt_time": "2026-07-13 08:00:00" }))]);
        assert_eq!(rules(&fleet), ["on-amount", "on-bill", "on-days", "on-line"], "a rule that is back judges what changes");
    }
}

/// What rules on supply told is judged anew as long as they are there; when they
/// are gone, what it rests on may still cease to count.
#[test]
fn supplies_that_a_rule_told_of_are_withdrawn_after_it_is_gone() {
    let month = Month::parse("2026-07").unwrap();
    let without = small_book::engine_without(&["on-days"]);
    let told = |fleet: &Fleet| effective(&fleet.records.iter().map(word).collect::<Vec<_>>());
    for restarts in [false, true] {
        let mut fleet = Fleet::new(&ENGINE);
        let feed = |fleet: &mut Fleet, message: Hand| {
            fleet.feed(0, message.input, &[message.sent()]);
            fleet.close(0);
            if restarts {
                fleet.rebuild(0);
            }
        };
        feed(&mut fleet, bill("S1", json!({})));
        feed(&mut fleet, bill("S2", json!({ "psn_no": "P2", "mdtrt_id": "V2" })));
        fleet.switch(0, &without, 1, month);
        let on_days = |fleet: &Fleet| told(fleet).into_values().filter(|clue| clue.rule == "on-days").count();
        assert_eq!(on_days(&fleet), 2, "what a rule told stands when it is gone");
        feed(&mut fleet, negative("S9", Some("S1"), json!({})));
        assert_eq!(on_days(&fleet), 1, "the other bill is as it was");
    }
}
