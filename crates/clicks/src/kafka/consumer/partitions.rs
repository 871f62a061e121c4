//! How far this worker is in its partitions, and which records it has counted before.

use super::super::poison::Aside;
use crate::clock::now;
use crate::log::record::{Poison, Record};
use crate::log::tally::Tally;
use crate::log::{Clicks, streams};
use curtail_model::Timestamp;
use curtail_store::rollups::Positions;
use foldhash::fast::RandomState;
use rdkafka::Message;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The partitions that were claimed.
pub(super) struct Partitions {
    identity: String,
    aside: Aside,
    tally: Arc<Tally>,
    /// By number; nothing for those of other workers.
    counted: Vec<Option<Partition>>,
    /// Those that turned out not to be what the store has counted: they are read from the front.
    foreign: BTreeSet<u16>,
    /// Partitions and offsets from which records were missing, and were asked for again.
    missed: BTreeSet<(u16, u64)>,
    /// What did not come then either.
    skipped: Vec<Skipped>,
}

/// Records that the broker has and did not hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) partition: u16,
    /// The offset of the first.
    pub(super) from: u64,
    pub(super) records: u64,
}

/// How far one partition has been read.
struct Partition {
    number: u16,
    /// The stream of its offset.
    offset: u64,
    /// The offset of the record to count next.
    next: u64,
    /// Where it ended a second ago.
    end: u64,
    /// When the click happened that was read last.
    clicked: Timestamp,
    marks: HashMap<u64, Mark, RandomState>,
    has_moved: bool,
}

/// The greatest position of a stream that was read.
#[derive(Clone, Copy, Default)]
struct Mark {
    position: u64,
    has_moved: bool,
}

/// The records that a partition has: from `low` up to before `high`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watermarks {
    pub(super) low: u64,
    pub(super) high: u64,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// With this record,
    pub(super) read_from: u64,
    /// and to count from this one on.
    pub(super) next: u64,
    /// So many records are gone that were not counted.
    pub(super) lost: u64,
}

/// What a record was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was read: a click, a repeated one, or poison.
    Read,
    /// It was nobody's, or only looked at.
    Nothing,
    /// The partition is not the one that was counted.
    Foreign,
    /// Records before it have not come.
    Missed,
}

impl Partitions {
    pub(super) fn new(identity: String, aside: Aside, tally: Arc<Tally>) -> Partitions {
        Partitions {
            identity,
            aside,
            tally,
            counted: Vec::new(),
            foreign: BTreeSet::new(),
            missed: BTreeSet::new(),
            skipped: Vec::new(),
        }
    }

    /// Forgets all partitions.
    pub(super) fn clear(&mut self) {
        self.counted.clear();
        self.tally.waiting.store(0, Ordering::Relaxed);
        self.tally.partitions.store(0, Ordering::Relaxed);
    }

    /// Takes a partition up that was counted up to this offset, and whose marks are among these positions.
    pub(super) fn start(
        &mut self,
        number: u16,
        counted: Option<u64>,
        watermarks: Watermarks,
        positions: &Positions,
    ) -> Start {
        let counted = counted.filter(|_| !self.foreign.remove(&number));
        let start = start_of(counted, watermarks);
        let marks = positions.iter().filter_map(|(stream, position)| {
            let (of, stream) = streams::of_mark(*stream)?;
            (of == number).then_some((stream, Mark { position: *position, has_moved: false }))
        });
        let place = usize::from(number);
        if self.counted.len() <= place {
            self.counted.resize_with(place + 1, || None);
        }
        self.counted[place] = Some(Partition {
            number,
            offset: streams::offset(number, &self.identity),
            next: start.next,
            end: watermarks.high,
            clicked: now(),
            marks: marks.collect(),
            has_moved: false,
        });
        self.tally.partitions.store(self.counted.iter().flatten().count() as u64, Ordering::Relaxed);
        start
    }

    /// Adds a record to what is to be counted, unless it was counted before.
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>, into: &mut Clicks) -> Taken {
        let place = usize::try_from(message.partition()).unwrap_or(usize::MAX);
        let Some(partition) = self.counted.get_mut(place).and_then(Option::as_mut) else {
            return Taken::Nothing;
        };
        let offset = message.offset().max(0) as u64;
        let bytes = message.payload().unwrap_or_default();
        let record = Record::decode(bytes).and_then(|record| match record.origin.is_plausible(now()) {
            true => Ok(record),
            false => Err(Poison::NotYet),
        });
        if offset < partition.next {
            // The last record that was counted: looked at to see that it was.
            let is_foreign = record.is_ok_and(|record| partition.is_new(&record));
            if is_foreign {
                tracing::warn!(
                    partition = partition.number,
                    offset,
                    "the topic is not the one that was counted; it is read from its front"
                );
                self.foreign.insert(partition.number);
            }
            return if is_foreign { Taken::Foreign } else { Taken::Nothing };
        }
        if offset > partition.next {
            // A client passes over what has a wrong checksum, which may be so on its way only.
            let Partition { number, next, .. } = *partition;
            if self.missed.insert((number, next)) {
                tracing::warn!(
                    partition = number,
                    next,
                    offset,
                    "records have not come; they are asked for again"
                );
                return Taken::Missed;
            }
            self.missed.remove(&(number, next));
            self.skipped.push(Skipped { partition: number, from: next, records: offset - next });
        }
        match record {
            Ok(record) if partition.is_new(&record) => {
                let mark = Mark { position: record.origin.position, has_moved: true };
                partition.marks.insert(record.origin.stream, mark);
                partition.clicked = record.origin.at;
                into.clicks.push(record.click(&mut into.values));
            }
            Ok(_) => _ = self.tally.repeated.fetch_add(1, Ordering::Relaxed),
            Err(poison) => {
                self.tally.poisoned(poison);
                self.aside.set(now(), partition.number, offset, poison, bytes);
            }
        }
        partition.next = offset + 1;
        partition.has_moved = true;
        Taken::Read
    }

    /// What the broker has and did not hand out, since the last call.
    pub(super) fn take_skipped(&mut self) -> Vec<Skipped> {
        std::mem::take(&mut self.skipped)
    }

    /// Adds the positions that moved since they were last told.
    pub(super) fn tell_positions(&mut self, into: &mut Clicks) {
        for partition in self.counted.iter_mut().flatten() {
            if !std::mem::take(&mut partition.has_moved) {
                continue;
            }
            into.moved(partition.offset, partition.next);
            for (stream, mark) in &mut partition.marks {
                if std::mem::take(&mut mark.has_moved) {
                    into.moved(streams::mark(partition.number, *stream), mark.position);
                }
            }
        }
    }

    /// Takes note of where the partitions end now.
    pub(super) fn measure(&mut self, ends: &BTreeMap<u16, u64>) {
        let mut waiting = 0;
        for partition in self.counted.iter_mut().flatten() {
            if let Some(end) = ends.get(&partition.number) {
                partition.end = *end;
            }
            waiting += partition.waiting();
        }
        self.tally.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Whether there is more than has been read, as far as it is known.
    pub(super) fn is_behind(&self) -> bool {
        self.counted.iter().flatten().any(|partition| partition.waiting() > 0)
    }

    /// About when the oldest click happened that has not been read: not before the last one that was.
    pub(super) fn oldest_waiting(&self) -> Option<Timestamp> {
        let behind = self.counted.iter().flatten().filter(|partition| partition.waiting() > 0);
        behind.map(|partition| partition.clicked).min()
    }

    /// The offset of the record to count next, by partition.
    pub(super) fn nexts(&self) -> impl Iterator<Item = (u16, u64)> {
        self.counted.iter().flatten().map(|partition| (partition.number, partition.next))
    }
}

impl Partition {
    fn is_new(&self, record: &Record<'_>) -> bool {
        let mark = self.marks.get(&record.origin.stream).copied().unwrap_or_default();
        record.origin.position > mark.position
    }

    fn waiting(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }
}

/// Where to begin in a partition. The marks make any beginning right that is not too late.
fn start_of(counted: Option<u64>, Watermarks { low, high }: Watermarks) -> Start {
    match counted {
        Some(counted) if counted < low => Start { read_from: low, next: low, lost: low - counted },
        Some(counted) if counted == low => Start { read_from: low, next: low, lost: 0 },
        Some(counted) if counted <= high => Start { read_from: counted - 1, next: counted, lost: 0 },
        // It ends before what was counted: it was made anew, or has lost its end.
        Some(_) | None => Start { read_from: low, next: low, lost: 0 },
    }
}

/// Whether an error means that the partition does not have the offset that was asked for.
pub(super) fn is_gone(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_at_the_last_record_that_was_counted_or_at_the_front() {
        let partition = Watermarks { low: 100, high: 200 };
        let start = |read_from, next, lost| Start { read_from, next, lost };
        assert_eq!(start_of(Some(150), partition), start(149, 150, 0));
        assert_eq!(start_of(Some(200), partition), start(199, 200, 0));
        assert_eq!(start_of(Some(100), partition), start(100, 100, 0));
        assert_eq!(start_of(Some(70), partition), start(100, 100, 30), "retention was faster");
        assert_eq!(start_of(Some(201), partition), start(100, 100, 0), "it is another partition");
        assert_eq!(start_of(None, partition), start(100, 100, 0));
    }
}
