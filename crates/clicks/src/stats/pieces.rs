//! Which rollups make up a range exactly.

use super::Stats;
use crate::rollup::{self, Malformed, Rollup};
use curtail_model::Timestamp;
use curtail_store::StoreError;
use curtail_store::rollups::{Grain, Subject};

/// A range of time in whole minutes, and the intervals it is shown in.
pub(super) struct Range {
    from: i64,
    until: i64,
    interval: Grain,
}

/// A rollup that counts for a range.
pub(super) struct Piece {
    pub(super) start: Timestamp,
    subject: Subject,
    grain: Grain,
    bytes: Vec<u8>,
}

/// From, and until before.
type Span = (Timestamp, Timestamp);

impl Range {
    pub(super) fn of(from: Timestamp, until: Timestamp, interval: Grain) -> Range {
        let from = floor(from.millis(), Grain::Minute);
        Range { from, until: ceil(until.millis(), Grain::Minute).max(from), interval }
    }

    pub(super) fn intervals(&self) -> u64 {
        let (first, end) = (floor(self.from, self.interval), ceil(self.until, self.interval));
        if self.from == self.until { 0 } else { end.abs_diff(first) / self.interval.millis() as u64 }
    }

    /// The last `max` intervals, if there are more.
    pub(super) fn held_to(mut self, max: u64) -> Range {
        if self.intervals() > max {
            self.from = ceil(self.until, self.interval) - max as i64 * self.interval.millis();
        }
        self
    }

    /// The whole days that it touches.
    pub(super) fn days(&self) -> Span {
        if self.from == self.until {
            return span(self.from, self.until);
        }
        span(floor(self.from, Grain::Day), ceil(self.until, Grain::Day))
    }

    pub(super) fn starts(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let (first, length) = (floor(self.from, self.interval), self.interval.millis());
        (0..self.intervals() as i64).map(move |place| Timestamp::from_millis(first + place * length))
    }

    /// The place of the interval that a time of the range lies in.
    pub(super) fn place_of(&self, time: Timestamp) -> usize {
        let since = time.millis().max(self.from) - floor(self.from, self.interval);
        (since / self.interval.millis()) as usize
    }

    /// The whole intervals within it.
    fn whole(&self) -> Span {
        let from = ceil(self.from, self.interval);
        span(from, floor(self.until, self.interval).max(from))
    }

    /// The starts of the intervals that it cuts in two.
    fn cut(&self) -> impl Iterator<Item = i64> + use<> {
        let (first, last) = (floor(self.from, self.interval), floor(self.until, self.interval));
        let at_end = last != self.until && (last != first || first == self.from);
        [(first != self.from).then_some(first), at_end.then_some(last)].into_iter().flatten()
    }

    fn holds(&self, start: i64, grain: Grain) -> bool {
        self.from <= start && start + grain.millis() <= self.until
    }

    fn touches(&self, start: i64, grain: Grain) -> bool {
        start < self.until && self.from < start + grain.millis()
    }
}

impl Piece {
    pub(super) fn rollup(&self) -> Result<Rollup<'_>, Malformed> {
        Rollup::parse(&self.bytes)
    }

    /// The error that a rollup cannot be read.
    pub(super) fn unreadable(&self, malformed: Malformed) -> StoreError {
        let (subject, grain, start) = (self.subject, self.grain.as_str(), self.start.millis());
        StoreError::Damaged(format!("{malformed} ({subject:?}, {grain} from {start})"))
    }

    fn clicks(&self) -> Result<u64, StoreError> {
        self.rollup().map(|rollup| rollup.clicks(None)).map_err(|malformed| self.unreadable(malformed))
    }
}

impl Stats {
    pub(super) async fn series(
        &self,
        subject: Subject,
        grain: Grain,
        (from, until): Span,
    ) -> Result<Vec<Piece>, StoreError> {
        if from >= until {
            return Ok(Vec::new());
        }
        let rows = self.rollups.series(subject, grain, from, until).await?;
        let mut pieces: Vec<Piece> = Vec::with_capacity(rows.len());
        for (start, bytes) in rows {
            // What was counted in several lanes comes one after the other.
            match pieces.last_mut().filter(|piece| piece.start == start) {
                Some(piece) => {
                    let merged = rollup::merge(Some(&piece.bytes), &bytes);
                    piece.bytes = merged.map_err(|malformed| piece.unreadable(malformed))?;
                }
                None => pieces.push(Piece { start, subject, grain, bytes }),
            }
        }
        Ok(pieces)
    }

    /// The rollups that a range is made of. `days` are those of the days it touches.
    pub(super) async fn pieces(
        &self,
        subject: Subject,
        range: &Range,
        days: Vec<Piece>,
    ) -> Result<Vec<Piece>, StoreError> {
        let mut pieces = if range.interval == Grain::Day {
            days.into_iter().filter(|day| range.holds(day.start.millis(), Grain::Day)).collect()
        } else {
            self.series(subject, range.interval, range.whole()).await?
        };
        for start in range.cut() {
            self.part(subject, range, start, &mut pieces).await?;
        }
        Ok(pieces)
    }

    /// Adds the part of an interval that lies in the range. Finer rollups are used while they add up to the
    /// coarser one; when they do not, they have been forgotten and the coarser one is all that is known.
    async fn part(
        &self,
        subject: Subject,
        range: &Range,
        start: i64,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), StoreError> {
        let mut open = self.series(subject, range.interval, period(start, range.interval)).await?;
        while let Some(whole) = open.pop() {
            let start = whole.start.millis();
            let finer = match whole.grain {
                _ if range.holds(start, whole.grain) => None,
                Grain::Minute => None,
                Grain::Hour => Some(Grain::Minute),
                Grain::Day => Some(Grain::Hour),
            };
            let Some(finer) = finer else {
                pieces.push(whole);
                continue;
            };
            let parts = self.series(subject, finer, period(start, whole.grain)).await?;
            let sum = parts.iter().try_fold(0, |sum, part| part.clicks().map(|clicks| sum + clicks))?;
            if sum == whole.clicks()? {
                open.extend(parts.into_iter().filter(|part| range.touches(part.start.millis(), finer)));
            } else {
                pieces.push(whole);
            }
        }
        Ok(())
    }
}

fn floor(millis: i64, grain: Grain) -> i64 {
    Timestamp::from_millis(millis).start_of(grain.millis()).millis()
}

fn ceil(millis: i64, grain: Grain) -> i64 {
    let floor = floor(millis, grain);
    if floor == millis { floor } else { floor.saturating_add(grain.millis()) }
}

fn span(from: i64, until: i64) -> Span {
    (Timestamp::from_millis(from), Timestamp::from_millis(until))
}

fn period(start: i64, grain: Grain) -> Span {
    span(start, start.saturating_add(grain.millis()))
}
