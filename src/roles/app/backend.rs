//! What stands behind the listeners of a process that
//! serves: opened in this order, closed in the reverse one.

use crate::config::Settings;
use crate::engines::{Fleet, Pipelines, Recording, Store, WriteBehindLinks};
use curtail_cache::{CoherentLinks, Lifetimes, Resolver, SharedCache, Sources};
use curtail_clicks::clock::now;
use curtail_clicks::recorder::Recorder;
use curtail_redirect::{PasswordAttempts, Shared};
use curtail_runtime::password::Passwords;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub(super) struct Backend {
    pub(super) store: Store,
    pub(super) pipelines: Pipelines,
    pub(super) cache: Arc<SharedCache>,
    pub(super) fleet: Fleet,
    pub(super) links: WriteBehindLinks,
}

impl Backend {
    /// Opens all of it; and what each core records clicks with.
    pub(super) async fn open(
        settings: &Settings,
        folder: &Path,
        joined: &OnceLock<Fleet>,
    ) -> anyhow::Result<(Backend, Vec<Recorder>)> {
        let store = Store::open(settings, folder).await?;
        let Recording { recorders, pipelines, salts } = Recording::start(settings, folder, &store).await?;
        let cache = Arc::new(SharedCache::new(settings.cache.bytes as usize, lifetimes(settings)));
        let fleet = Fleet::open(settings, folder, &store, &cache).await?;
        // Nobody else has: a process joins once.
        let _ = joined.set(fleet.clone());
        fleet.share_salts(salts).await;
        let links = WriteBehindLinks::open(settings, folder, &store, &fleet).await?;
        Ok((Backend { store, pipelines, cache, fleet, links }, recorders))
    }

    /// What redirects of all cores share.
    pub(super) fn redirects(&self, settings: &Settings, passwords: &Passwords) -> Arc<Shared> {
        let sources = Sources {
            links: self.links.links.clone(),
            cache: self.cache.clone(),
            redis: self.fleet.redis.clone(),
            store_budget: self.store.budget,
            store_policy: self.store.policy,
        };
        Arc::new(Shared {
            resolver: Resolver::new(sources),
            links: self.links.links.clone(),
            password_attempts: PasswordAttempts::new(passwords.clone()),
            not_found_url: settings.redirect.not_found_url.clone(),
        })
    }

    /// Links as the API changes them: all caches hear of it.
    pub(super) fn coherent_links(&self) -> CoherentLinks {
        CoherentLinks::new(self.links.links.clone(), self.cache.clone(), now).with_peers(self.fleet.peers())
    }

    /// Brings new links to the store and leaves the bus, and counts or ships what was recorded, as far as
    /// there is time before `end`; then closes the store.
    pub(super) async fn close(self, end: Instant) {
        let pipelines = self.pipelines;
        // Side by side: what hangs of one takes no time from the other.
        let draining = tokio::task::spawn_blocking(move || pipelines.drain(end));
        self.links.close(end).await;
        self.fleet.leave().await;
        let drained = draining.await;
        self.store.close().await;
        match drained {
            Ok(status) => tracing::info!(
                counted = status.counted,
                left = status.lag_clicks + status.unwritten,
                "stopped"
            ),
            Err(_) => {
                tracing::warn!(
                    "stopped; clicks that are left in the journal are counted after the next start"
                );
            }
        }
    }
}

fn lifetimes(settings: &Settings) -> Lifetimes {
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Lifetimes { link: seconds(settings.cache.ttl), negative: seconds(settings.cache.negative_ttl) }
}
