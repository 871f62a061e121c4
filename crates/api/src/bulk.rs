//! Many links in one request: NDJSON in, NDJSON out, in constant memory.
//!
//! Lines are parsed and handed to the store in small batches, so that other requests on this thread get their
//! turn in between. A bounded number of batches may be with the store: it makes those durable together that
//! have come while it was busy. A batch that is not full is handed over as soon as nothing more has arrived
//! and nothing else is with the store, so a few lines are answered at once. Answers that the client does not
//! take yet are put aside ([`spill`]): it may send all of its lines before it reads. What has been handed to
//! the store is finished there even when the client goes away.

mod batch;
mod lines;
pub(crate) mod spill;

use crate::idempotency::IdempotencyKey;
use crate::origin::Origin;
use crate::problem::{Kind, Problem};
use crate::service::Service;
use crate::time;
use axum::body::{Body, BodyDataStream, Bytes};
use batch::{Answers, Batch};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use futures_util::{Stream, stream};
use lines::{Line, Lines};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

/// Lines that may be with the store: enough to be parsed while those before them are made durable. Who makes
/// a single link meanwhile waits behind them, which is some tens of milliseconds.
const LINES_COMMITTING_MAX: usize = 16_384;

/// Bytes of such lines: what a bulk holds in memory is a small multiple of it.
const BYTES_COMMITTING_MAX: usize = 8 * 1024 * 1024;

/// A bulk under way.
pub(crate) struct Bulk {
    service: Arc<Service>,
    origin: Origin,
    key: Option<IdempotencyKey>,
    input: BodyDataStream,
    lines: Lines,
    /// What is being gathered.
    batch: Batch,
    /// What is being made durable, in order.
    committing: FuturesOrdered<BoxFuture<'static, Answers>>,
    lines_committing: usize,
    bytes_committing: usize,
    /// The store does not have all that is being made durable yet: what came later would overtake it.
    preparing: bool,
    input_ended: bool,
    /// Why the input ended before its end.
    broken: Option<Problem>,
}

impl Bulk {
    pub(crate) fn new(
        service: Arc<Service>,
        origin: Origin,
        key: Option<IdempotencyKey>,
        body: Body,
    ) -> Bulk {
        Bulk {
            service,
            origin,
            key,
            input: body.into_data_stream(),
            lines: Lines::default(),
            batch: Batch::default(),
            committing: FuturesOrdered::new(),
            lines_committing: 0,
            bytes_committing: 0,
            preparing: false,
            input_ended: false,
            broken: None,
        }
    }

    /// The answers, in pieces.
    pub(crate) fn answers(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let spills = self.service.spills.clone();
        let answers = stream::unfold(self, async |mut bulk| bulk.next().await.map(|piece| (piece, bulk)));
        spill::spilled(answers, spills)
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let is_whole = self.parse();
            if (is_whole || self.input_ended) && self.may_commit() {
                self.commit().await;
                tokio::task::yield_now().await;
            } else if self.is_done() {
                let broken = self.broken.take()?;
                return Some(batch::last_words(self.lines.number() + 1, &broken));
            } else if let Some(answers) = self.wait().await {
                self.lines_committing -= answers.lines();
                self.bytes_committing -= answers.bytes();
                self.preparing &= !self.committing.is_empty();
                // The store answers many batches at once, and hyper takes pieces as long as there are any.
                tokio::task::yield_now().await;
                return Some(answers.render(&self.origin));
            }
        }
    }

    /// Moves lines that have arrived into the batch, until it
    /// is full, which is the answer, or there are no more.
    fn parse(&mut self) -> bool {
        let now = time::now();
        let rules = self.service.rules(&self.origin);
        while !self.batch.is_full() {
            match self.lines.next() {
                None => return false,
                Some((number, Line::TooLong)) => self.batch.refuse(number, lines::too_long()),
                Some((_, Line::Text(line))) if line.iter().all(u8::is_ascii_whitespace) => {}
                Some((number, Line::Text(line))) => {
                    let idempotency = self.key.as_ref().map(|key| key.of_line(number, line));
                    self.batch.add(number, line, rules, idempotency, now);
                }
            }
        }
        true
    }

    /// Waits for whatever comes first: answers, more input, or, while nothing is with the store, nothing at
    /// all, which is the time to hand over what there is.
    async fn wait(&mut self) -> Option<Answers> {
        let reads = !self.input_ended && !self.batch.is_full();
        let is_idle = self.committing.is_empty() && !self.batch.is_empty();
        tokio::select! {
            biased;
            Some(answers) = self.committing.next() => return Some(answers),
            piece = tokio::time::timeout(self.service.settings.body_timeout, self.input.next()), if reads => match piece {
                Ok(Some(Ok(piece))) => self.lines.push(&piece),
                Ok(None) => self.end(None),
                Ok(Some(Err(_))) => self.end(Some(Problem::new(Kind::BadRequest, "The body broke off before its end."))),
                Err(_) => self.end(Some(Problem::new(Kind::Timeout, "No more of the body came for too long."))),
            },
            () = std::future::ready(()), if is_idle => self.commit().await,
        }
        None
    }

    /// Whether there is something to hand to the store, and room for it.
    fn may_commit(&self) -> bool {
        !self.batch.is_empty()
            && !self.preparing
            && self.lines_committing < LINES_COMMITTING_MAX
            && self.bytes_committing < BYTES_COMMITTING_MAX
    }

    /// Hands the batch to the store.
    async fn commit(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.lines_committing += batch.lines();
        self.bytes_committing += batch.bytes();
        self.preparing = batch.needs_preparation();
        let mut commit: BoxFuture<'static, Answers> = Box::pin(batch.commit(self.service.clone()));
        // The first step, which puts links into the store's queue, is taken here and now: their order is that
        // of the lines.
        let begun = poll_fn(|context| Poll::Ready(commit.as_mut().poll(context))).await;
        self.committing.push_back(match begun {
            Poll::Ready(answers) => Box::pin(std::future::ready(answers)),
            Poll::Pending => commit,
        });
    }

    fn end(&mut self, broken: Option<Problem>) {
        self.input_ended = true;
        // A line that broke off may still look whole: `{"max_clicks": 10` and `00}` are not the same link.
        self.lines.end(broken.is_none());
        self.broken = broken;
    }

    fn is_done(&self) -> bool {
        self.input_ended && self.batch.is_empty() && self.committing.is_empty()
    }
}
