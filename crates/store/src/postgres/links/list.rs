//! Pages of links, in the order of their creation.

use crate::postgres::connections::{Sql, sql};
use crate::postgres::replicas::{Reading, Servers, Source, Tried};
use crate::postgres::row::{self, id_column, text};
use crate::postgres::words::Wanted;
use crate::{ListQuery, Page, Seen, Sort, StoreError, TagCount};
use curtail_model::{Codes, Link, Timestamp};
use std::time::Duration;
use tokio::time::timeout;

static NEWEST: Sql = sql!("list_newest", BOOL, INT8, INT8, INT8);
static OLDEST: Sql = sql!("list_oldest", BOOL, INT8, INT8, INT8);
static TAG_NEWEST: Sql = sql!("list_tag_newest", BOOL, INT8, INT8, INT8, TEXT);
static TAG_OLDEST: Sql = sql!("list_tag_oldest", BOOL, INT8, INT8, INT8, TEXT);
/// For rare words the index of words is best, for common ones that of times: only the words can tell.
static WORDS_NEWEST: Sql =
    Sql { planned_anew: true, ..sql!("list_words_newest", BOOL, INT8, INT8, INT8, TEXT, TEXT) };
static WORDS_OLDEST: Sql =
    Sql { planned_anew: true, ..sql!("list_words_oldest", BOOL, INT8, INT8, INT8, TEXT, TEXT) };
static TAGS: Sql = sql!("tags_list", TEXT, INT8);

/// How long a list may be made, from all servers together. Whoever asked may have gone long ago.
const LIST_TIME_MAX: Duration = Duration::from_secs(5);
/// The most links that one statement reads for a page that is filled up.
const STEP_MAX: i64 = 1_000;

/// What the page is of.
enum Narrowed {
    Nothing,
    Tag,
    Words(Wanted),
}

/// A page of links, from the best server that has it.
pub(super) async fn list(
    servers: &Servers,
    codes: &Codes,
    query: &ListQuery,
    seen: Seen,
) -> Result<Page, StoreError> {
    let narrowed = match query.words.as_deref().filter(|words| !words.trim().is_empty()) {
        Some(words) => match Wanted::read(words) {
            Some(wanted) => Narrowed::Words(wanted),
            None => return Ok(Page { links: Vec::new(), more: false }),
        },
        None if query.tag.is_some() => Narrowed::Tag,
        None => Narrowed::Nothing,
    };
    let search = async {
        let mut tried = Tried::default();
        for source in servers.sources(Reading::Long, seen) {
            if let Some(answer) = tried.judge(page(&source, codes, query, &narrowed).await) {
                return answer;
            }
        }
        Err(tried.nobody_has_it())
    };
    let late = |_| {
        let what = match &narrowed {
            Narrowed::Words(_) => {
                "the list was not made in time; many links may have its words without having them in this order"
            }
            Narrowed::Nothing | Narrowed::Tag => "the list was not made in time",
        };
        Err(StoreError::Unavailable(what.into()))
    };
    timeout(LIST_TIME_MAX, search).await.unwrap_or_else(late)
}

/// The tags in use.
pub(super) async fn tags(
    servers: &Servers,
    after: Option<String>,
    limit: usize,
    seen: Seen,
) -> Result<Vec<TagCount>, StoreError> {
    // Every tag comes after the empty text, which is none.
    let after = text(after.as_deref().unwrap_or_default()).into_owned();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = servers.query(Reading::Long, seen, &TAGS, &[&after, &limit]).await?;
    let count = |row| {
        let links: i64 = row::column(row, 1)?;
        Ok(TagCount { tag: row::column(row, 0)?, links: links.cast_unsigned() })
    };
    rows.iter().map(count).collect()
}

/// A page from one server, or nothing where that is behind.
async fn page(
    source: &Source<'_>,
    codes: &Codes,
    query: &ListQuery,
    narrowed: &Narrowed,
) -> Result<Option<Page>, StoreError> {
    // Indexes are by state first. Both states are two short runs that merge into one.
    let states: &[bool] = match query.archived {
        None => &[false, true],
        Some(true) => &[true],
        Some(false) => &[false],
    };
    let mut links = Vec::new();
    for &archived in states {
        let Some(some) = run(source, codes, query, narrowed, archived).await? else { return Ok(None) };
        links.extend(some);
    }
    query.put_in_order(&mut links);
    let more = links.len() > query.limit;
    links.truncate(query.limit);
    Ok(Some(Page { links, more }))
}

/// Links of one state, one more than the page holds if there are as many: that tells whether there is more.
async fn run(
    source: &Source<'_>,
    codes: &Codes,
    query: &ListQuery,
    narrowed: &Narrowed,
    archived: bool,
) -> Result<Option<Vec<Link>>, StoreError> {
    let wanted = query.limit.saturating_add(1);
    let mut limit = i64::try_from(wanted).unwrap_or(i64::MAX);
    let (mut time, mut id) = after(query);
    let tag = query.tag.as_deref().map(text);
    let newest = query.sort == Sort::Newest;
    let mut links = Vec::new();
    loop {
        let rows = match narrowed {
            Narrowed::Nothing => {
                let sql = if newest { &NEWEST } else { &OLDEST };
                source.query(sql, &[&archived, &time, &id, &limit]).await?
            }
            Narrowed::Tag => {
                let sql = if newest { &TAG_NEWEST } else { &TAG_OLDEST };
                source.query(sql, &[&archived, &time, &id, &limit, &tag]).await?
            }
            Narrowed::Words(words) => {
                let sql = if newest { &WORDS_NEWEST } else { &WORDS_OLDEST };
                source.query(sql, &[&archived, &time, &id, &limit, &words.query(), &tag]).await?
            }
        };
        let Some(rows) = rows else { return Ok(None) };
        let found: Vec<Link> = rows.iter().map(|row| row::link(row, 0, codes)).collect::<Result<_, _>>()?;
        let last = found.last().map(|link| (link.created_at.millis(), id_column(link.id)));
        let is_full = found.len() as i64 == limit;
        match narrowed {
            // The index knows of no order among the words of an address:
            // what has them otherwise is left out, and the page filled up.
            Narrowed::Words(words) => {
                let left = wanted - links.len();
                links.extend(found.into_iter().filter(|link| words.is_in(link)).take(left));
            }
            Narrowed::Nothing | Narrowed::Tag => links.extend(found),
        }
        match last {
            Some(last) if is_full && links.len() < wanted => {
                (time, id) = last;
                // Where much is left out, few would be found in small steps.
                limit = limit.max((2 * limit).min(STEP_MAX));
            }
            _ => return Ok(Some(links)),
        }
    }
}

/// What the page begins after, as columns; without a cursor that is before everything.
fn after(query: &ListQuery) -> (i64, i64) {
    match (query.after, query.sort) {
        (Some((time, id)), _) => (Timestamp::millis(time), id_column(id)),
        (None, Sort::Newest) => (i64::MAX, i64::MAX),
        (None, Sort::Oldest) => (i64::MIN, -1),
    }
}
