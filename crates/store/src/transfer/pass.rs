//! The order of a move. A pass may be broken off anywhere and begun again:
//! what is there already is not sent again, and what has changed since is told
//! by its version; what was removed since, by the checksums of its bucket.

mod comparison;

use super::reached::Reached;
use super::{Checksums, Clicks, ClicksKey, Progress, Step};
use crate::StoreError;
use crate::postgres::Importer;
use crate::sqlite::Exporter;
use curtail_model::LinkId;
use futures_util::future::join;
use std::collections::BTreeSet;

/// How much goes over at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Links.
    pub links: usize,
    /// Ids of removed links, and idempotency keys.
    pub keys: usize,
    /// Rows of counted clicks.
    pub rows: usize,
}

impl Pieces {
    /// Good ones: a second of work at most for either side. Rows have 8 KiB at most, but for a few.
    pub const GOOD: Pieces = Pieces { links: 2_000, keys: 10_000, rows: 1_000 };
}

/// Damaged links that are set aside.
const DAMAGED_MAX: usize = 10_000;

/// Why a pass ended early. Whatever it is, the next pass goes on from there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The store that moves cannot be read.
    #[error("the store that moves cannot be read: {0}")]
    From(StoreError),
    /// The store that it moves to does not take it.
    #[error("the database does not take what moves there: {0}")]
    To(StoreError),
    /// So much of it is damaged that there is nothing to be gained by moving the rest.
    #[error(
        "more than {DAMAGED_MAX} of its links are damaged: restore links.db from a backup, and move that"
    )]
    Damaged,
    /// Both sides differ after all has been moved.
    #[error("{0} differ after they were moved: somebody else writes to the database. Find out who does")]
    Differs(&'static str),
}

/// What a store has that was moved, and what a pass had to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Links that there are.
    pub links: u64,
    /// Of them, those that this pass sent.
    pub links_sent: u64,
    /// Codes of removed links.
    pub retired: u64,
    /// API keys.
    pub keys: u64,
    /// Rows of counted clicks.
    pub rows: u64,
    /// Of them, those that this pass sent or removed.
    pub rows_sent: u64,
    /// Buckets that had to be moved again.
    pub mended: u64,
    /// Links that were set aside because they are damaged. What an
    /// earlier pass sent of them when they were whole stays there.
    pub damaged: BTreeSet<LinkId>,
}

/// Makes the store `to` what `from` was at one moment, and compares both.
pub async fn pass(
    from: &Exporter,
    to: &Importer,
    pieces: Pieces,
    report: &mut dyn FnMut(Progress),
) -> Result<Moved, MoveError> {
    let mut pass = Pass { from, to, pieces, report, moved: Moved::default() };
    let mut sums = pass.links().await?;
    pass.retired(&mut sums).await?;
    pass.keys().await?;
    pass.remembered(Step::Remembered).await?;
    pass.moved.rows_sent = pass.clicks(Step::Clicks).await?;
    to.positions(from.positions().map_err(MoveError::From)?).await.map_err(MoveError::To)?;
    pass.check_links(&sums).await?;
    pass.check_others().await?;
    Ok(pass.moved)
}

struct Pass<'a> {
    from: &'a Exporter,
    to: &'a Importer,
    pieces: Pieces,
    report: &'a mut dyn FnMut(Progress),
    moved: Moved,
}

impl Pass<'_> {
    /// Sends the links that are not there yet or are another version there. Answers what all of them come to.
    async fn links(&mut self) -> Result<Checksums, MoveError> {
        let (from, to) = (self.from, self.to);
        let of = from.count_links().map_err(MoveError::From)?;
        let version = from.given().map_err(MoveError::From)?.version;
        let noted = to.noted(Reached::NOTE).await.map_err(MoveError::To)?;
        let noted = noted.and_then(|bytes| Reached::read(&bytes));
        let resumed = noted.is_some_and(|noted| noted.after != Some(LinkId::MAX));
        let mut reached = noted.unwrap_or(Reached { version, after: None });
        let mut sums = Checksums::default();
        let mut piece = from.links(None, self.pieces.links).map_err(MoveError::From)?;
        self.report(Step::Links, 0, of, resumed);
        while let Some(last) = piece.last {
            self.moved.damaged.extend(piece.damaged);
            if self.moved.damaged.len() > DAMAGED_MAX {
                return Err(MoveError::Damaged);
            }
            piece.records.iter().for_each(|record| sums.add(record));
            self.moved.links += piece.records.len() as u64;
            let lacking: Vec<_> = piece.records.into_iter().filter(|record| reached.lacks(record)).collect();
            self.moved.links_sent += lacking.len() as u64;
            let advances = Some(last) > reached.after;
            let next = Reached { after: Some(last).max(reached.after), ..reached };
            let send = async {
                if !lacking.is_empty() {
                    to.links(lacking).await?;
                }
                if advances { to.note(Reached::NOTE, next.bytes()).await } else { Ok(()) }
            };
            // What comes next is read while the database works.
            let (sent, read) = join(send, async { from.links(Some(last), self.pieces.links) }).await;
            sent.map_err(MoveError::To)?;
            (reached, piece) = (next, read.map_err(MoveError::From)?);
            self.report(Step::Links, self.moved.links, of, resumed);
        }
        let whole = Reached { version, after: Some(LinkId::MAX) };
        to.note(Reached::NOTE, whole.bytes()).await.map_err(MoveError::To)?;
        Ok(sums)
    }

    async fn retired(&mut self, sums: &mut Checksums) -> Result<(), MoveError> {
        let of = self.from.count_retired().map_err(MoveError::From)?;
        self.report(Step::Retired, 0, of, false);
        let mut after = None;
        loop {
            let piece = self.from.retired(after, self.pieces.keys).map_err(MoveError::From)?;
            let Some(last) = piece.last() else { return Ok(()) };
            after = Some(last.id);
            piece.iter().for_each(|retired| sums.add_retired(*retired));
            self.moved.retired += piece.len() as u64;
            self.to.retired(piece).await.map_err(MoveError::To)?;
            self.report(Step::Retired, self.moved.retired, of, false);
        }
    }

    async fn keys(&mut self) -> Result<(), MoveError> {
        let keys = self.from.keys().map_err(MoveError::From)?;
        self.moved.keys = keys.len() as u64;
        self.to.keys(keys).await.map_err(MoveError::To)?;
        self.report(Step::Keys, self.moved.keys, self.moved.keys, false);
        Ok(())
    }

    /// Sends the idempotency keys that are not there. Answers how many.
    async fn remembered(&mut self, step: Step) -> Result<u64, MoveError> {
        let (mut after, mut done, mut sent) = (None, 0, 0);
        loop {
            let piece = self.from.remembered(after, self.pieces.keys).map_err(MoveError::From)?;
            let Some(last) = piece.last() else { return Ok(sent) };
            after = Some(last.idempotency.key);
            done += piece.len() as u64;
            sent += self.to.remembered(piece).await.map_err(MoveError::To)?;
            if step == Step::Remembered {
                self.report(step, done, done, false);
            }
        }
    }

    /// Makes the rows of counted clicks the same. Answers how many were not.
    async fn clicks(&mut self, step: Step) -> Result<u64, MoveError> {
        let (from, to) = (self.from, self.to);
        let of = from.count_clicks().map_err(MoveError::From)?;
        let (mut done, mut changed) = (0, 0);
        self.report(step, done, of, false);
        for which in [Clicks::Shelves, Clicks::Alone] {
            let mut after: Option<ClicksKey> = None;
            let mut piece = from.clicks(which, after, self.pieces.rows).map_err(MoveError::From)?;
            loop {
                let count = piece.len() as u64;
                let last = piece.last().map(|row| row.key);
                let send = to.clicks(which, (after, last), piece);
                let read =
                    async { last.map(|last| from.clicks(which, Some(last), self.pieces.rows)).transpose() };
                let (sent, next) = join(send, read).await;
                changed += sent.map_err(MoveError::To)?;
                // After the last row nothing may be there.
                let Some(next) = next.map_err(MoveError::From)? else { break };
                (after, piece) = (last, next);
                done += count;
                self.report(step, done, of, false);
            }
        }
        self.moved.rows = done;
        Ok(changed)
    }

    fn report(&mut self, step: Step, done: u64, of: u64, resumed: bool) {
        (self.report)(Progress { step, done, of: of.max(done), resumed });
    }
}
