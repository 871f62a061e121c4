//! Stats: what the API shows of clicks, read from rollups only, so a link with 100 million clicks opens like
//! one with ten.
//!
//! # What the figures mean
//!
//! - A range counts from its first minute to its last, both whole. Where it cuts an interval in two, the part
//!   is counted from finer rollups; where those have been forgotten, the whole interval is counted instead.
//! - `total` is the sum of `series`, and of `groups`.
//! - `unique` is *daily visitors, summed*: the different visitors of each whole UTC day that the range
//!   touches, added up. A visitor cannot be recognised the next day, so someone who comes on two days counts
//!   twice. With a class it is the visitors of that class; without, a visitor of several classes counts once
//!   a day. It is exact up to 32 visitors a day and class, and has a standard error of about 1.6 % beyond.

mod groups;
mod leaders;
mod pieces;

use crate::rollup::{Malformed, Rollup, Section};
use curtail_model::{ClickClass, Dimension, Timestamp};
use curtail_store::rollups::{Grain, Subject};
use curtail_store::{Rollups, StoreError};
use groups::Groups;
use pieces::{Piece, Range};
use std::sync::Arc;

/// What fell over a cap is shown under this value.
pub const OTHER: &str = "(other)";
/// A series has at most so many intervals; of a longer range, the last ones are shown.
pub const SERIES_MAX: usize = 50_000;

/// Answers questions about clicks.
#[derive(Clone)]
pub struct Stats {
    rollups: Arc<dyn Rollups>,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Whose clicks.
    pub subject: Subject,
    /// The first moment of it.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// The intervals of the series.
    pub interval: Grain,
    /// What to group by.
    pub group_by: Option<GroupBy>,
    /// Only clicks of this class.
    pub class: Option<ClickClass>,
    /// At most so many groups, beside [`OTHER`].
    pub groups_max: usize,
}

/// What clicks can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Their class.
    Class,
    /// Their values in a dimension.
    Dimension(Dimension),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The clicks.
    pub total: u64,
    /// The visitors of each day, summed.
    pub unique: u64,
    /// The clicks of every interval that the range touches, by its start.
    pub series: Vec<(Timestamp, u64)>,
    /// The clicks of each value: most first, [`OTHER`] last.
    pub groups: Vec<(String, u64)>,
}

/// What was asked for and led nowhere: no links, or links that were not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanReport {
    /// The requests.
    pub total: u64,
    /// The paths: most first, [`OTHER`] last.
    pub paths: Vec<(String, u64)>,
}

impl Query {
    /// How many intervals the range touches; at most [`SERIES_MAX`] are answered.
    pub fn intervals(&self) -> u64 {
        Range::of(self.from, self.until, self.interval).intervals()
    }
}

impl Stats {
    /// Stats of what is remembered there.
    pub fn new(rollups: Arc<dyn Rollups>) -> Stats {
        Stats { rollups }
    }

    /// Answers a question. An error says which rollup cannot be read, or that the store cannot answer.
    pub async fn report(&self, query: &Query) -> Result<Report, StoreError> {
        let range = Range::of(query.from, query.until, query.interval).held_to(SERIES_MAX as u64);
        let days = self.series(query.subject, Grain::Day, range.days()).await?;
        let class = query.class;
        let (days, unique) = aside(move || unique(&days, class).map(|unique| (days, unique))).await?;
        let pieces = self.pieces(query.subject, &range, days).await?;
        let query = query.clone();
        aside(move || add_up(&query, &range, &pieces, unique)).await
    }

    /// What was asked for and led nowhere: no links, or links that were not open.
    pub async fn orphans(
        &self,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<OrphanReport, StoreError> {
        let range = Range::of(from, until, Grain::Day);
        let days = self.series(Subject::Orphans, Grain::Day, range.days()).await?;
        let pieces = self.pieces(Subject::Orphans, &range, days).await?;
        aside(move || {
            let mut groups = Groups::default();
            let mut total = 0;
            for piece in &pieces {
                let rollup = piece.rollup().map_err(|malformed| piece.unreadable(malformed))?;
                total += rollup.clicks(None);
                groups
                    .add_section(&rollup, Section::PATH, None)
                    .map_err(|malformed| piece.unreadable(malformed))?;
            }
            Ok(OrphanReport { total, paths: groups.top(limit) })
        })
        .await
    }
}

/// Works on a thread for such things: the one that asks may have redirects to answer, and a popular link has
/// megabytes of rollups.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let ended = |_| StoreError::Unavailable("stats were not added up to their end".into());
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}

/// The visitors of each day, summed.
fn unique(days: &[Piece], class: Option<ClickClass>) -> Result<u64, StoreError> {
    days.iter().try_fold(0, |sum, day| {
        let visitors = day.rollup().and_then(|rollup| rollup.visitors(class));
        visitors.map(|visitors| sum + visitors.count()).map_err(|malformed| day.unreadable(malformed))
    })
}

fn add_up(query: &Query, range: &Range, pieces: &[Piece], unique: u64) -> Result<Report, StoreError> {
    let mut series: Vec<_> = range.starts().map(|start| (start, 0)).collect();
    let mut groups = Groups::default();
    for piece in pieces {
        let clicks = piece
            .rollup()
            .and_then(|rollup| {
                add_to_groups(&mut groups, &rollup, query).map(|()| rollup.clicks(query.class))
            })
            .map_err(|malformed| piece.unreadable(malformed))?;
        series[range.place_of(piece.start)].1 += clicks;
    }
    let total = series.iter().map(|(_, clicks)| clicks).sum();
    // Visitors are known by the day: a range that holds a part of one has no more of them than clicks.
    let unique = unique.min(total);
    Ok(Report { total, unique, series, groups: groups.top(query.groups_max) })
}

fn add_to_groups<'a>(groups: &mut Groups<'a>, rollup: &Rollup<'a>, query: &Query) -> Result<(), Malformed> {
    match query.group_by {
        None => Ok(()),
        Some(GroupBy::Class) => {
            for class in
                ClickClass::ALL.into_iter().filter(|class| query.class.is_none_or(|only| only == *class))
            {
                groups.add(class.as_str().as_bytes(), rollup.clicks(Some(class)));
            }
            Ok(())
        }
        Some(GroupBy::Dimension(dimension)) => {
            groups.add_section(rollup, Section::of(dimension), query.class)
        }
    }
}
