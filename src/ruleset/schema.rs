//! JSON Schema for editors, from the same tables by which files are checked.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::events::Column;
use crate::events::EVENT_TYPES;
use crate::ruleset::shape::Field;
use crate::ruleset::shape::Need;
use crate::ruleset::shape::Object;
use crate::ruleset::shape::RowOf;
use crate::ruleset::shape::Shape;
use crate::ruleset::spec;
use crate::ruleset::words::Choice;

/// `schemas/rule.schema.json`.
pub fn rule_schema() -> String {
    document("A claimsift rule", &spec::RULE)
}

/// `schemas/gates.schema.json`.
pub fn gates_schema() -> String {
    document("The gates that claimsift rules share", &spec::GATES)
}

/// `schemas/departments.schema.json`.
pub fn departments_schema() -> String {
    document("The departments that receive clues", &spec::DEPARTMENTS)
}

/// `schemas/code_map.schema.json`.
pub fn code_map_schema() -> String {
    document("National codes of the words in clues", &spec::CODE_MAP)
}

/// A schema document for files that hold one object.
pub fn document(title: &str, root: &'static Object) -> String {
    let mut schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title });
    merge(&mut schema, object(root));
    // Rows of events have many columns and stand in several places: once each.
    let body = schema.to_string();
    let rows = [RowOf::Header, RowOf::Line, RowOf::Diagnoses, RowOf::Operations];
    let used = rows.into_iter().filter(|row| body.contains(&row_reference(*row)));
    let defs: Map<String, Value> = used.map(|row| (row_name(row).to_owned(), row_schema(row))).collect();
    if !defs.is_empty() {
        merge(&mut schema, json!({ "$defs": defs }));
    }
    format!("{schema:#}\n")
}

fn row_name(row: RowOf) -> &'static str {
    match row {
        RowOf::Header => "header",
        RowOf::Line => "line",
        RowOf::Diagnoses => "diagnosis",
        RowOf::Operations => "operation",
    }
}

fn row_reference(row: RowOf) -> String {
    format!("#/$defs/{}", row_name(row))
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn object(object: &'static Object) -> Value {
    let required: Vec<&str> = object.fields.iter().filter(|field| field.need == Need::Required).map(|field| field.key).collect();
    let properties: Map<String, Value> = object.fields.iter().map(|field| (field.key.to_owned(), property(field))).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn property(field: &Field) -> Value {
    let mut schema = shape(&field.shape);
    if field.need != Need::Required {
        schema = or_null(schema);
    }
    let mut described = json!({ "description": format!("{} {}", field.zh, field.en) });
    if let Need::Default(text) = field.need {
        merge(&mut described, json!({ "default": default(&field.shape, text) }));
    }
    merge(&mut described, schema);
    described
}

/// An optional key may be written without a value.
fn or_null(mut schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(name)) if schema.get("enum").is_none() => {
            merge(&mut schema, json!({ "type": [name, "null"] }));
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// A default as the value that an editor would insert.
fn default(shape: &Shape, text: &str) -> Value {
    match shape {
        Shape::Bool | Shape::Int { .. } | Shape::Decimal | Shape::NumberOrParam => {
            serde_json::from_str(text).unwrap_or_else(|_| json!(text))
        }
        _ => json!(text),
    }
}

fn shape(shape_of: &Shape) -> Value {
    match shape_of {
        Shape::Text | Shape::Sql | Shape::Template => json!({ "type": "string", "minLength": 1 }),
        Shape::TextOrEmpty => json!({ "type": "string" }),
        Shape::Form(form) => json!({ "type": "string", "pattern": form.regex }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Decimal => json!({ "type": "number" }),
        Shape::NumberOrText => json!({ "type": ["number", "string"] }),
        Shape::NumberOrParam => {
            json!({ "anyOf": [{ "type": "number" }, { "type": "string", "pattern": "^param\\.[a-z][a-z0-9_]*$" }] })
        }
        Shape::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]{1,9}[dhms]$" }),
        Shape::Choice(choices) => words(choices),
        Shape::List(item) => json!({ "type": "array", "items": shape(item) }),
        Shape::SomeOf(item) => json!({ "type": "array", "minItems": 1, "items": shape(item) }),
        Shape::Map { key, value } => {
            json!({ "type": "object", "propertyNames": { "pattern": key.regex }, "additionalProperties": shape(value) })
        }
        Shape::Object(fields) => object(fields),
        Shape::Tagged { tag, variants } => {
            json!({ "oneOf": variants.iter().map(|(word, variant)| tagged(tag, word, variant)).collect::<Vec<_>>() })
        }
        Shape::OneKey(fields) => {
            let mut schema = object(fields);
            merge(&mut schema, json!({ "minProperties": 1, "maxProperties": 1 }));
            schema
        }
        Shape::Row(row) => json!({ "$ref": row_reference(*row) }),
    }
}

fn words(choices: &[Choice]) -> Value {
    json!({ "oneOf": choices.iter().map(|choice| json!({ "const": choice.word, "description": format!("{} {}", choice.zh, choice.en) })).collect::<Vec<_>>() })
}

fn tagged(tag: &str, word: &str, variant: &'static Shape) -> Value {
    let mut schema = shape(variant);
    if let Some(property) = schema.pointer_mut(&format!("/properties/{tag}")) {
        *property = json!({ "const": word });
    } else {
        merge(&mut schema, json!({ "properties": { tag: { "const": word } } }));
    }
    schema
}

/// Fields of any event type; spellings beside the national one are accepted
/// without being offered.
fn row_schema(row: RowOf) -> Value {
    let columns = EVENT_TYPES.iter().filter_map(|event| row.table(event)).flat_map(|table| table.columns);
    let describe = |column: &Column| (column.name.to_owned(), json!({ "description": format!("{} {}", column.zh, column.en) }));
    let properties: Map<String, Value> = columns.map(describe).collect();
    json!({ "type": "object", "properties": properties })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::diagnostic::SourceText;
    use crate::ruleset::shape::check;
    use crate::ruleset::yaml::Node;
    use crate::ruleset::yaml::Value as Written;

    fn each_field(shape: &Shape, visit: &mut dyn FnMut(&Field)) {
        match shape {
            Shape::Object(object) | Shape::OneKey(object) => {
                for field in object.fields {
                    visit(field);
                    each_field(&field.shape, visit);
                }
            }
            Shape::List(inner) | Shape::SomeOf(inner) | Shape::Map { value: inner, .. } => each_field(inner, visit),
            Shape::Tagged { variants, .. } => variants.iter().for_each(|(_, variant)| each_field(variant, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_default_could_be_written() {
        let source = Arc::new(SourceText { name: String::new(), text: String::new() });
        let mut seen = 0;
        for root in [&spec::RULE, &spec::GATES, &spec::PACK, &spec::DEPARTMENTS, &spec::CODE_MAP] {
            each_field(&Shape::Object(root), &mut |field| {
                let Need::Default(text) = field.need else { return };
                seen += 1;
                let written = |plain| Node { span: 0..0, value: Written::Scalar { text: text.to_owned(), plain } };
                let accepted = [true, false].into_iter().any(|plain| check(&source, &written(plain), &field.shape, field.key).is_empty());
                assert!(accepted, "{} {text:?}", field.key);
            });
        }
        assert!(seen > 10);
    }

    #[test]
    fn kinds_of_judging_are_told_apart_by_their_words() {
        let schema: Value = serde_json::from_str(&rule_schema()).unwrap();
        let variants = schema.pointer("/properties/evaluate/oneOf").unwrap();
        assert_eq!(variants.pointer("/0/properties/kind/const"), Some(&json!("row")));
        assert_eq!(variants.pointer("/1/oneOf/1/properties/look_for/const"), Some(&json!("overlapping_supply")));
        assert!(schema.pointer("/$defs/line/properties/med_list_codg").is_some());
    }
}
