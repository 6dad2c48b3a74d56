//! Which business ids a shard has accepted, and with what content.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use xxhash_rust::xxh3::xxh3_128;

use crate::events::InputId;

/// What an event is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    First,
    /// The same business id with the same bytes.
    Repeat,
    /// The same business id with other bytes.
    Changed,
}

/// Business ids by a 128-bit hash; content by a 64-bit one.
#[derive(Debug, Default)]
pub struct Seen {
    contents: [HashMap<u128, u64>; 2],
}

impl Seen {
    /// Notes the event, unless its business id is known. `content`: a hash of its bytes.
    pub fn note(&mut self, input: InputId, business_id: &[u8], content: u64) -> Sight {
        match self.contents[input].entry(xxh3_128(business_id)) {
            Entry::Vacant(vacant) => {
                vacant.insert(content);
                Sight::First
            }
            Entry::Occupied(known) if *known.get() == content => Sight::Repeat,
            Entry::Occupied(_) => Sight::Changed,
        }
    }

    pub fn len(&self) -> usize {
        self.contents.iter().map(HashMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
