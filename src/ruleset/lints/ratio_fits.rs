//! Settings of rules on groups that mean something only beside others.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Compare;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Grain;
use crate::ruleset::words::GroupCase;
use crate::ruleset::words::Headline;

pub(super) const LINT: Lint = Lint {
    code: "ratio-fits",
    about: "A rule with `kind: ratio` has `result: suspected`, because peers are no limit, and its clues have no `observed`, `limit`, \
            `unit` or `money` of their own: they tell the ratio and what peers stay below. `headline` stands only with `compare: \
            over_ceiling` and `min_excess_cases` only where cases are told, `min_excess_lines` where lines are; days of a stay only with `case: \
            stay`; `per_day` only with `sum`, and `where` with `sum` or `each`. What is of `each` line has its own `ceiling` and is told \
            `times` how much; it stands in place of `sum`, with `compare: over_ceiling`, and is told `by_line` and never `by_case`. Units and panes stand once each, gates are such that quiet, and only its cases have a `baseline`.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in book.rules.iter().filter(|rule| !rule.origin.is_malformed("evaluate")) {
        match &rule.evaluate {
            EvaluateDoc::Ratio(ratio) => check_rule(book, rule, ratio, &mut found),
            _ => check_cases(rule, &mut found),
        }
    }
    found
}

fn check_cases(rule: &RuleDoc, found: &mut Vec<Diagnostic>) {
    let with_baseline = rule.cases.iter().enumerate().filter(|(_, case)| case.settings.baseline.is_some());
    found.extend(with_baseline.filter(|_| !rule.origin.is_malformed("cases")).map(|(idx, _)| {
        let place = format!("cases.{idx}.settings.baseline");
        rule.origin.diagnostic(&place, "a baseline in a case of a rule that asks none").help("Remove it, or set `kind: ratio`.")
    }));
}

fn check_rule(book: &RuleBook, rule: &RuleDoc, ratio: &RatioDoc, found: &mut Vec<Diagnostic>) {
    let mut report = |place: &str, message: String, help: &str| found.push(rule.origin.diagnostic(place, message).help(help));
    if rule.result == Grade::Clear && !rule.origin.is_malformed("result") {
        report("result", "more than peers is no clear violation".to_owned(), "Set `result: suspected`.");
    }
    if !rule.origin.is_malformed("clue") {
        for key in ["observed", "limit", "unit", "money"].into_iter().filter(|key| rule.origin.has(&format!("clue.{key}"))) {
            let help = "Remove it: the clue tells the ratio and what peers stay below; excess is no part of fund losses.";
            report(&format!("clue.{key}"), format!("`{key}` of a clue about a group"), help);
        }
    }
    let over_ceiling = ratio.compare == Compare::OverCeiling;
    if rule.origin.has("evaluate.headline") && !over_ceiling {
        let help = "Remove it, or set `compare: over_ceiling`.";
        report("evaluate.headline", "one ratio is told of O/E, and there is nothing to choose".to_owned(), help);
    }
    for (key, headline, what) in [("min_excess_cases", Headline::ByCase, "cases"), ("min_excess_lines", Headline::ByLine, "lines")] {
        if rule.origin.has(&format!("evaluate.{key}")) && !(over_ceiling && ratio.headline == headline) {
            let help = format!("Remove it, or set `compare: over_ceiling` and `headline: {}`.", headline.name());
            report(&format!("evaluate.{key}"), format!("no {what} are told that could be too few"), &help);
        }
    }
    check_lines(rule, ratio, &mut report);
    let (has_sum, by_line) = (ratio.value.sum.is_some(), ratio.value.by_line());
    if !has_sum && !by_line && ratio.case == GroupCase::Visit {
        report("evaluate.value", "a visit has no days of a stay".to_owned(), "Add `sum`, or set `case: stay`.");
    }
    if !has_sum && !by_line && ratio.value.filter.is_some() {
        report("evaluate.value.where", "`where` without a `sum`".to_owned(), "Add `sum`, or remove `where`.");
    }
    if ratio.value.per_day && by_line {
        report("evaluate.value.per_day", "a line has no days of a stay".to_owned(), "Remove `per_day`.");
    } else if ratio.value.per_day && !has_sum {
        report("evaluate.value.per_day", "days divided by days are always one".to_owned(), "Add `sum`, or remove `per_day`.");
    } else if ratio.value.per_day && ratio.case == GroupCase::Visit {
        report("evaluate.value.per_day", "a visit has no days of a stay".to_owned(), "Remove `per_day`, or set `case: stay`.");
    }
    let units = ratio.units.iter().map(|unit| unit.name()).collect();
    let panes = ratio.panes.iter().map(|pane| pane.name()).collect();
    for (key, words) in [("units", units), ("panes", panes)] {
        let words: Vec<&str> = words;
        for (idx, word) in words.iter().enumerate().filter(|(idx, word)| words.iter().take(*idx).any(|other| other == *word)) {
            report(&format!("evaluate.{key}.{idx}"), format!("`{word}` stands twice"), "Remove one of the two.");
        }
    }
    if let Number::Value(least) = &ratio.min_excess
        && *least < Decimal::from_int(0)
    {
        report("evaluate.min_excess", "an excess below zero is no excess".to_owned(), "Write 0 or more.");
    }
    if !rule.origin.is_malformed("gates") {
        let informs = |id: &String| book.gate(id, rule.event, Grain::Case).is_some_and(|gate| !gate.quiet);
        for (idx, id) in rule.gates.iter().enumerate().filter(|(_, id)| informs(id)) {
            let help = "Remove it: a case counts, or a gate quiets it.";
            report(&format!("gates.{idx}"), format!("gate `{id}` only informs, and a group has no place for it"), help);
        }
    }
}

/// What is of each line, and what is not.
fn check_lines(rule: &RuleDoc, ratio: &RatioDoc, report: &mut dyn FnMut(&str, String, &str)) {
    let value = &ratio.value;
    let parts = [("ceiling", &value.ceiling), ("times", &value.times)];
    if !value.by_line() {
        for (key, _) in parts.into_iter().filter(|(_, sql)| sql.is_some()) {
            let message = format!("`{key}` without `each`");
            report(&format!("evaluate.value.{key}"), message, "Add `each`, or remove it: cases have the ceiling of their cell.");
        }
        if ratio.headline == Headline::ByLine && ratio.compare == Compare::OverCeiling {
            let help = "Set `headline: by_case`, or hold each line against its ceiling with `each`.";
            report("evaluate.headline", "cases are counted, and no lines that could be told".to_owned(), help);
        }
        return;
    }
    for (key, _) in parts.into_iter().filter(|(_, sql)| sql.is_none()) {
        let help = match key {
            "ceiling" => "Add `ceiling`: what this line is held against.",
            _ => "Add `times`: the quantity that makes an amount of it.",
        };
        report("evaluate.value.each", format!("`each` without `{key}`"), help);
    }
    if value.sum.is_some() {
        let help = "Remove `sum` or `each`: a rule counts cases or lines, and never both.";
        report("evaluate.value.sum", "`sum` beside `each`".to_owned(), help);
    }
    if ratio.compare == Compare::Expected {
        let help = "Set `compare: over_ceiling`, or add up with `sum`.";
        report("evaluate.compare", "lines are held against their ceilings alone".to_owned(), help);
    } else if ratio.headline == Headline::ByCase && rule.origin.has("evaluate.headline") {
        let help = "Set `headline: by_line` or `headline: by_amount`.";
        report("evaluate.headline", "lines are counted, and no cases that could be told".to_owned(), help);
    }
}

#[cfg(test)]
mod tests {
    use crate::ruleset::fixture::TO_RATIO;
    use crate::ruleset::fixture::check;

    /// The least rule on groups, with these edits made.
    #[track_caller]
    fn ratio(edits: &[(&str, &str)], expected: &str) {
        check(&[TO_RATIO, edits].concat(), expected);
    }

    #[test]
    fn settings_stand_beside_what_they_are_about() {
        ratio(&[], "");
        ratio(
            &[
                ("compare: over_ceiling", "compare: expected"),
                ("case: stay", "case: visit"),
                ("{ sum: line.cnt, where: line.list_type = '301', per_day: true }", "{ where: line.list_type = '301', per_day: true }"),
                ("[institution, doctor]", "[institution, institution]"),
                ("[month, quarter]", "[month, quarter, month]"),
                ("param.child_max", "-1"),
                ("gates: [voided]", "gates: [voided, interim]"),
            ],
            r#"
error[ratio-fits]: one ratio is told of O/E, and there is nothing to choose
  --> rules/drugs/item-sex.yaml:17:13
   |
17 |   headline: by_case
   |             ^^^^^^^
   |
   = help: Remove it, or set `compare: over_ceiling`.

error[ratio-fits]: a visit has no days of a stay
  --> rules/drugs/item-sex.yaml:20:3
   |
20 |   value: { where: line.list_type = '301', per_day: true }
   |   ^^^^^
   |
   = help: Add `sum`, or set `case: stay`.

error[ratio-fits]: `where` without a `sum`
  --> rules/drugs/item-sex.yaml:20:19
   |
20 |   value: { where: line.list_type = '301', per_day: true }
   |                   ^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: Add `sum`, or remove `where`.

error[ratio-fits]: days divided by days are always one
  --> rules/drugs/item-sex.yaml:20:52
   |
20 |   value: { where: line.list_type = '301', per_day: true }
   |                                                    ^^^^
   |
   = help: Add `sum`, or remove `per_day`.

error[ratio-fits]: `institution` stands twice
  --> rules/drugs/item-sex.yaml:23:24
   |
23 |   units: [institution, institution]
   |                        ^^^^^^^^^^^
   |
   = help: Remove one of the two.

error[ratio-fits]: `month` stands twice
  --> rules/drugs/item-sex.yaml:24:27
   |
24 |   panes: [month, quarter, month]
   |                           ^^^^^
   |
   = help: Remove one of the two.

error[ratio-fits]: an excess below zero is no excess
  --> rules/drugs/item-sex.yaml:25:15
   |
25 |   min_excess: -1
   |               ^^
   |
   = help: Write 0 or more.

error[ratio-fits]: no cases are told that could be too few
  --> rules/drugs/item-sex.yaml:26:21
   |
26 |   min_excess_cases: 2
   |                     ^
   |
   = help: Remove it, or set `compare: over_ceiling` and `headline: by_case`.

error[ratio-fits]: gate `interim` only informs, and a group has no place for it
  --> rules/drugs/item-sex.yaml:29:17
   |
29 | gates: [voided, interim]
   |                 ^^^^^^^
   |
   = help: Remove it: a case counts, or a gate quiets it.
"#,
        );
    }

    const VALUE: &str = "{ sum: line.cnt, where: line.list_type = '301', per_day: true }";

    #[test]
    fn what_is_of_each_line_has_a_ceiling_and_a_quantity_and_nothing_of_cases() {
        let whole = "{ each: line.pric, ceiling: ref.ceiling, times: line.net_cnt, where: line.list_type = '101' }";
        ratio(&[("by_case", "by_line"), ("min_excess_cases", "min_excess_lines"), ("case: stay", "case: visit"), (VALUE, whole)], "");
        ratio(&[("  headline: by_case\n", ""), ("  min_excess_cases: 2\n", ""), (VALUE, whole)], "");
        ratio(
            &[(VALUE, "{ each: line.pric, sum: line.cnt, per_day: true }")],
            r#"
error[ratio-fits]: lines are counted, and no cases that could be told
  --> rules/drugs/item-sex.yaml:17:13
   |
17 |   headline: by_case
   |             ^^^^^^^
   |
   = help: Set `headline: by_line` or `headline: by_amount`.

error[ratio-fits]: `each` without `ceiling`
  --> rules/drugs/item-sex.yaml:20:18
   |
20 |   value: { each: line.pric, sum: line.cnt, per_day: true }
   |                  ^^^^^^^^^
   |
   = help: Add `ceiling`: what this line is held against.

error[ratio-fits]: `each` without `times`
  --> rules/drugs/item-sex.yaml:20:18
   |
20 |   value: { each: line.pric, sum: line.cnt, per_day: true }
   |                  ^^^^^^^^^
   |
   = help: Add `times`: the quantity that makes an amount of it.

error[ratio-fits]: `sum` beside `each`
  --> rules/drugs/item-sex.yaml:20:34
   |
20 |   value: { each: line.pric, sum: line.cnt, per_day: true }
   |                                  ^^^^^^^^
   |
   = help: Remove `sum` or `each`: a rule counts cases or lines, and never both.

error[ratio-fits]: a line has no days of a stay
  --> rules/drugs/item-sex.yaml:20:53
   |
20 |   value: { each: line.pric, sum: line.cnt, per_day: true }
   |                                                     ^^^^
   |
   = help: Remove `per_day`.
"#,
        );
        ratio(
            &[
                ("compare: over_ceiling", "compare: expected"),
                ("  headline: by_case\n", ""),
                ("min_excess_cases", "min_excess_lines"),
                (VALUE, whole),
            ],
            r#"
error[ratio-fits]: lines are held against their ceilings alone
  --> rules/drugs/item-sex.yaml:16:12
   |
16 |   compare: expected
   |            ^^^^^^^^
   |
   = help: Set `compare: over_ceiling`, or add up with `sum`.

error[ratio-fits]: no lines are told that could be too few
  --> rules/drugs/item-sex.yaml:25:21
   |
25 |   min_excess_lines: 2
   |                     ^
   |
   = help: Remove it, or set `compare: over_ceiling` and `headline: by_line`.
"#,
        );
        ratio(
            &[("by_case", "by_line"), (VALUE, "{ sum: line.cnt, ceiling: ref.ceiling, times: line.cnt }")],
            r#"
error[ratio-fits]: cases are counted, and no lines that could be told
  --> rules/drugs/item-sex.yaml:17:13
   |
17 |   headline: by_line
   |             ^^^^^^^
   |
   = help: Set `headline: by_case`, or hold each line against its ceiling with `each`.

error[ratio-fits]: `ceiling` without `each`
  --> rules/drugs/item-sex.yaml:20:36
   |
20 |   value: { sum: line.cnt, ceiling: ref.ceiling, times: line.cnt }
   |                                    ^^^^^^^^^^^
   |
   = help: Add `each`, or remove it: cases have the ceiling of their cell.

error[ratio-fits]: `times` without `each`
  --> rules/drugs/item-sex.yaml:20:56
   |
20 |   value: { sum: line.cnt, ceiling: ref.ceiling, times: line.cnt }
   |                                                        ^^^^^^^^
   |
   = help: Add `each`, or remove it: cases have the ceiling of their cell.

error[ratio-fits]: no cases are told that could be too few
  --> rules/drugs/item-sex.yaml:26:21
   |
26 |   min_excess_cases: 2
   |                     ^
   |
   = help: Remove it, or set `compare: over_ceiling` and `headline: by_case`.
"#,
        );
    }

    #[test]
    fn a_clue_about_a_group_is_suspected_and_tells_the_ratio() {
        ratio(
            &[
                ("result: suspected", "result: clear"),
                ("grade: suspected", "grade: clear"),
                ("verified: false", "verified: true"),
                ("evidence: [group.n, group.cells]", "evidence: [group.n]\n  observed: group.ratio\n  money: group.excess"),
            ],
            r#"
error[ratio-fits]: more than peers is no clear violation
 --> rules/drugs/item-sex.yaml:8:9
  |
8 | result: clear
  |         ^^^^^
  |
  = help: Set `result: suspected`.

error[ratio-fits]: `observed` of a clue about a group
  --> rules/drugs/item-sex.yaml:35:13
   |
35 |   observed: group.ratio
   |             ^^^^^^^^^^^
   |
   = help: Remove it: the clue tells the ratio and what peers stay below; excess is no part of fund losses.

error[ratio-fits]: `money` of a clue about a group
  --> rules/drugs/item-sex.yaml:36:10
   |
36 |   money: group.excess
   |          ^^^^^^^^^^^^
   |
   = help: Remove it: the clue tells the ratio and what peers stay below; excess is no part of fund losses.
"#,
        );
    }

    #[test]
    fn a_baseline_stands_in_cases_that_ask_one() {
        let baseline = ("    expect: quiet\n", "    settings: { baseline: { mean: 1, variance: 1 } }\n    expect: quiet\n");
        ratio(&[baseline], "");
        check(
            &[baseline],
            r#"
error[ratio-fits]: a baseline in a case of a rule that asks none
  --> rules/drugs/item-sex.yaml:38:17
   |
38 |     settings: { baseline: { mean: 1, variance: 1 } }
   |                 ^^^^^^^^
   |
   = help: Remove it, or set `kind: ratio`.
"#,
        );
    }

    #[test]
    fn cases_are_judged_in_groups_alone() {
        let header = [("{group.sentence}", "x"), ("{group.sentence_en}", "x"), ("[group.n, group.cells]", "[header.gend]")];
        ratio(
            &[[("grain: case", "grain: header")].as_slice(), &header].concat(),
            r#"
error[grain-fits]: groups are made of cases, not of the grain `header`
  --> rules/drugs/item-sex.yaml:15:9
   |
15 |   kind: ratio
   |         ^^^^^
   |
   = help: Set `grain: case`, or judge by another kind.
"#,
        );
        ratio(
            &[("event: settlement", "event: prescription"), ("[voided]", "[]"), (", cnt: 2.50", "")],
            r#"
error[grain-fits]: the event `prescription` has no grain `case`
  --> rules/drugs/item-sex.yaml:13:8
   |
13 | grain: case
   |        ^^^^
   |
   = help: Set `grain: header` or `grain: line`.
"#,
        );
    }
}
