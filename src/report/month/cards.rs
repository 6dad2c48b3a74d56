//! One card per family of problems: a clue with its evidence, the rule's text
//! in force, what was tested, and the sum by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::decimal::Decimal;
use crate::base::decimal::divide_round;
use crate::clues::told::Told;
use crate::clues::told::Value;
use crate::expr::outline;
use crate::offline::explain::Part;
use crate::report::catalogue::department;
use crate::report::html;
use crate::report::html::Table;
use crate::report::month::Card;
use crate::report::month::Month;
use crate::report::month::grade;
use crate::report::month::groups::ratio_of;
use crate::report::words;
use crate::ruleset::decimal::Decimal as Amount;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::Institutions;
use crate::ruleset::words::Status;

/// What stands for a value about a person.
const HIDDEN: &str = "〔个人信息〕";

pub(super) fn families(month: &Month<'_>) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for told in month.delivered() {
        *counts.entry(&told.finding.problem_type).or_default() += 1;
    }
    let mut out = "<p class=\"lead\">每种问题类型取一条：证据、依据、检验过程和金额的算法，都来自线索本身和引擎的复核。<span class=\"en\" lang=\"en\">One clue of each problem type: all of it from the clue itself and from asking the engine again.</span></p>\n".to_owned();
    for card in &month.cards {
        out.push_str(&self::card(month, card, counts.get(card.told.finding.problem_type.as_str()).copied().unwrap_or_default()));
    }
    out
}

fn card(month: &Month<'_>, card: &Card, of_family: u64) -> String {
    let finding = &card.told.finding;
    let rule = month.rule(&finding.rule.id);
    let of_family = if rule.is_some_and(|rule| rule.status != Status::Live) {
        "试运行，不发部门".to_owned()
    } else {
        format!("本类 {of_family} 条")
    };
    let mut out = format!(
        "<article class=\"card\">\n<h3>{} <span class=\"chip plain\">{of_family}</span> {}</h3>\n<p>{} · <code>{}</code> · 主办 {}</p>\n",
        html::escape(&finding.problem_type),
        grade(&finding.result),
        html::both(&finding.rule.title.zh, &finding.rule.title.en),
        html::escape(&finding.rule.id),
        html::escape(&department(month.book, &finding.lead).zh),
    );
    let _ = write!(
        out,
        "<p class=\"summary\">{}</p>\n<p class=\"en\" lang=\"en\">{}</p>\n",
        html::escape(&finding.vola_cont.zh),
        html::escape(&finding.vola_cont.en)
    );
    let (zh, en, evidence) = match rule.is_some_and(|rule| ratio_of(rule).is_some()) {
        true => ("依据的数字", "the numbers", numbers(&card.told)),
        false => ("证据", "evidence", evidence(&card.told)),
    };
    let _ = write!(out, "<h4>{}</h4>\n{evidence}", html::both(zh, en));
    let _ = write!(out, "<h4>{}</h4>\n{}", html::both("依据（事实发生时施行）", "basis in force at the time"), basis(&card.told));
    if let Some(rule) = rule {
        let _ = write!(out, "<h4>{}</h4>\n{}", html::both("检验", "what was tested"), tested(rule, card));
        let _ = write!(out, "<h4>{}</h4>\n{}", html::both("手工复算", "the sum by hand"), sum(rule, card));
    }
    let _ = write!(out, "<h4>{}</h4>\n<ul>", html::both("核查时先问", "ask first"));
    for text in &finding.innocent_when {
        let _ = write!(out, "<li>{}</li>", html::both(&text.zh, &text.en));
    }
    out.push_str("</ul>\n");
    if let Some(rule) = rule.filter(|rule| !rule.not_seen.is_empty()) {
        let _ = write!(out, "<h4>{}</h4>\n<ul>", html::both("本规则看不到", "what this rule cannot see"));
        for text in &rule.not_seen {
            let _ = write!(out, "<li>{}</li>", html::both(&text.zh, &text.en));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</article>\n");
    out
}

fn evidence(told: &Told) -> String {
    let mut table = Table::new()
        .class("evidence")
        .text("时间", "time")
        .text("凭证", "document")
        .text("项目", "item")
        .number("数量", "quantity")
        .number("单价", "price")
        .number("金额", "amount")
        .text("类别", "kind");
    for item in &told.finding.evidence {
        let mut document = format!("{} {}", words::code(&item.event), item.id);
        if let Some(line) = &item.line {
            let _ = write!(document, " 第{line}行");
        }
        if let Some(rx) = item.rx_no.as_ref().filter(|rx| **rx != item.id) {
            let _ = write!(document, "，处方 {rx}");
        }
        let name = [item.name.as_deref(), item.spec.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let amount = |value: Option<Decimal>| value.map(|value| value.trim_to(0).to_string()).unwrap_or_default();
        table.row(vec![
            html::escape(&item.time),
            html::escape(&document),
            if name.is_empty() {
                html::both("整张凭证", "the whole document")
            } else {
                html::both(&name, item.code.as_deref().unwrap_or_default())
            },
            amount(item.cnt),
            amount(item.pric),
            item.amount.map(|amount| amount.rescale(2).to_string()).unwrap_or_default(),
            if item.vola_item_type == 1 { "违规项".to_owned() } else { "涉及项".to_owned() },
        ]);
    }
    table.html()
}

/// What a clue about a group has instead of bills.
fn numbers(told: &Told) -> String {
    let mut table = Table::new().class("facts").text("", "").text("", "");
    for value in &told.finding.values {
        let Some(text) = value.value.as_deref() else { continue };
        table.row(vec![html::escape(&value.zh), html::escape(&words::value_of(&value.column, text))]);
    }
    table.html()
}

fn basis(told: &Told) -> String {
    let mut out = "<ul>".to_owned();
    for basis in &told.finding.basis {
        let mark = if basis.verified {
            "<span class=\"chip good\">已核对原文</span>"
        } else {
            "<span class=\"chip plain\">原文待核对</span>"
        };
        let until = basis.valid_to.as_ref().map_or_else(|| "现行有效".to_owned(), |to| format!("至 {to} 前"));
        let _ = write!(
            out,
            "<li>《{}》{}（{}，{} 起施行，{}）{mark}</li>",
            html::escape(&basis.text),
            html::escape(&basis.article),
            html::escape(&basis.issuer),
            html::escape(basis.valid_from.as_deref().unwrap_or_default()),
            html::escape(&until)
        );
    }
    let _ = writeln!(out, "</ul>\n<p>{}</p>", html::both(&told.finding.why.zh, &told.finding.why.en));
    out
}

/// SQL in words with the parameters as they stand in the rule's file.
pub(super) fn in_words(rule: &RuleDoc, sql: &str, values: Option<&[Value]>) -> String {
    words::say(sql, &|name| match name.strip_prefix("param.") {
        Some(own) => rule.params.iter().find(|param| param.name == own).map(|param| match &param.default {
            ParamValue::Number(number) => number.to_string(),
            ParamValue::Text(text) => text.clone(),
        }),
        None => values.map(|values| shown(values, name)),
    })
}

/// A column's value as the page may show it.
pub(super) fn shown(values: &[Value], name: &str) -> String {
    if !words::is_open(name) {
        return HIDDEN.to_owned();
    }
    let value = values.iter().find(|value| value.column == name).and_then(|value| value.value.as_deref());
    value.map_or_else(|| "空".to_owned(), |value| words::value_of(name, value))
}

/// The columns of an expression with their values.
pub(super) fn values_of(sql: &str, values: &[Value]) -> String {
    let named = outline::names(sql).into_iter().filter(|name| !name.starts_with("param."));
    let said = named.filter_map(|name| Some(format!("{} = {}", words::column(&name)?.zh, shown(values, &name))));
    said.collect::<Vec<_>>().join("；")
}

pub(super) fn outcome(part: &Part) -> &'static str {
    match (part.holds, part.excuses) {
        (None, _) => "<span class=\"chip suspected\">未知</span>",
        (Some(true), true) => "<span class=\"chip good\">成立，免于提示</span>",
        (Some(false), true) => "<span class=\"chip plain\">不成立</span>",
        (Some(true), false) => "<span class=\"chip plain\">成立</span>",
        (Some(false), false) => "<span class=\"chip good\">不成立</span>",
    }
}

fn tested(rule: &RuleDoc, card: &Card) -> String {
    let finding = &card.told.finding;
    let mut out = String::new();
    let mut table = Table::new().class("tested").text("类别", "kind").text("结果", "result").text("内容", "what").text("实际值", "values");
    if let Some(answer) = &card.answer {
        let by_rows = matches!(rule.evaluate, EvaluateDoc::Row { .. });
        for part in answer.parts.iter().filter(|part| by_rows || part.excuses) {
            let kind = if part.excuses { html::both("豁免", "gate") } else { html::both("条件", "condition") };
            let (what, values) = if part.excuses {
                (html::both(&part.label.zh, &part.label.en), String::new())
            } else {
                (html::escape(&in_words(rule, &part.label.zh, None)), html::escape(&values_of(&part.label.zh, &answer.values)))
            };
            table.row(vec![kind, outcome(part).to_owned(), what, values]);
        }
    }
    if table.is_empty() {
        for tested in &finding.exemptions {
            let part = Part { id: String::new(), label: Default::default(), excuses: true, holds: tested.holds };
            table.row(vec![html::both("豁免", "gate"), outcome(&part).to_owned(), html::both(&tested.zh, &tested.en), String::new()]);
        }
    }
    if !table.is_empty() {
        out.push_str(&table.html());
    }
    out.push_str(&remembered(rule, card));
    if let Some((observed, limit)) = finding.observed.as_deref().zip(finding.limit.as_deref()) {
        let unit = finding.unit.as_ref().map(|unit| unit.zh.as_str()).unwrap_or_default();
        let _ = writeln!(
            out,
            "<p>实际 <b>{}</b> {unit}，限值 <b>{}</b> {unit}。</p>",
            html::escape(&words::value(observed)),
            html::escape(&words::value(limit)),
            unit = html::escape(unit)
        );
    }
    out
}

/// What rules that remember looked for, and by which settings.
fn remembered(rule: &RuleDoc, card: &Card) -> String {
    let finding = &card.told.finding;
    let (zh, en) = match &rule.evaluate {
        EvaluateDoc::Row { .. } => return String::new(),
        EvaluateDoc::Ratio(_) => {
            return "<p>区间下限高于同类上限，且超出值和覆盖率足够。<span class=\"en\" lang=\"en\">The lower end of the interval lies above the limit of peers; the excess and the coverage suffice.</span></p>\n".to_owned();
        }
        EvaluateDoc::EarlierContact(_) => {
            ("此前未见该参保人同一疾病的线下就诊。", "No earlier visit in person for the same disease is known.")
        }
        EvaluateDoc::OverlappingSupply(overlap) => match overlap.institutions {
            Institutions::Several => ("前次用药尚未用完，又从他处取得。", "An earlier supply still lasted when more came from elsewhere."),
            Institutions::One => {
                ("前次用药尚未用完，又从同一机构取得。", "An earlier supply still lasted when the same institution gave more.")
            }
        },
    };
    let mut table = Table::new().class("facts").text("", "").text("", "");
    for value in finding.values.iter().filter(|value| words::is_open(&value.column)) {
        let shown = value.value.as_deref().map_or_else(|| "空".to_owned(), |text| words::value_of(&value.column, text));
        table.row(vec![html::escape(&value.zh), html::escape(&shown)]);
    }
    for (name, value) in &finding.params {
        let Some(param) = rule.params.iter().find(|param| param.name == *name) else { continue };
        let unit = param.unit.as_deref().unwrap_or_default();
        table.row(vec![
            format!("参数 <code>{}</code>", html::escape(name)),
            html::both(&format!("{value} {unit}"), param.note.as_deref().unwrap_or_default()),
        ]);
    }
    format!("<p>{}</p>\n{}", html::both(zh, en), table.html())
}

/// The ratio and the excess, from the numbers as they are printed.
fn quotient(told: &Told) -> String {
    let finding = &told.finding;
    let number = |name: &str| {
        let value = finding.values.iter().find(|value| value.column == name)?.value.as_deref()?;
        let (whole, places) = value.split_once('.').unwrap_or((value, ""));
        let units = format!("{whole}{places:0<6}").parse::<i128>().ok().filter(|_| places.len() <= 6)?;
        Some((value.to_owned(), units))
    };
    let all = ["group.observed", "group.expected", "group.ratio", "group.shrunken", "group.excess"].map(number);
    let [Some(observed), Some(expected), Some(ratio), Some(shrunken), Some(excess)] = all else { return String::new() };
    if expected.1 <= 0 {
        return String::new();
    }
    const ONE: i128 = 1_000_000;
    let mark = |holds: bool| {
        if holds { "<span class=\"ok\">✓ 与线索一致</span>" } else { "<span class=\"bad\">与线索不一致</span>" }
    };
    // The clue prints four digits of a ratio; an excess has those of its unit.
    let own_ratio = divide_round(observed.1 * 10_000, expected.1) * (ONE / 10_000);
    let own_excess = divide_round((shrunken.1 - ONE) * expected.1, ONE);
    let places = excess.0.split_once('.').map_or(0, |(_, places)| places.len());
    let step = (0..6 - places.min(6)).fold(1_i128, |step, _| step * 10);
    format!(
        "<div class=\"sum\"><p>O/E = {} ÷ {} = <b>{}</b> {}</p><p>超出 = （{} − 1） × {} = <b>{}</b> {}</p><p>超出为提示，不是基金损失。<span class=\"en\" lang=\"en\">The excess is indicative and no loss of the funds.</span></p></div>\n",
        html::escape(&observed.0),
        html::escape(&expected.0),
        html::escape(&ratio.0),
        mark(own_ratio == ratio.1),
        html::escape(&shrunken.0),
        html::escape(&expected.0),
        html::escape(&excess.0),
        mark((own_excess - excess.1).abs() <= step),
    )
}

fn sum(rule: &RuleDoc, card: &Card) -> String {
    if ratio_of(rule).is_some() {
        return quotient(&card.told);
    }
    let money = &card.told.finding.money;
    let Some((offending, sql)) = money.vola_amt.map(|amount| amount.rescale(2)).zip(rule.clue.money.as_ref()) else {
        return "<p>本规则不计金额：违规与费用多少无关。<span class=\"en\" lang=\"en\">No amount: the fault does not depend on one.</span></p>\n".to_owned();
    };
    let mut out = format!("<div class=\"sum\"><p>涉及金额 = {}</p>", html::escape(&in_words(rule, &sql.text, None)));
    let values = card.answer.as_ref().map_or(&card.told.finding.values, |answer| &answer.values);
    let known = outline::names(&sql.text).iter().all(|name| name.starts_with("param.") || values.iter().any(|value| value.column == *name));
    let filled = in_words(rule, &sql.text, Some(values));
    if known && filled != words::value(&offending.to_string()) {
        let _ = write!(out, "<p>　　　　 = {} = <b>{}</b> 元</p>", html::escape(&filled), offending);
    } else {
        let _ = write!(out, "<p>　　　　 = <b>{offending}</b> 元</p>");
    }
    out.push_str(&fund(card, offending));
    out.push_str("</div>\n");
    out
}

/// The fund's part, from the bills that the evidence names.
fn fund(card: &Card, offending: Decimal) -> String {
    let money = &card.told.finding.money;
    let of_bill = |bill: &Told, column: &str| {
        let value = bill.finding.values.iter().find(|value| value.column == column);
        value.and_then(|value| Amount::parse(value.value.as_deref()?)).and_then(|amount| amount.scaled(2))
    };
    let added = |column: &str| card.bills.iter().map(|bill| of_bill(bill, column)).sum::<Option<i64>>();
    let status = match money.vola_amt_stas.as_str() {
        "exact" => "精确",
        "estimated" => "估算",
        _ => "不可计算",
    };
    let Some(told) = money.fund_amt.map(|amount| amount.rescale(2)) else {
        let why = if card.bills.is_empty() { "只见处方，未见结算" } else { "结算单缺少所需金额" };
        return format!("<p>基金部分：{status}（{why}）</p>");
    };
    match (added("header.fund_pay_sumamt"), added("header.inscp_scp_amt")) {
        (Some(paid), Some(scope)) if scope > 0 && !card.bills.is_empty() => {
            let share = divide_round(offending.units.max(0) * i128::from(paid.max(0)), i128::from(scope)).min(i128::from(paid.max(0)));
            let agrees = told.units == share;
            let mark =
                if agrees { "<span class=\"ok\">✓ 与线索一致</span>" } else { "<span class=\"bad\">与线索不一致</span>" };
            format!(
                "<p>基金部分 = 涉及金额 × 基金支付 ÷ 范围内金额</p><p>　　　　 = {} × {} ÷ {} = <b>{}</b> 元（{status}） {mark}</p>",
                offending,
                html::yuan(paid),
                html::yuan(scope),
                told
            )
        }
        _ => format!("<p>基金部分 = <b>{told}</b> 元（{status}）</p>"),
    }
}
