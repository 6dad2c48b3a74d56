//! YAML text as a tree of nodes that know their bytes; the only home of the
//! YAML crate.
//!
//! Built on the crate's parser, not its loader: a loader stops at a duplicate
//! key and forgets how a scalar was written, and `2`, `"2"` and `2.50` are
//! three different things in a rule's case. Anchors, aliases and tags are
//! refused: a rule file shall read the same for a person and a program.

use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;
use saphyr_parser::ScanError;
use saphyr_parser::Span;
use saphyr_parser::StrInput;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::limits;
use crate::ruleset::json;
use crate::ruleset::json::Json;

/// A value in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The bytes that a caret marks: a scalar with its quotes; of a list or
    /// map that spans lines only its first key or item.
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `plain`: neither quoted nor a block, so that it may be a number, a
    /// truth value or null.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the file's order; no key twice.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

/// Reads a file's one document. `None` if it is not YAML at all; then there is
/// at least one diagnostic.
pub fn parse(source: &Arc<SourceText>) -> (Option<Node>, Vec<Diagnostic>) {
    let bom = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = source.text.get(bom..).unwrap_or_default();
    let starts = text.char_indices().map(|(at, _)| at + bom).chain([source.text.len()]).collect();
    let mut builder = Builder { source, parser: Parser::new_from_str(text), starts, diagnostics: Vec::new() };
    let node = match builder.document() {
        Ok(node) => Some(node),
        Err(Halt::Scan(error)) => {
            let at = builder.byte(*error.marker());
            let end = line_end(&source.text, at);
            builder.diagnostics.push(
                Diagnostic::new(source, at..end, format!("not valid YAML: {}", error.info()))
                    .help("Check indentation, colons and quotes here and on the line before; quote a text that holds `: ` or ` #`."),
            );
            None
        }
        Err(Halt::Reported) => None,
    };
    (node, builder.diagnostics)
}

enum Halt {
    Scan(ScanError),
    Reported,
}

struct Builder<'a> {
    source: &'a Arc<SourceText>,
    parser: Parser<'a, StrInput<'a>>,
    /// Byte at which each character starts, and the end: the parser counts characters.
    starts: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn byte(&self, marker: Marker) -> usize {
        self.starts.get(marker.index()).copied().unwrap_or(self.source.text.len())
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        let marked = self.source.text.get(start..end).unwrap_or_default();
        start..start + marked.trim_end().len()
    }

    fn report(&mut self, span: Range<usize>, message: &str, help: &str) {
        self.diagnostics.push(Diagnostic::new(self.source, span, message).help(help));
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Halt> {
        match self.parser.next_event() {
            Some(event) => event.map_err(Halt::Scan),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Halt> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event if root.is_none() => root = Some(self.node(event, span, 0)?),
                _ => {
                    let span = self.bytes(span);
                    self.report(span, "a second document in one file", "Put each document into a file of its own.");
                    return Err(Halt::Reported);
                }
            }
        }
        Ok(root.unwrap_or(Node { span: 0..0, value: Value::Scalar { text: String::new(), plain: true } }))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Halt> {
        let bytes = self.bytes(span);
        if depth > limits::NESTING_MAX {
            self.report(bytes, "nested too deep", "Write the file with fewer levels.");
            return Err(Halt::Reported);
        }
        let (value, anchored, tagged) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (Value::Scalar { text: text.into_owned(), plain }, anchor > 0, tag.is_some())
            }
            Event::SequenceStart(anchor, tag) => (self.list(depth)?, anchor > 0, tag.is_some()),
            Event::MappingStart(anchor, tag) => (self.map(depth)?, anchor > 0, tag.is_some()),
            _ => {
                self.report(bytes, "an alias", "Write the value out; anchors and aliases are not supported.");
                return Ok(Node { span: self.bytes(span), value: Value::Scalar { text: String::new(), plain: true } });
            }
        };
        if anchored || tagged {
            self.report(bytes.clone(), "an anchor or a tag", "Write the value plainly; anchors and tags are not supported.");
        }
        let span = match &value {
            Value::Scalar { .. } => bytes,
            Value::List(items) => items.first().map_or(bytes, |item| item.span.clone()),
            Value::Map(entries) => entries.first().map_or(bytes, |entry| entry.key_span.clone()),
        };
        Ok(Node { span, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Halt> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Halt> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Value::Scalar { text, .. } = key.value else {
                self.report(key.span, "a key that is no text", "Write a plain word before the colon.");
                continue;
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                let line = Diagnostic::new(self.source, first.key_span.clone(), "").line();
                let help = format!("Remove one of the two; the first stands on line {line}.");
                self.report(key.span, &format!("key `{text}` is given twice"), &help);
                continue;
            }
            entries.push(Entry { key: text, key_span: key.span, value });
        }
    }
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |len| at + len)
}

impl Node {
    /// The entries of a map; empty for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; empty for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The text of a scalar, however written.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar without quotes.
    pub fn plain(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }

    /// `null`, `~` or nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null" | "Null" | "NULL"))
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.plain()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The text of a scalar that is neither a number, a truth value nor null.
    pub fn as_text(&self) -> Option<&str> {
        let is_other = self.is_null() || self.as_bool().is_some() || self.plain().is_some_and(json::is_number);
        if is_other { None } else { self.scalar() }
    }

    /// The value as JSON; quoted scalars are texts, plain ones numbers, truth
    /// values and null where they look so.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar { text, .. } => match (self.is_null(), self.as_bool()) {
                (true, _) => Json::Null,
                (_, Some(value)) => Json::Bool(value),
                _ if self.plain().is_some_and(json::is_number) => Json::Number(text.clone()),
                _ => Json::Text(text.clone()),
            },
            Value::List(items) => Json::List(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => Json::Map(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()),
        }
    }

    /// What the value is, in words, for messages.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } => match self.to_json() {
                Json::Bool(_) => format!("the truth value {text}"),
                Json::Number(_) => format!("the number {text}"),
                _ => format!("{text:?}"),
            },
        }
    }

    /// Place of a part: keys and list indices joined by dots; where a part is
    /// not written, the nearest part around it that is.
    pub fn at(&self, path: &str) -> Range<usize> {
        let mut span = self.span.clone();
        let mut node = self;
        for step in path.split('.') {
            if let Some(entry) = node.entries().iter().find(|entry| entry.key == step) {
                node = &entry.value;
                span = if node.scalar().is_some_and(|text| !text.is_empty()) { node.span.clone() } else { entry.key_span.clone() };
            } else if let Some(item) = step.parse().ok().and_then(|idx: usize| node.items().get(idx)) {
                node = item;
                span = node.span.clone();
            } else {
                break;
            }
        }
        span
    }
}

/// The bytes of `file` at which a range of a scalar's text was written. The
/// scalar stands at `span`, quotes included. A range at the text's end, where
/// parsers tell what is missing, marks the last character; where text and file
/// do not correspond character by character, the answer is the whole of `span`.
pub fn place_in_scalar(file: &str, span: &Range<usize>, text: &str, range: Range<usize>) -> Range<usize> {
    let raw = file.get(span.clone()).unwrap_or_default();
    let written = text.trim_end();
    let last = written.char_indices().next_back().map_or(0, |(at, _)| at);
    let range = if range.start >= written.len() { last..written.len() } else { range };
    let aligned = Quote::of(raw).and_then(|quote| align(raw, text, Some(quote))).or_else(|| align(raw, text, None));
    let mapped = aligned.and_then(|offsets| {
        let start = offsets.get(range.start)?;
        // The end is that of the last character, not the place of the next:
        // line folding may lie between.
        let last = text.get(range.clone())?.chars().next_back()?;
        let end = offsets.get(range.end - last.len_utf8())? + last.len_utf8();
        Some(span.start + start..span.start + end)
    });
    mapped.filter(|mapped| mapped.start < mapped.end && mapped.end <= span.end).unwrap_or_else(|| span.clone())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
}

impl Quote {
    fn of(raw: &str) -> Option<Self> {
        match raw.chars().next() {
            Some('\'') => Some(Self::Single),
            Some('"') => Some(Self::Double),
            _ => None,
        }
    }
}

/// For each byte of `text`, where in `raw` it was written. Folding and block
/// indentation change white space only, so all else must agree in order.
fn align(raw: &str, text: &str, quote: Option<Quote>) -> Option<Vec<usize>> {
    let mut offsets = Vec::with_capacity(text.len());
    let mut at = usize::from(quote.is_some());
    for ch in text.chars() {
        if !ch.is_whitespace() {
            at += raw.get(at..)?.len() - raw.get(at..)?.trim_start().len();
        }
        let rest = raw.get(at..)?;
        let escape = if quote == Some(Quote::Double) { rest.strip_prefix('\\') } else { None };
        let written = if let Some(escaped) = escape {
            let meant = match escaped.chars().next()? {
                'n' => '\n',
                't' => '\t',
                same @ ('"' | '\\' | '/') => same,
                _ => return None,
            };
            (meant == ch).then_some(2)?
        } else if quote == Some(Quote::Single) && ch == '\'' {
            rest.starts_with("''").then_some(2)?
        } else if rest.starts_with(ch) {
            ch.len_utf8()
        } else if ch.is_whitespace() {
            0
        } else {
            return None;
        };
        offsets.extend(std::iter::repeat_n(at, ch.len_utf8()));
        at += written;
    }
    Some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diagnostic::render;
    use proptest::prelude::*;

    fn source(text: &str) -> Arc<SourceText> {
        Arc::new(SourceText { name: "f.yaml".to_owned(), text: text.to_owned() })
    }

    /// Marks, in the file, what a word of the scalar under `k` maps to.
    #[track_caller]
    fn check_place(file: &str, word: &str, expect: &str) {
        let source = source(file);
        let (node, diagnostics) = parse(&source);
        assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
        let node = node.unwrap();
        let scalar = node.get("k").unwrap();
        let text = scalar.scalar().unwrap();
        let at = text.find(word).unwrap();
        let place = place_in_scalar(file, &scalar.span, text, at..at + word.len());
        let marked = format!("{}«{}»{}", &file[..place.start], &file[place.clone()], &file[place.end..]);
        assert_eq!(marked, expect);
    }

    #[test]
    fn words_of_a_scalar_are_found_in_the_file() {
        check_place("zh: 限性别\nk: a = 药品 and b # c\n", "药品", "zh: 限性别\nk: a = «药品» and b # c\n");
        check_place("k: 'it''s 药'\n", "s 药", "k: 'it''«s 药»'\n");
        check_place("k: 'it''s'\n", "'", "k: 'it«'»'s'\n");
        check_place(r#"{ k: "a \"b\" c" }"#, "c", r#"{ k: "a \"b\" «c»" }"#);
        check_place("k: |\n  药 and\n    b\nz: 1\n", "b", "k: |\n  药 and\n    «b»\nz: 1\n");
        check_place("k: >-\n  a and\n  b or c\n", "b or", "k: >-\n  a and\n  «b or» c\n");
        check_place("k: a and\n  b or c\n", "b or", "k: a and\n  «b or» c\n");
        check_place("k: \"a and\n  b or c\"\n", "and b", "k: \"a «and\n  b» or c\"\n");
        check_place("k: |\n  'a' or b\n", "a", "k: |\n  '«a»' or b\n");
        check_place("\u{feff}k: a or b\r\n", "b", "\u{feff}k: a or «b»\r\n");
        // What has no written counterpart marks the whole.
        check_place(r#"k: "\u0061 or b""#, "b", "k: «\"\\u0061 or b\"»");
    }

    #[test]
    fn what_is_missing_at_the_end_marks_the_last_character() {
        let (file, text) = ("k: |\n  a and 药\n\nz: 1\n", "a and 药\n");
        let span = 7..16;
        assert_eq!(&file[place_in_scalar(file, &span, text, text.len()..text.len())], "药");
        assert_eq!(&file[place_in_scalar(file, &span, text, 9..10)], "药");
        assert_eq!(&file[place_in_scalar(file, &span, text, 2..2)], "a and 药");
    }

    #[track_caller]
    fn check_told(file: &str, expect: &[(usize, &str)]) {
        let (_, diagnostics) = parse(&source(file));
        let told: Vec<_> = diagnostics.iter().map(|diagnostic| (diagnostic.line(), diagnostic.message.as_str())).collect();
        assert_eq!(told, expect);
    }

    #[test]
    fn what_reads_differently_for_a_person_is_refused() {
        check_told("a: 1\nb: 2\na: 3\nb: 4\n", &[(3, "key `a` is given twice"), (4, "key `b` is given twice")]);
        check_told("a: &x 1\nb: *x\n", &[(1, "an anchor or a tag"), (2, "an alias")]);
        check_told("a: !!str 1\n", &[(1, "an anchor or a tag")]);
        check_told("a: 1\n---\nb: 2\n", &[(3, "a second document in one file")]);
        check_told("[a]: 1\n", &[(1, "a key that is no text")]);
        check_told(&"[".repeat(64), &[(1, "nested too deep")]);
        check_told("药: 1\n  b: 2\n", &[(2, "not valid YAML: mapping values are not allowed in this context")]);
    }

    #[test]
    fn values_are_told_apart_as_written() {
        let (node, _) = parse(&source("[2, \"2\", 2.50, null, ~, 'null', true, \"true\", 0101, 1e3, 2021-05-01, {a: }, 药]"));
        let expect = r#"[2,"2",2.50,null,null,"null",true,"true","0101",1e3,"2021-05-01",{"a":null},"药"]"#;
        assert_eq!(node.unwrap().to_json().to_text(), expect);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[ \\n\\t:,'\"#&*!|>\\[\\]{}\\-a-c药\\\\0-9%@`?~.]{0,80}") {
            let source = source(&text);
            let (node, diagnostics) = parse(&source);
            prop_assert!(node.is_some() || !diagnostics.is_empty());
            render(&diagnostics);
        }

        #[test]
        fn plain_words_map_to_themselves(words in prop::collection::vec("[a-z药品]{1,4}", 1..6), pick in 0_usize..6) {
            let file = format!("品: 1\nk: {}\n", words.join(" "));
            let source = source(&file);
            let (node, _) = parse(&source);
            let node = node.unwrap();
            let scalar = node.get("k").unwrap();
            let word = &words[pick % words.len()];
            let at = words[..pick % words.len()].iter().map(|word| word.len() + 1).sum::<usize>();
            let place = place_in_scalar(&file, &scalar.span, scalar.scalar().unwrap_or_default(), at..at + word.len());
            prop_assert_eq!(&file[place], word.as_str());
        }
    }
}
