//! The bus: every node tells all others what it changed, and knows when it does not hear them any more.
//!
//! What travels is in `bus/message.rs`, what it proves in `bus/hearing.rs`. One task
//! hears, applies, answers and sends (`bus/member.rs`); each way of sending has a task
//! and a queue of its own, so that one which hangs holds up nothing. What a queue has
//! no room for is lost, leaves a hole, and is noticed by those who would have heard it.

pub(crate) mod hearing;
mod member;
pub(crate) mod message;

use crate::redis::Redis;
use crate::shared_cache::SharedCache;
use curtail_model::Timestamp;
use curtail_store::{Notice, Notifications};
use member::Member;
use message::Change;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Changes that wait to be sent; beyond it, all hear that they missed something.
const OUTBOX_MAX: usize = 65_536;
/// Messages that wait for one way of sending, and messages that were heard and wait.
const WAITING_MAX: usize = 4_096;

/// A node's place on the bus.
pub struct Bus {
    outbox: mpsc::Sender<Change>,
    stop: mpsc::Sender<oneshot::Sender<bool>>,
    counts: Arc<Counts>,
    listener: Arc<OnceLock<Listener>>,
}

#[derive(Default)]
struct Counts {
    hearing: AtomicBool,
    nodes: AtomicUsize,
    deafened: AtomicU64,
    announced: AtomicU64,
    heard: AtomicU64,
    holes: AtomicU64,
    given_up: AtomicU64,
    unsent: AtomicU64,
    overflowed: AtomicBool,
    /// Changes that were begun and not told yet, also those of which it is not known whether they happened.
    untold: AtomicUsize,
}

/// Who wants to hear of changes that other nodes tell: of which code, and its version since.
type Listener = Box<dyn Fn(&str, u64) + Send + Sync>;

/// How the bus fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusStatistics {
    /// Whether this node hears all that it knows of, as of a quarter of a second ago: if not, it is deaf, and
    /// asks the store for all but the youngest of what it remembers.
    pub hearing: bool,
    /// Nodes that it knows of, itself included.
    pub nodes: usize,
    /// How often it became deaf.
    pub deafened: u64,
    /// Changes that it told.
    pub announced: u64,
    /// Changes that it was told.
    pub heard: u64,
    /// How often something was or may have been missed, so that everything was suspected.
    pub holes: u64,
    /// Nodes that were given up because they said nothing any more.
    pub given_up: u64,
    /// Messages that one way of sending did not take.
    pub unsent: u64,
}

impl Bus {
    /// Joins the bus over all `ways` at once: what one loses, another may
    /// carry. From now on `cache` serves unchecked only what others cannot have
    /// changed. Must be called in a tokio runtime, where it works from then on.
    pub fn start(
        ways: Vec<Arc<dyn Notifications>>,
        cache: Arc<SharedCache>,
        redis: Option<Arc<Redis>>,
        clock: fn() -> Timestamp,
    ) -> Arc<Bus> {
        cache.renew_lease(Timestamp::from_millis(i64::MIN));
        let (outbox, changes) = mpsc::channel(OUTBOX_MAX);
        let (stop, stopped) = mpsc::channel(1);
        let (incoming, inbox) = mpsc::channel(WAITING_MAX);
        let counts = Arc::new(Counts::default());
        let queues = ways.into_iter().map(|way| open(way, incoming.clone(), counts.clone())).collect();
        let me =
            getrandom::u64().expect("the system gives random numbers: the store has been opened with some");
        let listener = Arc::new(OnceLock::new());
        let member = Member::new(me, queues, cache, redis, clock, counts.clone(), listener.clone());
        tokio::spawn(member.work(inbox, changes, stopped));
        Arc::new(Bus { outbox, stop, counts, listener })
    }

    /// Tells one listener of the changes that other nodes tell; a second one is not heard.
    pub(crate) fn listen(&self, listener: impl Fn(&str, u64) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// Tells all others that a link changed: to `record`, or to something that the store knows.
    pub(crate) fn announce(&self, code: &str, version: u64, record: Option<&[u8]>) {
        if self.outbox.try_send(Change::new(code, version, record)).is_err() {
            self.counts.overflowed.store(true, Ordering::Release);
        }
    }

    /// A change is begun: until it is [told](Bus::told), or known not to have
    /// happened, this node does not leave with a goodbye. One that is dropped in
    /// the middle is never told.
    pub(crate) fn begin(&self) {
        self.counts.untold.fetch_add(1, Ordering::AcqRel);
    }

    /// A change that was begun is told, or has not happened.
    pub(crate) fn told(&self) {
        self.counts.untold.fetch_sub(1, Ordering::AcqRel);
    }

    /// How it fares.
    pub fn statistics(&self) -> BusStatistics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BusStatistics {
            hearing: self.counts.hearing.load(Ordering::Relaxed),
            nodes: self.counts.nodes.load(Ordering::Relaxed),
            deafened: count(&self.counts.deafened),
            announced: count(&self.counts.announced),
            heard: count(&self.counts.heard),
            holes: count(&self.counts.holes),
            given_up: count(&self.counts.given_up),
            unsent: count(&self.counts.unsent),
        }
    }

    /// Leaves the bus, after what was changed has arrived, so that nobody waits
    /// for this node. A node that cannot settle within two seconds leaves
    /// without a word, and is given up in time. Answers whether all had arrived.
    pub async fn leave(&self) -> bool {
        let (caller, left) = oneshot::channel();
        self.stop.send(caller).await.is_ok() && left.await.unwrap_or(false)
    }
}

/// What is to be sent one way, and the task that sends it.
struct Queue {
    messages: mpsc::Sender<Vec<u8>>,
    sender: JoinHandle<()>,
}

/// Connects one way: what is heard goes to `incoming`, what is to be sent into the queue that is answered.
fn open(way: Arc<dyn Notifications>, incoming: mpsc::Sender<Vec<u8>>, counts: Arc<Counts>) -> Queue {
    let (messages, mut queued) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
    let mut heard = way.listen();
    let name = way.name();
    tokio::spawn(async move {
        while let Some(notice) = heard.recv().await {
            match notice {
                Notice::Payload(payload) => {
                    if incoming.send(payload).await.is_err() {
                        return;
                    }
                }
                Notice::Connected => tracing::info!(name, "the bus is connected"),
                Notice::Lost => tracing::warn!(name, "the bus is cut"),
            }
        }
    });
    let sender = tokio::spawn(async move {
        while let Some(payload) = queued.recv().await {
            if let Err(error) = way.notify(payload).await {
                counts.unsent.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(name, %error, "a message was not sent");
            }
        }
    });
    Queue { messages, sender }
}
