//! The nodes of a program: every distinct sub-expression once.

use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::datatypes::SchemaRef;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_physical_expr::PhysicalExpr;

use super::columns::Grain;

/// Position in the list of nodes; a node's inputs stand before it.
pub(super) type NodeId = usize;

/// What a node computes. Equal operations over equal inputs are one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// Position in the list of columns.
    Column(usize),
    Literal(ScalarValue),
    /// A header value for each of the header's lines.
    Spread(NodeId),
    /// Kleene AND of at least two, cheapest first.
    All(Vec<NodeId>),
    /// Kleene OR of at least two, cheapest first.
    Any(Vec<NodeId>),
    Not(NodeId),
    IsNull {
        of: NodeId,
        negated: bool,
    },
    /// `is true`, `is not false`, ...
    Truth {
        of: NodeId,
        value: bool,
        negated: bool,
    },
    Compare(Operator, NodeId, NodeId),
    /// A text is one of these (sorted, distinct), or none of them.
    OneOf {
        of: NodeId,
        words: Vec<String>,
        negated: bool,
    },
    Arithmetic(Operator, NodeId, NodeId),
    Negate(NodeId),
    Cast(NodeId, DataType),
    /// Anything else: an expression over columns named by node.
    Other(Expr),
}

#[derive(Debug)]
pub(super) struct Node {
    pub op: Op,
    pub inputs: Vec<NodeId>,
    pub grain: Grain,
    pub data_type: DataType,
    /// What the node stands for, in the words of the rule.
    pub expr: Expr,
    /// Rough order of cost, for the order within AND and OR.
    pub cost: u32,
    /// Of [`Op::Other`].
    pub physical: Option<Physical>,
}

#[derive(Debug)]
pub(super) struct Physical {
    pub expr: Arc<dyn PhysicalExpr>,
    /// One field per input.
    pub schema: SchemaRef,
}
