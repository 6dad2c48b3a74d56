//! Every clue of a generated feed and of every rule's cases has the form that
//! `schemas/clue.schema.json` promises to its readers, national lengths, codes
//! and money included, and goes where the rule says.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use claimsift::base::ids::Digest;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::time::Civil;
use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::offline::cases;
use claimsift::ruleset::compile::RuleSet;
use claimsift::ruleset::doc::RuleDoc;
use claimsift::ruleset::words::Expect;
use claimsift::ruleset::words::Grain;
use claimsift::ruleset::words::Party;
use claimsift::ruleset::words::Status;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::synth;
use serde_json::Value;

fn check(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        let fits = options.iter().any(|option| {
            let mut own = Vec::new();
            check(option, value, place, &mut own);
            own.is_empty()
        });
        if !fits {
            faults.push(format!("{place}: {value} fits none of the options"));
        }
        return;
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        faults.push(format!("{place}: {value} is no word of the schema"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |want: &str| want == kind || (want == "number" && kind == "integer");
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(want)) => vec![want],
        Some(Value::Array(wants)) => wants.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|want| fits(want)) {
        faults.push(format!("{place}: {kind} is none of {types:?}"));
    }
    if let Value::String(text) = value {
        let length = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let chars = text.chars().count();
        if length("maxLength").is_some_and(|max| chars > max) || length("minLength").is_some_and(|min| chars < min) {
            faults.push(format!("{place}: {chars} characters"));
        }
    }
    if let (Some(items), Value::Array(list)) = (schema.get("items"), value) {
        list.iter().enumerate().for_each(|(idx, item)| check(items, item, &format!("{place}[{idx}]"), faults));
    }
    if let (Some(Value::Object(properties)), Value::Object(members)) = (schema.get("properties"), value) {
        for name in properties.keys().filter(|name| !members.contains_key(*name)) {
            faults.push(format!("{place}: no `{name}`"));
        }
        for (name, member) in members {
            match properties.get(name) {
                Some(own) => check(own, member, &format!("{place}.{name}"), faults),
                None => faults.push(format!("{place}: `{name}` is not in the schema")),
            }
        }
    }
}

#[test]
fn clues_have_the_form_that_the_schema_promises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<PathBuf> = ["rules/reference", "demo/reference"].iter().map(|folder| root.join(folder)).collect();
    let loaded = load::load(&root.join("rules"), &folders).map_err(|failure| format!("{failure:?}")).unwrap();
    let settings = demo::sized(6_000, 3);
    let city = demo::city(&folders, settings.live_first()).map_err(|failure| format!("{failure:?}")).unwrap();
    let mut own = EngineSettings::default();
    for input in &mut own.inputs {
        input.complete_from = Some(Civil::from_date(settings.first_day()));
    }
    own.clues_from = Some(Civil::from_date(settings.live_first()));
    let engine = Engine::new(Arc::clone(&loaded.rules), Arc::clone(&loaded.references), own, IdentityKey::from_bytes(&[1; 32]));
    let mut shard = Shard::new(Arc::new(engine), 0);
    let schema: Value = serde_json::from_str(&claimsift::clues::schema::clue_schema()).unwrap();
    let mut feeds = [OwnedMessages::default(), OwnedMessages::default()];
    for event in synth::generate(&settings, &city) {
        let offset = 0;
        feeds[event.input].push(claimsift::base::record::Message {
            offset,
            timestamp_ms: event.timestamp_ms,
            key: None,
            value: Some(&event.json),
            watermark: None,
        });
    }
    for feed in &mut feeds {
        feed.push(claimsift::base::record::Message { offset: 1, timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") });
    }
    let mut clues = 0;
    let mut faults = Vec::new();
    for input in [0, 1] {
        for record in shard.step(input, &feeds[input], 1, false).records {
            if record.output == Output::Clues {
                clues += 1;
                let clue: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
                check(&schema, &clue, "clue", &mut faults);
            }
        }
    }
    assert!(clues > 100, "{clues} clues");
    faults.truncate(20);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Numbers as they are written, which a parsed value no longer tells.
fn money_as_written(json: &[u8], faults: &mut Vec<String>) {
    let text = std::str::from_utf8(json).unwrap();
    for name in ["vola_amt", "fund_amt", "previous_amount"] {
        let key = format!("\"{name}\":");
        for (at, _) in text.match_indices(&key) {
            let number = text[at + key.len()..].split([',', '}']).next().unwrap_or_default();
            let places = number.split_once('.').map(|(whole, places)| (whole.trim_start_matches('-'), places));
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if number != "null" && !places.is_some_and(|(whole, places)| digits(whole) && digits(places) && places.len() == 2) {
                faults.push(format!("{name} is written as {number}"));
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What must hold of any clue beyond the schema.
fn check_clue(rule: &RuleDoc, set: &RuleSet, record: &Record) -> Vec<String> {
    let mut faults = Vec::new();
    let bytes = record.value.as_deref().unwrap();
    let clue: Value = serde_json::from_slice(bytes).unwrap();
    let (finding, provenance) = (&clue["finding"], &clue["provenance"]);
    let national = &finding["national"];
    check(&serde_json::from_str(&claimsift::clues::schema::clue_schema()).unwrap(), &clue, "clue", &mut faults);
    money_as_written(bytes, &mut faults);
    let mut want = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{what}: {clue}"));
        }
    };
    for time in ["event_time", "fact_time"] {
        let written = text(&finding[time]);
        want(written.len() == 19 && Civil::parse(written).is_some_and(|time| time.to_string() == written), time);
    }
    // No empty string stands for what is not known.
    want(national.as_object().unwrap().values().all(|value| value.as_str() != Some("")), "an empty string");
    want(national["jr_id"] == finding["clue_id"] && national["rule_id"] == rule.id.as_str(), "names of clue and rule");
    want(
        national["rule_name"] == rule.title.zh.as_str() && text(&finding["vola_cont"]["zh"]).starts_with(text(&national["vola_cont"])),
        "texts",
    );
    let codes = &set.code_map;
    let code = |name: &str| national[name].as_str();
    want(code("sev_deg").is_some() && code("sev_deg") == codes.sev_deg(text(&finding["result"]), rule.severity.name()), "sev_deg");
    want(code("vola_bhvr_type").is_some() && code("vola_bhvr_type") == codes.vola_bhvr_type(&rule.problem_type), "vola_bhvr_type");
    let status = text(&finding["money"]["vola_amt_stas"]);
    want(code("vola_amt_stas").is_some() && code("vola_amt_stas") == codes.vola_amt_stas(status), "vola_amt_stas");
    let basis = &rule.basis[0];
    want(
        rule.basis.len() > 1 || text(&national["vola_evid"]) == format!("《{}》{}（{}）", basis.text, basis.article, basis.issuer),
        "vola_evid",
    );
    // What is said of items adds up to what is said of the clue.
    let evidence = finding["evidence"].as_array().unwrap();
    let details = national["judge_result_detail_dtos"].as_array().unwrap();
    let ids: BTreeSet<&str> = details.iter().map(|detail| text(&detail["jrd_id"])).collect();
    // A group's clue rests on sums, not on single bills.
    want(
        evidence.is_empty() == (rule.grain == Grain::Case) && details.len() == evidence.len() && ids.len() == details.len(),
        "one detail for each item",
    );
    let fen = |value: &Value| value.as_f64().map(|amount| (amount * 100.0).round() as i64);
    let parts: Vec<i64> = evidence.iter().filter_map(|item| fen(&item["vola_amt"])).collect();
    let whole = fen(&finding["money"]["vola_amt"]);
    want(whole == (!parts.is_empty()).then(|| parts.iter().sum()) && fen(&national["vola_amt"]) == whole, "parts of the amount");
    // Routing.
    let header = |name: &str| record.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
    let subject = &finding["subject"];
    // A claim that the person brought to the counter is no fault of the institution.
    let at_counter =
        finding["exemptions"].as_array().unwrap().iter().any(|tested| tested["id"] == "manual_claim" && tested["holds"] == true);
    let party = if at_counter { Party::Person } else { rule.party };
    want(finding["party"] == party.name(), "party");
    let area = if party == Party::Person { &subject["area_of_insurance"] } else { &subject["area_of_care"] };
    want(area.is_string() && finding["area"] == *area && header("area") == area.as_str(), "area");
    want(party != Party::Person || subject["area_of_insurance"].is_string(), "a person's fault names the place of insurance");
    want(subject["doctor"].is_null() == subject["doctor_role"].is_null(), "a doctor has a role");
    let prefecture = |area: &Value| area.as_str().and_then(|area| area.get(..4)).map(str::to_owned);
    let elsewhere =
        prefecture(&subject["area_of_care"]).zip(prefecture(&subject["area_of_insurance"])).is_some_and(|(care, home)| care != home);
    want(matches!(text(&finding["scene"]), "互联网" | "购药") || (finding["scene"] == "异地") == elsewhere, "scene");
    want(text(&finding["lead"]) == rule.department.lead && header("dept") == finding["lead"].as_str(), "dept");
    want(finding["copy_to"] == serde_json::json!(rule.department.copy_to), "copy_to");
    want(header("rule") == Some(rule.id.as_str()) && header("grade") == finding["result"].as_str(), "rule and grade");
    want(header("status") == provenance["status"].as_str(), "status");
    let shadow = rule.status == Status::Shadow;
    want((record.output == Output::Shadow) == shadow && (provenance["rule_status"] == "shadow") == shadow, "live and shadow");
    let month = &text(&finding["fact_time"])[..7];
    let group = Digest::of([rule.id.as_bytes(), text(&subject["fixmedins_code"]).as_bytes(), month.as_bytes()]).short();
    want(text(&finding["group_key"]) == group, "group_key");
    faults
}

#[test]
fn every_firing_case_of_every_rule_gives_clues_of_the_national_form() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<PathBuf> = ["rules/reference", "demo/reference"].iter().map(|folder| root.join(folder)).collect();
    let loaded = load::load(&root.join("rules"), &folders).map_err(|failure| format!("{failure:?}")).unwrap();
    let (mut faults, mut at_counter) = (Vec::new(), 0);
    for rule in &loaded.rules.rules {
        let mut clues = 0;
        for case in rule.doc.cases.iter().filter(|case| case.expect == Expect::Clue) {
            let records =
                cases::steps(&rule.doc, case, &loaded.rules, &loaded.references).unwrap().into_iter().flat_map(|effects| effects.records);
            for record in records.filter(|record| record.headers.contains(&("rule", rule.doc.id.clone()))) {
                clues += 1;
                at_counter += u32::from(
                    record.value.as_deref().is_some_and(|bytes| contains(bytes, br#""party":"person""#) && rule.doc.party != Party::Person),
                );
                let found = check_clue(&rule.doc, &loaded.rules, &record);
                faults.extend(found.into_iter().map(|fault| format!("{} / {}: {fault}", rule.doc.id, case.name)));
            }
        }
        if clues == 0 {
            faults.push(format!("{} gave no clue", rule.doc.id));
        }
    }
    assert!(at_counter > 5, "{at_counter} clues of claims at the counter");
    let count = faults.len();
    faults.truncate(8);
    assert!(faults.is_empty(), "{count}:\n{}", faults.join("\n"));
}
