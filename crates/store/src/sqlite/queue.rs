//! A bounded queue between the tasks that ask and the threads that do.

use crate::{StoreError, StoreFuture};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Entries in order, each with a weight; all waiting ones
/// together weigh at most `weight_max`, or there is one alone.
pub(super) struct Queue<T> {
    name: &'static str,
    state: Mutex<State<T>>,
    ready: Condvar,
    weight_max: usize,
}

struct State<T> {
    entries: VecDeque<(usize, T)>,
    weight: usize,
    closed: bool,
    idle: usize,
}

/// Why an entry was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rejected {
    Full,
    Closed,
}

impl<T> Queue<T> {
    /// A queue of the threads with this name.
    pub(super) fn new(name: &'static str, weight_max: usize) -> Queue<T> {
        let state = State { entries: VecDeque::new(), weight: 0, closed: false, idle: 0 };
        Queue { name, state: Mutex::new(state), ready: Condvar::new(), weight_max }
    }

    /// Asks for what an entry does, which is made with whom to answer. It is queued when this returns,
    /// whatever becomes of the answer.
    pub(super) fn ask<V: Send + 'static>(
        &self,
        weight: usize,
        entry: impl FnOnce(oneshot::Sender<Result<V, StoreError>>) -> T,
    ) -> StoreFuture<'static, V> {
        let (caller, answer) = oneshot::channel();
        let pushed = self.push(weight, entry(caller));
        let name = self.name;
        let stopped = move || StoreError::Unavailable(format!("{name} has stopped"));
        Box::pin(async move {
            match pushed {
                Ok(()) => answer.await.unwrap_or_else(|_| Err(stopped())),
                Err(Rejected::Full) => Err(StoreError::Unavailable(format!("the queue of {name} is full"))),
                Err(Rejected::Closed) => Err(stopped()),
            }
        })
    }

    fn push(&self, weight: usize, entry: T) -> Result<(), Rejected> {
        let mut state = self.lock();
        if state.closed {
            return Err(Rejected::Closed);
        }
        if !state.entries.is_empty() && state.weight + weight > self.weight_max {
            return Err(Rejected::Full);
        }
        state.weight += weight;
        state.entries.push_back((weight, entry));
        let somebody_waits = state.idle > 0;
        drop(state);
        if somebody_waits {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Waits for entries and moves them to `taken`: at least one, and as many as weigh no more than `weight`
    /// together and leave their share to `sharers` takers. False when the queue is closed and empty.
    pub(super) fn take(&self, weight: usize, sharers: usize, taken: &mut Vec<T>) -> bool {
        let mut state = self.lock();
        while state.entries.is_empty() {
            if state.closed {
                return false;
            }
            state.idle += 1;
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
        let share = state.entries.len().div_ceil(sharers);
        let mut left = weight;
        while let Some(&(heavy, _)) = state.entries.front() {
            if !taken.is_empty() && (heavy > left || taken.len() >= share) {
                break;
            }
            left = left.saturating_sub(heavy);
            state.weight -= heavy;
            taken.extend(state.entries.pop_front().map(|(_, entry)| entry));
        }
        true
    }

    /// Takes no more entries; what waits is still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Takes no more entries and drops what waits.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.entries);
        state.weight = 0;
        drop(state);
        drop(waiting);
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_but_never_a_single_entry() {
        let queue = Queue::new("test", 10);
        assert_eq!(queue.push(100, 'a'), Ok(()));
        assert_eq!(queue.push(1, 'b'), Err(Rejected::Full));
        let mut taken = Vec::new();
        assert!(queue.take(1, 1, &mut taken));
        assert_eq!(taken, ['a']);
        assert_eq!(queue.push(1, 'b'), Ok(()));
    }

    #[test]
    fn a_closed_queue_hands_out_what_waits_and_then_ends() {
        let queue = Queue::new("test", 10);
        queue.push(1, 'a').unwrap();
        queue.close();
        assert_eq!(queue.push(1, 'b'), Err(Rejected::Closed));
        let mut taken = Vec::new();
        assert!(queue.take(10, 1, &mut taken));
        assert_eq!(taken, ['a']);
        assert!(!queue.take(10, 1, &mut taken));
    }

    #[test]
    fn entries_are_shared_among_takers() {
        let queue = Queue::new("test", 10);
        for number in 0..4 {
            queue.push(1, number).unwrap();
        }
        let mut taken = Vec::new();
        queue.take(10, 2, &mut taken);
        assert_eq!(taken, [0, 1]);
    }
}
