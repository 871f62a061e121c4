//! What changes still owe to Redis: markers and records that have not arrived there yet.

use super::value::Value;
use foldhash::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// More codes than this are not owed one by one: then the floor is raised, which settles all.
const OWED_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Debts(Mutex<Owed>);

#[derive(Default)]
struct Owed {
    by_code: HashMap<Box<str>, Debt>,
    /// Since when the floor is owed, and when it was owed last.
    floor: Option<(Instant, Instant)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Debt {
    pub(super) value: Value,
    /// When the first change of the code came that has not arrived.
    pub(super) since: Instant,
    /// When the change came that is owed now.
    came: Instant,
}

impl Owed {
    fn owe_floor(&mut self, now: Instant) {
        self.floor.get_or_insert((now, now)).1 = now;
    }
}

impl Debts {
    pub(super) fn owe(&self, code: &str, value: Value, now: Instant) {
        let mut owed = self.lock();
        if let Some(debt) = owed.by_code.get_mut(code) {
            // An older change of the same code is settled by the newer one, but is owed since it came.
            if debt.value.version() <= value.version() {
                (debt.value, debt.came) = (value, now);
            }
        } else if owed.by_code.len() < OWED_MAX {
            owed.by_code.insert(code.into(), Debt { value, since: now, came: now });
        } else {
            owed.owe_floor(now);
        }
    }

    /// The change of this version, or a newer one, has arrived.
    pub(super) fn pay(&self, code: &str, version: u64) {
        let mut owed = self.lock();
        if owed.by_code.get(code).is_some_and(|debt| debt.value.version() <= version) {
            owed.by_code.remove(code);
        }
    }

    /// Some of what is owed.
    pub(super) fn some(&self, count: usize) -> Vec<(Box<str>, Debt)> {
        self.lock().by_code.iter().take(count).map(|(code, debt)| (code.clone(), debt.clone())).collect()
    }

    /// The floor is owed: what is there from before is not to be believed.
    pub(super) fn owe_floor(&self, now: Instant) {
        self.lock().owe_floor(now);
    }

    /// Whether, and since when, the floor is owed.
    pub(super) fn floor(&self) -> Option<Instant> {
        self.lock().floor.map(|(since, _)| since)
    }

    /// The floor was raised by someone who began at `begun`: all debts that came before are settled.
    pub(super) fn pay_floor(&self, begun: Instant) {
        let mut owed = self.lock();
        owed.by_code.retain(|_, debt| debt.came > begun);
        owed.floor = owed.floor.filter(|(_, last)| *last > begun);
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        let owed = self.lock();
        owed.by_code.values().map(|debt| debt.since).chain(owed.floor.map(|(since, _)| since)).min()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().by_code.len()
    }

    fn lock(&self) -> MutexGuard<'_, Owed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn too_many_debts_become_one_that_settles_all() {
        let (debts, start) = (Debts::default(), Instant::now());
        for number in 0..OWED_MAX as u64 + 5 {
            debts.owe(&format!("code{number}"), Value::Changed { version: number + 1 }, start);
        }
        assert_eq!((debts.len(), debts.floor()), (OWED_MAX, Some(start)));
        debts.pay_floor(start);
        assert_eq!((debts.len(), debts.floor(), debts.oldest()), (0, None, None));
    }

    #[test]
    fn a_floor_settles_nothing_that_came_after_it() {
        let (debts, start) = (Debts::default(), Instant::now());
        let later = start + Duration::from_millis(1);
        debts.owe("settled", Value::Changed { version: 1 }, start);
        debts.owe("again", Value::Changed { version: 2 }, start);
        debts.owe("again", Value::Changed { version: 3 }, later);
        debts.owe_floor(start);
        debts.owe_floor(later);
        debts.pay_floor(start);
        assert_eq!((debts.len(), debts.floor()), (1, Some(start)));
        assert_eq!(debts.some(10)[0].1.value, Value::Changed { version: 3 });
        debts.pay_floor(later);
        assert_eq!((debts.len(), debts.floor(), debts.oldest()), (0, None, None));
    }

    #[test]
    fn an_older_change_does_not_pay_for_a_newer_one() {
        let (debts, now) = (Debts::default(), Instant::now());
        debts.owe("code", Value::Changed { version: 5 }, now);
        debts.owe("code", Value::Changed { version: 7 }, now);
        debts.owe("code", Value::Changed { version: 6 }, now);
        debts.pay("code", 5);
        assert_eq!(debts.some(10)[0].1.value, Value::Changed { version: 7 });
        debts.pay("code", 7);
        assert_eq!(debts.oldest(), None);
    }
}
