//! One question at a time per code: those who ask while it is under way wait for the same answer.
//!
//! The question runs as a task of its own, so it goes on, and the others get their answer, when the one who asked first
//! hangs up.

use foldhash::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Codes that are asked about at once. A store that answers in a millisecond answers four million questions a second
/// before this is too little; one that hangs must not collect them.
const UNDER_WAY_MAX: usize = 4_096;

/// Where the answer to a question will be found.
type Answer<T> = watch::Receiver<Option<T>>;
/// Questions under way, by code, with when each was asked.
type Board<T> = Arc<Mutex<HashMap<Box<str>, (Instant, Answer<T>)>>>;

#[derive(Clone)]
pub(crate) struct Flights<T> {
    under_way: Board<T>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new() -> Flights<T> {
        Flights { under_way: Arc::default() }
    }

    /// The answer to the question about `code`: `ask` is only called when nobody else is asking. Nothing when too many
    /// are asking about other codes, or the question was dropped unanswered (the process is shutting down).
    pub(crate) async fn join<F>(&self, code: &str, ask: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut answer = self.take_seat(code, ask)?;
        let answered = answer.wait_for(Option::is_some).await.ok()?;
        answered.clone()
    }

    /// How long the question about `code` has been under way; nothing if it is not.
    pub(crate) fn age(&self, code: &str) -> Duration {
        lock(&self.under_way).get(code).map_or(Duration::ZERO, |(asked, _)| asked.elapsed())
    }

    fn take_seat<F>(&self, code: &str, ask: impl FnOnce() -> F) -> Option<Answer<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some((_, answer)) = under_way.get(code) {
            return Some(answer.clone());
        }
        if under_way.len() >= UNDER_WAY_MAX {
            return None;
        }
        let (tell, answer) = watch::channel(None);
        under_way.insert(code.into(), (Instant::now(), answer.clone()));
        drop(under_way);
        let landing = Landing { under_way: self.under_way.clone(), code: code.into() };
        let question = ask();
        tokio::spawn(async move {
            let answer = question.await;
            // Whoever comes now must ask anew: the answer may already be out of date for them.
            drop(landing);
            tell.send_replace(Some(answer));
        });
        Some(answer)
    }
}

/// Takes a question off the board, also when its task dies.
struct Landing<T> {
    under_way: Board<T>,
    code: Box<str>,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.code);
    }
}

fn lock<T>(board: &Mutex<T>) -> MutexGuard<'_, T> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
