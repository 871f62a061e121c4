//! Everything that can be set, a file a concern: what its settings are, the rows of the table that read them, and what is
//! wrong where one contradicts another.
//!
//! The order here is the order of `curtail config` and of the reference in `docs/operations.md`.

mod api;
mod cache;
mod clicks;
mod codes;
mod geo;
mod limits;
mod links;
mod log;
mod redirect;
mod server;
mod shutdown;

pub(crate) use log::LogFormat;

use super::reader::Reader;
use api::Api;
use cache::Cache;
use clicks::Clicks;
use codes::Codes;
use geo::Geo;
use limits::Limits;
use links::Links;
use log::Log;
use redirect::Redirect;
use server::Server;
use shutdown::Shutdown;

/// Everything that can be set, once it is read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: Server,
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

impl Settings {
    /// Reads every setting.
    pub(super) fn read(read: &mut Reader) -> Settings {
        let server = Server::read(read);
        let threads = server.threads;
        Settings {
            server,
            cache: Cache::read(read),
            codes: Codes::read(read),
            links: Links::read(read),
            redirect: Redirect::read(read),
            api: Api::read(read),
            limits: Limits::read(read),
            clicks: Clicks::read(read, threads),
            geo: Geo::read(read),
            log: Log::read(read),
            shutdown: Shutdown::read(read),
        }
    }
}
