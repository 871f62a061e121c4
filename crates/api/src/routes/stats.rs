//! What was counted: for a link, for all of them, and for what is not a link.

use crate::auth::Caller;
use crate::consistency::HasSeen;
use crate::dto::answer;
use crate::dto::stats::{OrphansJson, StatsJson, groups, orphans as orphans_json, series};
use crate::dto::words;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::{PathId, PathLinkId};
use crate::service::Service;
use crate::time::{self, Time};
use crate::validate::stats::{self, wanted_orphans, wanted_stats};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use curtail_clicks::stats::Query as StatsQuery;
use curtail_model::{ClickClass, Scope};
use curtail_store::rollups::Subject;
use http::StatusCode;
use std::sync::Arc;

/// Stats of a link
///
/// Read from rollups: a link with 100 million clicks answers as fast as one with ten. A click shows within 2
/// seconds.
#[utoipa::path(get, path = "/api/v1/links/{id}/stats", operation_id = "link_stats", tag = "stats", security(("key" = ["stats:read"])),
    params(("id" = String, Path, description = "Its id", example = "40963"), stats::StatsParams),
    responses((status = 200, description = "What was counted", body = StatsJson<'_>)))]
pub(crate) async fn of_link(
    State(service): State<Arc<Service>>,
    caller: Caller,
    HasSeen(seen): HasSeen,
    PathId(id): PathLinkId,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::StatsRead)?;
    let wanted = wanted(&service, Subject::Link(id), query.as_deref())?;
    if service.links.get(id, seen).await?.is_none() {
        return Err(Problem::no_such_link());
    }
    report(&service, &wanted).await
}

/// Stats of all links together
#[utoipa::path(get, path = "/api/v1/stats", operation_id = "overall_stats", tag = "stats", security(("key" = ["stats:read"])),
    params(stats::StatsParams),
    responses((status = 200, description = "What was counted", body = StatsJson<'_>)))]
pub(crate) async fn of_everything(
    State(service): State<Arc<Service>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::StatsRead)?;
    report(&service, &wanted(&service, Subject::Everything, query.as_deref())?).await
}

/// Requests that led nowhere
#[utoipa::path(get, path = "/api/v1/orphans", operation_id = "orphan_clicks", tag = "stats", security(("key" = ["stats:read"])),
    params(stats::OrphansParams),
    responses((status = 200, description = "The paths that were asked for and led nowhere: of no link, or of one that is over, not there yet or archived", body = OrphansJson<'_>)))]
pub(crate) async fn orphans(
    State(service): State<Arc<Service>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.may(Scope::StatsRead)?;
    let query = Query::read(query.as_deref(), stats::ORPHANS);
    let wanted = wanted_orphans(query, time::now(), &service.settings.retention)?;
    let report = service.stats.orphans(wanted.from, wanted.until, wanted.limit).await?;
    Ok(answer(StatusCode::OK, &orphans_json(wanted.from, wanted.until, &report)))
}

fn wanted(service: &Service, subject: Subject, query: Option<&str>) -> Result<StatsQuery, Problem> {
    let query = Query::read(query, stats::STATS);
    wanted_stats(query, subject, time::now(), &service.settings.retention)
}

async fn report(service: &Service, wanted: &StatsQuery) -> Result<Response, Problem> {
    let report = service.stats.report(wanted).await?;
    let body = StatsJson {
        from: Time(wanted.from),
        to: Time(wanted.until),
        interval: wanted.interval.as_str(),
        class: wanted.class.map_or(words::ALL_CLASSES, ClickClass::as_str),
        total: report.total,
        unique: report.unique,
        series: series(&report),
        group_by: wanted.group_by.map(words::group_name),
        groups: groups(&report),
    };
    Ok(answer(StatusCode::OK, &body))
}
