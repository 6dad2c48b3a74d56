//! What the configuration means, resolved: paths joined, defaults filled in,
//! durations in seconds.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;

use crate::base::time::Zone;
use crate::codecs::RejectClass;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;
use crate::ruleset::words::words;

#[derive(Clone, Debug)]
pub struct Settings {
    /// `None`: files or the embedded log only.
    pub kafka: Option<KafkaSettings>,
    pub topics: TopicSettings,
    /// By `events::InputId`.
    pub inputs: Vec<InputSettings>,
    /// Folder of the rule packs.
    pub rules: PathBuf,
    /// Folders of reference tables.
    pub reference: Vec<PathBuf>,
    /// Zone of the times in events.
    pub zone: Zone,
    /// Go-live: earlier events build state and tell nothing.
    pub clues_from: Option<NaiveDate>,
    /// Prefixes of the areas whose events the feed holds; empty: all.
    pub covered_areas: Vec<String>,
    /// Holds the key of the pseudonyms; needed wherever real events are read.
    pub identity_key_file: Option<PathBuf>,
    /// Holds the key that wraps that one.
    pub identity_kek_file: Option<PathBuf>,
    /// The feed holds no real person.
    pub made_up_data: bool,
    /// Where rule sets and references are stored that were ever in force.
    pub store: Option<PathBuf>,
    pub snapshots: SnapshotSettings,
    pub rejects: RejectSettings,
    pub epoch: EpochSettings,
    /// Where metrics and health are served; `None` after `listen: off`.
    pub listen: Option<SocketAddr>,
    pub log: LogSettings,
}

#[derive(Clone)]
pub struct KafkaSettings {
    pub bootstrap: String,
    pub group: String,
    /// Prefix of the static member ids; a worker appends its number.
    pub instance: String,
    /// Worker threads, each with a consumer and a producer.
    pub workers: usize,
    /// Further librdkafka properties, in the file's order.
    pub properties: Vec<(String, String)>,
}

impl fmt::Debug for KafkaSettings {
    /// Without the properties' values: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap", &self.bootstrap)
            .field("group", &self.group)
            .field("instance", &self.instance)
            .field("workers", &self.workers)
            .field("properties", &self.properties.iter().map(|(key, _)| key).collect::<Vec<_>>())
            .finish()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    pub settlement: String,
    pub prescription: String,
    pub clues: String,
    /// Clues of rules on trial.
    pub shadow: String,
    pub rejects: String,
    pub journal: String,
    /// What shards tell each other of groups.
    pub partials: String,
    /// Activations of rules and references.
    pub control: String,
}

impl TopicSettings {
    /// Role and name of every topic.
    pub fn named(&self) -> [(&'static str, &str); 8] {
        [
            ("settlement", &self.settlement),
            ("prescription", &self.prescription),
            ("clues", &self.clues),
            ("shadow", &self.shadow),
            ("rejects", &self.rejects),
            ("journal", &self.journal),
            ("partials", &self.partials),
            ("control", &self.control),
        ]
    }

    /// The topic of an input, by `events::InputId`.
    pub fn input(&self, input: usize) -> &str {
        match input {
            SETTLEMENT_INPUT => &self.settlement,
            PRESCRIPTION_INPUT => &self.prescription,
            _ => &self.partials,
        }
    }
}

words! {
    /// How the feed's producer maps a person to a partition.
    Partitioner {
        Murmur2 = "murmur2", "Java 客户端默认", "as the Java client does";
        Crc32 = "crc32", "librdkafka 默认", "as librdkafka's consistent partitioners do";
        None = "none", "不检查", "not checked: the operator vouches that a person stays in one partition";
    }
}

words! {
    /// What a message of a reject class does.
    Policy {
        Reject = "reject", "转入拒收主题", "goes to the reject topic";
        Stop = "stop", "停机", "stops the worker before anything of its epoch is committed";
    }
}

impl Policy {
    /// Where the file says nothing. A person in the wrong partition means
    /// that everyone's history may be torn: no clue can be trusted then.
    pub fn default_of(class: RejectClass) -> Self {
        if class == RejectClass::WrongPartition { Self::Stop } else { Self::Reject }
    }
}

words! {
    LogFormat {
        Text = "text", "文本", "a line for people";
        Json = "json", "JSON", "a JSON object on each line";
    }
}

words! {
    LogLevel {
        Error = "error", "错误", "get up now";
        Warn = "warn", "警告", "look tomorrow";
        Info = "info", "信息", "what happened";
        Debug = "debug", "调试", "why it happened";
        Trace = "trace", "跟踪", "everything";
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSettings {
    pub partitioner: Partitioner,
    /// How far the watermark stays behind the greatest event time.
    pub disorder_seconds: i64,
    /// How long it may be silent before it is called idle.
    pub idle_after: Duration,
    /// Since when the feed is whole; `None`: unknown, so nothing is concluded from absence.
    pub complete_from: Option<NaiveDate>,
}

words! {
    /// What recovery begins with.
    RecoverFrom {
        Auto = "auto", "自动", "the newest snapshot that can be used, else the whole journal";
        Snapshot = "snapshot", "须有快照", "a snapshot; without one a worker with a long journal stops";
        Replay = "replay", "重放", "the whole journal, whatever snapshots there are";
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// `None`: in the store.
    pub path: Option<PathBuf>,
    /// Zero: none are taken.
    pub every: Duration,
    pub recover: RecoverFrom,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectSettings {
    /// For every class.
    pub policy: BTreeMap<RejectClass, Policy>,
    /// Share of the last messages above which the worker stops.
    pub rate_limit_percent: u32,
}

impl RejectSettings {
    pub fn policy(&self, class: RejectClass) -> Policy {
        self.policy.get(&class).copied().unwrap_or(Policy::default_of(class))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochSettings {
    /// Messages after which an epoch commits.
    pub messages_max: usize,
    /// Least time between two commits of a worker that has caught up.
    pub interval_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: LogLevel,
}
