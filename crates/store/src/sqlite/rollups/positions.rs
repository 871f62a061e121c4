//! Up to where the streams of the log have been counted: all of them in one row.
//!
//! In one row, because a stream without a row of its own would look like one that was never counted, and be
//! counted again. When the row cannot be read nothing is counted any more: no click may count twice, and
//! which ones would is not known.
//!
//! # Format
//!
//! ```text
//! positions := n x ( stream:u64le  position:u64le )  checksum      ascending by stream
//! ```

use crate::StoreError;
use crate::checksum::{self, OF_POSITIONS};
use crate::rollups::Positions;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// What is wrong when the row is not as it was written.
pub(in super::super) const UNREADABLE: &str =
    "it does not tell any more up to where clicks have been counted, and none may be counted twice";

/// The positions; nothing when they cannot be read.
pub(in super::super) fn find(connection: &Connection) -> rusqlite::Result<Option<Positions>> {
    let mut statement = connection.prepare_cached(include_str!("../sql/positions_get.sql"))?;
    let row: Option<Vec<u8>> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(row.and_then(|row| decode(checksum::unseal(OF_POSITIONS, &row)?)))
}

/// The positions.
pub(in super::super) fn read(connection: &Connection) -> Result<Positions, StoreError> {
    find(connection)?
        .ok_or_else(|| StoreError::Damaged(format!("clicks.db: {UNREADABLE}. Restore it from a backup")))
}

/// Moves some streams on from what [`read`] gave.
pub(super) fn write(connection: &Connection, stored: Positions, moved: Positions) -> Result<(), StoreError> {
    let positions: BTreeMap<u64, u64> = stored.into_iter().chain(moved).collect();
    let mut row = Vec::with_capacity(16 * positions.len() + 4);
    for number in positions.into_iter().flat_map(<[u64; 2]>::from) {
        row.extend_from_slice(&number.to_le_bytes());
    }
    checksum::seal(OF_POSITIONS, &mut row);
    connection.prepare_cached(include_str!("../sql/positions_put.sql"))?.execute([row])?;
    Ok(())
}

fn decode(row: &[u8]) -> Option<Positions> {
    let (numbers, []) = row.as_chunks::<8>() else { return None };
    let (pairs, []) = numbers.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|pair| pair.map(u64::from_le_bytes).into()).collect())
}
