//! Changing and removing links, in the writer's thread.

use super::super::row::{self, id_column, words_column};
use super::allowance;
use super::book::LinkBook;
use crate::shape;
use crate::{StoreError, UpdateRefused};
use curtail_model::{Change, Field, Link, LinkId, Timestamp};

/// Changes a link, if it has the expected version.
pub(super) fn update(
    book: &mut LinkBook,
    id: LinkId,
    change: Change,
    only_if: Option<u64>,
    now: Timestamp,
) -> Result<Result<Link, UpdateRefused>, StoreError> {
    let old = match expect(book, id, only_if)? {
        Ok(link) => link,
        Err(refused) => return Ok(Err(refused)),
    };
    let fingerprint = match &change.destination {
        Field::Keep => None,
        Field::Set(destination) => Some(destination.fingerprint()),
    };
    let mut link = shape::changed(old.clone(), change);
    if link == old {
        return Ok(Ok(old));
    }
    link.updated_at = now;
    link.version = book.next_version();
    if let Some(fingerprint) = fingerprint {
        move_url(book, id, fingerprint)?;
    }
    let tags = words_column(&link.tags);
    let checksum = checksum(&link, tags.as_deref());
    book.connection.prepare_cached(include_str!("../sql/link_update.sql"))?.execute(rusqlite::params![
        id_column(id),
        link.url,
        fingerprint.map(u64::cast_signed),
        book.url_part().cast_signed(),
        now.millis(),
        link.version.cast_signed(),
        link.archived,
        link.redirect_status.code(),
        link.forward_query,
        link.starts_at.map(Timestamp::millis),
        link.expires_at.map(Timestamp::millis),
        link.max_clicks.map(u64::cast_signed),
        link.title,
        link.notes,
        tags,
        link.password_hash,
        link.expired_url,
        checksum,
    ])?;
    if old.tags != link.tags || old.archived != link.archived {
        book.untag(&old)?;
        book.tag(&link)?;
    }
    if link.max_clicks.is_some() && old.max_clicks.is_none() {
        allowance::begin(&book.connection, id)?;
    }
    book.changed(id);
    Ok(Ok(link))
}

/// Moves a link in the index by url to where its new fingerprint is, if it has another one.
fn move_url(book: &mut LinkBook, id: LinkId, fingerprint: u64) -> Result<(), StoreError> {
    book.write_urls()?;
    let moved = book
        .connection
        .prepare_cached(include_str!("../sql/link_url_delete.sql"))?
        .execute((id_column(id), fingerprint.cast_signed()))?;
    if moved > 0 {
        let part = book.url_part();
        book.urls.add(part, fingerprint, id);
    }
    Ok(())
}

/// Removes a link, if it has the expected version.
pub(super) fn delete(
    book: &mut LinkBook,
    id: LinkId,
    only_if: Option<u64>,
) -> Result<Result<Link, UpdateRefused>, StoreError> {
    let mut link = match expect(book, id, only_if)? {
        Ok(link) => link,
        Err(refused) => return Ok(Err(refused)),
    };
    book.write_urls()?;
    let connection = &book.connection;
    // Asked before the row goes: whether a person chose the code decides whether it may be chosen again.
    connection.prepare_cached(include_str!("../sql/link_retire.sql"))?.execute([id_column(id)])?;
    connection
        .prepare_cached(include_str!("../sql/link_url_delete.sql"))?
        .execute((id_column(id), None::<i64>))?;
    connection.prepare_cached(include_str!("../sql/link_delete.sql"))?.execute([id_column(id)])?;
    connection.prepare_cached(include_str!("../sql/allowance_delete.sql"))?.execute([id_column(id)])?;
    if book.codes.decode(link.code.as_str().as_bytes()).is_none() {
        connection.prepare_cached(include_str!("../sql/code_delete.sql"))?.execute([link.code.as_str()])?;
    }
    book.untag(&link)?;
    book.removed(&link);
    link.version = book.counters.version;
    Ok(Ok(link))
}

fn checksum(link: &Link, tags: Option<&str>) -> i64 {
    let numbers = [
        Some(id_column(link.id)),
        Some(link.created_at.millis()),
        Some(link.updated_at.millis()),
        Some(link.version.cast_signed()),
        Some(link.archived.into()),
        Some(link.redirect_status.code().into()),
        Some(link.forward_query.into()),
        link.starts_at.map(Timestamp::millis),
        link.expires_at.map(Timestamp::millis),
        link.max_clicks.map(u64::cast_signed),
    ];
    let texts = [&link.title, &link.notes, &link.password_hash, &link.expired_url].map(Option::as_deref);
    let [title, notes, password_hash, expired_url] = texts;
    row::checksum(numbers, [Some(&link.url), title, notes, tags, password_hash, expired_url])
}

fn expect(
    book: &LinkBook,
    id: LinkId,
    only_if: Option<u64>,
) -> Result<Result<Link, UpdateRefused>, StoreError> {
    Ok(match book.get(id)? {
        None => Err(UpdateRefused::Missing),
        Some(link) if only_if.is_some_and(|version| version != link.version) => {
            Err(UpdateRefused::Changed(Box::new(link)))
        }
        Some(link) => Ok(link),
    })
}
