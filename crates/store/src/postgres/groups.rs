//! Gathers what is asked for while something is under way, so that it goes on together.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How long entries wait at most to become worth a group beside another one: one that hangs holds up nobody.
const GROUP_WAIT_MAX: Duration = Duration::from_millis(5);
/// How long a group waits at most for those who were just answered to come back.
const RETURN: Duration = Duration::from_millis(1);

/// Entries in order, each with a weight. How many may wait is the affair of whoever pushes.
pub(super) struct Groups<T> {
    state: Mutex<State<T>>,
    ready: Notify,
    worth: usize,
}

struct State<T> {
    entries: VecDeque<(usize, T)>,
    /// The weight of these.
    waiting: usize,
    /// The weight of what was taken and has not ended.
    under_way: usize,
    /// What weighed so much, under way and waiting, when the last group ended, and when that was.
    ended: Option<(usize, Instant)>,
    closed: bool,
}

/// What goes together, until it is dropped.
pub(super) struct Group<'g, T> {
    groups: &'g Groups<T>,
    weight: usize,
    pub(super) entries: Vec<T>,
}

impl<T> Groups<T> {
    /// Groups that begin as soon as anything waits and somebody
    /// is free to take it: for what costs little by itself.
    pub(super) fn eager() -> Groups<T> {
        Groups::of_worth(0)
    }

    /// Groups for commits, which cost much however little is in them. One begins beside another only with
    /// this weight, or after [`GROUP_WAIT_MAX`]. When none is under way it waits a moment ([`RETURN`]) for as
    /// much as there was before: callers that come back as soon as they are answered would make small groups
    /// for ever, and are one large group instead.
    pub(super) fn of_worth(worth: usize) -> Groups<T> {
        let state = State { entries: VecDeque::new(), waiting: 0, under_way: 0, ended: None, closed: false };
        Groups { state: Mutex::new(state), ready: Notify::new(), worth }
    }

    /// Adds an entry; what comes after the end is dropped, and whoever waits for it is told so by that.
    pub(super) fn push(&self, weight: usize, entry: T) {
        let mut state = self.lock();
        if !state.closed {
            state.entries.push_back((weight, entry));
            state.waiting += weight;
            drop(state);
            self.ready.notify_one();
        }
    }

    /// Waits for entries and takes as many as weigh no more than
    /// `weight` together, at least one. Nothing when no more will come.
    pub(super) async fn take(&self, weight: usize) -> Option<Group<'_, T>> {
        // Since when entries wait beside a group that is under way.
        let mut beside_since = None;
        loop {
            let until = {
                let mut state = self.lock();
                let until = state.begins_at(self.worth, &mut beside_since);
                if state.closed || until.is_none_or(|until| until <= Instant::now()) {
                    let group = state.take(weight, self);
                    let (more, closed) = (!state.entries.is_empty(), state.closed);
                    drop(state);
                    if more || closed {
                        self.ready.notify_one();
                    }
                    if group.is_some() || closed {
                        return group;
                    }
                    None
                } else {
                    until
                }
            };
            match until {
                // Either is a reason to look again.
                Some(until) => drop(timeout_at(until, self.ready.notified()).await),
                None => self.ready.notified().await,
            }
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

impl<T> State<T> {
    /// When a group of what waits may begin; nothing when it may now, or when nothing waits.
    fn begins_at(&self, worth: usize, beside_since: &mut Option<Instant>) -> Option<Instant> {
        if self.waiting >= worth {
            None
        } else if self.under_way > 0 {
            let waits = (!self.entries.is_empty()).then(Instant::now);
            *beside_since = beside_since.or(waits).filter(|_| waits.is_some());
            beside_since.map(|since| since + GROUP_WAIT_MAX)
        } else {
            *beside_since = None;
            self.ended.filter(|(weight, _)| self.waiting < *weight).map(|(_, at)| at + RETURN)
        }
    }

    fn take<'g>(&mut self, weight_max: usize, groups: &'g Groups<T>) -> Option<Group<'g, T>> {
        let (mut entries, mut weight) = (Vec::new(), 0);
        while let Some(&(heavy, _)) = self.entries.front() {
            if weight + heavy > weight_max && !entries.is_empty() {
                break;
            }
            weight += heavy;
            entries.extend(self.entries.pop_front().map(|(_, entry)| entry));
        }
        self.waiting -= weight;
        self.under_way += weight;
        (!entries.is_empty()).then(|| Group { groups, weight, entries })
    }
}

impl<T> Drop for Group<'_, T> {
    fn drop(&mut self) {
        let mut state = self.groups.lock();
        state.under_way -= self.weight;
        state.ended = Some((state.waiting + state.under_way + self.weight, Instant::now()));
        drop(state);
        self.groups.ready.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::Groups;
    use futures_util::FutureExt;

    async fn taken(groups: &Groups<char>, weight: usize) -> Option<Vec<char>> {
        groups.take(weight).await.map(|mut group| std::mem::take(&mut group.entries))
    }

    #[tokio::test]
    async fn what_waits_goes_together_up_to_a_weight() {
        let groups = Groups::eager();
        for (weight, entry) in [(3, 'a'), (3, 'b'), (9, 'c'), (1, 'd')] {
            groups.push(weight, entry);
        }
        assert_eq!(taken(&groups, 7).await, Some(vec!['a', 'b']));
        assert_eq!(taken(&groups, 7).await, Some(vec!['c']));
        assert_eq!(taken(&groups, 7).await, Some(vec!['d']));
    }

    #[tokio::test]
    async fn the_end_hands_out_what_waits_to_all_who_take() {
        let groups = Groups::eager();
        groups.push(1, 'a');
        groups.close();
        groups.push(1, 'b');
        assert_eq!(taken(&groups, 1).await, Some(vec!['a']));
        let (one, other) = tokio::join!(taken(&groups, 1), taken(&groups, 1));
        assert_eq!((one, other), (None, None));
    }

    #[tokio::test]
    async fn beside_another_group_one_begins_when_it_is_worth_it() {
        let groups = Groups::of_worth(2);
        groups.push(1, 'a');
        let first = groups.take(9).await.expect("nothing is under way");
        groups.push(1, 'b');
        assert!(groups.take(9).now_or_never().is_none(), "one is not worth it");
        groups.push(1, 'c');
        let second = groups.take(9).now_or_never().flatten().expect("two are");
        assert_eq!((&first.entries, &second.entries), (&vec!['a'], &vec!['b', 'c']));
    }

    #[tokio::test]
    async fn those_who_were_just_answered_are_waited_for_and_no_longer_than_a_moment() {
        let groups = Groups::of_worth(1000);
        for entry in ['a', 'b'] {
            groups.push(1, entry);
        }
        drop(groups.take(9).await);
        groups.push(1, 'c');
        let next = groups.take(9);
        tokio::pin!(next);
        assert!(next.as_mut().now_or_never().is_none(), "of two one has come back");
        groups.push(1, 'd');
        assert_eq!(next.now_or_never().flatten().expect("both have").entries, ['c', 'd']);
        groups.push(1, 'e');
        assert_eq!(taken(&groups, 9).await, Some(vec!['e']));
    }

    #[tokio::test]
    async fn a_group_that_hangs_holds_the_others_up_for_a_moment_only() {
        let groups = Groups::of_worth(1000);
        groups.push(1, 'a');
        let hanging = groups.take(9).await.expect("nothing is under way");
        groups.push(1, 'b');
        assert_eq!(taken(&groups, 9).await, Some(vec!['b']));
        drop(hanging);
    }
}
