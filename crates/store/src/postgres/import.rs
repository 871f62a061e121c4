//! Takes a store that moves here from another engine, in pieces. Each piece is a transaction and may come again: whoever
//! moves a store goes on after the last piece that it has noted, or begins anew.

mod links;

use super::address::Address;
use super::connections::{Plans, Pool, Session, Sql, sql};
use super::engine::Engine;
use super::failure::Failure;
use super::identity::Identity;
use super::row::{column, id_column, link_id, text};
use super::{OpenError, Settings, opening};
use crate::rollups::Positions;
use crate::transfer::{Checksums, Clicks, ClicksRow, Given, KeyRecord, LinkRecord, RememberedKey};
use crate::{StoreError, packed};
use curtail_model::{Bucket, Codes, LinkId, Timestamp};
use std::future::Future;
use std::sync::Arc;

static COUNT_TAGS: Sql = sql!("import_tags_count");
static RETIRED: Sql = sql!("import_retired", INT8_ARRAY);
static KEYS: Sql =
    sql!("import_keys", INT8_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY);
static REMEMBER: Sql = sql!("idempotency_put", BYTEA_ARRAY, BYTEA_ARRAY, INT8_ARRAY, INT8_ARRAY);
static LANE: Sql = sql!("lane_add", INT4);
static SHELVES: Sql = sql!("shelves_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);
static ROLLUPS: Sql = sql!("rollups_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);
static POSITIONS: Sql = sql!("positions_put", INT8_ARRAY, INT8_ARRAY);
static GIVEN: Sql = sql!("import_given", INT8, INT8, INT8);
static NOTE: Sql = sql!("import_note", TEXT, BYTEA);
static NOTED: Sql = sql!("meta_get", TEXT);
static BUCKET: Sql = sql!("export_bucket", INT2);
static REMOVE: Sql = sql!("import_remove", INT2, INT8_ARRAY);

/// How much longer than others its statements may take.
const PATIENCE: u32 = 12;
/// The lane of what another engine counted.
const LANE_OF_BEFORE: i32 = 0;

/// A store that is moving here. Nobody else may write to the database meanwhile.
pub struct Importer {
    pool: Pool,
    codes: Codes,
    engine: Arc<Engine>,
}

impl Importer {
    /// Opens or makes the store with this secret, and no other.
    pub async fn open(settings: Settings, secret: [u8; 16]) -> Result<Importer, OpenError> {
        let io = |error: std::io::Error| OpenError::Io { error: error.to_string() };
        let settings = Settings { statement_timeout: settings.statement_timeout * PATIENCE, ..settings };
        let address = Address::primary(&settings)?;
        let engine = Arc::new(Engine::start("postgres-import", 0).map_err(io)?);
        let pool = Pool::new(&address, 2, Plans::Free, settings.prepared, settings.statement_timeout)?;
        let prepared = engine.spawn(opening::prepare(pool.clone(), address, settings, Some(secret)));
        let Identity { codes, .. } =
            prepared.await.map_err(|died| OpenError::Io { error: died.to_string() })??;
        Ok(Importer { pool, codes, engine })
    }

    /// Takes links.
    pub async fn links(&self, records: Vec<LinkRecord>) -> Result<(), StoreError> {
        let codes = self.codes.clone();
        self.run(move |session: Arc<Session>| async move { links::put(&session, &records, &codes).await })
            .await
    }

    /// Takes ids of removed links.
    pub async fn retired(&self, ids: Vec<LinkId>) -> Result<(), StoreError> {
        let ids: Vec<i64> = ids.into_iter().map(id_column).collect();
        self.run(move |session: Arc<Session>| async move { session.query(&RETIRED, &[&ids]).await.map(drop) })
            .await
    }

    /// Takes API keys.
    pub async fn keys(&self, records: Vec<KeyRecord>) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move { put_keys(&session, &records).await }).await
    }

    /// Takes idempotency keys.
    pub async fn remembered(&self, records: Vec<RememberedKey>) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move {
            let keys: Vec<&[u8]> = records.iter().map(|record| record.idempotency.key.as_slice()).collect();
            let requests: Vec<&[u8]> =
                records.iter().map(|record| record.idempotency.request.as_slice()).collect();
            let links: Vec<i64> = records.iter().map(|record| id_column(record.link)).collect();
            let until: Vec<i64> = records.iter().map(|record| record.expires_at.millis()).collect();
            session.query(&REMEMBER, &[&keys, &requests, &links, &until]).await.map(drop)
        })
        .await
    }

    /// Takes rows of counted clicks.
    pub async fn clicks(&self, which: Clicks, rows: Vec<ClicksRow>) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move {
            let sql = match which {
                Clicks::Shelves => &SHELVES,
                Clicks::Alone => &ROLLUPS,
            };
            let grains: Vec<i64> = rows.iter().map(|row| row.key.0).collect();
            let starts: Vec<i64> = rows.iter().map(|row| row.key.1).collect();
            let numbers: Vec<i64> = rows.iter().map(|row| row.key.2).collect();
            let bytes: Vec<&[u8]> = rows.iter().map(|row| row.bytes.as_slice()).collect();
            session.query(&LANE, &[&LANE_OF_BEFORE]).await?;
            session.query(sql, &[&LANE_OF_BEFORE, &grains, &starts, &numbers, &bytes]).await.map(drop)
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

    /// Ends the move: what was given there is never given here, and tags are counted.
    pub async fn finish(&self, given: Given) -> Result<(), StoreError> {
        self.run(move |session: Arc<Session>| async move {
            let Given { version, next_generated, next_custom } = given;
            let given = [next_generated, next_custom, version].map(u64::cast_signed);
            session.query(&GIVEN, &[&given[0], &given[1], &given[2]]).await?;
            session.command("DELETE FROM tag_counts").await?;
            session.query(&COUNT_TAGS, &[]).await?;
            Ok(())
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

    /// What all links that are here come to.
    pub async fn checksums(&self) -> Result<Checksums, StoreError> {
        let codes = self.codes.clone();
        self.run(move |session: Arc<Session>| async move { links::checksums(&session, &codes).await }).await
    }

    /// Removes what is in a bucket and not among these: the links, and removed ones, that the other store has there.
    pub async fn keep_only(&self, bucket: Bucket, ids: Vec<LinkId>) -> Result<u64, StoreError> {
        let codes = self.codes.clone();
        self.run(move |session: Arc<Session>| async move {
            let number = bucket.number().cast_signed();
            let mut strangers = Vec::new();
            for row in session.query(&BUCKET, &[&number]).await? {
                let id = link_id(column(&row, 0)?)?;
                if ids.binary_search(&id).is_err() {
                    strangers.push(id);
                }
            }
            links::clear_tags(&session, &strangers, &codes).await?;
            let columns: Vec<i64> = strangers.iter().copied().map(id_column).collect();
            session.query(&REMOVE, &[&number, &columns]).await?;
            Ok(strangers.len() as u64)
        })
        .await
    }

    /// Closes all sessions.
    pub fn close(self) {
        self.pool.close();
        self.engine.close();
    }

    /// Runs work in a transaction, on the engine's thread.
    async fn run<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Session>) -> F + Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let pool = self.pool.clone();
        let done = self.engine.spawn(async move {
            let session = Arc::new(pool.lease().await?);
            let lent = Arc::clone(&session);
            let outcome = async {
                session.command("BEGIN").await?;
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
