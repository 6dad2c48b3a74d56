//! A segment: records of one table of one shard, as the bytes of one file.
//!
//! ```text
//! "cssg"  format                         4 bytes, 1 byte
//! shard                                  4 bytes
//! table                                  length in 1 byte, UTF-8
//! from  to                               8 bytes each: first record, behind the last
//! bytes of the records                   8 bytes
//! records                                zstd
//! xxh3 of all before                     16 bytes
//! ```
//!
//! Integers stand least byte first.

use xxhash_rust::xxh3::xxh3_128;

use super::saved::Damage;
use super::saved::Part;
use crate::base::ids::ShardId;

const MAGIC: &[u8; 4] = b"cssg";
/// The format that segments are written in.
pub const FORMAT: u8 = 1;
const WHAT: &str = "segment";
/// Fast, and within a few percent of what slower ones reach for rows of small integers.
const ZSTD_LEVEL: i32 = 1;

/// A segment whose bytes are those that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub shard: ShardId,
    pub table: String,
    /// The first record, and the one behind the last.
    pub from: u64,
    pub to: u64,
    /// Bytes of the records.
    plain: u64,
    packed: Vec<u8>,
}

impl Segment {
    /// # Errors
    /// The table's name is too long.
    pub fn of(shard: ShardId, part: &Part) -> Result<Self, Damage> {
        let Part { table, from, to, bytes } = part;
        let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(|_| Damage::malformed(table, "it cannot be packed"))?;
        if table.len() > usize::from(u8::MAX) {
            return Err(Damage::malformed(table, "its name is too long"));
        }
        Ok(Self { shard, table: table.clone(), from: *from, to: *to, plain: bytes.len() as u64, packed })
    }

    pub fn encode(&self) -> Vec<u8> {
        let Self { shard, table, from, to, plain, packed } = self;
        let mut out = Vec::with_capacity(packed.len() + table.len() + 64);
        out.extend_from_slice(MAGIC);
        out.push(FORMAT);
        out.extend_from_slice(&shard.to_le_bytes());
        out.push(u8::try_from(table.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(table.as_bytes());
        for number in [from, to, plain] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(packed);
        out.extend_from_slice(&xxh3_128(&out).to_le_bytes());
        out
    }

    /// # Errors
    /// The bytes are not what [`Segment::encode`] wrote, to the last bit.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Damage::Foreign { what: WHAT })?;
        match rest.first() {
            Some(&FORMAT) => {}
            Some(other) => return Err(Damage::Format { what: WHAT, found: (*other).into(), known: FORMAT.into() }),
            None => return Err(Damage::Truncated { what: WHAT }),
        }
        let (content, sum) = bytes.split_last_chunk::<16>().ok_or(Damage::Truncated { what: WHAT })?;
        if xxh3_128(content) != u128::from_le_bytes(*sum) {
            return Err(Damage::Checksum { what: WHAT });
        }
        let mut rest = content.get(MAGIC.len() + 1..).unwrap_or_default();
        let segment = (|| {
            let shard = ShardId::from_le_bytes(take(&mut rest)?);
            let [len] = take(&mut rest)?;
            let (table, more) = rest.split_at_checked(len.into())?;
            rest = more;
            let table = std::str::from_utf8(table).ok()?.to_owned();
            let [from, to, plain] = [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?].map(u64::from_le_bytes);
            Some(Self { shard, table, from, to, plain, packed: rest.to_vec() })
        })();
        segment.ok_or(Damage::Truncated { what: WHAT })
    }

    /// About the length of its file.
    pub fn packed_bytes(&self) -> u64 {
        self.packed.len() as u64
    }

    /// The bytes of the records.
    pub fn body(&self) -> Result<Vec<u8>, Damage> {
        let damaged = |_| Damage::malformed(&self.table, "it cannot be unpacked");
        let room = usize::try_from(self.plain).unwrap_or(usize::MAX);
        let bytes = zstd::stream::decode_all(self.packed.as_slice()).map_err(damaged)?;
        if bytes.len() == room { Ok(bytes) } else { Err(Damage::malformed(&self.table, "it has another length than it says")) }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, more) = rest.split_first_chunk::<N>()?;
    *rest = more;
    Some(*taken)
}
