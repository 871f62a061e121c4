//! How many clicks limited links may give, and how many of them they have given: all who wait for clicks are
//! one update, and the rows it locks make the count exact over all processes. Who only looks is answered in
//! the same trip, so that any number who look take one session of those that write.

use crate::postgres::bulkhead::{Bulkhead, Place};
use crate::postgres::connections::{Pool, Session, Sql, sql};
use crate::postgres::executor::Executor;
use crate::postgres::failure::Failure;
use crate::postgres::groups::Groups;
use crate::postgres::row::{bucket_column, column, id_column, link_id};
use crate::{Spent, StoreError, StoreFuture};
use curtail_model::LinkId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::sleep;

static SPEND: Sql = sql!("allowances_spend", INT2_ARRAY, INT8_ARRAY, INT8_ARRAY);
static PEEK: Sql = sql!("allowances_peek", INT2_ARRAY, INT8_ARRAY);
static SET: Sql = sql!("allowance_set", INT2, INT8, INT8);
static DELETE: Sql = sql!("allowance_delete", INT2, INT8);

/// Clicks that one statement takes.
const CLICKS_AT_ONCE: usize = 1_024;
/// Clicks that may be waited for, and looks.
const CLICKS_MAX: u32 = 16_384;
const LOOKS_MAX: u32 = 4_096;

/// Takes clicks of limited links.
pub(super) struct Allowances {
    pool: Pool,
    asked: Arc<Groups<Asked>>,
    clicks: Bulkhead,
    looks: Bulkhead,
}

/// What is asked of a limited link.
struct Asked {
    id: LinkId,
    /// Whether the click is taken, or only looked at.
    takes: bool,
    caller: oneshot::Sender<Result<Spent, StoreError>>,
    _place: Place,
}

impl Allowances {
    pub(super) fn start(executor: &Arc<Executor>, pool: &Pool) -> Allowances {
        let asked = Arc::new(Groups::eager());
        executor.spawn(work(Arc::clone(&asked), pool.clone()));
        let bulkhead = |name, places_max| Bulkhead::new(name, places_max, executor);
        Allowances {
            pool: pool.clone(),
            asked,
            clicks: bulkhead("limited clicks", CLICKS_MAX),
            looks: bulkhead("looks at limited clicks", LOOKS_MAX),
        }
    }

    /// Asks for a click. It is queued when this returns.
    pub(super) fn spend(&self, id: LinkId) -> StoreFuture<'static, Spent> {
        self.ask(id, true, &self.clicks)
    }

    /// What the next click would get; takes nothing.
    pub(super) fn peek(&self, id: LinkId) -> StoreFuture<'static, Spent> {
        self.ask(id, false, &self.looks)
    }

    fn ask(&self, id: LinkId, takes: bool, bulkhead: &Bulkhead) -> StoreFuture<'static, Spent> {
        if let Err(away) = self.pool.must_be_there() {
            return Box::pin(std::future::ready(Err(away)));
        }
        bulkhead.ask(1, |place, caller| self.asked.push(1, Asked { id, takes, caller, _place: place }))
    }

    pub(super) async fn close(&self) {
        self.clicks.close().await;
        self.looks.close().await;
        self.asked.close();
    }
}

async fn work(asked: Arc<Groups<Asked>>, pool: Pool) {
    while let Some(mut group) = asked.take(CLICKS_AT_ONCE).await {
        // A click that nobody waits for any more must not be taken.
        group.entries.retain(|asked| !asked.caller.is_closed());
        let mut wanted = Wanted::default();
        for asked in &group.entries {
            match asked.takes {
                true => *wanted.clicks.entry(asked.id).or_default() += 1,
                false => _ = wanted.looks.insert(asked.id),
            }
        }
        let answers = attempts(&pool, &wanted).await;
        match answers {
            Ok((mut taken, seen)) => {
                for asked in group.entries.drain(..) {
                    let spent = match asked.takes {
                        true => taken.get_mut(&asked.id).map_or(Spent::Missing, Taken::next),
                        false => seen.get(&asked.id).copied().unwrap_or(Spent::Missing),
                    };
                    let _ = asked.caller.send(Ok(spent));
                }
            }
            Err(error) => {
                for asked in group.entries.drain(..) {
                    let _ = asked.caller.send(Err(error.clone()));
                }
            }
        }
    }
}

/// What a group asks for.
#[derive(Default)]
struct Wanted {
    /// How many clicks of each link.
    clicks: BTreeMap<LinkId, i64>,
    looks: BTreeSet<LinkId>,
}

/// What was taken of one link.
enum Taken {
    /// So many clicks are to be given out, and the last of them leaves so many.
    Some { granted: u64, left: u64 },
    /// It has no allowance.
    Free(Spent),
}

impl Taken {
    fn next(&mut self) -> Spent {
        match self {
            Taken::Some { granted: 0, .. } => Spent::UsedUp,
            Taken::Some { granted, left } => {
                *granted -= 1;
                Spent::Granted { left: *left + *granted }
            }
            Taken::Free(spent) => *spent,
        }
    }
}

type Answers = (HashMap<LinkId, Taken>, HashMap<LinkId, Spent>);

async fn attempts(pool: &Pool, wanted: &Wanted) -> Result<Answers, StoreError> {
    if wanted.clicks.is_empty() && wanted.looks.is_empty() {
        return Ok(Answers::default());
    }
    let mut retries = pool.retries();
    loop {
        let session = pool.session().await?;
        let answers = session.within(answer(&session, wanted)).await;
        let answers = session.end::<_, Failure>(answers);
        let Some(pause) = retries.pause_after(&answers) else { return Ok(answers?) };
        sleep(pause).await;
    }
}

async fn answer(session: &Session, wanted: &Wanted) -> Result<Answers, Failure> {
    // First the looks: what fails behind clicks that were taken would take them once more.
    let looks: Vec<LinkId> = wanted.looks.iter().copied().collect();
    let seen = if looks.is_empty() { HashMap::new() } else { left(session, &looks).await? };
    Ok((take(session, &wanted.clicks).await?, seen))
}

async fn take(session: &Session, clicks: &BTreeMap<LinkId, i64>) -> Result<HashMap<LinkId, Taken>, Failure> {
    let mut ids: Vec<LinkId> = clicks.keys().copied().collect();
    let mut taken = HashMap::with_capacity(ids.len());
    while !ids.is_empty() {
        let buckets: Vec<i16> = ids.iter().copied().map(bucket_column).collect();
        let columns: Vec<i64> = ids.iter().copied().map(id_column).collect();
        let numbers: Vec<i64> = ids.iter().map(|id| clicks[id]).collect();
        let rows = session.query(&SPEND, &[&buckets, &columns, &numbers]).await?;
        for row in &rows {
            // Where a limit was lowered below what was given, less than nothing is left.
            let (granted, left): (i64, i64) = (column(row, 1)?, column(row, 2)?);
            let left = left.max(0).cast_unsigned();
            taken.insert(link_id(column(row, 0)?)?, Taken::Some { granted: granted.cast_unsigned(), left });
        }
        ids.retain(|id| !taken.contains_key(id));
        if ids.is_empty() {
            break;
        }
        let mut others = left(session, &ids).await?;
        // Some have got a limit just now: of that nothing was taken yet.
        ids.retain(|id| matches!(others.get(id), Some(Spent::Granted { .. })));
        ids.iter().for_each(|id| _ = others.remove(id));
        taken.extend(others.into_iter().map(|(id, spent)| (id, Taken::Free(spent))));
    }
    Ok(taken)
}

/// What the next click of links would get; of those that there are.
async fn left(session: &Session, ids: &[LinkId]) -> Result<HashMap<LinkId, Spent>, Failure> {
    let buckets: Vec<i16> = ids.iter().copied().map(bucket_column).collect();
    let columns: Vec<i64> = ids.iter().copied().map(id_column).collect();
    let rows = session.query(&PEEK, &[&buckets, &columns]).await?;
    let pair = |row| {
        let spent = match column::<Option<i64>>(row, 1)? {
            None => Spent::Unlimited,
            Some(left) if left <= 0 => Spent::UsedUp,
            Some(left) => Spent::Granted { left: left.cast_unsigned() - 1 },
        };
        Ok::<_, StoreError>((link_id(column(row, 0)?)?, spent))
    };
    Ok(rows.iter().map(pair).collect::<Result<_, _>>()?)
}

/// Sets the limit of a link, or takes it away.
pub(super) async fn set(session: &Session, id: LinkId, max_clicks: Option<u64>) -> Result<(), Failure> {
    let max_clicks = max_clicks.map(u64::cast_signed);
    session.query(&SET, &[&bucket_column(id), &id_column(id), &max_clicks]).await?;
    Ok(())
}

/// Forgets the allowance of a link that goes.
pub(super) async fn forget(session: &Session, id: LinkId) -> Result<(), Failure> {
    session.query(&DELETE, &[&bucket_column(id), &id_column(id)]).await?;
    Ok(())
}
