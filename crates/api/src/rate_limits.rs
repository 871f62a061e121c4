//! How often a key may ask, and how often an address may try keys that do not work.
//!
//! Rates are kept by GCRA: a second's worth may come at once, and what was spent comes back evenly. Where
//! processes keep rates together, each has its own as well, for when whoever keeps them is away. Clients are
//! told by `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-10 has them (`q`
//! requests in `w` seconds; `r` remain, all are back in `t` seconds), and by `Retry-After` when they must
//! wait.

use curtail_runtime::attempts::{Attempts, Limit};
use curtail_runtime::network::customer_of;
use curtail_runtime::rates::Rates;
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Attempts with bad keys that an address may make.
pub(crate) const FAILURES: Limit = Limit { attempts: 100, window: Duration::from_secs(10) };

/// Keys that are remembered at once; those that have long been quiet go first.
const REMEMBERED_MAX: usize = 65_536;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

type Limiter = RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// The rates of all keys and addresses.
pub(crate) struct RateLimits {
    per_second: NonZeroU32,
    limiter: Limiter,
    shared: Option<Arc<dyn Rates>>,
    failures: Attempts<IpAddr>,
}

/// What a request has cost its key.
pub(crate) struct RequestSpent {
    pub(crate) allowed: bool,
    per_second: NonZeroU32,
    remaining: u32,
}

impl RateLimits {
    /// Limits each key to so many requests a second; in all processes together where those are `shared`.
    pub(crate) fn new(per_second: NonZeroU32, shared: Option<Arc<dyn Rates>>) -> RateLimits {
        let limiter = RateLimiter::hashmap(Quota::per_second(per_second)).with_middleware();
        RateLimits { per_second, limiter, shared, failures: Attempts::new(FAILURES) }
    }

    /// Takes one request from the rate of a key.
    pub(crate) async fn spend(&self, key: u64) -> RequestSpent {
        let per_second = self.per_second;
        if let Some(shared) = &self.shared
            && let Some(spent) = shared.spend(key, per_second).await
        {
            return RequestSpent { allowed: spent.allowed, per_second, remaining: spent.remaining };
        }
        if self.limiter.len() >= REMEMBERED_MAX {
            self.limiter.retain_recent();
        }
        let remaining = self.limiter.check_key(&key).map(|state| state.remaining_burst_capacity());
        RequestSpent { allowed: remaining.is_ok(), per_second, remaining: remaining.unwrap_or(0) }
    }

    /// Notes an attempt with a bad key.
    pub(crate) fn record_failure(&self, client: IpAddr) {
        // Whether it is within the limit does not matter here: the next request asks, in `fails_often`.
        let _ = self.failures.attempt(customer_of(client), Instant::now());
    }

    /// Whether an address has made too many attempts with bad keys.
    pub(crate) fn fails_often(&self, client: IpAddr) -> bool {
        self.failures.are_used_up(&customer_of(client), Instant::now())
    }
}

impl RequestSpent {
    /// Tells the client where it stands.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let RequestSpent { allowed, per_second, remaining } = self;
        let value =
            |text: String| HeaderValue::try_from(text).expect("digits and punctuation are visible ASCII");
        headers.insert(POLICY, value(format!("\"key\";q={per_second};w=1")));
        headers.insert(LIMIT, value(format!("\"key\";r={remaining};t=1")));
        if !allowed {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}
