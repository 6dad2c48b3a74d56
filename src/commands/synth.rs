//! `claimsift synth`: the demo's generator, writing to files or to topics.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::base::diagnostic;
use crate::codecs::RejectClass;
use crate::commands::Failure;
use crate::commands::demo;
use crate::commands::run::kafka_settings;
use crate::commands::run::partitioner;
use crate::commands::say;
use crate::config;
use crate::events::EVENT_TYPES;
use crate::io::kafka::admin;
use crate::io::kafka::feed::Feed;
use crate::io::partition::Partitioner;
use crate::synth;

#[derive(Debug, Args)]
pub struct Synth {
    /// Settlements and prescriptions in all.
    #[arg(long, default_value_t = 112_000)]
    events: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder to write settlement.ndjson and prescription.ndjson to.
    #[arg(long, conflicts_with = "config")]
    out: Option<PathBuf>,
    /// Configuration whose topics are written to.
    #[arg(long, required_unless_present = "out")]
    config: Option<PathBuf>,
    /// Leave out messages that must be rejected.
    #[arg(long)]
    clean: bool,
    /// Reference folders: the product's tables, then the made-up city's.
    #[arg(long, num_args = 1.., default_values = ["rules/reference", "demo/reference"])]
    reference: Vec<PathBuf>,
}

impl Synth {
    pub fn execute(&self) -> Result<(), Failure> {
        let mut settings = demo::sized(self.events, self.seed);
        if self.clean {
            settings.rejects = 0.0;
        }
        let city = demo::city(&self.reference, settings.live_first())?;
        let mut generator = synth::generate(&settings, &city);
        let written = match (&self.out, &self.config) {
            (Some(folder), _) => to_files(&mut generator, folder)?,
            (None, Some(config)) => to_topics(&mut generator, config)?,
            (None, None) => return Err(Failure::Plain("name a folder with --out or a configuration with --config".to_owned())),
        };
        say(&format!(
            "{written} messages from {} to {}; set complete_from to {} and clues_from to {}\n",
            settings.first_day(),
            settings.end(),
            settings.first_day(),
            settings.live_first()
        ));
        Ok(())
    }
}

fn to_files(generator: &mut synth::Generator<'_>, folder: &std::path::Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::Plain(format!("write to {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut files = Vec::new();
    for event in EVENT_TYPES {
        let file = std::fs::File::create(folder.join(format!("{}.ndjson", event.name))).map_err(failed)?;
        files.push(std::io::BufWriter::with_capacity(1 << 20, file));
    }
    let mut event = synth::Generated::default();
    let mut written = 0;
    while generator.next_into(&mut event) {
        // What is wrong only beside a record's timestamp stays a matter of
        // topics: a line has none. A line end inside a message stands between
        // tokens, where a blank means the same.
        event.json.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        if !matches!(event.reject, Some(RejectClass::Tombstone | RejectClass::Future)) {
            let file = &mut files[event.input];
            file.write_all(&event.json).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
            written += 1;
        }
    }
    for file in &mut files {
        file.flush().map_err(failed)?;
    }
    Ok(written)
}

fn to_topics(generator: &mut synth::Generator<'_>, path: &std::path::Path) -> Result<u64, Failure> {
    let (settings, diagnostics) = config::load(path)?;
    let Some(settings) = settings.filter(|_| diagnostics.is_empty()) else {
        return Err(Failure::Mistakes(diagnostic::render(&diagnostics)));
    };
    let kafka = kafka_settings(&settings, 0)?;
    let topics: Vec<&str> = kafka.inputs.iter().map(String::as_str).collect();
    let counts = admin::topic_partitions(&kafka, &topics)?;
    let mut feed = Feed::connect(&kafka)?;
    let mut event = synth::Generated::default();
    let mut written = 0;
    while generator.next_into(&mut event) {
        let topic = &kafka.inputs[event.input];
        let partitions = counts.get(topic).copied().unwrap_or(1);
        let partitioner = partitioner(settings.inputs[event.input].partitioner).unwrap_or(Partitioner::Murmur2);
        let partition = partitioner.partition(event.person.as_bytes(), partitions);
        let value = (event.reject != Some(RejectClass::Tombstone)).then_some(event.json.as_slice());
        feed.send(topic, partition, Some(event.person.as_bytes()), value, event.timestamp_ms)?;
        written += 1;
    }
    feed.flush()?;
    Ok(written)
}
