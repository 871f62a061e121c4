//! Changing and removing links, in the writer's thread.

use super::super::row::{self, id_column, words_column};
use super::allowance;
use super::lookup;
use super::writer_state::LinkWriterState;
use crate::shape;
use crate::{StoreError, UpdateRefused};
use curtail_model::{Change, Field, Link, LinkId, Timestamp};
use tracing::warn;

/// Changes a link, if it has the expected version.
pub(super) fn update(
    state: &mut LinkWriterState,
    id: LinkId,
    change: Change,
    only_if: Option<u64>,
    now: Timestamp,
) -> Result<Result<Link, UpdateRefused>, StoreError> {
    let old = match expect(state, id, only_if)? {
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
    link.version = state.next_version();
    if let Some(fingerprint) = fingerprint {
        move_url(state, id, fingerprint)?;
    }
    let tags = words_column(&link.tags);
    let names_its_id = state.codes.decode(link.code.as_str().as_bytes()) == Some(id);
    let checksum = checksum(&link, tags.as_deref(), (!names_its_id).then_some(link.code.as_str()));
    state.connection.prepare_cached(include_str!("../sql/link_update.sql"))?.execute(rusqlite::params![
        id_column(id),
        link.url,
        fingerprint.map(u64::cast_signed),
        state.url_part().cast_signed(),
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
        state.untag(&old)?;
        state.tag(&link)?;
    }
    if link.max_clicks.is_some() && old.max_clicks.is_none() {
        allowance::begin(&state.connection, id)?;
    }
    state.changed(id);
    Ok(Ok(link))
}

/// Moves a link in the index by url to where its new fingerprint is, if it has another one.
fn move_url(state: &mut LinkWriterState, id: LinkId, fingerprint: u64) -> Result<(), StoreError> {
    state.write_urls()?;
    let moved = state
        .connection
        .prepare_cached(include_str!("../sql/link_url_delete.sql"))?
        .execute((id_column(id), fingerprint.cast_signed()))?;
    if moved > 0 {
        let part = state.url_part();
        state.urls.add(part, fingerprint, id);
    }
    Ok(())
}

/// Removes a link, if it has the expected version. One whose
/// row is damaged goes too, if whoever removes it expects none.
pub(super) fn delete(
    state: &mut LinkWriterState,
    id: LinkId,
    only_if: Option<u64>,
) -> Result<Result<Link, UpdateRefused>, StoreError> {
    let mut link = match expect(state, id, only_if) {
        Ok(Ok(link)) => link,
        Ok(Err(refused)) => return Ok(Err(refused)),
        Err(StoreError::Damaged(what)) if only_if.is_none() => {
            warn!(id = id.get(), what, "a link is removed whose row is damaged");
            state.untag_all(id)?;
            lookup::remains(&state.connection, &state.codes, id)?
        }
        Err(failure) => return Err(failure),
    };
    state.write_urls()?;
    let connection = &state.connection;
    // Before the row goes: it tells whether a person chose the code, and so whether it may be chosen again.
    connection.prepare_cached(include_str!("../sql/link_retire.sql"))?.execute([id_column(id)])?;
    connection
        .prepare_cached(include_str!("../sql/link_url_delete.sql"))?
        .execute((id_column(id), None::<i64>))?;
    connection.prepare_cached(include_str!("../sql/link_delete.sql"))?.execute([id_column(id)])?;
    connection.prepare_cached(include_str!("../sql/allowance_delete.sql"))?.execute([id_column(id)])?;
    if state.codes.decode(link.code.as_str().as_bytes()) != Some(id) {
        let code = (link.code.as_str(), id_column(id));
        let is_free = connection.prepare_cached(include_str!("../sql/code_delete.sql"))?.execute(code)? > 0;
        if !is_free {
            // One of the two that tell of each other is damaged: the other is looked for in all of them.
            connection.execute(include_str!("../sql/codes_of_link_delete.sql"), [id_column(id)])?;
        }
    }
    state.retired_ahead = None;
    state.untag(&link)?;
    state.removed(&link);
    link.version = state.counters.version;
    Ok(Ok(link))
}

fn checksum(link: &Link, tags: Option<&str>, code: Option<&str>) -> i64 {
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
    row::checksum(numbers, [Some(&link.url), title, notes, tags, password_hash, expired_url], code)
}

fn expect(
    state: &LinkWriterState,
    id: LinkId,
    only_if: Option<u64>,
) -> Result<Result<Link, UpdateRefused>, StoreError> {
    Ok(match state.get(id)? {
        None => Err(UpdateRefused::Missing),
        Some(link) if only_if.is_some_and(|version| version != link.version) => {
            Err(UpdateRefused::Changed(Box::new(link)))
        }
        Some(link) => Ok(link),
    })
}
