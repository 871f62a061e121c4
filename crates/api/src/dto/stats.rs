//! Stats in JSON.

use super::words;
use crate::time::Time;
use curtail_clicks::stats::{OrphanReport, Report};
use curtail_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What was counted in a range of time.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsJson<'a> {
    /// The start of the range.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Time,
    /// The end of the range, which itself is not in it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Time,
    #[schema(schema_with = words::interval)]
    pub(crate) interval: &'static str,
    #[schema(schema_with = words::class)]
    pub(crate) class: &'static str,
    /// Clicks.
    #[schema(example = 1204)]
    pub(crate) total: u64,
    /// The different visitors of each UTC day that the range touches, summed: someone who comes on two days
    /// counts twice. Exact up to 32 visitors a day, with a standard error of about 1.6 % beyond.
    #[schema(example = 873)]
    pub(crate) unique: u64,
    /// Every interval that the range touches, those without clicks too.
    pub(crate) series: Vec<PointJson>,
    #[schema(schema_with = words::group_by_or_null, required)]
    pub(crate) group_by: Option<&'static str>,
    /// The most clicked first; empty without `group_by`. `(other)` gathers what fell over a limit.
    pub(crate) groups: Vec<GroupJson<'a>>,
}

/// The clicks of one interval.
#[derive(Serialize, ToSchema)]
#[schema(as = Point)]
pub(crate) struct PointJson {
    /// The start of the interval.
    #[schema(value_type = String, format = DateTime)]
    t: Time,
    #[schema(example = 40)]
    clicks: u64,
}

/// The clicks of one group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupJson<'a> {
    #[schema(example = "DE")]
    value: &'a str,
    #[schema(example = 512)]
    clicks: u64,
}

/// Requests that led nowhere: of no link, or of one that was not open.
#[derive(Serialize, ToSchema)]
#[schema(as = Orphans)]
pub(crate) struct OrphansJson<'a> {
    #[schema(value_type = String, format = DateTime)]
    from: Time,
    #[schema(value_type = String, format = DateTime)]
    to: Time,
    #[schema(example = 17)]
    total: u64,
    /// The most asked for first. `(other)` gathers what fell over a limit.
    paths: Vec<OrphanJson<'a>>,
}

/// A path that led nowhere, and how often it was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = Orphan)]
pub(crate) struct OrphanJson<'a> {
    #[schema(example = "/old-campaign")]
    path: &'a str,
    #[schema(example = 9)]
    clicks: u64,
}

pub(crate) fn series(report: &Report) -> Vec<PointJson> {
    report.series.iter().map(|&(start, clicks)| PointJson { t: Time(start), clicks }).collect()
}

pub(crate) fn groups(report: &Report) -> Vec<GroupJson<'_>> {
    report.groups.iter().map(|(value, clicks)| GroupJson { value, clicks: *clicks }).collect()
}

pub(crate) fn orphans(from: Timestamp, to: Timestamp, report: &OrphanReport) -> OrphansJson<'_> {
    let paths = report.paths.iter().map(|(path, clicks)| OrphanJson { path, clicks: *clicks }).collect();
    OrphansJson { from: Time(from), to: Time(to), total: report.total, paths }
}
