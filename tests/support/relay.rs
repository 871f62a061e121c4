//! A relay between a server and its clients that passes on every answer, and loses what the server tells
//! unasked when it is told to: notifications of PostgreSQL, published messages of Redis. Nobody is told that
//! anything was lost.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What is spoken, to tell answers from messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Without TLS. Every message of the server has a type and a length; `A` is a notification (PostgreSQL's
    /// documentation, 55.7).
    Postgres,
    /// A connection that has subscribed hears nothing but messages.
    Redis,
}

/// It runs as long as the process; connections end with their ends.
pub(crate) struct Relay {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl Relay {
    /// Begins to relay to a port of this machine.
    pub(crate) fn start(server: u16, protocol: Protocol) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses = Arc::new(AtomicBool::new(false));
        let relay = Relay { port, loses: loses.clone() };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A server that is away refuses its clients; so does the relay.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                    relay_one(client, server, protocol, loses.clone());
                }
            }
        });
        relay
    }

    /// Where clients connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Loses messages from now on, or no longer.
    pub(crate) fn lose_messages(&self, lost: bool) {
        self.loses.store(lost, Ordering::Relaxed);
    }
}

fn relay_one(client: TcpStream, server: TcpStream, protocol: Protocol, loses: Arc<AtomicBool>) {
    let subscribed = Arc::new(AtomicBool::new(false));
    let (from, to, subscribes) =
        (client.try_clone().unwrap(), server.try_clone().unwrap(), subscribed.clone());
    thread::spawn(move || {
        let _ = questions(&from, &to, &subscribes);
        // The other direction ends too.
        let _ = to.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let _ = match protocol {
            Protocol::Postgres => postgres_answers(&server, &client, &loses),
            Protocol::Redis => redis_answers(&server, &client, &subscribed, &loses),
        };
        let _ = client.shutdown(Shutdown::Both);
    });
}

fn questions(mut client: &TcpStream, mut server: &TcpStream, subscribed: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if buffer[..read].windows(9).any(|word| word == b"SUBSCRIBE") {
            subscribed.store(true, Ordering::Relaxed);
        }
        server.write_all(&buffer[..read])?;
    }
}

fn postgres_answers(server: &TcpStream, mut client: &TcpStream, loses: &AtomicBool) -> io::Result<()> {
    let mut server = io::BufReader::with_capacity(64 << 10, server);
    let (mut head, mut message) = ([0; 5], Vec::new());
    loop {
        server.read_exact(&mut head)?;
        // The length counts itself and not the type.
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        message.clear();
        message.extend_from_slice(&head);
        message.resize(length + 1, 0);
        server.read_exact(&mut message[5..])?;
        if message[0] != b'A' || !loses.load(Ordering::Relaxed) {
            client.write_all(&message)?;
        }
    }
}

fn redis_answers(
    mut server: &TcpStream,
    mut client: &TcpStream,
    subscribed: &AtomicBool,
    loses: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = server.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if !(subscribed.load(Ordering::Relaxed) && loses.load(Ordering::Relaxed)) {
            client.write_all(&buffer[..read])?;
        }
    }
}
