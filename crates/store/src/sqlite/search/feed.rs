//! How far the links have got, how far the index has followed them, and who waits for that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Between the writer, which makes changes, the indexer, which follows them, and searches, which wait for it.
pub(in super::super) struct Feed {
    state: Mutex<State>,
    changed: Condvar,
    indexed: watch::Sender<u64>,
    generation: AtomicU64,
}

#[derive(Clone, Copy)]
struct State {
    latest: u64,
    closed: bool,
    suspect: bool,
}

/// What the indexer has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Follow,
    Renew,
    End,
}

impl Feed {
    pub(in super::super) fn new(latest: u64) -> Feed {
        Feed {
            state: Mutex::new(State { latest, closed: false, suspect: false }),
            changed: Condvar::new(),
            indexed: watch::Sender::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// Changes up to this version are committed.
    pub(in super::super) fn publish(&self, version: u64) {
        self.lock().latest = version;
        self.changed.notify_all();
    }

    pub(super) fn latest(&self) -> u64 {
        self.lock().latest
    }

    /// Waits until changes up to this version have been indexed.
    pub(super) async fn indexed(&self, version: u64) {
        // The sender is our own: it cannot go away while we wait.
        let _ = self.indexed.subscribe().wait_for(|indexed| *indexed >= version).await;
    }

    /// Changes up to this version have been indexed.
    pub(super) fn follow(&self, version: u64) {
        self.indexed.send_replace(version);
    }

    /// Which file the index is in: each new one counts up.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The index is in a new file, and nothing is in it.
    pub(super) fn renewed(&self) {
        self.lock().suspect = false;
        self.indexed.send_replace(0);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Somebody found the index damaged.
    pub(super) fn suspect(&self) {
        self.lock().suspect = true;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// What there is to do now.
    pub(super) fn task(&self) -> Task {
        self.lock().task()
    }

    /// Waits until there is something to do for an indexer that has followed up to this version.
    pub(super) fn wait(&self, followed: u64) -> Task {
        let idle = |state: &mut State| state.task() == Task::Follow && state.latest <= followed;
        self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner).task()
    }

    /// Waits a while, unless the end comes before.
    pub(super) fn pause(&self, time: Duration) {
        let running = |state: &mut State| !state.closed;
        drop(self.changed.wait_timeout_while(self.lock(), time, running));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn task(self) -> Task {
        match self {
            State { closed: true, .. } => Task::End,
            State { suspect: true, .. } => Task::Renew,
            _ => Task::Follow,
        }
    }
}
