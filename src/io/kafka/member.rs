//! The group's consumer: which shards are ours, and the queues of their inputs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionListElem;

use crate::base::fault::Fault;
use crate::base::ids::INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;

use super::context::Change;
use super::context::Listener;
use super::inlet::Inlet;
use super::native::PartitionQueue;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;

/// How often a waiting member looks whether messages came.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A seek right after an assign meets a client that has not begun to fetch.
const SEEK_WAIT: Duration = Duration::from_secs(10);

pub(super) struct Member {
    /// Before `consumer`: queues end before their client.
    inlets: BTreeMap<(ShardId, InputId), Inlet>,
    consumer: Arc<BaseConsumer<Listener>>,
    /// What is read of each shard, by input.
    inputs: [String; INPUTS],
    owned: Vec<ShardId>,
    /// What `shards` has not yet told.
    news: Option<Vec<ShardId>>,
    /// The state of the shards was given up: they are told again even if the
    /// group changes nothing.
    anew: bool,
}

impl Member {
    pub(super) fn join(settings: &KafkaSettings, shards: i32) -> Result<Self, Fault> {
        let consumer: BaseConsumer<Listener> =
            settings.member(shards).create_with_context(Listener::default()).map_err(|error| trouble::fault("create consumer", error))?;
        consumer.subscribe(&settings.read()).map_err(|error| trouble::fault("subscribe", error))?;
        Ok(Self {
            inlets: BTreeMap::new(),
            consumer: Arc::new(consumer),
            inputs: settings.read().map(str::to_owned),
            owned: Vec::new(),
            news: None,
            anew: false,
        })
    }

    pub(super) fn owns(&self, shard: ShardId) -> bool {
        self.owned.contains(&shard)
    }

    pub(super) fn owned(&self) -> &[ShardId] {
        &self.owned
    }

    /// Shards have to start anew, and nobody was told yet.
    pub(super) fn has_news(&self) -> bool {
        self.news.is_some() || self.anew
    }

    /// Serves the group, unless there is something to tell already.
    pub(super) fn shards(&mut self, wait: Duration) -> Result<Option<Vec<ShardId>>, Fault> {
        if self.news.is_none() {
            self.serve(wait)?;
        }
        let anew = std::mem::take(&mut self.anew);
        Ok(self.news.take().or_else(|| anew.then(|| self.owned.clone())))
    }

    pub(super) fn start_anew(&mut self) {
        self.anew = true;
    }

    /// The broker no longer counts us as a member.
    pub(super) fn lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// Fresh for every transaction: it carries the generation, which is what fences.
    pub(super) fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer.group_metadata()
    }

    pub(super) fn inlet(&mut self, shard: ShardId, input: InputId) -> Result<&mut Inlet, Fault> {
        self.inlets.get_mut(&(shard, input)).ok_or_else(|| gone(shard))
    }

    pub(super) fn lag(&self, shard: ShardId, input: InputId) -> Option<u64> {
        self.inlets.get(&(shard, input))?.lag()
    }

    /// Serves the group for at most `wait`: rebalances happen here and only
    /// here. Ends early when the set of shards changed or messages came for a
    /// queue that was empty.
    pub(super) fn serve(&mut self, wait: Duration) -> Result<(), Fault> {
        let deadline = Instant::now() + wait;
        let empty: Vec<(ShardId, InputId)> =
            if wait.is_zero() { Vec::new() } else { self.inlets.iter().filter(|(_, inlet)| inlet.is_dry()).map(|(at, _)| *at).collect() };
        // One call serves one event, and a log line is an event too.
        let mut events_left = 8;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.consumer.poll(left.min(LOOK_EVERY)) {
                None => {}
                Some(Ok(_)) => return Err(Fault::restart("serve the group", "a message came outside its partition's queue")),
                Some(Err(error)) => heed(error)?,
            }
            let changed = self.apply_changes()?;
            events_left -= 1;
            let done = if left.is_zero() { events_left <= 0 } else { false };
            if changed || done || empty.iter().any(|at| self.inlets.get(at).is_some_and(|inlet| !inlet.is_dry())) {
                return Ok(());
            }
        }
    }

    fn apply_changes(&mut self) -> Result<bool, Fault> {
        let changes = self.consumer.context().changes();
        let changed = !changes.is_empty();
        for change in changes {
            for (_, inlet) in std::mem::take(&mut self.inlets) {
                inlet.free();
            }
            self.owned.clear();
            if let Change::Assigned(partitions) = change {
                self.adopt(&partitions)?;
            }
            self.news = Some(self.owned.clone());
        }
        Ok(changed)
    }

    fn adopt(&mut self, partitions: &[(String, i32)]) -> Result<(), Fault> {
        let mut by_input: [BTreeSet<ShardId>; INPUTS] = Default::default();
        for (topic, partition) in partitions {
            let Some(input) = self.inputs.iter().position(|name| name == topic) else { continue };
            by_input[input].insert(*partition);
            let queue = PartitionQueue::open(&self.consumer, topic, *partition).ok_or_else(|| gone(*partition))?;
            self.inlets.insert((*partition, input), Inlet::new(queue));
        }
        if by_input.iter().any(|of_input| *of_input != by_input[0]) {
            return Err(Fault::stop(
                "join the group",
                "the group gave this worker different partitions of its inputs; does another program use the same group?",
            ));
        }
        self.owned = by_input[0].iter().copied().collect();
        Ok(())
    }

    /// Committed offsets of one shard, by input.
    pub(super) fn committed(&self, shard: ShardId) -> Result<Vec<Option<i64>>, Fault> {
        let list = self.list(shard, |_| Offset::Invalid)?;
        let doing = || format!("ask for committed offsets of shard {shard}");
        // Waits while a dead worker's transaction is still undecided.
        let found = self.consumer.committed_offsets(list, ANSWER_WAIT).map_err(|error| match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::UnstableOffsetCommit) => Fault::retry(doing(), error),
            _ => trouble::fault(doing(), error),
        })?;
        let mut offsets = vec![None; self.inputs.len()];
        for entry in found.elements() {
            entry.error().map_err(|error| trouble::fault(doing(), error))?;
            let input = self.inputs.iter().position(|name| name == entry.topic());
            if let (Some(input), Offset::Offset(offset)) = (input, entry.offset()) {
                offsets[input] = Some(offset);
            }
        }
        Ok(offsets)
    }

    pub(super) fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault> {
        assert_eq!(offsets.len(), self.inputs.len(), "an offset for every input");
        let list = self.list(shard, |input| Offset::Offset(offsets[input]))?;
        let consumer = Arc::clone(&self.consumer);
        seek_to(&consumer, &list, &mut || {
            self.serve(Duration::ZERO)?;
            if self.has_news() { Err(gone(shard)) } else { Ok(()) }
        })?;
        for (input, offset) in offsets.iter().enumerate() {
            self.inlet(shard, input)?.start_at(*offset);
        }
        Ok(())
    }

    fn list(&self, shard: ShardId, offset: impl Fn(InputId) -> Offset) -> Result<TopicPartitionList, Fault> {
        let mut list = TopicPartitionList::with_capacity(self.inputs.len());
        for (input, topic) in self.inputs.iter().enumerate() {
            list.add_partition_offset(topic, shard, offset(input))
                .map_err(|error| Fault::stop(format!("name offsets of shard {shard}"), error))?;
        }
        Ok(list)
    }

    /// Gives everything back and waits until the group has taken it.
    pub(super) fn leave(&mut self) -> Result<(), Fault> {
        self.consumer.unsubscribe();
        let deadline = Instant::now() + ANSWER_WAIT;
        while !self.owned.is_empty() && Instant::now() < deadline {
            self.serve(LOOK_EVERY)?;
        }
        self.news = None;
        Ok(())
    }
}

/// Retry: the log is sound, but the shard has gone to another; ask `shards` next.
pub(super) fn gone(shard: ShardId) -> Fault {
    Fault::retry(format!("use shard {shard}"), "it is no longer ours")
}

/// Seeks at once, or as soon as the client, which begins to fetch in a thread
/// of its own, lets it. Afterwards the positions are those of the seek.
#[expect(clippy::disallowed_methods, reason = "the client tells of its readiness in no other way than by not refusing")]
pub(super) fn seek_to(
    consumer: &BaseConsumer<Listener>,
    list: &TopicPartitionList,
    meanwhile: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let deadline = Instant::now() + SEEK_WAIT;
    loop {
        let outcome = consumer
            .seek_partitions(list.clone(), ANSWER_WAIT)
            .and_then(|list| list.elements().iter().try_for_each(TopicPartitionListElem::error));
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) if not_started(&error) && Instant::now() < deadline => {
                meanwhile()?;
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(trouble::fault("seek", error)),
        }
    }
}

fn not_started(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::State | RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::PreviousInProgress)
    )
}

/// Most of what a client reports it mends by itself.
fn heed(error: KafkaError) -> Result<(), Fault> {
    match error.rdkafka_error_code() {
        Some(code) if trouble::needs_a_person(code) => Err(trouble::fault("serve the group", error)),
        _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(trouble::fault("serve the group", error)),
        _ => {
            tracing::warn!(target: "kafka", %error, "consumer error");
            Ok(())
        }
    }
}
