//! Who asks, and whether they may: `Authorization: Bearer KEY`.
//!
//! A key that was just looked up is believed for [`BELIEVED_FOR`], so a busy client costs the store one
//! look-up a second, and a key that was revoked, even by another process, works no longer than that. While
//! the store is away, so that nobody can revoke one, a key that was good goes on working for
//! [`BELIEVED_WITHOUT_STORE`]. An address that tries many bad keys is not looked up for any more, except for
//! keys that were good before: others may share the address.

use crate::keys::hash_key;
use crate::problem::{Kind, Problem};
use crate::rate_limits::FAILURES;
use crate::service::Service;
use crate::time;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use curtail_model::{Scope, Scopes, Timestamp};
use curtail_store::{ApiKey, Keys, StoreError};
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long an answer of the store about a key is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// How long a key that was good is believed while the store does not answer.
const BELIEVED_WITHOUT_STORE: Duration = Duration::from_secs(900);

/// How long the store has to answer about a key that was good.
const STORE_TIMEOUT: Duration = Duration::from_millis(250);

/// Keys, good and bad, that are remembered at once.
const REMEMBERED_MAX: usize = 4_096;

/// The address of the client: what a trusted proxy says it is, else that of the connection. The server puts
/// it into the extensions of a request; without it, attempts with bad keys are not limited by address.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Who makes a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The number of their key.
    pub(crate) key: u64,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
}

/// Finds out who makes a request.
pub(crate) struct Authenticator {
    keys: Arc<dyn Keys>,
    remembered: Arc<Memory>,
}

/// What the store said about keys, by their hashes.
#[derive(Default)]
struct Memory(Mutex<HashMap<[u8; 32], Remembered>>);

#[derive(Clone, Copy)]
struct Remembered {
    caller: Option<Caller>,
    /// When the store said so.
    since: Instant,
    /// When it was last asked.
    asked: Instant,
}

/// Lets requests with a valid key through, within the rate of the key, and tells the route who makes them.
pub(crate) async fn authenticate(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    // No route serves it, and what it answers is no secret.
    if *request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    let client = request.extensions().get::<ClientAddress>().map(|client| client.0);
    let hash = bearer(request.headers()).map(hash_key);
    let caller = match identify(&service, hash, client).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let spent = service.rates.spend(caller.key).await;
    let mut response = if spent.allowed {
        request.extensions_mut().insert(caller);
        next.run(request).await
    } else {
        Problem::new(Kind::TooManyRequests, "This key has made more requests than its rate allows.")
            .into_response()
    };
    spent.tell(response.headers_mut());
    response
}

async fn identify(
    service: &Service,
    hash: Result<[u8; 32], Problem>,
    client: Option<IpAddr>,
) -> Result<Caller, Problem> {
    let hash = hash?;
    let known = service.authenticator.remembered.get(&hash);
    let was_good = known.is_some_and(|known| known.caller.is_some());
    if !was_good && client.is_some_and(|client| service.rates.fails_often(client)) {
        let problem = Problem::new(Kind::TooManyRequests, "Too many invalid keys came from this address.");
        return Err(problem.with(RETRY_AFTER, HeaderValue::from(FAILURES.window.as_secs())));
    }
    let caller = match known.filter(|known| known.asked.elapsed() < BELIEVED_FOR) {
        Some(known) => known.caller,
        None => service.authenticator.look_up_again(hash, known).await?,
    };
    let now = time::now();
    let caller = caller.filter(|caller| caller.expires_at.is_none_or(|expires_at| now < expires_at));
    caller.ok_or_else(|| {
        if let Some(client) = client {
            service.rates.record_failure(client);
        }
        unauthorized("The API key is not valid: it is unknown, revoked or expired.", Some("invalid_token"))
    })
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header =
        given.next().ok_or_else(|| unauthorized("Send the header Authorization: Bearer KEY.", None))?;
    let (scheme, key) = header.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    let key = key.trim_matches(' ');
    if !scheme.is_empty() && !scheme.eq_ignore_ascii_case("bearer") {
        // Of a scheme that is not ours, RFC 6750 has nothing to say.
        return Err(unauthorized("The scheme must be Bearer: send Authorization: Bearer KEY.", None));
    }
    if given.next().is_some() || scheme.is_empty() || key.is_empty() {
        return Err(unauthorized(
            "The header Authorization must be given once, as Bearer KEY.",
            Some("invalid_request"),
        ));
    }
    Ok(key)
}

/// A refusal with its challenge (RFC 6750, section 3).
fn unauthorized(detail: &'static str, error: Option<&str>) -> Problem {
    let challenge = match error {
        Some(error) => format!("Bearer realm=\"curtail\", error=\"{error}\""),
        None => "Bearer realm=\"curtail\"".to_owned(),
    };
    let challenge = HeaderValue::try_from(challenge).expect("a challenge is visible ASCII");
    Problem::new(Kind::InvalidKey, detail).with(WWW_AUTHENTICATE, challenge)
}

impl Caller {
    /// Refuses what the key has no scope for.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.allow(scope) {
            return Ok(());
        }
        let challenge = format!("Bearer realm=\"curtail\", error=\"insufficient_scope\", scope=\"{scope}\"");
        let challenge = HeaderValue::try_from(challenge).expect("scopes are visible ASCII");
        let detail = format!("This needs a key with the scope {scope}.");
        Err(Problem::new(Kind::ScopeMissing, detail).with(WWW_AUTHENTICATE, challenge))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        let caller = parts.extensions.get().copied();
        caller.ok_or_else(|| unauthorized("Send the header Authorization: Bearer KEY.", None))
    }
}

impl Authenticator {
    pub(crate) fn new(keys: Arc<dyn Keys>) -> Authenticator {
        Authenticator { keys, remembered: Arc::default() }
    }

    /// Forgets what it knows, so that a change of the keys shows at once.
    pub(crate) fn forget(&self) {
        self.remembered.lock().clear();
    }

    /// What the store says about a key; while it says nothing, what it said before of one that was good.
    async fn look_up_again(
        &self,
        hash: [u8; 32],
        known: Option<Remembered>,
    ) -> Result<Option<Caller>, StoreError> {
        let Some(known) = known.filter(|known| known.caller.is_some()) else {
            return look_up(&*self.keys, &self.remembered, hash).await;
        };
        // It goes on when nobody waits any more: a store that answers late is heard all the same.
        let (keys, remembered) = (Arc::clone(&self.keys), Arc::clone(&self.remembered));
        let looking = tokio::spawn(async move { look_up(&*keys, &remembered, hash).await });
        let failure = match timeout(STORE_TIMEOUT, looking).await {
            Ok(Ok(Ok(caller))) => return Ok(caller),
            Ok(Ok(Err(failure))) => failure,
            Ok(Err(_)) | Err(_) => StoreError::Unavailable("keys cannot be looked up".into()),
        };
        if known.since.elapsed() > BELIEVED_WITHOUT_STORE {
            return Err(failure);
        }
        if let Some(known) = self.remembered.lock().get_mut(&hash) {
            known.asked = Instant::now();
        }
        Ok(known.caller)
    }
}

impl Memory {
    /// What the store said about a key, however long ago.
    fn get(&self, hash: &[u8; 32]) -> Option<Remembered> {
        self.lock().get(hash).copied()
    }

    /// Remembers what the store said, unless it has said something later.
    fn put(&self, hash: [u8; 32], said: Remembered) {
        let mut remembered = self.lock();
        if remembered.get(&hash).is_some_and(|known| known.since > said.since) {
            return;
        }
        if remembered.len() >= REMEMBERED_MAX {
            // Bad keys first: whoever tries many must not make it forget good ones, which go on where those
            // are refused.
            remembered.retain(|_, known| known.caller.is_some());
        }
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(hash, said);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the store about a key, and remembers what it says.
async fn look_up(keys: &dyn Keys, remembered: &Memory, hash: [u8; 32]) -> Result<Option<Caller>, StoreError> {
    // Taken before the store is asked: the answer may be as old as the question.
    let since = Instant::now();
    let caller = keys.find(hash).await?.as_ref().and_then(Caller::of);
    remembered.put(hash, Remembered { caller, since, asked: since });
    Ok(caller)
}

impl Caller {
    fn of(key: &ApiKey) -> Option<Caller> {
        let caller = Caller { key: key.id, scopes: key.scopes, expires_at: key.expires_at };
        key.revoked_at.is_none().then_some(caller)
    }
}
