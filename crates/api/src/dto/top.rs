//! Leaders in JSON.

use super::words;
use crate::time::Time;
use serde::Serialize;
use utoipa::ToSchema;

/// The links that people click most in a period.
#[derive(Serialize, ToSchema)]
#[schema(as = Top)]
pub(crate) struct TopJson {
    #[schema(schema_with = words::period)]
    pub(crate) period: &'static str,
    /// The start of the period.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Time,
    /// Its end, which has not come yet.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Time,
    /// The most clicked first.
    pub(crate) links: Vec<LeaderJson>,
}

/// A link and what people clicked it.
#[derive(Serialize, ToSchema)]
#[schema(as = Leader)]
pub(crate) struct LeaderJson {
    /// Its id.
    #[schema(example = "40963")]
    pub(crate) id: String,
    /// Its code.
    #[schema(example = "spring-sale")]
    pub(crate) code: String,
    /// The clicks by people in the period; never more than there were.
    #[schema(example = 512)]
    pub(crate) clicks: u64,
}
