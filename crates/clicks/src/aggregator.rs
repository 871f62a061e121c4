//! The aggregator: a pure fold of clicks into the rows of one commit.
//!
//! Clicks come in runs, sorted by what they count for and by minute, so every rollup is a few stretches of
//! neighbours: it is counted with plain arrays, and no map of rollups is needed. Most links have one click in
//! a batch; theirs is counted once and written for minute, hour and day. Rows come by grain, start and
//! subject: new rollups lie together in a store, by time.
//!
//! A click on a link counts for the link and for everything; an orphan click counts for the orphans, with its
//! path. The hours and days of everything also say which links have the most clicks by people.
//!
//! It is done in pieces, mostly of some ten microseconds, between which others get their turn on this core.
//! What still is copied or added up at once are numbers: of visitors of a day, of totals, of stretches.

mod counter;
mod leaders;

use crate::log::{Click, Clicked, Clicks, Values};
use crate::rollup::{self, Malformed, encode};
use counter::Counter;
use curtail_model::{ClickClass, LinkId, Timestamp};
use curtail_store::rollups::{Batch, Breathe, Grain, Merge, Positions, Row, Subject, Totals};
use leaders::{Leaders, Named};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many clicks, stretches or rows are a piece of work.
const AT_ONCE: usize = 256;
const MINUTES_OF_HOUR: u32 = 60;
const MINUTES_OF_DAY: u32 = 24 * 60;

/// What these clicks add to rollups and totals, with the positions up to which they were read. Sorts the
/// clicks and changes nothing else, so it can be asked again. `breathe` is called between pieces of the work,
/// here and in the store. The pipeline itself has its clicks in runs.
pub fn fold(clicks: &mut Clicks, merge: Merge, breathe: Breathe) -> Batch {
    clicks.clicks.sort_unstable_by_key(Click::sort_key);
    fold_runs(&[&clicks.clicks], &clicks.values, clicks.positions(), merge, breathe)
}

/// The same of clicks that come in runs, each by [`Click::sort_key`].
pub(crate) fn fold_runs(
    runs: &[&[Click]],
    values: &Values,
    positions: Positions,
    merge: Merge,
    breathe: Breathe,
) -> Batch {
    let mut of_links = Rows::new(Counter::new(values, &*breathe), None);
    let mut totals = Vec::new();
    for_each_link(runs, |link, clicks| {
        breathe();
        totals.push((link, of_links.add(Subject::Link(link), clicks)));
    });
    let Rows { by_period: of_links, leaders, .. } = of_links;
    let leaders = leaders.named();
    let others = of_no_link(runs, Counter::new(values, &*breathe), &leaders, &*breathe);
    let rows = joined(others, of_links, &*breathe);
    Batch { rows, totals, positions, lane: 0, claims: Vec::new(), may_be_stored: false, merge, breathe }
}

/// The rows of a subject whose clicks come in stretches of one minute each, by minute.
pub(crate) fn rows_of(subject: Subject, clicks: &[&[Click]], values: &Values) -> Vec<Row> {
    if clicks.is_empty() {
        return Vec::new();
    }
    let mut rows = Rows::new(Counter::new(values, &|| {}), None);
    rows.add(subject, clicks);
    joined(rows.by_period, ByPeriod::new(), &|| {})
}

/// The rows of everything and of orphans alone, from clicks that come in runs, each by [`Click::sort_key`].
pub(crate) fn rows_of_all(runs: &[&[Click]], values: &Values, breathe: &dyn Fn()) -> Vec<Row> {
    let mut leaders = Leaders::default();
    for_each_link(runs, |link, clicks| {
        breathe();
        for grain in [Grain::Hour, Grain::Day] {
            let start = |clicks: &[Click]| start_of(grain, clicks[0].minute);
            for of_period in clicks.chunk_by(|a, b| start(a) == start(b)) {
                let by_people = |click: &&Click| values.agent(click.agent).class == ClickClass::Human;
                let clicks = of_period.iter().copied().flatten().filter(by_people).count() as u64;
                leaders.note(grain, of_period[0][0].minute, link, clicks);
            }
        }
    });
    let leaders = leaders.named();
    joined(of_no_link(runs, Counter::new(values, breathe), &leaders, breathe), ByPeriod::new(), breathe)
}

/// When the period begins that a minute lies in.
pub(crate) fn start_of(grain: Grain, minute: u32) -> Timestamp {
    Timestamp::from_millis(i64::from(minute) * Timestamp::MINUTE).start_of(grain.millis())
}

/// The clicks of each link, links by id: in stretches of one minute each, by minute.
fn for_each_link<'a>(runs: &[&'a [Click]], mut each: impl FnMut(LinkId, &[&'a [Click]])) {
    let mut rest: Vec<&'a [Click]> = runs.iter().map(|run| on_links_and_orphans(run).0).collect();
    let mut of_link = Vec::new();
    while let Some(clicked) = rest.iter().filter_map(|run| run.first()).map(|click| click.clicked).min() {
        of_link.clear();
        for run in &mut rest {
            let count = run.iter().take_while(|click| click.clicked == clicked).count();
            let (first, others) = run.split_at(count);
            of_link.extend(stretches(first));
            *run = others;
        }
        of_link.sort_by_key(|clicks| clicks[0].minute);
        if let Clicked::Link(link) = clicked {
            each(link, &of_link);
        }
    }
}

/// Clicks in stretches of one minute each, as they come.
pub(crate) fn stretches(clicks: &[Click]) -> impl Iterator<Item = &[Click]> {
    clicks.chunk_by(|a, b| a.minute == b.minute)
}

fn on_links_and_orphans(run: &[Click]) -> (&[Click], &[Click]) {
    run.split_at(run.partition_point(|click| matches!(click.clicked, Clicked::Link(_))))
}

fn of_no_link<'a>(
    runs: &[&[Click]],
    counter: Counter<'a>,
    leaders: &'a Named,
    breathe: &dyn Fn(),
) -> ByPeriod {
    let mut rows = Rows::new(counter, Some(leaders));
    let on_links = runs.iter().map(|run| on_links_and_orphans(run).0);
    let orphans = runs.iter().map(|run| on_links_and_orphans(run).1);
    rows.add(Subject::Orphans, &by_minute(orphans, breathe));
    rows.add(Subject::Everything, &by_minute(on_links, breathe));
    rows.by_period
}

/// Clicks in stretches of one minute each, by minute.
fn by_minute<'a>(runs: impl Iterator<Item = &'a [Click]>, breathe: &dyn Fn()) -> Vec<&'a [Click]> {
    let mut minutes: BTreeMap<u32, Vec<&[Click]>> = BTreeMap::new();
    for (place, clicks) in runs.flat_map(stretches).enumerate() {
        // Not at the first: most have few.
        if place % AT_ONCE == AT_ONCE - 1 {
            breathe();
        }
        minutes.entry(clicks[0].minute).or_default().push(clicks);
    }
    minutes.into_values().flatten().collect()
}

/// How the store merges the rows of a [`fold`] with what it has.
///
/// Counting goes on when a stored rollup turns out to be damaged: it starts anew from the row, and `damaged`
/// is told. What a newer version wrote is left alone, and the commit fails.
pub fn merge(damaged: impl Fn(&Malformed) + Send + Sync + 'static) -> Merge {
    Arc::new(move |stored, new| match rollup::merge(stored, new) {
        Ok(merged) => Ok(merged),
        Err(malformed @ Malformed::Damaged(_)) => {
            damaged(&malformed);
            Ok(new.to_vec())
        }
        Err(newer @ Malformed::Newer) => Err(newer.to_string()),
    })
}

struct Rows<'a> {
    by_period: ByPeriod,
    counter: Counter<'a>,
    /// What was counted for links.
    leaders: Leaders,
    /// What the rows of everything say of links.
    named: Option<&'a Named>,
    /// Where rows are written before they are copied at their exact length.
    bytes: Vec<u8>,
}

/// Rows in parts, in order of subjects. Parts, because a vector that grows is copied as a whole.
type ByPeriod = BTreeMap<(Grain, Timestamp), Vec<Vec<Row>>>;

impl<'a> Rows<'a> {
    fn new(counter: Counter<'a>, named: Option<&'a Named>) -> Rows<'a> {
        Rows { by_period: ByPeriod::new(), counter, leaders: Leaders::default(), named, bytes: Vec::new() }
    }

    /// Adds the rows of a subject whose clicks come in stretches
    /// of one minute each, by minute. Answers its totals.
    fn add(&mut self, subject: Subject, clicks: &[&[Click]]) -> Totals {
        let mut totals = Totals::default();
        let same =
            |minutes: u32| move |a: &&[Click], b: &&[Click]| a[0].minute / minutes == b[0].minute / minutes;
        for day in clicks.chunk_by(same(MINUTES_OF_DAY)) {
            let mut counted = 0;
            for hour in day.chunk_by(same(MINUTES_OF_HOUR)) {
                for minute in hour.chunk_by(same(1)) {
                    self.counter.count(minute);
                    counted = minute.len();
                    self.push(subject, Grain::Minute, minute[0][0].minute);
                }
                if counted != hour.len() {
                    self.counter.count(hour);
                    counted = hour.len();
                }
                self.push(subject, Grain::Hour, hour[0][0].minute);
            }
            if counted != day.len() {
                self.counter.count(day);
            }
            self.push(subject, Grain::Day, day[0][0].minute);
            totals += totals_of(&self.counter.counts().clicks);
        }
        totals
    }

    /// Writes what the counter holds as the row of the period that a minute lies in.
    fn push(&mut self, subject: Subject, grain: Grain, minute: u32) {
        if grain == Grain::Day {
            self.counter.count_visitors();
        }
        if let Subject::Link(link) = subject {
            let by_people = self.counter.counts().clicks[ClickClass::Human as usize];
            self.leaders.note(grain, minute, link, by_people);
        }
        match self.named.filter(|_| subject == Subject::Everything) {
            Some(named) => {
                let bytes = &mut self.bytes;
                self.counter.with_leaders(named.of(grain, minute), |counts| encode(grain, counts, bytes));
            }
            None => encode(grain, self.counter.counts(), &mut self.bytes),
        }
        let start = start_of(grain, minute);
        let row = Row { subject, grain, start, delta: self.bytes.as_slice().into() };
        let parts = self.by_period.entry((grain, start)).or_default();
        match parts.last_mut() {
            Some(part) if part.len() < AT_ONCE => part.push(row),
            _ => parts.push(vec![row]),
        }
    }
}

/// All rows, those of links behind the others, period by period.
fn joined(mut of_no_link: ByPeriod, of_links: ByPeriod, breathe: &dyn Fn()) -> Vec<Row> {
    for (period, parts) in of_links {
        of_no_link.entry(period).or_default().extend(parts);
    }
    let mut rows = Vec::with_capacity(of_no_link.values().flatten().map(Vec::len).sum());
    for mut part in of_no_link.into_values().flatten() {
        breathe();
        rows.append(&mut part);
    }
    rows
}

/// What totals show of clicks by their class.
pub(crate) fn totals_of(clicks: &[u64; ClickClass::ALL.len()]) -> Totals {
    Totals {
        human: clicks[ClickClass::Human as usize],
        bot: clicks[ClickClass::Bot as usize],
        other: clicks[ClickClass::Prefetch as usize] + clicks[ClickClass::Head as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::{fold, fold_runs, merge};
    use crate::log::{Click, Clicked, Clicks, Values};
    use crate::rollup::Section;
    use curtail_model::{ClickClass, Dimension, LinkId};
    use curtail_store::rollups::Batch;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Days apart, hours apart, minutes apart.
    const MINUTES: [u32; 5] = [29_000_000, 29_000_001, 29_000_059, 29_000_120, 29_001_440];

    fn values() -> Values {
        let mut values = Values::default();
        for class in [ClickClass::Human, ClickClass::Bot] {
            values.agent_id(crate::log::AgentValues { class, values: [Values::NONE; 4] });
        }
        for language in ["de", "en"] {
            values.id(Section::of(Dimension::Language), language);
        }
        values
    }

    fn click((target, visitor, minute, agent, language): (u64, u64, usize, u32, u32)) -> Click {
        let clicked = match LinkId::new(target) {
            Some(link) if target > 2 => Clicked::Link(link),
            _ => Clicked::Orphan(1 + (target % 2) as u32),
        };
        let minute = MINUTES[minute];
        Click { clicked, visitor, minute, agent, referrer: 0, language, campaign: 0, place: 0 }
    }

    fn told(batch: Batch) -> impl PartialEq + std::fmt::Debug {
        let rows = batch.rows.into_iter().map(|row| (row.subject, row.grain, row.start, row.delta));
        (
            rows.collect::<Vec<_>>(),
            batch
                .totals
                .into_iter()
                .map(|(link, totals)| (link, totals.human, totals.bot))
                .collect::<Vec<_>>(),
        )
    }

    proptest! {
        #[test]
        fn clicks_in_runs_count_as_they_do_together(
            runs in prop::collection::vec(
                prop::collection::vec((0..9_u64, 0..50_u64, 0..5_usize, 0..2_u32, 0..3_u32).prop_map(click), 0..400),
                0..8,
            ),
        ) {
            let merging = || merge(|_| ());
            let mut together = Clicks::default();
            (together.clicks, together.values) = (runs.concat(), values());
            let together = fold(&mut together, merging(), Arc::new(|| {}));
            let mut runs = runs;
            runs.iter_mut().for_each(|run| run.sort_by_key(Click::sort_key));
            let runs: Vec<&[Click]> = runs.iter().map(Vec::as_slice).collect();
            let in_runs = fold_runs(&runs, &values(), Vec::new(), merging(), Arc::new(|| {}));
            prop_assert!(in_runs.rows.is_sorted_by_key(|row| (row.grain, row.start)));
            prop_assert_eq!(told(in_runs), told(together));
        }
    }
}
