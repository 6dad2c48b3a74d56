//! Decides a past range of epochs anew, as it was decided then, and holds what
//! comes out against what stands in the outputs.
//!
//! A shard is rebuilt muted up to the range and then steps it aloud, under the
//! bundles and ticks that the journal names. Nothing is written to the log.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::fault::Fault;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::engine::Engine;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::RunRecord;
use crate::engine::journal::SEMANTICS;
use crate::engine::shard::Shard;
use crate::io::log::Archive;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::runtime::bundles::Bundles;
use crate::runtime::bundles::Course;
use crate::runtime::recover::OwnedMessages;
use crate::runtime::recover::retake;
use crate::runtime::standing::Place;
use crate::runtime::standing::Range;
use crate::runtime::standing::Standing;
use crate::runtime::standing::derived;

/// What is to be decided anew.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `None`: all.
    pub shard: Option<ShardId>,
    pub from: u64,
    /// `None`: to the end of each journal.
    pub to: Option<u64>,
    /// Also entries of other semantics than this build's, which it decides by its own.
    pub any_semantics: bool,
    /// Rejects are kept for a while only, and may be left out.
    pub rejects: bool,
}

/// How a record that was derived again and what stands there differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Same,
    /// It does not stand where it should.
    Missing,
    /// It stands there, and is not derived again.
    Extra,
    /// Its bytes are others.
    Different,
    /// A reject that the topic has dropped for its age: nothing is known of it.
    Expired,
}

/// Something that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `None`: a record that belongs to no shard.
    pub shard: Option<ShardId>,
    pub epoch: Option<u64>,
    pub place: Place,
    pub what: What,
}

#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// First and last epoch that were decided anew, by shard; shards whose
    /// journal does not reach the range are not there.
    pub ranges: BTreeMap<ShardId, (u64, u64)>,
    pub counts: BTreeMap<(Option<ShardId>, Output, What), u64>,
    pub differences: Vec<Difference>,
    /// Builds that wrote the clues of the range.
    pub builds: BTreeSet<String>,
    /// Semantics of the entries.
    pub semantics: BTreeSet<u32>,
}

impl Comparison {
    pub fn count(&self, shard: Option<ShardId>, output: Output, what: What) -> u64 {
        self.counts.get(&(shard, output, what)).copied().unwrap_or_default()
    }

    /// Whether everything is the same, byte for byte.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    fn same(&mut self, shard: ShardId, output: Output) {
        *self.counts.entry((Some(shard), output, What::Same)).or_default() += 1;
    }

    fn differs(&mut self, shard: Option<ShardId>, epoch: Option<u64>, place: Place, what: What) {
        *self.counts.entry((shard, place.output(), what)).or_default() += 1;
        self.differences.push(Difference { shard, epoch, place, what });
    }
}

/// Decides anew and compares. `clue` is given every clue record that is derived.
///
/// # Errors
/// Stop: the journal cannot be followed, the inputs are no longer what they
/// were, or it was written under other settings or semantics; and what the log says.
pub fn replay(
    engine: &Arc<Engine>,
    bundles: Option<&dyn Bundles>,
    archive: &mut dyn Archive,
    asked: &Asked,
    clue: &mut dyn FnMut(&Record) -> Result<(), Fault>,
) -> Result<Comparison, Fault> {
    let shards = archive.shards();
    if let Some(shard) = asked.shard.filter(|shard| !(0..shards).contains(shard)) {
        return Err(Fault::stop(format!("replay shard {shard}"), format!("there are {shards} shards, from 0")));
    }
    let wanted: Vec<ShardId> = asked.shard.map_or_else(|| (0..shards).collect(), |shard| vec![shard]);
    let mut journals: BTreeMap<ShardId, Vec<JournalEntry>> = BTreeMap::new();
    for shard in wanted {
        journals.insert(shard, journal(archive, shard)?);
    }
    // Journals before the control topic, so that every activation that they name is known.
    let mut course = Course::new(Arc::clone(engine), bundles);
    course.hear(&archive.activations()?)?;
    let mut out = Comparison::default();
    let mut ranges: BTreeMap<ShardId, Range> = BTreeMap::new();
    for (shard, entries) in &journals {
        let Some(range) = range(entries, asked) else { continue };
        for entry in entries.iter().filter(|entry| entry.number <= range.to) {
            may_decide(engine, *shard, entry, asked.any_semantics)?;
            out.semantics.insert(entry.versions.semantics);
        }
        out.ranges.insert(*shard, (range.from, range.to));
        ranges.insert(*shard, range);
    }
    // After the journals: what their epochs wrote is decided by now.
    let topics: Vec<String> = engine.settings.inputs.iter().map(|input| input.topic.clone()).collect();
    let mut standing = Standing::read(archive, &ranges, &topics, asked.rejects)?;
    out.builds = std::mem::take(&mut standing.builds);
    for (shard, place) in std::mem::take(&mut standing.stray) {
        out.differs(shard, None, place, What::Extra);
    }
    let mut after_last: BTreeMap<ShardId, Vec<Place>> = BTreeMap::new();
    for (shard, range) in &ranges {
        let mut one = One { shard: *shard, range, topics: &topics, standing: &mut standing, out: &mut out, sent: BTreeMap::new() };
        let entries = journals.get(shard).map(Vec::as_slice).unwrap_or_default();
        one.decide(&course, archive, entries, asked.rejects, clue)?;
        let sent = std::mem::take(&mut one.sent);
        let [again, after] = standing.left_blocks(*shard, &sent);
        again.into_iter().for_each(|place| out.differs(Some(*shard), None, place, What::Extra));
        after_last.insert(*shard, after);
    }
    for (shard, range) in ranges.iter().filter(|(_, range)| range.to == range.last) {
        // Epochs that committed meanwhile own what stands beyond; if there are
        // none, nobody does.
        let last = journal(archive, *shard)?.last().map_or(0, |entry| entry.number);
        for (_, epoch, place) in standing.beyond.iter().filter(|(of, epoch, _)| of == shard && *epoch > last) {
            out.differs(Some(*shard), Some(*epoch), place.clone(), What::Extra);
        }
        if last == range.last {
            after_last.remove(shard).into_iter().flatten().for_each(|place| out.differs(Some(*shard), None, place, What::Extra));
        }
    }
    out.differences.sort();
    Ok(out)
}

fn journal(archive: &mut dyn Archive, shard: ShardId) -> Result<Vec<JournalEntry>, Fault> {
    let values = archive.journal(shard)?;
    JournalEntry::decode_all(&values).map_err(|fault| Fault::stop(format!("read journal of shard {shard}"), fault))
}

fn range(entries: &[JournalEntry], asked: &Asked) -> Option<Range> {
    let last = entries.last()?.number;
    let (from, to) = (asked.from.max(1), asked.to.unwrap_or(last).min(last));
    let mut runs: BTreeMap<InputId, Vec<(i64, i64, u64)>> = BTreeMap::new();
    for entry in entries {
        for run in entry.runs.iter().filter(|run| run.input < EVENT_INPUTS) {
            runs.entry(run.input).or_default().push((run.from, run.to, entry.number));
        }
    }
    (from <= to).then_some(Range { from, to, last, runs })
}

/// Rules and references are the course's to bring; all else has to be as it was.
fn may_decide(engine: &Engine, shard: ShardId, entry: &JournalEntry, any_semantics: bool) -> Result<(), Fault> {
    let (own, then) = (&engine.versions, &entry.versions);
    let doing = || format!("replay epoch {} of shard {shard}", entry.number);
    if then.semantics != SEMANTICS && !any_semantics {
        let reason = format!(
            "it was decided by semantics {}, and this build decides by {SEMANTICS}: use the build of that time, or see with --any-semantics what would differ",
            then.semantics
        );
        return Err(Fault::stop(doing(), reason));
    }
    if (&own.identity_key, &own.settings) != (&then.identity_key, &then.settings) {
        let reason = format!(
            "it was written with identity key {} and settings {}, and the configuration has {} and {}",
            then.identity_key, then.settings, own.identity_key, own.settings
        );
        return Err(Fault::stop(doing(), reason));
    }
    Ok(())
}

/// One shard under comparison.
struct One<'a> {
    shard: ShardId,
    range: &'a Range,
    topics: &'a [String],
    standing: &'a mut Standing,
    out: &'a mut Comparison,
    /// First and last number of the blocks that were sent again, by rollup.
    sent: BTreeMap<ShardId, (u64, u64)>,
}

impl One<'_> {
    fn decide(
        &mut self,
        course: &Course<'_>,
        archive: &mut dyn Archive,
        entries: &[JournalEntry],
        rejects: bool,
        clue: &mut dyn FnMut(&Record) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let shard = self.shard;
        let mut state = Shard::new(course.first(entries)?, shard);
        for entry in entries.iter().take_while(|entry| entry.number <= self.range.to) {
            let muted = entry.number < self.range.from;
            let mut records = Vec::new();
            let read = &mut |run: &RunRecord| {
                let mut messages = OwnedMessages::default();
                archive.replay(shard, run.input, run.from, run.to, &mut |chunk| {
                    (0..chunk.len()).for_each(|idx| messages.push(chunk.get(idx)));
                    Ok(())
                })?;
                Ok(messages)
            };
            let closing = retake(course, &mut state, shard, entry, muted, read, &mut |_, effects| records.append(&mut effects.records))?;
            if muted {
                continue;
            }
            records.extend(closing);
            for record in records.iter().filter(|record| rejects || record.output != Output::Rejects) {
                self.hold(entry, record);
                if matches!(record.output, Output::Clues | Output::Shadow) {
                    clue(record)?;
                }
            }
            for place in self.standing.left_of(shard, entry.number) {
                self.out.differs(Some(shard), Some(entry.number), place, What::Extra);
            }
        }
        Ok(())
    }

    /// Holds a record against what stands in its place.
    fn hold(&mut self, entry: &JournalEntry, record: &Record) {
        let (place, mark) = derived(record, self.topics);
        if let Place::Block { rollup, sequence } = &place {
            self.sent.entry(*rollup).or_insert((*sequence, *sequence)).1 = *sequence;
        }
        let what = match self.standing.take_out(self.shard, entry.number, &place, &mark) {
            Some(found) if found == mark => return self.out.same(self.shard, place.output()),
            Some(_) => What::Different,
            None => {
                let dropped = self.standing.rejects_dropped_before.is_some_and(|before| entry.wall_ms < before);
                if dropped && place.output() == Output::Rejects { What::Expired } else { What::Missing }
            }
        };
        self.out.differs(Some(self.shard), Some(entry.number), place, what);
    }
}
