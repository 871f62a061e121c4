//! How Kafka and the topic are: what [`super::Topic::find`] would say of them, and what only operators want
//! to know. It changes nothing.

use super::topic::{countable, enough, is_the_one, look, remembered_in};
use super::{Config, TopicError, broker};
use curtail_store::rollups::Positions;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::Metadata;
use std::time::Duration;

/// How long brokers may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A topic that can carry clicks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Its name.
    pub topic: String,
    /// Brokers of the cluster that are there.
    pub brokers: usize,
    /// Its partitions.
    pub partitions: u16,
    /// Those of them that were added later and get no clicks, as far as the store remembers.
    pub unused: u16,
    /// Those of them that nobody leads: their clicks wait.
    pub leaderless: usize,
    /// Copies that there should be of each partition; of the one with the fewest.
    pub replicas: usize,
    /// Copies that are up to date; of the partition with the fewest.
    pub in_sync: usize,
    /// `min.insync.replicas`, where it is told.
    pub in_sync_min: Option<usize>,
    /// `retention.ms`, where it is told; negative for ever.
    pub retention_millis: Option<i64>,
}

/// Asks the brokers.
pub async fn examine(config: &Config) -> Result<Examined, TopicError> {
    let asked = config.clone();
    let look = move || look(&asked, ANSWER_MAX, |_, metadata| copies(metadata, &asked.topic));
    let looked = tokio::task::spawn_blocking(look).await;
    let (found, copies) = looked.map_err(|error| TopicError::Unreachable {
        brokers: config.brokers.clone(),
        reason: error.to_string(),
    })??;
    let settings = settings(config).await;
    let setting = |name: &str| settings.as_ref()?.get(name)?.value.clone();
    Ok(Examined {
        topic: config.topic.clone(),
        partitions: countable(&config.topic, found)?,
        in_sync_min: setting("min.insync.replicas").and_then(|value| value.parse().ok()),
        retention_millis: setting("retention.ms").and_then(|value| value.parse().ok()),
        ..copies
    })
}

impl Examined {
    /// The same, once it is known what the store remembers.
    pub fn beside(
        looked: Result<Examined, TopicError>,
        config: &Config,
        positions: &Positions,
    ) -> Result<Examined, TopicError> {
        is_the_one(&config.topic, config.replaces.as_deref(), positions)?;
        let remembered = remembered_in(positions);
        let examined = looked.map_err(|error| error.remembering(remembered))?;
        let unused = match remembered {
            Some(remembered) => {
                examined.partitions - enough(&examined.topic, examined.partitions, remembered)?
            }
            None => 0,
        };
        Ok(Examined { unused, ..examined })
    }
}

fn copies(metadata: &Metadata, topic: &str) -> Examined {
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions = found.map_or(&[][..], |found| found.partitions());
    Examined {
        topic: topic.to_owned(),
        brokers: metadata.brokers().len(),
        partitions: 0,
        unused: 0,
        leaderless: partitions.iter().filter(|partition| partition.leader() < 0).count(),
        replicas: partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0),
        in_sync: partitions.iter().map(|partition| partition.isr().len()).min().unwrap_or(0),
        in_sync_min: None,
        retention_millis: None,
    }
}

/// What is set for the topic, if we may know.
async fn settings(config: &Config) -> Option<ConfigResource> {
    let client: AdminClient<DefaultClientContext> = broker::client(config).create().ok()?;
    let options = AdminOptions::new().request_timeout(Some(ANSWER_MAX));
    let described = client.describe_configs([&ResourceSpecifier::Topic(&config.topic)], &options).await;
    described.ok()?.pop()?.ok()
}
