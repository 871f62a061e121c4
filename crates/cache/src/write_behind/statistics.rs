//! How writing behind fares.

use super::WriteBehind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How writing behind fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Links that wait.
    pub waiting: usize,
    /// The room that they take, in bytes.
    pub bytes: u64,
    /// All room there is.
    pub budget: u64,
    /// For how long the oldest has waited in this process.
    pub age: Duration,
    /// Ids that can be given without asking the store.
    pub ids: usize,
    /// Whether the store does not take any.
    pub stuck: bool,
    /// Links acknowledged.
    pub acknowledged: u64,
    /// Links that the store took.
    pub written: u64,
    /// Links that it had already.
    pub repeated: u64,
    /// Links that it refused for good.
    pub refused: u64,
    /// Batches that failed and were tried again.
    pub failures: u64,
    /// Creates that found no room.
    pub backlogged: u64,
    /// Bytes of the journal that were damaged.
    pub damaged: u64,
}

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) acknowledged: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) backlogged: AtomicU64,
    pub(super) damaged: AtomicU64,
}

impl WriteBehind {
    /// How it fares.
    pub fn statistics(&self) -> Statistics {
        let this = &self.inner;
        let (waiting, bytes, age) = this.unwritten.backlog();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            waiting,
            bytes,
            budget: this.budget,
            age,
            ids: this.id_blocks.remaining(),
            stuck: this.is_stuck(),
            acknowledged: count(&this.counts.acknowledged),
            written: count(&this.counts.written),
            repeated: count(&this.counts.repeated),
            refused: count(&this.counts.refused),
            failures: count(&this.counts.failures),
            backlogged: count(&this.counts.backlogged),
            damaged: count(&this.counts.damaged),
        }
    }
}
