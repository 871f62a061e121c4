//! What a client is told when something was not done: RFC 9457 `application/problem+json`.
//!
//! A problem names every invalid field at once. What went wrong inside is logged here, once, and never told.

mod errors;
mod kind;

pub(crate) use errors::Errors;
pub use kind::Kind;

use crate::time;
use axum::response::{IntoResponse, Response};
use curtail_store::{Refused, StoreError};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, Ordering};
use utoipa::ToSchema;

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Something that was not done, and why.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<Invalid>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invalid {
    /// The field of the body (`tags[2]` for the third tag), the parameter of the query or the header.
    #[schema(value_type = String, example = "expires_at")]
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    #[schema(value_type = String, example = "must be after starts_at")]
    pub detail: Cow<'static, str>,
}

/// A problem (RFC 9457): what went wrong, for programs (`type`, `status`, `errors`) and for people (`title`,
/// `detail`).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemJson<'a> {
    /// Where this kind of problem is described; stable, so compare it.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems/invalid-fields")]
    kind: KindPath,
    /// The kind of problem in words.
    #[schema(example = "Some fields are invalid")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What is wrong this time.
    #[schema(example = "1 field is invalid.")]
    detail: &'a str,
    /// Everything that is wrong with the request, where it can be named: at most 50 things, those with known
    /// fields first of all.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [Invalid],
}

/// The path that describes a kind of problem.
// Written without building a string first.
#[derive(ToSchema)]
#[schema(value_type = String)]
struct KindPath(Kind);

impl Serialize for KindPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", Kind::PATH, self.0.as_str()))
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// So many things that are wrong, at least one, and those of them that are named.
    fn invalid(count: usize, errors: Vec<Invalid>) -> Problem {
        let detail: Cow<'static, str> = match count {
            1 => "1 field is invalid.".into(),
            all if all == errors.len() => format!("{all} fields are invalid.").into(),
            more => format!("{more} fields are invalid; {} of them are named.", errors.len()).into(),
        };
        Problem { errors, ..Problem::new(Kind::InvalidFields, detail) }
    }

    /// There is no such link.
    pub fn no_such_link() -> Problem {
        Problem::new(Kind::NotFound, "There is no such link.")
    }

    /// A link is not under the versions that a request is bound to.
    pub(crate) fn changed() -> Problem {
        Problem::new(
            Kind::Changed,
            "The link is not what If-Match or If-None-Match ask for any more. Read it again and decide anew.",
        )
    }

    /// There is no such key.
    pub(crate) fn no_such_key() -> Problem {
        Problem::new(Kind::NotFound, "There is no such key, or it has been revoked before.")
    }

    /// This problem with one more header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> http::StatusCode {
        self.kind.status()
    }

    /// What is written as its JSON.
    pub(crate) fn json(&self) -> ProblemJson<'_> {
        ProblemJson {
            kind: KindPath(self.kind),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        }
    }
}

impl Invalid {
    /// What is wrong with a field.
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Invalid {
        Invalid { field: field.into(), detail: detail.into() }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        Problem::invalid(1, vec![invalid])
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match refused {
            Refused::CodeTaken => Problem {
                errors: vec![Invalid::new("code", "is taken")],
                ..Problem::new(
                    Kind::CodeTaken,
                    "Another link has this code, or had it: a generated code is never given again. Choose another, or leave it out.",
                )
            },
            Refused::IdempotencyKeyUsed => {
                Problem::new(Kind::IdempotencyKeyUsed, "This Idempotency-Key came with another body before.")
            }
            Refused::IdempotentLinkGone => {
                Problem::new(Kind::IdempotentLinkGone, "The link that this request made before was removed.")
            }
            Refused::CodesUsedUp => Problem::new(Kind::CodesUsedUp, "There are no more codes to generate."),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        log(&error);
        match error {
            StoreError::Full => Problem::new(
                Kind::DiskFull,
                "The disk is full: nothing was changed. It works again when there is room.",
            )
            .with(RETRY_AFTER, HeaderValue::from_static("10")),
            StoreError::Unavailable(_) => Problem::new(
                Kind::Unavailable,
                "The store cannot be reached just now. Trying again may help.",
            )
            .with(RETRY_AFTER, HeaderValue::from_static("1")),
            StoreError::InDoubt(_) => Problem::new(
                Kind::InDoubt,
                "The answer of the database was lost: the link may have been changed or not. Read it before trying again.",
            )
            .with(RETRY_AFTER, HeaderValue::from_static("1")),
            StoreError::Backlogged(_) => Problem::new(
                Kind::Backlogged,
                "New links wait for the database, and there is no room for more: nothing was made. Trying again later may help.",
            )
            .with(RETRY_AFTER, HeaderValue::from_static("5")),
            StoreError::Forbidden(_) => Problem::new(
                Kind::Forbidden,
                "The database does not let this server do that, and nothing was changed. The log says what right is missing.",
            ),
            StoreError::Damaged(_) => Problem::new(
                Kind::Damaged,
                "What is stored here is damaged, and nothing was changed. The log says where; a backup of it helps.",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.json())
            .expect("a problem is strings and numbers, which are always JSON");
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.extend(self.headers);
        response
    }
}

/// Says what went wrong, at most once a second: a full disk under load must not be filled by its own log.
fn log(error: &StoreError) {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let second = time::now().seconds();
    if LAST.swap(second, Ordering::Relaxed) != second {
        tracing::error!(%error, "a request failed in the store");
    }
}
