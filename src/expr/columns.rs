//! The columns that expressions may name.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;

/// What a row stands for. An expression over header columns alone is computed
/// once per header row and spread to the lines only where it meets line columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// A row per event (or per supply: whatever the coarser table of the batch is).
    Header,
    /// A row per line; each has one header row.
    Line,
}

/// A column by its qualified name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// `header.gend`
    pub name: String,
    pub data_type: DataType,
    pub grain: Grain,
}

/// The columns that expressions may name, in a fixed order.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    list: Vec<ColumnDef>,
    by_name: BTreeMap<String, usize>,
}

impl Columns {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `qualifier.name`; both in lower case.
    ///
    /// # Panics
    /// If the name was added before.
    #[must_use]
    pub fn with(mut self, qualifier: &str, name: &str, data_type: DataType, grain: Grain) -> Self {
        let name = format!("{qualifier}.{name}");
        let before = self.by_name.insert(name.clone(), self.list.len());
        assert!(before.is_none(), "column {name} is declared twice");
        self.list.push(ColumnDef { name, data_type, grain });
        self
    }

    pub fn get(&self, name: &str) -> Option<&ColumnDef> {
        self.position(name).map(|at| &self.list[at])
    }

    pub fn iter(&self) -> impl Iterator<Item = &ColumnDef> {
        self.list.iter()
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn at(&self, position: usize) -> &ColumnDef {
        &self.list[position]
    }
}
