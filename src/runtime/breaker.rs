//! Stops a worker when too many messages of one input cannot be used.
//!
//! A feed whose format changed would otherwise drain into the reject topic
//! within minutes. Counted over the last 10,000 messages of a shard and
//! input, restored from the journal, judged between step and commit.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use crate::base::ids::ShardId;
use crate::base::limits::REJECT_WINDOW;
use crate::events::EVENT_TYPES;
use crate::events::InputId;

/// How many rejects stop a worker.
#[derive(Clone, Debug)]
pub struct RejectLimit {
    pub percent: u32,
    pub accepted: Vec<AcceptedRejects>,
}

impl RejectLimit {
    /// How many of the rejects of a run that begins at `from` count.
    pub fn counted(&self, input: InputId, shard: ShardId, from: i64, rejected: u64) -> u64 {
        let accepted = |one: &AcceptedRejects| (one.input, one.shard) == (input, shard) && from < one.to;
        if self.accepted.iter().any(accepted) { 0 } else { rejected }
    }
}

/// Rejects of runs of one partition that begin before an offset were looked at
/// and accepted by a person: they never stop a worker again.
///
/// As text `input:partition:offset`, like `settlement:2:118000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedRejects {
    pub input: InputId,
    pub shard: ShardId,
    pub to: i64,
}

impl fmt::Display for AcceptedRejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", EVENT_TYPES[self.input].name, self.shard, self.to)
    }
}

impl FromStr for AcceptedRejects {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let mut part = || parts.next().unwrap_or_default();
        let name = part();
        let input = EVENT_TYPES.iter().position(|event| event.name == name);
        match (input, part().parse(), part().parse(), parts.next()) {
            (Some(input), Ok(shard), Ok(to), None) => Ok(Self { input, shard, to }),
            _ => Err("write it as the message says: input, partition and offset, like settlement:2:118000".to_owned()),
        }
    }
}

/// Reject counts of one input of one shard.
#[derive(Clone, Debug)]
pub struct Breaker {
    limit: u64,
    epochs: VecDeque<(u64, u64)>,
    messages: u64,
    rejected: u64,
}

impl Breaker {
    /// `limit_percent` of the window, as a number of messages: the same number
    /// while fewer messages have been seen.
    pub fn new(limit_percent: u32) -> Self {
        Self { limit: REJECT_WINDOW * u64::from(limit_percent) / 100, epochs: VecDeque::new(), messages: 0, rejected: 0 }
    }

    /// Counts a run or an epoch, and says whether the limit is now passed.
    ///
    /// Of the oldest one that reaches into the window, its share counts: a
    /// restored journal knows whole epochs, which may be longer than the window.
    pub fn count(&mut self, messages: u64, rejected: u64) -> bool {
        self.epochs.push_back((messages, rejected));
        self.messages += messages;
        self.rejected += rejected;
        while self.messages > REJECT_WINDOW
            && let Some((oldest, its_rejects)) = self.epochs.pop_front()
        {
            let gone = oldest.min(self.messages - REJECT_WINDOW);
            let gone_rejects = (its_rejects * gone).div_ceil(oldest.max(1));
            self.messages -= gone;
            self.rejected -= gone_rejects;
            if gone < oldest {
                self.epochs.push_front((oldest - gone, its_rejects - gone_rejects));
            }
        }
        self.rejected > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_number_also_while_few_were_seen() {
        let mut breaker = Breaker::new(5);
        assert!(!breaker.count(500, 500));
        assert!(breaker.count(1, 1));
    }

    #[test]
    fn a_rate_below_the_limit_never_stops_however_it_is_counted() {
        for size in [7, 1000, 4096, 32_768, 100_000] {
            let mut breaker = Breaker::new(5);
            for at in 0..300_000 / size {
                // 4 %, evenly spread.
                let rejected = (at + 1) * size / 25 - at * size / 25;
                assert!(!breaker.count(size, rejected), "runs of {size}");
            }
        }
    }

    #[test]
    fn accepted_rejects_never_stop_a_worker_again() {
        let limit = RejectLimit { percent: 5, accepted: vec!["prescription:3:1024".parse().unwrap()] };
        let mut breaker = Breaker::new(limit.percent);
        assert!(!breaker.count(1000, limit.counted(1, 3, 0, 1000)));
        assert!(!breaker.count(1000, limit.counted(1, 3, 1024, 500)));
        assert!(breaker.count(1000, limit.counted(1, 3, 2024, 1)));
        for (input, shard) in [(0, 3), (1, 2)] {
            assert_eq!(limit.counted(input, shard, 0, 7), 7, "of no other partition");
        }
        for text in ["1024", "prescriptions:3:1024", "prescription:3", "prescription:3:1024:1", "prescription:three:1"] {
            assert!(text.parse::<AcceptedRejects>().is_err(), "{text}");
        }
    }

    #[test]
    fn old_rejects_are_forgotten() {
        let mut breaker = Breaker::new(5);
        assert!(!breaker.count(1000, 300));
        for _ in 0..10 {
            assert!(!breaker.count(1000, 20));
        }
        assert!(!breaker.count(1000, 300));
        assert!(breaker.count(1000, 300));
    }
}
