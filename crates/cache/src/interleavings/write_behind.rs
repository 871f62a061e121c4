//! The same with a link that is acknowledged ahead of the store: making it, flushing it, changing it on
//! another node and reading it on both, in any order. Whoever asks after the acknowledgement finds it, and a
//! change is never overtaken by the link being flushed.

use super::{LIFETIMES, START, TRIES, open, record, shuffled, unanswered};
use crate::redis::{Believed, FillLock, Lookup, Redis};
use crate::shared_cache::{Held, SharedCache};
use crate::strategy::Strategy;
use curtail_model::{LinkId, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many steps the actors have: who makes the link, who flushes
/// it, who changes it elsewhere, a reader there and one here.
const STEPS: [usize; 5] = [5, 3, 6, 5, 5];
const STORE: u64 = 77;
/// What the link that waits is looked for by.
const ID: LinkId = LinkId::new(1).expect("ids are small");

/// Which rules hold. The model has to find what goes wrong without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    All,
    /// What waits is looked for when the store has said that there is nothing, and not before.
    StoreFirst,
    /// What waits replaces what is there.
    Overwrites,
}

struct World {
    redis: Arc<Redis>,
    rules: Rules,
    code: String,
    store_name: u64,
    /// What the store has: nothing, the link as it was made, or as it was changed.
    store: u64,
    /// Whether its maker remembers that it waits.
    waits: bool,
    acknowledged: bool,
    changed: bool,
    maker: SharedCache,
    other: SharedCache,
    reads: [Read; 3],
    now: Timestamp,
    wrong: Option<&'static str>,
}

/// What who asks carries from step to step.
#[derive(Clone, Copy)]
struct Read {
    asked: (Timestamp, Instant),
    newest: bool,
    after_acknowledgement: bool,
    waiting: bool,
    found: u64,
    done: bool,
}

impl World {
    fn new(redis: Arc<Redis>, rules: Rules, number: u64) -> World {
        let cache = || SharedCache::new(1 << 18, LIFETIMES);
        let now = START.plus_millis(1_000);
        let read = Read {
            asked: (now, Instant::now()),
            newest: false,
            after_acknowledgement: false,
            waiting: false,
            found: 0,
            done: false,
        };
        World {
            redis,
            rules,
            code: format!("b{number}"),
            store_name: STORE + number,
            store: 0,
            waits: false,
            acknowledged: false,
            changed: false,
            maker: cache(),
            other: cache(),
            reads: [read; 3],
            now,
            wrong: None,
        }
    }

    /// Brings the link as it was made.
    fn flush(&mut self) {
        if self.store == 0 || self.rules == Rules::Overwrites {
            self.store = 1;
        }
    }

    async fn is_elsewhere(&self) -> bool {
        self.redis.unwritten(self.store_name, ID).await.is_some()
    }

    async fn make(&mut self, step: usize) {
        match step {
            0 => self.waits = true,
            1 => {
                let is_taken = self.redis.put_unwritten(self.store_name, ID, b"the whole link").await;
                self.wrong = self.wrong.or((!is_taken).then_some("Redis did not take what waits"));
            }
            2 if !self.waits => self.redis.forget_unwritten(self.store_name, &[ID]).await,
            3 => {
                self.maker.put(&self.code, &record(1), self.now);
                self.other.learn(&self.code, 1, Some(&record(1)), self.now);
            }
            4 => {
                self.redis.put_new(&self.code, &record(1)).await;
                self.acknowledged = true;
            }
            _ => {}
        }
    }

    /// Brings what waits by its turn; what was not there to be taken is taken at the end.
    async fn drain(&mut self, step: usize) {
        match step {
            0 => {
                self.reads[2].waiting = self.waits;
                if self.waits {
                    self.flush();
                }
            }
            1 if self.reads[2].waiting => self.waits = false,
            2 if self.reads[2].waiting => self.redis.forget_unwritten(self.store_name, &[ID]).await,
            _ => {}
        }
    }

    async fn change(&mut self, step: usize, asked: &mut Read) {
        match step {
            0 => asked.waiting = self.is_elsewhere().await,
            1 if asked.waiting => {
                self.flush();
                self.redis.forget_unwritten(self.store_name, &[ID]).await;
            }
            2 => {
                self.changed = self.store == 1;
                if self.changed {
                    self.store = 2;
                } else {
                    self.wrong = Some("a change did not find what was acknowledged");
                }
            }
            3 if self.changed => {
                self.other.put(&self.code, &record(2), self.now);
            }
            4 if self.changed => self.redis.change(&self.code, 2, Some(&record(2))).await,
            5 if self.changed => self.maker.learn(&self.code, 2, Some(&record(2)), self.now),
            _ => {}
        }
    }

    async fn read(&mut self, reader: usize, step: usize) {
        let mut read = self.reads[reader];
        match step {
            0 => {
                let cache = if reader == 0 { &self.other } else { &self.maker };
                read.asked = (self.now, Instant::now());
                read.newest = cache.has_just_changed(&self.code, self.now);
                read.after_acknowledgement = self.acknowledged;
            }
            1 if !read.newest => {
                let lookup =
                    self.redis.look_up(&self.code, Believed::AnyAge, FillLock::Leave, Duration::ZERO).await;
                read.done = matches!(lookup, Lookup::Link { .. } | Lookup::Nothing);
                if let Lookup::Link { record: found, .. } = lookup {
                    read.found = if found == record(2) { 2 } else { 1 };
                }
            }
            2 if !read.done && self.rules == Rules::StoreFirst => read.found = self.store,
            2 | 3 if !read.done && step == 2 + usize::from(self.rules == Rules::StoreFirst) => {
                if read.found == 0 {
                    read.waiting = (reader == 1 && self.waits) || self.is_elsewhere().await;
                }
                if self.rules == Rules::StoreFirst && read.waiting {
                    self.flush();
                    read.found = self.store;
                }
            }
            3 if !read.done => {
                if read.waiting {
                    self.flush();
                    self.waits &= reader != 1;
                    self.redis.forget_unwritten(self.store_name, &[ID]).await;
                }
                read.found = self.store;
            }
            4 => {
                if read.found == 0 && read.after_acknowledgement {
                    self.wrong = Some("a visitor did not find what was acknowledged");
                }
                let found = (read.found > 0).then(|| record(read.found));
                let cache = if reader == 0 { &self.other } else { &self.maker };
                if !read.done {
                    self.redis.fill(&self.code, found.as_deref(), read.asked.1).await;
                }
                cache.fill(&self.code, found.as_deref(), read.asked.0);
            }
            _ => {}
        }
        self.reads[reader] = read;
    }

    /// What is wrong when everything has happened and the youngest entries are no longer young.
    async fn verdict(&mut self) -> Option<&'static str> {
        if self.waits {
            self.flush();
        }
        let newest = if self.changed { 2 } else { 1 };
        if self.store != newest {
            return Some("the store has not what it should");
        }
        let later = self.now.plus_millis(2_000);
        let mut found = Vec::new();
        for cache in [&self.maker, &self.other] {
            if matches!(cache.get(&self.code, later, &mut found), Held::Link { .. })
                && found != record(newest)
            {
                return Some("a node still serves what was");
            }
        }
        match self.redis.look_up(&self.code, Believed::AnyAge, FillLock::Leave, Duration::ZERO).await {
            Lookup::Link { record: found, .. } if found != record(newest) => Some("Redis still has what was"),
            Lookup::Away => Some("Redis did not answer"),
            _ => self.wrong,
        }
    }
}

/// Plays an order. Answers what went wrong.
async fn play(redis: &Arc<Redis>, rules: Rules, number: u64, order: &[usize]) -> Option<String> {
    let mut world = World::new(redis.clone(), rules, number);
    let mut changer = world.reads[0];
    let mut steps = [0; STEPS.len()];
    for &actor in order {
        let step = steps[actor];
        steps[actor] += 1;
        match actor {
            0 => world.make(step).await,
            1 => world.drain(step).await,
            // Nobody knows of the link before.
            2 if !world.acknowledged => steps[2] -= 1,
            2 => world.change(step, &mut changer).await,
            reader => world.read(reader - 3, step).await,
        }
        if number.is_multiple_of(2) {
            world.now = world.now.plus_millis(1);
        }
    }
    for step in steps[2]..STEPS[2] {
        world.change(step, &mut changer).await;
    }
    world.verdict().await.map(|what| format!("{what}, after {order:?}"))
}

/// Plays so many orders. Answers what went wrong in each that did.
async fn explore(rules: Rules, orders: u64) -> Vec<String> {
    let redis = open(Strategy::WriteBehind).await;
    let (mut wrong, mut tries) = (Vec::new(), 0);
    for number in 0..orders {
        // Numbers beyond all orders, and as even or odd as this one, give codes that nobody has used.
        let mut code = number;
        loop {
            let before = unanswered(&redis).await;
            let verdict = play(&redis, rules, code, &shuffled(&STEPS, number)).await;
            if unanswered(&redis).await == before {
                wrong.extend(verdict);
                break;
            }
            tries += 1;
            assert!(tries < TRIES, "Redis does not answer in time");
            code += 1_000_000;
        }
    }
    wrong
}

#[tokio::test]
async fn no_order_of_making_flushing_changing_and_reading_loses_a_link_or_a_change() {
    let wrong = explore(Rules::All, 4_000).await;
    assert!(wrong.is_empty(), "{} of 4000: {}", wrong.len(), wrong[0]);
}

#[tokio::test]
async fn without_keeping_what_is_there_the_model_finds_what_goes_wrong() {
    let wrong = explore(Rules::Overwrites, 1_000).await;
    assert!(!wrong.is_empty(), "none of 1000 orders went wrong");
}

#[tokio::test]
async fn who_asks_the_store_before_what_waits_can_miss_a_link_that_is_flushed_in_between() {
    let redis = open(Strategy::WriteBehind).await;
    // It is made; somebody elsewhere asks the store, it is flushed,
    // and does not wait any more when they look for it there.
    let order: Vec<usize> =
        [0; 5].into_iter().chain([3; 3]).chain([1; 3]).chain([3; 2]).chain([4; 5]).collect();
    let missed = play(&redis, Rules::StoreFirst, 1, &order).await;
    assert!(missed.is_some_and(|what| what.contains("did not find")));
    assert_eq!(play(&redis, Rules::All, 2, &order).await, None);
}
