//! Parameters keep their own limits, and settings name parameters that exist.

use crate::base::diagnostic::Diagnostic;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::ParamDoc;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::lints::Lint;
use crate::ruleset::shape;

pub(super) const LINT: Lint = Lint {
    code: "params-in-range",
    about: "A parameter's default and its values by area and by date are of one type and lie within `min` and `max`, its days are in \
            order, and a setting names a parameter of the rule that is a number.",
    check,
};

fn check(book: &RuleBook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in book.rules.iter().filter(|rule| !rule.origin.is_malformed("params")) {
        for param in &rule.params {
            check_param(rule, param, &mut found);
        }
        if !rule.origin.is_malformed("evaluate") {
            check_settings(rule, &mut found);
        }
    }
    found
}

fn check_param(rule: &RuleDoc, param: &ParamDoc, found: &mut Vec<Diagnostic>) {
    let path = format!("params.{}", param.name);
    if let (Some(min), Some(max)) = (param.min, param.max)
        && min > max
    {
        let message = format!("`min` {min} of parameter `{}` is above its `max` {max}", param.name);
        found.push(rule.origin.diagnostic(&format!("{path}.min"), message).help("Exchange the two."));
        return;
    }
    let areas = param.by_area.iter().map(|(area, value)| (format!("{path}.by_area.{area}"), value));
    let dates = param.by_date.iter().enumerate().map(|(idx, dated)| (format!("{path}.by_date.{idx}.value"), &dated.value));
    for (idx, (earlier, later)) in param.by_date.iter().zip(param.by_date.iter().skip(1)).enumerate() {
        if earlier.from >= later.from {
            let message = format!("values of parameter `{}` are not in the order of their days", param.name);
            let place = format!("{path}.by_date.{}.from", idx + 1);
            found.push(rule.origin.diagnostic(&place, message).help("Write the earliest first, and each day once."));
        }
    }
    for (place, value) in [(format!("{path}.default"), &param.default)].into_iter().chain(areas).chain(dates) {
        match (value, &param.default) {
            (ParamValue::Number(number), ParamValue::Number(_)) => {
                let (below, above) = (param.min.is_some_and(|min| *number < min), param.max.is_some_and(|max| *number > max));
                if below || above {
                    let message = format!("{number} lies outside the limits of parameter `{}`", param.name);
                    let limits = [("min", param.min), ("max", param.max)];
                    let limits: Vec<String> =
                        limits.iter().filter_map(|(word, limit)| Some(format!("`{word}` is {}", (*limit)?))).collect();
                    found.push(rule.origin.diagnostic(&place, message).help(format!("Choose a value within: {}.", limits.join(", "))));
                }
            }
            (ParamValue::Text(_), ParamValue::Text(_)) if param.min.is_none() && param.max.is_none() => {}
            (ParamValue::Text(_), ParamValue::Text(_)) => {
                let message = format!("parameter `{}` is a text with limits", param.name);
                found.push(rule.origin.diagnostic(&place, message).help("Remove `min` and `max`, or write a number without quotes."));
            }
            _ => {
                let message = format!("parameter `{}` is a number in one place and a text in another", param.name);
                found.push(rule.origin.diagnostic(&place, message).help("Write all its values alike, numbers without quotes."));
            }
        }
    }
}

fn check_settings(rule: &RuleDoc, found: &mut Vec<Diagnostic>) {
    let settings = match &rule.evaluate {
        EvaluateDoc::Row { .. } => vec![],
        EvaluateDoc::Ratio(doc) => vec![("min_excess", &doc.min_excess)],
        EvaluateDoc::EarlierContact(doc) => {
            vec![("lookback_days", &doc.lookback_days), ("min_history_days", &doc.min_history_days)]
        }
        EvaluateDoc::OverlappingSupply(doc) => {
            vec![("remaining_days", &doc.remaining_days), ("remaining_share", &doc.remaining_share), ("surplus_days", &doc.surplus_days)]
        }
    };
    for (key, number) in settings {
        let Number::Param(name) = number else { continue };
        let place = format!("evaluate.{key}");
        match rule.params.iter().find(|param| param.name == *name) {
            Some(param) if matches!(param.default, ParamValue::Text(_)) => {
                found.push(
                    rule.origin.diagnostic(&place, format!("parameter `{name}` is no number")).help("Write its default without quotes."),
                );
            }
            Some(_) => {}
            None => {
                let known: Vec<&str> = rule.params.iter().map(|param| param.name.as_str()).collect();
                let help =
                    if known.is_empty() { "Add it under `params`.".to_owned() } else { shape::suggestion(name, &known, "Known are") };
                found.push(rule.origin.diagnostic(&place, format!("the rule has no parameter `{name}`")).help(help));
            }
        }
    }
}
