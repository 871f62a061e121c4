//! The engine for many processes: PostgreSQL, a primary and any number of replicas that answer reads.
//!
//! How it keeps the promises of the traits stands in docs/architecture/postgresql.md. The schema is
//! in `postgres/migrations`, every statement in `postgres/sql`.

mod address;
mod advisory_locks;
mod bulkhead;
mod connections;
mod examination;
mod executor;
mod failure;
mod groups;
mod hosts;
mod identity;
mod ids;
mod import;
mod keys;
mod links;
mod lookups;
mod migrations;
mod notifications;
mod opening;
mod presence;
mod replicas;
mod retries;
mod rollups;
mod row;
mod timeline;
mod tls;
mod words;
mod write_behind;

pub use address::check_url;
pub use examination::{Behind, Examination, Primary, Replica, SCHEMA_KNOWN, examine};
pub use import::Importer;
pub use opening::OpenError;
pub use presence::PrimaryState;
pub use replicas::{Condition, LAG_MAX_MILLIS, ReplicaState};

use crate::{ApiKey, Keys, Links, Notifications, Rollups, WriteBehindStore};
use address::Address;
use bulkhead::Bulkhead;
use connections::{Plans, Pool};
use curtail_model::{Alphabet, CodeScheme, Codes};
use executor::Executor;
use identity::Identity;
use keys::PostgresKeys;
use links::PostgresLinks;
use notifications::PostgresNotifications;
use replicas::Servers;
use rollups::PostgresRollups;
use std::sync::Arc;
use std::time::Duration;
use write_behind::PostgresWriteBehind;

/// The oldest version that is supported, as `server_version_num` has it: the one that the tests run on.
pub const VERSION_MIN: u32 = 150_000;

/// How far the thread that writes counted clicks steps back, as with the embedded engine.
const COUNTING_NICENESS: i32 = 10;
/// Changes to keys, and look-ups of them, that may be under way or wait.
const KEYS_MAX: u32 = 1_024;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where changes are written: `postgres://user:password@host:port/database`, with `sslmode` and
    /// `sslrootcert` as libpq has them (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`). Of
    /// several hosts, the one that takes writes.
    pub url: String,
    /// The same database past a pooler in transaction mode, for
    /// what needs a session: hearing messages, and migrations.
    pub direct_url: Option<String>,
    /// Streaming replicas of it, which answer reads while they are well.
    pub replica_urls: Vec<String>,
    /// How ids become codes; fixed when the store is made.
    pub scheme: CodeScheme,
    /// The characters of generated codes; fixed when the store is made.
    pub alphabet: Alphabet,
    /// Sessions that write, on the primary. At least four are of use.
    pub write_connections: usize,
    /// Sessions that look single links up, on each server.
    pub lookup_connections: usize,
    /// Sessions that make lists and stats, on each server.
    pub list_connections: usize,
    /// How long the server works on one statement. Whoever waits
    /// for a look-up has a budget of its own, which is shorter.
    pub statement_timeout: Duration,
    /// Numbers for ids that are leased at a time.
    pub id_block: u32,
    /// Whether statements are prepared and sessions set up. Not through a pooler in transaction mode.
    pub prepared: bool,
}

impl Settings {
    /// Settings that are good for most, for the rest of a struct.
    pub fn of(url: String, scheme: CodeScheme, alphabet: Alphabet) -> Settings {
        Settings {
            url,
            direct_url: None,
            replica_urls: Vec::new(),
            scheme,
            alphabet,
            write_connections: 6,
            lookup_connections: 3,
            list_connections: 3,
            statement_timeout: Duration::from_secs(5),
            id_block: 10_000,
            prepared: true,
        }
    }

    /// Host, port and database of the primary, for people. Asks nobody.
    pub fn name(&self) -> Result<String, OpenError> {
        Ok(Address::primary(self)?.name)
    }

    /// Whether the addresses can be understood. Asks nobody.
    pub fn check(&self) -> Result<(), OpenError> {
        Address::primary(self)?;
        Address::direct(self)?;
        Address::replicas(self).map(drop)
    }
}

/// An open store.
pub struct Postgres {
    /// The memory of links.
    pub links: Arc<dyn Links>,
    /// The memory of API keys.
    pub keys: Arc<dyn Keys>,
    /// The memory of counted clicks.
    pub rollups: Arc<dyn Rollups>,
    /// Messages between the processes that have this store open.
    pub notifications: Arc<dyn Notifications>,
    /// How links come here that were acknowledged before.
    pub write_behind: Arc<dyn WriteBehindStore>,
    /// The codes of this store.
    pub codes: Codes,
    /// What only this store knows, to make keys of.
    pub secret: [u8; 16],
    parts: Parts,
}

/// Looks at the servers of a store from elsewhere, for metrics.
#[derive(Clone)]
pub struct Watch(Arc<Servers>);

impl Watch {
    /// How the primary is.
    pub fn primary(&self) -> PrimaryState {
        self.0.primary_state()
    }

    /// How the replicas are.
    pub fn replicas(&self) -> Vec<ReplicaState> {
        self.0.replica_states()
    }
}

struct Parts {
    links: Arc<PostgresLinks>,
    rollups: Arc<PostgresRollups>,
    notifications: Arc<PostgresNotifications>,
    write_behind: Arc<PostgresWriteBehind>,
    keys: Bulkhead,
    servers: Arc<Servers>,
    writes: Pool,
    executors: [Arc<Executor>; 2],
}

/// Opens the store in a database, or makes it there.
pub async fn open(settings: Settings) -> Result<Postgres, OpenError> {
    let io = |error: std::io::Error| OpenError::io(error);
    let primary = Address::primary(&settings)?;
    let replicas = Address::replicas(&settings)?;
    let executor = Arc::new(Executor::start("postgres", 0).map_err(io)?);
    let counting = Arc::new(Executor::start("postgres-clicks", COUNTING_NICENESS).map_err(io)?);
    let pool = |sessions: usize| {
        Pool::new(&primary, sessions, Plans::Once, settings.prepared, settings.statement_timeout)
            .map(Pool::that_writes)
    };
    let writes = pool(settings.write_connections.max(2))?;

    let direct = Address::direct(&settings)?;
    let prepared = executor.spawn(prepare(writes.clone(), primary.clone(), direct.clone(), settings.clone()));
    let identity = prepared.await.map_err(OpenError::io)??;

    let servers = Arc::new(Servers::start(&executor, &settings, &primary, &replicas, &identity)?);
    let codes = identity.codes;
    let links = PostgresLinks::start(&executor, Arc::clone(&servers), &writes, &codes, settings.id_block);
    let rollups =
        PostgresRollups::new(&counting, &executor, pool(settings.write_connections)?, Arc::clone(&servers));
    let key_room = Bulkhead::new("keys", KEYS_MAX, &executor);
    let keys = PostgresKeys { pool: writes.clone(), bulkhead: key_room.clone() };
    let notifications = Arc::new(PostgresNotifications::start(
        &executor,
        direct.unwrap_or_else(|| primary.clone()),
        pool(1)?,
    ));
    let (links, rollups) = (Arc::new(links), Arc::new(rollups));
    let acknowledged = Arc::clone(&links.acknowledged);
    let write_behind =
        Arc::new(PostgresWriteBehind::new(&executor, writes.clone(), codes.clone(), acknowledged));
    let parts = Parts {
        links: Arc::clone(&links),
        rollups: Arc::clone(&rollups),
        notifications: Arc::clone(&notifications),
        write_behind: Arc::clone(&write_behind),
        keys: key_room,
        servers,
        writes,
        executors: [executor, counting],
    };
    let secret = identity.key;
    Ok(Postgres { links, keys: Arc::new(keys), rollups, notifications, write_behind, codes, secret, parts })
}

/// The API keys of the store in a database, which this does
/// not change: it is neither made nor brought up to date.
pub async fn list_keys(settings: Settings) -> Result<Vec<ApiKey>, OpenError> {
    let address = Address::primary(&settings)?;
    let pool = Pool::new(&address, 1, Plans::Free, settings.prepared, settings.statement_timeout)?;
    let session = pool.first(&address).await?;
    opening::check_made(&session).await?;
    let keys = keys::list(&session).await?;
    session.end::<_, OpenError>(Ok(keys))
}

/// Brings the database up to date and reads its identity: by the direct address if there is one, and then the
/// other one must lead to the same.
async fn prepare(
    writes: Pool,
    primary: Address,
    direct: Option<Address>,
    settings: Settings,
) -> Result<Identity, OpenError> {
    let Some(direct) = direct else { return opening::prepare(writes, primary, settings, None).await };
    let pool = Pool::new(&direct, 1, Plans::Free, true, settings.statement_timeout)?;
    let identity = opening::prepare(pool, direct.clone(), settings, None).await?;
    opening::confirm(writes, primary, direct, identity).await
}

impl Postgres {
    /// What tells how its servers are.
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.parts.servers))
    }

    /// Finishes what was asked for, closes all sessions and ends the threads. What is asked for later is
    /// refused as unavailable. Without it, what is under way when the last handle is dropped is broken off.
    pub async fn close(self) {
        let Parts { links, rollups, notifications, write_behind, keys, servers, writes, executors } =
            self.parts;
        links.close().await;
        write_behind.close().await;
        keys.close().await;
        rollups.close().await;
        notifications.close().await;
        servers.close().await;
        writes.close();
        for executor in executors {
            executor.close();
        }
    }
}
