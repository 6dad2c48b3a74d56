//! Tables of the demo's page: departments, withdrawn clues, unknowns, scores.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::decimal::Decimal;
use crate::clues::told::Told;
use crate::clues::totals::Totals;
use crate::clues::totals::is_settlement;
use crate::report::catalogue::department;
use crate::report::html;
use crate::report::html::Table;
use crate::report::month::Month;
use crate::report::month::Withdrawal;
use crate::report::month::grade;
use crate::report::words;
use crate::ruleset::words::Status;

/// Groups that the page lists; the others are counted.
const GROUPS_MAX: usize = 15;

pub(super) fn departments(month: &Month<'_>) -> String {
    let mut by_lead: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
    for told in month.delivered() {
        by_lead.entry(&told.finding.lead).or_default().push(told);
        for copy in &told.finding.copy_to {
            *copies.entry(copy).or_default() += 1;
        }
    }
    let mut table = Table::new()
        .text("部门", "department")
        .number("线索组", "groups")
        .number("线索", "clues")
        .number("明确违规", "clear")
        .number("可疑", "suspected")
        .number("机构", "institutions")
        .number("涉及金额（元）", "offending")
        .number("其中基金（元）", "the fund's part")
        .number("未见结算（元）", "no bill known")
        .number("抄送", "copies");
    let receivers: BTreeSet<&str> = by_lead.keys().chain(copies.keys()).copied().collect();
    for receiver in receivers {
        let clues = by_lead.get(receiver).map(Vec::as_slice).unwrap_or_default();
        let mut cells = vec![html::both(&department(month.book, receiver).zh, receiver)];
        cells.extend(figures(clues));
        cells.push(html::count(copies.get(receiver).copied().unwrap_or_default()));
        table.row(cells);
    }
    let all: Vec<&Told> = month.delivered().collect();
    let mut cells = vec![html::both("合计", "all")];
    cells.extend(figures(&all));
    cells.push(html::count(copies.values().sum()));
    table.total(cells);
    let trial = month.clues.len() - all.len();
    format!(
        "{}<p class=\"lead\">同一结算明细行无论触发几条规则，在任何合计中只计一次；基金部分按结算单的基金支付占范围内金额的比例计算。只见处方、未见结算的金额单列，不是基金损失。试运行规则另有 {trial} 条线索，不发部门。</p>\
         <p class=\"en\" lang=\"en\">A settlement line is counted once in any total, whatever number of rules hit it. Prescribed amounts without a bill stand apart: no fund paid them. Rules on trial have {trial} clues more, which go to no department.</p>\n{}",
        table.html(),
        groups(month, &all)
    )
}

fn figures(clues: &[&Told]) -> Vec<String> {
    let groups: BTreeSet<&str> = clues.iter().map(|told| told.finding.group_key.as_str()).collect();
    let institutions: BTreeSet<&str> = clues.iter().filter_map(|told| told.finding.subject.fixmedins_code.as_deref()).collect();
    let clear = clues.iter().filter(|told| told.finding.result == "clear").count() as u64;
    let (offending, fund) = sums(clues);
    let counts = [groups.len() as u64, clues.len() as u64, clear, clues.len() as u64 - clear, institutions.len() as u64];
    let money = [offending, fund, unbilled(clues)];
    counts.into_iter().map(html::count).chain(money.into_iter().map(html::yuan)).collect()
}

fn fen(amount: Decimal) -> i64 {
    i64::try_from(amount.rescale(2).units).unwrap_or(i64::MAX)
}

/// The offending amount and the funds' part of it, each settlement line once.
fn sums(clues: &[&Told]) -> (i64, i64) {
    let mut totals = Totals::default();
    clues.iter().for_each(|told| totals.add(&told.finding));
    let (offending, fund) = totals.sums();
    (fen(offending), fen(fund))
}

/// What was prescribed and of which no bill is known, each line once.
fn unbilled(clues: &[&Told]) -> i64 {
    let mut lines: BTreeMap<(&str, Option<&str>), i64> = BTreeMap::new();
    for told in clues.iter().filter(|told| !told.finding.evidence.iter().any(is_settlement)) {
        for item in &told.finding.evidence {
            let amount = lines.entry((&item.id, item.line.as_deref())).or_default();
            *amount = item.vola_amt.map_or(0, fen).max(*amount);
        }
    }
    lines.values().sum()
}

/// Groups first, as inspectors read them: rule, institution and month.
fn groups(month: &Month<'_>, clues: &[&Told]) -> String {
    let mut by_key: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for told in clues {
        by_key.entry(&told.finding.group_key).or_default().push(told);
    }
    let mut listed: Vec<(i64, Vec<&Told>)> = by_key.into_values().map(|clues| (sums(&clues).1, clues)).collect();
    listed.sort_by(|(fund, clues), (other_fund, others)| (other_fund, others.len()).cmp(&(fund, clues.len())));
    let mut table = Table::new()
        .text("机构", "institution")
        .text("规则", "rule")
        .text("主办", "lead")
        .text("月份", "month")
        .number("线索", "clues")
        .number("人数", "persons")
        .number("涉及金额（元）", "offending")
        .number("其中基金（元）", "fund");
    let more = listed.len().saturating_sub(GROUPS_MAX);
    for (_, clues) in listed.into_iter().take(GROUPS_MAX) {
        let Some(first) = clues.first().map(|told| &told.finding) else { continue };
        let persons: BTreeSet<&str> = clues.iter().filter_map(|told| told.finding.subject.person.as_deref()).collect();
        let (offending, fund) = sums(&clues);
        let code = first.subject.fixmedins_code.as_deref().unwrap_or_default();
        table.row(vec![
            html::escape(first.subject.fixmedins_name.as_deref().unwrap_or(code)),
            html::rule(&first.rule.title.zh, &first.rule.id),
            html::escape(&department(month.book, &first.lead).zh),
            format!("<span class=\"nb\">{}</span>", html::escape(first.fact_time.get(..7).unwrap_or_default())),
            html::count(clues.len() as u64),
            html::count(persons.len() as u64),
            html::yuan(offending),
            html::yuan(fund),
        ]);
    }
    format!(
        "<h4>{}</h4>\n{}<p class=\"lead\">按基金部分由大到小；另有 {more} 组。<span class=\"en\" lang=\"en\">By the fund's part; {more} groups more.</span></p>\n",
        html::both("线索组（规则、机构、月份）", "groups: rule, institution, month"),
        table.html()
    )
}

pub(super) fn withdrawn(month: &Month<'_>) -> String {
    if month.withdrawals.is_empty() {
        return "<p>本月没有撤回的线索。<span class=\"en\" lang=\"en\">None this month.</span></p>\n".to_owned();
    }
    let intro = "<p class=\"lead\">晚到的数据若能解释疑点，线索即撤回，历次说法都保留。<span class=\"en\" lang=\"en\">What arrives late and explains a finding takes its clue back; every word about it is kept.</span></p>\n";
    intro.to_owned() + &month.withdrawals.iter().map(withdrawal).collect::<String>()
}

fn withdrawal(withdrawal: &Withdrawal) -> String {
    let Some(first) = withdrawal.words.first().map(|told| &told.finding) else { return String::new() };
    let mut words = Table::new()
        .number("修订", "revision")
        .text("状态", "status")
        .text("等级", "grade")
        .number("涉及金额（元）", "offending")
        .text("原因", "reason");
    for told in &withdrawal.words {
        let status = match told.provenance.status.as_str() {
            "NEW" => "新增",
            "UPDATED" => "更新",
            "RETRACTED" => "撤回",
            other => other,
        };
        words.row(vec![
            told.provenance.revision.to_string(),
            html::both(status, &told.provenance.status),
            grade(&told.finding.result),
            told.finding.money.vola_amt.map_or_else(|| "—".to_owned(), |amount| html::yuan(fen(amount))),
            told.provenance.reason.as_ref().map(|reason| html::both(&reason.zh, &reason.en)).unwrap_or_default(),
        ]);
    }
    let mut arrivals = Table::new().text("到达", "arrived").text("发生", "happened").text("事件", "event").text("机构", "institution");
    for (arrival, told) in &withdrawal.arrivals {
        let finding = &told.finding;
        let event = finding.evidence.first();
        let name = event.map_or_else(String::new, |event| format!("{} {}", words::code(&event.event), event.id));
        arrivals.row(vec![
            html::escape(arrival),
            html::escape(&finding.fact_time),
            html::escape(&name),
            html::escape(finding.subject.fixmedins_name.as_deref().unwrap_or_default()),
        ]);
    }
    format!(
        "<article class=\"card quiet\"><h3>{} <span class=\"chip good\">已撤回</span></h3>\n<p class=\"summary\">{}</p>\n<p class=\"en\" lang=\"en\">{}</p>\n<h4>{}</h4>{}<h4>{}</h4>{}</article>\n",
        html::both(&first.rule.title.zh, &first.rule.title.en),
        html::escape(&first.vola_cont.zh),
        html::escape(&first.vola_cont.en),
        html::both("历次说法", "every word about it"),
        words.html(),
        html::both("该参保人的数据按到达先后", "what arrived of this person, in order"),
        arrivals.html()
    )
}

pub(super) fn unknown(month: &Month<'_>) -> String {
    let mut table = Table::new().text("规则", "rule").text("原因", "reason").number("次数", "times").number("占评估", "share");
    let mut listed = Vec::new();
    for score in &month.scores {
        let (Some(rule), Some(tally)) = (month.rule(&score.rule), month.tallies.get(&score.rule)) else { continue };
        listed.extend(tally.unknown.iter().map(|(reason, times)| (*times, rule, reason, tally.evaluated)));
    }
    // Stable: rules and reasons of equal number stay in their order.
    listed.sort_by_key(|(times, ..)| std::cmp::Reverse(*times));
    let all = listed.iter().map(|(times, ..)| times).sum();
    for (times, rule, reason, evaluated) in listed {
        let said = words::reason(month.book, Some(rule), reason);
        let share = if evaluated == 0 { String::new() } else { per_cent(times, evaluated) };
        table.row(vec![html::rule(&rule.title.zh, &rule.id), html::both(&said.zh, &said.en), html::count(times), share]);
    }
    let intro = "<p class=\"lead\">数据说不清的不提示，只计数，按次数由多到少。补齐这些数据，规则才能判断。<span class=\"en\" lang=\"en\">What the data do not say is counted and never told, most first: these are the data to mend.</span></p>\n";
    table.total(vec![html::both("合计", "all"), String::new(), html::count(all), String::new()]);
    intro.to_owned() + &table.html()
}

fn per_cent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole.max(1));
    if tenths == 0 && part > 0 { "< 0.1 %".to_owned() } else { format!("{}.{} %", tenths / 10, tenths % 10) }
}

/// Places among the numbers of a score.
const MISSED: usize = 3;
const WRONG: usize = 4;

pub(super) fn scores(month: &Month<'_>) -> String {
    let mut table = Table::new()
        .text("规则", "rule")
        .text("状态", "status")
        .number("评估", "evaluated")
        .number("线索", "clues")
        .number("植入", "planted")
        .number("发现", "found")
        .number("漏报", "missed")
        .number("误报", "false")
        .number("撤回", "withdrawn");
    // Of live rules, and of those on trial.
    let mut sums = [[0_u64; 6]; 2];
    for score in &month.scores {
        let Some(rule) = month.rule(&score.rule) else { continue };
        let tally = month.tallies.get(&score.rule);
        let retracted = tally.map_or(0, |tally| tally.retracted);
        let numbers = [score.clues, score.planted, score.found, score.missed, score.wrong, retracted];
        let trial = usize::from(rule.status != Status::Live);
        sums[trial].iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        let known: u64 = month.known_misses.iter().filter(|((id, _), _)| *id == score.rule).map(|(_, times)| times).sum();
        let chip = if rule.status == Status::Live { "good" } else { "plain" };
        let mut cells = vec![
            html::rule(&rule.title.zh, &rule.id),
            format!("<span class=\"chip {chip}\">{}</span>", rule.status.zh()),
            html::count(tally.map_or(0, |tally| tally.evaluated)),
        ];
        cells.extend(numbers.iter().enumerate().map(|(place, number)| {
            // Rules on trial tell more than was planted: it is to be read, not false.
            let allowed = if place == MISSED { known } else { 0 };
            let bad = *number > allowed && rule.status == Status::Live && (place == MISSED || place == WRONG);
            if bad { format!("<span class=\"bad\">{}</span>", html::count(*number)) } else { html::count(*number) }
        }));
        table.row(cells);
    }
    for (name, sums) in [html::both("启用规则合计", "live rules"), html::both("试运行规则合计", "rules on trial")].into_iter().zip(sums)
    {
        let mut cells = vec![name, String::new(), String::new()];
        cells.extend(sums.into_iter().map(html::count));
        table.total(cells);
    }
    let mut out = "<p class=\"lead\">漏报中数据不足以看出的是已知漏报，原因见下表；此外的漏报和误报以红色标出。试运行规则对日常诊疗也有提示，“误报”一栏是植入之外的线索，供研读，不发部门，不计入页首的误报。<span class=\"en\" lang=\"en\">What the data cannot show is a known miss, with its reason below; any other miss or false clue stands in red. Rules on trial speak of ordinary care too: what they tell beyond the planted cases is to be read, goes to no department and is not counted as false above.</span></p>\n".to_owned();
    out.push_str(&table.html());
    out.push_str(&misses(month));
    out
}

/// What each rule cannot see, as its file says, with the planted cases that show it.
fn misses(month: &Month<'_>) -> String {
    let mut rules: BTreeMap<&str, Vec<(&str, &str, u64)>> = BTreeMap::new();
    for rule in &month.book.rules {
        let told = rule.not_seen.iter().map(|text| (text.zh.as_str(), text.en.as_str(), 0));
        rules.insert(&rule.id, told.collect());
    }
    for ((id, reason), times) in &month.known_misses {
        let told = rules.entry(id).or_default();
        match told.iter_mut().find(|(zh, _, _)| zh == reason) {
            Some((_, _, planted)) => *planted += times,
            None => told.push((reason, "", *times)),
        }
    }
    rules.retain(|_, told| !told.is_empty());
    if rules.is_empty() {
        return String::new();
    }
    let mut table = Table::new().class("misses").text("规则", "rule").text("看不到的情形", "what it cannot see");
    for (id, told) in rules {
        let line = |(zh, en, planted): &(&str, &str, u64)| {
            let mark = if *planted > 0 { format!("<span class=\"chip plain\">{}</span> ", html::count(*planted)) } else { String::new() };
            format!("<p>{mark}{}</p>", html::both(zh, en))
        };
        table.row(vec![html::rule(month.rule(id).map_or(id, |rule| &rule.title.zh), id), told.iter().map(line).collect()]);
    }
    format!(
        "<h4>{}</h4>\n<p class=\"lead\">规则文件列明的、数据不足以看出的违规；数字为本月植入的例数，均未报告。<span class=\"en\" lang=\"en\">What the rules' files say that the data cannot show; the numbers count the planted cases of this month, none of them told.</span></p>\n{}",
        html::both("已知漏报及原因", "known misses and why"),
        table.html()
    )
}
