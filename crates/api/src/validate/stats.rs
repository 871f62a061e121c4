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
    /// The start: a time (RFC 3339) or a day (its first moment in UTC), from which on clicks are kept by this
    /// interval. By default the start of the 30th day before `to`, and by the minute a day before it, as far
    /// as clicks are kept.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// The end, which itself is not in the range: a time, or
    /// a day, which then is in it as a whole. By default now.
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
    /// The start: a time (RFC 3339) or a day (its first moment in UTC), from which on they are kept. By
    /// default the start of the 30th day before `to`, as far as they are kept.
    #[param(example = "2026-03-01")]
    from: Option<String>,
    /// The end, which itself is not in the range: a time, or
    /// a day, which then is in it as a whole. By default now.
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
    let (from, until) = range(&mut query, interval, now, retention);
    let group_by = query.parsed("group_by", &one_of(words::group_names()), |name| match name {
        "class" => Some(GroupBy::Class),
        _ => Dimension::from_name(name).map(GroupBy::Dimension),
    });
    let class = query.parsed("class", &one_of(words::class_names()), |name| match name {
        words::ALL_CLASSES => Some(None),
        _ => ClickClass::from_name(name).map(Some),
    });
    let groups_max = query.number("limit", 1, GROUPS_MAX).unwrap_or(GROUPS);
    if let Some(wrong) = too_many(from, until, interval) {
        query.refuse("interval", wrong);
    }
    query.finish()?;
    Ok(StatsQuery { subject, from, until, interval, group_by, class: class.flatten(), groups_max })
}

/// Checks a question about orphan clicks.
pub(crate) fn wanted_orphans(
    mut query: Query<'_>,
    now: Timestamp,
    retention: &Retention,
) -> Result<WantedOrphans, Problem> {
    let (from, until) = range(&mut query, Grain::Day, now, retention);
    let limit = query.number("limit", 1, GROUPS_MAX).unwrap_or(GROUPS);
    query.finish()?;
    Ok(WantedOrphans { from, until, limit })
}

/// The range that is asked for. By default it is the last thirty days, or, by the minute, the last day: more
/// would be more points than anybody can look at. It does not begin before what is kept: what is not known
/// any more is not 0.
fn range(
    query: &mut Query<'_>,
    interval: Grain,
    now: Timestamp,
    retention: &Retention,
) -> (Timestamp, Timestamp) {
    const WANTED: &str = "a time such as 2026-03-01T12:00:00Z or a day such as 2026-03-01";
    let until = query.parsed("to", WANTED, |text| {
        // The end of the last day that there is cannot be written.
        let day = time::parse_date(text).map(|day| day.plus_millis(Timestamp::DAY).min(time::last()));
        day.or_else(|| time::parse(text))
    });
    let until = until.unwrap_or(now);
    let given = query.parsed("from", WANTED, |text| time::parse_date(text).or_else(|| time::parse(text)));
    let last_day = until.plus_millis(-1).start_of(Timestamp::DAY);
    let by_default = match interval {
        Grain::Minute => until.plus_millis(-Timestamp::DAY).start_of(Timestamp::MINUTE),
        Grain::Hour | Grain::Day => last_day.plus_millis(-(DAYS - 1) * Timestamp::DAY),
    };
    let since = kept_since(interval, now, retention);
    // An interval that is half forgotten is shown: it begins before what is kept.
    let earliest = since.map(|since| since.start_of(interval.millis()));
    let from = given.unwrap_or_else(|| earliest.map_or(by_default, |earliest| by_default.max(earliest)));
    match (given, since) {
        (None, Some(since)) if from >= until => query.refuse("to", forgotten(interval, since)),
        _ if from >= until => query.refuse("from", "must be before to"),
        (Some(from), Some(since)) if from.plus_millis(interval.millis()) <= since => {
            query.refuse("from", forgotten(interval, since));
        }
        _ => {}
    }
    (from, until)
}

/// From when on clicks are kept by an interval, where they are not kept for ever.
fn kept_since(interval: Grain, now: Timestamp, retention: &Retention) -> Option<Timestamp> {
    let kept = match interval {
        Grain::Minute => Some(retention.minutes_kept_millis),
        Grain::Hour => Some(retention.hours_kept_millis),
        Grain::Day => retention.days_kept_millis,
    };
    kept.map(|kept| now.plus_millis(-kept))
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

/// What is wrong with a time whose clicks are not kept any more.
fn forgotten(interval: Grain, since: Timestamp) -> String {
    let coarser = match interval {
        Grain::Minute => ", or interval=hour or day",
        Grain::Hour => ", or interval=day",
        Grain::Day => "",
    };
    format!(
        "is before {}, from which on clicks are kept by {}: choose a later time{coarser}",
        time::format(since),
        interval.as_str(),
    )
}

fn one_of(names: impl Iterator<Item = &'static str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}
