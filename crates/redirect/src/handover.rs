//! Where a connection goes at its first request that is not a plain one for a link: to hyper, with the bytes
//! that were read but not answered put back in front.

use crate::conflicting_lengths::Follower;
use crate::connection;
use crate::hyper_service;
use crate::pace::{HeadTimer, Pace};
use crate::request_body::RequestBody;
use crate::server::Core;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// The body of a response, from whoever made it.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// What answers the paths that are not links, the API and the pages of Curtail itself, given who asks.
pub type Elsewhere = Arc<
    dyn Fn(Request<RequestBody>, IpAddr) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>>
        + Send
        + Sync,
>;

/// Who begins like this speaks HTTP/2 and takes for granted that everybody does (RFC 9113, 3.4).
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Headers that a request may have; more is answered with 431.
pub(crate) const HEADERS_MAX: usize = 100;

/// Serves the rest of a connection. `unread` is what was read from it and not answered.
pub(crate) async fn serve(stream: TcpStream, unread: Bytes, peer: SocketAddr, core: Rc<Core>) {
    core.counters.handed_over.add(1);
    if unread.starts_with(HTTP_2) {
        return Box::pin(refuse_http_2(stream, &core)).await;
    }
    let (header_timeout, idle_timeout) = (core.settings.header_timeout, core.settings.idle_timeout);
    let pace = Arc::new(Pace::default());
    let timer = HeadTimer { pace: pace.clone(), header_timeout, idle_timeout };
    let head_bytes_max = core.settings.header_bytes;
    let stream = TokioIo::new(Rewound {
        unread,
        stream,
        patience: header_timeout,
        stalled: None,
        pace: pace.clone(),
        follower: Follower::new(head_bytes_max),
    });
    let requests = Cell::new(0);
    let had_body = Cell::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        requests.set(requests.get() + 1);
        had_body.set(!request.body().is_end_stream());
        let (core, has_conflicting_lengths) = (core.clone(), pace.has_conflicting_lengths(requests.get()));
        Box::pin(async move {
            Ok::<_, Infallible>(match has_conflicting_lengths {
                true => hyper_service::refuse_unclear(request.uri().path().as_bytes(), &core),
                false => hyper_service::serve(request, peer, &core).await,
            })
        })
    });
    let mut connection = http1::Builder::new()
        .timer(timer)
        // Who has sent all that there is to send still waits for the answer.
        .half_close(true)
        .header_read_timeout(header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(head_bytes_max)
        .serve_connection(stream, service);
    let mut shutdown = core.shutdown.clone();
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = shutdown.requested() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // Clients go away and send nonsense all the time: counted by hyper's answer to them, not worth a line in
    // the log.
    if let Err(error) = &ended {
        tracing::trace!(%error, "a connection ended badly");
    }
    let stream = connection.into_parts().io.into_inner().stream;
    if ended.is_err() || had_body.get() {
        // There may be more than was read.
        Box::pin(connection::linger(stream)).await;
    }
}

/// hyper would hang up without a word, which leaves whoever has set a proxy up like that in the dark.
async fn refuse_http_2(mut stream: TcpStream, core: &Core) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    if connection::send_all(&mut stream, ANSWER, core).await {
        connection::linger(stream).await;
    }
}

/// A stream with some bytes put back in front, that gives up a client who for too long neither takes anything
/// of an answer nor sends anything: some send all that they have before they read.
struct Rewound {
    unread: Bytes,
    stream: TcpStream,
    /// How long a write may wait for the client.
    patience: Duration,
    /// When the write that waits has waited long enough.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What the timer for the next head should know.
    pace: Arc<Pace>,
    follower: Follower,
}

impl Rewound {
    /// Passes on how a write went; an error in its place when it has been waiting for too long.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.pace.set_writing(written.is_pending());
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Notes what has been read.
    fn note_read(&mut self, arrived: &[u8]) {
        self.pace.note_read();
        if let Some(number) = self.follower.follow(arrived) {
            self.pace.found_conflicting_lengths(number);
        }
    }

    /// Notes that the client is there, and lets a write that waits wait anew.
    fn note_sent(&mut self) {
        let patience = self.patience;
        if let Some(stalled) = &mut self.stalled {
            stalled.as_mut().reset(Instant::now() + patience);
        }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            let filled = into.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(context, into);
            if into.filled().len() > filled {
                self.note_read(&into.filled()[filled..]);
                self.note_sent();
            }
            return read;
        }
        let length = self.unread.len().min(into.remaining());
        let arrived = self.unread.split_to(length);
        into.put_slice(&arrived);
        self.note_read(&arrived);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{Follower, Rewound};
    use bytes::Bytes;
    use std::io::{ErrorKind, Write};
    use std::net::TcpStream;
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn who_reads_nothing_is_given_up_only_when_no_more_comes_from_there() {
        // A machine that stalls lets the patience end between two words of a client that goes on.
        for _ in 0..10 {
            if is_given_up_only_when_no_more_comes().await {
                return;
            }
        }
        panic!("the machine has stalled each time");
    }

    /// Whether all that had to come from the client came long before the patience with it was over.
    async fn is_given_up_only_when_no_more_comes() -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let rewound = Rewound {
            unread: Bytes::new(),
            stream,
            patience: PATIENCE,
            stalled: None,
            pace: Arc::default(),
            follower: Follower::new(0),
        };
        let (mut read, mut write) = tokio::io::split(rewound);
        let answers = tokio::spawn(async move {
            let answer = vec![0; 1 << 20];
            loop {
                if let Err(error) = write.write_all(&answer).await {
                    return error.kind();
                }
            }
        });
        let began = Instant::now();
        let mut heard = began;
        while began.elapsed() < 4 * PATIENCE {
            client.write_all(b"more").unwrap();
            read.read_exact(&mut [0; 4]).await.unwrap();
            tokio::task::yield_now().await;
            let now = Instant::now();
            if now - heard > PATIENCE / 2 {
                return false;
            }
            heard = now;
            assert!(!answers.is_finished());
        }
        assert_eq!(answers.await.unwrap(), ErrorKind::TimedOut);
        true
    }
}
