//! The ids that this process may give before the store is asked, and the leases that they are from.
//!
//! A lease is noted in the journal before one of its ids is given. It is released when all of its ids have
//! been given and the store has every link that was made of them. What a process has not given when it ends
//! is never given: that is cheaper than proving that it was not.

use curtail_model::LinkId;
use curtail_store::Lease;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Leases, the oldest first.
#[derive(Default)]
pub(super) struct Leases {
    held: Mutex<Vec<Held>>,
    /// Ids run low, or a lease is over.
    changed: Notify,
}

struct Held {
    first: u64,
    end: u64,
    version: u64,
    ids: VecDeque<LinkId>,
    /// Links that were made of it, or are being made, and are not in the store.
    open: usize,
    /// Noted in the journal.
    noted: bool,
}

impl Held {
    fn is_over(&self) -> bool {
        self.noted && self.ids.is_empty() && self.open == 0
    }
}

impl Leases {
    /// Holds a lease; its ids are given from when it is [noted](Leases::noted).
    pub(super) fn hold(&self, lease: Lease) {
        let Lease { first, end, version, ids } = lease;
        self.lock().push(Held { first, end, version, ids: ids.into(), open: 0, noted: false });
    }

    /// A lease is in the journal.
    pub(super) fn noted(&self, first: u64) {
        self.lock().iter_mut().filter(|held| held.first == first).for_each(|held| held.noted = true);
    }

    /// Holds a lease of an earlier process, to release it when its links are in the store.
    pub(super) fn recall(&self, first: u64, end: u64) {
        let mut held = self.lock();
        if !held.iter().any(|held| held.first == first) {
            held.push(Held { first, end, version: 0, ids: VecDeque::new(), open: 0, noted: true });
        }
    }

    /// An earlier process made a link with this id.
    pub(super) fn recall_link(&self, id: LinkId) {
        self.of(id, |held| held.open += 1);
    }

    /// So many ids with the versions of their links; none if there are not as many.
    pub(super) fn take(&self, count: usize) -> Option<Vec<(LinkId, u64)>> {
        let mut held = self.lock();
        let left: usize = held.iter().filter(|held| held.noted).map(|held| held.ids.len()).sum();
        if left < count {
            return None;
        }
        let mut taken = Vec::with_capacity(count);
        for held in held.iter_mut().filter(|held| held.noted) {
            let some = held.ids.len().min(count - taken.len());
            taken.extend(held.ids.drain(..some).map(|id| (id, held.version)));
            held.open += some;
        }
        drop(held);
        self.changed.notify_one();
        Some(taken)
    }

    /// The store has the link with this id, or it was never made.
    pub(super) fn settled(&self, id: LinkId) {
        self.of(id, |held| held.open = held.open.saturating_sub(1));
        self.changed.notify_one();
    }

    /// Ids that can be given.
    pub(super) fn left(&self) -> usize {
        self.lock().iter().filter(|held| held.noted).map(|held| held.ids.len()).sum()
    }

    /// What has to stand in each segment of the journal.
    pub(super) fn in_force(&self) -> Vec<(u64, u64)> {
        self.lock().iter().map(|held| (held.first, held.end)).collect()
    }

    /// The leases that are over, by their first numbers; they
    /// are in force until they are [dropped](Leases::released).
    pub(super) fn over(&self) -> Vec<u64> {
        self.lock().iter().filter(|held| held.is_over()).map(|held| held.first).collect()
    }

    /// These have been released.
    pub(super) fn released(&self, leases: &[u64]) {
        self.lock().retain(|held| !leases.contains(&held.first));
    }

    /// Gives no more ids.
    pub(super) fn close(&self) {
        self.lock().iter_mut().for_each(|held| held.ids.clear());
        self.changed.notify_one();
    }

    /// Waits until something may be to be leased or released.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn of(&self, id: LinkId, then: impl FnOnce(&mut Held)) {
        let mut held = self.lock();
        if let Some(held) = held.iter_mut().find(|held| (held.first..held.end).contains(&id.get())) {
            then(held);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(first: u64, count: u64) -> Lease {
        let ids = (first..first + count).filter_map(LinkId::new).collect();
        Lease { first, end: first + count, version: first, ids }
    }

    #[test]
    fn ids_are_given_once_and_only_from_leases_that_are_noted() {
        let leases = Leases::default();
        leases.hold(lease(10, 3));
        assert_eq!(leases.take(1), None);
        leases.noted(10);
        leases.hold(lease(100, 3));
        leases.noted(100);
        let ids: Vec<(u64, u64)> =
            leases.take(4).unwrap().into_iter().map(|(id, version)| (id.get(), version)).collect();
        assert_eq!(ids, [(10, 10), (11, 10), (12, 10), (100, 100)]);
        assert_eq!((leases.take(3), leases.left()), (None, 2));
    }

    #[test]
    fn a_lease_is_over_when_all_its_ids_are_given_and_settled() {
        let leases = Leases::default();
        leases.hold(lease(10, 2));
        leases.noted(10);
        let taken = leases.take(2).unwrap();
        assert!(leases.over().is_empty());
        taken.iter().for_each(|(id, _)| leases.settled(*id));
        assert_eq!((leases.over(), leases.in_force()), (vec![10], vec![(10, 12)]));
        leases.released(&[10]);
        assert!(leases.in_force().is_empty());
    }
}
