//! The aggregator: a pure fold of clicks into the rows of one commit.
//!
//! Clicks are sorted by what they count for and by minute, so every rollup is a run of neighbours: it is
//! counted with plain arrays, and no map of rollups is needed. Most links have one click in a batch; theirs
//! is counted once and written for minute, hour and day. Rows come by grain, start and subject: new rollups
//! lie together in a store, by time.
//!
//! A click on a link counts for the link and for everything; an orphan click counts for the orphans, with its
//! path. The hours and days of everything also say which links have the most clicks by people.

mod counter;
mod leaders;

use crate::log::{Click, Clicked, Clicks, Values};
use crate::rollup::{self, Malformed, encode};
use counter::Counter;
use curtail_model::{ClickClass, Timestamp};
use curtail_store::rollups::{Batch, Breathe, Grain, Merge, Positions, Row, Subject, Totals};
use leaders::{Leaders, Named};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Clicks are copied in parts of this size, between which others get their turn.
const AT_ONCE: usize = 1_024;
const MINUTES_OF_HOUR: u32 = 60;
const MINUTES_OF_DAY: u32 = 24 * 60;

/// What these clicks add to rollups and totals, with the positions up to which they were read. Sorts the
/// clicks and changes nothing else, so it can be asked again. `breathe` is called between pieces of the work,
/// here and in the store.
pub fn fold(clicks: &mut Clicks, merge: Merge, breathe: Breathe) -> Batch {
    clicks.clicks.sort_unstable_by_key(|click| (click.clicked, click.minute));
    fold_sorted(&clicks.clicks, &clicks.values, clicks.positions(), merge, breathe)
}

/// The same of clicks that come by what they count for and by minute.
pub(crate) fn fold_sorted(
    clicks: &[Click],
    values: &Values,
    positions: Positions,
    merge: Merge,
    breathe: Breathe,
) -> Batch {
    let (on_links, orphans) = on_links_and_orphans(clicks);
    let mut of_links = Rows::new(Counter::new(values, &*breathe), None);
    let mut totals = Vec::new();
    for of_link in on_links.chunk_by(|a, b| a.clicked == b.clicked) {
        breathe();
        if let Clicked::Link(link) = of_link[0].clicked {
            totals.push((link, of_links.add(Subject::Link(link), of_link)));
        }
    }
    let Rows { by_grain: of_links, leaders, .. } = of_links;
    let leaders = leaders.named();
    let counter = Counter::new(values, &*breathe);
    let rows = of_no_link(on_links, orphans, counter, &leaders, &*breathe).in_order(of_links);
    Batch { rows, totals, positions, lane: 0, claims: Vec::new(), merge, breathe }
}

/// The rows of a subject, whose clicks come by minute.
pub(crate) fn rows_of(subject: Subject, clicks: &[Click], values: &Values) -> Vec<Row> {
    if clicks.is_empty() {
        return Vec::new();
    }
    let mut rows = Rows::new(Counter::new(values, &|| {}), None);
    rows.add(subject, clicks);
    rows.in_order(ByGrain::default())
}

/// The rows of everything and of orphans alone, from clicks that come by what they count for and by minute.
pub(crate) fn rows_of_all(clicks: &[Click], values: &Values) -> Vec<Row> {
    let (on_links, orphans) = on_links_and_orphans(clicks);
    let mut leaders = Leaders::default();
    for of_link in on_links.chunk_by(|a, b| a.clicked == b.clicked) {
        let Clicked::Link(link) = of_link[0].clicked else { continue };
        for grain in [Grain::Hour, Grain::Day] {
            for of_period in of_link.chunk_by(|a, b| start_of(grain, a.minute) == start_of(grain, b.minute)) {
                let by_people = |click: &&Click| values.agent(click.agent).class == ClickClass::Human;
                let by_people = of_period.iter().filter(by_people).count() as u64;
                leaders.note(grain, of_period[0].minute, link, by_people);
            }
        }
    }
    let leaders = leaders.named();
    let counter = Counter::new(values, &|| {});
    of_no_link(on_links, orphans, counter, &leaders, &|| {}).in_order(ByGrain::default())
}

/// When the period begins that a minute lies in.
pub(crate) fn start_of(grain: Grain, minute: u32) -> Timestamp {
    Timestamp::from_millis(i64::from(minute) * Timestamp::MINUTE).start_of(grain.millis())
}

fn on_links_and_orphans(clicks: &[Click]) -> (&[Click], &[Click]) {
    clicks.split_at(clicks.partition_point(|click| matches!(click.clicked, Clicked::Link(_))))
}

fn of_no_link<'a>(
    on_links: &[Click],
    orphans: &[Click],
    counter: Counter<'a>,
    leaders: &'a Named,
    breathe: &dyn Fn(),
) -> Rows<'a> {
    let mut rows = Rows::new(counter, Some(leaders));
    for (subject, clicks) in [(Subject::Everything, on_links), (Subject::Orphans, orphans)] {
        rows.add(subject, &by_minute(clicks, breathe));
    }
    rows
}

/// A copy of clicks by minute; most batches have few minutes.
fn by_minute(clicks: &[Click], breathe: &dyn Fn()) -> Vec<Click> {
    let mut minutes: BTreeMap<u32, Vec<Click>> = BTreeMap::new();
    for part in clicks.chunks(AT_ONCE) {
        breathe();
        part.iter().for_each(|click| minutes.entry(click.minute).or_default().push(*click));
    }
    let mut minutes = minutes.into_values();
    let mut sorted = minutes.next().unwrap_or_default();
    for clicks in minutes {
        breathe();
        sorted.extend(clicks);
    }
    sorted
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
    by_grain: ByGrain,
    counter: Counter<'a>,
    /// What was counted for links.
    leaders: Leaders,
    /// What the rows of everything say of links.
    named: Option<&'a Named>,
    /// Where rows are written before they are copied at their exact length.
    bytes: Vec<u8>,
}

/// Each in order of subjects, and of time for each subject.
type ByGrain = [Vec<Row>; Grain::ALL.len()];

impl<'a> Rows<'a> {
    fn new(counter: Counter<'a>, named: Option<&'a Named>) -> Rows<'a> {
        Rows { by_grain: ByGrain::default(), counter, leaders: Leaders::default(), named, bytes: Vec::new() }
    }

    /// Adds the rows of a subject, whose clicks come by minute. Answers its totals.
    fn add(&mut self, subject: Subject, clicks: &[Click]) -> Totals {
        let mut totals = Totals::default();
        for day in clicks.chunk_by(|a, b| a.minute / MINUTES_OF_DAY == b.minute / MINUTES_OF_DAY) {
            let mut counted = 0;
            for hour in day.chunk_by(|a, b| a.minute / MINUTES_OF_HOUR == b.minute / MINUTES_OF_HOUR) {
                for minute in hour.chunk_by(|a, b| a.minute == b.minute) {
                    self.counter.count(minute);
                    counted = minute.len();
                    self.push(subject, Grain::Minute, minute[0].minute);
                }
                if counted != hour.len() {
                    self.counter.count(hour);
                    counted = hour.len();
                }
                self.push(subject, Grain::Hour, hour[0].minute);
            }
            if counted != day.len() {
                self.counter.count(day);
            }
            self.push(subject, Grain::Day, day[0].minute);
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
        self.by_grain[grain as usize].push(Row {
            subject,
            grain,
            start: start_of(grain, minute),
            delta: self.bytes.as_slice().into(),
        });
    }

    /// All rows, and those of links behind them, by grain, start and subject.
    fn in_order(self, of_links: ByGrain) -> Vec<Row> {
        let counts = self.by_grain.iter().chain(&of_links).map(Vec::len);
        let mut rows = Vec::with_capacity(counts.sum());
        for (mut of_grain, mut of_links) in self.by_grain.into_iter().zip(of_links) {
            of_grain.append(&mut of_links);
            // The sort is stable and subjects are in order; with a single period it only looks.
            of_grain.sort_by_key(|row| row.start);
            rows.append(&mut of_grain);
        }
        rows
    }
}

/// What totals show of clicks by their class.
pub(crate) fn totals_of(clicks: &[u64; ClickClass::ALL.len()]) -> Totals {
    Totals {
        human: clicks[ClickClass::Human as usize],
        bot: clicks[ClickClass::Bot as usize],
        other: clicks[ClickClass::Prefetch as usize] + clicks[ClickClass::Head as usize],
    }
}
