//! One question at a time per code: those who ask while it is under way wait for the same answer.
//!
//! The question runs as a task of its own, so it goes on, and the
//! others get their answer, when the one who asked first hangs up.

use foldhash::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Codes that are asked about at once. A store that answers in a millisecond answers four million questions a
/// second before this is too little; one that hangs must not collect them.
const IN_FLIGHT_MAX: usize = 4_096;

/// Where the answer to a question will be found.
type Answer<T> = watch::Receiver<Option<T>>;
/// Questions in flight, by code, with when each was asked.
type InFlight<T> = Arc<Mutex<HashMap<Box<str>, (Instant, Answer<T>)>>>;

#[derive(Clone)]
pub(crate) struct Flights<T> {
    in_flight: InFlight<T>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new() -> Flights<T> {
        Flights { in_flight: Arc::default() }
    }

    /// The answer to the question about `code`: `ask` is only called when nobody
    /// else is asking. Nothing when too many are asking about other codes, or
    /// the question was dropped unanswered (the process is shutting down).
    pub(crate) async fn join<F>(&self, code: &str, ask: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut answer = self.join_or_begin(code, ask)?;
        let answered = answer.wait_for(Option::is_some).await.ok()?;
        answered.clone()
    }

    /// How long the question about `code` has been under way; nothing if it is not.
    pub(crate) fn age(&self, code: &str) -> Duration {
        lock(&self.in_flight).get(code).map_or(Duration::ZERO, |(asked, _)| asked.elapsed())
    }

    fn join_or_begin<F>(&self, code: &str, ask: impl FnOnce() -> F) -> Option<Answer<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut in_flight = lock(&self.in_flight);
        if let Some((_, answer)) = in_flight.get(code) {
            return Some(answer.clone());
        }
        if in_flight.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let (answered, answer) = watch::channel(None);
        in_flight.insert(code.into(), (Instant::now(), answer.clone()));
        drop(in_flight);
        let removal = Removal { in_flight: self.in_flight.clone(), code: code.into() };
        let question = ask();
        tokio::spawn(async move {
            let answer = question.await;
            // Whoever comes now must ask anew: the answer may already be out of date for them.
            drop(removal);
            answered.send_replace(Some(answer));
        });
        Some(answer)
    }
}

/// Takes a question out of those in flight, also when its task dies.
struct Removal<T> {
    in_flight: InFlight<T>,
    code: Box<str>,
}

impl<T> Drop for Removal<T> {
    fn drop(&mut self) {
        lock(&self.in_flight).remove(&self.code);
    }
}

fn lock<T>(in_flight: &Mutex<T>) -> MutexGuard<'_, T> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}
