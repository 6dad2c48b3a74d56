//! Packs and writes snapshots behind the back of workers: a thread of its own,
//! to which they hand what changed.

use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Condvar;
use parking_lot::Mutex;

use crate::base::fault;
use crate::runtime::snapshot::manifest::Manifest;
use crate::runtime::snapshot::manifest::SegmentName;
use crate::runtime::snapshot::shelf::KEPT;
use crate::runtime::snapshot::shelf::Shelf;
use crate::runtime::snapshot::shelf::Trouble;
use crate::state::saved::HEAD;
use crate::state::saved::Part;
use crate::state::segment::Segment;

/// Segments are put together up to this length of an object.
const JOINED_BYTES_MAX: u64 = 64 << 20;

/// The segments that the next snapshot of a shard goes on from, shared by its
/// worker and the writer.
#[derive(Debug, Default)]
pub struct Link {
    chain: Mutex<Chain>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct Chain {
    segments: Vec<SegmentName>,
    standing: Standing,
    outcomes: Vec<Outcome>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Done,
    /// A snapshot is on its way to the store.
    Under,
    /// One was lost on its way: the next one is whole.
    Broken,
}

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With the length of what was new of it.
    Written {
        number: u64,
        bytes: u64,
    },
    Failed,
}

impl Link {
    /// One that goes on from these.
    pub fn of(segments: Vec<SegmentName>) -> Self {
        Self { chain: Mutex::new(Chain { segments, ..Chain::default() }), settled: Condvar::new() }
    }

    pub fn standing(&self) -> Standing {
        self.chain.lock().standing
    }

    /// What became of snapshots since this was asked last.
    pub fn outcomes(&self) -> Vec<Outcome> {
        std::mem::take(&mut self.chain.lock().outcomes)
    }

    /// Waits until nothing is on its way, but no longer than this.
    pub fn wait(&self, at_most: Duration) -> Standing {
        let mut chain = self.chain.lock();
        if chain.standing == Standing::Under {
            self.settled.wait_for(&mut chain, at_most);
        }
        chain.standing
    }

    pub(super) fn settle(&self, standing: Standing) {
        self.chain.lock().standing = standing;
        self.settled.notify_all();
    }

    fn tell(&self, outcome: Outcome) {
        self.chain.lock().outcomes.push(outcome);
    }
}

/// A snapshot on its way.
pub struct Draft {
    /// Without segments: they come from the chain.
    pub manifest: Manifest,
    pub parts: Vec<Part>,
    pub link: Arc<Link>,
}

/// Writes what it is handed, on a thread of its own, which ends with this
/// handle when all is written; or at once.
pub struct Writer {
    shelf: Arc<Shelf>,
    thread: Option<(Sender<Draft>, JoinHandle<()>)>,
}

impl Writer {
    pub fn start(shelf: Arc<Shelf>) -> Self {
        let (drafts, waiting) = mpsc::channel::<Draft>();
        let own = Arc::clone(&shelf);
        let thread = std::thread::spawn(move || waiting.into_iter().for_each(|draft| settle(&own, draft)));
        Self { shelf, thread: Some((drafts, thread)) }
    }

    /// One that writes before it returns: for whoever repeats a course of events.
    pub fn at_once(shelf: Arc<Shelf>) -> Self {
        Self { shelf, thread: None }
    }

    /// Hands over a snapshot. Its chain stands `Under` until it is written.
    pub fn hand(&self, draft: Draft) {
        let link = Arc::clone(&draft.link);
        link.settle(Standing::Under);
        match &self.thread {
            None => settle(&self.shelf, draft),
            Some((drafts, _)) if drafts.send(draft).is_err() => link.settle(Standing::Broken),
            Some(_) => {}
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some((drafts, thread)) = self.thread.take() {
            drop(drafts);
            let _ = thread.join();
        }
    }
}

/// Writes a snapshot, tells what became of it, and clears old ones.
fn settle(shelf: &Shelf, draft: Draft) {
    let (shard, number) = (draft.manifest.shard, draft.manifest.number);
    let link = Arc::clone(&draft.link);
    match write(shelf, draft) {
        Ok(bytes) => link.tell(Outcome::Written { number, bytes }),
        Err(trouble) => {
            tracing::warn!(shard, number, reason = %trouble, "snapshot not written, the next one is whole");
            link.tell(Outcome::Failed);
            link.settle(Standing::Broken);
            return;
        }
    }
    // What is left over is removed the next time.
    if let Err(fault) = shelf.prune(shard, KEPT, Some(number)) {
        tracing::warn!(shard, error = fault::chain(&fault), "old snapshots not removed");
    }
    link.settle(Standing::Done);
}

/// Segments first, then the manifest, then what the next one goes on from.
/// Returns the length of what is new.
fn write(shelf: &Shelf, draft: Draft) -> Result<u64, Trouble> {
    let Draft { mut manifest, parts, link } = draft;
    let mut segments = link.chain.lock().segments.clone();
    // A head is never gone on from.
    segments.retain(|name| name.table != HEAD);
    let mut new = 0;
    for part in parts {
        new += part.bytes.len() as u64;
        join(shelf, &manifest, &mut segments, part)?;
    }
    manifest.segments.clone_from(&segments);
    shelf.keep(&manifest)?;
    tracing::info!(
        shard = manifest.shard,
        number = manifest.number,
        segments = segments.len(),
        bytes = segments.iter().map(|name| name.bytes).sum::<u64>(),
        "snapshot written"
    );
    link.chain.lock().segments = segments;
    Ok(new)
}

/// Writes a part, together with the last segments of its table that are no
/// longer than it: so a table has few, and each record is written few times.
fn join(shelf: &Shelf, manifest: &Manifest, segments: &mut Vec<SegmentName>, mut part: Part) -> Result<(), Trouble> {
    let mut segment = Segment::of(manifest.shard, &part)?;
    while let Some(place) = segments.iter().rposition(|name| name.table == part.table && name.to == part.from)
        && let Some(last) = segments.get(place)
        && part.table != HEAD
        && last.bytes <= segment.packed_bytes() + segment.packed_bytes() / 2
        && last.bytes + segment.packed_bytes() <= JOINED_BYTES_MAX
    {
        let mut bytes = shelf.segment(manifest.shard, last)?.body()?;
        bytes.extend_from_slice(&part.bytes);
        part = Part { from: last.from, bytes, ..part };
        segment = Segment::of(manifest.shard, &part)?;
        segments.remove(place);
    }
    segments.push(shelf.keep_segment(&segment, manifest.number)?);
    Ok(())
}
