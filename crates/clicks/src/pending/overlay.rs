//! Rollups as they will be when all that is pending is written.
//!
//! What is being written is in the store from some moment on that nobody is told of.
//! So whoever reads asks the store up to where it has counted, before and after: are
//! both the same, and has no other write begun meanwhile, then what was read belongs
//! to that. Writes are seconds apart, so that is hardly ever tried twice.

use super::{Look, Pending};
use curtail_model::{LinkId, Timestamp};
use curtail_store::rollups::{Batch, Claimed, Committed, Grain, Positions, Subject, Totals};
use curtail_store::{Rollups, StoreError, StoreFuture};
use std::sync::Arc;

/// A store, and what is on its way there.
pub(crate) struct Overlay {
    rollups: Arc<dyn Rollups>,
    pending: Arc<Pending>,
}

impl Overlay {
    pub(crate) fn new(rollups: Arc<dyn Rollups>, pending: Arc<Pending>) -> Overlay {
        Overlay { rollups, pending }
    }

    /// What the store answers, and what is pending and not in that answer. Looking takes its time where much
    /// is pending, and whoever asks may have redirects to answer: so it is done aside.
    async fn both<'a, T, P: Send + 'static>(
        &'a self,
        ask: impl Fn() -> StoreFuture<'a, T>,
        look: impl Fn(&Pending) -> Look<P> + Clone + Send + 'static,
    ) -> Result<(T, Vec<P>), StoreError> {
        self.pending.begun().await;
        loop {
            let (pending, look) = (Arc::clone(&self.pending), look.clone());
            let looked = tokio::task::spawn_blocking(move || look(&pending)).await;
            let Look { writes, held, writing } =
                looked.map_err(|_| StoreError::Unavailable("pending clicks were not read".into()))?;
            let (positions, writing) = writing.unzip();
            let before = self.has(positions.as_ref()).await?;
            let answer = ask().await?;
            let after = self.has(positions.as_ref()).await?;
            if before == after && self.pending.writes() == writes {
                let pending = writing.filter(|_| !before).into_iter().chain([held]).collect();
                return Ok((answer, pending));
            }
        }
    }

    /// Whether the store has counted up to there.
    async fn has(&self, positions: Option<&Positions>) -> Result<bool, StoreError> {
        let Some(positions) = positions else { return Ok(false) };
        let streams = positions.iter().map(|(stream, _)| *stream).collect();
        let stored = self.rollups.positions_of(streams).await?;
        let has =
            |(stream, position)| stored.iter().any(|(other, stored)| *other == stream && *stored >= position);
        Ok(positions.iter().copied().all(has))
    }
}

impl Rollups for Overlay {
    fn positions(&self) -> StoreFuture<'_, Positions> {
        self.rollups.positions()
    }

    fn positions_of(&self, streams: Vec<u64>) -> StoreFuture<'_, Positions> {
        self.rollups.positions_of(streams)
    }

    fn claim(&self, streams: Vec<u64>) -> StoreFuture<'_, Vec<Claimed>> {
        self.rollups.claim(streams)
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed> {
        self.rollups.commit(batch)
    }

    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>> {
        Box::pin(async move {
            let ask = || self.rollups.series(subject, grain, from, until);
            let look = move |pending: &Pending| pending.series(subject, grain, (from, until));
            let (mut series, pending) = self.both(ask, look).await?;
            if let Subject::Link(link) = subject
                && self.pending.is_gone(link)
            {
                return Ok(Vec::new());
            }
            series.extend(pending.into_iter().flatten());
            series.sort_by_key(|(start, _)| *start);
            Ok(series)
        })
    }

    fn totals(&self, links: Vec<LinkId>) -> StoreFuture<'_, Vec<Totals>> {
        Box::pin(async move {
            let links: Arc<[LinkId]> = links.into();
            let ask = || self.rollups.totals(links.to_vec());
            let of_links = Arc::clone(&links);
            let look = move |pending: &Pending| pending.totals(&of_links);
            let (mut totals, pending) = self.both(ask, look).await?;
            for pending in pending {
                for (totals, more) in totals.iter_mut().zip(pending) {
                    *totals += more;
                }
            }
            for (totals, link) in totals.iter_mut().zip(&*links) {
                if self.pending.is_gone(*link) {
                    *totals = Totals::default();
                }
            }
            Ok(totals)
        })
    }

    fn forget_before(&self, grain: Grain, before: Timestamp) -> StoreFuture<'_, u64> {
        self.rollups.forget_before(grain, before)
    }

    fn forget_link(&self, link: LinkId) -> StoreFuture<'_, ()> {
        self.pending.remove(link);
        self.rollups.forget_link(link)
    }
}
