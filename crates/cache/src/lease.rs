//! Until when what is remembered may be served without asking again.
//!
//! Who hears of all changes renews it; where there is nobody to hear of, it never ends. See "Why nothing is older than
//! 2 s" in ARCHITECTURE.md for the figures.

use crate::shard::REPLICA_LAG_MAX_MILLIS;
use curtail_model::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// Without a lease, an entry is served for this long after the store was asked, in milliseconds.
pub(crate) const UNCHECKED_MILLIS: i64 = 750;

/// After a change, the codes under its hash are asked of the primary for this long, in milliseconds: until all replicas
/// have it, and no "nothing" that was read before it is left in L2.
pub(crate) const RECENT_MILLIS: i64 = 3_000;
const _: () = assert!(RECENT_MILLIS > REPLICA_LAG_MAX_MILLIS);

/// Read by all cores at each look-up and written a few times a second, so it has its cache line to itself.
#[repr(align(128))]
pub(crate) struct Lease {
    until: AtomicI64,
    /// What was asked before this is not believed unless it is young.
    suspect_before: AtomicI64,
}

impl Lease {
    /// One that never ends.
    pub(crate) fn endless() -> Lease {
        Lease { until: AtomicI64::new(i64::MAX), suspect_before: AtomicI64::new(i64::MIN) }
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

    /// Whether what was asked then may be served now.
    pub(crate) fn may_serve(&self, asked: Timestamp, now: Timestamp) -> bool {
        now.millis() - asked.millis() <= UNCHECKED_MILLIS || (self.holds(now) && self.is_settled(asked))
    }
}
