//! Ratio rules: what is asked of the bills whose cases are summed in groups.

use crate::events::Column;
use crate::events::SETTLEMENT_INPUT;
use crate::events::group::GROUP;
use crate::expr;
use crate::expr::OutputId;
use crate::expr::Want;
use crate::ruleset::doc::CaseValueDoc;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::doc::Sql;
use crate::ruleset::words::Grain;

use super::Compiler;
use super::RuleSet;
use super::Scope;
use super::params_of;

/// What a ratio rule asks of the bills of settlements: places in
/// [`super::TablePrograms::groups`].
pub struct RatioRule {
    /// Over headers: whether a bill belongs to a case that counts.
    pub cases: OutputId,
    /// Over headers: bills whose case does not count where one holds.
    pub excuses: Vec<OutputId>,
    /// Their texts.
    pub excuse_texts: Vec<String>,
    pub value: CaseValue,
}

/// What a case adds.
#[derive(Clone, Copy, Debug)]
pub enum CaseValue {
    /// The days of the stay.
    Days,
    Sum(CaseSum),
    /// Each of its lines by itself.
    Lines(LineValue),
}

#[derive(Clone, Copy, Debug)]
pub struct CaseSum {
    pub output: OutputId,
    /// Of lines, else of headers.
    pub by_line: bool,
    /// Over lines: those that are summed.
    pub filter: Option<OutputId>,
}

/// Over lines.
#[derive(Clone, Copy, Debug)]
pub struct LineValue {
    pub each: OutputId,
    pub ceiling: OutputId,
    pub times: OutputId,
    /// Those that count.
    pub filter: Option<OutputId>,
}

impl RuleSet {
    /// The texts of the gates and exemptions that keep a bill out of a ratio rule's cases.
    pub fn excuses_of(&self, rule: &RuleDoc) -> Vec<String> {
        let own = self.rules.iter().find(|known| known.doc.id == rule.id).and_then(|known| known.ratio.as_ref());
        own.map(|ratio| ratio.excuse_texts.clone()).unwrap_or_default()
    }
}

impl RatioRule {
    pub(super) fn outputs(&self) -> Vec<OutputId> {
        let value = match self.value {
            CaseValue::Days => Vec::new(),
            CaseValue::Sum(sum) => std::iter::once(sum.output).chain(sum.filter).collect(),
            CaseValue::Lines(of) => [of.each, of.ceiling, of.times].into_iter().chain(of.filter).collect(),
        };
        std::iter::once(self.cases).chain(self.excuses.iter().copied()).chain(value).collect()
    }
}

impl Compiler<'_> {
    pub(super) fn ratio(&mut self, doc: &RuleDoc, ratio: &RatioDoc) -> Option<RatioRule> {
        for sql in &doc.clue.evidence {
            self.group_column(sql, 0..sql.text.len(), &sql.text);
        }
        for template in [&doc.clue.summary.zh, &doc.clue.summary.en] {
            for (range, name) in template.placeholders().into_iter().flatten() {
                self.group_column(template, range, name);
            }
        }
        let table = SETTLEMENT_INPUT;
        let of = |grain| Scope { table, grain, params: params_of(doc, table) };
        let (headers, lines) = (of(expr::Grain::Header), of(expr::Grain::Line));
        let cases = self.group(&ratio.cases, Want::Boolean, &headers);
        let (mut excuses, mut excuse_texts) = (Vec::new(), Vec::new());
        for id in &doc.gates {
            let Some(gate) = self.book.gate(id, doc.event, Grain::Header).filter(|gate| gate.quiet) else { continue };
            excuses.extend(self.group(&gate.when, Want::Boolean, &headers));
            excuse_texts.push(gate.when.text.clone());
        }
        for exempt in &doc.exempt {
            excuses.extend(self.group(&exempt.when, Want::Boolean, &headers));
            excuse_texts.push(exempt.when.text.clone());
        }
        let value = match &ratio.value.sum {
            None if ratio.value.by_line() => CaseValue::Lines(self.line_value(&ratio.value, &lines)?),
            None => CaseValue::Days,
            Some(sql) => {
                let typed = self.parse(sql, Want::Decimal, &lines, true)?;
                let by_line = typed.grain() == expr::Grain::Line;
                if !by_line && ratio.value.filter.is_some() {
                    let help = "Sum a column of the lines, or remove `where`.";
                    self.diagnostics.push(sql.diagnostic(0..sql.text.len(), "`where` picks lines, and this sum names none").help(help));
                    return None;
                }
                let grain = if by_line { expr::Grain::Line } else { expr::Grain::Header };
                let output = self.groups[table].add(&typed, grain);
                let filter = match &ratio.value.filter {
                    Some(sql) => Some(self.group(sql, Want::Boolean, &lines)?),
                    None => None,
                };
                CaseValue::Sum(CaseSum { output, by_line, filter })
            }
        };
        Some(RatioRule { cases: cases?, excuses, excuse_texts, value })
    }

    fn line_value(&mut self, value: &CaseValueDoc, lines: &Scope) -> Option<LineValue> {
        let each = value.each.as_ref()?;
        let typed = self.parse(each, Want::Decimal, lines, true)?;
        if typed.grain() != expr::Grain::Line {
            let help = "Name a column of the lines, or write `sum` to add up what bills tell.";
            self.diagnostics.push(each.diagnostic(0..each.text.len(), "`each` is of a line, and this names none").help(help));
            return None;
        }
        let mut number = |sql: &Option<Sql>| self.group(sql.as_ref()?, Want::Decimal, lines);
        // All are looked at, so that every mistake is told at once.
        let (ceiling, times) = (number(&value.ceiling), number(&value.times));
        let filter = value.filter.as_ref().map(|sql| self.group(sql, Want::Boolean, lines));
        let each = self.groups[lines.table].add(&typed, expr::Grain::Line);
        let filter = match filter {
            Some(filter) => Some(filter?),
            None => None,
        };
        Some(LineValue { each, ceiling: ceiling?, times: times?, filter })
    }

    fn group(&mut self, sql: &Sql, want: Want, scope: &Scope) -> Option<OutputId> {
        let typed = self.parse(sql, want, scope, true)?;
        Some(self.groups[scope.table].add(&typed, scope.grain))
    }

    /// A clue about a group carries what is computed when its pane is looked at.
    fn group_column(&mut self, sql: &Sql, range: std::ops::Range<usize>, name: &str) {
        let known = |column: &Column| name.strip_prefix("group.") == Some(column.name);
        if !GROUP.columns.iter().any(known) {
            let names: Vec<String> = GROUP.columns.iter().map(|column| format!("group.{}", column.name)).collect();
            let help = format!("A clue about a group can carry: {}.", names.join(", "));
            self.diagnostics.push(sql.diagnostic(range, format!("`{name}` is nothing that a group has")).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::base::diagnostic::render;
    use crate::ruleset::compile::CaseValue;
    use crate::ruleset::compile::EVALUATED;
    use crate::ruleset::compile::RuleSet;
    use crate::ruleset::compile::compile;
    use crate::ruleset::fixture::TO_RATIO;
    use crate::ruleset::fixture::book;
    use crate::ruleset::fixture::same;

    /// The least rule on groups with these edits, and what compiling it tells.
    fn compiled(edits: &[(&str, &str)]) -> (RuleSet, String) {
        let (book, diagnostics) = book(&[TO_RATIO, edits].concat());
        assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
        let (rules, diagnostics) = compile(&book, EVALUATED);
        (rules, render(&diagnostics))
    }

    #[test]
    fn what_is_summed_is_of_lines_if_it_names_any() {
        for (value, expected) in [
            ("{ sum: line.cnt, where: line.list_type = '301', per_day: true }", Some((true, true))),
            ("{ sum: line.cnt }", Some((true, false))),
            ("{ sum: header.medfee_sumamt }", Some((false, false))),
            ("{}", None),
        ] {
            let (rules, told) = compiled(&[("{ sum: line.cnt, where: line.list_type = '301', per_day: true }", value)]);
            let ratio = rules.rules[0].ratio.as_ref().unwrap();
            let sum = match ratio.value {
                CaseValue::Sum(sum) => Some((sum.by_line, sum.filter.is_some())),
                CaseValue::Days | CaseValue::Lines(_) => None,
            };
            assert_eq!((told.as_str(), sum), ("", expected), "{value}");
            assert_eq!((rules.rules[0].row.is_none(), ratio.excuses.len()), (true, 2), "a gate and an exemption");
        }
    }

    #[test]
    fn what_is_of_each_line_names_columns_of_lines() {
        let value = "{ sum: line.cnt, where: line.list_type = '301', per_day: true }";
        let of = |to: &str| compiled(&[("by_case", "by_line"), ("min_excess_cases", "min_excess_lines"), (value, to)]);
        let (rules, told) = of("{ each: line.pric, ceiling: \"coalesce(ref.ceiling, 12.5)\", times: line.net_cnt, where: \"true\" }");
        let ratio = rules.rules[0].ratio.as_ref().unwrap();
        let CaseValue::Lines(lines) = ratio.value else { panic!("{:?}", ratio.value) };
        assert_eq!((told.as_str(), lines.filter.is_some(), ratio.outputs().len()), ("", true, 7), "a condition, two excuses and four");
        let (rules, told) = of("{ each: header.medfee_sumamt, ceiling: ref.ceiling, times: line.cnt }");
        assert!(rules.rules.is_empty());
        same(
            &told,
            r#"
error: `each` is of a line, and this names none
  --> rules/drugs/item-sex.yaml:20:18
   |
20 |   value: { each: header.medfee_sumamt, ceiling: ref.ceiling, times: line.cnt }
   |                  ^^^^^^^^^^^^^^^^^^^^
   |
   = help: Name a column of the lines, or write `sum` to add up what bills tell.
"#,
        );
    }

    #[test]
    fn mistakes_in_what_is_summed_have_their_place() {
        let (rules, told) = compiled(&[
            ("cases: header.setting = 'inpatient'", "cases: line.list_type = '301'"),
            ("sum: line.cnt", "sum: header.medfee_sumamt"),
            ("[group.n, group.cells]", "[group.n, group.cell]"),
        ]);
        assert!(rules.rules.is_empty());
        same(
            &told,
            r#"
error: line columns in an expression over headers
  --> rules/drugs/item-sex.yaml:19:10
   |
19 |   cases: line.list_type = '301'
   |          ^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: There is one row per event here: name header columns only.

error: `where` picks lines, and this sum names none
  --> rules/drugs/item-sex.yaml:20:17
   |
20 |   value: { sum: header.medfee_sumamt, where: line.list_type = '301', per_day: true }
   |                 ^^^^^^^^^^^^^^^^^^^^
   |
   = help: Sum a column of the lines, or remove `where`.

error: `group.cell` is nothing that a group has
  --> rules/drugs/item-sex.yaml:34:23
   |
34 |   evidence: [group.n, group.cell]
   |                       ^^^^^^^^^^
   |
   = help: A clue about a group can carry: group.sentence, group.sentence_en, group.unit_kind, group.unit, group.period, group.indicator, group.measure, group.grain, group.n, group.observed, group.expected, group.ratio, group.raw_ratio, group.shrunken, group.low, group.high, group.limit, group.excess, group.coverage, group.completeness, group.cells, group.case_share, group.spend_share, group.amount_share, group.baseline, group.definition, group.formula.
"#,
        );
    }
}
