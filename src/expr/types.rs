//! Typing: which kinds of values may meet, and the casts and literals that
//! make them meet exactly.

use std::fmt;

use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit;
use datafusion_common::DFSchema;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::tree_node::Transformed;
use datafusion_common::tree_node::TreeNode as _;
use datafusion_expr::BinaryExpr;
use datafusion_expr::Cast;
use datafusion_expr::Expr;
use datafusion_expr::ExprSchemable as _;
use datafusion_expr::Operator;
use datafusion_expr::TryCast;
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::lit;

use super::error::Mistake;
use super::functions::FUNCTIONS;
use super::text;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;

pub(super) const TIME: DataType = DataType::Timestamp(TimeUnit::Second, None);

/// Kinds of values that may be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Nothing,
    Condition,
    Number,
    Text,
    Day,
    Time,
    Interval,
    Inexact,
    Other,
}

impl Class {
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Nothing,
            DataType::Boolean => Self::Condition,
            DataType::Decimal128(..) => Self::Number,
            kind if kind.is_integer() => Self::Number,
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Self::Text,
            DataType::Date32 => Self::Day,
            DataType::Timestamp(TimeUnit::Second, None) => Self::Time,
            DataType::Interval(_) => Self::Interval,
            kind if kind.is_floating() => Self::Inexact,
            _ => Self::Other,
        }
    }

    fn meets(self, other: Self) -> bool {
        let temporal = |class| matches!(class, Self::Day | Self::Time);
        self == other || self == Self::Nothing || other == Self::Nothing || (temporal(self) && temporal(other))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "NULL",
            Self::Condition => "a condition",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Day => "a date",
            Self::Time => "a time",
            Self::Interval => "an interval",
            Self::Inexact => "an inexact number",
            Self::Other => "a value of a kind that rules do not know",
        })
    }
}

/// Checks every node against the classes of its operands, and rewrites dates,
/// times and casts so that nothing is left to the planner's own conversions
/// that could lose or fail.
pub(super) fn settle(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|node| settle_node(node, schema).map(Transformed::yes)).map(|settled| settled.data)
}

fn settle_node(node: Expr, schema: &DFSchema) -> Result<Expr> {
    match node {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => settle_binary(*left, op, *right, schema),
        Expr::Not(inner) => {
            condition(&inner, schema)?;
            Ok(Expr::Not(inner))
        }
        Expr::IsTrue(ref inner)
        | Expr::IsFalse(ref inner)
        | Expr::IsUnknown(ref inner)
        | Expr::IsNotTrue(ref inner)
        | Expr::IsNotFalse(ref inner)
        | Expr::IsNotUnknown(ref inner) => {
            condition(inner, schema)?;
            Ok(node)
        }
        Expr::Between(mut between) => {
            align(&mut [&mut *between.expr, &mut *between.low, &mut *between.high], schema)?;
            Ok(Expr::Between(between))
        }
        Expr::InList(mut list) => {
            let mut all: Vec<&mut Expr> = std::iter::once(&mut *list.expr).chain(list.list.iter_mut()).collect();
            align(&mut all, schema)?;
            Ok(Expr::InList(list))
        }
        Expr::Case(mut case) => {
            match &mut case.expr {
                Some(operand) => {
                    let whens = case.when_then_expr.iter_mut().map(|(when, _)| &mut **when);
                    align(&mut std::iter::once(&mut **operand).chain(whens).collect::<Vec<_>>(), schema)?;
                }
                None => case.when_then_expr.iter().try_for_each(|(when, _)| condition(when, schema))?,
            }
            let results = case.when_then_expr.iter_mut().map(|(_, then)| &mut **then).chain(case.else_expr.as_deref_mut());
            align(&mut results.collect::<Vec<_>>(), schema)?;
            Ok(Expr::Case(case))
        }
        Expr::Like(like) => {
            for side in [&like.expr, &like.pattern] {
                let class = Class::of(&side.get_type(schema)?);
                if !class.meets(Class::Text) {
                    return Err(Mistake::new(format!("`like` compares texts, `{}` is {class}", text::sql(side))).into());
                }
            }
            Ok(Expr::Like(like))
        }
        Expr::Negative(inner) => match Class::of(&inner.get_type(schema)?) {
            Class::Number | Class::Nothing | Class::Interval => Ok(Expr::Negative(inner)),
            class => Err(Mistake::new(format!("`-` takes a number, `{}` is {class}", text::sql(&inner))).into()),
        },
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => settle_cast(*expr, field.data_type(), schema),
        Expr::ScalarFunction(call) => settle_call(call, schema),
        Expr::SimilarTo(_) => Err(Mistake::new("`similar to` cannot be used in a rule").help("Use LIKE.").into()),
        Expr::Literal(ScalarValue::Decimal256(..) | ScalarValue::UInt64(_), _) => Err(Mistake::new("number has too many digits").into()),
        other => Ok(other),
    }
}

fn condition(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match Class::of(&expr.get_type(schema)?) {
        Class::Condition | Class::Nothing => Ok(()),
        class => Err(Mistake::new(format!("expected a condition, `{}` is {class}", text::sql(expr))).into()),
    }
}

fn settle_binary(mut left: Expr, op: Operator, mut right: Expr, schema: &DFSchema) -> Result<Expr> {
    match op {
        Operator::And | Operator::Or => {
            condition(&left, schema)?;
            condition(&right, schema)?;
        }
        Operator::Eq
        | Operator::NotEq
        | Operator::Lt
        | Operator::LtEq
        | Operator::Gt
        | Operator::GtEq
        | Operator::IsDistinctFrom
        | Operator::IsNotDistinctFrom => align(&mut [&mut left, &mut right], schema)?,
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo => {
            arithmetic(&left, op, &right, schema)?;
        }
        Operator::StringConcat => {
            for side in [&left, &right] {
                let class = Class::of(&side.get_type(schema)?);
                if !class.meets(Class::Text) {
                    return Err(Mistake::new(format!("`||` joins texts, `{}` is {class}", text::sql(side))).into());
                }
            }
        }
        other => return Err(Mistake::new(format!("operator `{other}` cannot be used in a rule")).into()),
    }
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

fn arithmetic(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Result<()> {
    let classes = (Class::of(&left.get_type(schema)?), Class::of(&right.get_type(schema)?));
    let temporal = |class| matches!(class, Class::Day | Class::Time);
    let fits = match classes {
        (Class::Number | Class::Nothing, Class::Number | Class::Nothing) => true,
        (at, Class::Interval) if temporal(at) => matches!(op, Operator::Plus | Operator::Minus),
        (Class::Interval, at) if temporal(at) => op == Operator::Plus,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let mistake = Mistake::new(format!("`{op}` cannot join {} and {}", classes.0, classes.1));
    let help = match classes {
        (from, to) if temporal(from) && temporal(to) => Some("Use days_between(a, b)."),
        (at, Class::Number) | (Class::Number, at) if temporal(at) => Some("Write INTERVAL '7 days'."),
        (Class::Text, _) | (_, Class::Text) => Some("A text becomes a number by CAST(... AS DECIMAL(18, 4))."),
        _ => None,
    };
    Err(match help {
        Some(help) => mistake.help(help).into(),
        None => mistake.into(),
    })
}

/// Brings values that are compared or chosen between to classes that meet:
/// texts written where a date or time stands are read as one, days become
/// times where they meet times.
fn align(all: &mut [&mut Expr], schema: &DFSchema) -> Result<()> {
    let classes = |all: &[&mut Expr]| all.iter().map(|expr| Ok(Class::of(&expr.get_type(schema)?))).collect::<Result<Vec<_>>>();
    let mut found = classes(all)?;
    if found.iter().any(|class| matches!(class, Class::Day | Class::Time)) {
        for expr in all.iter_mut() {
            if let Expr::Literal(ScalarValue::Utf8(Some(written)), _) = &**expr {
                **expr = lit(read_time(written)?);
            }
        }
        found = classes(all)?;
    }
    if found.contains(&Class::Time) {
        for (expr, class) in all.iter_mut().zip(&mut found) {
            if *class == Class::Day {
                let day = std::mem::replace(*expr, Expr::Literal(ScalarValue::Null, None));
                **expr = Expr::TryCast(TryCast::new(Box::new(day), TIME));
                *class = Class::Time;
            }
        }
    }
    for (at, class) in found.iter().enumerate() {
        if let Some(before) = found[..at].iter().position(|before| !before.meets(*class)) {
            let (one, other) = (text::sql(all[before]), text::sql(all[at]));
            let mistake = Mistake::new(format!("`{one}` is {} and `{other}` is {class}", found[before]));
            let number_for_text = found[before] == Class::Text && matches!(all[at], Expr::Literal(..)) && *class == Class::Number;
            return Err(if number_for_text { mistake.help(format!("Write '{other}'.")).into() } else { mistake.into() });
        }
    }
    Ok(())
}

/// A date, or a time if the text tells hours.
fn read_time(written: &str) -> Result<ScalarValue> {
    let Some(Civil(second)) = Civil::parse(written) else {
        return Err(Mistake::new(format!("'{written}' is no date or time")).help("Write '2024-07-01' or '2024-07-01 08:30:00'.").into());
    };
    Ok(match i32::try_from(second / SECONDS_PER_DAY) {
        Ok(day) if second % SECONDS_PER_DAY == 0 && written.len() <= 10 => ScalarValue::Date32(Some(day)),
        _ => ScalarValue::TimestampSecond(Some(second), None),
    })
}

/// Casts give NULL where they fail; the cast of a constant that fails is a mistake.
fn settle_cast(expr: Expr, to: &DataType, schema: &DFSchema) -> Result<Expr> {
    let to = if matches!(to, DataType::Timestamp(..)) { TIME } else { to.clone() };
    let from = expr.get_type(schema)?;
    if let (Expr::Literal(ScalarValue::Utf8(Some(written)), _), Class::Day | Class::Time) = (&expr, Class::of(&to)) {
        let read = read_time(written)?;
        return match (&to, read) {
            (DataType::Date32, ScalarValue::TimestampSecond(..)) => Err(Mistake::new(format!("'{written}' is no date")).into()),
            (kind, ScalarValue::Date32(Some(day))) if *kind == TIME => {
                Ok(lit(ScalarValue::TimestampSecond(Some(i64::from(day) * SECONDS_PER_DAY), None)))
            }
            (_, read) => Ok(lit(read)),
        };
    }
    if matches!(Class::of(&to), Class::Inexact | Class::Other) || !arrow::compute::can_cast_types(&from, &to) {
        return Err(Mistake::new(format!("{} cannot become {to}", Class::of(&from))).into());
    }
    if let Expr::Literal(value, _) = &expr
        && !value.is_null()
        && value.cast_to_with_options(&to, &super::kernels::SAFE).is_ok_and(|cast| cast.is_null())
    {
        return Err(Mistake::new(format!("{} cannot become {to}", text::sql(&expr))).into());
    }
    Ok(Expr::TryCast(TryCast::new(Box::new(expr), to)))
}

fn settle_call(mut call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let name = call.func.name();
    if super::names::function(name).is_none() {
        return Err(Mistake::new(format!("function `{name}` is not allowed in a rule")).into());
    }
    match name {
        "coalesce" | "greatest" | "least" | "nullif" | "nvl" => align(&mut call.args.iter_mut().collect::<Vec<_>>(), schema)?,
        "age_on" | "days_between" | "date_of" => {
            for arg in &mut call.args {
                if let Expr::Literal(ScalarValue::Utf8(Some(written)), _) = arg {
                    *arg = lit(read_time(written)?);
                }
            }
        }
        _ => {}
    }
    if let Some(own) = FUNCTIONS.iter().find(|function| function.name == call.func.name()) {
        let found: Vec<DataType> = call.args.iter().map(|arg| arg.get_type(schema)).collect::<Result<_>>()?;
        let usage = || format!("{}: {}", own.usage, own.en);
        call.func.coerce_types(&found).map_err(|error| Mistake::from(error).help(usage()))?;
        (own.check)(&call.args).map_err(|message| Mistake::new(message).help(usage()))?;
    }
    Ok(Expr::ScalarFunction(call))
}
