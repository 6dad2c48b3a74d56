//! Given ranges of given partitions, read without being a member of the group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;

use crate::base::fault::Fault;
use crate::base::limits::RUN_MESSAGES_MAX;
use crate::base::record::Messages as _;

use super::asker;
use super::context::Listener;
use super::member::seek_to;
use super::native;
use super::native::Batch;
use super::native::PartitionQueue;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;

/// Between two looks at what else has to be served.
const STEP: Duration = Duration::from_millis(50);
/// Without any progress; longer than a dead worker's transaction takes to be swept.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stream {
    queue: PartitionQueue<Listener>,
    next: i64,
}

/// Reads what is committed. Streams stay open, so that ranges that follow each
/// other cost one start.
pub(super) struct Reader {
    /// Before `consumer`: queues end before their client.
    streams: BTreeMap<(String, i32), Stream>,
    consumer: Arc<BaseConsumer<Listener>>,
}

impl Reader {
    pub(super) fn connect(settings: &KafkaSettings) -> Result<Self, Fault> {
        let consumer =
            settings.reader().create_with_context(Listener::default()).map_err(|error| trouble::fault("create reader", error))?;
        Ok(Self { streams: BTreeMap::new(), consumer: Arc::new(consumer) })
    }

    /// Hands out all messages with `from <= offset < to`, and ends when the
    /// log has been read up to `to`, whatever lies there. `meanwhile` is called
    /// at least every [`STEP`] and between batches.
    #[expect(clippy::too_many_arguments, reason = "a range of a partition, and whom to tell")]
    pub(super) fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
        meanwhile: &mut dyn FnMut() -> Result<(), Fault>,
        each: &mut dyn FnMut(&Batch<Listener>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if from >= to {
            return Ok(());
        }
        self.open(topic, partition, from)?;
        let mut moved = Instant::now();
        loop {
            meanwhile()?;
            self.heed()?;
            let Some(stream) = self.streams.get_mut(&(topic.to_owned(), partition)) else {
                return Err(Fault::restart("read a range", "its stream is closed"));
            };
            stream.queue.fill(RUN_MESSAGES_MAX, STEP).map_err(|code| trouble::read_fault(topic, partition, code))?;
            let batch = stream.queue.take_before(to);
            if !batch.is_empty() {
                moved = Instant::now();
                each(&batch)?;
            }
            // What is left ahead lies beyond the range; past the last message
            // only the client knows about control records.
            let reached = if stream.queue.ahead() > 0 { Some(to) } else { stream.queue.position() };
            let reached = reached.max(batch.next_offset()).unwrap_or(stream.next);
            if reached > stream.next {
                stream.next = reached.min(to);
                moved = Instant::now();
            }
            if stream.next >= to {
                return Ok(());
            }
            if moved.elapsed() > PATIENCE {
                return Err(Fault::restart(
                    format!("read partition {partition} of `{topic}` up to offset {to}"),
                    format!("the log gave nothing after offset {} for {} s", stream.next, PATIENCE.as_secs()),
                ));
            }
        }
    }

    /// The offset up to which everything is decided: committed or aborted.
    pub(super) fn stable_end(&self, topic: &str, partition: i32) -> Result<i64, Fault> {
        asker::ends(&self.consumer, topic, partition, ANSWER_WAIT).map(|(_, end)| end)
    }

    fn open(&mut self, topic: &str, partition: i32, from: i64) -> Result<(), Fault> {
        let key = (topic.to_owned(), partition);
        if self.streams.get(&key).is_some_and(|stream| stream.next == from) {
            return Ok(());
        }
        self.close(topic, partition)?;
        let doing = || format!("open partition {partition} of `{topic}`");
        native::split(&*self.consumer, topic, partition);
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(from)).map_err(|error| trouble::fault(doing(), error))?;
        self.consumer.incremental_assign(&list).map_err(|error| trouble::fault(doing(), error))?;
        let queue = PartitionQueue::open(&self.consumer, topic, partition)
            .ok_or_else(|| trouble::fault(doing(), KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownPartition)))?;
        self.streams.insert(key, Stream { queue, next: from });
        // The position of an earlier assignment stays until the client starts
        // anew; after a seek it is gone for certain.
        seek_to(&self.consumer, &list, &mut || Ok(()))
    }

    /// Stops fetching a partition and frees what was fetched.
    pub(super) fn close(&mut self, topic: &str, partition: i32) -> Result<(), Fault> {
        let Some(stream) = self.streams.remove(&(topic.to_owned(), partition)) else { return Ok(()) };
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(topic, partition);
        self.consumer
            .incremental_unassign(&list)
            .map_err(|error| trouble::fault(format!("close partition {partition} of `{topic}`"), error))?;
        stream.queue.free();
        Ok(())
    }

    fn heed(&self) -> Result<(), Fault> {
        match self.consumer.poll(Duration::ZERO) {
            None => Ok(()),
            Some(Ok(_)) => Err(Fault::restart("read a range", "a message came outside its partition's queue")),
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(code) if trouble::needs_a_person(code) => Err(trouble::fault("read a range", error)),
                _ => Ok(()),
            },
        }
    }
}
