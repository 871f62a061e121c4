//! Who is connected to a core, so that those who are idle for too long can be shown out, and all of them at the end.
//!
//! A timer for each request would cost more than the request. Instead a connection notes the second in which it began to
//! wait, and once a second the core looks through its seats.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use tokio::task::AbortHandle;

/// Not waiting for a request: it must not be shown out.
const BUSY: u32 = u32::MAX;

/// The connections of a core that are not with hyper.
#[derive(Default)]
pub(crate) struct Seats {
    taken: RefCell<HashMap<u64, Taken>>,
    next: Cell<u64>,
}

/// Since which second a connection has been waiting, and its task.
type Taken = (Rc<Cell<u32>>, AbortHandle);

/// The place of one connection; giving it up is dropping it.
pub(crate) struct Seat {
    number: u64,
    waiting_since: Rc<Cell<u32>>,
    seats: Weak<Seats>,
}

impl Seats {
    /// A place for a connection that begins to wait in second `now`.
    pub(crate) fn take(self: &Rc<Self>, now: u32) -> Seat {
        let number = self.next.get();
        self.next.set(number + 1);
        Seat { number, waiting_since: Rc::new(Cell::new(now)), seats: Rc::downgrade(self) }
    }

    /// Says which task sits there. A task that has already ended has given up its seat, and nothing is kept.
    pub(crate) fn seated(&self, number: u64, waiting_since: Rc<Cell<u32>>, task: AbortHandle) {
        if !task.is_finished() {
            self.taken.borrow_mut().insert(number, (waiting_since, task));
        }
    }

    /// Shows out everybody who has been waiting since `before` or longer.
    pub(crate) fn show_out(&self, before: u32) {
        let long_waiting = |since: u32| since != BUSY && since <= before;
        let out: Vec<AbortHandle> = self
            .taken
            .borrow()
            .values()
            .filter(|(since, _)| long_waiting(since.get()))
            .map(|(_, task)| task.clone())
            .collect();
        // Ending a task drops its seat, which takes itself off the table.
        out.iter().for_each(AbortHandle::abort);
    }
}

impl Seat {
    /// What [`Seats::seated`] needs to know.
    pub(crate) fn ticket(&self) -> (u64, Rc<Cell<u32>>) {
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

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(seats) = self.seats.upgrade() {
            seats.taken.borrow_mut().remove(&self.number);
        }
    }
}
