//! How long a run of faults is and by which dice it goes: short in `dev/test`, as long as it is told by
//! `dev/faults`.

use super::server::random_seed;
use curtail_runtime::chance::Chance;
use curtail_servers::PATIENCE;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a run is; nothing in the short form.
pub(crate) fn length() -> Option<Duration> {
    let minutes = std::env::var("FAULTS_MINUTES").ok()?;
    let minutes: f64 = minutes.parse().expect("FAULTS_MINUTES is a number");
    Some(Duration::from_secs_f64(minutes * 60.0))
}

/// So many rounds in the short form; in a long one, rounds until the time is over.
pub(crate) fn rounds(short: usize) -> impl Iterator<Item = usize> {
    let (begun, length) = (Instant::now(), length());
    (0..).take_while(move |&round| length.map_or(round < short, |length| begun.elapsed() < length))
}

/// Chance that can be had again.
pub(crate) struct Dice(Chance);

impl Dice {
    /// Dice with the seed that this run was given, or one of their own; they tell it.
    pub(crate) fn new() -> Dice {
        let given = std::env::var("FAULTS_SEED").ok();
        let seed = given.map_or_else(random_seed, |seed| seed.parse().expect("FAULTS_SEED is a number"));
        println!("seed {seed}");
        Dice(Chance::new(seed))
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.number() % end
    }

    /// One of these, or two that differ.
    pub(crate) fn one_or_two<T: Copy>(&mut self, from: &[T]) -> Vec<T> {
        let mut left = from.to_vec();
        let count = 1 + self.below(2);
        (0..count).map(|_| left.swap_remove(self.below(left.len() as u64) as usize)).collect()
    }
}

/// Tells loops in other threads to end when it goes, also by a panic: a scope waits for its threads.
pub(crate) struct Ending<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Notes for how long this machine leaves a thread waiting that wants nothing but a core.
pub(crate) struct Stalls {
    ends: Arc<AtomicBool>,
    /// When it was awake last, and the longest that it was not since somebody asked, in milliseconds.
    times: Arc<[AtomicU64; 2]>,
    begun: Instant,
    thread: Option<JoinHandle<()>>,
}

impl Stalls {
    /// Notes them from now on.
    pub(crate) fn watch() -> Stalls {
        let (ends, times) =
            (Arc::new(AtomicBool::new(false)), Arc::new([AtomicU64::new(0), AtomicU64::new(0)]));
        let begun = Instant::now();
        let thread = std::thread::spawn({
            let (ends, times) = (ends.clone(), times.clone());
            move || {
                while !ends.load(Ordering::Relaxed) {
                    std::thread::park_timeout(Duration::from_millis(20));
                    let now = begun.elapsed().as_millis() as u64;
                    let before = times[0].swap(now, Ordering::Relaxed);
                    times[1].fetch_max(now.saturating_sub(before), Ordering::Relaxed);
                }
            }
        });
        Stalls { ends, times, begun, thread: Some(thread) }
    }

    /// The longest since this was asked last, up to now.
    pub(crate) fn longest(&self) -> Duration {
        let now = self.begun.elapsed().as_millis() as u64;
        let lasting = now.saturating_sub(self.times[0].load(Ordering::Relaxed));
        Duration::from_millis(self.times[1].swap(0, Ordering::Relaxed).max(lasting))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // It cannot panic, and ends with its next look.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Looks again and again until it is so; fails loudly when that takes too long.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    until_there_is(what, PATIENCE, || is_so().then_some(()));
}

/// Looks again and again until there is something; fails loudly when that takes longer than `limit`.
pub(crate) fn until_there_is<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "after {limit:?} it is not so that {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
