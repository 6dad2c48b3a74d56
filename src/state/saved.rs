//! Tables as bytes and back: logs of records that only grow, and one head that
//! is written whole each time.
//!
//! A save writes of each log what came since the save before, so that it costs
//! what is new. Indices are not written: they are made of the records again.

use std::collections::BTreeMap;
use std::fmt;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::segment::Segment;

/// The table of the head.
pub const HEAD: &str = "head";
/// A part that reached this length goes on in another one.
const PART_BYTES_MAX: usize = 64 << 20;

/// Bytes that are not what was saved, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Not the first bytes of what they are taken for.
    Foreign {
        what: &'static str,
    },
    /// A format that this program does not know.
    Format {
        what: &'static str,
        found: u32,
        known: u32,
    },
    Truncated {
        what: &'static str,
    },
    /// The bytes are not those that were written.
    Checksum {
        what: &'static str,
    },
    /// Record `from` of a table does not follow record `to`, the last before it.
    Gap {
        table: String,
        to: u64,
        from: u64,
    },
    /// A record that no shard writes, or one that is missing.
    Malformed {
        table: String,
        reason: &'static str,
    },
}

impl Damage {
    pub fn malformed(table: &str, reason: &'static str) -> Self {
        Self::Malformed { table: table.to_owned(), reason }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { what } => write!(f, "this is no {what}"),
            Self::Format { what, found, known } => write!(f, "a {what} of format {found}, known is {known}"),
            Self::Truncated { what } => write!(f, "a {what} ends too early"),
            Self::Checksum { what } => write!(f, "a {what} does not have its checksum"),
            Self::Gap { table, to, from } => write!(f, "records of table {table} end at {to} and go on at {from}"),
            Self::Malformed { table, reason } => write!(f, "table {table}: {reason}"),
        }
    }
}

impl std::error::Error for Damage {}

/// How many records of each log were saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<String, u64>);

impl Marks {
    /// Nothing was saved: the next save writes everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, table: &str) -> u64 {
        self.0.get(table).copied().unwrap_or_default()
    }
}

/// Records `from` to before `to` of one table, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub table: String,
    pub from: u64,
    pub to: u64,
    pub bytes: Vec<u8>,
}

/// Takes in what tables write.
pub struct Saver<'a> {
    marks: &'a mut Marks,
    parts: Vec<Part>,
    head: Vec<u8>,
    fault: Option<Damage>,
}

/// Where records are appended.
struct Into<'a>(&'a mut Vec<u8>);

impl Flavor for Into<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl<'a> Saver<'a> {
    /// `marks`: what was saved before; they are moved to what is saved now.
    pub fn new(marks: &'a mut Marks) -> Self {
        Self { marks, parts: Vec::new(), head: Vec::new(), fault: None }
    }

    /// How many records of a log were saved before.
    pub fn mark(&self, table: &str) -> usize {
        usize::try_from(self.marks.of(table)).unwrap_or(usize::MAX)
    }

    /// The rows of a table that were not saved yet, of `len` rows that it has.
    pub fn rows<T: Serialize>(&mut self, table: &str, len: usize, row: impl Fn(usize) -> T) {
        self.more(table, (self.mark(table)..len).map(row));
    }

    /// More records of a log.
    pub fn more<T: Serialize>(&mut self, table: &str, records: impl Iterator<Item = T>) {
        let from = self.marks.of(table);
        let mut part = Part { table: table.to_owned(), from, to: from, bytes: Vec::new() };
        for record in records {
            self.fault = self.fault.take().or(write(&record, &mut part.bytes, table).err());
            part.to += 1;
            if part.bytes.len() >= PART_BYTES_MAX {
                let next = Part { table: table.to_owned(), from: part.to, to: part.to, bytes: Vec::new() };
                self.parts.push(std::mem::replace(&mut part, next));
            }
        }
        if part.to > from {
            self.marks.0.insert(table.to_owned(), part.to);
        }
        if part.to > part.from {
            self.parts.push(part);
        }
    }

    /// A part of the head. What reads it asks for the same names in the same order.
    pub fn head<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let written = write(name, &mut self.head, HEAD).and_then(|()| write(value, &mut self.head, name));
        self.fault = self.fault.take().or(written.err());
    }

    /// Everything that the save writes; its head is the last part.
    ///
    /// # Errors
    /// A table holds what has no form as bytes.
    pub fn done(self) -> Result<Vec<Part>, Damage> {
        let Self { marks: _, mut parts, head, fault } = self;
        parts.push(Part { table: HEAD.to_owned(), from: 0, to: 1, bytes: head });
        fault.map_or(Ok(parts), Err)
    }
}

fn write<T: Serialize + ?Sized>(value: &T, to: &mut Vec<u8>, table: &str) -> Result<(), Damage> {
    postcard::serialize_with_flavor(value, Into(to)).map_err(|_| Damage::malformed(table, "it has no form as bytes"))
}

/// Gives tables back what they wrote.
pub struct Loader<'a> {
    /// By table, in order; taken out as they are read.
    logs: BTreeMap<String, Vec<Segment>>,
    head: Vec<u8>,
    /// How much of the head was read.
    at: usize,
    marks: Marks,
    alive: &'a mut dyn FnMut(),
}

impl<'a> Loader<'a> {
    /// All segments of one save and of those before it that it goes on from.
    /// `alive` is called before each is unpacked: there may be many.
    ///
    /// # Errors
    /// Segments are missing, or are of several shards.
    pub fn new(mut segments: Vec<Segment>, alive: &'a mut dyn FnMut()) -> Result<Self, Damage> {
        segments.sort_by(|one, other| (&one.table, one.from).cmp(&(&other.table, other.from)));
        let mut loader = Self { logs: BTreeMap::new(), head: Vec::new(), at: 0, marks: Marks::default(), alive };
        let shard = segments.first().map(|segment| segment.shard);
        let mut heads = 0;
        for segment in segments {
            if Some(segment.shard) != shard {
                return Err(Damage::malformed(&segment.table, "it is of another shard"));
            }
            if segment.table == HEAD {
                heads += 1;
                loader.head = segment.body()?;
                continue;
            }
            let to = loader.marks.of(&segment.table);
            if segment.from != to || segment.to <= segment.from {
                return Err(Damage::Gap { table: segment.table, to, from: segment.from });
            }
            loader.marks.0.insert(segment.table.clone(), segment.to);
            loader.logs.entry(segment.table.clone()).or_default().push(segment);
        }
        if heads == 1 { Ok(loader) } else { Err(Damage::malformed(HEAD, "there is not exactly one")) }
    }

    /// All records of a log, in order.
    pub fn rows<T: DeserializeOwned>(&mut self, table: &str, mut each: impl FnMut(T) -> Result<(), Damage>) -> Result<(), Damage> {
        for segment in self.logs.remove(table).unwrap_or_default() {
            (self.alive)();
            let body = segment.body()?;
            let mut rest = body.as_slice();
            for _ in segment.from..segment.to {
                let record;
                (record, rest) = read(rest, table)?;
                each(record)?;
            }
            if !rest.is_empty() {
                return Err(Damage::malformed(table, "it has more bytes than records"));
            }
        }
        Ok(())
    }

    /// The next part of the head.
    pub fn head<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Damage> {
        let rest = self.head.get(self.at..).unwrap_or_default();
        let (found, rest) = read::<String>(rest, HEAD)?;
        if found != name {
            return Err(Damage::malformed(name, "another part of the head stands in its place"));
        }
        let (value, rest) = read(rest, name)?;
        self.at = self.head.len() - rest.len();
        Ok(value)
    }

    /// # Errors
    /// Something was saved that nobody asked for.
    pub fn done(self) -> Result<Marks, Damage> {
        if let Some(table) = self.logs.keys().next() {
            return Err(Damage::malformed(table, "no table of this program"));
        }
        if self.at == self.head.len() { Ok(self.marks) } else { Err(Damage::malformed(HEAD, "it has parts that nobody reads")) }
    }
}

fn read<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8], table: &str) -> Result<(T, &'a [u8]), Damage> {
    postcard::take_from_bytes(bytes).map_err(|_| Damage::malformed(table, "a record that cannot be read"))
}

/// Bytes at once instead of one by one: `#[serde(with = "blob")]`.
pub mod blob {
    use std::fmt;

    use serde::Deserializer;
    use serde::Serializer;
    use serde::de::Error;
    use serde::de::Visitor;

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, B: From<Vec<u8>>>(from: D) -> Result<B, D::Error> {
        from.deserialize_bytes(Bytes).map(B::from)
    }
}

/// A hash table in the order of its keys, so that equal tables have equal
/// bytes: `#[serde(with = "sorted")]`.
pub mod sorted {
    use std::hash::Hash;

    use hashbrown::HashMap;
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serialize;
    use serde::Serializer;

    pub fn serialize<K: Serialize + Ord, V: Serialize, S: Serializer>(map: &HashMap<K, V>, to: S) -> Result<S::Ok, S::Error> {
        let mut rows: Vec<(&K, &V)> = map.iter().collect();
        rows.sort_by(|one, other| one.0.cmp(other.0));
        rows.serialize(to)
    }

    pub fn deserialize<'de, K, V, D>(from: D) -> Result<HashMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Eq + Hash,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
