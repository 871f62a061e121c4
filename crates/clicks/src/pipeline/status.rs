//! What the threads of the pipeline say about themselves.

use crate::clock::now;
use crate::journal::{Counts, Damage};
use crate::log::record::Poison;
use crate::log::tally::Tally;
use crate::recorder::DropReason;
use curtail_model::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How far counting is, in this process. Counts are since it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What the process does with clicks.
    pub part: Part,
    /// Clicks that recorders were given.
    pub produced: u64,
    /// Clicks that earlier processes left, as far as the journal has been read. At any moment, where the
    /// process counts what it records, `produced + recovered = counted + dropped + damaged + lag_clicks`;
    /// what of them waits unread is `backlog_bytes` long and on neither side.
    pub recovered: u64,
    /// Clicks that brokers have acknowledged.
    pub shipped: u64,
    /// Clicks that stats show; those that earlier processes left count here too.
    pub counted: u64,
    /// Of the counted ones, those that the store does not have yet; the journal has them.
    pub unwritten: u64,
    /// Records that came again and had been counted before.
    pub repeated: u64,
    /// Clicks that were not kept, for each reason.
    pub dropped: [(DropReason, u64); DropReason::ALL.len()],
    /// Records that were no clicks, for each reason; they were set aside.
    pub poison: [(Poison, u64); Poison::ALL.len()],
    /// Clicks that were in the journal or the log and could not be read.
    pub damaged: u64,
    /// Rollups that the store could not give back as they were; their counts were lost.
    pub rollups_damaged: u64,
    /// Clicks that wait here to be counted, or to be handed on.
    pub lag_clicks: u64,
    /// The age of the oldest of them, in milliseconds.
    pub lag_millis: u64,
    /// Records in the log of all nodes that no worker has counted; nothing where there is none, or while it
    /// cannot be asked.
    pub log_waiting: Option<u64>,
    /// Bytes of the segments that earlier processes left in
    /// the journal and that have not been read to their end.
    pub backlog_bytes: u64,
    /// Bytes of this process's clicks that the store does not have yet.
    pub waiting_bytes: u64,
    /// Bytes that the journal takes.
    pub journal_bytes: u64,
    /// Bytes of clicks that the disk has not confirmed: what a power cut may lose.
    pub unsynced_bytes: u64,
    /// Times that the system refused to sync the journal.
    pub sync_failures: u64,
    /// Small files of the journal (`node`, `salt`) that were damaged and made anew.
    pub files_damaged: u64,
    /// Partitions that this worker counts.
    pub partitions: u64,
    /// Commits that were made.
    pub commits: u64,
    /// Commits that failed; each was tried again.
    pub commits_failed: u64,
    /// Commits that changed nothing because others count the streams now.
    pub commits_fenced: u64,
    /// Errors of brokers, or of the way to them, that were reported.
    pub broker_errors: u64,
    /// Rollups that were forgotten for their age.
    pub forgotten: u64,
    /// What is wrong just now.
    pub last_error: Option<String>,
}

/// What a process does with clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Part {
    /// It counts what it records.
    #[default]
    Alone,
    /// It hands what it records to the log between nodes.
    Node,
    /// It counts what nodes have handed to the log.
    Worker,
    /// It does both: hands on what it records, and counts what nodes have handed on.
    Both,
}

impl Part {
    /// The name that the API and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Alone => "alone",
            Part::Node => "node",
            Part::Worker => "worker",
            Part::Both => "both",
        }
    }
}

#[cfg(feature = "kafka")]
impl Status {
    /// Of a process that hands clicks on and counts them: what this half says, and beside it what the one
    /// says that counts. Either may have clicks that wait, lose some, and be in trouble.
    #[must_use]
    pub(super) fn beside_worker(self, worker: Status) -> Status {
        Status {
            part: Part::Both,
            counted: worker.counted,
            repeated: worker.repeated,
            poison: worker.poison,
            damaged: self.damaged + worker.damaged,
            rollups_damaged: worker.rollups_damaged,
            lag_clicks: self.lag_clicks + worker.lag_clicks,
            lag_millis: self.lag_millis.max(worker.lag_millis),
            partitions: worker.partitions,
            commits: worker.commits,
            commits_failed: worker.commits_failed,
            commits_fenced: worker.commits_fenced,
            broker_errors: self.broker_errors + worker.broker_errors,
            forgotten: worker.forgotten,
            last_error: self.last_error.or(worker.last_error),
            ..self
        }
    }
}

/// Where the clicks are that the counting or shipping thread has taken from the journal: each in one place.
#[derive(Clone, Copy, Debug, Default)]
struct Accounts {
    /// Clicks of this process that were taken.
    read: u64,
    /// Clicks of earlier processes that were taken.
    recovered: u64,
    /// Taken clicks that are in memory and in no stats yet, or on their way to brokers.
    folding: u64,
    /// Taken clicks that stats show.
    counted: u64,
    /// Counted clicks that are not written yet.
    unwritten: u64,
    /// Clicks that were lost.
    damaged: u64,
    /// What of earlier ones is in segments that have not been read to their end, in bytes.
    backlog_bytes: u64,
}

/// What may be in trouble by itself.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// Handing on what was read: to the store, or to the log of all nodes.
    HandingOn,
    /// Reading the log.
    Reading,
}

impl Work {
    const COUNT: usize = 2;
}

/// What the threads write and [`Status`] reads.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) part: Part,
    pub(super) tally: Arc<Tally>,
    pub(super) counted: AtomicU64,
    /// Clicks that are in memory and in no stats.
    pub(super) folding: AtomicU64,
    /// Clicks that are in memory and in stats.
    pub(super) unwritten: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) rollups_damaged: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) commits_failed: AtomicU64,
    pub(super) commits_fenced: AtomicU64,
    pub(super) forgotten: AtomicU64,
    /// When the oldest uncounted click happened, in milliseconds; 0 for none.
    oldest: AtomicI64,
    accounts: Mutex<Accounts>,
    /// What each kind of work is in trouble with.
    troubles: [Mutex<Option<String>>; Work::COUNT],
    stop: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn of(part: Part) -> Shared {
        Shared { part, ..Shared::default() }
    }

    pub(super) fn status(&self, journal: &Counts) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let oldest = self.oldest.load(Ordering::Relaxed);
        let age = if oldest == 0 { 0 } else { now().millis() - oldest };
        let accounts = *self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Status {
            part: self.part,
            produced: journal.produced,
            recovered: accounts.recovered,
            shipped: read(&self.tally.shipped),
            counted: accounts.counted,
            unwritten: accounts.unwritten,
            repeated: read(&self.tally.repeated),
            dropped: std::array::from_fn(|reason| (DropReason::ALL[reason], journal.dropped[reason])),
            poison: self.tally.poison(),
            damaged: accounts.damaged,
            rollups_damaged: read(&self.rollups_damaged),
            lag_clicks: journal.kept.saturating_sub(accounts.read)
                + accounts.folding
                + read(&self.tally.waiting),
            lag_millis: age.max(0) as u64,
            log_waiting: None,
            // What has just been read to its end is not told as read before it is told where it is.
            backlog_bytes: journal.backlog_bytes.max(accounts.backlog_bytes),
            waiting_bytes: journal.waiting_bytes,
            journal_bytes: journal.bytes,
            unsynced_bytes: journal.unsynced_bytes,
            sync_failures: journal.sync_failures,
            files_damaged: journal.files_damaged,
            partitions: read(&self.tally.partitions),
            commits: read(&self.commits),
            commits_failed: read(&self.commits_failed),
            commits_fenced: read(&self.commits_fenced),
            broker_errors: self.tally.broker_errors(),
            forgotten: read(&self.forgotten),
            last_error: self.error().or_else(|| self.tally.trouble()).or_else(|| journal.last_error.clone()),
        }
    }

    /// Shows where the clicks are now, all at once: whoever looks sees none twice, and none on its way.
    pub(super) fn settle(&self, journal: &Counts) {
        let accounts = Accounts {
            read: journal.read,
            recovered: journal.recovered,
            folding: self.folding.load(Ordering::Relaxed),
            counted: self.counted.load(Ordering::Relaxed),
            unwritten: self.unwritten.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            backlog_bytes: journal.backlog_bytes,
        };
        *self.accounts.lock().unwrap_or_else(PoisonError::into_inner) = accounts;
    }

    /// Counts and tells what went with damage in the journal or the log.
    pub(super) fn lost_with(&self, damage: Vec<Damage>) {
        for Damage { stream, position, bytes, clicks, kind } in damage {
            self.damaged.fetch_add(clicks, Ordering::Relaxed);
            tracing::error!(
                stream,
                position,
                bytes,
                clicks,
                ?kind,
                "what was recorded cannot be read; its clicks are lost"
            );
        }
    }

    pub(super) fn set_oldest(&self, oldest: Option<Timestamp>) {
        self.oldest.store(oldest.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    /// Says what a kind of work is in trouble with, or that it is well again.
    pub(super) fn set_error(&self, of: Work, error: Option<String>) {
        *self.troubles[of as usize].lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    fn error(&self) -> Option<String> {
        let trouble =
            |slot: &Mutex<Option<String>>| slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.troubles.iter().find_map(trouble)
    }

    /// Asks the main thread to end, and to finish until then what it can.
    pub(super) fn stop(&self, deadline: Instant) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    /// Until when to count the rest, if the end was asked for.
    pub(super) fn stop_deadline(&self) -> Option<Instant> {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
