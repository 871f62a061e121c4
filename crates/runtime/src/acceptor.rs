//! Accepts connections without telling the reactor of them: whoever accepts decides whether that is ever
//! worth its while. For a connection of a single request it would cost as much as reading the request.

use rustix::net::{SocketFlags, acceptfrom_with};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A listener that is waited for on the runtime of its core.
pub struct Acceptor(AsyncFd<TcpListener>);

impl Acceptor {
    /// Begins to wait for connections. The listener must not block.
    #[expect(unsafe_code, reason = "the reactor cannot see that the listener stays open; its owner can")]
    pub fn new(listener: TcpListener) -> io::Result<Acceptor> {
        // SAFETY: the listener owns its descriptor, always names the same one, and is closed only when this
        // value is dropped, which takes it off the reactor first: it is never lent mutably nor given back.
        let registered = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
        Ok(Acceptor(registered?))
    }

    /// Waits until somebody connects, and hands at most `at_once` of those who wait to `welcome`. The streams
    /// do not block. Answers whether others may wait still. An error is one of accepting; those accepted
    /// before it have been welcomed.
    pub async fn accept(
        &self,
        at_once: usize,
        mut welcome: impl FnMut(TcpStream, SocketAddr),
    ) -> io::Result<bool> {
        let mut waiting = self.0.readable().await?;
        for _ in 0..at_once {
            match waiting.try_io(|listener| accept(listener.get_ref())) {
                Ok(accepted) => accepted.map(|(stream, peer)| welcome(stream, peer))?,
                Err(_nobody_waits) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Hands everybody who waits now to `welcome`, and stops listening.
    pub fn close(self, mut welcome: impl FnMut(TcpStream, SocketAddr)) {
        while let Ok((stream, peer)) = accept(self.0.get_ref()) {
            welcome(stream, peer);
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok((socket.into(), peer.ok_or(io::ErrorKind::AddrNotAvailable)?))
}
