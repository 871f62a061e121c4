//! Who has written finds what was written, whichever replica answers the next request.
//!
//! Every answer to a write carries a token of how far the store had got, in a header for programs and in a
//! cookie for browsers; a request that brings it is answered from no state before that. It ends by its age
//! alone: that one replica has caught up says nothing about the next. A token that is old, forged or of
//! another store is as good as none.
//!
//! # Format
//!
//! base64url without padding of: position and time of issue in seconds, 8 bytes each, little-endian; then the
//! first 16 bytes of HMAC-SHA-256 over them.

use crate::service::Service;
use crate::time;
use axum::body::HttpBody;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curtail_model::Timestamp;
use curtail_store::Seen;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use http::request::Parts;
use sha2::Sha256;
use std::convert::Infallible;
use std::sync::Arc;

/// Carries the token, both ways.
const HEADER: HeaderName = HeaderName::from_static("x-consistency-token");
const COOKIE_NAME: &str = "curtail_seen";

/// How long a token is heeded. Replicas that are used are a
/// second behind at most; this is for clocks that differ.
const LIFETIME_SECONDS: i64 = 60;

const SIGNED_BYTES: usize = 16;
const TOKEN_BYTES: usize = 32;

/// Makes tokens and reads them.
pub(crate) struct Tokens(Hmac<Sha256>);

/// What whoever makes a request has seen.
#[derive(Clone, Copy)]
pub(crate) struct HasSeen(pub(crate) Seen);

impl Tokens {
    /// The tokens of the store with this secret.
    pub(crate) fn new(secret: &[u8; 16]) -> Tokens {
        let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        // A key of their own, so that nothing else that is made of the secret can be used as a token.
        let key = keyed(secret).chain_update(b"consistency token").finalize().into_bytes();
        Tokens(keyed(&key))
    }

    fn write(&self, seen: Seen, now: Timestamp) -> String {
        let mut token = [0; TOKEN_BYTES];
        token[..8].copy_from_slice(&seen.wal_position().to_le_bytes());
        token[8..SIGNED_BYTES].copy_from_slice(&now.seconds().to_le_bytes());
        let mac = self.0.clone().chain_update(&token[..SIGNED_BYTES]).finalize().into_bytes();
        token[SIGNED_BYTES..].copy_from_slice(&mac[..TOKEN_BYTES - SIGNED_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    fn read(&self, text: &str, now: Timestamp) -> Option<Seen> {
        let mut token = [0; TOKEN_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut token).ok()?;
        let (signed, mac) = token.split_at(SIGNED_BYTES);
        let keyed = self.0.clone().chain_update(signed);
        keyed.verify_truncated_left(mac).ok().filter(|()| length == TOKEN_BYTES)?;
        let (position, issued_at) = signed.split_first_chunk()?;
        let issued_at = i64::from_le_bytes(issued_at.try_into().ok()?);
        let is_fresh = now.seconds().abs_diff(issued_at) <= LIFETIME_SECONDS.unsigned_abs();
        is_fresh.then(|| Seen::at(u64::from_le_bytes(*position)))
    }

    /// The most that any token of a request stands for.
    fn seen_by(&self, headers: &HeaderMap, now: Timestamp) -> Seen {
        let given = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|cookies| cookies.split("; ")).filter_map(|pair| pair.split_once('='));
        let kept = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| token);
        let seen = given.chain(kept).filter_map(|token| self.read(token, now)).max();
        seen.unwrap_or(Seen::ANYTHING)
    }
}

/// Reads the token of a request, and gives one with the answer to a write.
pub(crate) async fn read_your_writes(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let seen = service.tokens.seen_by(request.headers(), time::now());
    let writes = !request.method().is_safe();
    request.extensions_mut().insert(HasSeen(seen));
    let mut response = next.run(request).await;
    let newest = service.links.seen();
    if writes && response.status().is_success() && newest != Seen::ANYTHING {
        // An answer that is still being made goes with writes whose position nobody knows yet.
        let is_whole = response.body().size_hint().exact().is_some();
        let seen = if is_whole { seen.max(newest) } else { Seen::NEWEST };
        tell(response.headers_mut(), &service.tokens.write(seen, time::now()));
    }
    response
}

fn tell(headers: &mut HeaderMap, token: &str) {
    let value = |text: String| HeaderValue::try_from(text).expect("base64url is visible ASCII");
    let cookie = format!("{COOKIE_NAME}={token}; Max-Age={LIFETIME_SECONDS}; Path=/; HttpOnly; SameSite=Lax");
    headers.append(SET_COOKIE, value(cookie));
    headers.insert(HEADER, value(token.to_owned()));
}

impl<S: Sync> FromRequestParts<S> for HasSeen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<HasSeen, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(HasSeen(Seen::ANYTHING)))
    }
}

#[cfg(test)]
mod tests {
    use super::{COOKIE_NAME, HEADER, LIFETIME_SECONDS, TOKEN_BYTES, Tokens};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use curtail_model::Timestamp;
    use curtail_store::Seen;
    use http::header::{COOKIE, HeaderMap};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[test]
    fn a_token_is_good_for_its_store_and_its_time_alone() {
        let tokens = Tokens::new(&[7; 16]);
        let token = tokens.write(Seen::at(42), NOW);
        let later = |seconds| NOW.plus_millis(seconds * Timestamp::SECOND);
        assert_eq!(tokens.read(&token, NOW), Some(Seen::at(42)));
        assert_eq!(tokens.read(&token, later(LIFETIME_SECONDS)), Some(Seen::at(42)));
        assert_eq!(tokens.read(&token, later(LIFETIME_SECONDS + 1)), None);
        assert_eq!(tokens.read(&token, later(-LIFETIME_SECONDS - 1)), None);
        assert_eq!(Tokens::new(&[8; 16]).read(&token, NOW), None);
    }

    #[test]
    fn a_token_with_a_flipped_bit_or_another_length_is_as_good_as_none() {
        let tokens = Tokens::new(&[7; 16]);
        let token = URL_SAFE_NO_PAD.decode(tokens.write(Seen::at(42), NOW)).unwrap();
        for bit in 0..TOKEN_BYTES * 8 {
            let mut forged = token.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(tokens.read(&URL_SAFE_NO_PAD.encode(forged), NOW), None, "bit {bit}");
        }
        for length in 0..TOKEN_BYTES {
            assert_eq!(tokens.read(&URL_SAFE_NO_PAD.encode(&token[..length]), NOW), None);
        }
        for text in ["", "=", "not base64!", &"A".repeat(1_000)] {
            assert_eq!(tokens.read(text, NOW), None);
        }
    }

    #[test]
    fn of_several_tokens_the_newest_that_is_good_counts() {
        let tokens = Tokens::new(&[7; 16]);
        let mut headers = HeaderMap::new();
        assert_eq!(tokens.seen_by(&headers, NOW), Seen::ANYTHING);
        headers.append(HEADER, tokens.write(Seen::at(5), NOW).parse().unwrap());
        headers.append(HEADER, Tokens::new(&[8; 16]).write(Seen::at(99), NOW).parse().unwrap());
        assert_eq!(tokens.seen_by(&headers, NOW), Seen::at(5));
        let cookie = format!("a=b; {COOKIE_NAME}={}; c=d", tokens.write(Seen::at(9), NOW));
        headers.append(COOKIE, cookie.parse().unwrap());
        assert_eq!(tokens.seen_by(&headers, NOW), Seen::at(9));
    }
}
