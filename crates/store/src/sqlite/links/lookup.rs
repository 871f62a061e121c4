//! Looking single links up. A link that is found by its code
//! proves that it has it: its row says so, under its checksum.

use super::super::row::{self, id_column};
use crate::StoreError;
use curtail_model::{Codes, Link, LinkId};
use rusqlite::{Connection, OptionalExtension};
use tracing::error;

/// The link with this id.
pub(in super::super) fn get(
    connection: &Connection,
    codes: &Codes,
    id: LinkId,
) -> Result<Option<Link>, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("../sql/link_get.sql"))?;
    let found = statement.query_row([id_column(id)], |row| row::link(row, codes)).optional();
    found.map_err(|error| match StoreError::from(error) {
        StoreError::Damaged(what) => StoreError::Damaged(format!(
            "the row of the link {id} ({what}). Restore links.db from a backup, or remove the link and make it anew"
        )),
        failure => failure,
    })
}

/// The link with this code. A code with the shape of a generated one names its id, unless somebody chose it
/// again after the link with that id had been removed.
pub(super) fn find(connection: &Connection, codes: &Codes, code: &str) -> Result<Option<Link>, StoreError> {
    if let Some(id) = codes.decode(code.as_bytes())
        && let Some(link) = get(connection, codes, id)?
    {
        return Ok(Some(link));
    }
    let mut statement = connection.prepare_cached(include_str!("../sql/code_find.sql"))?;
    let leads_to = statement
        .query_row([code], |row| {
            let is_there = row.get::<_, Option<i64>>(0)?.is_some();
            Ok((row.get::<_, i64>(18)?, is_there.then(|| row::link(row, codes)).transpose()?))
        })
        .optional()?;
    match leads_to {
        Some((_, Some(link))) if link.code.as_str() == code => Ok(Some(link)),
        Some((id, _)) => Err(StoreError::Damaged(format!("the code {code:?} leads to the link {id}"))),
        None => by_row(connection, codes, code),
    }
}

/// The link whose row says that it has a code of which the table
/// of chosen codes knows nothing: none, unless that is damaged.
fn by_row(connection: &Connection, codes: &Codes, code: &str) -> Result<Option<Link>, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("../sql/link_by_code.sql"))?;
    let link = statement.query_row([code], |row| row::link(row, codes)).optional()?;
    if let Some(link) = &link {
        error!(
            id = link.id.get(),
            code, "the table of chosen codes is damaged: it lacks a link that has one"
        );
    }
    Ok(link)
}

/// What can still be told of a link whose row is damaged.
pub(super) fn remains(connection: &Connection, codes: &Codes, id: LinkId) -> Result<Link, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("../sql/link_get.sql"))?;
    Ok(statement.query_row([id_column(id)], |row| Ok(row::remains(row, id, codes)))?)
}
