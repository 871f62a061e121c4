//! Counting in small bites: a thread that counts on a core which redirects want too leaves it every tenth of
//! a millisecond.
//!
//! The scheduler alone would not do: the kernels of servers take a thread off its core at their tick, every 1
//! to 10 ms, however far it has stepped back, and so long would a redirect wait. Sleeping costs counting time
//! and no work. Whoever has much to count, or is asked to end, lets others who wait for the core go first all the same,
//! and does not sleep.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long is worked between two rests.
const WORK: Duration = Duration::from_micros(100);
/// The kernel makes about 100 us of it (`PR_SET_TIMERSLACK`).
const REST: Duration = Duration::from_micros(50);

thread_local! {
    /// When the last rest of this thread ended.
    static RESTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Says when it is time to rest: to the thread that counts, and to the store's that writes for it.
#[derive(Default)]
pub(super) struct Pacing {
    may_rest: AtomicBool,
}

impl Pacing {
    /// Whether to go on at once where nobody waits for the core.
    pub(super) fn set_hurry(&self, in_a_hurry: bool) {
        self.may_rest.store(!in_a_hurry, Ordering::Relaxed);
    }

    /// To be called between two small pieces of work.
    pub(super) fn rest_if_due(&self) {
        if RESTED.get().is_some_and(|rested| rested.elapsed() < WORK) {
            return;
        }
        if self.may_rest.load(Ordering::Relaxed) {
            thread::sleep(REST);
        } else {
            thread::yield_now();
        }
        RESTED.set(Some(Instant::now()));
    }
}
