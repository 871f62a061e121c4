//! Where a page ended, as an opaque text, in base64url. For links it is the last one's time of creation and
//! id and a fingerprint of the query, 8 bytes each, little-endian; for tags the last tag itself. Pages find
//! their place by an index, so the last one costs what the first one does.

use crate::validate::link::wrong_with_tag;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use curtail_model::{Link, LinkId, Timestamp};
use curtail_store::{ListQuery, Sort};
use xxhash_rust::xxh3::Xxh3;

/// Why a text is not the cursor of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    #[error("is not a cursor: give a next_cursor as it was answered")]
    Malformed,
    #[error("belongs to a query with other filters or another order: begin that query without a cursor")]
    OtherQuery,
}

/// The cursor after `last` in the pages of a query.
pub(crate) fn write(last: &Link, query: &ListQuery) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&last.created_at.millis().to_le_bytes());
    bytes[8..16].copy_from_slice(&last.id.get().to_le_bytes());
    bytes[16..].copy_from_slice(&fingerprint(query).to_le_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of this query means.
pub(crate) fn read(text: &str, query: &ListQuery) -> Result<(Timestamp, LinkId), CursorError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
    let words: [[u8; 8]; 3] = match bytes.as_chunks() {
        (&[created_at, id, fingerprint], []) => [created_at, id, fingerprint],
        _ => return Err(CursorError::Malformed),
    };
    let [created_at, id, given] = words.map(u64::from_le_bytes);
    if given != fingerprint(query) {
        return Err(CursorError::OtherQuery);
    }
    let id = LinkId::new(id).ok_or(CursorError::Malformed)?;
    Ok((Timestamp::from_millis(created_at.cast_signed()), id))
}

/// The cursor after `last` in the pages of tags.
pub(crate) fn write_tag(last: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last)
}

/// The tag that a cursor means.
pub(crate) fn read_tag(text: &str) -> Result<String, CursorError> {
    let tag = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    tag.filter(|tag| wrong_with_tag(tag).is_none()).ok_or(CursorError::Malformed)
}

/// What must be the same on all pages: everything but the place and the size.
fn fingerprint(query: &ListQuery) -> u64 {
    let mut hasher = Xxh3::new();
    for text in [&query.words, &query.tag] {
        let text = text.as_deref();
        hasher.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hasher.update(text.unwrap_or_default().as_bytes());
    }
    hasher.update(&[
        query.archived.map_or(2, u8::from),
        match query.sort {
            Sort::Newest => 0,
            Sort::Oldest => 1,
        },
    ]);
    hasher.digest()
}
