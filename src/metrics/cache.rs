//! What this process remembers of links.

use super::encoding::{counter, gauge};
use super::opaque;
use curtail_cache::SharedCache;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Arc;

pub(super) struct Cache(pub(super) Arc<SharedCache>);

opaque!(Cache);

impl Collector for Cache {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let cache = self.0.statistics();
        let (entries, bytes) = (cache.entries as u64, cache.bytes as u64);
        gauge(encoder, "cache_entries", "Codes that the cache knows something of.", None, entries)?;
        gauge(encoder, "cache", "Memory of the cache, index included.", Some(&Unit::Bytes), bytes)?;
        counter(encoder, "cache_evictions", "Entries that made room for others.", cache.evicted)?;
        counter(encoder, "cache_refused_fills", "Fills that were overtaken by a change.", cache.refused)
    }
}
