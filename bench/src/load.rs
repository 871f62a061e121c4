//! The load client: one thread, non-blocking sockets and epoll, far cheaper than the servers it measures.
//!
//! Closed loop: each connection sends its next request when the last was answered, which finds the greatest
//! rate. Open loop: requests are due at fixed times whatever the server does, and latency counts from the
//! time a request was due, so that a stall shows in all the requests it delayed (Gil Tene, "How NOT to
//! Measure Latency", 2013).

mod connection;
mod driver;
pub(crate) mod histogram;
pub(crate) mod response;

use crate::accounting;
use crate::machine::Pinned;
use anyhow::{Result, ensure};
use driver::Driver;
use histogram::Histogram;
use response::Response;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What to send and how to judge what comes back.
pub(crate) trait Exchange {
    /// Writes the next request and answers a tag to know it again by.
    fn request(&mut self, out: &mut Vec<u8>) -> u32;

    /// Whether this is the right answer to the request with this tag.
    fn is_right(&mut self, tag: u32, response: &Response<'_>) -> bool;
}

/// How to load a server.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) server: SocketAddr,
    pub(crate) connections: usize,
    /// Many requests on a connection, or one.
    pub(crate) keep_alive: bool,
    pub(crate) pace: Pace,
    pub(crate) until: Until,
    /// The core to load from; any when absent.
    pub(crate) core: Option<usize>,
}

/// When a request is sent.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as the one before it on its connection was answered.
    Closed,
    /// At a fixed rate.
    Open { per_second: f64 },
}

/// When the load ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests.
    Requests(u64),
}

/// What came of a load. Every request that was sent is answered, failed or unanswered.
pub(crate) struct Outcome {
    /// Requests that got their whole answer.
    pub(crate) answered: u64,
    /// Of these, with a wrong answer.
    pub(crate) wrong: u64,
    /// Requests whose connection broke before the answer.
    pub(crate) failed: u64,
    /// Requests that had no answer seconds after the end.
    pub(crate) unanswered: u64,
    /// Requests at most that the server may have answered besides, because the client did not wait for them.
    pub(crate) abandoned_max: u64,
    /// From the time a request was due to its answer.
    pub(crate) latency: Histogram,
    /// From the time a request was due, or a connection became free for it, to its sending: what the client
    /// itself adds.
    pub(crate) lateness: Histogram,
    pub(crate) elapsed: Duration,
    /// CPU time that this client used.
    pub(crate) client_cpu: Duration,
}

impl Outcome {
    /// Nothing yet.
    pub(crate) fn new() -> Outcome {
        Outcome {
            answered: 0,
            wrong: 0,
            failed: 0,
            unanswered: 0,
            abandoned_max: 0,
            latency: Histogram::new(),
            lateness: Histogram::new(),
            elapsed: Duration::ZERO,
            client_cpu: Duration::ZERO,
        }
    }

    /// Answers in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// The share of the time that the client was on its core.
    pub(crate) fn client_busy(&self) -> f64 {
        self.client_cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// An error unless every request was answered and rightly so: figures of a broken run are worth nothing.
    pub(crate) fn expect_all_right(&self, what: &str) -> Result<()> {
        ensure!(
            self.answered > 0 && self.wrong + self.failed + self.unanswered == 0,
            "{what}: {} answered, of these {} wrongly; {} connections broke; {} requests were never answered",
            self.answered,
            self.wrong,
            self.failed,
            self.unanswered
        );
        Ok(())
    }
}

/// Loads a server as planned.
pub(crate) fn run(plan: &Plan, exchange: &mut impl Exchange) -> Result<Outcome> {
    let _pinned = plan.core.map(Pinned::to).transpose()?;
    let cpu_before = accounting::own_cpu()?;
    let started = Instant::now();
    let mut driver = Driver::new(plan, started)?;
    driver.drive(exchange)?;
    let elapsed = driver.ended_after();
    let mut outcome = driver.into_outcome();
    outcome.elapsed = elapsed;
    outcome.client_cpu = accounting::own_cpu()? - cpu_before;
    Ok(outcome)
}
