//! What ratio rules count: a definition for each distinct way of counting, and
//! what a case contributes to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use hashbrown::HashMap;

use crate::base::decimal::divide_round;
use crate::base::ids::Digest;
use crate::engine::Engine;
use crate::engine::groups::case::CaseFacts;
use crate::engine::groups::case::Kind;
use crate::engine::groups::lines;
use crate::engine::journal::SEMANTICS;
use crate::reference::baseline::Baseline;
use crate::reference::baseline::Indicator;
use crate::reference::baseline_tables::Case;
use crate::reference::baseline_tables::Grain;
use crate::reference::snapshot::Snapshot;
use crate::reference::stratum::Stratum;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::ParamDoc;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::Compare;
use crate::ruleset::words::GroupCase;
use crate::state::intern::Interner;
use crate::state::packed::MaybeI64;
use crate::window::calendar::Span;
use crate::window::group::Contribution;
use crate::window::group::Definition;
use crate::window::group::Measure;
use crate::window::group::Over;
use crate::window::group::RowKey;
use crate::window::group::Sums;
use crate::window::group::Text;

/// Cells that are kept at hand; they can be looked up again.
const CELLS_KNOWN_MAX: usize = 1 << 16;

/// One way of counting, and since when it holds.
pub struct Counting {
    pub definition: Definition,
    /// Whose rules, references and programs it comes from.
    pub engine: Arc<Engine>,
    /// Places of the rules that judge its sums.
    pub rules: Vec<usize>,
    pub case: Case,
    pub baseline: String,
    pub indicator: String,
    pub decimals: u32,
    /// Days of pane time that it holds for, each range to before its second day,
    /// in order; the last is open while the rules in force ask for it.
    days: Vec<(i32, i32)>,
    compare: Compare,
    /// Of its lines, else of the case.
    grain: Grain,
    of_days: bool,
    per_day: bool,
    /// Cells that were looked up: derived, never output.
    known: HashMap<(Kind, i32), Option<Known>>,
}

/// What is known of the cell of a case.
#[derive(Clone)]
struct Known {
    name: Text,
    cap: Option<i64>,
    ceiling: Option<i64>,
}

/// The settings of a ratio rule; `None` for other rules.
pub fn ratio_of(rule: &RuleDoc) -> Option<&RatioDoc> {
    match &rule.evaluate {
        EvaluateDoc::Ratio(ratio) => Some(ratio),
        _ => None,
    }
}

pub fn case_of(ratio: &RatioDoc) -> Case {
    match ratio.case {
        GroupCase::Stay => Case::Stay,
        GroupCase::Visit => Case::Visit,
    }
}

pub fn grain_of(ratio: &RatioDoc) -> Grain {
    if ratio.value.by_line() { Grain::Line } else { Grain::Case }
}

/// The baseline that a rule is held against, with its name. What is usual of
/// cases says nothing of lines, nor the other way round.
pub fn baseline_of<'a>(references: &'a Snapshot, ratio: &RatioDoc) -> Option<(String, &'a Baseline, &'a Indicator)> {
    baseline_by(references, ratio, grain_of(ratio))
}

fn baseline_by<'a>(references: &'a Snapshot, ratio: &RatioDoc, grain: Grain) -> Option<(String, &'a Baseline, &'a Indicator)> {
    let has = |(name, baseline): (&str, &'a Baseline)| {
        let indicator = baseline.indicator(&ratio.indicator).filter(|indicator| indicator.grain == grain)?;
        Some((name.to_owned(), baseline, indicator))
    };
    match &ratio.baseline {
        Some(name) => has((name, references.baseline(name)?)),
        None => references.baselines().filter_map(has).max_by_key(|(name, _, indicator)| (indicator.period.to, name.clone())),
    }
}

/// Why there is none: the references lack it, or have it of the other grain.
fn lacks(references: &Snapshot, ratio: &RatioDoc) -> &'static str {
    let other = if ratio.value.by_line() { Grain::Case } else { Grain::Line };
    if baseline_by(references, ratio, other).is_some() { "other_grain" } else { "no_baseline" }
}

/// Names everything that decides which numbers are added: two rules with one
/// digest share their sums. Thresholds are no part of it.
fn digest(engine: &Engine, rule: &RuleDoc, ratio: &RatioDoc, baseline: &Baseline) -> Digest {
    let sql = |sql: Option<&str>| sql.map_or_else(|| "-".to_owned(), |text| format!("={text}"));
    let value = &ratio.value;
    let mut parts = vec![
        "claimsift definition".to_owned(),
        SEMANTICS.to_string(),
        ratio.compare.name().to_owned(),
        ratio.case.name().to_owned(),
        sql(Some(&ratio.cases.text)),
        sql(value.sum.as_ref().map(|sql| sql.text.as_str())),
        sql(value.filter.as_ref().map(|sql| sql.text.as_str())),
        value.per_day.to_string(),
        ratio.indicator.clone(),
        baseline.digest().to_string(),
    ];
    let of_lines = [("each", &value.each), ("ceiling", &value.ceiling), ("times", &value.times)];
    parts.extend(of_lines.iter().filter_map(|(key, sql)| Some(format!("{key}={}", sql.as_ref()?.text))));
    let excuses = engine.rules.excuses_of(rule);
    let named = |param: &&ParamDoc| {
        let name = format!("param.{}", param.name);
        let texts = std::iter::once(&ratio.cases).chain(value.sqls()).map(|sql| sql.text.as_str());
        texts.chain(excuses.iter().map(String::as_str)).any(|text| text.contains(&name))
    };
    parts.extend(
        rule.params.iter().filter(named).map(|param| format!("{} {:?} {:?} {:?}", param.name, param.default, param.by_area, param.by_date)),
    );
    parts.extend(excuses.iter().cloned());
    Digest::of(parts.iter().map(String::as_bytes))
}

/// The cases of institutions, of whatever rule: what tells whether their data are whole.
pub fn census(case: Case) -> Definition {
    static CENSUS: LazyLock<[Definition; 2]> = LazyLock::new(|| {
        [b"stay".as_slice(), b"visit"].map(|name| {
            let definition = Definition::new(Digest::of([b"claimsift census".as_slice(), name]), 1);
            definition.unwrap_or_else(|| unreachable!("one indicator is a definition"))
        })
    });
    match case {
        Case::Stay => CENSUS[0],
        Case::Visit => CENSUS[1],
    }
}

/// The definitions of all ratio rules of an engine, in the order of their
/// rules, and the rules whose baseline or indicator the references lack, with
/// the reason.
pub fn definitions(engine: &Arc<Engine>) -> (Vec<Counting>, BTreeMap<usize, &'static str>) {
    let (mut found, mut lacking) = (Vec::<Counting>::new(), BTreeMap::new());
    for (place, rule) in engine.rules.rules.iter().enumerate() {
        let Some(ratio) = ratio_of(&rule.doc) else { continue };
        let Some((name, baseline, indicator)) = baseline_of(&engine.references, ratio) else {
            lacking.insert(place, lacks(&engine.references, ratio));
            continue;
        };
        let Some(definition) = Definition::new(digest(engine, &rule.doc, ratio, baseline), 1) else { continue };
        if let Some(known) = found.iter_mut().find(|known| known.definition == definition) {
            known.rules.push(place);
            continue;
        }
        found.push(Counting {
            definition,
            engine: Arc::clone(engine),
            rules: vec![place],
            case: case_of(ratio),
            baseline: name,
            indicator: ratio.indicator.clone(),
            decimals: indicator.unit.decimals(),
            days: vec![(i32::MIN, i32::MAX)],
            compare: ratio.compare,
            grain: grain_of(ratio),
            of_days: ratio.value.sum.is_none(),
            per_day: ratio.value.per_day,
            known: HashMap::new(),
        });
    }
    (found, lacking)
}

impl Counting {
    /// A counting that is new.
    #[must_use]
    pub fn since(self, day: i32) -> Self {
        Self { days: vec![(day, i32::MAX)], ..self }
    }

    /// From a day on it holds only if the rules that come into force ask for it:
    /// `now` is the same counting under their engine.
    pub fn switch(&mut self, from: i32, now: Option<Self>) {
        let mut days = std::mem::take(&mut self.days);
        days.retain(|range| range.0 < from);
        days.iter_mut().for_each(|range| range.1 = range.1.min(from));
        if let Some(now) = now {
            match days.last_mut().filter(|last| last.1 == from) {
                Some(last) => last.1 = i32::MAX,
                None => days.push((from, i32::MAX)),
            }
            *self = now;
        }
        self.days = days;
    }

    /// Whether it holds for all days of a pane.
    pub fn holds(&self, span: Span) -> bool {
        let (first, end) = (span.start().start().day(), span.end().day());
        self.days.iter().any(|range| i64::from(range.0) <= first && (range.1 == i32::MAX || end <= i64::from(range.1)))
    }

    /// What a case adds; `None`: nothing. `number`: the definition's own.
    pub fn contribution(&mut self, number: u16, case: &CaseFacts<'_>, symbols: &Interner) -> Option<Contribution> {
        let held = self.days.iter().any(|range| range.0 <= case.day && case.day < range.1);
        if case.kind.case != self.case || !held {
            return None;
        }
        let counted = case.closing.counted(number);
        if counted.is_none() && number < case.closing.row.asked {
            return None;
        }
        let cell = self.cell(case, symbols);
        let sums = match self.grain {
            Grain::Case => Sums::of(self.measure(number, case, counted, cell.as_ref())),
            Grain::Line => lines::of_case(number, case).ok()?,
        };
        if sums.is_zero() {
            return None;
        }
        let key = RowKey { department: case.department.clone(), doctor: case.doctor.clone(), cell: cell.map(|cell| cell.name) };
        let contribution = Contribution { institution: case.institution.clone(), key, day: case.day, sums: vec![sums] };
        contribution.check(&self.definition).is_ok().then_some(contribution)
    }

    /// What a case is observed to be, within the cap of its cell.
    fn measure(&self, number: u16, case: &CaseFacts<'_>, counted: Option<MaybeI64>, cell: Option<&Known>) -> Option<Measure> {
        // A bill that was never asked, or that the filter cannot tell, may be of a case of its.
        let value = counted.and_then(MaybeI64::get).filter(|_| !case.in_doubt).and_then(|_| self.value(number, case))?;
        let Some(cell) = cell else { return Measure::new(value, value, None) };
        let capped = cell.cap.map_or(value, |cap| value.min(cap));
        let ceiling = cell.ceiling.filter(|ceiling| value > *ceiling);
        let over = ceiling.map(|ceiling| Over { value, excess: (capped - ceiling).max(0) });
        Measure::new(capped, value, over)
    }

    /// Over all bills of the case, in the fixed point of the indicator.
    fn value(&self, number: u16, case: &CaseFacts<'_>) -> Option<i64> {
        let scale = 10_i128.pow(self.decimals);
        let sum = if self.of_days {
            i128::from(case.days?) * scale
        } else {
            let of_bill = |bill: &crate::state::cases::BillView<'_>| bill.counted(number).and_then(MaybeI64::get);
            case.bills.iter().try_fold(0_i128, |sum, bill| Some(sum + i128::from(of_bill(bill)?)))?
        };
        let value = if self.per_day { divide_round(sum, i128::from(case.days?)) } else { sum };
        i64::try_from(value).ok()
    }

    fn cell(&mut self, case: &CaseFacts<'_>, symbols: &Interner) -> Option<Known> {
        let key = (case.kind, case.day);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let known = self.look_up(case, symbols);
        if self.known.len() >= CELLS_KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key, known.clone());
        known
    }

    fn look_up(&self, case: &CaseFacts<'_>, symbols: &Interner) -> Option<Known> {
        let indicator = self.engine.references.baseline(&self.baseline)?.indicator(&self.indicator)?;
        let stratum = Stratum {
            disease_group: symbols.text(case.kind.disease_group),
            age: case.kind.age,
            inst_level: case.kind.level,
            setting: symbols.text(case.kind.setting),
            insutype: symbols.text(case.kind.insutype),
        };
        let (cell, ceiling) = match self.compare {
            Compare::Expected => indicator.cell(stratum, case.day.into()).map(|(_, cell)| (cell, cell.over))?,
            Compare::OverCeiling => indicator.ceiling(stratum, case.day.into()).map(|(_, cell, over)| (cell, Some(over)))?,
        };
        Some(Known { name: cell.place.to_string().into(), cap: cell.cap, ceiling: ceiling.and_then(|over| over.ceiling) })
    }
}
