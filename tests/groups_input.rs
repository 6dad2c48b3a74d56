//! Bills as they should not be, in any order, and partials of elsewhere:
//! groups count a reason or stop, and never take one number for another.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_bills.rs"]
mod group_bills;

use std::collections::BTreeMap;
use std::sync::Arc;

use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::base::record::Message;
use claimsift::engine::Engine;
use claimsift::engine::shard::Shard;
use claimsift::evaluators::ratio::Outcome;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::Output;
use claimsift::runtime::recover::OwnedMessages;
use fleet::Fleet;
use fleet::Sent;
use group_bills::Bill;
use group_bills::Random;
use group_bills::View;
use group_bills::bills;
use group_bills::engine;
use group_bills::last;
use group_bills::plain_of;
use group_bills::rules;
use proptest::prelude::*;

/// One run after the other, then the end of July and of a late August.
fn run(engine: &Arc<Engine>, runs: &[Vec<(String, String)>]) -> Fleet {
    let mut fleet = Fleet::new(engine);
    for run in runs {
        let sent: Vec<Sent> = run.iter().map(|(person, json)| Sent::event(person, json)).collect();
        fleet.feed(0, SETTLEMENT_INPUT, &sent);
        fleet.settle();
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        fleet.feed(0, input, &[Sent::statement("2026-09-20 00:00:00")]);
    }
    fleet.settle();
    fleet
}

fn sent(bills: &[Bill]) -> Vec<(String, String)> {
    bills.iter().map(|bill| (bill.person.clone(), bill.json())).collect()
}

/// Numbers of every unit: n, observed, expected, cases in all; or why not.
fn told(fleet: &Fleet) -> BTreeMap<String, String> {
    let text = |outcome: &Outcome| match outcome {
        Outcome::Judged(ratio) => {
            assert!(ratio.ratio.is_finite() && ratio.judgment.eb05.is_finite(), "{ratio:?}");
            format!("{} {} {} {}", ratio.n, ratio.observed, ratio.expected, ratio.coverage.whole)
        }
        Outcome::Unknown(reason) => reason.name().to_owned(),
    };
    last(&fleet.looked)
        .into_iter()
        .map(|((rule, period, kind, unit), outcome)| (format!("{rule} {period} {kind} {unit}"), text(&outcome)))
        .collect()
}

#[test]
fn what_a_bill_lacks_is_counted_and_changes_no_ratio_of_the_others() {
    let engine = engine(&rules(), 1);
    let all: Vec<Bill> = bills(9).into_iter().filter(|bill| bill.day < 31).collect();
    let clean = run(&engine, &[sent(&all)]);
    let expect = told(&clean);
    let first = group_bills::institution(0);
    let like = all.iter().find(|bill| bill.stay && !bill.interim && bill.institution == first && bill.consumables.is_some()).unwrap();
    let bad = Bill { id: "BAD".to_owned(), visit: "BAD".to_owned(), person: "BAD".to_owned(), ..like.clone() };
    let long = "长".repeat(100);
    let unit = |rule: &str, of: &str| format!("{rule} 2026-07 institution {of}");
    let numbers = |text: &str| -> Vec<i128> { text.split(' ').map(|number| number.parse().unwrap()).collect() };
    // By name: the bill, the reason that is counted for every rule, and how many
    // more cases of cost the institution has: in all, and with a value.
    let whole = |bill: &Bill| bill.json();
    let table: Vec<(&str, String, Option<&str>, i128, i128)> = vec![
        ("sound", whole(&bad), None, 1, 1),
        ("no setting", whole(&bad).replace(r#""med_type":"21","#, ""), Some("setting"), 0, 0),
        ("an unknown setting", whole(&bad).replace(r#""med_type":"21""#, r#""med_type":"X1""#), Some("setting"), 0, 0),
        (
            "no department, no doctor",
            whole(&Bill { department: None, ..bad.clone() }).replace(&format!(r#""chfpdr_code":"{}","#, bad.doctor), ""),
            None,
            1,
            1,
        ),
        ("a long doctor", whole(&Bill { doctor: long.clone(), ..bad.clone() }), Some("long_code"), 1, 1),
        ("a long department", whole(&Bill { department: Some(long.clone()), ..bad.clone() }), Some("long_code"), 1, 1),
        ("a long institution", whole(&Bill { institution: long, ..bad.clone() }), Some("long_code"), 0, 0),
        ("an amount beyond all", whole(&Bill { rest: (1 << 46) + 7, ..bad.clone() }), None, 1, 0),
        ("a line given back", whole(&Bill { consumables: Some(-5_000), rest: 50_000, ..bad.clone() }), None, 1, 1),
        // Its original counts until reversals are followed; it is no case of its own.
        ("a reversal", whole(&Bill { consumables: Some(-5_000), rest: -7_000, ..bad.clone() }), None, 0, 0),
        ("a line without an amount", whole(&bad).replacen(r#""det_item_fee_sumamt""#, r#""other""#, 1), None, 1, 1),
        ("an unknown kind of line", whole(&bad).replace(r#""list_type":"301""#, r#""list_type":"?""#), None, 1, 1),
        ("an unknown group", whole(&Bill { group: Some("G9"), ..bad.clone() }), None, 1, 1),
        ("an interim bill alone", whole(&Bill { interim: true, ..bad.clone() }), None, 0, 0),
    ];
    for (name, json, reason, more, known) in table {
        let mut all = sent(&all);
        all.push(("BAD".to_owned(), json));
        let fleet = run(&engine, &[all]);
        let found = told(&fleet);
        for rule in ["stay-cost", "visit-cost"] {
            let count = |fleet: &Fleet, reason: &str| fleet.tallies[rule].unknown.get(reason).copied().unwrap_or(0);
            for other in ["setting", "long_code"] {
                let expect = u64::from(reason == Some(other));
                assert_eq!(count(&fleet, other) - count(&clean, other), expect, "{name}: {other} of {rule}");
            }
        }
        let (before, after) = (numbers(&expect[&unit("stay-cost", &first)]), numbers(&found[&unit("stay-cost", &first)]));
        assert_eq!((after[3] - before[3], after[0] - before[0]), (more, known), "{name}");
        for idx in 1..group_bills::INSTITUTIONS {
            let other = unit("stay-cost", &group_bills::institution(idx));
            assert_eq!(found[&other], expect[&other], "{name}");
        }
        let line = |told: &BTreeMap<String, String>| numbers(&told[&unit("stay-consumables", &first)])[0];
        let valued = known == 1 && name != "a line without an amount" || name == "an amount beyond all";
        assert_eq!(line(&found) - line(&expect), i128::from(valued), "{name}");
    }
}

#[test]
fn a_rule_whose_numbers_are_not_there_says_so_of_every_bill() {
    let of = |from: &str, to: &str| {
        let all = rules().into_iter().map(|(id, text)| (id, if id == "visit-cost" { text.replace(from, to) } else { text }));
        engine(&all.collect::<Vec<_>>(), 1)
    };
    let all: Vec<Bill> = bills(9).into_iter().filter(|bill| bill.day < 31).collect();
    let reasons = [
        ("indicator: visit_cost", "indicator: no_such", "no_baseline"),
        ("baseline: city_test", "baseline: city_other", "no_baseline"),
        ("indicator: visit_cost", "indicator: line_prices", "other_grain"),
    ];
    for (from, to, reason) in reasons {
        let fleet = run(&of(from, to), &[sent(&all)]);
        assert_eq!(fleet.tallies["visit-cost"].unknown, BTreeMap::from([(reason.to_owned(), all.len() as u64)]), "{to}");
        assert!(!fleet.tallies["stay-cost"].unknown.contains_key(reason));
        assert!(fleet.looked.iter().all(|looked| looked.rule != "visit-cost"));
    }
}

/// Lines stand for themselves: one that says too little is unknown, and one that
/// has no ceiling or no quantity is none; the others of its bill count.
#[test]
fn a_line_that_says_too_little_is_unknown_alone() {
    let of = |text: &str| text.replace("indicator: line_prices", "indicator: consumable_cost");
    let other = engine(&rules().into_iter().map(|(id, text)| (id, of(&text))).collect::<Vec<_>>(), 1);
    let all: Vec<Bill> = bills(9).into_iter().filter(|bill| bill.day < 31).collect();
    let fleet = run(&other, &[sent(&all)]);
    assert_eq!(fleet.tallies["lines-over"].unknown, BTreeMap::from([("other_grain".to_owned(), all.len() as u64)]));

    let engine = engine(&rules(), 1);
    let first = group_bills::institution(0);
    let stay = all.iter().find(|bill| bill.stay && !bill.interim && bill.institution == first).unwrap();
    let bad = Bill { id: "BAD".to_owned(), visit: "VBAD".to_owned(), consumables: Some(160_000), department: None, ..stay.clone() };
    let unit = format!("lines-over 2026-07 institution {first}");
    let numbers = |told: &BTreeMap<String, String>| -> Vec<i128> { told[&unit].split(' ').map(|number| number.parse().unwrap()).collect() };
    let expect = numbers(&told(&run(&engine, &[sent(&all)])));
    let json = bad.json();
    let price = r#""cnt":1,"pric":1600.00"#;
    let more = r#","feedetl":[{"feedetl_sn":"3","list_type":"301","med_list_codg":"C1401","cnt":1,"pric":1500.01},"#;
    for (name, json, counted, over, all_more) in [
        ("as it should be", json.clone(), 1, 1, 1),
        ("two lines", json.replace(r#","feedetl":["#, more), 2, 2, 2),
        ("no price", json.replace(price, r#""cnt":1"#), 0, 0, 1),
        ("no price beside another", json.replace(price, r#""cnt":1"#).replace(r#","feedetl":["#, more), 1, 1, 2),
        ("no quantity", json.replace(price, r#""pric":1600.00"#), 0, 0, 1),
        ("a quantity of nothing", json.replace(price, r#""cnt":0,"pric":1600.00"#), 0, 0, 0),
        ("given back", json.replace(price, r#""cnt":-1,"pric":1600.00"#), 0, 0, 0),
        ("no kind and so no ceiling", json.replace(r#""list_type":"301","#, ""), 0, 0, 0),
        ("right at the ceiling", json.replace(price, r#""cnt":1,"pric":1500.00"#), 1, 0, 1),
        ("a price of nothing", json.replace(price, r#""cnt":1,"pric":0"#), 1, 0, 1),
        ("beyond all", json.replace(price, r#""cnt":9999999999,"pric":999999999.99"#), 0, 0, 1),
        ("an interim bill alone", Bill { interim: true, ..bad.clone() }.json(), 0, 0, 0),
    ] {
        let mut all = sent(&all);
        all.push(("BAD".to_owned(), json));
        let found = numbers(&told(&run(&engine, &[all])));
        let more = [found[0] - expect[0], (found[1] - expect[1]) / 1_000_000, found[3] - expect[3]];
        assert_eq!(more, [counted, over, all_more], "{name}");
    }
}

/// What a rule does not count may yet say that the data are whole.
#[test]
fn cases_that_a_rule_leaves_out_come_late_and_make_its_panes_whole() {
    let of = |text: String| text.replace("header.fixmedins_code <> 'H99010100006'", "header.chfpdr_code <> 'Z'");
    let engine = engine(&rules().into_iter().map(|(id, text)| (id, of(text))).collect::<Vec<_>>(), 1);
    let first = group_bills::institution(0);
    let of_july = bills(9).into_iter().filter(|bill| bill.day < 31 && bill.stay && bill.institution == first);
    let visits: Vec<Bill> = of_july.collect();
    let early = |bill: &&Bill| bill.doctor == "D0-0";
    let other = visits.iter().filter(|bill| !early(bill)).map(|bill| Bill { doctor: "Z".to_owned(), ..bill.clone() });
    let (early, other): (Vec<Bill>, Vec<Bill>) = (visits.iter().filter(early).cloned().collect(), other.collect());
    let unit = format!("stay-consumables 2026-07 institution {first}");
    let mut fleet = run(&engine, &[sent(&early)]);
    assert_eq!(told(&fleet)[&unit], "incomplete");
    let late: Vec<Sent> = sent(&other).iter().map(|(person, json)| Sent::event(person, json)).collect();
    fleet.feed(0, SETTLEMENT_INPUT, &late);
    fleet.feed(0, SETTLEMENT_INPUT, &[Sent::statement("2026-09-25 00:00:00")]);
    fleet.settle();
    let straight = run(&engine, &[sent(&early), sent(&other)]);
    assert!(told(&straight)[&unit] != "incomplete");
    assert_eq!(told(&fleet)[&unit], told(&straight)[&unit]);
}

/// Old partials that a new group of consumers finds.
#[test]
fn a_shard_stops_at_partials_that_it_never_sent() {
    let engine = engine(&rules(), 1);
    let all: Vec<Bill> = bills(9).into_iter().filter(|bill| bill.day < 31).collect();
    let blocks = |shard: &mut Shard, all: &[Bill]| {
        let mut bills = OwnedMessages::default();
        for (offset, bill) in (0..).zip(all) {
            let (key, value) = (bill.person.as_bytes(), bill.json().into_bytes());
            bills.push(Message { offset, timestamp_ms: i64::MAX / 2, key: Some(key), value: Some(&value), watermark: None });
        }
        assert_eq!(shard.step(SETTLEMENT_INPUT, &bills, 1, false).stop, None);
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        for epoch in 1.. {
            let closing = shard.close_epoch(epoch, false);
            blocks.extend(closing.records.into_iter().filter(|record| record.output == Output::Partials).filter_map(|record| record.value));
            if !closing.worked {
                return blocks;
            }
        }
        unreachable!()
    };
    let read = |shard: &mut Shard, blocks: &[Vec<u8>]| {
        let mut run = OwnedMessages::default();
        for (offset, block) in (0..).zip(blocks) {
            run.push(Message { offset, timestamp_ms: 0, key: None, value: Some(block), watermark: None });
        }
        shard.step(PARTIALS_INPUT, &run, 1, false).stop
    };
    let (mut old, mut new) = (Shard::new(Arc::clone(&engine), 0), Shard::new(Arc::clone(&engine), 0));
    let of_old = blocks(&mut old, &all);
    assert!(of_old.len() > 2);
    assert_eq!(read(&mut old, &of_old), None);
    let reason = read(&mut new, &of_old).unwrap();
    assert!(reason.contains("block 1 of shard 0 is none that this shard sent") && reason.contains("partials at offset 0"), "{reason}");
    // Nor does it help that it has sent as many itself.
    let mut new = Shard::new(Arc::clone(&engine), 0);
    let of_new = blocks(&mut new, &all[..all.len() / 2]);
    assert!(!of_new.is_empty());
    assert!(read(&mut new, &of_old).is_some());
    let mut again = Shard::new(engine, 0);
    let sent = blocks(&mut again, &all[..all.len() / 2]);
    assert_eq!((read(&mut again, &sent), &sent), (None, &of_new));
    assert!(read(&mut again, &sent).is_some(), "and nothing twice");
}

/// Cases of up to four bills: interim, final, of equal times, of other doctors.
fn visits() -> impl Strategy<Value = Vec<Bill>> {
    let bill = (0_i64..40, 0_i64..2, any::<bool>(), 0_usize..3, prop::option::weighted(0.9, 0_i64..50_000), 0_i64..90_000, 0_usize..3);
    prop::collection::vec((any::<bool>(), prop::collection::vec(bill, 1..5)), 1..7).prop_map(|visits| {
        let mut all = Vec::new();
        for (number, (stay, bills)) in visits.into_iter().enumerate() {
            for (idx, (day, hour, interim, doctor, consumables, rest, group)) in bills.into_iter().enumerate() {
                all.push(Bill {
                    id: format!("S{number}-{idx}"),
                    person: format!("P{}", number % 3),
                    visit: format!("V{number}"),
                    institution: group_bills::institution(0),
                    stay,
                    interim: stay && interim,
                    day,
                    hour,
                    days: 1 + (day + hour) % 5,
                    group: [Some("G1"), Some("G2"), None][group],
                    department: Some(format!("A{doctor}")),
                    // Who orders the most has a visit; that is another law.
                    doctor: if stay { format!("D{doctor}") } else { "D0".to_owned() },
                    consumables,
                    rest,
                });
            }
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn cases_forget_the_order_and_the_epochs_of_their_bills(mixed in visits(), seed in any::<u64>()) {
        static ENGINE: std::sync::LazyLock<Arc<Engine>> = std::sync::LazyLock::new(|| engine(&rules(), 1));
        // Beside a city, so that there is enough to judge.
        let city: Vec<Bill> = bills(9).into_iter().filter(|bill| bill.institution == group_bills::institution(0)).collect();
        let all: Vec<Bill> = city.iter().chain(&mixed).cloned().collect();
        let straight = run(&ENGINE, &[sent(&all)]);
        let expect = told(&straight);
        let mut shuffled = mixed;
        let mut random = Random::new(seed);
        for idx in (1..shuffled.len()).rev() {
            shuffled.swap(idx, random.below(idx as u64 + 1) as usize);
        }
        let mut runs: Vec<Vec<(String, String)>> = shuffled.chunks(2).map(sent).collect();
        runs.insert(random.below(runs.len() as u64 + 1) as usize, sent(&city));
        let found = run(&ENGINE, &runs);
        // Units that nothing is left of were looked at on the way, at most.
        for (unit, numbers) in &expect {
            prop_assert_eq!(found_of(&found, unit), Some(numbers.clone()), "{}", unit);
        }
        let sums = plain_of(&all, &View::default());
        for ((rule, period, kind, unit), sum) in &sums {
            let numbers = &expect[&format!("{rule} {period} {kind} {unit}")];
            if let Ok(n) = numbers.split(' ').next().unwrap().parse::<i128>() {
                prop_assert_eq!(n, sum.n, "{} {} {}", rule, period, unit);
                prop_assert_eq!(numbers, &format!("{} {} {} {}", sum.n, sum.observed, sum.expected, sum.all));
            }
        }
        prop_assert_eq!(&expect.len(), &sums.len(), "no unit without a case");
    }
}

fn found_of(fleet: &Fleet, unit: &str) -> Option<String> {
    told(fleet).get(unit).cloned()
}

/// A visit that was reversed and settled again counts once, as it was settled last.
#[test]
fn a_reversed_bill_is_no_case_in_whatever_order_its_bills_come() {
    let engine = engine(&rules(), 1);
    let all: Vec<Bill> = bills(9).into_iter().filter(|bill| bill.day < 31).collect();
    let first = group_bills::institution(0);
    let like = all.iter().find(|bill| bill.stay && !bill.interim && bill.institution == first && bill.consumables.is_some()).unwrap();
    let own = Bill { id: "A".to_owned(), visit: "AGAIN".to_owned(), person: "AGAIN".to_owned(), ..like.clone() };
    let again = Bill { id: "C".to_owned(), ..own.clone() };
    let refunded = Bill { id: "B".to_owned(), ..own.clone() }.json().replacen('{', r#"{"refd_setl_flag":"1","init_setl_id":"A","#, 1);
    let unit = format!("stay-cost 2026-07 institution {first}");
    let numbers = |fleet: &Fleet| -> Vec<i128> { told(fleet)[&unit].split(' ').map(|number| number.parse().unwrap()).collect() };
    let clean = numbers(&run(&engine, &[sent(&all), sent(std::slice::from_ref(&again))]));
    let three = [own.json(), refunded, again.json()];
    for order in [[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]] {
        let mut runs = vec![sent(&all)];
        runs.extend(order.map(|at| vec![("AGAIN".to_owned(), three[at].clone())]));
        let found = numbers(&run(&engine, &runs));
        assert_eq!(found, clean, "{order:?}");
    }
}
