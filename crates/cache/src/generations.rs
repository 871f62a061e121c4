//! How the per-core caches learn of changes at once: a table of counters that all cores read at each look-up, and that
//! move when something is put into L1, which is rare beside it.
//!
//! What is put in moves the counter that its hash names. An L0 entry remembers the counter from before it was read,
//! and is good for nothing once that moved. Codes that share a counter only cost each other a look into L1.

use std::sync::atomic::{AtomicU32, Ordering};

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
        self.counter(hash).load(Ordering::Acquire)
    }

    /// Makes every L0 entry of this hash stale. Called after L1 holds the new state.
    pub(crate) fn advance(&self, hash: u64) {
        self.counter(hash).fetch_add(1, Ordering::Release);
    }

    #[inline]
    fn counter(&self, hash: u64) -> &AtomicU32 {
        &self.0[(hash >> 52) as usize % COUNTERS]
    }
}
