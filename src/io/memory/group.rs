//! Membership of a log in memory: static slots, generations, range assignment.
//!
//! As with Kafka's classic protocol and static members: a rebalance waits
//! until every living member has called again, gives each a contiguous range
//! in the order of slots, and starts a new generation. A new worker on a known
//! slot takes over its shards at once and fences the old one.

use std::collections::BTreeMap;

use crate::base::ids::InputId;
use crate::base::ids::ShardId;

#[derive(Debug, Default)]
pub(super) struct Group {
    members: BTreeMap<String, Member>,
    pub(super) generation: u64,
    /// Rises when a call changes what any member may see.
    pub(super) changes: u64,
    rebalancing: bool,
    pub(super) committed: BTreeMap<(ShardId, InputId), i64>,
}

#[derive(Debug)]
struct Member {
    /// Names the worker that holds the slot now.
    token: u64,
    alive: bool,
    /// Has called since the rebalance began.
    joined: bool,
    owned: Vec<ShardId>,
    /// Knows what it owns.
    told: bool,
}

/// What membership says to a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    NoChange,
    Owned(Vec<ShardId>),
    /// Another worker holds the slot.
    Fenced,
}

impl Group {
    /// A new worker takes `slot`.
    pub(super) fn take_slot(&mut self, slot: &str, token: u64) {
        match self.members.get_mut(slot) {
            Some(member) => {
                member.token = token;
                member.alive = true;
                member.joined = false;
                member.told = false;
            }
            None => self.join(slot, token),
        }
    }

    fn join(&mut self, slot: &str, token: u64) {
        let member = Member { token, alive: true, joined: false, owned: Vec::new(), told: true };
        self.members.insert(slot.to_owned(), member);
        self.rebalancing = true;
    }

    /// A member's regular call.
    pub(super) fn call(&mut self, slot: &str, token: u64, partitions: i32) -> Answer {
        let expelled = !self.members.contains_key(slot);
        if expelled {
            self.join(slot, token);
        }
        let Some(member) = self.members.get_mut(slot).filter(|member| member.token == token) else {
            return Answer::Fenced;
        };
        if self.rebalancing {
            let lost = expelled || !member.owned.is_empty();
            self.changes += u64::from(!member.joined);
            member.joined = true;
            member.owned.clear();
            member.told = true;
            if !self.members.values().all(|member| member.joined || !member.alive) {
                return if lost { Answer::Owned(Vec::new()) } else { Answer::NoChange };
            }
            self.assign(partitions);
        }
        match self.members.get_mut(slot).filter(|member| !member.told) {
            Some(member) => {
                member.told = true;
                Answer::Owned(member.owned.clone())
            }
            None if expelled => Answer::Owned(Vec::new()),
            None => Answer::NoChange,
        }
    }

    fn assign(&mut self, partitions: i32) {
        self.changes += 1;
        self.members.retain(|_, member| member.alive);
        self.rebalancing = false;
        self.generation += 1;
        let count = self.members.len() as i32;
        let (each, more) = (partitions / count, partitions % count);
        let mut next = 0;
        for (idx, member) in self.members.values_mut().enumerate() {
            let size = each + i32::from((idx as i32) < more);
            member.owned = (next..next + size).collect();
            member.told = false;
            member.joined = false;
            next += size;
        }
    }

    /// Whether the worker may commit for `shards`.
    pub(super) fn owns(&self, slot: &str, token: u64, shards: impl IntoIterator<Item = ShardId>) -> bool {
        self.members
            .get(slot)
            .filter(|member| member.token == token && member.told)
            .is_some_and(|member| shards.into_iter().all(|shard| member.owned.contains(&shard)))
    }

    /// The worker has to be told again what it owns: it dropped its state.
    pub(super) fn forget(&mut self, slot: &str, token: u64) {
        if let Some(member) = self.members.get_mut(slot).filter(|member| member.token == token) {
            member.told = false;
        }
    }

    /// The worker died without a word: its shards stay its own until another
    /// worker takes the slot, the slot expires or a rebalance happens anyway.
    pub(super) fn died(&mut self, slot: &str, token: u64) {
        if let Some(member) = self.members.get_mut(slot).filter(|member| member.token == token) {
            member.alive = false;
        }
    }

    /// The slot is given up; `rebalance` is false where the log is over and
    /// nobody needs its shards.
    pub(super) fn remove(&mut self, slot: &str, token: Option<u64>, rebalance: bool) {
        if self.members.get(slot).is_some_and(|member| token.is_none_or(|token| member.token == token)) {
            self.members.remove(slot);
            self.rebalancing |= rebalance && !self.members.is_empty();
        }
    }
}
