//! The quick decoder: walks a message side by side with the shape that
//! earlier messages had, straight into columns.
//!
//! A feed is written by programs, so keys come in a fixed order and spelling.
//! Whatever is not as expected makes the walk give up; the general decoder
//! then judges the whole message, so nothing here ever rejects one.

use std::borrow::Cow;

use crate::codecs::Accepted;
use crate::codecs::lex::Lexer;
use crate::codecs::lex::string_stop;
use crate::codecs::lex::unescape;
use crate::codecs::rows::Rows;
use crate::codecs::scalar;
use crate::codecs::scalar::Token;
use crate::codecs::scalar::Value;

/// What an object looks like: the bytes between its values, literally.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub frame: Frame,
    /// In the order of the message. Each may be absent.
    pub slots: Vec<Slot>,
}

/// The bytes around the elements of a container; `None` until one was seen
/// that has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// White space before the first element.
    pub lead: Option<Box<[u8]>>,
    /// The comma and the white space around it.
    pub separator: Option<Box<[u8]>>,
    /// White space after the last element, and the closing bracket.
    pub tail: Option<Box<[u8]>>,
}

/// A member that an object may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The key with its quotes, the colon, and white space around that.
    pub key: Box<[u8]>,
    /// The object's separator, then `key`.
    pub literal: Box<[u8]>,
    pub step: Step,
}

/// What to do with a member's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Text { column: usize, flag: bool },
    /// The column that names the person.
    Person(usize),
    /// `limit`: the least number of units too many for the column.
    Decimal { column: usize, scale: u8, limit: i64 },
    Other(usize),
    /// A known column that nobody needs.
    Skip,
    /// A member that the event type does not know.
    Unknown,
    Block(Object),
    List { child: usize, frame: Frame, row: Object },
}

/// Walks `text` along `shape` into the next row of `rows`; `None`, with
/// nothing changed, if they do not fit or the message may have a fault.
pub(crate) fn push<'a>(rows: &mut Rows, shape: &Object, text: &'a str) -> Option<Accepted<'a>> {
    rows.begin();
    let row = rows.len();
    let mut walk = Walk { text, lexer: Lexer { bytes: text.as_bytes(), pos: 0 }, rows, person: None };
    let walked = walk.object(shape, 0, row, 1).filter(|()| walk.lexer.pos == text.len());
    let person = walk.person.take();
    let accepted = walked.and_then(|()| {
        let event_time = rows.verdict(None).ok()?;
        Some(Accepted { person: person?, event_time })
    });
    match accepted {
        Some(_) => rows.accept(),
        None => rows.roll_back(),
    }
    accepted
}

struct Walk<'a, 'r> {
    text: &'a str,
    lexer: Lexer<'a>,
    rows: &'r mut Rows,
    person: Option<Cow<'a, str>>,
}

/// Whether `literal` stands at `pos`. Keys are mostly 8 to 32 bytes long and
/// then two overlapping words tell.
#[inline(always)]
fn stands(bytes: &[u8], pos: usize, literal: &[u8]) -> bool {
    let Some(part) = bytes.get(pos..pos + literal.len()) else { return false };
    match literal.len() {
        1 => part[0] == literal[0],
        8..=16 => part.first_chunk::<8>() == literal.first_chunk::<8>() && part.last_chunk::<8>() == literal.last_chunk::<8>(),
        17..=32 => part.first_chunk::<16>() == literal.first_chunk::<16>() && part.last_chunk::<16>() == literal.last_chunk::<16>(),
        _ => part == literal,
    }
}

impl<'a> Walk<'a, '_> {
    #[inline(always)]
    fn step_over(&mut self, literal: &[u8]) -> bool {
        let found = stands(self.lexer.bytes, self.lexer.pos, literal);
        if found {
            self.lexer.pos += literal.len();
        }
        found
    }

    /// An object that lies at nesting `depth` and holds `row` of a table.
    fn object(&mut self, shape: &Object, table_idx: usize, row: usize, depth: usize) -> Option<()> {
        if !self.step_over(b"{") {
            return None;
        }
        if self.step_over(b"}") {
            return Some(());
        }
        if !self.step_over(shape.frame.lead.as_deref()?) {
            return None;
        }
        let tail = shape.frame.tail.as_deref()?;
        let mut slots = shape.slots.iter();
        let first = slots.by_ref().find(|slot| stands(self.lexer.bytes, self.lexer.pos, &slot.key))?;
        self.lexer.pos += first.key.len();
        self.value(&first.step, table_idx, row, depth)?;
        while !self.step_over(tail) {
            // The next slot is the usual case; those it steps past are absent.
            let slot = slots.by_ref().find(|slot| stands(self.lexer.bytes, self.lexer.pos, &slot.literal))?;
            self.lexer.pos += slot.literal.len();
            self.value(&slot.step, table_idx, row, depth)?;
        }
        Some(())
    }

    #[inline(always)]
    fn value(&mut self, step: &Step, table_idx: usize, row: usize, depth: usize) -> Option<()> {
        match step {
            Step::Text { column, flag } => self.text(table_idx, *column, row, *flag),
            Step::Decimal { column, scale, limit } => self.decimal(table_idx, *column, row, *scale, *limit),
            Step::Skip => self.skip(depth),
            Step::Unknown => {
                self.rows.unknown_fields += 1;
                self.skip(depth)
            }
            Step::Person(column) => self.person(*column, row),
            Step::Other(column) => self.other(table_idx, *column, row),
            Step::Block(block) if self.lexer.peek() == Some(b'{') => self.object(block, table_idx, row, depth + 1),
            Step::Block(_) => self.null(),
            Step::List { child, frame, row } => self.list(child + 1, frame, row, depth + 1),
        }
    }

    fn null(&mut self) -> Option<()> {
        self.lexer.literal(b"null").ok()
    }

    fn list(&mut self, table_idx: usize, frame: &Frame, row_shape: &Object, depth: usize) -> Option<()> {
        if !self.step_over(b"[") {
            return self.null();
        }
        if self.step_over(b"]") {
            return Some(());
        }
        if !self.step_over(frame.lead.as_deref()?) {
            return None;
        }
        let tail = frame.tail.as_deref()?;
        loop {
            let row = self.rows.tables[table_idx].rows;
            self.object(row_shape, table_idx, row, depth + 1)?;
            self.rows.tables[table_idx].rows += 1;
            if self.step_over(tail) {
                return Some(());
            }
            if !self.step_over(frame.separator.as_deref()?) {
                return None;
            }
        }
    }

    #[inline(always)]
    fn skip(&mut self, depth: usize) -> Option<()> {
        if self.lexer.peek() == Some(b'"') {
            let stop = string_stop(self.lexer.bytes, self.lexer.pos + 1);
            if self.lexer.bytes.get(stop) == Some(&b'"') {
                self.lexer.pos = stop + 1;
                return Some(());
            }
        }
        self.lexer.value(depth).ok()
    }

    /// The ends of a string without escapes; the lexer stands behind it then.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<(usize, usize)> {
        let start = self.lexer.pos + 1;
        let stop = string_stop(self.lexer.bytes, start);
        if self.lexer.bytes.get(stop) != Some(&b'"') {
            return None;
        }
        self.lexer.pos = stop + 1;
        Some((start, stop))
    }

    #[inline(always)]
    fn text(&mut self, table_idx: usize, column: usize, row: usize, flag: bool) -> Option<()> {
        if self.lexer.peek() != Some(b'"') {
            return self.rare(table_idx, column, row, flag);
        }
        let Some((start, end)) = self.plain_string() else {
            return self.rare(table_idx, column, row, flag);
        };
        if start < end {
            self.rows.tables[table_idx].columns[column].push_text(row, self.lexer.bytes, start, end);
        }
        Some(())
    }

    #[inline(always)]
    fn decimal(&mut self, table_idx: usize, column: usize, row: usize, scale: u8, limit: i64) -> Option<()> {
        let quotes = usize::from(self.lexer.peek() == Some(b'"'));
        let plain = scalar::plain_decimal(self.lexer.bytes, self.lexer.pos + quotes, scale);
        match plain {
            Some((units, end)) if units.abs() < limit && (quotes == 0 || self.lexer.bytes.get(end) == Some(&b'"')) => {
                self.lexer.pos = end + quotes;
                self.rows.tables[table_idx].columns[column].push_decimal(row, i128::from(units));
                Some(())
            }
            _ => self.rare(table_idx, column, row, false),
        }
    }

    fn person(&mut self, column: usize, row: usize) -> Option<()> {
        let token = self.token()?;
        if let Value::Text(text) = scalar::decode(token, crate::events::Kind::Text, false).ok()? {
            self.rows.tables[0].columns[column].push_text(row, text.as_bytes(), 0, text.len());
            self.person = Some(text);
        }
        Some(())
    }

    fn other(&mut self, table_idx: usize, column: usize, row: usize) -> Option<()> {
        self.rare(table_idx, column, row, false)
    }

    /// Any scalar, by the way that both decoders share.
    #[inline(never)]
    fn rare(&mut self, table_idx: usize, column: usize, row: usize, flag: bool) -> Option<()> {
        let token = self.token()?;
        let kind = self.rows.plan.tables[table_idx].columns[column].kind;
        let value = scalar::decode(token, kind, flag).ok()?;
        self.rows.tables[table_idx].columns[column].push(row, &value);
        Some(())
    }

    /// The scalar that stands here; `None` also for a container.
    fn token(&mut self) -> Option<Token<'a>> {
        let start = self.lexer.pos;
        match self.lexer.peek()? {
            b'"' => {
                if let Some((start, end)) = self.plain_string() {
                    return Some(Token::Text(Cow::Borrowed(&self.text[start..end])));
                }
                self.lexer.string().ok()?;
                let inner = &self.text[start + 1..self.lexer.pos - 1];
                unescape(inner).map(|text| Token::Text(Cow::Owned(text)))
            }
            b'-' | b'0'..=b'9' => {
                self.lexer.number().ok()?;
                Some(Token::Number(&self.text[start..self.lexer.pos]))
            }
            b'n' => self.null().map(|()| Token::Null),
            b't' => self.lexer.literal(b"true").ok().map(|()| Token::Bool(true)),
            b'f' => self.lexer.literal(b"false").ok().map(|()| Token::Bool(false)),
            _ => None,
        }
    }
}
