//! Transactions that were left open: what they hold back, who may have left
//! them, and how they are ended.
//!
//! The client has no request that lists transactions or names the owner of an
//! open one. What can be seen is that the last stable offset of a partition
//! stays behind its end; what can be done is to take over a transactional id,
//! which aborts what its last owner left open and fences it.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use rdkafka::consumer::BaseConsumer;

use crate::base::fault::Fault;

use super::admin;
use super::asker;
use super::asker::Asker;
use super::context::Listener;
use super::settings::ANSWER_WAIT;
use super::settings::KafkaSettings;
use super::trouble;
use super::writer::Writer;

/// Between two looks at what is held back.
const STEP: Duration = Duration::from_millis(100);

/// A partition whose readers of committed data come no further.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldBack {
    pub topic: String,
    pub partition: i32,
    /// The last stable offset: where the oldest open transaction begins.
    pub stable: i64,
    pub end: i64,
}

/// A live member of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub client: String,
    pub host: String,
}

/// Partitions of our topics that are held back, and were so at the same offset
/// `patience` ago: a transaction under way ends sooner.
///
/// # Errors
/// Stop, if a topic is missing; else what the broker says.
#[expect(clippy::disallowed_methods, reason = "a broker tells nobody when a transaction ends: it is asked again")]
pub fn held_back(settings: &KafkaSettings, patience: Duration) -> Result<Vec<HeldBack>, Fault> {
    let asker = Asker::connect(settings)?;
    let committed: BaseConsumer<Listener> =
        settings.reader().create_with_context(Listener::default()).map_err(|error| trouble::fault("create reader", error))?;
    let topics = settings.topics();
    let counts = asker.partitions(&topics)?;
    if let Some(missing) = topics.iter().find(|topic| !counts.contains_key(**topic)) {
        return Err(Fault::stop("look at topics", format!("there is no topic `{missing}`; make it with `claimsift topics create`")));
    }
    let look = |topic: &str, partition: i32| -> Result<Option<HeldBack>, Fault> {
        // The stable offset after the end: a commit in between shows as nothing held back.
        let (_, end) = asker.bounds(topic, partition)?;
        let (_, stable) = asker::ends(&committed, topic, partition, ANSWER_WAIT)?;
        Ok((stable < end).then(|| HeldBack { topic: topic.to_owned(), partition, stable, end }))
    };
    let deadline = Instant::now() + patience;
    let mut held = Vec::new();
    for (topic, count) in &counts {
        for partition in 0..*count {
            held.extend(look(topic, partition)?);
        }
    }
    while !held.is_empty() && Instant::now() < deadline {
        thread::sleep(STEP);
        let mut still = Vec::new();
        for before in &held {
            still.extend(look(&before.topic, before.partition)?.filter(|now| now.stable == before.stable));
        }
        held = still;
    }
    Ok(held)
}

/// Who is a member of the group now.
///
/// # Errors
/// The broker does not answer.
pub fn members(settings: &KafkaSettings) -> Result<Vec<GroupMember>, Fault> {
    let list = Asker::connect(settings)?.group(&settings.group)?;
    let members = list.groups().iter().filter(|group| group.name() == settings.group).flat_map(|group| {
        group.members().iter().map(|member| GroupMember { client: member.client_id().to_owned(), host: member.client_host().to_owned() })
    });
    Ok(members.collect())
}

/// Takes over the transactional id of these settings and lets it go again:
/// what its last owner left open is aborted, and the owner, should it live, is
/// fenced.
///
/// # Errors
/// What the broker says.
pub fn abort(settings: &KafkaSettings) -> Result<(), Fault> {
    settings.check()?;
    let bytes_max = admin::check_message_limits(settings)?;
    Writer::connect(settings, bytes_max).map(|_| ())
}
