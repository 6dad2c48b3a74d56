//! `claimsift run`: the main job, on Kafka or over files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::base::diagnostic;
use crate::base::fault::Fault;
use crate::base::fault::Remedy;
use crate::base::fault::chain;
use crate::base::pseudonym::IdentityKey;
use crate::base::time::Civil;
use crate::codecs::RejectClass;
use crate::codecs::json::HeadReader;
use crate::commands::Failure;
use crate::commands::key;
use crate::commands::load;
use crate::commands::load::Loaded;
use crate::commands::observe::Reporter;
use crate::commands::observe::SystemClock;
use crate::commands::observe::Totals;
use crate::commands::observe::nanoseconds;
use crate::commands::say;
use crate::commands::snapshot::snapshots;
use crate::config;
use crate::config::settings::Policy;
use crate::config::settings::Settings;
use crate::engine::Engine;
use crate::engine::settings::EngineSettings;
use crate::io::files::FilesConfig;
use crate::io::files::FilesLog;
use crate::io::files::LineHead;
use crate::io::kafka::KafkaLog;
use crate::io::kafka::KafkaSettings;
use crate::io::partition::Partitioner;
use crate::ruleset::compile::EVALUATED;
use crate::runtime::breaker::AcceptedRejects;
use crate::runtime::bundles::Bundles;
use crate::runtime::bundles::Stored;
use crate::runtime::snapshot::taker::Snapshots;
use crate::runtime::store::BundleFiles;
use crate::runtime::store::Store;
use crate::runtime::worker::Observer;
use crate::runtime::worker::Wish;
use crate::runtime::worker::Worker;
use crate::runtime::worker::WorkerSettings;
use crate::telemetry::health::Health;
use crate::telemetry::log::LogFormat;
use crate::telemetry::metrics::Metrics;

#[derive(Debug, Args)]
pub struct Run {
    /// Configuration file; without it files are read with its defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Settlement files (NDJSON, also gzip and zstd; `-` for standard input).
    #[arg(long, num_args = 1..)]
    settlement: Vec<PathBuf>,
    /// Prescription files.
    #[arg(long, num_args = 1..)]
    prescription: Vec<PathBuf>,
    /// Where clues are written; `-` for standard output.
    #[arg(long)]
    clues: Option<PathBuf>,
    /// Where clues of shadow rules are written.
    #[arg(long)]
    shadow: Option<PathBuf>,
    /// Where messages that could not be used are written.
    #[arg(long)]
    rejects: Option<PathBuf>,
    /// Rule packs, instead of the configuration's.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// Reference folders, instead of the configuration's.
    #[arg(long, num_args = 1..)]
    reference: Vec<PathBuf>,
    /// Partitions of a run over files.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1024))]
    partitions: i32,
    /// Rejects of a partition are no reason to stop before an offset:
    /// `input:partition:offset`, as the message of the stop says.
    #[arg(long, num_args = 1.., conflicts_with_all = ["settlement", "prescription"])]
    accept_rejects_to: Vec<AcceptedRejects>,
    /// Stop when everything that the topics hold has been read.
    #[arg(long, conflicts_with_all = ["settlement", "prescription"])]
    until_end: bool,
}

/// How long a worker may be silent before it counts as stuck.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Pause before a worker is started anew after a fault.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

impl Run {
    pub fn execute(&self) -> Result<(), Failure> {
        let mut settings = self.settings()?;
        if let Some(rules) = &self.rules {
            settings.rules.clone_from(rules);
        }
        if !self.reference.is_empty() {
            settings.reference.clone_from(&self.reference);
        }
        let over_files = !self.settlement.is_empty() || !self.prescription.is_empty();
        let written = [("--clues", &self.clues), ("--shadow", &self.shadow), ("--rejects", &self.rejects)];
        if let Some((name, _)) = written.iter().find(|(_, file)| !over_files && file.is_some()) {
            return Err(Failure::Plain(format!("{name} is for runs over files; a broker's outputs are topics of the configuration")));
        }
        if over_files && self.clues.is_none() {
            return Err(Failure::Plain("name the file that the clues go to with --clues, or `-` for standard output".to_owned()));
        }
        let log = &settings.log;
        crate::telemetry::log::start(log_format(log.format), log.level.name())?;
        let files = BundleFiles::read(&settings.rules, &settings.reference)?;
        let loaded = load::compiled(&files, EVALUATED)?;
        if !over_files && let Some(path) = &settings.store {
            // Before an epoch names it.
            Store::new(path.clone()).keep(&loaded.bundle(), &files)?;
        }
        drop(files);
        if over_files { self.over_files(&settings, &loaded) } else { self.on_kafka(&settings, &loaded) }
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let Some(path) = &self.config else { return Ok(Settings::default()) };
        let (settings, diagnostics) = config::load(path)?;
        match settings {
            Some(settings) if diagnostics.is_empty() => Ok(settings),
            _ => Err(Failure::Mistakes(diagnostic::render(&diagnostics))),
        }
    }

    fn worker_settings(&self, settings: &Settings, until_end: bool, slot: usize) -> WorkerSettings {
        WorkerSettings {
            epoch_messages_max: settings.epoch.messages_max,
            epoch_interval: Duration::from_millis(settings.epoch.interval_ms),
            reject_limit_percent: settings.rejects.rate_limit_percent,
            accepted_rejects: self.accept_rejects_to.clone(),
            until_end,
            slot,
            idle_after: if until_end { Vec::new() } else { settings.inputs.iter().map(|input| input.idle_after).collect() },
            ..WorkerSettings::default()
        }
    }

    fn over_files(&self, settings: &Settings, loaded: &Loaded) -> Result<(), Failure> {
        // Lines have no partition but the one that this run gives them.
        let mut own = settings.clone();
        own.inputs.iter_mut().for_each(|input| input.partitioner = config::settings::Partitioner::None);
        let engine = engine(&own, loaded, self.partitions)?;
        let inputs = [(&settings.topics.settlement, &self.settlement), (&settings.topics.prescription, &self.prescription)];
        let config = FilesConfig {
            inputs: inputs.map(|(name, files)| (name.clone(), files.clone())).to_vec(),
            partitions: self.partitions,
            partitioner: Partitioner::Murmur2,
            zone: settings.zone,
            clues: self.clues.clone(),
            shadow: self.shadow.clone(),
            rejects: self.rejects.clone(),
        };
        let mut heads = HeadReader::default();
        let read_head = Box::new(move |input: usize, line: &[u8]| {
            let head = heads.read(input, line);
            LineHead { event_time: head.event_time, business_id: head.business_id, person: head.person }
        });
        let mut log = FilesLog::open(config, read_head)?;
        let clock = SystemClock::default();
        let mut totals = Totals::default();
        let wish = Arc::new(Wish::default());
        listen_for_signals(Arc::clone(&wish));
        Worker::new(engine, &mut log, self.worker_settings(settings, true, 0), &clock).run(&wish, &mut totals)?;
        say(&summary(&totals));
        say(&totals.unlisted_text());
        if !log.complete() {
            return Err(Failure::Plain("stopped before the end of the input, no output was kept".to_owned()));
        }
        Ok(())
    }

    fn on_kafka(&self, settings: &Settings, loaded: &Loaded) -> Result<(), Failure> {
        let Some(kafka) = &settings.kafka else {
            return Err(Failure::Plain(
                "nothing to read: name files with --settlement and --prescription, or a broker under `kafka` in the configuration"
                    .to_owned(),
            ));
        };
        let first = kafka_settings(settings, 0)?;
        let topics: Vec<&str> = first.inputs.iter().map(String::as_str).collect();
        let partitions = crate::io::kafka::admin::topic_partitions(&first, &topics)?.values().copied().max().unwrap_or(1);
        let engine = engine(settings, loaded, partitions)?;
        let stored = settings.store.as_ref().map(|path| Stored::new(Arc::clone(&engine), Store::new(path.clone())));
        let bundles: Option<&dyn Bundles> = stored.as_ref().map(|stored| stored as &dyn Bundles);
        let snapshots = snapshots(settings)?;
        let metrics = Arc::new(Metrics::new());
        let clock = Arc::new(SystemClock::default());
        let now = crate::runtime::worker::Clock::wall_ms(&*clock);
        let health = Arc::new(Health::new(kafka.workers, SILENCE_MAX, now));
        let server = match settings.listen {
            Some(address) => Some(crate::http::Server::start(&address.to_string(), Arc::clone(&metrics), Arc::clone(&health))?),
            None => None,
        };
        let wish = Arc::new(Wish::default());
        listen_for_signals(Arc::clone(&wish));
        let snapshots = snapshots.as_ref();
        let outcome = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..kafka.workers)
                .map(|slot| {
                    let (engine, metrics, health, wish, clock) =
                        (Arc::clone(&engine), Arc::clone(&metrics), Arc::clone(&health), &wish, Arc::clone(&clock));
                    scope.spawn(move || {
                        let mut reporter = Reporter::new(&engine, metrics, Arc::clone(&health), Arc::<SystemClock>::clone(&clock), slot);
                        let working = || self.keep_working(settings, &engine, (bundles, snapshots), &clock, slot, wish, &mut reporter);
                        let result = guarded(&health, slot, working, || wish.stop());
                        (result, reporter.totals)
                    })
                })
                .collect();
            let mut totals = Totals::default();
            let mut failure = None;
            for worker in workers {
                match worker.join() {
                    Ok((result, own)) => {
                        failure = failure.or(result.err().map(Failure::World));
                        totals.add(&own);
                    }
                    Err(_) => failure = failure.or(Some(Failure::Plain("a worker panicked while it was ending".to_owned()))),
                }
            }
            match failure {
                Some(failure) => Err(failure),
                None => Ok(totals),
            }
        });
        if let Some(server) = server {
            server.stop();
        }
        let totals = outcome?;
        say(&summary(&totals));
        say(&totals.unlisted_text());
        Ok(())
    }

    /// Starts the worker anew after faults that a new client may mend.
    #[expect(clippy::disallowed_methods, reason = "a broker that is down is asked once a second, not in a tight loop")]
    #[expect(clippy::too_many_arguments, reason = "what a worker shares with others, and what is its own")]
    fn keep_working(
        &self,
        settings: &Settings,
        engine: &Arc<Engine>,
        (bundles, snapshots): (Option<&dyn Bundles>, Option<&Snapshots>),
        clock: &SystemClock,
        slot: usize,
        wish: &Wish,
        observer: &mut dyn Observer,
    ) -> Result<(), Fault> {
        loop {
            let own = kafka_settings(settings, slot).map_err(|failure| match failure {
                Failure::World(fault) => fault,
                Failure::Mistakes(text) | Failure::Plain(text) => Fault::stop("read Kafka settings", text),
            })?;
            let result = KafkaLog::connect(own).and_then(|mut log| {
                let worker_settings = self.worker_settings(settings, self.until_end, slot);
                Worker::new(Arc::clone(engine), &mut log, worker_settings, clock)
                    .with_bundles(bundles)
                    .with_snapshots(snapshots)
                    .run(wish, observer)
            });
            match result {
                Err(fault) if fault.remedy != Remedy::Stop && !wish.stopping() => {
                    tracing::error!(slot, error = chain(&fault), "worker starts anew");
                    std::thread::sleep(RESTART_PAUSE);
                }
                other => return other,
            }
        }
    }
}

/// Works to the end. Where that is a fault, health says so before the others
/// are stopped; a panic is a fault like any other.
fn guarded(health: &Health, slot: usize, working: impl FnOnce() -> Result<(), Fault>, stop_others: impl FnOnce()) -> Result<(), Fault> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(working))
        .unwrap_or_else(|_| Err(Fault::stop("work", "a worker panicked: nothing of its last epoch was committed")));
    health.set_ready(slot, false);
    if result.is_err() {
        health.fail(slot);
        stop_others();
    }
    result
}

/// Settings of one worker's clients.
pub fn kafka_settings(settings: &Settings, slot: usize) -> Result<KafkaSettings, Failure> {
    let Some(kafka) = &settings.kafka else {
        return Err(Failure::Plain("the configuration has no `kafka` section".to_owned()));
    };
    let topics = &settings.topics;
    Ok(KafkaSettings {
        bootstrap: kafka.bootstrap.clone(),
        group: kafka.group.clone(),
        slot: format!("{}-{slot}", kafka.instance),
        inputs: [topics.settlement.clone(), topics.prescription.clone()],
        clues: topics.clues.clone(),
        shadow: topics.shadow.clone(),
        rejects: topics.rejects.clone(),
        journal: topics.journal.clone(),
        partials: topics.partials.clone(),
        control: topics.control.clone(),
        extra: kafka.properties.iter().cloned().collect(),
    })
}

/// The engine that the configuration describes.
pub fn engine(settings: &Settings, loaded: &Loaded, partitions: i32) -> Result<Arc<Engine>, Failure> {
    let mut own = EngineSettings { zone: settings.zone, partitions, ..EngineSettings::default() };
    for (idx, (input, from)) in own.inputs.iter_mut().zip(&settings.inputs).enumerate() {
        input.topic = settings.topics.input(idx).to_owned();
        input.partitioner = partitioner(from.partitioner);
        input.disorder_seconds = from.disorder_seconds;
        input.complete_from = from.complete_from.map(Civil::from_date);
    }
    own.partials.clone_from(&settings.topics.partials);
    own.clues_from = settings.clues_from.map(Civil::from_date);
    own.covered_areas.clone_from(&settings.covered_areas);
    own.stop_classes = RejectClass::ALL.iter().copied().filter(|class| settings.rejects.policy(*class) == Policy::Stop).collect();
    own.meter = nanoseconds;
    let key = identity_key(settings)?;
    Ok(Arc::new(Engine::new(Arc::clone(&loaded.rules), Arc::clone(&loaded.references), own, key)))
}

/// The partitioner of an input; `None` where it is not checked.
pub fn partitioner(configured: config::settings::Partitioner) -> Option<Partitioner> {
    Partitioner::named(configured.name())
}

fn log_format(configured: config::settings::LogFormat) -> LogFormat {
    match configured {
        config::settings::LogFormat::Text => LogFormat::Text,
        config::settings::LogFormat::Json => LogFormat::Json,
    }
}

fn identity_key(settings: &Settings) -> Result<IdentityKey, Failure> {
    let Some(path) = &settings.identity_key_file else {
        if !settings.made_up_data {
            say("no identity_key_file is configured: pseudonyms are made with a key that anybody can make, fit for made-up data only\n");
        }
        return Ok(IdentityKey::from_bytes(&[0; 32]));
    };
    key::identity_key(path, settings.identity_kek_file.as_deref())
}

fn summary(totals: &Totals) -> String {
    let counts = &totals.counts;
    let (mut new, mut updated, mut retracted) = (0, 0, 0);
    for tally in totals.rules.values() {
        new += tally.new;
        updated += tally.updated;
        retracted += tally.retracted;
    }
    format!(
        "{} messages in {} epochs: {} evaluated ({} lines), {} rejected, {} duplicate, {} correction, {} statement; clues: {new} new, {updated} updated, {retracted} retracted\n",
        counts.n_in,
        totals.epochs,
        counts.evaluated,
        counts.lines,
        counts.rejected_total(),
        counts.duplicate,
        counts.correction,
        counts.statement,
    )
}

/// The first signal asks to stop in good order, the second to stop at once.
fn listen_for_signals(wish: Arc<Wish>) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            use tokio::signal::unix::SignalKind;
            use tokio::signal::unix::signal;
            let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if wish.stopping() {
                    wish.abort();
                } else {
                    wish.stop();
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::health::Ailment;

    #[test]
    fn a_worker_that_gives_up_or_panics_fails_health_and_then_stops_the_others() {
        let ending = |name| match name {
            "done" => Ok(()),
            "fault" => Err(Fault::stop("read", "the journal ends elsewhere")),
            _ => panic!("every message of an epoch has one outcome"),
        };
        for (name, well) in [("done", true), ("fault", false), ("panic", false)] {
            let health = Health::new(2, SILENCE_MAX, 0);
            health.set_ready(1, true);
            let mut seen = Vec::new();
            let result = guarded(&health, 1, || ending(name), || seen.push(health.ailments(0)));
            // The process ends with the fault; nothing starts such a worker again.
            assert_eq!(result.map_err(|fault| fault.remedy), if well { Ok(()) } else { Err(Remedy::Stop) }, "{name}");
            assert_eq!(seen, if well { vec![] } else { vec![vec![Ailment::Failed { worker: 1 }]] }, "{name}");
            assert!(health.hindrances(0).contains(&Ailment::NotReady { worker: 1 }), "{name}");
        }
    }
}
