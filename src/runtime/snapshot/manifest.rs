//! The manifest of a snapshot: where it stands, what it was made under, and
//! which segments it is made of.
//!
//! A first line with format and checksum, then JSON for whoever looks.

use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::base::ids::ShardId;
use crate::engine::activation::Activation;
use crate::engine::activation::BundleName;
use crate::engine::journal::Versions;
use crate::state::saved::Damage;

/// Rises when older programs would read a manifest wrongly.
pub const FORMAT: u32 = 1;
const WHAT: &str = "manifest of a snapshot";
const TITLE: &str = "claimsift snapshot";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub shard: ShardId,
    /// Of the journal entry that it stands behind.
    pub number: u64,
    /// Hash of that entry's bytes.
    pub entry: String,
    /// Format of the state.
    pub state: u32,
    /// What the shard was at: semantics, rules, references, key, settings.
    pub versions: Versions,
    /// The bundle that the shard began with.
    pub began: Bundle,
    /// Those that it went on under, in turn.
    pub activations: Vec<Switched>,
    /// Next offset to read, by input.
    pub offsets: Vec<i64>,
    pub segments: Vec<SegmentName>,
    /// For people.
    pub wall_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    pub rules: String,
    pub references: String,
}

impl From<&BundleName> for Bundle {
    fn from(name: &BundleName) -> Self {
        Self { rules: name.rules.clone(), references: name.references.clone() }
    }
}

/// An activation that the shard followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switched {
    pub number: u64,
    pub bundle: Bundle,
    /// `yyyy-MM`
    pub groups_from: String,
}

impl From<&Activation> for Switched {
    fn from(of: &Activation) -> Self {
        Self { number: of.number, bundle: (&of.bundle).into(), groups_from: of.groups_from.to_string() }
    }
}

/// A segment, as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentName {
    pub table: String,
    pub from: u64,
    pub to: u64,
    /// Of the journal entry behind which it was written.
    pub number: u64,
    /// Length of the object.
    pub bytes: u64,
    /// Hash of the object.
    pub sum: String,
}

impl SegmentName {
    pub fn object(&self) -> String {
        let Self { table, from, to, number, bytes: _, sum } = self;
        format!("{table}-{from}-{to}-{number}-{sum}")
    }

    /// The number in the name of an object.
    pub fn number_in(object: &str) -> Option<u64> {
        object.rsplit('-').nth(1)?.parse().ok()
    }
}

/// A hash of bytes as manifests write it.
pub fn sum(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

impl Manifest {
    pub fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_vec_pretty(self).unwrap_or_default();
        let mut out = format!("{TITLE} {FORMAT} {}\n", sum(&body)).into_bytes();
        out.extend_from_slice(&body);
        out
    }

    /// # Errors
    /// The bytes are not what [`Manifest::encode`] wrote, to the last bit.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let foreign = Damage::Foreign { what: WHAT };
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Damage::Truncated { what: WHAT })?;
        let (title, body) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default());
        let rest = title.strip_prefix(TITLE.as_bytes()).and_then(|rest| rest.strip_prefix(b" ")).ok_or_else(|| foreign.clone())?;
        let (format, expected) = std::str::from_utf8(rest).ok().and_then(|rest| rest.split_once(' ')).ok_or_else(|| foreign.clone())?;
        if format != FORMAT.to_string() {
            let found = format.parse().map_err(|_| foreign)?;
            return Err(Damage::Format { what: WHAT, found, known: FORMAT });
        }
        if expected != sum(body) {
            return Err(Damage::Checksum { what: WHAT });
        }
        serde_json::from_slice(body).map_err(|_| Damage::malformed(WHAT, "it says something else than manifests say"))
    }
}
