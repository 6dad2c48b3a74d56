//! What the field tables say to others: JSON Schema of the messages, and the
//! page of all columns.

use std::fmt::Write as _;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::events::Column;
use crate::events::EVENT_TYPES;
use crate::events::EventType;
use crate::events::Kind;
use crate::events::Table;
use crate::events::Tag;
use crate::events::derived;
use crate::events::group::GROUP;
use crate::events::supply::SUPPLY;

/// `schemas/<event>.schema.json`. Offers the national spelling of each field
/// and lists the others that are accepted; a field without which a message is
/// rejected has `x-required`, because it may come in any of them or in a block.
pub fn json_schema(event: &EventType) -> String {
    let mut defs = Map::new();
    defs.insert(event.header.name.to_owned(), table_schema(event, &event.header));
    let reference = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let mut properties = Map::new();
    for block in event.blocks {
        properties.insert((*block).to_owned(), reference(event.header.name));
    }
    for child in event.children {
        let name = child.table.name;
        defs.insert(name.to_owned(), table_schema(event, &child.table));
        for list in child.lists {
            properties.insert((*list).to_owned(), json!({ "type": "array", "items": reference(name) }));
        }
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event.name,
        "description": event.zh,
        "type": "object",
        "allOf": [reference(event.header.name)],
        "properties": properties,
        "$defs": defs,
    });
    format!("{schema:#}\n")
}

fn table_schema(event: &EventType, table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.columns.iter().map(|column| (column.name.to_owned(), column_schema(column, is_required(event, table, column)))).collect();
    json!({ "type": "object", "properties": properties })
}

fn is_required(event: &EventType, table: &Table, column: &Column) -> bool {
    if table.name == event.header.name {
        return event.required().any(|name| name == column.name);
    }
    event.children.iter().any(|child| child.table.name == table.name && child.key == Some(column.name))
}

fn column_schema(column: &Column, required: bool) -> Value {
    let mut schema = json!({
        "description": format!("{} {}", column.zh, column.en),
        "type": accepted(column.kind),
        "x-kind": kind_name(column.kind),
        "x-sensitivity": tag_name(column.tag),
    });
    let others: Vec<String> = column.spellings().into_iter().filter(|spelling| spelling != column.name).collect();
    if let Value::Object(members) = &mut schema {
        if !others.is_empty() {
            members.insert("x-aliases".to_owned(), json!(others));
        }
        if required {
            members.insert("x-required".to_owned(), json!(true));
        }
    }
    schema
}

fn accepted(kind: Kind) -> Value {
    match kind {
        Kind::Amount | Kind::Quantity | Kind::Price | Kind::Rate | Kind::Int => json!(["number", "string", "null"]),
        Kind::Text | Kind::Date | Kind::Time => json!(["string", "integer", "null"]),
        Kind::Flag => json!(["boolean", "null"]),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Amount => "amount (元, 2 places)",
        Kind::Quantity => "quantity (4 places)",
        Kind::Price => "price (元, 6 places)",
        Kind::Rate => "rate (4 places)",
        Kind::Int => "integer",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Flag => "flag",
    }
}

fn tag_name(tag: Tag) -> &'static str {
    match tag {
        Tag::Open => "open",
        Tag::Personal => "personal",
        Tag::Pseudonym => "pseudonym",
        Tag::Dropped => "dropped",
    }
}

/// `docs/reference/columns.md`.
pub fn columns_page() -> String {
    let mut page = String::from(
        "# Columns\n\nWhat rules can name, from the field tables of the event types.\n\
         Every field is accepted in its national spelling, in camelCase and under the other names listed.\n\
         `personal`: evidence only, never in logs or metrics. `pseudonym`: replaced before anything is kept. `dropped`: never kept.\n",
    );
    for event in EVENT_TYPES {
        let _ = write!(page, "\n## {} {}\n", event.name, event.zh);
        let children = event.children.iter().map(|child| (child.table.name, &child.table));
        for (name, table) in [("header", &event.header)].into_iter().chain(children) {
            let qualifier = if name == "header" {
                "header"
            } else if name == event.lines().table.name {
                "line"
            } else {
                ""
            };
            let named = if qualifier.is_empty() { String::new() } else { format!(" (`{qualifier}.`)") };
            let _ = write!(page, "\n### {} `{name}`{named}\n\n", event.name);
            write_table(&mut page, table.columns);
        }
    }
    page.push_str("\n## Computed columns\n\nWhat the engine adds to every event: what fields say together, and what the reference tables say at fact time.\n");
    let computed = [
        ("header.", derived::HEADER),
        ("line.", derived::LINE),
        ("line.", derived::REFUNDED),
        ("ref.", derived::REF_HEADER),
        ("ref.", derived::REF_LINE),
    ];
    let grains = ["header", "line", "line of a settlement", "header", "line"];
    for ((qualifier, columns), grain) in computed.into_iter().zip(grains) {
        let _ = write!(page, "\n### Grain {grain}, `{qualifier}`\n\n");
        write_table(&mut page, columns);
    }
    let _ = write!(page, "\n## supply 用药供给 (`supply.`)\n\nJoined from both events, never read from a topic.\n\n");
    write_table(&mut page, SUPPLY.columns);
    page.push_str(
        "\n## group 机构组 (`group.`)\n\nWhat clues of rules with `kind: ratio` carry of a unit and a pane: computed when the pane is looked at, \
         never read from a topic. Conditions cannot name them.\n\n",
    );
    write_table(&mut page, GROUP.columns);
    page
}

fn write_table(page: &mut String, columns: &[Column]) {
    page.push_str("| column | kind | 中文 | meaning | sensitivity | also accepted |\n| --- | --- | --- | --- | --- | --- |\n");
    for column in columns {
        let also: Vec<String> = column.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} |",
            column.name,
            kind_name(column.kind),
            column.zh,
            column.en.replace('|', "\\|"),
            tag_name(column.tag),
            also.join(" ")
        );
    }
}
