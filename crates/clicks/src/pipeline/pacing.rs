//! Counting in small bites: a thread that counts on a core which redirects want too leaves it every tenth of
//! a millisecond.
//!
//! The scheduler alone would not do: the kernels of servers take a thread off its core at
//! their tick, every 1 to 10 ms, however far it has stepped back, and so long would a redirect
//! wait. Sleeping costs counting time and no work; whoever has much to count, or is asked to
//! end, does not rest. (Nor does it yield: with Linux 6.18 a thread that has stepped back and
//! yields every tenth of a millisecond gets a hundredth of a busy core in place of a tenth.)

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
    /// Whether to go on without rest.
    pub(super) fn set_hurry(&self, in_a_hurry: bool) {
        self.may_rest.store(!in_a_hurry, Ordering::Relaxed);
    }

    /// To be called between two small pieces of work.
    pub(super) fn rest_if_due(&self) {
        if !self.may_rest.load(Ordering::Relaxed) {
            return;
        }
        if RESTED.get().is_none_or(|rested| rested.elapsed() >= WORK) {
            thread::sleep(REST);
            RESTED.set(Some(Instant::now()));
        }
    }
}
