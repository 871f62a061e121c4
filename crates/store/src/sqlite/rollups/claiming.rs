//! Takes streams over, and tells whether a batch still may
//! move those that it claims; inside the writer's transaction.

use super::positions;
use crate::StoreError;
use crate::rollups::Claimed;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// Raises the epoch of each stream.
pub(super) fn claim(connection: &Connection, streams: &[u64]) -> Result<Vec<Claimed>, StoreError> {
    let mut raise = connection.prepare_cached(include_str!("../sql/epoch_raise.sql"))?;
    let positions: BTreeMap<u64, u64> = positions::read(connection)?.into_iter().collect();
    let mut claimed = Vec::with_capacity(streams.len());
    for &stream in streams {
        let epoch: i64 = raise.query_row([stream.cast_signed()], |row| row.get(0))?;
        let position = positions.get(&stream).copied();
        claimed.push(Claimed { stream, position, epoch: epoch.cast_unsigned() });
    }
    Ok(claimed)
}

/// Whether all streams have the epochs that are claimed.
pub(super) fn holds(connection: &Connection, claims: &[(u64, u64)]) -> Result<bool, StoreError> {
    let mut get = connection.prepare_cached(include_str!("../sql/epoch_get.sql"))?;
    for &(stream, epoch) in claims {
        let stored: Option<i64> = get.query_row([stream.cast_signed()], |row| row.get(0)).optional()?;
        if stored != Some(epoch.cast_signed()) {
            return Ok(false);
        }
    }
    Ok(true)
}
