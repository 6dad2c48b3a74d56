//! Mistakes in rules, with what is told about them.

use super::error::ExprError;
use super::testing::refused;

/// Part of the text that is marked, words of the message, words of the help.
#[track_caller]
fn check(sql: &str, expect: &[(&str, &str, &str)]) {
    let errors = refused(sql);
    let told: Vec<String> =
        errors.iter().map(|error| format!("[{}] {} / {:?}", &sql[error.span.clone()], error.message, error.help)).collect();
    let fits = |(error, (marked, message, help)): (&ExprError, &(&str, &str, &str))| {
        let plain = error.message.starts_with(|ch: char| !ch.is_uppercase()) && !error.message.ends_with('.');
        let helps = error.help.as_deref().unwrap_or_default().contains(help);
        plain && helps && &sql[error.span.clone()] == *marked && error.message.contains(message)
    };
    assert!(errors.len() == expect.len() && errors.iter().zip(expect).all(fits), "{sql}\ntold     {told:#?}\nexpected {expect:#?}");
}

#[test]
fn names_are_all_told_at_once() {
    check(
        "header.gendr = '1' and line.cntt > 0 and gend = '2'",
        &[
            ("header.gendr", "unknown column `header.gendr`", "Did you mean header.gend?"),
            ("line.cntt", "unknown column `line.cntt`", "Did you mean line.cnt?"),
            ("gend", "no qualifier", "Write header.gend."),
        ],
    );
    check("header.cnt > 0", &[("header.cnt", "unknown column", "Did you mean line.cnt?")]);
    check("claim.whatever > 0", &[("claim.whatever", "unknown column", "Columns begin with header, line, ref.")]);
    check("header.gend = \"2\"", &[("\"2\"", "unknown column", "single quotes: '2'")]);
    check("line.cnt > param.day_max", &[("param.day_max", "unknown parameter", "Did you mean param.days_max?")]);
    check("line.cnt > param.zzzzzz", &[("param.zzzzzz", "unknown parameter", "Declare it")]);
}

#[test]
fn only_fixed_functions_of_one_row_are_allowed() {
    check("header.setl_time < now()", &[("now()", "`now` is not allowed", "Compare with a time of the event")]);
    check("random() > 0.5", &[("random()", "`random` is not allowed", "")]);
    check("header.setl_time < current_date", &[("current_date", "`current_date` is not allowed", "")]);
    check("sqrt(line.cnt) > 1", &[("sqrt(line.cnt)", "`sqrt` is not allowed", "Allowed are abs,")]);
    check("repeat(header.gend, 1000000000) = ''", &[("repeat(header.gend, 1000000000)", "`repeat` is not allowed", "")]);
    check("startswith(header.gend, '1')", &[("startswith(header.gend, '1')", "unknown function", "Did you mean starts_with?")]);
    check("sum(line.cnt) > 1", &[("sum(line.cnt)", "aggregate `sum`", "Rules see one row")]);
    check("count(*) > 1", &[("count(*)", "aggregate `count`", "")]);
    check("first_value(line.cnt) over () > 1", &[("first_value(line.cnt)", "window function", "")]);
    check("exists (select 1)", &[("select 1", "subquery", "history")]);
    check("header.gend in (select gend from t)", &[("header.gend in (select gend from t)", "subquery", "")]);
    check("line.cnt = $1", &[("$1", "placeholder", "param.name")]);
    check("cast(line.cnt as double) > 1", &[("line.cnt", "not exact", "DECIMAL")]);
    check("[1, 2] = line.cnt", &[("1, 2", "`[1, 2]` cannot be used", "")]);
}

#[test]
fn types_must_meet() {
    check("header.gend = 1", &[("header.gend = 1", "`header.gend` is a text and `1` is a number", "Write '1'.")]);
    check("header.gend in ('1', 2)", &[("header.gend in ('1', 2)", "is a text and `2` is a number", "")]);
    check("line.cnt > '3'", &[("line.cnt > '3'", "is a number and `'3'` is a text", "")]);
    check("header.online > 0", &[("header.online > 0", "is a condition and `0` is a number", "")]);
    check("header.gend and line.cnt > 1", &[("header.gend and line.cnt > 1", "expected a condition, `header.gend` is a text", "")]);
    check("line.cnt + header.gend > 1", &[("line.cnt + header.gend", "a number and a text", "CAST")]);
    check("header.setl_time - header.brdy > 1", &[("header.setl_time - header.brdy", "a time and a date", "days_between")]);
    check("header.brdy + 7 > '2020-01-01'", &[("header.brdy + 7", "a date and a number", "INTERVAL")]);
    check(
        "header.setl_time > '2026-13-01'",
        &[("header.setl_time > '2026-13-01'", "'2026-13-01' is no date or time", "Write '2024-07-01'")],
    );
    check("header.setl_time > date 'soon'", &[("'soon'", "'soon' is no date", "")]);
    check("line.cnt > cast('abc' as int)", &[("'abc'", "cannot become", "")]);
    check("line.cnt like '1%'", &[("line.cnt like '1%'", "`like` compares texts", "")]);
    check("case when line.cnt then 1 end > 0", &[("case when line.cnt then 1 end", "expected a condition", "")]);
    check(
        "age_on(header.gend, header.setl_time) > 1",
        &[("age_on(header.gend, header.setl_time)", "age_on takes dates or times, found a text", "")],
    );
    check("line.cnt ~ '1'", &[("line.cnt ~ '1'", "operator `~` cannot be used", "")]);
    check(
        "header.gend = 1 and line.cnt > 'x' and line.cnt > 0",
        &[("header.gend = 1", "is a text", ""), ("line.cnt > 'x'", "is a number", "")],
    );
}

#[test]
fn broken_text_is_told_with_its_place() {
    check("", &[("", "empty expression", "")]);
    check("line.cnt >", &[("", "expected an expression, found the end", "")]);
    check("line.cnt > 1 line", &[("line", "expected the end of the expression, found `line`", "")]);
    check("(line.cnt > 1", &[("", "expected )", "")]);
    check("line.cnt > 1)", &[(")", "expected the end", "")]);
    check("header.gend = '1", &[("'", "unterminated string literal", "")]);
    check("header.gend = '男' and\n line.cntt > 1", &[("line.cntt", "unknown column", "")]);
    let chain = vec!["line.cnt > 1"; 300].join(" and ");
    check(&chain, &[(chain.as_str(), "operators in one chain", "IN list")]);
    let deep = format!("{}line.cnt > 1{}", "(".repeat(500), ")".repeat(500));
    refused(&deep);
    refused(&"1".repeat(60));
    refused(&format!("line.cnt > {}", "9".repeat(39)));
    refused(&format!("'{}'", "x".repeat(70_000)));
}
