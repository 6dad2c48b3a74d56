//! Every metric once: name, kind, help and labels.
//!
//! Callers resolve their children once ([`Metrics::input`], [`Metrics::rule`],
//! [`Metrics::shard`], [`Metrics::worker`]) and count on those: a lookup by
//! label hashes on each call. Labels hold names of inputs, columns, classes,
//! rules and partitions, never a value of an event.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::OnceLock;

use parking_lot::Mutex;
use prometheus::Counter;
use prometheus::CounterVec;
use prometheus::Gauge;
use prometheus::GaugeVec;
use prometheus::Histogram;
use prometheus::HistogramOpts;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;
use prometheus::core::Collector;

use super::metric_table as table;
use super::metric_table::Described;

/// All metrics of a process.
pub struct Metrics {
    registry: Registry,
    events: IntCounterVec,
    lines: IntCounterVec,
    lines_unjudged: IntCounterVec,
    rejects: IntCounterVec,
    field_faults: IntCounterVec,
    unknown_fields: IntCounterVec,
    shape_misses: IntCounterVec,
    unknown_codes: IntCounterVec,
    rule_rows: IntCounterVec,
    data_quality: IntCounterVec,
    rule_seconds: CounterVec,
    clues: IntCounterVec,
    epochs: IntCounterVec,
    epoch_messages: Histogram,
    epoch_commit_seconds: Histogram,
    lag_messages: IntGaugeVec,
    lag_seconds: IntGaugeVec,
    watermark: IntGaugeVec,
    idle: IntGaugeVec,
    partials: IntCounterVec,
    partials_bytes: IntCounter,
    late_rows: IntGaugeVec,
    holding: IntGaugeVec,
    looks: IntCounterVec,
    recovery: IntGaugeVec,
    snapshots: IntCounterVec,
    snapshot_bytes: IntCounter,
    snapshot_entry: IntGaugeVec,
    running: IntGaugeVec,
    heartbeat: GaugeVec,
    shards: IntGaugeVec,
    /// How many handles each shard has: the last one removes its series.
    shard_handles: Mutex<BTreeMap<(String, i32), usize>>,
}

/// Counters of one input. Every message counts in exactly one of the first five.
#[derive(Clone)]
pub struct InputMetrics {
    pub evaluated: IntCounter,
    pub rejected: IntCounter,
    pub duplicates: IntCounter,
    pub corrections: IntCounter,
    pub statements: IntCounter,
    pub lines: IntCounter,
    /// Refund lines without their original in the same message.
    pub lines_unjudged: IntCounter,
    pub unknown_fields: IntCounter,
    /// Messages that the general decoder had to take.
    pub shape_misses: IntCounter,
    /// By class, in the order that the caller gave.
    pub rejects: Vec<IntCounter>,
}

/// Counters of one rule.
#[derive(Clone)]
pub struct RuleMetrics {
    pub evaluated: IntCounter,
    pub hits: IntCounter,
    /// True, and excused by a gate or an exemption.
    pub quiet: IntCounter,
    pub unknown: IntCounter,
    pub seconds: Counter,
    pub clues_new: IntCounter,
    pub clues_revised: IntCounter,
    pub clues_withdrawn: IntCounter,
}

/// Gauges of one input of one shard.
pub struct LagMetrics {
    /// Messages between the position and the end of the partition.
    pub messages: PartitionGauge,
    /// Seconds of event time that the watermark lies behind the clock.
    pub seconds: PartitionGauge,
    /// Watermark as seconds since the Unix epoch.
    pub watermark: PartitionGauge,
    /// 1: idle by a tick.
    pub idle: PartitionGauge,
}

/// Shows from its first value on: a lag that nobody knows yet is not 0.
pub struct PartitionGauge {
    family: IntGaugeVec,
    labels: [String; 2],
    gauge: OnceLock<IntGauge>,
}

impl PartitionGauge {
    pub fn set(&self, value: i64) {
        self.gauge.get_or_init(|| self.family.with_label_values(&self.labels)).set(value);
    }

    /// The value set last; `None` before the first.
    pub fn get(&self) -> Option<i64> {
        self.gauge.get().map(IntGauge::get)
    }
}

/// Gauges of a shard, by input; dropping it removes their series, so that a
/// revoked shard does not go on telling its last lag.
pub struct ShardMetrics {
    pub inputs: Vec<LagMetrics>,
    partition: String,
    /// Sources that are shown to hold panes, and what they hold.
    held: BTreeSet<(String, &'static str)>,
    labels: Vec<(String, i32)>,
    metrics: Arc<Metrics>,
}

/// Counters of what shards tell each other.
#[derive(Clone)]
pub struct PartialMetrics {
    pub sent: IntCounter,
    pub sent_bytes: IntCounter,
    pub taken: IntCounter,
}

/// Metrics of one worker thread.
#[derive(Clone)]
pub struct WorkerMetrics {
    /// Seconds since the Unix epoch.
    pub heartbeat: Gauge,
    pub shards: IntGauge,
}

/// Counters of snapshots.
#[derive(Clone)]
pub struct SnapshotMetrics {
    pub written: IntCounter,
    pub failed: IntCounter,
    pub restored: IntCounter,
    pub unusable: IntCounter,
    /// New in those that were written.
    pub bytes: IntCounter,
}

/// Metrics of epochs, shared by all workers.
#[derive(Clone)]
pub struct EpochMetrics {
    pub messages: Histogram,
    pub commit_seconds: Histogram,
    pub committed: IntCounter,
    /// Not landed, sent again.
    pub again: IntCounter,
    pub lost: IntCounter,
}

fn opts(of: &Described) -> Opts {
    Opts::new(of.name, of.help)
}

/// Registers a metric of the table. The table's names are unique and valid,
/// which its own test holds, so this cannot fail.
fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let registered = made.and_then(|metric| registry.register(Box::new(metric.clone())).map(|()| metric));
    match registered {
        Ok(metric) => metric,
        Err(error) => unreachable!("the table of metrics is wrong: {error}"),
    }
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |of: &Described| register(&registry, IntCounterVec::new(opts(of), of.labels));
        let gauges = |of: &Described| register(&registry, IntGaugeVec::new(opts(of), of.labels));
        let histogram = |of: &Described, buckets: &[f64]| {
            register(&registry, Histogram::with_opts(HistogramOpts::new(of.name, of.help).buckets(buckets.to_vec())))
        };
        Self {
            events: counters(&table::EVENTS),
            lines: counters(&table::LINES),
            lines_unjudged: counters(&table::LINES_UNJUDGED),
            rejects: counters(&table::REJECTS),
            field_faults: counters(&table::FIELD_FAULTS),
            unknown_fields: counters(&table::UNKNOWN_FIELDS),
            shape_misses: counters(&table::SHAPE_MISSES),
            unknown_codes: counters(&table::UNKNOWN_CODES),
            rule_rows: counters(&table::RULE_ROWS),
            data_quality: counters(&table::DATA_QUALITY),
            rule_seconds: register(&registry, CounterVec::new(opts(&table::RULE_SECONDS), table::RULE_SECONDS.labels)),
            clues: counters(&table::CLUES),
            epochs: counters(&table::EPOCHS),
            epoch_messages: histogram(&table::EPOCH_MESSAGES, table::MESSAGE_BUCKETS),
            epoch_commit_seconds: histogram(&table::EPOCH_COMMIT_SECONDS, table::SECOND_BUCKETS),
            lag_messages: gauges(&table::LAG_MESSAGES),
            lag_seconds: gauges(&table::LAG_SECONDS),
            watermark: gauges(&table::WATERMARK),
            idle: gauges(&table::IDLE),
            partials: counters(&table::PARTIALS),
            partials_bytes: register(&registry, IntCounter::with_opts(opts(&table::PARTIALS_BYTES))),
            late_rows: gauges(&table::LATE_ROWS),
            holding: gauges(&table::HOLDING),
            recovery: gauges(&table::RECOVERY),
            snapshots: counters(&table::SNAPSHOTS),
            snapshot_bytes: register(&registry, IntCounter::with_opts(opts(&table::SNAPSHOT_BYTES))),
            snapshot_entry: gauges(&table::SNAPSHOT_ENTRY),
            looks: counters(&table::LOOKS),
            running: gauges(&table::RUNNING),
            heartbeat: register(&registry, GaugeVec::new(opts(&table::HEARTBEAT), table::HEARTBEAT.labels)),
            shards: gauges(&table::SHARDS),
            shard_handles: Mutex::new(BTreeMap::new()),
            registry,
        }
    }

    /// Counters of an input; all of them show from now on, at 0.
    pub fn input(&self, input: &str, reject_classes: &[&str]) -> InputMetrics {
        let outcome = |outcome: &str| self.events.with_label_values(&[input, outcome]);
        InputMetrics {
            evaluated: outcome("evaluated"),
            rejected: outcome("rejected"),
            duplicates: outcome("duplicate"),
            corrections: outcome("correction"),
            statements: outcome("statement"),
            lines: self.lines.with_label_values(&[input]),
            lines_unjudged: self.lines_unjudged.with_label_values(&[input]),
            unknown_fields: self.unknown_fields.with_label_values(&[input]),
            shape_misses: self.shape_misses.with_label_values(&[input]),
            rejects: reject_classes.iter().map(|class| self.rejects.with_label_values(&[input, class])).collect(),
        }
    }

    /// Field faults are rare: their children appear when first counted.
    pub fn field_fault(&self, input: &str, table: &str, column: &str, fault: &str) -> IntCounter {
        self.field_faults.with_label_values(&[input, table, column, fault])
    }

    /// Codes of events that a reference table does not have.
    pub fn unknown_codes(&self, table: &str) -> IntCounter {
        self.unknown_codes.with_label_values(&[table])
    }

    /// Rows that are counted and told to nobody; it shows from now on.
    pub fn data_quality(&self, rule: &str, check: &str) -> IntCounter {
        self.data_quality.with_label_values(&[rule, check])
    }

    pub fn rule(&self, rule: &str) -> RuleMetrics {
        let rows = |outcome: &str| self.rule_rows.with_label_values(&[rule, outcome]);
        let clues = |revision: &str| self.clues.with_label_values(&[rule, revision]);
        RuleMetrics {
            evaluated: rows("evaluated"),
            hits: rows("hit"),
            quiet: rows("quiet"),
            unknown: rows("unknown"),
            seconds: self.rule_seconds.with_label_values(&[rule]),
            clues_new: clues("new"),
            clues_revised: clues("revised"),
            clues_withdrawn: clues("withdrawn"),
        }
    }

    pub fn partials(&self) -> PartialMetrics {
        PartialMetrics {
            sent: self.partials.with_label_values(&["sent"]),
            sent_bytes: self.partials_bytes.clone(),
            taken: self.partials.with_label_values(&["taken"]),
        }
    }

    /// Units that a ratio rule looked at and what came of it.
    pub fn looks(&self, rule: &str, outcome: &str) -> IntCounter {
        self.looks.with_label_values(&[rule, outcome])
    }

    pub fn epochs(&self) -> EpochMetrics {
        let outcome = |outcome: &str| self.epochs.with_label_values(&[outcome]);
        EpochMetrics {
            messages: self.epoch_messages.clone(),
            commit_seconds: self.epoch_commit_seconds.clone(),
            committed: outcome("committed"),
            again: outcome("again"),
            lost: outcome("lost"),
        }
    }

    pub fn snapshots(&self) -> SnapshotMetrics {
        let outcome = |outcome: &str| self.snapshots.with_label_values(&[outcome]);
        SnapshotMetrics {
            written: outcome("written"),
            failed: outcome("failed"),
            restored: outcome("restored"),
            unusable: outcome("unusable"),
            bytes: self.snapshot_bytes.clone(),
        }
    }

    /// Gauges of the shard's partition in each of `inputs`.
    pub fn shard(self: &Arc<Self>, inputs: &[&str], partition: i32) -> ShardMetrics {
        let labels: Vec<(String, i32)> = inputs.iter().map(|input| ((*input).to_owned(), partition)).collect();
        let mut handles = self.shard_handles.lock();
        for label in &labels {
            *handles.entry(label.clone()).or_default() += 1;
        }
        let text = partition.to_string();
        let gauges = |input: &&str| {
            let gauge = |family: &IntGaugeVec| PartitionGauge {
                family: family.clone(),
                labels: [(*input).to_owned(), text.clone()],
                gauge: OnceLock::new(),
            };
            LagMetrics {
                messages: gauge(&self.lag_messages),
                seconds: gauge(&self.lag_seconds),
                watermark: gauge(&self.watermark),
                idle: gauge(&self.idle),
            }
        };
        let inputs = inputs.iter().map(gauges).collect();
        ShardMetrics { inputs, partition: text, held: BTreeSet::new(), labels, metrics: Arc::clone(self) }
    }

    pub fn worker(&self, slot: &str) -> WorkerMetrics {
        WorkerMetrics { heartbeat: self.heartbeat.with_label_values(&[slot]), shards: self.shards.with_label_values(&[slot]) }
    }

    /// Says what runs; what ran before is no longer said.
    pub fn set_running(&self, version: &str, rules: &str, references: &str, identity_key: &str) {
        self.running.reset();
        self.running.with_label_values(&[version, rules, references, identity_key]).set(1);
    }

    /// Prometheus' text format, families in the order of their names.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string fails only for a family without a name.
        match TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            Ok(()) => text,
            Err(error) => unreachable!("the table of metrics is wrong: {error}"),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ShardMetrics {
    /// Shows which sources hold what of the panes, and no longer those that did.
    pub fn set_holding(&mut self, holding: impl Iterator<Item = (i32, &'static str)>) {
        let held: BTreeSet<(String, &'static str)> = holding.map(|(source, kind)| (source.to_string(), kind)).collect();
        let labels = |(source, kind): &(String, &'static str)| [self.partition.clone(), source.clone(), (*kind).to_owned()];
        for gone in self.held.difference(&held) {
            // An error says that the series is gone already.
            let _ = self.metrics.holding.remove_label_values(&labels(gone));
        }
        held.iter().for_each(|held| self.metrics.holding.with_label_values(&labels(held)).set(1));
        self.held = held;
    }

    /// So many epochs of a recovery are done.
    pub fn set_recovery(&self, done: u64, total: u64) {
        for (kind, epochs) in [("done", done), ("total", total)] {
            self.metrics.recovery.with_label_values(&[self.partition.as_str(), kind]).set(i64::try_from(epochs).unwrap_or(i64::MAX));
        }
    }

    /// Number of the journal entry behind the last snapshot.
    pub fn set_snapshot(&self, number: u64) {
        self.metrics.snapshot_entry.with_label_values(&[&self.partition]).set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    pub fn set_late_rows(&self, rows: u64) {
        self.metrics.late_rows.with_label_values(&[&self.partition]).set(i64::try_from(rows).unwrap_or(i64::MAX));
    }
}

impl Drop for ShardMetrics {
    fn drop(&mut self) {
        // A new owner of the shard tells them again within a second.
        self.set_holding(std::iter::empty());
        let _ = self.metrics.late_rows.remove_label_values(&[&self.partition]);
        let _ = self.metrics.snapshot_entry.remove_label_values(&[&self.partition]);
        for kind in ["done", "total"] {
            let _ = self.metrics.recovery.remove_label_values(&[self.partition.as_str(), kind]);
        }
        let mut handles = self.metrics.shard_handles.lock();
        for label in &self.labels {
            let left = handles.get_mut(label).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left > 0 {
                continue;
            }
            handles.remove(label);
            let text = label.1.to_string();
            for gauges in [&self.metrics.lag_messages, &self.metrics.lag_seconds, &self.metrics.watermark, &self.metrics.idle] {
                // An error says that the series is gone already.
                let _ = gauges.remove_label_values(&[label.0.as_str(), text.as_str()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(metrics: &Metrics, line: &str, shown: bool) {
        let text = metrics.render();
        assert_eq!(text.lines().any(|found| found == line), shown, "{line}\n{text}");
    }

    #[test]
    fn children_count_under_their_labels() {
        let metrics = Metrics::new();
        let input = metrics.input("settlement", &["empty", "not_json"]);
        input.evaluated.inc_by(7);
        input.rejects[1].inc();
        metrics.rule("some-rule").hits.inc_by(3);
        metrics.rule("some-rule").seconds.inc_by(0.5);
        metrics.field_fault("settlement", "header", "gend", "type").inc();
        metrics.epochs().messages.observe(8192.0);
        for line in [
            "claimsift_events_total{input=\"settlement\",outcome=\"evaluated\"} 7",
            "claimsift_events_total{input=\"settlement\",outcome=\"duplicate\"} 0",
            "claimsift_rejects_total{class=\"not_json\",input=\"settlement\"} 1",
            "claimsift_rule_rows_total{outcome=\"hit\",rule=\"some-rule\"} 3",
            "claimsift_rule_seconds_total{rule=\"some-rule\"} 0.5",
            "claimsift_field_faults_total{column=\"gend\",fault=\"type\",input=\"settlement\",table=\"header\"} 1",
            "claimsift_epoch_messages_sum 8192",
        ] {
            check(&metrics, line, true);
        }
    }

    #[test]
    fn a_revoked_shard_tells_nothing_more() {
        let metrics = Arc::new(Metrics::new());
        let line = "claimsift_lag_messages{input=\"settlement\",partition=\"2\"} 5";
        let old = metrics.shard(&["settlement", "prescription"], 2);
        let other = metrics.shard(&["settlement"], 3);
        let mut new = metrics.shard(&["settlement", "prescription"], 2);
        assert!(!metrics.render().contains("partition="), "what nobody knows is not told");
        new.inputs[0].messages.set(5);
        let held = "claimsift_pane_holding{kind=\"looks\",partition=\"2\",source=\"7\"} 1";
        new.set_holding([(7, "looks"), (8, "state")].into_iter());
        check(&metrics, held, true);
        new.set_holding([(7, "looks")].into_iter());
        check(&metrics, held, true);
        assert!(!metrics.render().contains("source=\"8\""));
        new.set_late_rows(3);
        other.inputs[0].watermark.set(7);
        check(&metrics, line, true);
        drop(old);
        check(&metrics, line, true);
        drop(new);
        check(&metrics, line, false);
        assert!(!metrics.render().contains("partition=\"2\""));
        assert!(metrics.render().contains("partition=\"3\""));
        drop(other);
    }

    #[test]
    fn only_what_runs_now_is_said_to_run() {
        let metrics = Metrics::new();
        metrics.set_running("0.1.0", "aa", "bb", "cc");
        metrics.set_running("0.1.0", "dd", "bb", "cc");
        let line =
            |rules: &str| format!("claimsift_running_info{{identity_key=\"cc\",references=\"bb\",rules=\"{rules}\",version=\"0.1.0\"}} 1");
        check(&metrics, &line("aa"), false);
        check(&metrics, &line("dd"), true);
    }

    #[test]
    fn every_metric_of_the_table_is_registered_once() {
        let metrics = Arc::new(Metrics::new());
        metrics.input("i", &["c"]);
        metrics.rule("r");
        metrics.epochs();
        metrics.worker("w");
        metrics.field_fault("i", "t", "c", "f");
        metrics.unknown_codes("t");
        metrics.data_quality("r", "c");
        metrics.partials();
        metrics.looks("r", "o");
        metrics.set_running("v", "r", "r", "k");
        let mut shard = metrics.shard(&["i"], 0);
        shard.set_holding([(1, "looks")].into_iter());
        shard.set_late_rows(0);
        shard.set_recovery(0, 0);
        shard.set_snapshot(0);
        metrics.snapshots();
        for gauge in [&shard.inputs[0].messages, &shard.inputs[0].seconds, &shard.inputs[0].watermark, &shard.inputs[0].idle] {
            gauge.set(1);
        }
        let text = metrics.render();
        for of in table::ALL {
            let help = format!("# HELP {} {}", of.name, of.help);
            assert_eq!(text.lines().filter(|line| **line == help).count(), 1, "{help}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("# HELP")).count(), table::ALL.len());
    }
}
