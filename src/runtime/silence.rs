//! Who has been silent for how long, by a clock that only the runtime has.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::time::Civil;
use crate::window::pane::Holding;

#[derive(Debug, Default)]
pub struct Silence {
    /// When each input last spoke, or was taken over.
    spoke: BTreeMap<(ShardId, InputId), Duration>,
    /// By shard and source that its looks wait for: how far the source had
    /// told, and since when it has told no more. The wait begins when others
    /// are far enough, so a source is never called idle while it is on time.
    held: BTreeMap<(ShardId, ShardId), (Option<Civil>, Duration)>,
}

impl Silence {
    /// The shards have changed: everything is heard of anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn spoke(&mut self, shard: ShardId, input: InputId, now: Duration) {
        self.spoke.insert((shard, input), now);
    }

    /// How long an input of a shard has said nothing.
    pub fn of_input(&mut self, shard: ShardId, input: InputId, now: Duration) -> Duration {
        now.saturating_sub(*self.spoke.entry((shard, input)).or_insert(now))
    }

    /// How long each source has come no further that looks of a shard wait for.
    pub fn of_sources(&mut self, shard: ShardId, holding: &[Holding], now: Duration) -> Vec<(ShardId, Duration)> {
        let holds = |source: ShardId| holding.iter().any(|of| of.source == source && of.looks);
        self.held.retain(|(own, source), _| *own != shard || holds(*source));
        let mut silent = Vec::new();
        for of in holding.iter().filter(|of| of.looks) {
            let held = self.held.entry((shard, of.source)).or_insert((of.since, now));
            if held.0 != of.since {
                *held = (of.since, now);
            }
            silent.push((of.source, now.saturating_sub(held.1)));
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_silent_while_it_comes_no_further_and_looks_wait() {
        let mut silence = Silence::default();
        let mut after = |seconds: u64, shard: ShardId, source: ShardId, since: Option<i64>, looks: bool| {
            let holding = [Holding { source, since: since.map(Civil), looks, state: true }];
            let silent = silence.of_sources(shard, &holding, Duration::from_secs(seconds));
            silent.into_iter().map(|(source, silent)| (source, silent.as_secs())).collect::<Vec<_>>()
        };
        assert_eq!(after(0, 0, 1, None, true), [(1, 0)]);
        assert_eq!(after(60, 0, 1, None, true), [(1, 60)]);
        assert_eq!(after(70, 2, 1, None, true), [(1, 0)], "another shard waits for itself");
        assert_eq!(after(90, 0, 1, Some(5), true), [(1, 0)], "it was heard of");
        assert_eq!(after(100, 0, 1, Some(5), true), [(1, 10)]);
        assert_eq!(after(110, 0, 1, Some(5), false), [], "state may wait");
        assert_eq!(after(120, 0, 1, Some(5), true), [(1, 0)]);
    }
}
