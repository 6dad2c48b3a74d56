//! A shard as bytes and back.
//!
//! What a shard remembers is saved; what it judges by is not. That follows from
//! the bundles that it went through, which whoever loads it has to name.

use std::sync::Arc;

use crate::base::ids::ShardId;
use crate::base::time::Civil;
use crate::engine::Engine;
use crate::engine::affected::Concerns;
use crate::engine::items::Items;
use crate::engine::remember::Memory;
use crate::engine::shard::Shard;
use crate::engine::switch;
use crate::state::clues::ClueTable;
use crate::state::keyed::Keyed;
use crate::state::persons::Persons;
use crate::state::row_clues::RowClues;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Marks;
use crate::state::saved::Part;
use crate::state::saved::Saver;
use crate::state::versions::Versions;
use crate::window::calendar::Month;
use crate::window::watermark::Watermark;

/// Rises when the state of older programs would be read wrongly.
pub const FORMAT: u32 = 1;

/// A bundle that a shard went on under.
#[derive(Clone)]
pub struct Stage {
    pub engine: Arc<Engine>,
    /// Number of the activation.
    pub activation: u64,
    pub groups_from: Month,
}

impl Shard {
    /// What changed since the save that `marks` are of; with empty ones
    /// everything. Between two epochs only.
    ///
    /// # Errors
    /// A table holds what has no form as bytes.
    pub fn save(&mut self, marks: &mut Marks) -> Result<Vec<Part>, Damage> {
        let mut saver = Saver::new(marks);
        let Self {
            engine: _,
            id: _,
            activation,
            decoders: _,
            needed: _,
            rule_numbers,
            items,
            persons,
            versions,
            memory,
            clues,
            row_clues,
            concerns: _,
            watermarks,
            idle,
            waiting,
            judged,
            groups,
        } = self;
        saver.head("activation", activation);
        saver.head("rules", rule_numbers.known());
        items.save(&mut saver);
        persons.save(&mut saver);
        versions.save(&mut saver);
        memory.save(&mut saver);
        clues.save(&mut saver);
        row_clues.save(&mut saver);
        saver.head("watermarks", &watermarks.iter().map(Watermark::at).collect::<Vec<Civil>>());
        saver.head("idle", idle);
        saver.head("waiting", waiting);
        judged.save("judged", &mut saver);
        groups.save(&mut saver);
        saver.done()
    }

    /// A shard as it was saved. `first`: the engine that it began with;
    /// `stages`: those that it went on under, in turn.
    ///
    /// # Errors
    /// The segments are not all of one save, or of a shard with other bundles.
    pub fn load(mut loader: Loader<'_>, id: ShardId, first: &Arc<Engine>, stages: &[Stage]) -> Result<(Self, Marks), Damage> {
        let Self { mut rule_numbers, mut groups, .. } = Self::new(Arc::clone(first), id);
        let mut engine = first;
        for stage in stages {
            groups.retrace(&stage.engine, stage.groups_from);
            rule_numbers.switch(&stage.engine.rules);
            engine = &stage.engine;
        }
        let activation = loader.head("activation")?;
        if activation != stages.last().map_or(0, |stage| stage.activation) {
            return Err(Damage::malformed("activation", "it stands at another one"));
        }
        if *rule_numbers.known() != loader.head("rules")? {
            return Err(Damage::malformed("rules", "it had others"));
        }
        let items = Items::load(&mut loader, &engine.references)?;
        let persons = Persons::load(&mut loader)?;
        let versions = Versions::load(&mut loader)?;
        let memory = Memory::load(&mut loader)?;
        let clues = ClueTable::load(&mut loader)?;
        let row_clues = RowClues::load(&mut loader)?;
        let watermarks: Vec<Civil> = loader.head("watermarks")?;
        let idle: Vec<bool> = loader.head("idle")?;
        let inputs = &engine.settings.inputs;
        if watermarks.len() != inputs.len() || idle.len() != inputs.len() {
            return Err(Damage::malformed("watermarks", "they are of other inputs"));
        }
        let watermarks = inputs.iter().zip(watermarks).map(|(input, at)| Watermark::from(input.disorder_seconds, at)).collect();
        let waiting = loader.head("waiting")?;
        let judged = Keyed::load("judged", &mut loader)?;
        let groups = groups.load(&mut loader, &memory)?;
        let asking = if stages.is_empty() { Vec::new() } else { groups.engines() };
        let shard = Self {
            id,
            activation,
            decoders: switch::decoders(engine, &asking),
            needed: switch::needed(engine, &asking),
            rule_numbers,
            items,
            persons,
            versions,
            memory,
            clues,
            row_clues,
            concerns: Concerns::default(),
            watermarks,
            idle,
            waiting,
            judged,
            groups,
            engine: Arc::clone(engine),
        };
        Ok((shard, loader.done()?))
    }
}
