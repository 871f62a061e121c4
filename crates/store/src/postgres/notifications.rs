//! Short messages between the processes that share a database, by LISTEN and NOTIFY.
//!
//! A message is a statement of its own, never part of a change: at the end of a transaction that notifies,
//! PostgreSQL lets only one commit at a time. What waits while one statement runs is the next one. A pooler
//! in transaction mode carries no messages to who listens: past it there is `database.direct_url`. Without
//! that none are heard, and [`Notice::Lost`] is not said either: whoever listens must miss them.

use super::address::{Address, with_causes};
use super::bulkhead::{Bulkhead, Place};
use super::connections::{Pool, Sql, sql};
use super::executor::Executor;
use super::groups::Groups;
use crate::notifications::PAYLOAD_MAX;
use crate::{Notice, Notifications, StoreError, StoreFuture};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use curtail_runtime::retry::Backoff;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

static NOTIFY: Sql = sql!("notify", TEXT_ARRAY);

/// Messages of one statement.
const MESSAGES_AT_ONCE: usize = 256;
/// Messages that may wait to be sent.
const MESSAGES_MAX: u32 = 4_096;
/// Messages that may wait to be heard by one listener.
const HEARD_MAX: usize = 4_096;
/// Pauses between attempts to listen again: at most this at first, and at most that.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Who listens already may say so again.
const LISTEN: &str = "LISTEN curtail";
/// How often a server that is listened to is asked whether it is there, and how long it may take to answer:
/// one that hangs says nothing for ever.
const ASK_EVERY: Duration = Duration::from_secs(2);
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Messages over a database.
pub(super) struct PostgresNotifications {
    address: Address,
    executor: Arc<Executor>,
    messages: Arc<Groups<Message>>,
    bulkhead: Bulkhead,
}

struct Message {
    payload: Vec<u8>,
    caller: oneshot::Sender<Result<(), StoreError>>,
    _place: Place,
}

impl PostgresNotifications {
    pub(super) fn start(executor: &Arc<Executor>, address: Address, pool: Pool) -> PostgresNotifications {
        let messages = Arc::new(Groups::eager());
        executor.spawn(send(Arc::clone(&messages), pool));
        let bulkhead = Bulkhead::new("messages", MESSAGES_MAX, executor);
        PostgresNotifications { address, executor: Arc::clone(executor), messages, bulkhead }
    }

    /// Finishes what was asked for.
    pub(super) async fn close(&self) {
        self.bulkhead.close().await;
        self.messages.close();
    }
}

impl Notifications for PostgresNotifications {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn notify(&self, payload: Vec<u8>) -> StoreFuture<'_, ()> {
        if payload.len() > PAYLOAD_MAX {
            let error = format!("a message has {} bytes; at most {PAYLOAD_MAX} can be sent", payload.len());
            return Box::pin(std::future::ready(Err(StoreError::Unavailable(error))));
        }
        self.bulkhead
            .ask(1, |place, caller| self.messages.push(1, Message { payload, caller, _place: place }))
    }

    fn listen(&self) -> mpsc::Receiver<Notice> {
        let (heard, receiver) = mpsc::channel(HEARD_MAX);
        self.executor.spawn(listen(self.address.clone(), heard));
        receiver
    }
}

async fn send(messages: Arc<Groups<Message>>, pool: Pool) {
    while let Some(mut group) = messages.take(MESSAGES_AT_ONCE).await {
        let payloads: Vec<String> =
            group.entries.iter().map(|message| STANDARD_NO_PAD.encode(&message.payload)).collect();
        let sent = pool.query(&NOTIFY, &[&payloads]).await.map(drop);
        for message in group.entries.drain(..) {
            // Nobody may be waiting any more.
            let _ = message.caller.send(sent.clone());
        }
    }
}

/// Listens until nobody wants to hear, again and again where the connection breaks.
async fn listen(address: Address, heard: mpsc::Sender<Notice>) {
    let mut backoff = Backoff::new(PAUSE, PAUSE_MAX);
    while !heard.is_closed() {
        let began = tokio::time::Instant::now();
        let broke = match &address.tls {
            None => match timeout(CONNECT_TIMEOUT, address.hosts.connect(&address.config, NoTls)).await {
                Ok(Ok((client, connection))) => hear(client, connection, &heard).await,
                Ok(Err(error)) => with_causes(&error),
                Err(_) => "it does not answer".into(),
            },
            Some(tls) => {
                match timeout(CONNECT_TIMEOUT, address.hosts.connect(&address.config, tls.clone())).await {
                    Ok(Ok((client, connection))) => hear(client, connection, &heard).await,
                    Ok(Err(error)) => with_causes(&error),
                    Err(_) => "it does not answer".into(),
                }
            }
        };
        tracing::debug!(server = address.name, broke, "messages are not heard");
        if heard.send(Notice::Lost).await.is_err() {
            return;
        }
        // A connection that held for long broke by something else than the last one.
        if began.elapsed() > PAUSE_MAX {
            backoff.reset();
        }
        tokio::select! {
            () = heard.closed() => return,
            () = sleep(backoff.pause()) => {}
        }
    }
}

/// Hands on what is heard until the connection breaks, or nobody wants to hear. Answers why.
async fn hear<S, T>(client: Client, mut connection: Connection<S, T>, heard: &mpsc::Sender<Notice>) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut begun = pin!(client.batch_execute(LISTEN));
    let mut silence = pin!(silence(&client));
    let mut is_listening = false;
    loop {
        let message = tokio::select! {
            () = heard.closed() => return "nobody listens".into(),
            listening = &mut begun, if !is_listening => {
                if let Err(error) = listening {
                    return with_causes(&error);
                }
                is_listening = true;
                if heard.send(Notice::Connected).await.is_err() {
                    return "nobody listens".into();
                }
                continue;
            }
            broke = &mut silence, if is_listening => return broke,
            message = poll_fn(|context| connection.poll_message(context)) => message,
        };
        match message {
            Some(Ok(AsyncMessage::Notification(notification))) => {
                // What is not ours is no message. Whoever does not keep up loses some, and can tell.
                if let Ok(payload) = STANDARD_NO_PAD.decode(notification.payload()) {
                    let _ = heard.try_send(Notice::Payload(payload));
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return with_causes(&error),
            None => return "the connection ended".into(),
        }
    }
}

/// Ends when a server does not answer any more, with why.
async fn silence(client: &Client) -> String {
    loop {
        sleep(ASK_EVERY).await;
        match timeout(ANSWER_MAX, client.batch_execute(LISTEN)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return with_causes(&error),
            Err(_) => return "it does not answer any more".into(),
        }
    }
}
