//! Rows of links.

use crate::{StoreError, packed};
use curtail_model::{Code, Codes, Link, LinkId, RedirectStatus, Timestamp};
use std::borrow::Cow;
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

/// Reads a link from the columns that all statements select in one order, the first of them `first`.
pub(super) fn link(row: &Row, first: usize, codes: &Codes) -> Result<Link, StoreError> {
    let id = link_id(column(row, first)?)?;
    let code = match column::<Option<String>>(row, first + 1)? {
        Some(code) => code,
        None => codes.encode(id).ok_or_else(|| damaged(&format!("the id {id} is beyond all codes")))?,
    };
    let status: i16 = column(row, first + 7)?;
    let status = u16::try_from(status).ok().and_then(RedirectStatus::from_code);
    let tags: Option<String> = column(row, first + 14)?;
    let time = |place| Ok::<_, StoreError>(column::<Option<i64>>(row, place)?.map(Timestamp::from_millis));
    Ok(Link {
        id,
        code: Code::known(code),
        url: column(row, first + 2)?,
        created_at: Timestamp::from_millis(column(row, first + 3)?),
        updated_at: Timestamp::from_millis(column(row, first + 4)?),
        version: column::<i64>(row, first + 5)?.cast_unsigned(),
        archived: column(row, first + 6)?,
        redirect_status: status
            .ok_or_else(|| damaged(&format!("the link {id} has no status of a redirect")))?,
        forward_query: column(row, first + 8)?,
        starts_at: time(first + 9)?,
        expires_at: time(first + 10)?,
        max_clicks: column::<Option<i64>>(row, first + 11)?.map(i64::cast_unsigned),
        title: column(row, first + 12)?,
        notes: column(row, first + 13)?,
        tags: packed::unpack(tags.as_deref().unwrap_or_default())
            .ok_or_else(|| damaged(&format!("the tags of the link {id}")))?,
        password_hash: column(row, first + 15)?,
        expired_url: column(row, first + 16)?,
    })
}

/// A column that our schema says is there and of this type.
pub(super) fn column<T: FromSqlOwned>(row: &Row, place: usize) -> Result<T, StoreError> {
    row.try_get(place).map_err(|error| damaged(&error.to_string()))
}

/// An id as a column holds it.
pub(super) fn id_column(id: LinkId) -> i64 {
    id.get().cast_signed()
}

/// The bucket of an id as a column holds it.
pub(super) fn bucket_column(id: LinkId) -> i16 {
    id.bucket().number().cast_signed()
}

/// The id in a column.
pub(super) fn link_id(column: i64) -> Result<LinkId, StoreError> {
    LinkId::new(column.cast_unsigned()).ok_or_else(|| damaged("ids are not negative"))
}

/// A text as PostgreSQL can keep it: it has no NUL. None that came in by the API has one either.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}
