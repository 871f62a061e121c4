//! Settings `cache.*`: what is remembered for a while.

use crate::config::memory::default_cache_bytes;
use crate::config::number::{GIB, MIB, Size, Time, Unit, size};
use crate::config::parser::Choice;
use crate::config::reader::{DefaultValue, Reader};
use curtail_cache::Strategy;
use std::time::Duration;

const STRATEGIES: Choice<Strategy> = Choice(&[
    (Strategy::CacheAside.as_str(), Strategy::CacheAside),
    (Strategy::WriteThrough.as_str(), Strategy::WriteThrough),
    (Strategy::WriteBehind.as_str(), Strategy::WriteBehind),
    (Strategy::TtlOnly.as_str(), Strategy::TtlOnly),
]);

/// What is remembered for a while.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) bytes: u64,
    pub(crate) ttl: Duration,
    pub(crate) negative_ttl: Duration,
    pub(crate) strategy: Strategy,
    pub(crate) write_behind_bytes: u64,
}

impl Cache {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Cache {
        let bytes = DefaultValue::Measured {
            words: "a quarter of memory (of a cgroup's, where one limits it), at most 1GiB",
            value: size(default_cache_bytes()),
        };
        Cache {
            bytes: read.setting(
                "cache.bytes",
                &Size(MIB, 1024 * GIB),
                bytes,
                "Memory for links that are asked for often.",
            ),
            ttl: read.setting(
                "cache.ttl_seconds",
                &Time(Unit::Seconds, 1, 86_400),
                "3600",
                "How long a link is remembered. Changes are seen sooner, but with the strategy ttl-only.",
            ),
            negative_ttl: read.setting(
                "cache.negative_ttl_seconds",
                &Time(Unit::Seconds, 1, 3_600),
                "30",
                "How long it is remembered that a code leads nowhere. A new link is seen sooner, but with ttl-only.",
            ),
            strategy: read.setting(
                "cache.strategy",
                &STRATEGIES,
                "cache-aside",
                "What a change leaves in Redis: `cache-aside` a marker, `write-through` the new record, `ttl-only` nothing. `write-behind` is `write-through` that also acknowledges new links from a local journal, before PostgreSQL has them.",
            ),
            write_behind_bytes: read.setting(
                "cache.write_behind_bytes",
                &Size(MIB, 64 * GIB),
                "64MiB",
                "Disk, and memory, for new links that wait for PostgreSQL with write-behind. When it is full, creates are refused.",
            ),
        }
    }
}
