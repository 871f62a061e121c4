//! The trait [`Keys`] on PostgreSQL.

use super::bulkhead::Bulkhead;
use super::connections::{Pool, Session, Sql, sql};
use super::failure::Failure;
use super::row::{column, text};
use crate::{ApiKey, Keys, NewApiKey, StoreError, StoreFuture, packed};
use curtail_model::{Scopes, Timestamp};
use tokio_postgres::Row;

static ADD: Sql = sql!("key_add", TEXT, BYTEA, TEXT, INT8, INT8);
static FIND: Sql = sql!("key_find", BYTEA);
static LIST: Sql = sql!("keys_list");
static REVOKE: Sql = sql!("key_revoke", INT8, INT8);

/// API keys, read and written where they are newest: a revoked key must not live on in a replica.
pub(super) struct PostgresKeys {
    pub(super) pool: Pool,
    pub(super) bulkhead: Bulkhead,
}

impl Keys for PostgresKeys {
    fn add(&self, key: NewApiKey) -> StoreFuture<'_, Option<u64>> {
        let pool = self.pool.clone();
        self.bulkhead.run(async move {
            let scopes: Vec<String> = key.scopes.names().map(str::to_owned).collect();
            let scopes = packed::pack(&scopes).unwrap_or_default();
            let expires_at = key.expires_at.map(Timestamp::millis);
            let (name, hash) = (text(&key.name), key.hash.as_slice());
            let rows =
                pool.query(&ADD, &[&name, &hash, &scopes, &key.created_at.millis(), &expires_at]).await?;
            rows.first().map(|row| Ok(column::<i64>(row, 0)?.cast_unsigned())).transpose()
        })
    }

    fn find(&self, hash: [u8; 32]) -> StoreFuture<'_, Option<ApiKey>> {
        let pool = self.pool.clone();
        self.bulkhead.run(async move {
            let rows = pool.query(&FIND, &[&hash.as_slice()]).await?;
            rows.first().map(api_key).transpose()
        })
    }

    fn list(&self) -> StoreFuture<'_, Vec<ApiKey>> {
        let pool = self.pool.clone();
        self.bulkhead.run(async move { pool.query(&LIST, &[]).await?.iter().map(api_key).collect() })
    }

    fn revoke(&self, id: u64, now: Timestamp) -> StoreFuture<'_, bool> {
        let pool = self.pool.clone();
        self.bulkhead.run(async move {
            let rows = pool.query(&REVOKE, &[&id.cast_signed(), &now.millis()]).await?;
            Ok(!rows.is_empty())
        })
    }
}

/// All keys, by way of one session.
pub(super) async fn list(session: &Session) -> Result<Vec<ApiKey>, Failure> {
    Ok(session.query(&LIST, &[]).await?.iter().map(api_key).collect::<Result<_, _>>()?)
}

/// Reads a key from the columns that all statements select in one order.
pub(super) fn api_key(row: &Row) -> Result<ApiKey, StoreError> {
    let scopes: String = column(row, 2)?;
    let time = |place| Ok::<_, StoreError>(column::<Option<i64>>(row, place)?.map(Timestamp::from_millis));
    let scopes = packed::unpack(&scopes).ok_or_else(|| StoreError::Damaged("the scopes of a key".into()))?;
    Ok(ApiKey {
        id: column::<i64>(row, 0)?.cast_unsigned(),
        name: column(row, 1)?,
        scopes: Scopes::from_names(scopes.iter().map(String::as_str)),
        created_at: Timestamp::from_millis(column(row, 3)?),
        expires_at: time(4)?,
        revoked_at: time(5)?,
    })
}
