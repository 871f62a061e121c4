//! Trying again: when, and how often at most.
//!
//! What waits by a [`Backoff`] does not come back at the same moment as all the others whom the same failure
//! has hit. What many callers try again at once is also bounded by a [`Budget`]: while most attempts fail,
//! trying again only adds to the load that makes them fail.

use crate::chance::Chance;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Pauses that may double with each attempt, and are of any length up to that: "full jitter", which of the
/// ways compared in Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, makes the least
/// work.
#[derive(Clone, Debug)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
    /// What the next pause is at most.
    most: Duration,
    chance: Chance,
}

impl Backoff {
    /// Pauses of at most `shortest` at first, and of at most `longest` in the end.
    pub fn new(shortest: Duration, longest: Duration) -> Backoff {
        Backoff { shortest, longest, most: shortest, chance: Chance::of_its_own() }
    }

    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.most.mul_f64(self.chance.share());
        self.most = (self.most * 2).min(self.longest);
        pause
    }

    /// It has succeeded: the next failure is the first one again.
    pub fn reset(&mut self) {
        self.most = self.shortest;
    }
}

/// What may be tried again: each failure costs a token, ten successes earn one, and who tries again needs
/// more than half of all tokens to be left. So a few failures are tried again at once, and while most
/// attempts fail, none is (gRPC's retry throttling, gRFC A6, with its usual ratio of a tenth).
#[derive(Debug)]
pub struct Budget {
    tenths: AtomicU32,
}

impl Budget {
    const TENTHS_MAX: u32 = 200;
    const FAILURE_TENTHS: u32 = 10;

    /// A full one.
    pub const fn full() -> Budget {
        Budget { tenths: AtomicU32::new(Budget::TENTHS_MAX) }
    }

    /// Something has succeeded.
    pub fn earn(&self) {
        self.change(|tenths| (tenths + 1).min(Budget::TENTHS_MAX));
    }

    /// Something has failed. Answers whether it may be tried again.
    pub fn spend(&self) -> bool {
        self.change(|tenths| tenths.saturating_sub(Budget::FAILURE_TENTHS)) > Budget::TENTHS_MAX / 2
    }

    fn change(&self, change: impl Fn(u32) -> u32) -> u32 {
        change(self.tenths.update(Ordering::Relaxed, Ordering::Relaxed, &change))
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Budget};
    use std::time::Duration;

    #[test]
    fn pauses_double_up_to_their_limit_and_are_of_any_length_up_to_that() {
        let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(80));
        let rows: Vec<Vec<Duration>> = (0..1_000)
            .map(|_| {
                let mut backoff = Backoff::new(shortest, longest);
                (0..5).map(|_| backoff.pause()).collect()
            })
            .collect();
        for (attempt, most) in [10, 20, 40, 80, 80].into_iter().enumerate() {
            let most = Duration::from_millis(most);
            let pauses: Vec<Duration> = rows.iter().map(|row| row[attempt]).collect();
            assert!(pauses.iter().all(|pause| *pause < most));
            // Of a thousand, the chance that none is in a tenth of the length is 10^-46.
            assert!(pauses.iter().any(|pause| *pause < most / 10), "attempt {attempt} never comes soon");
            assert!(pauses.iter().any(|pause| *pause > most * 9 / 10), "attempt {attempt} never waits");
        }
    }

    #[test]
    fn after_a_success_pauses_are_short_again() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_secs(60));
        (0..20).for_each(|_| _ = backoff.pause());
        backoff.reset();
        assert!(backoff.pause() < Duration::from_millis(1));
    }

    #[test]
    fn a_few_failures_are_tried_again_and_an_outage_is_not() {
        let budget = Budget::full();
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 9);
        (0..100).for_each(|_| budget.earn());
        assert!(!budget.spend(), "half of the tokens are no reason yet");
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 9, "it does not grow without end");
    }

    #[test]
    fn where_one_in_twenty_fails_all_failures_are_tried_again_and_where_one_in_five_does_few_are() {
        let tried_again = |failures: usize, of: usize| {
            let budget = Budget::full();
            let attempts = (0..10_000).filter(|number| {
                if number % of < failures {
                    return budget.spend();
                }
                budget.earn();
                false
            });
            attempts.count() * of / failures / 100
        };
        assert_eq!(tried_again(1, 20), 100);
        assert!(tried_again(1, 5) < 50, "{} in a hundred", tried_again(1, 5));
    }
}
