//! Probes the servers ten times a second: advances the heartbeat on
//! the primary, and reads how far each replica has replayed it.

use super::beats::{Beats, LAG_MAX_MILLIS, Lag};
use super::health::{Condition, Finding, Health};
use crate::StoreError;
use crate::postgres::connections::{Pool, Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::hosts::Hosts;
use crate::postgres::presence::Presence;
use crate::postgres::row::column;
use crate::postgres::timeline::{self, About};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::{error, info, warn};

static BEAT: Sql = sql!("heartbeat", INT8);
static STATE: Sql = sql!("replica_state");

/// How often replicas are probed, and the heartbeat is advanced.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// A server that does not say in this time how it is, is not well.
const PROBE_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a connection may take, with all that is said in the beginning.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A replica that has been ahead of the primary's heartbeat for longer follows another server.
const AHEAD_MAX: Duration = Duration::from_secs(2);

/// Asks a server the same thing again and again, on one session for as long as that is good.
struct Prober {
    pool: Pool,
    sql: &'static Sql,
    /// Of the primary: it is seen first whether another server has become that, and with every probe whether
    /// it still is what it was. If not, all sessions with it begin anew.
    hosts: Option<Arc<Hosts>>,
    session: Option<ProbeSession>,
    /// A session that is being made.
    connecting: Option<BoxFuture<'static, Result<ProbeSession, StoreError>>>,
}

/// A session, and what was so on it when it began.
struct ProbeSession {
    session: Session,
    about: Option<About>,
}

impl Prober {
    fn new(pool: Pool, sql: &'static Sql, hosts: Option<Arc<Hosts>>) -> Prober {
        Prober { pool, sql, hosts, session: None, connecting: None }
    }

    /// Asks once. A connection that is not made in time fails this probe and not the next one: far away it
    /// takes several trips to make one, and one trip to ask.
    async fn probe(&mut self, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let late = || StoreError::Unavailable("it does not answer".into());
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let connect = || connect(self.pool.clone(), self.sql, self.hosts.is_some()).boxed();
                let connecting = self.connecting.get_or_insert_with(connect);
                let Ok(connected) = timeout(PROBE_TIMEOUT, connecting).await else { return Err(late()) };
                self.connecting = None;
                connected?
            }
        };
        // A session that did not answer is dropped, which closes it.
        let answered = timeout(PROBE_TIMEOUT, session.ask(self.sql, parameters)).await;
        let (rows, about) = answered.map_err(|_| late())??;
        if let Some(hosts) = self.hosts.as_ref().filter(|_| about != session.about) {
            hosts.begin_anew();
            return Err(StoreError::Unavailable("it is another server now, or has other settings".into()));
        }
        self.session = Some(session);
        Ok(rows)
    }

    /// Whether a connection is still being made: the last probe has found out nothing.
    fn is_connecting(&self) -> bool {
        self.connecting.is_some()
    }

    /// Has the next probe made on a new session.
    fn begin_anew(&mut self) {
        self.session = None;
    }
}

impl ProbeSession {
    /// Asks, and reads again what is so on the session, where anything was known of that when it began.
    async fn ask(
        &self,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, Option<About>), Failure> {
        let rows = self.session.query(sql, parameters);
        if self.about.is_none() {
            return Ok((rows.await?, None));
        }
        // In one trip: the server may be far away.
        try_join(rows, timeline::read(&self.session)).await
    }
}

/// A session on which the statement is ready.
async fn connect(pool: Pool, sql: &'static Sql, is_primary: bool) -> Result<ProbeSession, StoreError> {
    let connect = async {
        let session = pool.session().await?;
        let about = if is_primary { timeline::keep(&session).await? } else { None };
        session.ready(sql).await?;
        Ok(ProbeSession { session, about })
    };
    let late = |_| Err(StoreError::Unavailable("no connection could be made in time".into()));
    timeout(CONNECT_TIMEOUT, connect).await.unwrap_or_else(late)
}

/// Advances the heartbeat and notes it, which also shows whether the primary is there.
pub(super) async fn beat(pool: Pool, hosts: Arc<Hosts>, presence: Arc<Presence>, beats: Arc<Beats>) {
    let mut prober = Prober::new(pool, &BEAT, Some(hosts));
    let mut ticks = interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_refused = false;
    loop {
        ticks.tick().await;
        let Some(probe) = presence.probe() else { continue };
        let was_there = presence.is_there();
        let asked = Instant::now();
        match prober.probe(&[&beats.to_move(asked)]).await {
            Ok(rows) => {
                is_refused = false;
                let beat_at = rows.first().and_then(|row| column(row, 0).ok());
                if beat_at.is_some_and(|beat_at| beats.note(beat_at, asked, Instant::now())) {
                    warn!(
                        "the heartbeat of the primary has gone back: it is another server, or in an older state"
                    );
                    prober.begin_anew();
                }
                probe.succeeded(Instant::now());
            }
            Err(StoreError::Unavailable(_)) => probe.failed(Instant::now()),
            // Who refuses is there.
            Err(refused) => {
                if !is_refused {
                    error!(%refused, "the heartbeat cannot be moved: no replica is read from");
                }
                is_refused = true;
                probe.succeeded(Instant::now());
            }
        }
        match presence.is_there() {
            is_there if is_there == was_there => {}
            true => info!("the primary answers again"),
            false => warn!("the primary does not answer: who has to write is told so at once"),
        }
    }
}

/// What replicas are compared with.
#[derive(Clone)]
pub(super) struct Original {
    /// The key of its store.
    pub(super) key: [u8; 16],
    pub(super) beats: Arc<Beats>,
    pub(super) presence: Arc<Presence>,
}

/// Probes a replica again and again.
pub(super) async fn watch_replica(pool: Pool, health: Arc<Health>, original: Original) {
    let mut prober = Prober::new(pool, &STATE, None);
    let mut ticks = interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ahead = None;
    loop {
        ticks.tick().await;
        let state = match prober.probe(&[]).await {
            Ok(rows) => {
                let is_ours = key_of(&rows).is_some_and(|key| key == original.key);
                health.note_ours(is_ours);
                match read_state(&rows) {
                    Ok(_) if !is_ours => Err((Condition::Foreign, OTHER_STORE.to_owned())),
                    state => state,
                }
            }
            // What was found before stands, and why there is no connection is said when that is known.
            // Whoever was well has lost a session since, and was found not to be.
            Err(_) if prober.is_connecting() => continue,
            Err(StoreError::Unavailable(error)) => Err((Condition::Away, error)),
            // It understands what it is asked, and has no such tables.
            Err(error) => {
                health.note_ours(false);
                Err((Condition::Foreign, error.to_string()))
            }
        };
        match state {
            Err((condition, problem)) => health.note(0, 0, (condition, Some(problem))),
            Ok((replayed, beat_at)) => {
                let (lag, finding) = original.judge(beat_at, &mut ahead, Instant::now());
                health.note(replayed, lag, finding);
            }
        }
    }
}

/// What is said of a server that has another store.
pub(in crate::postgres) const OTHER_STORE: &str = "it has another store: it is no replica of this database";

impl Original {
    /// How far a replica with this beat is behind, and what is to be said of that. `ahead` is a beat that it
    /// had before the primary told it, and since when.
    fn judge(&self, beat_at: i64, ahead: &mut Option<(i64, Instant)>, now: Instant) -> (i64, Finding) {
        let because = |condition, problem: &str| (0, (condition, Some(problem.to_owned())));
        if self.presence.is_there() && self.beats.stand_still(now) {
            let problem =
                "the heartbeat of the primary is not known, so nobody can tell how far it is behind";
            return because(Condition::Unknown, problem);
        }
        self.beats.learn(beat_at, now);
        if ahead.is_some_and(|(beat, _)| self.beats.lag(beat, now) != Lag::Ahead) {
            *ahead = None;
        }
        match self.beats.lag(beat_at, now) {
            Lag::Unknown => because(Condition::Unknown, "the heartbeat of the primary is not known yet"),
            Lag::Ahead => {
                let (_, since) = *ahead.get_or_insert((beat_at, now));
                if now.saturating_duration_since(since) > AHEAD_MAX {
                    let problem = "it has what the primary does not have: it follows another server";
                    return because(Condition::Foreign, problem);
                }
                (0, (Condition::Well, None))
            }
            Lag::Millis(lag) if lag > LAG_MAX_MILLIS => {
                (lag, (Condition::Behind, Some(format!("it is {lag} ms behind"))))
            }
            Lag::Millis(lag) => (lag, (Condition::Well, None)),
        }
    }
}

/// How far a replica has replayed, and the heartbeat that it knows.
pub(in crate::postgres) fn read_state(rows: &[Row]) -> Result<(u64, i64), (Condition, String)> {
    let foreign = |problem: &str| (Condition::Foreign, problem.to_owned());
    let read = |error: StoreError| foreign(&error.to_string());
    let row =
        rows.first().ok_or_else(|| foreign("it has no heartbeat: it is no replica of this database"))?;
    if !column::<bool>(row, 0).map_err(read)? {
        return Err(foreign("it is not in recovery: it is no replica, or has become a primary"));
    }
    let replayed: i64 = column(row, 1).map_err(read)?;
    Ok((replayed.cast_unsigned(), column(row, 2).map_err(read)?))
}

/// The key of the store that a server has.
fn key_of(rows: &[Row]) -> Option<Vec<u8>> {
    rows.first().and_then(|row| column(row, 3).ok()).flatten()
}
