//! The kinds of problems: stable names that programs may compare.

use http::StatusCode;

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its title")]
pub enum Kind {
    BadRequest,
    MalformedJson,
    InvalidKey,
    ScopeMissing,
    NotFound,
    MethodNotAllowed,
    Timeout,
    CodeTaken,
    IdempotentLinkGone,
    Changed,
    BodyTooLarge,
    MediaType,
    InvalidFields,
    IdempotencyKeyUsed,
    TooManyRequests,
    Internal,
    CodesUsedUp,
    DiskFull,
    Unavailable,
    InDoubt,
    Backlogged,
    Forbidden,
    Damaged,
    Overloaded,
}

impl Kind {
    /// Where kinds are described: the `type` of a problem is this and its name.
    pub const PATH: &str = "/api/v1/problems/";

    /// All kinds, by status.
    pub const ALL: [Kind; 24] = [
        Kind::BadRequest,
        Kind::MalformedJson,
        Kind::InvalidKey,
        Kind::ScopeMissing,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::Timeout,
        Kind::CodeTaken,
        Kind::IdempotentLinkGone,
        Kind::Changed,
        Kind::BodyTooLarge,
        Kind::MediaType,
        Kind::InvalidFields,
        Kind::IdempotencyKeyUsed,
        Kind::TooManyRequests,
        Kind::Internal,
        Kind::CodesUsedUp,
        Kind::DiskFull,
        Kind::Unavailable,
        Kind::InDoubt,
        Kind::Backlogged,
        Kind::Forbidden,
        Kind::Damaged,
        Kind::Overloaded,
    ];

    /// Its name, the last segment of its `type`.
    pub const fn as_str(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status it is answered with.
    pub const fn status(self) -> StatusCode {
        self.facts().1
    }

    /// What it is, in words.
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    const fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Kind::BadRequest => ("bad-request", StatusCode::BAD_REQUEST, "The request cannot be understood"),
            Kind::MalformedJson => ("malformed-json", StatusCode::BAD_REQUEST, "The body is not valid JSON"),
            Kind::InvalidKey => ("invalid-key", StatusCode::UNAUTHORIZED, "A valid API key is needed"),
            Kind::ScopeMissing => ("scope-missing", StatusCode::FORBIDDEN, "The API key may not do this"),
            Kind::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is nothing here"),
            Kind::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed here")
            }
            Kind::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"),
            Kind::CodeTaken => ("code-taken", StatusCode::CONFLICT, "Another link has the code"),
            Kind::IdempotentLinkGone => {
                ("idempotent-link-gone", StatusCode::GONE, "The link that this Idempotency-Key made is gone")
            }
            Kind::Changed => ("changed", StatusCode::PRECONDITION_FAILED, "It has changed since"),
            Kind::BodyTooLarge => ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Kind::MediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has an unsupported type",
            ),
            Kind::InvalidFields => {
                ("invalid-fields", StatusCode::UNPROCESSABLE_ENTITY, "Some fields are invalid")
            }
            Kind::IdempotencyKeyUsed => (
                "idempotency-key-used",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key was used for a different request",
            ),
            Kind::TooManyRequests => {
                ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            }
            Kind::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong inside"),
            Kind::CodesUsedUp => {
                ("codes-used-up", StatusCode::SERVICE_UNAVAILABLE, "There are no more codes to generate")
            }
            Kind::DiskFull => ("disk-full", StatusCode::SERVICE_UNAVAILABLE, "The disk is full"),
            Kind::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The store cannot be reached")
            }
            Kind::InDoubt => (
                "in-doubt",
                StatusCode::SERVICE_UNAVAILABLE,
                "Whether it happened is not known: read before repeating",
            ),
            Kind::Backlogged => {
                ("backlogged", StatusCode::SERVICE_UNAVAILABLE, "Too many new links wait for the database")
            }
            Kind::Forbidden => (
                "database-rights",
                StatusCode::SERVICE_UNAVAILABLE,
                "The server lacks a right in its database",
            ),
            Kind::Damaged => ("damaged", StatusCode::SERVICE_UNAVAILABLE, "What is stored here is damaged"),
            Kind::Overloaded => {
                ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "There is too much to do just now")
            }
        }
    }
}
