//! The least rule tree without a mistake, and edits of it, for tests.

use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::diagnostic::render;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::read::read;

pub(super) const GATES: &str = "\
gates:
  - { id: self_paid, zh: 全自费, en: self-paid, event: settlement, grain: line, when: \"line.inscp_scp_amt = 0\" }
  - { id: voided, zh: 已作废, en: voided, event: settlement, grain: header, when: \"header.vali_flag = '0'\" }
  - { id: interim, zh: 中途结算, en: interim bill, event: settlement, grain: header, when: \"header.mid_setl_flag = '1'\", quiet: false }
";

pub(super) const DEPARTMENTS: &str = "\
departments:
  - { id: insurance, zh: 医保, en: insurance, valid_from: 2018-05-31 }
  - { id: health, zh: 卫健, en: health, valid_from: 2018-05-31 }
  - { id: police, zh: 公安, en: police, valid_from: 2018-05-31, refer_only: true }
";

pub(super) const CODE_MAP: &str = "\
sev_deg:
  clear: { low: \"1\", medium: \"1\", high: \"1\" }
  suspected: { low: \"3\", medium: \"2\", high: \"2\" }
vola_bhvr_type: { 超支付范围: \"2\", 超量开药: \"1\" }
vola_amt_stas: { exact: \"1\", estimated: \"2\", not_computable: \"3\" }
";

pub(super) const RULE: &str = "\
# yaml-language-server: $schema=../../schemas/rule.schema.json
id: item-sex
version: 1
title: { zh: 限性别药品用于另一性别, en: Drug for the other sex }
status: live
owner: insurance-desk
department: { lead: insurance, copy_to: [health] }
result: suspected
severity: medium
problem_type: 超支付范围
party: institution
event: settlement
grain: line
evaluate:
  kind: row
  when: \"ref.sex_limit in ('1','2') and header.gend <> ref.sex_limit\"
params:
  child_max: { default: 18, min: 14, max: 18, unit: 岁, by_area: { \"5107\": 14 } }
gates: [self_paid, voided]
exempt:
  - { id: lung, zh: 肺动脉高压, en: pulmonary hypertension, when: \"icd_in(header.diag_codes, 'I27')\" }
clue:
  summary: { zh: \"性别{header.gend}使用{line.medins_list_name}\", en: \"sex {header.gend}\" }
  evidence: [header.gend, line.med_list_codg]
  money: line.det_item_fee_sumamt
why: { zh: 不属支付范围, en: outside the scope }
basis:
  - { text: 医疗保障基金使用监督管理条例, article: 第三十八条, issuer: 国务院令第735号, valid_from: 2021-05-01, verified: false }
innocent_when:
  - { zh: 性别登记错误, en: sex recorded wrongly }
cases:
  - name: woman on a drug for men
    given: { header: { gend: \"2\" }, line: { medListCodg: XG04CAA000A001010100001, cnt: 2.50 } }
    expect: clue
    grade: suspected
  - name: man on a drug for men
    given: { header: { gend: \"1\" } }
    expect: quiet
  - name: sex not known
    given: { header: { gend: null }, diagnoses: [] }
    expect: unknown
";

/// The settings of a rule on groups.
pub(super) const RATIO: &str = "\
event: settlement
grain: case
evaluate:
  kind: ratio
  compare: over_ceiling
  headline: by_case
  case: stay
  cases: header.setting = 'inpatient'
  value: { sum: line.cnt, where: line.list_type = '301', per_day: true }
  indicator: consumables
  baseline: city
  units: [institution, doctor]
  panes: [month, quarter]
  min_excess: param.child_max
  min_excess_cases: 2
";

/// Makes the fixture the least rule on groups.
pub(super) const TO_RATIO: &[(&str, &str)] = &[
    (
        "event: settlement\ngrain: line\nevaluate:\n  kind: row\n  when: \"ref.sex_limit in ('1','2') and header.gend <> ref.sex_limit\"\n",
        RATIO,
    ),
    ("[self_paid, voided]", "[voided]"),
    ("性别{header.gend}使用{line.medins_list_name}", "{group.sentence}"),
    ("sex {header.gend}", "{group.sentence_en}"),
    ("[header.gend, line.med_list_codg]\n  money: line.det_item_fee_sumamt", "[group.n, group.cells]"),
];

pub(super) fn source(name: &str, text: &str) -> Arc<SourceText> {
    Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() })
}

/// The text with each `from` replaced by `to`; every `from` must be there.
pub(super) fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the fixture has no {from:?}");
        text.replacen(from, to, 1)
    })
}

/// Files of packs, with the fixture's files at the top of the tree.
pub(super) fn tree(root: &str, gates: &str, files: &[(&str, &str)]) -> (RuleBook, Vec<Diagnostic>) {
    let top = [("gates.yaml", gates), ("departments.yaml", DEPARTMENTS), ("code_map.yaml", CODE_MAP)];
    let all: Vec<_> = top.iter().chain(files).map(|(name, text)| source(&format!("{root}/{name}"), text)).collect();
    read(&all)
}

/// The fixture with the rule edited.
pub(super) fn book(edits: &[(&str, &str)]) -> (RuleBook, Vec<Diagnostic>) {
    tree("rules", GATES, &[("drugs/item-sex.yaml", &edited(RULE, edits))])
}

/// The fixture with other departments, and with another code map.
pub(super) fn with_top(departments: &str, code_map: &str) -> (RuleBook, Vec<Diagnostic>) {
    read(&[
        source("rules/gates.yaml", GATES),
        source("rules/departments.yaml", departments),
        source("rules/code_map.yaml", code_map),
        source("rules/drugs/item-sex.yaml", RULE),
    ])
}

/// What the edited rule is told, exactly as a person reads it.
#[track_caller]
pub(super) fn check(edits: &[(&str, &str)], expect: &str) {
    let (_, diagnostics) = book(edits);
    same(&render(&diagnostics), expect);
}

#[track_caller]
pub(super) fn same(actual: &str, expect: &str) {
    assert!(actual.trim() == expect.trim(), "actual:\n{actual}\nexpected:\n{expect}");
}
