//! The transactional producer: an epoch is one transaction, written whole or not at all.

use std::time::Duration;
use std::time::Instant;

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Header;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;
use rdkafka::producer::PurgeConfig;

use crate::base::fault::Fault;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Record;

use super::context::Deliveries;
use super::member::Member;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;

/// rdkafka's `poll` always runs its whole time, so it is short.
const DRAIN_STEP: Duration = Duration::from_millis(1);
/// For `init_transactions`: a predecessor's transaction may have to be aborted first.
const INIT_WAIT: Duration = Duration::from_secs(60);
/// How long a fenced worker listens whether its slot was taken by another process.
const FENCE_WAIT: Duration = Duration::from_secs(3);

pub(super) struct Writer {
    producer: BaseProducer<Deliveries>,
    /// Only a new one can write again.
    dead: bool,
}

/// What to do about an error of a transactional call.
enum Class {
    SameCall,
    Abort,
    /// This producer is of no more use, and what landed is unknown.
    Fatal,
}

impl Writer {
    pub(super) fn connect(settings: &KafkaSettings, bytes_max: usize) -> Result<Self, Fault> {
        let producer: BaseProducer<Deliveries> = settings
            .writer(bytes_max)
            .create_with_context(Deliveries::default())
            .map_err(|error| trouble::fault("create producer", error))?;
        let deadline = Instant::now() + INIT_WAIT;
        loop {
            match producer.init_transactions(ANSWER_WAIT) {
                Ok(()) => return Ok(Self { producer, dead: false }),
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => producer.poll(DRAIN_STEP),
                Err(error) => return Err(trouble::fault("start transactions", error)),
            }
        }
    }

    /// Whether only a new one can write again.
    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// # Errors
    /// See [`CommitFailure`]. `Lost` with remedy Retry: the log itself is
    /// sound, the membership changed; ask for the shards next.
    pub(super) fn commit(&mut self, settings: &KafkaSettings, member: &mut Member, write: &EpochWrite) -> Result<(), CommitFailure> {
        let _old = self.producer.context().refused();
        let error = match self.attempt(settings, member, write) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match self.class(&error) {
            Class::Fatal => Err(self.give_up(member, error)),
            Class::SameCall | Class::Abort => match self.abort() {
                Ok(()) => Err(self.refused(member, error)),
                Err(worse) => Err(self.give_up(member, worse)),
            },
        }
    }

    fn attempt(&self, settings: &KafkaSettings, member: &Member, write: &EpochWrite) -> Result<(), KafkaError> {
        self.again(|| self.producer.begin_transaction())?;
        for record in &write.records {
            self.send(settings, record)?;
        }
        let mut offsets = TopicPartitionList::with_capacity(write.offsets.len());
        let topics = settings.read();
        for (shard, input, offset) in &write.offsets {
            offsets.add_partition_offset(topics[*input], *shard, Offset::Offset(*offset))?;
        }
        let Some(metadata) = member.metadata() else {
            return Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId));
        };
        // Its round trips overlap with the sending of the records.
        self.again(|| self.producer.send_offsets_to_transaction(&offsets, &metadata, ANSWER_WAIT))?;
        self.drain();
        self.again(|| self.producer.commit_transaction(ANSWER_WAIT))
    }

    /// Repeats a call that may be repeated, for a bounded time.
    fn again(&self, mut call: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        let deadline = Instant::now() + ANSWER_WAIT;
        loop {
            match call() {
                Err(error) if matches!(self.class(&error), Class::SameCall) && Instant::now() < deadline => self.producer.poll(DRAIN_STEP),
                outcome => return outcome,
            }
        }
    }

    fn send(&self, settings: &KafkaSettings, record: &Record) -> Result<(), KafkaError> {
        let deadline = Instant::now() + ANSWER_WAIT;
        loop {
            let headers = (!record.headers.is_empty()).then(|| {
                record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (key, value)| {
                    headers.insert(Header { key, value: Some(value.as_bytes()) })
                })
            });
            let sent = self.producer.send(BaseRecord {
                topic: settings.topic(record.output),
                partition: record.partition,
                key: record.key.as_deref(),
                payload: record.value.as_deref(),
                timestamp: record.timestamp_ms,
                headers,
                delivery_opaque: (),
            });
            match sent {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) if Instant::now() < deadline => {
                    self.producer.poll(DRAIN_STEP);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Without this every commit waits 100 ms in rdkafka's `flush`.
    fn drain(&self) {
        let deadline = Instant::now() + ANSWER_WAIT;
        while self.producer.in_flight_count() > 0 && self.producer.client().fatal_error().is_none() && Instant::now() < deadline {
            self.producer.poll(DRAIN_STEP);
        }
    }

    /// With deliveries under way an abort waits for its whole time limit, so
    /// they are purged first.
    fn abort(&self) -> Result<(), KafkaError> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.drain();
        self.again(|| self.producer.abort_transaction(ANSWER_WAIT))
    }

    fn class(&self, error: &KafkaError) -> Class {
        if self.producer.client().fatal_error().is_some() {
            return Class::Fatal;
        }
        match error {
            KafkaError::Transaction(error) if error.is_fatal() => Class::Fatal,
            KafkaError::Transaction(error) if error.txn_requires_abort() => Class::Abort,
            KafkaError::Transaction(error) if error.is_retriable() => Class::SameCall,
            KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut) => Class::SameCall,
            // Refused before it was sent: the transaction is unharmed.
            KafkaError::MessageProduction(_) | KafkaError::ConsumerCommit(_) | KafkaError::SetPartitionOffset(_) | KafkaError::Nul(_) => {
                Class::Abort
            }
            _ => Class::Fatal,
        }
    }

    /// After an abort: nothing of the epoch landed.
    fn refused(&self, member: &mut Member, error: KafkaError) -> CommitFailure {
        // What a delivery report says is the cause; the commit only repeats it.
        let (error, at) = match self.producer.context().refused() {
            Some((cause, topic)) => (cause, format!(" to `{topic}`")),
            None => (error, String::new()),
        };
        let doing = format!("commit an epoch{at}");
        match error.rdkafka_error_code() {
            Some(code) if trouble::membership_changed(code) => {
                member.start_anew();
                CommitFailure::Lost(Fault::retry(doing, error))
            }
            Some(code) if trouble::needs_a_person(code) => CommitFailure::Lost(trouble::fault(doing, error)),
            _ => CommitFailure::Again(Fault::retry(doing, error)),
        }
    }

    /// After a fatal error. A producer is fenced when its transaction grew too
    /// old, or by another process of this name; then the group says so soon.
    fn give_up(&mut self, member: &mut Member, error: KafkaError) -> CommitFailure {
        self.dead = true;
        let fenced = self.producer.client().fatal_error().is_some_and(|(code, _)| {
            matches!(code, RDKafkaErrorCode::Fenced | RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced)
        });
        let deadline = Instant::now() + FENCE_WAIT;
        while fenced && Instant::now() < deadline {
            if let Err(fault) = member.serve(Duration::from_millis(20)) {
                return CommitFailure::Lost(fault);
            }
        }
        CommitFailure::Lost(trouble::fault("commit an epoch", error))
    }
}
