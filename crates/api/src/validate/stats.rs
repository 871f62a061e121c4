//! Checks a question about clicks.

use crate::dto::words;
use crate::problem::Problem;
use crate::query::Query;
use crate::time;
use curtail_clicks::pipeline::Retention;
use curtail_clicks::stats::{GroupBy, Query as StatsQuery};
use curtail_model::{ClickClass, Dimension, Timestamp};
use curtail_store::rollups::{Grain, Subject};
use utoipa::IntoParams;

/// Intervals that one answer shows.
const POINTS_MAX: i64 = 10_000;

/// The days of a question that says nothing else.
const DAYS: i64 = 30;

/// Groups of an answer: when nothing is said, and at most.
const GROUPS: usize = 100;
const GROUPS_MAX: usize = 1_000;

/// The parameters of a question about clicks.
pub(crate) const STATS: &[&str] = &["from", "to", "interval", "group_by", "class", "limit"];

/// The parameters of a question about orphan clicks.
pub(crate) const ORPHANS: &[&str] = &["from", "to", "limit"];

/// Describes [`STATS`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what wanted_stats reads")]
pub(crate) struct StatsParams {
    /// The start: a time (RFC 3339) or a day (its first moment in UTC). By default the start of the 30th day before
    /// `to`, and by the minute a day before it.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// The end, which itself is not in the range: a time, or a day, which then is in it as a whole. By default now.
    #[param(example = "2026-03-31")]
    to: Option<String>,
    #[param(schema_with = words::interval)]
    interval: Option<String>,
    #[param(schema_with = words::group_by)]
    group_by: Option<String>,
    #[param(schema_with = words::class)]
    class: Option<String>,
    /// Groups to answer: 1 to 1,000, by default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Describes [`ORPHANS`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what wanted_orphans reads")]
pub(crate) struct OrphansParams {
    /// The start: a time (RFC 3339) or a day (its first moment in UTC). By default the start of the 30th day before `to`.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// The end, which itself is not in the range: a time, or a day, which then is in it as a whole. By default now.
    #[param(example = "2026-03-31")]
    to: Option<String>,
    /// Paths to answer: 1 to 1,000, by default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A question about orphan clicks.
pub(crate) struct WantedOrphans {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) limit: usize,
}

/// Checks a question about clicks on `subject`.
pub(crate) fn wanted_stats(
    mut query: Query<'_>,
    subject: Subject,
    now: Timestamp,
    retention: &Retention,
) -> Result<StatsQuery, Problem> {
    let interval = query.parsed("interval", "minute, hour or day", |name| {
        Grain::ALL.into_iter().find(|grain| grain.as_str() == name)
    });
    let interval = interval.unwrap_or(Grain::Day);
    let (from, until) = range(&mut query, now, interval);
    let group_by = query.parsed("group_by", &one_of(words::group_names()), |name| match name {
        "class" => Some(GroupBy::Class),
        _ => Dimension::from_name(name).map(GroupBy::Dimension),
    });
    let class = query.parsed("class", &one_of(words::class_names()), |name| match name {
        words::ALL_CLASSES => Some(None),
        _ => ClickClass::from_name(name).map(Some),
    });
    let groups_max = limit(&mut query);
    if let Some(wrong) = too_many(from, until, interval) {
        query.refuse("interval", wrong);
    }
    if let Some(wrong) = forgotten(from, interval, now, retention) {
        query.refuse("from", wrong);
    }
    query.finish()?;
    Ok(StatsQuery { subject, from, until, interval, group_by, class: class.flatten(), groups_max })
}

/// Checks a question about orphan clicks.
pub(crate) fn wanted_orphans(mut query: Query<'_>, now: Timestamp) -> Result<WantedOrphans, Problem> {
    let (from, until) = range(&mut query, now, Grain::Day);
    let limit = limit(&mut query);
    query.finish()?;
    Ok(WantedOrphans { from, until, limit })
}

/// The range that is asked for. By default it is the last thirty days, or, by the minute, the last day: more would be
/// more points than anybody can look at.
fn range(query: &mut Query<'_>, now: Timestamp, interval: Grain) -> (Timestamp, Timestamp) {
    const WANTED: &str = "a time such as 2026-03-01T12:00:00Z or a day such as 2026-03-01";
    let until = query.parsed("to", WANTED, |text| {
        let day = time::parse_date(text).map(|day| day.plus_millis(Timestamp::DAY));
        day.or_else(|| time::parse(text))
    });
    let until = until.unwrap_or(now);
    let from = query.parsed("from", WANTED, |text| time::parse_date(text).or_else(|| time::parse(text)));
    let last_day = until.plus_millis(-1).start_of(Timestamp::DAY);
    let from = from.unwrap_or(match interval {
        Grain::Minute => until.plus_millis(-Timestamp::DAY).start_of(Timestamp::MINUTE),
        Grain::Hour | Grain::Day => last_day.plus_millis(-(DAYS - 1) * Timestamp::DAY),
    });
    if from >= until {
        query.refuse("from", "must be before to");
    }
    (from, until)
}

fn limit(query: &mut Query<'_>) -> usize {
    let limit = query.parsed("limit", "from 1 to 1000", |text| {
        text.parse().ok().filter(|limit| (1..=GROUPS_MAX).contains(limit))
    });
    limit.unwrap_or(GROUPS)
}

/// What is wrong with an interval that would make more points than anybody can look at.
fn too_many(from: Timestamp, until: Timestamp, interval: Grain) -> Option<String> {
    let first = |time: Timestamp, grain: Grain| time.start_of(grain.millis()).millis() / grain.millis();
    let points = |grain| first(until.plus_millis(-1), grain) - first(from, grain) + 1;
    if points(interval) <= POINTS_MAX {
        return None;
    }
    let advice = match Grain::ALL.into_iter().find(|&grain| points(grain) <= POINTS_MAX) {
        Some(coarser) => format!("interval={}", coarser.as_str()),
        None => "a shorter range".to_owned(),
    };
    Some(format!(
        "would give {} points; at most {POINTS_MAX} are answered: choose {advice}",
        points(interval)
    ))
}

/// What is wrong with a start whose detail is not kept any more.
fn forgotten(from: Timestamp, interval: Grain, now: Timestamp, retention: &Retention) -> Option<String> {
    let (kept, coarser) = match interval {
        Grain::Minute => (retention.minutes_kept_millis, "hour or day"),
        Grain::Hour => (retention.hours_kept_millis, "day"),
        Grain::Day => return None,
    };
    let since = now.plus_millis(-kept);
    // An interval that is half forgotten is shown: it begins before what is kept.
    if from.plus_millis(interval.millis()) > since {
        return None;
    }
    Some(format!(
        "is before {}, from which on clicks are kept by {}: choose a later time, or interval={coarser}",
        time::format(since),
        interval.as_str(),
    ))
}

fn one_of(names: impl Iterator<Item = &'static str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}
