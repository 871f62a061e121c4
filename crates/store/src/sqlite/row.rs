//! Rows of links and their columns.

use crate::packed;
use curtail_model::{Code, Codes, Link, LinkId, RedirectStatus, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use xxhash_rust::xxh3::Xxh3Default;

/// Numbers of a row that its checksum covers, in the order of their columns.
const NUMBERS: [usize; 10] = [0, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// Texts of a row that its checksum covers, in the order of their columns.
const TEXTS: [usize; 6] = [2, 12, 13, 14, 15, 16];
/// Where the checksum is.
const CHECKSUM: usize = 17;

/// Reads a link from the columns that `link_get.sql` and its siblings select. A row with a byte that has
/// changed on the disk is an error: SQLite would not notice, and somebody would be sent to a wrong place.
pub(super) fn link(row: &Row<'_>, codes: &Codes) -> Result<Link> {
    if !is_as_written(row)? {
        return Err(wrong(CHECKSUM, Type::Integer, "the row is not as it was written"));
    }
    let id = link_id(row, 0)?;
    let code = match row.get::<_, Option<String>>(1)? {
        Some(code) => code,
        None => codes
            .encode(id)
            .ok_or_else(|| wrong(1, Type::Null, "an id beyond all codes has none of its own"))?,
    };
    let status: u16 = row.get(7)?;
    Ok(Link {
        id,
        code: Code::known(code),
        url: row.get(2)?,
        created_at: Timestamp::from_millis(row.get(3)?),
        updated_at: Timestamp::from_millis(row.get(4)?),
        version: row.get::<_, i64>(5)?.cast_unsigned(),
        archived: row.get(6)?,
        redirect_status: RedirectStatus::from_code(status)
            .ok_or_else(|| wrong(7, Type::Integer, "no status of a redirect"))?,
        forward_query: row.get(8)?,
        starts_at: time(row, 9)?,
        expires_at: time(row, 10)?,
        max_clicks: row.get::<_, Option<i64>>(11)?.map(i64::cast_unsigned),
        title: row.get(12)?,
        notes: row.get(13)?,
        tags: words(row, 14)?,
        password_hash: row.get(15)?,
        expired_url: row.get(16)?,
    })
}

/// What can still be told of a link whose row is damaged, for who removes it: its id, the code that it had
/// and its tags. What cannot be read is as if it had never been set.
pub(super) fn remains(row: &Row<'_>, id: LinkId, codes: &Codes) -> Link {
    let code = row.get(1).ok().flatten().or_else(|| codes.encode(id)).unwrap_or_default();
    let time = |column: usize| Timestamp::from_millis(row.get(column).unwrap_or_default());
    Link {
        id,
        code: Code::known(code),
        url: row.get(2).unwrap_or_default(),
        created_at: time(3),
        updated_at: time(4),
        version: row.get::<_, i64>(5).unwrap_or_default().cast_unsigned(),
        archived: row.get(6).unwrap_or_default(),
        redirect_status: RedirectStatus::Found,
        forward_query: false,
        starts_at: None,
        expires_at: None,
        max_clicks: None,
        title: None,
        notes: None,
        tags: words(row, 14).unwrap_or_default(),
        password_hash: None,
        expired_url: None,
    }
}

/// The checksum of a row: of its id, times, version, flags, status and limit
/// (flags as 0 and 1), of its url, title, notes, tags, password hash and page
/// for later, and of its code where that is not the one that the id stands for.
pub(super) fn checksum(numbers: [Option<i64>; 10], texts: [Option<&str>; 6], code: Option<&str>) -> i64 {
    let mut hash = Xxh3Default::new();
    for number in numbers {
        hash.update(&[u8::from(number.is_some())]);
        hash.update(&number.unwrap_or_default().to_le_bytes());
    }
    for text in texts {
        // No text is as long as the length that stands for none.
        hash.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.update(code.unwrap_or_default().as_bytes());
    hash.digest().cast_signed()
}

fn is_as_written(row: &Row<'_>) -> Result<bool> {
    let mut numbers = [None; NUMBERS.len()];
    for (number, column) in numbers.iter_mut().zip(NUMBERS) {
        *number = row.get(column)?;
    }
    let mut texts = [None; TEXTS.len()];
    for (text, column) in texts.iter_mut().zip(TEXTS) {
        *text = row.get_ref(column)?.as_str_or_null()?;
    }
    let (found, code): (i64, _) = (row.get(CHECKSUM)?, row.get_ref(1)?.as_str_or_null()?);
    // Rows of versions that wrote nothing of the code into it are believed until they change.
    Ok(found == checksum(numbers, texts, code) || (code.is_some() && found == checksum(numbers, texts, None)))
}

/// An id in a column.
pub(super) fn link_id(row: &Row<'_>, column: usize) -> Result<LinkId> {
    let id: i64 = row.get(column)?;
    LinkId::new(id.cast_unsigned()).ok_or_else(|| wrong(column, Type::Integer, "ids are not negative"))
}

/// A time in a column, if there is one.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// An id as a column holds it.
pub(super) fn id_column(id: LinkId) -> i64 {
    id.get().cast_signed()
}

/// Several words in one column.
pub(super) fn words_column(words: &[String]) -> Option<String> {
    packed::pack(words)
}

/// What [`words_column`] wrote.
pub(super) fn words(row: &Row<'_>, column: usize) -> Result<Vec<String>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(Vec::new()) };
    packed::unpack(text).ok_or_else(|| wrong(column, Type::Text, "not a list of words"))
}

fn wrong(column: usize, kind: Type, what: &'static str) -> Error {
    Error::FromSqlConversionFailure(column, kind, what.into())
}
