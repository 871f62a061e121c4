//! Requests for links and the connections that they come by.

use super::encoding::{counter, counters, gauge};
use super::opaque;
use curtail_redirect::Shared;
use curtail_redirect::counters::{Counters, Outcome};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;

pub(super) struct Redirects {
    pub(super) counters: Arc<[Arc<Counters>]>,
    pub(super) shared: Arc<Shared>,
}

opaque!(Redirects);

impl Collector for Redirects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.connections(&mut encoder)
    }
}

impl Redirects {
    fn sum(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        self.counters.iter().map(|core| of(core)).sum()
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let ended = |outcome: Outcome| ([("outcome", outcome.as_str())], self.sum(|core| core.of(outcome)));
        counters(encoder, "requests", "Requests for links, by how they ended.", Outcome::ALL.map(ended))?;
        let failures = self.shared.resolver.failures();
        counter(encoder, "store_failures", "Misses that the store did not answer in time.", failures)
    }

    fn connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let accepted = self.sum(|core| core.accepted.get());
        counter(encoder, "connections_accepted", "Connections accepted.", accepted)?;
        let turned_away = self.sum(|core| core.turned_away.get());
        counter(
            encoder,
            "connections_turned_away",
            "Connections refused because too many are open.",
            turned_away,
        )?;
        let handed_over = self.sum(|core| core.handed_over.get());
        counter(
            encoder,
            "connections_handed_over",
            "Connections that came to more than plain requests.",
            handed_over,
        )?;
        gauge(encoder, "connections_open", "Connections open now.", None, self.sum(|core| core.open.get()))
    }
}
