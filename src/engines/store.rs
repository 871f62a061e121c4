//! The store: SQLite, or PostgreSQL where it is set.

use crate::config::{Secret, Settings};
use crate::data_folder::{self, check_not_moved};
use curtail_cache::Sources;
use curtail_model::Codes;
use curtail_runtime::breaker::Policy;
use curtail_store::postgres::{self, Postgres};
use curtail_store::sqlite::{self, Sqlite};
use curtail_store::{ApiKey, Keys, Links, Notifications, Rollups, WriteBehindStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Memory for pages of the databases. Links that are asked
/// for are in the cache, so this is for misses and lists.
const PAGE_CACHE_BYTES: usize = 64 << 20;

/// An open store, whatever its engine.
pub(crate) struct Store {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) rollups: Arc<dyn Rollups>,
    /// How processes that share it tell each other of changes; one that has it alone need not.
    pub(crate) notifications: Option<Arc<dyn Notifications>>,
    /// How links come there that were acknowledged before, and the codes that they have; nothing where a link
    /// is acknowledged by being there.
    pub(crate) write_behind: Option<(Arc<dyn WriteBehindStore>, Codes)>,
    /// What only this store knows.
    pub(crate) secret: [u8; 16],
    /// How long a redirect waits for it.
    pub(crate) budget: Duration,
    /// When redirects leave it alone for a while.
    pub(crate) policy: Policy,
    engine: Engine,
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens it, or makes it.
    pub(crate) async fn open(settings: &Settings, folder: &Path) -> anyhow::Result<Store> {
        let Some(url) = &settings.database.url else { return Store::embedded(settings, folder) };
        let store = postgres::open(postgres_settings(settings, url)).await?;
        Ok(Store {
            links: store.links.clone(),
            keys: store.keys.clone(),
            rollups: store.rollups.clone(),
            notifications: Some(store.notifications.clone()),
            write_behind: Some((store.write_behind.clone(), store.codes.clone())),
            secret: store.secret,
            budget: settings.database.budget,
            policy: Policy::NEAR,
            engine: Engine::Postgres(store),
        })
    }

    fn embedded(settings: &Settings, folder: &Path) -> anyhow::Result<Store> {
        check_not_moved(folder)?;
        let options = sqlite::Settings {
            scheme: settings.codes.scheme,
            alphabet: settings.codes.alphabet,
            readers: settings.server.threads.clamp(1, 4),
            page_cache_bytes: PAGE_CACHE_BYTES,
        };
        let store = sqlite::open(folder, options)?;
        Ok(Store {
            links: store.links.clone(),
            keys: store.keys.clone(),
            rollups: store.rollups.clone(),
            notifications: None,
            write_behind: None,
            secret: store.secret,
            budget: Sources::EMBEDDED_BUDGET,
            policy: Sources::EMBEDDED_POLICY,
            engine: Engine::Sqlite(store),
        })
    }

    /// What tells how the servers of the database are; nothing where it is embedded.
    pub(crate) fn watch(&self) -> Option<postgres::Watch> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(store) => Some(store.watch()),
        }
    }

    /// Finishes what was asked for and closes.
    pub(crate) async fn close(self) {
        match self.engine {
            Engine::Sqlite(store) => {
                // A writer that died has said so itself.
                let _ = tokio::task::spawn_blocking(move || store.close()).await;
            }
            Engine::Postgres(store) => store.close().await,
        }
    }
}

/// The memory of keys alone, for the command line; a server may be running meanwhile.
pub(crate) async fn open_keys(settings: &Settings) -> anyhow::Result<Arc<dyn Keys>> {
    match &settings.database.url {
        Some(url) => Ok(postgres::open(postgres_settings(settings, url)).await?.keys),
        None => {
            check_not_moved(&settings.server.data)?;
            if data_folder::owner(&settings.server.data).is_none() {
                sqlite::refuse_what_is_lost(&settings.server.data)?;
            }
            Ok(sqlite::open_keys(&settings.server.data)?)
        }
    }
}

/// All API keys, for the command line: whoever only looks changes nothing.
pub(crate) async fn list_keys(settings: &Settings) -> anyhow::Result<Vec<ApiKey>> {
    match &settings.database.url {
        Some(url) => Ok(postgres::list_keys(postgres_settings(settings, url)).await?),
        None => Ok(open_keys(settings).await?.list().await?),
    }
}

/// How to open a store in PostgreSQL at this address.
pub(crate) fn postgres_settings(settings: &Settings, url: &Secret) -> postgres::Settings {
    let database = &settings.database;
    let codes = &settings.codes;
    postgres::Settings {
        direct_url: database.direct_url.as_ref().map(|url| url.reveal().to_owned()),
        replica_urls: database.replica_urls.iter().map(|url| url.reveal().to_owned()).collect(),
        write_connections: database.connections,
        lookup_connections: database.connections.div_ceil(2),
        list_connections: database.connections.div_ceil(2),
        id_block: database.id_block,
        prepared: database.prepared,
        ..postgres::Settings::of(url.reveal().to_owned(), codes.scheme, codes.alphabet)
    }
}

/// The most sessions that a process takes on the primary: it writes links, counts clicks, looks up and lists
/// there when no replica will do, keeps the heartbeat, notifies and listens.
pub(crate) fn sessions_on_primary(settings: &Settings) -> u64 {
    let each = settings.database.connections as u64;
    2 * each + 2 * each.div_ceil(2) + 3
}
