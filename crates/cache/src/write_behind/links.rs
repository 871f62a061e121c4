//! The trait [`Links`] over what waits and the store behind it.

use super::creates::{AT_ONCE_MAX, is_plain};
use super::record::{self, Framed, link_in};
use super::{FLUSH_TIMEOUT, Inner, WriteBehind};
use curtail_model::{Change, Link, LinkId, Target, Timestamp};
use curtail_store::{
    Create, Created, Links, ListQuery, Page, Refused, Resolved, Seen, Spent, StoreError, StoreFuture,
    TagCount, UpdateRefused,
};
use tokio::time::timeout;

/// How a link is named.
#[derive(Clone, Copy)]
enum Named<'a> {
    Id(LinkId),
    Code(&'a str),
}

impl Inner {
    fn id_of(&self, code: &str) -> Option<LinkId> {
        self.codes.decode(code.as_bytes())
    }

    /// A link that another process has acknowledged, if the store does not have it yet.
    async fn elsewhere(&self, id: LinkId) -> Option<Link> {
        let bytes = self.peers.redis.as_ref()?.unwritten(self.store_id, id).await?;
        match record::unframe(&bytes, record::seed_of(self.store_id)) {
            Framed::Record { payload, .. } => link_in(payload, &self.codes).filter(|link| link.id == id),
            Framed::CutOff | Framed::Other => None,
        }
    }

    async fn read(&self, name: Named<'_>, seen: Seen) -> Result<Option<Link>, StoreError> {
        match name {
            Named::Id(id) => self.links.get(id, seen).await,
            Named::Code(code) => self.links.find(code, seen).await,
        }
    }

    /// A link that waits, here or elsewhere. Where this finds none,
    /// the store has it if there is one: so this is asked first.
    async fn waiting(&self, id: LinkId) -> Option<Link> {
        match self.unwritten.get(id) {
            Some(link) => Some(link),
            None => self.elsewhere(id).await,
        }
    }

    /// A link, wherever it is.
    async fn find(&self, name: Named<'_>, seen: Seen) -> Result<Option<Link>, StoreError> {
        let id = match name {
            Named::Id(id) => Some(id),
            Named::Code(code) => self.id_of(code),
        };
        let Some(id) = id else { return self.read(name, seen).await };
        if let Some(link) = self.waiting(id).await {
            let flushed = timeout(FLUSH_TIMEOUT, self.flush(link.clone())).await;
            if !matches!(flushed, Ok(Ok(()))) {
                return Ok(Some(link));
            }
            return self.read(name, Seen::NEWEST).await;
        }
        match self.read(name, seen).await {
            // It may have been flushed after `seen`, which is from when it was acknowledged.
            Ok(None) if seen != Seen::NEWEST => Ok(self.read(name, Seen::NEWEST).await.unwrap_or(None)),
            found => found,
        }
    }

    /// What a code leads to. What waits is flushed first: others may have flushed it and changed it since.
    async fn resolve(&self, code: &str, newest: bool) -> Result<Resolved, StoreError> {
        let waiting = match self.id_of(code) {
            Some(id) => self.waiting(id).await,
            None => None,
        };
        match waiting {
            Some(_) if self.is_stuck() => Err(StoreError::Unavailable("new links wait for the store".into())),
            Some(link) => {
                self.flush(link).await?;
                self.links.resolve_newest(code).await.map(Resolved::current)
            }
            None if newest => self.links.resolve_newest(code).await.map(Resolved::current),
            None => self.links.resolve(code).await,
        }
    }

    /// Has a link flushed before it is changed.
    async fn flush_before_a_change(&self, id: LinkId) -> Result<(), StoreError> {
        match self.waiting(id).await {
            Some(link) => self.flush(link).await,
            None => Ok(()),
        }
    }
}

impl Links for WriteBehind {
    fn create(&self, links: Vec<Create>) -> StoreFuture<'_, Vec<Result<Created, Refused>>> {
        let this = &self.inner;
        Box::pin(async move {
            if links.len() > AT_ONCE_MAX {
                return this.make(links, false).await;
            }
            let mut made = Vec::with_capacity(links.len());
            let mut rest = links.into_iter().peekable();
            while let Some(first) = rest.next() {
                let plain = is_plain(&first);
                let mut run = vec![first];
                while let Some(next) = rest.next_if(|next| is_plain(next) == plain) {
                    run.push(next);
                }
                made.extend(this.make(run, plain).await?);
            }
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
        let this = &self.inner;
        Box::pin(async move {
            this.flush_before_a_change(id).await?;
            this.links.update(id, change, only_if, now).await
        })
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        let this = &self.inner;
        Box::pin(async move {
            this.flush_before_a_change(id).await?;
            this.links.delete(id, only_if).await
        })
    }

    fn resolve<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Resolved> {
        Box::pin(self.inner.resolve(code, false))
    }

    fn resolve_newest<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.inner.resolve(code, true).await?.record) })
    }

    fn unwritten<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let Some(id) = self.inner.id_of(code) else { return Ok(None) };
            Ok(self.inner.waiting(id).await.map(|link| Target::pack(&link)))
        })
    }

    fn get(&self, id: LinkId, seen: Seen) -> StoreFuture<'_, Option<Link>> {
        Box::pin(self.inner.find(Named::Id(id), seen))
    }

    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> StoreFuture<'a, Option<Link>> {
        Box::pin(self.inner.find(Named::Code(code), seen))
    }

    fn list(&self, query: ListQuery, seen: Seen) -> StoreFuture<'_, Page> {
        self.inner.links.list(query, seen)
    }

    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> StoreFuture<'_, Vec<TagCount>> {
        self.inner.links.tags(after, limit, seen)
    }

    fn spend(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.inner.links.spend(id)
    }

    fn peek(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.inner.links.peek(id)
    }

    fn seen(&self) -> Seen {
        self.inner.links.seen()
    }
}
