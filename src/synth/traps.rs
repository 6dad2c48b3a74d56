//! Messages that are hard to read: some mean the same as their clean twin,
//! some have one bad value, some cannot be used at all.

use serde_json::Map;
use serde_json::Value;

use crate::base::ids::EVENT_INPUTS;
use crate::base::limits::NESTING_MAX;
use crate::codecs::FieldFault;
use crate::codecs::RejectClass;
use crate::events::EventType;
use crate::events::camel_case;

use super::random::mix;

/// A way to make a readable message hard to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// Every character beyond ASCII and every `/` as an escape.
    EscapedStrings,
    /// Numbers in quotes.
    NumbersAsStrings,
    /// Numbers with an exponent: `1230e-2`.
    Exponents,
    /// Line breaks, tabs and blanks wherever JSON allows them.
    Whitespace,
    /// All members in the opposite order.
    KeyOrder,
    /// Members given twice with the same value.
    DuplicateEqualKeys,
    /// Members that no event type knows, with nested values.
    UnknownFields,
    /// The other spelling of every key: `camelCase` for `snake_case` and back.
    OtherSpelling,
    /// Codes that are numbers as numbers: `"gend":1`.
    CodesAsNumbers,
    /// Times as `2026-03-01T08:30:00`.
    OtherTimeForm,
    /// One column of the header has a value of this fault.
    BadValue { column: &'static str, fault: FieldFault },
}

/// What must become of a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapOutcome {
    /// The same columns as the clean twin.
    SameAsClean,
    /// The same, but the header column is NULL and the fault is counted once.
    Fault { column: &'static str, fault: FieldFault },
}

impl TrapKind {
    /// The traps that mean the same as their clean twin.
    pub const SAME: &[Self] = &[
        Self::EscapedStrings,
        Self::NumbersAsStrings,
        Self::Exponents,
        Self::Whitespace,
        Self::KeyOrder,
        Self::DuplicateEqualKeys,
        Self::UnknownFields,
        Self::OtherSpelling,
        Self::CodesAsNumbers,
        Self::OtherTimeForm,
    ];

    /// By input number: bad values in header columns of several kinds, with
    /// every fault among them. A message that lacks the column gets it.
    pub const BAD: [&[Self]; EVENT_INPUTS] = [
        &[
            bad("gend", FieldFault::Type),
            bad("gend", FieldFault::Duplicate),
            bad("brdy", FieldFault::Syntax),
            bad("brdy", FieldFault::Type),
            bad("nwb_flag", FieldFault::Type),
            bad("fixmedins_name", FieldFault::Duplicate),
            bad("fund_pay_sumamt", FieldFault::Range),
            bad("fund_pay_sumamt", FieldFault::Scale),
            bad("acct_pay", FieldFault::Syntax),
            bad("acct_pay", FieldFault::Duplicate),
            bad("acct_mulaid_pay", FieldFault::Scale),
        ],
        &[
            bad("fstdiag_flag", FieldFault::Type),
            bad("fstdiag_flag", FieldFault::Duplicate),
            bad("insu_plc_no", FieldFault::Duplicate),
            bad("init_rxno", FieldFault::Type),
            bad("brdy", FieldFault::Syntax),
            bad("patn_age", FieldFault::Range),
            bad("patn_age", FieldFault::Scale),
        ],
    ];

    pub fn outcome(self) -> TrapOutcome {
        match self {
            Self::BadValue { column, fault } => TrapOutcome::Fault { column, fault },
            _ => TrapOutcome::SameAsClean,
        }
    }
}

const fn bad(column: &'static str, fault: FieldFault) -> TrapKind {
    TrapKind::BadValue { column, fault }
}

/// Rewrites a clean message of this event type as a trap; it stays one line
/// except with `Whitespace`. A message that is no JSON object is returned as it
/// is. `BadValue` needs the column in the header and a fault that its kind can
/// have; the other values stay.
pub fn trap_variant(event: &EventType, clean: &[u8], kind: TrapKind) -> Vec<u8> {
    let Ok(Value::Object(mut message)) = serde_json::from_slice::<Value>(clean) else { return clean.to_vec() };
    let mut style = Style::default();
    match kind {
        TrapKind::EscapedStrings => style.escape = true,
        TrapKind::NumbersAsStrings => style.quote_numbers = true,
        TrapKind::Exponents => style.exponent = true,
        TrapKind::Whitespace => style.blank = true,
        TrapKind::DuplicateEqualKeys => style.twice = true,
        TrapKind::KeyOrder => message = reversed(message),
        TrapKind::UnknownFields => {
            let nested = serde_json::json!({ "版本": [1, 2.5, null, { "x": "}\"]" }], "ok": true });
            message.insert("local_ext".into(), nested);
            message.insert("备注".into(), Value::String("无".into()));
        }
        TrapKind::OtherSpelling => message = respelled(message),
        TrapKind::CodesAsNumbers => style.bare_codes = true,
        TrapKind::OtherTimeForm => style.time_mark = true,
        TrapKind::BadValue { column, fault } => {
            let spellings = event.header.index(column).map(|idx| event.header.columns[idx].spellings()).unwrap_or_default();
            return bad_value(event, message, &spellings, fault);
        }
    }
    let mut out = Vec::with_capacity(clean.len() * 2);
    style.object(&mut out, &message);
    out
}

#[derive(Default)]
struct Style {
    escape: bool,
    quote_numbers: bool,
    exponent: bool,
    blank: bool,
    twice: bool,
    bare_codes: bool,
    time_mark: bool,
}

impl Style {
    fn object(&self, out: &mut Vec<u8>, members: &Map<String, Value>) {
        out.push(b'{');
        let mut first = true;
        for (key, value) in members {
            let times = if self.twice && !matches!(value, Value::Array(_) | Value::Object(_)) { 2 } else { 1 };
            for _ in 0..times {
                if !first {
                    out.push(b',');
                }
                first = false;
                self.space(out);
                self.text(out, key);
                self.space(out);
                out.push(b':');
                self.space(out);
                self.value(out, key, value);
            }
        }
        self.space(out);
        out.push(b'}');
    }

    fn space(&self, out: &mut Vec<u8>) {
        if self.blank {
            out.extend_from_slice(b" \r\n\t");
        }
    }

    fn value(&self, out: &mut Vec<u8>, key: &str, value: &Value) {
        match value {
            Value::Object(members) => self.object(out, members),
            Value::Array(items) => {
                out.push(b'[');
                for (idx, item) in items.iter().enumerate() {
                    if idx > 0 {
                        out.push(b',');
                    }
                    self.space(out);
                    self.value(out, key, item);
                }
                self.space(out);
                out.push(b']');
            }
            Value::Number(number) => self.number(out, &number.to_string()),
            Value::String(text) if self.time_mark && is_time(text) => self.text(out, &text.replacen(' ', "T", 1)),
            Value::String(text) if self.bare_codes && is_code(key, text) => out.extend_from_slice(text.as_bytes()),
            Value::String(text) => self.text(out, text),
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
    }

    fn number(&self, out: &mut Vec<u8>, text: &str) {
        if self.quote_numbers {
            self.text(out, text);
        } else if self.exponent {
            // 12.3 as 123e-1, 5 as 5E0
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let digits = text.replace('.', "");
            let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
            let digits = digits.trim_start_matches('0');
            let digits = if digits.is_empty() { "0" } else { digits };
            let exponent = if decimals == 0 { "E0".to_owned() } else { format!("e-{decimals}") };
            out.extend_from_slice(format!("{sign}{digits}{exponent}").as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn text(&self, out: &mut Vec<u8>, text: &str) {
        if !self.escape {
            super::text::push_text(out, text);
            return;
        }
        out.push(b'"');
        for unit in text.encode_utf16() {
            match unit {
                0x22 => out.extend_from_slice(b"\\\""),
                0x5C => out.extend_from_slice(b"\\\\"),
                0x2F => out.extend_from_slice(b"\\/"),
                0x20..0x7F => out.push(unit as u8),
                _ => out.extend_from_slice(format!("\\u{unit:04X}").as_bytes()),
            }
        }
        out.push(b'"');
    }
}

fn is_time(text: &str) -> bool {
    text.len() == 19 && text.as_bytes()[10] == b' ' && crate::base::time::parse(text.as_bytes()).is_some()
}

/// Texts that are the same as a number and as text: no leading zero.
fn is_code(key: &str, text: &str) -> bool {
    let name = key.to_ascii_lowercase();
    ["gend", "insutype", "list_type", "listtype", "vali_flag", "valiflag"].contains(&name.as_str())
        && !text.starts_with('0')
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn reversed(message: Map<String, Value>) -> Map<String, Value> {
    let turn = |value: Value| match value {
        Value::Object(members) => Value::Object(reversed(members)),
        Value::Array(items) => Value::Array(
            items.into_iter().map(|item| if let Value::Object(members) = item { Value::Object(reversed(members)) } else { item }).collect(),
        ),
        other => other,
    };
    message.into_iter().rev().map(|(key, value)| (key, turn(value))).collect()
}

fn respelled(message: Map<String, Value>) -> Map<String, Value> {
    let other = |key: String| if key.contains('_') { camel_case(&key) } else { snake_case(&key) };
    let turn = |value: Value| match value {
        Value::Object(members) => Value::Object(respelled(members)),
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| if let Value::Object(members) = item { Value::Object(respelled(members)) } else { item })
                .collect(),
        ),
        other => other,
    };
    message.into_iter().map(|(key, value)| (other(key), turn(value))).collect()
}

/// `hospRxno` as `hosp_rxno`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for ch in name.chars() {
        if ch.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(ch.to_ascii_lowercase());
    }
    out
}

fn bad_value(event: &EventType, mut message: Map<String, Value>, spellings: &[String], fault: FieldFault) -> Vec<u8> {
    let holder = event.blocks.iter().find(|block| {
        message.get(**block).and_then(Value::as_object).is_some_and(|members| spellings.iter().any(|name| members.contains_key(name)))
    });
    let members = match holder {
        Some(block) => message.get_mut(*block).and_then(Value::as_object_mut),
        None => Some(&mut message),
    };
    const MARK: &str = "\u{1}bad\u{1}";
    let mut key = spellings.first().cloned().unwrap_or_default();
    let mut clean = Value::Null;
    if let Some(members) = members {
        key = spellings.iter().find(|name| members.contains_key(*name)).cloned().unwrap_or(key);
        clean = members.insert(key.clone(), Value::String(MARK.into())).unwrap_or(Value::Null);
    }
    let bad = match fault {
        FieldFault::Type => "{\"v\":1}".to_owned(),
        FieldFault::Syntax => "\"n/a\"".to_owned(),
        FieldFault::Range => "1e400".to_owned(),
        FieldFault::Scale => "0.123456789".to_owned(),
        FieldFault::Duplicate => {
            let first = if clean.is_null() { Value::String("1".into()) } else { clean };
            let second = if first.is_string() { "\"7\"".to_owned() } else { "77.07".to_owned() };
            format!("{first},\"{key}\":{second}")
        }
    };
    let text = Value::Object(message).to_string();
    let mark = Value::String(MARK.into()).to_string();
    text.replacen(&mark, &bad, 1).into_bytes()
}

/// A message that must be rejected with `class`, made from a clean one of the
/// event type; `None` where the message alone does not decide (a record from
/// the wrong partition). An empty result for [`RejectClass::Tombstone`] stands
/// for no payload at all. `seed` chooses among several ways.
pub fn reject_message(event: &EventType, clean: &[u8], class: RejectClass, seed: u64) -> Option<Vec<u8>> {
    let pick = |ways: u64| mix(seed, class as u64) % ways;
    let text = String::from_utf8_lossy(clean).into_owned();
    let broken = match class {
        RejectClass::WrongPartition => return None,
        RejectClass::Tombstone => Vec::new(),
        RejectClass::Empty => {
            if pick(2) == 0 {
                Vec::new()
            } else {
                b" \n\t ".to_vec()
            }
        }
        RejectClass::TooLarge => {
            let deep = NESTING_MAX + 8;
            let tail = format!(",\"ext\":{}{}}}", "[".repeat(deep), "]".repeat(deep));
            [clean.strip_suffix(b"}").unwrap_or(clean), tail.as_bytes()].concat()
        }
        RejectClass::NotUtf8 => {
            // The first byte of a Chinese character loses its followers.
            let at = clean.iter().position(|byte| *byte >= 0xE0).unwrap_or(clean.len() / 2);
            [&clean[..=at.min(clean.len() - 1)], b"\xFF", &clean[(at + 1).min(clean.len())..]].concat()
        }
        RejectClass::NotJson => match pick(4) {
            0 => text[..floor(&text, clean.len() * 2 / 3)].as_bytes().to_vec(),
            1 => [clean, clean].concat(),
            2 => [clean, b","].concat(),
            _ => text.replacen(':', "=", 1).into_bytes(),
        },
        RejectClass::NotObject => match pick(3) {
            0 => [b"[".as_slice(), clean, b"]"].concat(),
            1 => b"20260301".to_vec(),
            _ => b"\"null\"".to_vec(),
        },
        RejectClass::NoBusinessId => without(event, clean, event.business_id.last()?, pick(3)),
        RejectClass::NoPerson => without(event, clean, event.person, pick(3)),
        RejectClass::EventTime => {
            replaced(event, clean, event.event_time, ["\"2026-02-30 08:00:00\"", "null", "\"昨天\"", "{}"][pick(4) as usize])
        }
        RejectClass::Total => replaced(event, clean, event.total?, ["\"abc\"", "null", "1e400", "[]"][pick(4) as usize]),
        RejectClass::LineKey => {
            let child = event.children.iter().find(|child| child.key.is_some())?;
            let column = &child.table.columns[child.table.index(child.key?)?];
            let found = column.spellings().into_iter().find(|name| text.contains(&format!("\"{name}\":")))?;
            text.replacen(&format!("\"{found}\":"), &format!("\"x_{found}\":"), 1).into_bytes()
        }
        RejectClass::Future => replaced(event, clean, event.event_time, "\"2099-01-01 08:00:00\""),
    };
    Some(broken)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The message with a header column absent, NULL or empty.
fn without(event: &EventType, clean: &[u8], column: &str, way: u64) -> Vec<u8> {
    match way {
        0 => edit(event, clean, column, None),
        1 => replaced(event, clean, column, "null"),
        _ => replaced(event, clean, column, "\"\""),
    }
}

fn replaced(event: &EventType, clean: &[u8], column: &str, json: &str) -> Vec<u8> {
    edit(event, clean, column, Some(json))
}

fn edit(event: &EventType, clean: &[u8], column: &str, json: Option<&str>) -> Vec<u8> {
    const MARK: &str = "\u{1}mark\u{1}";
    let Ok(Value::Object(mut message)) = serde_json::from_slice::<Value>(clean) else { return clean.to_vec() };
    let spellings = event.header.index(column).map(|idx| event.header.columns[idx].spellings()).unwrap_or_default();
    let change = |members: &mut Map<String, Value>| {
        for name in &spellings {
            if members.contains_key(name) {
                match json {
                    Some(_) => members.insert(name.clone(), Value::String(MARK.into())),
                    None => members.shift_remove(name),
                };
            }
        }
    };
    change(&mut message);
    for block in event.blocks {
        if let Some(members) = message.get_mut(*block).and_then(Value::as_object_mut) {
            change(members);
        }
    }
    let text = Value::Object(message).to_string();
    let mark = Value::String(MARK.into()).to_string();
    text.replacen(&mark, json.unwrap_or("null"), 1).into_bytes()
}
