//! Making links: whatever was asked for while one group was written is the next group. Where much is asked
//! for several are under way at a time: while one waits for the disk, the next is prepared.
//!
//! Links of one call are made in order as far as it matters: those with generated codes go many at a time,
//! those with custom codes in a transaction of their own, and those that may be there already
//! ([`super::deduplicated`]) as well.

use super::super::connections::Pool;
use super::super::failure::{Failure, Remedy};
use super::super::ids::Ids;
use super::super::row::column;
use super::acknowledged::Acknowledged;
use super::{custom, deduplicated, generated};
use crate::postgres::bulkhead::{Bulkhead, Place};
use crate::postgres::executor::Executor;
use crate::postgres::groups::Groups;
use crate::{Create, Created, Refused, StoreError, StoreFuture, WhenMade};
use curtail_model::{Code, Codes, Link, LinkId};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Groups that are under way at once.
const GROUPS_AT_ONCE: usize = 4;
/// A statement with its commit costs as much as twenty to thirty links in it (pgbench with 1, 8 and 32 rows
/// in one statement: 0.5, 0.7 and 1.2 ms), and more where replicas follow.
const GROUP_WORTH: usize = 32;
/// Links of one group: more would make the first of them wait without making the group much cheaper.
const GROUP_LINKS: usize = 4_096;
/// Links that one statement makes.
const STATEMENT_LINKS: usize = 2_048;
/// Links that may wait.
const LINKS_MAX: u32 = 262_144;

/// Makes links.
pub(super) struct Creates {
    calls: Arc<Groups<Call>>,
    bulkhead: Bulkhead,
}

/// What one of the tasks makes links with.
pub(super) struct Maker {
    pub(super) pool: Pool,
    pub(super) ids: Arc<Ids>,
    pub(super) codes: Codes,
    pub(super) acknowledged: Arc<Acknowledged>,
}

struct Call {
    creates: Vec<Create>,
    caller: oneshot::Sender<Result<Vec<Result<Created, Refused>>, StoreError>>,
    _place: Place,
}

/// What becomes of a link that was asked for.
pub(super) enum Outcome {
    Made { id: LinkId, version: u64, code: Code },
    Found { link: Box<Link>, when: WhenMade },
    Refused(Refused),
}

/// What has to be done to make a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The next free id does.
    Generated,
    /// Its code may be taken.
    Custom,
    /// What there is already has a say.
    Deduplicated,
}

impl Creates {
    pub(super) fn start(executor: &Arc<Executor>, maker: Maker) -> Creates {
        let calls = Arc::new(Groups::of_worth(GROUP_WORTH));
        let maker = Arc::new(maker);
        for _ in 0..GROUPS_AT_ONCE {
            executor.spawn(work(Arc::clone(&calls), Arc::clone(&maker)));
        }
        Creates { calls, bulkhead: Bulkhead::new("new links", LINKS_MAX, executor) }
    }

    /// Asks for links. They are queued when this returns, whatever becomes of the answer.
    pub(super) fn ask(&self, creates: Vec<Create>) -> StoreFuture<'static, Vec<Result<Created, Refused>>> {
        let weight = creates.len();
        self.bulkhead.ask(weight, |place, caller| {
            self.calls.push(weight, Call { creates, caller, _place: place });
        })
    }

    pub(super) async fn close(&self) {
        self.bulkhead.close().await;
        self.calls.close();
    }
}

impl Kind {
    fn of(create: &Create) -> Kind {
        match create {
            Create { idempotency: Some(_), .. } => Kind::Deduplicated,
            Create { link, .. } if link.reuse => Kind::Deduplicated,
            Create { link, .. } if link.code.is_some() => Kind::Custom,
            Create { .. } => Kind::Generated,
        }
    }

    /// Links of this kind that go together.
    const fn at_once(self) -> usize {
        match self {
            Kind::Generated => STATEMENT_LINKS,
            Kind::Custom => STATEMENT_LINKS / 2,
            Kind::Deduplicated => deduplicated::LINKS_AT_ONCE,
        }
    }
}

async fn work(calls: Arc<Groups<Call>>, maker: Arc<Maker>) {
    while let Some(mut group) = calls.take(GROUP_LINKS).await {
        let mut outcomes: Vec<_> = group.entries.iter().map(|_| Ok(Vec::new())).collect();
        make(&maker, &group.entries, &mut outcomes).await;
        for (call, outcomes) in group.entries.drain(..).zip(outcomes) {
            let answer = outcomes.map(|outcomes| {
                call.creates
                    .into_iter()
                    .zip(outcomes)
                    .map(|(create, outcome)| outcome.answer(create))
                    .collect()
            });
            // Nobody may be waiting any more: the links stand all the same.
            let _ = call.caller.send(answer);
        }
    }
}

/// Makes all links of a group. A call whose links cannot all be made fails; those of it that were made stay.
async fn make(maker: &Maker, group: &[Call], outcomes: &mut [Result<Vec<Outcome>, StoreError>]) {
    let mut rest: Vec<&[Create]> = group.iter().map(|call| call.creates.as_slice()).collect();
    for kind in [Kind::Generated, Kind::Custom, Kind::Deduplicated].into_iter().cycle() {
        // What each call goes on with, if that is of this kind.
        let mut heads: VecDeque<(usize, &[Create])> = VecDeque::new();
        for (call, rest) in rest.iter_mut().enumerate() {
            if outcomes[call].is_err() {
                *rest = &[];
            }
            let length = rest.iter().take_while(|create| Kind::of(create) == kind).count();
            let (head, after) = rest.split_at(length);
            heads.extend((!head.is_empty()).then_some((call, head)));
            *rest = after;
        }
        while !heads.is_empty() {
            make_some(maker, kind, &mut heads, outcomes).await;
        }
        if rest.iter().all(|rest| rest.is_empty()) {
            return;
        }
    }
}

/// Makes as many links of one kind as go together, from the front.
async fn make_some(
    maker: &Maker,
    kind: Kind,
    heads: &mut VecDeque<(usize, &[Create])>,
    outcomes: &mut [Result<Vec<Outcome>, StoreError>],
) {
    let mut parts: Vec<(usize, &[Create])> = Vec::new();
    let mut room = kind.at_once();
    while room > 0
        && let Some((call, head)) = heads.pop_front()
    {
        let (part, after) = head.split_at(head.len().min(room));
        room -= part.len();
        parts.push((call, part));
        if !after.is_empty() {
            heads.push_front((call, after));
        }
    }
    let all: Vec<&Create> = parts.iter().flat_map(|(_, part)| part.iter()).collect();
    match attempts(maker, kind, &all).await {
        Ok(made) => distribute(&parts, made, outcomes),
        // One of them cannot be kept: each call alone, so that it fails alone.
        Err(failure) if failure.remedy() == Remedy::LessOfIt && parts.len() > 1 => {
            for part in &parts {
                let alone: Vec<&Create> = part.1.iter().collect();
                match attempts(maker, kind, &alone).await {
                    Ok(made) => distribute(std::slice::from_ref(part), made, outcomes),
                    Err(failure) => outcomes[part.0] = Err(failure.error),
                }
            }
        }
        Err(failure) => {
            for (call, _) in parts {
                outcomes[call] = Err(failure.error.clone());
            }
        }
    }
}

fn distribute(
    parts: &[(usize, &[Create])],
    made: Vec<Outcome>,
    outcomes: &mut [Result<Vec<Outcome>, StoreError>],
) {
    let mut made = made.into_iter();
    for (call, part) in parts {
        if let Ok(outcomes) = &mut outcomes[*call] {
            outcomes.extend(made.by_ref().take(part.len()));
        }
    }
}

/// Tries again while others are in the way: nothing has changed then.
async fn attempts(maker: &Maker, kind: Kind, creates: &[&Create]) -> Result<Vec<Outcome>, Failure> {
    let mut retries = maker.pool.retries();
    loop {
        let session = maker.pool.session().await?;
        let outcome = match kind {
            Kind::Generated => session.within(generated::make(maker, &session, creates)).await,
            Kind::Custom => session.within(custom::make(maker, &session, creates)).await,
            Kind::Deduplicated => session.within(deduplicated::make(maker, &session, creates)).await,
        };
        let outcome = session.end::<_, Failure>(outcome);
        let Some(pause) = retries.pause_after(&outcome) else { return outcome };
        sleep(pause).await;
    }
}

impl Outcome {
    fn answer(self, create: Create) -> Result<Created, Refused> {
        match self {
            Outcome::Made { id, version, code } => {
                Ok(Created { link: create.made(id, code, version), when: WhenMade::Now })
            }
            Outcome::Found { link, when } => Ok(Created { link: *link, when }),
            Outcome::Refused(refused) => Err(refused),
        }
    }
}

/// The version of a row that was just selected.
pub(super) fn version_in(rows: &[tokio_postgres::Row]) -> Result<Option<u64>, StoreError> {
    rows.first().map(|row| Ok(column::<i64>(row, 0)?.cast_unsigned())).transpose()
}
