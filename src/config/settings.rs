//! What the settings are once they are read and checked. What each means and may be stands in [`super::table`].

use super::network::Network;
use super::secret::Secret;
use curtail_model::{Alphabet, CodeScheme};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Without a slash at its end.
    pub(crate) base_url: Option<String>,
    pub(crate) admin_key: Option<Secret>,
    /// At least one.
    pub(crate) threads: usize,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) cache: Cache,
    pub(crate) codes: Codes,
    pub(crate) links: Links,
    pub(crate) redirect: Redirect,
    pub(crate) api: Api,
    pub(crate) limits: Limits,
    pub(crate) clicks: Clicks,
    pub(crate) geo: Geo,
    pub(crate) log: Log,
    pub(crate) shutdown: Shutdown,
}

/// What is remembered for a while.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) bytes: u64,
    pub(crate) ttl: Duration,
    pub(crate) negative_ttl: Duration,
}

/// How generated codes look.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    pub(crate) scheme: CodeScheme,
    pub(crate) alphabet: Alphabet,
}

/// What links may be.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// In lower case.
    pub(crate) app_schemes: Vec<String>,
}

/// What visitors get.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    pub(crate) not_found_url: Option<String>,
}

/// What the API accepts.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) body_bytes: u64,
    pub(crate) rate_per_second: u32,
}

/// What a connection may cost.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) header_bytes: u64,
}

/// How clicks are kept and counted.
#[derive(Clone, Debug)]
pub(crate) struct Clicks {
    pub(crate) journal_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) sync_interval: Duration,
    pub(crate) commit_interval: Duration,
    pub(crate) minute_retention: Duration,
    pub(crate) hour_retention: Duration,
    /// For ever, if nothing.
    pub(crate) day_retention: Option<Duration>,
}

/// Where visitors are.
#[derive(Clone, Debug)]
pub(crate) struct Geo {
    pub(crate) path: Option<PathBuf>,
}

/// What is logged.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) level: LevelFilter,
    pub(crate) format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// How the server ends.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    pub(crate) grace: Duration,
}
