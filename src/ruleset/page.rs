//! Reference pages of keys, from the same tables by which files are checked.

use std::fmt::Write as _;

use crate::ruleset::shape::Field;
use crate::ruleset::shape::Need;
use crate::ruleset::shape::Object;
use crate::ruleset::shape::Shape;
use crate::ruleset::spec;
use crate::ruleset::words::Choice;

/// `docs/reference/rule-file.md`.
pub fn rule_page() -> String {
    let mut page = document("Rule files", "`rules/<pack>/<rule-id>.yaml`: one rule with its reason, its basis and its tests.", &spec::RULE);
    page.push_str("\n## gates.yaml\n\n");
    table(&mut page, &spec::GATES);
    page.push_str("\n## departments.yaml\n\n");
    table(&mut page, &spec::DEPARTMENTS);
    page.push_str("\n## code_map.yaml\n\n");
    table(&mut page, &spec::CODE_MAP);
    page.push_str("\n## pack.yaml\n\n");
    table(&mut page, &spec::PACK);
    page
}

/// A page of all keys below one object.
pub fn document(title: &str, about: &str, root: &'static Object) -> String {
    let mut page = format!("# {title}\n\n{about}\n`[]` stands for each item of a list, `*` for each key of a map.\n\n");
    table(&mut page, root);
    page
}

fn table(page: &mut String, root: &'static Object) {
    page.push_str("| key | value | need | 中文 | meaning |\n| --- | --- | --- | --- | --- |\n");
    rows(page, "", root);
}

fn rows(page: &mut String, prefix: &str, object: &'static Object) {
    for field in object.fields {
        row(page, &format!("{prefix}{}", field.key), field);
    }
}

fn row(page: &mut String, path: &str, field: &Field) {
    let need = match field.need {
        Need::Required => "required".to_owned(),
        Need::Optional => "optional".to_owned(),
        Need::Default(text) => format!("`{}`", if text.is_empty() { "\"\"" } else { text }),
    };
    let meaning = field.en.replace('|', "\\|");
    let _ = writeln!(page, "| `{path}` | {} | {need} | {} | {meaning} |", value(&field.shape), field.zh);
    below(page, path, &field.shape);
}

fn below(page: &mut String, path: &str, shape: &Shape) {
    match shape {
        Shape::Object(object) | Shape::OneKey(object) => rows(page, &format!("{path}."), object),
        Shape::List(item) | Shape::SomeOf(item) => below(page, &format!("{path}[]"), item),
        Shape::Map { value, .. } => below(page, &format!("{path}.*"), value),
        Shape::Tagged { variants, .. } => {
            // The innermost word says it all: `evaluate (earlier_contact).anchor`.
            let base = path.split(" (").next().unwrap_or(path);
            for (word, variant) in *variants {
                below(page, &format!("{base} ({word})"), variant);
            }
        }
        _ => {}
    }
}

fn value(shape: &Shape) -> String {
    match shape {
        Shape::Text | Shape::TextOrEmpty => "text".to_owned(),
        Shape::Form(form) => format!("text: {}", form.help.replace('|', "\\|")),
        Shape::Scalar => "one value".to_owned(),
        Shape::Bool => "true or false".to_owned(),
        Shape::Int { min, max } => format!("whole number, {min} to {max}"),
        Shape::Decimal => "number".to_owned(),
        Shape::NumberOrText => "number or text".to_owned(),
        Shape::NumberOrParam => "number or `param.name`".to_owned(),
        Shape::Date => "yyyy-MM-dd".to_owned(),
        Shape::Duration => "duration: 3d, 1h, 30m, 10s".to_owned(),
        Shape::Sql => "SQL".to_owned(),
        Shape::Template => "text with `{column}`".to_owned(),
        Shape::Choice(choices) => words(choices),
        Shape::List(item) | Shape::SomeOf(item) => format!("list: {}", value(item)),
        Shape::Map { .. } | Shape::Object(_) | Shape::OneKey(_) => "map".to_owned(),
        Shape::Tagged { tag, .. } => format!("map, by `{tag}`"),
        Shape::Row(_) => "fields of the event".to_owned(),
    }
}

fn words(choices: &[Choice]) -> String {
    choices.iter().map(|choice| format!("`{}` {}", choice.word, choice.zh)).collect::<Vec<_>>().join(", ")
}
