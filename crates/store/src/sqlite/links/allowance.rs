//! How many clicks a limited link may give, and how many of them it has given.

use super::super::row::id_column;
use super::lookup;
use super::writer_state::LinkWriterState;
use crate::{Spent, StoreError};
use curtail_model::{Codes, LinkId};
use rusqlite::{Connection, OptionalExtension};
use xxhash_rust::xxh3::xxh3_64;

/// The allowance of a link that has a limit.
struct Allowance {
    max: u64,
    used: u64,
}

/// Notes that a link has a limit, of which nothing is used yet unless it had one before. From then on an
/// allowance that is missing is one that was lost.
pub(super) fn begin(connection: &Connection, id: LinkId) -> Result<(), StoreError> {
    put(connection, include_str!("../sql/allowance_begin.sql"), id, 0)
}

/// Takes one of the clicks that a link may give, in the writer's thread.
pub(super) fn spend(state: &mut LinkWriterState, id: LinkId) -> Result<Spent, StoreError> {
    let allowance = match read(&state.connection, &state.codes, id)? {
        Ok(allowance) => allowance,
        Err(free) => return Ok(free),
    };
    let next = allowance.next();
    if let Spent::Granted { .. } = next {
        put(&state.connection, include_str!("../sql/allowance_put.sql"), id, allowance.used + 1)?;
    }
    Ok(next)
}

/// What [`spend`] would answer.
pub(super) fn peek(connection: &Connection, codes: &Codes, id: LinkId) -> Result<Spent, StoreError> {
    Ok(read(connection, codes, id)?.map_or_else(|free| free, |allowance| allowance.next()))
}

impl Allowance {
    /// What the next click gets. A limit that was lowered below what had been given leaves none.
    fn next(&self) -> Spent {
        match self.max.checked_sub(self.used + 1) {
            Some(left) => Spent::Granted { left },
            None => Spent::UsedUp,
        }
    }
}

/// The allowance of a link, or the answer to whoever asks for a click of one that has none. The limit comes
/// with its whole row, whose checksum tells whether it is what was set.
fn read(connection: &Connection, codes: &Codes, id: LinkId) -> Result<Result<Allowance, Spent>, StoreError> {
    let Some(link) = lookup::get(connection, codes, id)? else { return Ok(Err(Spent::Missing)) };
    let Some(max) = link.max_clicks else { return Ok(Err(Spent::Unlimited)) };
    match used(connection, id)? {
        Some(used) => Ok(Ok(Allowance { max, used })),
        None => Err(unknown(id)),
    }
}

/// How many of its clicks a link has given, if it ever had a limit.
pub(in super::super) fn used(connection: &Connection, id: LinkId) -> Result<Option<u64>, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("../sql/allowance_get.sql"))?;
    let row: Option<(i64, i64)> =
        statement.query_row([id_column(id)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match row {
        Some((used, found)) if found == checksum(id, used) => Ok(Some(used.cast_unsigned())),
        Some(_) => Err(unknown(id)),
        None => Ok(None),
    }
}

fn unknown(id: LinkId) -> StoreError {
    StoreError::Damaged(format!(
        "how many of its clicks the link {id} has given is not known any more, and it may not give too many: make \
         another link, or set its max_clicks to null"
    ))
}

fn put(connection: &Connection, sql: &str, id: LinkId, used: u64) -> Result<(), StoreError> {
    let used = used.cast_signed();
    connection.prepare_cached(sql)?.execute((id_column(id), used, checksum(id, used)))?;
    Ok(())
}

/// Of the whole row, id included: what was used may not move from one link to another.
fn checksum(id: LinkId, used: i64) -> i64 {
    let numbers = [id_column(id), used].map(i64::to_le_bytes);
    xxh3_64(numbers.as_flattened()).cast_signed()
}
