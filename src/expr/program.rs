//! Evaluation of a graph over a batch.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::array::UInt16Array;
use arrow::array::UInt32Array;
use arrow::array::cast::AsArray as _;
use arrow::array::new_null_array;
use arrow::compute::and_kleene;
use arrow::compute::or_kleene;
use datafusion_common::Result;

use super::builder::OutputId;
use super::columns::ColumnDef;
use super::columns::Grain;
use super::graph::Node;
use super::graph::NodeId;
use super::graph::Op;
use super::graph::Physical;
use super::kernels;
use super::kernels::Operand;
use super::text;
use super::words::Words;

/// All expressions of a rule set over one list of columns.
#[derive(Debug)]
pub struct Program {
    nodes: Vec<Node>,
    outputs: Vec<NodeId>,
    columns: Vec<ColumnDef>,
    /// Position in the list that expressions were typed over -> position in `columns`.
    slots: BTreeMap<usize, usize>,
    /// By text node: all the words that any condition compares it with.
    words: BTreeMap<NodeId, Words>,
    /// Nodes that an output is made of; others were replaced while building.
    used: usize,
}

/// The columns of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// One array for each of [`Program::columns`], in that order, of that type,
    /// with as many rows as its grain has; an empty one where no output that is
    /// asked for needs it.
    pub columns: &'a [ArrayRef],
    pub header_rows: usize,
    /// The header row of each line; its length is the number of lines. Without NULLs.
    pub parents: &'a UInt32Array,
}

impl Input<'_> {
    fn rows(&self, grain: Grain) -> usize {
        match grain {
            Grain::Header => self.header_rows,
            Grain::Line => self.parents.len(),
        }
    }
}

impl Program {
    pub(super) fn new(nodes: Vec<Node>, outputs: Vec<NodeId>, columns: Vec<ColumnDef>, slots: BTreeMap<usize, usize>, used: usize) -> Self {
        let mut words: BTreeMap<NodeId, BTreeSet<&str>> = BTreeMap::new();
        for node in &nodes {
            if let Op::OneOf { of, words: own, .. } = &node.op {
                words.entry(*of).or_default().extend(own.iter().map(String::as_str));
            }
        }
        let words = words.into_iter().map(|(of, all)| (of, Words::new(all))).collect();
        Self { nodes, outputs, columns, slots, words, used }
    }

    /// The columns that are needed, no others; [`Input::columns`] follows this order.
    pub fn columns(&self) -> &[ColumnDef] {
        &self.columns
    }

    /// Distinct sub-expressions, for reports.
    pub fn nodes(&self) -> usize {
        self.used
    }

    /// Which part of the program each of some users is, by the nodes that their
    /// outputs are made of; a node of several users is split evenly. Adds up
    /// to 1, if anybody uses anything.
    pub fn shares(&self, users: &[Vec<OutputId>]) -> Vec<f64> {
        let nodes =
            |outputs: &Vec<OutputId>| outputs.iter().flat_map(|output| self.below(self.outputs[output.0])).collect::<BTreeSet<NodeId>>();
        let used: Vec<BTreeSet<NodeId>> = users.iter().map(nodes).collect();
        let mut count = vec![0_u32; self.nodes.len()];
        used.iter().flatten().for_each(|node| count[*node] += 1);
        let all = count.iter().filter(|users| **users > 0).count().max(1) as f64;
        used.iter().map(|nodes| nodes.iter().map(|node| 1.0 / f64::from(count[*node])).sum::<f64>() / all).collect()
    }

    /// One column per output, in the order they were added, each with the rows
    /// of the grain it was asked for.
    ///
    /// # Panics
    /// If the input's columns are not those of [`Program::columns`].
    pub fn evaluate(&self, input: &Input<'_>) -> Vec<ArrayRef> {
        let mut run = Run::new(self, input);
        let values = self.outputs.iter().map(|output| run.value(*output));
        values.collect::<Vec<_>>().into_iter().zip(&self.outputs).map(|(value, id)| value.spread(run.rows(*id))).collect()
    }

    /// Begins an evaluation of which only some outputs may be asked for.
    ///
    /// # Panics
    /// If the input's columns are not those of [`Program::columns`].
    pub fn run<'a>(&'a self, input: &'a Input<'a>) -> Run<'a> {
        Run::new(self, input)
    }

    /// Which of [`Program::columns`] the outputs are made of.
    pub fn columns_under(&self, outputs: impl IntoIterator<Item = OutputId>) -> Vec<bool> {
        let mut under = vec![false; self.columns.len()];
        for node in outputs.into_iter().flat_map(|output| self.below(self.outputs[output.0])) {
            if let Op::Column(position) = &self.nodes[node].op {
                under[self.slots[position]] = true;
            }
        }
        under
    }

    /// Every sub-expression of an output with its value for one row of the
    /// output's grain: `("header.gend <> ref.sex_limit", "true")`, parts before
    /// the whole. The values may be personal data: they belong into clues and
    /// answers to the analyst, never into logs.
    ///
    /// # Panics
    /// If the row is not in the input.
    pub fn explain(&self, input: &Input<'_>, output: OutputId, row: usize) -> Vec<(String, String)> {
        let root = self.outputs[output.0];
        let is_line = self.nodes[root].grain == Grain::Line;
        let header = if is_line { self.header_of(input, row) } else { row };
        let at = |column: &ColumnDef| match column.grain {
            Grain::Header => (header, 1),
            Grain::Line if is_line => (row, 1),
            Grain::Line => (0, 0),
        };
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .zip(input.columns)
            .map(|(column, array)| {
                let (offset, length) = at(column);
                array.slice(offset, length)
            })
            .collect();
        let parents = UInt32Array::from(if is_line { vec![0] } else { Vec::new() });
        let one_row = Input { columns: &columns, header_rows: 1, parents: &parents };
        let mut run = Run::new(self, &one_row);
        let mut told = BTreeSet::new();
        let mut lines = Vec::new();
        for id in self.below(root) {
            let node = &self.nodes[id];
            if matches!(node.op, Op::Literal(_) | Op::Spread(_) | Op::Cast(..)) && id != root {
                continue;
            }
            let words = text::sql(&node.expr);
            if told.insert(words.clone()) {
                let value = run.value(id).spread(1);
                lines.push((words, text::value(&value, 0)));
            }
        }
        lines
    }

    fn header_of(&self, input: &Input<'_>, row: usize) -> usize {
        input.parents.value(row) as usize
    }

    /// The nodes that a node is made of and itself, inputs first.
    fn below(&self, root: NodeId) -> Vec<NodeId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![(root, false)];
        while let Some((id, inputs_done)) = open.pop() {
            if inputs_done {
                order.push(id);
            } else if !std::mem::replace(&mut seen[id], true) {
                open.push((id, true));
                open.extend(self.nodes[id].inputs.iter().rev().map(|input| (*input, false)));
            }
        }
        order
    }
}

/// One evaluation; a node's value is computed when first asked for.
#[derive(Debug)]
pub struct Run<'a> {
    program: &'a Program,
    input: &'a Input<'a>,
    values: Vec<Option<Operand>>,
    /// By text node: which of its words each row is.
    numbers: BTreeMap<NodeId, UInt16Array>,
}

impl<'a> Run<'a> {
    fn new(program: &'a Program, input: &'a Input<'a>) -> Self {
        assert_eq!(input.columns.len(), program.columns.len(), "one array per column of the program");
        for (column, array) in program.columns.iter().zip(input.columns) {
            assert!(array.is_empty() || array.len() == input.rows(column.grain), "rows of {}", column.name);
            assert_eq!(*array.data_type(), column.data_type, "type of {}", column.name);
        }
        Self { program, input, values: vec![None; program.nodes.len()], numbers: BTreeMap::new() }
    }

    /// The column of an output, with the rows of the grain it was asked for.
    pub fn output(&mut self, output: OutputId) -> ArrayRef {
        let id = self.program.outputs[output.0];
        self.value(id).spread(self.rows(id))
    }

    fn rows(&self, id: NodeId) -> usize {
        self.input.rows(self.program.nodes[id].grain)
    }

    fn value(&mut self, id: NodeId) -> Operand {
        if let Some(value) = &self.values[id] {
            return value.clone();
        }
        let value = self.compute(id);
        self.values[id] = Some(value.clone());
        value
    }

    fn compute(&mut self, id: NodeId) -> Operand {
        let program = self.program;
        let node = &program.nodes[id];
        let rows = self.rows(id);
        match &node.op {
            Op::Column(position) => Operand::column(Arc::clone(&self.input.columns[program.slots[position]])),
            Op::Literal(value) => {
                let array = value.to_array().unwrap_or_else(|_| new_null_array(&node.data_type, 1));
                Operand { array, scalar: true }
            }
            Op::All(parts) => Operand::column(Arc::new(self.junction(parts, rows, false))),
            Op::Any(parts) => Operand::column(Arc::new(self.junction(parts, rows, true))),
            Op::OneOf { of, words, negated } if program.words[of].pays() => Operand::column(Arc::new(self.one_of(*of, words, *negated))),
            op => {
                let inputs: Vec<Operand> = node.inputs.iter().map(|input| self.value(*input)).collect();
                let parents = self.input.parents;
                let kernel = |inputs: &[Operand], rows: usize| apply(op, node.physical.as_ref(), parents, inputs, rows);
                if let Op::Spread(_) = op {
                    return Operand::column(kernel(&inputs, rows).unwrap_or_else(|error| panic!("header rows of lines: {error}")));
                }
                Operand::column(kernels::guarded(&inputs, rows, &node.data_type, &kernel))
            }
        }
    }

    /// The rows' words are looked up once for all conditions on the same text.
    fn one_of(&mut self, of: NodeId, among: &[String], negated: bool) -> BooleanArray {
        let words = &self.program.words[&of];
        if !self.numbers.contains_key(&of) {
            let text = self.value(of).spread(self.rows(of));
            self.numbers.insert(of, words.numbers(text.as_string()));
        }
        words.any_of(&self.numbers[&of], among, negated)
    }

    /// Kleene AND (or OR), part by part until no later part can matter.
    fn junction(&mut self, parts: &[NodeId], rows: usize, any: bool) -> BooleanArray {
        let mut joined: Option<BooleanArray> = None;
        for part in parts {
            let next = self.value(*part).spread(rows);
            let next = next.as_boolean();
            let now = match joined {
                None => next.clone(),
                Some(before) => {
                    let result = if any { or_kleene(&before, next) } else { and_kleene(&before, next) };
                    result.unwrap_or_else(|error| panic!("conditions of one grain have one length: {error}"))
                }
            };
            let settled = if any { rows } else { 0 };
            let decided = now.null_count() == 0 && now.values().count_set_bits() == settled;
            joined = Some(now);
            if decided {
                break;
            }
        }
        joined.unwrap_or_else(|| BooleanArray::from(vec![!any; rows]))
    }
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
        Op::Other(_) => {
            let physical = physical.unwrap_or_else(|| panic!("planned when it was added"));
            let arrays = inputs.iter().map(|input| input.spread(rows)).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&physical.schema), arrays, &options)?;
            physical.expr.evaluate(&batch)?.into_array(rows)
        }
        Op::Column(_) | Op::Literal(_) | Op::All(_) | Op::Any(_) => unreachable!("computed without inputs"),
    }
}
