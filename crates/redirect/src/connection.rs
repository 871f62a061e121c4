//! The life of a connection: plain requests for links are read, answered and written here, one after the
//! other or pipelined; at the first request that is not one, the connection goes to hyper and stays there.
//!
//! Answers are gathered and leave in one write before the next read, and always before the connection is
//! handed over, so they keep the order of their requests.
//!
//! A visitor of a short link comes for one request. Where that is warm and has already arrived, [`greet`]
//! answers it on the spot: no task is made and the reactor never hears of the socket, which halves the system
//! calls of such a connection.

use crate::buffers::Buffers;
use crate::handover;
use crate::head::{self, Head};
use crate::hyper_service;
use crate::idle_connections::IdleTime;
use crate::server::Core;
use crate::wire;
use rustix::net::{SendFlags, send};
use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{self, Shutdown, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// What a client may send behind its last request, in bytes, and how long it may take to end the connection.
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_MAX: Duration = Duration::from_secs(1);

/// Bytes of a client: a buffer of the core's, and how much of it they fill.
pub(crate) type Arrived = (Box<[u8]>, usize);

/// What to do after the answers have been written.
enum Next {
    Read,
    Close,
    HandOver,
}

/// What became of a connection that has just been accepted.
pub(crate) enum Greeting {
    /// It is over.
    Over,
    /// It goes on, perhaps with a request that has arrived and was not answered yet.
    GoesOn(Option<Arrived>),
}

/// Answers the first request of a connection at once, if it has arrived and is a warm one. Never waits.
pub(crate) fn greet(mut stream: &net::TcpStream, peer: SocketAddr, core: &Core) -> Greeting {
    let mut input = core.buffers.input();
    let length = match stream.read(&mut input) {
        Ok(length) => length,
        Err(error) => {
            core.buffers.give_back(input);
            let not_yet = error.kind() == io::ErrorKind::WouldBlock;
            return if not_yet { Greeting::GoesOn(None) } else { Greeting::Over };
        }
    };
    let mut output = core.buffers.output();
    let head = head::parse(&input[..length], peer.ip(), &core.settings.proxies);
    // Where the buffer is full, more may have come.
    let alone = head.filter(|head| head.length == length && length < input.len());
    let Some(close) = alone.and_then(|head| answer_warm(&head, core, &mut output)) else {
        // Nothing at all means that the client has gone, which whoever serves it will see.
        return Greeting::GoesOn(Some((input, length)));
    };
    core.buffers.give_back(input);
    // What is sent with more to follow waits for that; what
    // follows is the end, and both travel in one packet.
    let flags = if close { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
    // The buffer of a new socket holds many such answers: one that does not fit has nobody to go to.
    let sent = send(stream, &output, flags).is_ok_and(|written| written == output.len());
    if close {
        // Before the socket is let go: were anything unread in
        // it by then, the kernel would throw the answer away.
        let _ = stream.shutdown(Shutdown::Write);
    }
    if close || !sent { Greeting::Over } else { Greeting::GoesOn(None) }
}

/// Serves a connection until one side ends it, beginning with what has arrived.
pub(crate) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    core: Rc<Core>,
    idle: IdleTime,
    mut arrived: Option<Arrived>,
) {
    loop {
        idle.waits(core.clock.second());
        let arrived = match arrived.take() {
            Some(arrived) => Some(arrived),
            None => receive(&mut stream, &core.buffers).await,
        };
        let Some((input, length)) = arrived else { return };
        idle.is_served();
        let mut output = core.buffers.output();
        let (used, next) = answer_all(&input[..length], peer, &core, &mut output).await;
        if !output.is_empty() && !send_all(&mut stream, &output, &core).await {
            return;
        }
        drop(output);
        match next {
            Next::Read => core.buffers.give_back(input),
            Next::Close => {
                core.buffers.give_back(input);
                return Box::pin(linger(stream)).await;
            }
            Next::HandOver => {
                let rest = input[used..length].to_vec();
                core.buffers.give_back(input);
                drop(idle);
                return handover::serve(stream, rest.into(), peer, core).await;
            }
        }
    }
}

/// Answers the plain requests for links that `input` holds.
/// Says how many bytes they took and what comes next.
async fn answer_all(input: &[u8], peer: SocketAddr, core: &Core, output: &mut Vec<u8>) -> (usize, Next) {
    let mut used = 0;
    while used < input.len() {
        let Some(head) = head::parse(&input[used..], peer.ip(), &core.settings.proxies) else {
            return (used, Next::HandOver);
        };
        let close = match answer_warm(&head, core, output) {
            Some(close) => close,
            None if hyper_service::is_elsewhere(head.request.path) => return (used, Next::HandOver),
            None => {
                let answer = Box::pin(core.redirector.answer(&head.request)).await;
                let close = head.close || core.draining.get();
                let ending = wire::Ending { date: &core.clock.date(), close };
                wire::answer(output, &answer, head.request.head, ending);
                close
            }
        };
        used += head.length;
        if close {
            return (used, Next::Close);
        }
    }
    (used, Next::Read)
}

/// Answers a request that takes nothing but memory. Says whether the connection is to be closed after it.
#[inline]
fn answer_warm(head: &Head<'_>, core: &Core, output: &mut Vec<u8>) -> Option<bool> {
    let close = head.close || core.draining.get();
    let ending = wire::Ending { date: &core.clock.date(), close };
    core.redirector.serve_warm(&head.request, ending, output).then_some(close)
}

/// Waits for bytes; nothing when the connection is over. A
/// buffer is taken only once there is something to read.
async fn receive(stream: &mut TcpStream, buffers: &Buffers) -> Option<Arrived> {
    poll_fn(|context| {
        let mut input = buffers.input();
        let mut into = ReadBuf::new(&mut input);
        match Pin::new(&mut *stream).poll_read(context, &mut into) {
            Poll::Ready(Ok(())) => {
                let length = into.filled().len();
                if length == 0 {
                    buffers.give_back(input);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some((input, length)))
            }
            Poll::Ready(Err(_)) => {
                buffers.give_back(input);
                Poll::Ready(None)
            }
            Poll::Pending => {
                buffers.give_back(input);
                Poll::Pending
            }
        }
    })
    .await
}

/// Ends a connection so that its last answer arrives, whatever the client has sent behind its last request:
/// to close a socket with something unread in it would undo what is on its way (RFC 9112, 9.6).
pub(crate) async fn linger(mut stream: TcpStream) {
    let drained = async {
        stream.shutdown().await?;
        let mut passed_over = 0;
        let mut unread = [0; 4096];
        while passed_over < LINGER_BYTES_MAX {
            match stream.read(&mut unread).await? {
                0 => break,
                length => passed_over += length,
            }
        }
        Ok::<_, io::Error>(())
    };
    // A client that neither reads nor closes is not waited for.
    let _ = tokio::time::timeout(LINGER_MAX, drained).await;
}

/// Writes all of `output`; a client that takes nothing of it for the header timeout is given up.
pub(crate) async fn send_all(stream: &mut TcpStream, output: &[u8], core: &Core) -> bool {
    match stream.try_write(output) {
        Ok(written) if written == output.len() => true,
        Ok(written) => send_slowly(stream, &output[written..], core).await,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => send_slowly(stream, output, core).await,
        Err(_) => false,
    }
}

/// The same, for as long as the client takes something within each header timeout.
async fn send_slowly(stream: &mut TcpStream, mut output: &[u8], core: &Core) -> bool {
    while !output.is_empty() {
        match tokio::time::timeout(core.settings.header_timeout, stream.write(output)).await {
            Ok(Ok(written)) if written > 0 => output = &output[written..],
            _ => return false,
        }
    }
    true
}
