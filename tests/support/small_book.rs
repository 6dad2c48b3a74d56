//! A book of plain rules, one for each thing that a message can be to a rule,
//! and small messages by hand.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::fs;
use std::sync::Arc;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::time::Civil;
use claimsift::commands::load;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::ruleset::compile::EVALUATED;
use serde_json::Value;
use serde_json::json;

use super::feed;
use super::fleet::Sent;

/// Id, event, grain, condition and a column that a clue shows.
const RULES: [(&str, &str, &str, &str, &str); 6] = [
    ("on-line", "settlement", "line", "line.det_item_fee_sumamt > 15", "line.det_item_fee_sumamt"),
    ("on-bill", "settlement", "header", "header.medfee_sumamt > 15", "header.medfee_sumamt"),
    ("on-prescription", "prescription", "header", "header.rx_drug_cnt > 0", "header.rx_drug_cnt"),
    ("on-amount", "supply", "supply", "supply.amount > 15", "supply.amount"),
    ("on-days", "supply", "supply", "supply.days_declared >= 7", "supply.days_declared"),
    ("on-operation", "supply", "supply", "supply.special_class = 'NARC' and not supply.operation", "supply.rx_no"),
];

fn rule((id, event, grain, when, shown): (&str, &str, &str, &str, &str)) -> String {
    let money = if event == "settlement" { shown } else { "null" };
    let given = if event == "supply" { "settlement: { header: {} }" } else { "header: {}" };
    format!(
        "\
id: {id}
version: 1
title: {{ zh: 测试规则, en: a rule of a test }}
status: live
owner: insurance-desk
department: {{ lead: insurance, copy_to: [] }}
result: suspected
severity: low
problem_type: 超标准收费
party: institution
event: {event}
grain: {grain}
evaluate:
  kind: row
  when: \"{when}\"
clue:
  summary: {{ zh: \"{{{shown}}}\", en: \"{{{shown}}}\" }}
  evidence: [{shown}]
  money: {money}
why: {{ zh: 用于测试, en: for a test }}
basis:
  - {{ text: 医疗保障基金使用监督管理条例, article: 第三十八条, issuer: 国务院令第735号, valid_from: 2021-05-01, verified: false }}
innocent_when:
  - {{ zh: 录入错误, en: entered wrongly }}
cases:
  - {{ name: one, given: {{ {given} }}, expect: quiet }}
  - {{ name: two, given: {{ {given} }}, expect: clue }}
  - {{ name: three, given: {{ {given} }}, expect: unknown }}
"
    )
}

/// The plain rules, and the shipped one on first visits.
pub fn engine() -> Arc<Engine> {
    engine_without(&[])
}

/// The same without some of the rules.
pub fn engine_without(gone: &[&str]) -> Arc<Engine> {
    let folder = tempfile::tempdir().unwrap();
    let shipped = feed::path("rules");
    for file in ["departments.yaml", "code_map.yaml", "gates.yaml"] {
        fs::copy(shipped.join(file), folder.path().join(file)).unwrap();
    }
    fs::create_dir(folder.path().join("pack")).unwrap();
    for row in RULES.into_iter().filter(|row| !gone.contains(&row.0)) {
        fs::write(folder.path().join(format!("pack/{}.yaml", row.0)), rule(row)).unwrap();
    }
    fs::copy(shipped.join("health/online-first.yaml"), folder.path().join("pack/online-first.yaml")).unwrap();
    let loaded = load::load_for(folder.path(), &feed::references(), EVALUATED).unwrap_or_else(|failure| match failure {
        claimsift::commands::Failure::Mistakes(text) => panic!("{text}"),
        other => panic!("{other:?}"),
    });
    let mut settings = EngineSettings { partitions: 1, ..EngineSettings::default() };
    for input in &mut settings.inputs {
        input.complete_from = Civil::parse("2024-01-01");
    }
    settings.covered_areas = vec!["9901".to_owned()];
    Arc::new(Engine::new(loaded.rules, loaded.references, settings, IdentityKey::from_bytes(&[7; 32])))
}

/// A message by hand.
#[derive(Clone, Debug)]
pub struct Hand {
    pub input: usize,
    pub json: Vec<u8>,
}

impl Hand {
    pub fn sent(&self) -> Sent {
        Sent { key: b"P1".to_vec(), value: Some(self.json.clone()), watermark: None }
    }
}

fn laid_over(mut base: Value, given: Value) -> Hand {
    let (Value::Object(base), Value::Object(given)) = (&mut base, given) else { panic!("objects") };
    let input = if base.contains_key("hosp_rxno") { PRESCRIPTION_INPUT } else { SETTLEMENT_INPUT };
    base.extend(given);
    Hand { input, json: serde_json::to_vec(base).unwrap() }
}

/// Two packs for 20.00 yuan in one line, which says 14 days, but for what is given.
pub fn bill(id: &str, given: Value) -> Hand {
    let base = json!({
        "setl_id": id, "mdtrt_id": "V1", "psn_no": "P1", "gend": "2", "brdy": "1986-01-15", "insutype": "310",
        "insu_admdvs": "990101", "fix_blng_admdvs": "990101", "fixmedins_code": "H99010100002", "hosp_lv": "05", "med_type": "11",
        "setl_time": "2026-07-10 10:00:00", "begntime": "2026-07-10 09:00:00", "medfee_sumamt": 20.0, "vali_flag": "1",
        "diseinfo": [{ "diag_type": "1", "maindiag_flag": "1", "diag_code": "J06.9" }],
        "feedetl": [line("1", 2)],
    });
    laid_over(base, given)
}

/// So many packs of ten yuan each; fewer than none are taken back.
pub fn line(number: &str, packs: i64) -> Value {
    json!({
        "feedetl_sn": number, "med_list_codg": "XJ01CAA027E001010199901", "medins_list_name": "阿莫西林胶囊", "list_type": "101",
        "cnt": packs, "pric": 10.0, "det_item_fee_sumamt": packs as f64 * 10.0, "prd_days": 14, "fee_ocur_time": "2026-07-10 09:00:00",
    })
}

pub fn with(mut line: Value, given: Value) -> Value {
    let (Value::Object(base), Value::Object(more)) = (&mut line, given) else { panic!("objects") };
    base.extend(more);
    line
}

/// A line that takes back packs of a line.
pub fn refund(number: &str, of: &str, packs: i64) -> Value {
    with(line(number, -packs), json!({ "init_feedetl_sn": of }))
}

/// A service for some yuan.
pub fn service(number: &str, yuan: i64) -> Value {
    json!({
        "feedetl_sn": number, "med_list_codg": "009999000020000", "medins_list_name": "综合服务费", "list_type": "201",
        "cnt": 1, "pric": yuan as f64, "det_item_fee_sumamt": yuan as f64, "fee_ocur_time": "2026-07-10 09:00:00",
    })
}

/// A later bill of the same visit for 10.00 yuan with some lines: what they
/// take back is made up for by services of less than 15 yuan each.
pub fn later(id: &str, lines: &[Value]) -> Hand {
    let mut all = lines.to_vec();
    let sum: f64 = lines.iter().filter_map(|line| line["det_item_fee_sumamt"].as_f64()).sum();
    let missing = 10 - sum as i64;
    all.extend((0..missing / 10).map(|idx| service(&format!("{id}-{idx}"), 10)));
    bill(id, json!({ "setl_time": "2026-07-12 10:00:00", "medfee_sumamt": 10.0, "feedetl": all }))
}

/// A negative bill of the default bill's amounts, that names an original or none.
pub fn negative(id: &str, of: Option<&str>, given: Value) -> Hand {
    let base = bill(
        id,
        json!({
            "setl_time": "2026-07-11 10:00:00", "medfee_sumamt": -20.0, "refd_setl_flag": if of.is_some() { "1" } else { "0" },
            "init_setl_id": of, "feedetl": [line("R1", -2)],
        }),
    );
    laid_over(serde_json::from_slice(&base.json).unwrap(), given)
}

/// One drug on a prescription, in person unless told otherwise.
pub fn prescription(number: &str, given: Value) -> Hand {
    let base = json!({
        "hosp_rxno": number, "mdtrt_id": "V1", "psn_no": "P1", "gend": "2", "brdy": "1986-01-15", "biz_type_code": "01",
        "insu_plc_no": "990101", "mdtrtarea_no": "990101", "fixmedins_code": "H99010100002", "med_type": "11", "otp_ipt_flag": "1",
        "prsc_time": "2026-07-10 09:30:00", "rx_drug_cnt": 1, "vali_flag": "1",
        "diseinfo": [{ "diag_type": "1", "maindiag_flag": "1", "diag_code": "J06.9" }],
        "rxdrugdetail": [{ "med_list_codg": "XJ01CAA027E001010199901", "drug_genname": "阿莫西林胶囊", "medc_days": 3, "drug_cnt": 1 }],
    });
    laid_over(base, given)
}
