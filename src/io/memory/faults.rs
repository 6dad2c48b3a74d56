//! What can go wrong in a log in memory: by script, or drawn from a seed.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use rand_pcg::rand_core::SeedableRng as _;

/// One mishap of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// A commit writes nothing, leaves the gaps of an aborted transaction and
    /// may be tried again.
    CommitAgain,
    /// A commit's answer is lost; what it wrote landed, or did not.
    AnswerLost { landed: bool },
    /// The group goes on without the worker, as if it had been silent too
    /// long: its commit is refused, its shards are taken away.
    Expelled,
    /// The process dies: every call from here on fails, as on a dropped worker.
    Crash(CrashPoint),
}

/// Where a crash hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    Shards,
    Take,
    BeforeCommit,
    /// The write has landed, its worker never learns it.
    AfterCommit,
    /// Reading committed offsets, the journal, or a past range.
    Recovery,
}

/// Mishaps drawn from a seed: how many in ten thousand calls of the kind that
/// each can hit. The same seed and the same calls give the same mishaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub seed: u64,
    pub commit_again: u32,
    pub answer_lost: u32,
    pub expelled: u32,
    pub crash: u32,
}

/// The calls that mishaps hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Shards,
    Take,
    Commit,
    Recovery,
}

impl Mishap {
    fn hits(self, call: Call) -> bool {
        match self {
            Self::CommitAgain | Self::AnswerLost { .. } => call == Call::Commit,
            Self::Expelled => matches!(call, Call::Commit | Call::Shards),
            Self::Crash(CrashPoint::Shards) => call == Call::Shards,
            Self::Crash(CrashPoint::Take) => call == Call::Take,
            Self::Crash(CrashPoint::BeforeCommit | CrashPoint::AfterCommit) => call == Call::Commit,
            Self::Crash(CrashPoint::Recovery) => call == Call::Recovery,
        }
    }
}

/// Scripted mishaps by slot, and those drawn from a seed.
#[derive(Debug, Default)]
pub(super) struct Fate {
    drawn: Option<(Faults, Pcg64Mcg)>,
    scripted: BTreeMap<String, Vec<Mishap>>,
}

impl Fate {
    pub(super) fn draw_from(&mut self, faults: Option<Faults>) {
        self.drawn = faults.map(|faults| (faults, Pcg64Mcg::seed_from_u64(faults.seed)));
    }

    pub(super) fn script(&mut self, slot: &str, mishap: Mishap) {
        self.scripted.entry(slot.to_owned()).or_default().push(mishap);
    }

    /// What happens to this call: the first scripted mishap that can hit it, else the draw.
    pub(super) fn of(&mut self, slot: &str, call: Call) -> Option<Mishap> {
        if let Some(waiting) = self.scripted.get_mut(slot)
            && let Some(idx) = waiting.iter().position(|mishap| mishap.hits(call))
        {
            return Some(waiting.remove(idx));
        }
        let (faults, rng) = self.drawn.as_mut()?;
        // One draw decides the mishap, another its variant, whatever the call:
        // a change of rates does not shift the rest of the sequence.
        let (lot, variant) = (rng.next_u32() % 10_000, rng.next_u32() & 1 == 0);
        let crash = match (call, variant) {
            (Call::Shards, _) => CrashPoint::Shards,
            (Call::Take, _) => CrashPoint::Take,
            (Call::Commit, true) => CrashPoint::BeforeCommit,
            (Call::Commit, false) => CrashPoint::AfterCommit,
            (Call::Recovery, _) => CrashPoint::Recovery,
        };
        let mut edge = 0;
        [
            (faults.crash, Mishap::Crash(crash)),
            (faults.expelled, Mishap::Expelled),
            (faults.answer_lost, Mishap::AnswerLost { landed: variant }),
            (faults.commit_again, Mishap::CommitAgain),
        ]
        .into_iter()
        .find(|(rate, _)| {
            edge += rate;
            lot < edge
        })
        .map(|(_, mishap)| mishap)
        .filter(|mishap| mishap.hits(call))
    }
}
