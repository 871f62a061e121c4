//! Rows of new links: the primary key decides who gets an id.

use super::super::row::{self, id_column, words_column};
use super::rows::{Rows, repeated};
use super::writer_state::LinkWriterState;
use curtail_model::{LinkId, NewLink, Timestamp};
use rusqlite::Result;
use std::sync::LazyLock;

/// Links that one statement inserts.
pub(super) const LINKS_AT_ONCE: usize = 64;

const INSERT: &str = include_str!("../sql/link_insert.sql");
static INSERT_MANY: LazyLock<String> = LazyLock::new(|| repeated(INSERT, LINKS_AT_ONCE));

/// A link that is being made.
pub(super) struct Row<'a> {
    pub(super) id: LinkId,
    pub(super) version: u64,
    pub(super) generated: bool,
    /// Where it is not the one that the id stands for.
    pub(super) code: Option<&'a str>,
    pub(super) link: &'a NewLink,
    pub(super) now: Timestamp,
}

/// Inserts a link. Answers whether its id was free.
pub(super) fn one(state: &mut LinkWriterState, row: &Row<'_>) -> Result<bool> {
    let part = state.url_part();
    let mut rows = Rows::prepare(&state.connection, INSERT)?;
    bind(&mut rows, row, part)?;
    let inserted = rows.insert()? > 0;
    drop(rows);
    if inserted {
        state.urls.add(part, row.link.destination.fingerprint(), row.id);
    }
    Ok(inserted)
}

/// Inserts [`LINKS_AT_ONCE`] links with generated codes. Answers which of their ids were free.
pub(super) fn many(state: &mut LinkWriterState, links: &[Row<'_>]) -> Result<Vec<bool>> {
    let part = state.url_part();
    let mut rows = Rows::prepare(&state.connection, &INSERT_MANY)?;
    links.iter().try_for_each(|row| bind(&mut rows, row, part))?;
    let inserted = rows.insert()?;
    drop(rows);
    let mut free = vec![true; links.len()];
    if inserted < links.len() {
        let mut ours = state.connection.prepare_cached(include_str!("../sql/link_is_version.sql"))?;
        for (free, row) in free.iter_mut().zip(links) {
            *free = ours.exists((id_column(row.id), row.version.cast_signed()))?;
        }
    }
    for (row, _) in links.iter().zip(&free).filter(|&(_, &free)| free) {
        state.urls.add(part, row.link.destination.fingerprint(), row.id);
    }
    Ok(free)
}

fn bind(rows: &mut Rows<'_>, row: &Row<'_>, url_part: u64) -> Result<()> {
    let link = row.link;
    let (id, created_at, version) = (id_column(row.id), row.now.millis(), row.version.cast_signed());
    let (url, status) = (link.destination.as_given(), link.redirect_status.code());
    let (starts_at, expires_at) =
        (link.starts_at.map(Timestamp::millis), link.expires_at.map(Timestamp::millis));
    let max_clicks = link.max_clicks.map(u64::cast_signed);
    let tags = words_column(&link.tags);
    let numbers = [
        Some(id),
        Some(created_at),
        Some(created_at),
        Some(version),
        Some(0),
        Some(status.into()),
        Some(link.forward_query.into()),
        starts_at,
        expires_at,
        max_clicks,
    ];
    let texts =
        [&link.title, &link.notes, &tags, &link.password_hash, &link.expired_url].map(Option::as_deref);
    let [title, notes, tags, password_hash, expired_url] = texts;
    rows.bind(id)?;
    rows.bind(row.code)?;
    rows.bind(url)?;
    rows.bind(link.destination.fingerprint().cast_signed())?;
    rows.bind(url_part.cast_signed())?;
    rows.bind(created_at)?;
    rows.bind(created_at)?;
    rows.bind(version)?;
    rows.bind(row.generated)?;
    rows.bind(status)?;
    rows.bind(link.forward_query)?;
    rows.bind(starts_at)?;
    rows.bind(expires_at)?;
    rows.bind(max_clicks)?;
    texts.iter().try_for_each(|text| rows.bind(text))?;
    rows.bind(row::checksum(numbers, [Some(url), title, notes, tags, password_hash, expired_url], row.code))
}
