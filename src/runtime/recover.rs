//! Rebuilds a shard from its journal, from a snapshot on or from the first
//! entry: every journalled run is read again and stepped muted, and its count
//! and hash must be what they were.

use std::time::Duration;

use crate::base::fault::Fault;
use crate::base::fault::chain;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::limits::REJECT_WINDOW;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::engine::activation::BundleName;
use crate::engine::effects::Counts;
use crate::engine::effects::Effects;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::RunRecord;
use crate::engine::shard::Shard;
use crate::events::input_name;
use crate::io::log::Log;
use crate::io::log::Record;
use crate::runtime::breaker::Breaker;
use crate::runtime::breaker::RejectLimit;
use crate::runtime::bundles::Course;
use crate::runtime::snapshot::manifest::sum;
use crate::runtime::snapshot::restore;
use crate::runtime::snapshot::restore::Journal;
use crate::runtime::snapshot::restore::Restored;
use crate::runtime::snapshot::taker::RecoverFrom;
use crate::runtime::snapshot::taker::Snapshots;
use crate::runtime::snapshot::taker::Taken;
use crate::runtime::watch::Observer;

/// How long the end of the control topic may be asked for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shard as its owner holds it.
pub struct Owned {
    pub shard: Shard,
    /// Number of the last committed journal entry; 0: none.
    pub epoch: u64,
    /// Hash of its bytes, as snapshots name it.
    pub entry: String,
    /// The bundle that the shard began with.
    pub began: BundleName,
    /// Next offset to read, by input.
    pub offsets: Vec<i64>,
    pub breakers: Vec<Breaker>,
    /// How far its snapshots are.
    pub taken: Taken,
}

/// Rebuilds the shard and puts the log at the offsets where the journal ends.
/// The observer hears of each epoch, because a long history takes its time.
pub fn recover(
    course: &mut Course<'_>,
    log: &mut dyn Log,
    shard: ShardId,
    limit: &RejectLimit,
    snapshots: Option<&Snapshots>,
    observer: &mut dyn Observer,
) -> Result<Owned, Fault> {
    let committed = log.committed(shard)?;
    let values = log.journal(shard)?;
    let entries = JournalEntry::decode_all(&values).map_err(|fault| Fault::stop(format!("read journal of shard {shard}"), fault))?;
    // After the journal, so that every activation that it names is known.
    course.read(log, PATIENCE)?;
    if let Some(last) = entries.last() {
        course.may_continue(shard, last)?;
    }
    if entries.is_empty() && committed.iter().any(Option::is_some) {
        let reason = "the group has read messages and the journal is empty: what it read would be forgotten, and what it told be told again. \
                      Bring the journal back, or start with another group and other output topics";
        return Err(Fault::stop(format!("continue journal of shard {shard}"), reason));
    }
    let mut offsets = Vec::new();
    for input in 0..INPUTS {
        let journalled = entries.iter().rev().flat_map(|entry| entry.runs.iter().rev()).find(|run| run.input == input).map(|run| run.to);
        let offset = match (journalled, committed.get(input).copied().flatten()) {
            (Some(journalled), Some(committed)) if journalled != committed => {
                let reason = format!(
                    "the journal ends at offset {journalled} of {} and the group stands at {committed}: set the group's offset to {journalled}",
                    input_name(input)
                );
                return Err(Fault::stop(format!("continue journal of shard {shard}"), reason));
            }
            // The journal is the truth: offsets of a group expire.
            (Some(journalled), _) => journalled,
            (None, Some(committed)) if input != PARTIALS_INPUT => committed,
            // Of partials none may be missing: also a shard that was begun
            // before there were any reads all of them.
            (None, _) => log.beginning(shard, input)?,
        };
        offsets.push(offset);
    }
    let first = course.first(&entries)?;
    let restored = match snapshots {
        Some(snapshots) => begin(snapshots, course, shard, Journal { entries: &entries, values: &values }, observer)?,
        None => None,
    };
    let number = restored.as_ref().map_or(0, |restored| restored.number);
    let (known, left) = entries.split_at(usize::try_from(number).unwrap_or(usize::MAX).min(entries.len()));
    let began = BundleName::of(&first.versions);
    let (state, taken) = match restored {
        Some(Restored { shard, number, marks, segments }) => (shard, Taken::restored(number, marks, segments)),
        None => (Shard::new(first, shard), Taken::default()),
    };
    let mut owned = Owned {
        shard: state,
        epoch: entries.last().map_or(0, |entry| entry.number),
        entry: values.last().map(|value| sum(value)).unwrap_or_default(),
        began,
        offsets,
        breakers: (0..EVENT_INPUTS).map(|input| refilled(known, shard, input, limit)).collect(),
        taken,
    };
    for (done, entry) in (0..).zip(left) {
        observer.alive();
        observer.recovering(shard, done, left.len() as u64);
        let Owned { shard: state, breakers, .. } = &mut owned;
        retake(course, state, shard, entry, true, &mut |run| read_run(log, shard, run), &mut |run, effects| {
            let rejected = effects.counts.rejected_total();
            if let Some(breaker) = breakers.get_mut(run.input) {
                breaker.count(run.messages, limit.counted(run.input, shard, run.from, rejected));
            }
        })?;
    }
    observer.recovering(shard, left.len() as u64, left.len() as u64);
    log.seek(shard, &owned.offsets)?;
    Ok(owned)
}

/// The snapshot that recovery begins with; `None`: with the first entry.
fn begin(
    snapshots: &Snapshots,
    course: &Course<'_>,
    shard: ShardId,
    journal: Journal<'_>,
    observer: &mut dyn Observer,
) -> Result<Option<Restored>, Fault> {
    if snapshots.from == RecoverFrom::Replay || journal.entries.is_empty() {
        return Ok(None);
    }
    let restored = match restore::newest(&snapshots.shelf, course, shard, journal, observer) {
        // The journal says all that a snapshot would have said.
        Err(fault) if snapshots.from == RecoverFrom::Auto => {
            tracing::warn!(shard, error = chain(&fault), "snapshots cannot be looked for, the journal is replayed");
            None
        }
        other => other?,
    };
    if let Some(restored) = restored {
        let left = journal.entries.len() as u64 - restored.number;
        tracing::info!(shard, number = restored.number, left, "shard restored from a snapshot, what came after it is replayed");
        observer.restored(shard);
        return Ok(Some(restored));
    }
    let messages: u64 = journal.entries.iter().map(|entry| entry.n_in).sum();
    if snapshots.from == RecoverFrom::Snapshot && messages > snapshots.replay_messages_max {
        let reason = format!(
            "{} has no snapshot of this shard that can be used, and its journal names {messages} messages to be read again. \
             Bring the snapshots here, or let it take its time with `recover: replay` under `state` in the configuration",
            snapshots.shelf.place()
        );
        return Err(Fault::stop(format!("recover shard {shard} from a snapshot"), reason));
    }
    Ok(None)
}

/// The rejects of entries that are not replayed, as far as they count.
fn refilled(entries: &[JournalEntry], shard: ShardId, input: usize, limit: &RejectLimit) -> Breaker {
    let mut within = Vec::new();
    let mut messages = 0;
    for entry in entries.iter().rev() {
        let runs = || entry.runs.iter().filter(|run| run.input == input);
        let Some(first) = runs().next() else { continue };
        let read = runs().map(|run| run.messages).sum();
        let rejected = entry.rejected_by_input.get(input).copied().unwrap_or_default();
        within.push((read, limit.counted(input, shard, first.from, rejected)));
        messages += read;
        if messages >= REJECT_WINDOW {
            break;
        }
    }
    let mut breaker = Breaker::new(limit.percent);
    for (messages, rejected) in within.into_iter().rev() {
        breaker.count(messages, rejected);
    }
    breaker
}

/// Takes an entry of the journal again, under the activation that it names:
/// its runs, its ticks and the end of its epoch. `read` gives the messages of a
/// run, `each` hears of every run that was stepped. Returns what the end of the
/// epoch wants written; muted, nothing.
#[expect(clippy::too_many_arguments, reason = "whose entry it is, where messages come from and who listens")]
pub fn retake(
    course: &Course<'_>,
    state: &mut Shard,
    shard: ShardId,
    entry: &JournalEntry,
    muted: bool,
    read: &mut dyn FnMut(&RunRecord) -> Result<OwnedMessages, Fault>,
    each: &mut dyn FnMut(&RunRecord, &mut Effects),
) -> Result<Vec<Record>, Fault> {
    let doing = || format!("replay epoch {} of shard {shard}", entry.number);
    course.follow(state, entry.activation)?;
    same_bundle(state, shard, entry)?;
    let mut counts = Counts::default();
    for run in &entry.runs {
        let messages = read(run)?;
        let mut effects = state.step(run.input, &messages, entry.number, muted);
        if run.input < EVENT_INPUTS {
            counts.add(&effects.counts);
        }
        each(run, &mut effects);
        if let Some(reason) = effects.stop.filter(|_| run.input == PARTIALS_INPUT) {
            return Err(Fault::stop(doing(), reason));
        }
        let done = effects.run;
        if done.messages != run.messages || done.hash != run.hash {
            let reason = format!(
                "offsets {} to {} of {} held {} messages when they were read and hold {} now, or others",
                run.from,
                run.to,
                input_name(run.input),
                run.messages,
                done.messages
            );
            return Err(Fault::stop(doing(), reason));
        }
    }
    let (now, then) = (outcomes(&counts), [entry.evaluated, entry.duplicate, entry.correction, entry.statement]);
    if now != then {
        let reason = format!("evaluated, duplicate, correction and statement were {then:?} when it was written and are {now:?} now");
        return Err(Fault::stop(doing(), reason));
    }
    entry.ticks.iter().for_each(|tick| state.tick(*tick));
    Ok(state.close_epoch(entry.number, muted).records)
}

/// What the entry says that it was written under is what it is replayed under.
fn same_bundle(shard: &Shard, id: ShardId, entry: &JournalEntry) -> Result<(), Fault> {
    let (then, now) = (BundleName::of(&entry.versions), BundleName::of(&shard.engine().versions));
    if then == now {
        return Ok(());
    }
    let reason = format!("it was written with {then}, and activation {} is {now}", entry.activation);
    Err(Fault::stop(format!("replay epoch {} of shard {id}", entry.number), reason))
}

fn outcomes(counts: &Counts) -> [u64; 4] {
    [counts.evaluated, counts.duplicate, counts.correction, counts.statement]
}

/// A run is stepped as a whole, as it was the first time, so that revisions
/// get the numbers they had.
fn read_run(log: &mut dyn Log, shard: ShardId, run: &RunRecord) -> Result<OwnedMessages, Fault> {
    let mut messages = OwnedMessages::default();
    log.replay(shard, run.input, run.from, run.to, &mut |chunk| {
        (0..chunk.len()).for_each(|idx| messages.push(chunk.get(idx)));
        Ok(())
    })?;
    Ok(messages)
}

/// Messages copied out of a log.
#[derive(Default)]
pub struct OwnedMessages {
    bytes: Vec<u8>,
    rows: Vec<OwnedMessage>,
}

struct OwnedMessage {
    offset: i64,
    timestamp_ms: i64,
    key: Option<(usize, usize)>,
    value: Option<(usize, usize)>,
    watermark: Option<(usize, usize)>,
}

impl OwnedMessages {
    pub fn push(&mut self, message: Message<'_>) {
        let row = OwnedMessage {
            offset: message.offset,
            timestamp_ms: message.timestamp_ms,
            key: self.keep(message.key),
            value: self.keep(message.value),
            watermark: self.keep(message.watermark),
        };
        self.rows.push(row);
    }

    fn keep(&mut self, bytes: Option<&[u8]>) -> Option<(usize, usize)> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes?);
        Some((start, self.bytes.len()))
    }

    fn bytes(&self, place: Option<(usize, usize)>) -> Option<&[u8]> {
        place.and_then(|(start, end)| self.bytes.get(start..end))
    }
}

impl Messages for OwnedMessages {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn get(&self, idx: usize) -> Message<'_> {
        let row = &self.rows[idx];
        Message {
            offset: row.offset,
            timestamp_ms: row.timestamp_ms,
            key: self.bytes(row.key),
            value: self.bytes(row.value),
            watermark: self.bytes(row.watermark),
        }
    }
}
