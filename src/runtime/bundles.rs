//! The way of shards from bundle to bundle, as the control topic tells it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::engine::Engine;
use crate::engine::activation::Activation;
use crate::engine::activation::BundleName;
use crate::engine::journal::JournalEntry;
use crate::engine::saved::Stage;
use crate::engine::shard::Shard;
use crate::io::log::Log;
use crate::runtime::store::Store;

/// Where bundles come from that are not the configuration's own.
pub trait Bundles: Sync {
    /// An engine with these rules and references and the configuration's settings and key.
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault>;
}

/// Bundles of a store, each read once by a process.
pub struct Stored {
    own: Arc<Engine>,
    store: Store,
    loaded: Mutex<BTreeMap<BundleName, Arc<Engine>>>,
}

impl Stored {
    pub fn new(own: Arc<Engine>, store: Store) -> Self {
        Self { own, store, loaded: Mutex::new(BTreeMap::new()) }
    }
}

impl Bundles for Stored {
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault> {
        // Held while a bundle is read, or each worker would read it.
        let mut loaded = self.loaded.lock();
        if let Some(engine) = loaded.iter().find(|(name, _)| name.is(bundle)).map(|(_, engine)| engine) {
            return Ok(Arc::clone(engine));
        }
        // Most switches change one of the two.
        let near = || loaded.values().chain([&self.own]);
        let rules = near().find(|near| bundle.rules.starts_with(&near.versions.rule_set)).map(|near| Arc::clone(&near.rules));
        let references =
            near().find(|near| bundle.references.starts_with(&near.versions.references)).map(|near| Arc::clone(&near.references));
        let rules = rules.map_or_else(|| self.store.rules(&bundle.rules).map(Arc::new), Ok)?;
        let references = references.map_or_else(|| self.store.references(&bundle.references).map(Arc::new), Ok)?;
        let engine = Arc::new(Engine::new(rules, references, self.own.settings.clone(), self.own.key.clone()));
        loaded.insert(bundle.clone(), Arc::clone(&engine));
        Ok(engine)
    }
}

/// Which bundles are in force, one after the other.
///
/// A shard goes through all activations in turn, also those that came while
/// nobody held it, so that all shards have had the same. The bundle before the
/// first is the configuration's; a shard that had read nothing before begins
/// with the first activation instead, because configurations change.
pub struct Course<'a> {
    own: Arc<Engine>,
    bundles: Option<&'a dyn Bundles>,
    activations: Vec<Activation>,
}

impl<'a> Course<'a> {
    pub fn new(own: Arc<Engine>, bundles: Option<&'a dyn Bundles>) -> Self {
        Self { own, bundles, activations: Vec::new() }
    }

    /// The configuration's engine: its settings are those of all.
    pub fn own(&self) -> &Arc<Engine> {
        &self.own
    }

    /// Number of the activation in force; 0: none.
    pub fn in_force(&self) -> u64 {
        self.activations.len() as u64
    }

    /// Reads what the control topic says by now; see [`Log::activations`].
    pub fn read(&mut self, log: &mut dyn Log, patience: Duration) -> Result<(), Fault> {
        self.hear(&log.activations(patience)?)
    }

    /// Takes in all values of the control topic, oldest first.
    pub fn hear(&mut self, values: &[Vec<u8>]) -> Result<(), Fault> {
        let doing = "read activations";
        let read = Activation::decode_all(values).map_err(|fault| Fault::stop(doing, fault))?;
        if !read.starts_with(&self.activations) {
            return Err(Fault::stop(doing, "the control topic is no longer what it was: activations that are in force are gone or others"));
        }
        self.activations = read;
        Ok(())
    }

    /// Whether a journal with this last entry can be gone on with. Rules and
    /// references may be others where an activation says so.
    pub fn may_continue(&self, shard: ShardId, last: &JournalEntry) -> Result<(), Fault> {
        let own = &self.own.versions;
        let mut expected = last.versions.clone();
        if self.in_force() > 0 {
            expected.rule_set.clone_from(&own.rule_set);
            expected.references.clone_from(&own.references);
        }
        if expected == *own {
            return Ok(());
        }
        let reason = format!(
            "the journal was written with {}; this worker has {own}. Other rules and references are put into force by `claimsift activate`. \
             Settings are the zone, the topics, their partitions, `clues_from`, `covered_areas`, and of each input `partitioner`, `disorder` \
             and `complete_from`",
            last.versions
        );
        Err(Fault::stop(format!("continue journal of shard {shard}"), reason))
    }

    /// Whether a shard that has no entry would begin otherwise when it is
    /// rebuilt: it was taken before there was an activation.
    pub fn would_begin_otherwise(&self, shard: &Shard) -> bool {
        let now = BundleName::of(&shard.engine().versions);
        shard.activation() == 0 && self.activations.first().is_some_and(|first| !now.is(&first.bundle))
    }

    /// The engine that a shard with this journal began with.
    pub fn first(&self, entries: &[JournalEntry]) -> Result<Arc<Engine>, Fault> {
        match (entries.first(), self.activations.first()) {
            (Some(entry), _) if entry.activation == 0 => self.load(&BundleName::of(&entry.versions)),
            (_, Some(activation)) => self.load(&activation.bundle),
            (_, None) => Ok(Arc::clone(&self.own)),
        }
    }

    /// The activations up to this number; `None`: the control topic ends before it.
    pub fn followed(&self, to: u64) -> Option<&[Activation]> {
        self.activations.get(..usize::try_from(to).ok()?)
    }

    /// What a shard goes on under up to an activation.
    pub fn stages(&self, to: u64) -> Result<Vec<Stage>, Fault> {
        let stage =
            |of: &Activation| self.load(&of.bundle).map(|engine| Stage { engine, activation: of.number, groups_from: of.groups_from });
        self.followed(to).unwrap_or_default().iter().map(stage).collect()
    }

    /// Brings a shard to activation `to`, through all before it. Returns
    /// whether it moved.
    pub fn follow(&self, shard: &mut Shard, to: u64) -> Result<bool, Fault> {
        let at = shard.activation();
        let (Ok(from), Ok(until)) = (usize::try_from(at), usize::try_from(to)) else { return Ok(false) };
        let Some(ahead) = self.activations.get(from..until) else {
            let reason = if to < at {
                format!("activation {to} stands behind activation {at}")
            } else {
                format!("it names activation {to} and the control topic ends with {}: bring the topic back", self.in_force())
            };
            return Err(Fault::stop("follow activations of the journal", reason));
        };
        for activation in ahead {
            let engine = self.load(&activation.bundle)?;
            tracing::info!(number = activation.number, bundle = %activation.bundle, "activation followed");
            shard.switch(engine, activation.number, activation.groups_from);
        }
        Ok(!ahead.is_empty())
    }

    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault> {
        let own = BundleName::of(&self.own.versions);
        if own.is(bundle) {
            return Ok(Arc::clone(&self.own));
        }
        match self.bundles {
            Some(bundles) => bundles.load(bundle),
            None => Err(Fault::stop(
                format!("load {bundle}"),
                format!("this worker has {own}, and no store to load others from: configure `state.store`"),
            )),
        }
    }
}
