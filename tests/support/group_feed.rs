//! The last weeks of the made-up city's feed, as the shipped rules on groups see them.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::time::Civil;
use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::commands::load::Loaded;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::synth;
use claimsift::synth::Generated;
use claimsift::synth::SynthSettings;

use serde_json::Value;

use super::feed;

/// What comes before is left out, for speed: no pane that is judged has it.
const FROM: &str = "2026-06-26 00:00:00";
/// All months up to September are over by then.
pub const END: &str = "2026-10-05 00:00:00";
/// The year, and its last month that is over.
pub const PANES: (i32, u32) = (2026, 9);

pub fn settings() -> SynthSettings {
    SynthSettings { late: 0.02, duplicates: 0.005, ..SynthSettings::default() }
}

/// Bills in order of arrival: some late, some sent twice.
pub fn bills() -> Vec<Generated> {
    let settings = settings();
    let city = demo::city(&feed::references(), settings.live_first()).unwrap();
    let from = Civil::parse(FROM).unwrap();
    let of_time = |event: &Generated| event.input == SETTLEMENT_INPUT && event.event_time >= from;
    let mut bills: Vec<Generated> = synth::generate(&settings, &city).filter(of_time).collect();
    // By person, so that what is sent twice stays equal.
    let often = |bill: &&mut Generated| bill.person.ends_with(['3', '7']);
    bills.iter_mut().filter(often).for_each(|bill| order_and_refund(&mut bill.json));
    bills
}

/// Another doctor orders three times as much as all others, and most of it is
/// given back: what is left is still more.
fn order_and_refund(json: &mut Vec<u8>) {
    let mut bill: Value = serde_json::from_slice(json).unwrap();
    let Some(lines) = bill["feedetl"].as_array_mut() else { return };
    let sum: f64 = lines.iter().filter_map(|line| line["det_item_fee_sumamt"].as_f64()).sum();
    lines.iter_mut().enumerate().for_each(|(place, line)| price_anew(place, line));
    let line = |number: &str, of: Option<&str>, count: f64, amount: f64| {
        let amount = (amount * 100.0).round() / 100.0;
        serde_json::json!({
            "feedetl_sn": number, "init_feedetl_sn": of, "list_type": "201", "med_list_codg": "009900000000001", "cnt": count,
            "det_item_fee_sumamt": amount, "bilg_dr_codg": "D99000000001",
        })
    };
    lines.push(line("901", None, 3.0, sum * 3.0));
    lines.push(line("902", Some("901"), -1.5, sum * -1.5));
    // Half of the first line that has a ceiling goes back.
    if let Some((number, count)) = lines.iter().find(|line| has_ceiling(line)).map(|line| (line["feedetl_sn"].clone(), line["cnt"].clone()))
    {
        let back = count.as_f64().unwrap_or(0.0) * -0.5;
        lines.push(serde_json::json!({ "feedetl_sn": "903", "init_feedetl_sn": number, "cnt": back, "det_item_fee_sumamt": 0 }));
    }
    *json = serde_json::to_vec(&bill).unwrap();
}

fn has_ceiling(line: &Value) -> bool {
    line["pric_uplmt_amt"].as_f64().is_some_and(|ceiling| ceiling < 999_999.0)
}

/// Prices of lines with a ceiling to a millionth of 元 above and below it, and
/// some that are not told.
fn price_anew(place: usize, line: &mut Value) {
    let Some(ceiling) = line["pric_uplmt_amt"].as_f64().filter(|_| has_ceiling(line)) else { return };
    let digits = line["feedetl_sn"].as_str().map_or(0, str::len) + line["cnt"].as_f64().unwrap_or(0.0) as usize + place;
    let price = |units: f64| serde_json::json!(((ceiling + units) * 1e6).round() / 1e6);
    match digits % 5 {
        0 => line["pric"] = price(0.000_001),
        1 => line["pric"] = price(-0.000_001),
        2 => line["pric"] = price(1.333_333),
        3 => line["pric"] = Value::Null,
        _ => {}
    }
}

/// Writes a folder with the shipped rules on groups and no others.
pub fn write_rules(folder: &Path) {
    let rules = feed::path("rules");
    for file in ["departments.yaml", "code_map.yaml", "gates.yaml"] {
        std::fs::copy(rules.join(file), folder.join(file)).unwrap();
    }
    let pack = folder.join("insurance");
    std::fs::create_dir(&pack).unwrap();
    for entry in std::fs::read_dir(rules.join("insurance")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("oe-") || name.starts_with("over-") {
            std::fs::copy(entry.path(), pack.join(name)).unwrap();
        }
    }
}

pub fn load(rules: &Path, references: &[std::path::PathBuf]) -> Loaded {
    load::load_for(rules, references, EVALUATED).unwrap_or_else(|failure| match failure {
        claimsift::commands::Failure::Mistakes(text) => panic!("{text}"),
        other => panic!("{other:?}"),
    })
}

pub fn engine(partitions: i32) -> Arc<Engine> {
    let folder = tempfile::tempdir().unwrap();
    write_rules(folder.path());
    let loaded = load(folder.path(), &feed::references());
    let settings = settings();
    let mut own = EngineSettings { zone: settings.zone, partitions, ..EngineSettings::default() };
    own.clues_from = Some(Civil::from_date(settings.live_first()));
    Arc::new(Engine::new(loaded.rules, loaded.references, own, IdentityKey::from_bytes(&[9; 32])))
}
