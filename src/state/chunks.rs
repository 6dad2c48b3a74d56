//! A list that only grows, chunk by chunk: nothing that is in it is ever
//! copied, and no room is doubled.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;

/// Rows of one chunk.
const CHUNK: usize = 1 << 11;

#[derive(Debug)]
pub struct Chunks<T> {
    /// All full but the last.
    chunks: Vec<Vec<T>>,
    /// How many rows the last save wrote, and which of them changed since.
    saved: usize,
    changed: BTreeSet<usize>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), saved: 0, changed: BTreeSet::new() }
    }
}

impl<T> Chunks<T> {
    pub fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(row),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
    }

    #[inline]
    pub fn get(&self, idx: usize) -> Option<&T> {
        self.chunks.get(idx / CHUNK)?.get(idx % CHUNK)
    }

    #[inline]
    pub fn get_mut(&mut self, idx: usize) -> Option<&mut T> {
        let row = self.chunks.get_mut(idx / CHUNK)?.get_mut(idx % CHUNK)?;
        if idx < self.saved {
            self.changed.insert(idx);
        }
        Some(row)
    }

    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl<T: Serialize + DeserializeOwned> Chunks<T> {
    /// Writes the rows that are new, and beside them those that changed.
    pub fn save(&mut self, table: &str, saver: &mut Saver<'_>) {
        let from = saver.mark(table);
        let len = self.len();
        let Self { chunks: _, saved, changed } = self;
        let changed = std::mem::take(changed);
        *saved = len;
        saver.rows(table, len, |idx| &self[idx]);
        saver.more(&changes(table), changed.into_iter().filter(|idx| *idx < from).map(|idx| (idx as u64, &self[idx])));
    }

    pub fn load(table: &str, loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut list = Self::default();
        loader.rows(table, |row| {
            list.push(row);
            Ok(())
        })?;
        loader.rows(&changes(table), |(idx, row): (u64, T)| {
            let idx = usize::try_from(idx).unwrap_or(usize::MAX);
            *list.get_mut(idx).ok_or_else(|| Damage::malformed(table, "a row changed that is not there"))? = row;
            Ok(())
        })?;
        list.saved = list.len();
        Ok(list)
    }
}

/// The log of changed rows of a table.
fn changes(table: &str) -> String {
    format!("{table}.changes")
}

impl<T> std::ops::Index<usize> for Chunks<T> {
    type Output = T;

    #[inline]
    fn index(&self, idx: usize) -> &T {
        &self.chunks[idx / CHUNK][idx % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_where_they_were_put() {
        let mut list = Chunks::default();
        assert!(list.is_empty() && list.get(0).is_none());
        for row in 0..3 * CHUNK + 1 {
            assert_eq!(list.len(), row);
            list.push(row);
        }
        assert!((0..list.len()).all(|idx| list[idx] == idx && list.get(idx) == Some(&idx)));
        assert_eq!(list.get(list.len()), None);
    }
}
