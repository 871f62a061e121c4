//! List links and tags.

use crate::auth::Caller;
use crate::consistency::HasSeen;
use crate::cursor;
use crate::dto::answer;
use crate::dto::link::{LinkJson, LinksJson, TagJson, TagsJson};
use crate::dto::words;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::query::Query;
use crate::service::Service;
use crate::validate::link::wrong_with_tag;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use curtail_model::Scope;
use curtail_store::ListQuery;
use http::StatusCode;
use std::sync::Arc;
use utoipa::IntoParams;

/// Links of a page: when nothing is said, and at most.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;

/// Tags of a page: when nothing is said, and at most.
const TAGS_LIMIT: usize = 100;
const TAGS_LIMIT_MAX: usize = 1_000;

/// Characters of a search.
const WORDS_CHARACTERS_MAX: usize = 200;

/// Characters of a cursor; ours have 32.
const CURSOR_BYTES_MAX: usize = 64;

/// Describes the order of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what wanted_page reads")]
struct Order {
    #[param(schema_with = words::sort)]
    sort: Option<String>,
}

/// List links
///
/// All filters apply together. Pages neither skip nor repeat a link, whatever is made or removed meanwhile.
#[utoipa::path(get, path = "/api/v1/links", operation_id = "list_links", tag = "links", security(("key" = ["links:read"])),
    params(
        ("q" = Option<String>, Query, description = "Words to find in code, destination, title and notes: all of them, each as the beginning of a word; at most 200 characters", example = "spring sal"),
        ("tag" = Option<String>, Query, description = "Only links with this tag"),
        ("archived" = Option<bool>, Query, description = "Only links that are, or are not, archived"),
        ("limit" = Option<u32>, Query, description = "Links of a page: 1 to 100, by default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before, with all else but `limit` the same"),
        Order),
    responses((status = 200, description = "A page of links", body = LinksJson<'_>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    HasSeen(seen): HasSeen,
    origin: Origin,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksRead)?;
    let query = wanted_page(query.as_deref())?;
    let page = service.links.list(query.clone(), seen).await?;
    let totals = match page.links.is_empty() {
        true => Vec::new(),
        false => service.totals(page.links.iter().map(|link| link.id).collect()).await?,
    };
    let links =
        page.links.iter().zip(totals).map(|(link, totals)| LinkJson::new(link, totals, &origin)).collect();
    let last = page.links.last().filter(|_| page.more);
    let next_cursor = last.map(|last| cursor::write(last, &query));
    Ok(answer(StatusCode::OK, &LinksJson { links, next_cursor }))
}

/// List tags
///
/// The tags in use, by name, with how many links have each.
#[utoipa::path(get, path = "/api/v1/tags", operation_id = "list_tags", tag = "links", security(("key" = ["links:read"])),
    params(
        ("limit" = Option<u32>, Query, description = "Tags of a page: 1 to 1,000, by default 100", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before")),
    responses((status = 200, description = "A page of tags", body = TagsJson<'_>)))]
pub(crate) async fn tags(
    State(service): State<Arc<Service>>,
    caller: Caller,
    HasSeen(seen): HasSeen,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksRead)?;
    let (after, limit) = wanted_tags(query.as_deref())?;
    // One more than asked for tells whether there is more.
    let mut tags = service.links.tags(after, limit + 1, seen).await?;
    let more = tags.len() > limit;
    tags.truncate(limit);
    let next_cursor = tags.last().filter(|_| more).map(|last| cursor::write_tag(&last.tag));
    Ok(answer(StatusCode::OK, &TagsJson { tags: tags.iter().map(TagJson::from).collect(), next_cursor }))
}

/// The tag to begin after, and how many to answer.
fn wanted_tags(query: Option<&str>) -> Result<(Option<String>, usize), Problem> {
    let mut query = Query::read(query, &["limit", "cursor"]);
    let limit = query.number("limit", 1, TAGS_LIMIT_MAX);
    let after = match query.take("cursor").as_deref().map(cursor::read_tag) {
        None => None,
        Some(Ok(after)) => Some(after),
        Some(Err(error)) => {
            query.refuse("cursor", error.to_string());
            None
        }
    };
    query.finish()?;
    Ok((after, limit.unwrap_or(TAGS_LIMIT)))
}

fn wanted_page(query: Option<&str>) -> Result<ListQuery, Problem> {
    let mut query = Query::read(query, &["q", "tag", "archived", "sort", "limit", "cursor"]);
    let words = query.parsed("q", "at most 200 characters long", |words| {
        words.chars().nth(WORDS_CHARACTERS_MAX).is_none().then(|| words.to_owned())
    });
    let tag = query.take("tag").map(|tag| tag.trim().to_owned());
    if let Some(wrong) = tag.as_deref().and_then(wrong_with_tag) {
        query.refuse("tag", wrong);
    }
    let archived = query.parsed("archived", "true or false", |text| text.parse().ok());
    let sort = query.parsed("sort", "-created_at or created_at", |text| {
        words::SORTS.iter().find(|(name, _)| *name == text).map(|&(_, sort)| sort)
    });
    let limit = query.number("limit", 1, LIMIT_MAX);
    let given = query.take("cursor");
    let mut wanted = ListQuery {
        words,
        tag,
        archived,
        sort: sort.unwrap_or_default(),
        after: None,
        limit: limit.unwrap_or(LIMIT),
    };
    match given
        .as_deref()
        .map(|text| cursor::read(&text[..text.floor_char_boundary(CURSOR_BYTES_MAX)], &wanted))
    {
        None => {}
        Some(Ok(after)) => wanted.after = Some(after),
        Some(Err(error)) => query.refuse("cursor", error.to_string()),
    }
    query.finish()?;
    Ok(wanted)
}
