//! The least that a server can do: one thread, epoll, and the same answer to whatever comes.
//!
//! It reads no request, knows no link and records nothing: what it costs is the kernel's, and what it reaches
//! is the greatest rate that the client can tell of. It runs in a process of its own, by the hidden
//! subcommand `floor`.

use super::{Process, free_addresses};
use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

/// What epoll calls the listener.
const LISTENER: u64 = u64::MAX;
const EVENTS_MAX: usize = 512;

/// Starts it in a process of its own.
pub(crate) fn start(folder: &Path, core: Option<usize>) -> Result<(Process, SocketAddr)> {
    let [address, _] = free_addresses()?;
    let mut command = Command::new(std::env::current_exe().context("this program is gone")?);
    command.args(["floor", "--listen", &address.to_string()]);
    let mut process = Process::start(&mut command, core, folder.join("floor.printed.txt"))?;
    process.wait_until_ready(address, "/", 302)?;
    Ok((process, address))
}

/// Answers until the process is ended.
pub(crate) fn run(address: SocketAddr) -> Result<()> {
    let location = crate::workload::destination(0);
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncache-control: private, no-store\r\ncontent-length: 0\r\n\r\n"
    );
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: HashMap<u64, TcpStream> = HashMap::new();
    let mut next = 0;
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let mut buffer = [0; 4096];
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            let number = event.data.u64();
            if number == LISTENER {
                while let Ok((connection, _)) = listener.accept() {
                    connection.set_nonblocking(true)?;
                    epoll::add(&epoll, &connection, EventData::new_u64(next), EventFlags::IN)?;
                    connections.insert(next, connection);
                    next += 1;
                }
            } else if let Some(connection) = connections.get_mut(&number)
                && (connection.read(&mut buffer).unwrap_or(0) == 0
                    || connection.write_all(answer.as_bytes()).is_err())
            {
                connections.remove(&number);
            }
        }
    }
}
