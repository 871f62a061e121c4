//! Redirects go first: while the process has used up all its cores, counting waits, within bounds.
//!
//! What waits is safe in the journal and is counted soon after, in larger and therefore cheaper batches. The bounds keep a
//! load that never ends from filling the journal, and the stats from falling far behind.

use crate::journal::Meter;
use rustix::time::{ClockId, clock_gettime};
use std::thread;
use std::time::{Duration, Instant};

/// The share of its cores that a process must have used to count as busy.
const BUSY: f64 = 0.92;
/// How long a click may wait for redirects to leave some time.
const WAIT_MAX: Duration = Duration::from_secs(10);

pub(super) struct Yielding {
    meter: Meter,
    waiting_clicks_max: u64,
    cores: f64,
    looked: Instant,
    used: Duration,
    waits_since: Option<Instant>,
}

impl Yielding {
    /// At most `waiting_clicks_max` clicks may wait: a part of what the journal has room for.
    pub(super) fn new(meter: Meter, waiting_clicks_max: u64) -> Yielding {
        let cores = thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        Yielding { meter, waiting_clicks_max, cores, looked: Instant::now(), used: used(), waits_since: None }
    }

    /// What it looks at.
    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Whether counting should wait once more. To be asked regularly: it judges the time since it was last asked.
    pub(super) fn should_wait(&mut self) -> bool {
        let (now, used) = (Instant::now(), used());
        let wall = now.duration_since(self.looked).as_secs_f64();
        let busy = used.saturating_sub(self.used).as_secs_f64() >= BUSY * self.cores * wall;
        (self.looked, self.used) = (now, used);
        let since = *self.waits_since.get_or_insert(now);
        let wait =
            busy && since.elapsed() < WAIT_MAX && self.meter.counts().waiting < self.waiting_clicks_max;
        if !wait {
            self.waits_since = None;
        }
        wait
    }
}

/// The time that the process has spent on its cores.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
