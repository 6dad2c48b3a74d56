//! A rule's cases: from fields that differ to events over the default ones.

use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::events::Column;
use crate::events::EventType;
use crate::events::prescription::PRESCRIPTION;
use crate::events::settlement::SETTLEMENT;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::doc::CaseBaseline;
use crate::ruleset::doc::CaseDoc;
use crate::ruleset::doc::CaseEvent;
use crate::ruleset::doc::CaseSettings;
use crate::ruleset::doc::Row;
use crate::ruleset::nearest::nearest;
use crate::ruleset::shape;
use crate::ruleset::shape::Object;
use crate::ruleset::shape::RowOf;
use crate::ruleset::spec;
use crate::ruleset::view::View;
use crate::ruleset::words::Expect;
use crate::ruleset::words::RuleEvent;
use crate::ruleset::yaml::Node;

/// The cases of a rule, with mistakes that the shape cannot know: fields that
/// the event does not have, and given beside events.
pub(super) fn read(rule: &View<'_>, event: RuleEvent) -> (Vec<CaseDoc>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut cases = Vec::new();
    for view in rule.each("cases", &spec::CASE) {
        let mut reader = CaseReader { case: view, rule_event: event, diagnostics: &mut diagnostics };
        let events = reader.events();
        let settings = view.within("settings", &spec::CASE_SETTINGS);
        cases.push(CaseDoc {
            name: view.text("name"),
            span: view.node.at("name"),
            settings: CaseSettings {
                complete_from: settings.maybe_date("complete_from"),
                prescriptions_complete_from: settings.maybe_date("prescriptions_complete_from"),
                clues_from: settings.maybe_date("clues_from"),
                covered_areas: settings.get("covered_areas").map(|_| settings.texts("covered_areas")),
                baseline: settings.get("baseline").map(|_| baseline(&settings.within("baseline", &spec::CASE_BASELINE))),
            },
            events,
            expect: view.choice("expect"),
            grade: view.maybe_choice("grade"),
            money: view.maybe_decimal("money"),
            data_quality: view.get("data_quality").map(|_| view.texts("data_quality")),
        });
        for (key, message) in [("grade", "a grade is expected of no clue"), ("money", "money is expected of no clue")] {
            if view.get(key).is_some() && view.choice::<Expect>("expect") != Expect::Clue {
                let diagnostic = Diagnostic::new(view.source, view.node.at(key), message);
                diagnostics.push(diagnostic.help(format!("Remove `{key}`, or expect a clue.")));
            }
        }
    }
    (cases, diagnostics)
}

fn baseline(view: &View<'_>) -> CaseBaseline {
    let number = |key| view.maybe_decimal(key);
    let zero = Decimal::from_int(0);
    CaseBaseline {
        unit: view.choice("unit"),
        n: view.count("n"),
        mean: number("mean").unwrap_or(zero),
        variance: number("variance").unwrap_or(zero),
        cap: number("cap"),
        ceiling: number("ceiling"),
        over_rate: number("over_rate"),
        over_mean: number("over_mean"),
        over_variance: number("over_variance"),
        expected_cases: number("expected_cases"),
        prior: view.choice("prior"),
    }
}

struct CaseReader<'a, 'b> {
    case: View<'a>,
    rule_event: RuleEvent,
    diagnostics: &'b mut Vec<Diagnostic>,
}

impl<'a> CaseReader<'a, '_> {
    fn report(&mut self, path: &str, message: &str, help: &str) {
        let span = self.case.node.at(path);
        self.diagnostics.push(Diagnostic::new(self.case.source, span, message).help(help));
    }

    fn events(&mut self) -> Vec<CaseEvent> {
        match (self.case.get("given"), self.case.get("events")) {
            (Some(given), None) => self.given(given),
            (None, Some(events)) => events.items().iter().flat_map(|item| self.halves(item, &spec::CASE_EVENTS)).collect(),
            (None, None) => {
                self.report("name", "a case without events", "Add `given` with one event of the rule's type, or `events` with several.");
                Vec::new()
            }
            (Some(_), Some(_)) => {
                self.report("events", "`events` beside `given`", "Move the given event into the list as one of `events`.");
                Vec::new()
            }
        }
    }

    fn given(&mut self, given: &'a Node) -> Vec<CaseEvent> {
        let is_half = |key: &str| spec::CASE_EVENTS.field(key).is_some();
        if let Some(own) = match self.rule_event {
            RuleEvent::Settlement => Some(&SETTLEMENT),
            RuleEvent::Prescription => Some(&PRESCRIPTION),
            RuleEvent::Supply => None,
        } {
            if given.entries().iter().any(|entry| is_half(&entry.key)) {
                self.report(
                    "given",
                    "`given` names an event type",
                    "Write `header` and `line` right under `given`, or list several `events`.",
                );
            }
            return vec![self.event(own, View::new(self.case.source, given, &spec::GIVEN))];
        }
        if given.entries().iter().any(|entry| !is_half(&entry.key)) {
            self.report(
                "given",
                "`given` of a supply does not say whose fields it has",
                "Write `prescription:` or `settlement:` and the fields under it.",
            );
        }
        self.halves(given, &spec::GIVEN)
    }

    fn halves(&mut self, node: &'a Node, object: &'static Object) -> Vec<CaseEvent> {
        let view = View::new(self.case.source, node, object);
        let types = [&SETTLEMENT, &PRESCRIPTION];
        let written = types.into_iter().filter(|event| node.get(event.name).is_some());
        written.map(|event| self.event(event, view.within(event.name, &spec::CASE_EVENT))).collect()
    }

    fn event(&mut self, event: &'static EventType, view: View<'a>) -> CaseEvent {
        let mut rows: Vec<Row> = view.get("line").iter().map(|node| self.row(event, RowOf::Line, node)).collect();
        if view.get("line").is_some() && view.get("lines").is_some() {
            let diagnostic = Diagnostic::new(view.source, view.node.at("lines"), "`lines` beside `line`");
            self.diagnostics.push(diagnostic.help("Move the one line into `lines`."));
        }
        rows.extend(self.rows(event, RowOf::Line, view, "lines"));
        CaseEvent {
            event_type: event.name,
            times: view.count("times"),
            header: view.get("header").map(|node| self.row(event, RowOf::Header, node)).unwrap_or_default(),
            lines: rows,
            diagnoses: view.get("diagnoses").map(|_| self.rows(event, RowOf::Diagnoses, view, "diagnoses")),
            operations: self.rows(event, RowOf::Operations, view, "operations"),
        }
    }

    fn rows(&mut self, event: &'static EventType, table: RowOf, view: View<'a>, key: &str) -> Vec<Row> {
        view.items(key).iter().map(|node| self.row(event, table, node)).collect()
    }

    /// A field that the event does not have would silently test nothing.
    fn row(&mut self, event: &'static EventType, table: RowOf, node: &Node) -> Row {
        let table = table.table(event);
        let spellings: Vec<String> = table.iter().flat_map(|table| table.columns).flat_map(Column::spellings).collect();
        let known: Vec<&str> = spellings.iter().map(String::as_str).collect();
        for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let place = table.map_or("rows of this list", |table| table.name);
            let message = format!("a {} has no `{}` in `{place}`", event.name, entry.key);
            let source = Arc::clone(self.case.source);
            let help = match nearest(&entry.key, &known) {
                Some(_) => shape::suggestion(&entry.key, &known, ""),
                None => "See the column pages for the fields that an event has.".to_owned(),
            };
            self.diagnostics.push(Diagnostic::new(&source, entry.key_span.clone(), message).help(help));
        }
        node.entries().iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
    }
}
