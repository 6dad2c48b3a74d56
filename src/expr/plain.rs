//! Each expression alone, by the library's own simplifier and evaluator: the
//! oracle of the laws and the floor of the bench. It may fail where a
//! [`Program`](super::Program) gives NULL.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use datafusion_common::DFSchema;
use datafusion_common::Result;
use datafusion_common::TableReference;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::create_physical_expr;

use super::columns::ColumnDef;
use super::columns::Columns;
use super::resolve::Typed;

/// Expressions that share nothing.
#[derive(Debug)]
pub struct Plain {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    schema: Arc<Schema>,
    columns: Vec<ColumnDef>,
}

impl Plain {
    /// # Errors
    /// What the library says where it cannot plan an expression.
    pub fn new(typed: &[Typed], columns: &Columns) -> std::result::Result<Self, String> {
        Self::plan(typed, columns).map_err(|error| error.to_string())
    }

    fn plan(typed: &[Typed], columns: &Columns) -> Result<Self> {
        let used: BTreeSet<&str> = typed.iter().flat_map(|one| one.columns().iter().map(String::as_str)).collect();
        let columns: Vec<ColumnDef> = columns.iter().filter(|column| used.contains(column.name.as_str())).cloned().collect();
        let fields: Vec<Field> = columns.iter().map(|column| Field::new(last(&column.name).1, column.data_type.clone(), true)).collect();
        let qualifiers = columns.iter().map(|column| Some(TableReference::bare(last(&column.name).0))).collect();
        let schema = Arc::new(Schema::new(fields));
        let scope = Arc::new(DFSchema::from_field_specific_qualified_schema(qualifiers, &schema)?);
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(Arc::clone(&scope)).build());
        let planned = typed.iter().map(|one| {
            let simple = simplifier.simplify(one.expr.clone())?;
            create_physical_expr(&simple, &scope, &ExecutionProps::new(), &PhysicalPlanningContext::default())
        });
        Ok(Self { exprs: planned.collect::<Result<_>>()?, schema, columns })
    }

    /// The columns that [`Plain::evaluate`] wants, all at one grain.
    pub fn columns(&self) -> &[ColumnDef] {
        &self.columns
    }

    /// # Errors
    /// The first failure of any row of any expression.
    pub fn evaluate(&self, columns: Vec<ArrayRef>) -> std::result::Result<Vec<ArrayRef>, String> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| error.to_string())?;
        let rows = batch.num_rows();
        let values = self.exprs.iter().map(|expr| expr.evaluate(&batch)?.into_array(rows));
        values.collect::<Result<_>>().map_err(|error| error.to_string())
    }
}

fn last(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("", name))
}
