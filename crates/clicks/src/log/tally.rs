//! What the log between nodes counts of itself, for whoever watches.

use super::record::Poison;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters of one process. What it does not do stays zero.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Clicks that brokers have acknowledged.
    pub(crate) shipped: AtomicU64,
    /// Records that had been counted before.
    pub(crate) repeated: AtomicU64,
    /// Records of this worker's partitions that it has not read.
    pub(crate) waiting: AtomicU64,
    /// Partitions that this worker counts.
    pub(crate) partitions: AtomicU64,
    poison: [AtomicU64; Poison::ALL.len()],
    broker_errors: AtomicU64,
    trouble: Mutex<Option<String>>,
}

/// What those say who speak to brokers.
#[cfg(feature = "kafka")]
impl Tally {
    /// A record was no click.
    pub(crate) fn poisoned(&self, poison: Poison) {
        self.poison[poison as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A broker, or the way to it, is in trouble.
    pub(crate) fn broker_error(&self, error: impl std::fmt::Display) {
        self.broker_errors.fetch_add(1, Ordering::Relaxed);
        let error = error.to_string();
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            tracing::warn!(error, "brokers are in trouble; clicks wait where they are");
        }
        *trouble = Some(error);
    }

    /// A broker has done what it was asked.
    pub(crate) fn broker_is_well(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            tracing::info!("brokers work again");
        }
    }
}

/// What those ask who watch.
impl Tally {
    /// How many were none, and why.
    pub(crate) fn poison(&self) -> [(Poison, u64); Poison::ALL.len()] {
        Poison::ALL.map(|poison| (poison, self.poison[poison as usize].load(Ordering::Relaxed)))
    }

    /// How many errors of brokers were reported.
    pub(crate) fn broker_errors(&self) -> u64 {
        self.broker_errors.load(Ordering::Relaxed)
    }

    /// What is wrong with brokers just now.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
