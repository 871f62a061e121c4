//! The roles that serve visitors: `all`, which does everything in one process, and `app`, which leaves counting to workers
//! where Kafka is set. Any request may go to any such process, and one may vanish at any moment.
//!
//! Up: folder, store, keys, journal, pipeline, caches, new links that wait, cores. Down: readiness is taken back, the cores stop accepting and
//! answer what is under way, new links are brought to the store, the bus is left, the pipeline counts or ships what they recorded, the store closes.

use crate::clock::now;
use crate::config::Settings;
use crate::data_folder::DataFolder;
use crate::engines::{self, Fleet, JournaledLinks, Pipelines, Recording, Store};
use crate::{first_key, metrics, routes};
use anyhow::Context;
use curtail_api::Api;
use curtail_cache::{CoherentLinks, CoreCache, Lifetimes, Resolver, SharedCache, Sources};
use curtail_clicks::recorder::Recorder;
use curtail_clicks::stats::Stats;
use curtail_redirect::counters::Counters;
use curtail_redirect::server::{self, Core};
use curtail_redirect::{Elsewhere, Guesses, Redirector, Shared, TrustedProxies};
use curtail_runtime::health::Health;
use curtail_runtime::password::Passwords;
use curtail_runtime::shutdown::{Shutdown, StopSignals, shutdown};
use curtail_runtime::{cores, listener};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Files that are open beside connections: databases, journal, listeners.
const OUR_FILES: usize = 256;

/// Runs a server until it is told to stop.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let signals = StopSignals::listen()?;
    let folder = DataFolder::lock(&settings.server.data)?;
    let listeners = listener::listen(settings.server.listen, settings.server.threads)?;
    let admin = settings.server.admin_listen.map(|address| listener::listen(address, 1)).transpose()?;

    let store = Store::open(settings, folder.path()).await?;
    let new_key =
        first_key::ensure(&*store.keys, settings.server.admin_key.as_ref(), folder.path(), now()).await?;
    let Recording { recorders, pipelines } = Recording::start(settings, folder.path(), &store).await?;

    let cache = Arc::new(SharedCache::new(settings.cache.bytes as usize, lifetimes(settings)));
    let fleet = Fleet::open(settings, &store, &cache).await?;
    let journaled = JournaledLinks::open(settings, folder.path(), &store, &fleet).await?;
    let passwords = Passwords::default();
    let shared = Arc::new(Shared {
        resolver: Resolver::new(Sources {
            links: journaled.links.clone(),
            cache: cache.clone(),
            redis: fleet.redis.clone(),
            store_budget: store.budget,
        }),
        links: journaled.links.clone(),
        guesses: Guesses::new(passwords.clone()),
        not_found_url: settings.redirect.not_found_url.clone(),
    });
    let health = Arc::new(Health::default());
    let stats = Arc::new(Stats::new(store.rollups.clone()));
    let (api, api_requests) = curtail_api::router(Api {
        secret: store.secret,
        links: Arc::new(
            CoherentLinks::new(journaled.links.clone(), cache.clone(), now).with_peers(fleet.peers()),
        ),
        keys: store.keys.clone(),
        rollups: store.rollups.clone(),
        stats: stats.clone(),
        leaders: fleet.leaders(stats),
        pipeline: pipelines.watch(),
        rates: fleet.rates(),
        passwords,
        settings: api_settings(settings),
    });
    let elsewhere = routes::elsewhere(api, health.clone(), journaled.journal.clone());

    let (stop, told) = shutdown();
    let counters: Arc<[Arc<Counters>]> = listeners.iter().map(|_| Arc::default()).collect();
    let address = listeners[0].local_addr()?;
    let admin_address = admin.iter().flatten().next().map(TcpListener::local_addr).transpose()?;
    let cores = start_cores(settings, listeners, recorders, &cache, &shared, &elsewhere, &counters, &told)?;
    if let Some(admin) = admin.into_iter().flatten().next() {
        let server = metrics::Server {
            counters,
            cache,
            shared: shared.clone(),
            fleet: fleet.clone(),
            journal: journaled.journal.clone(),
            api: api_requests,
            database: store.watch(),
            clicks: pipelines.watch(),
        };
        let shown = metrics::of_server(server);
        tokio::spawn(routes::serve_admin(admin, shown, told.clone()));
    }
    health.serving();
    announce(settings, address, admin_address, new_key.as_deref());

    let signal = signals.received().await;
    tracing::info!(signal, "stopping: answering what is under way");
    health.draining();
    stop.now();
    join(cores).await;
    drop(shared);
    journaled.close(settings).await;
    fleet.leave().await;
    finish(settings, pipelines, store).await;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "it hands each core its share of what was made above")]
fn start_cores(
    settings: &Settings,
    listeners: Vec<TcpListener>,
    recorders: Vec<Recorder>,
    cache: &Arc<SharedCache>,
    shared: &Arc<Shared>,
    elsewhere: &Elsewhere,
    counters: &[Arc<Counters>],
    told: &Shutdown,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let connections = server_settings(settings);
    let parts = listeners.into_iter().zip(recorders).zip(counters).enumerate();
    parts
        .map(|(number, ((listener, recorder), counters))| {
            let (cache, shared, counters, told) =
                (cache.clone(), shared.clone(), counters.clone(), told.clone());
            let (elsewhere, connections) = (elsewhere.clone(), connections.clone());
            cores::start(format!("core-{number}"), move || async move {
                let redirector = Redirector::new(CoreCache::new(cache), recorder, shared, counters.clone());
                let core = Core::new(redirector, elsewhere, connections, counters, told);
                if let Err(error) = server::run(listener, core).await {
                    tracing::error!(%error, "a core cannot accept connections");
                }
            })
            .context("cannot start a thread")
        })
        .collect()
}

fn server_settings(settings: &Settings) -> server::Settings {
    server::Settings {
        connections_max: connections(settings.limits.connections).div_ceil(settings.server.threads),
        header_timeout: settings.limits.header_timeout,
        body_timeout: settings.limits.body_timeout,
        idle_timeout: settings.limits.idle_timeout,
        header_bytes: settings.limits.header_bytes as usize,
        proxies: TrustedProxies::new(settings.server.trusted_proxies.clone()),
        grace: settings.shutdown.grace,
    }
}

/// As many connections as the settings allow and the system has open files for, beside those that the store needs.
fn connections(wanted: usize) -> usize {
    let possible = connections_possible();
    if possible < wanted {
        tracing::info!(
            wanted,
            possible,
            "the limit of open files allows fewer connections than the settings"
        );
    }
    wanted.min(possible)
}

/// As many connections as the system has open files for, once it is asked for the most that it allows.
pub(crate) fn connections_possible() -> usize {
    let files = usize::try_from(listener::allow_open_files()).unwrap_or(usize::MAX);
    files - OUR_FILES.min(files / 2)
}

fn api_settings(settings: &Settings) -> curtail_api::Settings {
    curtail_api::Settings {
        base_url: settings.server.base_url.clone(),
        app_schemes: settings.links.app_schemes.clone(),
        own_hosts: own_hosts(settings),
        body_bytes_max: settings.api.body_bytes as usize,
        body_timeout: settings.limits.body_timeout,
        rate_per_second: settings.api.rate_per_second,
        retention: engines::retention(settings),
        spill_folder: settings.server.data.clone(),
    }
}

/// Where this server is reached, as far as it can know: a link to any of these would be a loop.
fn own_hosts(settings: &Settings) -> Vec<String> {
    let port = settings.server.listen.port();
    let mut own = Vec::new();
    for address in [Some(settings.server.listen), settings.server.admin_listen].into_iter().flatten() {
        own.push(address.to_string());
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            // All the ways to say "this machine" (the last one is 127.0.0.1 as the URL standard writes it).
            let here = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:7f00:1]"];
            own.extend(here.map(|here| format!("{here}:{}", address.port())));
        }
    }
    let base = settings.server.base_url.as_deref().and_then(|base| url::Url::parse(base).ok());
    if let Some(host) = base.as_ref().and_then(url::Url::host_str) {
        own.push(format!("{host}:{port}"));
    }
    own
}

fn lifetimes(settings: &Settings) -> Lifetimes {
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Lifetimes { link: seconds(settings.cache.ttl), nothing: seconds(settings.cache.negative_ttl) }
}

fn announce(
    settings: &Settings,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    new_key: Option<&std::path::Path>,
) {
    let base_url = settings.server.base_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let admin = admin.map(tracing::field::display);
    tracing::info!(%address, admin, base_url, data = %settings.server.data.display(), "serving");
    if let Some(path) = new_key {
        tracing::info!(path = %path.display(), "an API key was made and is kept in this file, which only you can read");
    }
}

async fn join(cores: Vec<JoinHandle<()>>) {
    let ended =
        tokio::task::spawn_blocking(move || cores.into_iter().filter_map(|core| core.join().err()).count());
    if ended.await.unwrap_or(0) > 0 {
        tracing::error!("a core had died before its end");
    }
}

async fn finish(settings: &Settings, pipelines: Pipelines, store: Store) {
    let grace = settings.shutdown.grace;
    let drained = tokio::task::spawn_blocking(move || pipelines.drain(grace)).await;
    store.close().await;
    match drained {
        Ok(status) => tracing::info!(counted = status.counted, left = status.lag_clicks, "stopped"),
        Err(_) => {
            tracing::warn!("stopped; clicks that are left in the journal are counted after the next start");
        }
    }
}
