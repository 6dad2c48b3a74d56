//! Gathers what the demo's page shows: the run's clues and truths, and what
//! the engine says when it is asked again about single cases.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::clues::told::Told;
use crate::commands::demo::Run;
use crate::commands::demo::score::Effective;
use crate::commands::demo::score::known_misses;
use crate::commands::demo::score::name_of;
use crate::commands::demo::score::score;
use crate::commands::load::Loaded;
use crate::engine::Engine;
use crate::events::EVENT_TYPES;
use crate::events::SETTLEMENT_INPUT;
use crate::offline::explain::Explainer;
use crate::offline::explain::Kept;
use crate::report::month;
use crate::report::month::Card;
use crate::report::month::Month;
use crate::report::month::Score;
use crate::report::month::Silence;
use crate::report::month::Withdrawal;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::Status;
use crate::synth::SynthSettings;
use crate::synth::Truth;
use crate::synth::TruthKind;

/// Withdrawn clues that the page tells in full.
const WITHDRAWALS_MAX: usize = 3;

/// The page as HTML.
pub(super) fn page(loaded: &Loaded, engine: &Engine, settings: &SynthSettings, run: &Run, effective: &[Effective]) -> String {
    let asked = Asked {
        explainer: Explainer {
            book: &loaded.book,
            references: &loaded.references,
            settings: engine.settings.clone(),
            key: engine.key.clone(),
        },
        run,
    };
    let words: Vec<Told> = run.clues.iter().filter_map(|record| Told::read(record.record.value.as_deref()?)).collect();
    let mut last: BTreeMap<&str, &Told> = BTreeMap::new();
    for told in &words {
        last.insert(&told.finding.clue_id, told);
    }
    let clues: Vec<Told> = last.into_values().filter(|told| !told.is_retracted()).cloned().collect();
    let last_day = settings.end().pred_opt().unwrap_or_else(|| settings.end());
    month::page(&Month {
        book: &loaded.book,
        days: (settings.live_first().to_string(), last_day.to_string()),
        seed: settings.seed,
        counts: &run.totals.counts,
        tallies: &run.totals.rules,
        scores: scores(loaded, run, effective),
        known_misses: known_misses(&run.truths),
        groups: run.groups_of(loaded),
        cards: asked.cards(&clues),
        silences: asked.silences(effective),
        withdrawals: asked.withdrawals(&words, settings),
        clues,
    })
}

fn scores(loaded: &Loaded, run: &Run, effective: &[Effective]) -> Vec<Score> {
    let of_rule = |rule: &RuleDoc| {
        let score = score(rule, run.planted(), effective);
        Score {
            rule: rule.id.clone(),
            clues: score.clues,
            planted: score.planted,
            found: score.found,
            missed: score.missed,
            wrong: score.wrong,
        }
    };
    loaded.rules.rules.iter().map(|rule| of_rule(&rule.doc)).collect()
}

struct Asked<'a> {
    explainer: Explainer<'a>,
    run: &'a Run,
}

impl Asked<'_> {
    fn messages(&self, truth: &Truth) -> &[Kept] {
        self.run.kept.get(&truth.person).map(Vec::as_slice).unwrap_or_default()
    }

    /// The clue of each problem type that says most: clear before suspected,
    /// then the one that cost the funds most.
    fn cards(&self, clues: &[Told]) -> Vec<Card> {
        let cases: BTreeMap<(&str, String), &Truth> = self
            .run
            .truths
            .iter()
            .filter(|truth| matches!(truth.kind, TruthKind::Violation { .. }))
            .map(|truth| ((truth.rule, name_of(&truth.key)), truth))
            .collect();
        let case = |told: &Told| {
            let names = told.names();
            names.into_iter().find_map(|name| cases.get(&(told.finding.rule.id.as_str(), name)).copied())
        };
        let weight = |told: &Told| {
            let money = &told.finding.money;
            let amounts = [money.fund_amt, money.vola_amt].map(|amount| amount.map(|amount| amount.rescale(2).units));
            let live = self.explainer.book.rule(&told.finding.rule.id).is_some_and(|rule| rule.status == Status::Live);
            (live, case(told).is_some(), told.finding.result == "clear", amounts, std::cmp::Reverse(told.finding.clue_id.clone()))
        };
        let mut by_family: BTreeMap<&str, &Told> = BTreeMap::new();
        for told in clues {
            let best = by_family.entry(&told.finding.problem_type).or_insert(told);
            if weight(told) > weight(best) {
                *best = told;
            }
        }
        by_family.into_values().map(|told| self.card(told, case(told))).collect()
    }

    fn card(&self, told: &Told, truth: Option<&Truth>) -> Card {
        let rule = self.explainer.book.rule(&told.finding.rule.id);
        let messages = truth.map(|truth| self.messages(truth)).unwrap_or_default();
        let answer = truth.zip(rule).map(|(truth, rule)| self.explainer.ask(rule, &name_of(&truth.key), messages));
        let settlement = EVENT_TYPES[SETTLEMENT_INPUT].name;
        // A repeated message is one bill.
        let mut wanted: BTreeSet<&str> =
            told.finding.evidence.iter().filter(|item| item.event == settlement).map(|item| item.id.as_str()).collect();
        let described = messages.iter().filter(|kept| kept.input == SETTLEMENT_INPUT).filter_map(|kept| self.explainer.describe(kept));
        let bills = described.filter(|bill| bill.finding.evidence.iter().any(|item| wanted.remove(item.id.as_str()))).collect();
        Card { told: told.clone(), answer, bills }
    }

    /// The first case of each quiet pattern, asked about.
    fn silences(&self, effective: &[Effective]) -> Vec<Silence> {
        let mut of_pattern: BTreeMap<(&str, &'static str), Vec<&Truth>> = BTreeMap::new();
        for truth in &self.run.truths {
            if matches!(truth.kind, TruthKind::Innocent | TruthKind::NearMiss) {
                of_pattern.entry((truth.rule, truth.pattern)).or_default().push(truth);
            }
        }
        let told = |truth: &&&Truth| {
            let name = name_of(&truth.key);
            effective.iter().any(|clue| clue.rule == truth.rule && clue.names.contains(&name))
        };
        let silence = |((id, pattern), truths): ((&str, &'static str), Vec<&Truth>)| {
            // A case that was told all the same is the one to look at.
            let truth = truths.iter().find(told).or_else(|| truths.first())?;
            let answer = self.explainer.ask(self.explainer.book.rule(id)?, &name_of(&truth.key), self.messages(truth));
            Some(Silence {
                rule: id.to_owned(),
                pattern: (truth.title.to_owned(), pattern.replace('_', " ")),
                near_miss: truth.kind == TruthKind::NearMiss,
                planted: truths.len() as u64,
                reported: truths.iter().filter(told).count() as u64,
                answer,
            })
        };
        of_pattern.into_iter().filter_map(silence).collect()
    }

    fn withdrawals(&self, words: &[Told], settings: &SynthSettings) -> Vec<Withdrawal> {
        let mut by_clue: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
        for told in words {
            by_clue.entry(&told.finding.clue_id).or_default().push(told);
        }
        let retracted = by_clue.into_values().filter(|words| words.last().is_some_and(|told| told.is_retracted()));
        let history = |words: Vec<&Told>| {
            let names: BTreeSet<String> = words.iter().flat_map(|told| told.names()).collect();
            let rule = words.first().map(|told| told.finding.rule.id.as_str());
            let truth = self.run.truths.iter().find(|truth| Some(truth.rule) == rule && names.contains(&name_of(&truth.key)));
            let messages = truth.map(|truth| self.messages(truth)).unwrap_or_default();
            let planted = truth.is_some_and(|truth| truth.kind == TruthKind::Withdrawn);
            let arrival = |kept: &Kept| Some((settings.zone.civil(kept.timestamp_ms).to_string(), self.explainer.describe(kept)?));
            let arrivals = messages.iter().filter_map(arrival).collect();
            (!planted, Withdrawal { words: words.into_iter().cloned().collect(), arrivals })
        };
        // The planted one first: it is the one whose story is known.
        let mut histories: Vec<(bool, Withdrawal)> = retracted.map(history).collect();
        histories.sort_by_key(|(other, _)| *other);
        histories.into_iter().take(WITHDRAWALS_MAX).map(|(_, withdrawal)| withdrawal).collect()
    }
}
