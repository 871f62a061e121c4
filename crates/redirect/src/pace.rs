//! How long hyper waits for the head of a request: as long as a connection may rest until the first byte of
//! it has come, and from then on as long as a head may take to arrive.
//!
//! hyper knows only the second limit, and starts it when the request before is answered. It takes its timers
//! from whoever runs it, though, and arms this one each time that it begins to wait for a head.

use hyper::rt::{Sleep, Timer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Instant as TokioInstant;

/// What the stream of a connection and the timer of its hyper know together. One thread uses it; hyper asks
/// for more.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Whether bytes have come since hyper began to wait for a head.
    begun: AtomicBool,
    /// Whether an answer waits for its client to take it.
    writing: AtomicBool,
    /// The number of the request that tells two lengths, counted from 1; 0 while there is none.
    conflicting_lengths: AtomicU64,
}

/// The timer of one connection.
#[derive(Clone, Debug)]
pub(crate) struct HeadTimer {
    pub(crate) pace: Arc<Pace>,
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

/// The wait for one head.
struct HeadWait {
    timer: HeadTimer,
    /// Whether the head has begun, and `sleep` is its end and not that of the rest before it.
    begun: bool,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Pace {
    /// Bytes have come.
    pub(crate) fn note_read(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// The head of this request, counted from 1, tells two lengths.
    pub(crate) fn found_conflicting_lengths(&self, number: u64) {
        self.conflicting_lengths.store(number, Ordering::Relaxed);
    }

    /// Whether this request, counted from 1, tells two lengths.
    pub(crate) fn has_conflicting_lengths(&self, number: u64) -> bool {
        self.conflicting_lengths.load(Ordering::Relaxed) == number
    }

    /// An answer waits for its client, or does not any more.
    pub(crate) fn set_writing(&self, writing: bool) {
        self.writing.store(writing, Ordering::Relaxed);
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    /// Waits for a head. When hyper would have it end does not matter: it is the header timeout from now on.
    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        self.pace.begun.store(false, Ordering::Relaxed);
        let sleep = Box::pin(tokio::time::sleep(self.idle_timeout));
        Box::pin(HeadWait { timer: self.clone(), begun: false, sleep })
    }
}

impl Future for HeadWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.begun && self.timer.pace.begun.load(Ordering::Relaxed) {
            self.begun = true;
            let end = TokioInstant::now() + self.timer.header_timeout;
            self.sleep.as_mut().reset(end);
        }
        loop {
            ready!(self.sleep.as_mut().poll(context));
            // Who still takes an answer does not rest; for those who have stopped, the stream has a limit.
            if self.begun || !self.timer.pace.writing.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            let end = TokioInstant::now() + self.timer.idle_timeout;
            self.sleep.as_mut().reset(end);
        }
    }
}

impl Sleep for HeadWait {}
