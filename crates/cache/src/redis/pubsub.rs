//! The bus over Redis: PUBLISH and SUBSCRIBE on two connections to the same server, which is what keeps
//! messages in order in a cluster too.

use super::OpenError;
use super::address::Addresses;
use super::layout::Keys;
use super::server::BACKGROUND_TIMEOUT;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, RedisError, RedisResult, cmd};
use curtail_runtime::retry::Backoff;
use curtail_store::{Notice, Notifications, StoreError, StoreFuture};
use futures_util::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Messages that wait for the listener; what comes beyond is lost.
const WAITING_MAX: usize = 4_096;
/// Whoever listens also speaks, several times a second, and
/// hears itself: this much silence is a broken connection.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// The longest wait between two attempts to connect, at first and in the end: whoever does not hear is deaf.
const RECONNECT: Duration = Duration::from_millis(50);
const RECONNECT_MAX: Duration = Duration::from_millis(400);

/// Messages over Redis.
pub struct PubSub {
    nodes: Arc<Addresses>,
    channel: Arc<[u8]>,
    publisher: Publisher,
}

type Publisher = Arc<Mutex<Option<MultiplexedConnection>>>;

impl PubSub {
    /// Messages over the servers and under the prefix of a
    /// [`super::Config`]. It connects when somebody listens.
    pub fn new(config: &super::Config) -> Result<PubSub, OpenError> {
        Ok(PubSub {
            nodes: Arc::new(Addresses::read(&config.nodes)?),
            channel: Keys::new(&config.prefix).named("bus").into(),
            publisher: Arc::default(),
        })
    }
}

impl Notifications for PubSub {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn notify(&self, payload: Vec<u8>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let unavailable = |why: String| StoreError::Unavailable(why);
            let connection = lock(&self.publisher).clone();
            let mut connection =
                connection.ok_or_else(|| unavailable("there is no connection to Redis".into()))?;
            let mut publish = cmd("PUBLISH");
            publish.arg(&*self.channel).arg(payload);
            match timeout(BACKGROUND_TIMEOUT, publish.query_async::<i64>(&mut connection)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(unavailable(error.to_string())),
                Err(_) => Err(unavailable("Redis did not answer in a second".into())),
            }
        })
    }

    fn listen(&self) -> mpsc::Receiver<Notice> {
        let (notices, heard) = mpsc::channel(WAITING_MAX);
        let (nodes, channel, publisher) = (self.nodes.clone(), self.channel.clone(), self.publisher.clone());
        tokio::spawn(async move {
            let mut reconnects = Backoff::new(RECONNECT, RECONNECT_MAX);
            for node in nodes.urls().iter().cycle() {
                if notices.is_closed() {
                    break;
                }
                match timeout(BACKGROUND_TIMEOUT, open(&nodes, node, &channel)).await {
                    Ok(Ok((connection, messages))) => {
                        reconnects.reset();
                        *lock(&publisher) = Some(connection);
                        hear(messages, &notices).await;
                        *lock(&publisher) = None;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "no messages over Redis"),
                    Err(_) => tracing::debug!("no messages over Redis: it did not answer in a second"),
                }
                tokio::time::sleep(reconnects.pause()).await;
            }
        });
        heard
    }
}

type Messages = ::redis::aio::PubSub;

async fn open(
    nodes: &Addresses,
    node: &str,
    channel: &[u8],
) -> RedisResult<(MultiplexedConnection, Messages)> {
    let client = nodes.client(node)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(BACKGROUND_TIMEOUT))
        .set_response_timeout(Some(BACKGROUND_TIMEOUT));
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let mut messages = client.get_async_pubsub().await?;
    messages.subscribe(channel).await?;
    Ok::<_, RedisError>((connection, messages))
}

/// Hears until nothing is heard any more or nobody wants to know.
async fn hear(messages: Messages, notices: &mpsc::Sender<Notice>) {
    let mut messages = messages.into_on_message();
    if notices.send(Notice::Connected).await.is_err() {
        return;
    }
    while let Ok(Some(message)) = timeout(SILENCE_MAX, messages.next()).await {
        match notices.try_send(Notice::Payload(message.get_payload_bytes().to_vec())) {
            // A message that is lost leaves a hole, which is noticed.
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return,
        }
    }
    // Who does not listen any more need not know.
    let _ = notices.send(Notice::Lost).await;
}

fn lock(
    publisher: &Mutex<Option<MultiplexedConnection>>,
) -> std::sync::MutexGuard<'_, Option<MultiplexedConnection>> {
    publisher.lock().unwrap_or_else(PoisonError::into_inner)
}
