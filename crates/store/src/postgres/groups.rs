//! Gathers what is asked for while something is under way, so that it goes on together.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Entries in order, each with a weight. How many may wait is the affair of whoever pushes.
pub(super) struct Groups<T> {
    state: Mutex<State<T>>,
    ready: Notify,
}

struct State<T> {
    entries: VecDeque<(usize, T)>,
    closed: bool,
}

impl<T> Groups<T> {
    pub(super) fn new() -> Groups<T> {
        let state = Mutex::new(State { entries: VecDeque::new(), closed: false });
        Groups { state, ready: Notify::new() }
    }

    /// Adds an entry; what comes after the end is dropped, and whoever waits for it is told so by that.
    pub(super) fn push(&self, weight: usize, entry: T) {
        let mut state = self.lock();
        if !state.closed {
            state.entries.push_back((weight, entry));
            drop(state);
            self.ready.notify_one();
        }
    }

    /// Waits for entries and takes as many as weigh no more than `weight` together, at least one. Nothing when no more
    /// will come.
    pub(super) async fn take(&self, weight: usize) -> Option<Vec<T>> {
        loop {
            {
                let mut state = self.lock();
                let mut taken = Vec::new();
                let mut left = weight;
                while let Some(&(heavy, _)) = state.entries.front() {
                    if heavy > left && !taken.is_empty() {
                        break;
                    }
                    left = left.saturating_sub(heavy);
                    taken.extend(state.entries.pop_front().map(|(_, entry)| entry));
                }
                let (more, closed) = (!state.entries.is_empty(), state.closed);
                drop(state);
                if more || closed {
                    self.ready.notify_one();
                }
                if !taken.is_empty() {
                    return Some(taken);
                }
                if closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    /// Takes no more; what waits is still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Groups;

    #[tokio::test]
    async fn what_waits_goes_together_up_to_a_weight() {
        let groups = Groups::new();
        for (weight, entry) in [(3, 'a'), (3, 'b'), (9, 'c'), (1, 'd')] {
            groups.push(weight, entry);
        }
        assert_eq!(groups.take(7).await, Some(vec!['a', 'b']));
        assert_eq!(groups.take(7).await, Some(vec!['c']));
        assert_eq!(groups.take(7).await, Some(vec!['d']));
    }

    #[tokio::test]
    async fn the_end_hands_out_what_waits_to_all_who_take() {
        let groups = Groups::new();
        groups.push(1, 'a');
        groups.close();
        groups.push(1, 'b');
        assert_eq!(groups.take(1).await, Some(vec!['a']));
        let (one, other) = tokio::join!(groups.take(1), groups.take(1));
        assert_eq!((one, other), (None, None));
    }
}
