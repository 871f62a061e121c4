//! What the group says, as the client calls back: partitions
//! given and taken, where they end, what went wrong.

use crate::kafka::broker;
use crate::log::tally::Tally;
use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hears the group.
pub(super) struct Group {
    tally: Arc<Tally>,
    said: Mutex<Said>,
    has_changed: AtomicBool,
}

#[derive(Default)]
struct Said {
    change: Option<Change>,
    ends: BTreeMap<u16, u64>,
}

/// How the partitions of a worker have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It has none any more.
    Taken,
    /// It has these, and none of those that it had before.
    Given(Vec<u16>),
}

impl Group {
    pub(super) fn new(tally: Arc<Tally>) -> Group {
        Group { tally, said: Mutex::default(), has_changed: AtomicBool::new(false) }
    }

    /// Whether there is a change to take.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }

    /// The last change since the last call.
    pub(super) fn take_change(&self) -> Option<Change> {
        if !self.has_changed.swap(false, Ordering::Relaxed) {
            return None;
        }
        self.said().change.take()
    }

    /// Where partitions end, as of a second ago: the offset of the record that will come next.
    pub(super) fn ends(&self) -> BTreeMap<u16, u64> {
        self.said().ends.clone()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn change(&self, change: Change) {
        self.said().change = Some(change);
        self.has_changed.store(true, Ordering::Relaxed);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        broker::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.tally.broker_error(format_args!("{error}: {reason}"));
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.into_values().flat_map(|topic| topic.partitions);
        let ends = partitions.filter_map(|(number, partition)| {
            Some((u16::try_from(number).ok()?, u64::try_from(partition.hi_offset).ok()?))
        });
        self.said().ends.extend(ends);
    }
}

impl ConsumerContext for Group {
    /// Takes partitions back at once. Does not take given ones up: they are assigned with the offsets to
    /// begin at, as soon as they are claimed. The client fetches nothing before that.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        happened: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if happened == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let elements = list.elements();
            let numbers = elements.iter().filter_map(|element| u16::try_from(element.partition()).ok());
            self.change(Change::Given(numbers.collect()));
            return;
        }
        if let Err(error) = consumer.unassign() {
            self.tally.broker_error(&error);
        }
        self.change(Change::Taken);
    }
}
