//! The table of metrics, from which they are registered and documented.

/// One family of metrics.
#[derive(Debug)]
pub struct Described {
    /// Ends in its unit, or in `_total` for a counter.
    pub name: &'static str,
    pub help: &'static str,
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($id:ident = $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(pub const $id: Described = Described { name: $name, help: $help, labels: &[$($label),*] };)*
        /// Every family, in the order of the table.
        pub const ALL: &[Described] = &[$($id),*];
    };
}

metrics! {
    EVENTS = "claimsift_events_total" ["input" "outcome"]
        "Messages taken, each under one outcome: evaluated, rejected, duplicate, correction, statement.";
    LINES = "claimsift_lines_total" ["input"]
        "Lines of evaluated events.";
    LINES_UNJUDGED = "claimsift_lines_unjudged_total" ["input"]
        "Refund lines that name no line that they refund.";
    REJECTS = "claimsift_rejects_total" ["input" "class"]
        "Messages that could not be used, by class.";
    FIELD_FAULTS = "claimsift_field_faults_total" ["input" "table" "column" "fault"]
        "Values that became NULL because they could not be read.";
    UNKNOWN_FIELDS = "claimsift_unknown_fields_total" ["input"]
        "Members of messages that the event type does not know.";
    SHAPE_MISSES = "claimsift_shape_misses_total" ["input"]
        "Messages that the general decoder had to take.";
    UNKNOWN_CODES = "claimsift_unknown_codes_total" ["table"]
        "Codes of events that a reference table does not have.";
    RULE_ROWS = "claimsift_rule_rows_total" ["rule" "outcome"]
        "Rows that entered under a rule (evaluated) and how they came out then: hit, quiet, unknown.";
    DATA_QUALITY = "claimsift_data_quality_total" ["rule" "check"]
        "Rows that a rule's check on data quality holds for; of a rule on earlier contact consultations, by what institutions say of first visits.";
    RULE_SECONDS = "claimsift_rule_seconds_total" ["rule"]
        "Time that a rule took: its own, and its share by nodes of the program that rules of a table have in common.";
    CLUES = "claimsift_clues_total" ["rule" "revision"]
        "Clues written: new, revised, withdrawn.";
    EPOCHS = "claimsift_epochs_total" ["outcome"]
        "Epochs: committed, sent again, lost.";
    EPOCH_MESSAGES = "claimsift_epoch_messages" []
        "Messages of one epoch.";
    EPOCH_COMMIT_SECONDS = "claimsift_epoch_commit_seconds" []
        "Time from the first send of an epoch to its acknowledgement.";
    LAG_MESSAGES = "claimsift_lag_messages" ["input" "partition"]
        "Messages between the position and the end of a partition, about once a second; offsets without a message may count.";
    LAG_SECONDS = "claimsift_lag_event_seconds" ["input" "partition"]
        "Seconds of event time that the watermark lies behind the clock.";
    WATERMARK = "claimsift_watermark_seconds" ["input" "partition"]
        "Watermark in seconds since the Unix epoch.";
    IDLE = "claimsift_input_idle" ["input" "partition"]
        "1: a tick called the input idle, because nothing came for idle_after. It holds its watermark back.";
    PARTIALS = "claimsift_partials_total" ["way"]
        "Blocks of partial sums: sent to the shards that own their institutions, and taken by these.";
    PARTIALS_BYTES = "claimsift_partials_sent_bytes_total" []
        "Bytes of the blocks that were sent.";
    LATE_ROWS = "claimsift_partials_late_rows" ["partition"]
        "Rows of partials that came after their year was dropped, since the journal began.";
    HOLDING = "claimsift_pane_holding" ["partition" "source" "kind"]
        "1: panes of a partition wait for partials of a source although another source is far enough: looks, or state that could be dropped.";
    LOOKS = "claimsift_looks_total" ["rule" "outcome"]
        "Units that a ratio rule looked at: alert, watch, none, or why nothing is concluded.";
    RECOVERY = "claimsift_recovery_epochs" ["partition" "kind"]
        "Epochs that a partition is rebuilt from: done and total, since the snapshot that recovery began with.";
    SNAPSHOTS = "claimsift_snapshots_total" ["outcome"]
        "Snapshots of a partition's state: written, failed to be written, restored from, unusable.";
    SNAPSHOT_BYTES = "claimsift_snapshot_bytes_total" []
        "Bytes that were new in snapshots, before they were packed.";
    SNAPSHOT_ENTRY = "claimsift_snapshot_entry" ["partition"]
        "Number of the journal entry that the last snapshot of a partition stands behind.";
    RUNNING = "claimsift_running_info" ["version" "rules" "references" "identity_key"]
        "What runs: version, digests of rules and references, id of the identity key.";
    HEARTBEAT = "claimsift_worker_heartbeat_seconds" ["worker"]
        "When a worker was last at work, in seconds since the Unix epoch.";
    SHARDS = "claimsift_worker_shards" ["worker"]
        "Shards that a worker owns.";
}

/// Buckets of messages: full runs are 8192.
pub const MESSAGE_BUCKETS: &[f64] = &[1.0, 64.0, 512.0, 2048.0, 8192.0, 32_768.0, 131_072.0];
/// Buckets of a commit: a healthy one takes some 10 ms.
pub const SECOND_BUCKETS: &[f64] = &[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_help_is_a_sentence() {
        let mut seen = BTreeSet::new();
        for of in ALL {
            assert!(seen.insert(of.name), "{}", of.name);
            assert!(of.name.starts_with("claimsift_") && of.help.ends_with('.'), "{}", of.name);
        }
    }
}
