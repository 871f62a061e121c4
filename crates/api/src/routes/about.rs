//! What the API says about itself: open to everybody.

use crate::dto::{answer, words};
use crate::openapi::Document;
use crate::problem::{Kind, Problem};
use crate::query::NoQuery;
use axum::Extension;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Describes the name of a kind.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes what problem reads")]
struct KindParams {
    /// Its name.
    #[param(schema_with = words::problem_kind)]
    kind: String,
}

/// A kind of problem, as the `type` of a problem refers to it.
#[derive(Serialize, ToSchema)]
struct ProblemKind {
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems/code-taken")]
    kind: String,
    #[schema(example = 409)]
    status: u16,
    #[schema(example = "Another link has the code")]
    title: &'static str,
}

/// This description
///
/// OpenAPI 3.1, generated from the code that serves it.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "about", security(()),
    responses((status = 200, description = "The description of this API", body = serde_json::Value)))]
pub(crate) async fn openapi(_: NoQuery, Extension(document): Extension<Document>) -> Response {
    let mut response = document.json.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A kind of problem
///
/// The `type` of every problem leads here.
#[utoipa::path(get, path = "/api/v1/problems/{kind}", tag = "about", security(()),
    params(KindParams),
    responses((status = 200, description = "What kind it is", body = ProblemKind)))]
pub(crate) async fn problem(
    _: NoQuery,
    params: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<Response, Problem> {
    let params = params.ok();
    let kind =
        params.iter().flatten().find(|&(name, _)| name == "kind").and_then(|(_, name)| Kind::from_name(name));
    let kind = kind.ok_or_else(|| Problem::new(Kind::NotFound, "There is no such kind of problem."))?;
    let about = ProblemKind {
        kind: format!("{}{}", Kind::PATH, kind.as_str()),
        status: kind.status().as_u16(),
        title: kind.title(),
    };
    Ok(answer(StatusCode::OK, &about))
}
