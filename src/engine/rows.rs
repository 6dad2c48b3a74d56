//! Judges the rows of one table by all row rules at once, and collects what
//! the rows that became hits carry.

use std::collections::BTreeMap;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::UInt32Array;
use arrow::array::new_null_array;

use crate::base::decimal::Decimal;
use crate::clues::finding::Scalar;
use crate::engine::effects::RuleTally;
use crate::engine::meter::Laps;
use crate::engine::scalars::scalar_at;
use crate::expr::Grain;
use crate::expr::Input;
use crate::expr::OutputId;
use crate::expr::Program;
use crate::expr::Run;
use crate::expr::Source;
use crate::ruleset::compile::RowRule;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::compile::TablePrograms;

/// The rows of a table as the judge sees them.
pub struct Rows<'a> {
    pub header_rows: usize,
    /// Header row of each line.
    pub parents: &'a UInt32Array,
    /// A column by its qualified name, with as many rows as its grain has.
    pub column: &'a dyn Fn(&str) -> Option<ArrayRef>,
    /// The same at some rows alone; NULL where a row is.
    pub picked: &'a dyn Fn(&str, &UInt32Array) -> Option<ArrayRef>,
    /// Whether a header row is judged at all (events before go-live are not).
    pub judged: &'a dyn Fn(usize) -> bool,
    /// Whether a header row is new: one that was judged before does not count again.
    pub enters: &'a dyn Fn(usize) -> bool,
    /// Whether the rule has a basis in force for this row; `line` is `None`
    /// for rules over headers.
    pub in_force: &'a dyn Fn(usize, usize, Option<usize>) -> bool,
}

/// A row that a rule holds against somebody.
#[derive(Clone, Debug)]
pub struct RowHit {
    /// Place in [`RuleSet::rules`].
    pub rule: usize,
    pub header: usize,
    pub line: Option<usize>,
    pub clear: bool,
    /// How each gate and exemption came out, in the rule's order.
    pub excuses: Vec<Option<bool>>,
    pub values: Vec<(String, Scalar)>,
    pub observed: Option<Scalar>,
    pub limit: Option<Scalar>,
    pub money: Option<Decimal>,
}

impl RowHit {
    pub fn new(rule: usize) -> Self {
        Self {
            rule,
            header: 0,
            line: None,
            clear: false,
            excuses: Vec::new(),
            values: Vec::new(),
            observed: None,
            limit: None,
            money: None,
        }
    }
}

/// Whether any gate or exemption of a rule excuses each row: NULL where one is
/// unknown and none holds.
pub fn excused(rule: &RowRule, table: &TablePrograms, rows: &Rows<'_>) -> BooleanArray {
    let columns = Columns { program: &table.masks, rows };
    let input = Input { columns: &columns, header_rows: rows.header_rows, parents: rows.parents };
    let mut run = table.masks.run(&input);
    let quiets = rule.excuses.iter().filter(|excuse| excuse.quiet);
    let masks: Vec<ArrayRef> = quiets.map(|excuse| run.output(excuse.output)).collect();
    let outcome = |row: usize| {
        let outcomes = || masks.iter().map(|mask| at(as_mask(mask), row));
        if outcomes().any(|holds| holds == Some(true)) {
            return Some(true);
        }
        outcomes().all(|holds| holds.is_some()).then_some(false)
    };
    (0..rows.header_rows).map(outcome).collect()
}

/// A rule, and the rows that it may concern; `None`: all.
pub struct Concern {
    /// Place in [`RuleSet::rules`].
    pub rule: usize,
    pub rows: Option<UInt32Array>,
}

impl Concern {
    /// Each of some rules may concern every row.
    pub fn everywhere(rules: &[usize]) -> Vec<Self> {
        rules.iter().map(|rule| Self { rule: *rule, rows: None }).collect()
    }

    fn row(&self, place: usize) -> usize {
        self.rows.as_ref().map_or(place, |rows| rows.value(place) as usize)
    }
}

/// Judges rows by the rules that may concern them, and counts how those that enter came out;
/// hits come in the order of rules, then rows.
pub fn judge(
    set: &RuleSet,
    table: &TablePrograms,
    by: &[Concern],
    rows: &Rows<'_>,
    laps: &mut Laps,
    tallies: &mut BTreeMap<String, RuleTally>,
) -> Vec<RowHit> {
    let columns = Columns { program: &table.masks, rows };
    let input = Input { columns: &columns, header_rows: rows.header_rows, parents: rows.parents };
    let mut masks = table.masks.run(&input);
    laps.shared(set, &table.mask_shares, tallies);
    let mut hits = Vec::new();
    for concern in by {
        let rule = &set.rules[concern.rule];
        if let Some(row_rule) = &rule.row {
            let tally = tallies.entry(rule.doc.id.clone()).or_default();
            hits.extend(Judge { concern, rule: row_rule, rows, tally }.hits(&mut masks));
            laps.of_rule(set, concern.rule, tallies);
        }
    }
    carry(set, table, rows, &mut hits);
    laps.shared(set, &table.detail_shares, tallies);
    hits
}

/// A mask by its output.
pub fn mask(masks: &[ArrayRef], output: OutputId) -> &BooleanArray {
    as_mask(&masks[output.0])
}

fn as_mask(array: &ArrayRef) -> &BooleanArray {
    array.as_any().downcast_ref().unwrap_or_else(|| panic!("a condition is not of {}", array.data_type()))
}

/// The columns of all rows, as a program asks for them.
struct Columns<'a> {
    program: &'a Program,
    rows: &'a Rows<'a>,
}

impl Source for Columns<'_> {
    fn column(&self, slot: usize) -> ArrayRef {
        let def = &self.program.columns()[slot];
        let rows = if def.grain == Grain::Line { self.rows.parents.len() } else { self.rows.header_rows };
        (self.rows.column)(&def.name).unwrap_or_else(|| new_null_array(&def.data_type, rows))
    }

    fn column_at(&self, slot: usize, rows: &UInt32Array) -> ArrayRef {
        let def = &self.program.columns()[slot];
        (self.rows.picked)(&def.name, rows).unwrap_or_else(|| new_null_array(&def.data_type, rows.len()))
    }
}

/// The columns of hits alone, a row for each.
struct OfHits<'a> {
    program: &'a Program,
    rows: &'a Rows<'a>,
    headers: UInt32Array,
    lines: UInt32Array,
}

impl Source for OfHits<'_> {
    fn column(&self, slot: usize) -> ArrayRef {
        let def = &self.program.columns()[slot];
        let rows = if def.grain == Grain::Line { &self.lines } else { &self.headers };
        (self.rows.picked)(&def.name, rows).unwrap_or_else(|| new_null_array(&def.data_type, rows.len()))
    }
}

struct Judge<'a> {
    concern: &'a Concern,
    rule: &'a RowRule,
    rows: &'a Rows<'a>,
    tally: &'a mut RuleTally,
}

impl Judge<'_> {
    /// Gates and exemptions are asked only where some row's condition holds.
    fn hits(mut self, masks: &mut Run<'_>) -> Vec<RowHit> {
        for (check, output) in &self.rule.quality {
            let mask = self.asked(masks, *output);
            let mask = as_mask(&mask);
            if mask.true_count() == 0 {
                continue;
            }
            let parent = |row: usize| if self.rule.line_grain { self.rows.parents.value(row) as usize } else { row };
            let counts = |row: &usize| (self.rows.judged)(parent(*row)) && (self.rows.enters)(parent(*row));
            let held = (0..mask.len()).filter(|place| at(mask, *place) == Some(true)).map(|place| self.concern.row(place));
            let rows = held.filter(counts).count() as u64;
            self.tally.count_quality(check, rows);
        }
        self.held(masks)
    }

    /// An output at the rows that the rule may concern.
    fn asked(&self, masks: &mut Run<'_>, output: OutputId) -> ArrayRef {
        match &self.concern.rows {
            Some(rows) => masks.output_at(output, rows),
            None => masks.output(output),
        }
    }

    fn held(&mut self, masks: &mut Run<'_>) -> Vec<RowHit> {
        let condition = self.asked(masks, self.rule.condition);
        let condition = as_mask(&condition);
        let row = |place: usize| self.concern.row(place);
        let parent = |row: usize| if self.rule.line_grain { self.rows.parents.value(row) as usize } else { row };
        let judged = |row: usize| (self.rows.judged)(parent(row));
        let enters = |row: usize| (self.rows.enters)(parent(row));
        let unknown = if condition.null_count() == 0 {
            0
        } else {
            (0..condition.len()).filter(|place| condition.is_null(*place)).map(row).filter(|row| judged(*row) && enters(*row)).count()
                as u64
        };
        self.tally.count_unknown("condition", unknown);
        if condition.true_count() == 0 {
            return Vec::new();
        }
        let held: Vec<usize> = (0..condition.len())
            .filter(|place| condition.is_valid(*place) && condition.value(*place))
            .map(row)
            .filter(|row| judged(*row))
            .collect();
        if held.is_empty() {
            return Vec::new();
        }
        let few = UInt32Array::from_iter_values(held.iter().map(|row| idx(*row)));
        let outcomes: Vec<ArrayRef> = self.rule.excuses.iter().map(|excuse| masks.output_at(excuse.output, &few)).collect();
        let clear_when = self.rule.clear_when.map(|output| masks.output_at(output, &few));
        let mut hits = Vec::new();
        for (place, row) in held.into_iter().enumerate() {
            let excuses: Vec<Option<bool>> = outcomes.iter().map(|outcome| at(as_mask(outcome), place)).collect();
            let quiets = || self.rule.excuses.iter().zip(&excuses).filter(|(excuse, _)| excuse.quiet);
            if quiets().any(|(_, holds)| *holds == Some(true)) {
                self.tally.excused += u64::from(enters(row));
                continue;
            }
            if let Some((excuse, _)) = quiets().find(|(_, holds)| holds.is_none()) {
                self.tally.count_unknown(&excuse.id, u64::from(enters(row)));
                continue;
            }
            let (header, line) = if self.rule.line_grain { (parent(row), Some(row)) } else { (row, None) };
            if !(self.rows.in_force)(self.concern.rule, header, line) {
                self.tally.count_unknown("no_basis_in_force", u64::from(enters(row)));
                continue;
            }
            self.tally.hits += u64::from(enters(row));
            let clear = clear_when.as_ref().is_none_or(|mask| at(as_mask(mask), place) == Some(true));
            hits.push(RowHit { header, line, clear, excuses, ..RowHit::new(self.concern.rule) });
        }
        hits
    }
}

fn idx(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

fn at(mask: &BooleanArray, row: usize) -> Option<bool> {
    mask.is_valid(row).then(|| mask.value(row))
}

/// Evaluates what the clues carry, rule by rule over the rows of its hits alone.
pub fn carry(set: &RuleSet, table: &TablePrograms, rows: &Rows<'_>, hits: &mut [RowHit]) {
    for hits in hits.chunk_by_mut(|one, other| one.rule == other.rule) {
        let Some(rule) = set.rules[hits[0].rule].row.as_ref() else { continue };
        let headers = UInt32Array::from_iter_values(hits.iter().map(|hit| idx(hit.header)));
        let lines: UInt32Array = hits.iter().map(|hit| hit.line.map(idx)).collect();
        let columns = OfHits { program: &table.details, rows, headers, lines };
        let parents = UInt32Array::from_iter_values(0..idx(hits.len()));
        let input = Input { columns: &columns, header_rows: hits.len(), parents: &parents };
        let mut run = table.details.run(&input);
        let values: Vec<(&String, ArrayRef)> = rule.details.values.iter().map(|(name, output)| (name, run.output(*output))).collect();
        let [observed, limit, money] =
            [rule.details.observed, rule.details.limit, rule.details.money].map(|output| output.map(|output| run.output(output)));
        for (row, hit) in hits.iter_mut().enumerate() {
            let value = |array: &ArrayRef| scalar_at(array, row);
            hit.values = values.iter().map(|(name, array)| ((*name).clone(), value(array))).collect();
            hit.observed = observed.as_ref().map(value);
            hit.limit = limit.as_ref().map(value);
            hit.money = money.as_ref().map(value).and_then(|money| match money {
                Scalar::Number(amount) => Some(amount),
                Scalar::Integer(amount) => Some(Decimal::new(i128::from(amount), 0)),
                _ => None,
            });
        }
    }
}

/// A whole column at some rows.
pub fn pick(column: Option<&ArrayRef>, at: &UInt32Array) -> Option<ArrayRef> {
    arrow::compute::take(column?, at, None).ok()
}
