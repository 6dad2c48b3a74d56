//! What a rule file says, typed: the wire form of rules, gates and packs.
//!
//! Keys, defaults and labels in both languages stand in `spec`; expressions
//! are kept as text with their place, because what their columns mean is
//! known only where they are compiled.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::time::Civil;
use crate::evaluators::contact;
use crate::reference::baseline_tables::Measure;
use crate::ruleset::code_map::CodeMap;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::departments::Departments;
use crate::ruleset::json::Json;
use crate::ruleset::words::CasePrior;
use crate::ruleset::words::CaseUnit;
use crate::ruleset::words::Compare;
use crate::ruleset::words::Expect;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Grain;
use crate::ruleset::words::GroupCase;
use crate::ruleset::words::Headline;
use crate::ruleset::words::Institutions;
use crate::ruleset::words::PaneWord;
use crate::ruleset::words::Party;
use crate::ruleset::words::RuleEvent;
use crate::ruleset::words::Severity;
use crate::ruleset::words::Status;
use crate::ruleset::words::UnitWord;
use crate::ruleset::yaml::Node;
use crate::ruleset::yaml::place_in_scalar;

/// All rule files of one folder tree.
///
/// Rules of files with mistakes are among them, so that later checks can speak
/// about the rest of the file too: a book that came with diagnostics must not
/// be put into force.
#[derive(Clone, Debug, Default)]
pub struct RuleBook {
    /// Sorted by id.
    pub packs: Vec<PackDoc>,
    /// Sorted by id, event and grain.
    pub gates: Vec<GateDoc>,
    /// Sorted by id.
    pub rules: Vec<RuleDoc>,
    pub departments: Departments,
    pub code_map: CodeMap,
}

/// A folder of rules.
#[derive(Clone, Debug)]
pub struct PackDoc {
    /// The folder's name.
    pub id: String,
    /// From `pack.yaml`, where the folder has one.
    pub title: Option<Bilingual>,
}

/// A shared named exemption.
#[derive(Clone, Debug)]
pub struct GateDoc {
    pub origin: Origin,
    /// Several gates may share an id if event or grain differ: the same
    /// exemption, told for another table.
    pub id: String,
    pub title: Bilingual,
    pub event: RuleEvent,
    pub grain: Grain,
    pub when: Sql,
    /// Whether the gate quiets a row whose condition holds; if not it only
    /// tells something about the clue.
    pub quiet: bool,
    /// Whom the clue is about where the gate holds.
    pub party: Option<Party>,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct RuleDoc {
    pub origin: Origin,
    /// Name of the folder.
    pub pack: String,
    pub id: String,
    pub version: u32,
    pub title: Bilingual,
    pub status: Status,
    pub retired_because: Option<String>,
    pub owner: String,
    pub department: DepartmentDoc,
    /// A focus of the year's special campaign.
    pub focus: Option<String>,
    pub result: Grade,
    /// Rows where it is not true are suspected; absent: all rows have `result`.
    pub clear_when: Option<Sql>,
    pub severity: Severity,
    pub problem_type: String,
    pub party: Party,
    pub event: RuleEvent,
    pub grain: Grain,
    pub evaluate: EvaluateDoc,
    /// In the file's order.
    pub params: Vec<ParamDoc>,
    /// Ids of gates.
    pub gates: Vec<String>,
    pub exempt: Vec<ExemptDoc>,
    pub data_quality: Vec<QualityDoc>,
    pub clue: ClueDoc,
    pub why: Bilingual,
    pub basis: Vec<BasisDoc>,
    pub innocent_when: Vec<Bilingual>,
    /// Violations that the rule means and the data cannot show.
    pub not_seen: Vec<Bilingual>,
    pub cases: Vec<CaseDoc>,
}

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bilingual {
    pub zh: String,
    pub en: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentDoc {
    /// Ids of departments.
    pub lead: String,
    pub copy_to: Vec<String>,
    /// Who is told only once a person has confirmed the clue.
    pub refer_if_confirmed: Vec<String>,
}

/// The kind of judging and its settings.
#[derive(Clone, Debug)]
pub enum EvaluateDoc {
    /// Each row by itself.
    Row { when: Sql },
    /// A row against the person's earlier visits; what is missing is told.
    EarlierContact(EarlierContactDoc),
    /// A supply against the person's other supplies.
    OverlappingSupply(OverlappingSupplyDoc),
    /// The cases of a group against a baseline.
    Ratio(RatioDoc),
}

/// What is counted of which cases, and when a group has too much of it.
#[derive(Clone, Debug)]
pub struct RatioDoc {
    pub compare: Compare,
    /// What is told, of [`Compare::OverCeiling`].
    pub headline: Headline,
    pub case: GroupCase,
    /// Which bills belong to cases that count: a condition over headers.
    pub cases: Sql,
    pub value: CaseValueDoc,
    /// Name in the baseline.
    pub indicator: String,
    /// Name of the baseline among the references; `None`: of those that have
    /// the indicator the one of the latest period.
    pub baseline: Option<String>,
    pub units: Vec<UnitWord>,
    pub panes: Vec<PaneWord>,
    /// Least (shrunken ratio − 1) · E of a clue, in 元 or things.
    pub min_excess: Number,
    /// Least cases, or lines, beyond the usual above the ceiling, of
    /// [`Headline::ByCase`] or [`Headline::ByLine`].
    pub min_excess_cases: u32,
}

impl RatioDoc {
    /// The ratio of its indicator that is told.
    pub fn measure(&self) -> Measure {
        match (self.compare, self.headline) {
            (Compare::Expected, _) => Measure::Expected,
            (Compare::OverCeiling, Headline::ByCase | Headline::ByLine) => Measure::OverShare,
            (Compare::OverCeiling, Headline::ByAmount) => Measure::OverAmount,
        }
    }
}

/// What one case adds.
#[derive(Clone, Debug)]
pub struct CaseValueDoc {
    /// Summed over the lines of the case's bills, or over the bills where it
    /// names header columns alone; `None`: the days of the stay, or its lines.
    pub sum: Option<Sql>,
    /// Which lines are summed, or counted; `None`: all.
    pub filter: Option<Sql>,
    /// Divided by the days of the stay, at least one.
    pub per_day: bool,
    /// Each line by itself: what is held against its ceiling, the ceiling, and
    /// the quantity that both are of. They stand together.
    pub each: Option<Sql>,
    pub ceiling: Option<Sql>,
    pub times: Option<Sql>,
}

impl CaseValueDoc {
    /// Whether lines are counted, and not cases.
    pub fn by_line(&self) -> bool {
        self.each.is_some()
    }

    /// All expressions.
    pub fn sqls(&self) -> impl Iterator<Item = &Sql> {
        [&self.sum, &self.each, &self.ceiling, &self.times, &self.filter].into_iter().flatten()
    }
}

#[derive(Clone, Debug)]
pub struct EarlierContactDoc {
    /// Which headers are judged.
    pub anchor: Sql,
    /// True where the institution itself told that it was a first visit.
    pub told_by: Option<Sql>,
    /// How long the conclusion from absence waits, in seconds of event time.
    pub wait_seconds: i64,
    /// Days before the anchor that are looked at; 0: all.
    pub lookback_days: Number,
    /// Days of complete history without which the rule is unknown.
    pub min_history_days: Number,
    pub same_disease: SameDiseaseDoc,
}

/// What makes an earlier visit one for the same disease; any of them suffices.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameDiseaseDoc {
    /// Leading characters of the ICD code that must agree; 0: not looked at.
    pub icd_characters: u32,
    /// The same disease group.
    pub groups: bool,
    /// The same entry of the chronic-disease list.
    pub chronic_list: bool,
    /// The same substance was supplied.
    pub substance: bool,
    /// The prescription continues an earlier one.
    pub init_rxno: bool,
}

#[derive(Clone, Debug)]
pub struct OverlappingSupplyDoc {
    /// Days that an earlier supply must still last.
    pub remaining_days: Number,
    /// Share of an earlier supply that must still last, 0 to 1.
    pub remaining_share: Number,
    /// Days of surplus over the whole run of supplies.
    pub surplus_days: Number,
    /// Which supplies are held against each other.
    pub institutions: Institutions,
    /// As written; [`Self::different_institutions`] is what holds.
    pub institutions_min: Option<u32>,
    /// Whether only supplies of the same substance are compared.
    pub same_substance: bool,
}

impl OverlappingSupplyDoc {
    /// How many institutions a run of supplies must at least come from.
    pub fn different_institutions(&self) -> u32 {
        match self.institutions {
            Institutions::Several => self.institutions_min.unwrap_or(2),
            Institutions::One => 1,
        }
    }
}

/// A number in a setting: written out, or one of the rule's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    Value(Decimal),
    /// The parameter's name, without `param.`.
    Param(String),
}

/// One parameter of a rule.
#[derive(Clone, Debug)]
pub struct ParamDoc {
    pub name: String,
    pub default: ParamValue,
    pub min: Option<Decimal>,
    pub max: Option<Decimal>,
    pub unit: Option<String>,
    pub note: Option<String>,
    /// By prefix of the area code, sorted by prefix; the longest match holds.
    pub by_area: Vec<(String, ParamValue)>,
    /// What holds instead of the default from a day on, as written.
    pub by_date: Vec<DatedValue>,
}

/// A parameter's value from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatedValue {
    pub from: NaiveDate,
    pub value: ParamValue,
    pub note: Option<String>,
}

impl ParamDoc {
    /// Every value that it has anywhere.
    pub fn values(&self) -> impl Iterator<Item = &ParamValue> {
        let dated = self.by_date.iter().map(|dated| &dated.value);
        std::iter::once(&self.default).chain(self.by_area.iter().map(|(_, value)| value)).chain(dated)
    }

    /// The value that holds in an area on a day since 1970-01-01; `None`: the
    /// area is not known.
    pub fn value_at(&self, area: Option<&str>, day: i64) -> &ParamValue {
        let matching = self.by_area.iter().filter(|(prefix, _)| area.is_some_and(|area| area.starts_with(prefix.as_str())));
        let since = self.by_date.iter().filter(|dated| Civil::from_date(dated.from).day() <= day);
        let elsewhere = since.max_by_key(|dated| dated.from).map_or(&self.default, |dated| &dated.value);
        matching.max_by_key(|(prefix, _)| prefix.len()).map_or(elsewhere, |(_, value)| value)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    Number(Decimal),
    Text(String),
}

/// An exemption of one rule.
#[derive(Clone, Debug)]
pub struct ExemptDoc {
    pub id: String,
    pub title: Bilingual,
    pub when: Sql,
}

impl RuleDoc {
    /// What the rule counts beside its clues: its own checks, and of a rule on
    /// earlier contact what the evaluator counts.
    pub fn quality_checks(&self) -> impl Iterator<Item = &str> {
        let of_contact = contact::CHECKS.iter().map(|(id, ..)| *id).filter(|_| matches!(self.evaluate, EvaluateDoc::EarlierContact(_)));
        self.data_quality.iter().map(|quality| quality.id.as_str()).chain(of_contact)
    }
}

/// Rows that are counted and told to nobody.
#[derive(Clone, Debug)]
pub struct QualityDoc {
    pub id: String,
    pub title: Bilingual,
    pub when: Sql,
}

/// What a clue of the rule says.
#[derive(Clone, Debug)]
pub struct ClueDoc {
    pub summary: SummaryDoc,
    /// Qualified columns whose values the clue carries, in this order.
    pub evidence: Vec<Sql>,
    pub observed: Option<Sql>,
    pub limit: Option<Sql>,
    /// Unit of `observed` and `limit`.
    pub unit: Option<Bilingual>,
    /// The offending amount in 元.
    pub money: Option<Sql>,
}

#[derive(Clone, Debug)]
pub struct SummaryDoc {
    pub zh: Template,
    pub en: Template,
}

/// A legal basis and when it was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasisDoc {
    pub text: String,
    pub article: String,
    pub issuer: String,
    /// Prefix of the area codes that it binds; empty: everywhere.
    pub area: String,
    /// The first day in force.
    pub valid_from: NaiveDate,
    /// The first day no longer in force; `None`: still in force.
    pub valid_to: Option<NaiveDate>,
    /// Whether a person compared it with the published text.
    pub verified: bool,
}

/// A test of a rule: events, and what the rule says about them.
#[derive(Clone, Debug)]
pub struct CaseDoc {
    pub name: String,
    /// Place of the case in the file.
    pub span: Range<usize>,
    pub settings: CaseSettings,
    /// In the file's order, which is no order of arrival.
    pub events: Vec<CaseEvent>,
    pub expect: Expect,
    pub grade: Option<Grade>,
    /// `vola_amt` of the clues together, in 元.
    pub money: Option<Decimal>,
    /// Ids of the checks on data quality that count something; `None`: not looked at.
    pub data_quality: Option<Vec<String>>,
}

/// What the case's feed is like, where it differs from the test's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseSettings {
    /// Since when all inputs are complete.
    pub complete_from: Option<NaiveDate>,
    /// Where the feed of prescriptions is whole from another day on.
    pub prescriptions_complete_from: Option<NaiveDate>,
    /// Go-live: earlier events build state and tell nothing.
    pub clues_from: Option<NaiveDate>,
    /// Prefixes of the areas that the feed covers.
    pub covered_areas: Option<Vec<String>>,
    pub baseline: Option<CaseBaseline>,
}

/// What is usual of any case, as written: one cell of the rule's indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseBaseline {
    pub unit: CaseUnit,
    pub n: u32,
    pub mean: Decimal,
    pub variance: Decimal,
    pub cap: Option<Decimal>,
    pub ceiling: Option<Decimal>,
    pub over_rate: Option<Decimal>,
    pub over_mean: Option<Decimal>,
    pub over_variance: Option<Decimal>,
    /// Of each institution and month of the case's events; none in the other
    /// months of their years.
    pub expected_cases: Option<Decimal>,
    pub prior: CasePrior,
}

/// One event of a case, over a valid default event of its type: only what the
/// case is about is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseEvent {
    /// `settlement` or `prescription`, a name in `events::EVENT_TYPES`.
    pub event_type: &'static str,
    /// So many events alike, each with its own number and visit.
    pub times: u32,
    pub header: Row,
    /// Empty: the default event's one line.
    pub lines: Vec<Row>,
    /// `None`: the default event's diagnoses.
    pub diagnoses: Option<Vec<Row>>,
    pub operations: Vec<Row>,
}

/// Fields as written, in the file's order, spelled as written.
pub type Row = Vec<(String, Json)>;

/// An SQL expression as written, and where.
#[derive(Clone)]
pub struct Sql {
    pub text: String,
    /// Bytes of the YAML scalar in the file, quotes included.
    pub span: Range<usize>,
    pub source: Arc<SourceText>,
}

/// A text with `{column}` placeholders, and where it was written.
pub type Template = Sql;

impl Sql {
    /// The bytes of the file at which a range of the expression's text was
    /// written; the whole scalar where the two do not correspond.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        place_in_scalar(&self.source.text, &self.span, &self.text, range)
    }

    /// The byte of the text at a line and column, both from 1 and the column
    /// counted in characters, as SQL parsers tell places; the text's end where
    /// there is no such place.
    pub fn offset(&self, line: u64, column: u64) -> usize {
        let skip = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(text) = self.text.split_inclusive('\n').nth(skip(line)) else { return self.text.len() };
        let start: usize = self.text.split_inclusive('\n').take(skip(line)).map(str::len).sum();
        text.char_indices().nth(skip(column)).map_or(start + text.trim_end().len(), |(at, _)| start + at)
    }

    /// A mistake in a range of the expression's text.
    pub fn diagnostic(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.source, self.place(range), message)
    }

    /// The texts between `{` and `}` with the range of each, braces not included.
    /// A brace without its fellow ends the list with `Err` of its place.
    pub fn placeholders(&self) -> Vec<Result<(Range<usize>, &str), usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(next) = self.text.get(at..).and_then(|rest| rest.find(['{', '}'])) {
            let open = at + next;
            let inner = self.text.get(open + 1..).unwrap_or_default();
            let opens = self.text.as_bytes().get(open) == Some(&b'{');
            match inner.find(['{', '}']) {
                Some(len) if opens && inner.as_bytes().get(len) == Some(&b'}') => {
                    found.push(Ok((open + 1..open + 1 + len, inner.get(..len).unwrap_or_default())));
                    at = open + len + 2;
                }
                _ => {
                    found.push(Err(open));
                    break;
                }
            }
        }
        found
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// Equal if the texts are, wherever they stand.
impl PartialEq for Sql {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Sql {}

/// Where a doc was read, for later checks that speak about its parts.
#[derive(Clone)]
pub struct Origin {
    pub source: Arc<SourceText>,
    pub(crate) node: Arc<Node>,
    /// Top-level keys that are missing or have a mistake inside; what the doc
    /// says there is a neutral stand-in.
    pub(crate) malformed: BTreeSet<String>,
}

impl Origin {
    /// Place of a part: keys and list indices, joined by dots
    /// (`basis.0.valid_to`). A part that is not written has the place of the
    /// nearest part around it that is.
    pub fn at(&self, path: &str) -> Range<usize> {
        self.node.at(path)
    }

    /// Whether nothing under a top-level key can be relied on.
    pub fn is_malformed(&self, key: &str) -> bool {
        self.malformed.contains(key)
    }

    /// Whether a part is written.
    pub fn has(&self, path: &str) -> bool {
        let written = path.split('.').try_fold(self.node.as_ref(), |node, key| node.get(key));
        written.is_some_and(|node| !node.is_null())
    }

    /// A mistake in a part of the doc.
    pub fn diagnostic(&self, path: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.source, self.at(path), message)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.name)
    }
}

impl RuleBook {
    pub fn rule(&self, id: &str) -> Option<&RuleDoc> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok().and_then(|idx| self.rules.get(idx))
    }

    /// The gate a rule of this event and grain means by `id`: one of its own
    /// grain, else one of the header around it.
    pub fn gate(&self, id: &str, event: RuleEvent, grain: Grain) -> Option<&GateDoc> {
        let of_grain = |grain| self.gates.iter().find(|gate| gate.id == id && gate.event == event && gate.grain == grain);
        let within_header = matches!(grain, Grain::Line | Grain::Case);
        of_grain(grain).or_else(|| if within_header { of_grain(Grain::Header) } else { None })
    }
}
