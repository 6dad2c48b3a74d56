//! What a YAML file may hold, as a table: the one list from which files are
//! checked, read and described to editors, so that the three cannot disagree.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::time::SECONDS_PER_DAY;
use crate::events::EventType;
use crate::events::Table;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::nearest::nearest;
use crate::ruleset::words::Choice;
use crate::ruleset::yaml::Entry;
use crate::ruleset::yaml::Node;
use crate::ruleset::yaml::Value;

/// What may stand in one place.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Words; not empty.
    Text,
    /// Words, or nothing between quotes.
    TextOrEmpty,
    /// Words of a fixed form.
    Form(&'static Form),
    /// Any one value, as written.
    Scalar,
    Bool,
    /// Both ends included.
    Int {
        min: i64,
        max: i64,
    },
    Decimal,
    NumberOrText,
    /// A number, or `param.name`.
    NumberOrParam,
    /// `yyyy-MM-dd`.
    Date,
    /// `3d`, `1h`, `30m`, `10s`.
    Duration,
    /// An expression; what it means is checked where it is compiled.
    Sql,
    /// A text with `{column}` placeholders.
    Template,
    Choice(&'static [Choice]),
    List(&'static Self),
    /// A list with at least one item.
    SomeOf(&'static Self),
    /// Any keys of a form.
    Map {
        key: &'static Form,
        value: &'static Self,
    },
    Object(&'static Object),
    /// A map whose `tag` says which of the shapes it has.
    Tagged {
        tag: &'static str,
        variants: &'static [(&'static str, Self)],
    },
    /// A map with exactly one of the object's keys.
    OneKey(&'static Object),
    /// Fields of an event's header or of a row in one of its lists.
    Row(RowOf),
}

/// Which table of an event a case's row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOf {
    Header,
    Line,
    Diagnoses,
    Operations,
}

impl RowOf {
    /// The table of an event type, if it has one.
    pub fn table(self, event: &'static EventType) -> Option<&'static Table> {
        let child = |name| event.children.iter().map(|child| &child.table).find(|table| table.name == name);
        match self {
            Self::Header => Some(&event.header),
            Self::Line => Some(&event.lines().table),
            Self::Diagnoses => child("diseinfo"),
            Self::Operations => child("oprninfo"),
        }
    }
}

/// A map with fixed keys; others are refused.
#[derive(Debug)]
pub struct Object {
    pub fields: &'static [Field],
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub key: &'static str,
    pub shape: Shape,
    pub need: Need,
    pub zh: &'static str,
    /// With the unit, where there is one.
    pub en: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
    /// Optional, with what holds if it is not written.
    Default(&'static str),
}

/// The form of a text.
#[derive(Debug)]
pub struct Form {
    /// For editors; `matches` decides.
    pub regex: &'static str,
    pub matches: fn(&str) -> bool,
    /// A full sentence that says what the form is.
    pub help: &'static str,
}

pub const fn required(key: &'static str, shape: Shape, zh: &'static str, en: &'static str) -> Field {
    Field { key, shape, need: Need::Required, zh, en }
}

pub const fn optional(key: &'static str, shape: Shape, zh: &'static str, en: &'static str) -> Field {
    Field { key, shape, need: Need::Optional, zh, en }
}

impl Field {
    /// Makes an optional field's default known.
    #[must_use]
    pub const fn or(mut self, default: &'static str) -> Self {
        self.need = Need::Default(default);
        self
    }
}

impl Object {
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

fn words_joined_by(text: &str, separator: char) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split(separator).all(word)
}

pub const KEBAB: Form = Form {
    regex: "^(?=.{1,50}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    matches: |text| text.len() <= 50 && words_joined_by(text, '-'),
    help: "Use lower-case words joined by hyphens, like `item-sex`, together at most 50 characters.",
};

pub const SNAKE: Form = Form {
    regex: "^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
    matches: |text| words_joined_by(text, '_'),
    help: "Use lower-case words joined by underscores, like `self_paid`.",
};

pub const AREA: Form = Form {
    regex: "^([0-9]{2}){1,3}$",
    matches: |text| matches!(text.len(), 2 | 4 | 6) && text.bytes().all(|byte| byte.is_ascii_digit()),
    help: "An area is 2 digits (province), 4 (city) or 6 (county), in quotes.",
};

pub const AREA_OR_EMPTY: Form = Form {
    regex: "^([0-9]{2}){0,3}$",
    matches: |text| text.is_empty() || (AREA.matches)(text),
    help: "An area is 2 digits (province), 4 (city) or 6 (county), in quotes; \"\" is everywhere.",
};

/// Reads a duration as seconds.
pub fn duration_seconds(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        'd' => SECONDS_PER_DAY,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let count = text.get(..text.len() - unit.len_utf8())?;
    if count.is_empty() || count.len() > 9 || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    count.parse::<i64>().ok().map(|count| count * seconds)
}

/// Reads `yyyy-MM-dd`.
pub fn date(text: &str) -> Option<NaiveDate> {
    if text.len() == 10 { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok() } else { None }
}

/// Reads `param.name` as the name.
pub fn param_name(text: &str) -> Option<&str> {
    text.strip_prefix("param.").filter(|name| (SNAKE.matches)(name))
}

/// Tells every mistake in `node`, which should have `shape`; `name` is what
/// messages call it.
pub fn check(source: &Arc<SourceText>, node: &Node, shape: &Shape, name: &str) -> Vec<Diagnostic> {
    let mut checker = Checker { source, diagnostics: Vec::new() };
    checker.check(node, shape, name);
    checker.diagnostics
}

struct Checker<'a> {
    source: &'a Arc<SourceText>,
    diagnostics: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn report(&mut self, node: &Node, message: String, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(self.source, node.span.clone(), message).help(help));
    }

    fn want(&mut self, holds: bool, node: &Node, name: &str, wanted: &str, help: &str) {
        if !holds {
            self.report(node, format!("{} must be {wanted}, found {}", called(name), node.describe()), help);
        }
    }

    fn check(&mut self, node: &Node, shape: &Shape, name: &str) {
        let plain = node.plain();
        match shape {
            Shape::Text => self.text(node, name, false),
            Shape::TextOrEmpty | Shape::Sql | Shape::Template => {
                self.text(node, name, matches!(shape, Shape::TextOrEmpty));
            }
            Shape::Form(form) => self.form(node, form, name),
            Shape::Scalar => {
                self.want(node.scalar().is_some(), node, name, "one value", "Write one text, number or truth value.");
            }
            Shape::Bool => {
                self.want(node.as_bool().is_some(), node, name, "true or false", "Write true or false, without quotes.");
            }
            Shape::Int { min, max } => {
                let value: Option<i64> = plain.and_then(Decimal::parse).and_then(Decimal::to_i64);
                let wanted = format!("a whole number from {min} to {max}");
                let holds = value.is_some_and(|value| (*min..=*max).contains(&value));
                self.want(holds, node, name, &wanted, "Write the number plainly, without quotes or separators.");
            }
            Shape::Decimal => {
                let holds = plain.and_then(Decimal::parse).is_some();
                self.want(holds, node, name, "a number", "Write at most 18 digits, without quotes, exponent or separators.");
            }
            Shape::NumberOrText => {
                let holds = plain.and_then(Decimal::parse).is_some() || node.as_text().is_some();
                self.want(holds, node, name, "a number or a text", "Write a number of at most 18 digits, or a text in quotes.");
            }
            Shape::NumberOrParam => {
                let holds = plain.is_some_and(|text| Decimal::parse(text).is_some() || param_name(text).is_some());
                self.want(holds, node, name, "a number or a parameter", "Write a number, or `param.` and the name of one of `params`.");
            }
            Shape::Date => {
                let holds = node.scalar().and_then(date).is_some();
                self.want(holds, node, name, "a date", "Write a day that exists as yyyy-MM-dd, like 2021-05-01.");
            }
            Shape::Duration => {
                let holds = node.scalar().and_then(duration_seconds).is_some();
                self.want(holds, node, name, "a duration", "Write a whole number and a unit: 3d, 1h, 30m or 10s.");
            }
            Shape::Choice(choices) => self.choice(node, choices, name),
            Shape::List(item) | Shape::SomeOf(item) => self.list(node, item, name, matches!(shape, Shape::SomeOf(_))),
            Shape::Map { key, value } => self.map(node, key, value, name),
            Shape::Object(object) => self.object(node, object, name),
            Shape::Tagged { tag, variants } => self.tagged(node, tag, variants, name),
            Shape::OneKey(object) => self.one_key(node, object, name),
            Shape::Row(_) => self.row(node, name),
        }
    }

    fn text(&mut self, node: &Node, name: &str, may_be_empty: bool) {
        match node.as_text() {
            Some(text) if may_be_empty || !text.trim().is_empty() => {}
            Some(_) => self.report(node, format!("`{name}` is empty"), "Write what belongs here."),
            None if node.scalar().is_some() => self.want(false, node, name, "a text", "Put the text in quotes."),
            None => self.want(false, node, name, "a text", "Write one text in place of it."),
        }
    }

    fn form(&mut self, node: &Node, form: &Form, name: &str) {
        match node.as_text() {
            Some(text) if (form.matches)(text) => {}
            Some(text) => self.report(node, format!("{text:?} is no valid `{name}`"), form.help),
            None => self.text(node, name, false),
        }
    }

    fn choice(&mut self, node: &Node, choices: &[Choice], name: &str) {
        let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
        match node.scalar() {
            Some(word) if words.contains(&word) => {}
            Some(word) if !node.is_null() => {
                let help = suggestion(word, &words, "It is one of");
                self.report(node, format!("`{name}` cannot be {word:?}"), help);
            }
            _ => self.want(false, node, name, "a word", &format!("It is one of {}.", quoted(&words))),
        }
    }

    fn list(&mut self, node: &Node, item: &Shape, name: &str, some: bool) {
        if !matches!(node.value, Value::List(_)) {
            return self.want(false, node, name, "a list", "Write [a, b], or one item on each line after `- `.");
        }
        if some && node.items().is_empty() {
            self.report(node, format!("`{name}` is empty"), "Write at least one item.");
        }
        for child in node.items() {
            self.check(child, item, name);
        }
    }

    fn is_map(&mut self, node: &Node, name: &str) -> bool {
        let holds = matches!(node.value, Value::Map(_));
        self.want(holds, node, name, "a map", "Write keys and values: `key: value`.");
        holds
    }

    fn map(&mut self, node: &Node, form: &Form, value: &Shape, name: &str) {
        if self.is_map(node, name) {
            for entry in node.entries() {
                if !(form.matches)(&entry.key) {
                    let message = format!("{:?} is no valid key in {}", entry.key, called(name));
                    self.report_key(entry, message, form.help.to_owned());
                }
                self.check(&entry.value, value, &entry.key);
            }
        }
    }

    fn object(&mut self, node: &Node, object: &'static Object, name: &str) {
        if !self.is_map(node, name) {
            return;
        }
        let keys: Vec<&str> = object.fields.iter().map(|field| field.key).collect();
        for entry in node.entries() {
            match object.field(&entry.key) {
                Some(field) if entry.value.is_null() && field.need == Need::Required => {
                    let message = format!("`{}` has no value", entry.key);
                    self.report_key(entry, message, format!("Write its value: {}.", field.en));
                }
                Some(_) if entry.value.is_null() => {}
                Some(field) => self.check(&entry.value, &field.shape, field.key),
                None => {
                    let message = format!("unknown key `{}` in {}", entry.key, called(name));
                    self.report_key(entry, message, suggestion(&entry.key, &keys, "Known are"));
                }
            }
        }
        // A mistyped key is told once, not as an unknown and a missing one.
        let strangers = node.entries().iter().filter(|entry| object.field(&entry.key).is_none());
        let meant: Vec<&str> = strangers.filter_map(|entry| nearest(&entry.key, &keys)).collect();
        let missing = |field: &&Field| field.need == Need::Required && node.get(field.key).is_none() && !meant.contains(&field.key);
        for field in object.fields.iter().filter(missing) {
            self.report(node, format!("`{}` is missing in {}", field.key, called(name)), format!("Add `{}`: {}.", field.key, field.en));
        }
    }

    fn report_key(&mut self, entry: &Entry, message: String, help: String) {
        self.diagnostics.push(Diagnostic::new(self.source, entry.key_span.clone(), message).help(help));
    }

    fn tagged(&mut self, node: &Node, tag: &str, variants: &'static [(&'static str, Shape)], name: &str) {
        if !self.is_map(node, name) {
            return;
        }
        let words: Vec<&str> = variants.iter().map(|(word, _)| *word).collect();
        let Some(value) = node.get(tag) else {
            return self.report(
                node,
                format!("`{tag}` is missing in {}", called(name)),
                format!("Add `{tag}`: one of {}.", quoted(&words)),
            );
        };
        if let Some((_, shape)) = variants.iter().find(|(word, _)| value.scalar() == Some(word)) {
            self.check(node, shape, name);
        } else {
            let help = suggestion(value.scalar().unwrap_or_default(), &words, "It is one of");
            self.report(value, format!("`{tag}` cannot be {}", value.describe()), help);
        }
    }

    fn one_key(&mut self, node: &Node, object: &'static Object, name: &str) {
        self.object(node, object, name);
        let keys: Vec<&str> = object.fields.iter().map(|field| field.key).collect();
        if matches!(node.value, Value::Map(_)) && node.entries().len() != 1 {
            self.report(
                node,
                format!("an item of `{name}` has {} keys", node.entries().len()),
                format!("Write exactly one of {}.", quoted(&keys)),
            );
        }
    }

    fn row(&mut self, node: &Node, name: &str) {
        if self.is_map(node, name) {
            for entry in node.entries().iter().filter(|entry| entry.value.scalar().is_none()) {
                self.want(
                    false,
                    &entry.value,
                    &entry.key,
                    "one value",
                    "Rows of lists have keys of their own: lines, diagnoses, operations.",
                );
            }
        }
    }
}

/// Keys are quoted; descriptions (`the file`) are not.
fn called(name: &str) -> String {
    if name.contains(' ') { name.to_owned() } else { format!("`{name}`") }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Help for a word that is none of `words`.
pub fn suggestion(word: &str, words: &[&str], lead: &str) -> String {
    match nearest(word, words) {
        Some(close) => format!("Did you mean `{close}`?"),
        None => format!("{lead} {}.", quoted(words)),
    }
}
