//! Whether both sides are the same after a pass, and what is done about buckets of links that are not.

use super::super::{Checksums, Progress, Step};
use super::{MoveError, Pass};
use curtail_model::{Bucket, LinkId};
use std::collections::BTreeMap;

/// Ids of buckets that differ which are held in memory at once.
const IDS_HELD_MAX: u64 = 4 << 20;

impl Pass<'_> {
    /// Compares the links, and moves the buckets again that differ.
    pub(super) async fn check_links(&mut self, sums: &Checksums) -> Result<(), MoveError> {
        let differing = sums.differing(&self.sums_there().await?);
        if differing.is_empty() {
            return Ok(());
        }
        self.moved.mended = differing.len() as u64;
        self.mend(&differing).await?;
        if sums.differing(&self.sums_there().await?).is_empty() {
            Ok(())
        } else {
            Err(MoveError::Differs("links"))
        }
    }

    async fn sums_there(&mut self) -> Result<Checksums, MoveError> {
        let of = self.moved.links + self.moved.retired;
        let report = &mut *self.report;
        let mut read =
            |done| report(Progress { step: Step::CheckLinks, done, of: of.max(done), resumed: false });
        read(0);
        self.to.checksums(&self.moved.damaged, read).await.map_err(MoveError::To)
    }

    /// Moves buckets again, and removes what is there and not here.
    async fn mend(&mut self, differing: &[Bucket]) -> Result<(), MoveError> {
        let of = differing.len() as u64;
        let each = (self.moved.links + self.moved.retired) / u64::from(Bucket::COUNT) + 1;
        let at_once = usize::try_from(IDS_HELD_MAX / each).unwrap_or(usize::MAX).max(1);
        let mut done = 0;
        self.report(Step::Mend, done, of, false);
        for group in differing.chunks(at_once) {
            let mut ids: BTreeMap<Bucket, Vec<LinkId>> =
                group.iter().map(|bucket| (*bucket, Vec::new())).collect();
            self.mend_links(&mut ids).await?;
            self.mend_retired(&mut ids).await?;
            for (bucket, mut ids) in ids {
                ids.sort_unstable();
                self.to.keep_only(bucket, ids).await.map_err(MoveError::To)?;
                done += 1;
                self.report(Step::Mend, done, of, false);
            }
        }
        Ok(())
    }

    /// Sends the links of some buckets, and notes their ids.
    async fn mend_links(&self, ids: &mut BTreeMap<Bucket, Vec<LinkId>>) -> Result<(), MoveError> {
        let mut after = None;
        loop {
            let mut piece = self.from.links(after, self.pieces.links).map_err(MoveError::From)?;
            let Some(last) = piece.last else { return Ok(()) };
            after = Some(last);
            // What is there of a damaged one is kept.
            piece.damaged.iter().for_each(|id| _ = note(ids, *id));
            piece.records.retain(|record| note(ids, record.link.id));
            if !piece.records.is_empty() {
                self.to.links(piece.records).await.map_err(MoveError::To)?;
            }
        }
    }

    /// The same with the ids of removed links.
    async fn mend_retired(&self, ids: &mut BTreeMap<Bucket, Vec<LinkId>>) -> Result<(), MoveError> {
        let mut after = None;
        loop {
            let mut piece = self.from.retired(after, self.pieces.keys).map_err(MoveError::From)?;
            let Some(last) = piece.last() else { return Ok(()) };
            after = Some(last.id);
            piece.retain(|retired| note(ids, retired.id));
            if !piece.is_empty() {
                self.to.retired(piece).await.map_err(MoveError::To)?;
            }
        }
    }

    /// Compares keys and counted clicks: there is nothing left to send.
    pub(super) async fn check_others(&mut self) -> Result<(), MoveError> {
        let there = self.to.keys_there().await.map_err(MoveError::To)?;
        if self.from.keys().map_err(MoveError::From)? != there {
            return Err(MoveError::Differs("API keys"));
        }
        if self.remembered(Step::CheckOthers).await? > 0 {
            return Err(MoveError::Differs("idempotency keys"));
        }
        if self.clicks(Step::CheckOthers).await? > 0 {
            return Err(MoveError::Differs("stats"));
        }
        Ok(())
    }
}

/// Notes an id under its bucket, if that is one of those asked for. Answers whether it is.
fn note(ids: &mut BTreeMap<Bucket, Vec<LinkId>>, id: LinkId) -> bool {
    match ids.get_mut(&id.bucket()) {
        Some(ids) => {
            ids.push(id);
            true
        }
        None => false,
    }
}
