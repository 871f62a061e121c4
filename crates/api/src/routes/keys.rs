//! List, make and revoke API keys.

use crate::auth::Caller;
use crate::body;
use crate::dto::answer;
use crate::dto::key::{KeyJson, KeysJson, NewKeyBody, NewKeyJson};
use crate::idempotency::IdempotencyKey;
use crate::keys::generate_key;
use crate::problem::{Kind, Problem};
use crate::query::NoQuery;
use crate::routes::PathId;
use crate::service::Service;
use crate::time;
use crate::validate::key::wanted_key;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use curtail_model::Scope;
use curtail_store::{ApiKey, NewApiKey};
use http::StatusCode;
use http::header::HeaderMap;
use std::sync::Arc;

/// List API keys
///
/// Revoked ones too. The keys themselves are not known to anybody but their owners.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "list_keys", tag = "keys", security(("key" = ["keys:admin"])),
    responses((status = 200, description = "All keys", body = KeysJson<'_>)))]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::KeysAdmin)?;
    let keys = service.keys.list().await?;
    Ok(answer(StatusCode::OK, &KeysJson { keys: keys.iter().map(KeyJson::from).collect() }))
}

/// Make an API key
///
/// The answer holds the key, this once. No repetition could answer it again: an `Idempotency-Key` is refused
/// with 422.
#[utoipa::path(post, path = "/api/v1/keys", operation_id = "create_key", tag = "keys", security(("key" = ["keys:admin"])),
    request_body = NewKeyBody,
    responses((status = 201, description = "It is made", body = NewKeyJson<'_>)))]
pub(crate) async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.may(Scope::KeysAdmin)?;
    IdempotencyKey::refuse(
        &headers,
        "cannot be given here: a key is shown once, and would not be shown again",
    )?;
    let body = body::json(&headers, body, body::JSON, &service.settings).await?;
    let now = time::now();
    let wanted = wanted_key(&body, now)?;
    let failed = || Problem::new(Kind::Internal, "No key could be made. It has been logged.");
    let (plain, hash) = generate_key().map_err(|error| {
        tracing::error!(%error, "no key could be made");
        failed()
    })?;
    let key = NewApiKey {
        name: wanted.name,
        hash,
        scopes: wanted.scopes,
        created_at: now,
        expires_at: wanted.expires_at,
    };
    // Two keys of 160 random bits are the same only if the system's random numbers are not random.
    let id = service.keys.add(key.clone()).await?.ok_or_else(failed)?;
    let NewApiKey { name, scopes, created_at, expires_at, .. } = key;
    let made = ApiKey { id, name, scopes, created_at, expires_at, revoked_at: None };
    Ok(answer(StatusCode::CREATED, &NewKeyJson { key: &plain, about: KeyJson::from(&made) }))
}

/// Revoke an API key
///
/// For ever, and everywhere within a second.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", operation_id = "revoke_key", tag = "keys", security(("key" = ["keys:admin"])),
    params(("id" = String, Path, description = "Its id", example = "3")),
    responses((status = 204, description = "It is revoked")))]
pub(crate) async fn revoke(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
    PathId(id): PathId<u64>,
) -> Result<Response, Problem> {
    caller.may(Scope::KeysAdmin)?;
    let revoked = service.keys.revoke(id, time::now()).await?;
    service.authenticator.forget();
    if revoked { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Problem::no_such_key()) }
}
