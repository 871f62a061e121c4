//! What the threads of the pipeline say about themselves.

use crate::clock::now;
use crate::journal::Counts;
use crate::recorder::DropReason;
use curtail_model::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How far counting is. Counts are since the process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Clicks that recorders were given.
    pub produced: u64,
    /// Clicks in committed rollups; those that earlier processes left in the journal count here too.
    pub counted: u64,
    /// Clicks that were not kept, for each reason.
    pub dropped: [(DropReason, u64); DropReason::ALL.len()],
    /// Clicks that were in the journal and could not be read.
    pub damaged: u64,
    /// Rollups that the store could not give back as they were; their counts were lost.
    pub rollups_damaged: u64,
    /// Clicks that wait to be counted.
    pub lag_clicks: u64,
    /// The age of the oldest of them, in milliseconds.
    pub lag_ms: u64,
    /// Bytes that earlier processes left in the journal and that have not been read yet.
    pub backlog_bytes: u64,
    /// Bytes of this process's clicks that wait to be counted.
    pub waiting_bytes: u64,
    /// Bytes that the journal takes.
    pub journal_bytes: u64,
    /// Bytes of clicks that the disk has not confirmed: what a power cut may lose.
    pub unsynced_bytes: u64,
    /// Times that the system refused to sync the journal.
    pub sync_failures: u64,
    /// Commits that were made.
    pub commits: u64,
    /// Commits that failed; each was tried again.
    pub commits_failed: u64,
    /// Rollups that were forgotten for their age.
    pub forgotten: u64,
    /// What is wrong just now.
    pub last_error: Option<String>,
}

/// What the threads write and [`Status`] reads.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) counted: AtomicU64,
    /// Clicks that are in memory.
    pub(super) folding: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) rollups_damaged: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) commits_failed: AtomicU64,
    pub(super) forgotten: AtomicU64,
    /// When the oldest uncounted click happened, in milliseconds; 0 for none.
    oldest: AtomicI64,
    last_error: Mutex<Option<String>>,
    stop: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn status(&self, journal: &Counts) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let oldest = self.oldest.load(Ordering::Relaxed);
        let age = if oldest == 0 { 0 } else { now().millis() - oldest };
        Status {
            produced: journal.produced,
            counted: read(&self.counted),
            dropped: std::array::from_fn(|reason| (DropReason::ALL[reason], journal.dropped[reason])),
            damaged: read(&self.damaged),
            rollups_damaged: read(&self.rollups_damaged),
            lag_clicks: journal.waiting + read(&self.folding),
            lag_ms: age.max(0) as u64,
            backlog_bytes: journal.backlog_bytes,
            waiting_bytes: journal.waiting_bytes,
            journal_bytes: journal.bytes,
            unsynced_bytes: journal.unsynced_bytes,
            sync_failures: journal.sync_failures,
            commits: read(&self.commits),
            commits_failed: read(&self.commits_failed),
            forgotten: read(&self.forgotten),
            last_error: self.error().or_else(|| journal.last_error.clone()),
        }
    }

    pub(super) fn set_oldest(&self, oldest: Option<Timestamp>) {
        self.oldest.store(oldest.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    pub(super) fn set_error(&self, error: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    fn error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the shipper to count the rest until then.
    pub(super) fn stop(&self, deadline: Instant) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    /// Until when to count the rest, if the end was asked for.
    pub(super) fn stop_deadline(&self) -> Option<Instant> {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
