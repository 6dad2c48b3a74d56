//! Every row of the shipped table of controlled drugs: in force on its first
//! day and not on the eve, never by a name inside another name, and held
//! against an online prescription exactly where its class says so.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use claimsift::base::time::Civil;
use claimsift::engine::shard::Shard;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::reference::special_drug::SpecialClass;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::synth::Generated;
use claimsift::synth::SynthSettings;
use effective::effective;
use effective::word;
use feed::World;

type Row = HashMap<String, String>;

/// A day on which every open row is in force.
const TODAY: &str = "2026-07-10";
/// Classes that nobody prescribes online.
const CONTROLLED: [&str; 6] = ["NARC", "PSY1", "PSY2", "TOXIC", "RADIO", "PRECURSOR"];

fn rows(path: &str) -> Vec<Row> {
    csv::Reader::from_path(feed::path(path)).unwrap().deserialize().map(Result::unwrap).collect()
}

fn day(text: &str) -> i64 {
    Civil::parse(text).unwrap().day()
}

/// Names without a form that are nothing until the form is known.
const DECIDED_BY_FORM: [&str; 2] = ["丁丙诺啡", "咪达唑仑"];

/// A product of the row: code, name, and a form as bills and prescriptions write it.
fn product(row: &Row) -> (Option<String>, String, Option<&'static str>) {
    let form = match row["dosage_form"].as_str() {
        "" if DECIDED_BY_FORM.contains(&row["generic_name"].as_str()) => Some("片剂"),
        "" => None,
        "饮片" => Some("饮片"),
        "透皮贴剂" => Some("透皮贴剂"),
        "口服固体" => Some("片剂"),
        "口服液体" => Some("口服溶液剂"),
        "注射剂" => Some("注射液"),
        "原料药" => Some("原料药"),
        "眼用制剂" => Some("滴眼剂"),
        other => panic!("a form that no product of this test has: {other}"),
    };
    if row["code_prefix"].is_empty() {
        return (None, row["generic_name"].clone(), form);
    }
    // Ingredient and form are ten and four characters; the rest tells makers and packs.
    let rest = &"XN02ABF027A001010199901"[row["code_prefix"].len()..];
    (Some(format!("{}{rest}", row["code_prefix"])), "某药".to_owned(), form)
}

fn key(row: &Row) -> [&str; 3] {
    ["code_prefix", "generic_name", "dosage_form"].map(|name| row[name].as_str())
}

#[test]
fn every_row_holds_from_its_first_day_to_its_last() {
    let world = World::read();
    let table = rows("rules/reference/special_drug.csv");
    let mut wrong = Vec::new();
    for row in &table {
        let (code, name, form) = product(row);
        let item = world.loaded.references.resolve_item(code.as_deref(), Some(&name), form);
        let class = |day: i64| item.at(day).special_class.map(SpecialClass::word);
        let mut expect = |day: i64, what: &str, holds: bool| {
            if holds != (class(day) == Some(row["class"].as_str())) {
                wrong.push(format!("{:?} {what}: {:?}", key(row), class(day)));
            }
        };
        let (from, to) = (day(&row["valid_from"]), row["valid_to"].as_str());
        expect(from, "on its first day", true);
        let same = |other: &&Row| key(other) == key(row) && other["class"] == row["class"];
        let before = table.iter().filter(same).any(|other| other["valid_to"] == row["valid_from"]);
        // On the eve the class is another, or nobody knows: at most "none" stays what it was.
        if !before && row["class"] != "NONE" {
            expect(from - 1, "on the eve of its first day", false);
        }
        if !to.is_empty() {
            expect(day(to) - 1, "on its last day", true);
            expect(day(to), "on the day after", false);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the list describes instead of naming, and a product that is meant.
const DESCRIBED: [(&str, &str, Option<&str>); 9] = [
    ("咪达唑仑原料药及注射剂", "咪达唑仑", Some("注射液")),
    ("丁丙诺啡和纳洛酮复方口服固体制剂", "丁丙诺啡纳洛酮", Some("片剂")),
    ("含可待因复方口服液体制剂", "复方可待因", Some("口服溶液剂")),
    ("含地芬诺酯复方制剂", "复方地芬诺酯", None),
    ("含氢可酮复方口服固体制剂（≤5mg/单位）", "氨酚氢可酮", None),
    ("含羟考酮复方口服固体制剂（≤5mg/单位）", "氨酚羟考酮", None),
    // No field carries the strength: by name they are of the second class.
    ("含氢可酮复方口服固体制剂（>5mg/单位）", "氨酚氢可酮", None),
    ("含羟考酮复方口服固体制剂（>5mg/单位）", "氨酚羟考酮", None),
    ("丁丙诺啡透皮贴剂", "丁丙诺啡", Some("透皮贴剂")),
];

/// The list of names that the table was made from names no drug that the table lacks.
#[test]
fn every_listed_substance_has_a_row_of_its_class() {
    let world = World::read();
    let mut lacking = Vec::new();
    for listed in rows("../shared/reference/controlled-drugs/controlled_drugs.csv") {
        let described = DESCRIBED.iter().find(|(words, ..)| *words == listed["name_zh"]);
        let name = described.map_or(listed["name_zh"].as_str(), |(_, name, _)| *name);
        let forms = [
            described.and_then(|(.., form)| *form),
            Some("注射液"),
            Some("片剂"),
            Some("口服溶液剂"),
            Some("透皮贴剂"),
            Some("原料药"),
            Some("饮片"),
        ];
        let classes: BTreeSet<Option<&str>> = forms
            .iter()
            .map(|form| world.loaded.references.resolve_item(None, Some(name), *form).at(day(TODAY)).special_class.map(SpecialClass::word))
            .collect();
        if !classes.iter().flatten().any(|class| CONTROLLED.contains(class)) {
            lacking.push(format!("{name} ({}, {}): {classes:?}", listed["category"], listed["class"]));
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

fn prescription(number: &str, code: Option<&str>, name: &str, form: Option<&str>) -> Generated {
    let time = format!("{TODAY} 09:00:00");
    let event_time = Civil::parse(&time).unwrap();
    let json = serde_json::json!({
        "hospRxno": number, "mdtrtId": format!("M{number}"), "bizTypeCode": "02", "authNo": "A1", "psnNo": "P1", "gend": "2", "brdy": "1986-01-15",
        "insuPlcNo": "990101", "mdtrtareaNo": "990101", "fixmedinsCode": "H99010100091", "medType": "11", "otpIptFlag": "1", "prscTime": time,
        "diseinfo": [{ "diagCode": "J06.9" }],
        "rxdrugdetail": [{ "medListCodg": code, "drugGenname": name, "drugDosform": form, "medcDays": 3, "drugCnt": 1 }],
    });
    Generated {
        input: PRESCRIPTION_INPUT,
        event_time,
        timestamp_ms: SynthSettings::default().zone.utc_ms(event_time),
        person: "P1".to_owned(),
        json: serde_json::to_vec(&json).unwrap(),
        ..Generated::default()
    }
}

#[test]
fn online_prescriptions_are_held_against_listed_drugs_and_no_others() {
    let world = World::read();
    let engine = world.engine(&SynthSettings::default(), 1);
    // What is prescribed, and whether it is a controlled drug.
    let mut cases: BTreeMap<String, (Option<String>, String, Option<&str>, bool)> = BTreeMap::new();
    for (place, row) in rows("rules/reference/special_drug.csv").iter().enumerate() {
        let in_force = day(&row["valid_from"]) <= day(TODAY) && (row["valid_to"].is_empty() || day(TODAY) < day(&row["valid_to"]));
        if !in_force {
            continue;
        }
        let (code, name, form) = product(row);
        let inside = format!("复方{name}甘草口服溶液");
        cases.insert(format!("RX{place:03}"), (code, name, form, row["class"] != "NONE"));
        if row["code_prefix"].is_empty() {
            cases.insert(format!("RX{place:03}I"), (None, inside, None, false));
        }
    }
    let mut messages = OwnedMessages::default();
    let events: Vec<Generated> =
        cases.iter().map(|(number, (code, name, form, _))| prescription(number, code.as_deref(), name, *form)).collect();
    for (offset, event) in events.iter().enumerate() {
        messages.push(feed::as_message(event, offset as i64));
    }
    let effects = Shard::new(engine, 0).step(PRESCRIPTION_INPUT, &messages, 1, false);
    assert_eq!(effects.counts.evaluated, cases.len() as u64, "{:?}", effects.counts);
    let told = effective(&effects.records.iter().map(word).collect::<Vec<_>>());
    let accused: BTreeSet<&str> = told
        .values()
        .filter(|clue| clue.rule == "online-special")
        .filter_map(|clue| cases.keys().map(String::as_str).find(|number| clue.finding.contains(&format!("\"{number}\""))))
        .collect();
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(number, (.., controlled))| accused.contains(number.as_str()) != *controlled)
        .map(|(number, (code, name, form, controlled))| format!("{number} {code:?} {name} {form:?}: controlled {controlled}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accused.len() > 190, "{} kinds of controlled drugs", accused.len());
}
