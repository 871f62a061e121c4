//! `Idempotency-Key`: repeating the same request makes nothing twice
//! (draft-ietf-httpapi-idempotency-key-header).

use crate::problem::{Invalid, Problem};
use curtail_store::Idempotency;
use http::header::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

/// The header that carries the key.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Its name, for people.
const NAME: &str = "Idempotency-Key";

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// The key of a request, bound to whoever makes it: what others call theirs is nothing to them.
#[derive(Clone)]
pub(crate) struct IdempotencyKey(Sha256);

impl IdempotencyKey {
    /// The key that a request gives, if it gives one.
    pub(crate) fn read(headers: &HeaderMap, caller: u64) -> Result<Option<IdempotencyKey>, Problem> {
        let mut given = headers.get_all(HEADER).iter();
        let Some(key) = given.next().map(|key| key.as_bytes()) else { return Ok(None) };
        let good = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        if given.next().is_some() || !good {
            let detail =
                format!("must be given once and have from 1 to {KEY_BYTES_MAX} visible ASCII characters");
            return Err(Invalid::new(NAME, detail).into());
        }
        // The caller's number has a fixed length and the key ends in a zero byte, so no two inputs are the
        // same bytes.
        Ok(Some(IdempotencyKey(
            Sha256::new().chain_update(caller.to_le_bytes()).chain_update(key).chain_update([0]),
        )))
    }

    /// Refuses any key where a repetition cannot be answered as the first request was.
    pub(crate) fn refuse(headers: &HeaderMap, why: &'static str) -> Result<(), Problem> {
        if headers.contains_key(HEADER) { Err(Invalid::new(NAME, why).into()) } else { Ok(()) }
    }

    /// What the store remembers of a request with this body.
    pub(crate) fn of_body(self, body: &[u8]) -> Idempotency {
        Idempotency { key: self.0.finalize().into(), request: Sha256::digest(body).into() }
    }

    /// What the store remembers of one line of a bulk with this key: each line is a request of its own.
    pub(crate) fn of_line(&self, number: u64, line: &[u8]) -> Idempotency {
        let key = self.0.clone().chain_update(number.to_le_bytes());
        Idempotency { key: key.finalize().into(), request: Sha256::digest(line).into() }
    }
}
