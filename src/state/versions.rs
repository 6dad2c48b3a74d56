//! Which business ids a shard has accepted, and which of their versions holds.

use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::events::InputId;
use crate::state::corrections::NegativeIdx;
use crate::state::events::EventIdx;
use crate::state::keyed::Keyed;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;

/// A business id with its event type, by a 128-bit hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(pub u128);

impl EventId {
    /// `scratch` is overwritten.
    pub fn of<'a>(input: InputId, parts: impl IntoIterator<Item = &'a str>, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        scratch.push(u8::try_from(input).unwrap_or(u8::MAX));
        for part in parts {
            // Behind their lengths the parts cannot run together.
            scratch.extend_from_slice(&part.len().to_le_bytes());
            scratch.extend_from_slice(part.as_bytes());
        }
        Self(xxh3_128(scratch))
    }
}

/// What versions of one business id are ordered by: the greatest holds,
/// whatever came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// `updt_time`; the least of all times where it is not told.
    pub updated: i64,
    pub deleted: bool,
    /// A hash of the message's bytes.
    pub content: u64,
}

/// What the version that holds is to its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Deleted, or void by its own word.
    Nothing,
    Event(EventIdx),
    Negative(NegativeIdx),
    /// A row of the run that is being taken in.
    Row(u32),
}

/// What a message is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    First,
    /// The version that holds, again.
    Repeat,
    /// A version that does not hold.
    Older,
    /// It takes the place of one that stood so.
    Newer(Standing),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Known {
    version: Version,
    standing: Standing,
}

#[derive(Debug, Default)]
pub struct Versions {
    known: Keyed<EventId, Known>,
}

impl Versions {
    /// Notes a version. If it is the one that holds from now on, it is nothing
    /// until [`Versions::stands`] says what.
    pub fn note(&mut self, id: EventId, version: Version) -> Sight {
        let sight = match self.known.get(&id) {
            None => Sight::First,
            Some(known) if known.version == version => return Sight::Repeat,
            Some(known) if known.version > version => return Sight::Older,
            Some(known) => Sight::Newer(known.standing),
        };
        self.known.insert(id, Known { version, standing: Standing::Nothing });
        sight
    }

    pub fn stands(&mut self, id: EventId, standing: Standing) {
        if let Some(known) = self.known.get_mut(&id) {
            known.standing = standing;
        }
    }

    /// The event that the version in force is.
    pub fn event(&self, id: EventId) -> Option<EventIdx> {
        match self.known.get(&id)?.standing {
            Standing::Event(event) => Some(event),
            _ => None,
        }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { known } = self;
        known.save("versions", saver);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        Ok(Self { known: Keyed::load("versions", loader)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_version_holds_in_any_order() {
        let version = |updated, deleted, content| Version { updated, deleted, content };
        let ranked = [version(1, false, 9), version(2, false, 3), version(2, false, 4), version(2, true, 1), version(3, false, 0)];
        for start in 0..ranked.len() {
            let (mut versions, id) = (Versions::default(), EventId(7));
            let mut greatest = None;
            for place in 0..2 * ranked.len() {
                let at = (start + place * 3) % ranked.len();
                let expected = match greatest {
                    None => Sight::First,
                    Some(known) if known == at => Sight::Repeat,
                    Some(known) if known > at => Sight::Older,
                    Some(known) => Sight::Newer(Standing::Row(known as u32)),
                };
                assert_eq!(versions.note(id, ranked[at]), expected);
                if greatest.is_none_or(|known| known < at) {
                    greatest = Some(at);
                    versions.stands(id, Standing::Row(at as u32));
                }
            }
        }
    }

    #[test]
    fn parts_of_an_id_do_not_run_together() {
        let mut scratch = Vec::new();
        let mut of = |input, parts: &[&str]| EventId::of(input, parts.iter().copied(), &mut scratch);
        assert_ne!(of(1, &["H1", "23"]), of(1, &["H12", "3"]));
        assert_ne!(of(0, &["H1", "23"]), of(1, &["H1", "23"]));
        assert_eq!(of(1, &["H1", "23"]), of(1, &["H1", "23"]));
    }
}
