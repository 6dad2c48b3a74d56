//! Checks, each on the least rule that it is about.

use std::collections::BTreeSet;

use crate::base::diagnostic::render;
use crate::ruleset::fixture::CODE_MAP;
use crate::ruleset::fixture::DEPARTMENTS;
use crate::ruleset::fixture::GATES;
use crate::ruleset::fixture::RULE;
use crate::ruleset::fixture::check;
use crate::ruleset::fixture::edited;
use crate::ruleset::fixture::same;
use crate::ruleset::fixture::tree;
use crate::ruleset::fixture::with_top;
use crate::ruleset::lints::LINTS;

#[test]
fn codes_are_unique() {
    let codes: BTreeSet<&str> = LINTS.iter().map(|lint| lint.code).collect();
    assert_eq!(codes.len(), LINTS.len());
}

#[test]
fn id_is_file_name() {
    check(
        &[("id: item-sex", "id: item-age")],
        r#"
error[id-is-file-name]: rule `item-age` stands in a file of another name
 --> rules/drugs/item-sex.yaml:2:5
  |
2 | id: item-age
  |     ^^^^^^^^
  |
  = help: Rename the file to `item-age.yaml`, or the rule to `item-sex`.
"#,
    );
}

#[test]
fn ids_unique() {
    let gates = edited(GATES, &[("id: interim", "id: voided")]);
    let rule = edited(RULE, &[("id: lung", "id: voided"), ("[self_paid, voided]", "[self_paid, voided, self_paid]")]);
    let (_, found) = tree("r", &gates, &[("a/item-sex.yaml", &rule), ("b/item-sex.yaml", RULE)]);
    same(
        &render(&found),
        r#"
error[ids-unique]: gate `self_paid` is named twice
  --> r/a/item-sex.yaml:19:28
   |
19 | gates: [self_paid, voided, self_paid]
   |                            ^^^^^^^^^
   |
   = help: Remove one of the two.

error[ids-unique]: exemption `voided` has the id of another exemption or gate of the rule
  --> r/a/item-sex.yaml:21:11
   |
21 |   - { id: voided, zh: 肺动脉高压, en: pulmonary hypertension, when: "icd_in(header.diag_codes, 'I27')" }
   |           ^^^^^^
   |
   = help: Give it an id of its own.

error[ids-unique]: rule `item-sex` exists twice
 --> r/b/item-sex.yaml:2:5
  |
2 | id: item-sex
  |     ^^^^^^^^
  |
  = help: The other stands in r/a/item-sex.yaml; give one of them another id.

error[ids-unique]: gate `voided` exists twice for settlement header
 --> r/gates.yaml:4:11
  |
4 |   - { id: voided, zh: 中途结算, en: interim bill, event: settlement, grain: header, when: "header.mid_setl_flag = '1'", quiet: false }
  |           ^^^^^^
  |
  = help: Give one of them another id, event or grain.
"#,
    );
}

#[test]
fn retired_reason() {
    check(
        &[("status: live", "status: retired")],
        r#"
error[retired-reason]: a retired rule without a reason
 --> rules/drugs/item-sex.yaml:5:9
  |
5 | status: retired
  |         ^^^^^^^
  |
  = help: Add `retired_because` and say why.
"#,
    );
    check(
        &[("status: live", "status: live\nretired_because: replaced")],
        r#"
error[retired-reason]: `retired_because` on a rule that is live
 --> rules/drugs/item-sex.yaml:6:18
  |
6 | retired_because: replaced
  |                  ^^^^^^^^
  |
  = help: Remove it, or set `status: retired`.
"#,
    );
}

#[test]
fn grain_fits() {
    check(
        &[
            ("grain: line", "grain: supply"),
            ("gates: [self_paid, voided]", "gates: []"),
            ("性别{header.gend}使用{line.medins_list_name}", "x"),
            ("sex {header.gend}", "x"),
            ("[header.gend, line.med_list_codg]", "[supply.packs]"),
        ],
        r#"
error[grain-fits]: the event `settlement` has no grain `supply`
  --> rules/drugs/item-sex.yaml:13:8
   |
13 | grain: supply
   |        ^^^^^^
   |
   = help: Set `grain: header` or `grain: line`.
"#,
    );
}

#[test]
fn institutions_fit() {
    let overlap = "event: supply
grain: supply
evaluate:
  kind: history
  look_for: overlapping_supply
  remaining_days: 7
  remaining_share: 0.2
  surplus_days: 14
  institutions: one
  institutions_min: 3
";
    check(
        &[
            (
                "event: settlement\ngrain: line\nevaluate:\n  kind: row\n  when: \"ref.sex_limit in ('1','2') and header.gend <> ref.sex_limit\"\n",
                overlap,
            ),
            ("gates: [self_paid, voided]", "gates: []"),
            ("icd_in(header.diag_codes, 'I27')", "supply.discharge = '1'"),
            ("性别{header.gend}使用{line.medins_list_name}", "x"),
            ("sex {header.gend}", "x"),
            ("[header.gend, line.med_list_codg]", "[supply.packs]"),
            ("  money: line.det_item_fee_sumamt\n", ""),
            ("{ header: { gend: \"2\" }, line: { medListCodg: XG04CAA000A001010100001, cnt: 2.50 } }", "{ settlement: {} }"),
            ("{ header: { gend: \"1\" } }", "{ settlement: {} }"),
            ("{ header: { gend: null }, diagnoses: [] }", "{ settlement: {} }"),
        ],
        r#"
error[institutions-fit]: supplies of one institution are compared, not of 3
  --> rules/drugs/item-sex.yaml:21:21
   |
21 |   institutions_min: 3
   |                     ^
   |
   = help: Remove it, or set `institutions: several`.
"#,
    );
}

#[test]
fn data_quality_counts() {
    let checks = "data_quality:
  - { id: no_sex, zh: 性别缺失, en: no sex, when: header.gend is null }
  - { id: no_sex, zh: 性别缺失, en: no sex, when: header.gend is null }
  - { id: no_code, zh: 编码缺失, en: no code, when: line.med_list_codg is null }
clue:
";
    check(
        &[("clue:\n", checks), ("expect: unknown\n", "expect: unknown\n    data_quality: [no_sex, no_cod]\n")],
        r#"
error[data-quality-counts]: check `no_sex` exists twice
  --> rules/drugs/item-sex.yaml:24:11
   |
24 |   - { id: no_sex, zh: 性别缺失, en: no sex, when: header.gend is null }
   |           ^^^^^^
   |
   = help: Give one of them another id.

error[data-quality-counts]: no case expects check `no_code`
  --> rules/drugs/item-sex.yaml:25:11
   |
25 |   - { id: no_code, zh: 编码缺失, en: no code, when: line.med_list_codg is null }
   |           ^^^^^^^
   |
   = help: Add a case with `data_quality: [no_code]`.

error[data-quality-counts]: the rule has no check `no_cod`
  --> rules/drugs/item-sex.yaml:46:5
   |
46 |     data_quality: [no_sex, no_cod]
   |     ^^^^^^^^^^^^
   |
   = help: Did you mean `no_code`?
"#,
    );
}

#[test]
fn clear_when() {
    check(
        &[("result: suspected", "result: suspected\nclear_when: ref.delivery_item")],
        r#"
error[clear-when]: `clear_when` on a rule whose result is suspected
 --> rules/drugs/item-sex.yaml:9:13
  |
9 | clear_when: ref.delivery_item
  |             ^^^^^^^^^^^^^^^^^
  |
  = help: Set `result: clear`, or remove `clear_when`.
"#,
    );
}

#[test]
fn gates_known() {
    check(
        &[("[self_paid, voided]", "[self_payed, voided]")],
        r#"
error[gates-known]: gate `self_payed` does not exist
  --> rules/drugs/item-sex.yaml:19:9
   |
19 | gates: [self_payed, voided]
   |         ^^^^^^^^^^
   |
   = help: Did you mean `self_paid`?
"#,
    );
    check(
        &[
            ("[self_paid, voided]", "[self_paid]"),
            ("grain: line", "grain: header"),
            ("使用{line.medins_list_name}", ""),
            (", line.med_list_codg]", "]"),
        ],
        r#"
error[gates-known]: gate `self_paid` is not told for settlement header
  --> rules/drugs/item-sex.yaml:19:9
   |
19 | gates: [self_paid]
   |         ^^^^^^^^^
   |
   = help: Add it to gates.yaml for this event and grain.
"#,
    );
}

#[test]
fn params_in_range() {
    check(
        &[("default: 18", "default: 19")],
        r#"
error[params-in-range]: 19 lies outside the limits of parameter `child_max`
  --> rules/drugs/item-sex.yaml:18:25
   |
18 |   child_max: { default: 19, min: 14, max: 18, unit: 岁, by_area: { "5107": 14 } }
   |                         ^^
   |
   = help: Choose a value within: `min` is 14, `max` is 18.
"#,
    );
    check(
        &[("\"5107\": 14", "\"5107\": fourteen, \"51\": 13.5")],
        r#"
error[params-in-range]: parameter `child_max` is a number in one place and a text in another
  --> rules/drugs/item-sex.yaml:18:75
   |
18 |   child_max: { default: 18, min: 14, max: 18, unit: 岁, by_area: { "5107": fourteen, "51": 13.5 } }
   |                                                                            ^^^^^^^^
   |
   = help: Write all its values alike, numbers without quotes.

error[params-in-range]: 13.5 lies outside the limits of parameter `child_max`
  --> rules/drugs/item-sex.yaml:18:91
   |
18 |   child_max: { default: 18, min: 14, max: 18, unit: 岁, by_area: { "5107": fourteen, "51": 13.5 } }
   |                                                                                            ^^^^
   |
   = help: Choose a value within: `min` is 14, `max` is 18.
"#,
    );
    check(
        &[("min: 14, max: 18", "min: 18, max: 14")],
        r#"
error[params-in-range]: `min` 18 of parameter `child_max` is above its `max` 14
  --> rules/drugs/item-sex.yaml:18:34
   |
18 |   child_max: { default: 18, min: 18, max: 14, unit: 岁, by_area: { "5107": 14 } }
   |                                  ^^
   |
   = help: Exchange the two.
"#,
    );
    let dated = "by_date: [{ from: 2027-01-01, value: 17 }, { from: 2026-01-01, value: 20 }] }";
    check(
        &[("by_area: { \"5107\": 14 } }", dated)],
        r#"
error[params-in-range]: values of parameter `child_max` are not in the order of their days
  --> rules/drugs/item-sex.yaml:18:107
   |
18 |   child_max: { default: 18, min: 14, max: 18, unit: 岁, by_date: [{ from: 2027-01-01, value: 17 }, { from: 2026-01-01, value: 20 }] }
   |                                                                                                            ^^^^^^^^^^
   |
   = help: Write the earliest first, and each day once.

error[params-in-range]: 20 lies outside the limits of parameter `child_max`
  --> rules/drugs/item-sex.yaml:18:126
   |
18 |   child_max: { default: 18, min: 14, max: 18, unit: 岁, by_date: [{ from: 2027-01-01, value: 17 }, { from: 2026-01-01, value: 20 }] }
   |                                                                                                                               ^^
   |
   = help: Choose a value within: `min` is 14, `max` is 18.
"#,
    );
}

#[test]
fn columns_qualified() {
    check(
        &[
            ("{header.gend}使用{line.medins_list_name}", "{gend}使用{supply.packs}和{line.cnt"),
            ("[header.gend, ", "[\"header.gend || 'x'\", "),
        ],
        r#"
error[columns-qualified]: "gend" is no column
  --> rules/drugs/item-sex.yaml:23:22
   |
23 |   summary: { zh: "性别{gend}使用{supply.packs}和{line.cnt", en: "sex {header.gend}" }
   |                        ^^^^
   |
   = help: Write one of `header.`, `line.`, `ref.`, `param.` and the name of a column right after it.

error[columns-qualified]: the rule's grain has no columns `supply.`
  --> rules/drugs/item-sex.yaml:23:30
   |
23 |   summary: { zh: "性别{gend}使用{supply.packs}和{line.cnt", en: "sex {header.gend}" }
   |                                  ^^^^^^^^^^^^
   |
   = help: It has `header.`, `line.`, `ref.`, `param.`.

error[columns-qualified]: a brace without its fellow
  --> rules/drugs/item-sex.yaml:23:44
   |
23 |   summary: { zh: "性别{gend}使用{supply.packs}和{line.cnt", en: "sex {header.gend}" }
   |                                                 ^
   |
   = help: Write placeholders as {line.cnt}; other braces are not supported.

error[columns-qualified]: "header.gend || 'x'" is no column
  --> rules/drugs/item-sex.yaml:24:15
   |
24 |   evidence: ["header.gend || 'x'", line.med_list_codg]
   |               ^^^^^^^^^^^^^^^^^^
   |
   = help: Write one of `header.`, `line.`, `ref.`, `param.` and the name of a column right after it.
"#,
    );
}

#[test]
fn basis_dates() {
    check(
        &[("valid_from: 2021-05-01", "valid_from: 2021-05-01, valid_to: 2021-05-01")],
        r#"
error[basis-dates]: the basis ends on 2021-05-01, not after it begins on 2021-05-01
  --> rules/drugs/item-sex.yaml:28:98
   |
28 | ...ssuer: 国务院令第735号, valid_from: 2021-05-01, valid_to: 2021-05-01, verified: false }
   |                                                              ^^^^^^^^^^
   |
   = help: Write the first day on which it no longer holds, or null.
"#,
    );
}

#[test]
fn basis_verified() {
    check(
        &[("result: suspected", "result: clear")],
        r#"
error[basis-verified]: a live rule with a clear result on an unverified basis
  --> rules/drugs/item-sex.yaml:28:98
   |
28 |   - { text: 医疗保障基金使用监督管理条例, article: 第三十八条, issuer: 国务院令第735号, valid_from: 2021-05-01, verified: false }
   |                                                                                                                           ^^^^^
   |
   = help: Compare it with the published text and set `verified: true`, or lower `result` to suspected or `status` to shadow.
"#,
    );
}

#[test]
fn cases_cover() {
    check(
        &[("expect: unknown", "expect: quiet"), ("name: sex not known", "name: man on a drug for men")],
        r#"
error[cases-cover]: no case of rule `item-sex` expects `unknown`
  --> rules/drugs/item-sex.yaml:31:1
   |
31 | cases:
   | ^^^^^
   |
   = help: Add a case in which a column that the condition needs is null.

error[cases-cover]: two cases are named "man on a drug for men"
  --> rules/drugs/item-sex.yaml:39:11
   |
39 |   - name: man on a drug for men
   |           ^^^^^^^^^^^^^^^^^^^^^
   |
   = help: Name each case by what it shows.
"#,
    );
}

#[test]
fn departments_known() {
    check(
        &[("copy_to: [health]", "copy_to: [helth, police], refer_if_confirmed: [police]")],
        r#"
error[departments-known]: department `helth` does not exist
 --> rules/drugs/item-sex.yaml:7:42
  |
7 | department: { lead: insurance, copy_to: [helth, police], refer_if_confirmed: [police] }
  |                                          ^^^^^
  |
  = help: Did you mean `health`?

error[departments-known]: department `police` only takes referrals
 --> rules/drugs/item-sex.yaml:7:49
  |
7 | department: { lead: insurance, copy_to: [helth, police], refer_if_confirmed: [police] }
  |                                                 ^^^^^^
  |
  = help: Name it under `refer_if_confirmed`.
"#,
    );
    let departments = "\
departments:
  - { id: insurance, zh: 医保, en: insurance, valid_from: 2018-05-31, valid_to: 2018-05-31 }
  - { id: health, zh: 卫健, en: health, valid_from: 2018-05-31, valid_to: 2025-01-01, succeeded_by: welfare }
  - { id: a, zh: 甲, en: a, valid_from: 2018-05-31, valid_to: 2025-01-01, succeeded_by: b }
  - { id: b, zh: 乙, en: b, valid_from: 2018-05-31, valid_to: 2025-01-01, succeeded_by: a }
  - { id: c, zh: 丙, en: c, valid_from: 2018-05-31, succeeded_by: a }
  - { id: a, zh: 丁, en: d, valid_from: 2018-05-31 }
";
    let told: Vec<(usize, String)> = with_top(departments, CODE_MAP).1.into_iter().map(|found| (found.line(), found.message)).collect();
    let expect = [
        (2, "department `insurance` ends before it begins"),
        (3, "department `welfare` does not exist"),
        (4, "the succession of department `a` comes to no end"),
        (5, "the succession of department `b` comes to no end"),
        (6, "department `c` is succeeded without an end"),
        (7, "department `a` stands twice"),
        (7, "nobody succeeds department `insurance`, which ended on 2018-05-31"),
    ];
    assert_eq!(told, expect.map(|(line, message)| (line, message.to_owned())));
}

#[test]
fn problem_type_known() {
    check(
        &[("problem_type: 超支付范围", "problem_type: 超支付范畴")],
        r#"
error[problem-type-known]: problem type `超支付范畴` has no code
  --> rules/drugs/item-sex.yaml:10:15
   |
10 | problem_type: 超支付范畴
   |               ^^^^^^^^^^
   |
   = help: Did you mean `超支付范围`?
"#,
    );
}

#[test]
fn codes_have_their_form() {
    let told = with_top(
        DEPARTMENTS,
        &edited(CODE_MAP, &[("exact: \"1\"", "exact: 1"), ("超量开药: \"1\"", "超量开药: \"行为类\""), ("low: \"3\", ", "")]),
    )
    .1;
    same(
        &render(&told),
        r#"
error: `low` is missing in `suspected`
 --> rules/code_map.yaml:3:16
  |
3 |   suspected: { medium: "2", high: "2" }
  |                ^^^^^^
  |
  = help: Add `low`: of low severity.

error: "行为类" is no valid `超量开药`
 --> rules/code_map.yaml:4:37
  |
4 | vola_bhvr_type: { 超支付范围: "2", 超量开药: "行为类" }
  |                                              ^^^^^^^^
  |
  = help: A code is one to three letters or digits, in quotes.

error: `exact` must be a text, found the number 1
 --> rules/code_map.yaml:5:25
  |
5 | vola_amt_stas: { exact: 1, estimated: "2", not_computable: "3" }
  |                         ^
  |
  = help: Put the text in quotes.
"#,
    );
}
