//! Typed access to a map that was checked against its shape.
//!
//! What the check has reported reads as the default or as a neutral stand-in
//! here, never as a second report.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::base::diagnostic::SourceText;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::Sql;
use crate::ruleset::shape;
use crate::ruleset::shape::Field;
use crate::ruleset::shape::Need;
use crate::ruleset::shape::Object;
use crate::ruleset::words::Words;
use crate::ruleset::yaml::Entry;
use crate::ruleset::yaml::Node;
use crate::ruleset::yaml::Value;

/// A map of a file and the object it was checked against.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub source: &'a Arc<SourceText>,
    pub node: &'a Node,
    object: &'static Object,
}

/// A stand-in for an expression that is missing: unknown for every row.
const UNKNOWN: &str = "NULL";

impl<'a> View<'a> {
    pub fn new(source: &'a Arc<SourceText>, node: &'a Node, object: &'static Object) -> Self {
        Self { source, node, object }
    }

    fn field(&self, key: &str) -> &'static Field {
        let Some(field) = self.object.field(key) else { panic!("`{key}` is read but not in the field list") };
        field
    }

    /// The value under a key, unless absent or null.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        let field = self.field(key);
        self.node.get(field.key).filter(|node| !node.is_null())
    }

    fn scalar(&self, key: &str) -> Option<&'a str> {
        let default = match self.field(key).need {
            Need::Default(text) => Some(text),
            Need::Required | Need::Optional => None,
        };
        self.get(key).and_then(Node::scalar).or(default)
    }

    pub fn maybe_text(&self, key: &str) -> Option<String> {
        self.scalar(key).map(str::to_owned)
    }

    /// Empty where missing.
    pub fn text(&self, key: &str) -> String {
        self.maybe_text(key).unwrap_or_default()
    }

    /// The default where what is written is none; false without one.
    pub fn bool(&self, key: &str) -> bool {
        self.get(key).and_then(Node::as_bool).unwrap_or(matches!(self.field(key).need, Need::Default("true")))
    }

    pub fn maybe_decimal(&self, key: &str) -> Option<Decimal> {
        self.scalar(key).and_then(Decimal::parse)
    }

    /// Zero where missing.
    pub fn int(&self, key: &str) -> i64 {
        self.maybe_decimal(key).and_then(Decimal::to_i64).unwrap_or(0)
    }

    /// Zero where missing or out of range.
    pub fn count(&self, key: &str) -> u32 {
        u32::try_from(self.int(key)).unwrap_or(0)
    }

    pub fn maybe_date(&self, key: &str) -> Option<NaiveDate> {
        self.scalar(key).and_then(shape::date)
    }

    /// Zero where missing.
    pub fn seconds(&self, key: &str) -> i64 {
        self.scalar(key).and_then(shape::duration_seconds).unwrap_or(0)
    }

    pub fn maybe_choice<T: Words>(&self, key: &str) -> Option<T> {
        self.scalar(key).and_then(T::from_word)
    }

    /// The first word where missing.
    pub fn choice<T: Words>(&self, key: &str) -> T {
        let Some(first) = T::ALL.first() else { panic!("the words of `{key}` are none") };
        self.maybe_choice(key).unwrap_or(*first)
    }

    pub fn choices<T: Words>(&self, key: &str) -> Vec<T> {
        self.items(key).iter().filter_map(Node::scalar).filter_map(T::from_word).collect()
    }

    pub fn texts(&self, key: &str) -> Vec<String> {
        self.items(key).iter().filter_map(Node::scalar).map(str::to_owned).collect()
    }

    pub fn maybe_sql(&self, key: &str) -> Option<Sql> {
        self.get(key).map(|node| sql(self.source, node))
    }

    /// Unknown for every row where missing.
    pub fn sql(&self, key: &str) -> Sql {
        let stand_in = || Sql { text: UNKNOWN.to_owned(), span: self.node.span.clone(), source: Arc::clone(self.source) };
        self.maybe_sql(key).unwrap_or_else(stand_in)
    }

    pub fn sqls(&self, key: &str) -> Vec<Sql> {
        self.items(key).iter().map(|node| sql(self.source, node)).collect()
    }

    /// Zero where missing.
    pub fn number(&self, key: &str) -> Number {
        let text = self.scalar(key).unwrap_or("0");
        match shape::param_name(text) {
            Some(name) => Number::Param(name.to_owned()),
            None => Number::Value(Decimal::parse(text).unwrap_or(Decimal::from_int(0))),
        }
    }

    /// The number zero where missing.
    pub fn param_value(&self, key: &str) -> ParamValue {
        self.get(key).map_or(ParamValue::Number(Decimal::from_int(0)), param_value)
    }

    pub fn bilingual(&self, key: &str) -> Bilingual {
        self.get(key).map(bilingual).unwrap_or_default()
    }

    pub fn items(&self, key: &str) -> &'a [Node] {
        self.get(key).map(Node::items).unwrap_or_default()
    }

    pub fn entries(&self, key: &str) -> &'a [Entry] {
        self.get(key).map(Node::entries).unwrap_or_default()
    }

    /// The map under a key, read by the object that belongs there; where
    /// missing, all its values are defaults.
    #[must_use]
    pub fn within(&self, key: &str, object: &'static Object) -> Self {
        Self { source: self.source, node: self.get(key).unwrap_or(&EMPTY), object }
    }

    /// The maps of the list under a key.
    pub fn each(&self, key: &str, object: &'static Object) -> impl Iterator<Item = Self> {
        let source = self.source;
        self.items(key).iter().map(move |node| Self { source, node, object })
    }
}

static EMPTY: Node = Node { span: 0..0, value: Value::Map(Vec::new()) };

fn sql(source: &Arc<SourceText>, node: &Node) -> Sql {
    let text = node.scalar().unwrap_or(UNKNOWN).to_owned();
    Sql { text, span: node.span.clone(), source: Arc::clone(source) }
}

/// A number as written, or a text.
pub fn param_value(node: &Node) -> ParamValue {
    match node.plain().and_then(Decimal::parse) {
        Some(number) => ParamValue::Number(number),
        None => ParamValue::Text(node.scalar().unwrap_or_default().to_owned()),
    }
}

/// The members `zh` and `en` of a map.
pub fn bilingual(node: &Node) -> Bilingual {
    let text = |key| node.get(key).and_then(Node::scalar).unwrap_or_default().to_owned();
    Bilingual { zh: text("zh"), en: text("en") }
}
