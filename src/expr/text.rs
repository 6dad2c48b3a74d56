//! Expressions as SQL text for people: names as they were written, no
//! conversions that only the planner needs.

use arrow::array::Array;
use arrow::util::display::ArrayFormatter;
use arrow::util::display::FormatOptions;
use datafusion_common::ScalarValue;
use datafusion_expr::BinaryExpr;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::TryCast;

use super::types::Class;

const FORMAT: FormatOptions<'static> =
    FormatOptions::new().with_null("NULL").with_display_error(true).with_timestamp_format(Some("%Y-%m-%d %H:%M:%S"));

/// The value of one row.
pub(super) fn value(array: &dyn Array, row: usize) -> String {
    ArrayFormatter::try_new(array, &FORMAT).map_or_else(|_| "?".to_owned(), |formatter| formatter.value(row).to_string())
}

pub(super) fn sql(expr: &Expr) -> String {
    write(expr, 0)
}

fn strength(op: Operator) -> u8 {
    match op {
        Operator::Or => 1,
        Operator::And => 2,
        Operator::Plus | Operator::Minus | Operator::StringConcat => 5,
        Operator::Multiply | Operator::Divide | Operator::Modulo => 6,
        _ => 4,
    }
}

fn wrap(text: String, own: u8, around: u8) -> String {
    if own < around { format!("({text})") } else { text }
}

fn list(all: &[Expr]) -> String {
    all.iter().map(sql).collect::<Vec<_>>().join(", ")
}

/// `around` is the strength with which the surrounding operator binds.
fn write(expr: &Expr, around: u8) -> String {
    let after = |inner: &Expr, words: &str| wrap(format!("{} {words}", write(inner, 5)), 4, around);
    match expr {
        Expr::Alias(alias) => write(&alias.expr, around),
        Expr::Column(column) => column.flat_name(),
        Expr::Literal(value, _) => literal(value),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let own = strength(*op);
            let words = op.to_string().to_lowercase();
            wrap(format!("{} {words} {}", write(left, own), write(right, own + 1)), own, around)
        }
        Expr::Not(inner) => wrap(format!("not {}", write(inner, 4)), 3, around),
        Expr::IsNull(inner) => after(inner, "is null"),
        Expr::IsNotNull(inner) => after(inner, "is not null"),
        Expr::IsTrue(inner) => after(inner, "is true"),
        Expr::IsFalse(inner) => after(inner, "is false"),
        Expr::IsUnknown(inner) => after(inner, "is unknown"),
        Expr::IsNotTrue(inner) => after(inner, "is not true"),
        Expr::IsNotFalse(inner) => after(inner, "is not false"),
        Expr::IsNotUnknown(inner) => after(inner, "is not unknown"),
        Expr::Negative(inner) => format!("-{}", write(inner, 7)),
        Expr::Between(between) => {
            let not = if between.negated { "not " } else { "" };
            let words = format!("{} {not}between {} and {}", write(&between.expr, 5), write(&between.low, 5), write(&between.high, 5));
            wrap(words, 4, around)
        }
        Expr::InList(all) => {
            let not = if all.negated { "not " } else { "" };
            wrap(format!("{} {not}in ({})", write(&all.expr, 5), list(&all.list)), 4, around)
        }
        Expr::Like(like) => {
            let not = if like.negated { "not " } else { "" };
            let word = if like.case_insensitive { "ilike" } else { "like" };
            wrap(format!("{} {not}{word} {}", write(&like.expr, 5), write(&like.pattern, 5)), 4, around)
        }
        Expr::Case(case) => {
            let mut words = "case".to_owned();
            if let Some(operand) = &case.expr {
                words.push_str(&format!(" {}", sql(operand)));
            }
            for (when, then) in &case.when_then_expr {
                words.push_str(&format!(" when {} then {}", sql(when), sql(then)));
            }
            if let Some(other) = &case.else_expr {
                words.push_str(&format!(" else {}", sql(other)));
            }
            words + " end"
        }
        Expr::TryCast(TryCast { expr, field }) => match Class::of(field.data_type()) {
            // Numbers, days and times meet by conversions that say nothing to a reader.
            Class::Number | Class::Time | Class::Text => write(expr, around),
            _ => format!("cast({} as {})", sql(expr), field.data_type().to_string().to_lowercase()),
        },
        Expr::ScalarFunction(call) => format!("{}({})", call.func.name(), list(&call.args)),
        other => other.to_string(),
    }
}

fn literal(value: &ScalarValue) -> String {
    if value.is_null() {
        return "NULL".to_owned();
    }
    let text = value.to_array().map_or_else(|_| value.to_string(), |array| self::value(&array, 0));
    match Class::of(&value.data_type()) {
        Class::Text => format!("'{}'", text.replace('\'', "''")),
        Class::Day | Class::Time => format!("'{text}'"),
        Class::Interval => format!("interval '{text}'"),
        _ => text,
    }
}
