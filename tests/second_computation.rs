//! Every case of every rule file, found a second time: by the program and by
//! a computation of its own that shares nothing with it but the events.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::rc::Rc;

use chrono::NaiveDate;
use claimsift::commands::load;
use claimsift::commands::load::Loaded;
use claimsift::commands::rules::TESTED;
use claimsift::events::EVENT_TYPES;
use claimsift::offline::cases;
use claimsift::ruleset::doc::CaseDoc;
use claimsift::ruleset::doc::EvaluateDoc;
use claimsift::ruleset::doc::Row;
use claimsift::ruleset::doc::RuleDoc;
use claimsift::ruleset::json::Json;
use claimsift::ruleset::words::Expect;
use oracle::Clue;
use oracle::Effective;
use oracle::Feed;
use oracle::Oracle;
use oracle::Tables;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use rand_pcg::rand_core::SeedableRng as _;

/// What a case's feed is like: whole since 2024, unless it says otherwise.
fn feed_of(case: &CaseDoc) -> Feed {
    let settings = &case.settings;
    let whole = settings.complete_from.or(NaiveDate::from_ymd_opt(2024, 1, 1));
    Feed {
        live: settings.clues_from,
        whole: [whole, settings.prescriptions_complete_from.or(whole)],
        covered: settings.covered_areas.clone().unwrap_or_default(),
    }
}

fn by_oracle(case: &CaseDoc, tables: &Rc<Tables>) -> BTreeSet<Clue> {
    let mut oracle = Oracle::over(Rc::clone(tables), feed_of(case));
    for (input, json) in cases::events(case) {
        oracle.add(input, &json, None);
    }
    oracle.clues()
}

fn by_program(rule: &RuleDoc, case: &CaseDoc, loaded: &Loaded) -> BTreeSet<Clue> {
    let mut effective = Effective::default();
    for effects in cases::steps(rule, case, &loaded.rules, &loaded.references).unwrap() {
        let words = effects.records.iter().filter(|record| record.headers.iter().any(|(name, _)| *name == "rule"));
        for word in words {
            effective.add(word.value.as_deref().unwrap());
        }
    }
    effective.clues()
}

/// Values that a field may have beside the one in a case: table, field and
/// value as JSON, by input. Each decides something for some rule.
const OTHERWISE: [&[(&str, &str, &[&str])]; 2] = [
    &[
        (
            "header",
            "med_type",
            &["null", "11", "12", "120", "13", "140104", "21", "210104", "24", "28", "41", "51", "52", "61", "71", "88"],
        ),
        ("header", "biz_type_code", &["01", "02", "03"]),
        ("header", "fstdiag_flag", &["0", "1"]),
        ("header", "gend", &["null", "1", "2", "9"]),
        ("header", "brdy", &["null", "1950-01-01", "2009-05-01", "2024-01-01", "2026-02-20"]),
        ("header", "age", &["0.5", "2", "17", "70"]),
        ("header", "nwb_flag", &["1"]),
        ("header", "insutype", &["null", "310", "340", "390", "510"]),
        ("header", "insu_admdvs", &["null", "510101"]),
        ("header", "fix_blng_admdvs", &["null", "990102", "990103", "990201", "120101"]),
        ("header", "hosp_lv", &["null", "02", "06", "10", "11"]),
        (
            "header",
            "fixmedins_code",
            &["H99010100001", "H99010100003", "H99010100091", "H99010199999", "H99010200001", "H99010300001", "P99010100001"],
        ),
        ("header", "fixmedins_name", &["null", "云川明视眼科医院"]),
        ("header", "mdtrt_id", &["null", "V2", "V9"]),
        ("header", "begntime", &["null", "2021-06-10 09:00:00", "2025-08-10 09:00:00", "2026-03-10"]),
        ("header", "endtime", &["null", "2026-03-09 09:00:00"]),
        ("header", "setl_time", &["2020-03-01 09:00:00", "2024-06-30 09:00:00", "2025-03-01 09:00:00", "2027-08-10 09:00:00"]),
        ("header", "medfee_sumamt", &["-10.00"]),
        ("header", "inscp_scp_amt", &["null", "0.00", "33.33"]),
        ("header", "fund_pay_sumamt", &["null", "0.00", "3.33"]),
        ("header", "acct_pay", &["null", "1.00"]),
        ("header", "acct_mulaid_pay", &["null", "1.00"]),
        ("header", "hi_paymtd", &["1", "3"]),
        ("header", "dise_codg", &["M03900"]),
        ("header", "chfpdr_code", &["D990101000901", "D990101000001", "D990101000999"]),
        ("header", "manl_reim_rea", &["1"]),
        (
            "line",
            "med_list_codg",
            &["null", "990102000010000", "XN02ABP062B002010199901", "XC08CAA001A001010199901", "C0201010520001000001"],
        ),
        ("line", "medins_list_name", &["null", "新生儿暖箱", "药品配送费", "盐酸哌替啶注射液"]),
        ("line", "list_type", &["null", "101", "102", "201", "301"]),
        ("line", "fee_ocur_time", &["null", "2021-04-30 09:00:00", "2024-06-30 09:00:00", "2026-03-11 09:00:00", "2026-05-11 09:00:00"]),
        ("line", "cnt", &["null", "0", "0.5", "2", "14", "-1"]),
        ("line", "pric", &["null", "0", "0.005", "77.125"]),
        ("line", "det_item_fee_sumamt", &["null", "0.00", "-5.00", "99.99"]),
        ("line", "inscp_scp_amt", &["null", "0.00", "4.44"]),
        ("line", "fulamt_ownpay_amt", &["null", "10.00"]),
        ("line", "overlmt_amt", &["null", "0.30"]),
        ("line", "pric_uplmt_amt", &["null", "0", "5.5"]),
        ("line", "medins_disc_amt", &["0.00", "4.00"]),
        ("line", "hosp_appr_flag", &["null", "1", "2"]),
        ("line", "rx_circ_flag", &["null", "1"]),
        ("line", "rx_drord_no", &["null", "RX9"]),
        ("line", "dscg_tkdrug_flag", &["0", "1"]),
        ("line", "er_flag", &["1"]),
        ("line", "etip_flag", &["1"]),
        ("line", "matn_fee_flag", &["1"]),
        ("line", "med_chrgitm_type", &["04", "06", "0601", "10", "1413"]),
        ("line", "prd_days", &["null", "3", "7.5", "15", "90", "4000"]),
        ("line", "dosform_name", &["null", "滴眼剂"]),
        ("line", "bilg_dept_name", &["特需门诊"]),
    ],
    &[
        ("header", "med_type", &["null", "11", "13", "140104", "21", "28", "41", "52", "71", "88"]),
        ("header", "otp_ipt_flag", &["null", "1", "2"]),
        ("header", "biz_type_code", &["null", "01", "02", "03"]),
        ("header", "auth_no", &["null", "A1"]),
        ("header", "fstdiag_flag", &["null", "0", "1"]),
        ("header", "brdy", &["null", "1950-01-01", "2009-05-01", "2021-05-01"]),
        ("header", "patn_age", &["null", "5.5", "70"]),
        ("header", "insu_plc_no", &["null", "510101"]),
        ("header", "mdtrtarea_no", &["null", "990103", "990201", "120101"]),
        (
            "header",
            "fixmedins_code",
            &["H99010100001", "H99010100003", "H99010100011", "H99010100091", "H99010200091", "H99010300091", "H99010199999"],
        ),
        ("header", "mdtrt_id", &["null", "V2", "V9"]),
        ("header", "prsc_time", &["2006-03-01 09:00:00", "2020-03-01 09:00:00", "2024-06-30 09:00:00", "2026-05-11 09:00:00"]),
        ("header", "dr_code", &["null", "D990101000901", "D990101000902", "D990101000903", "D990101000999"]),
        ("header", "prsc_dept_code", &["null", "101", "108", "113"]),
        ("header", "maindiag_code", &["null", "C34.900", "f90.000", "Z00.000", "I21.900", "A15.000"]),
        ("header", "dise_codg", &["M03900"]),
        ("header", "sp_dise_flag", &["1"]),
        ("header", "long_rx_flag", &["0", "1"]),
        ("header", "init_rxno", &["RX1", "OLD77"]),
        ("header", "hi_rxno", &["RX9"]),
        ("header", "phar_chk_time", &["2026-03-10 09:45:00", "2026-03-11 09:45:00"]),
        (
            "line",
            "med_list_codg",
            &[
                "null",
                "XN02ABP062B002010199901",
                "XN02AAM059A010010199901",
                "XN05BAA046A001010199901",
                "XC08CAA001A001010199901",
                "XN02AXE090A003010199901",
            ],
        ),
        ("line", "drug_genname", &["null", "盐酸哌替啶片", "硫酸阿托品滴眼液", "生半夏"]),
        ("line", "drug_dosform", &["null", "滴眼剂"]),
        ("line", "rx_item_type_code", &["null", "11", "13"]),
        ("line", "medc_days", &["null", "0", "2.5", "4", "8", "16", "85"]),
        ("line", "sin_doscnt", &["null", "0", "0.3", "3"]),
        ("line", "sin_dosunt", &["null", "mg", "ml", "单位"]),
        ("line", "used_frqu_codg", &["null", "qd", "QOD", "q3d", "q8h", "biw", "q3w", "st", "prn"]),
        ("line", "drug_cnt", &["null", "0", "0.5", "1", "2", "45"]),
        ("line", "drug_dosunt", &["null", "盒", "片", "支", "mg"]),
        ("line", "drug_sumamt", &["12.34"]),
        ("line", "drug_pric", &["12.34"]),
    ],
];

/// The case with a field of all its events of a type being something else.
fn but(case: &CaseDoc, input: usize, (table, field): (&str, &str), value: &str) -> CaseDoc {
    let value = match value {
        "null" => Json::Null,
        number if field.ends_with("amt") || number.parse::<f64>().is_ok_and(|_| NUMBERS.contains(&field)) => {
            Json::Number(number.to_owned())
        }
        text => Json::Text(text.to_owned()),
    };
    let set = |row: &mut Row| {
        row.retain(|(name, _)| name != field);
        row.push((field.to_owned(), value.clone()));
    };
    let mut changed = case.clone();
    for event in changed.events.iter_mut().filter(|event| event.event_type == EVENT_TYPES[input].name) {
        if table == "header" {
            set(&mut event.header);
        } else {
            if event.lines.is_empty() {
                event.lines.push(Row::new());
            }
            event.lines.iter_mut().for_each(set);
        }
    }
    changed
}

const NUMBERS: [&str; 8] = ["cnt", "pric", "age", "patn_age", "prd_days", "medc_days", "sin_doscnt", "drug_cnt"];

/// How what was found differs from what a case says about its own rule.
fn differs(rule: &RuleDoc, case: &CaseDoc, found: &BTreeSet<Clue>) -> Option<String> {
    let own: Vec<&Clue> = found.iter().filter(|clue| clue.rule == rule.id).collect();
    if own.is_empty() != (case.expect != Expect::Clue) {
        return Some(format!("{} is expected, {} clues are found", case.expect, own.len()));
    }
    if let Some(grade) = case.grade
        && own.iter().any(|clue| clue.grade != grade.name())
    {
        return Some(format!("{grade} is expected: {own:?}"));
    }
    let money = own.iter().map(|clue| clue.money.offending).sum::<Option<i128>>();
    if let Some(expected) = case.money.and_then(|money| money.scaled(2))
        && money != Some(i128::from(expected))
    {
        return Some(format!("{expected} fen are expected: {own:?}"));
    }
    None
}

/// Ratios are computed a second time in a test of their own.
fn computed_twice(rule: &&RuleDoc) -> bool {
    TESTED.contains(&rule.status) && !matches!(rule.evaluate, EvaluateDoc::Ratio(_))
}

#[test]
fn every_case_is_found_twice() {
    let loaded = load::load_for(&feed::path("rules"), &feed::references(), TESTED).unwrap_or_else(|failure| panic!("{failure:?}"));
    let tables = Rc::new(Tables::read(&feed::path("")));
    let mut failed = Vec::new();
    // By rule: cases that find it, and cases that do not.
    let mut told: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for rule in loaded.book.rules.iter().filter(computed_twice) {
        for case in &rule.cases {
            let name = format!("{} / {}", rule.id, case.name);
            let (found, expected) = (by_program(rule, case, &loaded), by_oracle(case, &tables));
            failed.extend(differs(rule, case, &expected).map(|message| format!("{name}: {message}")));
            failed.extend(found.difference(&expected).map(|clue| format!("{name}: the program alone finds {clue:?}")));
            failed.extend(expected.difference(&found).map(|clue| format!("{name}: the second computation alone finds {clue:?}")));
            let (with, without) = told.entry(&rule.id).or_default();
            *(if case.expect == Expect::Clue { with } else { without }) += 1;
        }
    }
    assert!(failed.is_empty(), "{} differences:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(told.len(), 37);
    for (rule, (with, without)) in told {
        assert!(with > 0 && without > 0, "{rule}: {with} cases with a clue, {without} without");
    }
}

/// Cases with two fields changed that both computations judge.
const CHANGED_CASES: usize = 2500;

#[test]
fn both_agree_where_fields_say_something_else() {
    let loaded = load::load_for(&feed::path("rules"), &feed::references(), TESTED).unwrap_or_else(|failure| panic!("{failure:?}"));
    let tables = Rc::new(Tables::read(&feed::path("")));
    let rules = loaded.book.rules.iter().filter(computed_twice);
    let cases: Vec<(&RuleDoc, &CaseDoc)> = rules.flat_map(|rule| rule.cases.iter().map(move |case| (rule, case))).collect();
    let mut changes = Vec::new();
    for (input, fields) in OTHERWISE.iter().enumerate() {
        for (table, field, values) in *fields {
            changes.extend(values.iter().map(|value| (input, (*table, *field), *value)));
        }
    }
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut place_in = |len: usize| random.next_u64() as usize % len;
    let mut failed = Vec::new();
    let mut found_some = 0;
    for _ in 0..CHANGED_CASES {
        let (rule, case) = cases[place_in(cases.len())];
        let mut changed = case.clone();
        let mut name = format!("{} / {}", rule.id, case.name);
        for _ in 0..2 {
            let (input, place, value) = changes[place_in(changes.len())];
            changed = but(&changed, input, place, value);
            name.push_str(&format!(" / {} {value}", place.1));
        }
        let (found, expected) = (by_program(rule, &changed, &loaded), by_oracle(&changed, &tables));
        found_some += usize::from(!expected.is_empty());
        failed.extend(found.difference(&expected).map(|clue| format!("{name}: the program alone finds {clue:?}")));
        failed.extend(expected.difference(&found).map(|clue| format!("{name}: the second computation alone finds {clue:?}")));
    }
    assert!(failed.is_empty(), "{} differences:\n{}", failed.len(), failed.join("\n"));
    assert!(found_some > CHANGED_CASES / 4, "{found_some} of them find anything");
}
