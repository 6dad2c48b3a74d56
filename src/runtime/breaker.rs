//! Stops a worker when too many messages of one input cannot be used.
//!
//! A feed whose format changed would otherwise drain into the reject topic
//! within minutes. Counted over the last 10,000 messages of a shard and
//! input, restored from the journal, judged between step and commit.

use std::collections::VecDeque;

use crate::base::limits::REJECT_WINDOW;

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

    /// Counts an epoch, and says whether the limit is now passed.
    pub fn count(&mut self, messages: u64, rejected: u64) -> bool {
        self.epochs.push_back((messages, rejected));
        self.messages += messages;
        self.rejected += rejected;
        while let Some((oldest, its_rejects)) = self.epochs.front().copied()
            && self.messages - oldest >= REJECT_WINDOW
        {
            self.epochs.pop_front();
            self.messages -= oldest;
            self.rejected -= its_rejects;
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
