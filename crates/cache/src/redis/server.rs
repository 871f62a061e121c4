//! One Redis or a cluster of them, and a connection to it that somebody keeps up.

use super::OpenError;
use super::address::Addresses;
use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, cmd};
use futures_util::future::select_ok;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Everything that is not a look-up of a visitor has this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Commands that may be under way on a connection; more wait, and give up when their time is over.
const UNDER_WAY_MAX: usize = 1_024;

/// A connection that all share.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self {
            Connection::Single(connection) => command.query_async(&mut connection.clone()).await,
            Connection::Cluster(connection) => command.query_async(&mut connection.clone()).await,
        }
    }

    /// What tells this server from another one, or from itself after it may have lost what it was told: the run of a
    /// single server, the epoch of a cluster, which a failover moves.
    pub(super) async fn identity(&self) -> RedisResult<String> {
        let (text, name): (String, _) = match self {
            Connection::Single(_) => (self.query(cmd("INFO").arg("server")).await?, "run_id:"),
            Connection::Cluster(_) => {
                (self.query(cmd("CLUSTER").arg("INFO")).await?, "cluster_current_epoch:")
            }
        };
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.unwrap_or_default().trim().to_owned())
    }
}

/// Connects to the nodes: to a cluster when there are several, or when the only one says that it is part of one.
pub(super) async fn connect(nodes: &Addresses) -> RedisResult<Result<Connection, OpenError>> {
    let connected = match timeout(PATIENCE, try_to_connect(nodes)).await {
        Ok(connected) => connected,
        Err(_) => Err((ErrorKind::Io, "it did not answer in a second").into()),
    };
    connected.or_else(|error| refusal(&error).map_or(Err(error), |refused| Ok(Err(refused))))
}

async fn try_to_connect(nodes: &Addresses) -> RedisResult<Result<Connection, OpenError>> {
    // Whoever answers first knows what it is.
    let asked = nodes.urls().iter().map(|url| Box::pin(ask_for_a_cluster(nodes, url)));
    let ((node, is_of_cluster), _) = select_ok(asked).await?;
    if !is_of_cluster {
        return Ok(if nodes.urls().len() == 1 { Ok(node) } else { Err(OpenError::NoCluster) });
    }
    let mut client = ClusterClient::builder(nodes.urls().iter().map(String::as_str))
        .connection_timeout(PATIENCE)
        .response_timeout(PATIENCE)
        .connection_concurrency_limit(UNDER_WAY_MAX)
        .retries(1);
    if let Some(certificates) = nodes.certificates() {
        client = client.certs(certificates);
    }
    let mut connection = client.build()?.get_async_connection().await?;
    // It connects lazily: whether anything is there shows with the first command.
    connection.req_packed_command(&cmd("PING")).await?;
    Ok(Ok(Connection::Cluster(connection)))
}

/// Connects to one server, and asks whether it is part of a cluster.
async fn ask_for_a_cluster(nodes: &Addresses, url: &str) -> RedisResult<(Connection, bool)> {
    let node = connect_to_node(&nodes.client(url)?).await?;
    let about: String = node.query(cmd("INFO").arg("cluster")).await?;
    Ok((node, about.contains("cluster_enabled:1")))
}

/// Connects to one server, whatever it is part of.
pub(super) async fn connect_to_node(client: &Client) -> RedisResult<Connection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_pipeline_buffer_size(UNDER_WAY_MAX)
        .set_concurrency_limit(UNDER_WAY_MAX);
    client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
}

/// What an error means when trying again cannot help: whoever configured this must look.
pub(super) fn refusal(error: &RedisError) -> Option<OpenError> {
    if error.kind() == ErrorKind::InvalidClientConfig {
        return Some(OpenError::Address(error.to_string()));
    }
    // rustls says so in words only.
    if error.to_string().contains("invalid peer certificate") {
        return Some(OpenError::Untrusted(error.to_string()));
    }
    if error.code() == Some("READONLY") {
        return Some(OpenError::Replica);
    }
    let refuses = error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    refuses.then(|| OpenError::Refused(error.to_string()))
}

/// Where the connection is found while there is one.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Connection>>);

impl Slot {
    pub(super) fn get(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, connection: Option<Connection>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}
