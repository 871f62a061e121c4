//! The store as writers in this process see it: every change is in every layer of the cache before it is acknowledged,
//! and on its way to all other processes.
//!
//! New links are written through, because they are about to be clicked; so are changes. A removal leaves the knowledge
//! that there is nothing, with the version of the removal, so that a fill that read the row before it is refused.

use crate::bus::Bus;
use crate::redis::Redis;
use crate::shared_cache::{Held, Layer};
use curtail_model::{Change, Link, LinkId, Target, Timestamp};
use curtail_store::{
    Answer, Create, Created, Links, ListQuery, Page, Refused, Seen, Spent, StoreError, TagCount,
    UpdateRefused, WhenMade,
};
use std::future::Future;
use std::sync::Arc;

/// More new links than this in one call are an import: they would push out what visitors ask for.
const WRITE_THROUGH_MAX: usize = 64;

/// A store and the caches that must agree with it.
#[derive(Clone)]
pub struct CoherentLinks {
    links: Arc<dyn Links>,
    layers: Arc<[Arc<dyn Layer>]>,
    others: Others,
    clock: fn() -> Timestamp,
}

/// How the other processes learn of a change; a process that is alone has neither.
#[derive(Clone, Default)]
pub struct Others {
    /// Tells them.
    pub bus: Option<Arc<Bus>>,
    /// What they find.
    pub second: Option<Arc<Redis>>,
}

impl CoherentLinks {
    /// `links`, with every change told to `layers`.
    pub fn new(
        links: Arc<dyn Links>,
        layers: Arc<[Arc<dyn Layer>]>,
        clock: fn() -> Timestamp,
    ) -> CoherentLinks {
        CoherentLinks { links, layers, others: Others::default(), clock }
    }

    /// The same with others to tell.
    pub fn with_others(self, others: Others) -> CoherentLinks {
        CoherentLinks { others, ..self }
    }

    fn remember(&self, link: &Link) -> Vec<u8> {
        let packed = Target::pack(link);
        for layer in &*self.layers {
            layer.put(link.code.as_str(), &packed, (self.clock)());
        }
        packed
    }

    /// Writes a few new links through. Of an import only those whose code somebody asked for before: its absence must
    /// not be remembered, but the rest would push out what visitors ask for.
    async fn remember_new(&self, made: &[Result<Created, Refused>]) {
        let few = made.len() <= WRITE_THROUGH_MAX;
        let mut record = Vec::new();
        for created in made.iter().flatten().filter(|created| created.when == WhenMade::Now) {
            let (code, version) = (created.link.code.as_str(), created.link.version);
            let mut asked_for =
                |layer: &Arc<dyn Layer>| layer.get(code, (self.clock)(), &mut record) != Held::Unknown;
            if few {
                let packed = self.remember(&created.link);
                self.others.announce(code, version, Some(&packed));
                self.others.put_new(code, &packed).await;
            } else {
                if self.layers.iter().any(&mut asked_for) {
                    self.remember(&created.link);
                }
                self.others.announce(code, version, None);
            }
        }
    }

    fn forget(&self, removed: &Link) {
        for layer in &*self.layers {
            layer.put_nothing(removed.code.as_str(), removed.version, (self.clock)());
        }
    }
}

impl Others {
    /// Tells of a change by the bus alone.
    pub(crate) fn announce(&self, code: &str, version: u64, record: Option<&[u8]>) {
        if let Some(bus) = &self.bus {
            bus.announce(code, version, record);
        }
    }

    /// Tells of a change: `record` is what it led to, unless the link is gone. The bus first, because that only queues.
    async fn change(&self, code: &str, version: u64, record: Option<&[u8]>) {
        self.announce(code, version, record);
        if let Some(second) = &self.second
            && second.strategy().announces()
        {
            second.change(code, version, record.filter(|_| second.strategy().writes_through())).await;
        }
    }

    async fn put_new(&self, code: &str, record: &[u8]) {
        if let Some(second) = &self.second
            && second.strategy().writes_through()
        {
            second.put_new(code, record).await;
        }
    }
}

/// Runs a change to its end even when the one who asked for it goes away: the store would commit it all the same, and the
/// caches must hear of it.
fn to_the_end<'a, T, F>(change: F) -> Answer<'a, T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let task = tokio::spawn(change);
    Box::pin(async move { task.await.unwrap_or_else(|died| Err(StoreError::Unavailable(died.to_string()))) })
}

impl Links for CoherentLinks {
    fn create(&self, links: Vec<Create>) -> Answer<'_, Vec<Result<Created, Refused>>> {
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
    ) -> Answer<'_, Result<Link, UpdateRefused>> {
        let this = self.clone();
        to_the_end(async move {
            let updated = this.links.update(id, change, only_if, now).await?;
            if let Ok(link) = &updated {
                let packed = this.remember(link);
                this.others.change(link.code.as_str(), link.version, Some(&packed)).await;
            }
            Ok(updated)
        })
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> Answer<'_, Result<Link, UpdateRefused>> {
        let this = self.clone();
        to_the_end(async move {
            let removed = this.links.delete(id, only_if).await?;
            if let Ok(link) = &removed {
                this.forget(link);
                this.others.change(link.code.as_str(), link.version, None).await;
            }
            Ok(removed)
        })
    }

    fn resolve<'a>(&'a self, code: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.links.resolve(code)
    }

    fn resolve_newest<'a>(&'a self, code: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.links.resolve_newest(code)
    }

    fn unwritten<'a>(&'a self, code: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.links.unwritten(code)
    }

    fn get(&self, id: LinkId, seen: Seen) -> Answer<'_, Option<Link>> {
        self.links.get(id, seen)
    }

    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> Answer<'a, Option<Link>> {
        self.links.find(code, seen)
    }

    fn list(&self, query: ListQuery, seen: Seen) -> Answer<'_, Page> {
        self.links.list(query, seen)
    }

    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> Answer<'_, Vec<TagCount>> {
        self.links.tags(after, limit, seen)
    }

    fn position(&self) -> Seen {
        self.links.position()
    }

    fn spend(&self, id: LinkId) -> Answer<'_, Spent> {
        self.links.spend(id)
    }

    fn peek(&self, id: LinkId) -> Answer<'_, Spent> {
        self.links.peek(id)
    }
}
