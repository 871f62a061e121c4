//! Takes streams over, and tells how those that a batch claims are; inside the writer's transaction.

use super::positions;
use crate::StoreError;
use crate::rollups::{Claimed, Positions};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// Raises the epoch of each stream.
pub(super) fn claim(connection: &Connection, streams: &[u64]) -> Result<Vec<Claimed>, StoreError> {
    let mut raise = connection.prepare_cached(include_str!("../sql/stream_claim.sql"))?;
    let positions: BTreeMap<u64, u64> = positions::read(connection)?.into_iter().collect();
    let mut claimed = Vec::with_capacity(streams.len());
    for &stream in streams {
        let epoch: i64 = raise.query_row([stream.cast_signed()], |row| row.get(0))?;
        let position = positions.get(&stream).copied();
        claimed.push(Claimed { stream, position, epoch: epoch.cast_unsigned() });
    }
    Ok(claimed)
}

/// How these streams are, of those that have been claimed.
pub(super) fn find(
    connection: &Connection,
    claims: &[Claimed],
    positions: &Positions,
) -> Result<Vec<Claimed>, StoreError> {
    let mut get = connection.prepare_cached(include_str!("../sql/stream_epoch.sql"))?;
    let mut found = Vec::with_capacity(claims.len());
    for &Claimed { stream, .. } in claims {
        let epoch: Option<i64> = get.query_row([stream.cast_signed()], |row| row.get(0)).optional()?;
        let position = positions.iter().find(|(other, _)| *other == stream).map(|(_, position)| *position);
        found.extend(epoch.map(|epoch| Claimed { stream, position, epoch: epoch.cast_unsigned() }));
    }
    Ok(found)
}
