//! Breakers: which dependencies are asked, which are left alone for a while.

use super::encoding::{counters, gauges};
use super::opaque;
use curtail_cache::redis::Redis;
use curtail_redirect::Shared;
use curtail_runtime::breaker::State;
use curtail_store::postgres;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;

pub(super) struct Breakers {
    /// What asks the store on a miss.
    pub(super) resolver: Option<Arc<Shared>>,
    pub(super) redis: Option<Arc<Redis>>,
    pub(super) database: Option<postgres::Watch>,
}

opaque!(Breakers);

/// A dependency, how its breaker stands, and how often that has opened.
type Standing = (&'static str, State, u64);

impl Breakers {
    fn all(&self) -> impl Iterator<Item = Standing> {
        let misses = self.resolver.as_ref().map(|shared| {
            let breaker = shared.resolver.breaker();
            ("store_for_misses", breaker.state(), breaker.opened())
        });
        let redis = self.redis.as_ref().map(|redis| {
            let statistics = redis.statistics();
            ("redis", statistics.breaker, statistics.breaker_opened)
        });
        let database = self.database.as_ref().map(|database| {
            let primary = database.primary();
            ("postgresql_primary", primary.breaker, primary.breaker_opened)
        });
        misses.into_iter().chain(redis).chain(database)
    }
}

impl Collector for Breakers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let states = self.all().flat_map(|(dependency, state, _)| {
            [State::Closed, State::HalfOpen, State::Open].map(|each| {
                ([("dependency", dependency), ("state", each.as_str())], u64::from(each == state))
            })
        });
        let help = "Whether a dependency is asked (closed), tried (half_open) or left alone (open).";
        gauges(&mut encoder, "breaker", help, states)?;
        let opened = self.all().map(|(dependency, _, opened)| ([("dependency", dependency)], opened));
        counters(
            &mut encoder,
            "breaker_opened",
            "Times that a dependency was left alone for a while.",
            opened,
        )
    }
}
