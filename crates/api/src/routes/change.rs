//! Change and remove links, without undoing what others did meanwhile.

use crate::auth::Caller;
use crate::body;
use crate::dto::link::{LinkChangeBody, LinkJson};
use crate::origin::Origin;
use crate::preconditions::Conditions;
use crate::problem::{Invalid, Kind, Problem};
use crate::query::NoQuery;
use crate::routes::links::{answer_link, totals_of};
use crate::routes::{PathId, PathLinkId};
use crate::service::Service;
use crate::time;
use crate::validate::link::{OUT_OF_ORDER, WantedChange, is_in_order, wanted_change};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use curtail_model::{Change, Field, Link, LinkId, Scope};
use curtail_store::{Seen, StoreError, UpdateRefused};
use http::StatusCode;
use http::header::HeaderMap;
use std::sync::Arc;

/// How often a change is tried again when others change the link at the same time.
const TRIES: usize = 8;

/// Change a link
///
/// What is left out stays; `null` puts a field back to what it is without one. What changes nothing leaves
/// `updated_at` and the ETag as they are. Give the ETag of what you read as If-Match to not undo what others
/// did meanwhile.
#[utoipa::path(patch, path = "/api/v1/links/{id}", operation_id = "change_link", tag = "links", security(("key" = ["links:write"])),
    params(("id" = String, Path, description = "Its id", example = "40963"),
        ("If-Match" = Option<String>, Header, description = "Change it only if it still is what this ETag stands for"),
        ("If-None-Match" = Option<String>, Header, description = "Change it only if it is not what this ETag stands for")),
    request_body(content(
        (LinkChangeBody = "application/json"), (LinkChangeBody = "application/merge-patch+json"))),
    responses((status = 200, description = "What it is now", body = LinkJson<'_>, headers(("ETag" = String))),
        (status = 412, description = "It has changed since")))]
pub(crate) async fn change(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    origin: Origin,
    PathId(id): PathLinkId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksWrite)?;
    let conditions = Conditions::of_change(&headers)?;
    let body = body::json(&headers, body, body::CHANGE, &service.settings).await?;
    let WantedChange { mut change, password } = wanted_change(&body, service.rules(&origin))?;
    change.password_hash = match password {
        Field::Keep => Field::Keep,
        Field::Set(None) => Field::Set(None),
        Field::Set(Some(password)) => Field::Set(Some(service.hash(password).await?)),
    };
    // Before the change: what fails after it would say of a change that was made that it was not.
    let totals = totals_of(&service, id).await?;
    let link = update(&service, id, change, &conditions).await?;
    Ok(answer_link(StatusCode::OK, &link, totals, &origin))
}

/// Remove a link
///
/// A generated code is never given again; a custom code is free to be chosen anew. What was counted for the
/// link is forgotten. To keep it, archive the link instead.
#[utoipa::path(delete, path = "/api/v1/links/{id}", operation_id = "delete_link", tag = "links", security(("key" = ["links:write"])),
    params(("id" = String, Path, description = "Its id", example = "40963"),
        ("If-Match" = Option<String>, Header, description = "Remove it only if it still is what this ETag stands for"),
        ("If-None-Match" = Option<String>, Header, description = "Remove it only if it is not what this ETag stands for")),
    responses((status = 204, description = "It is gone"),
        (status = 412, description = "It has changed since")))]
pub(crate) async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    PathId(id): PathLinkId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::LinksWrite)?;
    let conditions = Conditions::of_change(&headers)?;
    let mut only_if = None;
    if !conditions.are_none() {
        let link = current(&service, id).await?;
        conditions.check(link.version)?;
        only_if = Some(link.version);
    }
    // The store removes the link though whoever asked for it hangs up; so its counts must go as well.
    let removal = tokio::spawn(async move { remove(&service, id, only_if).await });
    removal.await.unwrap_or_else(|died| Err(StoreError::Unavailable(died.to_string()).into()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removes a link and what was counted for it.
async fn remove(service: &Service, id: LinkId, only_if: Option<u64>) -> Result<(), Problem> {
    service.links.delete(id, only_if).await?.map_err(|refused_because| refused(&refused_because))?;
    // The link is gone whatever becomes of its counts: nobody can reach them any more.
    if let Err(error) = service.rollups.forget_link(id).await {
        tracing::warn!(%error, link = id.get(), "the clicks of a removed link could not be forgotten");
    }
    Ok(())
}

/// Changes a link. Where the change must fit what is not being changed, it is bound to the version that it
/// was checked against, and checked anew when that has passed.
async fn update(
    service: &Service,
    id: LinkId,
    change: Change,
    conditions: &Conditions,
) -> Result<Link, Problem> {
    let checks_order =
        matches!(change.starts_at, Field::Set(Some(_))) != matches!(change.expires_at, Field::Set(Some(_)));
    if conditions.are_none() && !checks_order {
        return service
            .links
            .update(id, change, None, time::now())
            .await?
            .map_err(|refused_because| refused(&refused_because));
    }
    let mut link = current(service, id).await?;
    for _ in 0..TRIES {
        conditions.check(link.version)?;
        check_order(&link, &change)?;
        match service.links.update(id, change.clone(), Some(link.version), time::now()).await? {
            Ok(changed) => return Ok(changed),
            Err(UpdateRefused::Changed(newer)) => link = *newer,
            Err(UpdateRefused::Missing) => return Err(Problem::no_such_link()),
        }
    }
    Err(Problem::new(Kind::Overloaded, "The link is being changed all the time. Trying again may help."))
}

/// What a condition is about is the link as it is now, not as a replica has it.
async fn current(service: &Service, id: LinkId) -> Result<Link, Problem> {
    service.links.get(id, Seen::NEWEST).await?.ok_or_else(Problem::no_such_link)
}

fn check_order(link: &Link, change: &Change) -> Result<(), Problem> {
    let (changes_start, starts_at) = match change.starts_at {
        Field::Keep => (false, link.starts_at),
        Field::Set(starts_at) => (true, starts_at),
    };
    let (changes_end, expires_at) = match change.expires_at {
        Field::Keep => (false, link.expires_at),
        Field::Set(expires_at) => (true, expires_at),
    };
    if is_in_order(starts_at, expires_at) {
        return Ok(());
    }
    match (changes_start, changes_end) {
        (false, false) => Ok(()),
        (true, false) => Err(Invalid::new("starts_at", "must be before expires_at").into()),
        (_, true) => Err(Invalid::new("expires_at", OUT_OF_ORDER).into()),
    }
}

fn refused(refused: &UpdateRefused) -> Problem {
    match refused {
        UpdateRefused::Missing => Problem::no_such_link(),
        UpdateRefused::Changed(_) => Problem::changed(),
    }
}
