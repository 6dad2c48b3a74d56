//! The quick decoder: walks a message side by side with the shape that
//! earlier messages had, straight into columns.
//!
//! A feed is written by programs, so keys come in a fixed order and spelling.
//! Whatever is not as expected makes the walk give up; the general decoder
//! then judges the whole message, so nothing here ever rejects one.
//!
//! What is walked over is checked on the way: keys equal bytes that were
//! learnt from UTF-8, numbers are ASCII, and so are most strings; those that
//! are not are checked one by one, which costs less than a pass over all.

use std::borrow::Cow;
use std::cell::Cell;

use crate::base::time;
use crate::codecs::Accepted;
use crate::codecs::columns::ColumnBuilder;
use crate::codecs::lex::Lexer;
use crate::codecs::lex::string_scan;
use crate::codecs::lex::unescape;
use crate::codecs::raw;
use crate::codecs::raw::CHUNK;
use crate::codecs::raw::Glance;
use crate::codecs::raw::Pattern;
use crate::codecs::raw::Threes;
use crate::codecs::rows::Rows;
use crate::codecs::scalar;
use crate::codecs::scalar::Token;
use crate::codecs::scalar::Value;
use crate::events::Kind;

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
    pub literal: Literal,
    pub step: Step,
    pub width: Width,
}

/// Bytes to compare with quickly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Literal {
    first: Pattern,
    bytes: Box<[u8]>,
}

impl Literal {
    pub fn new(bytes: Box<[u8]>) -> Self {
        Self { first: Pattern::new(&bytes), bytes }
    }

    /// Whether it stands at `pos`: for all but the longest keys one comparison
    /// under a mask, whatever the length.
    #[inline(always)]
    fn stands(&self, bytes: &[u8], pos: usize) -> bool {
        match bytes.get(pos..).and_then(<[u8]>::first_chunk) {
            Some(chunk) if self.bytes.len() <= CHUNK => self.first.stands(chunk),
            _ => behind(bytes, pos, &self.bytes).is_some(),
        }
    }
}

/// How long a member's string was last time. Codes mostly keep their length;
/// a processor that guesses so can go on with the next value before it has
/// found the end of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Width {
    /// One bit for each byte of such a string.
    window: Cell<u32>,
    /// Those of its quotes; without a guess one that is not in `window`.
    quotes: Cell<u32>,
    /// With its quotes.
    len: Cell<usize>,
    /// Strings to wait for before the next guess.
    wait: Cell<u32>,
}

/// A member whose length is never the same costs a wrong guess so seldom.
const GUESS_EVERY: u32 = 32;

impl Default for Width {
    fn default() -> Self {
        let width = Self { quotes: Cell::new(0), window: Cell::new(0), len: Cell::new(0), wait: Cell::new(1) };
        width.forget(1);
        width
    }
}

impl Width {
    fn forget(&self, wait: u32) {
        self.quotes.set(1);
        self.window.set(0);
        self.wait.set(wait);
    }

    /// Takes note of a string of another length than the guess.
    #[inline(always)]
    fn differs(&self, len: usize, window: u32) {
        let wait = self.wait.get();
        if wait == 0 {
            return self.forget(GUESS_EVERY);
        }
        self.wait.set(wait - 1);
        if wait == 1 {
            self.quotes.set(1 | 1 << (len - 1));
            self.window.set(window);
            self.len.set(len);
        }
    }
}

/// What to do with a member's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Text {
        column: usize,
        flag: bool,
    },
    /// The column that names the person.
    Person(usize),
    /// `limit`: the least number of units too many for the column.
    Decimal {
        column: usize,
        scale: u8,
        limit: i64,
    },
    Time(usize),
    Date(usize),
    Other(usize),
    /// A known column that nobody needs.
    Skip,
    /// A member that the event type does not know.
    Unknown,
    Block(Box<Object>),
    List(Box<List>),
}

/// The rows of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub child: usize,
    pub frame: Frame,
    pub row: Object,
}

/// Walks `message` along `shape` into the row that `rows` has begun; `None`,
/// with nothing changed, if they do not fit or the message may have a fault.
pub(crate) fn push<'a>(rows: &mut Rows, shape: &Object, message: &'a [u8]) -> Option<Accepted<'a>> {
    let row = rows.len();
    raw::fetch(message);
    let mut walk = Walk { bytes: message, rows, person: None, latest_time: EPOCH };
    let walked = walk.object(shape, 0, row, 1, 0).filter(|end| *end == message.len());
    let person = walk.person.take();
    let accepted = walked.and_then(|_| {
        let event_time = rows.verdict(None).ok()?;
        Some(Accepted { person: person?, event_time })
    });
    match accepted {
        Some(_) => rows.accept(),
        None => rows.roll_back(),
    }
    accepted
}

/// Every step takes the place where it starts and returns the place behind
/// what it read, so that the place stays in a register; `None` gives up.
struct Walk<'a, 'r> {
    bytes: &'a [u8],
    rows: &'r mut Rows,
    person: Option<Cow<'a, str>>,
    /// The token of the last time read, and what it means.
    latest_time: ([u8; TIME_BYTES], i64),
}

/// A token that is known before any was read: a true one, for what equals it is not read again.
const EPOCH: ([u8; TIME_BYTES], i64) = (*b"\"1970-01-01 00:00:00\"", 0);

/// `"yyyy-MM-dd HH:mm:ss"` with its quotes.
const TIME_BYTES: usize = 21;

/// `"yyyy-MM-dd"` with its quotes.
const DATE_BYTES: usize = 12;

/// What the quick steps look at: a quote and a chunk.
const AHEAD: usize = 1 + CHUNK;

#[inline(always)]
fn word(ahead: &[u8; AHEAD]) -> u64 {
    let (words, _) = ahead.as_chunks::<8>();
    u64::from_le_bytes(words[0])
}

/// The chunk behind an opening quote.
#[inline(always)]
fn sub_chunk(ahead: &[u8; AHEAD]) -> &[u8; CHUNK] {
    ahead[1..].first_chunk().unwrap_or(&[0; CHUNK])
}

/// The length with its quotes of the string that `ahead` begins with, if it is
/// short, without escapes, and ASCII or Chinese; else 0.
#[inline(always)]
fn short_text(ahead: &[u8; AHEAD], width: &Width) -> usize {
    let chunk = ahead.first_chunk().unwrap_or(&[0; CHUNK]);
    let Glance { quotes, odd } = raw::glance(chunk);
    let window = width.window.get();
    if quotes & window == width.quotes.get() && odd & window == 0 {
        // Not counted from the bytes just read: nothing waits for them.
        return width.len.get();
    }
    let end = quotes & (quotes.wrapping_sub(1));
    let window = end ^ end.wrapping_sub(1);
    if quotes & 1 == 0 || end == 0 {
        return 0;
    }
    let len = end.trailing_zeros() as usize + 1;
    if odd & window == 0 || short_threes(chunk, window) {
        width.differs(len, window);
        return len;
    }
    0
}

/// Whether what `window` shows of `chunk`, the closing quote included, is a
/// string of ASCII and characters of three bytes.
#[inline(always)]
fn short_threes(chunk: &[u8; CHUNK], window: u32) -> bool {
    let Threes { first, inner, stops, rare } = raw::threes(chunk);
    let expected = first << 1 | first << 2;
    // The quotes are its lowest and its highest bit.
    let quotes = 1 | (window ^ (window >> 1));
    ((rare | (inner ^ expected)) & window) == 0 && stops & window == quotes
}

/// The place behind `literal`, if that stands at `pos`.
#[inline(always)]
fn behind(bytes: &[u8], pos: usize, literal: &[u8]) -> Option<usize> {
    let found = match literal {
        [] => true,
        [byte] => bytes.get(pos) == Some(byte),
        _ => bytes.get(pos..pos + literal.len()) == Some(literal),
    };
    found.then_some(pos + literal.len())
}

/// The end of a string without escapes that starts at `pos` with its quote.
#[inline(always)]
fn plain_string(bytes: &[u8], pos: usize) -> Option<usize> {
    if bytes.get(pos) != Some(&b'"') {
        return None;
    }
    let (stop, ascii) = string_scan(bytes, pos + 1);
    (bytes.get(stop) == Some(&b'"') && (ascii || is_utf8(&bytes[pos + 1..stop]))).then_some(stop)
}

/// Whether `text` is UTF-8; quick for short Chinese texts.
#[inline(never)]
fn is_utf8(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [] => return true,
            [0..0x80, rest @ ..] => rest,
            // Three bytes of which neither the first nor the second is special.
            [0xe1..=0xec, 0x80..=0xbf, 0x80..=0xbf, rest @ ..] => rest,
            _ => return std::str::from_utf8(text).is_ok(),
        }
    }
}

fn text_at(bytes: &[u8], start: usize, end: usize) -> Option<&str> {
    std::str::from_utf8(bytes.get(start..end)?).ok()
}

/// Writes a number of usual size, quoted or not; `None` for anything else.
fn decimal(column: &mut ColumnBuilder, bytes: &[u8], row: usize, scale: u8, limit: i64, pos: usize) -> Option<usize> {
    let quotes = usize::from(bytes.get(pos) == Some(&b'"'));
    let (units, end) = scalar::plain_decimal(bytes, pos + quotes, scale)?;
    if units.abs() >= limit || (quotes == 1 && bytes.get(end) != Some(&b'"')) {
        return None;
    }
    column.push_decimal(row, i128::from(units));
    Some(end + quotes)
}

/// Skips a string without escapes or a number of usual size.
fn skip(bytes: &[u8], pos: usize) -> Option<usize> {
    match bytes.get(pos) {
        Some(b'"') => plain_string(bytes, pos).map(|end| end + 1),
        _ => scalar::plain_decimal(bytes, pos, 7).map(|(_, end)| end),
    }
}

impl<'a> Walk<'a, '_> {
    /// An object that lies at nesting `depth` and holds `row` of a table.
    fn object(&mut self, shape: &Object, table_idx: usize, row: usize, depth: usize, pos: usize) -> Option<usize> {
        let bytes = self.bytes;
        let pos = behind(bytes, pos, b"{")?;
        if let Some(end) = behind(bytes, pos, b"}") {
            return Some(end);
        }
        let mut pos = behind(bytes, pos, shape.frame.lead.as_deref()?)?;
        let tail = shape.frame.tail.as_deref()?;
        let first = shape.slots.iter().position(|slot| behind(bytes, pos, &slot.key).is_some())?;
        let (mut slot, mut rest) = shape.slots.get(first..)?.split_first()?;
        pos += slot.key.len();
        loop {
            pos = match bytes.get(pos..).and_then(<[u8]>::first_chunk) {
                Some(ahead) => match self.quick(slot, table_idx, row, ahead) {
                    0 => self.other(slot, table_idx, row, depth, pos)?,
                    len => pos + len,
                },
                None => self.other(slot, table_idx, row, depth, pos)?,
            };
            match rest.split_first() {
                Some((next, others)) if next.literal.stands(bytes, pos) => (slot, rest) = (next, others),
                _ => {
                    if let Some(end) = behind(bytes, pos, tail) {
                        return Some(end);
                    }
                    // Members that it steps past are absent.
                    let next = rest.iter().position(|slot| slot.literal.stands(bytes, pos))?;
                    (slot, rest) = rest.get(next..)?.split_first()?;
                }
            }
            pos += slot.literal.bytes.len();
        }
    }

    /// Writes or skips the value that `ahead` begins with, if it is one of the
    /// usual, and returns its length; else 0, nothing being done.
    #[inline(always)]
    fn quick(&mut self, slot: &Slot, table_idx: usize, row: usize, ahead: &[u8; AHEAD]) -> usize {
        match &slot.step {
            Step::Text { column, .. } => {
                let len = short_text(ahead, &slot.width);
                if scalar::begins_blank(&ahead[1..]) {
                    return 0;
                }
                if len > 2 {
                    self.column(table_idx, *column).push_chunk(row, sub_chunk(ahead), len - 2);
                }
                len
            }
            Step::Decimal { column, scale, limit } => match scalar::short_decimal(word(ahead), *scale) {
                Some((units, len)) if units < *limit => {
                    self.column(table_idx, *column).push_decimal(row, i128::from(units));
                    len
                }
                _ => 0,
            },
            Step::Skip if ahead[0] == b'"' => short_text(ahead, &slot.width),
            Step::Skip => scalar::short_number(word(ahead)),
            Step::Time(column) => {
                // Lines of one bill often share their time.
                let (known, seconds) = &self.latest_time;
                let token = ahead.first_chunk::<TIME_BYTES>();
                if !token.is_some_and(|token| same_16(token, known, 0) && same_16(token, known, TIME_BYTES - 16)) {
                    return 0;
                }
                let seconds = *seconds;
                self.column(table_idx, *column).push_time(row, seconds);
                TIME_BYTES
            }
            _ => 0,
        }
    }

    /// Any value that [`quick`](Self::quick) leaves.
    #[inline(never)]
    fn other(&mut self, slot: &Slot, table_idx: usize, row: usize, depth: usize, pos: usize) -> Option<usize> {
        match &slot.step {
            Step::Text { column, flag } => match plain_string(self.bytes, pos) {
                Some(end) if pos + 1 < end && !scalar::begins_blank(&self.bytes[pos + 1..end]) => {
                    let text = &self.bytes[pos + 1..end];
                    self.rows.tables[table_idx].columns[*column].push_text(row, text);
                    Some(end + 1)
                }
                _ => self.rare(table_idx, *column, row, *flag, pos),
            },
            Step::Decimal { column, scale, limit } => {
                let builder = &mut self.rows.tables[table_idx].columns[*column];
                let end = decimal(builder, self.bytes, row, *scale, *limit, pos);
                end.or_else(|| self.rare(table_idx, *column, row, false, pos))
            }
            Step::Time(column) => self.new_time(table_idx, *column, row, pos),
            Step::Date(column) => self.date(table_idx, *column, row, pos),
            Step::Skip => self.skip(depth, pos),
            Step::Unknown => {
                self.rows.unknown_fields += 1;
                self.skip(depth, pos)
            }
            Step::Person(column) => self.person(*column, row, pos),
            Step::Block(block) if self.bytes.get(pos) == Some(&b'{') => self.object(block, table_idx, row, depth + 1, pos),
            Step::Block(_) => behind(self.bytes, pos, b"null"),
            Step::List(list) => self.list(list, depth + 1, pos),
            Step::Other(column) => self.rare(table_idx, *column, row, false, pos),
        }
    }

    fn list(&mut self, list: &List, depth: usize, pos: usize) -> Option<usize> {
        let bytes = self.bytes;
        let (table_idx, frame) = (list.child + 1, &list.frame);
        let Some(pos) = behind(bytes, pos, b"[") else { return behind(bytes, pos, b"null") };
        if let Some(end) = behind(bytes, pos, b"]") {
            return Some(end);
        }
        let mut pos = behind(bytes, pos, frame.lead.as_deref()?)?;
        let tail = frame.tail.as_deref()?;
        loop {
            let row = self.rows.tables[table_idx].rows;
            pos = self.object(&list.row, table_idx, row, depth + 1, pos)?;
            self.rows.tables[table_idx].rows += 1;
            if let Some(end) = behind(bytes, pos, tail) {
                return Some(end);
            }
            pos = behind(bytes, pos, frame.separator.as_deref()?)?;
        }
    }

    #[inline(always)]
    fn column(&mut self, table_idx: usize, column: usize) -> &mut ColumnBuilder {
        &mut self.rows.tables[table_idx].columns[column]
    }

    /// Skips any value, checking that it is one.
    fn skip(&mut self, depth: usize, pos: usize) -> Option<usize> {
        match skip(self.bytes, pos) {
            Some(end) => Some(end),
            None => self.skip_rare(depth, pos),
        }
    }

    #[inline(never)]
    fn skip_rare(&mut self, depth: usize, pos: usize) -> Option<usize> {
        let mut lexer = Lexer { bytes: self.bytes, pos };
        lexer.value(depth).ok()?;
        text_at(self.bytes, pos, lexer.pos)?;
        Some(lexer.pos)
    }

    fn person(&mut self, column: usize, row: usize, pos: usize) -> Option<usize> {
        let (token, end) = self.token(pos)?;
        if let Value::Text(text) = scalar::decode(token, Kind::Text, false).ok()? {
            self.rows.tables[0].columns[column].push_text(row, text.as_bytes());
            self.person = Some(text);
        }
        Some(end)
    }

    fn date(&mut self, table_idx: usize, column: usize, row: usize, pos: usize) -> Option<usize> {
        let token = self.bytes.get(pos..).and_then(<[u8]>::first_chunk::<DATE_BYTES>);
        if let Some([b'"', text @ .., b'"']) = token
            && let Some(civil) = time::parse(text)
        {
            self.column(table_idx, column).push_narrow(row, i32::try_from(civil.day()).ok()?);
            return Some(pos + DATE_BYTES);
        }
        self.rare(table_idx, column, row, false, pos)
    }

    fn new_time(&mut self, table_idx: usize, column: usize, row: usize, pos: usize) -> Option<usize> {
        let Some(quote) = plain_string(self.bytes, pos).filter(|quote| pos + 1 < *quote) else {
            return self.rare(table_idx, column, row, false, pos);
        };
        let seconds = time::parse(&self.bytes[pos + 1..quote])?.0;
        self.column(table_idx, column).push_time(row, seconds);
        if let Some(token) = self.bytes[pos..=quote].as_array::<TIME_BYTES>() {
            self.latest_time = (*token, seconds);
        }
        Some(quote + 1)
    }

    /// Any scalar, by the way that both decoders share.
    #[inline(never)]
    fn rare(&mut self, table_idx: usize, column: usize, row: usize, flag: bool, pos: usize) -> Option<usize> {
        let (token, end) = self.token(pos)?;
        let kind = self.rows.plan.tables[table_idx].columns[column].kind;
        let value = scalar::decode(token, kind, flag).ok()?;
        self.column(table_idx, column).push(row, &value);
        Some(end)
    }

    /// The scalar that stands here; `None` also for a container.
    fn token(&self, pos: usize) -> Option<(Token<'a>, usize)> {
        let bytes = self.bytes;
        let token = match bytes.get(pos)? {
            b'"' => {
                if let Some(end) = plain_string(bytes, pos) {
                    return Some((Token::Text(Cow::Borrowed(text_at(bytes, pos + 1, end)?)), end + 1));
                }
                let mut lexer = Lexer { bytes, pos };
                lexer.string().ok()?;
                let text = unescape(text_at(bytes, pos + 1, lexer.pos - 1)?)?;
                (Token::Text(Cow::Owned(text)), lexer.pos)
            }
            b'-' | b'0'..=b'9' => {
                let mut lexer = Lexer { bytes, pos };
                lexer.number().ok()?;
                (Token::Number(text_at(bytes, pos, lexer.pos)?), lexer.pos)
            }
            b'n' => (Token::Null, behind(bytes, pos, b"null")?),
            b't' => (Token::Bool(true), behind(bytes, pos, b"true")?),
            b'f' => (Token::Bool(false), behind(bytes, pos, b"false")?),
            _ => return None,
        };
        Some(token)
    }
}

#[inline(always)]
fn same_16(left: &[u8; TIME_BYTES], right: &[u8; TIME_BYTES], from: usize) -> bool {
    let word = |bytes: &[u8; TIME_BYTES]| bytes[from..].first_chunk::<16>().map(|chunk| u128::from_le_bytes(*chunk));
    word(left) == word(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever length it guesses.
        #[test]
        fn a_short_text_is_what_the_slow_way_finds(
            texts in proptest::collection::vec("[a-z0-9]{4}|[一-龥a，\u{800}\u{d7ff}é😀]{0,11}|[a\u{0}\\\\\"]{0,4}", 1..80),
            spoilt in proptest::option::of((0usize..33, any::<u8>())),
        ) {
            let width = Width::default();
            for text in &texts {
                let mut message = format!("\"{text}\",\"next\":\"{text}\",\"and\":\"so on, for a whole chunk\"").into_bytes();
                if let Some((at, byte)) = spoilt {
                    message[at] = byte;
                }
                let len = short_text(message.first_chunk().expect("long enough"), &width);
                let slow = plain_string(&message, 0).map_or(0, |end| end + 1);
                prop_assert!(len == slow || len == 0, "{text}: {len}, not {slow}");
                let usual = spoilt.is_none() && text.bytes().all(|byte| byte.is_ascii_lowercase());
                prop_assert!(len != 0 || !usual, "{text}");
                prop_assert!(len == 0 || std::str::from_utf8(&message[..len]).is_ok());
            }
        }
    }

    #[test]
    fn a_guess_is_made_of_what_keeps_its_length() {
        let width = Width::default();
        let read = |text: &str| short_text(format!("\"{text}\"{:40}", "").as_bytes().first_chunk().expect("long enough"), &width);
        assert_eq!((read("310"), width.wait.get()), (5, 0));
        assert_eq!((read("390"), width.wait.get()), (5, 0));
        assert_eq!((read("3100"), width.wait.get()), (6, GUESS_EVERY));
        assert_eq!((read("310"), width.wait.get()), (5, GUESS_EVERY - 1));
    }
}
