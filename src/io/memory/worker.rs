//! One worker's access to a log in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::Chunk;
use super::MemoryCluster;
use super::State;
use super::StoredMessage;
use super::faults::Call;
use super::faults::CrashPoint;
use super::faults::Mishap;
use super::group::Answer;
use crate::base::fault::Fault;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::io::log::Archive as _;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Head;
use crate::io::log::Log;
use crate::io::log::Taken;

/// A worker of a [`MemoryCluster`]. Dropping it is a crash; `leave` is a
/// graceful end.
pub struct MemoryLog {
    cluster: MemoryCluster,
    slot: String,
    group: String,
    token: u64,
    crashed: bool,
    /// Next offset to take.
    positions: BTreeMap<(ShardId, InputId), i64>,
    /// What the last `take` handed out.
    taken: Vec<Arc<StoredMessage>>,
    /// The log's version when an input was first found empty since the last
    /// `shards`: a later change ends the wait at once.
    empty_at: Option<u64>,
}

impl MemoryLog {
    pub(super) fn new(cluster: MemoryCluster, slot: &str, group: &str, token: u64) -> Self {
        Self {
            cluster,
            slot: slot.to_owned(),
            group: group.to_owned(),
            token,
            crashed: false,
            positions: BTreeMap::new(),
            taken: Vec::new(),
            empty_at: None,
        }
    }

    /// Whether a mishap killed this worker; a new one has to take its slot.
    pub fn crashed(&self) -> bool {
        self.crashed
    }

    fn crash(&mut self) -> Fault {
        self.crashed = true;
        let (slot, token) = (&self.slot, self.token);
        self.cluster.change(|state| {
            if let Some(group) = state.groups.get_mut(&self.group) {
                group.died(slot, token);
            }
        });
        Fault::restart("reach the log", "the worker has crashed")
    }

    fn fenced(&self) -> Fault {
        Fault::stop(format!("keep slot {}", self.slot), "another worker holds it")
    }

    /// What happens to a call before it does anything.
    fn mishap(&mut self, call: Call) -> Result<Option<Mishap>, Fault> {
        if self.crashed {
            return Err(self.crash());
        }
        let mishap = self.cluster.state().fate.of(&self.slot, call);
        match mishap {
            Some(Mishap::Crash(CrashPoint::AfterCommit)) => Ok(mishap),
            Some(Mishap::Crash(_)) => Err(self.crash()),
            Some(Mishap::Expelled) => {
                self.cluster.expire(&self.slot, &self.group);
                Ok(mishap)
            }
            _ => Ok(mishap),
        }
    }

    fn forget(&mut self) {
        let (slot, token) = (&self.slot, self.token);
        self.cluster.change(|state| {
            if let Some(group) = state.groups.get_mut(&self.group) {
                group.forget(slot, token);
            }
        });
    }

    fn position(&self, state: &State, shard: ShardId, input: InputId) -> i64 {
        let committed = || state.groups.get(&self.group).and_then(|group| group.committed.get(&(shard, input))).copied();
        let start = state.inputs[input][shard as usize].start;
        self.positions.get(&(shard, input)).copied().or_else(committed).unwrap_or(start)
    }

    fn ask(&mut self) -> Result<Option<Vec<ShardId>>, Fault> {
        let (slot, token) = (&self.slot, self.token);
        let mut state = self.cluster.state();
        let partitions = state.partitions;
        let Some(group) = state.groups.get_mut(&self.group) else { return Err(self.fenced()) };
        let before = group.changes;
        let answer = group.call(slot, token, partitions);
        // A call that changes nothing must not wake others, or idle workers
        // would keep each other awake.
        if group.changes != before {
            state.version += 1;
            drop(state);
            self.cluster.shared.changed.notify_all();
        } else {
            drop(state);
        }
        match answer {
            Answer::NoChange => Ok(None),
            Answer::Owned(shards) => {
                self.positions.clear();
                Ok(Some(shards))
            }
            Answer::Fenced => Err(self.fenced()),
        }
    }
}

impl Log for MemoryLog {
    fn shards(&mut self, wait: Duration) -> Result<Option<Vec<ShardId>>, Fault> {
        self.mishap(Call::Shards)?;
        let seen = self.empty_at.take();
        if let Some(shards) = self.ask()? {
            return Ok(Some(shards));
        }
        if wait.is_zero() {
            return Ok(None);
        }
        let until = Instant::now() + wait;
        let mut state = self.cluster.state();
        let seen = seen.unwrap_or(state.version);
        while state.version <= seen && !self.cluster.shared.changed.wait_until(&mut state, until).timed_out() {}
        drop(state);
        self.ask()
    }

    fn head(&mut self, shard: ShardId, input: InputId) -> Result<Head, Fault> {
        if self.crashed {
            return Err(self.crash());
        }
        let mut state = self.cluster.state();
        let from = self.position(&state, shard, input);
        let partition = &state.inputs[input][shard as usize];
        let ready = partition.messages.len() - partition.index(from);
        if ready > 0 {
            return Ok(Head::Ready(ready));
        }
        self.empty_at = self.empty_at.or(Some(state.version));
        // Partials come of what workers take: no feeder can hurry them.
        let fed = input < EVENT_INPUTS;
        let feeding = fed && state.feeding;
        state.hungry |= fed;
        drop(state);
        self.cluster.shared.changed.notify_all();
        Ok(if feeding { Head::Pending } else { Head::AtEnd })
    }

    fn peek(&mut self, shard: ShardId, input: InputId, look: &mut dyn FnMut(Message<'_>)) -> Result<(), Fault> {
        let message = {
            let state = self.cluster.state();
            let partition = &state.inputs[input][shard as usize];
            partition.messages.get(partition.index(self.position(&state, shard, input))).cloned()
        };
        if let Some(message) = message {
            look(message.as_message());
        }
        Ok(())
    }

    fn take(&mut self, shard: ShardId, input: InputId, max: usize) -> Result<Taken<'_>, Fault> {
        self.mishap(Call::Take)?;
        let state = self.cluster.state();
        let partition = &state.inputs[input][shard as usize];
        let from = partition.index(self.position(&state, shard, input));
        let to = partition.messages.len().min(from.saturating_add(max));
        self.taken.clear();
        self.taken.extend(partition.messages.range(from..to).cloned());
        // At the end the position counts past offsets that no message has.
        let next_offset = match (to == partition.messages.len(), self.taken.last()) {
            (false, Some(last)) => last.offset + 1,
            (false, None) => self.position(&state, shard, input),
            (true, _) => partition.end,
        };
        drop(state);
        self.positions.insert((shard, input), next_offset);
        Ok(Taken { messages: Box::new(Chunk(&self.taken)), next_offset })
    }

    fn commit(&mut self, write: &EpochWrite) -> Result<(), CommitFailure> {
        let mishap = self.mishap(Call::Commit).map_err(CommitFailure::Lost)?;
        let (slot, token, group) = (self.slot.clone(), self.token, self.group.clone());
        let shards = write.offsets.iter().map(|(shard, ..)| *shard);
        // One lock for check and effect, or another worker could take over between them.
        let done = self.cluster.change(|state| {
            if !state.groups.get(&group).is_some_and(|group| group.owns(&slot, token, shards)) {
                state.abort(write);
                return Err(CommitFailure::Lost(Fault::restart("commit an epoch", "the group goes on without this worker")));
            }
            match mishap {
                Some(Mishap::CommitAgain) => {
                    state.abort(write);
                    return Err(CommitFailure::Again(Fault::retry("commit an epoch", "the transaction was aborted")));
                }
                Some(Mishap::AnswerLost { landed: false }) => state.abort(write),
                _ => state.land(&group, write),
            }
            Ok(())
        });
        done?;
        match mishap {
            Some(Mishap::AnswerLost { .. }) => {
                self.forget();
                Err(CommitFailure::Lost(Fault::restart("commit an epoch", "the answer was lost")))
            }
            Some(Mishap::Crash(_)) => Err(CommitFailure::Lost(self.crash())),
            _ => Ok(()),
        }
    }

    fn committed(&mut self, shard: ShardId) -> Result<Vec<Option<i64>>, Fault> {
        self.mishap(Call::Recovery)?;
        let state = self.cluster.state();
        let committed = state.groups.get(&self.group).map(|group| &group.committed);
        Ok((0..INPUTS).map(|input| committed.and_then(|committed| committed.get(&(shard, input)).copied())).collect())
    }

    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        self.mishap(Call::Recovery)?;
        self.cluster.journal(shard)
    }

    fn activations(&mut self, _: Duration) -> Result<Vec<Vec<u8>>, Fault> {
        self.mishap(Call::Recovery)?;
        self.cluster.activations()
    }

    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.mishap(Call::Recovery)?;
        self.cluster.replay(shard, input, from, to, each)
    }

    fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault> {
        self.mishap(Call::Recovery)?;
        for (input, offset) in offsets.iter().enumerate() {
            self.positions.insert((shard, input), *offset);
        }
        Ok(())
    }

    fn lag(&self, shard: ShardId, input: InputId) -> Option<u64> {
        let state = self.cluster.state();
        let partition = &state.inputs[input][shard as usize];
        u64::try_from(partition.messages.len() - partition.index(self.position(&state, shard, input))).ok()
    }

    fn beginning(&mut self, shard: ShardId, input: InputId) -> Result<i64, Fault> {
        self.mishap(Call::Recovery)?;
        Ok(self.cluster.bounds(shard, input)?.0)
    }

    fn leave(&mut self) -> Result<(), Fault> {
        let (slot, token) = (&self.slot, self.token);
        self.cluster.change(|state| {
            let rebalance = !state.over;
            if let Some(group) = state.groups.get_mut(&self.group) {
                group.remove(slot, Some(token), rebalance);
            }
        });
        Ok(())
    }
}

impl Drop for MemoryLog {
    fn drop(&mut self) {
        let (slot, token) = (&self.slot, self.token);
        self.cluster.change(|state| {
            if let Some(group) = state.groups.get_mut(&self.group) {
                group.died(slot, token);
            }
        });
    }
}
