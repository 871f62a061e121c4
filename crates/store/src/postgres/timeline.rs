//! Whether another server has taken over, or an older state: what was acknowledged last may be lost, and its
//! versions and ids would be given once more. Caches keep the higher version, so they would refuse every
//! change; and clicks that are counted later would be counted at the wrong link.
//!
//! So versions and numbers of ids are moved ahead then: at each start, and on each new session with the
//! primary, before anything else is asked there. Sessions with a pooler outlive the servers behind it; there
//! the heartbeat sees it, the first that is let through to a primary that was away (`replicas/probes.rs`).

use super::connections::{Session, Sql, sql};
use super::failure::Failure;
use super::ids::COUNTER_MAX;
use super::row::column;
use crate::StoreError;
use std::sync::Once;
use tracing::{debug, error, warn};

static READ: Sql = sql!("timeline_read");
static PUT: Sql = sql!("meta_put", TEXT, BYTEA);
static ADVANCE: Sql = sql!("timeline_advance", TEXT, BYTEA, INT8, INT8);

/// What is wrong where commits are acknowledged before they are on the disk.
const NOT_DURABLE: &str = "synchronous_commit is off at the primary, so acknowledged links could be lost: set it on (ALTER \
                           SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf())";
static TOLD: Once = Once::new();

/// More than any installation gives in the time that a replica may be behind: blocks of 10,000 ids for each
/// process, a quarter of a million for one that writes behind.
const MARGIN: i64 = 10_000_000;

/// What a server says of itself that is otherwise after a failover, or after its settings were read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The identifier of the server and its timeline, which each promotion makes anew.
    timeline: Vec<u8>,
    /// The numbers of the database and of a table, which a dump that is put back makes anew.
    database: Vec<u8>,
    /// `synchronous_commit`, as the session has it.
    synchronous_commit: String,
}

impl About {
    /// Whether what is committed on the session is on the disk.
    pub(super) fn is_durable(&self) -> bool {
        self.synchronous_commit != "off"
    }

    /// Refuses a session on which it is not.
    pub(super) fn must_be_durable(&self) -> Result<(), Failure> {
        if self.is_durable() { Ok(()) } else { Err(StoreError::Forbidden(NOT_DURABLE.into()).into()) }
    }
}

/// What is so on a session now; nothing where that cannot be
/// seen: what is no server of PostgreSQL's own need not know of timelines.
pub(super) async fn read(session: &Session) -> Result<Option<About>, Failure> {
    match session.query(&READ, &[]).await {
        Ok(rows) => {
            let about = |row| {
                let (timeline, database) = (column(row, 0)?, column(row, 1)?);
                Ok(About { timeline, database, synchronous_commit: column(row, 2)? })
            };
            rows.first().map(about).transpose()
        }
        Err(Failure { error: StoreError::Damaged(error), .. }) => {
            debug!(error, "whether another server takes over cannot be seen here");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Compares the server with the one that it was, and moves ahead what must not be given twice. A session that
/// would not wait until commits are on the disk does so from now on, where that can be set. Answers what is
/// so on it then.
pub(super) async fn keep(session: &Session) -> Result<Option<About>, Failure> {
    let Some(mut about) = read(session).await? else { return Ok(None) };
    for (name, value, what) in [
        ("timeline", &about.timeline, "another server of the database has taken over, or an older state"),
        ("database", &about.database, "the database was put back from a dump"),
    ] {
        session.query(&PUT, &[&name, value]).await?;
        if !session.query(&ADVANCE, &[&name, value, &MARGIN, &COUNTER_MAX]).await?.is_empty() {
            warn!(
                "{what}: what was acknowledged last may be lost. Versions and ids go on {MARGIN} later; empty Redis and restart the \
                 servers, so that nobody shows what is lost"
            );
        }
    }
    if !about.is_durable() && session.is_ours_alone() {
        TOLD.call_once(|| error!("{NOT_DURABLE}. Until then sessions of this process have it on"));
        session.command("SET synchronous_commit = on").await?;
        about.synchronous_commit = "on".into();
    }
    Ok(Some(about))
}
