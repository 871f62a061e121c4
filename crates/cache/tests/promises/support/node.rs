//! Nodes of an installation: each with its own memory, all with one store, one Redis and one bus.

use super::store::{Gated, LIFETIMES, create, destination, gated};
use super::until::until;
use curtail_cache::redis::{Config, OpenError, PubSub, Redis};
use curtail_cache::{Bus, CoherentLinks, Held, Peers, Resolution, Resolver, SharedCache, Sources, Strategy};
use curtail_model::{Link, LinkId, Target, Timestamp};
use curtail_runtime::breaker::Policy;
use curtail_runtime::clock::coarse_millis;
use curtail_servers::PATIENCE;
use curtail_store::{Links, Notifications, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Semaphore;

pub(crate) struct Node {
    pub(crate) cache: Arc<SharedCache>,
    pub(crate) redis: Arc<Redis>,
    pub(crate) bus: Option<Arc<Bus>>,
    pub(crate) resolver: Resolver,
    links: CoherentLinks,
}

/// What nodes share.
pub(crate) struct Site {
    pub(crate) store: Arc<Gated>,
    pub(crate) config: Config,
    _folder: TempDir,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(coarse_millis())
}

/// How Redis is used in tests: under a prefix that no other test has.
pub(crate) fn config(nodes: Vec<String>, strategy: Strategy) -> Config {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("t{}-{}-{number}:", std::process::id(), coarse_millis());
    // Other tests are at work beside this one; that a budget is kept is not what they are about.
    Config {
        nodes,
        prefix,
        link_life: Duration::from_secs(3_600),
        strategy,
        budget: Duration::from_millis(500),
    }
}

/// Why a start is refused. It goes on without a Redis that does not answer within a second, as one on a busy
/// machine may: then it is tried again.
pub(crate) async fn refused(config: &Config) -> OpenError {
    let end = Instant::now() + PATIENCE;
    loop {
        match Redis::open(config.clone()).await {
            Err(refused) => return refused,
            Ok(redis) => assert!(!redis.statistics().connected && Instant::now() < end, "it was opened"),
        }
    }
}

impl Site {
    pub(crate) fn new(nodes: Vec<String>, strategy: Strategy) -> Site {
        let (store, folder) = gated(Semaphore::MAX_PERMITS);
        Site { store, config: config(nodes, strategy), _folder: folder }
    }

    /// A node that is on the bus over these.
    pub(crate) async fn node_on(&self, ways: Vec<Arc<dyn Notifications>>) -> Node {
        let cache = Arc::new(SharedCache::new(4 << 20, LIFETIMES));
        let redis = Redis::open(self.config.clone()).await.unwrap();
        let bus = (!ways.is_empty()).then(|| Bus::start(ways, cache.clone(), Some(redis.clone()), now));
        let peers = Peers { bus: bus.clone(), redis: Some(redis.clone()) };
        let resolver = Resolver::new(Sources {
            links: self.store.clone(),
            cache: cache.clone(),
            redis: Some(redis.clone()),
            store_budget: Duration::from_secs(5),
            store_policy: Policy::NEAR,
        });
        let links = CoherentLinks::new(self.store.clone(), cache.clone(), now).with_peers(peers);
        Node { cache, redis, bus, resolver, links }
    }

    /// A node on the bus of Redis.
    pub(crate) async fn node(&self) -> Node {
        let pubsub = PubSub::new(&self.config).unwrap();
        self.node_on(vec![Arc::new(pubsub)]).await
    }

    /// A node that nobody tells anything.
    pub(crate) async fn lonely_node(&self) -> Node {
        self.node_on(Vec::new()).await
    }

    /// Waits until Redis has what the store said of a code: that is written behind the answer.
    pub(crate) async fn has_in_redis(&self, code: &str) {
        until("Redis has the answer", async || {
            let fresh = self.lonely_node().await;
            assert!(fresh.visit(code).await.is_some());
            fresh.redis.statistics().hits == 1
        })
        .await;
    }

    /// How often the store was asked what a code leads to.
    pub(crate) fn asked(&self) -> u64 {
        self.store.asked.load(Ordering::SeqCst)
    }
}

impl Node {
    /// Waits until it hears `nodes`, itself included.
    pub(crate) async fn hears(&self, nodes: usize) {
        let bus = self.bus.as_ref().expect("it is on the bus");
        until("it hears all nodes", async || bus.statistics().hearing && bus.statistics().nodes == nodes)
            .await;
    }

    pub(crate) async fn make(&self, code: &str) -> Link {
        self.links.create(vec![create(code)]).await.unwrap().remove(0).unwrap().link
    }

    pub(crate) async fn change(&self, id: LinkId, url: &str) -> Link {
        self.links.update(id, destination(url), None, now()).await.unwrap().unwrap()
    }

    pub(crate) async fn delete(&self, id: LinkId) {
        self.links.delete(id, None).await.unwrap().unwrap();
    }

    /// Asks for a change, and for another link's removal; no answer comes.
    pub(crate) async fn change_and_delete_unanswered(&self, changed: LinkId, url: &str, removed: LinkId) {
        let outcome = self.links.update(changed, destination(url), None, now()).await;
        assert!(matches!(outcome, Err(StoreError::InDoubt(_))), "{outcome:?}");
        let outcome = self.links.delete(removed, None).await;
        assert!(matches!(outcome, Err(StoreError::InDoubt(_))), "{outcome:?}");
    }

    /// A change, to be made on a runtime of the caller's.
    pub(crate) fn begin_to_change(&self, id: LinkId, url: &str) -> impl Future<Output = ()> + Send + 'static {
        let (links, change) = (self.links.clone(), destination(url));
        async move {
            let _ = links.update(id, change, None, now()).await;
        }
    }

    /// Where a visitor is sent: as the redirector finds it, from memory or else by asking.
    pub(crate) async fn visit(&self, code: &str) -> Option<String> {
        let mut record = Vec::new();
        match self.cache.get(code, now(), &mut record) {
            Held::Link { .. } => return Some(location(&record)),
            Held::Nothing => return None,
            Held::StaleLink | Held::Unknown => {}
        }
        match self.resolver.resolve(code, now()).await {
            Resolution::Link(found) => Some(location(&found)),
            Resolution::Nothing => None,
            Resolution::Unavailable => {
                // Others may have left something meanwhile.
                if record.is_empty() {
                    self.cache.get(code, now(), &mut record);
                }
                assert!(!record.is_empty(), "a visitor of {code} was turned away");
                Some(location(&record))
            }
        }
    }

    /// Visits until it remembers. What is asked for in the
    /// moment of a change is answered, and not remembered.
    pub(crate) async fn learns(&self, code: &str) {
        until("it remembers the link", async || {
            assert!(self.visit(code).await.is_some());
            self.remembers(code)
        })
        .await;
    }

    /// Waits until visitors are sent there.
    pub(crate) async fn leads_to(&self, code: &str, url: &str) {
        until("the change is seen", async || self.visit(code).await.as_deref() == Some(url)).await;
    }

    /// Whether it remembers anything of a code that it may serve.
    pub(crate) fn remembers(&self, code: &str) -> bool {
        matches!(self.cache.get(code, now(), &mut Vec::new()), Held::Link { .. } | Held::Nothing)
    }
}

pub(crate) fn location(record: &[u8]) -> String {
    Target::unpack(record).expect("a record").location.to_owned()
}
