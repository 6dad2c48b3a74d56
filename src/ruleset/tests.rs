//! Reading: what a good file becomes, and what a bad one is told.

use proptest::prelude::*;

use crate::base::diagnostic::render;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::digest::digest;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::fixture::CODE_MAP;
use crate::ruleset::fixture::DEPARTMENTS;
use crate::ruleset::fixture::GATES;
use crate::ruleset::fixture::RULE;
use crate::ruleset::fixture::TO_RATIO;
use crate::ruleset::fixture::book;
use crate::ruleset::fixture::check;
use crate::ruleset::fixture::source;
use crate::ruleset::fixture::tree;
use crate::ruleset::fixture::with_top;
use crate::ruleset::json::Json;
use crate::ruleset::lock;
use crate::ruleset::read::load;
use crate::ruleset::read::read;
use crate::ruleset::read::stem;
use crate::ruleset::words::CasePrior;
use crate::ruleset::words::CaseUnit;
use crate::ruleset::words::Compare;
use crate::ruleset::words::Expect;
use crate::ruleset::words::Grade;
use crate::ruleset::words::GroupCase;
use crate::ruleset::words::Headline;
use crate::ruleset::words::PaneWord;
use crate::ruleset::words::Status;
use crate::ruleset::words::UnitWord;

const HISTORY: &str = "\
evaluate:
  kind: history
  look_for: earlier_contact
  anchor: header.online
  wait: 12h
  lookback_days: param.child_max
  min_history_days: 365
  same_disease: { icd_characters: 4, substance: false }
";

const ROW: &str = "\
evaluate:
  kind: row
  when: \"ref.sex_limit in ('1','2') and header.gend <> ref.sex_limit\"
";

#[test]
fn a_good_rule_says_what_it_says() {
    let (book, diagnostics) = book(&[]);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    let rule = book.rule("item-sex").unwrap();
    assert_eq!((rule.pack.as_str(), rule.version, rule.status), ("drugs", 1, Status::Live));
    assert_eq!(rule.department.copy_to, ["health"]);
    assert!(matches!(&rule.evaluate, EvaluateDoc::Row { when } if when.text.starts_with("ref.sex_limit in ('1'")));
    let param = &rule.params[0];
    assert_eq!(param.value_at(Some("510722"), 20_000), &ParamValue::Number(Decimal::from_int(14)));
    assert_eq!(param.value_at(Some("510100"), 20_000), &ParamValue::Number(Decimal::from_int(18)));
    assert_eq!(param.value_at(None, 20_000), &param.default);
    assert_eq!((rule.basis[0].area.as_str(), rule.basis[0].valid_to), ("", None));
    assert!(book.gates.iter().any(|gate| gate.id == "interim" && !gate.quiet));
    assert_eq!(book.packs[0].id, "drugs");
}

#[test]
fn cases_keep_values_as_written() {
    let (book, _) = book(&[]);
    let cases = &book.rules[0].cases;
    let event = &cases[0].events[0];
    assert_eq!((event.event_type, cases[0].expect, cases[0].grade), ("settlement", Expect::Clue, Some(Grade::Suspected)));
    assert_eq!(event.header, [("gend".to_owned(), Json::Text("2".to_owned()))]);
    assert_eq!(event.lines[0][0].0, "medListCodg");
    assert_eq!(event.lines[0][1], ("cnt".to_owned(), Json::Number("2.50".to_owned())));
    assert_eq!(event.diagnoses, None);
    assert_eq!(cases[2].events[0].header, [("gend".to_owned(), Json::Null)]);
    assert_eq!(cases[2].events[0].diagnoses, Some(vec![]));
}

#[test]
fn history_settings_have_their_defaults() {
    let edits = [
        (ROW, HISTORY),
        ("grain: line", "grain: header"),
        ("self_paid, ", ""),
        ("使用{line.medins_list_name}", ""),
        (", line.med_list_codg]", "]"),
    ];
    let (book, diagnostics) = book(&edits);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    let EvaluateDoc::EarlierContact(doc) = &book.rules[0].evaluate else { panic!("{:?}", book.rules[0].evaluate) };
    assert_eq!((doc.wait_seconds, &doc.told_by), (12 * 3600, &None));
    assert_eq!(doc.lookback_days, Number::Param("child_max".to_owned()));
    assert_eq!(doc.min_history_days, Number::Value(Decimal::from_int(365)));
    let same = doc.same_disease;
    assert_eq!((same.icd_characters, same.groups, same.substance, same.init_rxno), (4, true, false, true));
}

#[test]
fn ratio_settings_have_their_defaults() {
    let written = [
        ("  headline: by_case\n", ""),
        ("  min_excess_cases: 2\n", ""),
        (", where: line.list_type = '301', per_day: true", ""),
        (
            "    given: { header: { gend: \"1\" } }\n",
            "    settings: { baseline: { mean: 10.00, variance: 4, expected_cases: 30 } }\n    events:\n      - settlement: { times: 30 }\n      - settlement: {}\n",
        ),
    ];
    let read = |edits: &[(&str, &str)]| {
        let (book, diagnostics) = book(&[TO_RATIO, edits].concat());
        assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
        book.rules[0].clone()
    };
    let (own, least) = (read(&[]), read(&written));
    let [EvaluateDoc::Ratio(own), EvaluateDoc::Ratio(default)] = [&own.evaluate, &least.evaluate] else { panic!("{own:?}") };
    assert_eq!((own.min_excess_cases, own.value.per_day, own.value.filter.is_some()), (2, true, true));
    assert_eq!((default.min_excess_cases, default.value.per_day, default.value.filter.is_some()), (3, false, false));
    assert_eq!((default.compare, default.headline, default.case), (Compare::OverCeiling, Headline::ByCase, GroupCase::Stay));
    assert_eq!(
        (&default.min_excess, default.cases.text.as_str()),
        (&Number::Param("child_max".to_owned()), "header.setting = 'inpatient'")
    );
    assert_eq!(
        (own.units.as_slice(), own.panes.as_slice()),
        ([UnitWord::Institution, UnitWord::Doctor].as_slice(), [PaneWord::Month, PaneWord::Quarter].as_slice())
    );
    let case = &least.cases[1];
    assert_eq!(case.events.iter().map(|event| event.times).collect::<Vec<_>>(), [30, 1]);
    let baseline = case.settings.baseline.as_ref().unwrap();
    assert_eq!((baseline.n, baseline.unit, baseline.prior), (1000, CaseUnit::Amount, CasePrior::Fixed));
    assert_eq!((baseline.mean.to_string().as_str(), baseline.cap, baseline.expected_cases), ("10.00", None, Some(Decimal::from_int(30))));
}

#[test]
fn halves_of_a_supply_are_events_of_their_own() {
    let edits = [
        ("event: settlement", "event: supply"),
        ("grain: line", "grain: supply"),
        ("gates: [self_paid, voided]", "gates: []"),
        ("\"性别{header.gend}使用{line.medins_list_name}\"", "\"超量{supply.packs}\""),
        ("sex {header.gend}", "too much"),
        ("[header.gend, line.med_list_codg]", "[supply.packs]"),
        (
            "given: { header: { gend: \"2\" }, line: { medListCodg: XG04CAA000A001010100001, cnt: 2.50 } }",
            "given: { prescription: { line: { medc_days: 30 } }, settlement: { line: { cnt: 3 } } }",
        ),
        ("given: { header: { gend: \"1\" } }", "events: [ { settlement: { lines: [ { cnt: 1 }, { cnt: 2 } ] } }, { settlement: {} } ]"),
        (
            "given: { header: { gend: null }, diagnoses: [] }",
            "given: { prescription: {} }\n    settings: { complete_from: \"2024-01-01\", covered_areas: [\"9901\"] }",
        ),
    ];
    let (book, diagnostics) = book(&edits);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    let cases = &book.rules[0].cases;
    assert_eq!(cases[0].events.iter().map(|event| event.event_type).collect::<Vec<_>>(), ["settlement", "prescription"]);
    assert_eq!(cases[1].events[0].lines.len(), 2);
    assert_eq!(cases[2].settings.complete_from.unwrap().to_string(), "2024-01-01");
    assert_eq!(cases[2].settings.covered_areas, Some(vec!["9901".to_owned()]));
}

#[test]
fn every_mistake_of_a_file_is_told_at_its_place() {
    check(
        &[
            ("version: 1", "version: one"),
            ("title: { zh: 限性别药品用于另一性别, en: Drug for the other sex }", "titel: { zh: 限性别药品用于另一性别, en: x }"),
            ("lead: insurance", "lead: insurence"),
            ("valid_from: 2021-05-01", "valid_from: 2021-02-30"),
            ("\"5107\": 14", "\"51071\": 14"),
        ],
        r#"
error: `version` must be a whole number from 1 to 1000000, found "one"
 --> rules/drugs/item-sex.yaml:3:10
  |
3 | version: one
  |          ^^^
  |
  = help: Write the number plainly, without quotes or separators.

error: unknown key `titel` in the rule
 --> rules/drugs/item-sex.yaml:4:1
  |
4 | titel: { zh: 限性别药品用于另一性别, en: x }
  | ^^^^^
  |
  = help: Did you mean `title`?

error[departments-known]: department `insurence` does not exist
 --> rules/drugs/item-sex.yaml:7:21
  |
7 | department: { lead: insurence, copy_to: [health] }
  |                     ^^^^^^^^^
  |
  = help: Did you mean `insurance`?

error: "51071" is no valid key in `by_area`
  --> rules/drugs/item-sex.yaml:18:67
   |
18 |   child_max: { default: 18, min: 14, max: 18, unit: 岁, by_area: { "51071": 14 } }
   |                                                                    ^^^^^^^
   |
   = help: An area is 2 digits (province), 4 (city) or 6 (county), in quotes.

error: `valid_from` must be a date, found "2021-02-30"
  --> rules/drugs/item-sex.yaml:28:76
   |
28 |   - { text: 医疗保障基金使用监督管理条例, article: 第三十八条, issuer: 国务院令第735号, valid_from: 2021-02-30, verified: false }
   |                                                                                                     ^^^^^^^^^^
   |
   = help: Write a day that exists as yyyy-MM-dd, like 2021-05-01.
"#,
    );
}

#[test]
fn what_a_rule_cannot_see_is_told_in_both_languages_or_not_at_all() {
    let with = |text: &str| ("cases:\n".to_owned(), format!("not_seen:{text}\ncases:\n"));
    let read = |text: &str| {
        let (from, to) = with(text);
        let (book, diagnostics) = book(&[(&from, &to)]);
        assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
        book.rules[0].not_seen.iter().map(|text| format!("{} {}", text.zh, text.en)).collect::<Vec<_>>()
    };
    assert!(book(&[]).0.rules[0].not_seen.is_empty());
    assert_eq!(
        read("\n  - { zh: 性别未载明, en: the sex is not told }\n  - { zh: 无编码, en: no code }"),
        ["性别未载明 the sex is not told", "无编码 no code"]
    );
    let (from, to) = with("\n  - 性别未载明\n  - { zh: 无编码, em: no code }\n  - { zh: '', en: no code }");
    check(
        &[(&from, &to)],
        r#"
error: `not_seen` must be a map, found "性别未载明"
  --> rules/drugs/item-sex.yaml:32:5
   |
32 |   - 性别未载明
   |     ^^^^^^^^^^
   |
   = help: Write keys and values: `key: value`.

error: unknown key `em` in `not_seen`
  --> rules/drugs/item-sex.yaml:33:16
   |
33 |   - { zh: 无编码, em: no code }
   |                   ^^
   |
   = help: Did you mean `en`?

error: `zh` is empty
  --> rules/drugs/item-sex.yaml:34:11
   |
34 |   - { zh: '', en: no code }
   |           ^^
   |
   = help: Write what belongs here.
"#,
    );
    let (from, to) = with(" []");
    check(
        &[(&from, &to)],
        r#"
error: `not_seen` is empty
  --> rules/drugs/item-sex.yaml:31:11
   |
31 | not_seen: []
   |           ^
   |
   = help: Write at least one item.
"#,
    );
}

#[test]
fn fields_that_an_event_does_not_have_are_told() {
    check(
        &[("header: { gend: \"1\" }", "header: { gendr: \"1\" }, lines: [ { cnt: 1 }, { 数量: 1 } ]")],
        r#"
error: a settlement has no `gendr` in `header`
  --> rules/drugs/item-sex.yaml:37:24
   |
37 |     given: { header: { gendr: "1" }, lines: [ { cnt: 1 }, { 数量: 1 } ] }
   |                        ^^^^^
   |
   = help: Did you mean `gend`?

error: a settlement has no `数量` in `feedetl`
  --> rules/drugs/item-sex.yaml:37:61
   |
37 |     given: { header: { gendr: "1" }, lines: [ { cnt: 1 }, { 数量: 1 } ] }
   |                                                             ^^^^
   |
   = help: See the column pages for the fields that an event has.
"#,
    );
}

#[test]
fn given_and_events_exclude_each_other() {
    check(
        &[
            ("    given: { header: { gend: \"1\" } }\n", ""),
            (
                "diagnoses: [] }\n    expect: unknown",
                "diagnoses: [] }\n    events: [ { settlement: {} } ]\n    expect: unknown\n    grade: clear",
            ),
        ],
        r#"
error: a case without events
  --> rules/drugs/item-sex.yaml:36:11
   |
36 |   - name: man on a drug for men
   |           ^^^^^^^^^^^^^^^^^^^^^
   |
   = help: Add `given` with one event of the rule's type, or `events` with several.

error: `events` beside `given`
  --> rules/drugs/item-sex.yaml:40:5
   |
40 |     events: [ { settlement: {} } ]
   |     ^^^^^^
   |
   = help: Move the given event into the list as one of `events`.

error: a grade is expected of no clue
  --> rules/drugs/item-sex.yaml:42:12
   |
42 |     grade: clear
   |            ^^^^^
   |
   = help: Remove `grade`, or expect a clue.
"#,
    );
}

#[test]
fn what_is_no_yaml_is_told_at_its_place() {
    check(
        &[("owner: insurance-desk", "owner: \"insurance-desk")],
        r#"
error: not valid YAML: invalid indentation in quoted scalar
 --> rules/drugs/item-sex.yaml:6:8
  |
6 | owner: "insurance-desk
  |        ^^^^^^^^^^^^^^^
  |
  = help: Check indentation, colons and quotes here and on the line before; quote a text that holds `: ` or ` #`.
"#,
    );
    check(
        &[("owner: insurance-desk", "owner: [a, b")],
        r#"
error: not valid YAML: illegal placement of ':' indicator
 --> rules/drugs/item-sex.yaml:7:11
  |
7 | department: { lead: insurance, copy_to: [health] }
  |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: Check indentation, colons and quotes here and on the line before; quote a text that holds `: ` or ` #`.
"#,
    );
}

#[test]
fn order_comments_and_cases_leave_the_digest_alone() {
    let digest_of = |edits: &[(&str, &str)]| digest(&book(edits).0);
    let plain = digest_of(&[]);
    for same in [
        [("# yaml-language-server", "# another comment")],
        [("status: live\nowner: insurance-desk", "owner: 'insurance-desk'   # who\nstatus: live")],
        [("name: man on a drug for men", "name: another name")],
    ] {
        assert_eq!(digest_of(&same), plain, "{same:?}");
    }
    for other in [[("version: 1", "version: 2")], [("default: 18", "default: 17")], [("id: lung", "id: lungs")]] {
        assert_ne!(digest_of(&other), plain, "{other:?}");
    }
    let moved = tree("rules", GATES, &[("other/item-sex.yaml", RULE)]).0;
    assert_ne!(digest(&moved), plain);
    for (from, to) in [("zh: 医保", "zh: 医疗保障"), ("超量开药: \"1\"", "超量开药: \"2\"")] {
        let top = |text: &str| text.replacen(from, to, 1);
        assert_ne!(digest(&with_top(&top(DEPARTMENTS), &top(CODE_MAP)).0), plain, "{to}");
    }
    let rooted = tree("/a", GATES, &[("drugs/item-sex.yaml", RULE)]).0;
    assert_eq!(digest(&rooted), plain);
}

#[track_caller]
fn check_lock(edits: &[(&str, &str)], expect: &[(&str, bool)]) {
    let text = lock::render(&book(&[]).0);
    let file = source("rules/rules.lock", &text);
    let book = book(edits).0;
    let refused: Vec<String> = lock::refuse(&book, Some(&file)).into_iter().map(|found| found.message).collect();
    let found = lock::check(&book, Some(&file));
    let found: Vec<(&str, bool)> = found.iter().map(|found| (found.message.as_str(), refused.contains(&found.message))).collect();
    assert_eq!(found, expect);
}

#[test]
fn a_meaning_never_changes_under_its_version() {
    check_lock(&[], &[]);
    check_lock(&[("en: Drug for the other sex", "en: another title"), ("status: live", "status: shadow")], &[]);
    check_lock(&[("cases:\n", "not_seen:\n  - { zh: 性别未载明, en: the sex is not told }\ncases:\n")], &[]);
    check_lock(&[("default: 18", "default: 17")], &[("the meaning of rule `item-sex` changed under version 1", true)]);
    check_lock(
        &[("default: 18", "default: 17"), ("version: 1", "version: 2")],
        &[("version 2 of rule `item-sex` is not in rules.lock", false)],
    );
    check_lock(&[("id: item-sex", "id: item-age")], &[("rule `item-age` is not in rules.lock", false), ("rule `item-sex` is gone", true)]);
}

#[test]
fn a_gate_is_part_of_the_meaning_of_its_rules() {
    let (before, _) = book(&[]);
    let gates = crate::ruleset::fixture::edited(GATES, &[("line.inscp_scp_amt = 0", "line.inscp_scp_amt <= 0"), ("全自费", "自费")]);
    let after = tree("rules", &gates, &[("drugs/item-sex.yaml", RULE)]).0;
    assert_ne!(lock::meaning(&before, &before.rules[0]), lock::meaning(&after, &after.rules[0]));
}

#[test]
fn a_damaged_lock_is_told() {
    let file = source("rules/rules.lock", "# head\nitem-sex one abc\n");
    let found = lock::refuse(&book(&[]).0, Some(&file));
    assert_eq!(
        found.iter().map(|found| (found.line(), found.message.as_str())).collect::<Vec<_>>(),
        [(2, "not a line of rule, version and meaning")]
    );
}

#[test]
fn a_tree_on_disk_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("gates.yaml", GATES.as_bytes());
    write("departments.yaml", DEPARTMENTS.as_bytes());
    write("code_map.yaml", CODE_MAP.as_bytes());
    write("rules.lock", b"");
    write("README.md", b"# Rules");
    write("reference/manifest.yaml", b"name: x");
    write("drugs/item-sex.yaml", RULE.as_bytes());
    write("drugs/pack.yaml", "title: { zh: 药品, en: Drugs }".as_bytes());
    let (sources, diagnostics) = load(folder.path()).unwrap();
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    let (book, diagnostics) = read(&sources);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    assert_eq!((book.rules.len(), book.gates.len()), (1, 3));
    assert_eq!(book.packs[0].title.as_ref().unwrap().zh, "药品");

    write("drugs/latin.yaml", b"id: \xe9");
    write("drugs/other.yml", b"");
    write("lost.yaml", b"");
    let (_, diagnostics) = load(folder.path()).unwrap();
    let told: Vec<_> = diagnostics.iter().map(|found| (stem(&found.source.name), found.span.start, found.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("latin", 4, "not UTF-8 text"),
            ("other.yml", 0, "a YAML file where no rule is looked for"),
            ("lost", 0, "a YAML file where no rule is looked for"),
        ]
    );
    assert!(render(&diagnostics).contains("lost.yaml"));
    let bare = folder.path().join("bare");
    std::fs::create_dir(&bare).unwrap();
    for (path, message) in [(folder.path().join("nowhere"), "no folder of rules"), (bare, "no rule in this folder")] {
        let (sources, diagnostics) = load(&path).unwrap();
        assert_eq!((sources.len(), diagnostics.len(), diagnostics[0].message.as_str()), (0, 1, message));
    }
}

#[test]
fn an_empty_rule_file_is_told_once() {
    let (book, diagnostics) = read(&[source("r/a/empty.yaml", "# nothing yet\n")]);
    assert_eq!(book.rules[0].id, "empty");
    assert_eq!(diagnostics.iter().map(|found| found.message.as_str()).collect::<Vec<_>>(), ["the rule must be a map, found nothing"]);
}

#[test]
fn a_parsers_line_and_column_lead_into_the_file() {
    let (book, _) = book(&[(
        "when: \"ref.sex_limit in ('1','2') and header.gend <> ref.sex_limit\"",
        "when: |\n    '男' = header.gend\n      and 药 <> 1",
    )]);
    let EvaluateDoc::Row { when } = &book.rules[0].evaluate else { panic!("{:?}", book.rules[0].evaluate) };
    for (line, column, len, expect) in [(1, 1, 1, "'"), (1, 7, 11, "header.gend"), (2, 7, 3, "药"), (9, 1, 0, "1")] {
        let at = when.offset(line, column);
        assert_eq!(&when.source.text[when.place(at..at + len)], expect);
    }
}

proptest! {
    #[test]
    fn no_damage_to_a_file_makes_reading_panic(drop in 0..RULE.lines().count(), at in 0..RULE.len(), with in "[ \\[\\]{}:,'\"#a1\\n~-]{0,3}") {
        let kept: Vec<&str> = RULE.lines().enumerate().filter(|(idx, _)| *idx != drop).map(|(_, line)| line).collect();
        let mut text = kept.join("\n");
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(at, &with);
        let sources = [source("r/gates.yaml", GATES), source("r/drugs/item-sex.yaml", &text)];
        let (book, diagnostics) = read(&sources);
        prop_assert!(book.rules.len() + diagnostics.len() > 0);
        render(&diagnostics);
        lock::render(&book);
    }
}
