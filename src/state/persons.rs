//! Persons by pseudonym: compared in full, numbered for use inside the shard.

use hashbrown::HashMap;

use crate::base::ids::PersonKey;

/// Number of a person within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}
