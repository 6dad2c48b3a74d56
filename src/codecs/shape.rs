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

use crate::base::time;
use crate::codecs::Accepted;
use crate::codecs::columns::ColumnBuilder;
use crate::codecs::lex::Lexer;
use crate::codecs::lex::string_scan;
use crate::codecs::lex::unescape;
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
}

/// Bytes to compare with quickly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Literal {
    /// The first bytes, zeros behind.
    words: [u64; 4],
    bytes: Box<[u8]>,
}

const WORDS_BYTES: usize = 32;

/// By length: which bits of four words are those of so many bytes.
static MASKS: [[u64; 4]; WORDS_BYTES + 1] = masks();

const fn masks() -> [[u64; 4]; WORDS_BYTES + 1] {
    let mut masks = [[0_u64; 4]; WORDS_BYTES + 1];
    let mut len = 0;
    while len <= WORDS_BYTES {
        let mut byte = 0;
        while byte < len {
            masks[len][byte / 8] |= 0xff << (byte % 8 * 8);
            byte += 1;
        }
        len += 1;
    }
    masks
}

#[inline(always)]
fn words(bytes: &[u8; WORDS_BYTES]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]), u64::from_le_bytes(words[2]), u64::from_le_bytes(words[3])]
}

impl Literal {
    pub fn new(bytes: Box<[u8]>) -> Self {
        let mut first = [0; WORDS_BYTES];
        let len = bytes.len().min(WORDS_BYTES);
        first[..len].copy_from_slice(&bytes[..len]);
        Self { words: words(&first), bytes }
    }

    /// Whether it stands at `pos`: for all but the longest keys one comparison
    /// under a mask, whatever the length.
    #[inline(always)]
    fn stands(&self, bytes: &[u8], pos: usize) -> bool {
        let chunk = bytes.get(pos..).and_then(<[u8]>::first_chunk::<WORDS_BYTES>);
        match (chunk, MASKS.get(self.bytes.len())) {
            (Some(chunk), Some(mask)) => {
                let found = words(chunk);
                let differ = |word: usize| (found[word] ^ self.words[word]) & mask[word];
                differ(0) | differ(1) | differ(2) | differ(3) == 0
            }
            _ => behind(bytes, pos, &self.bytes).is_some(),
        }
    }
}

/// What to do with a member's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Text { column: usize, flag: bool },
    /// The column that names the person.
    Person(usize),
    /// `limit`: the least number of units too many for the column.
    Decimal { column: usize, scale: u8, limit: i64 },
    Time(usize),
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
    let mut walk = Walk { bytes: message, rows, person: None, latest_time: ([0; TIME_BYTES], 0) };
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

/// `"yyyy-MM-dd HH:mm:ss"` with its quotes.
const TIME_BYTES: usize = 21;

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

// The usual values, each in a function of its own, not inlined: together they
// would not fit into the registers.

/// Writes a string without escapes; `None` for anything else.
#[inline(never)]
fn text(column: &mut ColumnBuilder, bytes: &[u8], row: usize, pos: usize) -> Option<usize> {
    let end = plain_string(bytes, pos)?;
    if pos + 1 < end {
        column.push_text(row, bytes, pos + 1, end);
    }
    Some(end + 1)
}

/// Writes a number of usual size, quoted or not; `None` for anything else.
#[inline(never)]
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
#[inline(never)]
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
            pos = match &slot.step {
                Step::Text { column, flag } => match text(self.column(table_idx, *column), bytes, row, pos) {
                    Some(end) => end,
                    None => self.rare(table_idx, *column, row, *flag, pos)?,
                },
                Step::Decimal { column, scale, limit } => {
                    match decimal(self.column(table_idx, *column), bytes, row, *scale, *limit, pos) {
                        Some(end) => end,
                        None => self.rare(table_idx, *column, row, false, pos)?,
                    }
                }
                Step::Skip => self.skip(depth, pos)?,
                Step::Time(column) => self.time(table_idx, *column, row, pos)?,
                step => self.seldom(step, table_idx, row, depth, pos)?,
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

    /// The steps that [`object`](Self::object) does not do itself.
    #[inline(never)]
    fn seldom(&mut self, step: &Step, table_idx: usize, row: usize, depth: usize, pos: usize) -> Option<usize> {
        match step {
            Step::Unknown => {
                self.rows.unknown_fields += 1;
                self.skip(depth, pos)
            }
            Step::Person(column) => self.person(*column, row, pos),
            Step::Block(block) if self.bytes.get(pos) == Some(&b'{') => self.object(block, table_idx, row, depth + 1, pos),
            Step::Block(_) => behind(self.bytes, pos, b"null"),
            Step::List(list) => self.list(list, depth + 1, pos),
            Step::Other(column) => self.rare(table_idx, *column, row, false, pos),
            Step::Text { .. } | Step::Decimal { .. } | Step::Time(_) | Step::Skip => None,
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
    #[inline(always)]
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
            self.rows.tables[0].columns[column].push_text(row, text.as_bytes(), 0, text.len());
            self.person = Some(text);
        }
        Some(end)
    }

    #[inline(always)]
    fn time(&mut self, table_idx: usize, column: usize, row: usize, pos: usize) -> Option<usize> {
        // Lines of one bill often share their time.
        let token = self.bytes.get(pos..).and_then(<[u8]>::first_chunk::<TIME_BYTES>);
        let known = &self.latest_time.0;
        if !token.is_some_and(|token| same_16(token, known, 0) && same_16(token, known, TIME_BYTES - 16)) {
            return self.new_time(table_idx, column, row, pos);
        }
        let seconds = self.latest_time.1;
        self.column(table_idx, column).push_time(row, seconds);
        Some(pos + TIME_BYTES)
    }

    #[inline(never)]
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
