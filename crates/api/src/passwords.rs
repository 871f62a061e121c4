//! Hashes the passwords of links.
//!
//! argon2id with 19 MiB, 2 passes and 1 lane: the first of the equal choices in OWASP's Password Storage Cheat Sheet
//! and the library's default. One hash takes tens of milliseconds, so it is done off the threads that answer, and few at
//! a time: a thousand at once would take 19 GiB.

use crate::problem::{Kind, Problem};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
use tokio::sync::Semaphore;

/// Hashes that are made at the same time.
const AT_ONCE: usize = 2;

/// Hashes passwords, a few at a time.
pub(crate) struct Passwords {
    places: Semaphore,
}

impl Passwords {
    pub(crate) fn new() -> Passwords {
        Passwords { places: Semaphore::new(AT_ONCE) }
    }

    /// The PHC string of a password, with a random salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let hashed = tokio::task::spawn_blocking(move || {
            let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
            Ok::<_, argon2::password_hash::Error>(hash.to_string())
        });
        let failed = match hashed.await {
            Ok(Ok(hash)) => return Ok(hash),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error = failed, "a password could not be hashed");
        Err(Problem::new(Kind::Internal, "The password could not be hashed. It has been logged."))
    }
}
