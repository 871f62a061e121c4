//! What happens on a miss: L2 is asked, then the store, once for all who wait and within a budget of time,
//! and every layer remembers the answer; this process alone, and not for long, one that may be behind.

use crate::flight::Flights;
use crate::redis::{Believed, FillLock, Lookup, Redis};
use crate::shared_cache::{Held, SharedCache};
use curtail_model::Timestamp;
use curtail_runtime::breaker::{Breaker, Policy, State};
use curtail_store::{Links, Resolved, StoreError};
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Where somebody else is asking the store, L2 is looked at again after each of these, in milliseconds.
const WAITS: [u64; 4] = [1, 2, 3, 4];
/// How long a request waits for L2 while the store is left alone.
const L2_WAIT_MAX: Duration = Duration::from_millis(20);
/// How long whoever has nothing older waits in all: a redirect that is late is better than none.
const MISS_TIMEOUT: Duration = Duration::from_millis(250);
/// Each question in a row that was waited for in vain halves how long the next is, so many times at most.
const HALVED_MAX: u32 = 4;
/// An answer that comes later than its budget is still remembered, if it comes within this.
const LATE_MAX: Duration = Duration::from_secs(10);

/// What a code leads to, as Redis, the store or, with
/// write-behind, the memory of what waits for the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The packed record of the link.
    Link(Arc<[u8]>),
    /// There is no such link.
    Nothing,
    /// None of them could be asked, or answered in time.
    Unavailable,
}

/// What a resolver asks and fills.
pub struct Sources {
    /// The store.
    pub links: Arc<dyn Links>,
    /// What this process remembers.
    pub cache: Arc<SharedCache>,
    /// What all processes remember together.
    pub redis: Option<Arc<Redis>>,
    /// How long a request waits for the store if it has something older to answer with; else 250 ms at least.
    pub store_budget: Duration,
    /// When the store is left alone for a while.
    pub store_policy: Policy,
}

impl Sources {
    /// A good budget of an embedded store: it answers in microseconds, so this is for a disk that hangs.
    pub const EMBEDDED_BUDGET: Duration = Duration::from_millis(250);

    /// A good policy for an embedded store. Where this machine has no time for it,
    /// questions of all who wait are late together, and leaving it alone would only
    /// make refusals of them: only a disk that hangs for everybody opens this.
    pub const EMBEDDED_POLICY: Policy =
        Policy { consecutive_max: 1_000, outcomes_min: 1_000, failures_percent_max: 90, ..Policy::NEAR };
}

/// Asks and remembers.
pub struct Resolver {
    shared: Arc<Shared>,
    failures: AtomicU64,
    /// Questions that were waited for in vain since one was answered.
    in_vain: AtomicU32,
}

struct Shared {
    sources: Sources,
    flights: Flights<Resolution>,
    breaker: Breaker,
    /// How long the store takes: an average over about the last eight answers, in microseconds.
    store_takes: AtomicU64,
}

impl Resolver {
    /// A resolver that asks these.
    pub fn new(sources: Sources) -> Resolver {
        let policy = sources.store_policy;
        let seed = getrandom::u64().unwrap_or(1);
        let shared = Shared {
            sources,
            flights: Flights::new(),
            breaker: Breaker::new(policy, seed, Instant::now()),
            store_takes: AtomicU64::new(0),
        };
        Resolver { shared: Arc::new(shared), failures: AtomicU64::new(0), in_vain: AtomicU32::new(0) }
    }

    /// What a code leads to. However many ask at once, it is asked once.
    pub async fn resolve(&self, code: &str, now: Timestamp) -> Resolution {
        let question = || {
            let (shared, code) = (self.shared.clone(), code.to_owned());
            async move { shared.ask(&code, now).await }
        };
        let join = self.shared.flights.join(code, question);
        let wait = self.wait(code);
        let in_time = if wait.is_zero() { join.now_or_never() } else { timeout(wait, join).await.ok() };
        let is_under_way = in_time.is_none();
        match &in_time {
            None if !wait.is_zero() => _ = self.in_vain.fetch_add(1, Ordering::Relaxed),
            Some(Some(Resolution::Link(_) | Resolution::Nothing)) => self.in_vain.store(0, Ordering::Relaxed),
            _ => {}
        }
        let mut answer = in_time.flatten().unwrap_or(Resolution::Unavailable);
        if answer == Resolution::Unavailable {
            let mut record = Vec::new();
            answer = match self.shared.sources.cache.get(code, now, &mut record) {
                // An answer came late, or another way.
                Held::Link { .. } => return Resolution::Link(record.into()),
                Held::Nothing => return Resolution::Nothing,
                // Whoever asks has this already, and it may be newer than what is elsewhere.
                Held::StaleLink => answer,
                Held::Unknown => self.shared.last_resort(code, now).await,
            };
            let has_stale = !record.is_empty();
            if answer == Resolution::Unavailable && is_under_way && !has_stale {
                let patience = MISS_TIMEOUT.saturating_sub(wait);
                let late = timeout(patience, self.shared.flights.join(code, question)).await;
                answer = late.ok().flatten().unwrap_or(Resolution::Unavailable);
            }
        }
        if answer == Resolution::Unavailable {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// How long a request waits that may have something older to give: less, the more have waited in vain one
    /// after the other, because a client that follows several links meets all of that. A store that fails is
    /// asked all the same, by leave of its breaker, and nobody waits for that; nor does anybody wait for a
    /// question that hangs, but those who came while it was young.
    fn wait(&self, code: &str) -> Duration {
        let redis = &self.shared.sources.redis;
        let budget = match self.shared.breaker.state() {
            State::Closed => {
                let halved = self.in_vain.load(Ordering::Relaxed).min(HALVED_MAX);
                self.shared.sources.store_budget / (1 << halved)
            }
            State::HalfOpen | State::Open if redis.as_ref().is_some_and(|redis| redis.is_well()) => {
                L2_WAIT_MAX
            }
            State::HalfOpen | State::Open => Duration::ZERO,
        };
        budget.saturating_sub(self.shared.flights.age(code))
    }

    /// How many requests found nobody to answer them; some had something stale.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What stands between requests and a store that fails.
    pub fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }
}

impl Shared {
    async fn ask(self: &Arc<Self>, code: &str, now: Timestamp) -> Resolution {
        let cache = &self.sources.cache;
        let mut newest = cache.has_just_changed(code, now);
        if let Some(redis) = &self.sources.redis
            && !newest
        {
            match self.ask_redis(redis, code, now).await {
                // It may have missed a change that is known here.
                Lookup::Link { record, .. } if cache.knows_newer(code, &record) => newest = true,
                Lookup::Link { record, refresh } => {
                    cache.fill(code, Some(&record), now);
                    if refresh {
                        self.refresh(code, now);
                    }
                    return Resolution::Link(record.into());
                }
                Lookup::Nothing => {
                    cache.fill(code, None, now);
                    return Resolution::Nothing;
                }
                Lookup::Changed { .. } => newest = true,
                Lookup::Unknown | Lookup::Wait | Lookup::Doubtful | Lookup::Away => {}
            }
        }
        self.ask_store(code, newest, now).await
    }

    /// Asks L2; while somebody else asks the store, a few times.
    async fn ask_redis(&self, redis: &Redis, code: &str, now: Timestamp) -> Lookup {
        let believed = if self.sources.cache.has_lease(now) { Believed::AnyAge } else { Believed::YoungOnly };
        let store_takes = Duration::from_micros(self.store_takes.load(Ordering::Relaxed));
        let mut found = redis.look_up(code, believed, FillLock::Take, store_takes).await;
        for wait in WAITS {
            if found != Lookup::Wait {
                break;
            }
            sleep(Duration::from_millis(wait)).await;
            found = redis.look_up(code, believed, FillLock::Take, store_takes).await;
        }
        found
    }

    /// Whether an old record is known, which may be newer than what is elsewhere.
    fn has_stale(&self, code: &str, now: Timestamp) -> bool {
        self.sources.cache.get(code, now, &mut Vec::new()) == Held::StaleLink
    }

    /// What is known of a code while the store is away, whatever its age; what L2
    /// has is remembered, as something stale. L2 may have been passed over because
    /// something had just changed, or its entry because this process is deaf.
    async fn last_resort(&self, code: &str, now: Timestamp) -> Resolution {
        if let Some(redis) = &self.sources.redis
            && let Lookup::Link { record, .. } =
                redis.look_up(code, Believed::AnyAge, FillLock::Leave, Duration::ZERO).await
            && self.sources.cache.fill_stale(code, &record, now)
        {
            return Resolution::Link(record.into());
        }
        match self.sources.links.unwritten(code).await {
            Ok(Some(record)) if !self.sources.cache.knows_newer(code, &record) => {
                Resolution::Link(record.into())
            }
            Ok(_) | Err(_) => Resolution::Unavailable,
        }
    }

    /// Asks the store for what ends soon, while it is still being served.
    fn refresh(self: &Arc<Self>, code: &str, now: Timestamp) {
        let (shared, code) = (self.clone(), code.to_owned());
        tokio::spawn(async move {
            let question = || {
                let (shared, code) = (shared.clone(), code.clone());
                async move { shared.ask_store(&code, false, now).await }
            };
            // Nobody waits for it; what it finds is remembered.
            let _ = shared.flights.join(&code, question).await;
        });
    }

    async fn ask_store(self: &Arc<Self>, code: &str, newest: bool, now: Timestamp) -> Resolution {
        let asked = Instant::now();
        let Some(permit) = self.breaker.admit(asked) else { return Resolution::Unavailable };
        let mut question = Box::pin(self.question(code, newest));
        let in_time = timeout(self.sources.store_budget, &mut question).await;
        let answer = match in_time {
            Ok(answer) => {
                match &answer {
                    Ok(_) | Err(StoreError::Damaged(_)) => {
                        self.note_time(asked.elapsed());
                        permit.succeeded(Instant::now());
                    }
                    Err(_) => permit.failed(Instant::now()),
                }
                answer
            }
            Err(_) => {
                permit.failed(Instant::now());
                match timeout(LATE_MAX, question).await {
                    Ok(answer) => answer,
                    Err(_) => return Resolution::Unavailable,
                }
            }
        };
        match answer {
            Ok(Resolved { record, is_current: true }) => {
                self.remember(code, record.as_deref(), asked, now);
                record.map_or(Resolution::Nothing, |packed| Resolution::Link(packed.into()))
            }
            Ok(Resolved { record, is_current: false }) => self.provisional(code, record, now),
            Err(StoreError::Damaged(what)) => {
                tracing::error!(code, what, "a link could not be read");
                Resolution::Unavailable
            }
            // What a replica has is not the newest, and better than nothing.
            Err(_) if newest => self.ask_replica(code, now).await,
            Err(_) => Resolution::Unavailable,
        }
    }

    async fn question(&self, code: &str, newest: bool) -> Result<Resolved, StoreError> {
        let links = &self.sources.links;
        if newest {
            links.resolve_newest(code).await.map(Resolved::current)
        } else {
            links.resolve(code).await
        }
    }

    async fn ask_replica(&self, code: &str, now: Timestamp) -> Resolution {
        match timeout(self.sources.store_budget, self.sources.links.resolve(code)).await {
            Ok(Ok(found)) => self.provisional(code, found.record, now),
            Ok(Err(_)) | Err(_) => Resolution::Unavailable,
        }
    }

    /// What a copy of the store has that may be behind: it counts
    /// where nothing newer is known here, and nobody else is told.
    fn provisional(&self, code: &str, record: Option<Vec<u8>>, now: Timestamp) -> Resolution {
        match record {
            Some(packed) if self.sources.cache.fill_briefly(code, &packed, now) => {
                Resolution::Link(packed.into())
            }
            None if !self.has_stale(code, now) => Resolution::Nothing,
            Some(_) | None => Resolution::Unavailable,
        }
    }

    fn remember(&self, code: &str, found: Option<&[u8]>, asked: Instant, now: Timestamp) {
        self.sources.cache.fill(code, found, now);
        if let Some(redis) = self.sources.redis.clone() {
            let (code, found) = (code.to_owned(), found.map(<[u8]>::to_vec));
            // Whoever waits for the answer need not wait for L2 to have it.
            tokio::spawn(async move { redis.fill(&code, found.as_deref(), asked).await });
        }
    }

    fn note_time(&self, took: Duration) {
        let took = took.as_micros() as u64;
        let before = self.store_takes.load(Ordering::Relaxed);
        let now = if before == 0 { took } else { before - before / 8 + took / 8 };
        self.store_takes.store(now, Ordering::Relaxed);
    }
}
