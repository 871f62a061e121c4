//! The routes, by what they are about.

pub(crate) mod about;
pub(crate) mod change;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod pipeline;
pub(crate) mod stats;
pub(crate) mod top;

use crate::number;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use curtail_model::LinkId;
use http::request::Parts;

/// What a number in a path names.
pub(crate) trait Named: Sized {
    /// Reads it.
    fn read(text: &str) -> Option<Self>;

    /// Says that there is none.
    fn none() -> Problem;
}

/// A number in a path; anything else is answered 404.
pub(crate) struct PathId<T>(pub(crate) T);

impl Named for LinkId {
    fn read(text: &str) -> Option<LinkId> {
        text.parse().ok()
    }

    fn none() -> Problem {
        Problem::no_such_link()
    }
}

/// A key.
impl Named for u64 {
    fn read(text: &str) -> Option<u64> {
        number::whole(text)
    }

    fn none() -> Problem {
        Problem::no_such_key()
    }
}

impl<S: Send + Sync, T: Named> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId<T>, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| T::none())?;
        let id = params.iter().find(|&(name, _)| name == "id").and_then(|(_, id)| T::read(id));
        id.map(PathId).ok_or_else(T::none)
    }
}

/// The id of a link in a path.
pub(crate) type PathLinkId = PathId<LinkId>;
