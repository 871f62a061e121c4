//! What processes share beside the store: a second layer of the cache, rates and leaders in Redis where it is
//! set, and the bus by which they tell each other of changes.

use super::Store;
use crate::config::Settings;
use crate::data_folder::write_mark;
use curtail_cache::redis::{self, Leaderboards, PubSub, Redis, RedisRates};
use curtail_cache::{Bus, Peers, SharedCache};
use curtail_clicks::clock::now;
use curtail_clicks::salt::Salts;
use curtail_model::Timestamp;
use curtail_runtime::rates::Rates;
use curtail_store::{Leaders, Notifications};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// In the data folder while a process shares a cache in Redis, and after one that did not end by leaving all
/// that it had changed there: what is in Redis from before that one's end may be wrong, and nobody else
/// knows.
const UNSETTLED: &str = "redis-unsettled";

/// How long a start waits for Redis to tell the salts of the day, and between two attempts.
const SALTS_WAIT_MAX: Duration = Duration::from_secs(1);
const SALTS_PAUSE: Duration = Duration::from_millis(20);
/// How often processes see to it that they will have the same salt tomorrow, and who comes later the same
/// today.
const SALTS_EVERY: Duration = Duration::from_secs(10);

/// What this process shares with others; one that is alone has none of it.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) redis: Option<Arc<Redis>>,
    pub(crate) bus: Option<Arc<Bus>>,
    unsettled: PathBuf,
}

impl Fleet {
    /// Connects. A Redis that does not answer is waited for in the background: redirects do without it.
    pub(crate) async fn open(
        settings: &Settings,
        folder: &Path,
        store: &Store,
        cache: &Arc<SharedCache>,
    ) -> anyhow::Result<Fleet> {
        let unsettled = folder.join(UNSETTLED);
        let mut ways: Vec<Arc<dyn Notifications>> = store.notifications.iter().cloned().collect();
        let redis = match redis_config(settings, &store.secret) {
            None => None,
            Some(config) => {
                ways.push(Arc::new(PubSub::new(&config)?));
                let redis = Redis::open(config).await?;
                if unsettled.exists() {
                    tracing::info!(
                        "the last process may owe changes to Redis: what is there is not believed"
                    );
                    redis.distrust().await;
                } else if let Err(error) = write_mark(folder, UNSETTLED, "") {
                    tracing::error!(%error, path = %unsettled.display(),
                        "cannot be written: changes that Redis does not take before this process dies may be undone");
                }
                Some(redis)
            }
        };
        let strategy = settings.cache.strategy;
        let announces = strategy.announces() && !ways.is_empty();
        let bus = announces.then(|| Bus::start(ways, cache.clone(), redis.clone(), now));
        Ok(Fleet { redis, bus, unsettled })
    }

    /// How changes made here reach the others.
    pub(crate) fn peers(&self) -> Peers {
        Peers { bus: self.bus.clone(), redis: self.redis.clone() }
    }

    /// Rates that hold over all processes.
    pub(crate) fn rates(&self) -> Option<Arc<dyn Rates>> {
        self.redis.clone().map(|redis| Arc::new(RedisRates::new(redis)) as Arc<dyn Rates>)
    }

    /// Has all processes tell visitors apart by the same salts, today's before anybody comes. While Redis is
    /// away each has its own, and whoever comes to two of them is two visitors.
    pub(crate) async fn share_salts(&self, salts: Arc<Salts>) {
        let Some(redis) = self.redis.clone() else { return };
        let begun = Instant::now();
        while !agree(&redis, &salts, 0).await && begun.elapsed() < SALTS_WAIT_MAX {
            sleep(SALTS_PAUSE).await;
        }
        tokio::spawn(async move {
            loop {
                sleep(SALTS_EVERY).await;
                // Tomorrow's: with today's, clicks have been recorded already.
                agree(&redis, &salts, 1).await;
            }
        });
    }

    /// Which links are clicked most: from Redis where it is, else from rollups.
    pub(crate) fn leaders(&self, counted: Arc<dyn Leaders>) -> Arc<dyn Leaders> {
        let Some(redis) = self.redis.clone() else { return counted };
        let boards = Arc::new(Leaderboards::new(redis, counted));
        let kept = boards.clone();
        tokio::spawn(async move { kept.keep(now).await });
        boards
    }

    /// Leaves, once what was changed here has arrived.
    pub(crate) async fn leave(&self) {
        let settled = match &self.bus {
            Some(bus) => bus.leave().await,
            None => true,
        };
        // Where Redis does not answer, others may owe it something
        // too, who do not start again as soon as this one.
        if let Some(redis) = &self.redis
            && settled
            && redis.has_everything().await
            && let Err(error) = fs::remove_file(&self.unsettled)
        {
            tracing::debug!(%error, "the next start will not believe what is in Redis");
        }
    }
}

/// Adopts the salts that others use, from so many days on; where they have none, they get ours.
async fn agree(redis: &Redis, salts: &Salts, from: usize) -> bool {
    for (number, (day, ours)) in salts.days_and_salts().into_iter().enumerate() {
        let Some(common) = redis.common_salt(day, ours, life_of_day(day)).await else { return false };
        if number >= from
            && let Err(error) = salts.adopt(day, common)
        {
            tracing::warn!(%error, "the salt of the day cannot be kept: after a restart visitors are counted anew");
        }
    }
    true
}

/// How long the salt of a day is needed: until it is over, and a little for clocks that are late.
fn life_of_day(day: i64) -> Duration {
    let end = (day + 1) * Timestamp::DAY + Timestamp::HOUR;
    Duration::from_millis(u64::try_from(end - now().millis()).unwrap_or(0).max(1))
}

/// How Redis is used, where it is, by the installation with this secret.
pub(crate) fn redis_config(settings: &Settings, secret: &[u8; 16]) -> Option<redis::Config> {
    let nodes: Vec<String> = settings.redis.urls.iter().map(|url| url.reveal().to_owned()).collect();
    (!nodes.is_empty()).then(|| redis::Config {
        nodes,
        prefix: redis::Config::prefix_of(secret),
        link_life: settings.cache.ttl,
        strategy: settings.cache.strategy,
        budget: redis::Config::BUDGET,
    })
}
