//! What callers may rely on, on a clock that only the test moves.

use super::{Breaker, Policy, State};
use std::sync::Arc;
use std::time::{Duration, Instant};

const POLICY: Policy = Policy {
    consecutive_max: 5,
    window: Duration::from_secs(1),
    outcomes_min: 20,
    failures_percent_max: 50,
    backoff_min: Duration::from_millis(100),
    backoff_max: Duration::from_millis(800),
    probes: 2,
};

struct House {
    breaker: Arc<Breaker>,
    now: Instant,
}

impl House {
    fn new() -> House {
        let now = Instant::now();
        House { breaker: Arc::new(Breaker::new(POLICY, 7, now)), now }
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Asks; answers whether that was allowed.
    fn ask(&self, succeeds: bool) -> bool {
        match self.breaker.admit(self.now) {
            Some(permit) if succeeds => permit.succeeded(self.now),
            Some(permit) => permit.failed(self.now),
            None => return false,
        }
        true
    }

    /// Milliseconds until a question is let through.
    fn wait_until_asked(&mut self, succeeds: bool) -> u64 {
        (0..10_000)
            .find(|_| {
                self.ask(succeeds) || {
                    self.pass(1);
                    false
                }
            })
            .expect("it never came back")
    }
}

#[test]
fn a_dead_dependency_is_left_alone_after_five_questions() {
    let house = House::new();
    assert!((0..5).all(|_| house.ask(false)));
    assert_eq!(house.breaker.state(), State::Open);
    assert!((0..1_000).all(|_| !house.ask(true)));
    assert_eq!(house.breaker.opened(), 1);
}

#[test]
fn a_dependency_that_answers_every_third_time_is_left_alone() {
    let mut house = House::new();
    let asked = (0..100)
        .take_while(|number| {
            house.pass(10);
            house.ask(number % 3 == 0)
        })
        .count();
    assert!((20..=22).contains(&asked), "it opened after {asked} questions");
}

#[test]
fn a_dependency_that_fails_now_and_then_is_asked_on() {
    let mut house = House::new();
    for number in 0..1_000 {
        house.pass(1);
        assert!(house.ask(number % 3 != 0), "refused at question {number}");
    }
}

#[test]
fn old_failures_do_not_count() {
    let mut house = House::new();
    for _ in 0..10 {
        // Nineteen outcomes in a window say nothing; each window begins with none.
        for number in 0..19 {
            assert!(house.ask(number % 4 == 0));
        }
        house.pass(1_000);
    }
}

#[test]
fn it_comes_back_by_single_probes_and_closes_after_two() {
    let mut house = House::new();
    (0..5).for_each(|_| {
        house.ask(false);
    });
    house.pass(100);
    let probe = house.breaker.admit(house.now).expect("the backoff is over");
    assert_eq!(house.breaker.state(), State::HalfOpen);
    assert!(house.breaker.admit(house.now).is_none(), "one at a time");
    probe.succeeded(house.now);
    assert_eq!(house.breaker.state(), State::HalfOpen);
    assert!(house.ask(true));
    assert_eq!(house.breaker.state(), State::Closed);
    assert!((0..4).all(|_| house.ask(false)), "what was before does not count");
    assert_eq!(house.breaker.state(), State::Closed);
}

#[test]
fn the_backoff_doubles_up_to_its_limit_and_is_jittered() {
    let mut house = House::new();
    (0..5).for_each(|_| {
        house.ask(false);
    });
    let mut waits = Vec::new();
    for most in [100, 200, 400, 800, 800, 800] {
        let waited = house.wait_until_asked(false);
        assert!((most / 2..=most).contains(&waited), "{waited} of at most {most}");
        waits.push(waited * 800 / most);
    }
    waits.dedup();
    assert!(waits.len() > 1, "all waits are the same share of the backoff: {waits:?}");
    house.wait_until_asked(true);
    assert!(house.ask(true));
    (0..5).for_each(|_| {
        house.ask(false);
    });
    assert!(house.wait_until_asked(true) <= 100, "once closed, it starts from the shortest backoff");
}

#[test]
fn a_probe_that_is_given_up_makes_room_for_the_next() {
    let mut house = House::new();
    (0..5).for_each(|_| {
        house.ask(false);
    });
    house.pass(100);
    drop(house.breaker.admit(house.now).expect("the backoff is over"));
    assert!(house.ask(true));
}

#[test]
fn a_late_answer_to_an_old_question_neither_opens_nor_closes() {
    let mut house = House::new();
    let breaker = house.breaker.clone();
    let old = breaker.admit(house.now).expect("it is closed");
    let older = breaker.admit(house.now).expect("it is closed");
    (0..5).for_each(|_| {
        house.ask(false);
    });
    old.succeeded(house.now);
    assert_eq!(house.breaker.state(), State::Open);
    house.pass(100);
    assert!(house.ask(true) && house.ask(true));
    (0..4).for_each(|_| {
        house.ask(false);
    });
    older.failed(house.now);
    assert_eq!(house.breaker.state(), State::Closed);
}
