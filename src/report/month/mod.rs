//! The page of the demo: what a month came to, department by department, with
//! the evidence of one clue of each kind and the reason of each silence.

mod cards;
mod funnel;
mod groups;
mod ratios;
mod silences;
mod tables;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use groups::Accused;
pub use groups::Family;
pub use groups::Groups;
pub use groups::accused;

use crate::clues::told::Told;
use crate::engine::effects::Counts;
use crate::engine::effects::RuleTally;
use crate::offline::explain::Answer;
use crate::report::html;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Status;
use crate::ruleset::words::Words as _;

/// What was planted for a rule and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Score {
    pub rule: String,
    pub clues: u64,
    pub planted: u64,
    pub found: u64,
    pub missed: u64,
    pub wrong: u64,
}

/// A clue of a family with the engine's own account of it.
#[derive(Debug)]
pub struct Card {
    pub told: Told,
    /// `None` where the clue's case is not among the planted ones.
    pub answer: Option<Answer>,
    /// The settlements that its evidence names.
    pub bills: Vec<Told>,
}

/// Planted cases of one pattern that no clue may be about, and why one of them is quiet.
#[derive(Debug)]
pub struct Silence {
    pub rule: String,
    /// In Chinese and in English.
    pub pattern: (String, String),
    /// Just beside a limit, rather than a look-alike.
    pub near_miss: bool,
    pub planted: u64,
    /// Of them with a clue of the rule all the same.
    pub reported: u64,
    pub answer: Answer,
}

/// A clue that was told and taken back.
#[derive(Debug)]
pub struct Withdrawal {
    /// All words about it, in order.
    pub words: Vec<Told>,
    /// Time of arrival and what arrived of the person.
    pub arrivals: Vec<(String, Told)>,
}

/// Everything that the page shows.
pub struct Month<'a> {
    pub book: &'a RuleBook,
    /// First and last day whose facts may be told of.
    pub days: (String, String),
    pub seed: u64,
    pub counts: &'a Counts,
    pub tallies: &'a BTreeMap<String, RuleTally>,
    /// Effective clues: the last word on each that is not withdrawn.
    pub clues: Vec<Told>,
    pub scores: Vec<Score>,
    /// Planted cases that a rule cannot see, by rule and by the Chinese words of its `not_seen`.
    pub known_misses: BTreeMap<(&'a str, &'a str), u64>,
    pub groups: Groups<'a>,
    pub cards: Vec<Card>,
    pub silences: Vec<Silence>,
    pub withdrawals: Vec<Withdrawal>,
}

impl Month<'_> {
    fn rule(&self, id: &str) -> Option<&RuleDoc> {
        self.book.rule(id)
    }

    /// Clues that go to departments; those of rules on trial do not.
    fn delivered(&self) -> impl Iterator<Item = &Told> {
        self.clues.iter().filter(|told| self.rule(&told.finding.rule.id).is_some_and(|rule| rule.status == Status::Live))
    }
}

const PARTS: &[(&str, &str, &str)] = &[
    ("departments", "各部门收到什么", "What each department gets"),
    ("families", "每类一条线索", "One clue of each kind"),
    ("groups", "同类比较", "Compared with peers"),
    ("silences", "为什么没有报告", "Why not reported"),
    ("withdrawn", "撤回的线索", "Clues taken back"),
    ("unknown", "无法判断", "Unknown"),
    ("scores", "植入与发现", "Planted and found"),
];

/// The page, whole.
pub fn page(month: &Month<'_>) -> String {
    let mut body = head(month);
    let contents: [fn(&Month<'_>) -> String; 7] =
        [tables::departments, cards::families, ratios::groups, silences::silences, tables::withdrawn, tables::unknown, tables::scores];
    for ((id, zh, en), content) in PARTS.iter().zip(contents) {
        let _ = writeln!(body, "<section id=\"{id}\">\n<h2>{}</h2>\n{}</section>", html::both(zh, en), content(month));
    }
    body.push_str(
        "<footer><p>线索是疑点，不是结论；须由人核查后处理。数据全部虚构，人员以假名表示，个人信息字段不在本页显示。</p>\
         <p class=\"en\" lang=\"en\">A clue is a suspicion and no verdict. All data are made up; persons are pseudonyms, and values about a person are not shown here.</p></footer>\n",
    );
    html::page("医保疑点线索演示报告", &body)
}

fn head(month: &Month<'_>) -> String {
    let counts = month.counts;
    let live = || month.scores.iter().filter(|score| month.rule(&score.rule).is_some_and(|rule| rule.status == Status::Live));
    let sum = |number: fn(&Score) -> u64| live().map(number).sum::<u64>();
    let figures = [
        ("读入消息", "messages", counts.n_in),
        ("费用明细", "fee lines", counts.lines),
        ("有效线索", "clues", month.delivered().count() as u64),
        ("植入问题", "planted", sum(|score| score.planted)),
        ("发现", "found", sum(|score| score.found)),
        (
            "已知漏报",
            "known misses",
            month.known_misses.iter().filter(|((id, _), _)| live().any(|score| score.rule == *id)).map(|(_, times)| times).sum(),
        ),
        ("误报", "false", sum(|score| score.wrong)),
    ];
    let mut out = format!(
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{} 至 {} · 虚构城市，种子 {} · {} 条规则</p>\n<p class=\"en\" lang=\"en\">One live month of a made-up city after twelve months of history, through the engine that <code>claimsift run</code> uses.</p>\n<div class=\"figures\">",
        html::both("医保疑点线索演示报告", "Demo report of suspected clues"),
        html::escape(&month.days.0),
        html::escape(&month.days.1),
        month.seed,
        month.scores.len(),
    );
    for (zh, en, figure) in figures {
        let _ = write!(out, "<div><b>{}</b>{}</div>", html::count(figure), html::both(zh, en));
    }
    out.push_str("</div>\n<nav>");
    for (id, zh, _) in PARTS {
        let _ = write!(out, "<a href=\"#{id}\">{zh}</a>");
    }
    out.push_str("</nav>\n</header>\n");
    out
}

/// The chip of a grade.
fn grade(result: &str) -> String {
    let zh = Grade::from_word(result).map_or_else(|| result.to_owned(), |grade| grade.zh().to_owned());
    let class = if result == Grade::Clear.name() { "clear" } else { "suspected" };
    format!("<span class=\"chip {class}\">{}</span>", html::escape(&zh))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::snapshot::Snapshot;
    use crate::window::calendar;

    /// A clue whose every text is hostile.
    fn hostile() -> Told {
        let bad = "</p><script>alert(1)</script><img src='x' onerror=\\\"x\\\">&";
        let text = format!("{{\"zh\":\"{bad}\",\"en\":\"{bad}\"}}");
        let finding = format!(
            "{{\"clue_id\":\"a\",\"rule\":{{\"id\":\"{bad}\",\"version\":1,\"title\":{text}}},\"result\":\"{bad}\",\"problem_type\":\"{bad}\",\"scene\":\"{bad}\",\"copy_to\":[\"{bad}\"],\"area\":null,\"observed\":\"{bad}\",\"limit\":\"{bad}\",\"unit\":{text},\"params\":{{\"{bad}\":\"{bad}\"}},\
             \"lead\":\"{bad}\",\"subject\":{{\"fixmedins_name\":\"{bad}\",\"person\":\"x\"}},\"event_time\":\"{bad}\",\"fact_time\":\"{bad}\",\
             \"vola_cont\":{text},\"values\":[],\"exemptions\":[],\"money\":{{\"vola_amt\":1.00,\"vola_amt_stas\":\"{bad}\"}},\
             \"evidence\":[{{\"time\":\"{bad}\",\"event\":\"{bad}\",\"id\":\"{bad}\",\"line\":\"{bad}\",\"rx_no\":\"{bad}\",\"code\":\"{bad}\",\
             \"name\":\"{bad}\",\"spec\":\"{bad}\",\"vola_item_type\":1,\"cnt\":1}}],\
             \"basis\":[{{\"text\":\"{bad}\",\"article\":\"{bad}\",\"issuer\":\"{bad}\",\"area\":\"\",\"valid_from\":\"{bad}\",\"valid_to\":\"{bad}\",\"verified\":true}}],\
             \"why\":{text},\"innocent_when\":[{text}],\"group_key\":\"g\"}}"
        );
        let clue = format!(
            "{{\"finding\":{finding},\"provenance\":{{\"revision\":1,\"status\":\"{bad}\",\"rule_status\":\"{bad}\",\"reason\":{text}}}}}"
        );
        Told::read(clue.as_bytes()).unwrap_or_else(|| panic!("{clue}"))
    }

    #[test]
    fn what_clues_say_is_text() {
        let references = Snapshot::load(&[]).unwrap();
        let month = Month {
            book: &RuleBook::default(),
            days: ("2026-03-01".to_owned(), "2026-03-31".to_owned()),
            seed: 1,
            counts: &Counts::default(),
            tallies: &BTreeMap::new(),
            clues: vec![hostile()],
            scores: Vec::new(),
            known_misses: BTreeMap::from([(("<b>", "<u>"), 1)]),
            groups: Groups { references: &references, live: calendar::Month::new(2026, 3), looked: Vec::new(), truths: &[] },
            cards: vec![Card { told: hostile(), answer: None, bills: Vec::new() }],
            silences: Vec::new(),
            withdrawals: vec![Withdrawal { words: vec![hostile()], arrivals: vec![("<u>".to_owned(), hostile())] }],
        };
        let page = page(&month);
        for mark in ["<script", "<img", "onerror=\"", "<b><", "<i>", "<u>", "</p><script"] {
            assert!(!page.contains(mark), "{mark}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }
}
