//! A strict JSON lexer over bytes: what is skipped is still checked.
//!
//! The text must be UTF-8 already. Strictness is that of RFC 8259 with lone
//! surrogates refused, because they have no text that a column could hold.

use crate::base::limits::NESTING_MAX;
use crate::codecs::raw;
use crate::codecs::raw::CHUNK;
use crate::codecs::raw::Marks;

/// Why a text is no JSON value, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    Syntax(usize),
    TooDeep(usize),
}

/// A place in a text.
pub(crate) struct Lexer<'a> {
    pub bytes: &'a [u8],
    pub pos: usize,
}

/// The first quote, backslash or control byte at or after `pos` (the length of
/// `bytes` if there is none), and whether all bytes before it are ASCII.
#[inline(always)]
pub(crate) fn string_scan(bytes: &[u8], pos: usize) -> (usize, bool) {
    match bytes.get(pos..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => {
            let Marks { stops, high } = raw::marks(chunk);
            if stops == 0 {
                return string_scan_on(bytes, pos + CHUNK, high);
            }
            let before = stops ^ (stops - 1);
            (pos + stops.trailing_zeros() as usize, high & before == 0)
        }
        None => string_scan_end(bytes, pos, 0),
    }
}

/// [`string_scan`] of a long string, from where nothing was found yet.
#[inline(never)]
fn string_scan_on(bytes: &[u8], mut pos: usize, mut seen: u32) -> (usize, bool) {
    while let Some(chunk) = bytes.get(pos..).and_then(<[u8]>::first_chunk) {
        let Marks { stops, high } = raw::marks(chunk);
        if stops != 0 {
            let before = stops ^ (stops - 1);
            return (pos + stops.trailing_zeros() as usize, (seen | (high & before)) == 0);
        }
        seen |= high;
        pos += CHUNK;
    }
    string_scan_end(bytes, pos, seen)
}

/// The bytes that make no whole chunk.
#[cold]
fn string_scan_end(bytes: &[u8], mut pos: usize, mut seen: u32) -> (usize, bool) {
    while pos < bytes.len() && !matches!(bytes[pos], 0..0x20 | b'"' | b'\\') {
        seen |= u32::from(bytes[pos] >= 0x80);
        pos += 1;
    }
    (pos.min(bytes.len()), seen == 0)
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// `text` without white space at both ends.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(*byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Checks that `text` is exactly one JSON value, white space around it allowed.
pub(crate) fn validate(text: &[u8]) -> Result<(), Malformed> {
    let mut lexer = Lexer { bytes: text, pos: 0 };
    lexer.space();
    lexer.value(0)?;
    lexer.space();
    if lexer.pos == text.len() { Ok(()) } else { lexer.fail() }
}

impl Lexer<'_> {
    #[cold]
    fn fail(&self) -> Result<(), Malformed> {
        Err(Malformed::Syntax(self.pos))
    }

    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    #[inline]
    pub fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.pos += 1;
        }
    }

    /// Steps over `byte`, which must be next.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return self.fail();
        }
        self.pos += 1;
        Ok(())
    }

    /// Steps over one value that starts here and lies in `depth` containers.
    pub fn value(&mut self, depth: usize) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => self.fail(),
        }
    }

    pub fn literal(&mut self, text: &[u8]) -> Result<(), Malformed> {
        if !self.bytes[self.pos..].starts_with(text) {
            return self.fail();
        }
        self.pos += text.len();
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Malformed> {
        self.open(depth)?;
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(());
        }
        loop {
            self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            self.value(depth)?;
            self.space();
            if self.peek() != Some(b',') {
                return self.expect(b'}');
            }
            self.pos += 1;
            self.space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Malformed> {
        self.open(depth)?;
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.space();
            if self.peek() != Some(b',') {
                return self.expect(b']');
            }
            self.pos += 1;
            self.space();
        }
    }

    fn open(&mut self, depth: usize) -> Result<(), Malformed> {
        if depth > NESTING_MAX {
            return Err(Malformed::TooDeep(self.pos));
        }
        self.pos += 1;
        self.space();
        Ok(())
    }

    /// Steps over a string with its quotes.
    #[inline]
    pub fn string(&mut self) -> Result<(), Malformed> {
        self.expect(b'"')?;
        loop {
            self.pos = string_scan(self.bytes, self.pos).0;
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape().map(drop)?,
                _ => return self.fail(),
            }
        }
    }

    /// Steps over one escape and returns what it stands for.
    fn escape(&mut self) -> Result<char, Malformed> {
        let at = Malformed::Syntax(self.pos);
        let kind = *self.bytes.get(self.pos + 1).ok_or(at)?;
        self.pos += 2;
        let ch = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4().ok_or(at)?;
                if !(0xd800..0xe000).contains(&first) {
                    return char::from_u32(first).ok_or(at);
                }
                if first >= 0xdc00 || self.bytes.get(self.pos..self.pos + 2) != Some(b"\\u") {
                    return Err(at);
                }
                self.pos += 2;
                let second = self.hex4().filter(|low| (0xdc00..0xe000).contains(low)).ok_or(at)?;
                char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(at)?
            }
            _ => return Err(at),
        };
        Ok(ch)
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.pos..self.pos + 4)?;
        self.pos += 4;
        digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    }

    /// Steps over a number.
    #[inline]
    pub fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.pos += 1;
        }
        match self.peek() {
            Some(b'0') => self.pos += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.fail(),
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), Malformed> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.fail();
        }
        self.digits();
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.pos += 1;
        }
    }
}

/// What a string token without its quotes stands for; `None` if an escape is wrong.
pub(crate) fn unescape(inner: &str) -> Option<String> {
    let mut lexer = Lexer { bytes: inner.as_bytes(), pos: 0 };
    let mut out = String::with_capacity(inner.len());
    while lexer.pos < inner.len() {
        let start = lexer.pos;
        lexer.pos = inner[start..].find('\\').map_or(inner.len(), |found| start + found);
        out.push_str(&inner[start..lexer.pos]);
        if lexer.pos < inner.len() {
            out.push(lexer.escape().ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_json_is_refused_wherever_it_stands() {
        let bad: &[&str] = &[
            "",
            "{",
            "}",
            "[1,]",
            r#"{"a":1,}"#,
            r#"{"a":1,,"b":2}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{'a':1}"#,
            r#"{"a":1}{"a":1}"#,
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "1e+",
            "0x10",
            "NaN",
            "Infinity",
            "-Infinity",
            "1,234",
            "nul",
            "True",
            "\"",
            "\"\\\"",
            "\"\u{1}\"",
            "\"a\nb\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800x""#,
            r#""\ud800\u0041""#,
            "\u{feff}{}",
            "// a\n{}",
            "{}/**/",
            "[1 2]",
            "\u{a0}1",
        ];
        for text in bad {
            assert!(matches!(validate(text.as_bytes()), Err(Malformed::Syntax(_))), "{text:?}");
            let nested = format!(r#"{{"skipped":{{"a":{text}}}}}"#);
            if !text.is_empty() {
                assert!(validate(nested.as_bytes()).is_err(), "{nested:?}");
            }
        }
        for text in
            ["0", "-0", "1e400", "-1.50E-3", r#""\ud83d\ude00\/\u0000""#, " [ ] ", "{ }", "\t\r\n{\"a\" : [ 1 , null ] }", "\"\u{7f}\""]
        {
            assert_eq!(validate(text.as_bytes()), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(validate(nest(NESTING_MAX).as_bytes()), Ok(()));
        assert_eq!(validate(nest(NESTING_MAX + 1).as_bytes()), Err(Malformed::TooDeep(NESTING_MAX)));
    }

    proptest! {
        #[test]
        fn string_scan_is_the_naive_search(bytes in proptest::collection::vec(any::<u8>(), 0..160), from in 0usize..8) {
            let from = from.min(bytes.len());
            let naive = (from..bytes.len()).find(|at| bytes[*at] < 0x20 || matches!(bytes[*at], b'"' | b'\\')).unwrap_or(bytes.len());
            let (stop, ascii) = string_scan(&bytes, from);
            prop_assert_eq!(stop, naive);
            prop_assert_eq!(ascii, bytes[from..stop].is_ascii());
        }

        /// `serde_json` refuses numbers that no float can hold; the grammar does not.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\ua0-9eE.+\- ]{0,24}|"(\\u[dD][89aAcCfF0][0-9]{2}|[a-z]|\\[nxu/"])*""#) {
            let ours = validate(text.as_bytes()).is_ok();
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(_) => prop_assert!(ours, "{}", text),
                Err(error) if error.to_string().starts_with("number out of range") => {}
                Err(_) => prop_assert!(!ours, "{}", text),
            }
        }

        #[test]
        fn unescape_agrees_with_serde_json(text in ".{0,24}") {
            let token = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(&token[1..token.len() - 1]), Some(text));
        }
    }
}
