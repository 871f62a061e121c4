//! The roles that serve visitors: `all`, which does everything in one process, and `app`, which leaves
//! counting to workers where Kafka is set. Any request may go to any such process, and one may vanish at any
//! moment.
//!
//! Up: folder, listeners, backend (`app/backend.rs`), keys, API (`app/api.rs`), cores (`app/cores.rs`),
//! metrics. Down: readiness is taken back, the cores stop accepting and answer what is under way, the backend
//! is closed.

mod api;
mod backend;
mod cores;

pub(crate) use cores::connections_possible;

use super::Running;
use crate::config::Settings;
use crate::data_folder::DataFolder;
use crate::engines::Fleet;
use crate::{admin, first_key, metrics, routes};
use anyhow::Context;
use backend::Backend;
use curtail_clicks::clock::now;
use curtail_clicks::geo::Geo;
use curtail_redirect::Shared;
use curtail_redirect::counters::Counters;
use curtail_runtime::health::Health;
use curtail_runtime::listener;
use curtail_runtime::password::Passwords;
use curtail_runtime::shutdown::{Stop, shutdown};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What requests get of `shutdown.grace_seconds`; the rest is for new links and clicks.
const SHARE_OF_REQUESTS: f64 = 2.0 / 3.0;

/// A server that serves.
pub(super) struct Server {
    folder: DataFolder,
    health: Arc<Health>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    backend: Backend,
    delay: Duration,
    grace: Duration,
}

/// Starts a server. Notes the fleet once it has joined it.
pub(super) async fn start(settings: &Settings, joined: &OnceLock<Fleet>) -> anyhow::Result<Server> {
    if let Some(path) = &settings.geo.path {
        // Opened before anything is made: a start that fails for it leaves nothing behind.
        Geo::open(path)?;
    }
    let folder = DataFolder::lock(&settings.server.data)?;
    let listeners = listener::listen(settings.server.listen, settings.server.threads).context("listen")?;
    let admin = admin::listen(settings)?;
    let addresses = (listeners[0].local_addr()?, admin.as_ref().map(TcpListener::local_addr).transpose()?);

    let (backend, recorders) = Backend::open(settings, folder.path(), joined).await?;
    let admin_key = settings.server.admin_key.as_ref();
    let new_key = first_key::ensure(
        &*backend.store.keys,
        admin_key,
        folder.path(),
        settings.database.url.is_none(),
        now(),
    )
    .await?;

    let passwords = Passwords::default();
    let shared = backend.redirects(settings, &passwords);
    let (api, api_requests) = api::router(settings, &backend, passwords);
    let health = Arc::new(Health::default());
    let (stop, shutdown) = shutdown();
    let counters: Arc<[Arc<Counters>]> = listeners.iter().map(|_| Arc::default()).collect();
    let each = cores::Each {
        cache: backend.cache.clone(),
        shared: shared.clone(),
        elsewhere: routes::elsewhere(api, health.clone(), backend.links.journal.clone()),
        connections: cores::connection_settings(settings),
        shutdown: shutdown.clone(),
    };
    let threads = cores::start(&each, listeners, recorders, &counters)?;
    drop(each);
    if let Some(admin) = admin {
        let shown = metrics::of_server(metrics::Server {
            counters,
            cache: backend.cache.clone(),
            shared: shared.clone(),
            fleet: backend.fleet.clone(),
            journal: backend.links.journal.clone(),
            api: api_requests,
            database: backend.store.watch(),
            clicks: backend.pipelines.watch(),
        });
        tokio::spawn(admin::serve(admin, shown, settings.limits.idle_timeout, shutdown));
    }
    health.serving();
    announce(settings, addresses, new_key.as_deref());

    let (delay, grace) = (settings.shutdown.delay, settings.shutdown.grace);
    Ok(Server { folder, health, stop, threads, shared, backend, delay, grace })
}

impl Running for Server {
    async fn stop(self) -> anyhow::Result<()> {
        let Server { folder, health, stop, threads, shared, backend, delay, grace } = self;
        health.draining();
        tokio::time::sleep(delay).await;
        let begun = Instant::now();
        stop.by(begun + grace.mul_f64(SHARE_OF_REQUESTS));
        cores::join(threads).await;
        drop(shared);
        backend.close(begun + grace).await;
        drop(folder);
        Ok(())
    }
}

fn announce(settings: &Settings, (address, admin): (SocketAddr, Option<SocketAddr>), new_key: Option<&Path>) {
    let base_url = settings.server.base_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let admin = admin.map(tracing::field::display);
    tracing::info!(%address, admin, base_url, data = %settings.server.data.display(), "serving");
    if let Some(path) = new_key {
        tracing::info!(path = %path.display(), "an API key was made and is kept in this file, which only you can read");
    }
}
