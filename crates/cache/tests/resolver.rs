//! What happens on a miss and on a change, with a real store behind it that can be held up.

use curtail_cache::{CoherentLinks, Held, Layer, Lifetimes, Resolution, Resolver, SharedCache};
use curtail_model::{
    Alphabet, Change, Code, CodeScheme, Destination, Field, Link, LinkId, NewLink, RedirectStatus, Timestamp,
};
use curtail_store::sqlite::{self, Settings};
use curtail_store::{
    Answer, Create, Created, Links, ListQuery, Page, Refused, Seen, Spent, StoreError, TagCount,
    UpdateRefused,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// A store whose answers wait at a gate, and that counts questions.
struct Gated {
    links: Arc<dyn Links>,
    gate: Semaphore,
    asked: AtomicU64,
}

impl Gated {
    async fn pass(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.map(|_| ()).map_err(|_| StoreError::Unavailable("away".to_owned()))
    }
}

impl Links for Gated {
    fn resolve<'a>(&'a self, code: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.pass().await?;
            self.links.resolve(code).await
        })
    }

    fn update(
        &self,
        id: LinkId,
        change: Change,
        only_if: Option<u64>,
        now: Timestamp,
    ) -> Answer<'_, Result<Link, UpdateRefused>> {
        Box::pin(async move {
            self.pass().await?;
            self.links.update(id, change, only_if, now).await
        })
    }

    fn create(&self, links: Vec<Create>) -> Answer<'_, Vec<Result<Created, Refused>>> {
        self.links.create(links)
    }

    fn get(&self, id: LinkId, seen: Seen) -> Answer<'_, Option<Link>> {
        self.links.get(id, seen)
    }

    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> Answer<'a, Option<Link>> {
        self.links.find(code, seen)
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> Answer<'_, Result<Link, UpdateRefused>> {
        self.links.delete(id, only_if)
    }

    fn list(&self, query: ListQuery, seen: Seen) -> Answer<'_, Page> {
        self.links.list(query, seen)
    }

    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> Answer<'_, Vec<TagCount>> {
        self.links.tags(after, limit, seen)
    }

    fn spend(&self, id: LinkId) -> Answer<'_, Spent> {
        self.links.spend(id)
    }

    fn peek(&self, id: LinkId) -> Answer<'_, Spent> {
        self.links.peek(id)
    }
}

struct House {
    store: Arc<Gated>,
    cache: Arc<SharedCache>,
    layers: Arc<[Arc<dyn Layer>]>,
    _folder: TempDir,
}

fn house(passes: usize) -> House {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        scheme: CodeScheme::Permuted,
        alphabet: Alphabet::Base62,
        readers: 1,
        page_cache_bytes: 1 << 20,
    };
    let links = sqlite::open(folder.path(), settings).unwrap().links;
    let store = Arc::new(Gated { links, gate: Semaphore::new(passes), asked: AtomicU64::new(0) });
    let cache = Arc::new(SharedCache::new(4 << 20, Lifetimes { link: 100, nothing: 10 }));
    let layers: Arc<[Arc<dyn Layer>]> = Arc::new([cache.clone() as Arc<dyn Layer>]);
    House { store, cache, layers, _folder: folder }
}

fn create(code: &str) -> Create {
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

fn destination(url: &str) -> Change {
    Change { destination: Field::Set(Destination::new(url, &[], []).unwrap()), ..Change::default() }
}

#[tokio::test]
async fn however_many_miss_at_once_the_store_is_asked_once() {
    let house = house(0);
    house.store.create(vec![create("popular")]).await.unwrap();
    let resolver = Arc::new(Resolver::new(house.store.clone(), house.layers.clone()));
    let waiting: Vec<_> = (0..300)
        .map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.resolve("popular", NOW).await })
        })
        .collect();
    while house.store.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    house.store.gate.add_permits(1);
    for waiter in waiting {
        assert!(matches!(waiter.await.unwrap(), Resolution::Link(_)));
    }
    assert_eq!(house.store.asked.load(Ordering::SeqCst), 1);
    let mut record = Vec::new();
    assert!(
        matches!(house.cache.get("popular", NOW, &mut record), Held::Link { .. }),
        "the answer is remembered"
    );
}

#[tokio::test]
async fn a_store_that_hangs_costs_a_bounded_time_and_its_late_answer_is_still_remembered() {
    let house = house(0);
    house.store.create(vec![create("late")]).await.unwrap();
    let resolver = Resolver::new(house.store.clone(), house.layers.clone());
    let answered = tokio::time::timeout(Duration::from_secs(5), resolver.resolve("late", NOW)).await;
    assert_eq!(answered, Ok(Resolution::Unavailable));
    assert_eq!(resolver.failures(), 1);
    house.store.gate.add_permits(1);
    let mut record = Vec::new();
    while house.cache.get("late", NOW, &mut record) == Held::Unknown {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_change_reaches_the_caches_though_the_one_who_asked_for_it_has_gone() {
    let house = house(0);
    let links = CoherentLinks::new(house.store.clone(), house.layers.clone(), || NOW);
    let made = links.create(vec![create("changing")]).await.unwrap().remove(0).unwrap();
    drop(links.update(made.link.id, destination("https://example.com/new"), None, NOW));
    house.store.gate.add_permits(1);
    let mut record = Vec::new();
    loop {
        house.cache.get("changing", NOW, &mut record);
        if record.ends_with(b"/new") {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_new_link_is_remembered_and_an_import_only_where_its_absence_was() {
    let house = house(0);
    let links = CoherentLinks::new(house.store.clone(), house.layers.clone(), || NOW);
    links.create(vec![create("single")]).await.unwrap();
    house.cache.put_nothing("import7", 0, NOW);
    links.create((0..100).map(|number| create(&format!("import{number}"))).collect()).await.unwrap();
    let mut record = Vec::new();
    let mut held = |code: &str| house.cache.get(code, NOW, &mut record);
    assert!(matches!(held("single"), Held::Link { .. }));
    assert!(matches!(held("import7"), Held::Link { .. }), "what was known to be nothing is something now");
    assert_eq!(held("import8"), Held::Unknown, "an import does not push out what visitors ask for");
}
