//! A page as a list of blocks, written as Markdown for the repository and as
//! HTML for people without one.

use std::fmt::Write as _;

use crate::report::html;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    Plain(String),
    /// English beside the Chinese.
    En(String),
    Code(String),
    /// `page` is the name of another page of the same folder, without its ending.
    Link {
        text: String,
        page: String,
    },
}

pub type Cell = Vec<Run>;

pub fn plain(text: impl Into<String>) -> Cell {
    vec![Run::Plain(text.into())]
}

pub fn code(text: impl Into<String>) -> Cell {
    vec![Run::Code(text.into())]
}

pub fn both(zh: &str, en: &str) -> Cell {
    vec![Run::Plain(zh.to_owned()), Run::En(en.to_owned())]
}

/// The head of a column; numbers stand to the right.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub zh: &'static str,
    pub en: &'static str,
    pub number: bool,
}

pub const fn head(zh: &'static str, en: &'static str) -> Head {
    Head { zh, en, number: false }
}

pub const fn number(zh: &'static str, en: &'static str) -> Head {
    Head { zh, en, number: true }
}

#[derive(Clone, Debug)]
pub enum Block {
    Title {
        zh: String,
        en: String,
    },
    Heading {
        zh: &'static str,
        en: &'static str,
    },
    /// A heading that is not the program's own.
    Part {
        zh: String,
        en: String,
    },
    Text(Cell),
    List(Vec<Cell>),
    /// Without a row it is left out.
    Table {
        heads: &'static [Head],
        rows: Vec<Vec<Cell>>,
    },
    /// Names with what belongs to them, without a head.
    Facts(Vec<(&'static str, &'static str, Cell)>),
    Sql(String),
}

/// A page and its name without ending; the first page of a folder is [`INDEX`].
#[derive(Clone, Debug)]
pub struct Page {
    pub name: String,
    pub blocks: Vec<Block>,
}

/// Name of the page that leads to the others.
pub const INDEX: &str = "README";

impl Page {
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            if !out.is_empty() {
                out.push('\n');
            }
            markdown(block, &mut out);
        }
        out
    }

    pub fn file_name(&self, ending: &str) -> String {
        file_name(&self.name, ending)
    }

    pub fn html(&self) -> String {
        let title = self.blocks.iter().find_map(|block| match block {
            Block::Title { zh, .. } => Some(zh.as_str()),
            _ => None,
        });
        let body: String = self.blocks.iter().map(to_html).collect();
        html::page(title.unwrap_or_default(), &body)
    }
}

fn file_name(name: &str, ending: &str) -> String {
    let name = if name == INDEX && ending == "html" { "index" } else { name };
    format!("{name}.{ending}")
}

fn markdown(block: &Block, out: &mut String) {
    let _ = match block {
        Block::Title { zh, en } => writeln!(out, "# {}\n\n{}", escaped(zh), escaped(en)),
        Block::Heading { zh, en } => writeln!(out, "## {zh} {en}"),
        Block::Part { zh, en } => writeln!(out, "## {} {}", escaped(zh), escaped(en)),
        Block::Text(cell) => writeln!(out, "{}", line(cell)),
        Block::List(items) => items.iter().try_for_each(|item| writeln!(out, "- {}", line(item))),
        Block::Sql(sql) => writeln!(out, "```sql\n{}\n```", sql.trim_end()),
        Block::Facts(facts) => {
            out.push_str("| 项目 | 内容 |\n| --- | --- |\n");
            facts.iter().try_for_each(|(zh, en, cell)| writeln!(out, "| {zh} {en} | {} |", line(cell)))
        }
        Block::Table { heads, rows } => {
            let names: Vec<String> = heads.iter().map(|head| format!("{} {}", head.zh, head.en).trim_end().to_owned()).collect();
            let rules: Vec<&str> = heads.iter().map(|head| if head.number { "---:" } else { "---" }).collect();
            let _ = writeln!(out, "| {} |\n| {} |", names.join(" | "), rules.join(" | "));
            rows.iter().try_for_each(|row| writeln!(out, "| {} |", row.iter().map(line).collect::<Vec<_>>().join(" | ")))
        }
    };
}

fn line(cell: &Cell) -> String {
    let run = |run: &Run| match run {
        Run::Plain(text) | Run::En(text) => escaped(text),
        Run::Code(text) => {
            let text = text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ");
            if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
        }
        Run::Link { text, page } => format!("[{}]({})", escaped(text), file_name(page, "md")),
    };
    cell.iter().map(run).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '\n' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => out.extend(['\\', ch]),
            other => out.push(other),
        }
    }
    out
}

fn to_html(block: &Block) -> String {
    match block {
        Block::Title { zh, en } => format!("<h1>{}</h1>\n", html::both(zh, en)),
        Block::Heading { zh, en } => format!("<h2>{}</h2>\n", html::both(zh, en)),
        Block::Part { zh, en } => format!("<h2>{}</h2>\n", html::both(zh, en)),
        Block::Text(cell) => format!("<p>{}</p>\n", cell_html(cell)),
        Block::List(items) => {
            format!("<ul>{}</ul>\n", items.iter().map(|item| format!("<li>{}</li>", cell_html(item))).collect::<String>())
        }
        Block::Sql(sql) => format!("<pre><code>{}</code></pre>\n", html::escape(sql.trim_end())),
        Block::Facts(facts) => {
            let mut table = html::Table::new().class("facts").text("项目", "").text("内容", "");
            facts.iter().for_each(|(zh, en, cell)| table.row(vec![html::both(zh, en), cell_html(cell)]));
            table.html()
        }
        Block::Table { heads, rows } => {
            let column = |table: html::Table, head: &Head| match head.number {
                true => table.number(head.zh, head.en),
                false => table.text(head.zh, head.en),
            };
            let mut table = heads.iter().fold(html::Table::new(), column);
            rows.iter().for_each(|row| table.row(row.iter().map(cell_html).collect()));
            table.html()
        }
    }
}

/// Chinese breaks anywhere; words as short as this stay whole, and so do days.
const WHOLE_CHARS: usize = 8;
const DAY_CHARS: usize = 10;

fn stays_whole(text: &str) -> bool {
    text.chars().count() <= WHOLE_CHARS || (text.len() <= DAY_CHARS && text.is_ascii())
}

fn cell_html(cell: &Cell) -> String {
    let run = |run: &Run| match run {
        Run::Plain(text) if stays_whole(text) => format!("<span class=\"nb\">{}</span>", html::escape(text)),
        Run::Plain(text) => html::escape(text),
        Run::En(text) => format!("<span class=\"en\" lang=\"en\">{}</span>", html::escape(text)),
        Run::Code(text) => format!("<code>{}</code>", html::escape(text)),
        Run::Link { text, page } => format!("<a href=\"{}\">{}</a>", html::escape(&file_name(page, "html")), html::escape(text)),
    };
    cell.iter().map(run).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_the_same_in_both_forms() {
        const HEADS: &[Head] = &[head("名称", "name"), number("数", "count")];
        let page = Page {
            name: "a".to_owned(),
            blocks: vec![
                Block::Title { zh: "甲<乙>".to_owned(), en: "a_b".to_owned() },
                Block::Table { heads: HEADS, rows: vec![vec![code("x | y"), plain("1")]] },
                Block::List(vec![vec![Run::Link { text: "目录".to_owned(), page: INDEX.to_owned() }]]),
            ],
        };
        assert_eq!(
            page.markdown(),
            "# 甲&lt;乙>\n\na\\_b\n\n| 名称 name | 数 count |\n| --- | ---: |\n| `x \\| y` | 1 |\n\n- [目录](README.md)\n"
        );
        let html = page.html();
        for part in [
            "甲&lt;乙&gt;",
            "<td><code>x | y</code></td><td class=\"n\"><span class=\"nb\">1</span></td>",
            "<a href=\"index.html\">目录</a>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
