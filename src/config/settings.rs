//! Everything that can be set, a file a concern: what its settings are, the rows of the table that read them,
//! and what is wrong where one contradicts another.
//!
//! The order here is the order of `curtail config` and of the reference in `docs/operations.md`.

mod api;
mod cache;
mod clicks;
mod codes;
mod database;
mod geo;
mod kafka;
mod limits;
mod links;
mod log;
mod redirect;
mod redis;
mod server;
mod shutdown;

pub(crate) use log::LogFormat;
pub(crate) use server::Role;

use super::reader::Reader;
use api::Api;
use cache::Cache;
use clicks::Clicks;
use codes::Codes;
use curtail_cache::Strategy;
use database::Database;
use geo::Geo;
use kafka::Kafka;
use limits::Limits;
use links::Links;
use log::Log;
use redirect::Redirect;
use redis::Redis;
use server::Server;
use shutdown::Shutdown;

/// Everything that can be set, once it is read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) redis: Redis,
    pub(crate) kafka: Kafka,
    pub(crate) cache: Cache,
    pub(crate) codes: Codes,
    pub(crate) links: Links,
    pub(crate) redirect: Redirect,
    pub(crate) api: Api,
    pub(crate) limits: Limits,
    pub(crate) clicks: Clicks,
    pub(crate) geo: Geo,
    pub(crate) log: Log,
    pub(crate) shutdown: Shutdown,
}

impl Settings {
    /// Reads every setting.
    pub(super) fn read(read: &mut Reader) -> Settings {
        let server = Server::read(read);
        let threads = server.threads;
        let settings = Settings {
            server,
            database: Database::read(read),
            redis: Redis::read(read),
            kafka: Kafka::read(read),
            cache: Cache::read(read),
            codes: Codes::read(read),
            links: Links::read(read),
            redirect: Redirect::read(read),
            api: Api::read(read),
            limits: Limits::read(read),
            clicks: Clicks::read(read, threads),
            geo: Geo::read(read),
            log: Log::read(read),
            shutdown: Shutdown::read(read),
        };
        settings.check_engines(read);
        settings
    }

    /// A role may need what it shares with others, and an engine may not have been built in.
    fn check_engines(&self, read: &mut Reader) {
        let shared = self.database.url.is_some();
        if self.server.role == Role::Worker && (!shared || self.kafka.brokers.is_empty()) {
            read.contradiction("role", "is worker, which needs database.url and kafka.brokers");
        }
        if !self.kafka.brokers.is_empty() && cfg!(not(feature = "kafka")) {
            read.contradiction(
                "kafka.brokers",
                "cannot be used, for this program was built without Kafka: take a released one, or build it with the feature kafka",
            );
        }
        if self.kafka.replaces.as_ref() == Some(&self.kafka.topic) {
            read.contradiction(
                "kafka.replaces",
                "names kafka.topic itself; it names the one before, or is off",
            );
        }
        if !self.kafka.brokers.is_empty() && !shared {
            read.contradiction(
                "kafka.brokers",
                "needs database.url: workers count into a store that is shared",
            );
        }
        if self.cache.strategy == Strategy::WriteBehind {
            if !shared {
                read.contradiction(
                    "cache.strategy",
                    "is write-behind, which needs database.url: SQLite writes to this very disk, so no journal is faster",
                );
            } else if self.redis.urls.is_empty() {
                read.contradiction(
                    "cache.strategy",
                    "is write-behind, which needs redis.url: other servers find new links there until PostgreSQL has them",
                );
            }
        }
        if !self.redis.urls.is_empty() && !shared {
            read.contradiction(
                "redis.url",
                "needs database.url: a process that is alone has nothing to share",
            );
        }
    }
}
