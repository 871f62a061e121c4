//! The trait [`Keys`] on SQLite, in `links.db`.

use super::readers::Readers;
use super::row::{self, words_column};
use super::writer::{Writer, WriterState};
use crate::{ApiKey, Keys, NewApiKey, StoreError, StoreFuture};
use curtail_model::{Scopes, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};
use std::sync::Arc;

/// API keys in `links.db`, written beside links by the server, or alone by a second process.
pub(super) struct SqliteKeys<B: WriterState> {
    pub(super) writer: Arc<Writer<B>>,
    pub(super) lookups: Arc<Readers<Connection>>,
}

/// What a process writes with that manages keys only: it keeps nothing in memory, so that it cannot disagree
/// with the server that runs on the same file.
pub(super) struct KeyWriterState(pub(super) Connection);

impl WriterState for KeyWriterState {
    fn connection(&self) -> &Connection {
        &self.0
    }

    fn begin(&mut self) {}

    fn seal(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn committed(&mut self) {}

    fn rolled_back(&mut self) {}
}

impl<B: WriterState> Keys for SqliteKeys<B> {
    fn add(&self, key: NewApiKey) -> StoreFuture<'_, Option<u64>> {
        self.writer.submit(1, move |state| {
            let scopes: Vec<String> = key.scopes.names().map(str::to_owned).collect();
            let row = (
                key.name,
                key.hash,
                words_column(&scopes).unwrap_or_default(),
                key.created_at.millis(),
                key.expires_at.map(Timestamp::millis),
            );
            let mut statement = state.connection().prepare_cached(include_str!("sql/key_add.sql"))?;
            let id: Option<i64> = statement.query_row(row, |row| row.get(0)).optional()?;
            Ok(id.map(i64::cast_unsigned))
        })
    }

    fn find(&self, hash: [u8; 32]) -> StoreFuture<'_, Option<ApiKey>> {
        self.lookups.read(move |connection| {
            let mut statement = connection.prepare_cached(include_str!("sql/key_find.sql"))?;
            Ok(statement.query_row([hash], api_key).optional()?)
        })
    }

    fn list(&self) -> StoreFuture<'_, Vec<ApiKey>> {
        self.lookups.read(|connection| {
            let mut statement = connection.prepare_cached(include_str!("sql/keys_list.sql"))?;
            let rows = statement.query_map([], api_key)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn revoke(&self, id: u64, now: Timestamp) -> StoreFuture<'_, bool> {
        self.writer.submit(1, move |state| {
            let mut statement = state.connection().prepare_cached(include_str!("sql/key_revoke.sql"))?;
            Ok(statement.execute((id.cast_signed(), now.millis()))? > 0)
        })
    }
}

/// Reads a key from the columns that `key_find.sql` and its siblings select.
pub(super) fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        name: row.get(1)?,
        scopes: Scopes::from_names(row::words(row, 2)?.iter().map(String::as_str)),
        created_at: Timestamp::from_millis(row.get(3)?),
        expires_at: row::time(row, 4)?,
        revoked_at: row::time(row, 5)?,
    })
}
