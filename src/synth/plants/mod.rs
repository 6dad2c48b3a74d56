//! Everything that is planted on purpose: violations of each rule, cases just
//! beside a limit, and innocent look-alikes; a family of rules in a file.

mod billing;
mod controlled;
mod corrected;
mod days;
mod edits;
mod first_visit;
mod injections;
mod innocent;
mod licences;
mod narcotics;
mod online;
mod online_bills;
mod orders;
mod prices;
mod registry;
mod repeat;
mod repeat_same;
mod scope;
mod services;

use crate::base::time::Civil;

use super::city::City;
use super::stage::Stage;

/// How sure the expected clue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Clear,
    Suspected,
}

/// What a planted pattern should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TruthKind {
    /// A clue of this grade.
    Violation { grade: Grade },
    /// A violation that the rule cannot see, and why, in the Chinese words of the rule's `not_seen`: an honest miss.
    Missed { grade: Grade, reason: &'static str },
    /// A clue that is raised and withdrawn again: no effective clue.
    Withdrawn,
    /// Just on the quiet side of a limit: no clue.
    NearMiss,
    /// Looks like a violation and is none: no clue.
    Innocent,
}

/// What an expected clue is anchored to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TruthKey {
    /// A fee line of a settlement.
    Line { setl_id: String, mdtrt_id: String, feedetl_sn: String },
    /// A drug line of a prescription; `line` counts from 1.
    PrescriptionLine { fixmedins_code: String, hosp_rxno: String, line: u32 },
    /// A whole prescription.
    Prescription { fixmedins_code: String, hosp_rxno: String },
    /// One substance of one prescription at the prescribing institution.
    Supply { fixmedins_code: String, rx_no: String, substance: String },
    /// A whole settlement.
    Settlement { setl_id: String },
}

/// One planted case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The rule that it violates or might seem to; empty: no rule at all may fire.
    pub rule: &'static str,
    pub kind: TruthKind,
    /// Name of the pattern, and what it is called in Chinese.
    pub pattern: &'static str,
    pub title: &'static str,
    pub key: TruthKey,
    /// The raw person number.
    pub person: String,
    /// Event time of the message that the case is anchored to.
    pub time: Civil,
    /// A further clue that the case before it rightly raises, under another rule.
    pub beside: bool,
}

/// A pattern and the function that acts it out.
pub(super) struct Pattern {
    pub rule: &'static str,
    pub name: &'static str,
    /// What it is called in Chinese.
    pub title: &'static str,
    pub kind: TruthKind,
    /// Returns `None`, having planted nothing, where the city lacks what it needs.
    pub act: fn(&mut Stage) -> Option<TruthKey>,
}

const CLEAR: TruthKind = TruthKind::Violation { grade: Grade::Clear };
const SUSPECTED: TruthKind = TruthKind::Violation { grade: Grade::Suspected };
const NEAR: TruthKind = TruthKind::NearMiss;
const INNOCENT: TruthKind = TruthKind::Innocent;
const WITHDRAWN: TruthKind = TruthKind::Withdrawn;

const fn missed(grade: Grade, reason: &'static str) -> TruthKind {
    TruthKind::Missed { grade, reason }
}

const fn pattern(
    rule: &'static str,
    kind: TruthKind,
    name: &'static str,
    title: &'static str,
    act: fn(&mut Stage) -> Option<TruthKey>,
) -> Pattern {
    Pattern { rule, name, title, kind, act }
}

/// What is planted, a family of rules in a file. New families stand at the end:
/// the numbers of messages and people follow this order.
const FAMILIES: &[&[Pattern]] = &[
    controlled::PATTERNS,
    billing::PATTERNS,
    first_visit::PATTERNS,
    repeat::PATTERNS,
    innocent::PATTERNS,
    services::PATTERNS,
    scope::PATTERNS,
    registry::PATTERNS,
    licences::PATTERNS,
    prices::PATTERNS,
    injections::PATTERNS,
    narcotics::PATTERNS,
    days::PATTERNS,
    online::PATTERNS,
    online_bills::PATTERNS,
    repeat_same::PATTERNS,
    corrected::PATTERNS,
];

pub(super) fn patterns() -> impl Iterator<Item = &'static Pattern> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Whether other messages correct what a pattern puts.
pub(super) fn is_corrected(pattern: &Pattern) -> bool {
    corrected::PATTERNS.iter().any(|own| own.name == pattern.name)
}

/// The rules that the patterns are about, in their order.
pub fn rules() -> Vec<&'static str> {
    let mut rules = Vec::new();
    for pattern in patterns().filter(|pattern| !pattern.rule.is_empty()) {
        if !rules.contains(&pattern.rule) {
            rules.push(pattern.rule);
        }
    }
    rules
}

/// Each honest miss that is planted: the rule, and why the rule cannot see it.
pub fn misses() -> impl Iterator<Item = (&'static str, &'static str)> {
    patterns().filter_map(|pattern| match pattern.kind {
        TruthKind::Missed { reason, .. } => Some((pattern.rule, reason)),
        _ => None,
    })
}

/// Whether a rule judges by what is not in the feed, which a short feed cannot tell.
pub(super) fn concludes_from_absence(rule: &str) -> bool {
    rule == "online-first"
}

/// Whether cases of a rule tell amounts that differ from quantity times price.
#[cfg(test)]
pub(super) fn tells_other_amounts(rule: &str) -> bool {
    rule == "amount-mismatch"
}

/// Acts out every pattern as often as the settings say.
pub(super) fn plant<'c>(mut stage: Stage<'c>, times: impl Fn(&Pattern) -> u32) -> Stage<'c> {
    for pattern in patterns() {
        for _ in 0..times(pattern) {
            let first = stage.scripted.len();
            stage.begin();
            let Some(key) = (pattern.act)(&mut stage) else {
                assert_eq!(stage.scripted.len(), first, "{} planted half of itself", pattern.name);
                break;
            };
            stage.tell(pattern, key);
        }
    }
    stage
}

/// Names of the patterns that `city` lacks something for: a drug, an item or an
/// institution. They are left out of the feed.
pub fn patterns_left_out(city: &City) -> Vec<&'static str> {
    // A month and the year before it, on the days that the city's tables tell of.
    let stage = plant(Stage::new(city, 0, city.on - 365, city.on, city.on + 30), |_| 1);
    patterns().map(|pattern| pattern.name).filter(|name| !stage.truths.iter().any(|truth| truth.pattern == *name)).collect()
}
