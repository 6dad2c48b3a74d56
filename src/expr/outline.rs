//! What the text of an expression says before it is resolved, for pages and
//! explanations: the conditions that it joins, and the columns that it names.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::BinaryOperator;
use datafusion_sql::sqlparser::ast::Expr as Sql;
use datafusion_sql::sqlparser::ast::Function;
use datafusion_sql::sqlparser::ast::FunctionArg;
use datafusion_sql::sqlparser::ast::FunctionArgExpr;
use datafusion_sql::sqlparser::ast::FunctionArguments;
use datafusion_sql::sqlparser::ast::UnaryOperator;
use datafusion_sql::sqlparser::ast::Visit as _;
use datafusion_sql::sqlparser::ast::VisitMut;
use datafusion_sql::sqlparser::ast::Visitor;
use datafusion_sql::sqlparser::ast::VisitorMut;

use super::source::Source;

/// The conditions that must all hold, each as SQL text, in the order of the
/// text; the whole where it is not an AND or cannot be read.
pub fn parts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    match (Source { text }).parse() {
        Ok(sql) => split(&sql, &mut found),
        Err(_) => found.push(text.trim().to_owned()),
    }
    found
}

fn split(sql: &Sql, found: &mut Vec<String>) {
    match sql {
        Sql::BinaryOp { left, op: BinaryOperator::And, right } => {
            split(left, found);
            split(right, found);
        }
        Sql::Nested(inner) => split(inner, found),
        other => found.push(other.to_string()),
    }
}

/// The text as a person would say it, for reading alone: what is only written
/// because a value may be absent is left out. `coalesce(a or b, a, b)` says
/// `(a or b)`, `coalesce(a, '')` says `a`, and `when not p` after `when p` is an
/// `else`.
pub fn readable(text: &str) -> String {
    let Ok(mut sql) = (Source { text }).parse() else { return text.trim().to_owned() };
    let _ = VisitMut::visit(&mut sql, &mut Reader);
    match sql {
        Sql::Nested(inner) => inner.to_string(),
        other => other.to_string(),
    }
}

struct Reader;

impl VisitorMut for Reader {
    type Break = ();

    fn post_visit_expr(&mut self, sql: &mut Sql) -> ControlFlow<()> {
        let said = match sql {
            Sql::Function(call) if call.name.to_string().eq_ignore_ascii_case("coalesce") => first_of_alternatives(call),
            Sql::Case { conditions, else_result, .. } => {
                if let [first, second] = conditions.as_slice()
                    && else_result.is_none()
                    && let Sql::UnaryOp { op: UnaryOperator::Not, expr } = &second.condition
                    && expr.to_string() == first.condition.to_string()
                {
                    *else_result = Some(Box::new(second.result.clone()));
                    conditions.truncate(1);
                }
                None
            }
            _ => None,
        };
        if let Some(said) = said {
            *sql = said;
        }
        ControlFlow::Continue(())
    }
}

fn first_of_alternatives(call: &Function) -> Option<Sql> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let args: Option<Vec<&Sql>> = list
        .args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect();
    let (first, others) = args.as_deref()?.split_first()?;
    let mut operands = Vec::new();
    alternatives(first, &mut operands);
    if operands.len() > 1 && others.iter().all(|other| matches!(other, Sql::Value(_)) || operands.contains(&other.to_string())) {
        return Some(Sql::Nested(Box::new((*first).clone())));
    }
    matches!(others, [Sql::Value(_)]).then(|| (*first).clone())
}

/// Operands of a chain of AND and OR.
fn alternatives(sql: &Sql, found: &mut Vec<String>) {
    match sql {
        Sql::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            alternatives(left, found);
            alternatives(right, found);
        }
        Sql::Nested(inner) => alternatives(inner, found),
        other => found.push(other.to_string()),
    }
}

/// Qualified names (`line.cnt`, `param.days`) in the text; none if it cannot be read.
pub fn names(text: &str) -> BTreeSet<String> {
    let mut search = Names::default();
    if let Ok(sql) = (Source { text }).parse() {
        let _ = sql.visit(&mut search);
    }
    search.0
}

#[derive(Default)]
struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, sql: &Sql) -> ControlFlow<()> {
        if let Sql::CompoundIdentifier(parts) = sql {
            self.0.insert(parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join("."));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_taken_apart_at_its_ands_alone() {
        for (text, expect) in [
            ("line.cnt > 1", &["line.cnt > 1"][..]),
            ("(line.cnt > 1 and (line.pric > 2)) and header.online", &["line.cnt > 1", "line.pric > 2", "header.online"]),
            ("line.cnt between 1 and 2 and line.pric > 0", &["line.cnt BETWEEN 1 AND 2", "line.pric > 0"]),
            ("line.cnt > 1 or line.cnt < 0 and line.pric > 1", &["line.cnt > 1 OR line.cnt < 0 AND line.pric > 1"]),
            ("contains(line.medins_list_name, ' and ')", &["contains(line.medins_list_name, ' and ')"]),
            ("not sql at", &["not sql at"]),
        ] {
            assert_eq!(parts(text), expect, "{text}");
        }
    }

    #[test]
    fn a_condition_reads_as_it_would_be_said() {
        for (text, expect) in [
            ("coalesce(line.cnt > 1 or line.pric > 2, line.cnt > 1, line.pric > 2)", "line.cnt > 1 OR line.pric > 2"),
            ("coalesce(header.gend, '0') = '1'", "header.gend = '1'"),
            ("coalesce(ref.ceiling, line.pric) > 0", "coalesce(ref.ceiling, line.pric) > 0"),
            (
                "line.cnt > case when header.online then 7 when not header.online then 3 end",
                "line.cnt > CASE WHEN header.online THEN 7 ELSE 3 END",
            ),
            ("not sql at", "not sql at"),
        ] {
            assert_eq!(readable(text), expect);
        }
    }

    #[test]
    fn names_are_those_outside_of_texts() {
        let found = names("coalesce(ref.ceiling, line.pric) > param.share and line.spec <> 'header.gend'");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["line.pric", "line.spec", "param.share", "ref.ceiling"]);
    }
}
