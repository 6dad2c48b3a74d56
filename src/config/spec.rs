//! The keys of claimsift.yaml: shape, need, default and label of each.

use std::net::SocketAddr;

use chrono_tz::Tz;

use crate::base::limits;
use crate::codecs::RejectClass;
use crate::config::settings::LogFormat;
use crate::config::settings::LogLevel;
use crate::config::settings::Partitioner;
use crate::config::settings::Policy;
use crate::config::settings::RecoverFrom;
use crate::ruleset::shape::AREA;
use crate::ruleset::shape::Field;
use crate::ruleset::shape::Form;
use crate::ruleset::shape::Object;
use crate::ruleset::shape::Shape;
use crate::ruleset::shape::optional;
use crate::ruleset::shape::required;
use crate::ruleset::words::Words as _;

/// The whole file.
pub static CONFIG: Object = Object {
    fields: &[
        optional("kafka", Shape::Object(&KAFKA), "Kafka 连接", "the broker; absent: files only"),
        optional("topics", Shape::Object(&TOPICS), "主题", "names of the topics"),
        optional("inputs", Shape::Object(&INPUTS), "输入", "what the feeds are like"),
        optional("rules", Shape::Text, "规则目录", "folder of the rule packs").or("rules"),
        optional(
            "reference",
            Shape::List(&Shape::Text),
            "参考表目录",
            "folders of reference tables; absent: `reference` in the rules' folder",
        ),
        optional("zone", Shape::Form(&ZONE), "时区", "zone of the times in events").or("Asia/Shanghai"),
        optional("clues_from", Shape::Date, "上线日", "earlier events build state and tell nothing"),
        optional("covered_areas", Shape::List(&Shape::Form(&AREA)), "覆盖地区", "area prefixes that the feed holds; absent or empty: all"),
        optional("identity_key_file", Shape::Text, "假名密钥文件", "holds the key of the persons' pseudonyms"),
        optional("identity_kek_file", Shape::Text, "密钥加密密钥文件", "holds the key that wraps the identity key"),
        optional("made_up_data", Shape::Bool, "自造数据", "the feed holds no real person: no identity key is needed").or("false"),
        optional("state", Shape::Object(&STATE), "状态存储", "what outlives a process beside the topics"),
        optional("rejects", Shape::Object(&REJECTS), "拒收", "what unusable messages do"),
        optional("epoch", Shape::Object(&EPOCH), "提交批", "how much one transaction holds"),
        optional("http", Shape::Object(&HTTP), "HTTP", "metrics and health"),
        optional("log", Shape::Object(&LOG), "日志", "the program's own log"),
    ],
};

pub static KAFKA: Object = Object {
    fields: &[
        required("bootstrap", Shape::Text, "服务器", "brokers, host:port, joined by commas"),
        optional("group", Shape::Form(&NAME), "消费组", "the consumer group; also names the transactions").or("claimsift"),
        optional("instance", Shape::Form(&NAME), "实例", "prefix of the workers' static ids; differs on each machine").or("claimsift-0"),
        optional("workers", Shape::Int { min: 1, max: 64 }, "工作线程数", "worker threads").or("1"),
        optional("properties", Shape::Map { key: &PROPERTY, value: &Shape::Scalar }, "客户端属性", "further librdkafka properties"),
    ],
};

pub static TOPICS: Object = Object {
    fields: &[
        optional("settlement", Shape::Form(&NAME), "结算", "settlements").or("settlement"),
        optional("prescription", Shape::Form(&NAME), "处方", "prescriptions").or("prescription"),
        optional("clues", Shape::Form(&NAME), "线索", "clues of live rules").or("claimsift-clues"),
        optional("shadow", Shape::Form(&NAME), "试运行线索", "clues of rules on trial").or("claimsift-shadow"),
        optional("rejects", Shape::Form(&NAME), "拒收", "unusable messages, byte for byte").or("claimsift-rejects"),
        optional("journal", Shape::Form(&NAME), "日志账", "the journal of epochs").or("claimsift-journal"),
        optional("partials", Shape::Form(&NAME), "分组部分和", "what shards tell each other of groups; written and read")
            .or("claimsift-partials"),
        optional("control", Shape::Form(&NAME), "控制", "activations of rules and references; one partition").or("claimsift-control"),
    ],
};

pub static INPUTS: Object = Object {
    fields: &[
        optional("settlement", Shape::Object(&INPUT), "结算", "the settlement feed"),
        optional("prescription", Shape::Object(&INPUT), "处方", "the prescription feed"),
    ],
};

pub static INPUT: Object = Object {
    fields: &[
        optional("partitioner", Shape::Choice(Partitioner::CHOICES), "分区算法", "how the producer maps psn_no to a partition")
            .or("murmur2"),
        optional("disorder", Shape::Duration, "乱序容忍", "how far the watermark stays behind the greatest event time").or("1h"),
        optional("idle_after", Shape::Duration, "静默时限", "silence after which a partition is called idle; nothing is concluded from it")
            .or("30m"),
        optional("complete_from", Shape::Date, "数据完整起始日", "since when the feed is whole; absent: unknown"),
    ],
};

pub static STATE: Object = Object {
    fields: &[
        optional(
            "store",
            Shape::Form(&STORE),
            "存储位置",
            "folder that all workers share: rule sets and references that were ever in force; needed by `claimsift activate`",
        ),
        optional(
            "snapshots",
            Shape::Form(&STORE),
            "快照位置",
            "folder of the snapshots, of this machine or shared; absent: in `store`, and without both there are none",
        ),
        optional("snapshot_every", Shape::Duration, "快照间隔", "how often the state of each partition is saved; 0s: never").or("5m"),
        optional("recover", Shape::Choice(RecoverFrom::CHOICES), "恢复方式", "what a worker begins with that takes a partition over")
            .or("auto"),
    ],
};

pub static REJECTS: Object = Object {
    fields: &[
        optional(
            "policy",
            Shape::Map { key: &REJECT_CLASS, value: &Shape::Choice(Policy::CHOICES) },
            "处置",
            "by reject class; without an entry wrong_partition stops and all others reject",
        ),
        optional(
            "rate_limit_percent",
            Shape::Int { min: 1, max: 100 },
            "拒收率上限（%）",
            "share of the last messages above which the worker stops",
        )
        .or("5"),
    ],
};

pub static EPOCH: Object = Object {
    fields: &[
        optional("messages_max", Shape::Int { min: 1, max: EPOCH_MESSAGES_MAX }, "消息数上限", "messages after which an epoch commits")
            .or("32768"),
        optional(
            "interval_ms",
            Shape::Int { min: 10, max: EPOCH_MS_MAX },
            "间隔（毫秒）",
            "least time between two commits of a worker that has caught up",
        )
        .or("200"),
    ],
};

/// What the runs that one journal entry can record may hold.
#[expect(clippy::cast_possible_wrap, reason = "a product of two small limits")]
const EPOCH_MESSAGES_MAX: i64 = (limits::RUN_MESSAGES_MAX * limits::RUNS_PER_EPOCH_MAX) as i64;
/// Well under the transaction timeout, so that a slow epoch is not fenced.
const EPOCH_MS_MAX: i64 = 5000;

pub static HTTP: Object = Object { fields: &[LISTEN] };

const LISTEN: Field = optional("listen", Shape::Form(&LISTEN_FORM), "监听地址", "address and port, or `off`").or("127.0.0.1:9464");

pub static LOG: Object = Object {
    fields: &[
        optional("format", Shape::Choice(LogFormat::CHOICES), "格式", "how a line looks").or("text"),
        optional("level", Shape::Choice(LogLevel::CHOICES), "级别", "the least grave that is written").or("info"),
    ],
};

const NAME: Form = Form {
    regex: "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$",
    matches: |text| {
        text.len() < 250
            && !text.starts_with('.')
            && !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    },
    help: "Use at most 249 letters, digits, dots, underscores and hyphens.",
};

const PROPERTY: Form = Form {
    regex: "^[a-z][a-z0-9._]*$",
    matches: |text| {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_'))
    },
    help: "Use a property of librdkafka, like `security.protocol`.",
};

/// What a store's place begins with.
pub const FILE_SCHEME: &str = "file://";

const STORE: Form = Form {
    regex: "^file://.+$",
    matches: |text| text.strip_prefix(FILE_SCHEME).is_some_and(|path| !path.is_empty()),
    help: "Write a folder, like file:///var/lib/claimsift.",
};

const ZONE: Form = Form {
    regex: "^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$",
    matches: |text| text.parse::<Tz>().is_ok(),
    help: "Use a zone of the IANA database, like Asia/Shanghai.",
};

const LISTEN_FORM: Form = Form {
    regex: "^(off|.+:[0-9]{1,5})$",
    matches: |text| text == "off" || text.parse::<SocketAddr>().is_ok(),
    help: "Write an address and a port, like 127.0.0.1:9464, or \"off\".",
};

const REJECT_CLASS: Form = Form {
    regex: "^(tombstone|empty|too_large|not_utf8|not_json|not_object|no_business_id|no_person|event_time|total|line_key|future|wrong_partition)$",
    matches: |text| RejectClass::ALL.iter().any(|class| class.name() == text),
    help: "Use a reject class: tombstone, empty, too_large, not_utf8, not_json, not_object, no_business_id, no_person, event_time, \
           total, line_key, future, wrong_partition.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reject_class_is_offered() {
        let names: Vec<&str> = RejectClass::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(REJECT_CLASS.regex, format!("^({})$", names.join("|")));
        assert!(REJECT_CLASS.help.contains(&names.join(", ")));
    }
}
