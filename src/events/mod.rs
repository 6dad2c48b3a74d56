//! Event types: one file each, whose field table is the only source of the
//! Arrow schema, the JSON Schema, the column pages and the sensitivity tags.

pub mod derived;
pub mod group;
pub mod prescription;
pub mod schema;
pub mod settlement;
pub mod supply;

use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::datatypes::Field as ArrowField;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::TimeUnit;

/// What a column holds; fixes its Arrow type and what the decoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Codes, names and flags. Accepts a string or an integer number; the
    /// empty string is NULL.
    Text,
    /// 元, two places: `Decimal128(18, 2)`.
    Amount,
    /// A count of units, four places: `Decimal128(18, 4)`.
    Quantity,
    /// 元 per unit, six places: `Decimal128(18, 6)`.
    Price,
    /// A share, four places: `Decimal128(9, 4)`.
    Rate,
    Int,
    /// A day: `Date32`.
    Date,
    /// Civil time of the configured zone: `Timestamp(Second)`.
    Time,
    /// Computed, never decoded.
    Flag,
}

impl Kind {
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Amount => DataType::Decimal128(18, 2),
            Self::Quantity => DataType::Decimal128(18, 4),
            Self::Price => DataType::Decimal128(18, 6),
            Self::Rate => DataType::Decimal128(9, 4),
            Self::Int => DataType::Int32,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Timestamp(TimeUnit::Second, None),
            Self::Flag => DataType::Boolean,
        }
    }

    /// Decimal places, for kinds that are decimals.
    pub fn scale(self) -> Option<u8> {
        match self {
            Self::Amount => Some(2),
            Self::Quantity | Self::Rate => Some(4),
            Self::Price => Some(6),
            _ => None,
        }
    }
}

/// Who may see a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// May appear in clues, logs and pages.
    Open,
    /// About a person: in clues where they are evidence, never in logs,
    /// metrics, errors or pages.
    Personal,
    /// Names a person: replaced by a keyed pseudonym before anything is kept.
    Pseudonym,
    /// Names a person and is not needed: recognised only to be thrown away.
    Dropped,
}

/// A column of an event type.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The national interface's name, `snake_case`.
    pub name: &'static str,
    pub kind: Kind,
    pub tag: Tag,
    /// Other spellings than the `camelCase` form of `name`.
    pub aliases: &'static [&'static str],
    pub zh: &'static str,
    pub en: &'static str,
}

pub(crate) const fn col(name: &'static str, kind: Kind, zh: &'static str, en: &'static str) -> Column {
    Column { name, kind, tag: Tag::Open, aliases: &[], zh, en }
}

impl Column {
    pub(crate) const fn tag(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }
    pub(crate) const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Every spelling that is accepted on input.
    pub fn spellings(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in std::iter::once(&self.name).chain(self.aliases) {
            for spelling in [(*name).to_owned(), camel_case(name)] {
                if !names.contains(&spelling) {
                    names.push(spelling);
                }
            }
        }
        names
    }
}

/// `fixmedins_code` as `fixmedinsCode`.
pub fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for ch in name.chars() {
        if ch == '_' {
            upper = true;
        } else if upper {
            out.push(ch.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(ch);
        }
    }
    out
}

/// The columns of one grain of an event type, in schema order.
#[derive(Debug)]
pub struct Table {
    /// `header`, `feedetl`, `diseinfo`, ...
    pub name: &'static str,
    pub columns: &'static [Column],
}

impl Table {
    pub fn index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Schema of the whole table; a decoder that skips columns yields a projection.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|c| ArrowField::new(c.name, c.kind.arrow(), true)).collect::<Vec<_>>()))
    }
}

/// A list inside the message, a row per element.
#[derive(Debug)]
pub struct Child {
    pub table: Table,
    /// Names of the list in the message, `camelCase` forms included.
    pub lists: &'static [&'static str],
    /// The column that names a row within its message; a row without it
    /// rejects the message. `None`: rows are named by their place, from 1.
    pub key: Option<&'static str>,
}

/// An event type: what its messages look like and which columns carry its roles.
#[derive(Debug)]
pub struct EventType {
    pub name: &'static str,
    pub zh: &'static str,
    pub header: Table,
    /// Nested objects whose members are read as if they stood in the header.
    pub blocks: &'static [&'static str],
    /// The first is the line grain.
    pub children: &'static [Child],
    /// Columns that together name the event for ever, most general first.
    pub business_id: &'static [&'static str],
    pub person: &'static str,
    pub event_time: &'static str,
    /// The amount without which a message cannot be used.
    pub total: Option<&'static str>,
}

impl EventType {
    /// Columns whose fault rejects the message, whatever rules are loaded.
    pub fn required(&self) -> impl Iterator<Item = &'static str> {
        let own = [self.person, self.event_time];
        self.business_id.iter().copied().chain(own).chain(self.total)
    }

    pub fn lines(&self) -> &'static Child {
        &self.children[0]
    }
}

/// Event types read from topics, by their input number.
pub const EVENT_TYPES: &[&EventType] = &[&settlement::SETTLEMENT, &prescription::PRESCRIPTION];

/// Place of an event type in [`EVENT_TYPES`].
pub use crate::base::ids::InputId;

const _: () = assert!(EVENT_TYPES.len() == crate::base::ids::EVENT_INPUTS);

/// Name of an input: that of its event type, or `partials`.
pub fn input_name(input: InputId) -> &'static str {
    EVENT_TYPES.get(input).map_or("partials", |event| event.name)
}

pub const SETTLEMENT_INPUT: InputId = 0;
pub const PRESCRIPTION_INPUT: InputId = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_spelling_names_two_columns_and_roles_exist() {
        for event in EVENT_TYPES {
            let tables = std::iter::once(&event.header).chain(event.children.iter().map(|child| &child.table));
            for table in tables {
                let mut seen = BTreeSet::new();
                for spelling in table.columns.iter().flat_map(Column::spellings) {
                    assert!(seen.insert(spelling.clone()), "{} {} {spelling}", event.name, table.name);
                }
            }
            for name in event.required() {
                assert!(event.header.index(name).is_some(), "{} {name}", event.name);
            }
            for child in event.children {
                assert!(child.key.is_none_or(|key| child.table.index(key).is_some()));
            }
        }
    }

    #[test]
    fn camel_case_matches_the_national_spelling() {
        for (snake, camel) in
            [("hosp_rxno", "hospRxno"), ("biz_type_code", "bizTypeCode"), ("sin_dosunt", "sinDosunt"), ("psn_no", "psnNo")]
        {
            assert_eq!(camel_case(snake), camel);
        }
    }
}
