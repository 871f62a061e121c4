//! How often a key may ask, and how often an address may try keys that do not work.
//!
//! Rates are kept by GCRA: a second's worth may come at once, and what was spent comes back evenly. Where processes keep
//! rates together, each has its own as well, for when whoever keeps them is away. Clients are told by
//! `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-10 has them (`q` requests in `w` seconds;
//! `r` remain, all are back in `t` seconds), and by `Retry-After` when they must wait.

use curtail_runtime::rates::Rates;
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Attempts with bad keys that an address may make in one [`WINDOW`].
const FAILURES_MAX: u32 = 100;

/// How long failed attempts are counted together.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// Keys and addresses that are remembered at once; those that have long been quiet go first.
const REMEMBERED_MAX: usize = 65_536;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

type Limiter = RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// The rates of all keys and addresses.
pub(crate) struct RateLimits {
    requests: Option<(NonZeroU32, Limiter)>,
    shared: Option<Arc<dyn Rates>>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

/// The failed attempts of one address in one window.
#[derive(Clone, Copy)]
struct Failures {
    since: Instant,
    count: u32,
}

/// What a request has cost its key.
pub(crate) struct RequestSpent {
    pub(crate) allowed: bool,
    state: Option<RateState>,
}

struct RateState {
    per_second: NonZeroU32,
    remaining: u32,
}

impl RateLimits {
    /// Limits each key to so many requests a second, 0 for no limit; in all processes together where those are `shared`.
    pub(crate) fn new(per_second: u32, shared: Option<Arc<dyn Rates>>) -> RateLimits {
        let requests = NonZeroU32::new(per_second);
        RateLimits {
            requests: requests
                .map(|rate| (rate, RateLimiter::hashmap(Quota::per_second(rate)).with_middleware())),
            shared,
            failures: Mutex::default(),
        }
    }

    /// Takes one request from the rate of a key.
    pub(crate) async fn spend(&self, key: u64) -> RequestSpent {
        let Some((per_second, limiter)) = &self.requests else {
            return RequestSpent { allowed: true, state: None };
        };
        if let Some(shared) = &self.shared
            && let Some(spent) = shared.spend(key, *per_second).await
        {
            let state = RateState { per_second: *per_second, remaining: spent.remaining };
            return RequestSpent { allowed: spent.allowed, state: Some(state) };
        }
        if limiter.len() >= REMEMBERED_MAX {
            limiter.retain_recent();
        }
        let remaining = limiter.check_key(&key).map(|state| state.remaining_burst_capacity());
        let state = RateState { per_second: *per_second, remaining: *remaining.as_ref().unwrap_or(&0) };
        RequestSpent { allowed: remaining.is_ok(), state: Some(state) }
    }

    /// Notes an attempt with a bad key.
    pub(crate) fn has_failed(&self, peer: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, failed| failed.since.elapsed() < WINDOW);
        }
        if failures.len() >= REMEMBERED_MAX {
            failures.clear();
        }
        let fresh = Failures { since: Instant::now(), count: 0 };
        let failed = failures.entry(network(peer)).or_insert(fresh);
        if failed.since.elapsed() >= WINDOW {
            *failed = fresh;
        }
        failed.count = failed.count.saturating_add(1);
    }

    /// Whether an address has made too many attempts with bad keys.
    pub(crate) fn has_failed_often(&self, peer: IpAddr) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = failures.get(&network(peer));
        failed.is_some_and(|failed| failed.count >= FAILURES_MAX && failed.since.elapsed() < WINDOW)
    }
}

impl RequestSpent {
    /// Tells the client where it stands.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some(RateState { per_second, remaining }) = self.state else { return };
        let value =
            |text: String| HeaderValue::try_from(text).expect("digits and punctuation are visible ASCII");
        headers.insert(POLICY, value(format!("\"key\";q={per_second};w=1")));
        headers.insert(LIMIT, value(format!("\"key\";r={remaining};t=1")));
        if !self.allowed {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

/// IPv6 addresses are given out by the /64: each of them is one visitor's to choose from.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        },
    }
}
