//! Engines to run the suites on, and what the promises need to make links.

use crate::postgres::database::Database;
use curtail_model::{
    Alphabet, Code, CodeScheme, Codes, Destination, LinkId, NewLink, RedirectStatus, Timestamp,
};
use curtail_store::postgres::{self, Postgres};
use curtail_store::sqlite::{self, Settings, Sqlite};
use curtail_store::{Create, Created, Keys, Links, Refused, Rollups};
use std::any::Any;
use std::path::Path;
use std::sync::Arc;

/// A new store of some engine.
pub(crate) struct Engine {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) rollups: Arc<dyn Rollups>,
    pub(crate) codes: Codes,
    _kept: Box<dyn Any + Send>,
}

pub(crate) const SETTINGS: Settings = Settings {
    scheme: CodeScheme::Permuted,
    alphabet: Alphabet::Base62,
    readers: 2,
    page_cache_bytes: 16 << 20,
};

pub(crate) async fn sqlite() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let Sqlite { links, keys, rollups, codes, .. } = open(directory.path());
    Engine { links, keys, rollups, codes, _kept: Box::new(directory) }
}

/// In a database of its own on the server that tests are given.
pub(crate) async fn postgres() -> Engine {
    postgres_with(|database| postgres_settings(database.url())).await
}

/// The same through PgBouncer, which hands a connection on after each
/// transaction: nothing is prepared, and nothing set up for a session.
pub(crate) async fn postgres_through_a_pooler() -> Engine {
    postgres_with(|database| {
        let url = database.url_through_a_pooler();
        postgres::Settings { prepared: false, ..postgres_settings(&url) }
    })
    .await
}

async fn postgres_with(settings: fn(&Database) -> postgres::Settings) -> Engine {
    let database = Database::make().await;
    let store = postgres::open(settings(&database)).await.unwrap();
    let Postgres { links, keys, rollups, codes, .. } = &store;
    let (links, keys, rollups, codes) = (links.clone(), keys.clone(), rollups.clone(), codes.clone());
    Engine { links, keys, rollups, codes, _kept: Box::new((store, database)) }
}

pub(crate) fn postgres_settings(url: &str) -> postgres::Settings {
    postgres::Settings::of(url.to_owned(), SETTINGS.scheme, SETTINGS.alphabet)
}

pub(crate) fn open(directory: &Path) -> Sqlite {
    sqlite::open(directory, SETTINGS).unwrap()
}

pub(crate) fn destination(url: &str) -> Destination {
    Destination::new(url, &[], []).unwrap()
}

pub(crate) fn new_link(url: &str) -> NewLink {
    NewLink {
        code: None,
        destination: destination(url),
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
    }
}

pub(crate) fn with_code(url: &str, code: &str) -> NewLink {
    NewLink { code: Some(Code::custom(code).unwrap()), ..new_link(url) }
}

/// A moment, so many milliseconds after the first.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

pub(crate) fn create(link: NewLink) -> Create {
    Create { link, now: at(0), idempotency: None }
}

pub(crate) fn id(number: u64) -> LinkId {
    LinkId::new(number).unwrap()
}

/// Makes one link.
pub(crate) async fn make(links: &dyn Links, create: Create) -> Result<Created, Refused> {
    links.create(vec![create]).await.unwrap().pop().unwrap()
}
