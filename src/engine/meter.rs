//! The time that rules take, told by a meter that the runtime hands in.

use std::collections::BTreeMap;

use crate::engine::effects::RuleTally;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::compile::Shares;

/// Nanoseconds since any fixed moment. The engine has no clock of its own, and
/// nothing that it does depends on what this says.
pub type Meter = fn() -> u64;

/// For whoever does not ask how long things take.
pub const STILL: Meter = || 0;

/// Divides the time of a batch into laps, each of which belongs to somebody.
pub struct Laps {
    meter: Meter,
    since: u64,
}

impl Laps {
    pub fn new(meter: Meter) -> Self {
        Self { meter, since: meter() }
    }

    /// Nanoseconds since the last lap.
    pub fn lap(&mut self) -> u64 {
        let now = (self.meter)();
        now.saturating_sub(std::mem::replace(&mut self.since, now))
    }

    /// Books the lap on one rule.
    pub fn of_rule(&mut self, set: &RuleSet, place: usize, tallies: &mut BTreeMap<String, RuleTally>) {
        let nanoseconds = self.lap();
        tallies.entry(set.rules[place].doc.id.clone()).or_default().nanoseconds += nanoseconds;
    }

    /// Books the lap on all rules that share what was done.
    pub fn shared(&mut self, set: &RuleSet, shares: &Shares, tallies: &mut BTreeMap<String, RuleTally>) {
        let nanoseconds = self.lap() as f64;
        for (place, share) in shares {
            tallies.entry(set.rules[*place].doc.id.clone()).or_default().nanoseconds += (nanoseconds * share) as u64;
        }
    }
}
