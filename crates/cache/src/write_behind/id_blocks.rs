//! The ids that this process may give before the store is asked, and the blocks that they are from.
//!
//! A block is noted in the journal before one of its ids is given. It is released when all of its ids have
//! been given and the store has every link that was made of them. What a process has not given when it ends
//! is never given: that is cheaper than proving that it was not.

use curtail_model::LinkId;
use curtail_store::IdBlock;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Blocks, the oldest first.
#[derive(Default)]
pub(super) struct IdBlocks {
    held: Mutex<Vec<Block>>,
    /// Ids run low, or a block is over.
    changed: Notify,
}

struct Block {
    first: u64,
    end: u64,
    version: u64,
    ids: VecDeque<LinkId>,
    /// Links that were made of it, or are being made, and are not in the store.
    open: usize,
    /// Noted in the journal.
    noted: bool,
}

impl Block {
    fn is_over(&self) -> bool {
        self.noted && self.ids.is_empty() && self.open == 0
    }
}

impl IdBlocks {
    /// Holds a block; its ids are given from when it is [noted](IdBlocks::noted).
    pub(super) fn hold(&self, block: IdBlock) {
        let IdBlock { first, end, version, ids } = block;
        self.lock().push(Block { first, end, version, ids: ids.into(), open: 0, noted: false });
    }

    /// A block is in the journal.
    pub(super) fn noted(&self, first: u64) {
        self.lock().iter_mut().filter(|held| held.first == first).for_each(|held| held.noted = true);
    }

    /// Holds a block of an earlier process, to release it when its links are in the store.
    pub(super) fn recall(&self, first: u64, end: u64) {
        let mut held = self.lock();
        if !held.iter().any(|held| held.first == first) {
            held.push(Block { first, end, version: 0, ids: VecDeque::new(), open: 0, noted: true });
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
    pub(super) fn remaining(&self) -> usize {
        self.lock().iter().filter(|held| held.noted).map(|held| held.ids.len()).sum()
    }

    /// What has to stand in each segment of the journal.
    pub(super) fn in_force(&self) -> Vec<(u64, u64)> {
        self.lock().iter().map(|held| (held.first, held.end)).collect()
    }

    /// The blocks that are over, by their first numbers; they
    /// are in force until they are [dropped](IdBlocks::released).
    pub(super) fn over(&self) -> Vec<u64> {
        self.lock().iter().filter(|held| held.is_over()).map(|held| held.first).collect()
    }

    /// These have been released.
    pub(super) fn released(&self, blocks: &[u64]) {
        self.lock().retain(|held| !blocks.contains(&held.first));
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

    fn of(&self, id: LinkId, then: impl FnOnce(&mut Block)) {
        let mut held = self.lock();
        if let Some(held) = held.iter_mut().find(|held| (held.first..held.end).contains(&id.get())) {
            then(held);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Block>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(first: u64, count: u64) -> IdBlock {
        let ids = (first..first + count).filter_map(LinkId::new).collect();
        IdBlock { first, end: first + count, version: first, ids }
    }

    #[test]
    fn ids_are_given_once_and_only_from_blocks_that_are_noted() {
        let id_blocks = IdBlocks::default();
        id_blocks.hold(block(10, 3));
        assert_eq!(id_blocks.take(1), None);
        id_blocks.noted(10);
        id_blocks.hold(block(100, 3));
        id_blocks.noted(100);
        let ids: Vec<(u64, u64)> =
            id_blocks.take(4).unwrap().into_iter().map(|(id, version)| (id.get(), version)).collect();
        assert_eq!(ids, [(10, 10), (11, 10), (12, 10), (100, 100)]);
        assert_eq!((id_blocks.take(3), id_blocks.remaining()), (None, 2));
    }

    #[test]
    fn a_block_is_over_when_all_its_ids_are_given_and_settled() {
        let id_blocks = IdBlocks::default();
        id_blocks.hold(block(10, 2));
        id_blocks.noted(10);
        let taken = id_blocks.take(2).unwrap();
        assert!(id_blocks.over().is_empty());
        taken.iter().for_each(|(id, _)| id_blocks.settled(*id));
        assert_eq!((id_blocks.over(), id_blocks.in_force()), (vec![10], vec![(10, 12)]));
        id_blocks.released(&[10]);
        assert!(id_blocks.in_force().is_empty());
    }
}
