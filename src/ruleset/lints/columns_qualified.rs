//! Placeholders and evidence are columns with their qualifier.

use std::ops::Range;

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::Sql;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Grain;

pub(super) const LINT: Lint = Lint {
    code: "columns-qualified",
    about: "Each `{placeholder}` of a summary and each item of `evidence` is one column with its qualifier, like `line.cnt`, \
            and the qualifier is one that the rule's grain has.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in book.rules.iter().filter(|rule| !rule.origin.is_malformed("clue") && !rule.origin.is_malformed("grain")) {
        let qualifiers = qualifiers(rule.grain);
        for template in [&rule.clue.summary.zh, &rule.clue.summary.en] {
            for placeholder in template.placeholders() {
                match placeholder {
                    Ok((range, name)) => check_column(template, range, name, qualifiers, &mut found),
                    Err(at) => found.push(
                        template
                            .diagnostic(at..at + 1, "a brace without its fellow")
                            .help("Write placeholders as {line.cnt}; other braces are not supported."),
                    ),
                }
            }
        }
        for item in &rule.clue.evidence {
            check_column(item, 0..item.text.len(), &item.text, qualifiers, &mut found);
        }
    }
    found
}

fn qualifiers(grain: Grain) -> &'static [&'static str] {
    match grain {
        Grain::Header => &["header", "ref", "param"],
        Grain::Line => &["header", "line", "ref", "param"],
        Grain::Supply => &["supply", "param"],
        Grain::Case => &["group"],
    }
}

fn check_column(sql: &Sql, range: Range<usize>, name: &str, qualifiers: &[&str], found: &mut Vec<Diagnostic>) {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let known = qualifiers.iter().map(|qualifier| format!("`{qualifier}.`")).collect::<Vec<_>>().join(", ");
    match name.split_once('.') {
        Some((qualifier, column)) if qualifiers.contains(&qualifier) && is_word(column) => {}
        Some((qualifier, column)) if is_word(qualifier) && is_word(column) => {
            let message = format!("the rule's grain has no columns `{qualifier}.`");
            found.push(sql.diagnostic(range, message).help(format!("It has {known}.")));
        }
        _ => {
            let help = format!("Write one of {known} and the name of a column right after it.");
            found.push(sql.diagnostic(range, format!("{name:?} is no column")).help(help));
        }
    }
}
