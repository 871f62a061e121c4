//! Who is let in while more is asked for than can be done: so many places for each kind of work, a short
//! queue in front of them, and a look at how late the core is.
//!
//! ```text
//! core late for a while, and others under way? --yes--> refused: late
//!   | no
//! a place is free? --yes--> in
//!   | no
//! room in the queue? --no--> refused: full
//!   | yes
//! a place in time? --no--> refused: waited
//! ```
//!
//! The queue is ruled as in Maurer, "Fail at Scale", ACM Queue 13(8), 2015. Who waits is given up after
//! [`QUEUE_TIMEOUT`], for a burst is over by then; a queue that has not been empty for so long will not go
//! away by waiting, so from then on it is only [`STANDING_QUEUE_TIMEOUT`] (controlled delay, after CoDel),
//! and the newest goes first, because whoever asked long ago has gone (adaptive LIFO).
//!
//! Each kind of work has a [`Gate`] of its own, a bulkhead: one that hangs fills its own places and takes
//! none from others.

pub mod lateness;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long somebody waits for a place.
const QUEUE_TIMEOUT: Duration = Duration::from_millis(100);
/// The same where the queue has been standing for longer than that.
const STANDING_QUEUE_TIMEOUT: Duration = Duration::from_millis(5);

/// How much of one kind of work is let in.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// So much is under way at most,
    pub places: usize,
    /// and so many wait for a place.
    pub waiting: usize,
    /// On a core that is later than this one at a time is let in, so that nobody is kept out for good: see
    /// [`lateness`].
    pub late: Duration,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The core is late with what it has.
    Late,
    /// All places are taken, and as many wait as may.
    Full,
    /// No place became free in time.
    Waited,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Refusal; 3] = [Refusal::Late, Refusal::Full, Refusal::Waited];

    /// Its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Refusal::Late => "late",
            Refusal::Full => "full",
            Refusal::Waited => "waited",
        }
    }
}

/// The way in for one kind of work.
#[derive(Debug)]
pub struct Gate {
    bounds: Bounds,
    state: Mutex<State>,
    refused: [AtomicU64; Refusal::ALL.len()],
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// Those who wait, the oldest first. Some may have given up.
    queue: VecDeque<oneshot::Sender<Place>>,
    /// Since when the queue has not been empty.
    standing: Option<Instant>,
}

/// A place for one piece of work, which is given back when this is dropped.
#[must_use = "the place is free again when this is dropped"]
#[derive(Debug)]
pub struct Place {
    /// Nothing once it was handed to somebody who had gone.
    gate: Option<Arc<Gate>>,
    aside: AtomicBool,
}

enum Asked {
    Free,
    Queued(oneshot::Receiver<Place>, Duration),
    Full,
}

impl Gate {
    /// A gate with all places free.
    pub fn new(bounds: Bounds) -> Arc<Gate> {
        Arc::new(Gate { bounds, state: Mutex::default(), refused: Default::default() })
    }

    /// Waits for a place as long as that is worth while. Must be asked on the core that does the work.
    pub async fn enter(self: &Arc<Self>) -> Result<Place, Refusal> {
        let is_late = lateness::standing().await > self.bounds.late;
        let entered = if is_late && self.under_way() > 0 {
            Err(Refusal::Late)
        } else {
            match self.ask(Instant::now()) {
                Asked::Free => Ok(self.place()),
                Asked::Full => Err(Refusal::Full),
                Asked::Queued(mut place, patience) => match timeout(patience, &mut place).await {
                    Ok(Ok(place)) => Ok(place),
                    // It may have come at the very last moment.
                    Ok(Err(_)) | Err(_) => place.try_recv().map_err(|_| Refusal::Waited),
                },
            }
        };
        entered.inspect_err(|refusal| _ = self.refused[*refusal as usize].fetch_add(1, Ordering::Relaxed))
    }

    /// How much is under way.
    pub fn under_way(&self) -> usize {
        self.state().taken
    }

    /// How many were not let in, by reason.
    pub fn refused(&self) -> [(Refusal, u64); Refusal::ALL.len()] {
        Refusal::ALL.map(|refusal| (refusal, self.refused[refusal as usize].load(Ordering::Relaxed)))
    }

    fn ask(&self, now: Instant) -> Asked {
        let mut state = self.state();
        if state.taken < self.bounds.places {
            state.taken += 1;
            return Asked::Free;
        }
        state.forget_who_gave_up(self.bounds.waiting);
        if state.queue.len() >= self.bounds.waiting {
            return Asked::Full;
        }
        if state.queue.is_empty() {
            state.standing = Some(now);
        }
        let (caller, place) = oneshot::channel();
        state.queue.push_back(caller);
        let patience = if state.is_standing(now) { STANDING_QUEUE_TIMEOUT } else { QUEUE_TIMEOUT };
        Asked::Queued(place, patience)
    }

    /// Takes a place back, or hands it to whoever is next.
    fn leave(self: &Arc<Self>) {
        while let Some(next) = self.next(Instant::now()) {
            match next.send(self.place()) {
                Ok(()) => return,
                Err(mut place) => place.gate = None,
            }
        }
    }

    /// Who is next, if anybody waits; otherwise there is one place more.
    fn next(&self, now: Instant) -> Option<oneshot::Sender<Place>> {
        let mut state = self.state();
        let newest_first = state.is_standing(now);
        let next = (state.taken <= self.bounds.places)
            .then(|| if newest_first { state.queue.pop_back() } else { state.queue.pop_front() })
            .flatten();
        if next.is_none() {
            state.taken -= 1;
        }
        if state.queue.is_empty() {
            state.standing = None;
        }
        next
    }

    fn place(self: &Arc<Self>) -> Place {
        Place { gate: Some(Arc::clone(self)), aside: AtomicBool::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_standing(&self, now: Instant) -> bool {
        self.standing.is_some_and(|since| now.saturating_duration_since(since) > QUEUE_TIMEOUT)
    }

    /// The oldest give up first, so most of those who did are at the front.
    fn forget_who_gave_up(&mut self, waiting: usize) {
        while self.queue.pop_front_if(|waiter| waiter.is_closed()).is_some() {}
        if self.queue.len() >= waiting {
            self.queue.retain(|waiter| !waiter.is_closed());
        }
    }
}

impl Place {
    /// Gives the place to others while the request waits for its client.
    pub fn step_aside(&self) {
        if !self.aside.swap(true, Ordering::AcqRel)
            && let Some(gate) = &self.gate
        {
            gate.leave();
        }
    }

    /// Takes it again, also where all have been taken meanwhile: who was let in is not turned away.
    pub fn come_back(&self) {
        if self.aside.swap(false, Ordering::AcqRel)
            && let Some(gate) = &self.gate
        {
            gate.state().taken += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.step_aside();
    }
}

#[cfg(test)]
mod tests;
