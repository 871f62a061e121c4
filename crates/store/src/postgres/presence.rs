//! Whether the primary is there. One that hangs is not waited for by everybody who has
//! something to write, each for as long as a statement may take: the heartbeat asks it
//! ten times a second, and after five answers in a row that did not come in time the
//! breaker opens. Until it closes again the heartbeat alone goes through, as the probe.
//!
//! What other work meets speaks for the server when it
//! succeeds and never against it: its failures may be its own.

use curtail_runtime::breaker::{Breaker, Permit, Policy, State};
use std::time::Instant;

/// The heartbeat has a pace of its own, and asks as often as a server that is back should wait at most.
const POLICY: Policy = Policy { backoff_max: Policy::NEAR.backoff_min, ..Policy::NEAR };

/// Whether a server is there.
pub(super) struct Presence(Breaker);

/// How the primary is, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrimaryState {
    /// The state of its breaker.
    pub breaker: State,
    /// How often that has opened.
    pub breaker_opened: u64,
}

impl Presence {
    /// It is taken to be there.
    pub(super) fn new() -> Presence {
        Presence(Breaker::new(POLICY, getrandom::u64().unwrap_or(1), Instant::now()))
    }

    /// Whether there is any use in asking it.
    pub(super) fn is_there(&self) -> bool {
        self.0.state() == State::Closed
    }

    /// It has answered somebody.
    pub(super) fn has_answered(&self) {
        if self.is_there()
            && let Some(permit) = self.0.admit(Instant::now())
        {
            permit.succeeded(Instant::now());
        }
    }

    /// Leave to look whether it is there: for the heartbeat.
    pub(super) fn probe(&self) -> Option<Permit<'_>> {
        self.0.admit(Instant::now())
    }

    pub(super) fn state(&self) -> PrimaryState {
        PrimaryState { breaker: self.0.state(), breaker_opened: self.0.opened() }
    }
}
