//! Why nothing was reported: each planted innocent with what stopped the rule,
//! in the words that the engine gave when it was asked.

use std::collections::BTreeMap;

use crate::clues::told::Told;
use crate::offline::explain::Answer;
use crate::report::html;
use crate::report::html::Table;
use crate::report::month::Month;
use crate::report::month::Silence;
use crate::report::month::cards;
use crate::report::words;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::Expect;

/// A condition of more characters that stops several cases is told once, above them.
const SHORT_CHARS: usize = 30;

pub(super) fn silences(month: &Month<'_>) -> String {
    let mut by_rule: BTreeMap<&str, Vec<&Silence>> = BTreeMap::new();
    for silence in &month.silences {
        by_rule.entry(&silence.rule).or_default().push(silence);
    }
    let mut out = "<p class=\"lead\">演示数据中故意放入了看似违规、其实正当的情形。每种取一例重新询问引擎：是哪一个条件、豁免或历史事实挡住了线索。<span class=\"en\" lang=\"en\">Innocent look-alikes were planted on purpose. The engine was asked again about one of each: which condition, exemption or earlier fact kept the rule silent.</span></p>\n".to_owned();
    let named = |id: &&str| month.rule(id).map(|rule| (rule.id.as_str(), rule.title.zh.as_str()));
    let link = |(id, title): (&str, &str)| format!("<a href=\"#why-{}\">{}</a>", html::escape(id), html::escape(title));
    out.push_str(&format!("<nav>{}</nav>\n", by_rule.keys().filter_map(named).map(link).collect::<String>()));
    for (id, silences) in by_rule {
        let Some(rule) = month.rule(id) else { continue };
        let numbered = numbered(rule, &silences);
        let mut table =
            Table::new().text("情形", "case").number("植入", "planted").number("报告", "told").text("挡住线索的是", "what stopped it");
        for silence in silences {
            let (zh, en) = &silence.pattern;
            let kind = if silence.near_miss { " <span class=\"chip plain\">临界</span>" } else { "" };
            let told = if silence.reported == 0 { "0".to_owned() } else { format!("<span class=\"bad\">{}</span>", silence.reported) };
            table.row(vec![
                format!("{}{kind}", html::both(&zh, &en)),
                html::count(silence.planted),
                told,
                why(month, rule, &numbered, &silence.answer),
            ]);
        }
        out.push_str(&format!(
            "<h3 id=\"why-{id}\">{} <code>{id}</code></h3>\n{}{}",
            html::both(&rule.title.zh, &rule.title.en),
            numbered.iter().enumerate().map(|(place, condition)| told_once(rule, place, condition)).collect::<String>(),
            table.html(),
            id = html::escape(id),
        ));
    }
    out
}

/// The long conditions that stop more than one case, by which the cases name them.
fn numbered<'a>(rule: &RuleDoc, silences: &[&'a Silence]) -> Vec<&'a str> {
    let stops = |silence: &&'a Silence| {
        let answer = &silence.answer;
        answer.parts.iter().filter(|part| part.stops() && !part.excuses).map(|part| part.label.zh.as_str())
    };
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    silences.iter().flat_map(stops).for_each(|condition| *times.entry(condition).or_default() += 1);
    let is_long = |condition: &str| cards::in_words(rule, condition, None).chars().count() > SHORT_CHARS;
    times.into_iter().filter(|(condition, times)| *times > 1 && is_long(condition)).map(|(condition, _)| condition).collect()
}

fn told_once(rule: &RuleDoc, place: usize, condition: &str) -> String {
    let said = cards::in_words(rule, condition, None);
    format!("<p class=\"told\"><b>{}</b> {}</p>\n", number_of(place), html::escape(&said))
}

fn number_of(place: usize) -> String {
    format!("条件 {}", place + 1)
}

fn why(month: &Month<'_>, rule: &RuleDoc, numbered: &[&str], answer: &Answer) -> String {
    let mut reasons: Vec<String> = Vec::new();
    if answer.said == Expect::Clue {
        reasons.push("<span class=\"bad\">有线索</span>".to_owned());
    }
    for reason in &answer.unknown {
        let said = words::reason(month.book, Some(rule), reason);
        reasons.push(format!("<span class=\"chip suspected\">无法判断</span> {}", html::both(&said.zh, &said.en)));
    }
    match &rule.evaluate {
        EvaluateDoc::Row { .. } => parts(rule, numbered, answer, &mut reasons),
        EvaluateDoc::EarlierContact(_) => contact(answer, &mut reasons),
        EvaluateDoc::OverlappingSupply(_) => overlap(rule, answer, &mut reasons),
        // Groups have no single case that could be asked about.
        EvaluateDoc::Ratio(_) => {}
    }
    if reasons.is_empty() {
        reasons.push("该规则没有可判断的记录 <span class=\"en\" lang=\"en\">nothing of it is judged by this rule</span>".to_owned());
    }
    reasons.into_iter().map(|reason| format!("<p>{reason}</p>")).collect()
}

fn parts(rule: &RuleDoc, numbered: &[&str], answer: &Answer, reasons: &mut Vec<String>) {
    let stops = || answer.parts.iter().filter(|part| part.stops());
    for part in stops().filter(|part| part.excuses) {
        reasons.push(format!("<span class=\"chip good\">豁免成立</span> {}", html::both(&part.label.zh, &part.label.en)));
    }
    for part in stops().filter(|part| !part.excuses) {
        let condition = &part.label.zh;
        let (what, break_) = match numbered.iter().position(|known| known == condition) {
            Some(place) => (format!("<b>{}</b>", number_of(place)), ""),
            None => (html::escape(&cards::in_words(rule, condition, None)), "<br>"),
        };
        reasons.push(format!(
            "<span class=\"chip good\">条件不成立</span> {what}{break_} <span class=\"lead\">实际：{}</span>",
            html::escape(&cards::values_of(condition, &answer.values))
        ));
    }
    if stops().next().is_none() && answer.said == Expect::Unknown {
        for part in answer.parts.iter().filter(|part| part.holds.is_none()) {
            let what = if part.excuses { part.label.zh.clone() } else { cards::in_words(rule, &part.label.zh, None) };
            reasons.push(format!("<span class=\"chip suspected\">数据不足</span> {}", html::escape(&what)));
        }
    }
    if let Some(limit) = answer.limit.as_deref() {
        let unit = rule.clue.unit.as_ref().map(|unit| unit.zh.as_str()).unwrap_or_default();
        let told = format!("<span class=\"lead\">；本例限值 {} {}</span>", html::escape(&words::value(limit)), html::escape(unit));
        if let Some(last) = reasons.last_mut() {
            last.push_str(&told);
        }
    }
}

fn contact(answer: &Answer, reasons: &mut Vec<String>) {
    if answer.said != Expect::Quiet {
        return;
    }
    if answer.judged == 0 {
        reasons.insert(0, "<span class=\"chip good\">上线日之前</span> 只积累历史，不提示 <span class=\"en\" lang=\"en\">before go-live: history only</span>".to_owned());
        return;
    }
    let labels: Vec<String> = answer.settings.iter().map(|label| html::both(&label.zh, first_words(&label.en))).collect();
    if !labels.is_empty() {
        reasons.push(format!("<span class=\"chip good\">已知此前线下就诊</span> 同病判定：{}", labels.join("、")));
    }
    for told in &answer.events {
        let finding = &told.finding;
        let event = finding.evidence.first();
        let name = event.map_or_else(String::new, |event| format!("{} {}", words::code(&event.event), event.id));
        reasons.push(format!(
            "<span class=\"lead\">{}，{}，{}</span>",
            html::escape(&finding.fact_time),
            html::escape(finding.subject.fixmedins_name.as_deref().unwrap_or_default()),
            html::escape(&name)
        ));
    }
}

fn overlap(rule: &RuleDoc, answer: &Answer, reasons: &mut Vec<String>) {
    if answer.said == Expect::Clue {
        return;
    }
    for label in &answer.settings {
        reasons.push(format!("<span class=\"chip good\">未达到</span> {}", html::both(&label.zh, first_words(&label.en))));
    }
    for part in answer.parts.iter().filter(|part| part.stops()) {
        if part.excuses {
            reasons.push(format!("<span class=\"chip good\">豁免成立</span> {}", html::both(&part.label.zh, &part.label.en)));
        } else {
            reasons.push(format!(
                "<span class=\"chip good\">条件不成立</span> {}",
                html::escape(&cards::in_words(rule, &part.label.zh, None))
            ));
        }
    }
    if answer.settings.is_empty() && answer.unknown.is_empty() && !answer.parts.iter().any(crate::offline::explain::Part::stops) {
        reasons.push(
            "<span class=\"chip good\">不相互比较</span> 放宽任一限值也没有线索：与前次供给的剂型、剂量、品种或来源不同，或同属一次就诊、一日所开，或并无重叠 <span class=\"en\" lang=\"en\">no limit loosened brings a clue: another form, dose, kind or source than the earlier supply, or both of one visit or day, or no overlap</span>"
                .to_owned(),
        );
    }
    if let Some(last) = reasons.last_mut() {
        last.push_str(&compared(&answer.supplies));
    }
}

/// What a label says before it goes into detail.
fn first_words(label: &str) -> &str {
    label.split(';').next().unwrap_or(label)
}

/// The supplies side by side, so that a reader sees what differs.
fn compared(supplies: &[Told]) -> String {
    let mut out = String::new();
    for told in supplies {
        let values = &told.finding.values;
        let say = |name: &str| cards::shown(values, name);
        let discharge = if say("supply.dscg_tkdrug_flag") == "1" { "，出院带药" } else { "" };
        let dispensed = if say("supply.dispensed") == "否" { "，未配发" } else { "" };
        let days = if say("supply.days_declared") == "空" { say("supply.days_computed") } else { say("supply.days_declared") };
        let line = format!(
            "{}，{}，{}（{}），数量 {}，{} 天{discharge}{dispensed}",
            told.finding.fact_time,
            say("supply.fixmedins_code"),
            say("supply.drug_name"),
            say("supply.form_group"),
            say("supply.quantity"),
            days
        );
        out.push_str(&format!("<br><span class=\"lead\">{}</span>", html::escape(&line)));
    }
    out
}
