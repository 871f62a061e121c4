//! All routes on the main port that are not short links.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use curtail_api::ClientAddress;
use curtail_cache::WriteBehind;
use curtail_redirect::{Elsewhere, is_of_the_api, pages};
use curtail_runtime::health::Health;
use http_body_util::BodyExt;
use std::sync::Arc;
use tower::ServiceExt;

/// What answers on the main port when the path is none of a link.
pub(crate) fn elsewhere(api: Router, health: Arc<Health>, journal: Option<WriteBehind>) -> Elsewhere {
    let pages = Router::new()
        .route("/", get(|| async { page(StatusCode::OK, pages::home()) }))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state((health, journal)))
        .route(
            "/robots.txt",
            get(|| async { ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], pages::ROBOTS) }),
        )
        .route("/favicon.svg", get(|| async { icon("image/svg+xml", pages::FAVICON_SVG) }))
        .route("/favicon.ico", get(|| async { icon("image/x-icon", pages::FAVICON_ICO) }))
        .fallback(|| async { page(StatusCode::NOT_FOUND, pages::not_found()) })
        .method_not_allowed_fallback(|| async {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, pages::method_not_allowed());
            refused.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
            refused
        });
    Arc::new(move |request, visitor| {
        let router = if is_of_the_api(request.uri().path().as_bytes()) { api.clone() } else { pages.clone() };
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ClientAddress(visitor));
        Box::pin(async move {
            let Ok(response) = router.oneshot(request).await;
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
    })
}

/// Ready, or not any more, because the process is about to stop. Where new links wait for the store, how
/// many: a process without room for more of them still redirects, so it stays ready.
async fn ready(State((health, journal)): State<(Arc<Health>, Option<WriteBehind>)>) -> Response {
    if health.is_ready() {
        let waiting = journal.map(|journal| journal.statistics()).map(|status| {
            let (waiting, age) = (status.waiting, status.age.as_secs());
            let taken = status.bytes * 100 / status.budget.max(1);
            format!("new links waiting: {waiting}, the oldest for {age} s, {taken} % of the room taken\n")
        });
        format!("ok\n{}", waiting.unwrap_or_default()).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
    }
}

fn page(status: StatusCode, html: impl Into<Body>) -> Response {
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    for (name, value) in pages::HEADERS {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

fn icon(content_type: &'static str, bytes: &'static [u8]) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "public, max-age=86400")], bytes)
        .into_response()
}
