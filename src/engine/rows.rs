//! Judges the rows of one table by all row rules at once, and collects what
//! the rows that became hits carry.

use std::collections::BTreeMap;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::UInt32Array;

use crate::base::decimal::Decimal;
use crate::clues::finding::Scalar;
use crate::engine::effects::RuleTally;
use crate::engine::meter::Laps;
use crate::engine::scalars::scalar_at;
use crate::expr::Grain;
use crate::expr::Input;
use crate::expr::OutputId;
use crate::expr::Program;
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

/// Whether any gate or exemption of a rule excuses the row: `None` where one
/// is unknown and none holds.
pub fn excused(rule: &RowRule, masks: &[ArrayRef], row: usize) -> Option<bool> {
    let outcomes = || rule.excuses.iter().filter(|excuse| excuse.quiet).map(|excuse| at(mask(masks, excuse.output), row));
    if outcomes().any(|holds| holds == Some(true)) {
        return Some(true);
    }
    outcomes().all(|holds| holds.is_some()).then_some(false)
}

/// Judges all rows, and counts how those that enter came out; hits come in the order of rules, then rows.
pub fn judge(
    set: &RuleSet,
    table: &TablePrograms,
    rows: &Rows<'_>,
    laps: &mut Laps,
    tallies: &mut BTreeMap<String, RuleTally>,
) -> (Vec<RowHit>, Vec<ArrayRef>) {
    let columns = columns_for(&table.masks, rows);
    let input = Input { columns: &columns, header_rows: rows.header_rows, parents: rows.parents };
    let masks = table.masks.evaluate(&input);
    laps.shared(set, &table.mask_shares, tallies);
    let mut hits = Vec::new();
    for place in &table.rules {
        let rule = &set.rules[*place];
        if let Some(row_rule) = &rule.row {
            let tally = tallies.entry(rule.doc.id.clone()).or_default();
            let found = Judge { place: *place, rule: row_rule, masks: &masks, rows, tally };
            hits.extend(found.hits());
            laps.of_rule(set, *place, tallies);
        }
    }
    carry(set, table, rows, &mut hits);
    laps.shared(set, &table.detail_shares, tallies);
    (hits, masks)
}

/// A mask by its output.
pub fn mask(masks: &[ArrayRef], output: OutputId) -> &BooleanArray {
    let array = masks.get(output.0).and_then(|array| array.as_any().downcast_ref());
    array.unwrap_or_else(|| panic!("output {} is not a mask", output.0))
}

fn columns_for(program: &Program, rows: &Rows<'_>) -> Vec<ArrayRef> {
    let lines = rows.parents.len();
    let of = |column: &crate::expr::ColumnDef| {
        let count = if column.grain == Grain::Line { lines } else { rows.header_rows };
        (rows.column)(&column.name).unwrap_or_else(|| arrow::array::new_null_array(&column.data_type, count))
    };
    program.columns().iter().map(of).collect()
}

struct Judge<'a> {
    place: usize,
    rule: &'a RowRule,
    masks: &'a [ArrayRef],
    rows: &'a Rows<'a>,
    tally: &'a mut RuleTally,
}

impl Judge<'_> {
    fn hits(self) -> Vec<RowHit> {
        let condition = mask(self.masks, self.rule.condition);
        let parent = |row: usize| if self.rule.line_grain { self.rows.parents.value(row) as usize } else { row };
        let judged = |row: usize| (self.rows.judged)(parent(row));
        let enters = |row: usize| (self.rows.enters)(parent(row));
        let unknown = if condition.null_count() == 0 {
            0
        } else {
            (0..condition.len()).filter(|row| condition.is_null(*row) && judged(*row) && enters(*row)).count() as u64
        };
        self.tally.count_unknown("condition", unknown);
        if condition.true_count() == 0 {
            return Vec::new();
        }
        let held: Vec<usize> =
            (0..condition.len()).filter(|row| condition.is_valid(*row) && condition.value(*row) && judged(*row)).collect();
        let mut hits = Vec::new();
        for row in held {
            let excuses: Vec<Option<bool>> = self.rule.excuses.iter().map(|excuse| at(mask(self.masks, excuse.output), row)).collect();
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
            if !(self.rows.in_force)(self.place, header, line) {
                self.tally.count_unknown("no_basis_in_force", u64::from(enters(row)));
                continue;
            }
            self.tally.hits += u64::from(enters(row));
            let clear = self.rule.clear_when.is_none_or(|output| at(mask(self.masks, output), row) == Some(true));
            hits.push(RowHit { header, line, clear, excuses, ..RowHit::new(self.place) });
        }
        hits
    }
}

fn at(mask: &BooleanArray, row: usize) -> Option<bool> {
    mask.is_valid(row).then(|| mask.value(row))
}

/// Evaluates what the clues carry, over the rows of the hits alone.
pub fn carry(set: &RuleSet, table: &TablePrograms, rows: &Rows<'_>, hits: &mut [RowHit]) {
    if hits.is_empty() {
        return;
    }
    let idx = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let headers = UInt32Array::from_iter_values(hits.iter().map(|hit| idx(hit.header)));
    let lines: UInt32Array = hits.iter().map(|hit| hit.line.map(idx)).collect();
    let columns: Vec<ArrayRef> = columns_for(&table.details, rows)
        .iter()
        .zip(table.details.columns())
        .map(|(array, column)| {
            let picked = if column.grain == Grain::Line { &lines } else { &headers };
            arrow::compute::take(array, picked, None).unwrap_or_else(|_| arrow::array::new_null_array(&column.data_type, hits.len()))
        })
        .collect();
    let parents = UInt32Array::from_iter_values(0..idx(hits.len()));
    let details = table.details.evaluate(&Input { columns: &columns, header_rows: hits.len(), parents: &parents });
    for (row, hit) in hits.iter_mut().enumerate() {
        let Some(rule) = set.rules[hit.rule].row.as_ref() else { continue };
        let value = |output: OutputId| scalar_at(&details[output.0], row);
        hit.values = rule.details.values.iter().map(|(name, output)| (name.clone(), value(*output))).collect();
        hit.observed = rule.details.observed.map(value);
        hit.limit = rule.details.limit.map(value);
        hit.money = rule.details.money.map(value).and_then(|money| match money {
            Scalar::Number(amount) => Some(amount),
            Scalar::Integer(amount) => Some(Decimal::new(i128::from(amount), 0)),
            _ => None,
        });
    }
}
