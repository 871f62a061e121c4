//! How a replica is, as far as is known.

use crate::Seen;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// What is wrong with a replica that has not worked yet is logged after so long: one that lacks the first
/// heartbeat that is seen here counts as behind until it has that, and a new store has yet to arrive.
const START: Duration = Duration::from_secs(2);

/// How a replica is, as far as is known.
pub(super) struct Health {
    name: String,
    is_well: AtomicBool,
    /// Whether it has this store: who has another one is never asked, whoever else is away.
    is_ours: AtomicBool,
    replayed: AtomicU64,
    lag_millis: AtomicI64,
    /// Since when it is looked at.
    since: Instant,
    known: Mutex<Known>,
}

/// What is known of it.
struct Known {
    finding: Finding,
    /// Whether the log says that it is not read from.
    is_logged: bool,
}

/// What was found when it was last looked at, and in words what is wrong with that.
pub(super) type Finding = (Condition, Option<String>);

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
    /// It has not been looked at yet, or nothing is known of the primary that it could be compared with.
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
            is_ours: AtomicBool::new(false),
            replayed: AtomicU64::new(0),
            lag_millis: AtomicI64::new(0),
            since: Instant::now(),
            known: Mutex::new(Known {
                finding: (Condition::Unknown, Some("it has not been asked yet".into())),
                is_logged: false,
            }),
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.is_well.load(Ordering::Acquire)
    }

    /// Whether it is known to have this store, however far behind.
    pub(super) fn is_ours(&self) -> bool {
        self.is_ours.load(Ordering::Acquire)
    }

    pub(super) fn replayed(&self) -> Seen {
        Seen::at(self.replayed.load(Ordering::Acquire))
    }

    pub(super) fn state(&self) -> ReplicaState {
        let (condition, problem) = self.lock().finding.clone();
        let lag_millis = self.lag_millis.load(Ordering::Relaxed);
        ReplicaState { name: self.name.clone(), condition, lag_millis, problem }
    }

    /// Notes whose store it has.
    pub(super) fn note_ours(&self, is_ours: bool) {
        self.is_ours.store(is_ours, Ordering::Release);
    }

    /// Notes how far it has got, and whether that is far enough. The log is told when it begins and ends not
    /// to be read from, and when it turns out to be no replica.
    pub(super) fn note(&self, replayed: u64, lag_millis: i64, finding: Finding) {
        let is_well = finding.0 == Condition::Well;
        self.replayed.store(replayed, Ordering::Release);
        self.lag_millis.store(lag_millis, Ordering::Relaxed);
        let was_well = self.is_well.swap(is_well, Ordering::AcqRel);
        let mut known = self.lock();
        let is_strange = finding.0 == Condition::Foreign && known.finding.0 != Condition::Foreign;
        // Of one that has never been well nobody would hear that it has ceased to be.
        let has_begun_badly =
            finding.0 != Condition::Unknown && !known.is_logged && self.since.elapsed() >= START;
        match &finding.1 {
            Some(problem) if was_well || has_begun_badly || (is_strange && known.is_logged) => {
                warn!(
                    replica = self.name,
                    problem,
                    "a replica of database.replica_urls is not read from until that is mended; `curtail doctor` says more"
                );
                known.is_logged = true;
            }
            None if !was_well => {
                info!(replica = self.name, "a replica is read from");
                known.is_logged = false;
            }
            _ => {}
        }
        known.finding = finding;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
