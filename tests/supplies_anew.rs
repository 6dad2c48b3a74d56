//! What arrives later bears on the supply that it belongs to, and on no other:
//! told one by one, the same events come to the same clues as told at once.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::commands::load;
use claimsift::commands::load::Loaded;
use claimsift::commands::rules::TESTED;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::io::log::Record;
use claimsift::offline::cases;
use claimsift::ruleset::doc::CaseDoc;
use claimsift::runtime::recover::OwnedMessages;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;

/// A book of one rule on supply: no other asks for what it does not.
fn book_of(when: &str, cases: &str) -> Loaded {
    let rule = format!(
        "\
id: one-rule
version: 1
title: {{ zh: 测试规则, en: a rule of a test }}
status: live
owner: health-desk
department: {{ lead: health, copy_to: [] }}
result: suspected
severity: low
problem_type: 超量开药
party: institution
event: supply
grain: supply
evaluate:
  kind: row
  when: \"{when}\"
clue:
  summary: {{ zh: \"处方{{supply.rx_no}}\", en: \"prescription {{supply.rx_no}}\" }}
  evidence: [supply.rx_no, supply.amount, supply.dispensed]
  money: supply.amount
why: {{ zh: 用于测试, en: for a test }}
basis:
  - {{ text: 处方管理办法, article: 第十九条, issuer: 卫生部令第53号, valid_from: 2007-05-01, verified: false }}
innocent_when:
  - {{ zh: 录入错误, en: entered wrongly }}
cases:
{cases}"
    );
    let folder = tempfile::tempdir().unwrap();
    for file in ["departments.yaml", "code_map.yaml"] {
        fs::copy(feed::path("rules").join(file), folder.path().join(file)).unwrap();
    }
    fs::write(folder.path().join("gates.yaml"), "gates: []\n").unwrap();
    fs::create_dir(folder.path().join("pack")).unwrap();
    fs::write(folder.path().join("pack/one-rule.yaml"), rule).unwrap();
    load::load_for(folder.path(), &feed::references(), TESTED).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn words<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<Word> {
    records.filter(|record| record.headers.iter().any(|(name, _)| *name == "rule")).map(word).collect()
}

/// The clues of a case whose events arrive one by one, in its order.
fn one_by_one(case: &CaseDoc, loaded: &Loaded) -> BTreeMap<String, Word> {
    // The key of `cases::steps`: a clue's id holds the person's pseudonym.
    let key = IdentityKey::from_bytes(&[7; 32]);
    let engine = Engine::new(Arc::clone(&loaded.rules), Arc::clone(&loaded.references), EngineSettings::default(), key);
    let mut shard = Shard::new(Arc::new(engine), 0);
    let mut told = Vec::new();
    for (offset, (input, value)) in (0..).zip(cases::events(case)) {
        let mut run = OwnedMessages::default();
        run.push(Message { offset, timestamp_ms: i64::MAX / 2, key: None, value: Some(&value), watermark: None });
        let effects = shard.step(input, &run, 1, false);
        assert_eq!(effects.counts.evaluated, 1, "{}: {:?}", case.name, effects.counts);
        told.extend(words(effects.records.iter()));
    }
    effective(&told)
}

/// Every case comes out as it says, at once and one by one; returns the clues of each.
#[track_caller]
fn check(when: &str, cases: &str) -> Vec<Vec<Word>> {
    let loaded = book_of(when, cases);
    let rule = &loaded.book.rules[0];
    let failures = cases::run(rule, &loaded.rules, &loaded.references);
    assert!(failures.is_empty(), "{failures:#?}");
    let mut found = Vec::new();
    for case in &rule.cases {
        let steps = cases::steps(rule, case, &loaded.rules, &loaded.references).unwrap();
        let at_once = effective(&words(steps.iter().flat_map(|effects| &effects.records)));
        let differing = differences(&at_once, &one_by_one(case, &loaded));
        assert!(differing.is_empty(), "{}, at once and one by one:\n{}", case.name, differing.join("\n"));
        found.push(at_once.into_values().collect());
    }
    found
}

#[test]
fn a_line_that_concerns_no_rule_has_its_supply_judged_by_the_line_that_speaks() {
    // The prescription says sustained release; what is handed out on it does not.
    check(
        "supply.form_group = 'sustained' and supply.dispensed",
        "  - name: the bill tells another item of the substance
    events:
      - prescription:
          header: { hosp_rxno: RX1, mdtrt_id: V1 }
          line: { med_list_codg: XN02AAM059A010010199901, drug_genname: 硫酸吗啡缓释片, drug_dosform: 缓释片 }
      - settlement:
          header: { mdtrt_id: V1 }
          line: { med_list_codg: XN02AAM059A001010199901, medins_list_name: 硫酸吗啡片, dosform_name: 片剂, rx_drord_no: RX1 }
    expect: clue
    money: 10.00
  - name: the bill is another visit's
    events:
      - prescription:
          header: { hosp_rxno: RX1, mdtrt_id: V1 }
          line: { med_list_codg: XN02AAM059A010010199901, drug_genname: 硫酸吗啡缓释片, drug_dosform: 缓释片 }
      - settlement:
          header: { mdtrt_id: V2 }
          line: { med_list_codg: XN02AAM059A001010199901, medins_list_name: 硫酸吗啡片, dosform_name: 片剂, rx_drord_no: RX1 }
    expect: quiet
  - name: nobody knows the form
    events:
      - prescription: { header: { hosp_rxno: RX1, mdtrt_id: V1 }, line: { med_list_codg: XN02AAQ777E013010112345, drug_dosform: 胶囊剂 } }
      - settlement: { header: { mdtrt_id: V1 }, line: { med_list_codg: XN02AAQ777E013010112345, dosform_name: 胶囊剂, rx_drord_no: RX1 } }
    expect: unknown
",
    );
}

#[test]
fn an_operation_that_comes_last_may_accuse_of_what_nothing_was_told_of() {
    check(
        "supply.special_class = 'NARC' and supply.operation",
        "  - name: the operation of the visit comes last
    events:
      - settlement:
          header: { setl_id: S1, mdtrt_id: V1 }
          line: { med_list_codg: XN02AAM059A001010199901, medins_list_name: 硫酸吗啡片, dosform_name: 片剂 }
      - settlement:
          header: { setl_id: S2, mdtrt_id: V1 }
          line: { med_list_codg: \"990101000010000\", list_type: \"201\", medins_list_name: 手术费, med_chrgitm_type: \"06\" }
    expect: clue
    money: 10.00
  - name: the operation is another visit's
    events:
      - settlement:
          header: { setl_id: S1, mdtrt_id: V1 }
          line: { med_list_codg: XN02AAM059A001010199901, medins_list_name: 硫酸吗啡片, dosform_name: 片剂 }
      - settlement:
          header: { setl_id: S2, mdtrt_id: V2 }
          line: { med_list_codg: \"990101000010000\", list_type: \"201\", medins_list_name: 手术费, med_chrgitm_type: \"06\" }
    expect: quiet
  - name: the visit of the operation is not told
    events:
      - settlement:
          header: { setl_id: S1, mdtrt_id: V1 }
          line: { med_list_codg: XN02AAM059A001010199901, medins_list_name: 硫酸吗啡片, dosform_name: 片剂 }
      - settlement:
          header: { setl_id: S2, mdtrt_id: null }
          line: { med_list_codg: \"990101000010000\", list_type: \"201\", medins_list_name: 手术费, med_chrgitm_type: \"06\" }
    expect: unknown
",
    );
}

/// Two bills of one visit, 10.00 yuan each: a line without an order, and an
/// order that is numbered as such a line would be.
fn beside_an_order(number: &str) -> String {
    let line = "med_list_codg: XN02AAM059A001010199901, medins_list_name: 硫酸吗啡片, dosform_name: 片剂";
    format!(
        "  - name: a line without an order beside order {number}
    events:
      - settlement: {{ header: {{ setl_id: S1, mdtrt_id: V1 }}, line: {{ {line}, feedetl_sn: \"1\" }} }}
      - settlement: {{ header: {{ setl_id: S2, mdtrt_id: V1 }}, line: {{ {line}, feedetl_sn: \"2\", rx_drord_no: \"{number}\" }} }}
"
    )
}

/// One supply of a lesser, a greater and an unknown amount.
const AMOUNTS: &str = "  - name: one yuan
    given: { settlement: { line: { cnt: 0.1 } } }
    expect: quiet
  - name: thirty yuan
    given: { settlement: { line: { cnt: 3 } } }
    expect: clue
  - name: nobody knows how many yuan
    given: { settlement: { line: { det_item_fee_sumamt: null } } }
    expect: unknown
";

#[test]
fn an_order_whose_number_looks_like_a_lines_is_no_supply_of_that_line() {
    for number in ["#1", "##1", "1"] {
        let case = beside_an_order(number);
        check("supply.amount > 15", &format!("{case}    expect: quiet\n{AMOUNTS}"));
        let found = check("supply.amount > 5", &format!("{case}    expect: clue\n    money: 20.00\n{AMOUNTS}"));
        let shown = |clue: &Word| clue.finding.split("处方").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        let mut numbers: Vec<_> = found[0].iter().filter_map(shown).collect();
        numbers.sort();
        let mut expect = ["V1#1".to_owned(), number.to_owned()];
        expect.sort();
        assert_eq!(numbers, expect, "two clues, each by its number");
    }
}
