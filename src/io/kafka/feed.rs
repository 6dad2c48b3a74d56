//! A plain producer, for generated events, statements and tests.

use std::time::Duration;
use std::time::Instant;

use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Header;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;

use crate::base::fault::Fault;

use super::context::Deliveries;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;

/// Sends between two looks at delivery reports.
const SENDS_PER_POLL: u32 = 1024;
const POLL_STEP: Duration = Duration::from_millis(1);

/// Idempotent, not transactional: in order and once each, as long as this client lives.
pub struct Feed {
    producer: BaseProducer<Deliveries>,
    sent: u32,
}

impl Feed {
    /// Uses only address and `extra` of the settings.
    ///
    /// # Errors
    /// Stop, for settings that librdkafka does not know.
    pub fn connect(settings: &KafkaSettings) -> Result<Self, Fault> {
        settings.check()?;
        let producer =
            settings.feed().create_with_context(Deliveries::default()).map_err(|error| trouble::fault("create producer", error))?;
        Ok(Self { producer, sent: 0 })
    }

    /// Queues a message; blocks while the queue is full.
    ///
    /// # Errors
    /// An earlier message was refused, or this one cannot be queued.
    pub fn send(&mut self, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: i64) -> Result<(), Fault> {
        self.send_with(topic, partition, key, value, Some(timestamp_ms), &[])
    }

    /// The same with headers, and the present as time if none is given.
    ///
    /// # Errors
    /// As [`Feed::send`].
    #[expect(clippy::too_many_arguments, reason = "a message, part by part as Kafka has them")]
    pub fn send_with(
        &mut self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp_ms: Option<i64>,
        headers: &[(&str, &str)],
    ) -> Result<(), Fault> {
        self.sent = self.sent.wrapping_add(1);
        if self.sent.is_multiple_of(SENDS_PER_POLL) {
            self.producer.poll(Duration::ZERO);
            self.delivered()?;
        }
        let deadline = Instant::now() + ANSWER_WAIT;
        loop {
            let headers = (!headers.is_empty()).then(|| {
                headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |list, (key, value)| {
                    list.insert(Header { key, value: Some(value.as_bytes()) })
                })
            });
            let record = BaseRecord {
                topic,
                partition: Some(partition),
                key,
                payload: value,
                timestamp: timestamp_ms,
                headers,
                delivery_opaque: (),
            };
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) if Instant::now() < deadline => {
                    self.producer.poll(POLL_STEP);
                }
                Err((error, _)) => return Err(trouble::fault(format!("send to `{topic}`"), error)),
            }
        }
    }

    /// Waits until the broker has acknowledged everything.
    ///
    /// # Errors
    /// The first refusal, or Restart if the broker does not answer for half a minute.
    pub fn flush(&mut self) -> Result<(), Fault> {
        let (mut least, mut deadline) = (i32::MAX, Instant::now() + ANSWER_WAIT);
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(POLL_STEP);
            self.delivered()?;
            let left = self.producer.in_flight_count();
            if left < least {
                (least, deadline) = (left, Instant::now() + ANSWER_WAIT);
            } else if Instant::now() > deadline {
                return Err(Fault::restart("send messages", format!("{left} are not acknowledged")));
            }
        }
        self.delivered()
    }

    fn delivered(&self) -> Result<(), Fault> {
        match self.producer.context().refused() {
            None => Ok(()),
            Some((error, topic)) => Err(trouble::fault(format!("send to `{topic}`"), error)),
        }
    }
}
