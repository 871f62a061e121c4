//! Servers that answer reads: which replicas are well and how far they have got, and the primary when none is.

mod health;

pub(super) use health::read_state;
pub use health::{Condition, ReplicaState};

use super::address::Address;
use super::connections::{Plans, Pool, Session, Sql, sql};
use super::engine::Engine;
use super::failure::Failure;
use super::lookups::{Found, Key, Lookups};
use super::presence::{Presence, PrimaryState};
use super::row::column;
use super::{OpenError, Settings};
use crate::{Seen, StoreError};
use curtail_model::{Codes, Link};
use futures_util::future::{Either, select, try_join};
use health::{Health, beat, look_after};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
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
    replicas: Vec<Replica>,
    next: AtomicUsize,
}

/// What answers reads on one server.
struct Server {
    lookups: Lookups,
    lists: Pool,
}

struct Replica {
    server: Server,
    health: Arc<Health>,
}

/// Where one read may go, and what must be proved there.
pub(super) struct Source<'s> {
    pool: &'s Pool,
    /// The state that a replica must prove to have.
    proof: Seen,
}

impl Servers {
    /// Makes pools for all servers and starts to look after them.
    pub(super) fn start(
        engine: &Arc<Engine>,
        settings: &Settings,
        primary: &Address,
        replicas: &[Address],
        codes: &Codes,
    ) -> Result<Servers, OpenError> {
        let pool = |address: &Address, sessions: usize, plans: Plans| {
            Pool::new(address, sessions, plans, settings.prepared, settings.statement_timeout)
        };
        let server = |address: &Address| {
            let lookups = pool(address, settings.lookup_connections, Plans::Once)?;
            Ok::<_, OpenError>(Server {
                lookups: Lookups::start(engine, &lookups, settings.lookup_connections.max(1), codes),
                lists: pool(address, settings.list_connections, Plans::Free)?,
            })
        };
        let newest_beat = Arc::new(AtomicI64::new(0));
        let main = server(primary)?;
        let presence = primary.presence.clone().unwrap_or_else(|| Arc::new(Presence::new()));
        // Who looks whether it is there must not be kept from it.
        let looked_at = Address { presence: None, ..primary.clone() };
        let beats = pool(&looked_at, 1, Plans::Once)?;
        engine.spawn(beat(beats, Arc::clone(&presence), Arc::clone(&newest_beat)));
        engine.spawn(keep_words(main.lists.clone()));
        let replicas = replicas.iter().map(|address| {
            let health = Arc::new(Health::unknown(address.name.clone()));
            engine.spawn(look_after(
                pool(address, 1, Plans::Once)?,
                Arc::clone(&health),
                Arc::clone(&newest_beat),
            ));
            Ok::<_, OpenError>(Replica { server: server(address)?, health })
        });
        let replicas = replicas.collect::<Result<_, _>>()?;
        Ok(Servers { primary: main, presence, replicas, next: AtomicUsize::new(0) })
    }

    /// A link as a replica knows it that has got as far as `seen`, or the primary.
    pub(super) async fn find(&self, key: Key, seen: Seen) -> Result<Option<Box<Link>>, StoreError> {
        let Some(replica) = self.choose(seen) else { return self.find_newest(key, seen).await };
        let mut asked = replica.server.lookups.ask(key.clone(), seen);
        match timeout(HEDGE_AFTER, &mut asked).await {
            Ok(Ok(Found::Link(link))) => Ok(Some(link)),
            Ok(Ok(Found::Nothing)) => Ok(None),
            Ok(Ok(Found::Behind) | Err(_)) => self.find_newest(key, seen).await,
            Err(_) => {
                let primary = pin!(self.find_newest(key, seen));
                match select(asked, primary).await {
                    Either::Left((Ok(Found::Link(link)), _)) => Ok(Some(link)),
                    Either::Left((Ok(Found::Nothing), _)) => Ok(None),
                    Either::Left((Ok(Found::Behind) | Err(_), primary)) => primary.await,
                    Either::Right((Ok(answer), _)) => Ok(answer),
                    Either::Right((Err(error), replica)) => match replica.await {
                        Ok(Found::Link(link)) => Ok(Some(link)),
                        Ok(Found::Nothing) => Ok(None),
                        Ok(Found::Behind) | Err(_) => Err(error),
                    },
                }
            }
        }
    }

    /// A link as the primary knows it; when that is away, and any state will do, as any replica does: stale beats down.
    async fn find_newest(&self, key: Key, seen: Seen) -> Result<Option<Box<Link>>, StoreError> {
        let error = match self.find_on_primary(key.clone()).await {
            Err(error @ StoreError::Unavailable(_)) if seen == Seen::ANYTHING => error,
            answer => return answer,
        };
        for replica in &self.replicas {
            match replica.server.lookups.ask(key.clone(), seen).await {
                Ok(Found::Link(link)) => return Ok(Some(link)),
                Ok(Found::Nothing) => return Ok(None),
                Ok(Found::Behind) | Err(_) => {}
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
    pub(super) fn sources(&self, seen: Seen) -> Vec<Source<'_>> {
        let chosen = self.choose(seen).map(|replica| Source { pool: &replica.server.lists, proof: seen });
        let primary = Source { pool: &self.primary.lists, proof: Seen::ANYTHING };
        let others = self.replicas.iter().filter(|_| seen == Seen::ANYTHING);
        let others = others.map(|replica| Source { pool: &replica.server.lists, proof: seen });
        chosen.into_iter().chain([primary]).chain(others).collect()
    }

    /// The rows of one statement, from the best server that has them.
    pub(super) async fn query(
        &self,
        seen: Seen,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut failure = None;
        for source in self.sources(seen) {
            match source.query(sql, parameters).await {
                Ok(Some(rows)) => return Ok(rows),
                Ok(None) => {}
                Err(error @ StoreError::Unavailable(_)) => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failure.unwrap_or_else(|| StoreError::Unavailable("no server has got as far".into())))
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
        let session = self.pool.session().await?;
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
