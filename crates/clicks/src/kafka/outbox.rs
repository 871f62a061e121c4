//! What was handed to the producer and has not been acknowledged by Kafka.
//!
//! Clicks are handed over in batches, each with the positions that the journal has been read to behind it. A
//! batch is settled when all its clicks, and those of all batches before it, have been acknowledged: then
//! nothing before its positions is needed any more. Partitions acknowledge in any order, so some clicks of
//! later batches are known to be safe earlier; should the producer end then, they are sent again and told
//! apart by those who count.

use crate::log::record::Origin;
use curtail_model::Timestamp;
use curtail_store::rollups::Positions;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The batches, shared with whoever hears of deliveries.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    /// The number of the first of them.
    first: usize,
    in_flight: usize,
    failure: Option<String>,
}

#[derive(Debug)]
struct Batch {
    clicks: usize,
    left: usize,
    positions: Positions,
    oldest: Option<Timestamp>,
}

/// What became safe.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// So many clicks.
    pub(crate) clicks: usize,
    /// Everything before these positions.
    pub(crate) positions: Positions,
}

impl Outbox {
    /// Adds a batch and answers its number. Its clicks come from these places.
    pub(super) fn add(&self, origins: &[Origin], positions: Positions) -> usize {
        let mut state = self.state();
        let clicks = origins.len();
        let oldest = origins.iter().map(|origin| origin.at).min();
        state.batches.push_back(Batch { clicks, left: clicks, positions, oldest });
        state.in_flight += clicks;
        state.first + state.batches.len() - 1
    }

    /// A click of this batch is safe.
    pub(super) fn acknowledged(&self, batch: usize) {
        let mut state = self.state();
        state.in_flight -= 1;
        let place = batch - state.first;
        state.batches[place].left -= 1;
    }

    /// A click will not arrive.
    pub(super) fn failed(&self, reason: String) {
        self.state().failure.get_or_insert(reason);
    }

    /// Takes what became safe since the last call, in the order of the batches.
    pub(super) fn settle(&self) -> Option<Settled> {
        let mut state = self.state();
        let mut settled = None::<Settled>;
        while let Some(batch) = state.batches.pop_front_if(|batch| batch.left == 0) {
            state.first += 1;
            let settled = settled.get_or_insert_default();
            settled.clicks += batch.clicks;
            for (stream, position) in batch.positions {
                settled.positions.retain(|(other, _)| *other != stream);
                settled.positions.push((stream, position));
            }
        }
        settled
    }

    /// Why a click did not arrive, if one did not.
    pub(super) fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Clicks that were handed over and are not acknowledged.
    pub(super) fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    /// When the oldest click happened that may not be safe.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.state().batches.iter().find_map(|batch| batch.oldest)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(count: usize) -> Vec<Origin> {
        let at = |number: usize| Timestamp::from_millis(number as i64);
        (0..count).map(|number| Origin { stream: 1, position: 1, at: at(number) }).collect()
    }

    #[test]
    fn nothing_is_released_before_what_came_earlier_is_safe() {
        let outbox = Outbox::default();
        let first = outbox.add(&origins(2), vec![(1, 10), (2, 5)]);
        let second = outbox.add(&origins(1), vec![(1, 20)]);
        let third = outbox.add(&origins(1), vec![(2, 30)]);
        assert_eq!((outbox.in_flight(), outbox.settle()), (4, None));
        outbox.acknowledged(second);
        outbox.acknowledged(first);
        assert_eq!(outbox.settle(), None, "one of the first is on its way");
        assert_eq!(outbox.oldest(), Some(Timestamp::from_millis(0)));
        outbox.acknowledged(first);
        let settled = outbox.settle().unwrap();
        assert_eq!((settled.clicks, settled.positions), (3, vec![(2, 5), (1, 20)]));
        outbox.acknowledged(third);
        assert_eq!(outbox.settle().unwrap().positions, [(2, 30)]);
        assert_eq!((outbox.in_flight(), outbox.oldest()), (0, None));
    }

    #[test]
    fn positions_that_moved_without_clicks_are_settled_in_their_turn() {
        let outbox = Outbox::default();
        let first = outbox.add(&origins(1), vec![(1, 10)]);
        outbox.add(&[], vec![(1, 20)]);
        assert_eq!(outbox.settle(), None);
        outbox.acknowledged(first);
        assert_eq!(outbox.settle().unwrap(), Settled { clicks: 1, positions: vec![(1, 20)] });
    }
}
