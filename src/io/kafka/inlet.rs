//! One input of one shard: what waits at its head, and whether it is at its end.

use std::time::Duration;

use crate::base::fault::Fault;
use crate::base::record::Message;
use crate::io::log::Head;

use super::asker::Asker;
use super::context::Listener;
use super::native::Batch;
use super::native::PartitionQueue;
use super::trouble;

/// Messages read ahead to see what is at the head.
const LOOK_AHEAD: usize = 512;

pub(super) struct Inlet {
    queue: PartitionQueue<Listener>,
    /// Next offset to hand out; `None` until a seek.
    next: Option<i64>,
    /// The log's end as asked for after a seek, or again where somebody cannot
    /// wait: else the client's fetches tell it.
    end: Option<i64>,
}

impl Inlet {
    pub(super) fn new(queue: PartitionQueue<Listener>) -> Self {
        Self { queue, next: None, end: None }
    }

    pub(super) fn start_at(&mut self, offset: i64) {
        self.queue.forget();
        self.next = Some(offset);
        self.end = None;
    }

    /// The next `head` asks the broker for the end: the client hears of what was
    /// just committed with its next fetch only.
    pub(super) fn look_again(&mut self) {
        self.end = None;
    }

    pub(super) fn is_dry(&self) -> bool {
        self.queue.ahead() == 0 && self.queue.waiting() == 0
    }

    pub(super) fn head(&mut self, asker: &Asker) -> Result<Head, Fault> {
        let next = self.started();
        if self.queue.ahead() == 0 {
            self.fill(LOOK_AHEAD)?;
        }
        if self.queue.ahead() > 0 {
            return Ok(Head::Ready(self.queue.ahead()));
        }
        let asked = match self.end {
            Some(end) => end,
            None => {
                let end = asker.bounds(self.queue.topic(), self.queue.partition())?.1;
                self.end = Some(end);
                end
            }
        };
        let end = self.queue.known_end().map_or(asked, |known| known.max(asked));
        Ok(if self.passed(next) >= end { Head::AtEnd } else { Head::Pending })
    }

    /// Offsets from the next message to the end that the client's fetches and
    /// the one question told: no round trip.
    pub(super) fn lag(&self) -> Option<u64> {
        let next = self.next?;
        let end = self.queue.known_end().max(self.end)?;
        let from = if self.is_dry() { self.passed(next) } else { next };
        u64::try_from((end - from).max(0)).ok()
    }

    /// Where a dry queue stands. What follows the last message may be control
    /// records; only the client has seen those.
    fn passed(&self, next: i64) -> i64 {
        self.queue.position().map_or(next, |position| position.max(next))
    }

    pub(super) fn first(&self) -> Option<Message<'_>> {
        self.queue.first()
    }

    /// Up to `max` messages and the offset after them.
    pub(super) fn take(&mut self, max: usize) -> Result<(Batch<Listener>, i64), Fault> {
        let next = self.started();
        self.fill(max)?;
        let batch = self.queue.take(max);
        let after = batch.next_offset().unwrap_or(next);
        assert!(after >= next, "offsets of a partition only grow");
        self.next = Some(after);
        Ok((batch, after))
    }

    fn started(&self) -> i64 {
        assert!(self.next.is_some(), "a shard is sought before it is read");
        self.next.unwrap_or_default()
    }

    fn fill(&mut self, want: usize) -> Result<(), Fault> {
        self.queue.fill(want, Duration::ZERO).map_err(|code| trouble::read_fault(self.queue.topic(), self.queue.partition(), code))
    }

    /// After an unassign.
    pub(super) fn free(self) {
        self.queue.free();
    }
}
