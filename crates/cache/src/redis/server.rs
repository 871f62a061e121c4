//! One Redis or a cluster of them, and a connection to it that somebody keeps up.

use super::OpenError;
use super::address::Addresses;
use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, cmd};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Everything that is not a look-up of a visitor has this long.
pub(super) const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(1);

/// Commands that may be under way on a connection; more wait, and give up when their time is over.
const UNDER_WAY_MAX: usize = 1_024;

/// Why nothing came of asking the servers.
#[derive(Debug)]
pub(super) enum Failure {
    /// They answered, and no waiting mends it: whoever configured this must look.
    Refused(OpenError),
    /// They said nothing, or something that may be otherwise later.
    Away(RedisError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Failure {
        refusal(&error).map_or(Failure::Away(error), Failure::Refused)
    }
}

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

    /// What tells this server from another one, or from itself after it may have lost what it was told: the
    /// run of a single server, the epoch of a cluster, which a failover moves.
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

/// Connects to the nodes: to a cluster when there are
/// several, or when the only one says that it is part of one.
pub(super) async fn connect(nodes: &Addresses) -> Result<Connection, Failure> {
    let (node, is_of_cluster) = ask_all_for_a_cluster(nodes).await?;
    if is_of_cluster {
        return in_time(connect_to_cluster(nodes)).await;
    }
    if nodes.urls().len() == 1 { Ok(node) } else { Err(Failure::Refused(OpenError::NoCluster)) }
}

/// What comes of it within [`BACKGROUND_TIMEOUT`].
pub(super) async fn in_time<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| Err(Failure::Away((ErrorKind::Io, "it did not answer in a second").into()));
    timeout(BACKGROUND_TIMEOUT, asking).await.unwrap_or_else(late)
}

/// Asks all nodes at once: whoever answers first knows what they are. Where none does, a refusal counts for
/// more than a silence, whichever came first, so that the same settings always come to the same end.
async fn ask_all_for_a_cluster(nodes: &Addresses) -> Result<(Connection, bool), Failure> {
    let asked = nodes.urls().iter().map(|url| in_time(ask_for_a_cluster(nodes, url)));
    let mut asked: FuturesUnordered<_> = asked.collect();
    let mut failure = Failure::Refused(OpenError::Address("it is empty".into()));
    let mut is_refused = false;
    while let Some(answer) = asked.next().await {
        match answer {
            Ok(found) => return Ok(found),
            Err(another) if !is_refused => {
                is_refused = matches!(another, Failure::Refused(_));
                failure = another;
            }
            Err(_) => {}
        }
    }
    Err(failure)
}

/// Connects to one server, and asks whether it is part of a cluster.
async fn ask_for_a_cluster(nodes: &Addresses, url: &str) -> Result<(Connection, bool), Failure> {
    let node = connect_to_node(&nodes.client(url)?).await?;
    let about: String = node.query(cmd("INFO").arg("cluster")).await?;
    Ok((node, about.contains("cluster_enabled:1")))
}

async fn connect_to_cluster(nodes: &Addresses) -> Result<Connection, Failure> {
    let mut client = ClusterClient::builder(nodes.urls().iter().map(String::as_str))
        .connection_timeout(BACKGROUND_TIMEOUT)
        .response_timeout(BACKGROUND_TIMEOUT)
        .connection_concurrency_limit(UNDER_WAY_MAX)
        .retries(1);
    if let Some(certificates) = nodes.certificates() {
        client = client.certs(certificates);
    }
    let mut connection = client.build()?.get_async_connection().await?;
    // It connects lazily: whether anything is there shows with the first command.
    connection.req_packed_command(&cmd("PING")).await?;
    Ok(Connection::Cluster(connection))
}

/// Connects to one server, whatever it is part of.
pub(super) async fn connect_to_node(client: &Client) -> Result<Connection, Failure> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(BACKGROUND_TIMEOUT))
        .set_response_timeout(Some(BACKGROUND_TIMEOUT))
        .set_pipeline_buffer_size(UNDER_WAY_MAX)
        .set_concurrency_limit(UNDER_WAY_MAX);
    let connected = client.get_multiplexed_async_connection_with_config(&config).await;
    connected.map(Connection::Single).map_err(|error| {
        if is_of_no_redis(&error) {
            return Failure::Refused(OpenError::NoRedis(client.get_connection_info().addr().to_string()));
        }
        error.into()
    })
}

/// Whether a server begins with what no Redis says, as one of HTTP, SSH or mail does. One that hangs up
/// without a word, as PostgreSQL does, cannot be told from a Redis that is starting behind a proxy.
fn is_of_no_redis(error: &RedisError) -> bool {
    let text = error.to_string();
    // An answer that breaks off may have begun as one of Redis.
    let is_unreadable = error.kind() == ErrorKind::Parse && !text.contains("end of input");
    // What rustls says where TLS was asked for and something else came; it says so in words only.
    is_unreadable || text.contains("received corrupt message")
}

/// What an error means when trying again cannot help.
fn refusal(error: &RedisError) -> Option<OpenError> {
    let text = error.to_string();
    if error.kind() == ErrorKind::InvalidClientConfig {
        return Some(OpenError::Address(text));
    }
    // rustls says so in words only.
    if text.contains("invalid peer certificate") {
        return Some(OpenError::Untrusted(text));
    }
    if error.code() == Some("READONLY") {
        return Some(OpenError::Replica);
    }
    let refuses = error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    if refuses {
        return Some(OpenError::Refused(text));
    }
    refusal_in_words(&text, error.detail().unwrap_or_default())
}

/// The same for what has no code of its own. Whatever else servers say may be different later: that they are
/// still loading, or have too many clients.
fn refusal_in_words(text: &str, words: &str) -> Option<OpenError> {
    // All that redis-rs keeps of an answer to SELECT is its words, whatever the code was.
    if text.contains("refused to switch database") {
        if words.contains("not allowed in cluster mode") {
            return Some(OpenError::DatabaseOfCluster(words.to_owned()));
        }
        if words.contains("out of range") {
            return Some(OpenError::NoDatabase(words.to_owned()));
        }
        if words.contains("Authentication required") || words.contains("has no permissions") {
            return Some(OpenError::Refused(words.to_owned()));
        }
    }
    // After the command follows what it was given, which may be a password.
    let told = words.split(", with args").next().unwrap_or_default();
    told.contains("unknown command").then(|| OpenError::Refused(told.to_owned()))
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
