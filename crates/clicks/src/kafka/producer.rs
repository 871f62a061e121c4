//! Hands clicks to Kafka, without gaps and without repeating itself for as long as a client lives.
//!
//! The client is idempotent, waits for all replicas in sync, and tries without end: a click that it was given
//! arrives, in the order of its partition, or the client fails as a whole and is replaced.
//! `enable.gapless.guarantee` sees to the latter; without it a refused batch would be skipped, and those
//! behind it would arrive.

use super::broker;
use super::outbox::{Outbox, Settled};
use super::{Config, Topic};
use crate::log::record::Origin;
use crate::log::tally::Tally;
use curtail_model::{LinkId, Timestamp};
use curtail_store::rollups::Positions;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, ProducerContext};
use std::sync::Arc;
use std::time::Duration;

/// So many clicks are on their way to Kafka at most; each takes about 400 bytes of memory.
pub const IN_FLIGHT_MAX: usize = 100_000;
/// Memory of the client for records; the longest that clicks can have are bounded by it rather than by their
/// number.
const CLIENT_KIB_MAX: usize = 128 << 10;
/// How long the client waits for more clicks to send with one.
const LINGER: Duration = Duration::from_millis(20);
/// Deliveries that are looked at in a row.
const REPORTS_MAX: usize = 64;

/// The producer of a node.
pub(crate) struct Producer {
    config: Config,
    topic: Topic,
    tally: Arc<Tally>,
    /// Nothing after a failure.
    client: Option<Client>,
}

struct Client {
    producer: BaseProducer<Deliveries>,
    outbox: Arc<Outbox>,
}

/// What became of a click that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way.
    Queued,
    /// There is no room just now.
    Full,
    /// The client has failed.
    Failed,
}

/// Hears of deliveries.
struct Deliveries {
    outbox: Arc<Outbox>,
    tally: Arc<Tally>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        broker::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.tally.broker_error(format_args!("{error}: {reason}"));
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.outbox.failed(reason.to_owned());
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, batch: usize) {
        match result {
            Ok(_) => {
                self.outbox.acknowledged(batch);
                self.tally.broker_is_well();
            }
            Err((error, _)) => self.outbox.failed(error.to_string()),
        }
    }
}

impl Producer {
    /// A producer, whose client is made when it is first needed.
    pub(crate) fn new(config: Config, topic: Topic, tally: Arc<Tally>) -> Producer {
        Producer { config, topic, tally, client: None }
    }

    /// How many partitions there are.
    pub(crate) fn partitions(&self) -> u16 {
        self.topic.partitions
    }

    /// Announces clicks from these places, the journal having been read to `positions` behind them. Answers
    /// the number to send them under.
    pub(crate) fn begin(&mut self, origins: &[Origin], positions: Positions) -> Result<usize, KafkaError> {
        Ok(self.client()?.outbox.add(origins, positions))
    }

    /// Sends a click of a batch.
    pub(crate) fn send(&self, batch: usize, partition: u16, key: Option<LinkId>, record: &[u8]) -> Sent {
        let Some(client) = &self.client else { return Sent::Failed };
        let key = key.map(|link| link.get().to_be_bytes());
        let mut message = BaseRecord::<[u8; 8], [u8], usize>::with_opaque_to(&self.topic.name, batch);
        message = message.partition(partition.into()).payload(record);
        if let Some(key) = &key {
            message = message.key(key);
        }
        match client.producer.send(message) {
            Ok(()) => Sent::Queued,
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => Sent::Full,
            Err((error, _)) => {
                client.outbox.failed(error.to_string());
                Sent::Failed
            }
        }
    }

    /// Hears of deliveries, for `wait` at least; without waiting it hears of those that are known already.
    pub(crate) fn serve(&self, wait: Duration) {
        let Some(client) = &self.client else { return };
        client.producer.poll(wait);
        for _ in 0..REPORTS_MAX {
            let before = client.outbox.in_flight();
            client.producer.poll(Duration::ZERO);
            if client.outbox.in_flight() == before {
                return;
            }
        }
    }

    /// What became safe since the last call.
    pub(crate) fn settle(&self) -> Option<Settled> {
        self.client.as_ref()?.outbox.settle()
    }

    /// Clicks that were sent and are not known to be safe.
    pub(crate) fn in_flight(&self) -> usize {
        self.client.as_ref().map_or(0, |client| client.outbox.in_flight())
    }

    /// When the oldest click happened that was sent and may not be safe.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.client.as_ref()?.outbox.oldest()
    }

    /// Whether the client has failed, as far as it has been heard of.
    pub(crate) fn has_failed(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.outbox.failure().is_some())
    }

    /// Gives the client up if it has failed, and answers why. What was not settled must be sent again.
    pub(crate) fn take_failure(&mut self) -> Option<String> {
        let failure = self.client.as_ref()?.outbox.failure()?;
        self.tally.broker_error(&failure);
        self.client = None;
        Some(failure)
    }

    fn client(&mut self) -> Result<&Client, KafkaError> {
        if self.client.is_none() {
            let outbox = Arc::new(Outbox::default());
            let deliveries = Deliveries { outbox: Arc::clone(&outbox), tally: Arc::clone(&self.tally) };
            let producer = broker::client(&self.config)
                .set("enable.idempotence", "true")
                .set("enable.gapless.guarantee", "true")
                .set("acks", "all")
                .set("message.timeout.ms", "0")
                .set("compression.type", "lz4")
                .set("linger.ms", LINGER.as_millis().to_string())
                .set("queue.buffering.max.messages", (2 * IN_FLIGHT_MAX).to_string())
                .set("queue.buffering.max.kbytes", CLIENT_KIB_MAX.to_string())
                .create_with_context(deliveries)?;
            self.client = Some(Client { producer, outbox });
        }
        self.client.as_ref().ok_or(KafkaError::Canceled)
    }
}
