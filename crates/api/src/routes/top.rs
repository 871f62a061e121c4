//! Which links are clicked most.

use crate::auth::Caller;
use crate::consistency::HasSeen;
use crate::dto::answer;
use crate::dto::top::{LeaderJson, TopJson};
use crate::problem::Problem;
use crate::query::Query;
use crate::service::Service;
use crate::time::{self, Time};
use crate::validate::top::{self, wanted_top};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use curtail_model::Scope;
use futures_util::future::try_join_all;
use http::StatusCode;
use std::sync::Arc;

/// The links that people click most
///
/// In this hour or this day (UTC), up to now. It takes the same time however many links there are.
#[utoipa::path(get, path = "/api/v1/top", operation_id = "top_links", tag = "stats", security(("key" = ["stats:read"])),
    params(top::TopParams),
    responses((status = 200, description = "The links, most clicked first", body = TopJson)))]
pub(crate) async fn top(
    State(service): State<Arc<Service>>,
    caller: Caller,
    HasSeen(seen): HasSeen,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::StatsRead)?;
    let wanted = wanted_top(Query::read(query.as_deref(), top::TOP))?;
    let start = time::now().start_of(wanted.period.millis());
    let leaders = service.leaders.top(wanted.period, start, wanted.limit).await?;
    // Asked at once, so that the store may answer all together.
    let asked = try_join_all(leaders.iter().map(|(id, _)| service.links.get(*id, seen))).await?;
    // One that was removed meanwhile leads no more.
    let links = leaders.into_iter().zip(asked).filter_map(|((id, clicks), link)| {
        Some(LeaderJson { id: id.to_string(), code: link?.code.to_string(), clicks })
    });
    let links: Vec<_> = links.collect();
    let to = Time(start.plus_millis(wanted.period.millis()));
    let body = TopJson { period: wanted.period.as_str(), from: Time(start), to, links };
    Ok(answer(StatusCode::OK, &body))
}
