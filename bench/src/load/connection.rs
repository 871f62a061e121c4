//! One slot of the client: a socket, and the request that is under way on it.

use anyhow::{Context, Result, bail};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};

/// A socket and what is under way on it.
pub(crate) struct Connection {
    socket: Option<OwnedFd>,
    source: SocketAddr,
    /// What of the request the kernel has not taken yet: nearly always nothing.
    unsent: Vec<u8>,
    /// The beginning of a response that came in parts: nearly always nothing.
    pub(crate) partial: Vec<u8>,
    /// What the request asked for, in the words of its [`super::Exchange`].
    pub(crate) tag: u32,
    /// When the request was to leave, in nanoseconds since the start of the load.
    pub(crate) intended_nanos: u64,
    /// Whether a response is awaited.
    pub(crate) awaiting: bool,
    watched_for_writing: bool,
}

/// What came of reading.
pub(crate) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// The server closed.
    End,
    /// Nothing yet.
    Nothing,
}

impl Connection {
    /// The slot with this number. Every slot has a loopback address of its own: visitors differ by their
    /// address, and no address runs out of ports when each request has a connection of its own.
    pub(crate) fn new(number: usize) -> Connection {
        let address = Ipv4Addr::new(
            127,
            1 + (number / 62_500 % 250) as u8,
            (number / 250 % 250) as u8,
            (number % 250 + 1) as u8,
        );
        Connection {
            socket: None,
            source: SocketAddr::V4(SocketAddrV4::new(address, 0)),
            unsent: Vec::new(),
            partial: Vec::new(),
            tag: 0,
            intended_nanos: 0,
            awaiting: false,
            watched_for_writing: false,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Begins to connect, without waiting; `token` is what epoll will call this slot.
    pub(crate) fn open(&mut self, server: SocketAddr, epoll: &OwnedFd, token: u64) -> Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).context("no socket")?;
        net::bind(&socket, &self.source).context("no port left")?;
        match net::connect(&socket, &server) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => bail!("cannot connect to {server}: {error}"),
        }
        epoll::add(epoll, &socket, epoll::EventData::new_u64(token), epoll::EventFlags::IN)
            .context("epoll")?;
        self.watched_for_writing = false;
        self.socket = Some(socket);
        Ok(())
    }

    /// Closes the socket, which also takes it out of epoll.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.unsent.clear();
        self.partial.clear();
        self.awaiting = false;
    }

    /// Sends a request, or what the kernel takes of it now. Over loopback a new connection is established
    /// before `connect` has returned, so that sending at once nearly always works.
    pub(crate) fn send(&mut self, request: &[u8], epoll: &OwnedFd, token: u64) -> Result<()> {
        self.awaiting = true;
        let socket = self.socket.as_ref().context("the slot has no socket")?;
        let sent = match net::send(socket, request, SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            Err(Errno::AGAIN) => 0,
            Err(error) => return Err(error).context("cannot send"),
        };
        if sent == request.len() && !self.watched_for_writing {
            return Ok(());
        }
        self.unsent.clear();
        self.unsent.extend_from_slice(&request[sent..]);
        self.watch(epoll, token)
    }

    /// Sends what is left of the request, if anything is.
    pub(crate) fn send_rest(&mut self, epoll: &OwnedFd, token: u64) -> Result<()> {
        if !self.watched_for_writing {
            return Ok(());
        }
        let rest = std::mem::take(&mut self.unsent);
        self.send(&rest, epoll, token)
    }

    /// Reads what has come.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<Received> {
        let Some(socket) = &self.socket else { return Ok(Received::Nothing) };
        match net::recv(socket, buffer, RecvFlags::empty()) {
            Ok((0, _)) => Ok(Received::End),
            Ok((bytes, _)) => Ok(Received::Bytes(bytes)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(Received::Nothing),
            Err(error) => Err(error).context("cannot receive"),
        }
    }

    fn watch(&mut self, epoll: &OwnedFd, token: u64) -> Result<()> {
        let socket = self.socket.as_ref().context("the slot has no socket")?;
        self.watched_for_writing = !self.unsent.is_empty();
        let mut events = epoll::EventFlags::IN;
        if self.watched_for_writing {
            events |= epoll::EventFlags::OUT;
        }
        epoll::modify(epoll, socket.as_fd(), epoll::EventData::new_u64(token), events).context("epoll")
    }
}
