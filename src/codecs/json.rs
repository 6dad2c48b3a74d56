//! JSON messages: the learnt shape first, the general decoder for the rest.

use std::sync::Arc;

use crate::base::time;
use crate::base::time::Civil;
use crate::codecs::Accepted;
use crate::codecs::DecodeCounts;
use crate::codecs::Decoded;
use crate::codecs::Decoder;
use crate::codecs::Projection;
use crate::codecs::Reject;
use crate::codecs::general;
use crate::codecs::learn::Shapes;
use crate::codecs::lex::Lexer;
use crate::codecs::plan::Plan;
use crate::codecs::rows::Rows;
use crate::events::EVENT_TYPES;
use crate::events::EventType;
use crate::events::InputId;

/// Decodes JSON messages of one event type.
///
/// A run (what is pushed between two calls of `finish`) must hold less than
/// 2 GiB of messages.
pub struct JsonDecoder {
    rows: Rows,
    /// `None`: every message goes to the general decoder.
    shapes: Option<Shapes>,
    misses: u64,
}

impl JsonDecoder {
    /// `projection` must be one of `event`.
    pub fn new(event: &'static EventType, projection: Projection) -> Self {
        Self { shapes: Some(Shapes::default()), ..Self::general_only(event, projection) }
    }

    /// Without the quick path: what the quick path is measured against.
    pub fn general_only(event: &'static EventType, projection: Projection) -> Self {
        Self { rows: Rows::new(Arc::new(Plan::new(event, &projection))), shapes: None, misses: 0 }
    }
}

impl Decoder for JsonDecoder {
    fn push<'a>(&mut self, message: &'a [u8]) -> Result<Accepted<'a>, Reject> {
        self.rows.begin();
        let payload = general::payload(message)?;
        let Some(shapes) = &mut self.shapes else {
            return general::push(&mut self.rows, general::text_of(payload)?);
        };
        if let Some(accepted) = shapes.push(&mut self.rows, payload) {
            return Ok(accepted);
        }
        self.misses += 1;
        let text = general::text_of(payload)?;
        let accepted = general::push(&mut self.rows, text)?;
        shapes.learn(&self.rows.plan, text);
        Ok(accepted)
    }

    fn undo(&mut self) {
        self.rows.undo();
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn finish(&mut self) -> Decoded {
        self.rows.finish()
    }

    fn take_counts(&mut self) -> DecodeCounts {
        let shape_misses = std::mem::take(&mut self.misses);
        DecodeCounts { shape_misses, ..self.rows.take_counts() }
    }
}

/// The event time of a message that may be anything, for deciding what to read
/// next; what the message says otherwise is not looked at. `None` if it has none.
pub fn peek_event_time(event: &EventType, message: &[u8]) -> Option<Civil> {
    let column = &event.header.columns[event.header.index(event.event_time)?];
    let spellings = column.spellings();
    let mut lexer = Lexer { bytes: message, pos: 0 };
    loop {
        lexer.pos += message.get(lexer.pos..)?.iter().position(|byte| *byte == b'"')?;
        let start = lexer.pos + 1;
        lexer.string().ok()?;
        let key = &message[start..lexer.pos - 1];
        if !spellings.iter().any(|spelling| spelling.as_bytes() == key) {
            continue;
        }
        lexer.space();
        if lexer.peek() != Some(b':') {
            continue;
        }
        lexer.pos += 1;
        lexer.space();
        let quoted = lexer.peek() == Some(b'"');
        let start = lexer.pos + usize::from(quoted);
        if quoted { lexer.string() } else { lexer.number() }.ok()?;
        return time::parse(&message[start..lexer.pos - usize::from(quoted)]);
    }
}

/// What decides the place of a line in a file: its event time, its business
/// id and its person, each `None` where the message has none that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub event_time: Option<Civil>,
    /// The parts of the business id, each ended by a zero byte.
    pub business_id: Vec<u8>,
    pub person: Option<String>,
}

/// Reads heads of lines: who and when as the engine will read them, so that
/// all events of a person meet in one shard however the number is written.
pub struct HeadReader {
    /// By `InputId`.
    decoders: Vec<JsonDecoder>,
}

impl Default for HeadReader {
    fn default() -> Self {
        Self { decoders: EVENT_TYPES.iter().map(|event| JsonDecoder::new(event, Projection::none(event))).collect() }
    }
}

impl HeadReader {
    /// A line that will be rejected has the head that [`peek_head`] finds.
    pub fn read(&mut self, input: InputId, line: &[u8]) -> Head {
        let mut head = peek_head(EVENT_TYPES[input], line);
        let decoder = &mut self.decoders[input];
        if let Ok(accepted) = decoder.push(line) {
            head.event_time = Some(accepted.event_time);
            head.person = Some(accepted.person.into_owned());
            decoder.undo();
        }
        head
    }
}

/// Reads a message's head without decoding the rest. The first member of a
/// name counts, at any depth.
pub fn peek_head(event: &EventType, message: &[u8]) -> Head {
    let names: Vec<&str> = [event.event_time, event.person].into_iter().chain(event.business_id.iter().copied()).collect();
    let columns = names.iter().map(|name| event.header.columns.iter().find(|column| column.name == *name));
    let spellings: Vec<Vec<String>> = columns.map(|column| column.map(|column| column.spellings()).unwrap_or_default()).collect();
    let mut found: Vec<Option<&[u8]>> = vec![None; names.len()];
    let mut lexer = Lexer { bytes: message, pos: 0 };
    while found.iter().any(Option::is_none) {
        let Some(next) = message.get(lexer.pos..).and_then(|rest| rest.iter().position(|byte| *byte == b'"')) else { break };
        lexer.pos += next;
        let start = lexer.pos + 1;
        if lexer.string().is_err() {
            break;
        }
        let key = &message[start..lexer.pos - 1];
        let wanted = spellings.iter().position(|list| list.iter().any(|spelling| spelling.as_bytes() == key));
        let Some(wanted) = wanted.filter(|wanted| found[*wanted].is_none()) else { continue };
        lexer.space();
        if lexer.peek() != Some(b':') {
            continue;
        }
        lexer.pos += 1;
        lexer.space();
        let quoted = lexer.peek() == Some(b'"');
        let start = lexer.pos + usize::from(quoted);
        if (if quoted { lexer.string() } else { lexer.number() }).is_ok() {
            found[wanted] = message.get(start..lexer.pos - usize::from(quoted));
        }
    }
    let mut business_id = Vec::new();
    for part in &found[2..] {
        business_id.extend_from_slice(part.unwrap_or_default());
        business_id.push(0);
    }
    Head {
        event_time: found[0].and_then(time::parse),
        business_id,
        person: found[1].and_then(|person| String::from_utf8(person.to_vec()).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::SETTLEMENT_INPUT;

    #[test]
    fn a_line_belongs_to_the_person_that_the_engine_will_read() {
        let bill = |person: &str| {
            format!(r#"{{{person},"setl_id":"S1","setl_time":"2026-03-01 08:00:00","medfee_sumamt":1,"feedetl":[{{"feedetl_sn":"1"}}]}}"#)
        };
        let mut reader = HeadReader::default();
        for person in [r#""psn_no":"P1""#, r#""psn_no":"\u0050\u0031""#, r#""agent":{"psn_no":"Q1"},"psn_no":"P1""#] {
            let head = reader.read(SETTLEMENT_INPUT, bill(person).as_bytes());
            assert_eq!(head.person.as_deref(), Some("P1"), "{person}");
            assert_eq!(head.event_time.map(|time| time.to_string()).as_deref(), Some("2026-03-01 08:00:00"));
        }
        assert_eq!(reader.read(SETTLEMENT_INPUT, br#"{"psn_no":"P2","setl_id""#).person.as_deref(), Some("P2"), "a reject has a shard too");
        assert!(reader.decoders.iter().all(|decoder| decoder.rows() == 0), "a line that was looked at leaves nothing behind");
    }
}
