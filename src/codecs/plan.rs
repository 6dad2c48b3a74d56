//! An event type and a projection, resolved once: which spelling means which
//! column, what is written and what is only recognised.

use std::sync::Arc;

use arrow::datatypes::Field as ArrowField;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use hashbrown::HashMap;

use crate::codecs::Projection;
use crate::events::EventType;
use crate::events::Kind;
use crate::events::Table;
use crate::events::Tag;

/// What a member of an object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// Place in the table.
    Column(usize),
    /// Number of the child whose rows the list holds.
    List(usize),
    /// An object whose members belong to the header.
    Block,
}

pub(crate) struct ColumnPlan {
    pub name: &'static str,
    pub kind: Kind,
    /// Takes JSON booleans as `1` and `0`.
    pub flag: bool,
    /// Written to the output.
    pub keep: bool,
    /// Decides whether the message is rejected.
    pub role: bool,
}

impl ColumnPlan {
    /// Whether its values are looked at at all.
    pub fn decoded(&self) -> bool {
        self.keep || self.role
    }
}

pub(crate) struct TablePlan {
    pub name: &'static str,
    pub columns: Vec<ColumnPlan>,
    /// Looked up, never walked.
    members: HashMap<String, Member>,
    pub schema: SchemaRef,
}

/// Table 0 is the header, table `n + 1` the child `n`.
pub(crate) struct Plan {
    pub event: &'static EventType,
    pub tables: Vec<TablePlan>,
    pub business_id: Vec<usize>,
    pub person: usize,
    pub event_time: usize,
    pub total: Option<usize>,
    /// Per child: the column that names its rows.
    pub keys: Vec<Option<usize>>,
}

impl TablePlan {
    fn new(table: &'static Table, keep: &[bool], roles: &[&str]) -> Self {
        let columns: Vec<_> = table
            .columns
            .iter()
            .zip(keep)
            .map(|(column, keep)| ColumnPlan {
                name: column.name,
                kind: column.kind,
                flag: column.name.ends_with("_flag"),
                keep: *keep && column.tag != Tag::Dropped,
                role: roles.contains(&column.name),
            })
            .collect();
        let spelled =
            |(idx, column): (usize, &crate::events::Column)| column.spellings().into_iter().map(move |name| (name, Member::Column(idx)));
        let members = table.columns.iter().enumerate().flat_map(spelled).collect();
        let kept = columns.iter().filter(|column| column.keep);
        let fields: Vec<_> = kept.map(|column| ArrowField::new(column.name, column.kind.arrow(), true)).collect();
        Self { name: table.name, columns, members, schema: Arc::new(Schema::new(fields)) }
    }

    pub fn member(&self, name: &str) -> Option<Member> {
        self.members.get(name).copied()
    }

    /// Whether any column reaches the output.
    pub fn kept(&self) -> bool {
        self.columns.iter().any(|column| column.keep)
    }
}

impl Plan {
    /// The roles must be columns of the event type's tables.
    pub fn new(event: &'static EventType, projection: &Projection) -> Self {
        let header_roles: Vec<_> = event.required().collect();
        let mut header = TablePlan::new(&event.header, &projection.header, &header_roles);
        for (child_idx, child) in event.children.iter().enumerate() {
            header.members.extend(child.lists.iter().map(|list| ((*list).to_owned(), Member::List(child_idx))));
        }
        header.members.extend(event.blocks.iter().map(|block| ((*block).to_owned(), Member::Block)));
        let mut tables = vec![header];
        for (child, keep) in event.children.iter().zip(&projection.children) {
            tables.push(TablePlan::new(&child.table, keep, child.key.as_slice()));
        }
        let index = |name: &str| event.header.index(name).expect("a role is a column of the header");
        Self {
            event,
            tables,
            business_id: event.business_id.iter().copied().map(index).collect(),
            person: index(event.person),
            event_time: index(event.event_time),
            total: event.total.map(index),
            keys: event.children.iter().map(|child| child.key.and_then(|key| child.table.index(key))).collect(),
        }
    }
}
