//! A circuit breaker: a dependency that fails is left alone for a while, and then asked carefully.
//!
//! ```text
//! closed --- failures in a row, or too many of a window ---> open --- backoff is over ---> half-open
//!    ^                                                        ^                               |
//!    |                                                        +------- a probe fails ---------+
//!    +------------------------------- enough probes succeed -----------------------------------+
//! ```
//!
//! Two signals, because each misses what the other sees: failures in a row tell a dead dependency at once,
//! the share of failures in a window tells one that answers every other time. The window counts exactly (ten
//! buckets); averages that decay with time are blind to bursts (so linkerd2-proxy's unified breaker argues,
//! which this one follows). While half-open one question at a time goes through.
//!
//! Time is handed in, so that tests and simulations decide what it is.

mod window;

use crate::chance::Chance;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use window::Window;

/// When a breaker opens and how it comes back.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// So many failures in a row open it.
    pub consecutive_max: u32,
    /// The time over which the share of failures is taken.
    pub window: Duration,
    /// Fewer outcomes than this in a window say nothing about a share.
    pub outcomes_min: u32,
    /// More failures than this in a hundred outcomes of a window open it.
    pub failures_percent_max: u32,
    /// How long it stays open at first, at most. The actual time is between half of this and all of it, so
    /// that the processes of a fleet do not come back at the same moment.
    pub backoff_min: Duration,
    /// Each time that a probe fails the backoff doubles, up to this.
    pub backoff_max: Duration,
    /// So many probes in a row have to succeed.
    pub probes: u32,
}

impl Policy {
    /// For what is asked many times a second within milliseconds: a cache, a database.
    pub const NEAR: Policy = Policy {
        consecutive_max: 5,
        window: Duration::from_secs(1),
        outcomes_min: 20,
        failures_percent_max: 50,
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_secs(2),
        probes: 2,
    };
}

/// Whether questions go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All do.
    Closed,
    /// One at a time does.
    HalfOpen,
    /// None does.
    Open,
}

impl State {
    /// Its name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::HalfOpen => "half_open",
            State::Open => "open",
        }
    }
}

/// A breaker in front of one dependency.
#[derive(Debug)]
pub struct Breaker {
    policy: Policy,
    inner: Mutex<Inner>,
    opened: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Grows with each failed probe, back to nothing when it closes.
    backoff: Duration,
    window: Window,
    consecutive: u32,
    /// Tells the outcomes of one phase from those of questions that were admitted in an earlier one.
    era: u64,
    chance: Chance,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { succeeded: u32, probing: bool },
}

/// Leave to ask once. Dropped without an outcome it says nothing about the dependency.
#[must_use = "the outcome is what the breaker lives on"]
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    era: u64,
    reported: bool,
}

impl Breaker {
    /// A closed breaker. `seed` makes its backoffs its own.
    pub fn new(policy: Policy, seed: u64, now: Instant) -> Breaker {
        let inner = Inner {
            phase: Phase::Closed,
            backoff: policy.backoff_min,
            window: Window::new(policy.window, now),
            consecutive: 0,
            era: 0,
            chance: Chance::new(seed),
        };
        Breaker { policy, inner: Mutex::new(inner), opened: AtomicU64::new(0) }
    }

    /// Leave to ask, if the dependency may be asked now.
    pub fn admit(&self, now: Instant) -> Option<Permit<'_>> {
        let mut inner = self.lock();
        if let Phase::Open { until } = inner.phase
            && now >= until
        {
            inner.enter(Phase::HalfOpen { succeeded: 0, probing: false });
        }
        let admitted = match &mut inner.phase {
            Phase::Closed => true,
            Phase::Open { .. } => false,
            Phase::HalfOpen { probing, .. } => !std::mem::replace(probing, true),
        };
        admitted.then(|| Permit { breaker: self, era: inner.era, reported: false })
    }

    /// Whether questions go through. An open breaker whose backoff is over is still open until somebody asks.
    pub fn state(&self) -> State {
        match self.lock().phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// How often it has opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    fn outcome(&self, era: u64, outcome: Outcome, now: Instant) {
        let mut inner = self.lock();
        // The answer to a question from before it opened says nothing about the dependency as it is now.
        if inner.era != era {
            return;
        }
        match inner.phase {
            Phase::Closed => {
                if let Some(success) = outcome.said() {
                    inner.note(success, now);
                    if inner.should_open(&self.policy, now) {
                        self.open(&mut inner, now);
                    }
                }
            }
            Phase::HalfOpen { succeeded, .. } => match outcome {
                Outcome::Success if succeeded + 1 >= self.policy.probes => {
                    inner.enter(Phase::Closed);
                    inner.backoff = self.policy.backoff_min;
                    inner.consecutive = 0;
                    inner.window = Window::new(self.policy.window, now);
                }
                Outcome::Success => {
                    inner.phase = Phase::HalfOpen { succeeded: succeeded + 1, probing: false };
                }
                Outcome::Failure => {
                    inner.backoff = (inner.backoff * 2).min(self.policy.backoff_max);
                    self.open(&mut inner, now);
                }
                Outcome::Unknown => inner.phase = Phase::HalfOpen { succeeded, probing: false },
            },
            Phase::Open { .. } => {}
        }
    }

    fn open(&self, inner: &mut Inner, now: Instant) {
        let wait = inner.backoff / 2 + (inner.backoff / 2).mul_f64(inner.chance.share());
        inner.enter(Phase::Open { until: now + wait });
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.era += 1;
    }

    fn note(&mut self, success: bool, now: Instant) {
        self.consecutive = if success { 0 } else { self.consecutive.saturating_add(1) };
        self.window.note(success, now);
    }

    fn should_open(&mut self, policy: &Policy, now: Instant) -> bool {
        let (failures, all) = self.window.counts(now);
        self.consecutive >= policy.consecutive_max
            || (all >= policy.outcomes_min
                && u64::from(failures) * 100 > u64::from(all) * u64::from(policy.failures_percent_max))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
    Unknown,
}

impl Outcome {
    fn said(self) -> Option<bool> {
        match self {
            Outcome::Success => Some(true),
            Outcome::Failure => Some(false),
            Outcome::Unknown => None,
        }
    }
}

impl Permit<'_> {
    /// It answered, and in time.
    pub fn succeeded(mut self, now: Instant) {
        self.report(Outcome::Success, now);
    }

    /// It did not.
    pub fn failed(mut self, now: Instant) {
        self.report(Outcome::Failure, now);
    }

    fn report(&mut self, outcome: Outcome, now: Instant) {
        self.reported = true;
        self.breaker.outcome(self.era, outcome, now);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.reported {
            // The time is not looked at for what nobody knows.
            self.breaker.outcome(self.era, Outcome::Unknown, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
