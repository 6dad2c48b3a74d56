//! Topics made on request, statements written, topics read from end to end.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::thread::Thread;
use std::time::Duration;
use std::time::Instant;

use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::OwnedResourceSpecifier;
use rdkafka::admin::ResourceSpecifier;
use rdkafka::admin::TopicReplication;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;

use crate::base::fault::Fault;
use crate::base::limits::MESSAGE_BYTES_MAX;
use crate::base::record::Messages as _;
use crate::base::record::WATERMARK_HEADER;
use crate::io::log::Output;
pub use crate::io::log::TopicRecord;

use super::asker::Asker;
use super::context::Listener;
use super::feed::Feed;
use super::reader::Reader;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;

/// A reject is the message itself and some headers about it.
const REJECT_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 1024 * 1024;
/// For transactions that are open before the end of a topic that is read.
const DECISION_WAIT: Duration = Duration::from_secs(10);
const DECISION_STEP: Duration = Duration::from_millis(10);
/// The only one of the control topic.
pub(super) const CONTROL_PARTITION: i32 = 0;
const REJECT_RETENTION_MS: &str = "2592000000";

/// Creates the topics that do not exist yet, waits until they can be used, and
/// says which it created.
///
/// `partitions` holds for all of them but the control topic, which has one;
/// `replication` is the number of copies.
///
/// # Errors
/// The broker refuses, or does not answer. Topics that exist are left as they are.
pub fn create_topics(settings: &KafkaSettings, partitions: i32, replication: i32) -> Result<Vec<String>, Fault> {
    let message_bytes = MESSAGE_BYTES_MAX.to_string();
    let reject_bytes = REJECT_BYTES_MAX.to_string();
    let topic = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(replication)).set("cleanup.policy", "delete");
    let for_ever = |name| topic(name).set("retention.ms", "-1").set("retention.bytes", "-1");
    // Recovery replays journalled runs, of partials too, so all of these are held
    // as long as the journal.
    let mut topics: Vec<NewTopic<'_>> =
        settings.inputs.iter().map(|name| for_ever(name.as_str()).set("max.message.bytes", &message_bytes)).collect();
    for output in [Output::Clues, Output::Shadow, Output::Journal, Output::Partials] {
        topics.push(for_ever(settings.topic(output)).set("max.message.bytes", &message_bytes));
    }
    let one = NewTopic::new(&settings.control, 1, TopicReplication::Fixed(replication)).set("cleanup.policy", "delete");
    topics.push(one.set("retention.ms", "-1").set("retention.bytes", "-1"));
    // Raw personal data: kept for a month from when they were refused.
    topics.push(
        topic(settings.topic(Output::Rejects))
            .set("retention.ms", REJECT_RETENTION_MS)
            .set("message.timestamp.type", "LogAppendTime")
            .set("max.message.bytes", &reject_bytes),
    );
    let client = client(settings)?;
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_WAIT)).request_timeout(Some(ANSWER_WAIT));
    let results = wait_for(client.create_topics(&topics, &options)).map_err(|error| trouble::fault("create topics", error))?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(name) => created.push(name),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(Fault::stop(format!("create topic `{name}`"), KafkaError::AdminOp(code))),
        }
    }
    Asker::connect(settings)?.until_known(&settings.topics())?;
    Ok(created)
}

/// Partition counts of those of `topics` that exist.
///
/// # Errors
/// The broker does not answer.
pub fn topic_partitions(settings: &KafkaSettings, topics: &[&str]) -> Result<BTreeMap<String, i32>, Fault> {
    Asker::connect(settings)?.partitions(topics)
}

/// Writes a watermark statement to every partition of each of `topics`.
/// `text` is a civil time or `end`.
///
/// # Errors
/// Stop, if a topic does not exist; else what the producer says.
pub fn advance(settings: &KafkaSettings, topics: &[&str], text: &str) -> Result<(), Fault> {
    let counts = topic_partitions(settings, topics)?;
    let mut feed = Feed::connect(settings)?;
    for topic in topics {
        let Some(count) = counts.get(*topic) else {
            return Err(Fault::stop(
                "write a watermark statement",
                format!("there is no topic `{topic}`; make it with `claimsift topics create`"),
            ));
        };
        for partition in 0..*count {
            feed.send_with(topic, partition, None, None, None, &[(WATERMARK_HEADER, text)])?;
        }
    }
    feed.flush()
}

/// Values of the control topic, oldest first.
///
/// # Errors
/// As [`read_topic`].
pub fn activations(settings: &KafkaSettings) -> Result<Vec<Vec<u8>>, Fault> {
    let mut values = Vec::new();
    read_topic(settings, &settings.control, &mut |record| {
        values.extend(record.value.map(<[u8]>::to_vec));
        Ok(())
    })?;
    Ok(values)
}

/// Appends a record to the control topic.
///
/// # Errors
/// What the producer says.
pub fn activate(settings: &KafkaSettings, value: &[u8]) -> Result<(), Fault> {
    let mut feed = Feed::connect(settings)?;
    feed.send_with(&settings.control, CONTROL_PARTITION, None, Some(value), None, &[])?;
    feed.flush()
}

/// Reads what is committed in `topic`, partition by partition, up to the end it has now.
///
/// A transaction that is still open there is waited for, for some seconds: a
/// producer hears of its commit before the broker has marked every partition,
/// and who asks right after it must not miss what it wrote. What lies beyond a
/// transaction that stays open is not read, and a warning says so.
///
/// # Errors
/// Stop, if the topic does not exist; what `each` says; what the consumer says.
pub fn read_topic(settings: &KafkaSettings, topic: &str, each: &mut dyn FnMut(TopicRecord<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
    let asker = Asker::connect(settings)?;
    let Some(count) = asker.partitions(&[topic])?.remove(topic) else {
        return Err(Fault::stop("read a topic", format!("there is no topic `{topic}`")));
    };
    let mut reader = Reader::connect(settings)?;
    let deadline = decision_deadline();
    (0..count).try_for_each(|partition| read_partition(&asker, &mut reader, topic, partition, deadline, each).map(|_| ()))
}

/// Until when transactions that are open are waited for.
pub(super) fn decision_deadline() -> Instant {
    Instant::now() + DECISION_WAIT
}

/// One partition of what [`read_topic`] reads; the first offset that it holds.
pub(super) fn read_partition(
    asker: &Asker,
    reader: &mut Reader,
    topic: &str,
    partition: i32,
    deadline: Instant,
    each: &mut dyn FnMut(TopicRecord<'_>) -> Result<(), Fault>,
) -> Result<i64, Fault> {
    let (from, end) = asker.bounds(topic, partition)?;
    let to = decided_end(reader, topic, partition, end, deadline)?;
    reader.read(topic, partition, from, to, &mut || Ok(()), &mut |batch| {
        (0..batch.len()).try_for_each(|idx| {
            let message = batch.get(idx);
            let headers = batch.headers(idx);
            each(TopicRecord {
                partition,
                offset: message.offset,
                timestamp_ms: message.timestamp_ms,
                key: message.key,
                value: message.value,
                headers: &headers,
            })
        })
    })?;
    reader.close(topic, partition)?;
    Ok(from)
}

/// The offset up to which everything is decided, `end` if all transactions
/// before it are in time.
#[expect(clippy::disallowed_methods, reason = "a broker tells nobody when it has marked a transaction: it is asked again")]
fn decided_end(reader: &Reader, topic: &str, partition: i32, end: i64, deadline: Instant) -> Result<i64, Fault> {
    loop {
        let stable = reader.stable_end(topic, partition)?;
        if stable >= end {
            return Ok(end);
        }
        if Instant::now() >= deadline {
            tracing::warn!(target: "kafka", topic, partition, stable, end, "a transaction is open; what lies beyond it is not read");
            return Ok(stable);
        }
        thread::sleep(DECISION_STEP);
    }
}

/// The largest message that any topic of ours takes, in bytes; every input
/// message must fit into the rejects.
pub(super) fn check_message_limits(settings: &KafkaSettings) -> Result<usize, Fault> {
    let doing = "compare message limits of topics";
    let wanted: Vec<ResourceSpecifier<'_>> = settings.topics().iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let client = client(settings)?;
    let options = AdminOptions::new().request_timeout(Some(ANSWER_WAIT));
    let answers = wait_for(client.describe_configs(&wanted, &options)).map_err(|error| trouble::fault(doing, error))?;
    let mut limits: BTreeMap<String, usize> = BTreeMap::new();
    for answer in answers {
        match answer {
            Ok(config) => {
                let limit = config.get("max.message.bytes").and_then(|entry| entry.value.as_deref()).and_then(|value| value.parse().ok());
                if let (OwnedResourceSpecifier::Topic(name), Some(limit)) = (&config.specifier, limit) {
                    limits.insert(name.clone(), limit);
                }
            }
            // May be forbidden to us; then a message that is too long stops the worker when it comes.
            Err(code) => tracing::warn!(target: "kafka", %code, "a topic's message limit is unknown"),
        }
    }
    let largest_input = settings.inputs.iter().filter_map(|name| limits.get(name)).max();
    if let (Some(input), Some(rejects)) = (largest_input, limits.get(&settings.rejects))
        && rejects < input
    {
        return Err(Fault::stop(
            doing,
            format!(
                "`{}` takes messages of {rejects} bytes and an input up to {input}: a reject of that size could not be kept; raise its `max.message.bytes`",
                settings.rejects
            ),
        ));
    }
    Ok(limits.values().copied().max().unwrap_or(REJECT_BYTES_MAX))
}

fn client(settings: &KafkaSettings) -> Result<AdminClient<Listener>, Fault> {
    settings.check()?;
    settings.asker().create_with_context(Listener::default()).map_err(|error| trouble::fault("create admin client", error))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an admin call, which a thread of the client's own completes.
fn wait_for<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}
