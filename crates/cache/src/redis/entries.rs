//! Looking codes up in Redis, and putting there what the store said or what changed.

use super::server::{BACKGROUND_TIMEOUT, Connection};
use super::value::Value;
use super::{Away, Redis};
use crate::freshness_lease::UNCHECKED_MILLIS;
use ::redis::RedisResult;
use curtail_runtime::chance::Chance;
use curtail_store::AGE_MAX_MILLIS;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// That there is no link is kept so long here, whatever `cache.negative_ttl_seconds` says for the memory of a
/// process. A create need not look for it: it is gone before anybody believes it again.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);
/// And only if the store was asked for it no longer ago than this.
const NEGATIVE_AGE_MAX: Duration = Duration::from_millis(250);
/// A marker is kept so long: longer than any fill from before it can be under way.
const MARKER_LIFE: Duration = Duration::from_secs(30);
/// What the store was asked for longer ago than this is not put.
const FILL_AGE_MAX: Duration = Duration::from_secs(1);
/// How long others wait for the one who asks the store.
const FILL_LOCK_TIME: Duration = Duration::from_millis(50);

/// What L2 says of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Its packed record; and whether it should be asked for anew, because it ends soon.
    Link { record: Vec<u8>, refresh: bool },
    /// There is no link.
    Nothing,
    /// It changed; the store knows to what. What is older than this version is wrong.
    Changed { version: u64 },
    /// Not known; whoever reads this asks the store.
    Unknown,
    /// Not known; somebody else is asking the store.
    Wait,
    /// Something that cannot be believed.
    Doubtful,
    /// It did not say anything.
    Away,
}

/// Which entries of L2 are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Believed {
    /// Of any age: with the freshness lease, because all changes are heard.
    AnyAge,
    /// Only those that are young.
    YoungOnly,
}

/// Whether who finds nothing asks the store for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FillLock {
    /// The first to find nothing asks, the others wait for it.
    Take,
    /// The store is not asked.
    Leave,
}

impl Redis {
    /// What is known of a code. `store_takes` is how long it took of late to ask the store.
    pub(crate) async fn look_up(
        &self,
        code: &str,
        believed: Believed,
        lock: FillLock,
        store_takes: Duration,
    ) -> Lookup {
        let key = self.keys.entry(code);
        let token = match lock {
            FillLock::Take => self.token(),
            FillLock::Leave => Vec::new(),
        };
        let age_max = match believed {
            Believed::AnyAge => -1,
            Believed::YoungOnly => UNCHECKED_MILLIS,
        };
        let arguments = [
            token,
            FILL_LOCK_TIME.as_millis().to_string().into_bytes(),
            self.floor.load(Ordering::Acquire).to_string().into_bytes(),
            age_max.to_string().into_bytes(),
        ];
        let arguments = arguments.each_ref().map(Vec::as_slice);
        let found = self.ask(|connection| async move {
            self.get.run::<Vec<::redis::Value>>(&connection, &key, &arguments).await
        });
        let lookup = match found.await {
            Ok(found) => read(found, store_takes, chance()).unwrap_or(Lookup::Doubtful),
            Err(Away) => {
                self.counts.away.fetch_add(1, Ordering::Relaxed);
                return Lookup::Away;
            }
        };
        let count = match lookup {
            Lookup::Link { .. } | Lookup::Nothing => &self.counts.hits,
            _ => &self.counts.misses,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if let Lookup::Link { refresh: true, .. } = lookup {
            self.counts.refreshed.fetch_add(1, Ordering::Relaxed);
        }
        lookup
    }

    /// Remembers what the store said when it was asked at `asked`.
    pub(crate) async fn fill(&self, code: &str, found: Option<&[u8]>, asked: Instant) {
        let age_max = if found.is_some() { FILL_AGE_MAX } else { NEGATIVE_AGE_MAX };
        if asked.elapsed() > age_max {
            return;
        }
        let value = found.map_or(Value::Nothing, |record| Value::Link(record.to_vec()));
        // That it did not arrive costs a question, which is what the counter of failures tells.
        let deadline = self.clock.deadline();
        let put = self.ask(async |connection| self.put(&connection, code, &value, asked, deadline).await);
        let _ = put.await;
    }

    /// Tells L2 that a link changed: to `record`, where that is to be kept. Goes on until it has arrived;
    /// what does not within the budget goes on behind, and [`Redis::is_settled`] tells.
    pub(crate) async fn change(&self, code: &str, version: u64, record: Option<&[u8]>) {
        let value = match record {
            Some(record) => Value::Link(record.to_vec()),
            None => Value::Changed { version },
        };
        let now = Instant::now();
        self.debts.owe(code, value.clone(), now);
        // However late it comes: whoever changed it since has left what is newer.
        let put = self.ask(async |connection| self.put(&connection, code, &value, now, None).await);
        if put.await.is_ok() {
            self.debts.pay(code, version);
        } else {
            self.wake.notify_one();
        }
    }

    /// Writes a new link through. Others may ask the store for it as well.
    pub(crate) async fn put_new(&self, code: &str, record: &[u8]) {
        let (value, now) = (Value::Link(record.to_vec()), Instant::now());
        let deadline = self.clock.deadline();
        let put = self.ask(async |connection| self.put(&connection, code, &value, now, deadline).await);
        let _ = put.await;
    }

    /// Puts a record without looking at what is there, for the model that shows what that leads to.
    #[cfg(test)]
    pub(crate) async fn overwrite(&self, code: &str, record: &[u8]) {
        let stamped = [&[0, 0, 0], record].concat();
        let connection = self.slot.get().expect("a connection");
        let command =
            ::redis::cmd("SET").arg(self.keys.entry(code)).arg(stamped).arg("EX").arg(60).to_owned();
        let () = connection.query(&command).await.expect("Redis answers");
    }

    /// Whether everything that changed longer than `grace` ago has arrived.
    pub(crate) fn is_settled(&self, grace: Duration, now: Instant) -> bool {
        self.debts.oldest().is_none_or(|since| now.saturating_duration_since(since) <= grace)
    }

    /// Has entries from before now not believed: whoever put them there may
    /// have been about to say that they are wrong. Where Redis does not answer
    /// now, that is owed, and done before it is asked for anything again.
    pub async fn distrust(&self) {
        let begun = Instant::now();
        self.debts.owe_floor(begun);
        if self.raise_floor().await {
            self.debts.pay_floor(begun);
        }
    }

    /// Whether Redis answers now, and is owed nothing.
    pub async fn has_everything(&self) -> bool {
        let Some(connection) = self.slot.get() else { return false };
        let ping = ::redis::cmd("PING");
        self.debts.oldest().is_none()
            && matches!(timeout(BACKGROUND_TIMEOUT, connection.query::<String>(&ping)).await, Ok(Ok(_)))
    }

    /// Entries from before now are not believed any more, by nobody. Answers whether that was done.
    pub(crate) async fn raise_floor(&self) -> bool {
        let Some(connection) = self.slot.get() else { return false };
        matches!(timeout(BACKGROUND_TIMEOUT, self.raise_floor_on(&connection)).await, Ok(Ok(())))
    }

    pub(super) async fn raise_floor_on(&self, connection: &Connection) -> RedisResult<()> {
        // One eighth more than it comes to, because the time is cut off to eighths of a second.
        let moment = (AGE_MAX_MILLIS / 125 + 1).to_string();
        let floor = self.raise_floor.run(connection, &self.keys.named("floor"), &[moment.as_bytes()]).await?;
        self.floor.fetch_max(floor, Ordering::AcqRel);
        Ok(())
    }

    /// The floor; when it rises, what is remembered elsewhere is not to be believed either.
    pub(crate) fn floor(&self) -> i64 {
        self.floor.load(Ordering::Acquire)
    }

    /// Puts an entry, unless something newer is there, or Redis comes to it after `deadline`
    /// (since the epoch, by its own clock). Answers whether it was put.
    pub(super) async fn put(
        &self,
        connection: &Connection,
        code: &str,
        value: &Value,
        asked: Instant,
        deadline: Option<Duration>,
    ) -> RedisResult<bool> {
        let life = match value {
            Value::Link(_) => shortened(self.config.link_life, chance()),
            Value::Changed { .. } => MARKER_LIFE,
            Value::Nothing => NEGATIVE_TTL,
        };
        let arguments = [
            value.bytes(),
            value.version().to_string().into_bytes(),
            life.as_millis().max(1).to_string().into_bytes(),
            (asked.elapsed().as_millis() + 1).to_string().into_bytes(),
            deadline.map_or(0, |deadline| deadline.as_millis()).to_string().into_bytes(),
        ];
        self.put.run(connection, &self.keys.entry(code), &arguments.each_ref().map(Vec::as_slice)).await
    }

    fn token(&self) -> Vec<u8> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) as u32;
        [self.token.to_le_bytes(), number.to_le_bytes()].concat()
    }
}

/// What `get.lua` answers first.
mod reply {
    pub(super) const NOTHING: i64 = 0;
    pub(super) const LOCK_IS_YOURS: i64 = 1;
    pub(super) const LOCKED: i64 = 2;
    pub(super) const FOUND: i64 = 4;
}

/// Reads what `get.lua` answers.
fn read(found: Vec<::redis::Value>, store_takes: Duration, chance: f64) -> Option<Lookup> {
    let mut found = found.into_iter();
    let ::redis::Value::Int(kind) = found.next()? else { return None };
    Some(match kind {
        reply::NOTHING | reply::LOCK_IS_YOURS => Lookup::Unknown,
        reply::LOCKED => Lookup::Wait,
        reply::FOUND => {
            let (value, left) = (found.next()?, found.next()?);
            let (::redis::Value::BulkString(bytes), ::redis::Value::Int(left)) = (value, left) else {
                return None;
            };
            match Value::read(bytes)? {
                Value::Link(record) => Lookup::Link { record, refresh: is_early(left, store_takes, chance) },
                Value::Nothing => Lookup::Nothing,
                Value::Changed { version } => Lookup::Changed { version },
            }
        }
        _ => Lookup::Doubtful,
    })
}

/// Whether to refresh an entry that has `left` milliseconds. XFetch: Vattani,
/// Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention",
/// 2015, with beta 1: the chance is e^(-left / what asking takes).
fn is_early(left: i64, store_takes: Duration, chance: f64) -> bool {
    -store_takes.as_secs_f64() * 1_000.0 * chance.ln() >= left as f64
}

/// A life up to a tenth shorter, so that what was put together does not end together.
fn shortened(life: Duration, chance: f64) -> Duration {
    life - (life / 10).mul_f64(chance)
}

/// A number above 0 and up to 1.
fn chance() -> f64 {
    1.0 - Chance::of_its_own().share()
}

#[cfg(test)]
mod tests {
    use super::{is_early, shortened};
    use std::time::Duration;

    #[test]
    fn the_chance_of_an_early_refresh_falls_with_the_time_that_is_left() {
        let share = |left| {
            let asked = 10_000;
            let early = (1..=asked).filter(|&place| {
                is_early(left, Duration::from_millis(400), f64::from(place) / f64::from(asked))
            });
            early.count() as f64 / f64::from(asked)
        };
        for left in [0, 100, 400, 2_000, 10_000] {
            let expected = (-(left as f64) / 400.0).exp();
            assert!((share(left) - expected).abs() < 0.001, "{left} ms left: {} of {expected}", share(left));
        }
    }

    #[test]
    fn lives_differ_by_a_tenth_at_most() {
        assert_eq!(shortened(Duration::from_secs(100), 1.0), Duration::from_secs(90));
        assert!(shortened(Duration::from_secs(100), 0.001) > Duration::from_millis(99_980));
    }
}
