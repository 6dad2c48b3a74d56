//! The general decoder: a visitor driven by the field table, for messages of
//! any key order, spelling and form. It alone decides what is rejected and why.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use sonic_rs::LazyValue;

use crate::base::limits::MESSAGE_BYTES_MAX;
use crate::base::limits::NESTING_MAX;
use crate::codecs::Accepted;
use crate::codecs::FieldFault;
use crate::codecs::Reject;
use crate::codecs::RejectClass;
use crate::codecs::lex;
use crate::codecs::lex::Malformed;
use crate::codecs::plan::Member;
use crate::codecs::plan::Plan;
use crate::codecs::plan::TablePlan;
use crate::codecs::rows::Rows;
use crate::codecs::scalar;
use crate::codecs::scalar::Token;
use crate::codecs::scalar::Value;

/// The message without white space at its ends, unless it is too large or empty.
pub(crate) fn payload(message: &[u8]) -> Result<&[u8], Reject> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Reject::new(RejectClass::TooLarge, format!("{} bytes, at most {MESSAGE_BYTES_MAX} are read", message.len())));
    }
    let payload = lex::trim(message);
    if payload.is_empty() {
        return Err(Reject::new(RejectClass::Empty, "no bytes but white space"));
    }
    Ok(payload)
}

pub(crate) fn text_of(payload: &[u8]) -> Result<&str, Reject> {
    simdutf8::basic::from_utf8(payload).map_err(|_| {
        let at = std::str::from_utf8(payload).map_or_else(|error| error.valid_up_to(), str::len);
        Reject::new(RejectClass::NotUtf8, format!("invalid UTF-8 at byte {at}"))
    })
}

/// Members of one object, first as raw text: only when all are known can a
/// column that was given twice be judged.
#[derive(Default)]
pub(crate) struct Members<'a> {
    /// By place in the table; lists stand behind the columns.
    raws: Vec<Option<Cow<'a, str>>>,
    /// Given twice with different texts.
    conflicts: Vec<bool>,
    given: Vec<usize>,
}

impl<'a> Members<'a> {
    fn reset(&mut self, slots: usize) {
        self.raws.clear();
        self.raws.resize(slots, None);
        self.conflicts.clear();
        self.conflicts.resize(slots, false);
        self.given.clear();
    }

    fn give(&mut self, slot: usize, raw: Cow<'a, str>) {
        match &self.raws[slot] {
            None => {
                self.raws[slot] = Some(raw);
                self.given.push(slot);
            }
            Some(first) => self.conflicts[slot] |= *first != raw,
        }
    }
}

/// Decodes `text`, which has no white space at its ends, as the row that
/// `rows` has begun.
pub(crate) fn push<'a>(rows: &mut Rows, text: &'a str) -> Result<Accepted<'a>, Reject> {
    lex::validate(text.as_bytes()).map_err(|malformed| match malformed {
        Malformed::Syntax(at) => Reject::new(RejectClass::NotJson, format!("malformed at byte {at}")),
        Malformed::TooDeep(at) => Reject::new(RejectClass::TooLarge, format!("nested deeper than {NESTING_MAX} at byte {at}")),
    })?;
    if !text.starts_with('{') {
        return Err(Reject::new(RejectClass::NotObject, "the message is no object"));
    }
    let result = message(rows, text);
    match &result {
        Ok(_) => rows.accept(),
        Err(_) => rows.roll_back(),
    }
    result
}

fn message<'a>(rows: &mut Rows, text: &'a str) -> Result<Accepted<'a>, Reject> {
    let plan = std::sync::Arc::clone(&rows.plan);
    let header = &plan.tables[0];
    let mut members = Members::default();
    members.reset(header.columns.len() + plan.event.children.len());
    read_object(header, text, &mut members, &mut rows.unknown_fields).map_err(not_json)?;
    let person = write_row(rows, &plan, 0, &mut members);
    let mut line_key = None;
    for child_idx in 0..plan.event.children.len() {
        let slot = header.columns.len() + child_idx;
        let list = match (members.raws[slot].take(), members.conflicts[slot]) {
            (None, _) => continue,
            (Some(_), true) => Err(FieldFault::Duplicate),
            (Some(raw), false) => write_children(rows, &plan, child_idx, raw).map_err(not_json)?,
        };
        let Err(fault) = list else { continue };
        rows.roll_back_table(child_idx + 1);
        let table = &plan.tables[child_idx + 1];
        if child_idx == 0 {
            let what = if fault == FieldFault::Duplicate { "given twice" } else { "not a list of objects" };
            line_key = Some(Reject::new(RejectClass::LineKey, format!("{}: {what}", table.name)));
        } else if table.kept() {
            rows.faults.push((child_idx + 1, 0, fault));
        }
    }
    let event_time = rows.verdict(line_key)?;
    Ok(Accepted { person: person.unwrap_or_default(), event_time })
}

/// Only reached if sonic-rs is stricter than [`lex::validate`]. Its own text
/// may quote the message and is left out.
fn not_json(_: sonic_rs::Error) -> Reject {
    Reject::new(RejectClass::NotJson, "malformed")
}

/// Decodes the members of one object into the next row of a table, and
/// returns the person's number if the table has it.
fn write_row<'a>(rows: &mut Rows, plan: &Plan, table_idx: usize, members: &mut Members<'a>) -> Option<Cow<'a, str>> {
    let table = &plan.tables[table_idx];
    let row = rows.tables[table_idx].rows;
    let mut person = None;
    for slot in members.given.iter().copied() {
        let Some(column) = table.columns.get(slot).filter(|column| column.decoded()) else { continue };
        let Some(raw) = members.raws[slot].take() else { continue };
        let value = match members.conflicts[slot] {
            true => Err(FieldFault::Duplicate),
            false => scalar::decode(Token::of(raw), column.kind, column.flag),
        };
        match value {
            Ok(value) => {
                rows.tables[table_idx].columns[slot].push(row, &value);
                if let Value::Text(text) = value
                    && table_idx == 0
                    && slot == plan.person
                {
                    person = Some(text);
                }
            }
            Err(fault) => rows.faults.push((table_idx, slot, fault)),
        }
    }
    person
}

/// Decodes a child's list. The inner error is a fault of the list itself.
fn write_children(rows: &mut Rows, plan: &Plan, child_idx: usize, raw: Cow<'_, str>) -> sonic_rs::Result<Result<(), FieldFault>> {
    match raw.as_bytes().first() {
        Some(b'n') => return Ok(Ok(())),
        Some(b'[') => {}
        _ => return Ok(Err(FieldFault::Type)),
    }
    let visitor = Elements { rows, plan, child_idx };
    let mut json = sonic_rs::Deserializer::from_str(&raw);
    json.deserialize_seq(visitor)
}

struct Elements<'r> {
    rows: &'r mut Rows,
    plan: &'r Plan,
    child_idx: usize,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Result<(), FieldFault>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let table_idx = self.child_idx + 1;
        let table = &self.plan.tables[table_idx];
        let mut members = Members::default();
        let mut outcome = Ok(());
        while let Some(element) = list.next_element::<LazyValue<'de>>()? {
            let Cow::Borrowed(raw) = element.as_raw_cow() else {
                outcome = Err(FieldFault::Type);
                continue;
            };
            if outcome.is_err() || !raw.starts_with('{') {
                outcome = Err(FieldFault::Type);
                continue;
            }
            members.reset(table.columns.len());
            read_object(table, raw, &mut members, &mut self.rows.unknown_fields).map_err(serde::de::Error::custom)?;
            write_row(self.rows, self.plan, table_idx, &mut members);
            self.rows.tables[table_idx].rows += 1;
        }
        Ok(outcome)
    }
}

/// Collects the members of the object `raw`, and of the blocks in it.
fn read_object<'a>(table: &TablePlan, raw: &'a str, members: &mut Members<'a>, unknown: &mut u64) -> sonic_rs::Result<()> {
    let mut json = sonic_rs::Deserializer::from_str(raw);
    let mut blocks = Vec::new();
    json.deserialize_map(Object { table, members, unknown, blocks: &mut blocks })?;
    json.end()?;
    blocks.into_iter().try_for_each(|block| read_object(table, block, members, unknown))
}

struct Object<'m, 'a> {
    table: &'m TablePlan,
    members: &'m mut Members<'a>,
    unknown: &'m mut u64,
    /// Raw texts of the blocks met, to be read afterwards.
    blocks: &'m mut Vec<&'a str>,
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key_seed(Key(self.table))? {
            let raw = map.next_value::<LazyValue<'a>>()?.as_raw_cow();
            match member {
                Some(Member::Column(slot)) => self.members.give(slot, raw),
                Some(Member::List(child)) => self.members.give(self.table.columns.len() + child, raw),
                Some(Member::Block) => match raw {
                    Cow::Borrowed(block) if block.starts_with('{') => self.blocks.push(block),
                    Cow::Borrowed("null") => {}
                    _ => *self.unknown += 1,
                },
                None => *self.unknown += 1,
            }
        }
        Ok(())
    }
}

/// Reads a key as the member it names; `None` for one that nobody knows.
struct Key<'m>(&'m TablePlan);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Member>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.member(name))
    }
}
