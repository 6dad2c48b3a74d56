//! The rule catalogue: a page per rule, from its file alone, and an index.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::evaluators::contact;
use crate::events::EVENT_TYPES;
use crate::events::camel_case;
use crate::events::derived;
use crate::expr::outline;
use crate::report::blocks::Block;
use crate::report::blocks::Cell;
use crate::report::blocks::Head;
use crate::report::blocks::INDEX;
use crate::report::blocks::Page;
use crate::report::blocks::Run;
use crate::report::blocks::both;
use crate::report::blocks::code;
use crate::report::blocks::head;
use crate::report::blocks::number;
use crate::report::blocks::plain;
use crate::report::words;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::doc::Sql;
use crate::ruleset::shape::Object;
use crate::ruleset::spec;
use crate::ruleset::words::Compare;
use crate::ruleset::words::Expect;
use crate::ruleset::words::Headline;
use crate::ruleset::words::Institutions;
use crate::ruleset::words::RuleEvent;

const INDEX_HEADS: &[Head] = &[
    head("规则", "rule"),
    head("状态", "status"),
    head("等级", "grade"),
    head("问题类型", "problem"),
    head("主办", "lead"),
    head("数据", "feed"),
    number("用例", "cases"),
];
const PART_HEADS: &[Head] = &[number("序", "no."), head("须同时成立", "all must hold")];
const SETTING_HEADS: &[Head] = &[head("设置", "setting"), head("值", "value")];
const EXCUSE_HEADS: &[Head] = &[head("编号", "id"), head("情形", "what it is"), head("作用", "effect"), head("条件", "condition")];
const QUALITY_HEADS: &[Head] = &[head("编号", "id"), head("情形", "what it is"), head("条件", "condition")];
const PARAM_HEADS: &[Head] = &[
    head("参数", "parameter"),
    number("默认值", "default"),
    head("范围", "range"),
    head("单位", "unit"),
    head("分地区", "by area"),
    head("说明", "note"),
];
const BASIS_HEADS: &[Head] = &[
    head("依据", "basis"),
    head("条款", "article"),
    head("发文机关与文号", "issuer"),
    head("地区", "area"),
    head("施行", "from"),
    head("失效", "to"),
    head("已核对原文", "verified"),
];
const FIELD_HEADS: &[Head] = &[head("来源", "source"), head("字段", "field"), head("名称", "name"), head("说明", "meaning")];
const CASE_HEADS: &[Head] =
    &[number("序", "no."), head("用例", "case"), head("期望", "expected"), head("等级", "grade"), number("金额", "yuan")];

/// The index first, then a page per rule by id.
pub fn pages(book: &RuleBook) -> Vec<Page> {
    std::iter::once(index(book)).chain(book.rules.iter().map(|rule| page(book, rule))).collect()
}

fn index(book: &RuleBook) -> Page {
    let mut blocks = vec![
        Block::Title { zh: "规则目录".to_owned(), en: "Rule catalogue".to_owned() },
        Block::Text(vec![
            Run::Plain("由规则文件生成，每条规则一页。线索是疑点，不是结论。".to_owned()),
            Run::En("A page per rule, generated from its file; not edited by hand:".to_owned()),
            Run::Code("make generated".to_owned()),
        ]),
    ];
    for pack in &book.packs {
        let rules: Vec<&RuleDoc> = book.rules.iter().filter(|rule| rule.pack == pack.id).collect();
        if rules.is_empty() {
            continue;
        }
        let title = pack.title.clone().unwrap_or_else(|| Bilingual { zh: pack.id.clone(), en: pack.id.clone() });
        blocks.push(Block::Part { zh: title.zh, en: format!("{} ({}, {})", title.en, pack.id, rules.len()) });
        let row = |rule: &&RuleDoc| {
            let link = Run::Link { text: rule.title.zh.clone(), page: rule.id.clone() };
            vec![
                vec![link, Run::Code(rule.id.clone()), Run::En(rule.title.en.clone())],
                plain(rule.status.zh()),
                plain(rule.result.zh()),
                plain(rule.problem_type.clone()),
                plain(department(book, &rule.department.lead).zh),
                feeds(rule).into_iter().map(|name| Run::Plain(name.to_owned())).collect(),
                plain(rule.cases.len().to_string()),
            ]
        };
        blocks.push(Block::Table { heads: INDEX_HEADS, rows: rules.iter().map(row).collect() });
    }
    Page { name: INDEX.to_owned(), blocks }
}

fn page(book: &RuleBook, rule: &RuleDoc) -> Page {
    let mut blocks = vec![
        Block::Title { zh: rule.title.zh.clone(), en: rule.title.en.clone() },
        Block::Facts(facts(book, rule)),
        Block::Heading { zh: "为何可疑", en: "Why it is suspicious" },
        Block::Text(plain(rule.why.zh.clone())),
        Block::Text(vec![Run::En(rule.why.en.clone())]),
        Block::Heading { zh: "判断条件", en: "Condition" },
    ];
    condition(rule, &mut blocks);
    excuses(book, rule, &mut blocks);
    data_quality(rule, &mut blocks);
    quiet(rule, &mut blocks);
    params(rule, &mut blocks);
    basis(rule, &mut blocks);
    feed(book, rule, &mut blocks);
    clue(rule, &mut blocks);
    cases(rule, &mut blocks);
    blocks.push(Block::Text(vec![Run::Link { text: "返回规则目录".to_owned(), page: INDEX.to_owned() }, Run::En("All rules".to_owned())]));
    Page { name: rule.id.clone(), blocks }
}

/// A department's names; its id where the list does not have it.
pub fn department(book: &RuleBook, id: &str) -> Bilingual {
    let named = book.departments.get(id).map(|department| department.title.clone());
    named.unwrap_or_else(|| Bilingual { zh: id.to_owned(), en: id.to_owned() })
}

fn facts(book: &RuleBook, rule: &RuleDoc) -> Vec<(&'static str, &'static str, Cell)> {
    let departments = |list: &[String]| list.iter().map(|id| department(book, id).zh).collect::<Vec<_>>().join("、");
    let mut facts = vec![
        ("规则编号", "id", code(rule.id.clone())),
        ("版本", "version", plain(rule.version.to_string())),
        ("状态", "status", both(rule.status.zh(), rule.status.name())),
        ("线索等级", "grade", both(rule.result.zh(), rule.result.name())),
        ("严重程度", "severity", both(rule.severity.zh(), rule.severity.name())),
        ("问题类型", "problem type", plain(rule.problem_type.clone())),
        ("责任主体", "party", both(rule.party.zh(), rule.party.name())),
        ("主办部门", "lead", both(&department(book, &rule.department.lead).zh, &rule.department.lead)),
    ];
    if !rule.department.copy_to.is_empty() {
        facts.push(("抄送", "copies", plain(departments(&rule.department.copy_to))));
    }
    if !rule.department.refer_if_confirmed.is_empty() {
        facts.push(("查实后移送", "referred to once confirmed", plain(departments(&rule.department.refer_if_confirmed))));
    }
    if let Some(focus) = &rule.focus {
        facts.push(("专项重点", "focus", code(focus.clone())));
    }
    facts.push(("判断对象", "judges", both(&format!("{}（{}）", rule.event.zh(), rule.grain.zh()), rule.event.name())));
    facts.push(("所属规则包", "pack", code(rule.pack.clone())));
    if let Some(because) = &rule.retired_because {
        facts.push(("停用原因", "retired because", plain(because.clone())));
    }
    facts
}

/// SQL in words, with the parameters' defaults in their places.
pub fn in_words(rule: &RuleDoc, sql: &str) -> String {
    words::say(sql, &|name| {
        let param = rule.params.iter().find(|param| Some(param.name.as_str()) == name.strip_prefix("param."))?;
        Some(param_text(&param.default))
    })
}

fn condition(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    match &rule.evaluate {
        EvaluateDoc::Row { when } => {
            let row = |(idx, part): (usize, String)| vec![plain((idx + 1).to_string()), plain(in_words(rule, &part))];
            let rows = outline::parts(&when.text).into_iter().enumerate().map(row).collect();
            blocks.push(Block::Table { heads: PART_HEADS, rows });
            blocks.push(Block::Sql(when.text.clone()));
        }
        EvaluateDoc::EarlierContact(contact) => {
            let same = &contact.same_disease;
            let flag = |on: bool| plain(if on { "是" } else { "否" });
            let own = |key: &str, cell: Cell| vec![label(&spec::EARLIER_CONTACT, key), cell];
            let likeness = |key: &str, cell: Cell| vec![label(&spec::SAME_DISEASE, key), cell];
            let mut rows = vec![own("anchor", code(contact.anchor.text.clone()))];
            rows.extend(contact.told_by.iter().map(|sql| own("told_by", code(sql.text.clone()))));
            rows.extend([
                own("wait", plain(format!("{} 小时 h", contact.wait_seconds / 3600))),
                own("lookback_days", setting(rule, &contact.lookback_days)),
                own("min_history_days", setting(rule, &contact.min_history_days)),
                likeness("icd_characters", plain(same.icd_characters.to_string())),
                likeness("groups", flag(same.groups)),
                likeness("chronic_list", flag(same.chronic_list)),
                likeness("substance", flag(same.substance)),
                likeness("init_rxno", flag(same.init_rxno)),
            ]);
            blocks.push(Block::Text(both(
                "在参保人此前的就诊中查找同一疾病的线下就诊；找不到才提示。",
                "An earlier visit in person for the same disease is looked for; its absence is told.",
            )));
            blocks.push(Block::Table { heads: SETTING_HEADS, rows });
        }
        EvaluateDoc::Ratio(ratio) => {
            blocks.push(Block::Text(compared(ratio)));
            blocks.push(Block::Table { heads: SETTING_HEADS, rows: ratio_settings(rule, ratio) });
        }
        EvaluateDoc::OverlappingSupply(overlap) => {
            let own = |key: &str, cell: Cell| vec![label(&spec::OVERLAPPING_SUPPLY, key), cell];
            let rows = vec![
                own("remaining_days", setting(rule, &overlap.remaining_days)),
                own("remaining_share", setting(rule, &overlap.remaining_share)),
                own("surplus_days", setting(rule, &overlap.surplus_days)),
                own("institutions", both(overlap.institutions.zh(), overlap.institutions.name())),
                own("institutions_min", plain(overlap.different_institutions().to_string())),
                own("same_substance", plain(if overlap.same_substance { "是" } else { "否" })),
            ];
            blocks.push(Block::Text(match overlap.institutions {
                Institutions::Several => both(
                    "比较同一参保人的各次用药供给；前次尚未用完而又从他处取得才提示。",
                    "The person's supplies are compared: one from elsewhere while an earlier one still lasts is told.",
                ),
                Institutions::One => both(
                    "比较同一参保人在同一机构的各次用药供给；前次尚未用完而又就诊取得才提示，同次就诊、同日所开不算。",
                    "The person's supplies of each institution are compared: one of another visit and day while an earlier one still lasts is told.",
                ),
            }));
            blocks.push(Block::Table { heads: SETTING_HEADS, rows });
        }
    }
    if let Some(clear_when) = &rule.clear_when {
        blocks.push(Block::Text(both("下列成立时为明确违规，否则为可疑：", "Clear where this holds, else suspected:")));
        blocks.push(Block::Sql(clear_when.text.clone()));
    }
}

/// What a rule on groups holds against what.
fn compared(ratio: &RatioDoc) -> Cell {
    match (ratio.compare, ratio.headline) {
        (Compare::Expected, _) => both(
            "把同一对象在期间内各病例的数值相加（O），与基线中同类病例的预期（E）比较；向同类收缩后仍有把握高于同类的才提示。",
            "What a unit's cases of a pane add up to (O) is held against what the baseline expects of such cases (E); told is what, shrunken to \
             what peers are, is still above them with certainty.",
        ),
        (Compare::OverCeiling, Headline::ByCase) => both(
            "数同一对象在期间内高于同类病例上限的例数，与基线中通常的例数比较；向同类收缩后仍有把握高于同类的才提示，其余两种超上限比一并列出。",
            "A unit's cases of a pane above the ceiling of such cases are counted and held against how many are usual; told is what, shrunken \
             to what peers are, is still above them with certainty. The other two over-ceiling ratios stand beside it.",
        ),
        (Compare::OverCeiling, Headline::ByLine) => both(
            "数同一对象在期间内高于自身上限的收费明细笔数，与基线中通常的笔数比较；向同类收缩后仍有把握高于同类的才提示，其余两种超上限比一并列出。",
            "A unit's lines of a pane above their own ceilings are counted and held against how many are usual; told is what, shrunken to \
             what peers are, is still above them with certainty. The other two over-ceiling ratios stand beside it.",
        ),
        (Compare::OverCeiling, Headline::ByAmount) if ratio.value.by_line() => both(
            "把同一对象在期间内各笔明细高于自身上限的部分相加，与基线中通常的数额比较；向同类收缩后仍有把握高于同类的才提示，其余两种超上限比一并列出。",
            "What a unit's lines of a pane have above their own ceilings is added up and held against how much is usual; told is what, shrunken \
             to what peers are, is still above them with certainty. The other two over-ceiling ratios stand beside it.",
        ),
        (Compare::OverCeiling, Headline::ByAmount) => both(
            "把同一对象在期间内各病例高于同类病例上限的部分相加，与基线中通常的数额比较；向同类收缩后仍有把握高于同类的才提示，其余两种超上限比一并列出。",
            "What a unit's cases of a pane have above the ceiling of such cases is added up and held against how much is usual; told is what, \
             shrunken to what peers are, is still above them with certainty. The other two over-ceiling ratios stand beside it.",
        ),
    }
}

fn ratio_settings(rule: &RuleDoc, ratio: &RatioDoc) -> Vec<Vec<Cell>> {
    let own = |key: &str, cell: Cell| vec![label(&spec::RATIO, key), cell];
    let of_value = |key: &str, cell: Cell| vec![label(&spec::CASE_VALUE, key), cell];
    let all = |words: Vec<(&str, &str)>| {
        let (zh, en): (Vec<&str>, Vec<&str>) = words.into_iter().unzip();
        both(&zh.join("、"), &en.join(", "))
    };
    let over_ceiling = ratio.compare == Compare::OverCeiling;
    let mut rows = vec![own("compare", both(ratio.compare.zh(), ratio.compare.name()))];
    if over_ceiling {
        rows.push(own("headline", both(ratio.headline.zh(), ratio.headline.name())));
    }
    rows.push(own("case", both(ratio.case.zh(), ratio.case.name())));
    rows.push(own("cases", code(ratio.cases.text.clone())));
    let value = &ratio.value;
    for (key, sql) in [("each", &value.each), ("ceiling", &value.ceiling), ("times", &value.times)] {
        rows.extend(sql.iter().map(|sql| of_value(key, code(sql.text.clone()))));
    }
    if !value.by_line() {
        rows.push(of_value("sum", value.sum.as_ref().map_or_else(|| both("住院天数", "days of the stay"), |sql| code(sql.text.clone()))));
    }
    rows.extend(ratio.value.filter.iter().map(|sql| of_value("where", code(sql.text.clone()))));
    if ratio.value.per_day {
        rows.push(of_value("per_day", plain("是")));
    }
    rows.extend([
        own("indicator", code(ratio.indicator.clone())),
        own("baseline", ratio.baseline.clone().map_or_else(|| both("该指标最近基期的基线", "the latest one that has the indicator"), code)),
        own("units", all(ratio.units.iter().map(|unit| (unit.zh(), unit.name())).collect())),
        own("panes", all(ratio.panes.iter().map(|pane| (pane.zh(), pane.name())).collect())),
        own("min_excess", setting(rule, &ratio.min_excess)),
    ]);
    let least = match ratio.headline {
        Headline::ByCase => Some("min_excess_cases"),
        Headline::ByLine => Some("min_excess_lines"),
        Headline::ByAmount => None,
    };
    rows.extend(least.filter(|_| over_ceiling).map(|key| own(key, plain(ratio.min_excess_cases.to_string()))));
    rows
}

/// A key of the rule file in both languages.
fn label(object: &'static Object, key: &str) -> Cell {
    object.field(key).map_or_else(|| code(key), |field| both(field.zh, field.en))
}

fn setting(rule: &RuleDoc, number: &Number) -> Cell {
    match number {
        Number::Value(value) => plain(value.to_string()),
        Number::Param(name) => {
            let param = rule.params.iter().find(|param| param.name == *name);
            let value = param.map(|param| param_text(&param.default)).unwrap_or_default();
            vec![Run::Plain(value), Run::Code(format!("param.{name}"))]
        }
    }
}

fn param_text(value: &ParamValue) -> String {
    match value {
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Text(text) => text.clone(),
    }
}

fn excuses(book: &RuleBook, rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let gates = rule.gates.iter().filter_map(|id| book.gate(id, rule.event, rule.grain));
    let quiets = if matches!(rule.evaluate, EvaluateDoc::Ratio(_)) {
        both("病例不计入", "the case does not count")
    } else {
        both("免于提示", "quiets")
    };
    let mut rows: Vec<Vec<Cell>> = gates
        .map(|gate| {
            let effect = if gate.quiet { quiets.clone() } else { both("仅注明", "only told") };
            vec![code(gate.id.clone()), both(&gate.title.zh, &gate.title.en), effect, plain(in_words(rule, &gate.when.text))]
        })
        .collect();
    rows.extend(rule.exempt.iter().map(|exempt| {
        vec![code(exempt.id.clone()), both(&exempt.title.zh, &exempt.title.en), quiets.clone(), plain(in_words(rule, &exempt.when.text))]
    }));
    blocks.push(Block::Heading { zh: "豁免", en: "Gates and exemptions" });
    if rows.is_empty() {
        blocks.push(Block::Text(both("无：正当情形都写在条件里。", "None: what is innocent is part of the condition.")));
    } else {
        blocks.push(Block::Table { heads: EXCUSE_HEADS, rows });
    }
}

/// What is counted and told to nobody.
fn data_quality(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let own = rule.data_quality.iter().map(|quality| {
        vec![code(quality.id.clone()), both(&quality.title.zh, &quality.title.en), plain(in_words(rule, &quality.when.text))]
    });
    let mut rows: Vec<Vec<Cell>> = own.collect();
    if matches!(rule.evaluate, EvaluateDoc::EarlierContact(_)) {
        rows.extend(contact::CHECKS.iter().map(|(id, zh, en)| vec![code(*id), both(zh, en), Vec::new()]));
    }
    if rows.is_empty() {
        return;
    }
    blocks.push(Block::Heading { zh: "数据质量", en: "Data quality: counted in the metrics" });
    blocks.push(Block::Table { heads: QUALITY_HEADS, rows });
}

fn quiet(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let named = |expect: Expect| {
        let cases = rule.cases.iter().filter(move |case| case.expect == expect);
        cases.map(|case| vec![Run::En(case.name.clone())]).collect::<Vec<_>>()
    };
    for (zh, en, expect) in
        [("不提示的情形", "Quiet cases, each tested", Expect::Quiet), ("无法判断的情形", "Unknown, counted and not told", Expect::Unknown)]
    {
        let names = named(expect);
        if !names.is_empty() {
            blocks.push(Block::Heading { zh, en });
            blocks.push(Block::List(names));
        }
    }
    blocks.push(Block::Heading { zh: "核查时先问", en: "Innocent explanations to ask for first" });
    blocks.push(Block::List(rule.innocent_when.iter().map(|text| both(&text.zh, &text.en)).collect()));
    if !rule.not_seen.is_empty() {
        blocks.push(Block::Heading { zh: "已知漏报", en: "Violations that it cannot see, because the data do not tell" });
        blocks.push(Block::List(rule.not_seen.iter().map(|text| both(&text.zh, &text.en)).collect()));
    }
}

fn params(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    if rule.params.is_empty() {
        return;
    }
    let row = |param: &crate::ruleset::doc::ParamDoc| {
        let bound = |value: Option<crate::ruleset::decimal::Decimal>| value.map(|value| value.to_string()).unwrap_or_default();
        let range =
            if param.min.is_some() || param.max.is_some() { format!("{} ~ {}", bound(param.min), bound(param.max)) } else { String::new() };
        let areas: Vec<String> = param.by_area.iter().map(|(prefix, value)| format!("{prefix}: {}", param_text(value))).collect();
        let dated = param.by_date.iter().map(|dated| format!("{} 起: {}", dated.from, param_text(&dated.value)));
        let values: Vec<String> = std::iter::once(param_text(&param.default)).chain(dated).collect();
        vec![
            code(param.name.clone()),
            plain(values.join(", ")),
            plain(range),
            plain(param.unit.clone().unwrap_or_default()),
            plain(areas.join(", ")),
            plain(param.note.clone().unwrap_or_default()),
        ]
    };
    blocks.push(Block::Heading { zh: "参数", en: "Parameters" });
    blocks.push(Block::Table { heads: PARAM_HEADS, rows: rule.params.iter().map(row).collect() });
}

fn basis(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let row = |basis: &crate::ruleset::doc::BasisDoc| {
        vec![
            plain(basis.text.clone()),
            plain(basis.article.clone()),
            plain(basis.issuer.clone()),
            plain(if basis.area.is_empty() { "全国" } else { &basis.area }),
            plain(basis.valid_from.to_string()),
            plain(basis.valid_to.map_or_else(|| "现行有效".to_owned(), |date| date.to_string())),
            plain(if basis.verified { "是 yes" } else { "否 no" }),
        ]
    };
    blocks.push(Block::Heading { zh: "依据", en: "Legal basis" });
    blocks.push(Block::Table { heads: BASIS_HEADS, rows: rule.basis.iter().map(row).collect() });
    blocks.push(Block::Text(both(
        "事实发生时没有依据在施行的，规则无法判断，不提示。",
        "Where none was in force at the time of the fact, the rule is unknown and silent.",
    )));
}

/// Every expression of a rule with its shared gates.
fn expressions<'a>(book: &'a RuleBook, rule: &'a RuleDoc) -> Vec<&'a Sql> {
    let mut all: Vec<&Sql> = match &rule.evaluate {
        EvaluateDoc::Row { when } => vec![when],
        EvaluateDoc::EarlierContact(contact) => std::iter::once(&contact.anchor).chain(&contact.told_by).collect(),
        EvaluateDoc::OverlappingSupply(_) => Vec::new(),
        EvaluateDoc::Ratio(ratio) => std::iter::once(&ratio.cases).chain(ratio.value.sqls()).collect(),
    };
    all.extend(rule.gates.iter().filter_map(|id| book.gate(id, rule.event, rule.grain)).map(|gate| &gate.when));
    all.extend(rule.exempt.iter().map(|exempt| &exempt.when));
    all.extend(rule.data_quality.iter().map(|quality| &quality.when));
    all.extend(&rule.clear_when);
    all.extend(&rule.clue.evidence);
    all.extend(rule.clue.observed.iter().chain(&rule.clue.limit).chain(&rule.clue.money));
    all
}

/// The topics that a rule reads.
fn feeds(rule: &RuleDoc) -> Vec<&'static str> {
    let remembers = matches!(rule.evaluate, EvaluateDoc::EarlierContact(_) | EvaluateDoc::OverlappingSupply(_));
    let joined = remembers || rule.event == RuleEvent::Supply;
    let own = |event: &&&crate::events::EventType| joined || event.name == rule.event.name();
    EVENT_TYPES.iter().filter(own).map(|event| event.zh).collect()
}

fn feed(book: &RuleBook, rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let names: BTreeSet<String> = expressions(book, rule).into_iter().flat_map(|sql| outline::names(&sql.text)).collect();
    let mut rows: BTreeMap<(usize, String), Vec<Cell>> = BTreeMap::new();
    for name in names {
        let Some((table, own)) = name.split_once('.') else { continue };
        let Some(column) = words::column(&name) else { continue };
        let event = EVENT_TYPES.iter().find(|event| event.name == rule.event.name());
        let plain_name = own.strip_prefix(derived::NET).unwrap_or(own);
        let of_message = event.and_then(|event| match table {
            "header" => event.header.index(own).map(|_| format!("{} header", event.name)),
            "line" => event.lines().table.index(plain_name).map(|_| format!("{} {}", event.name, event.lines().table.name)),
            _ => None,
        });
        let (order, source, field) = match (&of_message, table) {
            (Some(source), _) => (0, code(source.clone()), code(camel_case(plain_name))),
            (None, "ref") => (2, both("参考表", "reference"), code(name.clone())),
            (None, "supply") => (1, both("处方与结算合并", "joined"), code(name.clone())),
            (None, _) => (1, both("引擎计算", "computed"), code(name.clone())),
        };
        let cells = vec![source, field, plain(column.zh), vec![Run::En(column.en.to_owned())]];
        rows.entry((order, name)).or_insert(cells);
    }
    blocks.push(Block::Heading { zh: "所需数据", en: "What it needs of the feed" });
    blocks.push(Block::Text(both(
        &format!("主题：{}。缺少字段时规则无法判断，不提示。", feeds(rule).join("、")),
        "Topics; where a field that decides is absent, the rule is unknown and silent.",
    )));
    blocks.push(Block::Table { heads: FIELD_HEADS, rows: rows.into_values().collect() });
}

fn clue(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let template = |text: &str| {
        let mut said = text.to_owned();
        for name in text.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let shown = words::column(name).map_or_else(|| name.to_owned(), |column| column.zh.to_owned());
            said = said.replace(&format!("{{{name}}}"), &format!("〔{shown}〕"));
        }
        said
    };
    blocks.push(Block::Heading { zh: "线索内容", en: "What a clue says" });
    blocks.push(Block::Text(plain(template(&rule.clue.summary.zh.text))));
    blocks.push(Block::Text(vec![Run::En(rule.clue.summary.en.text.clone())]));
    let unit = rule.clue.unit.as_ref().map(|unit| unit.zh.clone()).unwrap_or_default();
    let mut rows = Vec::new();
    for (zh, en, sql, unit) in [
        ("实际值", "observed", &rule.clue.observed, unit.as_str()),
        ("限值", "limit", &rule.clue.limit, unit.as_str()),
        ("涉及金额", "offending amount", &rule.clue.money, "元"),
    ] {
        if let Some(sql) = sql {
            rows.push((zh, en, vec![Run::Plain(format!("{} {unit}", in_words(rule, &sql.text))), Run::Code(sql.text.clone())]));
        }
    }
    if matches!(rule.evaluate, EvaluateDoc::Ratio(_)) {
        let column = |name: &str| words::column(name).map_or_else(|| code(name), |column| both(column.zh, column.en));
        rows.push(("实际值", "observed", column("group.ratio")));
        rows.push(("限值", "limit", column("group.limit")));
    }
    if !rows.is_empty() {
        blocks.push(Block::Facts(rows));
    }
}

fn cases(rule: &RuleDoc, blocks: &mut Vec<Block>) {
    let row = |(idx, case): (usize, &crate::ruleset::doc::CaseDoc)| {
        vec![
            plain((idx + 1).to_string()),
            vec![Run::En(case.name.clone())],
            both(case.expect.zh(), case.expect.name()),
            plain(case.grade.map_or("", |grade| grade.zh())),
            plain(case.money.map(|money| money.to_string()).unwrap_or_default()),
        ]
    };
    blocks.push(Block::Heading { zh: "用例", en: "Cases, all run through the engine" });
    blocks.push(Block::Table { heads: CASE_HEADS, rows: rule.cases.iter().enumerate().map(row).collect() });
}
