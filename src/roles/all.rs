//! The role of a single server: everything in one process, nothing else installed.
//!
//! Up: folder, store, keys, journal, pipeline, caches, cores. Down: readiness is taken back, the cores stop accepting and
//! answer what is under way, the pipeline counts what they recorded, the store closes.

use crate::clock::now;
use crate::config::Settings;
use crate::data_folder::DataFolder;
use crate::{first_key, metrics, routes};
use anyhow::Context;
use curtail_api::Api;
use curtail_cache::{CoherentLinks, CoreCache, Layer, Lifetimes, Resolver, SharedCache};
use curtail_clicks::pipeline::{self, Pipeline};
use curtail_clicks::recorder::Recorder;
use curtail_clicks::{journal, stats::Stats};
use curtail_redirect::counters::Counters;
use curtail_redirect::server::{self, Core};
use curtail_redirect::{Elsewhere, Guesses, Redirector, Shared, TrustedProxies};
use curtail_runtime::health::Health;
use curtail_runtime::password::Passwords;
use curtail_runtime::shutdown::{Shutdown, shutdown, signal_to_stop};
use curtail_runtime::{cores, listener};
use curtail_store::sqlite::{self, Sqlite};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Clicks that are folded before they are committed, at most; it bounds the memory of counting.
const BATCH_CLICKS_MAX: usize = 250_000;
/// Files that are open beside connections: databases, journal, listeners.
const OUR_FILES: usize = 256;
/// What a click takes in the journal; a quarter of the journal may wait while redirects use up all cores.
const CLICK_BYTES: u64 = 48;
/// Memory for pages of the databases. Links that are asked for are in the cache, so this is for misses and lists.
const PAGE_CACHE_BYTES: usize = 64 << 20;

/// Runs a single server until it is told to stop.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let folder = DataFolder::lock(&settings.server.data)?;
    let listeners = listener::listen(settings.server.listen, settings.server.threads)?;
    let admin = settings.server.admin_listen.map(|address| listener::listen(address, 1)).transpose()?;

    let store = open_store(settings, &folder)?;
    let new_key =
        first_key::ensure(&*store.keys, settings.server.admin_key.as_ref(), folder.path(), now()).await?;
    let (recorders, pipeline) = start_pipeline(settings, &folder, &store).await?;

    let cache = Arc::new(SharedCache::new(settings.cache.bytes as usize, lifetimes(settings)));
    let layers: Arc<[Arc<dyn Layer>]> = Arc::new([cache.clone() as Arc<dyn Layer>]);
    let passwords = Passwords::default();
    let shared = Arc::new(Shared {
        resolver: Resolver::new(store.links.clone(), layers.clone()),
        links: store.links.clone(),
        guesses: Guesses::new(passwords.clone()),
        not_found_url: settings.redirect.not_found_url.clone(),
    });
    let health = Arc::new(Health::default());
    let (api, api_requests) = curtail_api::router(Api {
        secret: store.secret,
        links: Arc::new(CoherentLinks::new(store.links.clone(), layers, now)),
        keys: store.keys.clone(),
        rollups: store.rollups.clone(),
        stats: Arc::new(Stats::new(store.rollups.clone())),
        pipeline: pipeline.watch(),
        passwords,
        settings: api_settings(settings),
    });
    let elsewhere = routes::elsewhere(api, health.clone());

    let (stop, told) = shutdown();
    let counters: Arc<[Arc<Counters>]> = listeners.iter().map(|_| Arc::default()).collect();
    let address = listeners[0].local_addr()?;
    let admin_address = admin.iter().flatten().next().map(TcpListener::local_addr).transpose()?;
    let cores = start_cores(settings, listeners, recorders, &cache, &shared, &elsewhere, &counters, &told)?;
    if let Some(admin) = admin.into_iter().flatten().next() {
        let shown = metrics::metrics(counters, cache, shared.clone(), pipeline.watch(), api_requests);
        tokio::spawn(routes::serve_admin(admin, shown, told.clone()));
    }
    health.serving();
    announce(settings, address, admin_address, new_key.as_deref());

    let signal = signal_to_stop().await?;
    tracing::info!(signal, "stopping: answering what is under way");
    health.draining();
    stop.now();
    join(cores).await;
    drop(shared);
    finish(settings, pipeline, store).await;
    Ok(())
}

fn open_store(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Sqlite> {
    let options = sqlite::Settings {
        scheme: settings.codes.scheme,
        alphabet: settings.codes.alphabet,
        readers: settings.server.threads.clamp(1, 4),
        page_cache_bytes: PAGE_CACHE_BYTES,
    };
    Ok(sqlite::open(folder.path(), options)?)
}

async fn start_pipeline(
    settings: &Settings,
    folder: &DataFolder,
    store: &Sqlite,
) -> anyhow::Result<(Vec<Recorder>, Pipeline)> {
    let clicks = &settings.clicks;
    let counted = store.rollups.positions().await?;
    let config = journal::Config {
        dir: folder.path().join("journal"),
        streams: settings.server.threads,
        segment_bytes: clicks.segment_bytes,
        bytes_max: clicks.journal_bytes,
        sync_interval: clicks.sync_interval,
    };
    let (recorders, reader, keeper) = journal::open(config, &counted)?;
    let config = pipeline::Config {
        geo_path: settings.geo.path.clone(),
        retention: retention(settings),
        commit_interval: clicks.commit_interval,
        batch_clicks_max: BATCH_CLICKS_MAX,
        waiting_clicks_max: clicks.journal_bytes / CLICK_BYTES / 4,
    };
    let pipeline = pipeline::start(config, reader, keeper, store.rollups.clone())?;
    Ok((recorders, pipeline))
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
    let files = usize::try_from(listener::allow_open_files()).unwrap_or(usize::MAX);
    let possible = files - OUR_FILES.min(files / 2);
    if possible < wanted {
        tracing::info!(
            wanted,
            possible,
            "the limit of open files allows fewer connections than the settings"
        );
    }
    wanted.min(possible)
}

fn api_settings(settings: &Settings) -> curtail_api::Settings {
    curtail_api::Settings {
        base_url: settings.server.base_url.clone(),
        app_schemes: settings.links.app_schemes.clone(),
        own_hosts: own_hosts(settings),
        body_bytes_max: settings.api.body_bytes as usize,
        body_timeout: settings.limits.body_timeout,
        rate_per_second: settings.api.rate_per_second,
        retention: retention(settings),
        spill_folder: settings.server.data.clone(),
    }
}

/// Where this server is reached, as far as it can know: a link to any of these would be a loop.
fn own_hosts(settings: &Settings) -> Vec<String> {
    let port = settings.server.listen.port();
    let mut own = vec![settings.server.listen.to_string(), format!("localhost:{port}")];
    if settings.server.listen.ip().is_unspecified() {
        own.extend([format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
    }
    let base = settings.server.base_url.as_deref().and_then(|base| url::Url::parse(base).ok());
    if let Some(host) = base.as_ref().and_then(url::Url::host_str) {
        own.push(format!("{host}:{port}"));
    }
    own
}

fn retention(settings: &Settings) -> pipeline::Retention {
    pipeline::Retention {
        minutes_kept_ms: millis(settings.clicks.minute_retention),
        hours_kept_ms: millis(settings.clicks.hour_retention),
        days_kept_ms: settings.clicks.day_retention.map(millis),
    }
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

async fn finish(settings: &Settings, pipeline: Pipeline, store: Sqlite) {
    let grace = settings.shutdown.grace;
    let closed = tokio::task::spawn_blocking(move || {
        let status = pipeline.drain(grace);
        store.close();
        status
    });
    match closed.await {
        Ok(status) => tracing::info!(counted = status.counted, left = status.lag_clicks, "stopped"),
        Err(_) => {
            tracing::warn!("stopped; clicks that are left in the journal are counted after the next start");
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
