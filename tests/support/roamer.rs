//! Clients of several app servers, of which some may be dead: who is not answered asks another one.

use super::http::{Client, Response};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where app servers are at the moment; a server that was started again is somewhere else.
pub(crate) struct Doors(Vec<AtomicU16>);

impl Doors {
    /// All closed.
    pub(crate) fn new(count: usize) -> Doors {
        Doors((0..count).map(|_| AtomicU16::new(0)).collect())
    }

    /// A server is here now.
    pub(crate) fn open(&self, number: usize, address: SocketAddr) {
        self.0[number].store(address.port(), Ordering::Relaxed);
    }

    /// A server is about to die.
    pub(crate) fn close(&self, number: usize) {
        self.0[number].store(0, Ordering::Relaxed);
    }

    fn address(&self, number: usize) -> Option<SocketAddr> {
        match self.0[number].load(Ordering::Relaxed) {
            0 => None,
            port => Some((Ipv4Addr::LOCALHOST, port).into()),
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Nobody was there: it was not sent.
    NotSent,
    /// The connection broke: it may have been done, or not.
    CutOff,
}

/// A client that goes to the next server when its own does not answer.
pub(crate) struct Roamer<'a> {
    doors: &'a Doors,
    at: usize,
    client: Option<Client>,
}

impl<'a> Roamer<'a> {
    /// One that begins at this server.
    pub(crate) fn new(doors: &'a Doors, first: usize) -> Roamer<'a> {
        Roamer { doors, at: first % doors.0.len(), client: None }
    }

    /// One request, sent once at most.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, Unanswered> {
        if self.client.is_none() {
            self.client = self.doors.address(self.at).and_then(|address| Client::try_connect(address).ok());
        }
        let Some(client) = &mut self.client else {
            self.move_on();
            return Err(Unanswered::NotSent);
        };
        client.try_request(method, path, headers, body).map_err(|_| {
            self.move_on();
            Unanswered::CutOff
        })
    }

    /// Asks another server from now on.
    pub(crate) fn move_on(&mut self) {
        self.client = None;
        self.at = (self.at + 1) % self.doors.0.len();
    }
}
