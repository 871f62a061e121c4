//! Reads a whole store for its move to another engine, beside a server that has it open.

use super::OpenError;
use super::file::{CLICKS, LINKS, explain};
use super::identity;
use super::links::allowance;
use super::links::writer_state::Counters;
use super::rollups::positions;
use super::row;
use crate::rollups::Positions;
use crate::transfer::{
    Clicks, ClicksKey, ClicksRow, Given, KeyRecord, LinkRecord, LinksPiece, RememberedKey, Retired,
};
use crate::{ApiKey, Idempotency, StoreError};
use curtail_model::{Alphabet, CodeScheme, Codes, LinkId, Timestamp};
use rusqlite::Connection;
use std::path::Path;

const CACHE_BYTES: usize = 16 << 20;

/// A store as it is at one moment, or at two: links as they are when it is opened, counted clicks as they are
/// when they are first asked for. What is written after that is not seen. It holds up nobody, but from its
/// moment on until it is dropped the write-ahead log of a file grows.
pub struct Exporter {
    links: Connection,
    clicks: Connection,
    codes: Codes,
    secret: [u8; 16],
}

impl Exporter {
    /// Opens the store in a folder, which must be there and have been made with these settings of codes.
    pub fn open(directory: &Path, scheme: CodeScheme, alphabet: Alphabet) -> Result<Exporter, OpenError> {
        let links = LINKS.open_to_read(directory, CACHE_BYTES)?;
        let clicks = CLICKS.open_to_read(directory, CACHE_BYTES)?;
        for (file, connection) in [(&LINKS, &links), (&CLICKS, &clicks)] {
            file.check_version(directory, connection)?;
            connection.execute_batch("BEGIN").map_err(|error| explain(&file.path(directory), &error))?;
        }
        let identity = identity::find(&links, directory, scheme, alphabet)?;
        Ok(Exporter { links, clicks, codes: identity.codes, secret: identity.key })
    }

    /// What only the store knows, and its codes are made of.
    pub fn secret(&self) -> [u8; 16] {
        self.secret
    }

    /// The numbers that it has given.
    pub fn given(&self) -> Result<Given, StoreError> {
        let counters = Counters::read(&self.links)?;
        let Counters { version, next_generated, next_custom, .. } = counters;
        Ok(Given { version, next_generated, next_custom })
    }

    /// How many links there are.
    pub fn count_links(&self) -> Result<u64, StoreError> {
        count(&self.links, include_str!("sql/export_links_count.sql"))
    }

    /// How many removed links left their ids.
    pub fn count_retired(&self) -> Result<u64, StoreError> {
        count(&self.links, include_str!("sql/export_retired_count.sql"))
    }

    /// How many rows of counted clicks there are.
    pub fn count_clicks(&self) -> Result<u64, StoreError> {
        count(&self.clicks, include_str!("sql/export_clicks_count.sql"))
    }

    /// Up to `limit` links after an id, by id.
    pub fn links(&self, after: Option<LinkId>, limit: usize) -> Result<LinksPiece, StoreError> {
        let mut statement = self.links.prepare_cached(include_str!("sql/export_links.sql"))?;
        let after = after.map_or(-1, row::id_column);
        let mut rows = statement.query((after, limit as i64))?;
        let mut piece = LinksPiece::default();
        while let Some(found) = rows.next()? {
            let id = row::link_id(found, 0)?;
            piece.last = Some(id);
            match self.record(found, id) {
                Ok(record) => piece.records.push(record),
                Err(StoreError::Damaged(_)) => piece.damaged.push(id),
                Err(failure) => return Err(failure),
            }
        }
        Ok(piece)
    }

    fn record(&self, found: &rusqlite::Row<'_>, id: LinkId) -> Result<LinkRecord, StoreError> {
        let (link, generated) = (row::link(found, &self.codes)?, found.get(18)?);
        Ok(LinkRecord { link, generated, used: allowance::used(&self.links, id)? })
    }

    /// What is left of up to `limit` removed links after an id, by id.
    pub fn retired(&self, after: Option<LinkId>, limit: usize) -> Result<Vec<Retired>, StoreError> {
        let mut statement = self.links.prepare_cached(include_str!("sql/export_retired.sql"))?;
        let after = after.map_or(-1, row::id_column);
        let rows = statement.query_map((after, limit as i64), |found| {
            Ok(Retired { id: row::link_id(found, 0)?, generated: found.get(1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All API keys.
    pub fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut statement = self.links.prepare_cached(include_str!("sql/export_keys.sql"))?;
        let rows = statement.query_map([], |found| {
            let key: ApiKey = super::keys::api_key(found)?;
            Ok(KeyRecord { key, hash: found.get(6)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` idempotency keys after one, by key.
    pub fn remembered(
        &self,
        after: Option<[u8; 32]>,
        limit: usize,
    ) -> Result<Vec<RememberedKey>, StoreError> {
        let mut statement = self.links.prepare_cached(include_str!("sql/export_idempotency.sql"))?;
        let after: Vec<u8> = after.map_or_else(Vec::new, Vec::from);
        let rows = statement.query_map((after, limit as i64), |found| {
            Ok(RememberedKey {
                idempotency: Idempotency { key: found.get(0)?, request: found.get(1)? },
                link: row::link_id(found, 2)?,
                expires_at: Timestamp::from_millis(found.get(3)?),
                reused: found.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` rows of counted clicks after one, in the order of their keys.
    pub fn clicks(
        &self,
        which: Clicks,
        after: Option<ClicksKey>,
        limit: usize,
    ) -> Result<Vec<ClicksRow>, StoreError> {
        let sql = match which {
            Clicks::Shelves => include_str!("sql/export_shelves.sql"),
            Clicks::Alone => include_str!("sql/export_rollups.sql"),
        };
        let mut statement = self.clicks.prepare_cached(sql)?;
        let (grain, start, number) = after.unwrap_or((-1, i64::MIN, i64::MIN));
        let rows = statement.query_map((grain, start, number, limit as i64), |found| {
            let key = (found.get(0)?, found.get(1)?, found.get(2)?);
            Ok(ClicksRow { key, bytes: found.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to where the streams of the log have been counted into [`Exporter::clicks`].
    pub fn positions(&self) -> Result<Positions, StoreError> {
        positions::read(&self.clicks)
    }
}

fn count(connection: &Connection, sql: &str) -> Result<u64, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_row([], |found| found.get::<_, i64>(0))?.cast_unsigned())
}
