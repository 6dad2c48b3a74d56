//! What stands in the outputs of past epochs, record by record, so that what is
//! derived again can be held against it.
//!
//! Every record belongs to one shard and, but for blocks, to one epoch of it:
//!
//! - a **clue** names its epoch, and its sources lie in the shard's partition. A
//!   withdrawal has no sources: it belongs where the clue's earlier words do;
//! - a **reject** names the message, and the journal the epoch that read it;
//! - a **block** of partials names its source, and is numbered from there to its
//!   rollup. Its epoch is the one that sends this number again.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde::Deserialize;

use crate::base::fault::Fault;
use crate::base::ids::Digest;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::io::log::Archive;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::io::log::SOURCE_OFFSET_HEADER;
use crate::io::log::SOURCE_PARTITION_HEADER;
use crate::io::log::SOURCE_TOPIC_HEADER;
use crate::io::log::TopicRecord;
use crate::window::partial::Block;

/// Which record of its shard and epoch it is. Shown to people: it names nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Clue {
        output: Output,
        id: String,
        revision: u32,
    },
    Reject {
        input: InputId,
        offset: i64,
    },
    Block {
        rollup: ShardId,
        sequence: u64,
    },
    /// A record that says too little, by where it stands.
    Nameless {
        output: Output,
        partition: i32,
        offset: i64,
    },
}

impl Place {
    pub fn output(&self) -> Output {
        match self {
            Self::Clue { output, .. } | Self::Nameless { output, .. } => *output,
            Self::Reject { .. } => Output::Rejects,
            Self::Block { .. } => Output::Partials,
        }
    }
}

/// The epochs that are asked about, and what the journal says of them.
pub struct Range {
    pub from: u64,
    pub to: u64,
    /// The last epoch of the journal.
    pub last: u64,
    /// Runs of events by input, in order: first offset, next offset, epoch.
    pub runs: BTreeMap<InputId, Vec<(i64, i64, u64)>>,
}

impl Range {
    /// The epoch that read an offset, or would have; `None`: none has yet.
    fn epoch(&self, input: InputId, offset: i64) -> Option<u64> {
        let runs = self.runs.get(&input)?;
        runs.get(runs.partition_point(|(_, to, _)| *to <= offset)).map(|(.., epoch)| *epoch)
    }

    fn holds(&self, epoch: u64) -> bool {
        (self.from..=self.to).contains(&epoch)
    }
}

/// What one place holds: a record, or several where there should be one.
type Marks = Vec<Digest>;

#[derive(Default)]
pub struct Standing {
    held: BTreeMap<(ShardId, u64), BTreeMap<Place, Marks>>,
    blocks: BTreeMap<ShardId, BTreeMap<Place, Marks>>,
    /// Records of no shard, or of no epoch that there is.
    pub stray: Vec<(Option<ShardId>, Place)>,
    /// Beyond the journal as it was read: epochs that committed since, or none.
    pub beyond: Vec<(ShardId, u64, Place)>,
    /// Builds that wrote the clues.
    pub builds: BTreeSet<String>,
    /// Rejects before this record time were dropped for their age.
    pub rejects_dropped_before: Option<i64>,
}

/// The end of a clue, as far as its place needs it.
#[derive(Deserialize)]
struct Clue {
    provenance: Provenance,
}
#[derive(Deserialize)]
struct Provenance {
    revision: u32,
    epoch: u64,
    sources: Vec<Source>,
}
#[derive(Deserialize)]
struct Source {
    partition: ShardId,
}

/// A clue's bytes without the build that wrote it, which may be another one of
/// the same semantics; and that build.
fn without_build(value: &[u8]) -> (&[u8], Option<&str>) {
    const NAME: &[u8] = br#","engine":""#;
    let at = value.windows(NAME.len()).rposition(|window| window == NAME);
    let build = at.and_then(|at| std::str::from_utf8(value.get(at + NAME.len()..)?.strip_suffix(br#""}}"#)?).ok());
    match (at, build.filter(|build| !build.contains(['"', '\\']))) {
        (Some(at), Some(build)) => (&value[..at], Some(build)),
        _ => (value, None),
    }
}

/// Over key, value and headers, each with its length; absent ones differ from empty ones.
fn mark<'a>(key: Option<&[u8]>, value: Option<&[u8]>, headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Digest {
    let there = |bytes: Option<&[u8]>| if bytes.is_some() { b"+".as_slice() } else { b"-" };
    let mut parts = vec![there(key), key.unwrap_or_default(), there(value), value.unwrap_or_default()];
    for (name, value) in headers {
        parts.extend([name.as_bytes(), there(value), value.unwrap_or_default()]);
    }
    Digest::of(parts)
}

fn header<'a>(record: &TopicRecord<'a>, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().find(|(own, _)| own == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

/// Place and mark of a record that was derived again. Only [`Place::Nameless`]
/// stands for more than one.
pub fn derived(record: &Record, topics: &[String]) -> (Place, Digest) {
    let headers: Vec<(String, Option<Vec<u8>>)> =
        record.headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone().into_bytes()))).collect();
    let as_read = TopicRecord {
        partition: record.partition.unwrap_or_default(),
        offset: 0,
        timestamp_ms: 0,
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: &headers,
    };
    let place = match record.output {
        Output::Clues | Output::Shadow => clue(record.output, &as_read).map(|(place, _)| place),
        Output::Rejects => reject(&as_read, topics).map(|(_, place)| place),
        Output::Partials => block(&as_read).map(|(_, place)| place),
        Output::Journal => None,
    };
    let nameless = || Place::Nameless { output: record.output, partition: as_read.partition, offset: 0 };
    (place.unwrap_or_else(nameless), mark_of(record.output, &as_read))
}

fn mark_of(output: Output, record: &TopicRecord<'_>) -> Digest {
    let value = match output {
        Output::Clues | Output::Shadow => record.value.map(|value| without_build(value).0),
        _ => record.value,
    };
    mark(record.key, value, record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())))
}

fn clue(output: Output, record: &TopicRecord<'_>) -> Option<(Place, Provenance)> {
    let id = std::str::from_utf8(record.key?).ok().filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let Clue { provenance } = sonic_rs::from_slice(record.value?).ok()?;
    Some((Place::Clue { output, id: id.to_owned(), revision: provenance.revision }, provenance))
}

fn reject(record: &TopicRecord<'_>, topics: &[String]) -> Option<(ShardId, Place)> {
    let topic = header(record, SOURCE_TOPIC_HEADER)?;
    let input = topics.iter().position(|name| name == topic)?;
    let shard = header(record, SOURCE_PARTITION_HEADER)?.parse().ok()?;
    let offset = header(record, SOURCE_OFFSET_HEADER)?.parse().ok()?;
    Some((shard, Place::Reject { input, offset }))
}

fn block(record: &TopicRecord<'_>) -> Option<(ShardId, Place)> {
    let block = Block::decode(record.value?).ok()?;
    // A block lies where its rollup reads.
    let rollup = Some(block.rollup).filter(|rollup| *rollup == record.partition)?;
    Some((block.source, Place::Block { rollup, sequence: block.sequence }))
}

/// A clue id as a number: there may be millions.
fn number(id: &str) -> u128 {
    u128::from_str_radix(id, 16).unwrap_or_default()
}

impl Standing {
    /// Reads every output once. `topics`: of the inputs, as records name them.
    ///
    /// # Errors
    /// What the log says.
    pub fn read(archive: &mut dyn Archive, ranges: &BTreeMap<ShardId, Range>, topics: &[String], rejects: bool) -> Result<Self, Fault> {
        let shards = archive.shards();
        let mut standing = Self::default();
        standing.clues(archive, ranges, shards)?;
        archive.output(Output::Partials, &mut |record| {
            match block(&record).filter(|(source, _)| (0..shards).contains(source)) {
                None => standing.stray.push((None, nameless(Output::Partials, &record))),
                Some((source, place)) if ranges.contains_key(&source) => {
                    let marks = standing.blocks.entry(source).or_default().entry(place).or_default();
                    marks.push(mark_of(Output::Partials, &record));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        if rejects {
            standing.rejects_dropped_before = archive.output(Output::Rejects, &mut |record| {
                match reject(&record, topics).filter(|(shard, _)| (0..shards).contains(shard)) {
                    None => standing.stray.push((None, nameless(Output::Rejects, &record))),
                    Some((shard, place)) => {
                        if let (Some(range), Place::Reject { input, offset }) = (ranges.get(&shard), &place) {
                            let epoch = range.epoch(*input, *offset).unwrap_or(range.last + 1);
                            standing.take(range, shard, epoch, place, mark_of(Output::Rejects, &record));
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(standing)
    }

    fn clues(&mut self, archive: &mut dyn Archive, ranges: &BTreeMap<ShardId, Range>, shards: ShardId) -> Result<(), Fault> {
        let mut homes: HashMap<u128, ShardId> = HashMap::new();
        // Withdrawals, whose clue may have been told in the other topic before.
        let mut homeless: Vec<(Place, u64, Digest)> = Vec::new();
        for output in [Output::Clues, Output::Shadow] {
            archive.output(output, &mut |record| {
                let Some((place, provenance)) = clue(output, &record) else {
                    self.stray.push((None, nameless(output, &record)));
                    return Ok(());
                };
                let Place::Clue { id, .. } = &place else { return Ok(()) };
                let asked =
                    ranges.values().any(|range| provenance.epoch > range.last || provenance.epoch == 0 || range.holds(provenance.epoch));
                let mark = || mark_of(output, &record);
                match provenance.sources.first() {
                    Some(source) => {
                        homes.entry(number(id)).or_insert(source.partition);
                        if asked {
                            let shard = source.partition;
                            self.note_build(&record);
                            self.place(ranges, shards, Some(shard), provenance.epoch, place, mark());
                        }
                    }
                    None if asked => {
                        self.note_build(&record);
                        homeless.push((place, provenance.epoch, mark()));
                    }
                    None => {}
                }
                Ok(())
            })?;
        }
        for (place, epoch, mark) in homeless {
            let Place::Clue { id, .. } = &place else { continue };
            let home = homes.get(&number(id)).copied();
            self.place(ranges, shards, home, epoch, place, mark);
        }
        Ok(())
    }

    fn note_build(&mut self, record: &TopicRecord<'_>) {
        let build = without_build(record.value.unwrap_or_default()).1.unwrap_or("?");
        if !self.builds.contains(build) {
            self.builds.insert(build.to_owned());
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a record, and what is asked about")]
    fn place(
        &mut self,
        ranges: &BTreeMap<ShardId, Range>,
        shards: ShardId,
        shard: Option<ShardId>,
        epoch: u64,
        place: Place,
        mark: Digest,
    ) {
        match shard.filter(|shard| (0..shards).contains(shard)) {
            None => self.stray.push((None, place)),
            Some(shard) => {
                if let Some(range) = ranges.get(&shard) {
                    self.take(range, shard, epoch, place, mark);
                }
            }
        }
    }

    fn take(&mut self, range: &Range, shard: ShardId, epoch: u64, place: Place, mark: Digest) {
        if range.holds(epoch) {
            self.held.entry((shard, epoch)).or_default().entry(place).or_default().push(mark);
        } else if epoch == 0 && range.from <= 1 {
            self.stray.push((Some(shard), place));
        } else if epoch > range.last && range.to == range.last {
            self.beyond.push((shard, epoch, place));
        }
    }

    /// What stands at a place, taken out: one record of several.
    pub fn take_out(&mut self, shard: ShardId, epoch: u64, place: &Place, wanted: &Digest) -> Option<Digest> {
        let of = match place {
            Place::Block { .. } => self.blocks.get_mut(&shard),
            _ => self.held.get_mut(&(shard, epoch)),
        }?;
        let marks = of.get_mut(place)?;
        let at = marks.iter().position(|mark| mark == wanted).unwrap_or_default();
        let found = marks.swap_remove(at);
        if marks.is_empty() {
            of.remove(place);
        }
        Some(found)
    }

    /// What is left of an epoch: nothing was derived again in its place.
    pub fn left_of(&mut self, shard: ShardId, epoch: u64) -> Vec<Place> {
        let left = self.held.remove(&(shard, epoch)).unwrap_or_default();
        left.into_iter().flat_map(|(place, marks)| marks.into_iter().map(move |_| place.clone())).collect()
    }

    /// The same of blocks: those whose numbers were sent again (`sent`: first
    /// and last by rollup), and those after them.
    pub fn left_blocks(&mut self, shard: ShardId, sent: &BTreeMap<ShardId, (u64, u64)>) -> [Vec<Place>; 2] {
        let mut left = [Vec::new(), Vec::new()];
        for (place, marks) in self.blocks.remove(&shard).unwrap_or_default() {
            let Place::Block { rollup, sequence } = &place else { continue };
            let Some((first, last)) = sent.get(rollup) else { continue };
            if sequence >= first {
                left[usize::from(sequence > last)].extend(marks.into_iter().map(|_| place.clone()));
            }
        }
        left
    }
}

fn nameless(output: Output, record: &TopicRecord<'_>) -> Place {
    Place::Nameless { output, partition: record.partition, offset: record.offset }
}
