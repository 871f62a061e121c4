//! Looks single links up on one server: what is asked for while one statement runs is the next statement.

use super::bulkhead::{Bulkhead, Place};
use super::connections::{Pool, Session, Sql, sql};
use super::executor::Executor;
use super::failure::Failure;
use super::groups::Groups;
use super::row::{self, bucket_column, column, id_column};
use crate::{Seen, StoreError};
use curtail_model::{Codes, DEFAULT_DOMAIN, Link, LinkId};
use futures_util::future::try_join;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_postgres::types::ToSql;

static FIND: Sql =
    sql!("links_find", INT2_ARRAY, INT8_ARRAY, INT8_ARRAY, INT2_ARRAY, TEXT_ARRAY, INT8_ARRAY, TEXT_ARRAY);
static REPLAYED: Sql = sql!("replayed");

/// Questions of one statement: more would make the first of them wait for the last.
const QUESTIONS_AT_ONCE: usize = 256;
/// Questions that may wait for one server.
const QUESTIONS_MAX: u32 = 16_384;

/// What a link is looked up by.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Id(LinkId),
    /// A custom code that looks like no generated one.
    Code(String),
    /// A code that names this id. Another link has the code if
    /// it was chosen anew after the one with the id had gone.
    Shaped(LinkId, String),
}

/// What a server knows.
#[derive(Debug)]
pub(super) enum Found {
    Link(Box<Link>),
    Nothing,
    /// It has not got as far as whoever asks has seen.
    Behind,
}

/// The look-ups of one server.
pub(super) struct Lookups {
    questions: Arc<Groups<Question>>,
    bulkhead: Bulkhead,
}

struct Question {
    key: Key,
    seen: Seen,
    caller: oneshot::Sender<Result<Found, StoreError>>,
    _place: Place,
}

impl Key {
    /// What the link with this code is looked up by: a code with the shape of a generated one names its id.
    pub(super) fn of_code(codes: &Codes, code: &str) -> Key {
        match codes.decode(code.as_bytes()) {
            Some(id) => Key::Shaped(id, code.to_owned()),
            None => Key::Code(row::text(code).into_owned()),
        }
    }

    /// The code that names an id, if it was asked for by that.
    fn shaped(&self) -> Option<&str> {
        match self {
            Key::Shaped(_, code) => Some(code),
            Key::Id(_) | Key::Code(_) => None,
        }
    }
}

impl Lookups {
    /// Starts as many statements at a time as the pool has sessions.
    pub(super) fn start(executor: &Arc<Executor>, pool: &Pool, at_once: usize, codes: &Codes) -> Lookups {
        let questions = Arc::new(Groups::eager());
        for _ in 0..at_once {
            executor.spawn(work(Arc::clone(&questions), pool.clone(), codes.clone()));
        }
        Lookups { questions, bulkhead: Bulkhead::new("look-ups", QUESTIONS_MAX, executor) }
    }

    /// Asks for a link. The question is queued when this returns.
    pub(super) fn ask(&self, key: Key, seen: Seen) -> crate::StoreFuture<'static, Found> {
        self.bulkhead.ask(1, |place, caller| {
            self.questions.push(1, Question { key, seen, caller, _place: place });
        })
    }

    pub(super) async fn close(&self) {
        self.bulkhead.close().await;
        self.questions.close();
    }
}

async fn work(questions: Arc<Groups<Question>>, pool: Pool, codes: Codes) {
    while let Some(mut group) = questions.take(QUESTIONS_AT_ONCE).await {
        // Who has stopped waiting needs no answer.
        group.entries.retain(|question| !question.caller.is_closed());
        if group.entries.is_empty() {
            continue;
        }
        let answers = match pool.session().await {
            Ok(session) => {
                let answers = session.within(ask(&session, &group.entries, &codes)).await;
                session.end::<_, StoreError>(answers)
            }
            Err(error) => Err(error),
        };
        match answers {
            Ok(answers) => {
                for (question, answer) in group.entries.drain(..).zip(answers) {
                    let _ = question.caller.send(answer);
                }
            }
            Err(error) => {
                for question in group.entries.drain(..) {
                    let _ = question.caller.send(Err(error.clone()));
                }
            }
        }
    }
}

/// The answers to a group of questions, in their order. A link that cannot be read spoils only its own.
async fn ask(
    session: &Session,
    group: &[Question],
    codes: &Codes,
) -> Result<Vec<Result<Found, StoreError>>, Failure> {
    let (mut buckets, mut ids, mut id_numbers, mut shaped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut code_buckets, mut chosen, mut code_numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (number, question) in (0_i64..).zip(group) {
        match &question.key {
            Key::Id(id) | Key::Shaped(id, _) => {
                buckets.push(bucket_column(*id));
                ids.push(id_column(*id));
                id_numbers.push(number);
                shaped.push(question.key.shaped());
            }
            Key::Code(code) => {
                code_buckets.push(codes.bucket_of(DEFAULT_DOMAIN, code.as_bytes()).number().cast_signed());
                chosen.push(code.as_str());
                code_numbers.push(number);
            }
        }
    }
    let find = session.ready(&FIND).await?;
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&buckets, &ids, &id_numbers, &code_buckets, &chosen, &code_numbers, &shaped];
    let find = session.send(&find, &parameters);
    let newest_seen = group.iter().map(|question| question.seen).max().unwrap_or_default();
    let (replayed, rows) = if newest_seen == Seen::ANYTHING {
        (Seen::NEWEST, find.await?)
    } else {
        // Before the snapshot of the look-up: what has been replayed by then is in it.
        let ready = session.ready(&REPLAYED).await?;
        let (replayed, rows) = try_join(session.send(&ready, &[]), find).await?;
        (Seen::at(column::<i64>(&replayed[0], 0)?.cast_unsigned()), rows)
    };
    let mut answers: Vec<_> = group
        .iter()
        .map(|question| Ok(if question.seen > replayed { Found::Behind } else { Found::Nothing }))
        .collect();
    for row in &rows {
        let number: i64 = column(row, 0)?;
        let answer = usize::try_from(number).ok().and_then(|number| answers.get_mut(number));
        if let Some(answer) = answer.filter(|answer| matches!(answer, Ok(Found::Nothing))) {
            *answer = row::link(row, 1, codes).map(|link| Found::Link(Box::new(link)));
        }
    }
    Ok(answers)
}
