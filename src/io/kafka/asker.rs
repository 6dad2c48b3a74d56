//! Questions about topics: which there are, how many partitions, where they begin and end.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::groups::GroupList;

use crate::base::fault::Fault;

use super::context::Listener;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;

/// Between two questions to a broker that is not ready yet.
const STEP: Duration = Duration::from_millis(20);

/// First offset held, and the end: the high watermark, or the last stable
/// offset for a client that reads what is committed. A partition made just now
/// may have no leader yet, and one that moves none for a moment: asked again.
#[expect(clippy::disallowed_methods, reason = "a broker that is not ready yet tells nobody when it is: it is asked again")]
pub(super) fn ends(client: &BaseConsumer<Listener>, topic: &str, partition: i32, patience: Duration) -> Result<(i64, i64), Fault> {
    let deadline = Instant::now() + patience;
    loop {
        match client.fetch_watermarks(topic, partition, patience) {
            Ok(ends) => return Ok(ends),
            Err(error) if error.rdkafka_error_code().is_some_and(trouble::has_no_leader_yet) && Instant::now() < deadline => {
                thread::sleep(STEP);
            }
            Err(error) => return Err(trouble::fault(format!("ask for the ends of partition {partition} of `{topic}`"), error)),
        }
    }
}

/// A client that never reads messages and sees past open transactions.
pub(super) struct Asker {
    client: BaseConsumer<Listener>,
}

impl Asker {
    pub(super) fn connect(settings: &KafkaSettings) -> Result<Self, Fault> {
        settings.check()?;
        let client = settings.asker().create_with_context(Listener::default()).map_err(|error| trouble::fault("create client", error))?;
        Ok(Self { client })
    }

    /// First offset held, and the offset after the last (high watermark).
    pub(super) fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), Fault> {
        self.bounds_within(topic, partition, ANSWER_WAIT)
    }

    /// The same; an answer that does not come in time is a fault.
    pub(super) fn bounds_within(&self, topic: &str, partition: i32, patience: Duration) -> Result<(i64, i64), Fault> {
        ends(&self.client, topic, partition, patience)
    }

    /// Waits until the broker that answers us knows every one of `topics` and a
    /// leader of each of its partitions: the answer to a request to create them
    /// comes before that.
    #[expect(clippy::disallowed_methods, reason = "a broker that is not ready yet tells nobody when it is: it is asked again")]
    pub(super) fn until_known(&self, topics: &[&str]) -> Result<(), Fault> {
        let deadline = Instant::now() + ANSWER_WAIT;
        for name in topics {
            while !self.is_led(name)? {
                if Instant::now() >= deadline {
                    return Err(Fault::restart(format!("wait for topic `{name}`"), "it was created, and has no leader yet"));
                }
                thread::sleep(STEP);
            }
        }
        Ok(())
    }

    fn is_led(&self, topic: &str) -> Result<bool, Fault> {
        let metadata = self
            .client
            .fetch_metadata(Some(topic), ANSWER_WAIT)
            .map_err(|error| trouble::fault(format!("ask about topic `{topic}`"), error))?;
        let Some(topic) = metadata.topics().first() else { return Ok(false) };
        let partitions = topic.partitions();
        Ok(topic.error().is_none() && !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0))
    }

    /// What the brokers know of a group of consumers, once all of them can say.
    #[expect(clippy::disallowed_methods, reason = "a broker that is not ready yet tells nobody when it is: it is asked again")]
    pub(super) fn group(&self, name: &str) -> Result<GroupList, Fault> {
        let deadline = Instant::now() + ANSWER_WAIT;
        loop {
            match self.client.fetch_group_list(Some(name), ANSWER_WAIT) {
                Ok(list) => return Ok(list),
                Err(error) if error.rdkafka_error_code().is_some_and(trouble::has_no_coordinator_yet) && Instant::now() < deadline => {
                    thread::sleep(STEP);
                }
                Err(error) => return Err(trouble::fault(format!("ask about group `{name}`"), error)),
            }
        }
    }

    /// Partition counts of those of `topics` that exist.
    pub(super) fn partitions(&self, topics: &[&str]) -> Result<BTreeMap<String, i32>, Fault> {
        let mut counts = BTreeMap::new();
        for name in topics {
            let doing = || format!("ask about topic `{name}`");
            let metadata = self.client.fetch_metadata(Some(name), ANSWER_WAIT).map_err(|error| trouble::fault(doing(), error))?;
            let Some(topic) = metadata.topics().first() else { continue };
            match topic.error().map(RDKafkaErrorCode::from) {
                None if topic.partitions().is_empty() => {}
                None => {
                    counts.insert((*name).to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX));
                }
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
                Some(code) => return Err(trouble::fault(doing(), rdkafka::error::KafkaError::MetadataFetch(code))),
            }
        }
        Ok(counts)
    }

    /// The number of shards: all topics exist, inputs, partials and journal have the same number of partitions.
    ///
    /// # Errors
    /// Stop, naming what is missing or unequal.
    pub(super) fn shards(&self, settings: &KafkaSettings) -> Result<i32, Fault> {
        let names = settings.topics();
        let counts = self.partitions(&names)?;
        let missing: Vec<String> = names.iter().filter(|name| !counts.contains_key(**name)).map(|name| format!("`{name}`")).collect();
        if !missing.is_empty() {
            return Err(Fault::stop(
                "look at topics",
                format!("missing: {}; make them with `claimsift topics create`", missing.join(", ")),
            ));
        }
        if counts[&settings.control] != 1 {
            let reason = format!(
                "the control topic `{}` has {} partitions; it needs one, which orders what it says",
                settings.control, counts[&settings.control]
            );
            return Err(Fault::stop("look at topics", reason));
        }
        let shards = counts[&settings.inputs[0]];
        let equal = [&settings.inputs[0], &settings.inputs[1], &settings.partials, &settings.journal];
        if equal.iter().any(|name| counts[*name] != shards) {
            let list: Vec<String> = equal.iter().map(|name| format!("`{name}` has {}", counts[*name])).collect();
            return Err(Fault::stop(
                "look at topics",
                format!(
                    "inputs, partials and journal need the same number of partitions, for a shard owns one of each: {}",
                    list.join(", ")
                ),
            ));
        }
        Ok(shards)
    }
}
