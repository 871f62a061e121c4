//! Forgets rollups that are older than the settings say.

use super::status::Shared;
use crate::clock::now;
use crate::waiter::Waiter;
use curtail_store::Rollups;
use curtail_store::rollups::Grain;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(3600);

/// How long rollups are kept, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those of minutes.
    pub minutes_kept_millis: i64,
    /// Those of hours.
    pub hours_kept_millis: i64,
    /// Those of days; for ever without.
    pub days_kept_millis: Option<i64>,
}

impl Retention {
    fn of(&self, grain: Grain) -> Option<i64> {
        match grain {
            Grain::Minute => Some(self.minutes_kept_millis),
            Grain::Hour => Some(self.hours_kept_millis),
            Grain::Day => self.days_kept_millis,
        }
    }
}

/// Looks now and every hour until the sender of `stopped` is gone.
pub(super) fn run(retention: Retention, rollups: &dyn Rollups, shared: &Shared, stopped: &Receiver<()>) {
    let waiter = Waiter::new();
    loop {
        for grain in Grain::ALL {
            let Some(kept) = retention.of(grain) else { continue };
            match waiter.wait(rollups.forget_before(grain, now().plus_millis(-kept))) {
                Ok(forgotten) => _ = shared.forgotten.fetch_add(forgotten, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%error, grain = grain.as_str(), "old rollups cannot be forgotten just now");
                }
            }
        }
        if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
