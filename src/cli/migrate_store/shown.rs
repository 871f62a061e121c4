//! How far a move is, for people: one line that is written over on a terminal, and now and then a line where
//! there is none.

use curtail_store::transfer::{Progress, Step};
use std::collections::VecDeque;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often a line on a terminal is written over.
const REDRAW: Duration = Duration::from_millis(200);
/// Between two plain lines: at first so long, then twice as long each time, up to a minute.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How far back the rate looks, for what is quick at the beginning may be slow at the end.
const WINDOW: Duration = Duration::from_secs(20);

/// Shows it.
pub(super) struct Shown {
    is_terminal: bool,
    step: Option<Current>,
}

/// The step under way.
struct Current {
    last: Progress,
    began: Instant,
    /// What was done by when, within the window.
    samples: VecDeque<(Instant, u64)>,
    shown: Option<Instant>,
    wait: Duration,
}

impl Shown {
    pub(super) fn to_stderr() -> Shown {
        Shown { is_terminal: stderr().is_terminal(), step: None }
    }

    /// Shows what has been reached, if it is time to.
    pub(super) fn show(&mut self, progress: Progress) {
        let now = Instant::now();
        if self.step.as_ref().is_none_or(|current| current.last.step != progress.step) {
            self.end();
            self.step = Some(Current::begin(progress, now));
        }
        let Some(current) = &mut self.step else { return };
        current.note(progress, now);
        let is_whole = progress.done >= progress.of;
        if self.is_terminal && current.shown.is_none_or(|shown| now - shown >= REDRAW) {
            current.shown = Some(now);
            write(&format!("\r\x1b[K{}", current.line(now)));
        } else if !self.is_terminal && !is_whole && progress.done > 0 && current.is_due(now) {
            write(&format!("{}\n", current.line(now)));
        }
    }

    /// Ends the step under way with a line that stays.
    pub(super) fn end(&mut self) {
        let Some(current) = self.step.take() else { return };
        let begin = if self.is_terminal { "\r\x1b[K" } else { "" };
        let now = Instant::now();
        let Progress { step, done, of, .. } = current.last;
        if done < of {
            return write(&format!("{begin}{}\n", current.line(now)));
        }
        let took = now - current.began;
        let rate = rate(done, took).map_or_else(String::new, |rate| format!(", {}/s", grouped(rate)));
        write(&format!("{begin}{}: {}{rate}, in {}\n", step.as_str(), grouped(done), plain_time(took)));
    }
}

impl Current {
    fn begin(progress: Progress, now: Instant) -> Current {
        if progress.resumed && progress.step == Step::Links {
            write(
                "Going on where an earlier pass was broken off: what is there is read, and not sent again.\n",
            );
        }
        Current { last: progress, began: now, samples: VecDeque::new(), shown: None, wait: FIRST_WAIT }
    }

    fn note(&mut self, progress: Progress, now: Instant) {
        self.last = progress;
        self.samples.push_back((now, progress.done));
        while self.samples.len() > 2 && now - self.samples[0].0 > WINDOW {
            self.samples.pop_front();
        }
    }

    /// Whether a plain line is due: at once after the first piece, then less and less often.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.shown.is_none_or(|shown| now - shown >= self.wait);
        if is_due {
            self.wait = if self.shown.is_some() { (self.wait * 2).min(WAIT_MAX) } else { self.wait };
            self.shown = Some(now);
        }
        is_due
    }

    /// What, how much, how fast, how long still.
    fn line(&self, now: Instant) -> String {
        let Progress { step, done, of, .. } = self.last;
        let percent = done * 100 / of.max(1);
        let line = format!("{}: {} of {} ({percent} %)", step.as_str(), grouped(done), grouped(of));
        let lately = self.samples.front().and_then(|(then, before)| rate(done - before, now - *then));
        match lately {
            None | Some(0) => line,
            Some(rate) => {
                let left = Duration::from_secs((of - done) / rate);
                format!("{line}, {}/s, {} left", grouped(rate), plain_time(left))
            }
        }
    }
}

/// How many in a second, once there is enough to tell.
fn rate(done: u64, took: Duration) -> Option<u64> {
    (done > 0 && took >= Duration::from_millis(50)).then(|| (done as f64 / took.as_secs_f64()) as u64)
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, mut rest) = digits.split_at(first);
    let mut text = head.to_owned();
    while !rest.is_empty() {
        let (group, after) = rest.split_at(3);
        text.push(',');
        text.push_str(group);
        rest = after;
    }
    text
}

/// A time as people say it.
pub(super) fn plain_time(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Progress that cannot be shown stops nothing.
fn write(text: &str) {
    let mut out = stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_people_read_them() {
        let numbers = [0, 7, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
        let times = [0, 59, 119, 120, 7_199, 7_200, 90_000].map(|s| plain_time(Duration::from_secs(s)));
        assert_eq!(times, ["0 ms", "59 s", "119 s", "2 min", "119 min", "2 h 0 min", "25 h 0 min"]);
    }

    #[test]
    fn a_line_says_what_how_much_how_fast_and_how_long_still() {
        let began = Instant::now();
        let progress = |done| Progress { step: Step::Links, done, of: 10_000, resumed: false };
        let mut current = Current::begin(progress(0), began);
        current.note(progress(0), began);
        assert_eq!(current.line(began), "links: 0 of 10,000 (0 %)");
        let later = began + Duration::from_secs(10);
        current.note(progress(2_500), later);
        assert_eq!(current.line(later), "links: 2,500 of 10,000 (25 %), 250/s, 30 s left");
        let much_later = later + 2 * WINDOW;
        current.note(progress(6_500), much_later);
        current.note(progress(6_600), much_later + Duration::from_secs(1));
        assert!(
            current.line(much_later + Duration::from_secs(1)).contains(", 100/s, "),
            "the rate is the latest"
        );
    }
}
