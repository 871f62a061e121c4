//! How those who do not hold a lock learn of changes: tables
//! of counters and times by hash, which cost one look.
//!
//! What is put into L1 moves the counter that its hash names. An L0 entry
//! remembers the counter from before it was read, and is good for nothing once
//! that moved. Codes that share a counter only cost each other a look into L1.

use curtail_model::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Enough that changes seldom touch a hot code by chance; 16 KiB, so it stays in the caches of all cores.
const COUNTERS: usize = 4096;

pub(crate) struct Generations(Box<[AtomicU32]>);

impl Generations {
    pub(crate) fn new() -> Generations {
        Generations((0..COUNTERS).map(|_| AtomicU32::new(0)).collect())
    }

    /// The generation to remember with what is read from L1 after this call.
    #[inline]
    pub(crate) fn of(&self, hash: u64) -> u32 {
        self.0[place(hash)].load(Ordering::Acquire)
    }

    /// Makes every L0 entry of this hash stale. Called after L1 holds the new state.
    pub(crate) fn advance(&self, hash: u64) {
        self.0[place(hash)].fetch_add(1, Ordering::Release);
    }

    /// Makes every L0 entry stale.
    pub(crate) fn advance_all(&self) {
        for counter in &self.0 {
            counter.fetch_add(1, Ordering::Release);
        }
    }
}

/// When something last changed, by hash, in milliseconds. It tells a fill that it was overtaken although
/// nothing is left in L1 that it could be compared with.
pub(crate) struct Changes(Box<[AtomicI64]>);

impl Changes {
    pub(crate) fn new() -> Changes {
        Changes((0..COUNTERS).map(|_| AtomicI64::new(i64::MIN)).collect())
    }

    /// Called before L1 holds the new state.
    pub(crate) fn note(&self, hash: u64, now: Timestamp) {
        self.0[place(hash)].fetch_max(now.millis(), Ordering::AcqRel);
    }

    /// When something under this hash last changed.
    pub(crate) fn last(&self, hash: u64) -> Timestamp {
        Timestamp::from_millis(self.0[place(hash)].load(Ordering::Acquire))
    }
}

#[inline]
fn place(hash: u64) -> usize {
    (hash >> 52) as usize % COUNTERS
}
