//! Whether another server has taken over, or an older state: what was acknowledged last may be lost, and its
//! versions and ids would be given once more. Caches keep the higher version, so they would refuse every
//! change; and clicks that are counted later would be counted at the wrong link.
//!
//! So versions and numbers of ids are moved ahead then: at each start, and on each new session with the
//! primary, before anything else is asked there.

use super::connections::{Session, Sql, sql};
use super::failure::Failure;
use super::ids::COUNTER_MAX;
use super::row::column;
use crate::StoreError;
use tracing::{debug, warn};

static READ: Sql = sql!("epoch_read");
static PUT: Sql = sql!("meta_put", TEXT, BYTEA);
static KEEP: Sql = sql!("epoch_keep", BYTEA, INT8, INT8);

/// More than any installation gives in the time that a replica may be behind: blocks of 10,000 ids for each
/// process, a quarter of a million for one that writes behind.
const MARGIN: i64 = 10_000_000;

/// Compares the server with the one that it was, and moves ahead what must not be given twice.
pub(super) async fn keep(session: &Session) -> Result<(), Failure> {
    let epoch: Vec<u8> = match session.query(&READ, &[]).await {
        Ok(rows) => match rows.first() {
            Some(row) => column(row, 0)?,
            None => return Ok(()),
        },
        // What is no server of PostgreSQL's own need not know of timelines.
        Err(Failure { error: StoreError::Damaged(error), .. }) => {
            debug!(error, "whether another server takes over cannot be seen here");
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    session.query(&PUT, &[&"epoch", &epoch]).await?;
    if !session.query(&KEEP, &[&epoch, &MARGIN, &COUNTER_MAX]).await?.is_empty() {
        warn!(
            "another server of the database has taken over, or an older state: what was acknowledged last may be lost. Versions and \
             ids go on {MARGIN} later; empty Redis and restart the servers, so that nobody shows what is lost"
        );
    }
    Ok(())
}
