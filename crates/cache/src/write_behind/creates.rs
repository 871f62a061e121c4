//! Making links: those that need no check are acknowledged here, all others go to the store.

use super::journal::Order;
use super::unwritten::Entry;
use super::{FLUSH_TIMEOUT, Inner, keeper};
use curtail_model::Code;
use curtail_store::{Create, Created, Refused, StoreError, WhenMade};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// More new links than this in one call are an import: the
/// store takes them faster than a journal and the store.
pub(super) const AT_ONCE_MAX: usize = 64;
/// How long a create waits for room while the store takes links.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);

impl Inner {
    /// Acknowledges links that need no check; nothing if there
    /// are no ids for them, or the disk does not take them.
    async fn acknowledge(
        &self,
        creates: Vec<Create>,
    ) -> Result<Result<Vec<Created>, Vec<Create>>, StoreError> {
        if !self.journal_may_work() {
            return Ok(Err(creates));
        }
        let Some(ids) = self.id_blocks.take(creates.len()) else { return Ok(Err(creates)) };
        let links: Vec<_> = creates
            .iter()
            .zip(&ids)
            .filter_map(|(create, &(id, version))| {
                let code = Code::known(self.codes.encode(id)?);
                Some(create.clone().made(id, code, version))
            })
            .collect();
        let entries: Vec<Entry> = links.iter().map(Entry::new).collect();
        let weight = entries.iter().map(Entry::weight).sum();
        let patience = if self.is_stuck() { Duration::ZERO } else { ROOM_TIMEOUT };
        if !self.unwritten.take_room(weight, patience).await {
            ids.iter().for_each(|&(id, _)| self.id_blocks.settled(id));
            self.counts.backlogged.fetch_add(1, Ordering::Relaxed);
            let (waiting, _, age) = self.unwritten.backlog();
            let (mib, age) = (self.budget >> 20, age.as_secs());
            return Err(StoreError::Backlogged(format!(
                "{waiting} links fill the {mib} MiB of cache.write_behind_bytes, the oldest for {age} s"
            )));
        }
        let kept = entries.clone();
        if let Err(error) = self.journal.write(|caller| Order::Links { links: entries, caller }).await {
            tracing::debug!(%error, "new links go straight to the store: the journal does not take them");
            self.note_that_the_journal_fails();
            // The ids are not given again: the disk may have the links after all.
            return Ok(Err(creates));
        }
        self.counts.acknowledged.fetch_add(links.len() as u64, Ordering::Relaxed);
        if let Some(redis) = &self.peers.redis {
            let published = kept.iter().map(|entry| keeper::publish(self, redis, entry.id, &entry.payload));
            futures_util::future::join_all(published).await;
        }
        Ok(Ok(links.into_iter().map(|link| Created { link, when: WhenMade::Now }).collect()))
    }

    /// Makes links of one kind: all need a check, or none does.
    pub(super) async fn make(
        &self,
        creates: Vec<Create>,
        plain: bool,
    ) -> Result<Vec<Result<Created, Refused>>, StoreError> {
        let creates = if plain && !self.closed.load(Ordering::Acquire) {
            match self.acknowledge(creates).await? {
                Ok(made) => return Ok(made.into_iter().map(Ok).collect()),
                Err(creates) => creates,
            }
        } else {
            creates
        };
        // What was acknowledged here before is found again.
        if creates.iter().any(|create| create.link.reuse)
            && !self.unwritten.wait_until_drained(FLUSH_TIMEOUT).await
        {
            let error = "links that may be given again are still on their way to the store";
            return Err(StoreError::Unavailable(error.into()));
        }
        self.links.create(creates).await
    }
}

/// Whether a link can be made without asking what there is.
pub(super) fn is_plain(create: &Create) -> bool {
    let Create { link, idempotency, .. } = create;
    idempotency.is_none() && link.code.is_none() && !link.reuse && link.max_clicks.is_none()
}
