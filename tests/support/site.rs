//! The made-up city and a configuration, for tests and benches that start the
//! program itself.
#![allow(dead_code)]

use std::path::Path;
use std::path::PathBuf;

use chrono::NaiveDate;
use claimsift::commands::demo;
use claimsift::io::kafka::KafkaSettings;
use claimsift::synth::City;

use super::feed::references;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The city of the demo, as its tables say on a day.
pub fn city(on: NaiveDate) -> City {
    demo::city(&references(), on).unwrap()
}

/// What differs between configurations.
pub struct Tune<'a> {
    pub instance: &'a str,
    pub workers: u32,
    /// Messages of an epoch.
    pub epoch: u32,
    pub more: &'a str,
}

/// The folder of the shipped rules.
pub fn rules() -> PathBuf {
    root().join("rules")
}

/// A configuration of one worker process. `since`: the feed is whole from
/// then on; `live`: clues are told from then on.
pub fn config(kafka: &KafkaSettings, since: NaiveDate, live: NaiveDate, tune: &Tune<'_>) -> String {
    config_of(&rules(), kafka, since, live, tune)
}

/// The same with the rules of another folder.
pub fn config_of(rules: &Path, kafka: &KafkaSettings, since: NaiveDate, live: NaiveDate, tune: &Tune<'_>) -> String {
    let rules = rules.display();
    let root = root().display();
    let [settlement, prescription] = &kafka.inputs;
    let input = format!("{{ partitioner: murmur2, complete_from: {since} }}");
    format!(
        "kafka: {{ bootstrap: \"{}\", group: {}, instance: {}, workers: {} }}\n\
         topics: {{ settlement: {settlement}, prescription: {prescription}, clues: {}, shadow: {}, rejects: {}, journal: {}, partials: {}, control: {} }}\n\
         inputs: {{ settlement: {input}, prescription: {input} }}\n\
         rules: \"{rules}\"\n\
         reference: [\"{root}/rules/reference\", \"{root}/demo/reference\"]\n\
         clues_from: {live}\n\
         covered_areas: [\"9901\"]\n\
         made_up_data: true\n\
         epoch: {{ messages_max: {} }}\n\
         http: {{ listen: \"off\" }}\n\
         log: {{ level: warn }}\n{}",
        kafka.bootstrap,
        kafka.group,
        tune.instance,
        tune.workers,
        kafka.clues,
        kafka.shadow,
        kafka.rejects,
        kafka.journal,
        kafka.partials,
        kafka.control,
        tune.epoch,
        tune.more
    )
}
