//! Attempts that may be guesses: a fixed window of time for each key allows a number of them.
//!
//! At most [`WINDOWS_MAX`] windows are kept, so what is remembered of guessers cannot be made to grow. When
//! all are in use, keys that have one go on. `attempt` refuses any other until windows end, and a caller that
//! only notes failures afterwards (as the API does with bad keys) notes none of theirs.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Windows that are remembered at once.
const WINDOWS_MAX: usize = 100_000;
/// How often those that have ended are thrown out: looking through all of them at each attempt would let
/// guessers keep a core busy.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How many attempts there are in a window of time.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Attempts that one window allows.
    pub attempts: u32,
    /// The length of a window.
    pub window: Duration,
}

/// Fixed windows of attempts, one for each `K`.
pub struct Attempts<K> {
    limit: Limit,
    windows: Mutex<Windows<K>>,
}

struct Windows<K> {
    of: HashMap<K, Window>,
    swept_at: Option<Instant>,
}

struct Window {
    ends: Instant,
    attempts: u32,
}

impl<K: Eq + Hash> Attempts<K> {
    /// Nobody has made any.
    pub fn new(limit: Limit) -> Attempts<K> {
        Attempts { limit, windows: Mutex::new(Windows { of: HashMap::new(), swept_at: None }) }
    }

    /// Counts an attempt, or answers in how many seconds the next one is allowed.
    pub fn attempt(&self, who: K, now: Instant) -> Result<(), u32> {
        let mut windows = self.windows();
        if windows.of.len() >= WINDOWS_MAX {
            if windows
                .swept_at
                .is_none_or(|swept_at| now.saturating_duration_since(swept_at) >= SWEEP_INTERVAL)
            {
                windows.swept_at = Some(now);
                windows.of.retain(|_, window| window.ends > now);
            }
            if windows.of.len() >= WINDOWS_MAX && !windows.of.contains_key(&who) {
                return Err(whole_seconds(self.limit.window));
            }
        }
        let fresh = || Window { ends: now + self.limit.window, attempts: 0 };
        let window = windows.of.entry(who).or_insert_with(fresh);
        if window.ends <= now {
            *window = fresh();
        }
        if window.attempts >= self.limit.attempts {
            return Err(whole_seconds(window.ends - now));
        }
        window.attempts += 1;
        Ok(())
    }

    /// Whether there are no attempts left. Strangers have all of theirs.
    pub fn are_used_up(&self, who: &K, now: Instant) -> bool {
        let windows = self.windows();
        windows.of.get(who).is_some_and(|window| window.attempts >= self.limit.attempts && window.ends > now)
    }

    /// Forgets the last attempt: it was no guess.
    pub fn give_back(&self, who: &K) {
        if let Some(window) = self.windows().of.get_mut(who) {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }

    fn windows(&self) -> MutexGuard<'_, Windows<K>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounded up: who comes back then need not wait again.
fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { attempts: 5, window: Duration::from_secs(60) };

    #[test]
    fn the_sixth_attempt_in_a_minute_has_to_wait() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let attempts = Attempts::new(LIMIT);
        for _ in 0..5 {
            assert!(!attempts.are_used_up(&1, start));
            assert_eq!(attempts.attempt(1, start), Ok(()));
        }
        assert!(attempts.are_used_up(&1, after(30)));
        assert_eq!(attempts.attempt(1, after(30)), Err(30));
        assert_eq!(attempts.attempt(2, after(30)), Ok(()), "others are not held up");
        assert!(!attempts.are_used_up(&1, after(60)));
        assert_eq!(attempts.attempt(1, after(60)), Ok(()));
    }

    #[test]
    fn an_attempt_that_was_no_guess_is_given_back() {
        let (attempts, now) = (Attempts::new(LIMIT), Instant::now());
        for _ in 0..100 {
            assert_eq!(attempts.attempt(1, now), Ok(()));
            attempts.give_back(&1);
        }
    }

    #[test]
    fn what_is_remembered_of_guessers_is_bounded() {
        let (attempts, now) = (Attempts::new(LIMIT), Instant::now());
        for guesser in 0..2 * WINDOWS_MAX {
            let _ = attempts.attempt(guesser, now);
        }
        assert_eq!(attempts.windows().of.len(), WINDOWS_MAX);
        assert_eq!(attempts.attempt(usize::MAX, now), Err(60), "strangers wait");
        assert!(!attempts.are_used_up(&usize::MAX, now), "who has made none is not taken for a guesser");
        assert_eq!(attempts.attempt(usize::MAX, now + LIMIT.window), Ok(()), "room is made when windows end");
    }
}
