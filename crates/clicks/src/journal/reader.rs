//! Follows all streams of the journal: live segments by what their
//! recorders publish, and before them what earlier processes left.

mod cursor;

use crate::journal::folder::OldSegment;
use crate::journal::stream::{Shared, Stream};
use cursor::Cursor;
use curtail_model::{LinkId, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// The segment that a [`Text::id`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The stream.
    pub stream: u64,
    /// The segment's number in it; never used twice.
    pub sequence: u64,
}

/// A click as the journal keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where the stream goes on behind it; no other click of the stream has the same, ever.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// On what.
    pub clicked: EntryClicked<'a>,
    /// The network of the visitor's address: /24 of IPv4, /48 of IPv6, the rest zero.
    pub network: IpAddr,
    /// The visitor of that day (see [`crate::salt`]).
    pub visitor: u64,
    /// Whether it was a `HEAD` request.
    pub head: bool,
    /// Whether the browser said that it loads ahead.
    pub prefetch: bool,
    /// `User-Agent`.
    pub user_agent: Text<'a>,
    /// `Referer`.
    pub referrer: Text<'a>,
    /// `Accept-Language`.
    pub language: Text<'a>,
    /// The query of the short link.
    pub query: Text<'a>,
}

/// What was clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryClicked<'a> {
    /// A link.
    Link(LinkId),
    /// The path of a request that led nowhere.
    Orphan(Text<'a>),
}

/// A text that repeats, as the visitor sent it, cut to [`crate::recorder::TEXT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// 0 for none, else unique within its segment (but one text may have several).
    pub id: u16,
    /// The bytes; nothing is promised of them.
    pub bytes: &'a [u8],
}

/// What one call of [`Reader::read`] did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// How many clicks it handed out.
    pub clicks: usize,
    /// `(stream, position)` of the streams that moved, to be stored with what was counted.
    pub positions: Vec<(u64, u64)>,
}

/// Something that was in the journal and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The stream that it is in.
    pub stream: u64,
    /// The position in the stream where it begins.
    pub position: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many clicks were lost with them.
    pub clicks: u64,
    /// What was hit.
    pub kind: DamageKind,
}

/// What was hit by damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// Records.
    Records,
    /// A text, and with it the clicks that refer to it.
    Text,
    /// The header of a segment; its records may still be there.
    Header,
    /// A whole segment that cannot be read, or the end of one.
    Segment,
    /// Segments that are not there any more and have not been counted. Where not all of a process's segments
    /// before them were read, the clicks are as many as they can have held.
    Missing,
    /// Records that the log between nodes had forgotten before they were counted.
    Expired,
    /// Records that the log between nodes did not hand out, though
    /// it was asked for them twice: their checksum is wrong there.
    Skipped,
}

/// Follows all streams, the live ones and those that earlier processes left.
#[derive(Debug)]
pub struct Reader {
    cursors: Vec<Cursor>,
    shared: Arc<Shared>,
    damage: Vec<Damage>,
    /// Whose turn is first.
    turn: usize,
}

impl Reader {
    /// Follows these streams, of which this process records the first few.
    pub(crate) fn new(
        streams: Vec<(Arc<Stream>, Vec<OldSegment>)>,
        own: usize,
        shared: Arc<Shared>,
    ) -> Reader {
        let streams = streams.into_iter().enumerate();
        let cursors = streams.map(|(place, (stream, old))| Cursor::new(stream, place < own, old)).collect();
        Reader { cursors, shared, damage: Vec::new(), turn: 0 }
    }

    /// Calls `each` for up to `limit` new clicks, in order within each stream.
    ///
    /// Positions can move without clicks, when a segment ends;
    /// they are to be stored all the same, sooner or later.
    pub fn read(&mut self, limit: usize, each: &mut dyn FnMut(SegmentKey, &Entry<'_>)) -> Progress {
        let mut progress = Progress::default();
        self.turn = (self.turn + 1) % self.cursors.len().max(1);
        let (later, first) = self.cursors.split_at_mut(self.turn);
        for cursor in first.iter_mut().chain(later) {
            let before = cursor.stored();
            progress.clicks += cursor.read(limit - progress.clicks, &self.shared, &mut self.damage, each);
            if cursor.stored() != before {
                progress.positions.push((cursor.stream.number, cursor.stored()));
            }
        }
        progress
    }

    /// Positions will be stored long after they were read. To be said before anything is read.
    pub fn hold(&mut self) {
        self.cursors.iter_mut().for_each(Cursor::hold);
    }

    /// What lies before these positions has been counted for good and may be recycled.
    pub fn committed(&mut self, positions: &[(u64, u64)]) {
        for &(stream, position) in positions {
            if let Some(cursor) = self.cursors.iter_mut().find(|cursor| cursor.stream.number == stream) {
                cursor.committed(position);
            }
        }
    }

    /// Goes back to what has been counted for good, or on to these positions if others have counted more:
    /// everything behind them is handed out again.
    pub fn rewind(&mut self, positions: &[(u64, u64)]) {
        for cursor in &mut self.cursors {
            let counted = positions.iter().find(|(stream, _)| *stream == cursor.stream.number);
            cursor.rewind(counted.map(|(_, position)| *position), &self.shared);
        }
    }

    /// The streams that it follows.
    pub fn streams(&self) -> Vec<u64> {
        self.cursors.iter().map(|cursor| cursor.stream.number).collect()
    }

    /// When the oldest click happened that has not been read yet.
    pub fn oldest_waiting(&mut self) -> Option<Timestamp> {
        let (shared, damage) = (&self.shared, &mut self.damage);
        self.cursors.iter_mut().filter_map(|cursor| cursor.oldest_waiting(shared, damage)).min()
    }

    /// The damage found since the last call.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damage)
    }
}
