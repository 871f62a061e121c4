//! The shipping thread of a node: read the journal, enrich, hand to Kafka, release what it has acknowledged.

use super::status::{Shared, Work};
use super::yielding::Yielding;
use crate::enricher::Enricher;
use crate::journal::{Reader, Shipped};
use crate::kafka::{IN_FLIGHT_MAX, Producer, Sent, partition_of};
use crate::log::record::{self, Origin};
use crate::log::{Clicked, Values};
use curtail_model::LinkId;
use curtail_runtime::retry::Backoff;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// Clicks that are read and handed over together.
const BATCH_CLICKS: usize = 8 * 1024;
/// How long it waits for acknowledgements when there is nothing else to do.
const SERVE: Duration = Duration::from_millis(5);
/// The longest pause after a producer has failed.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Ships what a journal holds.
pub(super) struct Shipping {
    reader: Reader,
    enricher: Enricher,
    producer: Producer,
    shipped: Shipped,
    shared: Arc<Shared>,
    interval: Duration,
    yielding: Yielding,
    values: Values,
    batch: Batch,
    /// When the journal was read last.
    read_at: Instant,
    backoff: Backoff,
    /// Whether a producer has failed, and nothing has been acknowledged since.
    has_failed: bool,
}

/// Clicks on their way from the journal to the producer.
#[derive(Default)]
struct Batch {
    number: usize,
    /// The records, back to back.
    bytes: Vec<u8>,
    records: Vec<Addressed>,
    origins: Vec<Origin>,
    /// So many of the records have been handed over.
    sent: usize,
}

/// A record and where it goes.
struct Addressed {
    partition: u16,
    key: Option<LinkId>,
    bytes: Range<usize>,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There is more to hand over.
    More,
    /// Acknowledgements are awaited.
    Awaiting,
    /// Everything is shipped.
    Idle,
}

impl Shipping {
    pub(super) fn new(
        shipped: Shipped,
        reader: Reader,
        enricher: Enricher,
        producer: Producer,
        shared: Arc<Shared>,
        interval: Duration,
        yielding: Yielding,
    ) -> Shipping {
        Shipping {
            reader,
            enricher,
            producer,
            shipped,
            shared,
            interval,
            yielding,
            values: Values::default(),
            batch: Batch::default(),
            read_at: Instant::now(),
            backoff: Backoff::new(interval, BACKOFF_MAX),
            has_failed: false,
        }
    }

    /// Ships until the end is asked for and everything is acknowledged, or its deadline is over.
    pub(super) fn run(&mut self) {
        loop {
            let stop = self.shared.stop_deadline();
            if stop.is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            if let Some(backoff) = self.fail() {
                thread::park_timeout(if stop.is_some() { backoff.min(SERVE) } else { backoff });
                continue;
            }
            if self.is_idle() && stop.is_none() && self.yielding.should_wait() {
                self.note_oldest();
                thread::park_timeout(self.interval);
                continue;
            }
            match self.turn(stop.is_some()) {
                Turn::More => {}
                Turn::Awaiting => self.producer.serve(SERVE),
                Turn::Idle if stop.is_some() => return,
                Turn::Idle => thread::park_timeout(self.interval),
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.batch.is_sent() && self.producer.in_flight() == 0
    }

    /// One round: hear, release, read, hand over. Few clicks are read now and then, many at once.
    fn turn(&mut self, is_urgent: bool) -> Turn {
        self.producer.serve(Duration::ZERO);
        self.release();
        if self.producer.has_failed() {
            // What is sent now could arrive before what has not: those who count would take that for counted.
            return Turn::More;
        }
        let is_due = is_urgent || self.batch.is_full() || self.read_at.elapsed() >= self.interval;
        if is_due && self.batch.is_sent() && self.has_room() {
            self.read();
        }
        self.hand_over();
        self.settle();
        self.note_oldest();
        if self.is_idle() && !self.batch.is_full() {
            Turn::Idle
        } else if self.batch.is_sent() && self.batch.is_full() && self.has_room() {
            Turn::More
        } else {
            Turn::Awaiting
        }
    }

    fn has_room(&self) -> bool {
        self.producer.in_flight() + BATCH_CLICKS <= IN_FLIGHT_MAX
    }

    /// Reads the next clicks and announces them.
    fn read(&mut self) {
        self.read_at = Instant::now();
        let Shipping { reader, enricher, values, batch, producer, .. } = self;
        batch.clear();
        values.forget_if_many();
        enricher.prepare(values);
        let partitions = producer.partitions();
        let progress = reader.read(BATCH_CLICKS, &mut |segment, entry| {
            let origin = Origin { stream: segment.stream, position: entry.position, at: entry.at };
            let click = enricher.enrich(segment, entry, values);
            let from = batch.bytes.len();
            record::encode(origin, &click, values, &mut batch.bytes);
            batch.records.push(Addressed {
                partition: partition_of(click.clicked, origin, partitions),
                key: match click.clicked {
                    Clicked::Link(link) => Some(link),
                    Clicked::Orphan(_) => None,
                },
                bytes: from..batch.bytes.len(),
            });
            batch.origins.push(origin);
        });
        self.shared.lost_with(reader.take_damage());
        if progress.positions.is_empty() {
            return;
        }
        match self.producer.begin(&self.batch.origins, progress.positions) {
            Ok(number) => self.batch.number = number,
            Err(error) => {
                // It cannot be made, so there is nothing of it to fail later.
                self.shared.set_error(Work::HandingOn, Some(format!("Kafka's client: {error}")));
                self.batch.clear();
                self.reader.rewind(&[]);
                self.has_failed = true;
            }
        }
    }

    /// Hands over what has been read, as far as the producer has room.
    fn hand_over(&mut self) {
        let Batch { number, bytes, records, sent, .. } = &mut self.batch;
        while let Some(record) = records.get(*sent) {
            match self.producer.send(*number, record.partition, record.key, &bytes[record.bytes.clone()]) {
                Sent::Queued => *sent += 1,
                Sent::Full | Sent::Failed => return,
            }
        }
    }

    /// Lets the journal take back what is safe.
    fn release(&mut self) {
        let Some(settled) = self.producer.settle() else { return };
        self.reader.committed(&settled.positions);
        self.shared.tally.shipped.fetch_add(settled.clicks as u64, Ordering::Relaxed);
        if let Err(error) = self.shipped.moved(&settled.positions) {
            // All it costs is that a restart repeats more.
            tracing::debug!(%error, "how far the journal is shipped cannot be noted");
        }
        if std::mem::take(&mut self.has_failed) {
            self.backoff.reset();
            self.shared.set_error(Work::HandingOn, None);
            tracing::info!("clicks are shipped again");
        }
    }

    /// Looks whether the producer has failed. If so, everything that is not safe is read and sent again,
    /// after a pause.
    fn fail(&mut self) -> Option<Duration> {
        let failure = self.producer.take_failure()?;
        tracing::warn!(failure, "a producer has failed; another one begins at the last click that is safe");
        self.shared.set_error(Work::HandingOn, Some(format!("Kafka: {failure}")));
        self.batch.clear();
        self.reader.rewind(&[]);
        self.settle();
        self.has_failed = true;
        Some(self.backoff.pause())
    }

    fn settle(&self) {
        self.shared.folding.store(self.producer.in_flight() as u64, Ordering::Relaxed);
        self.shared.settle(&self.yielding.meter().counts());
    }

    fn note_oldest(&mut self) {
        let oldest = self.producer.oldest().into_iter().chain(self.reader.oldest_waiting()).min();
        self.shared.set_oldest(oldest);
    }
}

impl Batch {
    fn is_sent(&self) -> bool {
        self.sent == self.records.len()
    }

    /// Whether there may be more where it was read.
    fn is_full(&self) -> bool {
        self.records.len() == BATCH_CLICKS
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.origins.clear();
        self.sent = 0;
    }
}
