//! Redirects go first: while the process has used up all its cores, counting waits, within bounds.
//!
//! What waits is safe in the journal and is counted soon after, in larger and therefore cheaper batches. The
//! bounds keep a load that never ends from filling the journal, and the stats from falling far behind.

use crate::journal::Meter;
use rustix::time::{ClockId, clock_gettime};
use std::thread;
use std::time::{Duration, Instant};

/// The share of its cores that a process must have used to count as busy.
const BUSY: f64 = 0.92;
/// How long a click may wait for redirects to leave some time: beside the second between two turns
/// (`INTERVAL_MAX`), and what a turn takes, clicks are to be seen within two.
const WAIT_MAX: Duration = Duration::from_millis(500);

pub(super) struct Yielding {
    meter: Meter,
    judge: Judge,
}

impl Yielding {
    /// At most `waiting_clicks_max` clicks may wait: a part of what the journal has room for.
    pub(super) fn new(meter: Meter, waiting_clicks_max: u64) -> Yielding {
        let cores = thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let judge =
            Judge { waiting_clicks_max, cores, looked: Instant::now(), used: used(), waits_since: None };
        Yielding { meter, judge }
    }

    /// What it looks at.
    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Whether counting should wait once more. To be asked
    /// regularly: it judges the time since it was last asked.
    pub(super) fn should_wait(&mut self) -> bool {
        self.judge.should_wait(Instant::now(), used(), self.meter.counts().waiting)
    }
}

/// Decides by what it is told of the time, of the process and of what waits.
struct Judge {
    waiting_clicks_max: u64,
    cores: f64,
    looked: Instant,
    used: Duration,
    waits_since: Option<Instant>,
}

impl Judge {
    /// Whether counting should wait now that the process has
    /// spent `used` on its cores and so many clicks wait.
    fn should_wait(&mut self, now: Instant, used: Duration, waiting_clicks: u64) -> bool {
        let wall = now.duration_since(self.looked).as_secs_f64();
        let busy = used.saturating_sub(self.used).as_secs_f64() >= BUSY * self.cores * wall;
        (self.looked, self.used) = (now, used);
        let since = *self.waits_since.get_or_insert(now);
        let wait = busy && now.duration_since(since) < WAIT_MAX && waiting_clicks < self.waiting_clicks_max;
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

#[cfg(test)]
mod tests {
    use super::{Judge, WAIT_MAX};
    use std::time::{Duration, Instant};

    const LOOK: Duration = Duration::from_millis(100);
    const CLICKS_MAX: u64 = 1_000;

    /// A judge of a process with two cores that has done nothing yet.
    fn judge(now: Instant) -> Judge {
        let (waiting_clicks_max, cores, used) = (CLICKS_MAX, 2.0, Duration::ZERO);
        Judge { waiting_clicks_max, cores, looked: now, used, waits_since: None }
    }

    /// For how many looks in a row counting waits while both cores are used up and so many clicks wait; of
    /// 1,000 at most.
    fn looks_with(waiting_clicks: u64) -> u128 {
        let (mut now, mut used) = (Instant::now(), Duration::ZERO);
        let mut judge = judge(now);
        let looks = (0..1_000).take_while(|_| {
            now += LOOK;
            used += 2 * LOOK;
            judge.should_wait(now, used, waiting_clicks)
        });
        looks.count() as u128
    }

    #[test]
    fn counting_waits_for_busy_cores_for_half_a_second_at_most() {
        assert_eq!(looks_with(0), WAIT_MAX.as_millis() / LOOK.as_millis());
    }

    #[test]
    fn counting_does_not_wait_when_too_much_waits_to_be_counted() {
        assert!(looks_with(CLICKS_MAX - 1) > 0);
        assert_eq!(looks_with(CLICKS_MAX), 0);
    }

    #[test]
    fn counting_waits_by_what_was_used_since_the_last_look() {
        let begun = Instant::now();
        let mut judge = judge(begun);
        assert!(!judge.should_wait(begun + LOOK, LOOK, 0), "one core of two was left");
        assert!(judge.should_wait(begun + 2 * LOOK, 3 * LOOK, 0), "none was left");
    }
}
