//! The lines of the answer to a bulk in JSON.

use super::link::LinkJson;
use crate::problem::ProblemJson;
use serde::Serialize;
use utoipa::ToSchema;

/// A line of the answer to a bulk: what became of the line with the same number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = BulkAnswer)]
pub(crate) enum BulkAnswerJson<'a> {
    /// There is a link.
    Made {
        /// The number of the line; the first is 1.
        #[schema(minimum = 1, example = 1)]
        line: u64,
        /// 201 when it is new, 200 when `reuse` found it.
        #[schema(example = 201)]
        status: u16,
        link: LinkJson<'a>,
    },
    /// The line failed, alone.
    Refused {
        /// The number of the line; the first is 1. The answer to a body that broke off has the number of the
        /// line that would have come next, and is the last.
        #[schema(minimum = 1, example = 2)]
        line: u64,
        /// That of the problem.
        #[schema(example = 409)]
        status: u16,
        error: ProblemJson<'a>,
    },
}
