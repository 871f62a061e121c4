//! The topic as it is found when a process starts, and what the store remembers of it.
//!
//! Clicks are told apart by partition, so the number of partitions is for ever: the first process that finds
//! the topic has the store remember it. Those that were added later get no clicks, and whoever finds fewer
//! does not start. So is the topic: who has counted clicks of one passes over older ones of another.

use super::Config;
use super::broker::{self, ANSWER_MAX};
use crate::log::streams::{self, PARTITIONS, PARTITIONS_MAX, TOPIC};
use curtail_store::rollups::{Batch, Committed, Positions};
use curtail_store::{Rollups, StoreError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use std::time::Duration;

/// A fair number of partitions, for who has none yet.
const PARTITIONS_GOOD: u16 = 12;
/// So often a process tries to be the first that remembers; it loses against others only.
const REMEMBER_ATTEMPTS: usize = 5;

/// A topic that carries clicks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions clicks are spread over: the first so many.
    pub partitions: u16,
    /// The cluster that it is in, as far as it is known: a topic of the same name elsewhere is another one.
    pub cluster: Option<String>,
}

/// Why a topic cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// No broker answers.
    #[error(
        "kafka.brokers: none of {brokers} answers ({reason}). Check the addresses, that a broker runs there, and that this \
         machine may connect to it; the address that a broker advertises must be reachable too."
    )]
    Unreachable {
        /// What was tried.
        brokers: String,
        /// What the client library said last.
        reason: String,
    },
    /// There is no such topic.
    #[error(
        "kafka.topic: there is no topic {topic} on {brokers}. Make it, with as many partitions as there may ever be workers: \
         kafka-topics.sh --bootstrap-server {brokers} --create --topic {topic} --partitions {partitions}"
    )]
    Missing {
        /// Its name.
        topic: String,
        /// Where it was looked for.
        brokers: String,
        /// How many it should have: what the store remembers, or a fair number.
        partitions: u16,
    },
    /// Clicks were counted from more partitions than there are.
    #[error(
        "kafka.topic: {topic} has {found} partitions, but clicks are counted from {remembered}, and which of them were is \
         remembered by partition. Add the others (kafka-topics.sh --alter --topic {topic} --partitions {remembered}), or set \
         kafka.topic to a topic with at least {remembered}; where it is another one than before, let the workers first count what \
         is in the old one."
    )]
    FewerPartitions {
        /// Its name.
        topic: String,
        /// The partitions that it has.
        found: usize,
        /// The partitions that clicks were counted from.
        remembered: u64,
    },
    /// Clicks went to another topic before.
    #[error(
        "kafka.topic: clicks went to another topic than {topic} before, and what is not counted of it never would be once clicks \
         of {topic} are. Set the other one again and let the workers count all of it (curtail_log_waiting 0); then start with \
         kafka.topic = \"{topic}\" and kafka.replaces = \"the other one\""
    )]
    Other {
        /// Its name.
        topic: String,
    },
    /// It has more partitions than can be told apart.
    #[error(
        "kafka.topic: {topic} has {found} partitions; more than {PARTITIONS_MAX} cannot be counted. Use a topic with fewer."
    )]
    TooManyPartitions {
        /// Its name.
        topic: String,
        /// How many it has.
        found: usize,
    },
    /// The brokers or the client library refuse.
    #[error(
        "kafka.brokers, kafka.topic: {brokers} refuses topic {topic}: {reason}. Check the rights of this client."
    )]
    Refused {
        /// Its name.
        topic: String,
        /// Who was asked.
        brokers: String,
        /// What was said.
        reason: String,
    },
    /// The store cannot say what it remembers.
    #[error("cannot read how many partitions clicks are counted from: {0}")]
    Store(#[from] StoreError),
}

impl Topic {
    /// Looks for the topic, and at what the store remembers. Waits for brokers up to ten seconds.
    pub async fn find(config: &Config, rollups: &dyn Rollups) -> Result<Topic, TopicError> {
        check_that_it_is_the_one(config, rollups).await?;
        let remembered = remembered(rollups).await?;
        let asked = config.clone();
        let look = move || look(&asked, ANSWER_MAX, |client, _| client.client().fetch_cluster_id(ANSWER_MAX));
        let looked = tokio::task::spawn_blocking(look).await;
        let (found, cluster) = looked
            .map_err(|error| TopicError::Unreachable {
                brokers: config.brokers.clone(),
                reason: error.to_string(),
            })?
            .map_err(|error| error.remembering(remembered))?;
        let partitions = countable(&config.topic, found)?;
        let remembered = match remembered {
            Some(remembered) => remembered,
            None => remember(rollups, partitions).await?,
        };
        let partitions = counted_from(&config.topic, partitions, remembered)?;
        be_the_one(config, rollups).await?;
        Ok(Topic { name: config.topic.clone(), partitions, cluster })
    }

    /// For a node that produces: it need not wait for brokers that are away if the store remembers what it
    /// must know. Clicks then wait in its journal.
    pub async fn find_or_recall(config: &Config, rollups: &dyn Rollups) -> Result<Topic, TopicError> {
        let error = match Topic::find(config, rollups).await {
            Err(error @ TopicError::Unreachable { .. }) => error,
            found => return found,
        };
        let remembered = remembered(rollups).await?;
        let Some(partitions) = remembered.and_then(|partitions| u16::try_from(partitions).ok()) else {
            return Err(error);
        };
        tracing::warn!(%error, "starting without Kafka: clicks wait in the journal");
        Ok(Topic { name: config.topic.clone(), partitions, cluster: None })
    }

    /// The offset of the record to count next, for each partition that has been counted at all.
    pub fn counted(&self, positions: &Positions) -> Vec<Option<u64>> {
        let of = |stream| positions.iter().find(|(other, _)| *other == stream).map(|(_, offset)| *offset);
        self.offsets().into_iter().map(of).collect()
    }

    /// What the store keeps those under.
    pub(super) fn offsets(&self) -> Vec<u64> {
        let identity = self.identity();
        (0..self.partitions).map(|partition| streams::offset(partition, &identity)).collect()
    }

    /// What tells its offsets from those of other topics.
    pub(super) fn identity(&self) -> String {
        format!("{}/{}", self.cluster.as_deref().unwrap_or_default(), self.name)
    }
}

impl TopicError {
    /// The same, with the number of partitions that the store remembers where one is named.
    pub(super) fn remembering(self, remembered: Option<u64>) -> TopicError {
        match (self, remembered.and_then(|remembered| u16::try_from(remembered).ok())) {
            (TopicError::Missing { topic, brokers, .. }, Some(partitions)) => {
                TopicError::Missing { topic, brokers, partitions }
            }
            (error, _) => error,
        }
    }
}

/// So many partitions, if they can be told apart.
pub(super) fn countable(topic: &str, found: usize) -> Result<u16, TopicError> {
    let partitions = u16::try_from(found).ok().filter(|found| *found <= PARTITIONS_MAX);
    partitions.ok_or_else(|| TopicError::TooManyPartitions { topic: topic.to_owned(), found })
}

/// From how many partitions clicks are counted, where a topic has as many as the store remembers, or more.
fn counted_from(topic: &str, found: u16, remembered: u64) -> Result<u16, TopicError> {
    let partitions = enough(topic, found, remembered)?;
    if partitions < found {
        tracing::warn!(
            topic,
            found,
            partitions,
            "the topic has more partitions than clicks are counted from; those that were added stay empty"
        );
    }
    Ok(partitions)
}

/// The same, without a word.
pub(super) fn enough(topic: &str, found: u16, remembered: u64) -> Result<u16, TopicError> {
    let partitions = u16::try_from(remembered).ok().filter(|remembered| *remembered <= found);
    partitions.ok_or_else(|| TopicError::FewerPartitions {
        topic: topic.to_owned(),
        found: usize::from(found),
        remembered,
    })
}

async fn remembered(rollups: &dyn Rollups) -> Result<Option<u64>, StoreError> {
    Ok(remembered_in(&rollups.positions_of(vec![PARTITIONS]).await?))
}

/// Whether a topic is the one that the store remembers by its positions; nothing
/// where it remembers none, or one that this replaces.
pub(super) fn is_the_one(
    topic: &str,
    replaces: Option<&str>,
    positions: &Positions,
) -> Result<bool, TopicError> {
    let known = positions.iter().find(|(stream, _)| *stream == TOPIC).map(|(_, known)| *known);
    match known {
        Some(known) if known == streams::of_topic(topic) => Ok(true),
        Some(known) if replaces.is_none_or(|name| streams::of_topic(name) != known) => {
            Err(TopicError::Other { topic: topic.to_owned() })
        }
        _ => Ok(false),
    }
}

async fn check_that_it_is_the_one(config: &Config, rollups: &dyn Rollups) -> Result<bool, TopicError> {
    is_the_one(&config.topic, config.replaces.as_deref(), &rollups.positions_of(vec![TOPIC]).await?)
}

/// Has the store remember this topic, unless somebody else was first with another one.
async fn be_the_one(config: &Config, rollups: &dyn Rollups) -> Result<(), TopicError> {
    for _ in 0..REMEMBER_ATTEMPTS {
        if check_that_it_is_the_one(config, rollups).await? {
            return Ok(());
        }
        let claimed = rollups.claim(vec![TOPIC]).await?;
        // Another process may have been first.
        let position = claimed.iter().find_map(|claimed| claimed.position);
        let positions: Positions = position.map(|known| (TOPIC, known)).into_iter().collect();
        if is_the_one(&config.topic, config.replaces.as_deref(), &positions)? {
            return Ok(());
        }
        let this = (TOPIC, streams::of_topic(&config.topic));
        rollups.commit(Batch::of_positions(vec![this], claimed)).await?;
    }
    Err(StoreError::Unavailable("others write which topic it is all the time".into()).into())
}

/// The number of partitions that a store remembers by its positions.
pub(super) fn remembered_in(positions: &Positions) -> Option<u64> {
    positions.iter().find(|(stream, _)| *stream == PARTITIONS).map(|(_, partitions)| *partitions)
}

/// Has the store remember this number, unless somebody else was first. Answers the number that it remembers.
async fn remember(rollups: &dyn Rollups, partitions: u16) -> Result<u64, StoreError> {
    for _ in 0..REMEMBER_ATTEMPTS {
        let claimed = rollups.claim(vec![PARTITIONS]).await?;
        if let Some(remembered) = claimed.iter().find_map(|claimed| claimed.position) {
            return Ok(remembered);
        }
        let batch = Batch::of_positions(vec![(PARTITIONS, u64::from(partitions))], claimed);
        if rollups.commit(batch).await? == Committed::Done {
            return Ok(u64::from(partitions));
        }
    }
    Err(StoreError::Unavailable("others write the number of partitions all the time".into()))
}

/// How many partitions the topic has, and what else `ask` finds out. May block for as long as `patience`, and
/// as `ask` does.
pub(super) fn look<T>(
    config: &Config,
    patience: Duration,
    ask: impl FnOnce(&BaseConsumer, &Metadata) -> T,
) -> Result<(usize, T), TopicError> {
    let (brokers, topic) = (config.brokers.clone(), config.topic.clone());
    // A consumer, because asking for a topic as a producer may make it.
    let mut client = broker::client(config);
    client.set("allow.auto.create.topics", "false");
    let refused =
        |reason: String| TopicError::Refused { topic: topic.clone(), brokers: brokers.clone(), reason };
    let client: BaseConsumer = client.create().map_err(|error| refused(error.to_string()))?;
    let metadata: Metadata = match client.fetch_metadata(Some(&topic), patience) {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => {
            return Err(TopicError::Unreachable { brokers: brokers.clone(), reason: error.to_string() });
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let count = found.map_or(0, |found| found.partitions().len());
    match found.and_then(|found| found.error()).map(RDKafkaErrorCode::from) {
        None if count > 0 => Ok((count, ask(&client, &metadata))),
        None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Err(TopicError::Missing { topic, brokers, partitions: PARTITIONS_GOOD })
        }
        Some(error) => Err(refused(error.to_string())),
    }
}

/// Whether an error means that nobody is there.
fn is_absence(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}
