//! What librdkafka tells us on the side: rebalances, refused deliveries, log lines.

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::Offset;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::ConsumerContext;
use rdkafka::consumer::Rebalance;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::message::Message as _;
use rdkafka::producer::ProducerContext;

use super::native;
use super::settings::ANSWER_WAIT;

/// A change of what this member owns, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(Vec<(String, i32)>),
    /// Everything: the range assignor gives all back before it gives anew.
    Revoked,
}

/// Context of every client that reads.
#[derive(Default)]
pub(super) struct Listener {
    changes: Mutex<Vec<Change>>,
}

impl Listener {
    pub(super) fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes.lock())
    }
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log(level, facility, text);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: "kafka", %error, reason, "client error");
    }
}

impl ConsumerContext for Listener {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else { return };
        let committed = consumer.committed_offsets((*list).clone(), ANSWER_WAIT);
        for mut entry in list.elements() {
            // Before the assign: what is fetched in between would go to the
            // consumer's own queue and come out of order.
            native::split(consumer, entry.topic(), entry.partition());
            // Always a number: a seek while the client still looks up "the
            // beginning" is undone when that answer comes.
            let known =
                committed.as_ref().ok().and_then(|list| list.find_partition(entry.topic(), entry.partition())).map(|entry| entry.offset());
            let start = match known {
                Some(Offset::Offset(offset)) => Some(offset),
                _ => consumer.fetch_watermarks(entry.topic(), entry.partition(), ANSWER_WAIT).ok().map(|(first, _)| first),
            };
            if start.is_none_or(|start| entry.set_offset(Offset::Offset(start)).is_err()) {
                tracing::warn!(target: "kafka", topic = entry.topic(), partition = entry.partition(), "where to start is not known");
            }
        }
    }

    fn post_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let change = match rebalance {
            Rebalance::Assign(list) => {
                Change::Assigned(list.elements().iter().map(|entry| (entry.topic().to_owned(), entry.partition())).collect())
            }
            Rebalance::Revoke(_) => Change::Revoked,
            Rebalance::Error(error) => {
                tracing::warn!(target: "kafka", %error, "rebalance error");
                return;
            }
        };
        self.changes.lock().push(change);
    }
}

/// Context of every client that writes.
#[derive(Default)]
pub(super) struct Deliveries {
    refused: Mutex<Option<(KafkaError, String)>>,
}

impl Deliveries {
    /// The first refusal since the last call, and the topic it was for.
    pub(super) fn refused(&self) -> Option<(KafkaError, String)> {
        self.refused.lock().take()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log(level, facility, text);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: "kafka", %error, reason, "client error");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        if let Err((error, message)) = result
            // Our own doing, when a transaction is given up.
            && !matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
        {
            let mut refused = self.refused.lock();
            if refused.is_none() {
                *refused = Some((error.clone(), message.topic().to_owned()));
            }
        }
    }
}

fn log(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(target: "kafka", facility, "{text}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "kafka", facility, "{text}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(target: "kafka", facility, "{text}"),
        RDKafkaLogLevel::Debug => tracing::debug!(target: "kafka", facility, "{text}"),
    }
}
