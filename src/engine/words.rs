//! Words about clues that were told before: new, updated, retracted.

use crate::base::decimal::Decimal;
use crate::clues::build;
use crate::clues::build::Route;
use crate::clues::finding::Finding;
use crate::clues::finding::Place;
use crate::clues::finding::Text;
use crate::clues::lifecycle::Change;
use crate::clues::lifecycle::Revision;
use crate::engine::effects::RuleTally;
use crate::engine::tell::Teller;
use crate::io::log::Record;
use crate::ruleset::compile::Rule;

/// What a told finding says that a revision needs.
#[derive(serde::Deserialize)]
struct Told {
    result: String,
    lead: String,
    area: Option<String>,
    money: ToldMoney,
}
#[derive(serde::Deserialize)]
struct ToldMoney {
    vola_amt: Option<Decimal>,
}

impl Told {
    fn of(finding: &[u8]) -> Option<Self> {
        sonic_rs::from_slice(finding).ok()
    }
}

/// Why a clue is withdrawn whose event no longer counts, in both languages.
pub const CORRECTED: (&str, &str) = ("所依据的单据已被冲销、更正或退费", "the bill or line was reversed, corrected or refunded");

/// Who has the word: a rule may be gone that told something.
#[derive(Clone, Copy)]
pub struct Voice<'a> {
    pub rule: &'a str,
    pub shadow: bool,
}

impl<'a> From<&'a Rule> for Voice<'a> {
    fn from(rule: &'a Rule) -> Self {
        Self { rule: &rule.doc.id, shadow: rule.shadow }
    }
}

/// The record of one word about a clue, counted in the rule's tally. `found`:
/// what the word is about and where it came from; `None`: it is found no more.
pub fn word_record(
    rule: &Rule,
    word: Revision,
    found: Option<&(Finding, Vec<Place>)>,
    teller: &Teller<'_>,
    tally: &mut RuleTally,
) -> Record {
    let retracted =
        Text { zh: "新到达的数据使疑点不再成立".to_owned(), en: "data that arrived since explain the finding".to_owned() };
    let sources = found.map(|(_, sources)| sources.clone()).unwrap_or_default();
    let route = found.map(|(finding, _)| Route::of(word.id, finding));
    spoken(Voice::from(rule), word, sources, route, retracted, teller, tally)
}

/// The same where all is at hand. `route`: `None` as the clue was told;
/// `retracted`: why, if it is.
pub fn spoken(
    voice: Voice<'_>,
    word: Revision,
    sources: Vec<Place>,
    route: Option<Route>,
    retracted: Text,
    teller: &Teller<'_>,
    tally: &mut RuleTally,
) -> Record {
    let status = match word.change {
        Change::New => "NEW",
        Change::Updated { .. } => "UPDATED",
        Change::Retracted => "RETRACTED",
    };
    let mut provenance = teller.provenance(voice.shadow, word.revision, status, sources);
    // As the clue was told: whoever heard of it hears of its withdrawal.
    let as_told = |told: Option<Told>| {
        let (lead, area, grade) = told.map(|told| (told.lead, told.area.unwrap_or_default(), told.result)).unwrap_or_default();
        Route { clue_id: word.id, lead, area, grade }
    };
    let route = route.unwrap_or_else(|| as_told(Told::of(&word.finding)));
    match &word.change {
        Change::New => tally.new += 1,
        Change::Updated { previous } => {
            tally.updated += 1;
            let (before, now) = (Told::of(previous), Told::of(&word.finding));
            let same = |a: &Told, b: &Told| a.result == b.result && a.money.vola_amt == b.money.vola_amt;
            provenance.material = Some(!before.as_ref().zip(now.as_ref()).is_some_and(|(before, now)| same(before, now)));
            provenance.previous_amount = before.and_then(|told| told.money.vola_amt);
            provenance.reason = Some(Text {
                zh: "新到达的数据改变了证据".to_owned(),
                en: "data that arrived since changed the evidence".to_owned(),
            });
        }
        Change::Retracted => {
            tally.retracted += 1;
            provenance.previous_amount = Told::of(&word.finding).and_then(|told| told.money.vola_amt);
            provenance.reason = Some(retracted);
        }
    }
    build::record(voice.rule, &word.finding, &provenance, &route)
}
