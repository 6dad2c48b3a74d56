//! The demo's page: whole, self-contained, and nothing in it that a page may
//! not show.

#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeSet;

use claimsift::commands::demo;
use claimsift::report::catalogue::department;
use claimsift::synth::Truth;
use claimsift::synth::TruthKind;
use feed::World;

const EVENTS: u64 = 9_000;
const SEED: u64 = 5;

/// The page, the planted cases, and numbers of persons in the feed.
fn made() -> (World, String, Vec<Truth>, BTreeSet<String>) {
    let world = World::read();
    let settings = demo::sized(EVENTS, SEED);
    let page = demo::page_of(&world.loaded, &settings, &world.city).unwrap_or_else(|failure| panic!("{failure:?}"));
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
    assert_eq!(page.matches("<p").count(), page.matches("</p>").count());
}
