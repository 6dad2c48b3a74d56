//! HTML by hand: escaping, tables, and the frame of a self-contained page.

use std::fmt::Write as _;

/// Everything that a page shows and did not write itself goes through here:
/// names and summaries are data, in elements and in attributes alike.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What a browser would not show, or would end the page with.
            control if control.is_control() && !matches!(control, '\n' | '\t') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Chinese with English beside, both escaped.
pub fn both(zh: &str, en: &str) -> String {
    if en.is_empty() || en == zh {
        return escape(zh);
    }
    format!("{} <span class=\"en\" lang=\"en\">{}</span>", escape(zh), escape(en))
}

/// A rule's title with its id, which does not break.
pub fn rule(title: &str, id: &str) -> String {
    format!("{} <span class=\"en nb\" lang=\"en\">{}</span>", escape(title), escape(id))
}

/// Money with a comma each three digits, from 分.
pub fn yuan(fen: i64) -> String {
    let digits = (fen.unsigned_abs() / 100).to_string();
    let sign = if fen < 0 { "−" } else { "" };
    format!("{sign}{}.{:02}", thousands(&digits), fen.unsigned_abs() % 100)
}

pub fn count(number: u64) -> String {
    thousands(&number.to_string())
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (idx, ch) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            out.push(',');
        }
        out.push(ch);
    }
    out
}

/// A table under construction. Cells are HTML already.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<(bool, Vec<String>)>,
    class: &'static str,
}

struct Column {
    head: String,
    number: bool,
}

impl Table {
    pub fn new() -> Self {
        Self { columns: Vec::new(), rows: Vec::new(), class: "" }
    }

    /// A class of the style sheet for the whole table.
    #[must_use]
    pub fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    #[must_use]
    pub fn text(mut self, zh: &str, en: &str) -> Self {
        self.columns.push(Column { head: both(zh, en), number: false });
        self
    }

    /// A column whose cells stand under each other by their last digit.
    #[must_use]
    pub fn number(mut self, zh: &str, en: &str) -> Self {
        self.columns.push(Column { head: both(zh, en), number: true });
        self
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push((false, cells));
    }

    /// A row that adds up the others.
    pub fn total(&mut self, cells: Vec<String>) {
        self.rows.push((true, cells));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn html(&self) -> String {
        let mut out = format!("<div class=\"wide\"><table class=\"{}\"><thead><tr>", self.class);
        for column in &self.columns {
            let _ = write!(out, "<th{}>{}</th>", Self::class_of(column.number), column.head);
        }
        out.push_str("</tr></thead><tbody>\n");
        for (total, cells) in &self.rows {
            out.push_str(if *total { "<tr class=\"total\">" } else { "<tr>" });
            for (cell, column) in cells.iter().zip(&self.columns) {
                let _ = write!(out, "<td{}>{cell}</td>", Self::class_of(column.number));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }

    fn class_of(number: bool) -> &'static str {
        if number { " class=\"n\"" } else { "" }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

const STYLE: &str = include_str!("page.css");

/// A whole page that needs nothing but itself. `body` is HTML.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_text_wherever_it_stands() {
        for (text, expect) in [
            ("血压 <130>", "血压 &lt;130&gt;"),
            ("</style><script>alert('x')</script>", "&lt;/style&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("A&B &amp;", "A&amp;B &amp;amp;"),
            ("a\u{0}b\u{1b}c\nd", "a\u{fffd}b\u{fffd}c\nd"),
        ] {
            assert_eq!(escape(text), expect);
            assert!(both(text, text).find(['<', '"', '\'']).is_none());
        }
    }

    #[test]
    fn money_is_grouped_by_thousands() {
        for (fen, expect) in [(0, "0.00"), (5, "0.05"), (123_456_789, "1,234,567.89"), (-100_000, "−1,000.00"), (99_999, "999.99")] {
            assert_eq!(yuan(fen), expect);
        }
    }
}
