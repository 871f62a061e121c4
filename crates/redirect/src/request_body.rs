//! The body of a request, which knows whether all of it was read: behind one that was not, a connection
//! cannot go on.

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

/// Whether all of a body was read, to be asked when its request is answered.
#[derive(Debug)]
pub(crate) struct IsRead(Arc<AtomicBool>);

impl RequestBody {
    pub(crate) fn new(body: Incoming) -> (RequestBody, IsRead) {
        let is_read = Arc::new(AtomicBool::new(body.is_end_stream()));
        (RequestBody { body, is_read: Arc::clone(&is_read) }, IsRead(is_read))
    }
}

impl IsRead {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
