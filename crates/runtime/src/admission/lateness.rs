//! How late a core is: how long whatever is ready waits for its turn there.
//!
//! Whoever asks stands in line once behind all that is ready, and so measures what a connection that has just
//! become ready would wait. Single waits say nothing, for the system may have taken the core away for a
//! moment; what counts is the shortest of a while (CoDel: Nichols, Jacobson, "Controlling Queue Delay", ACM
//! Queue 10(5), 2012), below which nobody got through.

use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// The length of a measuring interval.
const INTERVAL: Duration = Duration::from_millis(100);
/// What was measured longer ago than this says nothing of now.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(1);

thread_local! {
    static OF_THIS_CORE: Cell<Lateness> = Cell::new(Lateness::new(Instant::now()));
}

/// The shortest wait for a turn on this core over the last 100 to 200 ms, the caller's own included.
pub(super) async fn standing() -> Duration {
    let began = Instant::now();
    yield_now().await;
    let now = Instant::now();
    OF_THIS_CORE.with(|core| {
        let lateness = core.get().noted(now.duration_since(began), now);
        core.set(lateness);
        lateness.standing()
    })
}

/// The shortest waits of this interval and of the one before.
#[derive(Clone, Copy, Debug)]
struct Lateness {
    since: Instant,
    shortest: Duration,
    before: Duration,
}

impl Lateness {
    fn new(now: Instant) -> Lateness {
        Lateness { since: now, shortest: Duration::MAX, before: Duration::ZERO }
    }

    fn noted(self, waited: Duration, now: Instant) -> Lateness {
        let passed = now.saturating_duration_since(self.since);
        if passed < INTERVAL {
            return Lateness { shortest: self.shortest.min(waited), ..self };
        }
        let before = if passed < FORGOTTEN_AFTER { self.shortest } else { Duration::ZERO };
        Lateness { since: now, shortest: waited, before }
    }

    fn standing(self) -> Duration {
        self.shortest.min(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::Lateness;
    use std::time::{Duration, Instant};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn only_a_wait_that_nobody_has_escaped_for_a_while_stands() {
        let start = Instant::now();
        let mut core = Lateness::new(start);
        let mut waits = |from: u32, to: u32, waited: Duration| {
            for at in from..to {
                core = core.noted(waited, start + at * MS);
            }
            core.standing()
        };
        assert_eq!(waits(0, 90, 40 * MS), Duration::ZERO, "it may be over in a moment");
        assert_eq!(waits(90, 220, 40 * MS), 40 * MS);
        assert_eq!(waits(220, 221, MS), MS, "one got through");
        assert_eq!(waits(221, 260, 40 * MS), MS, "and that counts for a while");
        assert_eq!(waits(260, 520, 40 * MS), 40 * MS);
    }

    #[test]
    fn what_was_long_ago_says_nothing() {
        let start = Instant::now();
        let late = Lateness::new(start).noted(50 * MS, start).noted(50 * MS, start + 100 * MS);
        assert_eq!(late.standing(), 50 * MS);
        assert_eq!(late.noted(50 * MS, start + 5_000 * MS).standing(), Duration::ZERO);
    }
}
