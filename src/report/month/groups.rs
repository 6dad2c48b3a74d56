//! What came of the groups of the live month, beside what a plain quotient
//! would have said of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::engine::effects::Looked;
use crate::evaluators::ratio::Outcome;
use crate::evaluators::ratio::Ratio;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::snapshot::Snapshot;
use crate::report::words;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::stats::shrinkage::Decision;
use crate::synth::GroupKind;
use crate::synth::GroupTruth;
use crate::window::calendar::Month;
use crate::window::calendar::SpanKind;

/// A quotient that is called conspicuous where no one asks how sure it is.
pub const PLAIN: f64 = 1.5;

/// The groups of a run: what was looked at and what was planted.
#[derive(Debug)]
pub struct Groups<'a> {
    pub references: &'a Snapshot,
    pub live: Month,
    /// The last look at each unit, of any pane.
    pub looked: Vec<&'a Looked>,
    pub truths: &'a [GroupTruth],
}

/// Rules on O/E, or on what lies above ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Expected,
    OverCeiling,
}

impl Family {
    pub fn of(measure: Measure) -> Self {
        if measure == Measure::Expected { Self::Expected } else { Self::OverCeiling }
    }
}

/// What became of a planted group.
#[derive(Debug)]
pub struct Fate<'a> {
    /// Who judges it.
    pub rule: Option<&'a RuleDoc>,
    pub looked: Option<&'a Looked>,
}

/// The settings of a rule on groups.
pub fn ratio_of(rule: &RuleDoc) -> Option<&RatioDoc> {
    match &rule.evaluate {
        EvaluateDoc::Ratio(ratio) => Some(ratio),
        _ => None,
    }
}

pub fn judged(looked: &Looked) -> Option<&Ratio> {
    match &looked.outcome {
        Outcome::Judged(ratio) => Some(ratio),
        Outcome::Unknown(_) => None,
    }
}

pub fn is_told(looked: &Looked) -> bool {
    judged(looked).is_some_and(|ratio| ratio.tier == Decision::Alert)
}

/// O / E as anyone divides it: of the values as they were, where they are known.
pub fn plain(ratio: &Ratio) -> f64 {
    ratio.raw.unwrap_or(ratio.ratio)
}

impl<'a> Groups<'a> {
    /// Units that a rule looked at in the live month alone.
    pub fn looked_in_month(&self, rule: &RuleDoc) -> impl Iterator<Item = &'a Looked> {
        let live = |looked: &&Looked| looked.span.kind() == SpanKind::Month && looked.span.last() == self.live;
        self.looked.iter().copied().filter(live).filter(|looked| looked.rule == rule.id)
    }

    /// The planted violation that a clue about the unit comes of.
    pub fn explains(&self, looked: &Looked, ratio: &RatioDoc) -> Option<&'a GroupTruth> {
        self.truths.iter().find(|truth| truth.explains(&looked.institution, &ratio.indicator))
    }

    /// What was planted on the unit itself, for this ratio or beside another.
    pub fn planted(&self, looked: &Looked, ratio: &RatioDoc) -> Option<&'a GroupTruth> {
        let meant = |truth: &&GroupTruth| truth.indicator == ratio.indicator || truth.beside.contains(&ratio.indicator.as_str());
        let same = |truth: &&GroupTruth| {
            *truth.institution == *looked.institution && (truth.unit_kind, truth.unit.as_str()) == (looked.unit_kind, &looked.unit)
        };
        self.truths.iter().filter(same).find(meant)
    }

    /// What became of each planted group.
    pub fn fates<'b>(&'b self, book: &'b RuleBook) -> impl Iterator<Item = (&'b GroupTruth, Fate<'b>)> {
        self.truths.iter().map(|truth| {
            let means = |rule: &&RuleDoc| ratio_of(rule).is_some_and(|ratio| truth.is_meant(&ratio.indicator, ratio.measure()));
            let rule = book.rules.iter().find(means);
            let same = |looked: &&Looked| {
                *looked.institution == *truth.institution && (looked.unit_kind, &*looked.unit) == (truth.unit_kind, truth.unit.as_str())
            };
            let looked = rule.and_then(|rule| self.looked_in_month(rule).find(same));
            (truth, Fate { rule, looked })
        })
    }

    /// Name and code of an institution.
    pub fn name(&self, code: &str) -> String {
        let day = self.live.end().day() - 1;
        self.references.institution(code, day).map_or_else(|| code.to_owned(), |known| known.name.clone())
    }
}

impl Fate<'_> {
    fn is_told(&self) -> bool {
        self.looked.is_some_and(is_told)
    }

    /// A violation that no clue names, or an innocent that one does.
    pub fn is_wrong(&self, truth: &GroupTruth) -> bool {
        (truth.kind == GroupKind::Violation) != self.is_told()
    }

    pub fn words(&self) -> Bilingual {
        let said = |zh: &str, en: &str| Bilingual { zh: zh.to_owned(), en: en.to_owned() };
        match self.looked.map(|looked| &looked.outcome) {
            None if self.rule.is_none() => said("没有规则看这一指标", "no rule looks at this indicator"),
            None => said("本月没有可看的病例", "no case of the month to look at"),
            Some(Outcome::Unknown(reason)) => {
                let why = words::reason_of_group(reason.name());
                said(&format!("无法判断：{}", why.zh), &format!("unknown: {}", why.en))
            }
            Some(Outcome::Judged(ratio)) => outcome_words(ratio),
        }
    }
}

/// What a judged ratio came to.
pub fn outcome_words(ratio: &Ratio) -> Bilingual {
    let (zh, en) = match (ratio.tier, ratio.judgment.decision) {
        (Decision::Alert, _) => ("有线索", "told"),
        (_, Decision::Alert) => ("超出同类，但超出值过小或覆盖不足，只观察", "above peers, yet too little or not covered: watched"),
        (Decision::Watch, _) => ("偏高，但仍在同类之内，只观察", "high, yet within what peers are: watched"),
        (Decision::None, _) => ("与同类无异", "as peers are"),
    };
    Bilingual { zh: zh.to_owned(), en: en.to_owned() }
}

/// Judgements of one kind of unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfKind {
    pub judged: u64,
    /// With a plain quotient above 1.5, and those that nothing planted explains.
    pub plain: u64,
    pub plain_honest: u64,
    /// The same of clues.
    pub own: u64,
    pub own_honest: u64,
    pub unknown: u64,
}

/// Who is accused in the live month: a rule and a unit count once.
#[derive(Debug, Default)]
pub struct Accused {
    /// Institutions, departments, doctors.
    pub kinds: [OfKind; 3],
    /// Institutions with no planted violation at all that are accused as such.
    pub plain_institutions: u64,
    pub own_institutions: u64,
    /// By reason.
    pub unknown: BTreeMap<&'static str, [u64; 3]>,
}

/// `None` where no rule of the family looked at anything.
pub fn accused(book: &RuleBook, groups: &Groups<'_>, family: Family) -> Option<Accused> {
    let mut all = Accused::default();
    let (mut plain_honest, mut own_honest) = (BTreeSet::new(), BTreeSet::new());
    let faulty: BTreeSet<&str> =
        groups.truths.iter().filter(|truth| truth.kind == GroupKind::Violation).map(|truth| truth.institution.as_str()).collect();
    let mut any = false;
    for rule in &book.rules {
        let Some(settings) = ratio_of(rule).filter(|ratio| Family::of(ratio.measure()) == family) else { continue };
        for looked in groups.looked_in_month(rule) {
            any = true;
            let place = looked.unit_kind as usize;
            let kind = &mut all.kinds[place];
            let ratio = match &looked.outcome {
                Outcome::Judged(ratio) => ratio,
                Outcome::Unknown(reason) => {
                    kind.unknown += 1;
                    all.unknown.entry(reason.name()).or_default()[place] += 1;
                    continue;
                }
            };
            let honest = u64::from(groups.explains(looked, settings).is_none());
            let whole = looked.unit_kind == UnitKind::Institution;
            let clean = whole && !faulty.contains(&*looked.institution);
            kind.judged += 1;
            if plain(ratio) > PLAIN {
                kind.plain += 1;
                kind.plain_honest += honest;
                plain_honest.extend(clean.then_some(&looked.institution));
            }
            if is_told(looked) {
                kind.own += 1;
                kind.own_honest += honest;
                own_honest.extend(clean.then_some(&looked.institution));
            }
        }
    }
    (all.plain_institutions, all.own_institutions) = (plain_honest.len() as u64, own_honest.len() as u64);
    any.then_some(all)
}
