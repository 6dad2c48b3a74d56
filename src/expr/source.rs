//! SQL text to its syntax tree, with places in bytes.

use std::ops::Range;

use datafusion_sql::sqlparser::ast::Expr as Sql;
use datafusion_sql::sqlparser::ast::Spanned as _;
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;
use datafusion_sql::sqlparser::tokenizer::Location;
use datafusion_sql::sqlparser::tokenizer::Span;
use datafusion_sql::sqlparser::tokenizer::Token;

use super::error::ExprError;
use super::error::Mistake;

/// Longest expression, in bytes; the longest list of codes in a rule needs a tenth.
const TEXT_BYTES_MAX: usize = 65_536;
/// Most operators in one chain (`a and b and ...`): the planner recurses into it.
const CHAIN_MAX: usize = 200;

/// SQL text that finds its own places.
pub(super) struct Source<'a> {
    pub text: &'a str,
}

impl Source<'_> {
    pub fn parse(&self) -> Result<Sql, ExprError> {
        if self.text.len() > TEXT_BYTES_MAX {
            return Err(Mistake::new(format!("expression longer than {TEXT_BYTES_MAX} bytes")).at(0..self.text.len()));
        }
        if self.text.trim().is_empty() {
            return Err(Mistake::new("empty expression").at(0..self.text.len()));
        }
        let dialect = GenericDialect {};
        let mut parser = Parser::new(&dialect).try_with_sql(self.text).map_err(|error| self.refused(&error.to_string(), None))?;
        let sql = parser.parse_expr().map_err(|error| {
            let token = parser.peek_token();
            self.refused(&error.to_string(), Some(token.span))
        })?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            let mistake = Mistake::new(format!("expected the end of the expression, found `{}`", rest.token));
            return Err(mistake.at(self.span(rest.span)));
        }
        match chain_length(&sql) {
            length if length > CHAIN_MAX => {
                let mistake = Mistake::new(format!("{length} operators in one chain, at most {CHAIN_MAX}"));
                Err(mistake.help("Use an IN list, or put parts into parentheses.").at(self.of(&sql)))
            }
            _ => Ok(sql),
        }
    }

    /// The place of a part of the tree; the whole text if the parser kept none.
    pub fn of(&self, sql: &Sql) -> Range<usize> {
        self.closed(self.span(sql.span()), matches!(sql, Sql::Function(_)))
    }

    /// The parser's places end with the last argument; this one with the
    /// parenthesis that closes the list.
    fn closed(&self, range: Range<usize>, is_call: bool) -> Range<usize> {
        let (mut depth, mut quoted) = (0_usize, false);
        for (at, byte) in self.text.bytes().enumerate().skip(range.start) {
            let opens_list = is_call && at == range.end && byte == b'(';
            if at >= range.end && depth == 0 && !quoted && !opens_list {
                break;
            }
            match byte {
                b'\'' => quoted = !quoted,
                b'(' if !quoted => depth += 1,
                b')' if !quoted && depth > 0 => {
                    depth -= 1;
                    if depth == 0 && at >= range.end {
                        return range.start..at + 1;
                    }
                }
                _ => {}
            }
        }
        range
    }

    pub fn span(&self, span: Span) -> Range<usize> {
        if span.start.line == 0 {
            return 0..self.text.len();
        }
        let start = self.offset(span.start);
        start..self.offset(span.end).max(start)
    }

    fn offset(&self, place: Location) -> usize {
        let line = usize::try_from(place.line).unwrap_or(1).saturating_sub(1);
        let column = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
        let starts = std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1));
        let Some(start) = starts.into_iter().nth(line) else { return self.text.len() };
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }

    /// The parser's error, whose place is in its words or else at `near`.
    fn refused(&self, message: &str, near: Option<Span>) -> ExprError {
        let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
        let (words, place) = match message.split_once(" at Line: ") {
            Some((words, place)) => (words, place_in_words(place)),
            None => (message, None),
        };
        // The end of the text has no place of its own.
        let near = near.filter(|near| near.start.line != 0);
        let start = place.map(|place| self.offset(place)).or_else(|| near.map(|near| self.span(near).start)).unwrap_or(self.text.len());
        let one = self.text[start..].chars().next().map_or(start, |ch| start + ch.len_utf8());
        let end = near.map(|near| self.span(near)).filter(|near| near.start == start).map_or(one, |near| near.end.max(one));
        let mut words =
            words.replacen("Expected: ", "expected ", 1).replacen("found: EOF", "found the end", 1).replacen("found: ", "found ", 1);
        if let Some(first) = words.get(..1) {
            let lower = first.to_ascii_lowercase();
            words.replace_range(..1, &lower);
        }
        Mistake::new(words).at(start..end)
    }
}

/// `1, Column: 5`
fn place_in_words(words: &str) -> Option<Location> {
    let (line, column) = words.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

/// Operators on the longest path of binary operators; other nesting is bounded
/// by the parser.
fn chain_length(sql: &Sql) -> usize {
    let mut longest = 0;
    let mut open = vec![(sql, 0)];
    while let Some((sql, depth)) = open.pop() {
        longest = longest.max(depth);
        match sql {
            Sql::BinaryOp { left, right, .. } => open.extend([(&**left, depth + 1), (&**right, depth + 1)]),
            Sql::Nested(inner) | Sql::UnaryOp { expr: inner, .. } => open.push((inner, depth)),
            _ => {}
        }
    }
    longest
}
