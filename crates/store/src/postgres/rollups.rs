//! The trait [`Rollups`] on PostgreSQL.
//!
//! Rollups of links stand on shelves ([`crate::shelf`]), large ones and those of no link in rows of their
//! own, each in the lane of whoever counted it. A link's totals are kept like a rollup of its whole lifetime.
//! Each row has a checksum ([`crate::checksum`]), so that damage counts nothing wrongly.

mod batches;
mod removal;

use super::bulkhead::Bulkhead;
use super::connections::{Pool, Session, Sql, sql};
use super::executor::Executor;
use super::failure::Failure;
use super::replicas::{Reading, Servers};
use super::row::{column, id_column};
use crate::checksum::Period;
use crate::rollups::{Batch, Claimed, Committed, Grain, Positions, Subject, Totals};
use crate::shelf::{LIFETIME, subject_column};
use crate::{Rollups, Seen, StoreError, StoreFuture, checksum, shelf};
use curtail_model::{LinkId, Timestamp};
use futures_util::future::try_join;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Row;

static POSITIONS: Sql = sql!("positions_list");
static POSITIONS_OF: Sql = sql!("positions_of", INT8_ARRAY);
static CLAIM: Sql = sql!("streams_claim", INT8_ARRAY);
static SHELVES: Sql = sql!("shelf_series", INT8, INT8, INT8, INT8);
static ROLLUPS: Sql = sql!("rollup_series", INT8, INT8, INT8, INT8);
static TOTALS: Sql = sql!("shelves_of", INT8_ARRAY);

/// Batches, and reads, that may be under way or wait.
const BATCHES_MAX: u32 = 64;
const READS_MAX: u32 = 256;

/// Rollups on a primary and its replicas.
pub(super) struct PostgresRollups {
    pool: Pool,
    servers: Arc<Servers>,
    /// On the thread that counts.
    batches: Bulkhead,
    /// On the thread that reads.
    reads: Bulkhead,
}

impl PostgresRollups {
    pub(super) fn new(
        counting: &Arc<Executor>,
        reading: &Arc<Executor>,
        pool: Pool,
        servers: Arc<Servers>,
    ) -> PostgresRollups {
        PostgresRollups {
            pool,
            servers,
            batches: Bulkhead::new("batches of clicks", BATCHES_MAX, counting),
            reads: Bulkhead::new("reads of clicks", READS_MAX, reading),
        }
    }

    /// Finishes what was asked for; what is asked for later is refused.
    pub(super) async fn close(&self) {
        self.batches.close().await;
        self.reads.close().await;
        self.pool.close();
    }
}

impl Rollups for PostgresRollups {
    fn positions(&self) -> StoreFuture<'_, Positions> {
        let pool = self.pool.clone();
        self.batches.run(async move {
            let rows = pool.query(&POSITIONS, &[]).await?;
            rows.iter().map(|row| Ok((number(row, 0)?, number(row, 1)?))).collect()
        })
    }

    fn positions_of(&self, streams: Vec<u64>) -> StoreFuture<'_, Positions> {
        let pool = self.pool.clone();
        self.batches.run(async move {
            let wanted: Vec<i64> = streams.into_iter().map(u64::cast_signed).collect();
            let rows = pool.query(&POSITIONS_OF, &[&wanted]).await?;
            rows.iter().map(|row| Ok((number(row, 0)?, number(row, 1)?))).collect()
        })
    }

    fn claim(&self, streams: Vec<u64>) -> StoreFuture<'_, Vec<Claimed>> {
        let pool = self.pool.clone();
        self.batches.run(async move {
            let mut wanted: Vec<i64> = streams.iter().copied().map(u64::cast_signed).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let rows = pool.query(&CLAIM, &[&wanted]).await?;
            let claimed = rows.iter().map(|row| {
                let position: Option<i64> = column(row, 1)?;
                let stream = number(row, 0)?;
                let position = position.map(i64::cast_unsigned);
                Ok((stream, Claimed { stream, position, epoch: number(row, 2)? }))
            });
            let claimed: HashMap<u64, Claimed> = claimed.collect::<Result<_, StoreError>>()?;
            Ok(streams.iter().filter_map(|stream| claimed.get(stream).copied()).collect())
        })
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed> {
        let pool = self.pool.clone();
        self.batches.run(async move { batches::commit(&pool, batch).await })
    }

    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>> {
        let servers = Arc::clone(&self.servers);
        self.reads.run(async move {
            series(&servers, subject_column(subject), (grain.millis(), from.millis(), until.millis())).await
        })
    }

    fn totals(&self, links: Vec<LinkId>) -> StoreFuture<'_, Vec<Totals>> {
        let servers = Arc::clone(&self.servers);
        self.reads.run(async move { totals(&servers, &links).await })
    }

    fn forget_before(&self, grain: Grain, before: Timestamp) -> StoreFuture<'_, u64> {
        let pool = self.pool.clone();
        self.batches.run(async move { removal::forget_before(&pool, grain, before).await })
    }

    fn forget_link(&self, link: LinkId) -> StoreFuture<'_, ()> {
        let pool = self.pool.clone();
        self.batches.run(async move { removal::forget_link(&pool, link).await })
    }
}

async fn series(
    servers: &Servers,
    subject: i64,
    (grain, from, until): (i64, i64, i64),
) -> Result<Vec<(Timestamp, Vec<u8>)>, StoreError> {
    let of_no_link = subject < 0;
    let mut alone: HashMap<(i64, i32), Vec<u8>> = HashMap::new();
    let (number, place) = (shelf::number_of(subject), shelf::place_of(subject));
    let mut series = Vec::new();
    if !of_no_link {
        for row in
            servers.query(Reading::Long, Seen::ANYTHING, &SHELVES, &[&grain, &from, &until, &number]).await?
        {
            let (start, lane): (i64, i32) = (column(&row, 0)?, column(&row, 1)?);
            let bytes: &[u8] = row.try_get(2).map_err(|error| StoreError::from(&error))?;
            let period = (grain, start);
            let entries = shelf::read(checksum::of_shelf(period, number), bytes)
                .ok_or_else(|| damaged_shelf(period, number))?;
            let Some(entry) = shelf::find(&entries, place) else { continue };
            match entry.rollup {
                Some(rollup) => series.push((start, lane, rollup.to_vec())),
                None => {
                    alone.insert((start, lane), Vec::new());
                }
            }
        }
    }
    if of_no_link || !alone.is_empty() {
        for row in
            servers.query(Reading::Long, Seen::ANYTHING, &ROLLUPS, &[&grain, &from, &until, &subject]).await?
        {
            let (start, lane): (i64, i32) = (column(&row, 0)?, column(&row, 1)?);
            if of_no_link || alone.contains_key(&(start, lane)) {
                let bytes: Vec<u8> = column(&row, 2)?;
                let rollup = checksum::unseal(checksum::of_rollup((grain, start), subject), &bytes)
                    .ok_or_else(|| damaged_rollup((grain, start), subject))?;
                series.push((start, lane, rollup.to_vec()));
            }
        }
    }
    series.sort_unstable_by_key(|&(start, lane, _)| (start, lane));
    Ok(series.into_iter().map(|(start, _, rollup)| (Timestamp::from_millis(start), rollup)).collect())
}

async fn totals(servers: &Servers, links: &[LinkId]) -> Result<Vec<Totals>, StoreError> {
    let mut numbers: Vec<i64> = links.iter().map(|link| shelf::number_of(id_column(*link))).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let rows = servers.query(Reading::Short, Seen::ANYTHING, &TOTALS, &[&numbers]).await?;
    let mut found: HashMap<i64, Totals> = HashMap::new();
    for row in &rows {
        let number: i64 = column(row, 0)?;
        let damaged = || damaged_shelf(LIFETIME, number);
        let bytes: &[u8] = row.try_get(1).map_err(|error| StoreError::from(&error))?;
        let entries = shelf::read(checksum::of_shelf(LIFETIME, number), bytes).ok_or_else(damaged)?;
        for link in links.iter().map(|link| id_column(*link)) {
            if shelf::number_of(link) == number
                && let Some(entry) = shelf::find(&entries, shelf::place_of(link))
            {
                let lane = entry.rollup.and_then(shelf::read_totals).ok_or_else(damaged)?;
                let totals = found.entry(link).or_default();
                *totals += lane;
            }
        }
    }
    Ok(links.iter().map(|link| found.get(&id_column(*link)).copied().unwrap_or_default()).collect())
}

/// Begins a transaction in which nobody else changes a lane.
async fn begin(session: &Session, lane: i32) -> Result<(), Failure> {
    static LOCK: Sql = sql!("lane_lock", INT4);
    let lock = session.ready(&LOCK).await?;
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&lane];
    try_join(session.begin(""), session.send(&lock, &parameters)).await?;
    Ok(())
}

fn damaged_shelf((grain, start): Period, number: i64) -> StoreError {
    StoreError::Damaged(format!("shelf {number} of clicks, period of {grain} ms from {start}"))
}

fn damaged_rollup((grain, start): Period, subject: i64) -> StoreError {
    StoreError::Damaged(format!("rollup of {subject}, period of {grain} ms from {start}"))
}

fn number(row: &Row, place: usize) -> Result<u64, StoreError> {
    Ok(column::<i64>(row, place)?.cast_unsigned())
}
