//! What Kafka's errors mean here: which fault, which remedy.

use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;

use crate::base::fault::Fault;

/// What a person must mend first; trying again would only repeat it.
pub(super) fn needs_a_person(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::FencedInstanceId
            | Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::Authentication
            | Code::PolicyViolation
    )
}

/// The member is no longer what the group thinks it is: `poll` tells the rest.
pub(super) fn membership_changed(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::IllegalGeneration | Code::UnknownMemberId | Code::RebalanceInProgress | Code::FencedMemberEpoch | Code::StaleMemberEpoch
    )
}

/// Ends by itself, and soon.
pub(super) fn has_no_leader_yet(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::NotLeaderForPartition | Code::LeaderNotAvailable)
}

/// The same of groups.
pub(super) fn has_no_coordinator_yet(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::CoordinatorLoadInProgress | Code::CoordinatorNotAvailable | Code::NotCoordinator)
}

/// A fault for an error that ended `doing`.
pub(super) fn fault(doing: impl Into<String>, error: KafkaError) -> Fault {
    let doing = doing.into();
    match error.rdkafka_error_code() {
        Some(code) if needs_a_person(code) => Fault::stop(doing, explained(code, &error)),
        _ => match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => Fault::stop(doing, error),
            _ => Fault::restart(doing, error),
        },
    }
}

/// A fault for an error entry in a partition queue.
pub(super) fn read_fault(topic: &str, partition: i32, code: RDKafkaErrorCode) -> Fault {
    use RDKafkaErrorCode as Code;
    let doing = format!("read partition {partition} of `{topic}`");
    match code {
        Code::AutoOffsetReset | Code::OffsetOutOfRange => Fault::stop(
            doing,
            "the log no longer holds the offset asked for: the topic's retention is shorter than the journal, or the topic was made anew",
        ),
        code if needs_a_person(code) => Fault::stop(doing, KafkaError::MessageConsumption(code)),
        code => Fault::restart(doing, KafkaError::MessageConsumption(code)),
    }
}

fn explained(code: RDKafkaErrorCode, error: &KafkaError) -> String {
    use RDKafkaErrorCode as Code;
    match code {
        Code::FencedInstanceId => format!("another process has taken this worker's slot: {error}"),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            format!("{error}; missing topics are made by `claimsift topics create`")
        }
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            format!("{error}; raise the topic's `max.message.bytes`")
        }
        _ => error.to_string(),
    }
}
