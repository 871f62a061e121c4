//! Kafka as the log between nodes: nodes produce clicks, workers consume them. Why each click is
//! counted once stands in docs/architecture/kafka.md.
//!
//! Nothing here rests on Kafka's transactions. A producer is idempotent and without gaps for as long as it
//! lives, and what it had not been told of is sent again by the next one; a worker keeps in the store,
//! together with what it counted, how far it got in each partition and with each stream of a node, and
//! thereby knows what it has counted before.

mod backlog;
mod broker;
mod consumer;
mod examination;
mod outbox;
mod partition;
mod poison;
mod producer;
mod topic;

pub use backlog::Backlog;
pub use consumer::KafkaLog;
pub use examination::{Examined, examine};
pub use producer::IN_FLIGHT_MAX;
pub use topic::{Topic, TopicError};

pub(crate) use partition::partition_of;
pub(crate) use producer::{Producer, Sent};

/// Settings of Kafka.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port` of one broker or several, separated by
    /// commas. Others of the cluster are found through them.
    pub brokers: String,
    /// The topic that carries clicks.
    pub topic: String,
    /// The topic that carried them before, where that is another one and all of it has been counted.
    pub replaces: Option<String>,
}
