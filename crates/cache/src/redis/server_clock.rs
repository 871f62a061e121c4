//! The clock of Redis, as far as a node knows it: what is sent can say until when it may be done there.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A server that hung, and answers again, still does what was sent to it this long ago, and nothing older.
/// More than nodes of a cluster differ in their clocks, and far less than a marker lives (`MARKER_LIFE`).
const LATE_MAX: Duration = Duration::from_secs(10);

/// What Redis said its time was, and when that was heard.
#[derive(Default)]
pub(super) struct ServerClock(Mutex<Option<(Duration, Instant)>>);

impl ServerClock {
    /// Notes what it says its time is, since the epoch.
    pub(super) fn note(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((time, Instant::now()));
    }

    /// Until when something that is sent now may be done there, since the epoch. It
    /// comes too early by as long as the answer took; nothing before there was one.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|(time, at)| time + at.elapsed() + LATE_MAX)
    }
}
