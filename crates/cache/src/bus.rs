//! The bus: every node tells all others what it changed, and knows when it does not hear them any more.
//!
//! What travels is in `bus/message.rs`, what it proves in `bus/hearing.rs`. This file moves messages: one task hears, applies,
//! answers and sends; each way of sending has a task and a queue of its own, so that one which hangs holds up nothing. What
//! a queue has no room for is lost, leaves a hole, and is noticed by those who would have heard it.

pub(crate) mod hearing;
pub(crate) mod message;

use crate::redis::Redis;
use crate::shard::REPLICA_LAG_MAX_MS;
use crate::shared_cache::SharedCache;
use curtail_model::Timestamp;
use curtail_store::{Notice, Notifications};
use hearing::{Hearing, Verdict};
use message::{Change, Message, Node, Said, packed};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often a node gives a sign of life.
const BEAT: Duration = Duration::from_millis(250);
/// What changed longer ago than this must be in L2 before a node calls itself settled.
const SETTLED_WITHIN: Duration = Duration::from_millis(250);
/// Changes that wait to be sent; beyond it, all hear that they missed something.
const OUTBOX_MAX: usize = 65_536;
/// How far apart announcements begin: what changes meanwhile travels together. The first after a pause goes at once.
const ANNOUNCED_EVERY: Duration = Duration::from_millis(2);
/// Changes that are packed at once.
const SENT_AT_ONCE: usize = 4_096;
/// Messages that wait for one way of sending, and messages that were heard and wait.
const WAITING_MAX: usize = 4_096;
/// How long a node waits at its end for what it changed to arrive.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

/// A node's place on the bus.
pub struct Bus {
    outbox: mpsc::Sender<Change>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
    counts: Arc<Counts>,
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
}

/// How the bus fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusStatistics {
    /// Whether this node hears all that it knows of, as of a quarter of a second ago: if not, it is deaf, and asks the
    /// store for all but the youngest of what it remembers.
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
    /// Joins the bus over all `ways` at once: what one loses, another may carry. From now on `cache` serves unchecked only
    /// what others cannot have changed. Must be called in a tokio runtime, where it works from then on.
    pub fn start(
        ways: Vec<Arc<dyn Notifications>>,
        cache: Arc<SharedCache>,
        redis: Option<Arc<Redis>>,
        clock: fn() -> Timestamp,
    ) -> Arc<Bus> {
        cache.renew_lease(Timestamp::from_millis(i64::MIN));
        let (outbox, changes) = mpsc::channel(OUTBOX_MAX);
        let (stop, stopped) = mpsc::channel(1);
        let (tell, inbox) = mpsc::channel(WAITING_MAX);
        let counts = Arc::new(Counts::default());
        let queues = ways.into_iter().map(|way| open(way, tell.clone(), counts.clone())).collect();
        let me =
            getrandom::u64().expect("the system gives random numbers: the store has been opened with some");
        let now = Instant::now();
        let floor = redis.as_ref().map_or(0, |redis| redis.floor());
        let desk = Desk {
            me,
            sequence: 0,
            hearing: Hearing::new(me, now),
            queues,
            giving_up: None,
            cache,
            redis,
            floor,
            clock,
            counts: counts.clone(),
        };
        tokio::spawn(desk.work(inbox, changes, stopped));
        Arc::new(Bus { outbox, stop, counts })
    }

    /// Tells all others that a link changed: to `record`, or to something that the store knows.
    pub(crate) fn announce(&self, code: &str, version: u64, record: Option<&[u8]>) {
        if self.outbox.try_send(Change::new(code, version, record)).is_err() {
            self.counts.overflowed.store(true, Ordering::Release);
        }
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

    /// Leaves the bus, after what was changed has arrived, so that nobody waits for this node. A node that cannot settle
    /// within two seconds leaves without a word, and is given up in time.
    pub async fn leave(&self) {
        let (tell, told) = oneshot::channel();
        if self.stop.send(tell).await.is_ok() {
            // Both outcomes mean that it is over.
            let _ = told.await;
        }
    }
}

/// What is to be sent one way, and the task that sends it.
struct Queue {
    messages: mpsc::Sender<Vec<u8>>,
    sender: JoinHandle<()>,
}

/// Connects one way: what is heard goes to `tell`, what is to be sent into the queue that is answered.
fn open(way: Arc<dyn Notifications>, tell: mpsc::Sender<Vec<u8>>, counts: Arc<Counts>) -> Queue {
    let (messages, mut queued) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
    let mut heard = way.listen();
    let name = way.name();
    tokio::spawn(async move {
        while let Some(notice) = heard.recv().await {
            match notice {
                Notice::Payload(payload) => {
                    if tell.send(payload).await.is_err() {
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

/// The one task that hears and speaks.
struct Desk {
    me: Node,
    sequence: u64,
    hearing: Hearing,
    queues: Vec<Queue>,
    /// The floor is being raised, after which these are given up.
    giving_up: Option<(Vec<Node>, JoinHandle<bool>)>,
    cache: Arc<SharedCache>,
    redis: Option<Arc<Redis>>,
    floor: i64,
    clock: fn() -> Timestamp,
    counts: Arc<Counts>,
}

impl Desk {
    async fn work(
        mut self,
        mut inbox: mpsc::Receiver<Vec<u8>>,
        mut outbox: mpsc::Receiver<Change>,
        mut stopped: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = Vec::new();
        let mut announced = std::pin::pin!(sleep(Duration::ZERO));
        loop {
            tokio::select! {
                Some(payload) = inbox.recv() => self.hear(&payload),
                count = async {
                    announced.as_mut().await;
                    outbox.recv_many(&mut changes, SENT_AT_ONCE).await
                } => {
                    if count == 0 {
                        return;
                    }
                    self.announce(std::mem::take(&mut changes));
                    announced.set(sleep(ANNOUNCED_EVERY));
                }
                _ = beats.tick() => self.beat(&mut outbox).await,
                Some(told) = stopped.recv() => {
                    self.leave(&mut outbox).await;
                    // Who asked may have gone.
                    let _ = told.send(());
                    return;
                }
            }
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        let Some(message) = Message::read(payload) else {
            tracing::warn!(bytes = payload.len(), "a message on the bus is none of this version");
            return self.suspect();
        };
        let now = (self.clock)();
        if let Said::Changes { changes, .. } = &message.said
            && message.from != self.me
        {
            // Also those that come again or late: a version tells what is newer.
            for change in changes {
                self.cache.learn(&change.code, change.version, change.record.as_deref(), now);
            }
            self.counts.heard.fetch_add(changes.len() as u64, Ordering::Relaxed);
        }
        if self.hearing.hear(&message, Instant::now()) == Verdict::Hole {
            self.suspect();
        }
        if let Said::Beat(_) = message.said {
            self.renew();
        }
    }

    fn suspect(&mut self) {
        self.counts.holes.fetch_add(1, Ordering::Relaxed);
        // What was missed may not have been on every replica yet.
        self.cache.suspect((self.clock)().plus_millis(REPLICA_LAG_MAX_MS));
    }

    /// Sets the lease to what is known now.
    fn renew(&mut self) {
        let left = self.hearing.lease().map(|until| until.saturating_duration_since(Instant::now()));
        let until = match left {
            Some(left) if !left.is_zero() => (self.clock)().plus_millis(left.as_millis() as i64),
            Some(_) | None => Timestamp::from_millis(i64::MIN),
        };
        self.cache.renew_lease(until);
        let hearing = until.millis() > i64::MIN;
        if self.counts.hearing.swap(hearing, Ordering::Relaxed) != hearing {
            if hearing {
                tracing::info!("this node hears all changes");
            } else {
                self.counts.deafened.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    "this node is deaf: it asks the store for all but the youngest of what it remembers"
                );
            }
        }
        self.counts.nodes.store(self.hearing.nodes(), Ordering::Relaxed);
    }

    fn announce(&mut self, changes: Vec<Change>) {
        self.counts.announced.fetch_add(changes.len() as u64, Ordering::Relaxed);
        for changes in packed(changes) {
            self.sequence += 1;
            self.send(&Message { from: self.me, said: Said::Changes { sequence: self.sequence, changes } });
        }
    }

    fn send(&self, message: &Message) {
        let bytes = message.bytes();
        for queue in &self.queues {
            if queue.messages.try_send(bytes.clone()).is_err() {
                self.counts.unsent.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Everything that was changed up to now goes out before the beat that vouches for it.
    fn empty(&mut self, outbox: &mut mpsc::Receiver<Change>) {
        let mut changes = Vec::new();
        while let Ok(change) = outbox.try_recv() {
            changes.push(change);
        }
        self.announce(changes);
        if self.counts.overflowed.swap(false, Ordering::AcqRel) {
            self.sequence += 1;
            self.send(&Message { from: self.me, said: Said::Reset { sequence: self.sequence } });
        }
    }

    async fn beat(&mut self, outbox: &mut mpsc::Receiver<Change>) {
        let now = Instant::now();
        self.give_up(now).await;
        if let Some(redis) = &self.redis
            && redis.floor() > self.floor
        {
            self.floor = redis.floor();
            self.suspect();
        }
        let settled = self.redis.as_ref().is_none_or(|redis| redis.is_settled(SETTLED_WITHIN, now));
        self.empty(outbox);
        let beat = self.hearing.beat(self.sequence, settled, now);
        self.send(&beat);
        self.renew();
    }

    /// Does not wait for silent nodes any more. One may have died between the store and Redis, so what is in Redis from
    /// before is not believed; until that is said there, it is waited for.
    async fn give_up(&mut self, now: Instant) {
        if let Some((nodes, raised)) = self.giving_up.take_if(|(_, raised)| raised.is_finished()) {
            if raised.await.unwrap_or(false) {
                tracing::warn!(?nodes, "nodes have said nothing for ten seconds and are given up");
                self.counts.given_up.fetch_add(nodes.len() as u64, Ordering::Relaxed);
                nodes.into_iter().for_each(|node| self.hearing.forget(node));
                self.suspect();
            }
            return;
        }
        let silent = self.hearing.silent(now);
        if self.giving_up.is_none() && !silent.is_empty() {
            let redis = self.redis.clone();
            let raised = tokio::spawn(async move {
                match redis {
                    Some(redis) => redis.raise_floor().await,
                    None => true,
                }
            });
            self.giving_up = Some((silent, raised));
        }
    }

    async fn leave(mut self, outbox: &mut mpsc::Receiver<Change>) {
        self.empty(outbox);
        let settled = timeout(GOODBYE_PATIENCE, async {
            while let Some(redis) = &self.redis
                && !redis.is_settled(Duration::ZERO, Instant::now())
            {
                sleep(Duration::from_millis(10)).await;
            }
        });
        if settled.await.is_ok() {
            self.send(&Message { from: self.me, said: Said::Goodbye });
        }
        let sent = timeout(GOODBYE_PATIENCE, async {
            for Queue { messages, sender } in std::mem::take(&mut self.queues) {
                drop(messages);
                // A sender that died has sent what it could.
                let _ = sender.await;
            }
        });
        // What did not go out by now is noticed as a hole.
        let _ = sent.await;
    }
}
