//! Nodes that write behind: a real PostgreSQL, a real Redis, and a way to the store that can be closed.

use super::node::{self, location, now};
use super::services::nodes;
use super::store::{LIFETIMES, create};
use curtail_cache::redis::{Config as RedisConfig, PubSub, Redis};
use curtail_cache::write_behind::{Config, OpenError};
use curtail_cache::{
    Bus, CoherentLinks, Held, Peers, Resolution, Resolver, SharedCache, Sources, Strategy, WriteBehind,
};
use curtail_model::{Alphabet, CodeScheme, Link};
use curtail_runtime::breaker::Policy;
use curtail_runtime::clock::coarse_millis;
use curtail_servers::service;
use curtail_store::postgres::{self, Postgres, Settings};
use curtail_store::{
    Create, Flushed, IdBlock, Links, ListQuery, Seen, Sort, StoreError, StoreFuture, WriteBehindStore,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// What nodes share.
pub(crate) struct Site {
    pub(crate) store: Postgres,
    pub(crate) way: Arc<Way>,
    redis: RedisConfig,
    folder: TempDir,
    budget: u64,
}

/// A node, with a journal of its own.
pub(crate) struct Behind {
    pub(crate) behind: WriteBehind,
    pub(crate) links: CoherentLinks,
    cache: Arc<SharedCache>,
    resolver: Resolver,
}

/// The way that links take to the store.
pub(crate) struct Way {
    write_behind: Arc<dyn WriteBehindStore>,
    passes: AtomicU8,
}

const ALL: u8 = 0;
const SINGLE: u8 = 1;
const NONE: u8 = 2;

impl Way {
    pub(crate) fn close(&self) {
        self.passes.store(NONE, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        self.passes.store(ALL, Ordering::SeqCst);
    }

    /// One link passes, several together do not.
    pub(crate) fn let_single_links_pass(&self) {
        self.passes.store(SINGLE, Ordering::SeqCst);
    }
}

impl WriteBehindStore for Way {
    fn lease(&self, count: u32) -> StoreFuture<'_, IdBlock> {
        self.write_behind.lease(count)
    }

    fn flush(&self, links: Vec<Link>) -> StoreFuture<'_, Vec<Flushed>> {
        match self.passes.load(Ordering::SeqCst) {
            ALL => self.write_behind.flush(links),
            SINGLE if links.len() == 1 => self.write_behind.flush(links),
            _ => Box::pin(std::future::ready(Err(StoreError::Unavailable("the way is closed".into())))),
        }
    }

    fn release(&self, leases: Vec<u64>) -> StoreFuture<'_, ()> {
        self.write_behind.release(leases)
    }
}

impl Site {
    pub(crate) async fn new() -> Site {
        Site::with_budget(64 << 20).await
    }

    pub(crate) async fn with_budget(budget: u64) -> Site {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let url = database(&format!("behind_{}_{}_{number}", std::process::id(), coarse_millis()));
        let store = postgres::open(Settings::of(url, CodeScheme::Permuted, Alphabet::Base62)).await.unwrap();
        let way = Arc::new(Way { write_behind: store.write_behind.clone(), passes: AtomicU8::new(ALL) });
        let redis = node::config(nodes("CURTAIL_TEST_REDIS"), Strategy::WriteBehind);
        Site { store, way, redis, folder: tempfile::tempdir().unwrap(), budget }
    }

    /// The folder of the first node.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("first")
    }

    /// The first node; one that was killed goes on.
    pub(crate) async fn node(&self) -> Behind {
        Behind::open(self, self.folder(), false).await.unwrap()
    }

    /// Two nodes that tell each other what changes.
    pub(crate) async fn nodes_on_the_bus(&self) -> [Behind; 2] {
        let one = Behind::open(self, self.folder(), true).await.unwrap();
        [one, Behind::open(self, self.folder.path().join("second"), true).await.unwrap()]
    }

    /// A second node beside it.
    pub(crate) async fn other_node(&self) -> Behind {
        Behind::open(self, self.folder.path().join("second"), false).await.unwrap()
    }

    pub(crate) async fn links_in_the_store(&self) -> usize {
        let query = ListQuery {
            words: None,
            tag: None,
            archived: None,
            sort: Sort::Newest,
            after: None,
            limit: 1_000,
        };
        self.store.links.list(query, Seen::NEWEST).await.unwrap().links.len()
    }

    /// Files of the first node's journal.
    pub(crate) fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }
}

impl Behind {
    pub(crate) async fn open(site: &Site, folder: PathBuf, tells: bool) -> Result<Behind, OpenError> {
        let redis = Redis::open(site.redis.clone()).await.unwrap();
        let cache = Arc::new(SharedCache::new(4 << 20, LIFETIMES));
        let bus = tells.then(|| {
            let way = Arc::new(PubSub::new(&site.redis).unwrap());
            Bus::start(vec![way], cache.clone(), Some(redis.clone()), now)
        });
        let peers = Peers { bus, redis: Some(redis.clone()) };
        let (secret, codes) = (site.store.secret, site.store.codes.clone());
        let config = Config { folder, budget: site.budget, secret, codes };
        let links = site.store.links.clone();
        let behind = WriteBehind::open(config, links, site.way.clone(), peers.clone()).await?;
        let resolver = Resolver::new(Sources {
            links: Arc::new(behind.clone()),
            cache: cache.clone(),
            redis: Some(redis),
            store_budget: Duration::from_secs(5),
            store_policy: Policy::NEAR,
        });
        let links = CoherentLinks::new(Arc::new(behind.clone()), cache.clone(), now).with_peers(peers);
        Ok(Behind { behind, links, cache, resolver })
    }

    /// Makes a link that needs no check.
    pub(crate) async fn make(&self, url: &str) -> Link {
        self.links.create(vec![plain(url)]).await.unwrap().remove(0).unwrap().link
    }

    pub(crate) async fn make_some(&self) -> [Link; 4] {
        let links = (0..4).map(|number| plain(&format!("https://example.com/some/{number}"))).collect();
        let made = self.links.create(links).await.unwrap();
        let made: Vec<Link> = made.into_iter().map(|made| made.unwrap().link).collect();
        made.try_into().unwrap()
    }

    /// Where a visitor is sent.
    pub(crate) async fn visit(&self, code: &str) -> Option<String> {
        let mut record = Vec::new();
        if let Held::Link { .. } = self.cache.get(code, now(), &mut record) {
            return Some(location(&record));
        }
        match self.resolver.resolve(code, now()).await {
            Resolution::Link(found) => Some(location(&found)),
            Resolution::Nothing => None,
            Resolution::Unavailable => panic!("a visitor of {code} was turned away"),
        }
    }

    /// Ends it without a word: nothing is flushed any more.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

/// A link that needs no check.
pub(crate) fn plain(url: &str) -> Create {
    let mut create = create("code");
    create.link.code = None;
    create.link.destination = curtail_model::Destination::new(url, &[], []).unwrap();
    create.now = now();
    create
}

/// The URL of a new database on the server that `dev/services` runs.
fn database(name: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/services");
    let output = Command::new(program).args(["database", name]).output().expect("dev/services runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let url = service("CURTAIL_TEST_POSTGRES");
    let (server, _) = url.rsplit_once('/').expect("it names a database");
    format!("{server}/{name}")
}
