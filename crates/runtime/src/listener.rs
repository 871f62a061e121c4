//! Listening sockets: one per core on the same address, so that the kernel deals connections out and cores
//! never meet.

mod defer_accept;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that the kernel holds for a core until it accepts them.
const BACKLOG: i32 = 4_096;

/// Bytes of answers that wait in a connection's buffer and are not on their way yet.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// Why an address cannot be listened on, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process has it.
    #[error("{0} is in use by another process; stop that one, or choose another address")]
    InUse(SocketAddr),
    /// Ports below 1024 need a privilege.
    #[error("listening on {0} is not permitted; choose a port above 1023, or grant CAP_NET_BIND_SERVICE")]
    NotPermitted(SocketAddr),
    /// It is not an address of this machine.
    #[error("{0} is not an address of this machine; choose one that it has, or 0.0.0.0 for all")]
    NotOurs(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// Opens `count` sockets that listen on one address. Accepted connections inherit `TCP_NODELAY`: a redirect
/// is one small write that must not wait for an acknowledgement.
pub fn listen(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, ListenError> {
    // Port 0 asks for any free port: all must get the same.
    let address = check(address)?;
    (0..count)
        .map(|_| open(address, true))
        .collect::<io::Result<_>>()
        .map_err(|error| explain(address, error))
}

/// Whether an address can be listened on, without taking any connection there. Answers it, with a port that
/// is free where 0 asks for one.
pub fn check(address: SocketAddr) -> Result<SocketAddr, ListenError> {
    // SO_REUSEPORT would let a second server share the port unnoticed; this bind, without it, collides with
    // whoever listens there already.
    open(address, false).and_then(|probe| probe.local_addr()).map_err(|error| explain(address, error))
}

/// Raises this process's limit of open files to the most that it may ask for, because each connection is one
/// and many systems begin with 1024. Answers what it is then.
pub fn allow_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let reached = if setrlimit(Resource::Nofile, most).is_ok() { most } else { limit };
    reached.current.unwrap_or(u64::MAX)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // "[::]" means all addresses of the machine, of both families.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_tcp_nodelay(true)?;
    // Else a client that reads slowly would seem to take
    // nothing until a third of a megabyte of buffer is free.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    defer_accept::until_data_arrives(&socket)?;
    socket.bind(&SockAddr::from(address))?;
    if shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

fn explain(address: SocketAddr, error: io::Error) -> ListenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        io::ErrorKind::PermissionDenied => ListenError::NotPermitted(address),
        io::ErrorKind::AddrNotAvailable => ListenError::NotOurs(address),
        _ => ListenError::Other(address, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_share_a_port_and_other_processes_do_not() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let sockets = listen(any, 3).unwrap();
        let address = sockets[0].local_addr().unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
        assert!(matches!(listen(address, 1), Err(ListenError::InUse(_))));
        drop(sockets);
        assert!(listen(address, 1).is_ok());
    }
}
