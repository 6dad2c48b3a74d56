//! Ids as types of their own, so that one can never be passed for another.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A person as the engine knows one: a 128-bit keyed pseudonym of `psn_no`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonKey(pub [u8; 16]);

/// The identity of a clue: the first 128 bits of a hash over rule id, subject
/// and anchor, never over the rule's version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClueId(pub [u8; 16]);

/// A content digest (SHA-256) that names a rule set, a reference set or a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

/// The number of a partition; the shard that owns it carries the same number.
pub type ShardId = i32;

/// The number of an input: the place of its event type in the list of them;
/// behind them stand the partials.
pub type InputId = usize;
/// How many inputs hold events.
pub const EVENT_INPUTS: usize = 2;
/// The internal input: what shards tell rollups.
pub const PARTIALS_INPUT: InputId = EVENT_INPUTS;
/// How many inputs there are.
pub const INPUTS: usize = 3;

impl Digest {
    /// Digests `parts` with their lengths, so that no two lists of parts
    /// share a digest by concatenation.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The first 16 hexadecimal digits, enough to tell digests apart in text.
    pub fn short(&self) -> String {
        self.to_string().chars().take(16).collect()
    }
}

impl ClueId {
    /// Hashes the parts that make two clues the same case.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&Digest::of(parts).0[..16]);
        Self(id)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! hex_text {
    ($($id:ident),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }
    )*};
}
hex_text!(PersonKey, ClueId, Digest);
