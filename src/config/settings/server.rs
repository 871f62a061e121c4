//! Settings without a section: where the server is, on what it runs, and who it is to the world.

use crate::config::number::Threads;
use crate::config::parser::{Choice, List, Optional};
use crate::config::reader::Reader;
use crate::config::secret::Secret;
use crate::config::text::{Address, BaseUrl, Block, Key, Path};
use curtail_runtime::network::Network;
use std::net::SocketAddr;
use std::path::PathBuf;

const ROLES: Choice<Role> = Choice(&[("all", Role::All), ("app", Role::App), ("worker", Role::Worker)]);

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    All,
    /// It serves visitors and the API; where Kafka is set, workers count.
    App,
    /// It counts what Kafka carries.
    Worker,
}

/// What a server needs to be at all.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) role: Role,
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Without a slash at its end.
    pub(crate) base_url: Option<String>,
    pub(crate) admin_key: Option<Secret>,
    /// At least one.
    pub(crate) threads: usize,
    pub(crate) trusted_proxies: Vec<Network>,
}

impl Server {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Server {
        let server = Server {
            role: read.setting(
                "role",
                &ROLES,
                "all",
                "What this process is: everything, a server that leaves counting to workers where `kafka.brokers` is set (else it counts), or a worker.",
            ),
            data: read.setting(
                "data",
                &Path,
                "./curtail-data",
                "Folder that holds everything. One server at a time uses it.",
            ),
            listen: read.setting("listen", &Address, "127.0.0.1:8080", "Where redirects and the API are served."),
            admin_listen: read.setting(
                "admin_listen",
                &Optional(Address),
                "127.0.0.1:8081",
                "Where `/metrics` is served. Keep it private.",
            ),
            base_url: read.setting(
                "base_url",
                &Optional(BaseUrl),
                "off",
                "Where visitors reach this server, for the short URLs it shows. If off: the host of each request.",
            ),
            admin_key: read.setting(
                "admin_key",
                &Optional(Key),
                "off",
                "An API key with all rights, for automation. Not taken from flags, which others can see.",
            ),
            threads: read.setting("threads", &Threads, "0", "Threads that serve requests."),
            trusted_proxies: read.setting(
                "trusted_proxies",
                &List(Block),
                "",
                "Proxies in front of this server. Only their `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
            ),
        };
        if server.listen.port() != 0 && server.admin_listen == Some(server.listen) {
            read.contradiction("admin_listen", "is the same as listen: give each its own port");
        }
        server
    }
}
