//! What a visitor gets, before it is bytes.

use bytes::Bytes;
use curtail_model::{RedirectStatus, Target};
use http::StatusCode;

/// What browsers may do with redirects that the link's owner calls permanent: remember them briefly, so that
/// edits and counts stay close to the truth.
pub(crate) const BRIEFLY: &str = "private, max-age=90";
/// What browsers may do with all others: ask again each time.
pub(crate) const NEVER: &str = "private, no-store";

/// An answer to a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Go there.
    Redirect { status: StatusCode, location: String, cache_control: &'static str },
    /// It leads somewhere, and where is told to those who go there.
    Withheld { status: StatusCode },
    /// Read this.
    Page { status: StatusCode, html: Bytes, retry_after_seconds: Option<u32> },
}

impl Answer {
    /// To a link's destination.
    pub(crate) fn redirect(target: &Target<'_>, location: String) -> Answer {
        Answer::Redirect { status: status_of(target.status), location, cache_control: cache_control(target) }
    }

    /// To where an owner sends visitors instead, or after a form: always asked again, always with `GET`.
    pub(crate) fn see(status: StatusCode, location: String) -> Answer {
        Answer::Redirect { status, location, cache_control: NEVER }
    }

    /// A page.
    pub(crate) fn page(status: StatusCode, html: impl Into<Bytes>) -> Answer {
        Answer::Page { status, html: html.into(), retry_after_seconds: None }
    }

    /// A page about something that may be different later.
    pub(crate) fn try_again(status: StatusCode, seconds: u32, html: impl Into<Bytes>) -> Answer {
        Answer::Page { status, html: html.into(), retry_after_seconds: Some(seconds) }
    }
}

/// The status that the owner of a link chose, as HTTP has it.
pub(crate) const fn status_of(status: RedirectStatus) -> StatusCode {
    match status {
        RedirectStatus::MovedPermanently => StatusCode::MOVED_PERMANENTLY,
        RedirectStatus::Found => StatusCode::FOUND,
        RedirectStatus::TemporaryRedirect => StatusCode::TEMPORARY_REDIRECT,
        RedirectStatus::PermanentRedirect => StatusCode::PERMANENT_REDIRECT,
    }
}

/// What browsers may do with the redirect of a link: one that has an end or a limit must not outlive it in a
/// browser.
#[inline]
pub(crate) const fn cache_control(target: &Target<'_>) -> &'static str {
    if target.status.is_permanent() && target.conditions.is_none() { BRIEFLY } else { NEVER }
}
