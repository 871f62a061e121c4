//! A thread for each core, each with its own listener, cache
//! and recorder, and how many connections they may have.

use crate::config::Settings;
use anyhow::Context;
use curtail_cache::{CoreCache, SharedCache};
use curtail_clicks::recorder::Recorder;
use curtail_redirect::counters::Counters;
use curtail_redirect::server::{self, Core};
use curtail_redirect::{Elsewhere, Redirector, Shared, TrustedProxies};
use curtail_runtime::shutdown::Shutdown;
use curtail_runtime::{cores, listener};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Files that are open beside connections: databases, journal, listeners.
const OUR_FILES: usize = 256;

/// What each core gets a share of.
#[derive(Clone)]
pub(super) struct Each {
    pub(super) cache: Arc<SharedCache>,
    pub(super) shared: Arc<Shared>,
    pub(super) elsewhere: Elsewhere,
    pub(super) connections: server::Settings,
    pub(super) shutdown: Shutdown,
}

/// Starts a core for each listener.
pub(super) fn start(
    each: &Each,
    listeners: Vec<TcpListener>,
    recorders: Vec<Recorder>,
    counters: &[Arc<Counters>],
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let own = listeners.into_iter().zip(recorders).zip(counters).enumerate();
    own.map(|(number, ((listener, recorder), counters))| {
        let (each, counters) = (each.clone(), counters.clone());
        let work = move || serve(each, listener, recorder, counters);
        cores::start(format!("core-{number}"), work).context("cannot start a thread")
    })
    .collect()
}

async fn serve(each: Each, listener: TcpListener, recorder: Recorder, counters: Arc<Counters>) {
    let Each { cache, shared, elsewhere, connections, shutdown } = each;
    let redirector = Redirector::new(CoreCache::new(cache), recorder, shared, counters.clone());
    let core = Core::new(redirector, elsewhere, connections, counters, shutdown);
    if let Err(error) = server::run(listener, core).await {
        tracing::error!(%error, "a core cannot accept connections");
    }
}

/// Waits until all have ended.
pub(super) async fn join(threads: Vec<JoinHandle<()>>) {
    let died = || threads.into_iter().filter_map(|core| core.join().err()).count();
    if tokio::task::spawn_blocking(died).await.unwrap_or(0) > 0 {
        tracing::error!("a core had died before its end");
    }
}

/// What holds for the connections of each core.
pub(super) fn connection_settings(settings: &Settings) -> server::Settings {
    server::Settings {
        connections_max: connections(settings.limits.connections).div_ceil(settings.server.threads),
        header_timeout: settings.limits.header_timeout,
        body_timeout: settings.limits.body_timeout,
        idle_timeout: settings.limits.idle_timeout,
        header_bytes: settings.limits.header_bytes as usize,
        proxies: TrustedProxies::new(settings.server.trusted_proxies.clone()),
    }
}

/// As many connections as the settings allow and the system
/// has open files for, beside those that the store needs.
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
