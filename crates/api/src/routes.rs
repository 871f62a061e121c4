//! The routes, by what they are about.

pub(crate) mod about;
pub(crate) mod change;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod pipeline;
pub(crate) mod stats;
pub(crate) mod top;

use crate::problem::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use curtail_model::LinkId;
use http::request::Parts;
use std::str::FromStr;

/// A number in a path. What is none leads nowhere.
pub(crate) struct PathId<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId<T>, Problem> {
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::no_such_link())?;
        let id = params.iter().find(|&(name, _)| name == "id").and_then(|(_, id)| id.parse().ok());
        id.map(PathId).ok_or_else(Problem::no_such_link)
    }
}

/// The id of a link in a path.
pub(crate) type PathLinkId = PathId<LinkId>;
