//! Persons by pseudonym: compared in full, numbered for use inside the shard.

use hashbrown::HashMap;
use serde::Deserialize;
use serde::Serialize;

use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;
use crate::base::ids::PersonKey;

/// Number of a person within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonIdx(pub u32);

#[derive(Debug, Default)]
pub struct Persons {
    by_key: HashMap<PersonKey, PersonIdx>,
    keys: Vec<PersonKey>,
}

impl Persons {
    pub fn index(&mut self, key: PersonKey) -> PersonIdx {
        let next = PersonIdx(u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
        assert!(next.0 != u32::MAX, "a shard holds fewer than 2^32 persons");
        *self.by_key.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        })
    }

    pub fn key(&self, person: PersonIdx) -> PersonKey {
        self.keys[person.0 as usize]
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { by_key: _, keys } = self;
        saver.rows("persons", keys.len(), |idx| keys[idx]);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut persons = Self::default();
        let mut count = 0;
        loader.rows("persons", |key: PersonKey| {
            persons.index(key);
            count += 1;
            if persons.len() == count { Ok(()) } else { Err(Damage::malformed("persons", "a person stands there twice")) }
        })?;
        Ok(persons)
    }
}
