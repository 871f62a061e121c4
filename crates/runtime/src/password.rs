//! Hashes and checks passwords: off the threads that answer, and few at a time in the whole process.
//!
//! argon2id with 19 MiB, 2 passes and 1 lane: the first of the equal choices in OWASP's Password Storage
//! Cheat Sheet and the library's default. One takes tens of milliseconds by design, and a thousand at once
//! would take 19 GiB: so whoever makes passwords and whoever is asked for one share the same few places.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Passwords that are worked on at the same time.
const AT_ONCE: usize = 2;
/// Checks that may wait for their turn. Strangers ask for them, so there is a limit. Hashes are made for
/// those who have a key, one at a time for each request, of a bulk too: no more wait than there are requests
/// under way.
const CHECKS_WAITING_MAX: usize = 64;

/// Hashes and checks passwords, a few at a time.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A password could not be hashed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

/// Too many checks wait already; a little later there will be room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(CHECKS_WAITING_MAX)),
        }
    }
}

impl Passwords {
    /// The PHC string of a password, with a random salt.
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let hashed = tokio::task::spawn_blocking(move || {
            let _place = place;
            let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
            Ok::<_, argon2::password_hash::Error>(hash.to_string())
        });
        match hashed.await {
            Ok(Ok(hash)) => Ok(hash),
            Ok(Err(error)) => Err(HashError(error.to_string())),
            Err(error) => Err(HashError(error.to_string())),
        }
    }

    /// Whether a password is the one of this PHC string. A text that is no such string is nobody's password.
    pub async fn is_right(&self, hash: String, password: String) -> Result<bool, Busy> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Busy)?;
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let verified = tokio::task::spawn_blocking(move || {
            let _place = place;
            let Ok(hash) = PasswordHash::new(&hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        match verified.await {
            Ok(is_right) => Ok(is_right),
            Err(died) if died.is_panic() => std::panic::resume_unwind(died.into_panic()),
            // The process is ending.
            Err(_) => Err(Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_by_its_hash_and_another_is_not() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains("horse"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".into()).await.unwrap(), "each has a salt of its own");
        for (password, right) in [("correct horse", true), ("correct hors", false), ("", false)] {
            assert_eq!(passwords.is_right(hash.clone(), password.into()).await, Ok(right), "{password}");
        }
        assert_eq!(passwords.is_right("no hash".into(), "no hash".into()).await, Ok(false));
    }

    #[tokio::test]
    async fn checks_beyond_those_that_may_wait_are_turned_away() {
        let passwords = Passwords::default();
        let _all = passwords.waiting.acquire_many(CHECKS_WAITING_MAX as u32).await.unwrap();
        assert_eq!(passwords.is_right(String::new(), String::new()).await, Err(Busy));
    }
}
