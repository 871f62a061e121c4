//! How far counting is.

use crate::auth::Caller;
use crate::dto::answer;
use crate::dto::pipeline::PipelineJson;
use crate::problem::Problem;
use crate::query::NoQuery;
use crate::service::Service;
use axum::extract::State;
use axum::response::Response;
use curtail_model::Scope;
use http::StatusCode;
use std::sync::Arc;

/// The pipeline of clicks
///
/// What the process that answers has recorded, handed on, counted and dropped, and what waits in it. Where
/// nodes and workers are apart, each tells its own part, and all tell what waits between them
/// (`log_waiting`); `/metrics` of each has the same numbers.
#[utoipa::path(get, path = "/api/v1/pipeline", operation_id = "pipeline", tag = "stats", security(("key" = ["stats:read"])),
    responses((status = 200, description = "How far counting is", body = PipelineJson)))]
pub(crate) async fn pipeline(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: NoQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::StatsRead)?;
    Ok(answer(StatusCode::OK, &PipelineJson::from(&service.pipeline.status())))
}
