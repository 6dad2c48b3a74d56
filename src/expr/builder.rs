//! Interns expressions into one graph.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use datafusion_common::Column;
use datafusion_common::DFSchema;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::tree_node::Transformed;
use datafusion_common::tree_node::TreeNode as _;
use datafusion_expr::Between;
use datafusion_expr::BinaryExpr;
use datafusion_expr::Expr;
use datafusion_expr::ExprSchemable as _;
use datafusion_expr::Operator;
use datafusion_expr::TryCast;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_physical_expr::create_physical_expr;

use super::columns::Columns;
use super::columns::Grain;
use super::graph::Node;
use super::graph::NodeId;
use super::graph::Op;
use super::graph::Physical;
use super::kernels;
use super::kernels::Operand;
use super::program::Program;
use super::resolve::Typed;
use super::run::apply;

/// Position of an output in what [`Program::evaluate`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(pub usize);

/// Collects the expressions of a rule set. Equal expressions share their work
/// whichever rule they come from; the result does not depend on the order of
/// anything but the calls of [`ProgramBuilder::add`].
#[derive(Debug)]
pub struct ProgramBuilder {
    columns: Columns,
    nodes: Vec<Node>,
    /// Only looked up, never iterated.
    known: hashbrown::HashMap<Op, NodeId>,
    outputs: Vec<NodeId>,
}

impl ProgramBuilder {
    pub fn new(columns: &Columns) -> Self {
        Self { columns: columns.clone(), nodes: Vec::new(), known: hashbrown::HashMap::new(), outputs: Vec::new() }
    }

    /// Adds an output at a grain. An expression over header columns asked for
    /// at the grain of lines gives every line its header's value.
    ///
    /// # Panics
    /// If the expression names line columns and the grain is the header's, or
    /// if it was typed over other columns.
    pub fn add(&mut self, typed: &Typed, grain: Grain) -> OutputId {
        assert!(typed.grain() <= grain, "`{}` has a value per line, not per header", typed.sql());
        let root = self.intern(&typed.expr, &typed.schema);
        // An output has a value per row, a constant's too.
        let root = if grain == Grain::Line { self.per_line(root) } else { root };
        self.outputs.push(root);
        OutputId(self.outputs.len() - 1)
    }

    pub fn build(self) -> Program {
        let mut used = BTreeSet::new();
        let mut reached = vec![false; self.nodes.len()];
        let mut open = self.outputs.clone();
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut reached[id], true) {
                continue;
            }
            open.extend(&self.nodes[id].inputs);
            if let Op::Column(position) = self.nodes[id].op {
                used.insert(position);
            }
        }
        let slots: BTreeMap<usize, usize> = used.iter().enumerate().map(|(slot, position)| (*position, slot)).collect();
        let columns = used.iter().map(|position| self.columns.at(*position).clone()).collect();
        let used = reached.iter().filter(|reached| **reached).count();
        Program::new(self.nodes, self.outputs, columns, slots, used)
    }

    fn intern(&mut self, expr: &Expr, schema: &DFSchema) -> NodeId {
        match expr {
            Expr::Alias(alias) => self.intern(&alias.expr, schema),
            Expr::Column(column) => {
                let position = self.columns.position(&column.flat_name());
                let position = position.unwrap_or_else(|| panic!("column {} is not among the program's", column.flat_name()));
                self.push(Op::Column(position), Vec::new(), expr, schema)
            }
            Expr::Literal(value, _) => self.push(Op::Literal(value.clone()), Vec::new(), expr, schema),
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => {
                let mut parts = Vec::new();
                self.flatten(expr, *op, schema, &mut parts);
                self.junction(*op, parts)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.is_numerical_operators() => {
                let inputs = [self.intern(left, schema), self.intern(right, schema)];
                self.push(Op::Arithmetic(*op, inputs[0], inputs[1]), inputs.to_vec(), expr, schema)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() || is_distinct(*op) => {
                let inputs = (self.intern(left, schema), self.intern(right, schema));
                self.compare(*op, inputs, expr, schema)
            }
            Expr::Between(Between { expr: of, negated, low, high }) => {
                let [of, low, high] = [of, low, high].map(|part| self.intern(part, schema));
                let both = [(Operator::GtEq, low), (Operator::LtEq, high)].map(|(op, limit)| {
                    let words = joined(self.nodes[of].expr.clone(), op, self.nodes[limit].expr.clone());
                    self.compare(op, (of, limit), &words, schema)
                });
                let inside = self.junction(Operator::And, both.to_vec());
                if *negated { self.not(inside) } else { inside }
            }
            Expr::InList(list) if list.list.iter().all(|item| matches!(item, Expr::Literal(ScalarValue::Utf8(Some(_)), _))) => {
                let of = self.intern(&list.expr, schema);
                let words = list.list.iter().filter_map(|item| match item {
                    Expr::Literal(ScalarValue::Utf8(Some(word)), _) => Some(word.clone()),
                    _ => None,
                });
                self.one_of(of, words.collect(), list.negated, expr, schema)
            }
            Expr::Not(inner) => {
                let inner = self.intern(inner, schema);
                self.not(inner)
            }
            Expr::IsNull(of) | Expr::IsUnknown(of) => self.unary(of, expr, schema, |of| Op::IsNull { of, negated: false }),
            Expr::IsNotNull(of) | Expr::IsNotUnknown(of) => self.unary(of, expr, schema, |of| Op::IsNull { of, negated: true }),
            Expr::IsTrue(of) => self.unary(of, expr, schema, |of| Op::Truth { of, value: true, negated: false }),
            Expr::IsFalse(of) => self.unary(of, expr, schema, |of| Op::Truth { of, value: false, negated: false }),
            Expr::IsNotTrue(of) => self.unary(of, expr, schema, |of| Op::Truth { of, value: true, negated: true }),
            Expr::IsNotFalse(of) => self.unary(of, expr, schema, |of| Op::Truth { of, value: false, negated: true }),
            Expr::Negative(of) => self.unary(of, expr, schema, Op::Negate),
            Expr::TryCast(TryCast { expr: of, field }) => {
                let inner = self.intern(of, schema);
                if self.nodes[inner].data_type == *field.data_type() {
                    return inner;
                }
                self.push(Op::Cast(inner, field.data_type().clone()), vec![inner], expr, schema)
            }
            other => self.other(other, schema),
        }
    }

    fn unary(&mut self, of: &Expr, expr: &Expr, schema: &DFSchema, op: impl FnOnce(NodeId) -> Op) -> NodeId {
        let of = self.intern(of, schema);
        self.push(op(of), vec![of], expr, schema)
    }

    fn not(&mut self, inner: NodeId) -> NodeId {
        if let Op::Not(twice) = self.nodes[inner].op {
            return twice;
        }
        let words = Expr::Not(Box::new(self.nodes[inner].expr.clone()));
        self.push_typed(Op::Not(inner), vec![inner], words, DataType::Boolean)
    }

    /// The parts of a chain of ANDs or of ORs.
    fn flatten(&mut self, expr: &Expr, chain: Operator, schema: &DFSchema, parts: &mut Vec<NodeId>) {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == chain => {
                self.flatten(left, chain, schema, parts);
                self.flatten(right, chain, schema, parts);
            }
            part => parts.push(self.intern(part, schema)),
        }
    }

    /// AND or OR of parts. Kleene's are commutative, associative and
    /// idempotent, so parts are made a sorted set; those of the header are
    /// joined before they are spread to lines.
    fn junction(&mut self, op: Operator, parts: Vec<NodeId>) -> NodeId {
        let stop = op == Operator::Or;
        let mut kept = BTreeSet::new();
        for part in parts {
            match &self.nodes[part].op {
                Op::Literal(ScalarValue::Boolean(Some(value))) if *value == stop => return part,
                Op::Literal(ScalarValue::Boolean(Some(_))) => {}
                Op::All(inner) if op == Operator::And => kept.extend(inner.clone()),
                Op::Any(inner) if op == Operator::Or => kept.extend(inner.clone()),
                _ => {
                    kept.insert(part);
                }
            }
        }
        let (lines, headers): (Vec<NodeId>, Vec<NodeId>) = kept.into_iter().partition(|part| self.nodes[*part].grain == Grain::Line);
        let header = self.plain_junction(op, headers);
        if lines.is_empty() {
            return header.unwrap_or_else(|| self.literal(ScalarValue::Boolean(Some(!stop))));
        }
        let header = header.map(|header| self.spread(header));
        let all = header.into_iter().chain(lines).collect();
        self.plain_junction(op, all).unwrap_or_else(|| self.literal(ScalarValue::Boolean(Some(!stop))))
    }

    fn plain_junction(&mut self, op: Operator, mut parts: Vec<NodeId>) -> Option<NodeId> {
        parts.sort_by_key(|part| (self.nodes[*part].cost, *part));
        let (first, rest) = parts.split_first()?;
        if rest.is_empty() {
            return Some(*first);
        }
        let words = rest.iter().fold(self.nodes[*first].expr.clone(), |words, part| joined(words, op, self.nodes[*part].expr.clone()));
        let node = if op == Operator::And { Op::All(parts.clone()) } else { Op::Any(parts.clone()) };
        Some(self.push_typed(node, parts, words, DataType::Boolean))
    }

    fn compare(&mut self, op: Operator, (left, right): (NodeId, NodeId), expr: &Expr, schema: &DFSchema) -> NodeId {
        let is_literal = |builder: &Self, id: NodeId| matches!(builder.nodes[id].op, Op::Literal(_));
        let (op, left, right) = match op.swap() {
            Some(swapped) if is_literal(self, left) => (swapped, right, left),
            _ => (op, left, right),
        };
        if let (Op::Literal(ScalarValue::Utf8(Some(word))), Operator::Eq | Operator::NotEq) = (&self.nodes[right].op, op) {
            return self.one_of(left, BTreeSet::from([word.clone()]), op == Operator::NotEq, expr, schema);
        }
        let (left, right) = self.without_widening(left, right);
        self.push(Op::Compare(op, left, right), vec![left, right], expr, schema)
    }

    fn one_of(&mut self, of: NodeId, words: BTreeSet<String>, negated: bool, expr: &Expr, schema: &DFSchema) -> NodeId {
        self.push(Op::OneOf { of, words: words.into_iter().collect(), negated }, vec![of], expr, schema)
    }

    /// A widened column against a constant is the column against the narrower
    /// constant, if the constant fits exactly.
    fn without_widening(&mut self, left: NodeId, right: NodeId) -> (NodeId, NodeId) {
        let unchanged = (left, right);
        let (Op::Cast(inner, wide), Op::Literal(value)) = (&self.nodes[left].op, &self.nodes[right].op) else { return unchanged };
        let (inner, narrow) = (*inner, self.nodes[*inner].data_type.clone());
        if !widens(&narrow, wide) || value.is_null() {
            return unchanged;
        }
        let fits = |cast: &ScalarValue| cast.cast_to_with_options(wide, &kernels::SAFE).is_ok_and(|back| back == *value);
        match value.cast_to_with_options(&narrow, &kernels::SAFE) {
            Ok(cast) if !cast.is_null() && fits(&cast) => (inner, self.literal(cast)),
            _ => unchanged,
        }
    }

    fn literal(&mut self, value: ScalarValue) -> NodeId {
        let data_type = value.data_type();
        let words = Expr::Literal(value.clone(), None);
        self.push_typed(Op::Literal(value), Vec::new(), words, data_type)
    }

    /// A header value at the grain of lines; a constant is the same everywhere.
    fn spread(&mut self, of: NodeId) -> NodeId {
        if matches!(self.nodes[of].op, Op::Literal(_)) { of } else { self.per_line(of) }
    }

    fn per_line(&mut self, of: NodeId) -> NodeId {
        let node = &self.nodes[of];
        if node.grain == Grain::Line {
            return of;
        }
        let (words, data_type) = (node.expr.clone(), node.data_type.clone());
        self.push_typed(Op::Spread(of), vec![of], words, data_type)
    }

    /// A node that the library evaluates, over columns that stand for its inputs.
    fn other(&mut self, expr: &Expr, schema: &DFSchema) -> NodeId {
        let mut inputs = Vec::new();
        let over_nodes = expr.clone().map_children(|child| {
            let id = self.intern(&child, schema);
            if let Op::Literal(value) = &self.nodes[id].op {
                return Ok(Transformed::yes(Expr::Literal(value.clone(), None)));
            }
            inputs.push(id);
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name_of(id)))))
        });
        let over_nodes = over_nodes.map_or_else(|error| panic!("children of {expr}: {error}"), |mapped| mapped.data);
        inputs.sort_unstable();
        inputs.dedup();
        self.push(Op::Other(over_nodes), inputs, expr, schema)
    }

    fn push(&mut self, op: Op, inputs: Vec<NodeId>, expr: &Expr, schema: &DFSchema) -> NodeId {
        let data_type = expr.get_type(schema).unwrap_or_else(|error| panic!("type of {expr}: {error}"));
        self.push_typed(op, inputs, expr.clone(), data_type)
    }

    /// The node of an operation: one that is known, a constant if all inputs
    /// are, else a new one whose inputs are brought to one grain.
    fn push_typed(&mut self, op: Op, inputs: Vec<NodeId>, expr: Expr, data_type: DataType) -> NodeId {
        if let Some(id) = self.known.get(&op) {
            return *id;
        }
        let grain = match op {
            Op::Column(position) => self.columns.at(position).grain,
            Op::Spread(_) => Grain::Line,
            _ => inputs.iter().map(|input| self.nodes[*input].grain).max().unwrap_or(Grain::Header),
        };
        let meets_lines = grain == Grain::Line && !matches!(op, Op::Spread(_) | Op::Column(_));
        if meets_lines {
            let spread: Vec<NodeId> = inputs.iter().map(|input| self.spread(*input)).collect();
            if spread != inputs {
                let op = renamed(op, &inputs, &spread);
                let mut spread = spread;
                if matches!(op, Op::Other(_)) {
                    spread.sort_unstable();
                    spread.dedup();
                }
                return self.push_typed(op, spread, expr, data_type);
            }
        }
        let cost = own_cost(&op, &data_type) + inputs.iter().map(|input| self.nodes[*input].cost).sum::<u32>();
        let physical = match &op {
            Op::Other(over_nodes) => Some(self.physical(over_nodes, &inputs).unwrap_or_else(|error| panic!("plan {expr}: {error}"))),
            _ => None,
        };
        let foldable = !matches!(op, Op::Literal(_) | Op::Column(_) | Op::All(_) | Op::Any(_) | Op::Spread(_));
        let constant = foldable && inputs.iter().all(|input| matches!(self.nodes[*input].op, Op::Literal(_)));
        let node = Node { op: op.clone(), inputs, grain, data_type, expr, cost, physical };
        let id = if constant { self.fold(&node) } else { self.append(node) };
        self.known.insert(op, id);
        id
    }

    fn append(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The value of a node whose inputs are all constants.
    fn fold(&mut self, node: &Node) -> NodeId {
        let constants = node.inputs.iter().filter_map(|input| match &self.nodes[*input].op {
            Op::Literal(value) => Some(Operand { array: value.to_array().ok()?, scalar: false }),
            _ => None,
        });
        let inputs: Vec<Operand> = constants.collect();
        let no_lines = UInt32Array::from(Vec::<u32>::new());
        let kernel = |inputs: &[Operand], rows: usize| apply(&node.op, node.physical.as_ref(), &no_lines, inputs, rows);
        let array = kernels::guarded(&inputs, 1, &node.data_type, &kernel);
        let value = ScalarValue::try_from_array(&array, 0);
        self.literal(value.unwrap_or_else(|error| panic!("a column of one row has one value: {error}")))
    }

    fn physical(&self, over_nodes: &Expr, inputs: &[NodeId]) -> Result<Physical> {
        let fields: Vec<Field> = inputs.iter().map(|id| Field::new(name_of(*id), self.nodes[*id].data_type.clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let scope = DFSchema::try_from(Arc::clone(&schema))?;
        let expr = create_physical_expr(over_nodes, &scope, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        Ok(Physical { expr, schema })
    }
}

fn name_of(id: NodeId) -> String {
    format!("#{id}")
}

fn joined(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn is_distinct(op: Operator) -> bool {
    matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

/// Whether every value of the narrow type is exactly one of the wide type.
fn widens(narrow: &DataType, wide: &DataType) -> bool {
    match (narrow, wide) {
        (DataType::Decimal128(digits, places), DataType::Decimal128(wide_digits, wide_places)) => {
            places <= wide_places && i16::from(*digits) - i16::from(*places) <= i16::from(*wide_digits) - i16::from(*wide_places)
        }
        (DataType::Int32, DataType::Int64) => true,
        _ => false,
    }
}

/// The same operation over other inputs.
fn renamed(op: Op, from: &[NodeId], to: &[NodeId]) -> Op {
    let new = |id: NodeId| from.iter().position(|before| *before == id).map_or(id, |at| to[at]);
    match op {
        Op::All(parts) => Op::All(parts.into_iter().map(new).collect()),
        Op::Any(parts) => Op::Any(parts.into_iter().map(new).collect()),
        Op::Compare(op, left, right) => Op::Compare(op, new(left), new(right)),
        Op::Arithmetic(op, left, right) => Op::Arithmetic(op, new(left), new(right)),
        Op::OneOf { of, words, negated } => Op::OneOf { of: new(of), words, negated },
        Op::Other(expr) => {
            let names: BTreeMap<String, String> = from.iter().zip(to).map(|(before, after)| (name_of(*before), name_of(*after))).collect();
            let renamed = expr.transform(|node| match &node {
                Expr::Column(column) if names.contains_key(&column.name) => {
                    Ok(Transformed::yes(Expr::Column(Column::new_unqualified(&names[&column.name]))))
                }
                _ => Ok(Transformed::no(node)),
            });
            Op::Other(renamed.map_or_else(|error| panic!("rename: {error}"), |renamed| renamed.data))
        }
        other => other,
    }
}

/// Nanoseconds per row, roughly.
fn own_cost(op: &Op, data_type: &DataType) -> u32 {
    match op {
        Op::Column(_) | Op::Literal(_) | Op::Spread(_) => 0,
        Op::Not(_) | Op::IsNull { .. } | Op::Truth { .. } | Op::All(_) | Op::Any(_) => 1,
        Op::Compare(..) | Op::OneOf { .. } => 2,
        Op::Arithmetic(..) | Op::Negate(_) => 4,
        Op::Cast(..) => 6,
        Op::Other(Expr::InList(_)) => 20,
        Op::Other(_) if *data_type == DataType::Boolean => 30,
        Op::Other(_) => 60,
    }
}
