//! What goes on behind: links are written to the store, ids
//! are leased ahead, blocks of them that are over are released.

use super::journal::Order;
use super::unwritten::Next;
use super::{Inner, record};
use crate::redis::Redis;
use curtail_model::{LinkId, Target};
use curtail_runtime::retry::Backoff;
use curtail_store::{Flushed, StoreError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Links that are flushed with one statement. What waits while
/// they are is the next batch; nothing waits for a timer.
const BATCH: usize = 2_048;
/// Pauses after a failure: at most this at first, and at most that.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A link that took longer than this may have been looked for by others, who remember that there is none.
const LATE: Duration = Duration::from_secs(1);

/// Brings what waits to the store, for ever.
pub(super) async fn flush(this: Arc<Inner>) {
    let mut backoff = Backoff::new(PAUSE, PAUSE_MAX);
    loop {
        let (places, next) = this.unwritten.head(BATCH).await;
        this.begin_attempt();
        let links: Vec<_> = next.iter().map(|next| next.link.clone()).collect();
        let flushed = if links.is_empty() { Ok(Vec::new()) } else { this.backing.flush(links).await };
        this.end_attempt(flushed.is_ok());
        match flushed {
            Ok(outcomes) => {
                backoff.reset();
                let refused = this.note(&next, &outcomes);
                this.unwritten.remove(places, &refused);
                announce(&this, &next).await;
            }
            Err(error) => {
                if this.counts.failures.fetch_add(1, Ordering::Relaxed).is_multiple_of(32) {
                    tracing::warn!(%error, "new links wait: the store does not take them; trying again");
                }
                sleep(backoff.pause()).await;
            }
        }
    }
}

/// Removes the copies in Redis of links that the store has now, and announces those that took long enough to
/// be remembered as missing elsewhere.
async fn announce(this: &Inner, flushed: &[Next]) {
    let ids: Vec<LinkId> = flushed.iter().map(|next| next.link.id).collect();
    if let Some(redis) = &this.peers.redis
        && !ids.is_empty()
    {
        redis.forget_unwritten(this.store_id, &ids).await;
    }
    for next in flushed.iter().filter(|next| next.since.elapsed() > LATE) {
        this.peers.announce(next.link.code.as_str(), next.link.version, Some(&Target::pack(&next.link)));
    }
}

/// Leases ids ahead and releases blocks that are over, until the end.
pub(super) async fn keep_leased(this: Arc<Inner>) {
    let mut backoff = Backoff::new(PAUSE, PAUSE_MAX);
    while !this.closed.load(Ordering::Acquire) {
        let over = this.id_blocks.over();
        let kept = if over.is_empty() {
            Ok(())
        } else {
            let released = this.backing.release(over.clone()).await;
            released.inspect(|()| this.id_blocks.released(&over))
        };
        let kept = match kept {
            Ok(()) if this.id_blocks.remaining() < this.block as usize => lease_ids(&this).await,
            kept => kept.map(|()| true),
        };
        match kept {
            Ok(true) => {
                backoff.reset();
                this.id_blocks.changed().await;
            }
            Ok(false) => {
                tracing::warn!(
                    "no generated codes are left: links are made in the store alone, if it has any"
                );
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "ids cannot be leased; trying again");
                sleep(backoff.pause()).await;
            }
        }
    }
}

/// Leases a block of ids and notes it in the journal. Answers whether it has any.
pub(super) async fn lease_ids(this: &Inner) -> Result<bool, StoreError> {
    let block = this.backing.lease(this.block).await?;
    let (first, end, any) = (block.first, block.end, !block.ids.is_empty());
    this.id_blocks.hold(block);
    match this.journal.write(|caller| Order::IdBlock { first, end, caller }).await {
        Ok(()) => this.id_blocks.noted(first),
        // It stays set aside in the store: a few codes that nobody will have.
        Err(error) => {
            this.id_blocks.released(&[first]);
            return Err(error);
        }
    }
    Ok(any)
}

impl Inner {
    /// Counts what became of links. Answers those that were refused for good.
    fn note(&self, flushed: &[Next], outcomes: &[Flushed]) -> Vec<LinkId> {
        let mut refused = Vec::new();
        for (next, outcome) in flushed.iter().zip(outcomes) {
            let count = match outcome {
                Flushed::Now => &self.counts.written,
                Flushed::Before => &self.counts.repeated,
                Flushed::Refused(why) => {
                    tracing::error!(
                        id = %next.link.id, code = next.link.code.as_str(), why,
                        "an acknowledged link cannot be written to the store; its segment of the journal is kept as .damaged"
                    );
                    refused.push(next.link.id);
                    &self.counts.refused
                }
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        refused
    }
}

/// Leaves a new link for other processes to find; what does not arrive at once is tried again.
pub(super) async fn publish(this: &Inner, redis: &Redis, id: LinkId, payload: &[u8]) {
    if !try_to_publish(this, redis, id, payload).await {
        this.unpublished.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    }
}

async fn try_to_publish(this: &Inner, redis: &Redis, id: LinkId, payload: &[u8]) -> bool {
    let mut bytes = Vec::new();
    record::frame(payload, record::seed_of(this.store_id), &mut bytes);
    let arrived = redis.put_unwritten(this.store_id, id, &bytes).await;
    if !this.unwritten.contains(id) {
        // It was flushed meanwhile, by who did not find it there.
        redis.forget_unwritten(this.store_id, &[id]).await;
    }
    arrived
}

/// Leaves what Redis did not take, until it has arrived or the store has it, for ever.
pub(super) async fn republish(this: Arc<Inner>) {
    let Some(redis) = this.peers.redis.clone() else { return };
    let next = || this.unpublished.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    loop {
        sleep(PAUSE).await;
        while let Some(id) = next() {
            let Some(link) = this.unwritten.get(id) else { continue };
            if !try_to_publish(&this, &redis, id, &record::link(&link)).await {
                this.unpublished.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
                break;
            }
        }
    }
}
