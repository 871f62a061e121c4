//! Brings the schema up to date: numbered migrations, one
//! transaction each, under a lock that only one process has.
//!
//! A migration only adds what versions that still run do not mind (expand); what they need is taken away when
//! none of them is supported any more (contract). None waits long for a lock or holds one long.

use super::advisory_locks;
use super::connections::{Session, Sql};
use super::failure::Failure;
use super::row::column;
use tracing::info;

/// The n-th migration brings the schema to version n.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
];

static TRY_LOCK: Sql = Sql { text: advisory_locks::TRY_MIGRATING, types: &[], planned_anew: true };

static FIND: Sql =
    Sql { text: "SELECT to_regclass('curtail_schema') IS NOT NULL", types: &[], planned_anew: true };
static VERSION: Sql =
    Sql { text: "SELECT coalesce(max(version), 0) FROM curtail_schema", types: &[], planned_anew: true };
const MAKE: &str = "CREATE TABLE IF NOT EXISTS curtail_schema (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)";
static NOTE: Sql = Sql {
    text: "INSERT INTO curtail_schema (version) VALUES ($1)",
    types: &[tokio_postgres::types::Type::INT4],
    planned_anew: true,
};

/// What came of looking at the schema.
pub(super) enum Schema {
    /// It is as this Curtail knows it.
    Current,
    /// A newer Curtail has changed it.
    Newer {
        /// Its version.
        found: usize,
    },
}

/// The last version that is known here.
pub(super) const KNOWN: usize = MIGRATIONS.len();

/// Brings the schema up to date.
pub(super) async fn migrate(session: &Session) -> Result<Schema, Failure> {
    loop {
        let found = version(session).await?;
        if found > KNOWN {
            return Ok(Schema::Newer { found });
        }
        if found == KNOWN {
            return Ok(Schema::Current);
        }
        session.begin("").await?;
        // Waiting for another process's migration may take as long as one.
        session.command("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10min'").await?;
        let tried = session.query(&TRY_LOCK, &[]).await?;
        if !column::<bool>(&tried[0], 0)? {
            info!("waiting for another process, which brings the schema of the database up to date");
            session.command(advisory_locks::MIGRATING).await?;
        }
        // While this waits for the lock of a table, all later requests for the table queue behind it.
        session.command("SET LOCAL lock_timeout = '5s'").await?;
        session.command(MAKE).await?;
        // Another process may have been here while this one waited.
        let found = version(session).await?;
        if let Some(migration) = MIGRATIONS.get(found) {
            session.command(migration).await?;
            let version = i32::try_from(found + 1).unwrap_or(i32::MAX);
            session.query(&NOTE, &[&version]).await?;
            info!(version, "the schema of the database was brought up to date");
        }
        session.command("COMMIT").await?;
    }
}

/// The version of the schema; 0 where there is none.
pub(super) async fn version(session: &Session) -> Result<usize, Failure> {
    let exists = session.query(&FIND, &[]).await?;
    if !column::<bool>(&exists[0], 0)? {
        return Ok(0);
    }
    let rows = session.query(&VERSION, &[]).await?;
    let version: i32 = column(&rows[0], 0)?;
    Ok(usize::try_from(version).unwrap_or_default())
}
