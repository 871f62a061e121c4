//! Until when what is remembered may be served without asking again.
//!
//! Who hears of all changes renews it; where there is nobody to hear of, it never ends. See "Why nothing is
//! older than 2 s" in docs/architecture/caching.md for the figures.

use curtail_model::Timestamp;
use curtail_store::AGE_MAX_MILLIS;
use std::sync::atomic::{AtomicI64, Ordering};

/// Without a lease, an entry is served for this long after the store was asked, in milliseconds.
pub(crate) const UNCHECKED_MILLIS: i64 = 750;

/// After a change, the codes under its hash are asked of the primary for this long, in milliseconds: until
/// all replicas have it, and no "nothing" that was read before it is left in L2.
pub(crate) const RECENT_MILLIS: i64 = 3_000;
const _: () = assert!(RECENT_MILLIS > AGE_MAX_MILLIS);

/// The newest time at which anything was asked. When the clock goes back, entries from before that seem to be
/// of the future: what is to cover all entries that there are has to cover them too. Written by fills and
/// changes, so it has a cache line of its own.
#[repr(align(128))]
pub(crate) struct NewestAsked(AtomicI64);

impl NewestAsked {
    pub(crate) fn new() -> NewestAsked {
        NewestAsked(AtomicI64::new(i64::MIN))
    }

    pub(crate) fn note(&self, asked: Timestamp) {
        if asked.millis() > self.0.load(Ordering::Acquire) {
            self.0.fetch_max(asked.millis(), Ordering::AcqRel);
        }
    }

    /// The later of this time and `then`.
    pub(crate) fn or(&self, then: Timestamp) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Acquire).max(then.millis()))
    }
}

/// Read by all cores at each look-up and written a few times a second, so it has its cache line to itself.
#[repr(align(128))]
pub(crate) struct FreshnessLease {
    until: AtomicI64,
    /// What was asked before this is not believed unless it is young.
    suspect_before: AtomicI64,
}

impl FreshnessLease {
    /// One that never ends.
    pub(crate) fn endless() -> FreshnessLease {
        FreshnessLease { until: AtomicI64::new(i64::MAX), suspect_before: AtomicI64::new(i64::MIN) }
    }

    #[inline]
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        now.millis() < self.until.load(Ordering::Relaxed)
    }

    pub(crate) fn renew(&self, until: Timestamp) {
        self.until.store(until.millis(), Ordering::Relaxed);
    }

    pub(crate) fn suspect(&self, before: Timestamp) {
        self.suspect_before.fetch_max(before.millis(), Ordering::AcqRel);
    }

    /// Whether what was asked then is good for as long as the lease holds.
    pub(crate) fn is_settled(&self, asked: Timestamp) -> bool {
        asked.millis() > self.suspect_before.load(Ordering::Acquire)
    }

    /// Whether what was asked then may be served now. What was asked in the future was asked before the clock
    /// went back, nobody knows how long ago.
    pub(crate) fn may_serve(&self, asked: Timestamp, now: Timestamp) -> bool {
        (0..=UNCHECKED_MILLIS).contains(&(now.millis() - asked.millis()))
            || (self.holds(now) && self.is_settled(asked))
    }
}
