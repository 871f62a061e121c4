//! The heartbeat of the primary, as this process has seen it move: how old what a replica has can be.
//!
//! Ages are by this process's own clock. A beat is a number that only grows; that it looks like the time of
//! the primary is for people, and for replicas that are farther behind than what is remembered here.

use super::probes::PROBE_INTERVAL;
use crate::AGE_MAX_MILLIS;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two beats; the processes that share a primary beat it together.
const BEAT: Duration = Duration::from_millis(200);
/// A replica whose heartbeat is older than the primary's by more, in milliseconds, is not read from.
pub const LAG_MAX_MILLIS: i64 = 1_000;
/// While the primary has not told its heartbeat for longer, nobody knows what replicas lack. With a beat and
/// the time between two probes, nothing that counts as current is older than [`AGE_MAX_MILLIS`].
const CURRENT_MAX: Duration = Duration::from_millis(900);
const _: () = assert!(
    CURRENT_MAX.as_millis() + BEAT.as_millis() + PROBE_INTERVAL.as_millis() <= AGE_MAX_MILLIS as u128
);
/// If the primary answers but its heartbeat is unknown for this long, no replica is used. A primary that is
/// away is known to be by then.
const STANDSTILL: Duration = Duration::from_secs(5);
/// Beats that are remembered: those of ten seconds.
const BEATS_MAX: usize = 50;

/// What this process knows of the heartbeat.
pub(in crate::postgres) struct Beats(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Beats and when each was first seen, the newest last.
    beats: VecDeque<(i64, Instant)>,
    /// When the primary was asked that has told its heartbeat.
    told: Option<Instant>,
}

/// How far a replica is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lag {
    /// By so many milliseconds, at most a beat more.
    Millis(i64),
    /// It is ahead of what the primary has told: by what it
    /// has not told yet, or because it follows another one.
    Ahead,
    /// Nothing is known of the primary that it could be compared with.
    Unknown,
}

impl Beats {
    pub(super) fn unknown() -> Beats {
        Beats(Mutex::new(Seen::default()))
    }

    /// The beat that it is time to move on from; -1, which is none, while there is no such.
    pub(super) fn to_move(&self, now: Instant) -> i64 {
        let seen = self.lock();
        let newest = seen.beats.back();
        newest.filter(|(_, at)| now.saturating_duration_since(*at) >= BEAT).map_or(-1, |(beat, _)| *beat)
    }

    /// Notes what the primary has told that was asked at `asked`. Answers whether it has gone back: it is
    /// another server, or the same one in an older state.
    pub(super) fn note(&self, beat_at: i64, asked: Instant, now: Instant) -> bool {
        let mut seen = self.lock();
        let has_gone_back = seen.newest().is_some_and(|newest| beat_at < newest);
        if has_gone_back {
            seen.beats.clear();
        }
        seen.add(beat_at, now);
        seen.told = Some(asked);
        has_gone_back
    }

    /// Notes what a replica has of a primary that does not answer: others may have less.
    pub(super) fn learn(&self, beat_at: i64, now: Instant) {
        let mut seen = self.lock();
        if !seen.is_current(now) {
            seen.add(beat_at, now);
        }
    }

    /// Whether the primary has told its heartbeat lately, so
    /// that it is known of replicas how far behind they are.
    pub(in crate::postgres) fn are_current(&self, now: Instant) -> bool {
        self.lock().is_current(now)
    }

    /// Whether nothing has been heard of the primary for long.
    pub(super) fn stand_still(&self, now: Instant) -> bool {
        self.lock().told.is_none_or(|told| now.saturating_duration_since(told) > STANDSTILL)
    }

    /// How far a replica is behind that has this beat. What it lacks was
    /// written after that one, so it is as old as the next one at most.
    pub(super) fn lag(&self, beat_at: i64, now: Instant) -> Lag {
        let seen = self.lock();
        let Some((first, newest)) = seen.beats.front().map(|(first, _)| *first).zip(seen.newest()) else {
            return Lag::Unknown;
        };
        if beat_at > newest {
            return Lag::Ahead;
        }
        let next = seen.beats.iter().find(|(beat, _)| *beat > beat_at);
        let since_next = next.map_or(0, |(_, at)| millis(now.saturating_duration_since(*at)));
        if beat_at >= first {
            return Lag::Millis(since_next);
        }
        // Older than all that was seen here: how much, only the primary's clock can tell, if that.
        Lag::Millis(since_next.max(newest.saturating_sub(beat_at)).max(LAG_MAX_MILLIS + 1))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn newest(&self) -> Option<i64> {
        self.beats.back().map(|(beat, _)| *beat)
    }

    fn add(&mut self, beat_at: i64, now: Instant) {
        if self.newest().is_none_or(|newest| beat_at > newest) {
            if self.beats.len() == BEATS_MAX {
                self.beats.pop_front();
            }
            self.beats.push_back((beat_at, now));
        }
    }

    fn is_current(&self, now: Instant) -> bool {
        self.told.is_some_and(|told| now.saturating_duration_since(told) <= CURRENT_MAX)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_lag_is_measured_by_our_own_clock_whatever_that_of_the_primary_does() {
        let (beats, start) = (Beats::unknown(), Instant::now());
        assert_eq!(beats.lag(7, start), Lag::Unknown);
        // A clock that stands still: each beat is one more than the one before.
        for (number, at) in (0_i64..).zip((0_u64..).step_by(250)).take(40) {
            beats.note(5_000_000 + number, after(start, at), after(start, at));
        }
        let now = after(start, 39 * 250);
        assert_eq!(beats.lag(5_000_039, now), Lag::Millis(0));
        assert_eq!(beats.lag(5_000_038, now), Lag::Millis(0), "the next one has been seen only now");
        assert_eq!(beats.lag(5_000_034, now), Lag::Millis(1_000));
        assert_eq!(beats.lag(5_000_033, now), Lag::Millis(1_250));
        assert_eq!(beats.lag(5_000_040, now), Lag::Ahead);
    }

    #[test]
    fn who_has_not_even_the_first_beat_that_was_seen_is_behind() {
        let (beats, start) = (Beats::unknown(), Instant::now());
        beats.note(5_000_000, start, start);
        assert_eq!(beats.lag(4_999_999, start), Lag::Millis(LAG_MAX_MILLIS + 1));
        assert_eq!(beats.lag(1_000_000, start), Lag::Millis(4_000_000));
    }

    #[test]
    fn a_beat_is_moved_on_by_who_has_seen_it_for_its_length_and_one_that_went_back_is_begun_with_anew() {
        let (beats, start) = (Beats::unknown(), Instant::now());
        assert_eq!(beats.to_move(start), -1);
        assert!(!beats.note(9_000, start, start));
        assert_eq!(beats.to_move(after(start, 199)), -1);
        assert_eq!(beats.to_move(after(start, 200)), 9_000);
        let later = after(start, 300);
        assert!(beats.note(2_000, later, later), "another server has taken over");
        assert_eq!(beats.to_move(after(start, 499)), -1);
        assert_eq!(beats.to_move(after(start, 500)), 2_000);
        assert_eq!(beats.lag(9_000, later), Lag::Ahead, "it follows the old one");
    }

    #[test]
    fn while_the_primary_is_silent_replicas_are_compared_with_each_other_and_nothing_is_current() {
        let (beats, start) = (Beats::unknown(), Instant::now());
        beats.note(9_000, start, start);
        beats.learn(9_999, after(start, 900));
        assert!(beats.are_current(after(start, 900)));
        assert_eq!(beats.lag(9_999, after(start, 900)), Lag::Ahead);
        let silent = after(start, 901);
        assert!(!beats.are_current(silent) && !beats.stand_still(silent));
        beats.learn(9_999, silent);
        assert_eq!(beats.lag(9_999, silent), Lag::Millis(0));
        assert_eq!(beats.lag(9_000, after(start, 2_500)), Lag::Millis(1_599));
        assert!(beats.stand_still(after(start, 5_001)));
    }
}
