//! The store as writers in this process see it: every change is in every layer of the cache before it is
//! acknowledged, and on its way to all other processes.
//!
//! New links are put into the cache, because they are about to be clicked; so are
//! changes. A removal leaves the knowledge that there is nothing, with the
//! version of the removal, so that a fill that read the row before it is refused.
//!
//! A change whose commit was not answered may have happened, and may happen yet. Until it is known which, all
//! layers are told again and again to ask the store; then they are told what became of it. Whoever asked for
//! it is told at once that nobody knows.

use crate::bus::Bus;
use crate::redis::Redis;
use crate::shared_cache::{Held, SharedCache};
use curtail_model::{Change, Link, LinkId, Target, Timestamp};
use curtail_runtime::retry::Backoff;
use curtail_store::{
    Create, Created, InDoubt, Links, ListQuery, Page, Refused, Resolved, Seen, Spent, StoreError,
    StoreFuture, TagCount, UpdateRefused, WhenMade,
};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// More new links than this in one call are an import: they would push out what visitors ask for.
const CACHED_AT_ONCE_MAX: usize = 64;
/// Pauses between attempts to learn what became of a change: at most this at first, and at most that. So long
/// may pass until a commit that comes late is told.
const SETTLING: Duration = Duration::from_millis(50);
const SETTLING_MAX: Duration = Duration::from_millis(500);

/// A store and the cache that must agree with it.
#[derive(Clone)]
pub struct CoherentLinks {
    links: Arc<dyn Links>,
    cache: Arc<SharedCache>,
    peers: Peers,
    clock: fn() -> Timestamp,
}

/// How the other processes learn of a change; a process that is alone has none of it.
#[derive(Clone, Default)]
pub struct Peers {
    /// Tells them.
    pub bus: Option<Arc<Bus>>,
    /// Where they find what it led to.
    pub redis: Option<Arc<Redis>>,
}

impl CoherentLinks {
    /// `links`, with every change told to `cache`.
    pub fn new(links: Arc<dyn Links>, cache: Arc<SharedCache>, clock: fn() -> Timestamp) -> CoherentLinks {
        CoherentLinks { links, cache, peers: Peers::default(), clock }
    }

    /// The same with peers to tell.
    pub fn with_peers(self, peers: Peers) -> CoherentLinks {
        CoherentLinks { peers, ..self }
    }

    fn remember(&self, link: &Link) -> Vec<u8> {
        let packed = Target::pack(link);
        self.cache.put(link.code.as_str(), &packed, (self.clock)());
        packed
    }

    /// Puts a few new links into the cache. Of an import only those whose code somebody asked for before: its
    /// absence must not be remembered, but the rest would push out what visitors ask for.
    async fn remember_new(&self, made: &[Result<Created, Refused>]) {
        let few = made.len() <= CACHED_AT_ONCE_MAX;
        let mut record = Vec::new();
        for created in made.iter().flatten().filter(|created| created.when == WhenMade::Now) {
            let (code, version) = (created.link.code.as_str(), created.link.version);
            if few {
                let packed = self.remember(&created.link);
                self.peers.announce(code, version, Some(&packed));
                self.peers.put_new(code, &packed).await;
            } else {
                if self.cache.get(code, (self.clock)(), &mut record) != Held::Unknown {
                    self.remember(&created.link);
                }
                self.peers.announce(code, version, None);
            }
        }
    }

    async fn changed(&self, link: &Link) {
        let packed = self.remember(link);
        self.peers.change(link.code.as_str(), link.version, Some(&packed)).await;
    }

    async fn removed(&self, code: &str, version: u64) {
        self.cache.put_nothing(code, version, (self.clock)());
        self.peers.change(code, version, None).await;
    }

    /// Passes on what became of a change. One that is in doubt has
    /// been called so everywhere by then, and is seen to from then on.
    async fn known<T>(&self, id: LinkId, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::InDoubt(doubt)) = &outcome {
            self.peers.begin();
            self.doubt(doubt).await;
            tokio::spawn(self.clone().settle(id, doubt.clone()));
        }
        outcome
    }

    /// Has the store asked about a link, by all nodes.
    async fn doubt(&self, InDoubt { code, before, after, .. }: &InDoubt) {
        // Caches of processes take the version from before: it may
        // stay the newest, and has to be remembered again then.
        self.cache.learn(code.as_str(), *before, None, (self.clock)());
        self.peers.announce(code.as_str(), *before, None);
        // What was there before must not get into L2 any more; that
        // all have to ask the store a while longer does no harm.
        self.peers.mark(code.as_str(), *after).await;
    }

    /// Learns what became of a change, and tells it. To change nothing takes the lock of the row, which the
    /// change in doubt holds until it is committed or undone.
    async fn settle(self, id: LinkId, doubt: Box<InDoubt>) {
        let mut pauses = Backoff::new(SETTLING, SETTLING_MAX);
        loop {
            match self.links.update(id, Change::default(), None, (self.clock)()).await {
                Ok(Ok(link)) if link.version < doubt.after => break,
                Ok(Ok(link)) => break self.changed(&link).await,
                Ok(Err(UpdateRefused::Missing)) => {
                    break self.removed(doubt.code.as_str(), doubt.after).await;
                }
                Ok(Err(UpdateRefused::Changed(_))) | Err(_) => {}
            }
            sleep(pauses.pause()).await;
            self.doubt(&doubt).await;
        }
        self.peers.told();
    }

    /// Makes a change, to its end. A process that ends before it is told leaves without a
    /// goodbye: the store may have taken it, and then nobody should believe what was before.
    fn telling<'a, T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let peers = self.peers.clone();
        to_the_end(async move {
            peers.begin();
            let outcome = change.await;
            peers.told();
            outcome
        })
    }
}

impl Peers {
    /// A change is begun that others are to be told of.
    fn begin(&self) {
        if let Some(bus) = &self.bus {
            bus.begin();
        }
    }

    /// They were told, or there is nothing to tell.
    fn told(&self) {
        if let Some(bus) = &self.bus {
            bus.told();
        }
    }

    /// Tells of a change by the bus alone.
    pub(crate) fn announce(&self, code: &str, version: u64, record: Option<&[u8]>) {
        if let Some(bus) = &self.bus {
            bus.announce(code, version, record);
        }
    }

    /// Tells of a change: `record` is what it led to, unless the
    /// link is gone. The bus first, because that only queues.
    async fn change(&self, code: &str, version: u64, record: Option<&[u8]>) {
        self.announce(code, version, record);
        if let Some(redis) = self.told_redis() {
            redis.change(code, version, record.filter(|_| redis.strategy().writes_through())).await;
        }
    }

    /// Leaves a marker in L2: what is older than this version is not right.
    async fn mark(&self, code: &str, version: u64) {
        if let Some(redis) = self.told_redis() {
            redis.change(code, version, None).await;
        }
    }

    fn told_redis(&self) -> Option<&Redis> {
        self.redis.as_deref().filter(|redis| redis.strategy().announces())
    }

    async fn put_new(&self, code: &str, record: &[u8]) {
        if let Some(redis) = &self.redis
            && redis.strategy().writes_through()
        {
            redis.put_new(code, record).await;
        }
    }
}

/// Runs a change to its end even when the one who asked for it goes away: the store would commit it all the
/// same, and the caches must hear of it.
fn to_the_end<'a, T, F>(change: F) -> StoreFuture<'a, T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let task = tokio::spawn(change);
    Box::pin(async move { task.await.unwrap_or_else(|died| Err(StoreError::Unavailable(died.to_string()))) })
}

impl Links for CoherentLinks {
    fn create(&self, links: Vec<Create>) -> StoreFuture<'_, Vec<Result<Created, Refused>>> {
        let this = self.clone();
        to_the_end(async move {
            let made = this.links.create(links).await?;
            this.remember_new(&made).await;
            Ok(made)
        })
    }

    fn update(
        &self,
        id: LinkId,
        change: Change,
        only_if: Option<u64>,
        now: Timestamp,
    ) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        let this = self.clone();
        self.telling(async move {
            let outcome = this.links.update(id, change, only_if, now).await;
            let updated = this.known(id, outcome).await?;
            if let Ok(link) = &updated {
                this.changed(link).await;
            }
            Ok(updated)
        })
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        let this = self.clone();
        self.telling(async move {
            let outcome = this.links.delete(id, only_if).await;
            let removed = this.known(id, outcome).await?;
            if let Ok(link) = &removed {
                this.removed(link.code.as_str(), link.version).await;
            }
            Ok(removed)
        })
    }

    fn resolve<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Resolved> {
        self.links.resolve(code)
    }

    fn resolve_newest<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.links.resolve_newest(code)
    }

    fn unwritten<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.links.unwritten(code)
    }

    fn get(&self, id: LinkId, seen: Seen) -> StoreFuture<'_, Option<Link>> {
        self.links.get(id, seen)
    }

    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> StoreFuture<'a, Option<Link>> {
        self.links.find(code, seen)
    }

    fn list(&self, query: ListQuery, seen: Seen) -> StoreFuture<'_, Page> {
        self.links.list(query, seen)
    }

    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> StoreFuture<'_, Vec<TagCount>> {
        self.links.tags(after, limit, seen)
    }

    fn seen(&self) -> Seen {
        self.links.seen()
    }

    fn spend(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.links.spend(id)
    }

    fn peek(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.links.peek(id)
    }
}
