//! From SQL text to a typed expression.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::LazyLock;

use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use datafusion_common::DFSchema;
use datafusion_common::Result as PlanResult;
use datafusion_common::ScalarValue;
use datafusion_common::TableReference;
use datafusion_common::config::ConfigOptions;
use datafusion_common::plan_err;
use datafusion_common::tree_node::Transformed;
use datafusion_common::tree_node::TreeNode as _;
use datafusion_expr::AggregateUDF;
use datafusion_expr::Case;
use datafusion_expr::Cast;
use datafusion_expr::Expr;
use datafusion_expr::ExprSchemable as _;
use datafusion_expr::HigherOrderUDF;
use datafusion_expr::ScalarUDF;
use datafusion_expr::TableSource;
use datafusion_expr::TryCast;
use datafusion_expr::WindowUDF;
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::lit;
use datafusion_expr::planner::ContextProvider;
use datafusion_expr::planner::ExprPlanner;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_functions::core::planner::CoreFunctionPlanner;
use datafusion_functions::datetime::planner::DatetimeFunctionPlanner;
use datafusion_functions::unicode::planner::UnicodeFunctionPlanner;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_sql::planner::ParserOptions;
use datafusion_sql::planner::PlannerContext;
use datafusion_sql::planner::SqlToRel;
use datafusion_sql::sqlparser::ast::Expr as Sql;
use datafusion_sql::sqlparser::ast::Visit as _;
use datafusion_sql::sqlparser::ast::Visitor;

use super::columns::Columns;
use super::columns::Grain;
use super::error::ExprError;
use super::error::Mistake;
use super::names;
use super::names::Named;
use super::params::Literals;
use super::params::Param;
use super::params::Params;
use super::source::Source;
use super::text;
use super::types;
use super::types::Class;

/// What the place of an expression asks of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// `Boolean`, three-valued.
    Boolean,
    /// A number, told as `Decimal128`; integers become decimals without places.
    Decimal,
    /// `Utf8`
    Text,
    /// An integer or a `Decimal128`, as it comes.
    Number,
    Any,
}

/// A resolved, type-checked expression.
#[derive(Clone, Debug)]
pub struct Typed {
    pub(super) expr: Expr,
    pub(super) schema: Arc<DFSchema>,
    data_type: DataType,
    columns: BTreeSet<String>,
    grain: Grain,
    sql: String,
}

impl Typed {
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Qualified names of the columns that the text names, and of the area
    /// column if a parameter depends on it.
    pub fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// `Line` if a line column is named.
    pub fn grain(&self) -> Grain {
        self.grain
    }

    /// The text as it was written.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The conditions that must all hold, if this is their AND; else itself.
    /// Where one of them is false the whole is false, whatever the others say.
    pub fn conjuncts(&self) -> Vec<Self> {
        let parts = datafusion_expr::utils::split_conjunction(&self.expr);
        let of = |expr: &Expr| {
            let columns = expr.column_refs().into_iter().map(|column| column.flat_name()).collect();
            Self { expr: expr.clone(), columns, ..self.clone() }
        };
        parts.into_iter().map(of).collect()
    }

    /// The expression as it is evaluated: parameters filled in.
    pub fn resolved_sql(&self) -> String {
        text::sql(&self.expr)
    }
}

/// Reads an expression.
///
/// # Errors
/// Every mistake, in the order of the text: all unknown names at once; if all
/// names are known, all parts whose types do not fit.
pub fn parse(sql: &str, columns: &Columns, want: Want, params: &Params) -> Result<Typed, Vec<ExprError>> {
    let source = Source { text: sql };
    let tree = source.parse().map_err(|error| vec![error])?;
    let named = names::check(&tree, &source, columns, params)?;
    let scope = Scope::new(columns, params, named).map_err(|mistake| vec![mistake.at(source.of(&tree))])?;
    let expr = match scope.compile(tree.clone()) {
        Ok(expr) => expr,
        Err(_) => return Err(scope.places(&tree, &source)),
    };
    let (expr, data_type) = wanted(expr, want, &scope.schema).map_err(|mistake| vec![mistake.at(source.of(&tree))])?;
    let grain = scope.columns.iter().filter_map(|name| columns.get(name)).map(|column| column.grain).max().unwrap_or(Grain::Header);
    Ok(Typed { expr, schema: scope.schema, data_type, columns: scope.columns, grain, sql: sql.to_owned() })
}

/// The expression of the type that its place asks for.
fn wanted(expr: Expr, want: Want, schema: &DFSchema) -> Result<(Expr, DataType), Mistake> {
    let found = expr.get_type(schema)?;
    let class = Class::of(&found);
    let target = match (want, class) {
        (Want::Boolean, Class::Condition | Class::Nothing) => DataType::Boolean,
        (Want::Text, Class::Text | Class::Nothing) => DataType::Utf8,
        (Want::Decimal, Class::Number) if matches!(found, DataType::Decimal128(..)) => found.clone(),
        (Want::Decimal, Class::Number | Class::Nothing) => DataType::Decimal128(20, 0),
        (Want::Number, Class::Nothing) => DataType::Int64,
        (Want::Any, Class::Text) => DataType::Utf8,
        (Want::Number, Class::Number) | (Want::Any, Class::Nothing | Class::Condition | Class::Number | Class::Day | Class::Time) => {
            found.clone()
        }
        (Want::Boolean, _) => return Err(Mistake::new(format!("expected a condition, this is {class}"))),
        (Want::Text, _) => return Err(Mistake::new(format!("expected a text, this is {class}"))),
        (Want::Decimal | Want::Number, _) => return Err(Mistake::new(format!("expected a number, this is {class}"))),
        (Want::Any, _) => return Err(Mistake::new(format!("an expression cannot give {class}"))),
    };
    let expr = if target == found { expr } else { Expr::TryCast(TryCast::new(Box::new(expr), target.clone())) };
    Ok((expr, target))
}

/// The names of one expression with their types.
struct Scope {
    schema: Arc<DFSchema>,
    columns: BTreeSet<String>,
    /// Name and what it stands for.
    params: Vec<(String, Expr)>,
}

impl Scope {
    fn new(all: &Columns, params: &Params, named: Named) -> Result<Self, Mistake> {
        let mut columns = named.columns;
        let mut fields = Vec::new();
        let mut values = Vec::new();
        for name in named.params {
            let param = &params.values[&name];
            let expr = param_expr(&name, param, params)?;
            if !param.by_area.is_empty() {
                columns.extend(params.area_column.clone());
            }
            if !param.by_date.is_empty() {
                columns.extend(params.time_column.clone());
            }
            values.push((name, expr));
        }
        for name in &columns {
            let Some(column) = all.get(name) else { return Err(Mistake::new(format!("unknown column `{name}`"))) };
            fields.push(field(name, column.data_type.clone()));
        }
        let known = DFSchema::new_with_metadata(fields.clone(), std::collections::HashMap::new())?;
        for (name, expr) in &values {
            fields.push(field(&format!("param.{name}"), expr.get_type(&known)?));
        }
        let schema = DFSchema::new_with_metadata(fields, std::collections::HashMap::new())?;
        Ok(Self { schema: Arc::new(schema), columns, params: values })
    }

    /// One part of the tree, fully typed. Fails at its first mistake.
    fn compile(&self, tree: Sql) -> Result<Expr, Mistake> {
        let provider = Provider::get();
        let options = ParserOptions::new().with_parse_float_as_decimal(true).with_map_string_types_to_utf8view(false);
        let planner = SqlToRel::new_with_options(provider, options);
        let schema = &*self.schema;
        let expr = planner.sql_to_expr(tree, schema, &mut PlannerContext::new())?;
        let expr = expr.transform_up(|node| Ok(self.fill_in(node)))?.data;
        let expr = types::settle(expr, schema)?;
        let context =
            SimplifyContext::builder().with_schema(Arc::clone(&self.schema)).with_config_options(Arc::clone(&provider.options)).build();
        let expr = ExprSimplifier::new(context.clone()).coerce(expr, schema)?;
        let expr = expr.transform_up(|node| unfold(node, &context))?.data;
        match Class::of(&expr.get_type(schema)?) {
            Class::Inexact => {
                Err(Mistake::new(format!("`{}` is not exact", text::sql(&expr))).help("Rules compute in integers and decimals."))
            }
            _ => Ok(expr),
        }
    }

    fn fill_in(&self, node: Expr) -> Transformed<Expr> {
        let Expr::Column(column) = &node else { return Transformed::no(node) };
        if column.relation.as_ref().is_none_or(|relation| relation.table() != "param") {
            return Transformed::no(node);
        }
        match self.params.iter().find(|(name, _)| *name == column.name) {
            Some((_, value)) => Transformed::yes(value.clone()),
            None => Transformed::no(node),
        }
    }

    /// The smallest parts that do not compile, each with its place.
    fn places(&self, tree: &Sql, source: &Source<'_>) -> Vec<ExprError> {
        let mut search = Search { scope: self, source, failed_below: vec![false], mistakes: Vec::new() };
        let _ = tree.visit(&mut search);
        search.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        search.mistakes
    }
}

fn field(name: &str, data_type: DataType) -> (Option<TableReference>, Arc<Field>) {
    let (qualifier, name) = name.split_once('.').unwrap_or(("", name));
    (Some(TableReference::bare(qualifier)), Arc::new(Field::new(name, data_type, true)))
}

/// A constant, or the choice of one by area. An area that is not known leaves
/// open which limit holds: NULL.
fn param_expr(name: &str, param: &Param, params: &Params) -> Result<Expr, Mistake> {
    let wrong = || Mistake::new(format!("values of param.{name} are not all texts or all numbers of at most 30 digits"));
    let Literals { default, areas, dates } = param.literals().ok_or_else(wrong)?;
    let named = |column: Option<&str>, what: &str| {
        let Some(column) = column else {
            return Err(Mistake::new(format!("param.{name} has values by {what}, but no column of it is known here")));
        };
        let (qualifier, column) = column.split_once('.').unwrap_or(("", column));
        Ok(Expr::Column(datafusion_common::Column::new(Some(TableReference::bare(qualifier)), column)))
    };
    let mut elsewhere = lit(default.clone());
    if !dates.is_empty() {
        let time = named(params.time_column.as_deref(), "date")?;
        let since = |(from, value)| {
            let from = lit(ScalarValue::TimestampSecond(Some(from), None));
            (Box::new(time.clone().gt_eq(from)), Box::new(lit(value)))
        };
        elsewhere = Expr::Case(Case::new(None, dates.into_iter().map(since).collect(), Some(Box::new(elsewhere))));
    }
    if areas.is_empty() {
        return Ok(elsewhere);
    }
    let area = named(params.area_column.as_deref(), "area")?;
    let starts_with = names::function("starts_with").ok_or_else(|| Mistake::new("no function starts_with"))?;
    let unknown = ScalarValue::try_from(&default.data_type())?;
    let mut cases = vec![(Box::new(area.clone().is_null()), Box::new(lit(unknown)))];
    for (prefix, value) in areas {
        let inside = ScalarFunction::new_udf(Arc::clone(&starts_with), vec![area.clone(), lit(prefix)]);
        cases.push((Box::new(Expr::ScalarFunction(inside)), Box::new(lit(value))));
    }
    Ok(Expr::Case(Case::new(None, cases, Some(Box::new(elsewhere)))))
}

/// Replaces functions that are only names for other expressions (`coalesce` is
/// a CASE), and makes the casts of type coercion give NULL where they fail.
fn unfold(node: Expr, context: &SimplifyContext) -> PlanResult<Transformed<Expr>> {
    match node {
        Expr::ScalarFunction(ScalarFunction { func, args }) => Ok(match func.simplify(args, context)? {
            ExprSimplifyResult::Simplified(expr) => Transformed::yes(expr),
            ExprSimplifyResult::Original(args) => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
        }),
        Expr::Cast(Cast { expr, field }) => Ok(Transformed::yes(Expr::TryCast(TryCast { expr, field }))),
        other => Ok(Transformed::no(other)),
    }
}

/// Compiles every part of a tree that is known to be wrong, leaves first.
struct Search<'a> {
    scope: &'a Scope,
    source: &'a Source<'a>,
    /// Per open part whether a part of it has failed: the mistake is told there.
    failed_below: Vec<bool>,
    mistakes: Vec<ExprError>,
}

impl Visitor for Search<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Sql) -> ControlFlow<()> {
        self.failed_below.push(false);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, sql: &Sql) -> ControlFlow<()> {
        let mut failed = self.failed_below.pop().unwrap_or(false);
        if !failed && let Err(mistake) = self.scope.compile(sql.clone()) {
            self.mistakes.push(mistake.at(self.source.of(sql)));
            failed = true;
        }
        if let Some(parent) = self.failed_below.last_mut() {
            *parent |= failed;
        }
        ControlFlow::Continue(())
    }
}

/// What the planner may look up.
struct Provider {
    options: Arc<ConfigOptions>,
    planners: Vec<Arc<dyn ExprPlanner>>,
}

impl Provider {
    fn get() -> &'static Self {
        static PROVIDER: LazyLock<Provider> = LazyLock::new(|| Provider {
            options: Arc::new(ConfigOptions::new()),
            planners: vec![Arc::new(CoreFunctionPlanner::default()), Arc::new(DatetimeFunctionPlanner), Arc::new(UnicodeFunctionPlanner)],
        });
        &PROVIDER
    }
}

impl ContextProvider for Provider {
    fn get_table_source(&self, name: TableReference) -> PlanResult<Arc<dyn TableSource>> {
        plan_err!("no table `{name}`")
    }
    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }
    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        names::function(name)
    }
    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }
    fn get_aggregate_meta(&self, _: &str) -> Option<Arc<AggregateUDF>> {
        None
    }
    fn get_window_meta(&self, _: &str) -> Option<Arc<WindowUDF>> {
        None
    }
    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }
    fn options(&self) -> &ConfigOptions {
        &self.options
    }
    fn udf_names(&self) -> Vec<String> {
        names::allowed_functions().into_iter().map(str::to_owned).collect()
    }
    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
