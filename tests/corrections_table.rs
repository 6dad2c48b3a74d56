//! What corrections mean, sentence by sentence: two or three messages each, in
//! every order of arrival, one by one, with restarts between them and at once.

#[path = "support/correction_cases.rs"]
mod correction_cases;
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
use correction_cases::Case;
use correction_cases::S1;
use correction_cases::and;
use correction_cases::case;
use correction_cases::of;
use correction_cases::small;
use correction_cases::table;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use fleet::Fleet;
use fleet::Sent;
use serde_json::Value;
use serde_json::json;
use small_book::Hand;
use small_book::bill;
use small_book::later;
use small_book::line;
use small_book::negative;
use small_book::refund;
use survivors::survivors;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(small_book::engine);

/// How messages arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    OneByOne,
    /// The shard dies after each.
    Restarts,
    /// As many in a run as are of one input.
    AtOnce,
}

/// What messages come to in the end.
fn told<'a>(messages: impl Iterator<Item = &'a Hand>, way: Way) -> BTreeMap<String, Word> {
    let mut fleet = Fleet::new(&ENGINE);
    let all: Vec<&Hand> = messages.collect();
    for run in all.chunk_by(|one, other| way == Way::AtOnce && one.input == other.input) {
        fleet.feed(0, run[0].input, &run.iter().map(|message| message.sent()).collect::<Vec<_>>());
        fleet.close(0);
        if way == Way::Restarts {
            fleet.rebuild(0);
        }
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        fleet.feed(0, input, &[Sent::statement("end")]);
    }
    fleet.settle();
    effective(&fleet.records.iter().map(word).collect::<Vec<_>>())
}

/// Where clues are not those that are expected.
fn mistakes(clues: &BTreeMap<String, Word>, expect: &[(&str, &str)]) -> Vec<String> {
    let is = |clue: &Word, (rule, name): &(&str, &str)| clue.rule == *rule && clue.names.contains(*name);
    let mut found: Vec<String> = Vec::new();
    found.extend(expect.iter().filter(|row| !clues.values().any(|clue| is(clue, row))).map(|(rule, name)| format!("no {rule} on {name}")));
    let extra = clues.values().filter(|clue| !expect.iter().any(|row| is(clue, row)));
    found.extend(extra.map(|clue| format!("{} on {:?}", clue.rule, clue.names)));
    if found.is_empty() && clues.len() != expect.len() {
        found.push(format!("{} clues, not {}", clues.len(), expect.len()));
    }
    found
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(count - 1) {
        for place in 0..count {
            let mut order = shorter.clone();
            order.insert(place, count - 1);
            all.push(order);
        }
    }
    all
}

/// The messages that are left of a case, and whether lines of them are taken back.
fn left(case: &Case) -> (Vec<&Hand>, bool) {
    let messages: Vec<(usize, &[u8])> = case.messages.iter().map(|message| (message.input, message.json.as_slice())).collect();
    let left = survivors(&messages);
    (left.places.iter().map(|place| &case.messages[*place]).collect(), !left.refunded.is_empty())
}

#[test]
fn sentences_are_told_once() {
    let mut seen = BTreeSet::new();
    for case in table() {
        assert!(case.messages.len() <= 4, "{}", case.sentence);
        assert!(seen.insert((case.sentence, case.messages.len())), "{}", case.sentence);
    }
}

/// The second computation says what the table says: what is left, alone, comes
/// to what is expected.
#[test]
fn what_is_left_alone_comes_to_what_is_expected() {
    let mut found = Vec::new();
    for case in table() {
        let (messages, refunds) = left(&case);
        if refunds {
            continue;
        }
        let mistakes = mistakes(&told(messages.into_iter(), Way::OneByOne), &case.expect);
        found.extend(mistakes.into_iter().map(|mistake| format!("{}: {mistake}", case.sentence)));
    }
    assert!(found.is_empty(), "{} mistakes:\n{}", found.len(), found.join("\n"));
}

#[test]
fn messages_in_any_order_come_to_what_is_expected() {
    let mut found = Vec::new();
    for case in table() {
        let ways = [Way::OneByOne, Way::Restarts, Way::AtOnce];
        for (order, way) in orders(case.messages.len()).into_iter().flat_map(|order| ways.map(|way| (order.clone(), way))) {
            let clues = told(order.iter().map(|place| &case.messages[*place]), way);
            let mistakes = mistakes(&clues, &case.expect);
            if !mistakes.is_empty() {
                found.push(format!("{} (arrival {order:?}, {way:?}): {}", case.sentence, mistakes.join("; ")));
            }
            let (messages, refunds) = left(&case);
            let alone = told(messages.into_iter(), Way::OneByOne);
            if mistakes.is_empty() && !refunds {
                let differing = differences(&clues, &alone);
                found.extend(
                    differing.into_iter().map(|text| format!("{} (arrival {order:?}), against what is left: {text}", case.sentence)),
                );
            }
        }
    }
    assert!(found.is_empty(), "{} mistakes:\n{}", found.len(), found.join("\n"));
}

/// Versions that nothing else tells apart: which one counts is chosen, but always the same.
#[test]
fn of_versions_that_nothing_tells_apart_one_is_chosen_for_ever() {
    for other in [small("S1", json!({})), bill("S1", json!({ "mdtrt_id": "V2" })), bill("S1", json!({ "refd_setl_flag": "1" }))] {
        let case = Case { sentence: "", messages: vec![bill("S1", json!({})), other], expect: Vec::new() };
        let alone = told(left(&case).0.into_iter(), Way::OneByOne);
        for order in [[0, 1], [1, 0]] {
            let clues = told(order.iter().map(|place| &case.messages[*place]), Way::Restarts);
            let differing = differences(&clues, &alone);
            assert!(differing.is_empty(), "{order:?}:\n{}", differing.join("\n"));
        }
    }
}

#[track_caller]
fn check_in_any_order(cases: &[Case]) {
    let mut found = Vec::new();
    for case in cases {
        for order in orders(case.messages.len()) {
            let mistakes = mistakes(&told(order.iter().map(|place| &case.messages[*place]), Way::OneByOne), &case.expect);
            found.extend(mistakes.into_iter().map(|mistake| format!("{} (arrival {order:?}): {mistake}", case.sentence)));
        }
    }
    assert!(found.is_empty(), "{} mistakes:\n{}", found.len(), found.join("\n"));
}

/// Lines are numbered within a visit: taking back a bill by its lines says
/// nothing about the lines of another visit, whatever their numbers.
#[test]
fn lines_of_another_visit_with_the_same_number_stay() {
    let other = || bill("S2", json!({ "mdtrt_id": "V2" }));
    let of_reversed = || negative("S9", Some("S1"), json!({ "feedetl": [refund("B1", "1", 2)] }));
    let second = of("S2", "S2#1");
    check_in_any_order(&[
        case("reversed by its lines", vec![bill("S1", json!({})), other(), of_reversed()], &second),
        case(
            "returned in the same visit",
            vec![bill("S1", json!({})), other(), later("S3", &[refund("B1", "1", 2)])],
            &and(&second, &[("on-bill", "S1")]),
        ),
        case(
            "reversed by its lines, and billed again with them",
            vec![bill("S1", json!({})), bill("S2", json!({ "setl_time": "2026-07-11 11:00:00" })), of_reversed()],
            &second,
        ),
        case(
            "taken back by its lines without its name, and billed again with them",
            vec![
                bill("S1", json!({})),
                bill("S2", json!({ "setl_time": "2026-07-11 11:00:00" })),
                negative("S9", None, json!({ "feedetl": [refund("B1", "1", 2)] })),
            ],
            &second,
        ),
    ]);
}

/// Of two uploads of one bill one is taken back without a name: one is left.
#[test]
fn what_is_taken_back_without_a_name_is_no_double_upload() {
    let sent = |id: &str, given: Value| {
        let mut json: Value = serde_json::from_slice(&bill(id, given).json).unwrap();
        json["medins_setl_id"] = json!("M1");
        Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
    };
    let again = |time: &str| sent("S2", json!({ "setl_time": time, "feedetl": [line("2", 2)] }));
    check_in_any_order(&[
        case("both were there", vec![sent("S1", json!({})), again("2026-07-10 10:05:00"), negative("S9", None, json!({}))], &S1),
        case(
            "billed again under the sender's number",
            vec![sent("S1", json!({})), again("2026-07-11 11:00:00"), negative("S9", None, json!({}))],
            &of("S2", "S2#2"),
        ),
    ]);
}
