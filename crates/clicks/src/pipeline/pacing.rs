//! Counting in small bites: a thread that counts on a core which redirects want too leaves it every tenth of
//! a millisecond.
//!
//! The scheduler alone would not do: the kernels of servers take a thread off its core at their tick, every 1
//! to 10 ms, however far it has stepped back, and so long would a redirect wait. Sleeping costs counting time
//! and no work; whoever has much to count, or is asked to end, does not rest.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long is worked between two rests.
const WORK: Duration = Duration::from_micros(100);
/// The kernel makes about 100 us of it (`PR_SET_TIMERSLACK`).
const REST: Duration = Duration::from_micros(50);

/// Says when it is time to rest. One thread at a time works with it.
pub(super) struct Pacing {
    began: Instant,
    /// When the last rest ended, in nanoseconds since it began.
    rested_nanos: AtomicU64,
    in_a_hurry: AtomicBool,
}

impl Pacing {
    pub(super) fn new() -> Pacing {
        Pacing { began: Instant::now(), rested_nanos: AtomicU64::new(0), in_a_hurry: AtomicBool::new(true) }
    }

    /// Whether to go on without rest.
    pub(super) fn set_hurry(&self, in_a_hurry: bool) {
        self.in_a_hurry.store(in_a_hurry, Ordering::Relaxed);
    }

    /// To be called between two small pieces of work.
    pub(super) fn rest_if_due(&self) {
        if self.in_a_hurry.load(Ordering::Relaxed) {
            return;
        }
        let worked = self.nanos() - self.rested_nanos.load(Ordering::Relaxed);
        if worked >= WORK.as_nanos() as u64 {
            thread::sleep(REST);
            self.rested_nanos.store(self.nanos(), Ordering::Relaxed);
        }
    }

    fn nanos(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }
}
