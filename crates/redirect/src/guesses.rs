//! Checks the passwords of links, and not too often for anybody who guesses.
//!
//! Attempts are limited per link and network (5 a minute) and per link (50 an hour), counted before the password is looked
//! at, and given back when it was right: who guesses learns nothing faster by guessing in parallel.

use curtail_model::{LinkId, Timestamp};
use curtail_runtime::clock;
use curtail_runtime::password::{Busy, Passwords};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Attempts for one link from one network (an IPv4 address, an IPv6 /64) in a minute.
const PER_VISITOR: Limit = Limit { attempts: 5, window: Timestamp::MINUTE };
/// Attempts for one link from everywhere in an hour.
const PER_LINK: Limit = Limit { attempts: 50, window: Timestamp::HOUR };
/// Windows that are remembered; when there are more, strangers wait.
const WINDOWS_MAX: usize = 100_000;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    TooMany { seconds: u32 },
    Busy,
}

/// Checks what visitors take for the passwords of links, for all cores.
pub struct Guesses {
    passwords: Passwords,
    per_visitor: Attempts<(LinkId, IpAddr)>,
    per_link: Attempts<LinkId>,
}

impl Guesses {
    /// Nobody has guessed yet.
    pub fn new(passwords: Passwords) -> Guesses {
        Guesses { passwords, per_visitor: Attempts::new(PER_VISITOR), per_link: Attempts::new(PER_LINK) }
    }

    /// Checks a visitor's password against a PHC string.
    pub(crate) async fn check(
        &self,
        link: LinkId,
        visitor: IpAddr,
        hash: String,
        password: String,
    ) -> Verdict {
        let now = clock::coarse_millis();
        let allowed = self
            .per_visitor
            .attempt((link, network_of(visitor)), now)
            .and_then(|()| self.per_link.attempt(link, now));
        if let Err(seconds) = allowed {
            return Verdict::TooMany { seconds };
        }
        match self.passwords.is_right(hash, password).await {
            Ok(true) => {
                self.give_back(link, visitor);
                Verdict::Right
            }
            Ok(false) => Verdict::Wrong,
            Err(Busy) => {
                // Nothing was looked at, so nothing was learnt.
                self.give_back(link, visitor);
                Verdict::Busy
            }
        }
    }

    fn give_back(&self, link: LinkId, visitor: IpAddr) {
        self.per_visitor.give_back(&(link, network_of(visitor)));
        self.per_link.give_back(&link);
    }
}

#[derive(Clone, Copy)]
struct Limit {
    attempts: u32,
    window: i64,
}

/// Fixed windows of attempts, bounded in number.
struct Attempts<K> {
    limit: Limit,
    windows: Mutex<Windows<K>>,
}

struct Windows<K> {
    of: HashMap<K, Window>,
    /// When those that had ended were last thrown out: looking through all of them at each attempt would let guessers
    /// keep a core busy.
    swept_at: Option<i64>,
}

struct Window {
    ends: i64,
    attempts: u32,
}

impl<K: Eq + Hash> Attempts<K> {
    fn new(limit: Limit) -> Attempts<K> {
        Attempts { limit, windows: Mutex::new(Windows { of: HashMap::new(), swept_at: None }) }
    }

    /// Counts an attempt at `now` (milliseconds), or answers in how many seconds the next one is allowed.
    fn attempt(&self, who: K, now: i64) -> Result<(), u32> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.of.len() >= WINDOWS_MAX {
            if windows.swept_at.is_none_or(|swept_at| now - swept_at >= Timestamp::SECOND) {
                windows.swept_at = Some(now);
                windows.of.retain(|_, window| window.ends > now);
            }
            if windows.of.len() >= WINDOWS_MAX && !windows.of.contains_key(&who) {
                return Err((self.limit.window / Timestamp::SECOND) as u32);
            }
        }
        let window = windows.of.entry(who).or_insert(Window { ends: now + self.limit.window, attempts: 0 });
        if window.ends <= now {
            *window = Window { ends: now + self.limit.window, attempts: 0 };
        }
        if window.attempts >= self.limit.attempts {
            return Err(((window.ends - now) / Timestamp::SECOND + 1) as u32);
        }
        window.attempts += 1;
        Ok(())
    }

    /// Forgets the last attempt: it was no guess.
    fn give_back(&self, who: &K) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.of.get_mut(who) {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }
}

/// One home or office counts as one visitor: it has an IPv6 /64 to choose addresses from.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_guess_in_a_minute_has_to_wait() {
        let attempts = Attempts::new(PER_VISITOR);
        for _ in 0..5 {
            assert_eq!(attempts.attempt(1, 1_000), Ok(()));
        }
        assert_eq!(attempts.attempt(1, 31_000), Err(31));
        assert_eq!(attempts.attempt(2, 31_000), Ok(()), "others are not held up");
        assert_eq!(attempts.attempt(1, 61_000), Ok(()));
    }

    #[test]
    fn what_is_remembered_of_guessers_is_bounded() {
        let attempts = Attempts::new(PER_VISITOR);
        for guesser in 0..2 * WINDOWS_MAX {
            let _ = attempts.attempt(guesser, 0);
        }
        assert_eq!(attempts.windows.lock().unwrap().of.len(), WINDOWS_MAX);
        assert_eq!(attempts.attempt(usize::MAX, Timestamp::HOUR), Ok(()), "room is made when windows end");
    }
}
