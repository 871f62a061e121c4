//! L2: what all processes remember together, in Redis.
//!
//! Redis has [`Config::budget`] to answer, and is not asked at all while its
//! breaker is open: it makes redirects faster and is never needed for one. What
//! it holds and when it is believed stands in
//! docs/architecture/caching.md; the keys in `layout.rs`, the bytes in `value.rs`.
//!
//! What a change leaves here must arrive, for others believe
//! what they find: it is a debt until it does (`debts.rs`).

mod address;
mod debts;
mod entries;
mod examination;
mod keeper;
mod layout;
mod leaderboards;
mod pubsub;
mod rates;
mod salts;
mod script;
mod server;
mod server_clock;
mod unwritten;
mod value;

pub use address::check_url;
pub(crate) use entries::{Believed, FillLock, Lookup};
pub use examination::{Examination, Node, VERSION_MIN, examine};
pub use leaderboards::Leaderboards;
pub use pubsub::PubSub;
pub use rates::RedisRates;

use crate::strategy::Strategy;
use ::redis::{RedisError, RedisResult};
use address::Addresses;
use curtail_runtime::breaker::{Breaker, Policy, State};
use debts::Debts;
use layout::Keys;
use script::OneKey;
use server::{Connection, Failure, Slot};
use server_clock::ServerClock;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;
use xxhash_rust::xxh3::xxh3_64;

/// How Redis is used.
#[derive(Clone, Debug)]
pub struct Config {
    /// `redis://[user:password@]host:port[/database]`, one or several nodes of a cluster; with TLS
    /// `rediss://`, where `?sslrootcert=FILE` names the certificates to trust in place of the system's.
    pub nodes: Vec<String>,
    /// What all keys begin with, and the bus too, which does not know
    /// the numbers of databases. Each byte is paid for by each link.
    pub prefix: String,
    /// How long a link is kept.
    pub link_life: Duration,
    /// What a change leaves.
    pub strategy: Strategy,
    /// How long a redirect waits for Redis.
    pub budget: Duration,
}

impl Config {
    /// The [`Config::prefix`] of an installation: whatever else is on a server, nobody is given the links of
    /// another one. Two have the same with a chance of 1 in 2^36.
    pub fn prefix_of(secret: &[u8; 16]) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let hash = xxh3_64(secret);
        let letters = (0..6).map(|place| char::from(LETTERS[(hash >> (6 * place)) as usize % LETTERS.len()]));
        letters.chain([':']).collect()
    }

    /// A good [`Config::budget`].
    pub const BUDGET: Duration = Duration::from_millis(5);
}

/// Why Redis cannot be used as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// An address cannot be read.
    #[error(
        "redis.url: {0}; write redis://user:password@host:6379, several nodes of a cluster one after the other"
    )]
    Address(String),
    /// Nobody answers. For [`Redis::open`] that is no error.
    #[error(
        "redis.url: {server} does not answer ({error}). Start it, or correct host and port, and write rediss:// where it \
         speaks TLS; redirects go on without it, and ask the store more often"
    )]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system says.
        error: String,
    },
    /// The certificates to trust cannot be read.
    #[error("redis.url: sslrootcert={file} cannot be read: {error}")]
    Roots {
        /// The file.
        file: String,
        /// What the system says.
        error: String,
    },
    /// The server does not prove who it is.
    #[error(
        "redis.url: the server does not prove who it is ({0}); rediss:// needs a certificate for the host's name, by an authority \
         that this system trusts or that is in the file of ?sslrootcert=FILE"
    )]
    Untrusted(String),
    /// The server does not let us in.
    #[error(
        "redis.url: the server refuses the user, the password or a command ({0}); check them in the address, and what the user may do"
    )]
    Refused(String),
    /// There is no database with that number.
    #[error(
        "redis.url: the server has no database with the number that the address ends with ({0}); choose a lower number, \
         or leave it out, or raise `databases` in the settings of the server"
    )]
    NoDatabase(String),
    /// A database is chosen of a cluster, which has none to choose from.
    #[error(
        "redis.url: the address ends with the number of a database, and the server is part of a cluster, which has none \
         to choose from ({0}); leave the number out"
    )]
    DatabaseOfCluster(String),
    /// Something else than a Redis answers.
    #[error(
        "redis.url: what answers on {0} is no Redis; correct host and port, and write rediss:// where the server speaks \
         TLS, redis:// where it does not"
    )]
    NoRedis(String),
    /// The server is a replica.
    #[error("redis.url: the server is a replica, which takes no writes. Name its primary in redis.url")]
    Replica,
    /// Several servers that are no cluster.
    #[error(
        "redis.url: the servers are in no cluster, and several urls are nodes of one. Name one server, or nodes of a cluster"
    )]
    NoCluster,
    /// Another version put its keys there.
    #[error(
        "redis.url: the keys that begin with {prefix:?} have layout {found:?}, and this version of Curtail knows layout {ours:?}; \
         run the version that made them, or choose another database (redis://host/1), or remove those keys (they are a cache)"
    )]
    Layout {
        /// The layout that was found.
        found: String,
        /// The one that is known here.
        ours: &'static str,
        /// What the keys begin with.
        prefix: String,
    },
    /// Another program left one of our keys.
    #[error(
        "redis.url: the key {key:?} is of another type than Curtail gives it, so another program made it; remove that \
         key, or choose another database (redis://host/1)"
    )]
    OtherType {
        /// The key.
        key: String,
    },
}

/// Redis did not answer as it should, or not in time, or was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

/// L2: the layer of the cache that processes share.
pub struct Redis {
    config: Config,
    addresses: Addresses,
    keys: Keys,
    slot: Slot,
    breaker: Breaker,
    floor: AtomicI64,
    clock: ServerClock,
    debts: Debts,
    get: OneKey,
    put: OneKey,
    look: OneKey,
    raise_floor: OneKey,
    /// Something is to be done at once: a connection broke.
    wake: Notify,
    token: u32,
    asked: AtomicU64,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    away: AtomicU64,
    unanswered: AtomicU64,
    refreshed: AtomicU64,
}

/// How L2 fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisStatistics {
    /// Whether there is a connection.
    pub connected: bool,
    /// The state of the breaker.
    pub breaker: State,
    /// How often the breaker opened.
    pub breaker_opened: u64,
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that found nothing that could be believed.
    pub misses: u64,
    /// Look-ups without an answer in time.
    pub away: u64,
    /// Questions of all kinds without an answer in time, look-ups included.
    pub unanswered: u64,
    /// Entries that were refreshed ahead of their end.
    pub refreshed: u64,
    /// Changes that have not arrived yet.
    pub debts: usize,
}

impl Redis {
    /// Connects and checks what is there. A server that does not answer is no error: redirects do without,
    /// and it is tried again until it is there. One that answers what no waiting mends is an error. Must be
    /// called in a tokio runtime, which keeps the connection up from then on.
    pub async fn open(config: Config) -> Result<Arc<Redis>, OpenError> {
        let now = Instant::now();
        let seed = getrandom::u64().unwrap_or_else(|_| now.elapsed().as_nanos() as u64);
        let addresses = Addresses::read(&config.nodes)?;
        let redis = Arc::new(Redis {
            addresses,
            keys: Keys::new(&config.prefix),
            slot: Slot::default(),
            breaker: Breaker::new(Policy::NEAR, seed, now),
            floor: AtomicI64::new(0),
            clock: ServerClock::default(),
            debts: Debts::default(),
            get: OneKey::new(include_str!("redis/get.lua")),
            put: OneKey::new(include_str!("redis/put.lua")),
            look: OneKey::new(include_str!("redis/floor_and_clock.lua")),
            raise_floor: OneKey::new(include_str!("redis/floor.lua")),
            wake: Notify::new(),
            token: seed as u32,
            asked: AtomicU64::new(0),
            counts: Counts::default(),
            config,
        });
        match keeper::connect(&redis).await {
            Ok(connection) => redis.slot.set(Some(connection)),
            Err(Failure::Refused(refused)) => return Err(refused),
            Err(Failure::Away(error)) => {
                let (server, error) = (redis.addresses.servers(), error.to_string());
                let error = OpenError::Unreachable { server, error };
                tracing::warn!(%error, "Redis does not answer; going on without it until it does");
            }
        }
        tokio::spawn(keeper::keep(Arc::downgrade(&redis)));
        Ok(redis)
    }

    /// Whether it would be asked now.
    pub(crate) fn is_well(&self) -> bool {
        self.slot.get().is_some() && self.breaker.state() == State::Closed
    }

    /// How it fares.
    pub fn statistics(&self) -> RedisStatistics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RedisStatistics {
            connected: self.slot.get().is_some(),
            breaker: self.breaker.state(),
            breaker_opened: self.breaker.opened(),
            hits: count(&self.counts.hits),
            misses: count(&self.counts.misses),
            away: count(&self.counts.away),
            unanswered: count(&self.counts.unanswered),
            refreshed: count(&self.counts.refreshed),
            debts: self.debts.len(),
        }
    }

    /// What a change leaves.
    pub fn strategy(&self) -> Strategy {
        self.config.strategy
    }

    /// Asks within the budget and by leave of the breaker.
    async fn ask<T, F>(&self, question: impl FnOnce(Connection) -> F) -> Result<T, Away>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let answer = self.try_to_ask(question).await;
        if answer.is_err() {
            self.counts.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    async fn try_to_ask<T, F>(&self, question: impl FnOnce(Connection) -> F) -> Result<T, Away>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let permit = self.breaker.admit(Instant::now()).ok_or(Away)?;
        let Some(connection) = self.slot.get() else {
            permit.failed(Instant::now());
            return Err(Away);
        };
        match timeout(self.config.budget, question(connection)).await {
            Ok(Ok(answer)) => {
                permit.succeeded(Instant::now());
                Ok(answer)
            }
            Ok(Err(error)) => {
                permit.failed(Instant::now());
                self.note(&error);
                Err(Away)
            }
            Err(_) => {
                permit.failed(Instant::now());
                Err(Away)
            }
        }
    }

    fn note(&self, error: &RedisError) {
        if error.is_connection_dropped() || error.is_io_error() {
            self.wake.notify_one();
        } else if error.code() == Some("READONLY") {
            // It has become a replica: whoever has taken over may be where it was.
            self.slot.set(None);
            self.wake.notify_one();
        } else {
            tracing::debug!(%error, "Redis refused a command");
        }
    }
}
