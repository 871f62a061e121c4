//! Settings `database.*`: where links and stats are, when it is not the data folder.

use crate::config::number::{Number, Time, Unit};
use crate::config::parser::{Choice, List, Optional};
use crate::config::reader::Reader;
use crate::config::secret::Secret;
use crate::config::text::ServiceUrl;
use curtail_store::postgres::check_url;
use std::time::Duration;

const YES_NO: Choice<bool> = Choice(&[("true", true), ("false", false)]);

/// The schemes of a PostgreSQL URL.
const POSTGRES: ServiceUrl =
    ServiceUrl { schemes: &["postgres", "postgresql"], example: "postgres://host/curtail", check: check_url };

/// Where links and stats are.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// SQLite in the data folder, if nothing.
    pub(crate) url: Option<Secret>,
    /// The same past a pooler.
    pub(crate) direct_url: Option<Secret>,
    pub(crate) replica_urls: Vec<Secret>,
    pub(crate) connections: usize,
    pub(crate) id_block: u32,
    pub(crate) prepared: bool,
    /// How long a redirect waits for it.
    pub(crate) budget: Duration,
}

impl Database {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Database {
        let database = Database {
            url: read.setting(
                "database.url",
                &Optional(POSTGRES),
                "off",
                "PostgreSQL for links and stats, with `sslmode` and `sslrootcert` (*TLS*). Of several hosts, the one that takes writes. If off: SQLite in the data folder.",
            ),
            direct_url: read.setting(
                "database.direct_url",
                &Optional(POSTGRES),
                "off",
                "The same database past a pooler, for what needs a session: news of changes, migrations. If off: `database.url`.",
            ),
            replica_urls: read.setting(
                "database.replica_urls",
                &List(POSTGRES),
                "",
                "Streaming replicas of it, which answer look-ups and lists while they are well.",
            ),
            connections: read.setting(
                "database.connections",
                &Number(2, 200),
                "6",
                "Sessions for writing links, and as many for counting clicks; look-ups and lists have half as many each, on every server.",
            ),
            id_block: read.setting(
                "database.id_block",
                &Number(1, 1_000_000),
                "10000",
                "Ids that a server takes at a time. What is left of them when it ends is never used.",
            ),
            prepared: read.setting(
                "database.prepared",
                &YES_NO,
                "true",
                "Whether statements are prepared on the server. Set false behind a pooler in transaction mode.",
            ),
            budget: read.setting(
                "database.budget_milliseconds",
                &Time(Unit::Milliseconds, 1, 10_000),
                "20",
                "How long a redirect waits for PostgreSQL before an old answer is given. Without one it waits 250 ms.",
            ),
        };
        if database.url.is_none() && database.direct_url.is_some() {
            read.contradiction("database.direct_url", "needs database.url: past which pooler?");
        }
        if database.url.is_none() && !database.replica_urls.is_empty() {
            read.contradiction("database.replica_urls", "needs database.url: replicas of what?");
        }
        database
    }
}
