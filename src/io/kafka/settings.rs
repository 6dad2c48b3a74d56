//! What a worker must know to reach its log, and the client settings that
//! exactness and speed depend on.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::base::fault::Fault;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::limits::MESSAGE_BYTES_MAX;
use crate::io::log::Output;

/// Where the log is, and who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// Consumer group; also the first part of the transactional ids.
    pub group: String,
    /// Name of this worker within the group, the same after every restart:
    /// a newcomer of the same name takes over at once, and fences the old one.
    pub slot: String,
    /// Those of events, by `InputId`.
    pub inputs: [String; EVENT_INPUTS],
    pub clues: String,
    pub shadow: String,
    pub rejects: String,
    pub journal: String,
    /// What shards tell each other: output and input.
    pub partials: String,
    /// The control topic, of one partition.
    pub control: String,
    /// More librdkafka settings, for every client (addresses, TLS, SASL, sizes).
    pub extra: BTreeMap<String, String>,
}

/// A transaction that is older is aborted by the broker, and bounds how long a
/// dead worker's partitions wait for their next owner.
pub(super) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);
/// For one answer of the broker.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Fetched and not yet read: the most for one input of one shard (more does not
/// read faster), and for a whole worker.
const QUEUE_KBYTES_MAX: usize = 16 * 1024;
const QUEUES_KBYTES: usize = 128 * 1024;

/// Settings that belong to the program, because results depend on them.
pub const OURS: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "partition.assignment.strategy",
    "transactional.id",
    "transaction.timeout.ms",
    "enable.idempotence",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "isolation.level",
    "auto.offset.reset",
    "allow.auto.create.topics",
    "partitioner",
];

/// Why librdkafka would not take a property; `None` if it would.
pub fn unusable_property(name: &str, value: &str) -> Option<String> {
    // Files that a value names are opened when a client is made.
    if name.contains("location") || name.contains("plugin") {
        return None;
    }
    ClientConfig::new().set(name, value).create_native_config().err().map(|error| match error {
        KafkaError::ClientConfig(_, reason, ..) => reason,
        other => other.to_string(),
    })
}

impl KafkaSettings {
    pub fn topic(&self, output: Output) -> &str {
        match output {
            Output::Clues => &self.clues,
            Output::Shadow => &self.shadow,
            Output::Rejects => &self.rejects,
            Output::Journal => &self.journal,
            Output::Partials => &self.partials,
        }
    }

    /// # Errors
    /// Stop, if `extra` names a setting that is the program's own, or two
    /// topics have one name.
    pub fn check(&self) -> Result<(), Fault> {
        let doing = "read Kafka settings";
        if let Some(name) = self.extra.keys().find(|name| OURS.contains(&name.as_str())) {
            return Err(Fault::stop(doing, format!("`{name}` is set by the program and cannot be configured")));
        }
        let mut names = BTreeSet::new();
        match self.topics().into_iter().find(|name| !names.insert(*name)) {
            Some(name) => Err(Fault::stop(doing, format!("`{name}` is named for two topics; inputs and outputs must all differ"))),
            None => Ok(()),
        }
    }

    /// The same after every restart: whoever comes with it ends what was left open.
    pub fn transactional_id(&self) -> String {
        format!("{}-{}", self.group, self.slot)
    }

    /// Inputs, then outputs.
    pub(super) fn topics(&self) -> [&str; 8] {
        let [settlement, prescription, partials] = self.read();
        [settlement, prescription, partials, &self.clues, &self.shadow, &self.rejects, &self.journal, &self.control]
    }

    /// What a shard reads, by `InputId`.
    pub(super) fn read(&self) -> [&str; INPUTS] {
        [&self.inputs[0], &self.inputs[1], &self.partials]
    }

    fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("client.id", format!("claimsift-{}", self.slot));
        for (name, value) in own {
            config.set(*name, *value);
        }
        for (name, value) in &self.extra {
            config.set(name, value);
        }
        config
    }

    fn fetching(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut settings = vec![
            ("group.id", self.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "false"),
            ("isolation.level", "read_committed"),
            // Where to start is the journal's to say; a silent jump loses events.
            ("auto.offset.reset", "error"),
            ("check.crcs", "true"),
            // The default rests a whole second each time a queue was full.
            ("fetch.queue.backoff.ms", "10"),
        ];
        settings.extend_from_slice(own);
        self.client(&settings)
    }

    /// The consumer that is a member of the group, of which all `shards` may fall to it.
    pub(super) fn member(&self, shards: i32) -> ClientConfig {
        let queues = (usize::try_from(shards).unwrap_or(1) * INPUTS).max(1);
        // Counts for each split partition by itself.
        let queue_kbytes = (QUEUES_KBYTES / queues).clamp(1024, QUEUE_KBYTES_MAX).to_string();
        self.fetching(&[
            ("queued.max.messages.kbytes", &queue_kbytes),
            ("group.protocol", "classic"),
            ("partition.assignment.strategy", "range"),
            ("group.instance.id", &self.slot),
            ("session.timeout.ms", "15000"),
            ("heartbeat.interval.ms", "1000"),
            ("max.poll.interval.ms", "300000"),
        ])
    }

    /// The consumer that reads given ranges and never joins. It turns from one
    /// partition to the next at their ends, where a request in flight would
    /// hold the next one back for the default half second.
    pub(super) fn reader(&self) -> ClientConfig {
        self.fetching(&[("queued.max.messages.kbytes", "16384"), ("fetch.wait.max.ms", "10")])
    }

    /// The client that asks about topics, and sees open transactions.
    pub(super) fn asker(&self) -> ClientConfig {
        self.client(&[("isolation.level", "read_uncommitted")])
    }

    /// The producer of epochs. `bytes_max`: the largest message that any of its topics takes.
    pub(super) fn writer(&self, bytes_max: usize) -> ClientConfig {
        let mut config = self.client(&[
            ("transactional.id", &self.transactional_id()),
            ("transaction.timeout.ms", &TRANSACTION_TIMEOUT.as_millis().to_string()),
            ("linger.ms", "0"),
            // A transaction begun right after a commit meets the markers still being written.
            ("retry.backoff.ms", "10"),
            ("compression.type", "lz4"),
            // As the Java clients do, so that others may join our topics with theirs.
            ("partitioner", "murmur2_random"),
        ]);
        if !self.extra.contains_key("message.max.bytes") {
            // The client counts headers and framing that the broker does not.
            config.set("message.max.bytes", (bytes_max + 65_536).clamp(1_000_000, 1_000_000_000).to_string());
        }
        config
    }

    /// The plain producer of test data and statements.
    pub(super) fn feed(&self) -> ClientConfig {
        self.client(&[
            ("enable.idempotence", "true"),
            ("linger.ms", "20"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "1000000"),
            ("queue.buffering.max.kbytes", "131072"),
            ("message.max.bytes", &(MESSAGE_BYTES_MAX + 65_536).to_string()),
            ("partitioner", "murmur2_random"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_exactness_needs_are_kept() {
        let mut settings = KafkaSettings {
            bootstrap: "127.0.0.1:1".to_owned(),
            group: "g".to_owned(),
            slot: "0".to_owned(),
            inputs: ["a".to_owned(), "b".to_owned()],
            clues: "c".to_owned(),
            shadow: "s".to_owned(),
            rejects: "r".to_owned(),
            journal: "j".to_owned(),
            partials: "p".to_owned(),
            control: "k".to_owned(),
            extra: BTreeMap::from([("fetch.wait.max.ms".to_owned(), "50".to_owned())]),
        };
        assert!(settings.check().is_ok());
        assert_eq!(settings.member(4).get("fetch.wait.max.ms"), Some("50"));
        settings.extra.insert("isolation.level".to_owned(), "read_uncommitted".to_owned());
        assert!(settings.check().is_err());
        settings.extra.clear();
        settings.shadow = settings.clues.clone();
        assert!(settings.check().is_err());
    }
}
