//! Make links and read one.

use crate::auth::Caller;
use crate::body;
use crate::bulk::Bulk;
use crate::consistency::HasSeen;
use crate::dto::answer;
use crate::dto::link::{LinkJson, NewLinkBody, total};
use crate::idempotency::IdempotencyKey;
use crate::origin::Origin;
use crate::preconditions::{self, Conditions};
use crate::problem::Problem;
use crate::query::NoQuery;
use crate::routes::{PathId, PathLinkId};
use crate::service::Service;
use crate::time;
use crate::validate::link::{WantedLink, wanted_link};
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::response::{IntoResponse, Response};
use curtail_model::{Code, Link, LinkId, Scope};
use curtail_store::rollups::Totals;
use curtail_store::{Create, WhenMade};
use http::StatusCode;
use http::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION};
use std::sync::Arc;

/// Says that an answer repeats an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a bulk may call itself; it is read as lines of JSON in any case.
const BULK_TYPES: &[&str] = &[
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json",
];

/// Make a link
///
/// Answered when it is durable. Repeating a request with the same `Idempotency-Key` and body within a day
/// answers the same link again, with the same status and `Idempotent-Replayed: true`.
#[utoipa::path(post, path = "/api/v1/links", operation_id = "create_link", tag = "links", security(("key" = ["links:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, the same for each repetition")),
    request_body = NewLinkBody,
    responses(
        (status = 201, description = "It is made", body = LinkJson<'_>, headers(
            ("Location" = String), ("ETag" = String), ("Idempotent-Replayed" = String))),
        (status = 200, description = "`reuse` found it", body = LinkJson<'_>, headers(
            ("ETag" = String), ("Idempotent-Replayed" = String))),
        (status = 409, description = "Another link has the code, or with `reuse` one that does not do what was asked for"),
        (status = 410, description = "The link that this Idempotency-Key was answered with is gone")))]
pub(crate) async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    origin: Origin,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksWrite)?;
    let key = IdempotencyKey::read(&headers, caller.key)?;
    let body = body::json(&headers, body, body::JSON, &service.settings).await?;
    let WantedLink { mut link, password } = wanted_link(&body, service.rules(&origin))?;
    if let Some(password) = password {
        link.password_hash = Some(service.hash(password).await?);
    }
    let create = Create { link, now: time::now(), idempotency: key.map(|key| key.of_body(&body)) };
    let made = service.links.create(vec![create]).await?;
    let made = made.into_iter().next().expect("the store answers every link it was asked for")?;
    let totals = match made.when {
        WhenMade::Now => Totals::default(),
        WhenMade::Reused | WhenMade::Replayed { .. } => totals_of(&service, made.link.id).await?,
    };
    let status = status_of(made.when);
    let mut response = answer_link(status, &made.link, totals, &origin);
    let headers = response.headers_mut();
    if status == StatusCode::CREATED {
        let location = format!("/api/v1/links/{}", made.link.id);
        headers.insert(LOCATION, HeaderValue::try_from(location).expect("a number is visible ASCII"));
    }
    if matches!(made.when, WhenMade::Replayed { .. }) {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Make many links
///
/// NDJSON in: each line is a body of `POST /api/v1/links` of at most 64 KiB; empty lines are skipped. NDJSON
/// out: for each line in order `{"line": 1, "status": 201, "link": {...}}` or `{"line": 2, "status": 409,
/// "error": {problem}}`. A line that is wrong fails alone, and what was answered is durable. There may be any
/// number of lines. Answers come while lines are still being read; a client may read them meanwhile, which is
/// fastest, or after it has sent all of its lines. With an `Idempotency-Key` each line is replayed on its own
/// when the same body is sent again.
#[utoipa::path(post, path = "/api/v1/links/bulk", operation_id = "create_links_in_bulk", tag = "links", security(("key" = ["links:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, the same for each repetition")),
    request_body(content = String, content_type = "application/x-ndjson", description = "A link to make on each line",
        example = json!("{\"url\":\"https://example.com/1\"}\n{\"url\":\"https://example.com/2\",\"code\":\"two\"}\n")),
    responses((status = 200, description = "An answer for each line", body = String, content_type = "application/x-ndjson",
        example = json!("{\"line\":1,\"status\":201,\"link\":{\"id\":\"40963\"}}\n{\"line\":2,\"status\":409,\"error\":{\"type\":\"/api/v1/problems/code-taken\"}}\n"))))]
pub(crate) async fn bulk(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    origin: Origin,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksWrite)?;
    let key = IdempotencyKey::read(&headers, caller.key)?;
    body::expect_type(&headers, BULK_TYPES)?;
    let answers = Bulk::new(service, origin, key, body).answers();
    let mut response = Body::from_stream(answers).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// A link
#[utoipa::path(get, path = "/api/v1/links/{id}", operation_id = "get_link", tag = "links", security(("key" = ["links:read"])),
    params(("id" = String, Path, description = "Its id", example = "40963"),
        ("If-Match" = Option<String>, Header, description = "Answer it only if it still is what this ETag stands for"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag that is known already")),
    responses((status = 200, description = "The link", body = LinkJson<'_>, headers(("ETag" = String))),
        (status = 304, description = "It is as it was under If-None-Match", headers(("ETag" = String))),
        (status = 412, description = "It has changed since")))]
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    HasSeen(seen): HasSeen,
    origin: Origin,
    PathId(id): PathLinkId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksRead)?;
    let link = service.links.get(id, seen).await?.ok_or_else(Problem::no_such_link)?;
    read(&service, &link, &origin, &headers).await
}

/// The link with a code
///
/// The code may hold slashes, encoded or not.
#[utoipa::path(get, path = "/api/v1/links/by-code/{*code}", operation_id = "find_link_by_code", tag = "links", security(("key" = ["links:read"])),
    params(("code" = String, Path, description = "Its code", example = "spring-sale"),
        ("If-Match" = Option<String>, Header, description = "Answer it only if it still is what this ETag stands for"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag that is known already")),
    responses((status = 200, description = "The link", body = LinkJson<'_>, headers(("ETag" = String))),
        (status = 304, description = "It is as it was under If-None-Match", headers(("ETag" = String))),
        (status = 412, description = "It has changed since")))]
pub(crate) async fn by_code(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    HasSeen(seen): HasSeen,
    origin: Origin,
    params: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksRead)?;
    // A text that could not be a code is not one: it need not be looked up.
    let params = params.map_err(|_| Problem::no_such_link())?;
    let code = params.iter().find(|&(name, _)| name == "code").and_then(|(_, code)| Code::custom(code).ok());
    let code = code.ok_or_else(Problem::no_such_link)?;
    let link = service.links.find(code.as_str(), seen).await?.ok_or_else(Problem::no_such_link)?;
    read(&service, &link, &origin, &headers).await
}

async fn read(
    service: &Service,
    link: &Link,
    origin: &Origin,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    Conditions::of_read(headers)?.check(link.version)?;
    let totals = totals_of(service, link.id).await?;
    let etag = preconditions::etag(link.version, total(totals));
    if preconditions::is_known(headers, &etag)? {
        // Nothing of what it would be about: neither a body nor the type of one (RFC 9110, section 15.4.5).
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(answer_link(StatusCode::OK, link, totals, origin))
}

/// What is answered with a link that was asked for: the same as to the first request, when one is repeated.
pub(crate) fn status_of(when: WhenMade) -> StatusCode {
    match when {
        WhenMade::Now | WhenMade::Replayed { reused: false } => StatusCode::CREATED,
        WhenMade::Reused | WhenMade::Replayed { reused: true } => StatusCode::OK,
    }
}

/// A link as an answer, with its ETag.
pub(crate) fn answer_link(status: StatusCode, link: &Link, totals: Totals, origin: &Origin) -> Response {
    let mut response = answer(status, &LinkJson::new(link, totals, origin));
    response.headers_mut().insert(ETAG, preconditions::etag(link.version, total(totals)));
    response
}

/// The clicks of a link.
pub(crate) async fn totals_of(service: &Service, link: LinkId) -> Result<Totals, Problem> {
    Ok(service.totals(vec![link]).await?.first().copied().unwrap_or_default())
}
