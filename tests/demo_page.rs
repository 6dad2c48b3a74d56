//! The demo's page: whole, self-contained, and nothing in it that a page may
//! not show.

#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeSet;

use claimsift::commands::demo;
use claimsift::engine::effects::Looked;
use claimsift::evaluators::ratio::Outcome;
use claimsift::report::catalogue::department;
use claimsift::ruleset::doc::EvaluateDoc;
use claimsift::ruleset::words::Compare;
use claimsift::stats::shrinkage::Decision;
use claimsift::synth;
use claimsift::synth::GroupTruth;
use claimsift::synth::Truth;
use claimsift::synth::TruthKind;
use claimsift::window::calendar::SpanKind;
use feed::World;

const EVENTS: u64 = 9_000;
const SEED: u64 = 5;
/// Enough stays in the live month for groups to be planted and judged.
const EVENTS_WITH_GROUPS: u64 = 112_000;

/// The page, the planted cases, and numbers of persons in the feed.
fn made() -> (World, String, Vec<Truth>, BTreeSet<String>) {
    let world = World::read();
    let settings = demo::sized(EVENTS, SEED);
    let page = demo::page_of(&world.loaded, &settings, &world.city).unwrap_or_else(|failure| panic!("{failure:?}")).page;
    let (feed, truths) = world.feed(&settings);
    let persons = feed.into_iter().map(|message| message.person).collect();
    (world, page, truths, persons)
}

/// Texts of the page without its tags.
fn text_of(page: &str) -> String {
    let mut out = String::new();
    for piece in page.split('<').skip(1) {
        out.push_str(piece.split_once('>').map_or("", |(_, text)| text));
    }
    out
}

fn last_chars(text: &str, count: usize) -> &str {
    text.char_indices().rev().nth(count).map_or(text, |(at, _)| &text[at..])
}

#[test]
fn the_page_tells_everything_and_nothing_that_it_may_not() {
    let (world, page, truths, persons) = made();
    let text = text_of(&page);

    let departments: BTreeSet<_> =
        world.loaded.rules.rules.iter().filter(|rule| !rule.shadow).map(|rule| rule.doc.department.lead.clone()).collect();
    for department_id in departments {
        assert!(text.contains(&department(&world.loaded.book, &department_id).zh), "{department_id} gets something and is not named");
    }
    for rule in &world.loaded.rules.rules {
        assert!(page.contains(&rule.doc.title.zh.replace('<', "&lt;")), "{} is not named", rule.doc.id);
    }
    for truth in truths.iter().filter(|truth| matches!(truth.kind, TruthKind::Innocent | TruthKind::NearMiss) && !truth.rule.is_empty()) {
        let (zh, en) = (truth.title, truth.pattern.replace('_', " "));
        assert!(text.contains(zh) && text.contains(&en), "{} is not explained", truth.pattern);
    }
    assert!(!page.contains("<span class=\"bad\">"), "an innocent is told, or a planted case beyond the known misses is lost");
    let reasonless: Vec<&str> = text.match_indices("没有可判断的记录").map(|(at, _)| last_chars(&text[..at], 120)).collect();
    assert!(reasonless.is_empty(), "quiet cases have no reason: {reasonless:#?}");
    assert!(!text.contains("与线索不一致"), "a sum by hand differs from its clue");
    assert!(text.contains("已撤回"), "the withdrawn clue has its history");

    for outside in ["http:", "https:", "//", "<script", "<link", "<img", "<iframe", "url(", "@import", "src="] {
        assert!(!page.contains(outside), "the page asks for something outside: {outside}");
    }
    let shown: Vec<&String> = persons.iter().filter(|person| page.contains(person.as_str())).collect();
    assert!(persons.len() > 1_000 && shown.is_empty(), "numbers of persons on the page: {shown:?}");
    assert_eq!(page.matches("<table").count(), page.matches("</table>").count());
    assert_eq!(page.matches("<p>").count() + page.matches("<p ").count(), page.matches("</p>").count());
}

/// What stands between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} is not on the page"));
    rest.split_once(to).map_or(rest, |(inside, _)| inside)
}

/// Cells of the rows of the first table after a heading.
fn table(card: &str, heading: &str) -> Vec<Vec<String>> {
    let rows = between(between(card, heading, "</table>"), "<tbody>", "</tbody>").split("</tr>").filter(|row| row.contains("<td"));
    let cells = |row: &str| row.split("</td>").filter(|cell| cell.contains("<td")).map(|cell| text_of(cell).trim().to_owned()).collect();
    rows.map(cells).collect()
}

#[test]
fn cards_of_groups_agree_with_what_was_looked_at() {
    let world = World::read();
    let settings = demo::sized(EVENTS_WITH_GROUPS, 1);
    let shown = demo::page_of(&world.loaded, &settings, &world.city).unwrap_or_else(|failure| panic!("{failure:?}"));
    let truths = synth::group_truths(&settings, &world.city);
    assert!(!truths.is_empty(), "the feed is too small for planted groups");
    for (family, compare) in [("observed over expected", Compare::Expected), ("above the ceiling</span></h3>", Compare::OverCeiling)] {
        let card = between(&shown.page, family, "</article>");
        let live = |looked: &&Looked| looked.span.kind() == SpanKind::Month && looked.span.last().to_string() == "2026-07";
        let indicator = |looked: &Looked| match &world.loaded.book.rule(&looked.rule)?.evaluate {
            EvaluateDoc::Ratio(ratio) if ratio.compare == compare => Some(ratio.indicator.clone()),
            _ => None,
        };
        let looked: Vec<(&Looked, String)> =
            shown.looked.iter().filter(live).filter_map(|looked| Some((looked, indicator(looked)?))).collect();
        let honest =
            |looked: &Looked, indicator: &str| !truths.iter().any(|truth: &GroupTruth| truth.explains(&looked.institution, indicator));
        let rows = table(card, "谁会被指认");
        assert_eq!(rows.len(), 3);
        for (row, kind) in rows.iter().zip(claimsift::reference::baseline_tables::UNIT_KIND_WORDS) {
            let mut numbers = [0_u64; 6];
            for (looked, indicator) in looked.iter().filter(|(looked, _)| looked.unit_kind == kind.1) {
                let honest = honest(looked, indicator);
                let Outcome::Judged(ratio) = &looked.outcome else {
                    numbers[5] += 1;
                    continue;
                };
                let (plain, told) = (ratio.raw.unwrap_or(ratio.ratio) > 1.5, ratio.tier == Decision::Alert);
                let counts = [true, plain, plain && honest, told, told && honest];
                numbers.iter_mut().zip(counts).for_each(|(number, counts)| *number += u64::from(counts));
            }
            let on_page: Vec<u64> = row[1..].iter().map(|cell| cell.replace(',', "").parse().unwrap()).collect();
            assert_eq!(on_page, numbers, "{family}: {}", row[0]);
            assert_eq!(numbers[4], 0, "{family}: clues about honest units, {}", row[0]);
        }
        let figures: Vec<&str> =
            between(card, "class=\"summary\"", "</p>").split("<b>").skip(1).map(|text| between(text, "", "<")).collect();
        assert_eq!(figures.last(), Some(&"0"), "{family}: honest institutions accused here");

        let rule = between(between(card, "<h4>", "</h4>"), "<code>", "</code>");
        let of_rule = || looked.iter().map(|(looked, _)| looked).filter(|looked| looked.rule == rule && looked.unit == looked.institution);
        let judged = |looked: &&&Looked| matches!(&looked.outcome, Outcome::Judged(_));
        let told = |looked: &&&Looked| matches!(&looked.outcome, Outcome::Judged(ratio) if ratio.tier == Decision::Alert);
        let plot = between(card, "<svg", "</svg>");
        assert_eq!(plot.matches("<title>").count(), of_rule().filter(judged).count(), "{rule}: institutions in the plot");
        assert_eq!(plot.matches("<rect class=\"alert\"").count(), of_rule().filter(told).count(), "{rule}: institutions told of");
        assert!(plot.contains("class=\"limit\"") && plot.contains("class=\"plain\""));
        let listed = table(card, "有线索和有植入的对象");
        let told_of = |looked: &&&&Looked| matches!(&looked.outcome, Outcome::Judged(ratio) if ratio.tier == Decision::Alert);
        let all_told = looked.iter().map(|(looked, _)| looked).filter(|looked| looked.rule == rule);
        assert_eq!(listed.iter().filter(|row| row[10].starts_with("有线索")).count(), all_told.filter(|looked| told_of(&looked)).count());
    }
    assert!(table(&shown.page, "植入的病例组及其结果").len() >= 6);
}
