//! What is shared with other processes: the second layer of the cache, and the bus that tells of changes.
//! Nothing of it where there are none.

use super::encoding::{counter, counters, gauge};
use super::opaque;
use crate::engines::Fleet;
use curtail_cache::BusStatistics;
use curtail_cache::redis::RedisStatistics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;

pub(super) struct SharedWithOthers(pub(super) Fleet);

opaque!(SharedWithOthers);

impl Collector for SharedWithOthers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(shared) = &self.0.redis {
            redis(&shared.statistics(), &mut encoder)?;
        }
        if let Some(shared) = &self.0.bus {
            bus(&shared.statistics(), &mut encoder)?;
        }
        Ok(())
    }
}

fn redis(redis: &RedisStatistics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    gauge(encoder, "redis_connected", "Whether there is a connection.", None, redis.connected.into())?;
    let ended = [("hit", redis.hits), ("miss", redis.misses), ("away", redis.away)];
    let ended = ended.map(|(outcome, count)| ([("outcome", outcome)], count));
    counters(encoder, "redis_lookups", "Look-ups in Redis, by how they ended.", ended)?;
    counter(
        encoder,
        "redis_unanswered",
        "Questions of all kinds that Redis did not answer in time.",
        redis.unanswered,
    )?;
    counter(encoder, "redis_refreshed", "Entries refreshed ahead of their end.", redis.refreshed)?;
    let debts = redis.debts as u64;
    gauge(encoder, "redis_debts", "Changes that Redis has not heard of yet.", None, debts)
}

fn bus(bus: &BusStatistics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    gauge(
        encoder,
        "bus_hearing",
        "Whether this process has the lease, for it hears of all changes: if not, it asks the store.",
        None,
        bus.hearing.into(),
    )?;
    gauge(encoder, "bus_nodes", "Processes on the bus, this one included.", None, bus.nodes as u64)?;
    counter(
        encoder,
        "bus_deafened",
        "Times that it could not be sure to hear of all changes.",
        bus.deafened,
    )?;
    counter(encoder, "bus_announced", "Changes told to others.", bus.announced)?;
    counter(encoder, "bus_heard", "Changes heard of.", bus.heard)?;
    counter(encoder, "bus_holes", "Times that something may have been missed.", bus.holes)?;
    counter(encoder, "bus_given_up", "Processes that said nothing any more.", bus.given_up)?;
    counter(encoder, "bus_unsent", "Messages that one way of sending did not take.", bus.unsent)
}
