//! A node as a member of the bus: the one task that hears and speaks.

use super::hearing::{Hearing, Verdict};
use super::message::{Change, Message, Node, Said, packed};
use super::{Counts, Listener, Queue};
use crate::redis::Redis;
use crate::shared_cache::SharedCache;
use curtail_model::Timestamp;
use curtail_store::AGE_MAX_MILLIS;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often a node gives a sign of life.
const BEAT: Duration = Duration::from_millis(250);
/// What changed longer ago than this must be in L2 before a node calls itself settled.
const SETTLED_WITHIN: Duration = Duration::from_millis(250);
/// How far apart announcements begin: what changes meanwhile
/// travels together. The first after a pause goes at once.
const ANNOUNCED_EVERY: Duration = Duration::from_millis(2);
/// Changes that are packed at once.
const SENT_AT_ONCE: usize = 4_096;
/// How long a node waits at its end for what it changed to arrive.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// What hears and speaks for a node.
pub(super) struct Member {
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
    listener: Arc<OnceLock<Listener>>,
}

impl Member {
    pub(super) fn new(
        me: Node,
        queues: Vec<Queue>,
        cache: Arc<SharedCache>,
        redis: Option<Arc<Redis>>,
        clock: fn() -> Timestamp,
        counts: Arc<Counts>,
        listener: Arc<OnceLock<Listener>>,
    ) -> Member {
        let floor = redis.as_ref().map_or(0, |redis| redis.floor());
        Member {
            me,
            sequence: 0,
            hearing: Hearing::new(me, Instant::now()),
            queues,
            giving_up: None,
            cache,
            redis,
            floor,
            clock,
            counts,
            listener,
        }
    }

    /// Hears, applies, answers and sends, until it is asked to stop.
    pub(super) async fn work(
        mut self,
        mut inbox: mpsc::Receiver<Vec<u8>>,
        mut outbox: mpsc::Receiver<Change>,
        mut stopped: mpsc::Receiver<oneshot::Sender<bool>>,
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
                Some(caller) = stopped.recv() => {
                    let settled = self.leave(&mut outbox).await;
                    // Who asked may have gone.
                    let _ = caller.send(settled);
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
                if let Some(listener) = self.listener.get() {
                    listener(&change.code, change.version);
                }
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
        self.cache.suspect((self.clock)().plus_millis(AGE_MAX_MILLIS));
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

    /// Does not wait for silent nodes any more. One may have died between the store and Redis, so what is in
    /// Redis from before is not believed; until that is said there, it is waited for.
    async fn give_up(&mut self, now: Instant) {
        if let Some((nodes, raised)) = self.giving_up.take_if(|(_, raised)| raised.is_finished()) {
            if raised.await.unwrap_or(false) {
                tracing::warn!(?nodes, "nodes have said nothing for too long and are given up");
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

    /// Whether all that this node was to change is told, or known not to have happened, and is in L2.
    fn is_settled(&self, grace: Duration, now: Instant) -> bool {
        self.counts.untold.load(Ordering::Acquire) == 0
            && self.redis.as_ref().is_none_or(|redis| redis.is_settled(grace, now))
    }

    /// Answers whether it said goodbye, because all that it changed has arrived.
    async fn leave(mut self, outbox: &mut mpsc::Receiver<Change>) -> bool {
        self.empty(outbox);
        let settled = timeout(GOODBYE_TIMEOUT, async {
            while !self.is_settled(Duration::ZERO, Instant::now()) {
                sleep(Duration::from_millis(10)).await;
            }
        });
        let settled = settled.await.is_ok();
        // What was settled meanwhile was told.
        self.empty(outbox);
        if settled {
            // The beat shows by its number what was lost, and who has gone is not listened to any more.
            let beat = self.hearing.beat(self.sequence, true, Instant::now());
            self.send(&beat);
            self.send(&Message { from: self.me, said: Said::Goodbye });
        }
        let sent = timeout(GOODBYE_TIMEOUT, async {
            for Queue { messages, sender } in std::mem::take(&mut self.queues) {
                drop(messages);
                // A sender that died has sent what it could.
                let _ = sender.await;
            }
        });
        // What did not go out by now is noticed as a hole.
        let _ = sent.await;
        settled
    }
}
