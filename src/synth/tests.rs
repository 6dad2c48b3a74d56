//! What users of the feed rely on: the same bytes from the same settings, the
//! order of arrival, money that adds up, and a truth for every planted case.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::base::ids::Digest;
use crate::base::time::SECONDS_PER_DAY;
use crate::codecs::RejectClass;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;
use crate::events::Table;
use crate::reference::validity::Validity;

fn small() -> SynthSettings {
    SynthSettings {
        settlements: 12_000,
        prescriptions: 3_000,
        persons: 1_500,
        planted: Planted { violations: 3, missed: 2, withdrawn: 1, near_misses: 3, innocents: 4 },
        ..SynthSettings::default()
    }
}

fn run(settings: &SynthSettings) -> Vec<Generated> {
    generate(settings, &City::sample()).collect()
}

fn digest(feed: &[Generated]) -> Digest {
    Digest::of(feed.iter().flat_map(|message| [message.json.as_slice(), message.person.as_bytes()]))
}

/// Columns of the message, whatever its layout: header first, then the lists.
pub(super) struct Read {
    pub header: BTreeMap<&'static str, Value>,
    pub lists: Vec<Vec<BTreeMap<&'static str, Value>>>,
}

/// Column names by table and spelling.
static SPELLINGS: LazyLock<BTreeMap<(usize, String), &'static str>> = LazyLock::new(|| {
    let tables = EVENT_TYPES.iter().flat_map(|event| std::iter::once(&event.header).chain(event.children.iter().map(|child| &child.table)));
    let columns = tables.flat_map(|table| table.columns.iter().map(|column| (table.columns.as_ptr() as usize, column)));
    columns.flat_map(|(table, column)| column.spellings().into_iter().map(move |name| ((table, name), column.name))).collect()
});

fn columns(table: &Table, object: &serde_json::Map<String, Value>, skip: &[&str]) -> BTreeMap<&'static str, Value> {
    let mut out = BTreeMap::new();
    for (key, value) in object.iter().filter(|(key, _)| !skip.contains(&key.as_str())) {
        let name = SPELLINGS.get(&(table.columns.as_ptr() as usize, key.clone()));
        let name = name.unwrap_or_else(|| panic!("{} has no column {key}", table.name));
        if !value.is_null() && value != "" {
            assert!(out.insert(*name, value.clone()).is_none(), "{key} twice");
        }
    }
    out
}

pub(super) fn read(message: &Generated) -> Read {
    let event = EVENT_TYPES[message.input];
    let value: Value = serde_json::from_slice(&message.json).unwrap();
    let object = value.as_object().unwrap();
    let lists: Vec<&str> = event.children.iter().flat_map(|child| child.lists.iter().copied()).collect();
    let inner: Vec<&str> = event.blocks.iter().copied().chain(lists).collect();
    let mut header = columns(&event.header, object, &inner);
    for block in event.blocks.iter().filter_map(|block| object.get(*block)) {
        header.extend(columns(&event.header, block.as_object().unwrap(), &[]));
    }
    let rows = |child: &crate::events::Child| -> Vec<BTreeMap<&'static str, Value>> {
        let list = child.lists.iter().find_map(|name| object.get(*name));
        let items = list.map(|list| list.as_array().unwrap().clone()).unwrap_or_default();
        items.iter().map(|item| columns(&child.table, item.as_object().unwrap(), &[])).collect()
    };
    Read { header, lists: event.children.iter().map(rows).collect() }
}

pub(super) fn text<'a>(row: &'a BTreeMap<&'static str, Value>, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or("")
}

/// 分 of an amount; 0 where it is not told.
pub(super) fn fen(row: &BTreeMap<&'static str, Value>, column: &str) -> i64 {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    row.get(column).map_or(0, |value| (number(value) * 100.0).round() as i64)
}

#[test]
fn equal_settings_give_equal_bytes_and_another_seed_others() {
    let first = digest(&run(&small()));
    assert_eq!(first, digest(&run(&small())));
    assert_ne!(first, digest(&run(&SynthSettings { seed: 2, ..small() })));
}

#[test]
fn messages_come_in_the_order_of_their_record_timestamps() {
    for settings in [small(), SynthSettings { late: 0.1, duplicates: 0.02, rejects: 0.02, ..small() }] {
        let feed = run(&settings);
        assert!(feed.is_sorted_by_key(|message| message.timestamp_ms));
        for message in &feed {
            let delay = message.timestamp_ms - settings.zone.utc_ms(message.event_time);
            assert!((0..3 * SECONDS_PER_DAY * 1000).contains(&delay), "{delay}");
            if settings.late == 0.0 && message.truth.is_none() && message.reject.is_none() && delay > 3_601_000 {
                assert!(delay < 68 * 3_600_000, "only the withdrawn case is late");
            }
        }
        let out_of_order = feed.windows(2).filter(|pair| pair[1].event_time < pair[0].event_time).count();
        assert!(out_of_order > feed.len() / 20, "arrival is not the order of event times");
    }
}

#[test]
fn totals_are_as_ordered() {
    let feed = run(&small());
    let of = |input| feed.iter().filter(|message| message.input == input).count();
    assert_eq!((of(SETTLEMENT_INPUT), of(PRESCRIPTION_INPUT)), (12_000, 3_000));
    assert_eq!(generate(&small(), &City::sample()).messages(), 15_000);
    let first = Civil::from_date(small().first_day());
    let end = Civil::from_date(small().end());
    assert!(feed.iter().all(|message| (first..end).contains(&message.event_time)));
}

#[test]
fn ids_are_unique_and_required_columns_there() {
    let mut ids = BTreeSet::new();
    for message in run(&small()) {
        let event = EVENT_TYPES[message.input];
        let row = read(&message);
        for column in event.required() {
            assert!(row.header.contains_key(column), "{} {column}", event.name);
        }
        assert_eq!(text(&row.header, event.person), message.person);
        assert_eq!(Civil::parse(text(&row.header, event.event_time)), Some(message.event_time));
        let id: Vec<String> = event.business_id.iter().map(|column| text(&row.header, column).to_owned()).collect();
        assert!(ids.insert((message.input, id.clone())), "{id:?} twice");
        assert!(id.iter().all(|part| (12..=40).contains(&part.len())), "{id:?}");
    }
}

#[test]
fn money_adds_up_on_every_settlement() {
    const PARTS: [&str; 4] = ["fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"];
    let mut lines = BTreeSet::new();
    let city = City::sample();
    let mut generator = generate(&small(), &city);
    let feed: Vec<Generated> = generator.by_ref().collect();
    for message in feed.iter().filter(|message| message.input == SETTLEMENT_INPUT) {
        // A case of amounts that differ is one, and a missing word is none.
        let differs = message.truth.is_some_and(|idx| plants::tells_other_amounts(generator.truths()[idx].rule));
        let told = |item: &BTreeMap<&'static str, Value>, columns: &[&str]| columns.iter().all(|column| item.contains_key(column));
        let row = read(message);
        let (header, items) = (&row.header, &row.lists[0]);
        assert!(!items.is_empty());
        let mut split = true;
        for item in items {
            let amount = fen(item, "det_item_fee_sumamt");
            if !differs && told(item, &["cnt", "pric"]) {
                let count = item["cnt"].as_i64().unwrap();
                assert_eq!(amount, count * fen(item, "pric") - fen(item, "medins_disc_amt"));
            }
            split &= told(item, &["inscp_scp_amt"]);
            assert!(!told(item, &["inscp_scp_amt"]) || amount == PARTS.iter().map(|part| fen(item, part)).sum::<i64>());
            // Few planted messages do not tell when a thing was done, or the visit.
            let fact = item.get("fee_ocur_time").map(|time| Civil::parse(time.as_str().unwrap()).unwrap());
            let near = |fact: Civil| fact <= message.event_time && fact.plus_days(40) > message.event_time;
            assert!(fact.is_none_or(near), "{}", String::from_utf8_lossy(&message.json));
            let visit = [text(header, "mdtrt_id"), text(header, "setl_id")].into_iter().find(|id| !id.is_empty()).unwrap();
            assert!(lines.insert((visit.to_owned(), text(item, "feedetl_sn").to_owned())));
        }
        let sum = |column: &str| items.iter().map(|item| fen(item, column)).sum::<i64>();
        let total = fen(header, "medfee_sumamt");
        assert_eq!(total, sum("det_item_fee_sumamt"));
        assert!(total >= 0);
        for (of_header, of_line) in
            [("overlmt_selfpay", "overlmt_amt"), ("inscp_scp_amt", "inscp_scp_amt"), ("fulamt_ownpay_amt", "fulamt_ownpay_amt")]
        {
            assert!(!split || fen(header, of_header) == sum(of_line), "{of_header}");
        }
        let (fund, person) = (fen(header, "fund_pay_sumamt"), fen(header, "psn_part_amt"));
        assert_eq!(total, fund + person);
        assert!(fund <= fen(header, "inscp_scp_amt"));
        assert_eq!(person, fen(header, "acct_pay") + fen(header, "psn_cash_pay") + fen(header, "acct_mulaid_pay"));
    }
}

#[test]
fn every_pattern_is_there_as_often_as_ordered_and_anchored() {
    let city = City::sample();
    assert_eq!(patterns_left_out(&city), [""; 0]);
    let settings = small();
    let mut generator = generate(&settings, &city);
    let feed: Vec<Generated> = generator.by_ref().collect();
    let truths = generator.truths();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for truth in truths.iter().filter(|truth| !truth.beside) {
        *counts.entry(truth.pattern).or_default() += 1;
    }
    for pattern in plants::patterns().filter(|pattern| !plants::is_corrected(pattern)) {
        assert_eq!(counts[pattern.name], settings.times(pattern.rule, pattern.kind), "{}", pattern.name);
    }
    let mut anchored = BTreeSet::new();
    for message in &feed {
        let Some(idx) = message.truth else { continue };
        assert!(anchored.insert(idx));
        let (truth, row) = (&truths[idx], read(message));
        assert_eq!((&truth.person, truth.time), (&message.person, message.event_time));
        let told = |column: &str| text(&row.header, column).to_owned();
        match &truth.key {
            TruthKey::Line { setl_id, mdtrt_id, feedetl_sn } => {
                assert_eq!((setl_id, mdtrt_id), (&told("setl_id"), &told("mdtrt_id")));
                assert!(row.lists[0].iter().any(|line| text(line, "feedetl_sn") == feedetl_sn));
            }
            TruthKey::Settlement { setl_id } => assert_eq!(*setl_id, told("setl_id")),
            TruthKey::Prescription { fixmedins_code, hosp_rxno } => {
                assert_eq!((fixmedins_code, hosp_rxno), (&told("fixmedins_code"), &told("hosp_rxno")));
            }
            TruthKey::PrescriptionLine { fixmedins_code, hosp_rxno, line } => {
                assert_eq!((fixmedins_code, hosp_rxno), (&told("fixmedins_code"), &told("hosp_rxno")));
                assert!(*line as usize <= row.lists[0].len());
            }
            TruthKey::Supply { fixmedins_code, rx_no, .. } => {
                assert_eq!(*fixmedins_code, told("fixmedins_code"));
                let on_line = row.lists[0].iter().any(|line| text(line, "rx_drord_no") == rx_no);
                assert!(on_line || told("hosp_rxno") == *rx_no);
            }
        }
    }
    assert_eq!(anchored.len(), truths.iter().filter(|truth| !truth.beside).count());
    let table = expected(truths);
    assert!(rules().iter().all(|rule| table[rule].clear + table[rule].suspected > 0), "{table:?}");
    assert_eq!(table.values().map(|rule| rule.withdrawn).sum::<u64>(), 1);
}

#[test]
fn the_withdrawn_visit_is_heard_of_after_the_wait_and_within_lateness() {
    let city = City::sample();
    let settings = small();
    let mut generator = generate(&settings, &city);
    let feed: Vec<Generated> = generator.by_ref().collect();
    let truth = generator.truths().iter().find(|truth| truth.kind == TruthKind::Withdrawn).unwrap();
    let bill = feed.iter().find(|message| message.person == truth.person && message.input == SETTLEMENT_INPUT).unwrap();
    assert!(bill.event_time < truth.time);
    let heard = settings.zone.civil(bill.timestamp_ms);
    assert!(heard > truth.time.plus_seconds(26 * 3600) && heard < bill.event_time.plus_days(3));
}

/// The two history rules in a few lines, over ordinary life alone.
#[test]
fn ordinary_life_gives_no_reason_for_suspicion() {
    let city = City::sample();
    let settings = SynthSettings { planted: Planted { violations: 0, missed: 0, withdrawn: 0, near_misses: 0, innocents: 0 }, ..small() };
    let special: BTreeSet<&str> = city.drugs.iter().filter(|drug| !drug.ordinary()).map(|drug| drug.code.as_str()).collect();
    let ceilings: BTreeMap<&str, i64> = city.drugs.iter().filter_map(|drug| Some((drug.code.as_str(), drug.ceiling?))).collect();
    let mut feed = run(&settings);
    feed.sort_by_key(|message| message.event_time);
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut until: BTreeMap<(String, String), Civil> = BTreeMap::new();
    let (mut online, mut refills) = (0, 0);
    let span = Validity { from: day(settings.first_day()), to: day(settings.end()) };
    let kinds = [InstitutionKind::Hospital, InstitutionKind::Pharmacy, InstitutionKind::Online];
    let in_order = |kind: InstitutionKind| city.in_order(kind, span).into_iter().map(|idx| &city.institutions[idx as usize]);
    let usual: BTreeMap<&str, &Institution> = kinds.into_iter().flat_map(in_order).map(|row| (row.code.as_str(), row)).collect();
    assert!(usual.len() < city.institutions.len(), "some institutions exist for planted cases alone");
    for message in &feed {
        let row = read(message);
        let institution = usual[text(&row.header, "fixmedins_code")];
        if message.input == PRESCRIPTION_INPUT {
            assert!(institution.doctors.iter().any(|doctor| doctor == text(&row.header, "dr_code")), "{}", institution.code);
        }
        let disease = text(&row.lists[1][0], "diag_code")[..3].to_owned();
        for line in &row.lists[0] {
            let code = text(line, "med_list_codg");
            assert!(!special.contains(code), "{code}");
            if let Some(ceiling) = ceilings.get(code).filter(|_| message.input == SETTLEMENT_INPUT) {
                // Whoever asks more than the ceiling leaves all of it to the person.
                let above = (fen(line, "pric") - ceiling).max(0) * line["cnt"].as_i64().unwrap();
                assert_eq!(fen(line, "overlmt_amt"), above);
            }
        }
        if message.input == SETTLEMENT_INPUT {
            let in_person = ["11", "13", "14", "21"].contains(&text(&row.header, "med_type")) && text(&row.header, "biz_type_code") != "02";
            if in_person {
                seen.insert((message.person.clone(), disease));
            }
        } else {
            if text(&row.header, "biz_type_code") == "02" {
                online += 1;
                assert!(seen.contains(&(message.person.clone(), disease)), "{}", message.person);
            }
            for line in &row.lists[0] {
                let days = line["medc_days"].as_i64().unwrap();
                let key = (message.person.clone(), text(line, "med_list_codg").to_owned());
                if let Some(end) = until.insert(key, message.event_time.plus_days(days)) {
                    refills += 1;
                    // Undispensed prescriptions are not refilled early either, only written anew.
                    let left = end.day() - message.event_time.day();
                    assert!(left <= 7 || days > 7 || left <= days, "{left} days left");
                }
            }
        }
    }
    assert!(online > 200 && refills > 200, "{online} {refills}");
}

#[test]
fn bills_dispense_what_was_prescribed() {
    let feed: Vec<(InputId, Read)> = run(&small()).iter().map(|message| (message.input, read(message))).collect();
    let mut prescribed: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (_, row) in feed.iter().filter(|(input, _)| *input == PRESCRIPTION_INPUT) {
        for line in &row.lists[0] {
            for number in ["hosp_rxno", "hi_rxno"] {
                let key = (text(&row.header, number).to_owned(), text(line, "med_list_codg").to_owned());
                prescribed.insert(key, line["drug_cnt"].as_i64().unwrap());
            }
        }
    }
    let numbers: BTreeSet<&String> = prescribed.keys().map(|(number, _)| number).collect();
    let mut joined = 0;
    for (_, row) in feed.iter().filter(|(input, _)| *input == SETTLEMENT_INPUT) {
        for line in &row.lists[0] {
            let number = text(line, "rx_drord_no").to_owned();
            if numbers.contains(&number) && !line.contains_key("init_feedetl_sn") {
                joined += 1;
                assert_eq!(
                    prescribed.get(&(number.clone(), text(line, "med_list_codg").to_owned())),
                    line["cnt"].as_i64().as_ref(),
                    "{number}"
                );
            } else if !numbers.contains(&number) {
                assert_ne!(text(line, "rx_circ_flag"), "1", "a circulated prescription is always known");
            }
        }
    }
    assert!(joined > 2000, "{joined}");
}

#[test]
fn size_and_lines_are_as_ordered() {
    let feed = run(&SynthSettings { settlements: 30_000, ..small() });
    let bills: Vec<&Generated> = feed.iter().filter(|message| message.input == SETTLEMENT_INPUT).collect();
    let lines: usize = bills.iter().map(|message| read(message).lists[0].len()).sum();
    let bytes: usize = bills.iter().map(|message| message.json.len()).sum();
    let (lines, bytes) = (lines as f64 / bills.len() as f64, bytes as f64 / bills.len() as f64);
    assert!((6.0..7.0).contains(&lines), "{lines} lines");
    assert!((2500.0..3100.0).contains(&bytes), "{bytes} bytes");
}

#[test]
fn traps_and_rejects_do_not_change_the_rest() {
    let clean = run(&small());
    let mixed = run(&SynthSettings { traps: 0.01, rejects: 0.01, duplicates: 0.01, ..small() });
    let kept: Vec<&Generated> = mixed.iter().filter(|message| message.reject.is_none() && !message.duplicate).collect();
    assert_eq!(kept.len(), clean.len());
    let mut traps = BTreeSet::new();
    for (one, other) in kept.iter().zip(&clean) {
        assert_eq!((one.timestamp_ms, &one.person, one.truth), (other.timestamp_ms, &other.person, other.truth));
        match one.trap {
            None => assert_eq!(one.json, other.json),
            Some(kind) => {
                traps.insert(format!("{kind:?}"));
                assert_ne!(one.json, other.json);
                assert!(serde_json::from_slice::<Value>(&one.json).is_ok(), "{kind:?}");
            }
        }
    }
    assert_eq!(traps.len(), TrapKind::SAME.len());
    let classes: BTreeSet<RejectClass> = mixed.iter().filter_map(|message| message.reject).collect();
    assert_eq!(classes.len(), RejectClass::ALL.len() - 1);
    assert!(mixed.iter().filter(|message| message.duplicate).count() > 50);
}

#[test]
fn traps_mean_the_same() {
    let numbers = |value: &Value| -> Vec<String> {
        let mut found = Vec::new();
        let mut stack = vec![value.clone()];
        while let Some(value) = stack.pop() {
            match value {
                Value::Object(members) => stack.extend(members.into_iter().map(|(_, value)| value)),
                Value::Array(items) => stack.extend(items),
                Value::Null | Value::Bool(_) => {}
                Value::Number(number) => found.push(format!("{:.4}", number.as_f64().unwrap())),
                Value::String(text) => {
                    found.push(text.parse::<f64>().map_or_else(|_| text.replace('T', " "), |number| format!("{number:.4}")))
                }
            }
        }
        found.sort();
        found
    };
    for message in run(&small()).iter().step_by(997) {
        let clean: Value = serde_json::from_slice(&message.json).unwrap();
        for kind in TrapKind::SAME.iter().filter(|kind| **kind != TrapKind::UnknownFields) {
            let trap: Value = serde_json::from_slice(&trap_variant(EVENT_TYPES[message.input], &message.json, *kind)).unwrap();
            assert_eq!(numbers(&trap), numbers(&clean), "{kind:?}");
        }
    }
}

#[test]
fn a_bad_value_is_in_the_named_column_and_nowhere_else() {
    for message in run(&small()).iter().step_by(2003) {
        for kind in TrapKind::BAD[message.input] {
            let trap = String::from_utf8(trap_variant(EVENT_TYPES[message.input], &message.json, *kind)).unwrap();
            let trap: Value = serde_json::from_str(&trap.replace("1e400", "\"too much\"")).unwrap();
            let clean: Value = serde_json::from_slice(&message.json).unwrap();
            let differing =
                |one: &Value, other: &Value| one.as_object().unwrap().iter().filter(|(key, value)| other.get(key) != Some(value)).count();
            assert_eq!(differing(&trap, &clean), 1, "{kind:?}");
        }
    }
}

#[test]
fn rejects_are_what_their_class_says() {
    let feed = run(&small());
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        let clean = &feed.iter().find(|message| message.input == input).unwrap().json;
        for class in RejectClass::ALL {
            for seed in 0..12 {
                let Some(bytes) = reject_message(EVENT_TYPES[input], clean, *class, seed) else { continue };
                let parsed = serde_json::from_slice::<Value>(&bytes);
                match class {
                    RejectClass::Tombstone => assert!(bytes.is_empty()),
                    RejectClass::Empty => assert!(bytes.iter().all(u8::is_ascii_whitespace)),
                    RejectClass::NotUtf8 => assert!(std::str::from_utf8(&bytes).is_err()),
                    RejectClass::NotJson => assert!(parsed.is_err() && std::str::from_utf8(&bytes).is_ok()),
                    RejectClass::NotObject => assert!(!parsed.unwrap().is_object()),
                    RejectClass::TooLarge => assert!(std::str::from_utf8(&bytes).is_ok()),
                    _ => assert_ne!(&bytes, clean, "{class} {seed}"),
                }
            }
        }
    }
}
