//! How the servers are that L2 is on: what [`super::Redis::open`] would say of them, and what only operators
//! want to know. It changes nothing.

use super::address::Addresses;
use super::layout::{self, Keys};
use super::server::{self, BACKGROUND_TIMEOUT, Connection, Failure, connect_to_node};
use super::{Config, OpenError};
use ::redis::{FromRedisValue, RedisResult, cmd};
use futures_util::future::{join, join_all};
use std::future::Future;
use tokio::time::timeout;

/// The oldest version that is supported: the one that the tests run on.
pub const VERSION_MIN: u32 = 7;

/// The servers of L2.
#[derive(Debug)]
pub struct Examination {
    /// Each of them, in the order of the settings.
    pub nodes: Vec<Result<Node, OpenError>>,
    /// Whether what is there has our layout, and none of our keys is another program's.
    pub layout: Result<(), OpenError>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Host and port.
    pub server: String,
    /// Its version.
    pub version: String,
    /// Whether that is new enough.
    pub is_new_enough: bool,
    /// The memory that it may use; 0 for all there is.
    pub memory_max: u64,
    /// The memory that it uses.
    pub memory_used: u64,
    /// What it does when that is full (`maxmemory-policy`).
    pub policy: String,
    /// Whether it is a replica, which takes no writes.
    pub is_replica: bool,
    /// Of a node of a cluster, whether the cluster is whole.
    pub cluster_is_well: Option<bool>,
}

/// Asks all servers, side by side. Each has a few seconds.
pub async fn examine(config: &Config) -> Examination {
    let addresses = match Addresses::read(&config.nodes) {
        Ok(addresses) => addresses,
        Err(error) => return Examination { nodes: vec![Err(error.clone())], layout: Err(error) },
    };
    let nodes = join_all(addresses.urls().iter().map(|url| look_at_node(&addresses, url)));
    let look = async {
        let connection = server::connect(&addresses).await?;
        let keys = Keys::new(&config.prefix);
        layout::look(&connection, &keys).await?;
        for name in ["server", "floor"] {
            let _: Option<Vec<u8>> = layout::read(&connection, &keys, name).await?;
        }
        Ok(())
    };
    let servers = addresses.servers();
    let (nodes, layout) = join(nodes, in_time(&servers, look)).await;
    Examination { nodes, layout }
}

async fn look_at_node(addresses: &Addresses, url: &str) -> Result<Node, OpenError> {
    let client = addresses.client(url).map_err(|error| OpenError::Address(error.to_string()))?;
    let server = client.get_connection_info().addr().to_string();
    let look = async {
        let connection = connect_to_node(&client).await?;
        let about: String = ask(&connection, &["INFO"]).await?;
        let cluster_is_well = if field(&about, "cluster_enabled") == "1" {
            let cluster: String = ask(&connection, &["CLUSTER", "INFO"]).await?;
            Some(field(&cluster, "cluster_state") == "ok")
        } else {
            None
        };
        let version = field(&about, "redis_version").to_owned();
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        let number = |name| field(&about, name).parse().unwrap_or(0);
        Ok(Node {
            server: server.clone(),
            // What says nothing of its version is something else that speaks as Redis does.
            is_new_enough: major.is_none_or(|major| major >= VERSION_MIN),
            version,
            memory_max: number("maxmemory"),
            memory_used: number("used_memory"),
            policy: field(&about, "maxmemory_policy").to_owned(),
            is_replica: field(&about, "role") == "slave",
            cluster_is_well,
        })
    };
    in_time(&server, look).await
}

async fn in_time<T>(server: &str, look: impl Future<Output = Result<T, Failure>>) -> Result<T, OpenError> {
    let away = |error: String| OpenError::Unreachable { server: server.to_owned(), error };
    match timeout(3 * BACKGROUND_TIMEOUT, look).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(Failure::Refused(refused))) => Err(refused),
        Ok(Err(Failure::Away(error))) => Err(away(error.to_string())),
        Err(_) => Err(away("it takes connections and says nothing".into())),
    }
}

async fn ask<T: FromRedisValue>(connection: &Connection, words: &[&str]) -> RedisResult<T> {
    let mut command = cmd(words[0]);
    words[1..].iter().for_each(|word| _ = command.arg(*word));
    connection.query(&command).await
}

/// A line of what `INFO` says.
fn field<'a>(about: &'a str, name: &str) -> &'a str {
    let line = about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim()
}
