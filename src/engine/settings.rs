//! Everything a step depends on beside state and input: rules, references,
//! the identity key and the settings of the feed.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Digest;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::pseudonym::IdentityKey;
use crate::base::time::Civil;
use crate::base::time::Zone;
use crate::codecs::RejectClass;
use crate::engine::journal::SEMANTICS;
use crate::engine::journal::Versions;
use crate::engine::meter::Meter;
use crate::engine::meter::STILL;
use crate::events::EVENT_TYPES;
use crate::events::input_name;
use crate::io::partition::Partitioner;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::RuleSet;

/// What the configuration says about one input.
#[derive(Clone, Debug)]
pub struct InputSettings {
    /// Topic or file kind, as clues name their sources.
    pub topic: String,
    /// How persons are spread over partitions; `None`: not checked.
    pub partitioner: Option<Partitioner>,
    /// How far events may come out of order, in seconds.
    pub disorder_seconds: i64,
    /// Since when the feed is whole; `None`: not stated.
    pub complete_from: Option<Civil>,
}

#[derive(Clone, Debug)]
pub struct EngineSettings {
    pub zone: Zone,
    pub partitions: i32,
    /// By input number.
    pub inputs: Vec<InputSettings>,
    /// Topic of the partials, as clues about groups name their sources.
    pub partials: String,
    /// Go-live: earlier events build state and tell nothing.
    pub clues_from: Option<Civil>,
    /// Area prefixes that the feed covers; empty: all.
    pub covered_areas: Vec<String>,
    /// Reject classes that stop the worker.
    pub stop_classes: BTreeSet<RejectClass>,
    /// Tells how long rules take; changes nothing else.
    pub meter: Meter,
}

impl Default for EngineSettings {
    /// One hour of disorder, nothing stated about completeness,
    /// `wrong_partition` stops, and nothing takes time.
    fn default() -> Self {
        let input = |event: &&crate::events::EventType| InputSettings {
            topic: event.name.to_owned(),
            partitioner: None,
            disorder_seconds: 3600,
            complete_from: None,
        };
        Self {
            zone: Zone::default(),
            partitions: 1,
            inputs: EVENT_TYPES.iter().map(input).collect(),
            partials: input_name(PARTIALS_INPUT).to_owned(),
            clues_from: None,
            covered_areas: Vec::new(),
            stop_classes: BTreeSet::from([RejectClass::WrongPartition]),
            meter: STILL,
        }
    }
}

impl EngineSettings {
    /// Names everything that decides what is made of an input: with other
    /// settings a replay would make other state of the same journal.
    fn digest(&self) -> Digest {
        let Self { zone, partitions, inputs, partials: _, clues_from, covered_areas, stop_classes: _, meter: _ } = self;
        let areas: BTreeSet<&str> = covered_areas.iter().map(String::as_str).collect();
        let mut parts = vec![format!("{zone:?}"), partitions.to_string(), format!("{clues_from:?}"), format!("{areas:?}")];
        for InputSettings { topic, partitioner, disorder_seconds, complete_from } in inputs {
            parts.extend([topic.clone(), format!("{partitioner:?}"), disorder_seconds.to_string(), format!("{complete_from:?}")]);
        }
        Digest::of(parts.iter().map(String::as_bytes))
    }
}

/// What all shards of a process share.
pub struct Engine {
    pub rules: Arc<RuleSet>,
    pub references: Arc<Snapshot>,
    pub settings: EngineSettings,
    pub key: IdentityKey,
    pub versions: Versions,
    /// Digest of the references, as findings carry it.
    pub references_text: String,
    /// Columns that the programs of each table ask for.
    pub needed: Vec<BTreeSet<String>>,
}

impl Engine {
    pub fn new(rules: Arc<RuleSet>, references: Arc<Snapshot>, settings: EngineSettings, key: IdentityKey) -> Self {
        let needed = rules
            .tables
            .iter()
            .map(|table| {
                let columns = table.iter().flat_map(|table| {
                    table.masks.columns().iter().chain(table.details.columns()).chain(table.history.columns()).chain(table.groups.columns())
                });
                columns.map(|column| column.name.clone()).collect()
            })
            .collect();
        let references_text = references.digest().short();
        let versions = Versions {
            semantics: SEMANTICS,
            rule_set: rules.digest.clone(),
            references: references_text.clone(),
            identity_key: key.id().to_owned(),
            settings: settings.digest().short(),
        };
        Self { rules, references, settings, key, versions, references_text, needed }
    }
}
