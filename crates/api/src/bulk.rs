//! Many links in one request: NDJSON in, NDJSON out, in constant memory.
//!
//! One batch is being committed while the next is parsed from what has arrived. A batch is committed as soon as nothing
//! more has arrived and nothing else is being committed, so a few lines are answered at once and a flood gathers into
//! large commits by itself. Everything is driven by the client reading its answers: one who does not is not read from.
//! What has been handed to the store is finished there even when the client goes away.

mod batch;
mod lines;

use crate::idempotency::IdempotencyKey;
use crate::origin::Origin;
use crate::problem::{Kind, Problem};
use crate::service::Service;
use crate::time;
use axum::body::{Body, BodyDataStream, Bytes};
use batch::{Answers, Batch};
use futures_util::future::OptionFuture;
use futures_util::{Stream, StreamExt, stream};
use lines::{Line, Lines};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Lines that are parsed before other requests on this thread get their turn.
const LINES_PER_TURN: usize = 128;

/// A bulk under way.
pub(crate) struct Bulk {
    service: Arc<Service>,
    origin: Origin,
    key: Option<IdempotencyKey>,
    input: BodyDataStream,
    lines: Lines,
    /// What is being gathered.
    batch: Batch,
    /// What is being made durable.
    committing: Option<JoinHandle<Answers>>,
    /// What is being answered.
    answers: Option<Answers>,
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
            committing: None,
            answers: None,
            input_ended: false,
            broken: None,
        }
    }

    /// The answers, in pieces.
    pub(crate) fn answers(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        stream::unfold(self, async |mut bulk| bulk.next().await.map(|piece| (Ok(piece), bulk)))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(answers) = &mut self.answers {
                if let Some(piece) = answers.next_piece(&self.origin) {
                    return Some(piece);
                }
                self.answers = None;
            }
            if self.parse() {
                tokio::task::yield_now().await;
            } else if self.is_done() {
                let broken = self.broken.take()?;
                return Some(batch::last_words(self.lines.number() + 1, &broken));
            } else {
                self.wait().await;
            }
        }
    }

    /// Moves some of the lines that have arrived into the batch. Answers whether there may be more to move.
    fn parse(&mut self) -> bool {
        let now = time::now();
        let rules = self.service.rules(&self.origin);
        for _ in 0..LINES_PER_TURN {
            if self.batch.is_full() {
                return false;
            }
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

    /// Waits for whatever comes first: a commit that is done, more input, or, while nothing is being committed, nothing
    /// at all, which is the time to commit what there is.
    async fn wait(&mut self) {
        let reads = !self.input_ended && !self.batch.is_full();
        let may_commit = self.committing.is_none() && !self.batch.is_empty();
        let is_committing = self.committing.is_some();
        let committed = OptionFuture::from(self.committing.as_mut());
        tokio::select! {
            biased;
            Some(answers) = committed, if is_committing => {
                self.committing = None;
                self.answers = Some(answers.unwrap_or_else(|error| Answers::lost(&error)));
                self.commit();
            }
            piece = tokio::time::timeout(self.service.settings.body_timeout, self.input.next()), if reads => match piece {
                Ok(Some(Ok(piece))) => self.lines.push(&piece),
                Ok(None) => self.end(None),
                Ok(Some(Err(_))) => self.end(Some(Problem::new(Kind::BadRequest, "The body broke off before its end."))),
                Err(_) => self.end(Some(Problem::new(Kind::Timeout, "No more of the body came for too long."))),
            },
            () = std::future::ready(()), if may_commit => self.commit(),
        }
    }

    /// Hands the batch to the store. The task goes on by itself when the client goes away.
    fn commit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        self.committing = Some(tokio::spawn(batch.commit(self.service.clone())));
    }

    fn end(&mut self, broken: Option<Problem>) {
        self.input_ended = true;
        // A line that broke off may still look whole: `{"max_clicks": 10` and `00}` are not the same link.
        self.lines.end(broken.is_none());
        self.broken = broken;
    }

    fn is_done(&self) -> bool {
        self.input_ended && self.batch.is_empty() && self.committing.is_none()
    }
}
