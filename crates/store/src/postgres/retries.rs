//! Retries of one piece of work that others may be in the way of: a deadlock, or a transaction that cannot be
//! put in order with another. The server has undone all of it then, so trying again does nothing twice; every
//! other failure may have happened after the work was done, and is the caller's to judge.

use super::failure::{Failure, Remedy};
use curtail_runtime::retry::{Backoff, Budget};
use std::sync::Arc;
use std::time::Duration;

/// How often it is tried.
const TRIES: u32 = 4;
/// Pauses: at most this at first, and at most that. Whoever
/// was in the way needs as long as a transaction takes.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// The retries of one piece of work.
pub(super) struct Retries {
    budget: Arc<Budget>,
    backoff: Backoff,
    left: u32,
}

impl Retries {
    /// Retries out of what all work on one server may try again.
    pub(super) fn of(budget: &Arc<Budget>) -> Retries {
        Retries { budget: Arc::clone(budget), backoff: Backoff::new(PAUSE, PAUSE_MAX), left: TRIES }
    }

    /// How long to wait for the next attempt after one that ended so; nothing when that was the last.
    pub(super) fn pause_after<T>(&mut self, outcome: &Result<T, Failure>) -> Option<Duration> {
        match outcome {
            Ok(_) => {
                self.budget.earn();
                None
            }
            Err(failure) if failure.remedy() == Remedy::Again => {
                self.left -= 1;
                (self.budget.spend() && self.left > 0).then(|| self.backoff.pause())
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Retries, TRIES};
    use crate::StoreError;
    use crate::postgres::failure::Failure;
    use curtail_runtime::retry::Budget;
    use std::sync::Arc;
    use tokio_postgres::error::SqlState;

    fn failed(state: Option<SqlState>) -> Result<(), Failure> {
        Err(Failure { state, error: StoreError::Unavailable("it failed".into()) })
    }

    #[test]
    fn only_what_the_server_has_undone_is_tried_again_and_not_for_ever() {
        let budget = Arc::new(Budget::full());
        let deadlock = || failed(Some(SqlState::T_R_DEADLOCK_DETECTED));
        let mut retries = Retries::of(&budget);
        assert_eq!(
            (0..10).take_while(|_| retries.pause_after(&deadlock()).is_some()).count() as u32,
            TRIES - 1
        );
        for other in [None, Some(SqlState::UNIQUE_VIOLATION), Some(SqlState::ADMIN_SHUTDOWN)] {
            assert!(Retries::of(&budget).pause_after(&failed(other)).is_none());
        }
        assert!(Retries::of(&budget).pause_after(&Ok(())).is_none());
    }

    #[test]
    fn while_all_work_meets_others_none_is_tried_again() {
        let budget = Arc::new(Budget::full());
        let deadlock = failed(Some(SqlState::T_R_DEADLOCK_DETECTED));
        let again = (0..100).filter(|_| Retries::of(&budget).pause_after(&deadlock).is_some());
        assert!(again.count() < 10);
        assert!(Retries::of(&budget).pause_after(&deadlock).is_none());
    }
}
