//! Outcomes of the last while, counted exactly in ten buckets that time passes through.

use std::time::{Duration, Instant};

const BUCKETS: usize = 10;

#[derive(Debug)]
pub(super) struct Window {
    buckets: [Bucket; BUCKETS],
    width: Duration,
    current: usize,
    /// When the current bucket began.
    since: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    failures: u32,
    all: u32,
}

impl Window {
    pub(super) fn new(length: Duration, now: Instant) -> Window {
        let width = (length / BUCKETS as u32).max(Duration::from_millis(1));
        Window { buckets: [Bucket::default(); BUCKETS], width, current: 0, since: now }
    }

    pub(super) fn note(&mut self, success: bool, now: Instant) {
        self.pass(now);
        let bucket = &mut self.buckets[self.current];
        bucket.all = bucket.all.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(u32::from(!success));
    }

    /// Failures and outcomes in all.
    pub(super) fn counts(&mut self, now: Instant) -> (u32, u32) {
        self.pass(now);
        self.buckets.iter().fold((0, 0), |(failures, all), bucket| {
            (failures.saturating_add(bucket.failures), all.saturating_add(bucket.all))
        })
    }

    /// Lets the time pass: buckets that fell out of the window are emptied.
    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_nanos() / self.width.as_nanos();
        for step in 1..=passed.min(BUCKETS as u128) as usize {
            self.buckets[(self.current + step) % BUCKETS] = Bucket::default();
        }
        if passed >= BUCKETS as u128 {
            (self.current, self.since) = (0, now);
        } else {
            self.current = (self.current + passed as usize) % BUCKETS;
            self.since += self.width * passed as u32;
        }
    }
}
