//! Pages of links, in the order of their creation.

use super::super::row;
use super::lookup;
use crate::{ListQuery, Page, Sort, StoreError};
use curtail_model::{Codes, Link, LinkId, Timestamp};
use rusqlite::Connection;
use tracing::error;

/// A page of links by tag or state, without words.
pub(super) fn list(connection: &Connection, codes: &Codes, query: &ListQuery) -> Result<Page, StoreError> {
    // Indexes are by state first. Both states are two short runs that merge into one.
    let states: &[bool] = match query.archived {
        None => &[false, true],
        Some(true) => &[true],
        Some(false) => &[false],
    };
    let mut found = Vec::new();
    for &archived in states {
        match &query.tag {
            None => found.extend(by_time(connection, codes, query, archived)?),
            Some(tag) => found.extend(by_tag(connection, codes, query, archived, tag)?),
        }
    }
    // What is damaged has its place in the order, and none on the page.
    let more = found.len() > query.limit;
    let mut links: Vec<Link> = found.into_iter().flatten().collect();
    query.put_in_order(&mut links);
    links.truncate(query.limit);
    Ok(Page { links, more })
}

fn by_time(
    connection: &Connection,
    codes: &Codes,
    query: &ListQuery,
    archived: bool,
) -> Result<Vec<Option<Link>>, StoreError> {
    let sql = match query.sort {
        Sort::Newest => include_str!("../sql/list_newest.sql"),
        Sort::Oldest => include_str!("../sql/list_oldest.sql"),
    };
    let (time, id) = after(query);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((archived, time, id, limit(query)))?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        let link = row::link(row, codes).map_err(StoreError::from);
        links.push(readable(row.get(0)?, link.map(Some))?);
    }
    Ok(links)
}

/// A link, unless its row is damaged: that is said, and the others are listed without it.
pub(in crate::sqlite) fn readable(
    id: i64,
    link: Result<Option<Link>, StoreError>,
) -> Result<Option<Link>, StoreError> {
    let Err(StoreError::Damaged(what)) = link else { return link };
    error!(id, what, "a link is damaged and is left out of lists");
    Ok(None)
}

fn by_tag(
    connection: &Connection,
    codes: &Codes,
    query: &ListQuery,
    archived: bool,
    tag: &str,
) -> Result<Vec<Option<Link>>, StoreError> {
    let sql = match query.sort {
        Sort::Newest => include_str!("../sql/list_tag_newest.sql"),
        Sort::Oldest => include_str!("../sql/list_tag_oldest.sql"),
    };
    let (time, id) = after(query);
    let mut statement = connection.prepare_cached(sql)?;
    let ids: Vec<LinkId> = statement
        .query_map((archived, time, id, limit(query), tag), |row| row::link_id(row, 0))?
        .collect::<Result<_, _>>()?;
    let mut links = Vec::with_capacity(ids.len());
    for id in ids {
        match lookup::get(connection, codes, id) {
            // It was removed since its id was read.
            Ok(None) => {}
            link => links.push(readable(row::id_column(id), link)?),
        }
    }
    Ok(links)
}

/// What the page begins after, as columns; without a cursor that is before everything.
fn after(query: &ListQuery) -> (i64, i64) {
    match (query.after, query.sort) {
        (Some((time, id)), _) => (Timestamp::millis(time), row::id_column(id)),
        (None, Sort::Newest) => (i64::MAX, i64::MAX),
        (None, Sort::Oldest) => (i64::MIN, -1),
    }
}

/// One more than asked for tells whether there is more.
fn limit(query: &ListQuery) -> i64 {
    i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1)
}
