//! Ratio rules: what is asked of the bills whose cases are summed in groups.

use crate::events::Column;
use crate::events::SETTLEMENT_INPUT;
use crate::events::group::GROUP;
use crate::expr;
use crate::expr::OutputId;
use crate::expr::Want;
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
    /// `None`: the days of the stay.
    pub sum: Option<CaseSum>,
}

#[derive(Clone, Copy, Debug)]
pub struct CaseSum {
    pub output: OutputId,
    /// Of lines, else of headers.
    pub by_line: bool,
    /// Over lines: those that are summed.
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
        let sum = self.sum.iter().flat_map(|sum| std::iter::once(sum.output).chain(sum.filter));
        std::iter::once(self.cases).chain(self.excuses.iter().copied()).chain(sum).collect()
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
        let sum = match &ratio.value.sum {
            None => None,
            Some(sql) => {
                let typed = self.parse(sql, Want::Decimal, &lines, true)?;
                let by_line = typed.grain() == expr::Grain::Line || ratio.value.filter.is_some();
                let grain = if by_line { expr::Grain::Line } else { expr::Grain::Header };
                let output = self.groups[table].add(&typed, grain);
                let filter = match &ratio.value.filter {
                    Some(sql) => Some(self.group(sql, Want::Boolean, &lines)?),
                    None => None,
                };
                Some(CaseSum { output, by_line, filter })
            }
        };
        Some(RatioRule { cases: cases?, excuses, excuse_texts, sum })
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
