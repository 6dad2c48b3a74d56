//! Where the snapshots of a group lie: reading, checking and clearing them.

use std::collections::BTreeSet;
use std::fmt;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::io::objects::Objects;
use crate::runtime::snapshot::manifest::Manifest;
use crate::runtime::snapshot::manifest::SegmentName;
use crate::runtime::snapshot::manifest::sum;
use crate::state::saved::Damage;
use crate::state::segment::Segment;

/// Snapshots of a shard that are kept.
pub const KEPT: usize = 3;

const ROOT: &str = "snapshots";
/// Digits of a number in a name, so that names sort as numbers do.
const DIGITS: usize = 20;

/// A snapshot that cannot be used, or a store that does not answer.
#[derive(Debug)]
pub enum Trouble {
    Damaged(Damage),
    /// The named object is not there, or not the one that was written.
    Missing(String),
    /// It is sound and belongs to something else, in words.
    Unfit(String),
    World(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::World(fault)
    }
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(damage) => damage.fmt(f),
            Self::Missing(object) => write!(f, "{object} is missing or damaged"),
            Self::Unfit(reason) => f.write_str(reason),
            Self::World(fault) => f.write_str(&crate::base::fault::chain(fault)),
        }
    }
}

impl std::error::Error for Trouble {}

/// What clearing removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub snapshots: usize,
    pub segments: usize,
    pub bytes: u64,
}

/// The snapshots of one group.
pub struct Shelf {
    objects: Objects,
    group: String,
}

impl Shelf {
    pub fn new(objects: Objects, group: String) -> Self {
        Self { objects, group }
    }

    /// Where it stands, for people.
    pub fn place(&self) -> String {
        format!("{}/{ROOT}/{}", self.objects.place(), self.group)
    }

    fn manifests(&self, shard: ShardId) -> String {
        format!("{ROOT}/{}/{shard}/manifests", self.group)
    }

    fn segments(&self, shard: ShardId) -> String {
        format!("{ROOT}/{}/{shard}/segments", self.group)
    }

    /// The shards that something is kept of.
    pub fn shards(&self) -> Result<BTreeSet<ShardId>, Fault> {
        let root = format!("{ROOT}/{}", self.group);
        let listed = self.objects.list(&root)?;
        let shard = |(name, _): &(String, u64)| name.strip_prefix(&root)?.strip_prefix('/')?.split('/').next()?.parse().ok();
        Ok(listed.iter().filter_map(shard).collect())
    }

    /// Numbers of the journal entries that a shard has snapshots behind; in order.
    pub fn numbers(&self, shard: ShardId) -> Result<Vec<u64>, Fault> {
        let listed = self.objects.list(&self.manifests(shard))?;
        Ok(listed.iter().filter_map(|(name, _)| name.rsplit('/').next()?.parse().ok()).collect())
    }

    pub fn manifest(&self, shard: ShardId, number: u64) -> Result<Manifest, Trouble> {
        let object = format!("{}/{number:0DIGITS$}", self.manifests(shard));
        let bytes = self.objects.get(&object)?.ok_or(Trouble::Missing(object))?;
        let manifest = Manifest::decode(&bytes)?;
        if (manifest.shard, manifest.number) != (shard, number) {
            return Err(Trouble::Unfit(format!("its manifest is of entry {} of shard {}", manifest.number, manifest.shard)));
        }
        Ok(manifest)
    }

    /// A segment that a manifest names.
    pub fn segment(&self, shard: ShardId, name: &SegmentName) -> Result<Segment, Trouble> {
        let object = format!("{}/{}", self.segments(shard), name.object());
        let bytes = self.objects.get(&object)?.filter(|bytes| bytes.len() as u64 == name.bytes && sum(bytes) == name.sum);
        let segment = Segment::decode(&bytes.ok_or(Trouble::Missing(object))?)?;
        let found = (segment.shard, segment.table.as_str(), segment.from, segment.to);
        if found == (shard, name.table.as_str(), name.from, name.to) {
            Ok(segment)
        } else {
            Err(Trouble::Unfit(format!("its segment {} is of other records", name.object())))
        }
    }

    /// Reads everything that a snapshot is made of.
    pub fn check(&self, shard: ShardId, number: u64) -> Result<Manifest, Trouble> {
        let manifest = self.manifest(shard, number)?;
        for name in &manifest.segments {
            self.segment(shard, name)?.body()?;
        }
        Ok(manifest)
    }

    /// Writes a segment; `number`: of the entry behind which it is written.
    pub fn keep_segment(&self, segment: &Segment, number: u64) -> Result<SegmentName, Fault> {
        let bytes = segment.encode();
        let name = SegmentName {
            table: segment.table.clone(),
            from: segment.from,
            to: segment.to,
            number,
            bytes: bytes.len() as u64,
            sum: sum(&bytes),
        };
        self.objects.put(&format!("{}/{}", self.segments(segment.shard), name.object()), bytes)?;
        Ok(name)
    }

    /// Makes a snapshot visible. Its segments are there already: one that
    /// somebody removed meanwhile would be named by all snapshots to come.
    pub fn keep(&self, manifest: &Manifest) -> Result<(), Trouble> {
        let folder = self.segments(manifest.shard);
        let there: BTreeSet<(String, u64)> = self.objects.list(&folder)?.into_iter().collect();
        let named = manifest.segments.iter().map(|name| (format!("{folder}/{}", name.object()), name.bytes));
        if let Some((object, _)) = named.into_iter().find(|named| !there.contains(named)) {
            return Err(Trouble::Missing(object));
        }
        let object = format!("{}/{:0DIGITS$}", self.manifests(manifest.shard), manifest.number);
        Ok(self.objects.put(&object, manifest.encode())?)
    }

    /// Removes all but the newest snapshots of a shard that can be read, and
    /// segments that none of those needs. A segment newer than the newest of
    /// them may be of one that is being written: it stays. So does the snapshot
    /// of number `own` whatever its number: those of a journal that is no more
    /// may have greater ones.
    pub fn prune(&self, shard: ShardId, kept: usize, own: Option<u64>) -> Result<Pruned, Fault> {
        let mut pruned = Pruned::default();
        let mut sound = Vec::new();
        for number in self.numbers(shard)?.into_iter().rev() {
            match self.manifest(shard, number) {
                Ok(manifest) if sound.len() < kept || own == Some(number) => sound.push(manifest),
                Err(Trouble::World(fault)) => return Err(fault),
                Ok(_) | Err(_) => {
                    self.objects.remove(&format!("{}/{number:0DIGITS$}", self.manifests(shard)))?;
                    pruned.snapshots += 1;
                }
            }
        }
        let Some(newest) = sound.first().map(|manifest| manifest.number) else { return Ok(pruned) };
        let needed: BTreeSet<String> = sound.iter().flat_map(|manifest| manifest.segments.iter().map(SegmentName::object)).collect();
        for (name, bytes) in self.objects.list(&self.segments(shard))? {
            let object = name.rsplit('/').next().unwrap_or_default();
            if !needed.contains(object) && SegmentName::number_in(object).is_some_and(|number| number <= newest) {
                self.objects.remove(&name)?;
                pruned.segments += 1;
                pruned.bytes += bytes;
            }
        }
        Ok(pruned)
    }
}
