//! Servers that answer reads: which replicas are well and
//! how far they have got, and the primary when none is.

mod beats;
mod health;
mod probes;

pub use beats::LAG_MAX_MILLIS;
pub use health::{Condition, ReplicaState};
pub(super) use probes::{OTHER_STORE, read_state};

use super::address::Address;
use super::connections::{Plans, Pool, Session, Sql, WAIT, sql};
use super::executor::Executor;
use super::failure::Failure;
use super::identity::Identity;
use super::lookups::{Found, Key, Lookups};
use super::presence::{Presence, PrimaryState};
use super::row::column;
use super::{OpenError, Settings};
use crate::{Seen, StoreError};
use beats::Beats;
use curtail_model::Link;
use futures_util::future::{Either, select, try_join};
use health::Health;
use probes::{Original, beat, watch_replica};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

static REPLAYED: Sql = sql!("replayed");
static FLUSH_WORDS: Sql = sql!("words_flush");

/// After this the primary is asked beside a replica that has not answered.
const HEDGE_AFTER: Duration = Duration::from_millis(10);
/// How often new words are brought into their index.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The servers that reads can go to.
pub(super) struct Servers {
    primary: Server,
    presence: Arc<Presence>,
    beats: Arc<Beats>,
    replicas: Vec<Replica>,
    next: AtomicUsize,
}

/// What answers reads on one server.
struct Server {
    lookups: Lookups,
    lists: Pool,
    /// Of these sessions, those that may make what takes long: one is left for what is soon done.
    long: Semaphore,
}

struct Replica {
    server: Server,
    health: Arc<Health>,
}

/// A link as some server knows it.
pub(super) struct Known {
    pub(super) link: Option<Box<Link>>,
    /// Whether it is at most as old as what a replica that is
    /// read from may have: the primary is there to compare with.
    pub(super) is_current: bool,
}

/// How long a read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Some rows by their keys.
    Short,
    /// A list or a series: as long as what it goes through.
    Long,
}

/// Where one read may go, and what must be proved there.
pub(super) struct Source<'s> {
    server: &'s Server,
    reading: Reading,
    /// The state that a replica must prove to have.
    proof: Seen,
}

/// What came of asking one server after the other.
#[derive(Default)]
pub(super) struct Tried(Option<StoreError>);

impl Tried {
    /// The answer, unless another server is to be asked: one that is not away, and has what is asked for.
    pub(super) fn judge<T>(
        &mut self,
        answer: Result<Option<T>, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        match answer {
            Ok(found) => found.map(Ok),
            Err(away @ StoreError::Unavailable(_)) => {
                self.0 = Some(away);
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// What to say once all have been asked.
    pub(super) fn nobody_has_it(self) -> StoreError {
        self.0.unwrap_or_else(|| {
            StoreError::Unavailable("no server has replayed what this caller has written".into())
        })
    }
}

impl Servers {
    /// Makes pools for all servers and starts to look after them.
    pub(super) fn start(
        executor: &Arc<Executor>,
        settings: &Settings,
        primary: &Address,
        replicas: &[Address],
        identity: &Identity,
    ) -> Result<Servers, OpenError> {
        let pool = |address: &Address, sessions: usize, plans: Plans| {
            Pool::new(address, sessions, plans, settings.prepared, settings.statement_timeout)
        };
        let server = |address: &Address| {
            let lookups = pool(address, settings.lookup_connections, Plans::Once)?;
            Ok::<_, OpenError>(Server {
                lookups: Lookups::start(
                    executor,
                    &lookups,
                    settings.lookup_connections.max(1),
                    &identity.codes,
                ),
                lists: pool(address, settings.list_connections, Plans::Free)?,
                long: Semaphore::new(settings.list_connections.saturating_sub(1).max(1)),
            })
        };
        let beats = Arc::new(Beats::unknown());
        let main = server(primary)?;
        let presence = primary.presence.clone().unwrap_or_else(|| Arc::new(Presence::new()));
        // What looks whether it is there must not be kept from it.
        let looked_at = Address { presence: None, ..primary.clone() };
        let heart = pool(&looked_at, 1, Plans::Once)?;
        executor.spawn(beat(heart, Arc::clone(&primary.hosts), Arc::clone(&presence), Arc::clone(&beats)));
        executor.spawn(keep_words(main.lists.clone()));
        let original =
            Original { key: identity.key, beats: Arc::clone(&beats), presence: Arc::clone(&presence) };
        let replicas = replicas.iter().map(|address| {
            let health = Arc::new(Health::unknown(address.name.clone()));
            let looked_at = pool(address, 1, Plans::Once)?;
            executor.spawn(watch_replica(looked_at, Arc::clone(&health), original.clone()));
            Ok::<_, OpenError>(Replica { server: server(address)?, health })
        });
        let replicas = replicas.collect::<Result<_, _>>()?;
        Ok(Servers { primary: main, presence, beats, replicas, next: AtomicUsize::new(0) })
    }

    /// A link as a replica knows it that has got as far as `seen`, or the primary.
    pub(super) async fn find(&self, key: Key, seen: Seen) -> Result<Known, StoreError> {
        let Some(replica) = self.choose(seen) else { return self.find_newest(key, seen).await };
        let is_current = self.beats.are_current(Instant::now());
        let known = |link| Ok(Known { link, is_current });
        let mut asked = replica.server.lookups.ask(key.clone(), seen);
        match timeout(HEDGE_AFTER, &mut asked).await {
            Ok(Ok(Found::Link(link))) => known(Some(link)),
            Ok(Ok(Found::Nothing)) => known(None),
            Ok(Ok(Found::Behind) | Err(_)) => self.find_newest(key, seen).await,
            Err(_) => {
                let primary = pin!(self.find_newest(key, seen));
                match select(asked, primary).await {
                    Either::Left((Ok(Found::Link(link)), _)) => known(Some(link)),
                    Either::Left((Ok(Found::Nothing), _)) => known(None),
                    Either::Left((Ok(Found::Behind) | Err(_), primary)) => primary.await,
                    Either::Right((Ok(answer), _)) => Ok(answer),
                    Either::Right((Err(error), replica)) => match replica.await {
                        Ok(Found::Link(link)) => known(Some(link)),
                        Ok(Found::Nothing) => known(None),
                        Ok(Found::Behind) | Err(_) => Err(error),
                    },
                }
            }
        }
    }

    /// A link as the primary knows it; when that is away, and any state will do, as any replica does: stale
    /// beats down. That there is no link is believed only of one that has all that is known of the primary.
    async fn find_newest(&self, key: Key, seen: Seen) -> Result<Known, StoreError> {
        let error = match self.find_on_primary(key.clone()).await {
            Err(error @ StoreError::Unavailable(_)) if seen == Seen::ANYTHING => error,
            answer => return answer.map(|link| Known { link, is_current: true }),
        };
        for replica in self.ours() {
            match replica.server.lookups.ask(key.clone(), seen).await {
                Ok(Found::Link(link)) => return Ok(Known { link: Some(link), is_current: false }),
                Ok(Found::Nothing) if replica.health.is_well() => {
                    return Ok(Known { link: None, is_current: false });
                }
                Ok(Found::Nothing | Found::Behind) | Err(_) => {}
            }
        }
        Err(error)
    }

    /// A link as the primary knows it, and nobody else.
    pub(super) async fn find_on_primary(&self, key: Key) -> Result<Option<Box<Link>>, StoreError> {
        match self.primary.lookups.ask(key, Seen::ANYTHING).await? {
            Found::Link(link) => Ok(Some(link)),
            Found::Nothing | Found::Behind => Ok(None),
        }
    }

    /// Where a read may go, the best place first.
    pub(super) fn sources<'s>(&'s self, reading: Reading, seen: Seen) -> Vec<Source<'s>> {
        let of = |replica: &'s Replica| Source { server: &replica.server, reading, proof: seen };
        let primary = Source { server: &self.primary, reading, proof: Seen::ANYTHING };
        let others = self.ours().filter(|_| seen == Seen::ANYTHING);
        self.choose(seen).map(of).into_iter().chain([primary]).chain(others.map(of)).collect()
    }

    /// The rows of one statement, from the best server that has them.
    pub(super) async fn query(
        &self,
        reading: Reading,
        seen: Seen,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut tried = Tried::default();
        for source in self.sources(reading, seen) {
            if let Some(answer) = tried.judge(source.query(sql, parameters).await) {
                return answer;
            }
        }
        Err(tried.nobody_has_it())
    }

    /// How the primary is.
    pub(super) fn primary_state(&self) -> PrimaryState {
        self.presence.state()
    }

    /// How the replicas are.
    pub(super) fn replica_states(&self) -> Vec<ReplicaState> {
        self.replicas.iter().map(|replica| replica.health.state()).collect()
    }

    /// Finishes what was asked for and closes all sessions.
    pub(super) async fn close(&self) {
        for server in [&self.primary].into_iter().chain(self.replicas.iter().map(|replica| &replica.server)) {
            server.lookups.close().await;
            server.lists.close();
        }
    }

    /// The replicas that have this store, those that are well first.
    fn ours(&self) -> impl Iterator<Item = &Replica> {
        let with = |is_well| {
            let ours = self.replicas.iter().filter(|replica| replica.health.is_ours());
            ours.filter(move |replica| replica.health.is_well() == is_well)
        };
        with(true).chain(with(false))
    }

    /// One of the replicas that are well and have got as far as `seen`, in turn.
    fn choose(&self, seen: Seen) -> Option<&Replica> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        (0..self.replicas.len())
            .map(|step| &self.replicas[(turn.wrapping_add(step)) % self.replicas.len()])
            .find(|replica| replica.health.is_well() && replica.health.replayed() >= seen)
    }
}

impl Source<'_> {
    /// The rows of a statement, or nothing where the state is not proved.
    pub(super) async fn query(
        &self,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Vec<Row>>, StoreError> {
        let late = |_| StoreError::Unavailable("too many lists are being made".into());
        let _room = match self.reading {
            Reading::Short => None,
            Reading::Long => Some(timeout(WAIT, self.server.long.acquire()).await.map_err(late)?),
        };
        let session = self.server.lists.session().await?;
        let rows = session.within(self.ask(&session, sql, parameters)).await;
        session.end(rows)
    }

    async fn ask(
        &self,
        session: &Session,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Vec<Row>>, Failure> {
        if self.proof == Seen::ANYTHING {
            return session.query(sql, parameters).await.map(Some);
        }
        // Before the snapshot of the read: what has been replayed by then is in it.
        let (first, then) = (session.ready(&REPLAYED).await?, session.ready(sql).await?);
        let (replayed, rows) = try_join(session.send(&first, &[]), session.send(&then, parameters)).await?;
        let replayed = Seen::at(column::<i64>(&replayed[0], 0)?.cast_unsigned());
        Ok((replayed >= self.proof).then_some(rows))
    }
}

/// Brings new words into their index, so that no create has to.
async fn keep_words(pool: Pool) {
    let mut ticks = interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = pool.query(&FLUSH_WORDS, &[]).await {
            tracing::debug!(%error, "new words were not brought into their index");
        }
    }
}
