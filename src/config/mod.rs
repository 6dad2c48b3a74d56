//! claimsift.yaml: from an operator's file to settings, once, strictly.
//!
//! Modules below receive their own part of `Settings` and never see the
//! whole. Nothing is read from the environment.

pub mod settings;
pub mod spec;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::fault::Fault;
use crate::base::time::Zone;
use crate::codecs::RejectClass;
use crate::config::settings::EpochSettings;
use crate::config::settings::InputSettings;
use crate::config::settings::KafkaSettings;
use crate::config::settings::LogSettings;
use crate::config::settings::Policy;
use crate::config::settings::RejectSettings;
use crate::config::settings::Settings;
use crate::config::settings::SnapshotSettings;
use crate::config::settings::TopicSettings;
use crate::events::EVENT_TYPES;
use crate::io::kafka::settings::OURS;
use crate::io::kafka::settings::unusable_property;
use crate::ruleset::page;
use crate::ruleset::read::REFERENCE_FOLDER;
use crate::ruleset::read::load_file;
use crate::ruleset::schema;
use crate::ruleset::shape;
use crate::ruleset::shape::Shape;
use crate::ruleset::view::View;
use crate::ruleset::words::Words as _;
use crate::ruleset::yaml;
use crate::ruleset::yaml::Node;

/// Reads a configuration file from disk; see [`read`].
///
/// # Errors
/// If the file cannot be read.
pub fn load(path: &Path) -> Result<(Option<Settings>, Vec<Diagnostic>), Fault> {
    let (source, mut diagnostics) = load_file(path)?;
    let (settings, mistakes) = read(&source);
    diagnostics.extend(mistakes);
    Ok((settings.filter(|_| diagnostics.is_empty()), diagnostics))
}

/// Settings, or all mistakes of the file. Relative paths are resolved against
/// the folder of the file.
pub fn read(source: &Arc<SourceText>) -> (Option<Settings>, Vec<Diagnostic>) {
    let (node, mut diagnostics) = yaml::parse(source);
    let Some(node) = node else { return (None, diagnostics) };
    // An empty file is a map without keys: everything has its default.
    let node = if node.is_null() { Node { value: yaml::Value::Map(Vec::new()), ..node } } else { node };
    diagnostics.extend(shape::check(source, &node, &Shape::Object(&spec::CONFIG), "the file"));
    let view = View::new(source, &node, &spec::CONFIG);
    diagnostics.extend(own_properties(&view));
    diagnostics.extend(missing_key(&view));
    let settings = fill(&view);
    diagnostics.extend(shared_topics(&view, &settings.topics));
    (Some(settings).filter(|_| diagnostics.is_empty()), diagnostics)
}

impl Default for Settings {
    /// What holds without a file: no broker, rules in `rules`.
    fn default() -> Self {
        let source = Arc::new(SourceText { name: String::new(), text: String::new() });
        let node = Node { span: 0..0, value: yaml::Value::Map(Vec::new()) };
        fill(&View::new(&source, &node, &spec::CONFIG))
    }
}

/// `schemas/config.schema.json`.
pub fn config_schema() -> String {
    schema::document("The configuration of claimsift", &spec::CONFIG)
}

/// `docs/reference/config.md`.
pub fn config_page() -> String {
    page::document("Configuration", "claimsift.yaml; `deploy/claimsift.yaml` is a commented example.", &spec::CONFIG)
}

/// A broker's feed is of real persons unless the file says otherwise.
fn missing_key(view: &View<'_>) -> Option<Diagnostic> {
    let missing = view.get("kafka").is_some() && view.get("identity_key_file").is_none() && !view.bool("made_up_data");
    missing.then(|| {
        Diagnostic::new(view.source, view.node.at("kafka"), "`identity_key_file` is missing: pseudonyms need a key of your own")
            .help("Make one with `claimsift key make FILE`, or write `made_up_data: true` if the feed holds no real person.")
    })
}

fn fill(view: &View<'_>) -> Settings {
    let folder = Path::new(&view.source.name).parent().unwrap_or(Path::new("")).to_owned();
    let path = |text: &str| folder.join(text);
    let reference = view.texts("reference");
    let rules = view.text("rules");
    let state = view.within("state", &spec::STATE);
    let folder_of = |key: &str| state.maybe_text(key).and_then(|text| Some(path(text.strip_prefix(spec::FILE_SCHEME)?)));
    Settings {
        kafka: view.get("kafka").map(|_| fill_kafka(&view.within("kafka", &spec::KAFKA))),
        topics: fill_topics(&view.within("topics", &spec::TOPICS)),
        inputs: EVENT_TYPES
            .iter()
            .map(|event| fill_input(&view.within("inputs", &spec::INPUTS).within(event.name, &spec::INPUT)))
            .collect(),
        reference: if view.get("reference").is_none() {
            vec![path(&rules).join(REFERENCE_FOLDER)]
        } else {
            reference.iter().map(|text| path(text)).collect::<Vec<PathBuf>>()
        },
        rules: path(&rules),
        zone: view.text("zone").parse().map(Zone).unwrap_or_default(),
        clues_from: view.maybe_date("clues_from"),
        covered_areas: view.texts("covered_areas"),
        identity_key_file: view.maybe_text("identity_key_file").map(|text| path(&text)),
        identity_kek_file: view.maybe_text("identity_kek_file").map(|text| path(&text)),
        made_up_data: view.bool("made_up_data"),
        store: folder_of("store"),
        snapshots: SnapshotSettings {
            path: folder_of("snapshots"),
            every: Duration::from_secs(state.seconds("snapshot_every").unsigned_abs()),
            recover: state.choice("recover"),
        },
        rejects: fill_rejects(&view.within("rejects", &spec::REJECTS)),
        epoch: fill_epoch(&view.within("epoch", &spec::EPOCH)),
        listen: view.within("http", &spec::HTTP).text("listen").parse().ok(),
        log: fill_log(&view.within("log", &spec::LOG)),
    }
}

fn fill_kafka(view: &View<'_>) -> KafkaSettings {
    let property = |entry: &yaml::Entry| (entry.key.clone(), entry.value.scalar().unwrap_or_default().to_owned());
    KafkaSettings {
        bootstrap: view.text("bootstrap"),
        group: view.text("group"),
        instance: view.text("instance"),
        workers: usize::try_from(view.int("workers")).unwrap_or(1),
        properties: view.entries("properties").iter().map(property).collect(),
    }
}

fn fill_topics(view: &View<'_>) -> TopicSettings {
    TopicSettings {
        settlement: view.text("settlement"),
        prescription: view.text("prescription"),
        clues: view.text("clues"),
        shadow: view.text("shadow"),
        rejects: view.text("rejects"),
        journal: view.text("journal"),
        partials: view.text("partials"),
        control: view.text("control"),
    }
}

fn fill_input(view: &View<'_>) -> InputSettings {
    InputSettings {
        partitioner: view.choice("partitioner"),
        disorder_seconds: view.seconds("disorder"),
        idle_after: Duration::from_secs(view.seconds("idle_after").unsigned_abs()),
        complete_from: view.maybe_date("complete_from"),
    }
}

fn fill_rejects(view: &View<'_>) -> RejectSettings {
    let written = |class: RejectClass| {
        let entry = view.entries("policy").iter().find(|entry| entry.key == class.name())?;
        entry.value.scalar().and_then(Policy::from_word)
    };
    let policy = RejectClass::ALL.iter().map(|class| (*class, written(*class).unwrap_or(Policy::default_of(*class)))).collect();
    RejectSettings { policy, rate_limit_percent: view.count("rate_limit_percent") }
}

fn fill_epoch(view: &View<'_>) -> EpochSettings {
    EpochSettings {
        messages_max: usize::try_from(view.int("messages_max")).unwrap_or(1),
        interval_ms: u64::from(view.count("interval_ms")),
    }
}

fn fill_log(view: &View<'_>) -> LogSettings {
    LogSettings { format: view.choice("format"), level: view.choice("level") }
}

/// Client properties on which exactly-once rests are not the operator's.
fn own_properties(view: &View<'_>) -> Vec<Diagnostic> {
    let kafka = view.within("kafka", &spec::KAFKA);
    let mut found = Vec::new();
    for entry in kafka.entries("properties") {
        if OURS.contains(&entry.key.as_str()) {
            let message = format!("`{}` is set by claimsift itself", entry.key);
            found.push(Diagnostic::new(view.source, entry.key_span.clone(), message).help("Remove it: exactly-once rests on its value."));
        } else if let Some(reason) = unusable_property(&entry.key, entry.value.scalar().unwrap_or_default()) {
            let message = format!("`{}`: {reason}", entry.key);
            found.push(Diagnostic::new(view.source, entry.key_span.clone(), message).help("See the list of librdkafka's properties."));
        }
    }
    found
}

fn shared_topics(view: &View<'_>, topics: &TopicSettings) -> Vec<Diagnostic> {
    let named = topics.named();
    let mut found = Vec::new();
    for (idx, (role, name)) in named.iter().enumerate() {
        if let Some((other, _)) = named.iter().take(idx).find(|(_, earlier)| earlier == name) {
            let message = format!("topic {name:?} is both `{other}` and `{role}`");
            let diagnostic = Diagnostic::new(view.source, view.node.at(&format!("topics.{role}")), message);
            found.push(diagnostic.help("Give each of the topics a name of its own."));
        }
    }
    found
}

#[cfg(test)]
mod tests;
