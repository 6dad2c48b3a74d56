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
use crate::events::EventType;

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
