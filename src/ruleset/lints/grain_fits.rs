//! Event, grain and kind of judging belong together.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::words::Grain;
use crate::ruleset::words::RuleEvent;

pub(super) const LINT: Lint = Lint {
    code: "grain-fits",
    about: "Rules and gates on supplies have the grain `supply` and no others have it; `earlier_contact` judges headers and \
            `overlapping_supply` judges supplies. Rules with `kind: ratio` have the event `settlement` and the grain `case`, which nothing \
            else has.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for gate in &book.gates {
        if (!fits(gate.event, gate.grain) || gate.grain == Grain::Case)
            && !gate.origin.is_malformed("event")
            && !gate.origin.is_malformed("grain")
        {
            found.push(gate.origin.diagnostic("grain", mismatch(gate.event, gate.grain)).help(advice(gate.event)));
        }
    }
    let reliable = |rule: &&RuleDoc| !["event", "grain", "evaluate"].iter().any(|key| rule.origin.is_malformed(key));
    for rule in book.rules.iter().filter(reliable) {
        if !fits(rule.event, rule.grain) {
            found.push(rule.origin.diagnostic("grain", mismatch(rule.event, rule.grain)).help(advice(rule.event)));
        }
        let by_case = matches!(rule.evaluate, EvaluateDoc::Ratio(_));
        if by_case != (rule.grain == Grain::Case) {
            let (message, help) = if by_case {
                (format!("groups are made of cases, not of the grain `{}`", rule.grain), "Set `grain: case`, or judge by another kind.")
            } else {
                ("cases are judged in groups alone".to_owned(), "Set `kind: ratio`, or another grain.")
            };
            found.push(rule.origin.diagnostic("evaluate.kind", message).help(help));
            continue;
        }
        let wanted = match rule.evaluate {
            EvaluateDoc::Row { .. } | EvaluateDoc::Ratio(_) => continue,
            EvaluateDoc::EarlierContact(_) => Grain::Header,
            EvaluateDoc::OverlappingSupply(_) => Grain::Supply,
        };
        if rule.grain != wanted {
            let message = format!("this history does not judge the grain `{}`", rule.grain);
            found.push(
                rule.origin.diagnostic("evaluate.look_for", message).help(format!("Set `grain: {wanted}`, or look for something else.")),
            );
        }
    }
    found
}

fn fits(event: RuleEvent, grain: Grain) -> bool {
    (event == RuleEvent::Supply) == (grain == Grain::Supply) && (grain != Grain::Case || event == RuleEvent::Settlement)
}

fn mismatch(event: RuleEvent, grain: Grain) -> String {
    format!("the event `{event}` has no grain `{grain}`")
}

fn advice(event: RuleEvent) -> &'static str {
    if event == RuleEvent::Supply { "Set `grain: supply`." } else { "Set `grain: header` or `grain: line`." }
}
