//! Numbers for ids, leased in blocks: a create asks nobody for its id, and no two processes have the same.
//!
//! What is left of a block when a process ends is lost; with blocks of 10,000 and a restart a minute the
//! codes of six characters would last for ten years.

use super::connections::{Session, Sql, sql};
use super::failure::Failure;
use super::row::column;
use crate::StoreError;
use curtail_model::{Bucket, Codes, LinkId};
use std::ops::Range;
use tokio::sync::Mutex;

static LEASE: Sql = sql!("counter_lease", TEXT, INT8, INT8);

/// Beyond this a counter could not be told from a negative number.
pub(super) const COUNTER_MAX: i64 = i64::MAX / 2;

/// Ids that this process may give.
pub(super) struct Ids {
    codes: Codes,
    block: u32,
    generated: Mutex<Range<u64>>,
    custom: Mutex<Range<u64>>,
}

/// The names of the counters.
const GENERATED: &str = "generated";
const CUSTOM: &str = "custom";

/// How numbers are leased when none are at hand.
#[derive(Clone, Copy)]
pub(super) enum Leasing {
    /// As a block, of which the rest is kept. Only where the lease is a transaction of its own: one that is
    /// undone gives the block to others too.
    Block,
    /// As many as are wanted, inside the transaction that uses them.
    Exact,
}

impl Ids {
    pub(super) fn new(codes: Codes, block: u32) -> Ids {
        Ids { codes, block: block.max(1), generated: Mutex::new(0..0), custom: Mutex::new(0..0) }
    }

    /// Up to `count` ids for generated codes, with the codes, which do not offend or hide a page of our own.
    /// Fewer only when codes are used up.
    pub(super) async fn generated(
        &self,
        session: &Session,
        count: usize,
        leasing: Leasing,
    ) -> Result<Vec<(LinkId, String)>, Failure> {
        let mut leased = self.generated.lock().await;
        let mut ids = Vec::with_capacity(count);
        let mut exact = 0..0;
        while ids.len() < count {
            let Some(number) = leased.next().or_else(|| exact.next()) else {
                let wanted = count - ids.len();
                match leasing {
                    Leasing::Block => *leased = self.block(session, GENERATED, wanted).await?,
                    Leasing::Exact => exact = take(session, GENERATED, wanted).await?,
                }
                continue;
            };
            if number >= self.codes.capacity() {
                break;
            }
            ids.extend(given(&self.codes, number));
        }
        Ok(ids)
    }

    /// An id for a custom code that looks like no generated one. Nothing when numbers are used up.
    pub(super) async fn custom(
        &self,
        session: &Session,
        bucket: Bucket,
        leasing: Leasing,
    ) -> Result<Option<LinkId>, Failure> {
        let mut leased = self.custom.lock().await;
        let number = match (leased.next(), leasing) {
            (Some(number), _) => Some(number),
            (None, Leasing::Block) => {
                *leased = self.block(session, CUSTOM, 1).await?;
                leased.next()
            }
            (None, Leasing::Exact) => take(session, CUSTOM, 1).await?.next(),
        };
        Ok(number.and_then(|number| LinkId::from_parts(number, bucket)))
    }

    /// Sees to it that so many of each kind are at hand: for a transaction that is about to begin, because
    /// there each is leased by itself, and others wait for that until the transaction ends.
    pub(super) async fn have_ready(
        &self,
        session: &Session,
        generated: usize,
        custom: usize,
    ) -> Result<(), Failure> {
        for (name, leased, count) in [(GENERATED, &self.generated, generated), (CUSTOM, &self.custom, custom)]
        {
            let mut leased = leased.lock().await;
            if leased.end - leased.start < count as u64 {
                *leased = self.block(session, name, count).await?;
            }
        }
        Ok(())
    }

    async fn block(&self, session: &Session, name: &str, count: usize) -> Result<Range<u64>, Failure> {
        take(session, name, count.max(self.block as usize)).await
    }
}

/// The id with this number and its generated code, if there
/// is one, which does not offend or hide a page of our own.
pub(super) fn given(codes: &Codes, number: u64) -> Option<(LinkId, String)> {
    let id = LinkId::new(number)?;
    Some((id, codes.generate(id)?))
}

/// Takes so many numbers from a counter, for as long as the transaction is not undone.
async fn take(session: &Session, name: &str, count: usize) -> Result<Range<u64>, Failure> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = session.query(&LEASE, &[&name, &count, &COUNTER_MAX]).await?;
    let row =
        rows.first().ok_or_else(|| StoreError::Damaged(format!("the counter {name:?} is not there")))?;
    let first: i64 = column(row, 0)?;
    Ok(first.cast_unsigned()..(first + count).cast_unsigned())
}
