//! The connections of a core, so that those that are idle
//! for too long can be closed, and all of them at the end.
//!
//! A timer for each request would cost more than the request. Instead a connection notes the second in which
//! it began to wait, and once a second the core looks through its connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use tokio::task::AbortHandle;

/// Not waiting for a request: it must not be closed.
const BUSY: u32 = u32::MAX;

/// The connections of a core that are not with hyper.
#[derive(Default)]
pub(crate) struct IdleConnections {
    watched: RefCell<HashMap<u64, Watched>>,
    next: Cell<u64>,
}

/// Since which second a connection has been waiting, and its task.
type Watched = (Rc<Cell<u32>>, AbortHandle);

/// How long one connection has been waiting; dropping it ends the watch.
pub(crate) struct IdleTime {
    number: u64,
    waiting_since: Rc<Cell<u32>>,
    connections: Weak<IdleConnections>,
}

impl IdleConnections {
    /// Watches a connection that begins to wait in second `now`.
    pub(crate) fn watch(self: &Rc<Self>, now: u32) -> IdleTime {
        let number = self.next.get();
        self.next.set(number + 1);
        IdleTime { number, waiting_since: Rc::new(Cell::new(now)), connections: Rc::downgrade(self) }
    }

    /// Says which task serves it. A task that has already ended is watched no more, and nothing is kept.
    pub(crate) fn started(&self, number: u64, waiting_since: Rc<Cell<u32>>, task: AbortHandle) {
        if !task.is_finished() {
            self.watched.borrow_mut().insert(number, (waiting_since, task));
        }
    }

    /// Closes all that are waiting.
    pub(crate) fn close_all_idle(&self) {
        self.close_idle(BUSY - 1);
    }

    /// Closes those that have been waiting since second `before` or longer.
    pub(crate) fn close_idle(&self, before: u32) {
        let is_over = |since: u32| since != BUSY && since <= before;
        let out: Vec<AbortHandle> = self
            .watched
            .borrow()
            .values()
            .filter(|(since, _)| is_over(since.get()))
            .map(|(_, task)| task.clone())
            .collect();
        // Ending a task drops its `IdleTime`, which takes itself off the list.
        out.iter().for_each(AbortHandle::abort);
    }
}

impl IdleTime {
    /// What [`IdleConnections::started`] needs to know.
    pub(crate) fn watched(&self) -> (u64, Rc<Cell<u32>>) {
        (self.number, self.waiting_since.clone())
    }

    /// It waits for a request from now on.
    #[inline]
    pub(crate) fn waits(&self, now: u32) {
        self.waiting_since.set(now);
    }

    /// It is being served.
    #[inline]
    pub(crate) fn is_served(&self) {
        self.waiting_since.set(BUSY);
    }
}

impl Drop for IdleTime {
    fn drop(&mut self) {
        if let Some(connections) = self.connections.upgrade() {
            connections.watched.borrow_mut().remove(&self.number);
        }
    }
}
