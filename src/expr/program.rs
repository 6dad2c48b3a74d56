//! All expressions of a rule set over one list of columns, as one graph.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::UInt32Array;

use super::builder::OutputId;
use super::columns::ColumnDef;
use super::columns::Grain;
use super::graph::Node;
use super::graph::NodeId;
use super::graph::Op;
use super::run::Run;
use super::text;
use super::words::Words;

/// All expressions of a rule set over one list of columns.
#[derive(Debug)]
pub struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: Vec<NodeId>,
    columns: Vec<ColumnDef>,
    /// Position in the list that expressions were typed over -> position in `columns`.
    pub(super) slots: BTreeMap<usize, usize>,
    /// By text node: all the words that any condition compares it with.
    pub(super) words: BTreeMap<NodeId, Words>,
    /// Nodes that an output is made of; others were replaced while building.
    used: usize,
}

/// Where the columns of a batch come from: each of [`Program::columns`], by its
/// place among them, of its type. They are asked for when a value needs them.
pub trait Source {
    /// With as many rows as its grain has.
    fn column(&self, slot: usize) -> ArrayRef;

    /// Some of its rows, in their order.
    fn column_at(&self, slot: usize, rows: &UInt32Array) -> ArrayRef {
        arrow::compute::take(&self.column(slot), rows, None).unwrap_or_else(|error| panic!("rows of the column: {error}"))
    }
}

impl Source for Vec<ArrayRef> {
    fn column(&self, slot: usize) -> ArrayRef {
        Arc::clone(&self[slot])
    }
}

impl std::fmt::Debug for dyn Source + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

/// The columns of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub columns: &'a dyn Source,
    pub header_rows: usize,
    /// The header row of each line; its length is the number of lines. Without NULLs.
    pub parents: &'a UInt32Array,
}

impl Input<'_> {
    pub(super) fn rows(&self, grain: Grain) -> usize {
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
    pub fn evaluate(&self, input: &Input<'_>) -> Vec<ArrayRef> {
        let mut run = Run::new(self, input);
        let values = self.outputs.iter().map(|output| run.value(*output));
        values.collect::<Vec<_>>().into_iter().zip(&self.outputs).map(|(value, id)| value.spread(run.rows(*id))).collect()
    }

    /// Begins an evaluation of which only some outputs may be asked for.
    pub fn run<'a>(&'a self, input: &'a Input<'a>) -> Run<'a> {
        Run::new(self, input)
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
            .enumerate()
            .map(|(slot, column)| {
                let (offset, length) = at(column);
                input.columns.column(slot).slice(offset, length)
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
