//! The API of a process that serves: what it works on, and its settings.

use super::backend::Backend;
use crate::config::Settings;
use crate::engines;
use axum::Router;
use curtail_api::{Api, Requests};
use curtail_clicks::stats::Stats;
use curtail_runtime::password::Passwords;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Its routes, and the counts of its requests.
pub(super) fn router(
    settings: &Settings,
    backend: &Backend,
    passwords: Passwords,
) -> (Router, Arc<Requests>) {
    let rollups = backend.pipelines.rollups(&backend.store);
    let stats = Arc::new(Stats::new(rollups.clone()));
    curtail_api::router(Api {
        secret: backend.store.secret,
        links: Arc::new(backend.coherent_links()),
        keys: backend.store.keys.clone(),
        rollups,
        stats: stats.clone(),
        leaders: backend.fleet.leaders(stats),
        pipeline: backend.pipelines.watch(),
        rates: backend.fleet.rates(),
        passwords,
        settings: curtail_api::Settings {
            base_url: settings.server.base_url.clone(),
            app_schemes: settings.links.app_schemes.clone(),
            own_hosts: own_hosts(settings),
            body_bytes_max: settings.api.body_bytes as usize,
            body_timeout: settings.limits.body_timeout,
            rate_per_second: settings.api.rate_per_second.try_into().unwrap_or(NonZeroU32::MIN),
            retention: engines::retention(settings),
            spill_folder: settings.server.data.clone(),
        },
    })
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
