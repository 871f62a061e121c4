//! What waits in the log of all nodes: records that no worker has counted, over all partitions.
//!
//! Any process can tell: the brokers say where each partition
//! ends, the store up to where it has been counted.

use super::{Config, Topic, broker};
use crate::waiter::Waiter;
use curtail_store::Rollups;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// How often it is asked.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a broker may take to answer, for each partition.
const ANSWER_MAX: Duration = Duration::from_secs(2);
const UNKNOWN: u64 = u64::MAX;

/// Asks in the background for as long as a copy of it is left.
#[derive(Clone, Debug)]
pub struct Backlog {
    waiting: Arc<AtomicU64>,
    _stop: Arc<mpsc::Sender<()>>,
}

impl Backlog {
    /// Begins to ask. Neither brokers nor the store need be there.
    pub fn watch(config: &Config, topic: Topic, rollups: Arc<dyn Rollups>) -> io::Result<Backlog> {
        let waiting = Arc::new(AtomicU64::new(UNKNOWN));
        let (stop, stopped) = mpsc::channel();
        let shown = Arc::downgrade(&waiting);
        let client: BaseConsumer = broker::client(config).create().map_err(io::Error::other)?;
        thread::Builder::new()
            .name("log-backlog".into())
            .spawn(move || run(&client, topic, &*rollups, &shown, &stopped))?;
        Ok(Backlog { waiting, _stop: Arc::new(stop) })
    }

    /// Records that wait; nothing while brokers or the store do not tell.
    pub fn waiting(&self) -> Option<u64> {
        Some(self.waiting.load(Ordering::Relaxed)).filter(|waiting| *waiting != UNKNOWN)
    }
}

fn run(
    client: &BaseConsumer,
    mut topic: Topic,
    rollups: &dyn Rollups,
    shown: &Weak<AtomicU64>,
    stopped: &Receiver<()>,
) {
    let waiter = Waiter::new();
    loop {
        // A node may have started without brokers; what has
        // been counted stands under the name of their cluster.
        topic.cluster = topic.cluster.or_else(|| client.client().fetch_cluster_id(ANSWER_MAX));
        // Of these alone: all nodes that ever were have left marks of their own beside them.
        let positions = waiter.wait(rollups.positions_of(topic.offsets()));
        let counted = positions.ok().map(|positions| topic.counted(&positions));
        let waiting = counted.and_then(|counted| sum(client, &topic.name, &counted).ok());
        let Some(waiting_now) = shown.upgrade() else { return };
        waiting_now.store(waiting.unwrap_or(UNKNOWN), Ordering::Relaxed);
        drop(waiting_now);
        if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// From where each partition was counted to, or begins, to its end.
fn sum(client: &BaseConsumer, topic: &str, counted: &[Option<u64>]) -> Result<u64, KafkaError> {
    (0..).zip(counted).try_fold(0, |sum, (partition, counted)| {
        let (begin, end) = client.fetch_watermarks(topic, partition, ANSWER_MAX)?;
        let [begin, end] = [begin, end].map(|offset| u64::try_from(offset).unwrap_or_default());
        Ok(sum + end.saturating_sub(counted.unwrap_or_default().max(begin)))
    })
}
