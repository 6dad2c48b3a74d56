//! One evaluation of a program: each node is computed when first asked for,
//! and only where its value can still matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::BooleanBufferBuilder;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::array::UInt16Array;
use arrow::array::UInt32Array;
use arrow::array::cast::AsArray as _;
use arrow::array::new_null_array;
use arrow::buffer::NullBuffer;
use arrow::compute::and_kleene;
use arrow::compute::or_kleene;
use arrow::compute::take;
use datafusion_common::Result;

use super::builder::OutputId;
use super::columns::Grain;
use super::graph::NodeId;
use super::graph::Op;
use super::graph::Physical;
use super::kernels;
use super::kernels::Operand;
use super::program::Input;
use super::program::Program;

/// A condition is computed for the rows in question alone once at most one
/// row in so many is: copying those rows then costs little beside it.
const NARROW_FROM: usize = 4;

/// One evaluation; a node's value is computed when first asked for.
#[derive(Debug)]
pub struct Run<'a> {
    program: &'a Program,
    input: &'a Input<'a>,
    values: Vec<Option<Operand>>,
    /// By text node: which of its words each row is.
    numbers: BTreeMap<NodeId, UInt16Array>,
    /// The rows in question, each list a part of the one before; all of one grain.
    narrowed: Vec<Narrowed>,
}

/// Some rows of one grain, and what was computed for them alone.
#[derive(Debug)]
struct Narrowed {
    grain: Grain,
    /// Places among the rows that these are a part of.
    rows: UInt32Array,
    /// Places among all rows.
    all: UInt32Array,
    /// The header row of each, if they are lines.
    parents: UInt32Array,
    values: BTreeMap<NodeId, Operand>,
}

impl<'a> Run<'a> {
    pub(super) fn new(program: &'a Program, input: &'a Input<'a>) -> Self {
        Self { program, input, values: vec![None; program.nodes.len()], numbers: BTreeMap::new(), narrowed: Vec::new() }
    }

    /// The column of an output, with the rows of the grain it was asked for.
    pub fn output(&mut self, output: OutputId) -> ArrayRef {
        let id = self.program.outputs[output.0];
        self.value(id).spread(self.rows(id))
    }

    /// An output at some rows of its grain, in their order.
    ///
    /// # Panics
    /// If a row is not in the input.
    pub fn output_at(&mut self, output: OutputId, rows: &UInt32Array) -> ArrayRef {
        let id = self.program.outputs[output.0];
        if rows.len() * NARROW_FROM > self.rows(id) || self.is_known(id) {
            return picked(&self.output(output), rows);
        }
        self.within(self.program.nodes[id].grain, rows.clone(), |run| run.value(id).spread(rows.len()))
    }

    /// Computes what is asked for rows of the present ones alone.
    fn within<T>(&mut self, grain: Grain, rows: UInt32Array, then: impl FnOnce(&mut Self) -> T) -> T {
        let parents = match grain {
            Grain::Line => parents_of(&rows, self.parents()),
            Grain::Header => UInt32Array::from(Vec::<u32>::new()),
        };
        let all = match self.narrowed.last() {
            Some(narrowed) => picked(&narrowed.all, &rows).as_primitive().clone(),
            None => rows.clone(),
        };
        self.narrowed.push(Narrowed { grain, rows, all, parents, values: BTreeMap::new() });
        let value = then(self);
        self.narrowed.pop();
        value
    }

    fn parents(&self) -> &UInt32Array {
        self.narrowed.last().map_or(self.input.parents, |narrowed| &narrowed.parents)
    }

    pub(super) fn rows(&self, id: NodeId) -> usize {
        let grain = self.program.nodes[id].grain;
        match self.narrowed.last() {
            Some(narrowed) if narrowed.grain == grain => narrowed.rows.len(),
            _ => self.input.rows(grain),
        }
    }

    /// Whether the node was computed, for all rows or for some that hold the
    /// present ones.
    fn is_known(&self, id: NodeId) -> bool {
        self.values[id].is_some() || self.narrowed.iter().any(|narrowed| narrowed.values.contains_key(&id))
    }

    /// The node's value at the present rows; of a header, where lines are in
    /// question, at all rows.
    pub(super) fn value(&mut self, id: NodeId) -> Operand {
        let Some(narrowed) = self.narrowed.last() else {
            if let Some(value) = &self.values[id] {
                return value.clone();
            }
            let value = self.compute(id);
            self.values[id] = Some(value.clone());
            return value;
        };
        if let Some(value) = narrowed.values.get(&id) {
            return value.clone();
        }
        let node = &self.program.nodes[id];
        let of_other_grain = node.grain != narrowed.grain;
        let value = if of_other_grain || self.is_known(id) {
            let narrowed = self.narrowed.pop();
            let whole = self.value(id);
            let value = match &narrowed {
                Some(narrowed) if !of_other_grain && !whole.scalar => Operand::column(picked(&whole.array, &narrowed.rows)),
                _ => whole,
            };
            self.narrowed.extend(narrowed);
            value
        } else {
            self.compute(id)
        };
        if let Some(narrowed) = self.narrowed.last_mut().filter(|_| !of_other_grain) {
            narrowed.values.insert(id, value.clone());
        }
        value
    }

    fn compute(&mut self, id: NodeId) -> Operand {
        let program = self.program;
        let node = &program.nodes[id];
        let rows = self.rows(id);
        match &node.op {
            Op::Column(position) => Operand::column(self.column(program.slots[position], rows)),
            Op::Literal(value) => {
                let array = value.to_array().unwrap_or_else(|_| new_null_array(&node.data_type, 1));
                Operand { array, scalar: true }
            }
            Op::All(parts) => Operand::column(Arc::new(self.junction(node.grain, parts, rows, false))),
            Op::Any(parts) => Operand::column(Arc::new(self.junction(node.grain, parts, rows, true))),
            Op::OneOf { of, words, negated } if program.words[of].pays() && (self.narrowed.is_empty() || self.numbers.contains_key(of)) => {
                Operand::column(Arc::new(self.one_of(*of, words, *negated)))
            }
            op => {
                let inputs: Vec<Operand> = node.inputs.iter().map(|input| self.value(*input)).collect();
                let parents = self.parents();
                let kernel = |inputs: &[Operand], rows: usize| apply(op, node.physical.as_ref(), parents, inputs, rows);
                if let Op::Spread(_) = op {
                    return Operand::column(kernel(&inputs, rows).unwrap_or_else(|error| panic!("header rows of lines: {error}")));
                }
                Operand::column(kernels::guarded(&inputs, rows, &node.data_type, &kernel))
            }
        }
    }

    fn column(&self, slot: usize, rows: usize) -> ArrayRef {
        let array = match self.narrowed.last() {
            Some(narrowed) => self.input.columns.column_at(slot, &narrowed.all),
            None => self.input.columns.column(slot),
        };
        let def = &self.program.columns()[slot];
        assert_eq!(array.len(), rows, "rows of {}", def.name);
        assert_eq!(*array.data_type(), def.data_type, "type of {}", def.name);
        array
    }

    /// The rows' words are looked up once for all conditions on the same text.
    fn one_of(&mut self, of: NodeId, among: &[String], negated: bool) -> BooleanArray {
        let words = &self.program.words[&of];
        if !self.numbers.contains_key(&of) {
            let text = self.value(of).spread(self.rows(of));
            self.numbers.insert(of, words.numbers(text.as_string()));
        }
        let numbers = &self.numbers[&of];
        match self.narrowed.last() {
            Some(narrowed) => words.any_of(picked(numbers, &narrowed.all).as_primitive(), among, negated),
            None => words.any_of(numbers, among, negated),
        }
    }

    /// Kleene AND (or OR), part by part until no later part can matter, each
    /// for the rows that those before it leave undecided, once these are few.
    fn junction(&mut self, grain: Grain, parts: &[NodeId], rows: usize, any: bool) -> BooleanArray {
        let mut joined: Option<BooleanArray> = None;
        for (place, part) in parts.iter().enumerate() {
            let next = self.value(*part).spread(rows);
            let next = next.as_boolean();
            let now = match joined {
                None => next.clone(),
                Some(before) => both(&before, next, any),
            };
            let rest = &parts[place + 1..];
            let undecided = rows - decided(&now, any);
            if undecided == 0 || rest.is_empty() {
                return now;
            }
            if undecided * NARROW_FROM <= rows && rest.iter().any(|part| !self.is_known(*part)) {
                let few = (0..rows).filter(|row| now.is_null(*row) || now.value(*row) != any);
                let few = UInt32Array::from_iter_values(few.map(|row| u32::try_from(row).unwrap_or(u32::MAX)));
                let before = picked(&now, &few);
                let after = self.within(grain, few.clone(), |run| run.junction(grain, rest, few.len(), any));
                return scattered(&both(before.as_boolean(), &after, any), &few, rows, any);
            }
            joined = Some(now);
        }
        joined.unwrap_or_else(|| BooleanArray::from(vec![!any; rows]))
    }
}

fn both(before: &BooleanArray, next: &BooleanArray, any: bool) -> BooleanArray {
    let result = if any { or_kleene(before, next) } else { and_kleene(before, next) };
    result.unwrap_or_else(|error| panic!("conditions of one grain have one length: {error}"))
}

/// Rows that no other part can change: false in an AND, true in an OR.
fn decided(mask: &BooleanArray, any: bool) -> usize {
    if any { mask.true_count() } else { mask.false_count() }
}

fn picked(array: &dyn arrow::array::Array, rows: &UInt32Array) -> ArrayRef {
    take(array, rows, None).unwrap_or_else(|error| panic!("rows of the column: {error}"))
}

fn parents_of(rows: &UInt32Array, parents: &UInt32Array) -> UInt32Array {
    UInt32Array::from_iter_values(rows.values().iter().map(|row| parents.value(*row as usize)))
}

/// The values of few rows, and `others` everywhere else.
fn scattered(few: &BooleanArray, at: &UInt32Array, rows: usize, others: bool) -> BooleanArray {
    let all = |value: bool| {
        let mut bits = BooleanBufferBuilder::new(rows);
        bits.append_n(rows, value);
        bits
    };
    let (mut values, mut valid) = (all(others), all(true));
    for (place, row) in at.values().iter().enumerate() {
        values.set_bit(*row as usize, few.value(place));
        valid.set_bit(*row as usize, few.is_valid(place));
    }
    BooleanArray::new(values.finish(), (few.null_count() > 0).then(|| NullBuffer::new(valid.finish())))
}

pub(super) fn apply(op: &Op, physical: Option<&Physical>, parents: &UInt32Array, inputs: &[Operand], rows: usize) -> Result<ArrayRef> {
    let booleans = || inputs[0].array.as_boolean();
    match op {
        Op::Spread(_) if inputs[0].scalar => Ok(inputs[0].spread(rows)),
        Op::Spread(_) => Ok(arrow::compute::take(&inputs[0].array, parents, None)?),
        Op::Not(_) => Ok(Arc::new(arrow::compute::not(booleans())?)),
        Op::IsNull { negated: false, .. } => Ok(Arc::new(arrow::compute::is_null(&inputs[0].array)?)),
        Op::IsNull { negated: true, .. } => Ok(Arc::new(arrow::compute::is_not_null(&inputs[0].array)?)),
        Op::Truth { value, negated, .. } => Ok(Arc::new(kernels::truth(booleans(), *value, *negated))),
        Op::Compare(op, ..) => kernels::compare(*op, inputs),
        Op::OneOf { words, negated, .. } => kernels::one_of(inputs, words, *negated),
        Op::Arithmetic(op, ..) => kernels::arithmetic(*op, inputs),
        Op::Negate(_) => kernels::negate(inputs),
        Op::Cast(_, to) => kernels::cast(inputs, to),
        Op::Other(expr) => {
            if let Some(part) = kernels::part_of_text(expr, inputs) {
                return part;
            }
            let physical = physical.unwrap_or_else(|| panic!("planned when it was added"));
            let arrays = inputs.iter().map(|input| input.spread(rows)).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&physical.schema), arrays, &options)?;
            physical.expr.evaluate(&batch)?.into_array(rows)
        }
        Op::Column(_) | Op::Literal(_) | Op::All(_) | Op::Any(_) => unreachable!("computed without inputs"),
    }
}
