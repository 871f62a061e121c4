//! Puts a click into the journal: what the redirect path calls.
//!
//! It copies 48 bytes into a mapped page that is there already. Everything that may take time is the
//! [`Keeper`](crate::journal::Keeper)'s work; when the keeper has no next segment ready, the click is dropped
//! and counted.

use crate::journal::dictionary::Dictionary;
use crate::journal::mapped::Writer;
use crate::journal::record::{
    CLICK_BYTES, Click, MARK_BYTES, On, TEXT_RECORD_BYTES_MAX, encode_begin, encode_seal, network_of,
};
use crate::journal::segment::{Link, Segment};
use crate::journal::stream::Stream;
use crate::salt::{Salt, Salts, day_of};
use curtail_model::{LinkId, Timestamp};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

pub use crate::journal::record::TEXT_BYTES_MAX;

/// A click as the redirect path sees it.
#[derive(Clone, Copy, Debug)]
pub struct RawClick<'a> {
    /// When.
    pub at: Timestamp,
    /// On what.
    pub clicked: Clicked<'a>,
    /// The visitor's address; it goes no further than the recorder.
    pub address: IpAddr,
    /// Whether it is a `HEAD` request.
    pub head: bool,
    /// Whether the browser says that it loads ahead.
    pub prefetch: bool,
    /// `User-Agent`; empty for none, as are the others.
    pub user_agent: &'a [u8],
    /// `Referer`.
    pub referrer: &'a [u8],
    /// `Accept-Language`.
    pub language: &'a [u8],
    /// The query of the short link, without `?`.
    pub query: &'a [u8],
}

/// What was clicked.
#[derive(Clone, Copy, Debug)]
pub enum Clicked<'a> {
    /// A link.
    Link(LinkId),
    /// Nothing: no link, or one that is not open now.
    Orphan {
        /// The path that was asked for.
        path: &'a [u8],
    },
}

/// What became of a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// It is in the journal.
    Kept,
    /// It is lost, and counted as lost.
    Dropped(DropReason),
}

/// Why a click could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The disk has no room for another segment.
    DiskFull,
    /// The journal's byte budget is used up by clicks that have not been counted yet.
    BudgetUsedUp,
    /// The next segment is not ready yet.
    NotReady,
    /// The system refused a segment for another reason.
    DiskError,
}

impl DropReason {
    /// All reasons, in the order of [`crate::journal::Counts::dropped`].
    pub const ALL: [DropReason; 4] =
        [DropReason::DiskFull, DropReason::BudgetUsedUp, DropReason::NotReady, DropReason::DiskError];

    /// The name that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            DropReason::DiskFull => "disk_full",
            DropReason::BudgetUsedUp => "budget_used_up",
            DropReason::NotReady => "not_ready",
            DropReason::DiskError => "disk_error",
        }
    }
}

/// Writes the clicks of one core. Owned by that core's thread.
#[derive(Debug)]
pub struct Recorder {
    stream: Arc<Stream>,
    salts: Arc<Salts>,
    salt: Salt,
    dictionary: Dictionary,
    current: Option<Current>,
    /// Where the next segment appears.
    next: Arc<Link>,
    kept: u64,
}

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    segment: Arc<Segment>,
    writer: Writer,
    seed: u32,
}

/// What a click can take at most, with all its texts new, and the seal behind it.
const ROOM_BYTES: usize = CLICK_BYTES + TEXTS * TEXT_RECORD_BYTES_MAX + MARK_BYTES;
/// How many texts a click can refer to.
const TEXTS: usize = 5;

impl Recorder {
    pub(crate) fn new(stream: Arc<Stream>, salts: Arc<Salts>) -> Recorder {
        let next = Arc::clone(&stream.head);
        Recorder {
            stream,
            salts,
            salt: Salt::NONE,
            dictionary: Dictionary::new(),
            current: None,
            next,
            kept: 0,
        }
    }

    /// Records a click. When warm it makes no system call, takes no lock and allocates nothing.
    pub fn record(&mut self, click: &RawClick<'_>) -> Recorded {
        let day = day_of(click.at);
        if day > self.salt.day {
            self.salt = self.salts.of_day(day);
        }
        let has_room = self.dictionary.has_room(TEXTS)
            && self.current.as_ref().is_some_and(|current| current.writer.room() >= ROOM_BYTES);
        if !has_room && !self.begin_segment() {
            return self.dropped();
        }
        let Some(current) = &mut self.current else { return self.dropped() };
        current.append(click, &mut self.dictionary, &self.salt, self.kept as u16);
        self.kept += 1;
        self.stream.recorded.kept.store(self.kept, Ordering::Release);
        Recorded::Kept
    }

    /// Seals the segment and takes the next one, if the keeper has put one there.
    #[cold]
    fn begin_segment(&mut self) -> bool {
        if let Some(mut full) = self.current.take() {
            full.writer.append(&encode_seal(self.kept, full.seed));
            full.writer.publish();
            full.segment.seal();
            self.next = Arc::clone(&full.segment.next);
        }
        let Some(segment) = self.next.get().and_then(Weak::upgrade) else { return false };
        let Some(mut writer) = segment.writer() else { return false };
        let seed = segment.header.seed();
        writer.append(&encode_begin(self.kept, seed));
        writer.publish();
        self.dictionary.clear();
        self.current = Some(Current { segment, writer, seed });
        true
    }

    #[cold]
    fn dropped(&self) -> Recorded {
        let reason = self.stream.shortage();
        // The recorder is the only one that writes this counter.
        let counter = &self.stream.recorded.dropped[reason as usize];
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Recorded::Dropped(reason)
    }
}

impl Current {
    #[inline]
    fn append(&mut self, click: &RawClick<'_>, dictionary: &mut Dictionary, salt: &Salt, ordinal: u16) {
        let (writer, seed) = (&mut self.writer, self.seed);
        let user_agent = dictionary.id(click.user_agent, writer, seed);
        let record = Click {
            at: click.at,
            on: match click.clicked {
                Clicked::Link(id) => On::Link(id),
                Clicked::Orphan { path } => On::Orphan(dictionary.id(path, writer, seed)),
            },
            visitor: salt.visitor(click.address, dictionary.digest(user_agent)),
            network: network_of(click.address),
            head: click.head,
            prefetch: click.prefetch,
            user_agent,
            referrer: dictionary.id(click.referrer, writer, seed),
            language: dictionary.id(click.language, writer, seed),
            query: dictionary.id(click.query, writer, seed),
            ordinal,
        };
        writer.append(&record.encode(seed));
        writer.publish();
    }
}
