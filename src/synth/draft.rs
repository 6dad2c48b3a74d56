//! A message as JSON whose fields are asked and changed by the interface's
//! names, whatever way its vendor spells them.

use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::base::time::Civil;
use crate::events::Column;
use crate::events::EventType;
use crate::events::Kind;
use crate::events::Table;

type Object = Map<String, Value>;

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    event: &'static EventType,
    object: Object,
}

fn spelled(table: &Table, name: &str, object: &Object) -> Option<String> {
    let column = table.columns.iter().find(|column| column.name == name)?;
    column.spellings().into_iter().find(|spelling| object.contains_key(spelling))
}

/// A text or a number as text; silence is none.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    }
}

/// 分 as 元.
pub(super) fn yuan(fen: i64) -> Value {
    Number::from_f64(fen as f64 / 100.0).map_or(Value::Null, Value::Number)
}

impl Draft {
    /// `None` for what is no JSON object.
    pub(super) fn read(event: &'static EventType, json: &[u8]) -> Option<Self> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(object)) => Some(Self { event, object }),
            _ => None,
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(&self.object).unwrap_or_default()
    }

    /// The message and the blocks that are read as if they stood in it.
    fn parts(&self) -> impl Iterator<Item = &Object> {
        let block = |name: &&str| self.object.get(*name).and_then(Value::as_object);
        std::iter::once(&self.object).chain(self.event.blocks.iter().filter_map(block))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.parts().find_map(|part| said(part.get(&spelled(&self.event.header, name, part)?)?))
    }

    pub(super) fn fen(&self, name: &str) -> Option<i64> {
        let value = self.parts().find_map(|part| as_f64(part.get(&spelled(&self.event.header, name, part)?)?))?;
        Some((value * 100.0).round() as i64)
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        let key = |part: &Object| spelled(&self.event.header, name, part);
        if let Some(key) = key(&self.object) {
            self.object.insert(key, value);
            return;
        }
        for block in self.event.blocks {
            let Some(part) = self.object.get_mut(*block).and_then(Value::as_object_mut) else { continue };
            if let Some(key) = spelled(&self.event.header, name, part) {
                part.insert(key, value);
                return;
            }
        }
        self.object.insert(name.to_owned(), value);
    }

    pub(super) fn tell(&mut self, name: &str, text: &str) {
        self.set(name, Value::String(text.to_owned()));
    }

    pub(super) fn tell_time(&mut self, name: &str, time: Civil) {
        self.tell(name, &time.to_string());
    }

    fn list(&self) -> Option<&str> {
        self.event.lines().lists.iter().copied().find(|name| self.object.contains_key(*name))
    }

    pub(super) fn lines(&self) -> Vec<DraftLine> {
        let rows = self.list().and_then(|name| self.object.get(name)).and_then(Value::as_array);
        let line = |row: &Value| Some(DraftLine { table: &self.event.lines().table, object: row.as_object()?.clone() });
        rows.into_iter().flatten().filter_map(line).collect()
    }

    pub(super) fn set_lines(&mut self, lines: Vec<DraftLine>) {
        let name = self.list().unwrap_or(self.event.lines().lists[0]).to_owned();
        self.object.insert(name, Value::Array(lines.into_iter().map(|line| Value::Object(line.object)).collect()));
    }

    /// All amounts and quantities of header and lines the other way round.
    pub(super) fn negate(&mut self) {
        negate(&self.event.header, &mut self.object);
        for block in self.event.blocks {
            if let Some(part) = self.object.get_mut(*block).and_then(Value::as_object_mut) {
                negate(&self.event.header, part);
            }
        }
        let mut lines = self.lines();
        lines.iter_mut().for_each(DraftLine::negate);
        self.set_lines(lines);
    }
}

/// One line of a message.
#[derive(Clone, Debug)]
pub(super) struct DraftLine {
    table: &'static Table,
    object: Object,
}

impl DraftLine {
    /// A line that says nothing yet.
    pub(super) fn new(event: &'static EventType) -> Self {
        Self { table: &event.lines().table, object: Object::new() }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        said(self.object.get(&spelled(self.table, name, &self.object)?)?)
    }

    pub(super) fn fen(&self, name: &str) -> Option<i64> {
        let value = as_f64(self.object.get(&spelled(self.table, name, &self.object)?)?)?;
        Some((value * 100.0).round() as i64)
    }

    /// A whole number.
    pub(super) fn count(&self, name: &str) -> Option<i64> {
        let value = as_f64(self.object.get(&spelled(self.table, name, &self.object)?)?)?;
        (value.fract() == 0.0).then_some(value as i64)
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        let key = spelled(self.table, name, &self.object).unwrap_or_else(|| name.to_owned());
        self.object.insert(key, value);
    }

    pub(super) fn tell(&mut self, name: &str, text: &str) {
        self.set(name, Value::String(text.to_owned()));
    }

    pub(super) fn negate(&mut self) {
        negate(self.table, &mut self.object);
    }

    /// So much of every amount as `part` is of `whole`, rounded towards zero.
    pub(super) fn scale(&mut self, part: i64, whole: i64) {
        let amounts = self.table.columns.iter().filter(|column| column.kind == Kind::Amount);
        for name in amounts.map(|column| column.name) {
            if let Some(fen) = self.fen(name) {
                self.set(name, yuan(fen * part / whole.max(1)));
            }
        }
    }
}

fn negate(table: &Table, object: &mut Object) {
    let negated = |column: &&Column| matches!(column.kind, Kind::Amount | Kind::Quantity) && !column.name.contains("day");
    for column in table.columns.iter().filter(negated) {
        let Some(value) = spelled(table, column.name, object).and_then(|key| object.get_mut(&key)) else { continue };
        if let Some(number) = value.as_f64().filter(|number| *number != 0.0) {
            *value = match value.as_i64() {
                Some(whole) => Value::from(-whole),
                None => Number::from_f64(-number).map_or(Value::Null, Value::Number),
            };
        }
    }
}
