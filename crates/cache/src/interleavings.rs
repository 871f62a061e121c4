//! Orders in which reading, filling, changing, telling, losing and being late can come, on the real parts:
//! two real caches, a real Redis and the real state of the bus. Only the store is numbers: the version that
//! is newest, and the one that a replica has.
//!
//! A reader captures the time, looks into Redis, asks the store, fills Redis and fills its cache; a writer
//! commits, changes its own cache, tells Redis and sends; the message arrives, or is lost and the next beat
//! shows the hole. Each interleaving of these steps is played on a code of its own. At its end nothing old
//! may be left that anybody would believe.

mod write_behind;

use crate::bus::hearing::{Hearing, Verdict};
use crate::bus::message::{Change, Message, Said};
use crate::entry::Lifetimes;
use crate::records::packed;
use crate::redis::{Believed, Config, FillLock, Lookup, Redis};
use crate::services::nodes;
use crate::shared_cache::{Held, SharedCache};
use crate::strategy::Strategy;
use curtail_model::Timestamp;
use curtail_runtime::breaker::State;
use curtail_servers::PATIENCE;
use std::sync::Arc;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const START: Timestamp = Timestamp::from_seconds(1_000_000);
const LIFETIMES: Lifetimes = Lifetimes { link: 100, negative: 10 };
const WRITER: u64 = 1;
const OTHER: u64 = 2;
/// So often in all orders are played again, on a machine on which Redis does not always answer in time.
const TRIES: usize = 100;

/// How many steps the actors have: two readers, the writer,
/// and the replica that takes a change over from the primary.
const STEPS: [usize; 4] = [5, 5, 4, 1];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
}

/// Which rules hold. The model has to find what goes wrong without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    All,
    /// Redis takes what comes last for what is newest.
    NoVersionsInRedis,
}

struct World {
    redis: Arc<Redis>,
    rules: Rules,
    code: String,
    /// The newest version in the store.
    store: u64,
    /// What a replica has.
    replica: u64,
    writer: SharedCache,
    reader: SharedCache,
    hearing: Hearing,
    reads: [Read; 2],
    fate: Fate,
    now: Timestamp,
    ticks: bool,
}

/// What a reader carries from step to step.
#[derive(Clone, Default)]
struct Read {
    asked: Option<(Timestamp, Instant)>,
    newest: bool,
    in_redis: Option<Vec<u8>>,
    found: Option<Vec<u8>>,
}

fn record(version: u64) -> Vec<u8> {
    packed(1, version, &format!("https://example.com/{version}"))
}

impl World {
    /// `known` is whether the reading node remembers the old record when it begins.
    fn new(redis: Arc<Redis>, rules: Rules, code: String, known: bool, fate: Fate, ticks: bool) -> World {
        let cache = || SharedCache::new(1 << 18, LIFETIMES);
        let (writer, reader) = (cache(), cache());
        if known {
            reader.fill(&code, Some(&record(1)), START);
        }
        let mut hearing = Hearing::new(OTHER, Instant::now());
        hearing.hear(
            &Message { from: WRITER, said: Said::Changes { sequence: 1, changes: Vec::new() } },
            Instant::now(),
        );
        let now = START.plus_millis(1_000);
        let reads = [Read::default(), Read::default()];
        World { redis, rules, code, store: 1, replica: 1, writer, reader, hearing, reads, fate, now, ticks }
    }

    fn tick(&mut self) {
        // The clock of the caches is coarse: all may happen in one tick of it.
        if self.ticks {
            self.now = self.now.plus_millis(1);
        }
    }

    /// The first reader is the node that hears, the second the writing node itself.
    fn cache_of(&self, reader: usize) -> &SharedCache {
        if reader == 0 { &self.reader } else { &self.writer }
    }

    async fn read(&mut self, reader: usize, step: usize) {
        let mut read = self.reads[reader].clone();
        match step {
            0 => {
                read.asked = Some((self.now, Instant::now()));
                read.newest = self.cache_of(reader).has_just_changed(&self.code, self.now);
            }
            1 if !read.newest => {
                let lookup =
                    self.redis.look_up(&self.code, Believed::AnyAge, FillLock::Leave, Duration::ZERO).await;
                if let Lookup::Link { record, .. } = lookup {
                    read.in_redis = Some(record);
                }
            }
            2 => {
                let version = if read.newest { self.store } else { self.replica };
                read.found = Some(read.in_redis.clone().unwrap_or_else(|| record(version)));
            }
            3 if read.in_redis.is_none() => {
                let (found, asked) = (read.found.clone().unwrap(), read.asked.unwrap().1);
                match self.rules {
                    Rules::All => self.redis.fill(&self.code, Some(&found), asked).await,
                    Rules::NoVersionsInRedis => self.redis.overwrite(&self.code, &found).await,
                }
            }
            4 => {
                let (found, asked) = (read.found.clone().unwrap(), read.asked.unwrap().0);
                self.cache_of(reader).fill(&self.code, Some(&found), asked);
            }
            _ => {}
        }
        self.reads[reader] = read;
    }

    async fn write(&mut self, step: usize, through: bool) {
        match step {
            0 => self.store = 2,
            1 => {
                self.writer.put(&self.code, &record(2), self.now);
            }
            2 => {
                let new = record(2);
                self.redis.change(&self.code, 2, through.then_some(&new[..])).await;
            }
            _ => {
                // A change travels with its record or without; the code decides, so that both are played.
                let with_record = self.code.len().is_multiple_of(2).then(|| record(2));
                let changes = vec![Change::new(&self.code, 2, with_record.as_deref())];
                let message =
                    Message { from: WRITER, said: Said::Changes { sequence: 2, changes: changes.clone() } };
                if self.fate == Fate::Arrives {
                    for change in &changes {
                        self.reader.learn(&change.code, change.version, change.record.as_deref(), self.now);
                    }
                    self.hear(&message);
                }
                let beat =
                    crate::bus::message::Beat { sequence: 2, number: 1, settled: true, heard: Vec::new() };
                self.hear(&Message { from: WRITER, said: Said::Beat(beat) });
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        if self.hearing.hear(message, Instant::now()) == Verdict::Hole {
            self.reader.suspect(self.now.plus_millis(curtail_store::AGE_MAX_MILLIS));
        }
    }

    /// What is wrong when everything has happened and the youngest entries are no longer young.
    async fn verdict(&self) -> Option<String> {
        let later = self.now.plus_millis(2_000);
        let mut found = Vec::new();
        for (name, cache) in [("the writer", &self.writer), ("the reader", &self.reader)] {
            if matches!(cache.get(&self.code, later, &mut found), Held::Link { .. }) && found != record(2) {
                return Some(format!("{name} still serves what was"));
            }
        }
        match self.redis.look_up(&self.code, Believed::AnyAge, FillLock::Leave, Duration::ZERO).await {
            Lookup::Link { record: found, .. } if found != record(2) => {
                Some("Redis still has what was".into())
            }
            Lookup::Away => Some("Redis did not answer".into()),
            _ => None,
        }
    }
}

/// An order of the steps of all actors, each keeping its own: the same for the same number.
fn shuffled(steps: &[usize], number: u64) -> Vec<usize> {
    let mut order: Vec<usize> =
        steps.iter().enumerate().flat_map(|(actor, &steps)| vec![actor; steps]).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, xxh3_64_with_seed(&last.to_le_bytes(), number) as usize % (last + 1));
    }
    order
}

async fn open(strategy: Strategy) -> Arc<Redis> {
    // Orders are numbered from zero in each exploration: what another left must not be found.
    let prefix = format!("model{:x}:", getrandom::u64().unwrap());
    let nodes = nodes("CURTAIL_TEST_REDIS");
    let link_life = Duration::from_secs(60);
    let budget = Duration::from_secs(5);
    Redis::open(Config { nodes, prefix, link_life, strategy, budget }).await.unwrap()
}

/// How often Redis has not answered in time, once it does again and is owed nothing. Whoever asks goes on
/// without it then: an order in which that happened shows nothing.
async fn unanswered(redis: &Redis) -> u64 {
    let end = Instant::now() + PATIENCE;
    loop {
        let statistics = redis.statistics();
        assert!(Instant::now() < end, "Redis does not answer: {statistics:?}");
        if statistics.connected && statistics.breaker == State::Closed && statistics.debts == 0 {
            return statistics.unanswered;
        }
        tokio::task::yield_now().await;
    }
}

/// Plays so many orders; answers what went wrong in each that did.
async fn explore(strategy: Strategy, rules: Rules, orders: u64) -> Vec<String> {
    let redis = open(strategy).await;
    let mut wrong = Vec::new();
    let (mut number, mut tries) = (0, 0);
    while number < orders {
        let order = shuffled(&STEPS, number);
        // What differs beside the order is taken from the number,
        // so that all of it is played with orders of all kinds.
        let (known, lost, ticks) = (number % 2 == 0, number / 2 % 3 == 0, number / 6 % 2 == 0);
        let fate = if lost { Fate::Lost } else { Fate::Arrives };
        let (code, before) = (format!("m{tries:04}{number}"), unanswered(&redis).await);
        let mut world = World::new(redis.clone(), rules, code, known, fate, ticks);
        let mut steps = [0; STEPS.len()];
        for &actor in &order {
            let step = steps[actor];
            steps[actor] += 1;
            match actor {
                2 => world.write(step, strategy.writes_through()).await,
                3 => world.replica = world.store,
                reader => world.read(reader, step).await,
            }
            world.tick();
        }
        // A replica that took over before the change has it by now.
        world.replica = world.store;
        let verdict = world.verdict().await;
        if unanswered(&redis).await > before {
            tries += 1;
            assert!(tries < TRIES, "Redis does not answer in time");
            continue;
        }
        if let Some(what) = verdict {
            wrong.push(format!("{what}, after {order:?}, known {known}, {fate:?}, ticks {ticks}"));
        }
        number += 1;
    }
    wrong
}

#[tokio::test]
async fn no_order_of_reading_filling_changing_and_telling_leaves_anything_old() {
    for strategy in [Strategy::CacheAside, Strategy::WriteThrough] {
        let wrong = explore(strategy, Rules::All, 4_000).await;
        assert!(wrong.is_empty(), "{} of 4000: {}", wrong.len(), wrong[0]);
    }
}

#[tokio::test]
async fn without_comparing_versions_the_model_finds_what_goes_wrong() {
    let wrong = explore(Strategy::WriteThrough, Rules::NoVersionsInRedis, 1_000).await;
    assert!(!wrong.is_empty(), "none of 1000 orders went wrong");
}
