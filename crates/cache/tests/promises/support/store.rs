//! A real store that can be held up, and what is needed to make and change links.

use curtail_cache::{Lifetimes, SharedCache, Sources};
use curtail_model::{
    Alphabet, Change, Code, CodeScheme, Destination, Field, Link, LinkId, NewLink, RedirectStatus, Timestamp,
};
use curtail_store::sqlite::{self, Settings};
use curtail_store::{
    Create, Created, InDoubt, Links, ListQuery, Page, Refused, Resolved, Seen, Spent, StoreError,
    StoreFuture, TagCount, UpdateRefused,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::sync::Semaphore;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
pub(crate) const LIFETIMES: Lifetimes = Lifetimes { link: 100, negative: 10 };

/// A store whose answers wait at a gate, and that counts questions.
pub(crate) struct Gated {
    links: Arc<dyn Links>,
    pub(crate) gate: Semaphore,
    pub(crate) asked: AtomicU64,
    /// What becomes of changes.
    fate: AtomicU8,
    /// Whether its answers are those of a replica whose primary is away.
    pub(crate) is_behind: AtomicBool,
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It happens and is answered.
    Answered,
    /// It happens, and the answer is lost.
    Unanswered,
    /// It does not happen, which nobody is told either.
    Undone,
    /// The store is away.
    Away,
}

impl Gated {
    pub(crate) fn decide(&self, fate: Fate) {
        self.fate.store(fate as u8, Ordering::SeqCst);
    }

    /// Changes a link, or does not.
    async fn change<'a>(
        &'a self,
        id: LinkId,
        change: impl FnOnce() -> StoreFuture<'a, Result<Link, UpdateRefused>>,
    ) -> Result<Result<Link, UpdateRefused>, StoreError> {
        let fate = self.fate.load(Ordering::SeqCst);
        let Some(before) = self.links.get(id, Seen::NEWEST).await? else { return change().await };
        if fate == Fate::Undone as u8 {
            return Err(lost(&before, before.version + 1));
        }
        let changed = change().await?;
        match &changed {
            Ok(link) if fate == Fate::Unanswered as u8 && link.version != before.version => {
                Err(lost(&before, link.version))
            }
            _ => Ok(changed),
        }
    }

    async fn pass(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fate.load(Ordering::SeqCst) == Fate::Away as u8 {
            return Err(StoreError::Unavailable("away".to_owned()));
        }
        self.gate.acquire().await.map(|_| ()).map_err(|_| StoreError::Unavailable("away".to_owned()))
    }
}

impl Links for Gated {
    fn resolve<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Resolved> {
        Box::pin(async move {
            self.pass().await?;
            let found = self.links.resolve(code).await?;
            Ok(Resolved { is_current: !self.is_behind.load(Ordering::SeqCst), ..found })
        })
    }

    fn update(
        &self,
        id: LinkId,
        change: Change,
        only_if: Option<u64>,
        now: Timestamp,
    ) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        Box::pin(async move {
            self.pass().await?;
            self.change(id, || self.links.update(id, change, only_if, now)).await
        })
    }

    fn create(&self, links: Vec<Create>) -> StoreFuture<'_, Vec<Result<Created, Refused>>> {
        self.links.create(links)
    }

    fn get(&self, id: LinkId, seen: Seen) -> StoreFuture<'_, Option<Link>> {
        self.links.get(id, seen)
    }

    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> StoreFuture<'a, Option<Link>> {
        self.links.find(code, seen)
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        Box::pin(async move { self.change(id, || self.links.delete(id, only_if)).await })
    }

    fn list(&self, query: ListQuery, seen: Seen) -> StoreFuture<'_, Page> {
        self.links.list(query, seen)
    }

    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> StoreFuture<'_, Vec<TagCount>> {
        self.links.tags(after, limit, seen)
    }

    fn spend(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.links.spend(id)
    }

    fn peek(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.links.peek(id)
    }
}

fn lost(before: &Link, after: u64) -> StoreError {
    let (code, before) = (before.code.clone(), before.version);
    StoreError::InDoubt(Box::new(InDoubt { code, before, after, why: "the connection broke".into() }))
}

/// A store and one process that remembers.
pub(crate) struct House {
    pub(crate) store: Arc<Gated>,
    pub(crate) cache: Arc<SharedCache>,
    _folder: TempDir,
}

impl House {
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            links: self.store.clone(),
            cache: self.cache.clone(),
            redis: None,
            store_budget: Sources::EMBEDDED_BUDGET,
            store_policy: Sources::EMBEDDED_POLICY,
        }
    }
}

pub(crate) fn house(passes: usize) -> House {
    let (store, folder) = gated(passes);
    let cache = Arc::new(SharedCache::new(4 << 20, LIFETIMES));
    House { store, cache, _folder: folder }
}

/// A store that lets so many questions pass.
pub(crate) fn gated(passes: usize) -> (Arc<Gated>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        scheme: CodeScheme::Permuted,
        alphabet: Alphabet::Base62,
        readers: 1,
        page_cache_bytes: 1 << 20,
    };
    let links = sqlite::open(folder.path(), settings).unwrap().links;
    let (asked, fate) = (AtomicU64::new(0), AtomicU8::new(Fate::Answered as u8));
    let (gate, is_behind) = (Semaphore::new(passes), AtomicBool::new(false));
    let store = Gated { links, gate, asked, fate, is_behind };
    (Arc::new(store), folder)
}

/// A link with this code.
pub(crate) fn create(code: &str) -> Create {
    let link = NewLink {
        code: Some(Code::custom(code).unwrap()),
        destination: Destination::new("https://example.com/", &[], []).unwrap(),
        title: None,
        notes: None,
        tags: Vec::new(),
        starts_at: None,
        expires_at: None,
        max_clicks: None,
        redirect_status: RedirectStatus::Found,
        forward_query: false,
        password_hash: None,
        expired_url: None,
        reuse: false,
    };
    Create { link, now: NOW, idempotency: None }
}

/// A change of the destination.
pub(crate) fn destination(url: &str) -> Change {
    Change { destination: Field::Set(Destination::new(url, &[], []).unwrap()), ..Change::default() }
}
