//! Another rule set or other references for a shard in the middle of its stream.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::codecs::json::JsonDecoder;
use crate::engine::Engine;
use crate::engine::affected::Concerns;
use crate::engine::shard::Shard;
use crate::events::EVENT_TYPES;
use crate::events::EventType;
use crate::ruleset::compile::RuleSet;
use crate::window::calendar::Month;

/// Numbers of rules, by which state names them: a rule keeps its own through
/// all rule sets of a shard, also while it is gone. Given in the order in which
/// the shard first has the rules; never output.
#[derive(Debug, Default)]
pub struct RuleNumbers {
    known: BTreeMap<String, u32>,
    /// By number: ids, and whether the rule was on trial when it was last in force.
    ids: Vec<String>,
    shadow: Vec<bool>,
    by_place: Vec<u32>,
    places: BTreeMap<u32, usize>,
}

impl RuleNumbers {
    pub(super) fn new(rules: &RuleSet) -> Self {
        let mut numbers = Self::default();
        numbers.switch(rules);
        numbers
    }

    pub(super) fn switch(&mut self, rules: &RuleSet) {
        self.by_place.clear();
        for rule in &rules.rules {
            let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
            let number = *self.known.entry(rule.doc.id.clone()).or_insert(next);
            if number == next {
                self.ids.push(rule.doc.id.clone());
                self.shadow.push(rule.shadow);
            }
            if let Some(shadow) = self.shadow.get_mut(number as usize) {
                *shadow = rule.shadow;
            }
            self.by_place.push(number);
        }
        self.places = self.by_place.iter().enumerate().map(|(place, number)| (*number, place)).collect();
    }

    /// Every rule that the shard ever had, with its number.
    pub(super) fn known(&self) -> &BTreeMap<String, u32> {
        &self.known
    }

    /// Of the rule at a place of the rule set in force.
    pub(super) fn number(&self, place: usize) -> u32 {
        self.by_place[place]
    }

    /// The rule of a number, be it in force or gone.
    pub(super) fn id(&self, number: u32) -> &str {
        self.ids.get(number as usize).map_or("", String::as_str)
    }

    /// Whether it is or was on trial.
    pub(super) fn is_shadow(&self, number: u32) -> bool {
        self.shadow.get(number as usize).copied().unwrap_or_default()
    }

    /// Numbers of rules that were in force and are not.
    pub(super) fn gone(&self) -> impl Iterator<Item = u32> {
        self.known.values().copied().filter(|number| !self.places.contains_key(number))
    }

    /// `None`: the rule set in force has no such rule.
    pub(super) fn place(&self, number: u32) -> Option<usize> {
        self.places.get(&number).copied()
    }
}

impl Shard {
    /// Number of the activation that the shard is at; 0: none.
    pub fn activation(&self) -> u64 {
        self.activation
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Goes on under the bundle of the next activation, between two epochs.
    /// Everything that was remembered and told stays as it is: a rule judges
    /// anew what new facts bear on, and of a rule that is gone nothing more is
    /// told. Cases from `groups_from` on are gathered by the definitions of
    /// the new rules.
    ///
    /// The settings of both engines are the same, and so is the identity key.
    pub fn switch(&mut self, engine: Arc<Engine>, number: u64, groups_from: Month) {
        debug_assert!(number > self.activation, "activations go on");
        self.groups.switch(&engine, groups_from, &self.memory);
        let asking = self.groups.engines();
        self.decoders = decoders(&engine, &asking);
        self.needed = needed(&engine, &asking);
        self.items.resolve_anew(&engine.references);
        self.rule_numbers.switch(&engine.rules);
        self.concerns = Concerns::default();
        self.activation = number;
        self.engine = engine;
    }
}

/// A decoder for each input that keeps what the rules need, and what the
/// engines that are `asking` beside count.
pub(super) fn decoders(engine: &Engine, asking: &[Arc<Engine>]) -> Vec<JsonDecoder> {
    let of_input = |(input, event): (usize, &&'static EventType)| {
        let mut projection = engine.rules.projections[input].clone();
        asking.iter().for_each(|other| projection.join(&other.rules.projections[input]));
        JsonDecoder::new(event, projection)
    };
    EVENT_TYPES.iter().enumerate().map(of_input).collect()
}

/// Columns that programs of these engines ask for, by table.
pub(super) fn needed(engine: &Engine, asking: &[Arc<Engine>]) -> Vec<BTreeSet<String>> {
    let mut needed = engine.needed.clone();
    for other in asking {
        needed.iter_mut().zip(&other.needed).for_each(|(own, other)| own.extend(other.iter().cloned()));
    }
    needed
}
