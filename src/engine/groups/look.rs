//! A look at a pane: every unit of an institution is judged by every rule that
//! asks about these sums, and what was told before is revised.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ids::ClueId;
use crate::clues::build;
use crate::clues::finding::Finding;
use crate::clues::finding::Place;
use crate::clues::lifecycle::revise;
use crate::engine::Engine;
use crate::engine::effects::Closing;
use crate::engine::effects::Looked;
use crate::engine::effects::RuleTally;
use crate::engine::groups::Groups;
use crate::engine::groups::clue;
use crate::engine::groups::clue::About;
use crate::engine::groups::definition;
use crate::engine::groups::definition::Counting;
use crate::engine::groups::definition::census;
use crate::engine::tell::Teller;
use crate::engine::tell::has_basis;
use crate::engine::words::word_record;
use crate::evaluators::ratio;
use crate::evaluators::ratio::GroupLimits;
use crate::evaluators::ratio::Outcome;
use crate::evaluators::ratio::Standard;
use crate::evaluators::ratio::Told;
use crate::evaluators::ratio::Unit;
use crate::evaluators::ratio::Unknown;
use crate::evaluators::ratio::over::OverCeiling;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::stratum::level_band;
use crate::reference::validity::Validity;
use crate::ruleset::compile::Rule;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::words::Compare;
use crate::ruleset::words::Headline;
use crate::ruleset::words::PaneWord;
use crate::ruleset::words::UnitWord;
use crate::stats::shrinkage::Decision;
use crate::window::calendar::SpanKind;
use crate::window::group::Overflow;
use crate::window::group::Text;
use crate::window::pane::Look;
use crate::window::view::Cells;
use crate::window::view::Group;

/// What is found of a rule in a pane.
type Found = BTreeMap<ClueId, (Finding, Vec<Place>)>;

impl Groups {
    /// One look, by the rules that its definition comes from, as far as they are
    /// still in force: of a rule that is gone nothing more is told.
    pub(super) fn look(&mut self, engine: &Engine, look: &Look, epoch: u64, muted: bool, closing: &mut Closing) {
        let Some(counting) = self.countings.iter().find(|counting| counting.definition.digest() == look.definition) else { return };
        let own = Arc::clone(&counting.engine);
        let case = counting.case;
        let Some(baseline) = own.references.baseline(&counting.baseline) else { return };
        let days = Validity { from: look.span.start().start().day(), to: look.span.end().day() };
        let standard = Standard::new(baseline, &counting.indicator, days);
        let sums = self.panes.group(look.definition, &look.institution, look.span);
        let all = self.panes.group(census(case).digest(), &look.institution, look.span);
        let told = all.and_then(|all| all.institution()).map(|all| Told {
            cases: ratio::cases(&all, 0),
            expected: ratio::expected_cases(baseline, &look.institution, look.span, case),
        });
        for place in counting.rules.clone() {
            let rule = &own.rules.rules[place];
            let Some(settings) = definition::ratio_of(&rule.doc) else { continue };
            if !settings.panes.iter().any(|pane| kind_of(*pane) == look.span.kind()) {
                continue;
            }
            if !engine.rules.rules.iter().any(|known| known.doc.id == rule.doc.id) {
                continue;
            }
            let tally = closing.rules.entry(rule.doc.id.clone()).or_default();
            let key = (rule.doc.id.clone(), look.institution.clone(), look.span);
            let holds = counting.holds(look.span);
            if !holds {
                // Part of the pane was counted otherwise.
                tally.count_unknown("definition_changed", 1);
                let of_rule = |other: &Counting| other.rules.iter().any(|place| other.engine.rules.rules[*place].doc.id == rule.doc.id);
                let other_holds = self.countings.iter().any(|other| of_rule(other) && other.holds(look.span));
                if other_holds || !self.told.contains_key(&key) {
                    continue;
                }
            }
            let units = sums.as_ref().map_err(|fault| *fault).and_then(|group| {
                // What was told of it before a switch reached back is withdrawn.
                if holds { units_of(settings, &look.institution, group) } else { Ok(Vec::new()) }
            });
            let (units, told) = match (units, &told) {
                (Ok(units), Ok(told)) => (units, *told),
                _ => {
                    tally.count_unknown(Unknown::Overflow.name(), 1);
                    continue;
                }
            };
            let pane = Pane { engine: &own, rule, settings, standard: &standard, look, told, decimals: counting.decimals };
            let judged: Vec<(UnitKind, Text, Verdict)> = units
                .into_iter()
                .map(|(kind, unit, cells)| {
                    let verdict = pane.judge(kind, &cells);
                    (kind, unit, verdict)
                })
                .collect();
            let sources = self.sources(&own.settings.partials, look);
            let found = pane.found(&judged, tally, &sources, self.shard);
            if !found.is_empty() || self.told.contains_key(&key) {
                let bytes = found.iter().map(|(id, (finding, _))| (*id, build::encode(finding))).collect();
                let words = revise(self.told.entry(key).or_default(), bytes, None);
                let teller = Teller { engine: &own, shard: self.shard, epoch };
                let records: Vec<_> = words
                    .into_iter()
                    .map(|word| {
                        let own = found.get(&word.id);
                        word_record(rule, word, own, &teller, tally)
                    })
                    .collect();
                if !muted {
                    closing.records.extend(records);
                }
            }
            if !muted {
                let looked = judged.into_iter().map(|(unit_kind, unit, verdict)| Looked {
                    rule: rule.doc.id.clone(),
                    span: look.span,
                    institution: look.institution.clone(),
                    unit_kind,
                    unit,
                    outcome: verdict.outcome,
                });
                closing.looked.extend(looked);
            }
        }
    }

    /// The first and the last block that the sums of a pane came in.
    fn sources(&self, topic: &str, look: &Look) -> Vec<Place> {
        let key = |month| (look.definition, look.institution.clone(), month);
        let of = self.blocks.range(key(look.span.start())..=key(look.span.last())).map(|(_, blocks)| *blocks);
        let ends = of.reduce(|(first, last), (other, later)| (first.min(other), last.max(later)));
        let place = |offset| Place { topic: topic.to_owned(), partition: self.shard, offset };
        ends.into_iter().flat_map(|(first, last)| [place(first), place(last)]).collect()
    }
}

/// The units that a rule asks about, with their sums.
fn units_of(settings: &RatioDoc, institution: &Text, group: &Group) -> Result<Vec<(UnitKind, Text, Cells)>, Overflow> {
    let mut units = Vec::new();
    for word in &settings.units {
        let (kind, of): (UnitKind, Vec<(Text, Cells)>) = match word {
            UnitWord::Institution => (UnitKind::Institution, vec![(institution.clone(), group.institution()?)]),
            UnitWord::Department => (UnitKind::Department, group.departments()?.into_iter().collect()),
            UnitWord::Doctor => (UnitKind::Doctor, group.doctors()?.into_iter().collect()),
        };
        let counted = of.into_iter().filter(|(_, cells)| !cells.is_empty());
        units.extend(counted.map(|(unit, cells)| (kind, unit, cells)));
    }
    Ok(units)
}

/// What is concluded of a unit.
struct Verdict {
    outcome: Outcome,
    over: Option<OverCeiling>,
}

/// A pane of one institution, as one rule looks at it.
struct Pane<'a> {
    engine: &'a Engine,
    rule: &'a Rule,
    settings: &'a RatioDoc,
    standard: &'a Standard<'a>,
    look: &'a Look,
    told: Told,
    decimals: u32,
}

impl Pane<'_> {
    /// The last day of the pane.
    fn day(&self) -> i64 {
        self.look.span.end().day() - 1
    }

    fn judge(&self, kind: UnitKind, cells: &Cells) -> Verdict {
        let known = self.engine.references.institution(&self.look.institution, self.day());
        let band = known.and_then(|known| level_band(&known.level)).map(|band| band.to_string());
        let unit = Unit { kind, peer_class: band.as_deref(), cells, index: 0, told: self.told };
        let area = known.map(|known| known.area.as_str());
        let Some(limits) = self.limits(area) else { return Verdict { outcome: Outcome::Unknown(Unknown::Overflow), over: None } };
        if self.settings.compare == Compare::Expected {
            return Verdict { outcome: self.standard.judge(&unit, &limits), over: None };
        }
        match self.standard.over_ceiling(&unit, &limits) {
            Ok(over) => {
                let outcome = match self.settings.headline {
                    Headline::ByCase | Headline::ByLine => over.by_case.clone(),
                    Headline::ByAmount => over.by_amount.clone(),
                };
                Verdict { outcome, over: Some(over) }
            }
            Err(reason) => Verdict { outcome: Outcome::Unknown(reason), over: None },
        }
    }

    /// In the fixed point of the indicator; `None` where the file's number does not fit it.
    fn limits(&self, area: Option<&str>) -> Option<GroupLimits> {
        let number = match &self.settings.min_excess {
            Number::Value(number) => *number,
            Number::Param(name) => {
                let param = self.rule.doc.params.iter().find(|param| param.name == *name)?;
                match param.value_at(area, self.day()) {
                    ParamValue::Number(number) => *number,
                    ParamValue::Text(_) => return None,
                }
            }
        };
        let min_excess = number.scaled(self.decimals)?;
        Some(GroupLimits { min_excess_cases: self.settings.min_excess_cases.into(), ..GroupLimits::with(min_excess) })
    }

    /// The clues of a pane, with what is counted of its units.
    fn found(
        &self,
        judged: &[(UnitKind, Text, Verdict)],
        tally: &mut RuleTally,
        sources: &[Place],
        shard: crate::base::ids::ShardId,
    ) -> Found {
        let Self { engine, rule, look, .. } = self;
        let known = engine.references.institution(&look.institution, self.day());
        let area = known.map(|known| known.area.as_str());
        let before_go_live = engine.settings.clues_from.is_some_and(|from| look.span.end() <= from);
        let teller = Teller { engine, shard, epoch: 0 };
        let mut found = Found::new();
        for (kind, unit, verdict) in judged {
            tally.evaluated += 1;
            let ratio = match &verdict.outcome {
                Outcome::Judged(ratio) => ratio,
                Outcome::Unknown(reason) => {
                    tally.count_unknown(reason.name(), 1);
                    continue;
                }
            };
            if ratio.tier != Decision::Alert || before_go_live {
                continue;
            }
            if !has_basis(&rule.doc, self.day(), area) {
                tally.count_unknown("no_basis_in_force", 1);
                continue;
            }
            tally.hits += 1;
            let about = About {
                engine,
                settings: self.settings,
                span: look.span,
                definition: look.definition,
                institution: &look.institution,
                known,
                kind: *kind,
                unit,
                over: verdict.over.as_ref(),
            };
            let (id, finding) = teller.finding(rule, clue::found(&about, ratio));
            found.insert(id, (finding, sources.to_vec()));
        }
        found
    }
}

fn kind_of(pane: PaneWord) -> SpanKind {
    match pane {
        PaneWord::Month => SpanKind::Month,
        PaneWord::Quarter => SpanKind::Quarter,
        PaneWord::YearToDate => SpanKind::YearToDate,
    }
}
