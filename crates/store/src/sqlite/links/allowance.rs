//! How many clicks a limited link may give, and how many of them it has given.

use super::super::row::id_column;
use super::book::{self, LinkBook};
use crate::{Spent, StoreError};
use curtail_model::{Codes, LinkId};
use rusqlite::{Connection, OptionalExtension};

/// The allowance of a link that has a limit.
struct Allowance {
    max: u64,
    used: u64,
}

/// Takes one of the clicks that a link may give, in the writer's thread.
pub(super) fn spend(book: &mut LinkBook, id: LinkId) -> Result<Spent, StoreError> {
    let allowance = match read(&book.connection, &book.codes, id)? {
        Ok(allowance) => allowance,
        Err(free) => return Ok(free),
    };
    let next = allowance.next();
    if let Spent::Granted { .. } = next {
        put(&book.connection, id, allowance.used + 1)?;
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

/// The allowance of a link, or the answer to whoever asks for a click of one that has none. The limit comes with its
/// whole row, whose checksum tells whether it is what was set.
fn read(connection: &Connection, codes: &Codes, id: LinkId) -> Result<Result<Allowance, Spent>, StoreError> {
    let Some(link) = book::get(connection, codes, id)? else { return Ok(Err(Spent::Missing)) };
    let Some(max) = link.max_clicks else { return Ok(Err(Spent::Unlimited)) };
    let mut statement = connection.prepare_cached(include_str!("../sql/allowance_get.sql"))?;
    let used: Option<i64> = statement.query_row([id_column(id)], |row| row.get(0)).optional()?;
    Ok(Ok(Allowance { max, used: used.unwrap_or_default().cast_unsigned() }))
}

fn put(connection: &Connection, id: LinkId, used: u64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(include_str!("../sql/allowance_put.sql"))?;
    statement.execute((id_column(id), used.cast_signed()))?;
    Ok(())
}
