//! Partial blocks: what one shard tells the rollup of an institution.
//!
//! A block is one record of the partials topic. It goes from the shard that
//! read the events to the shard that owns the institution, numbered from 1 for
//! each such pair. `format` writes it as bytes and reads it back.

mod format;
#[cfg(test)]
mod tests;
mod varint;

use crate::base::ids::ShardId;
use crate::base::limits::BLOCK_SUMS_MAX;
use crate::base::limits::GROUP_TEXT_BYTES_MAX;
use crate::base::time::Civil;

use super::group::Definition;
use super::group::Row;
use super::group::RowKey;
use super::group::Text;

pub use format::BlockFault;
pub use format::FORMAT;

/// Rows of one institution and one definition, or none: then it is a
/// *statement* of the source's watermarks alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The shard whose events were counted.
    pub source: ShardId,
    /// The shard that the block is for.
    pub rollup: ShardId,
    /// Rises by one from block to block of this source for this rollup.
    pub sequence: u64,
    /// Of each input of the source: everything that it contributed up to here
    /// is in this block or one before it.
    pub watermarks: Vec<Civil>,
    pub body: Option<Body>,
}

/// Rows of one institution, counted by one definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    definition: Definition,
    institution: Text,
    rows: Vec<BodyRow>,
}

/// What one day adds to one row of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyRow {
    pub key: RowKey,
    /// Days since 1970-01-01 on the civil calendar.
    pub day: i32,
    /// One for each indicator; at least one is not zero.
    pub sums: Row,
}

impl BodyRow {
    fn place(&self) -> (&RowKey, i32) {
        (&self.key, self.day)
    }
}

impl Body {
    /// `rows` in any order. `None` if there are none or more than
    /// [`BLOCK_SUMS_MAX`] allows, if a text is longer than
    /// [`GROUP_TEXT_BYTES_MAX`], if a row has another number of sums than the
    /// definition indicators or holds zeros alone, or if two rows are of one
    /// key and day.
    pub fn new(definition: Definition, institution: Text, mut rows: Vec<BodyRow>) -> Option<Self> {
        rows.sort_by(|a, b| a.place().cmp(&b.place()));
        let distinct = rows.windows(2).all(|pair| matches!(pair, [a, b] if a.place() != b.place()));
        let counted = |row: &BodyRow| row.sums.len() == definition.indicators() && row.sums.iter().any(|sums| !sums.is_zero());
        let bounded = rows.len().saturating_mul(definition.indicators()) <= BLOCK_SUMS_MAX;
        let short = rows.iter().flat_map(|row| row.key.texts()).chain([&institution]).all(|text| text.len() <= GROUP_TEXT_BYTES_MAX);
        (!rows.is_empty() && bounded && short && distinct && rows.iter().all(counted)).then_some(Self { definition, institution, rows })
    }

    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// `fixmedins_code`; also the key of the record.
    pub fn institution(&self) -> &Text {
        &self.institution
    }

    /// By department, doctor, cell and day; never empty.
    pub fn rows(&self) -> &[BodyRow] {
        &self.rows
    }
}
