//! What recorder, reader and keeper share: positions and counters, each written by one of them.

use crate::journal::segment::Link;
use crate::recorder::DropReason;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) number: u64,
    /// Where this process's first segment appears.
    pub(crate) head: Arc<Link>,
    pub(crate) recorded: Recorded,
    /// Everything before this position has been counted for good. Written by the reader.
    pub(crate) consumed: AtomicU64,
    /// Clicks of this process that the reader has passed.
    pub(crate) read: AtomicU64,
    /// Clicks of earlier processes that the reader has passed, those that it could not read included.
    pub(crate) recovered: AtomicU64,
    /// Whether `consumed` began at what the store has counted:
    /// then nothing is missing but what has been lost.
    pub(crate) is_counted_here: bool,
    /// Why there is no segment, if there is none: index into
    /// [`DropReason::ALL`], or more for no reason at all.
    shortage: AtomicU8,
}

/// The recorder's counters, on a cache line of their own because each click writes to it.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Recorded {
    pub(crate) kept: AtomicU64,
    pub(crate) dropped: [AtomicU64; DropReason::ALL.len()],
}

const NO_SHORTAGE: u8 = u8::MAX;

impl Stream {
    pub(crate) fn new(number: u64, consumed: u64, is_counted_here: bool) -> Stream {
        Stream {
            number,
            is_counted_here,
            consumed: AtomicU64::new(consumed),
            shortage: AtomicU8::new(NO_SHORTAGE),
            ..Stream::default()
        }
    }

    /// Why the next segment is missing.
    pub(crate) fn shortage(&self) -> DropReason {
        let index = self.shortage.load(Ordering::Relaxed);
        DropReason::ALL.get(usize::from(index)).copied().unwrap_or(DropReason::NotReady)
    }

    pub(crate) fn set_shortage(&self, reason: Option<DropReason>) {
        let index = reason.and_then(|reason| DropReason::ALL.iter().position(|&other| other == reason));
        self.shortage.store(index.map_or(NO_SHORTAGE, |index| index as u8), Ordering::Relaxed);
    }
}

/// What [`Meter`] reads.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) streams: Vec<Arc<Stream>>,
    pub(crate) bytes: AtomicU64,
    pub(crate) backlog_bytes: AtomicU64,
    pub(crate) sync_failures: AtomicU64,
    pub(crate) files_damaged: AtomicU64,
    pub(crate) unsynced_bytes: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
    pub(crate) last_error: Mutex<Option<String>>,
}

/// Reads the journal's counters from any thread.
#[derive(Clone, Debug)]
pub struct Meter(pub(crate) Arc<Shared>);

/// What the journal has counted since the process started.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Clicks that recorders were given: kept and dropped ones.
    pub produced: u64,
    /// Clicks that are in the journal.
    pub kept: u64,
    /// Clicks that were dropped, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Kept clicks that the reader has passed.
    pub read: u64,
    /// Kept clicks that it has not passed yet.
    pub waiting: u64,
    /// Clicks of earlier processes that the reader has passed, those that it could not read included.
    pub recovered: u64,
    /// Bytes of earlier processes' segments that the reader has not read to their end.
    pub backlog_bytes: u64,
    /// Disk that all segments take.
    pub bytes: u64,
    /// Group syncs that the system refused.
    pub sync_failures: u64,
    /// Small files beside the segments (`node`, `salt`) that were damaged and made anew.
    pub files_damaged: u64,
    /// Bytes of this process that the disk has not confirmed,
    /// by the keeper's last look: what a power cut may lose.
    pub unsynced_bytes: u64,
    /// Bytes of this process that have not been counted for good, by the keeper's last look.
    pub waiting_bytes: u64,
    /// What keeps the keeper from its work, while it lasts.
    pub last_error: Option<String>,
}

impl Meter {
    /// The counters now.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            backlog_bytes: self.0.backlog_bytes.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
            sync_failures: self.0.sync_failures.load(Ordering::Relaxed),
            files_damaged: self.0.files_damaged.load(Ordering::Relaxed),
            unsynced_bytes: self.0.unsynced_bytes.load(Ordering::Relaxed),
            waiting_bytes: self.0.waiting_bytes.load(Ordering::Relaxed),
            last_error: self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..Counts::default()
        };
        for stream in &self.0.streams {
            let read = stream.read.load(Ordering::Acquire);
            // The reader may be a click ahead of what its recorder says.
            let kept = stream.recorded.kept.load(Ordering::Relaxed).max(read);
            counts.kept += kept;
            counts.read += read;
            counts.waiting += kept - read;
            counts.recovered += stream.recovered.load(Ordering::Acquire);
            for (sum, dropped) in counts.dropped.iter_mut().zip(&stream.recorded.dropped) {
                *sum += dropped.load(Ordering::Relaxed);
            }
        }
        counts.produced = counts.kept + counts.dropped.iter().sum::<u64>();
        counts
    }
}
