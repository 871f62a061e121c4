//! What a worker reads: the records of the partitions that the group has given it.
//!
//! The client calls back when partitions are given or taken, within a poll and so on this thread; the
//! callback only notes it. Given partitions are claimed in the store before the client may fetch from them,
//! so that what is read begins exactly where the last commit of whoever had them ended. All of this follows
//! one order, and none of it is skipped: `Idle -> Given -> Claimed`, back to `Idle` when partitions are
//! taken, and to `Doubted` when a commit was fenced.

mod group;
mod partitions;

use super::broker::{self, ANSWER_MAX};
use super::poison::Aside;
use super::{Config, Topic};
use crate::journal::{Damage, DamageKind};
use crate::log::claims::Claims;
use crate::log::tally::Tally;
use crate::log::{Clicks, Log, Unavailable, streams};
use curtail_model::Timestamp;
use curtail_store::Rollups;
use curtail_store::rollups::{Claimed, Positions};
use group::{Change, Group};
use partitions::{Partitions, Skipped, Taken, Watermarks};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A worker that says nothing for so long is given up by the group.
const SESSION_MAX: Duration = Duration::from_secs(6);
/// How often it says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A worker that does not poll for so long has its partitions taken: a commit takes less, or hangs.
const POLL_MAX: Duration = Duration::from_secs(60);
/// How long a fenced worker waits for the group to say that it is no longer a member: a few heartbeats.
const DOUBT: Duration = Duration::from_secs(3);
/// How often offsets are told to Kafka, for tools that show how far a group is. Nothing here reads them.
const TELL_INTERVAL: Duration = Duration::from_secs(5);
/// How long a batch waits for records that are known to be there.
const FETCH_WAIT: Duration = Duration::from_millis(20);
/// Memory of the client for records that were fetched ahead.
const FETCHED_KIB_MAX: usize = 64 << 10;

/// The log that workers share.
pub struct KafkaLog {
    consumer: BaseConsumer<Group>,
    topic: Topic,
    claims: Claims,
    partitions: Partitions,
    state: State,
    damage: Vec<Damage>,
    last_told_at: Instant,
}

/// How things stand between this worker and its group.
#[derive(Debug)]
enum State {
    /// It has no partitions.
    Idle,
    /// It was given these, and has not claimed them.
    Given(Vec<u16>),
    /// It counts these.
    Claimed(Vec<u16>),
    /// Somebody else has claimed one of these; the group will take them, or else they are claimed again.
    Doubted(Vec<u16>, Instant),
}

impl KafkaLog {
    /// Joins the group that counts the topic. Poison is set aside in this folder.
    pub(crate) fn join(
        config: &Config,
        topic: Topic,
        folder: &Path,
        rollups: Arc<dyn Rollups>,
        tally: Arc<Tally>,
    ) -> Result<KafkaLog, KafkaError> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let consumer: BaseConsumer<Group> = broker::client(config)
            .set("group.id", format!("curtail.{}", topic.name))
            .set("allow.auto.create.topics", "false")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // One after the other, and not by ranges: partitions that were added later are empty, and stand
            // at the end.
            .set("partition.assignment.strategy", "roundrobin")
            .set("session.timeout.ms", millis(SESSION_MAX))
            .set("heartbeat.interval.ms", millis(HEARTBEAT))
            .set("max.poll.interval.ms", millis(POLL_MAX))
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", FETCHED_KIB_MAX.to_string())
            .set("check.crcs", "true")
            .set("statistics.interval.ms", "1000")
            .create_with_context(Group::new(Arc::clone(&tally)))?;
        consumer.subscribe(&[&topic.name])?;
        let aside = Aside::new(folder, &topic.name);
        let partitions = Partitions::new(topic.identity(), aside, tally);
        let claims = Claims::new(rollups);
        let state = State::Idle;
        Ok(KafkaLog {
            consumer,
            topic,
            claims,
            partitions,
            state,
            damage: Vec::new(),
            last_told_at: Instant::now(),
        })
    }

    /// Follows what the group has said. What was read before it changed its mind is nobody's.
    fn follow(&mut self, into: &mut Clicks) -> bool {
        let Some(change) = self.consumer.context().take_change() else { return false };
        into.clear();
        self.partitions.clear();
        self.state = match change {
            Change::Taken => State::Idle,
            Change::Given(partitions) => State::Given(partitions),
        };
        tracing::info!(state = ?self.state, topic = self.topic.name, "partitions have changed hands");
        true
    }

    /// Claims what was given.
    fn settle(&mut self) -> Result<(), Unavailable> {
        let given = match &self.state {
            State::Idle | State::Claimed(_) => return Ok(()),
            State::Doubted(_, since) if since.elapsed() < DOUBT => return Ok(()),
            State::Given(given) | State::Doubted(given, _) => given.clone(),
        };
        let mut watermarks = Vec::with_capacity(given.len());
        for partition in &given {
            let found = self.consumer.fetch_watermarks(&self.topic.name, (*partition).into(), ANSWER_MAX);
            let (low, high) = found.map_err(|error| self.trouble(&error))?;
            watermarks.push(Watermarks { low: low.max(0) as u64, high: high.max(0) as u64 });
        }
        let identity = self.topic.identity();
        let offsets = given.iter().map(|partition| streams::offset(*partition, &identity)).collect();
        let claimed = self.claims.make(offsets).map_err(|error| Unavailable(error.to_string()))?;
        // Only now: whoever had the partitions can move no mark any more.
        let positions = self.claims.positions().map_err(|error| Unavailable(error.to_string()))?;
        let mut list = TopicPartitionList::with_capacity(given.len());
        for (partition, watermarks) in given.iter().zip(watermarks) {
            let offset = streams::offset(*partition, &identity);
            let counted = claimed.iter().find(|claimed| claimed.stream == offset);
            let counted = counted.and_then(|claimed| claimed.position);
            let start = self.partitions.start(*partition, counted, watermarks, &positions);
            self.note_loss(*partition, start.next - start.lost, start.lost, DamageKind::Expired);
            let from = Offset::Offset(start.read_from.cast_signed());
            list.add_partition_offset(&self.topic.name, (*partition).into(), from)
                .map_err(|error| self.trouble(&error))?;
        }
        self.consumer.assign(&list).map_err(|error| self.trouble(&error))?;
        self.state = State::Claimed(given);
        Ok(())
    }

    /// Records that will not be counted.
    fn note_loss(&mut self, partition: u16, from: u64, records: u64, kind: DamageKind) {
        if records > 0 {
            let stream = streams::offset(partition, &self.topic.identity());
            self.damage.push(Damage { stream, position: from, bytes: 0, clicks: records, kind });
        }
    }

    fn trouble(&self, error: &KafkaError) -> Unavailable {
        self.consumer.context().tally().broker_error(error);
        Unavailable(format!("Kafka: {error}"))
    }

    /// Reads everything again that was not committed, from
    /// the front of partitions that are not what they were.
    fn begin_again(&mut self, into: &mut Clicks) -> Result<(), Unavailable> {
        into.clear();
        self.partitions.clear();
        if let State::Claimed(partitions) = std::mem::replace(&mut self.state, State::Idle) {
            self.state = State::Given(partitions);
        }
        self.consumer.unassign().map_err(|error| self.trouble(&error))
    }
}

impl Log for KafkaLog {
    fn read(&mut self, limit: usize, into: &mut Clicks) -> Result<usize, Unavailable> {
        self.settle()?;
        let mut read = 0;
        while read < limit {
            let taken = match poll(&self.consumer, &self.partitions) {
                Some(Ok(message)) => self.partitions.take(&message, into),
                // An offset that is gone is found anew by claiming; what else it says is shown in the status.
                Some(Err(error)) => {
                    self.consumer.context().tally().broker_error(&error);
                    if partitions::is_gone(&error) { Taken::Foreign } else { break }
                }
                None => break,
            };
            match taken {
                Taken::Read => read += 1,
                Taken::Nothing => {}
                Taken::Foreign | Taken::Missed => {
                    self.begin_again(into)?;
                    return Ok(0);
                }
            }
        }
        for Skipped { partition, from, records } in self.partitions.take_skipped() {
            self.note_loss(partition, from, records, DamageKind::Skipped);
        }
        if self.follow(into) {
            return Ok(0);
        }
        self.partitions.tell_positions(into);
        self.partitions.measure(&self.consumer.context().ends());
        if read > 0 {
            self.consumer.context().tally().broker_is_well();
        }
        Ok(read)
    }

    fn committed(&mut self, positions: &Positions) {
        self.claims.committed(positions);
        if self.last_told_at.elapsed() < TELL_INTERVAL {
            return;
        }
        self.last_told_at = Instant::now();
        let mut list = TopicPartitionList::new();
        for (partition, next) in self.partitions.nexts() {
            let next = Offset::Offset(next.cast_signed());
            // It can only fail for an offset that cannot be.
            let _ = list.add_partition_offset(&self.topic.name, partition.into(), next);
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "Kafka does not take the offsets of the group");
        }
    }

    fn oldest_waiting(&mut self) -> Option<Timestamp> {
        self.partitions.oldest_waiting()
    }

    fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damage)
    }

    fn lane(&self) -> u16 {
        match &self.state {
            State::Claimed(partitions) => partitions.iter().min().copied().unwrap_or(0),
            State::Idle | State::Given(_) | State::Doubted(..) => 0,
        }
    }

    fn claims(&self) -> &[Claimed] {
        self.claims.held()
    }

    fn fenced(&mut self) {
        self.partitions.clear();
        if let State::Claimed(partitions) = std::mem::replace(&mut self.state, State::Idle) {
            tracing::warn!(
                ?partitions,
                "somebody else counts these partitions now, or the store is another one"
            );
            self.state = State::Doubted(partitions, Instant::now());
        }
        if let Err(error) = self.consumer.unassign() {
            self.consumer.context().tally().broker_error(&error);
        }
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// The next record that was fetched. While more are known to be there it waits a little for the next fetch:
/// the larger a batch is, the less each click costs.
fn poll<'c>(
    consumer: &'c BaseConsumer<Group>,
    partitions: &Partitions,
) -> Option<Result<BorrowedMessage<'c>, KafkaError>> {
    let fetched = consumer.poll(Duration::ZERO);
    let waits = fetched.is_none() && partitions.is_behind() && !consumer.context().has_changed();
    if waits { consumer.poll(FETCH_WAIT) } else { fetched }
}
