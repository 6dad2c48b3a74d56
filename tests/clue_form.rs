//! Every clue of a generated feed has the form that `schemas/clue.schema.json`
//! promises to its readers.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::time::Civil;
use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::io::log::Output;
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
