//! How a replica is, as far as is known.

use crate::Seen;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tracing::{info, warn};

/// How a replica is, as far as is known.
pub(super) struct Health {
    name: String,
    is_well: AtomicBool,
    /// Whether it has this store: who has another one is never asked, whoever else is away.
    is_ours: AtomicBool,
    replayed: AtomicU64,
    lag_millis: AtomicI64,
    finding: Mutex<Finding>,
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
            finding: Mutex::new((Condition::Unknown, Some("it has not been asked yet".into()))),
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
        let (condition, problem) = self.finding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lag_millis = self.lag_millis.load(Ordering::Relaxed);
        ReplicaState { name: self.name.clone(), condition, lag_millis, problem }
    }

    /// Notes whose store it has.
    pub(super) fn note_ours(&self, is_ours: bool) {
        self.is_ours.store(is_ours, Ordering::Release);
    }

    /// Notes how far it has got, and whether that is far enough.
    pub(super) fn note(&self, replayed: u64, lag_millis: i64, finding: Finding) {
        let is_well = finding.0 == Condition::Well;
        self.replayed.store(replayed, Ordering::Release);
        self.lag_millis.store(lag_millis, Ordering::Relaxed);
        let was_well = self.is_well.swap(is_well, Ordering::AcqRel);
        let mut found = self.finding.lock().unwrap_or_else(PoisonError::into_inner);
        let is_strange = finding.0 == Condition::Foreign && found.0 != Condition::Foreign;
        match &finding.1 {
            Some(problem) if was_well || is_strange => {
                warn!(replica = self.name, problem, "a replica is not read from");
            }
            None if !was_well => info!(replica = self.name, "a replica is read from"),
            _ => {}
        }
        *found = finding;
    }
}
