//! Links that move here, and what all that are here come to.

use crate::postgres::connections::{Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::links::insert::Rows;
use crate::postgres::row::{self, bucket_column, column, id_column, link_id, text};
use crate::shape;
use crate::transfer::{Checksums, LinkRecord, Retired};
use curtail_model::{Codes, Link, LinkId, NewLink};
use std::borrow::Cow;
use std::collections::BTreeSet;
use tokio_postgres::types::ToSql;

static LINKS: Sql = sql!(
    "import_links",
    INT8_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    BOOL_ARRAY,
    INT2_ARRAY,
    BOOL_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    BOOL_ARRAY,
    INT8_ARRAY
);
static FIND: Sql =
    sql!("links_find", INT2_ARRAY, INT8_ARRAY, INT8_ARRAY, INT2_ARRAY, TEXT_ARRAY, INT8_ARRAY, TEXT_ARRAY);
static TAGS: Sql = sql!("import_tags", TEXT_ARRAY, BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY);
static CLEAR_TAGS: Sql = sql!("import_tags_clear", TEXT_ARRAY, BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY);
static REPLACED: Sql = sql!("import_replaced", INT8_ARRAY, TEXT_ARRAY);
static RETIRED: Sql = sql!("import_retired", INT8_ARRAY, BOOL_ARRAY);
static REMOVE: Sql = sql!("import_remove", INT8_ARRAY);
static EXPORT: Sql = sql!("export_links", INT2, INT8, INT8);

/// Links that are read at once for their checksums.
const LINKS_AT_ONCE: i64 = 4_096;

/// Tags, states, times and ids of links.
type Entries<'a> = (Vec<Cow<'a, str>>, Vec<bool>, Vec<i64>, Vec<i64>);

/// Takes links as they are.
pub(super) async fn put(session: &Session, records: &[LinkRecord], codes: &Codes) -> Result<(), Failure> {
    let ids: Vec<LinkId> = records.iter().map(|record| record.link.id).collect();
    clear_tags(session, &ids, codes).await?;
    let given: Vec<NewLink> = records.iter().map(|record| shape::given(record.link.clone())).collect();
    let mut rows = Rows::default();
    for (LinkRecord { link, generated, .. }, given) in records.iter().zip(&given) {
        let keeps_code = codes.decode(link.code.as_str().as_bytes()) != Some(link.id);
        rows.push(link.id, link.code.as_str(), keeps_code, *generated, given, link.created_at);
    }
    let replaced = session.query(&REPLACED, &rows.ids_and_codes()).await?;
    let replaced = replaced.iter().map(|row| link_id(column(row, 0)?)).collect::<Result<Vec<_>, _>>()?;
    remove(session, &replaced, codes).await?;
    let links = || records.iter().map(|record| &record.link);
    let updated_at: Vec<i64> = links().map(|link| link.updated_at.millis()).collect();
    let versions: Vec<i64> = links().map(|link| link.version.cast_signed()).collect();
    let archived: Vec<bool> = links().map(|link| link.archived).collect();
    let used: Vec<_> = records.iter().map(|record| record.used.map(u64::cast_signed)).collect();
    let mut parameters = rows.columns().to_vec();
    parameters.extend([&updated_at as &(dyn ToSql + Sync), &versions, &archived, &used]);
    session.query(&LINKS, &parameters).await?;
    let all: Vec<Link> = links().cloned().collect();
    let (tags, archived, created_at, ids) = entries(&all);
    session.query(&TAGS, &[&tags, &archived, &created_at, &ids]).await?;
    Ok(())
}

/// Takes what is left of removed links.
pub(super) async fn retire(session: &Session, retired: &[Retired], codes: &Codes) -> Result<(), Failure> {
    let ids: Vec<LinkId> = retired.iter().map(|retired| retired.id).collect();
    clear_tags(session, &ids, codes).await?;
    let columns: Vec<i64> = ids.into_iter().map(id_column).collect();
    let generated: Vec<bool> = retired.iter().map(|retired| retired.generated).collect();
    session.query(&RETIRED, &[&columns, &generated]).await.map(drop)
}

/// Removes links, and what is left of removed ones.
pub(super) async fn remove(session: &Session, ids: &[LinkId], codes: &Codes) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    clear_tags(session, ids, codes).await?;
    let columns: Vec<i64> = ids.iter().copied().map(id_column).collect();
    session.query(&REMOVE, &[&columns]).await.map(drop)
}

/// Takes the entries of tags that stored links have.
async fn clear_tags(session: &Session, ids: &[LinkId], codes: &Codes) -> Result<(), Failure> {
    let buckets: Vec<i16> = ids.iter().copied().map(bucket_column).collect();
    let columns: Vec<i64> = ids.iter().copied().map(id_column).collect();
    let (no_buckets, no_codes, no_numbers) = (Vec::<i16>::new(), Vec::<&str>::new(), Vec::<i64>::new());
    let rows = session
        .query(&FIND, &[&buckets, &columns, &columns, &no_buckets, &no_codes, &no_numbers, &no_codes])
        .await?;
    let stored: Vec<Link> = rows.iter().map(|row| row::link(row, 1, codes)).collect::<Result<_, _>>()?;
    let (tags, archived, created_at, ids) = entries(&stored);
    if !tags.is_empty() {
        session.query(&CLEAR_TAGS, &[&tags, &archived, &created_at, &ids]).await?;
    }
    Ok(())
}

/// The entries of links in the lists of their tags.
fn entries(links: &[Link]) -> Entries<'_> {
    let mut entries: Entries<'_> = Default::default();
    for link in links {
        for tag in &link.tags {
            entries.0.push(text(tag));
            entries.1.push(link.archived);
            entries.2.push(link.created_at.millis());
            entries.3.push(id_column(link.id));
        }
    }
    entries
}

/// Adds some links, and ids of removed ones, to what those before them come to, but for some of them. Answers
/// that, the last of them if there may be more, and how many they were.
pub(super) async fn checksums(
    session: &Session,
    mut sums: Checksums,
    after: Option<LinkId>,
    codes: &Codes,
    without: &BTreeSet<LinkId>,
) -> Result<(Checksums, Option<LinkId>, u64), Failure> {
    let (bucket, id) = after.map_or((0, -1), |after| (bucket_column(after), id_column(after)));
    let rows = session.query(&EXPORT, &[&bucket, &id, &LINKS_AT_ONCE]).await?;
    let mut last = None;
    for row in &rows {
        let id = link_id(column(row, 0)?)?;
        last = Some(id);
        if without.contains(&id) {
            continue;
        }
        if column::<bool>(row, 18)? {
            sums.add_retired(Retired { id, generated: column(row, 17)? });
            continue;
        }
        let used: Option<i64> = column(row, 19)?;
        sums.add(&LinkRecord {
            link: row::link(row, 0, codes)?,
            generated: column(row, 17)?,
            used: used.map(i64::cast_unsigned),
        });
    }
    let count = rows.len() as u64;
    Ok((sums, last.filter(|_| rows.len() as i64 == LINKS_AT_ONCE), count))
}
