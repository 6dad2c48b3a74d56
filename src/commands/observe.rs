//! What a command sees of its workers: totals for reports, metrics for ops.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::ShardId;
use crate::codecs::RejectClass;
use crate::engine::Engine;
use crate::engine::effects::Closing;
use crate::engine::effects::Counts;
use crate::engine::effects::Effects;
use crate::engine::effects::RuleTally;
use crate::engine::unlisted::is_code;
use crate::evaluators::ratio::Outcome;
use crate::events::EVENT_TYPES;
use crate::events::input_name;
use crate::io::log::Output;
use crate::runtime::snapshot::writer::Outcome as Snapshotted;
use crate::runtime::worker::Clock;
use crate::runtime::worker::Observer;
use crate::stats::shrinkage::Decision;
use crate::telemetry::health::Health;
use crate::telemetry::health::Partition;
use crate::telemetry::metrics::EpochMetrics;
use crate::telemetry::metrics::InputMetrics;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::PartialMetrics;
use crate::telemetry::metrics::RuleMetrics;
use crate::telemetry::metrics::ShardMetrics;
use crate::telemetry::metrics::SnapshotMetrics;
use crate::telemetry::metrics::WorkerMetrics;
use crate::window::pane::Holding;

/// The machine's clocks.
pub struct SystemClock {
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one body of the runtime's clock")]
    fn wall_ms(&self) -> i64 {
        chrono::Utc::now().timestamp_millis()
    }
    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}

/// The meter of rules: nanoseconds since it was first read.
pub fn nanoseconds() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Adds up everything that the steps of a worker counted.
#[derive(Debug, Default)]
pub struct Totals {
    pub counts: Counts,
    pub rules: BTreeMap<String, RuleTally>,
    pub epochs: u64,
    /// Kind and code of what no reference table knows, as many as are listed.
    pub unlisted: BTreeSet<(&'static str, String)>,
}

/// Codes that a run lists; the others are counted all the same.
const LISTED_MAX: usize = 1000;
impl Totals {
    /// Lists what is new among codes that no table knows, and tells it.
    fn list(&mut self, unlisted: &BTreeSet<(&'static str, String)>) {
        for (kind, code) in unlisted.iter().filter(|(_, code)| is_code(code)) {
            if self.unlisted.len() < LISTED_MAX && self.unlisted.insert((*kind, code.clone())) {
                tracing::info!(target: "reference", kind, code, "no reference table knows this code");
            }
        }
    }

    /// The codes that no table knows, a line a kind; empty if there are none.
    pub fn unlisted_text(&self) -> String {
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (kind, code) in &self.unlisted {
            kinds.entry(kind).or_default().push(code);
        }
        let shown = |codes: &[&str]| codes.iter().take(20).copied().collect::<Vec<_>>().join(", ");
        let more = |codes: &[&str]| if codes.len() > 20 { ", ..." } else { "" };
        kinds
            .iter()
            .map(|(kind, codes)| format!("{} {kind} codes that no reference table knows: {}{}\n", codes.len(), shown(codes), more(codes)))
            .collect()
    }

    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.epochs += other.epochs;
        self.unlisted.extend(other.unlisted.iter().cloned());
        self.add_rules(&other.rules);
    }

    fn add_rules(&mut self, rules: &BTreeMap<String, RuleTally>) {
        for (rule, tally) in rules {
            self.rules.entry(rule.clone()).or_default().add(tally);
        }
    }
}

impl Observer for Totals {
    fn step(&mut self, _: ShardId, effects: &Effects) {
        // Blocks of partials are no events.
        if effects.run.input < EVENT_INPUTS {
            self.counts.add(&effects.counts);
        }
        self.list(&effects.unlisted);
        self.add_rules(&effects.rules);
    }

    fn closed(&mut self, _: ShardId, closing: &Closing) {
        self.add_rules(&closing.rules);
    }

    fn committed(&mut self, _: u64, _: Duration) {
        self.epochs += 1;
    }
}

/// Between two lines of the log about one recovery.
const RECOVERY_TOLD_EVERY: Duration = Duration::from_secs(10);

/// Publishes what a worker does.
pub struct Reporter {
    pub totals: Totals,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    slot: usize,
    /// By input of events.
    inputs: Vec<InputMetrics>,
    partials: PartialMetrics,
    snapshots: SnapshotMetrics,
    /// When the progress of a recovery was logged last, and what it began at.
    recovery_told: Option<Duration>,
    recovery_began: Duration,
    rules: BTreeMap<String, RuleMetrics>,
    epochs: EpochMetrics,
    worker: WorkerMetrics,
    shards: BTreeMap<ShardId, ShardMetrics>,
    zone: crate::base::time::Zone,
}

impl Reporter {
    pub fn new(engine: &Engine, metrics: Arc<Metrics>, health: Arc<Health>, clock: Arc<dyn Clock>, slot: usize) -> Self {
        let classes: Vec<&str> = RejectClass::ALL.iter().map(|class| class.name()).collect();
        let mut reporter = Self {
            totals: Totals::default(),
            inputs: EVENT_TYPES.iter().map(|event| metrics.input(event.name, &classes)).collect(),
            partials: metrics.partials(),
            snapshots: metrics.snapshots(),
            recovery_told: None,
            recovery_began: Duration::ZERO,
            rules: BTreeMap::new(),
            epochs: metrics.epochs(),
            worker: metrics.worker(&slot.to_string()),
            shards: BTreeMap::new(),
            zone: engine.settings.zone,
            metrics,
            health,
            clock,
            slot,
        };
        reporter.know(engine);
        reporter
    }

    /// Shows the engine's versions, and its rules from zero on.
    fn know(&mut self, engine: &Engine) {
        let versions = &engine.versions;
        self.metrics.set_running(env!("CARGO_PKG_VERSION"), &versions.rule_set, &versions.references, &versions.identity_key);
        for rule in &engine.rules.rules {
            for check in rule.doc.quality_checks() {
                self.metrics.data_quality(&rule.doc.id, check);
            }
            self.rules.entry(rule.doc.id.clone()).or_insert_with(|| self.metrics.rule(&rule.doc.id));
        }
    }

    fn count_input(&self, effects: &Effects) {
        let counts = &effects.counts;
        let Some(input) = self.inputs.get(effects.run.input) else {
            self.partials.taken.inc_by(effects.run.messages);
            return;
        };
        input.evaluated.inc_by(counts.evaluated);
        input.rejected.inc_by(counts.rejected_total());
        input.duplicates.inc_by(counts.duplicate);
        input.corrections.inc_by(counts.correction);
        input.statements.inc_by(counts.statement);
        input.lines.inc_by(counts.lines);
        input.lines_unjudged.inc_by(counts.lines_unjudged);
        input.unknown_fields.inc_by(counts.unknown_fields);
        input.shape_misses.inc_by(counts.shape_misses);
        for (class, counter) in RejectClass::ALL.iter().zip(&input.rejects) {
            counter.inc_by(counts.rejected.get(class).copied().unwrap_or_default());
        }
        for ((event, table, column, fault), count) in &counts.field_faults {
            self.metrics.field_fault(event, table, column, fault.name()).inc_by(*count);
        }
        for (kind, count) in &counts.unknown_codes {
            self.metrics.unknown_codes(kind).inc_by(*count);
        }
    }

    fn count_rules(&self, rules: &BTreeMap<String, RuleTally>) {
        for (rule, tally) in rules {
            if let Some(metrics) = self.rules.get(rule) {
                metrics.evaluated.inc_by(tally.evaluated);
                metrics.hits.inc_by(tally.hits);
                metrics.quiet.inc_by(tally.excused);
                metrics.unknown.inc_by(tally.unknown.values().sum());
                for (check, rows) in &tally.quality {
                    self.metrics.data_quality(rule, check).inc_by(*rows);
                }
                metrics.seconds.inc_by(Duration::from_nanos(tally.nanoseconds).as_secs_f64());
                metrics.clues_new.inc_by(tally.new);
                metrics.clues_revised.inc_by(tally.updated);
                metrics.clues_withdrawn.inc_by(tally.retracted);
            }
        }
    }
}

/// What came of a look, as it is counted.
fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Unknown(reason) => reason.name(),
        Outcome::Judged(ratio) => match ratio.tier {
            Decision::None => "none",
            Decision::Watch => "watch",
            Decision::Alert => "alert",
        },
    }
}

impl Observer for Reporter {
    fn shards(&mut self, shards: &[ShardId]) {
        let names: Vec<&str> = (0..INPUTS).map(input_name).collect();
        self.shards = shards.iter().map(|shard| (*shard, self.metrics.shard(&names, *shard))).collect();
        self.worker.shards.set(i64::try_from(shards.len()).unwrap_or(i64::MAX));
        self.health.set_ready(self.slot, false);
        self.health.assign(self.slot, shards);
        tracing::info!(slot = self.slot, shards = ?shards, "shards assigned");
    }

    fn recovering(&mut self, shard: ShardId, done: u64, total: u64) {
        if let Some(gauges) = self.shards.get(&shard) {
            gauges.set_recovery(done, total);
        }
        let now = self.clock.monotonic();
        if done == 0 {
            (self.recovery_began, self.recovery_told) = (now, Some(now));
        }
        let took = now.saturating_sub(self.recovery_began).as_secs();
        let seconds_left = took.saturating_mul(total.saturating_sub(done)).checked_div(done);
        self.health.partition(self.slot, shard, Partition::Recovering { done, total, seconds_left });
        if self.recovery_told.is_none_or(|told| now.saturating_sub(told) >= RECOVERY_TOLD_EVERY)
            && done < total
            && let Some(seconds_left) = seconds_left
        {
            self.recovery_told = Some(now);
            tracing::info!(shard, done, total, seconds_left, "epochs of the journal replayed");
        }
    }

    fn restored(&mut self, _: ShardId) {
        self.snapshots.restored.inc();
    }

    fn unusable(&mut self, _: ShardId) {
        self.snapshots.unusable.inc();
    }

    fn snapshot(&mut self, shard: ShardId, outcome: Snapshotted) {
        match outcome {
            Snapshotted::Failed => self.snapshots.failed.inc(),
            Snapshotted::Written { number, bytes } => {
                self.snapshots.written.inc();
                self.snapshots.bytes.inc_by(bytes);
                if let Some(gauges) = self.shards.get(&shard) {
                    gauges.set_snapshot(number);
                }
            }
        }
    }

    fn ready(&mut self, shards: &[ShardId]) {
        shards.iter().for_each(|shard| self.health.partition(self.slot, *shard, Partition::Ready));
        self.health.set_ready(self.slot, true);
    }

    fn bundle(&mut self, activation: u64, engine: &Engine) {
        self.know(engine);
        tracing::info!(slot = self.slot, activation, versions = %engine.versions, "bundle in force");
    }

    fn refused(&mut self, lost: bool) {
        if lost { self.epochs.lost.inc() } else { self.epochs.again.inc() }
    }

    fn step(&mut self, shard: ShardId, effects: &Effects) {
        self.totals.step(shard, effects);
        self.count_input(effects);
        self.count_rules(&effects.rules);
    }

    fn closed(&mut self, shard: ShardId, closing: &Closing) {
        self.totals.closed(shard, closing);
        self.count_rules(&closing.rules);
        for block in closing.records.iter().filter(|record| record.output == Output::Partials) {
            self.partials.sent.inc();
            self.partials.sent_bytes.inc_by(block.value.as_ref().map_or(0, Vec::len) as u64);
        }
        for looked in &closing.looked {
            self.metrics.looks(&looked.rule, outcome_name(&looked.outcome)).inc();
        }
    }

    fn panes(&mut self, shard: ShardId, holding: &[Holding], late_rows: u64) {
        if let Some(gauges) = self.shards.get_mut(&shard) {
            let kinds = |of: &Holding| [(of.source, "looks", of.looks), (of.source, "state", of.state)];
            gauges.set_holding(holding.iter().flat_map(kinds).filter(|of| of.2).map(|of| (of.0, of.1)));
            gauges.set_late_rows(late_rows);
        }
    }

    fn source_idle(&mut self, shard: ShardId, source: ShardId) {
        tracing::info!(shard, source, "a shard has told nothing more of groups for long: looks go ahead without it");
    }

    fn watermark(&mut self, shard: ShardId, input: usize, watermark: crate::base::time::Civil) {
        if let Some(lag) = self.shards.get(&shard).and_then(|shard| shard.inputs.get(input)) {
            let told = self.zone.utc_ms(watermark) / 1000;
            lag.watermark.set(told);
            lag.seconds.set((self.clock.wall_ms() / 1000 - told).max(0));
        }
    }

    fn idle(&mut self, shard: ShardId, input: usize, idle: bool) {
        if let Some(gauges) = self.shards.get(&shard).and_then(|shard| shard.inputs.get(input)) {
            gauges.idle.set(i64::from(idle));
        }
        if idle {
            tracing::info!(shard, input = input_name(input), "input is idle: what waits for its watermark goes on waiting");
        }
    }

    fn lag(&mut self, shard: ShardId, input: usize, messages: u64) {
        if let Some(lag) = self.shards.get(&shard).and_then(|shard| shard.inputs.get(input)) {
            lag.messages.set(i64::try_from(messages).unwrap_or(i64::MAX));
            // Event time stands still where nothing comes, the clock does not.
            if let Some(told) = lag.watermark.get() {
                lag.seconds.set((self.clock.wall_ms() / 1000 - told).max(0));
            }
        }
    }

    fn committed(&mut self, messages: u64, took: Duration) {
        self.totals.epochs += 1;
        self.epochs.committed.inc();
        self.epochs.messages.observe(messages as f64);
        self.epochs.commit_seconds.observe(took.as_secs_f64());
    }

    fn alive(&mut self) {
        let now = self.clock.wall_ms();
        self.health.beat(self.slot, now);
        self.worker.heartbeat.set(now as f64 / 1000.0);
    }
}
