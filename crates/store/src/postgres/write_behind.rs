//! The trait [`WriteBehindStore`] on PostgreSQL.
//!
//! A lease is a row in `leases`. While it is there, nobody can choose a code whose id lies in it: the
//! statement that makes links looks. Whoever chooses codes that look like generated ones has a shared
//! advisory lock from before that look to the end of the transaction, whoever leases has it alone: so what
//! was chosen before a lease is seen by the lease, and what is chosen after it sees the lease.

use super::advisory_locks;
use super::bulkhead::Bulkhead;
use super::connections::{Pool, Session, Sql, sql};
use super::executor::Executor;
use super::failure::{Failure, Remedy};
use super::ids::{COUNTER_MAX, given};
use super::links::acknowledged::{Acknowledged, WAL_POSITION};
use super::links::insert::{INSERT, Rows, versions};
use super::row::{column, id_column, link_id};
use crate::{Flushed, IdBlock, StoreError, StoreFuture, WriteBehindStore, shape};
use curtail_model::{Codes, Link, LinkId, NewLink, Timestamp};
use futures_util::future::try_join;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

static TAKE: Sql = sql!("lease_take", INT8, INT8);
static CUSTOM: Sql = sql!("lease_custom", INT8, INT8);
static RELEASE: Sql = sql!("leases_release", INT8_ARRAY);
static FLUSHED: Sql = sql!("links_flushed", INT8_ARRAY);

/// Work of this kind that may be under way.
const WORK_MAX: u32 = 256;
/// How often links that others were in the way of are flushed.
const TRIES: u32 = 4;

/// Takes links that were acknowledged elsewhere.
pub(super) struct PostgresWriteBehind {
    flusher: Arc<Flusher>,
    bulkhead: Bulkhead,
}

struct Flusher {
    pool: Pool,
    codes: Codes,
    acknowledged: Arc<Acknowledged>,
}

impl PostgresWriteBehind {
    pub(super) fn new(
        executor: &Arc<Executor>,
        pool: Pool,
        codes: Codes,
        acknowledged: Arc<Acknowledged>,
    ) -> PostgresWriteBehind {
        let bulkhead = Bulkhead::new("acknowledged links", WORK_MAX, executor);
        PostgresWriteBehind { flusher: Arc::new(Flusher { pool, codes, acknowledged }), bulkhead }
    }

    /// Finishes what was asked for.
    pub(super) async fn close(&self) {
        self.bulkhead.close().await;
    }
}

impl WriteBehindStore for PostgresWriteBehind {
    fn lease(&self, count: u32) -> StoreFuture<'_, IdBlock> {
        let flusher = Arc::clone(&self.flusher);
        self.bulkhead.run(async move {
            let session = flusher.pool.session().await?;
            let leased = session.within(lease(&session, &flusher.codes, count)).await;
            session.end(leased)
        })
    }

    fn flush(&self, links: Vec<Link>) -> StoreFuture<'_, Vec<Flushed>> {
        let flusher = Arc::clone(&self.flusher);
        self.bulkhead.run(async move { flusher.flush(links).await })
    }

    fn release(&self, blocks: Vec<u64>) -> StoreFuture<'_, ()> {
        let pool = self.flusher.pool.clone();
        let blocks: Vec<i64> = blocks.into_iter().map(u64::cast_signed).collect();
        self.bulkhead.run(async move { pool.query(&RELEASE, &[&blocks]).await.map(drop) })
    }
}

async fn lease(session: &Session, codes: &Codes, count: u32) -> Result<IdBlock, Failure> {
    session.begin(advisory_locks::LEASING).await?;
    let rows = session.query(&TAKE, &[&i64::from(count), &COUNTER_MAX]).await?;
    session.command("COMMIT").await?;
    let row = rows.first().ok_or_else(|| StoreError::Damaged("the counter of ids is not there".into()))?;
    let (first, version): (i64, i64) = (column(row, 0)?, column(row, 1)?);
    let end = first + i64::from(count);
    let chosen = session.query(&CUSTOM, &[&first, &end]).await?;
    let chosen: HashSet<i64> = chosen.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
    let ids = (first..end).filter(|id| !chosen.contains(id));
    let ids = ids.filter_map(|id| given(codes, id.cast_unsigned())).map(|(id, _)| id).collect();
    Ok(IdBlock {
        first: first.cast_unsigned(),
        end: end.cast_unsigned(),
        version: version.cast_unsigned(),
        ids,
    })
}

/// A link to be inserted.
struct Row {
    id: LinkId,
    code: String,
    version: u64,
    created_at: Timestamp,
    link: NewLink,
}

impl Flusher {
    async fn flush(&self, links: Vec<Link>) -> Result<Vec<Flushed>, StoreError> {
        let rows: Vec<Row> = links.into_iter().map(row).collect();
        match self.attempts(&rows).await {
            // One of them cannot be kept: each alone, so that it is refused alone.
            Err(failure) if failure.remedy() == Remedy::LessOfIt => {
                let mut outcomes = Vec::with_capacity(rows.len());
                for row in rows.chunks(1) {
                    match self.attempts(row).await {
                        Ok(flushed) => outcomes.extend(flushed),
                        Err(failure) if failure.remedy() == Remedy::LessOfIt => {
                            outcomes.push(Flushed::Refused(failure.error.to_string()));
                        }
                        Err(failure) => return Err(failure.error),
                    }
                }
                Ok(outcomes)
            }
            outcome => outcome.map_err(StoreError::from),
        }
    }

    async fn attempts(&self, rows: &[Row]) -> Result<Vec<Flushed>, Failure> {
        let mut tries = 1;
        loop {
            let session = self.pool.session().await?;
            let outcome = session.within(self.insert(&session, rows)).await;
            match session.end::<_, Failure>(outcome) {
                Err(failure) if failure.remedy() == Remedy::Again && tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn insert(&self, session: &Session, rows: &[Row]) -> Result<Vec<Flushed>, Failure> {
        let mut columns = Rows::default();
        for Row { id, code, version, created_at, link } in rows {
            columns.push(*id, code, false, true, link, *created_at);
            columns.push_version(*version);
        }
        let (insert, position) = (session.ready(&INSERT).await?, session.ready(&WAL_POSITION).await?);
        let parameters = columns.parameters();
        let inserted = session.send(&insert, &parameters);
        let (inserted, position) = try_join(inserted, session.send(&position, &[])).await?;
        self.acknowledged.note(&position)?;
        let made = versions(&inserted)?;
        let missing: Vec<i64> =
            rows.iter().filter(|row| !made.contains_key(&row.id)).map(|row| id_column(row.id)).collect();
        let there = if missing.is_empty() { HashMap::new() } else { there(session, &missing).await? };
        let outcomes = rows.iter().map(|row| match there.get(&row.id) {
            _ if made.contains_key(&row.id) => Ok(Flushed::Now),
            // Nobody else has the id, so a generated link of that moment is this one.
            Some((created_at, true)) if *created_at == row.created_at => Ok(Flushed::Before),
            Some(_) => Ok(Flushed::Refused("another link has its id".to_owned())),
            None => Err(StoreError::Unavailable(
                "a link with this id was there and is gone; it is tried again".into(),
            )
            .into()),
        });
        outcomes.collect()
    }
}

/// When links were made that are there, and whether their codes were generated.
async fn there(session: &Session, ids: &[i64]) -> Result<HashMap<LinkId, (Timestamp, bool)>, Failure> {
    let rows = session.query(&FLUSHED, &[&ids]).await?;
    let entry = |row| {
        let created_at = Timestamp::from_millis(column(row, 1)?);
        Ok((link_id(column(row, 0)?)?, (created_at, column(row, 2)?)))
    };
    rows.iter().map(entry).collect()
}

fn row(link: Link) -> Row {
    let (id, version, created_at) = (link.id, link.version, link.created_at);
    Row { id, code: link.code.as_str().to_owned(), version, created_at, link: shape::given(link) }
}
