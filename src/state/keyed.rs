//! A table by key that knows what changed in it since it was saved.

use std::hash::Hash;

use hashbrown::HashMap;
use hashbrown::HashSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;

#[derive(Debug)]
pub struct Keyed<K, V> {
    rows: HashMap<K, V>,
    /// Keys that were put, changed or removed since the last save; `None`:
    /// nothing was saved yet, and nothing has to be noted.
    touched: Option<HashSet<K>>,
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self { rows: HashMap::new(), touched: None }
    }
}

impl<K: Copy + Ord + Hash, V> Keyed<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// The row, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        if let Some(touched) = &mut self.touched {
            touched.insert(*key);
        }
        Some(row)
    }

    pub fn insert(&mut self, key: K, row: V) -> Option<V> {
        self.touch(key);
        self.rows.insert(key, row)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.touch(*key);
        self.rows.remove(key)
    }

    /// The row, to be changed; a new one where there was none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.touch(key);
        self.rows.entry(key).or_default()
    }

    /// In no order: for what does not depend on any.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn touch(&mut self, key: K) {
        if let Some(touched) = &mut self.touched {
            touched.insert(key);
        }
    }
}

impl<K: Copy + Ord + Hash + Serialize + DeserializeOwned, V: Serialize + DeserializeOwned> Keyed<K, V> {
    /// Writes the rows that changed, in the order of their keys.
    pub fn save(&mut self, table: &str, saver: &mut Saver<'_>) {
        // A table that never had a row has no mark.
        let touched = self.touched.replace(HashSet::new()).filter(|_| saver.mark(table) > 0);
        let mut keys: Vec<K> = touched.map_or_else(|| self.rows.keys().copied().collect(), |touched| touched.into_iter().collect());
        keys.sort_unstable();
        saver.more(table, keys.iter().map(|key| (key, self.rows.get(key))));
    }

    pub fn load(table: &str, loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut rows = HashMap::new();
        loader.rows(table, |(key, row): (K, Option<V>)| {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
            Ok(())
        })?;
        Ok(Self { rows, touched: Some(HashSet::new()) })
    }
}
