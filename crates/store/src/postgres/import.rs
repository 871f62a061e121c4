//! Takes a store that moves here from another engine, in pieces. Each piece is a transaction and may come
//! again: whoever moves a store goes on after the last piece that it has noted, or begins anew.

mod clicks;
mod links;
pub(super) mod state;

use super::address::Address;
use super::connections::{Plans, Pool, Session, Sql, sql};
use super::executor::Executor;
use super::failure::Failure;
use super::identity::Identity;
use super::row::{column, id_column, link_id, text};
use super::{OpenError, Settings, keys, opening};
use crate::rollups::Positions;
use crate::transfer::{
    Checksums, Clicks, ClicksKey, ClicksRow, Given, KeyRecord, LinkRecord, RememberedKey, Retired,
};
use crate::{Idempotency, StoreError, packed};
use curtail_model::{Bucket, Codes, LinkId, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use tokio_postgres::Row;

static COUNT_TAGS: Sql = sql!("import_tags_count");
static KEYS: Sql =
    sql!("import_keys", INT8_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY);
static REMEMBER: Sql = sql!("idempotency_put", BYTEA_ARRAY, BYTEA_ARRAY, INT8_ARRAY, INT8_ARRAY, BOOL_ARRAY);
static REMEMBERED: Sql = sql!("export_idempotency", BYTEA_ARRAY);
static KEYS_THERE: Sql = sql!("export_keys");
static POSITIONS: Sql = sql!("positions_put", INT8_ARRAY, INT8_ARRAY);
static GIVEN: Sql = sql!("import_given", INT8, INT8, INT8);
static NOTE: Sql = sql!("import_note", TEXT, BYTEA);
static NOTED: Sql = sql!("meta_get", TEXT);
static BUCKET: Sql = sql!("export_bucket", INT2);

/// How much longer than others its statements may take.
const TIMEOUT_FACTOR: u32 = 12;

/// A store that is moving here. Nobody else may write to the database meanwhile, and from the first piece
/// until [`Importer::finish`] nobody can open the store.
pub struct Importer {
    name: String,
    pool: Pool,
    codes: Codes,
    executor: Arc<Executor>,
}

impl Importer {
    /// Opens or makes the store with this secret, and no other.
    pub async fn open(settings: Settings, secret: [u8; 16]) -> Result<Importer, OpenError> {
        let io = |error: std::io::Error| OpenError::io(error);
        let settings =
            Settings { statement_timeout: settings.statement_timeout * TIMEOUT_FACTOR, ..settings };
        let address = Address::primary(&settings)?;
        let name = address.name.clone();
        let executor = Arc::new(Executor::start("postgres-import", 0).map_err(io)?);
        let pool = Pool::new(&address, 2, Plans::Free, settings.prepared, settings.statement_timeout)?;
        let prepared = executor.spawn(opening::prepare(pool.clone(), address, settings, Some(secret)));
        let Identity { codes, .. } = prepared.await.map_err(OpenError::io)??;
        Ok(Importer { name, pool, codes, executor })
    }

    /// Host, port and database, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes links.
    pub async fn links(&self, records: Vec<LinkRecord>) -> Result<(), StoreError> {
        let codes = self.codes.clone();
        self.run(move |session: Arc<Session>| async move { links::put(&session, &records, &codes).await })
            .await
    }

    /// Takes what is left of removed links.
    pub async fn retired(&self, retired: Vec<Retired>) -> Result<(), StoreError> {
        let codes = self.codes.clone();
        self.run(move |session: Arc<Session>| async move { links::retire(&session, &retired, &codes).await })
            .await
    }

    /// Takes API keys.
    pub async fn keys(&self, records: Vec<KeyRecord>) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move { put_keys(&session, &records).await }).await
    }

    /// The API keys that are here.
    pub async fn keys_there(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.run(|session: Arc<Session>| async move {
            let rows = session.query(&KEYS_THERE, &[]).await?;
            let record = |row| Ok(KeyRecord { key: keys::api_key(row)?, hash: bytes(row, 6)? });
            rows.iter().map(record).collect()
        })
        .await
    }

    /// Takes idempotency keys. Answers how many were not here.
    pub async fn remembered(&self, mut records: Vec<RememberedKey>) -> Result<u64, StoreError> {
        self.run(move |session: Arc<Session>| async move {
            let keys: Vec<&[u8]> = records.iter().map(|record| record.idempotency.key.as_slice()).collect();
            let there = session.query(&REMEMBERED, &[&keys]).await?;
            let there = there.iter().map(remembered).collect::<Result<HashMap<_, _>, _>>()?;
            records.retain(|record| there.get(&record.idempotency.key) != Some(record));
            let keys: Vec<&[u8]> = records.iter().map(|record| record.idempotency.key.as_slice()).collect();
            let requests: Vec<&[u8]> =
                records.iter().map(|record| record.idempotency.request.as_slice()).collect();
            let links: Vec<i64> = records.iter().map(|record| id_column(record.link)).collect();
            let until: Vec<i64> = records.iter().map(|record| record.expires_at.millis()).collect();
            if !records.is_empty() {
                let reused: Vec<bool> = records.iter().map(|record| record.reused).collect();
                session.query(&REMEMBER, &[&keys, &requests, &links, &until, &reused]).await?;
            }
            Ok(records.len() as u64)
        })
        .await
    }

    /// Takes all rows of counted clicks that there are behind one key and up to
    /// another; what else is here between them goes. Without a key it is from the
    /// first, or to the last. Answers how many rows were not as they should be.
    pub async fn clicks(
        &self,
        which: Clicks,
        between: (Option<ClicksKey>, Option<ClicksKey>),
        rows: Vec<ClicksRow>,
    ) -> Result<u64, StoreError> {
        self.run(move |session: Arc<Session>| async move {
            clicks::replace(&session, which, between, &rows).await
        })
        .await
    }

    /// Takes positions: last, when all that was counted up to them is here.
    pub async fn positions(&self, positions: Positions) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move {
            let (streams, positions): (Vec<i64>, Vec<i64>) =
                positions.iter().map(|(stream, at)| (stream.cast_signed(), at.cast_signed())).unzip();
            session.query(&POSITIONS, &[&streams, &positions]).await.map(drop)
        })
        .await
    }

    /// Ends the move: what was given there is never given
    /// here, tags are counted, and servers can open the store.
    pub async fn finish(&self, given: Given) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move {
            let Given { version, next_generated, next_custom } = given;
            let given = [next_generated, next_custom, version].map(u64::cast_signed);
            session.query(&GIVEN, &[&given[0], &given[1], &given[2]]).await?;
            session.command("DELETE FROM tag_counts").await?;
            session.query(&COUNT_TAGS, &[]).await?;
            state::end(&session).await
        })
        .await
    }

    /// Notes how far the move has got, for whoever goes on with it.
    pub async fn note(&self, name: &str, value: Vec<u8>) -> Result<(), StoreError> {
        let name = format!("import.{name}");
        self.run(move |session: Arc<Session>| async move {
            session.query(&NOTE, &[&name, &value]).await.map(drop)
        })
        .await
    }

    /// What was noted.
    pub async fn noted(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let name = format!("import.{name}");
        self.run(move |session: Arc<Session>| async move {
            let rows = session.query(&NOTED, &[&name]).await?;
            Ok(rows.first().map(|row| column(row, 0)).transpose()?)
        })
        .await
    }

    /// What all links that are here come to, without these. Says now and then how many it has read.
    pub async fn checksums(
        &self,
        without: &BTreeSet<LinkId>,
        mut report: impl FnMut(u64),
    ) -> Result<Checksums, StoreError> {
        let without = Arc::new(without.clone());
        let mut sums = Checksums::default();
        let (mut after, mut read) = (None, 0);
        loop {
            let (codes, without) = (self.codes.clone(), Arc::clone(&without));
            let part = self.run(move |session: Arc<Session>| async move {
                links::checksums(&session, sums, after, &codes, &without).await
            });
            let (added, last, count) = part.await?;
            (sums, after, read) = (added, last, read + count);
            report(read);
            if after.is_none() {
                return Ok(sums);
            }
        }
    }

    /// Removes what is in a bucket and not among these, in order of ids:
    /// the links, and removed ones, that the other store has there.
    pub async fn keep_only(&self, bucket: Bucket, ids: Vec<LinkId>) -> Result<u64, StoreError> {
        let codes = self.codes.clone();
        self.run(move |session: Arc<Session>| async move {
            let mut strangers = Vec::new();
            for row in session.query(&BUCKET, &[&bucket.number().cast_signed()]).await? {
                let id = link_id(column(&row, 0)?)?;
                if ids.binary_search(&id).is_err() {
                    strangers.push(id);
                }
            }
            links::remove(&session, &strangers, &codes).await?;
            Ok(strangers.len() as u64)
        })
        .await
    }

    /// Closes all sessions.
    pub fn close(self) {
        self.pool.close();
        self.executor.close();
    }

    /// Runs work in a transaction, on the executor's thread.
    async fn run<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Session>) -> F + Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let pool = self.pool.clone();
        let done = self.executor.spawn(async move {
            let session = Arc::new(pool.session().await?);
            let lent = Arc::clone(&session);
            let outcome = async {
                session.begin("").await?;
                let value = work(lent).await?;
                session.command("COMMIT").await?;
                Ok(value)
            };
            let outcome = session.within(outcome).await;
            match Arc::into_inner(session) {
                Some(session) => session.end(outcome),
                None => outcome.map_err(StoreError::from),
            }
        });
        done.await.unwrap_or_else(|died| Err(StoreError::Unavailable(died.to_string())))
    }
}

async fn put_keys(session: &Session, records: &[KeyRecord]) -> Result<(), Failure> {
    let keys = || records.iter().map(|record| &record.key);
    let time = |time: Option<Timestamp>| time.map(Timestamp::millis);
    let scopes: Vec<String> = keys()
        .map(|key| {
            let names: Vec<String> = key.scopes.names().map(str::to_owned).collect();
            packed::pack(&names).unwrap_or_default()
        })
        .collect();
    session
        .query(
            &KEYS,
            &[
                &keys().map(|key| key.id.cast_signed()).collect::<Vec<i64>>(),
                &keys().map(|key| text(&key.name)).collect::<Vec<_>>(),
                &records.iter().map(|record| record.hash.as_slice()).collect::<Vec<_>>(),
                &scopes,
                &keys().map(|key| key.created_at.millis()).collect::<Vec<i64>>(),
                &keys().map(|key| time(key.expires_at)).collect::<Vec<_>>(),
                &keys().map(|key| time(key.revoked_at)).collect::<Vec<_>>(),
            ],
        )
        .await?;
    Ok(())
}

/// A row of `export_idempotency.sql`, by its key.
fn remembered(row: &Row) -> Result<([u8; 32], RememberedKey), Failure> {
    let idempotency = Idempotency { key: bytes(row, 0)?, request: bytes(row, 1)? };
    let (link, expires_at) = (link_id(column(row, 2)?)?, Timestamp::from_millis(column(row, 3)?));
    let reused = column(row, 4)?;
    Ok((idempotency.key, RememberedKey { idempotency, link, reused, expires_at }))
}

fn bytes(row: &Row, place: usize) -> Result<[u8; 32], Failure> {
    let bytes: Vec<u8> = column(row, place)?;
    let wrong = |_| StoreError::Damaged("a hash that does not have 32 bytes".into());
    Ok(bytes.try_into().map_err(wrong)?)
}
