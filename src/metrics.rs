//! What `/metrics` shows: a look at each part's own counters, taken when somebody asks.

mod new_links;

use crate::engines::Second;
use curtail_api::Requests;
use curtail_cache::{SharedCache, WriteBehind};
use curtail_clicks::pipeline::{Status, Watch};
use curtail_redirect::Shared;
use curtail_redirect::counters::{Counters, Outcome};
use curtail_runtime::metrics::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Arc;

/// The metrics of a process, ready to be shown.
#[derive(Clone)]
pub(crate) struct Shown(Arc<Metrics>);

impl Shown {
    /// Everything as text.
    pub(crate) fn text(&self) -> String {
        self.0.text()
    }
}

/// What a process that serves visitors counts.
pub(crate) struct Server {
    pub(crate) counters: Arc<[Arc<Counters>]>,
    pub(crate) cache: Arc<SharedCache>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) second: Second,
    pub(crate) journal: Option<WriteBehind>,
    pub(crate) api: Arc<Requests>,
}

/// What becomes of clicks in any process.
struct Clicks(Watch);

/// Gathers what a process counts that serves visitors.
pub(crate) fn of_server(server: Server, clicks: Watch) -> Shown {
    let metrics = Metrics::default();
    metrics.register(Box::new(server));
    metrics.register(Box::new(Clicks(clicks)));
    Shown(Arc::new(metrics))
}

/// Gathers what a worker counts.
pub(crate) fn of_worker(clicks: Watch) -> Shown {
    let metrics = Metrics::default();
    metrics.register(Box::new(Clicks(clicks)));
    Shown(Arc::new(metrics))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl fmt::Debug for Clicks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clicks")
    }
}

impl Collector for Server {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.redirects(&mut encoder)?;
        self.connections(&mut encoder)?;
        self.cache(&mut encoder)?;
        self.second(&mut encoder)?;
        if let Some(journal) = &self.journal {
            new_links::encode(journal, &mut encoder)?;
        }
        self.api(&mut encoder)
    }
}

impl Collector for Clicks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.clicks(&mut encoder)
    }
}

impl Server {
    fn sum(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        self.counters.iter().map(|core| of(core)).sum()
    }

    fn redirects(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let by_outcome = Outcome::ALL.map(|outcome| (outcome.as_str(), self.sum(|core| core.of(outcome))));
        counters(encoder, "requests", "Requests for links, by how they ended.", "outcome", &by_outcome)?;
        counter(
            encoder,
            "store_failures",
            "Misses that the store left without an answer.",
            self.shared.resolver.failures(),
        )
    }

    fn connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        counter(
            encoder,
            "connections_accepted",
            "Connections accepted.",
            self.sum(|core| core.accepted.get()),
        )?;
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

    fn cache(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let cache = self.cache.statistics();
        gauge(
            encoder,
            "cache_entries",
            "Codes that the cache knows something of.",
            None,
            cache.entries as u64,
        )?;
        gauge(
            encoder,
            "cache",
            "Memory of the cache, index included.",
            Some(&Unit::Bytes),
            cache.bytes as u64,
        )?;
        counter(encoder, "cache_evictions", "Entries that made room for others.", cache.evicted)?;
        counter(encoder, "cache_refused_fills", "Fills that were overtaken by a change.", cache.refused)
    }

    /// What is shared with other processes; nothing of it where there are none.
    fn second(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let breaker = self.shared.resolver.breaker();
        counter(
            encoder,
            "store_breaker_opened",
            "Times that the store was left alone for a while.",
            breaker.opened(),
        )?;
        if let Some(redis) = &self.second.redis {
            let redis = redis.statistics();
            gauge(
                encoder,
                "redis_connected",
                "Whether there is a connection.",
                None,
                redis.connected.into(),
            )?;
            counter(
                encoder,
                "redis_breaker_opened",
                "Times that Redis was left alone for a while.",
                redis.breaker_opened,
            )?;
            let asked = [("hit", redis.hits), ("miss", redis.misses), ("away", redis.away)];
            counters(encoder, "redis_lookups", "Look-ups in Redis, by how they ended.", "outcome", &asked)?;
            gauge(
                encoder,
                "redis_debts",
                "Changes that Redis has not heard of yet.",
                None,
                redis.debts as u64,
            )?;
        }
        let Some(bus) = &self.second.bus else { return Ok(()) };
        let bus = bus.statistics();
        gauge(
            encoder,
            "bus_hearing",
            "Whether this process hears of all changes: if not, it asks the store.",
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
        counter(encoder, "bus_holes", "Times that something may have been missed.", bus.holes)
    }

    fn api(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = ConstCounter::new(0u64).metric_type();
        let help = "Requests to the API, by route and class of status.";
        let mut family = encoder.encode_descriptor("api_requests", help, None, kind)?;
        for answered in self.api.answered() {
            let labels =
                [("method", answered.method), ("route", answered.route), ("status", answered.status)];
            ConstCounter::new(answered.count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Clicks {
    fn clicks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.0.status();
        counter(encoder, "clicks_produced", "Clicks that were to be recorded.", status.produced)?;
        counter(encoder, "clicks_shipped", "Clicks that brokers have acknowledged.", status.shipped)?;
        counter(encoder, "clicks_counted", "Clicks in committed rollups.", status.counted)?;
        counter(
            encoder,
            "clicks_repeated",
            "Deliveries of clicks that had been counted before.",
            status.repeated,
        )?;
        let poison = status.poison.map(|(reason, count)| (reason.as_str(), count));
        counters(encoder, "log_poison", "Records that were no clicks, by reason.", "reason", &poison)?;
        let dropped = status.dropped.map(|(reason, count)| (reason.as_str(), count));
        counters(encoder, "clicks_dropped", "Clicks that were not kept, by reason.", "reason", &dropped)?;
        counter(encoder, "clicks_damaged", "Clicks in the journal that could not be read.", status.damaged)?;
        counter(encoder, "rollups_damaged", "Rollups that could not be read back.", status.rollups_damaged)?;
        counter(encoder, "rollup_commits", "Commits of rollups.", status.commits)?;
        counter(
            encoder,
            "rollup_commits_failed",
            "Commits that failed and were tried again.",
            status.commits_failed,
        )?;
        counter(
            encoder,
            "rollup_commits_fenced",
            "Commits that changed nothing because others count those clicks now.",
            status.commits_fenced,
        )?;
        counter(encoder, "broker_errors", "Errors of brokers, or of the way to them.", status.broker_errors)?;
        gauge(encoder, "log_partitions", "Partitions that this worker counts.", None, status.partitions)?;
        counter(
            encoder,
            "rollups_forgotten",
            "Rollups that were forgotten for their age.",
            status.forgotten,
        )?;
        gauge(
            encoder,
            "clicks_waiting",
            "Clicks of this process that wait to be counted.",
            None,
            status.lag_clicks,
        )?;
        gauge(
            encoder,
            "clicks_lag_milliseconds",
            "Age of the oldest click that waits.",
            None,
            status.lag_ms,
        )?;
        Clicks::journal(&status, encoder)
    }

    fn journal(status: &Status, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut bytes = |name, help, value| gauge(encoder, name, help, Some(&Unit::Bytes), value);
        bytes("journal", "Disk that the journal takes.", status.journal_bytes)?;
        bytes(
            "journal_waiting",
            "Clicks that wait to be counted, files that earlier processes left included.",
            status.waiting_bytes + status.backlog_bytes,
        )?;
        bytes(
            "journal_unsynced",
            "Clicks that the disk has not confirmed: what a power cut may lose.",
            status.unsynced_bytes,
        )?;
        counter(
            encoder,
            "journal_sync_failures",
            "Times that the system refused to bring the journal to the disk; each was tried again.",
            status.sync_failures,
        )
    }
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, u64)],
) -> fmt::Result {
    let kind = ConstCounter::new(0u64).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (value_of_label, count) in values {
        let labels = [(label, *value_of_label)];
        ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}
