//! What an expression may say: columns, functions and forms, each mistake with
//! its place and a suggestion.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::LazyLock;

use datafusion_common::utils::datafusion_strsim::levenshtein;
use datafusion_expr::ScalarUDF;
use datafusion_expr::Volatility;
use datafusion_sql::sqlparser::ast::DataType as SqlType;
use datafusion_sql::sqlparser::ast::Expr as Sql;
use datafusion_sql::sqlparser::ast::Function as SqlFunction;
use datafusion_sql::sqlparser::ast::FunctionArguments;
use datafusion_sql::sqlparser::ast::Query;
use datafusion_sql::sqlparser::ast::Value;
use datafusion_sql::sqlparser::ast::Visit as _;
use datafusion_sql::sqlparser::ast::Visitor;

use super::columns::Columns;
use super::error::ExprError;
use super::error::Mistake;
use super::functions::FUNCTIONS;
use super::params::Params;
use super::source::Source;

/// Functions of the library that rules may use: immutable, exact, and bounded
/// in what they allocate. `repeat` or `lpad` could ask for gigabytes.
const LIBRARY: &[&str] = &[
    "abs",
    "btrim",
    "ceil",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "date_part",
    "date_trunc",
    "ends_with",
    "floor",
    "greatest",
    "least",
    "left",
    "lower",
    "ltrim",
    "nullif",
    "nvl",
    "replace",
    "right",
    "round",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "trunc",
    "upper",
];
const AGGREGATES: &[&str] = &["array_agg", "avg", "count", "max", "mean", "median", "min", "stddev", "string_agg", "sum", "var"];

static ALLOWED: LazyLock<BTreeMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
    let library = datafusion_functions::all_default_functions().into_iter().filter(|function| LIBRARY.contains(&function.name()));
    let own = FUNCTIONS.iter().map(|function| Arc::new((function.build)()));
    let mut by_name = BTreeMap::new();
    for function in library.chain(own) {
        for name in std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str)) {
            by_name.insert(name.to_owned(), Arc::clone(&function));
        }
    }
    by_name
});

pub(super) fn function(name: &str) -> Option<Arc<ScalarUDF>> {
    ALLOWED.get(name).cloned()
}

/// The names of all functions that an expression may call, sorted.
pub fn allowed_functions() -> Vec<&'static str> {
    ALLOWED.keys().map(String::as_str).collect()
}

/// What the names of an expression stand for.
#[derive(Default)]
pub(super) struct Named {
    pub columns: BTreeSet<String>,
    pub params: BTreeSet<String>,
}

/// Looks every name of the tree up.
///
/// # Errors
/// All mistakes, in the order of the text.
pub(super) fn check(sql: &Sql, source: &Source<'_>, columns: &Columns, params: &Params) -> Result<Named, Vec<ExprError>> {
    let mut checker = Checker { source, columns, params, queries: 0, named: Named::default(), mistakes: Vec::new() };
    let _ = sql.visit(&mut checker);
    if checker.mistakes.is_empty() {
        return Ok(checker.named);
    }
    checker.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    checker.mistakes.dedup();
    Err(checker.mistakes)
}

struct Checker<'a> {
    source: &'a Source<'a>,
    columns: &'a Columns,
    params: &'a Params,
    /// Depth of subqueries: they are refused as a whole, so what is in them is not looked at.
    queries: usize,
    named: Named,
    mistakes: Vec<ExprError>,
}

impl Visitor for Checker<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, sql: &Sql) -> ControlFlow<()> {
        if self.queries == 0
            && let Err(mistake) = self.look_at(sql)
        {
            self.mistakes.push(mistake.at(self.source.of(sql)));
        }
        ControlFlow::Continue(())
    }
}

impl Checker<'_> {
    fn look_at(&mut self, sql: &Sql) -> Result<(), Mistake> {
        match sql {
            Sql::Identifier(name) => Err(self.no_qualifier(&name.value, name.quote_style)),
            Sql::CompoundIdentifier(parts) => {
                let name = parts.iter().map(|part| part.value.to_lowercase()).collect::<Vec<_>>().join(".");
                self.column(name)
            }
            Sql::Function(call) => look_at_call(call),
            Sql::Subquery(_) | Sql::InSubquery { .. } | Sql::Exists { .. } => {
                Err(Mistake::new("subquery in a rule").help("Rules see one row; facts of other rows are the business of history rules."))
            }
            Sql::Cast { data_type, format: None, array: false, .. } => look_at_type(data_type),
            Sql::TypedString(typed) => look_at_type(&typed.data_type),
            Sql::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                Err(Mistake::new(format!("placeholder `{value}`")).help("Parameters are written param.name."))
            }
            Sql::IsFalse(_) | Sql::IsNotFalse(_) | Sql::IsTrue(_) | Sql::IsNotTrue(_) | Sql::IsNull(_) | Sql::IsNotNull(_) => Ok(()),
            Sql::IsUnknown(_) | Sql::IsNotUnknown(_) | Sql::IsDistinctFrom(..) | Sql::IsNotDistinctFrom(..) => Ok(()),
            Sql::InList { .. } | Sql::Between { .. } | Sql::BinaryOp { .. } | Sql::UnaryOp { .. } | Sql::Nested(_) => Ok(()),
            Sql::Like { any: false, .. } | Sql::ILike { any: false, .. } | Sql::Value(_) | Sql::Case { .. } | Sql::Interval(_) => Ok(()),
            Sql::Extract { .. }
            | Sql::Ceil { .. }
            | Sql::Floor { .. }
            | Sql::Position { .. }
            | Sql::Substring { .. }
            | Sql::Trim { .. } => Ok(()),
            other => Err(Mistake::new(format!("`{other}` cannot be used in a rule"))),
        }
    }

    fn column(&mut self, name: String) -> Result<(), Mistake> {
        if let Some(parameter) = name.strip_prefix("param.") {
            if self.params.values.contains_key(parameter) {
                self.named.params.insert(parameter.to_owned());
                return Ok(());
            }
            let near = nearest(parameter, self.params.values.keys().map(String::as_str)).map(|near| format!("Did you mean param.{near}?"));
            let help = near.unwrap_or_else(|| "Declare it under `params` of the rule.".to_owned());
            return Err(Mistake::new(format!("unknown parameter `{name}`")).help(help));
        }
        if self.columns.get(&name).is_some() {
            self.named.columns.insert(name);
            return Ok(());
        }
        let mistake = Mistake::new(format!("unknown column `{name}`"));
        let all = || self.columns.iter().map(|column| column.name.as_str());
        let (qualifier, last) = name.split_once('.').unwrap_or(("", &name));
        let elsewhere = all().find(|other| other.split_once('.').is_some_and(|(_, other)| other == last));
        if let Some(near) = elsewhere.or_else(|| nearest(&name, all())) {
            return Err(mistake.help(format!("Did you mean {near}?")));
        }
        let qualifiers: BTreeSet<&str> = all().filter_map(|other| Some(other.split_once('.')?.0)).collect();
        if qualifiers.contains(qualifier) {
            return Err(mistake.help(format!("No column of `{qualifier}` has a name like it.")));
        }
        Err(mistake.help(format!("Columns begin with {}.", qualifiers.into_iter().collect::<Vec<_>>().join(", "))))
    }

    fn no_qualifier(&self, name: &str, quote: Option<char>) -> Mistake {
        if quote == Some('"') {
            return Mistake::new(format!("unknown column `\"{name}\"`")).help(format!("Text is written in single quotes: '{name}'."));
        }
        let name = name.to_lowercase();
        let with_qualifier = self.columns.iter().find(|column| column.name.split_once('.').is_some_and(|(_, last)| last == name));
        let mistake = Mistake::new(format!("column `{name}` has no qualifier"));
        match with_qualifier {
            Some(column) => mistake.help(format!("Write {}.", column.name)),
            None => mistake.help("Columns are written qualifier.name, text in single quotes."),
        }
    }
}

fn look_at_call(call: &SqlFunction) -> Result<(), Mistake> {
    let name = call.name.to_string().to_lowercase();
    if call.over.is_some() {
        return Err(Mistake::new(format!("window function `{name}` in a rule")).help("Rules see one row."));
    }
    let clauses = match &call.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some() || !list.clauses.is_empty(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => false,
    };
    if clauses || call.filter.is_some() || call.null_treatment.is_some() || !call.within_group.is_empty() {
        return Err(Mistake::new(format!("`{call}` has a clause that rules do not know")));
    }
    if ALLOWED.contains_key(&name) {
        return Ok(());
    }
    if AGGREGATES.contains(&name.as_str()) {
        return Err(
            Mistake::new(format!("aggregate `{name}` in a rule")).help("Rules see one row; use least or greatest for the values of a row.")
        );
    }
    let library = datafusion_functions::all_default_functions();
    let known = library.iter().find(|function| function.name() == name || function.aliases().contains(&name));
    match known {
        Some(function) if function.signature().volatility != Volatility::Immutable => {
            Err(Mistake::new(format!("function `{name}` is not allowed: its value is not fixed by the row"))
                .help("Compare with a time of the event, so that a replay gives the same result."))
        }
        Some(_) => Err(Mistake::new(format!("function `{name}` is not allowed in a rule"))
            .help(format!("Allowed are {}.", allowed_functions().join(", ")))),
        None => {
            let mistake = Mistake::new(format!("unknown function `{name}`"));
            match nearest(&name, allowed_functions()) {
                Some(near) => Err(mistake.help(format!("Did you mean {near}?"))),
                None => Err(mistake.help(format!("Allowed are {}.", allowed_functions().join(", ")))),
            }
        }
    }
}

fn look_at_type(data_type: &SqlType) -> Result<(), Mistake> {
    match data_type {
        SqlType::Boolean | SqlType::Bool | SqlType::Int(None) | SqlType::Integer(None) | SqlType::BigInt(None) => Ok(()),
        SqlType::Decimal(_)
        | SqlType::Numeric(_)
        | SqlType::Varchar(None)
        | SqlType::Text
        | SqlType::Date
        | SqlType::Timestamp(None, _) => Ok(()),
        SqlType::Real | SqlType::Float(_) | SqlType::Double(_) | SqlType::DoublePrecision => {
            Err(Mistake::new(format!("type {data_type} is not exact")).help("Use DECIMAL(p, s)."))
        }
        _ => Err(Mistake::new(format!("type {data_type} cannot be used in a rule"))
            .help("Use BOOLEAN, INT, BIGINT, DECIMAL(p, s), VARCHAR, DATE or TIMESTAMP.")),
    }
}

/// The nearest candidate that could be a slip of the pen, the first of equals.
fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + name.len() / 4;
    let near = candidates.into_iter().map(|candidate| (levenshtein(candidate, name), candidate));
    near.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}
