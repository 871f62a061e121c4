//! Numbers for ids, leased in blocks: a create asks nobody for its id, and no two processes have the same.
//!
//! What is left of a block when a process ends is lost; with blocks of 10,000 and a restart a minute the
//! codes of six characters would last for ten years.

use super::connections::{Session, Sql, sql};
use super::failure::Failure;
use super::row::column;
use crate::StoreError;
use curtail_model::code::RESERVED;
use curtail_model::offensive::is_offensive;
use curtail_model::{Bucket, Codes, LinkId};
use std::ops::Range;
use tokio::sync::Mutex;

static LEASE: Sql = sql!("counter_lease", TEXT, INT8, INT8);

/// Beyond this a counter could not be told from a negative number.
pub(super) const COUNTER_MAX: i64 = i64::MAX / 2;

/// What a transaction begins with that makes links with chosen codes which look like generated ones:
/// meanwhile nobody sets ids aside (`deferred.rs`).
pub(super) const LOCK_CHOOSING: &str = "SELECT pg_advisory_xact_lock_shared(4920851300917217)";

/// Ids that this process may give.
pub(super) struct Ids {
    codes: Codes,
    block: u32,
    generated: Mutex<Range<u64>>,
    custom: Mutex<Range<u64>>,
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
    ) -> Result<Vec<(LinkId, String)>, Failure> {
        let mut leased = self.generated.lock().await;
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let Some(number) = leased.next() else {
                let wanted = (count - ids.len()).max(self.block as usize);
                *leased = lease(session, "generated", wanted).await?;
                continue;
            };
            if number >= self.codes.capacity() {
                break;
            }
            ids.extend(given(&self.codes, number));
        }
        Ok(ids)
    }

    /// An id for a chosen code that looks like no generated one. Nothing when numbers are used up.
    pub(super) async fn custom(&self, session: &Session, bucket: Bucket) -> Result<Option<LinkId>, Failure> {
        let mut leased = self.custom.lock().await;
        loop {
            match leased.next() {
                Some(number) => return Ok(LinkId::from_parts(number, bucket)),
                None => *leased = lease(session, "custom", self.block as usize).await?,
            }
        }
    }
}

/// The id with this number and its generated code, if there
/// is one, which does not offend or hide a page of our own.
pub(super) fn given(codes: &Codes, number: u64) -> Option<(LinkId, String)> {
    let id = LinkId::new(number)?;
    let code = codes.encode(id)?;
    let is_reserved = RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&code));
    (!is_offensive(&code) && !is_reserved).then_some((id, code))
}

async fn lease(session: &Session, name: &str, count: usize) -> Result<Range<u64>, Failure> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = session.query(&LEASE, &[&name, &count, &COUNTER_MAX]).await?;
    let row =
        rows.first().ok_or_else(|| StoreError::Damaged(format!("the counter {name:?} is not there")))?;
    let first: i64 = column(row, 0)?;
    Ok(first.cast_unsigned()..(first + count).cast_unsigned())
}
