//! Checks a question about leaders.

use crate::dto::words;
use crate::problem::Problem;
use crate::query::Query;
use curtail_store::leaders::LEADERS_MAX;
use curtail_store::rollups::Grain;
use utoipa::IntoParams;

/// The parameters of a question about leaders.
pub(crate) const TOP: &[&str] = &["period", "limit"];

/// Leaders of a question that does not say how many.
const LEADERS: usize = 10;

/// Describes [`TOP`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what wanted_top reads")]
pub(crate) struct TopParams {
    #[param(schema_with = words::period)]
    period: Option<String>,
    /// Links to answer: 1 to 100, by default 10.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A question about leaders.
pub(crate) struct WantedTop {
    pub(crate) period: Grain,
    pub(crate) limit: usize,
}

/// Checks a question about leaders.
pub(crate) fn wanted_top(mut query: Query<'_>) -> Result<WantedTop, Problem> {
    let period = query.parsed("period", "hour or day", |text| {
        words::PERIODS.into_iter().find(|grain| grain.as_str() == text)
    });
    let limit = query.number("limit", 1, LEADERS_MAX);
    query.finish()?;
    Ok(WantedTop { period: period.unwrap_or(Grain::Day), limit: limit.unwrap_or(LEADERS) })
}
