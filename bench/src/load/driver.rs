//! The loop of the load client: what is due is sent, what has come is judged.

use super::connection::{Connection, Received};
use super::{Exchange, Outcome, Pace, Plan, Until, response};
use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long the last requests may take to be answered.
const GRACE: Duration = Duration::from_secs(5);
/// Longer than any response that these measurements ask for.
const RESPONSE_MAX: usize = 64 * 1024;
const EVENTS_MAX: usize = 512;
/// Connections opened in one turn of the loop.
const OPENS_MAX: usize = 128;

pub(super) struct Driver<'a> {
    plan: &'a Plan,
    started: Instant,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Slots on which nothing is under way.
    free: Vec<usize>,
    /// When each free slot became so, in nanoseconds since the start.
    free_since_nanos: Vec<u64>,
    sent: u64,
    ended_nanos: u64,
    buffer: Vec<u8>,
    request: Vec<u8>,
    outcome: Outcome,
}

impl<'a> Driver<'a> {
    pub(super) fn new(plan: &'a Plan, started: Instant) -> Result<Driver<'a>> {
        Ok(Driver {
            plan,
            started,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?,
            connections: (0..plan.connections).map(Connection::new).collect(),
            free: (0..plan.connections).rev().collect(),
            free_since_nanos: vec![0; plan.connections],
            sent: 0,
            ended_nanos: 0,
            buffer: vec![0; RESPONSE_MAX],
            request: Vec::with_capacity(4096),
            outcome: Outcome::new(),
        })
    }

    /// Sends and receives until the plan is fulfilled and everything that was sent is answered or given up.
    pub(super) fn drive(&mut self, exchange: &mut impl Exchange) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            let now = self.nanos();
            let sending = self.is_sending(now);
            if sending {
                self.send_what_is_due(exchange, now)?;
                self.ended_nanos = now;
            } else if self.free.len() == self.connections.len() {
                return Ok(());
            } else if now > self.ended_nanos + GRACE.as_nanos() as u64 {
                self.outcome.unanswered = self.connections.iter().filter(|slot| slot.awaiting).count() as u64;
                return Ok(());
            }
            events.clear();
            let timeout = self.timeout(sending);
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("epoll"),
            }
            for event in &events {
                let (flags, data) = (event.flags, event.data);
                self.handle(exchange, data.u64() as usize, flags)?;
            }
        }
    }

    /// The time from the start to the last answer or the end of sending, whichever was later.
    pub(super) fn ended_after(&self) -> Duration {
        Duration::from_nanos(self.ended_nanos)
    }

    pub(super) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    fn nanos(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn is_sending(&self, now: u64) -> bool {
        match self.plan.until {
            Until::Elapsed(duration) => now < duration.as_nanos() as u64,
            Until::Requests(requests) => self.sent < requests,
        }
    }

    /// An open loop asks again and again, because a sleeping client would be late.
    fn timeout(&self, sending: bool) -> Timespec {
        let spins = sending && matches!(self.plan.pace, Pace::Open { .. });
        Timespec { tv_sec: 0, tv_nsec: if spins { 0 } else { 50_000_000 } }
    }

    fn send_what_is_due(&mut self, exchange: &mut impl Exchange, now: u64) -> Result<()> {
        // Thousands of connections at once would overflow the server's queue of connections to accept.
        let mut opens_left = OPENS_MAX;
        while let Some(&slot) = self.free.last() {
            if let Until::Requests(requests) = self.plan.until
                && self.sent >= requests
            {
                return Ok(());
            }
            let due = match self.plan.pace {
                Pace::Closed => now,
                Pace::Open { per_second } => (self.sent as f64 * 1e9 / per_second) as u64,
            };
            opens_left -= usize::from(!self.connections[slot].is_open());
            if due > now || opens_left == 0 {
                return Ok(());
            }
            self.free.pop();
            self.send(exchange, slot, due)?;
        }
        Ok(())
    }

    fn send(&mut self, exchange: &mut impl Exchange, slot: usize, due: u64) -> Result<()> {
        let connection = &mut self.connections[slot];
        if !connection.is_open() {
            connection.open(self.plan.server, &self.epoll, slot as u64)?;
        }
        self.request.clear();
        connection.tag = exchange.request(&mut self.request);
        connection.intended_nanos = due;
        self.sent += 1;
        if matches!(self.plan.pace, Pace::Open { .. }) {
            let possible = due.max(self.free_since_nanos[slot]);
            let now = self.started.elapsed().as_nanos() as u64;
            self.outcome.lateness.record(now.saturating_sub(possible));
        }
        if connection.send(&self.request, &self.epoll, slot as u64).is_err() {
            self.fail(slot);
        }
        Ok(())
    }

    fn handle(&mut self, exchange: &mut impl Exchange, slot: usize, flags: epoll::EventFlags) -> Result<()> {
        let connection = &mut self.connections[slot];
        if flags.contains(epoll::EventFlags::OUT) && connection.send_rest(&self.epoll, slot as u64).is_err() {
            self.fail(slot);
            return Ok(());
        }
        if !flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            return Ok(());
        }
        // The beginning of a response that came in parts is put before what comes now.
        let kept = connection.partial.len();
        self.buffer[..kept].copy_from_slice(&connection.partial);
        connection.partial.clear();
        match connection.receive(&mut self.buffer[kept..]) {
            Ok(Received::Bytes(bytes)) => self.take_in(exchange, slot, kept + bytes),
            Ok(Received::Nothing) => {
                connection.partial.extend_from_slice(&self.buffer[..kept]);
                Ok(())
            }
            Ok(Received::End) if !connection.awaiting => {
                connection.close();
                if !self.plan.keep_alive {
                    self.release(exchange, slot, self.nanos())?;
                }
                Ok(())
            }
            Ok(Received::End) | Err(_) => {
                self.fail(slot);
                Ok(())
            }
        }
    }

    /// Judges the first `length` bytes of the buffer, which came for a slot.
    fn take_in(&mut self, exchange: &mut impl Exchange, slot: usize, length: usize) -> Result<()> {
        let connection = &mut self.connections[slot];
        let Some(response) = response::read(&self.buffer[..length])? else {
            connection.partial.extend_from_slice(&self.buffer[..length]);
            return Ok(());
        };
        let whole = connection.awaiting && response.length == length;
        let right = whole && exchange.is_right(connection.tag, &response);
        let now = self.started.elapsed().as_nanos() as u64;
        self.outcome.answered += 1;
        self.outcome.wrong += u64::from(!right);
        self.outcome.latency.record(now.saturating_sub(connection.intended_nanos));
        connection.awaiting = false;
        self.ended_nanos = now;
        if self.plan.keep_alive {
            return self.release(exchange, slot, now);
        }
        // The end of the connection often came with the answer; else epoll will tell of it.
        if let Ok(Received::End) = connection.receive(&mut self.buffer) {
            connection.close();
            return self.release(exchange, slot, now);
        }
        Ok(())
    }

    /// A slot has nothing under way any more: in a closed loop it sends its next request right away.
    fn release(&mut self, exchange: &mut impl Exchange, slot: usize, now: u64) -> Result<()> {
        if matches!(self.plan.pace, Pace::Closed) && self.is_sending(now) {
            return self.send(exchange, slot, now);
        }
        self.free_since_nanos[slot] = now;
        self.free.push(slot);
        Ok(())
    }

    fn fail(&mut self, slot: usize) {
        self.outcome.failed += u64::from(self.connections[slot].awaiting);
        self.connections[slot].close();
        self.free_since_nanos[slot] = self.nanos();
        self.free.push(slot);
    }
}
