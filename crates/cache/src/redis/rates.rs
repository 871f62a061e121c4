//! Rates of API keys that hold over all processes.

use super::Redis;
use super::script::OneKey;
use curtail_runtime::rates::{Rates, Spending, Spent};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Keeps rates in Redis, one key and one script each.
pub struct RedisRates {
    redis: Arc<Redis>,
    gcra: OneKey,
}

impl RedisRates {
    /// Rates in the same Redis as links, within the same budget and behind the same breaker.
    pub fn new(redis: Arc<Redis>) -> RedisRates {
        RedisRates { redis, gcra: OneKey::new(include_str!("gcra.lua")) }
    }
}

impl Rates for RedisRates {
    fn spend(&self, key: u64, per_second: NonZeroU32) -> Spending<'_> {
        Box::pin(async move {
            let name = self.redis.keys.named(&format!("rate:{key}"));
            let interval = (1_000_000 / per_second.get()).max(1).to_string();
            let burst = per_second.to_string();
            let arguments = [interval.as_bytes(), burst.as_bytes()];
            let gcra = &self.gcra;
            let ran = self
                .redis
                .ask(|connection| async move { gcra.run::<(u8, u32)>(&connection, &name, &arguments).await });
            let (allowed, remaining) = ran.await.ok()?;
            Some(Spent { allowed: allowed == 1, remaining })
        })
    }
}
