//! The memory of counted clicks.
//!
//! To the store a rollup is a key and bytes; what the bytes mean and how two of them merge is known to the
//! `clicks` crate, which hands the merging in. Counts and the position up to which clicks have been counted
//! are one transaction, and that is what makes counting exact: after any crash both are there or neither.

use crate::StoreFuture;
use curtail_model::{LinkId, Timestamp};
use std::ops::AddAssign;
use std::sync::Arc;

/// Remembers rollups and how far the log has been counted.
pub trait Rollups: Send + Sync {
    /// Up to where each stream of the log has been counted.
    fn positions(&self) -> StoreFuture<'_, Positions>;

    /// The same of these streams alone, where they have been counted. There may be very many others: each
    /// node that ever was has left some.
    fn positions_of(&self, streams: Vec<u64>) -> StoreFuture<'_, Positions> {
        Box::pin(async move {
            let mut positions = self.positions().await?;
            positions.retain(|(stream, _)| streams.contains(stream));
            Ok(positions)
        })
    }

    /// Takes streams over from whoever counts them: from now on only commits with the epochs that are
    /// answered here move them. Durable before it answers.
    fn claim(&self, streams: Vec<u64>) -> StoreFuture<'_, Vec<Claimed>>;

    /// Merges a batch into what is stored and moves the positions, all or nothing.
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed>;

    /// The rollups of one subject and grain with `from <= start < until`, in
    /// order of time. One that was counted in several lanes comes in as many
    /// pieces, one after the other, for whoever knows how to merge them.
    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>>;

    /// Lifetime totals of these links, in their order; zeros for a link without clicks.
    fn totals(&self, links: Vec<LinkId>) -> StoreFuture<'_, Vec<Totals>>;

    /// Forgets rollups of a grain that start before `before`.
    /// Answers how many went. Works in small transactions.
    fn forget_before(&self, grain: Grain, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Forgets everything that was counted for a link.
    fn forget_link(&self, link: LinkId) -> StoreFuture<'_, ()>;
}

/// Up to where the streams of the log have been counted: `(stream, position)`, both opaque here. A stream
/// that is not named has not been counted at all.
pub type Positions = Vec<(u64, u64)>;

/// A stream that was taken over. Whoever commits names it so, with the position that the last commit gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Which.
    pub stream: u64,
    /// Up to where it has been counted, if at all.
    pub position: Option<u64>,
    /// What a commit has to claim it by.
    pub epoch: u64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is stored, once.
    Done,
    /// Somebody else has taken over one of the streams that it claims, or the store is not what it was when
    /// they were read (another server after a failover, a backup): nothing has changed.
    Fenced,
}

/// How two rollups become one: `merge(stored, new)`; `stored` is `None`
/// for the first. An error is a stored rollup that cannot be read.
pub type Merge = Arc<dyn Fn(Option<&[u8]>, &[u8]) -> Result<Vec<u8>, String> + Send + Sync>;

/// Called between two small pieces of work, for whoever shares a core with others and rests there.
pub type Breathe = Arc<dyn Fn() + Send + Sync>;

/// What was counted since the last commit.
pub struct Batch {
    /// Rollups to merge, each key at most once, best by grain,
    /// start and subject: so SQLite has them on its pages.
    pub rows: Vec<Row>,
    /// Lifetime totals to add, each link at most once.
    pub totals: Vec<(LinkId, Totals)>,
    /// The new positions of the streams that moved.
    pub positions: Positions,
    /// Batches of different lanes never wait for each other; those of
    /// one lane may. Where there is one writer anyway, it says nothing.
    pub lane: u16,
    /// Streams, with the epochs and positions that they must still have.
    pub claims: Vec<Claimed>,
    /// Whether it may be stored already: by an earlier attempt whose answer was an error, or by others who
    /// have a copy of the log. It is, where all its positions are; then nothing changes, and the answer is
    /// the same. Looked at inside the transaction, behind any attempt that is still under way.
    pub may_be_stored: bool,
    /// How rows merge with what is stored.
    pub merge: Merge,
    /// Called while the batch is written.
    pub breathe: Breathe,
}

impl Batch {
    /// What becomes of it beside what is stored of the streams that it claims and, if it may be stored, of
    /// those that it moves; nothing when it is to be added.
    pub fn judge(&self, stored: &[Claimed], positions: &[(u64, u64)]) -> Option<Committed> {
        let agree = |same: fn(&Claimed, &Claimed) -> bool| {
            let is_there = |claim: &Claimed| {
                stored.iter().any(|stored| stored.stream == claim.stream && same(stored, claim))
            };
            self.claims.iter().all(is_there)
        };
        if !agree(|stored, claim| stored.epoch == claim.epoch) {
            return Some(Committed::Fenced);
        }
        // One that moves nothing cannot be told.
        let is_stored = || {
            !self.positions.is_empty() && self.positions.iter().all(|position| positions.contains(position))
        };
        if self.may_be_stored && is_stored() {
            return Some(Committed::Done);
        }
        (!agree(|stored, claim| stored.position == claim.position)).then_some(Committed::Fenced)
    }

    /// Counts nothing: moves positions, in the name of these claims.
    pub fn of_positions(positions: Positions, claims: Vec<Claimed>) -> Batch {
        let merge: Merge = Arc::new(|_, new| Ok(new.to_vec()));
        Batch {
            rows: Vec::new(),
            totals: Vec::new(),
            positions,
            lane: 0,
            claims,
            may_be_stored: false,
            merge,
            breathe: Arc::new(|| {}),
        }
    }
}

/// One rollup to merge.
pub struct Row {
    /// What it counts.
    pub subject: Subject,
    /// The length of its period.
    pub grain: Grain,
    /// The start of its period.
    pub start: Timestamp,
    /// What there is to add.
    pub delta: Vec<u8>,
}

/// What a rollup counts, in the order that stores keep them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Requests that led nowhere: of no link, or of one that is not open now.
    Orphans,
    /// All clicks on all links.
    Everything,
    /// The clicks on one link.
    Link(LinkId),
}

/// The length of a rollup's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day (UTC).
    Day,
}

impl Grain {
    /// All grains, the finest first.
    pub const ALL: [Grain; 3] = [Grain::Minute, Grain::Hour, Grain::Day];

    /// Its name in the API and in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grain::Minute => "minute",
            Grain::Hour => "hour",
            Grain::Day => "day",
        }
    }

    /// Its length in milliseconds.
    pub const fn millis(self) -> i64 {
        match self {
            Grain::Minute => Timestamp::MINUTE,
            Grain::Hour => Timestamp::HOUR,
            Grain::Day => Timestamp::DAY,
        }
    }
}

/// Clicks on a link over its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// By people.
    pub human: u64,
    /// By known programs.
    pub bot: u64,
    /// Prefetches and HEADs.
    pub other: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, more: Totals) {
        self.human += more.human;
        self.bot += more.bot;
        self.other += more.other;
    }
}
