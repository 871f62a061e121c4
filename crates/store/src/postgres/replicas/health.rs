//! How the servers are: the heartbeat that moves on on the primary, and how far replicas have got with it.

use crate::postgres::connections::{Pool, Sql, sql};
use crate::postgres::presence::Presence;
use crate::postgres::row::column;
use crate::{Seen, StoreError};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::Row;
use tracing::{info, warn};

static BEAT: Sql = sql!("heartbeat", INT8);
static STATE: Sql = sql!("replica_state");

/// How often replicas are looked at, and the heartbeat is tried to be moved.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The shortest time between two beats, in milliseconds; the processes that share a primary beat it together.
const BEAT_MILLIS: i64 = 200;
/// A replica whose heartbeat is older than the primary's by more, in milliseconds, is not read from. With the second for
/// which a process may believe its caches unheard, nobody sees anything older than two.
const LAG_MAX_MILLIS: i64 = 1_000;
/// A server that does not say in this time how it is, is not well.
const LOOK_TIMEOUT: Duration = Duration::from_millis(300);

/// How a replica is, as far as is known.
pub(super) struct Health {
    name: String,
    is_well: AtomicBool,
    replayed: AtomicU64,
    lag_millis: AtomicI64,
    finding: Mutex<Finding>,
}

/// What was found when it was last looked at, and in words what is wrong with that.
type Finding = (Condition, Option<String>);

/// How a replica is, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Host, port and database.
    pub name: String,
    /// Whether it is read from.
    pub condition: Condition,
    /// How far it is behind the primary, in milliseconds, when it could last be asked.
    pub lag_millis: i64,
    /// Why it is not read from.
    pub problem: Option<String>,
}

/// What is to be said of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is read from.
    Well,
    /// It is too far behind the primary.
    Behind,
    /// It does not answer.
    Away,
    /// It is no replica of this database.
    Foreign,
    /// It has not been looked at yet.
    Unknown,
}

impl Condition {
    /// All of them.
    pub const ALL: [Condition; 5] =
        [Condition::Well, Condition::Behind, Condition::Away, Condition::Foreign, Condition::Unknown];

    /// Its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::Well => "well",
            Condition::Behind => "behind",
            Condition::Away => "away",
            Condition::Foreign => "foreign",
            Condition::Unknown => "unknown",
        }
    }
}

impl Health {
    pub(super) fn unknown(name: String) -> Health {
        Health {
            name,
            is_well: AtomicBool::new(false),
            replayed: AtomicU64::new(0),
            lag_millis: AtomicI64::new(0),
            finding: Mutex::new((Condition::Unknown, Some("it has not been asked yet".into()))),
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.is_well.load(Ordering::Acquire)
    }

    pub(super) fn replayed(&self) -> Seen {
        Seen::at(self.replayed.load(Ordering::Acquire))
    }

    pub(super) fn state(&self) -> ReplicaState {
        let (condition, problem) = self.finding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lag_millis = self.lag_millis.load(Ordering::Relaxed);
        ReplicaState { name: self.name.clone(), condition, lag_millis, problem }
    }

    /// Notes how far it has got, and whether that is far enough.
    fn note(&self, replayed: u64, lag_millis: i64, finding: Finding) {
        let is_well = finding.0 == Condition::Well;
        self.replayed.store(replayed, Ordering::Release);
        self.lag_millis.store(lag_millis, Ordering::Relaxed);
        let was_well = self.is_well.swap(is_well, Ordering::AcqRel);
        match &finding.1 {
            Some(problem) if was_well => warn!(replica = self.name, problem, "a replica is not read from"),
            None if !was_well => info!(replica = self.name, "a replica is read from"),
            _ => {}
        }
        *self.finding.lock().unwrap_or_else(PoisonError::into_inner) = finding;
    }
}

/// Moves the heartbeat on and remembers the newest one; with it, looks whether the primary is there.
pub(super) async fn beat(pool: Pool, presence: Arc<Presence>, newest: Arc<AtomicI64>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(probe) = presence.probe() else { continue };
        let was_there = presence.is_there();
        let beaten = timeout(LOOK_TIMEOUT, pool.query(&BEAT, &[&BEAT_MILLIS])).await;
        if let Ok(Ok(rows)) = beaten {
            probe.succeeded(Instant::now());
            let beat_at = rows.first().and_then(|row| column(row, 0).ok());
            newest.fetch_max(beat_at.unwrap_or(0), Ordering::Relaxed);
        } else {
            probe.failed(Instant::now());
        }
        match presence.is_there() {
            is_there if is_there == was_there => {}
            true => info!("the primary answers again"),
            false => warn!("the primary does not answer: who has to write is told so at once"),
        }
    }
}

/// Looks again and again how a replica is.
pub(super) async fn look_after(pool: Pool, health: Arc<Health>, newest_beat: Arc<AtomicI64>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let newest = newest_beat.load(Ordering::Relaxed);
        let state = match timeout(LOOK_TIMEOUT, pool.query(&STATE, &[])).await {
            Ok(Ok(rows)) => read_state(&rows),
            Ok(Err(error)) => Err((Condition::Away, error.to_string())),
            Err(_) => Err((Condition::Away, "it does not answer".into())),
        };
        match state {
            Err((condition, problem)) => health.note(0, 0, (condition, Some(problem))),
            Ok((replayed, beat_at)) => {
                let lag = (newest - beat_at).max(0);
                let finding = if lag > LAG_MAX_MILLIS {
                    (Condition::Behind, Some(format!("it is {lag} ms behind")))
                } else {
                    (Condition::Well, None)
                };
                health.note(replayed, lag, finding);
            }
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
