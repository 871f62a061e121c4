//! What `/metrics` shows, a file a concern: a look at each part's own counters, taken when somebody asks.

mod api;
mod breakers;
mod cache;
mod clicks;
mod encoding;
mod redirects;
mod replicas;
mod shared;
mod write_behind;

use crate::engines::Fleet;
use breakers::Breakers;
use curtail_api::Requests;
use curtail_cache::{SharedCache, WriteBehind};
use curtail_clicks::pipeline::Watch;
use curtail_redirect::Shared;
use curtail_redirect::counters::Counters;
use curtail_runtime::metrics::Metrics;
use curtail_store::postgres;
use std::sync::Arc;

/// The metrics of a process, ready to be shown.
#[derive(Clone)]
pub(crate) struct Shown(Arc<Metrics>);

impl Shown {
    /// Everything as text.
    pub(crate) fn text(&self) -> String {
        self.0.text()
    }
}

/// What a process that serves visitors counts.
pub(crate) struct Server {
    pub(crate) counters: Arc<[Arc<Counters>]>,
    pub(crate) cache: Arc<SharedCache>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) fleet: Fleet,
    pub(crate) journal: Option<WriteBehind>,
    pub(crate) api: Arc<Requests>,
    pub(crate) database: Option<postgres::Watch>,
    pub(crate) clicks: Watch,
}

/// Gathers what a process counts that serves visitors.
pub(crate) fn of_server(server: Server) -> Shown {
    let Server { counters, cache, shared, fleet, journal, api, database, clicks } = server;
    let metrics = Metrics::default();
    metrics.register(Box::new(redirects::Redirects { counters, shared: shared.clone() }));
    metrics.register(Box::new(cache::Cache(cache)));
    metrics.register(Box::new(Breakers {
        resolver: Some(shared),
        redis: fleet.redis.clone(),
        database: database.clone(),
    }));
    metrics.register(Box::new(shared::SharedWithOthers(fleet)));
    metrics.register(Box::new(write_behind::WriteBehindMetrics(journal)));
    metrics.register(Box::new(api::Api(api)));
    metrics.register(Box::new(clicks::Clicks(clicks)));
    metrics.register(Box::new(replicas::Replicas(database)));
    Shown(Arc::new(metrics))
}

/// Gathers what a worker counts.
pub(crate) fn of_worker(clicks: Watch, database: Option<postgres::Watch>) -> Shown {
    let metrics = Metrics::default();
    metrics.register(Box::new(Breakers { resolver: None, redis: None, database: database.clone() }));
    metrics.register(Box::new(clicks::Clicks(clicks)));
    metrics.register(Box::new(replicas::Replicas(database)));
    Shown(Arc::new(metrics))
}

/// A collector says nothing of itself beside what it shows.
macro_rules! opaque {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}
use opaque;
