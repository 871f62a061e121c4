//! The life of a connection: plain requests for links are read, answered and written here, one after the other or
//! pipelined; at the first request that is not one, the connection goes to hyper and stays there.
//!
//! Answers are gathered and leave in one write before the next read, and always before the connection is handed over, so
//! they keep the order of their requests.

use crate::buffers::Buffers;
use crate::handover;
use crate::head;
use crate::seats::Seat;
use crate::server::Core;
use crate::unusual;
use crate::wire;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// What to do after the answers have been written.
enum Next {
    Read,
    Close,
    HandOver,
}

/// Serves a connection until one side ends it.
pub(crate) async fn serve(mut stream: TcpStream, peer: SocketAddr, core: Rc<Core>, seat: Seat) {
    loop {
        seat.waits(core.clock.second());
        let Some((input, length)) = receive(&mut stream, &core.buffers).await else { return };
        seat.is_served();
        let mut output = core.buffers.output();
        let (used, next) = answer_all(&input[..length], peer, &core, &mut output).await;
        if !output.is_empty() && !send(&mut stream, &output, &core).await {
            return;
        }
        drop(output);
        match next {
            Next::Read => core.buffers.give_back(input),
            Next::Close => {
                core.buffers.give_back(input);
                return;
            }
            Next::HandOver => {
                let rest = input[used..length].to_vec();
                core.buffers.give_back(input);
                drop(seat);
                return handover::serve(stream, rest.into(), peer, core).await;
            }
        }
    }
}

/// Answers the plain requests for links that `input` holds. Says how many bytes they took and what comes next.
async fn answer_all(input: &[u8], peer: SocketAddr, core: &Core, output: &mut Vec<u8>) -> (usize, Next) {
    let mut used = 0;
    while used < input.len() {
        let Some(head) = head::parse(&input[used..], peer.ip(), &core.settings.proxies) else {
            return (used, Next::HandOver);
        };
        let close = head.close || core.draining.get();
        let date = core.clock.date();
        let ending = wire::Ending { date: &date, close };
        if !core.redirector.serve_warm(&head.visit, ending, output) {
            if unusual::is_elsewhere(head.visit.path) {
                return (used, Next::HandOver);
            }
            let answer = Box::pin(core.redirector.answer(&head.visit)).await;
            wire::answer(output, &answer, head.visit.head, ending);
        }
        used += head.length;
        if close {
            return (used, Next::Close);
        }
    }
    (used, Next::Read)
}

/// Waits for bytes; nothing when the connection is over. A buffer is taken only once there is something to read.
async fn receive(stream: &mut TcpStream, buffers: &Buffers) -> Option<(Box<[u8]>, usize)> {
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

/// Writes all of `output`; a client that does not read is given up after the header timeout.
async fn send(stream: &mut TcpStream, output: &[u8], core: &Core) -> bool {
    match stream.try_write(output) {
        Ok(written) if written == output.len() => true,
        Ok(written) => send_slowly(stream, &output[written..], core).await,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            send_slowly(stream, output, core).await
        }
        Err(_) => false,
    }
}

async fn send_slowly(stream: &mut TcpStream, output: &[u8], core: &Core) -> bool {
    let sent = tokio::time::timeout(core.settings.header_timeout, stream.write_all(output)).await;
    matches!(sent, Ok(Ok(())))
}
