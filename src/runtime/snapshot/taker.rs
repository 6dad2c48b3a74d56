//! When snapshots are taken, and how recovery uses them: a worker's side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::ids::ShardId;
use crate::base::limits::REPLAY_MESSAGES_MAX;
use crate::engine::saved::FORMAT;
use crate::runtime::bundles::Course;
use crate::runtime::recover::Owned;
use crate::runtime::snapshot::manifest::Manifest;
use crate::runtime::snapshot::manifest::SegmentName;
use crate::runtime::snapshot::manifest::Switched;
use crate::runtime::snapshot::shelf::Shelf;
use crate::runtime::snapshot::writer::Draft;
use crate::runtime::snapshot::writer::Link;
use crate::runtime::snapshot::writer::Standing;
use crate::runtime::snapshot::writer::Writer;
use crate::runtime::watch::Clock;
use crate::runtime::watch::Observer;
use crate::runtime::wish::Wish;
use crate::state::saved::Marks;

/// Between two signs of life while snapshots are waited for.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

/// What recovery begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoverFrom {
    /// The newest snapshot, or the first entry of the journal.
    #[default]
    Auto,
    /// A snapshot, unless there is little to replay.
    Snapshot,
    /// The first entry of the journal.
    Replay,
}

/// Snapshots, as the workers of a process share them.
pub struct Snapshots {
    pub shelf: Arc<Shelf>,
    pub from: RecoverFrom,
    /// With [`RecoverFrom::Snapshot`]: so many may be replayed without one.
    pub replay_messages_max: u64,
    /// `None`: none are taken.
    every: Option<Duration>,
    writer: Writer,
}

/// How far the snapshots of one shard are.
#[derive(Default)]
pub struct Taken {
    marks: Marks,
    link: Arc<Link>,
    /// Of the journal entry behind the last one.
    number: u64,
}

impl Taken {
    /// The next one goes on from what was restored.
    pub fn restored(number: u64, marks: Marks, segments: Vec<SegmentName>) -> Self {
        Self { marks, link: Arc::new(Link::of(segments)), number }
    }
}

impl Snapshots {
    /// `every`: how often they are taken; zero: never.
    pub fn new(shelf: Arc<Shelf>, from: RecoverFrom, every: Duration) -> Self {
        let writer = Writer::start(Arc::clone(&shelf));
        Self { shelf, from, replay_messages_max: REPLAY_MESSAGES_MAX, every: Some(every).filter(|every| !every.is_zero()), writer }
    }

    /// The same, written at once on the worker's own thread.
    pub fn at_once(shelf: Arc<Shelf>, from: RecoverFrom, every: Duration) -> Self {
        Self { writer: Writer::at_once(Arc::clone(&shelf)), ..Self::new(shelf, from, every) }
    }

    /// Between two epochs: hands over what changed, where that is due since
    /// `taken`, and tells what became of what was handed over.
    pub fn take_due(
        &self,
        course: &Course<'_>,
        owned: &mut BTreeMap<ShardId, Owned>,
        clock: &dyn Clock,
        taken: &mut Duration,
        observer: &mut dyn Observer,
    ) {
        let now = clock.monotonic();
        let due = self.every.is_some_and(|every| now.saturating_sub(*taken) >= every);
        for (shard, owned) in owned {
            tell(*shard, owned, observer);
            if due {
                self.take(course, *shard, owned, clock.wall_ms());
                *taken = now;
            }
        }
    }

    /// Before a worker leaves in good order: whoever takes its shards over shall
    /// have nothing to replay.
    pub fn take_last(
        &self,
        course: &Course<'_>,
        owned: &mut BTreeMap<ShardId, Owned>,
        clock: &dyn Clock,
        wish: &Wish,
        observer: &mut dyn Observer,
    ) {
        if self.every.is_none() {
            return;
        }
        // One may be on its way still.
        wait(owned, wish, observer);
        for (shard, owned) in owned.iter_mut().filter(|_| !wish.aborting()) {
            self.take(course, *shard, owned, clock.wall_ms());
        }
        wait(owned, wish, observer);
    }

    /// Hands over what changed of a shard since the last time, if anything did
    /// and nothing is on its way. The shard stands behind the last entry of its
    /// journal.
    fn take(&self, course: &Course<'_>, shard: ShardId, owned: &mut Owned, wall_ms: i64) {
        let Owned { shard: state, epoch, began, entry, offsets, breakers: _, taken } = owned;
        let standing = taken.link.standing();
        if *epoch == 0 || standing == Standing::Under || (standing == Standing::Done && taken.number == *epoch) {
            return;
        }
        if standing == Standing::Broken {
            *taken = Taken::default();
        }
        let Some(followed) = course.followed(state.activation()) else { return };
        let parts = match state.save(&mut taken.marks) {
            Ok(parts) => parts,
            Err(damage) => {
                tracing::error!(shard, reason = %damage, "a shard cannot be saved");
                taken.link.settle(Standing::Broken);
                return;
            }
        };
        taken.number = *epoch;
        let manifest = Manifest {
            shard,
            number: *epoch,
            entry: entry.clone(),
            state: FORMAT,
            versions: state.engine().versions.clone(),
            began: (&*began).into(),
            activations: followed.iter().map(Switched::from).collect(),
            offsets: offsets.clone(),
            segments: Vec::new(),
            wall_ms,
        };
        self.writer.hand(Draft { manifest, parts, link: Arc::clone(&taken.link) });
    }
}

fn wait(owned: &BTreeMap<ShardId, Owned>, wish: &Wish, observer: &mut dyn Observer) {
    for (shard, owned) in owned {
        while owned.taken.link.wait(ALIVE_EVERY) == Standing::Under && !wish.aborting() {
            observer.alive();
        }
        tell(*shard, owned, observer);
    }
}

fn tell(shard: ShardId, owned: &Owned, observer: &mut dyn Observer) {
    owned.taken.link.outcomes().into_iter().for_each(|outcome| observer.snapshot(shard, outcome));
}
