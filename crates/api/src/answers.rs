//! What all answers have in common, whichever part of the API gave them.

use crate::problem::{self, Kind, Problem};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};

/// Answers for what no route serves.
pub(crate) async fn nothing_here() -> Problem {
    Problem::new(
        Kind::NotFound,
        "There is nothing at this path. The API is described at /api/v1/openapi.json.",
    )
}

/// Answers OPTIONS, gives refusals of the router itself the form of
/// all others, and keeps answers out of caches and content sniffers.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let mut response = next.run(request).await;
    // The router adds it whenever no route has the method, also where something else was the matter.
    let allowed = response.headers_mut().remove(ALLOW);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED && !is_problem(&response) {
        response = method_not_allowed(&method, allowed.as_ref());
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn method_not_allowed(method: &Method, allowed: Option<&HeaderValue>) -> Response {
    let names = allowed.and_then(|allowed| allowed.to_str().ok()).unwrap_or_default();
    let names = format!("{names},OPTIONS").trim_start_matches(',').replace(',', ", ");
    let allow = HeaderValue::try_from(&names).expect("names of methods are visible ASCII");
    if *method == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response();
    }
    Problem::new(Kind::MethodNotAllowed, format!("Allowed here: {names}.")).with(ALLOW, allow).into_response()
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|given| given == problem::MEDIA_TYPE)
}
