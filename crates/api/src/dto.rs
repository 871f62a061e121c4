//! What answers look like in JSON, and what requests may hold. Domain types know nothing of it.

pub(crate) mod bulk;
pub(crate) mod key;
pub(crate) mod link;
pub(crate) mod pipeline;
pub(crate) mod stats;
pub(crate) mod top;
pub(crate) mod words;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

/// An answer in JSON.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let body =
        serde_json::to_vec(body).expect("answers are strings, numbers and lists, which are always JSON");
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
