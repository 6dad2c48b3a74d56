//! What workers are asked to do, and when those of one process may leave at the end.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::base::ids::ShardId;

/// What workers are asked to do, shared with whoever asks; and how far those
/// of one process are that stop at the end.
#[derive(Debug, Default)]
pub struct Wish {
    asked: AtomicU8,
    ends: Mutex<Ends>,
}

#[derive(Debug, Default)]
struct Ends {
    by_slot: BTreeMap<usize, End>,
    /// How many epochs with partials were sent: a worker that found its end
    /// before the last of them may have got something since.
    sent: u64,
}

#[derive(Debug)]
struct End {
    shards: Vec<ShardId>,
    /// At its end, having looked when so many had been sent.
    seen: Option<u64>,
}

impl Wish {
    /// Finish the epoch, commit, leave.
    pub fn stop(&self) {
        self.asked.fetch_max(1, Ordering::Relaxed);
    }
    /// Leave at once; what is not committed is done again by the next owner.
    pub fn abort(&self) {
        self.asked.fetch_max(2, Ordering::Relaxed);
    }
    pub fn stopping(&self) -> bool {
        self.asked.load(Ordering::Relaxed) >= 1
    }
    pub fn aborting(&self) -> bool {
        self.asked.load(Ordering::Relaxed) >= 2
    }

    /// How many epochs with partials the workers have sent: asked for before a
    /// worker looks whether it is at its end.
    pub(super) fn sent(&self) -> u64 {
        self.ends.lock().sent
    }

    /// An epoch with partials may have landed, with shards of any worker.
    pub(super) fn has_sent(&self) {
        self.ends.lock().sent += 1;
    }

    /// A worker has something to commit. Told before it does: until it has
    /// found its end again, the others cannot know what they will get.
    pub(super) fn busy(&self, slot: usize) {
        if let Some(end) = self.ends.lock().by_slot.get_mut(&slot) {
            end.seen = None;
        }
    }

    /// A worker tells how far it is: `seen` is what `sent` said before it found
    /// its end. Returns whether it may leave: it is at its end, and so are the
    /// others, if this process has all `partitions`; and no partials were sent
    /// since any of them looked. One that left earlier would hand its shards
    /// over to be rebuilt for nothing.
    pub(super) fn may_leave(&self, slot: usize, shards: Vec<ShardId>, seen: Option<u64>, partitions: i32) -> bool {
        let mut ends = self.ends.lock();
        ends.by_slot.insert(slot, End { shards, seen });
        let sent = ends.sent;
        let all = ends.by_slot.values();
        let here: BTreeSet<ShardId> = all.clone().flat_map(|end| end.shards.iter().copied()).collect();
        let others = here.len() < usize::try_from(partitions).unwrap_or_default();
        seen == Some(sent) && (others || all.clone().all(|end| end.seen == Some(sent) || end.shards.is_empty()))
    }

    pub(super) fn left(&self, slot: usize) {
        self.ends.lock().by_slot.remove(&slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_leaves_before_all_have_looked_past_the_last_partials() {
        let wish = Wish::default();
        let at_end = |slot: usize, seen: u64| wish.may_leave(slot, vec![if slot == 0 { 0 } else { 1 }], Some(seen), 2);
        assert!(!wish.may_leave(0, vec![0], None, 2) && !wish.may_leave(1, vec![1], None, 2));
        assert!(!at_end(0, 0), "the other is not at its end");
        wish.busy(1);
        wish.has_sent();
        assert!(!at_end(1, 1), "the first looked before the partials came");
        assert!(!at_end(0, 0), "and has not looked again");
        wish.busy(0);
        wish.has_sent();
        assert!(!at_end(0, 2));
        assert!(at_end(1, 2) && at_end(0, 2));
        wish.left(1);
        assert!(at_end(0, 2), "shards of other processes are not waited for");
    }
}
