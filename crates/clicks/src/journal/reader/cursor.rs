//! Where the reader is in one stream.

mod source;

use crate::journal::decode::{Decoder, Ending};
use crate::journal::folder::OldSegment;
use crate::journal::header::Header;
use crate::journal::reader::{Damage, DamageKind, Entry, SegmentKey};
use crate::journal::segment::Link;
use crate::journal::stream::{Shared, Stream};
use crate::journal::{position_of, sequence_of};
use curtail_model::Timestamp;
use curtail_runtime::twin_header::{Found, TwinHeader};
use source::Source;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// The place in one stream.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) stream: Arc<Stream>,
    /// Whether this process records the stream. If not, another node may go on recording what this one has a
    /// copy of.
    is_own: bool,
    /// Everything before it has been read.
    position: u64,
    old: VecDeque<OldSegment>,
    current: Option<(Source, Decoder)>,
    /// Bytes of the earlier process's segment that is being read: all of them are backlog until it is left.
    current_backlog: u64,
    /// Where the next segment of this process appears.
    next: Arc<Link>,
    /// How the last segment ended, to notice what is missing before the next one.
    previous: Option<Decoder>,
    /// The position after the last click that was handed out.
    handed: u64,
    /// The segments that were entered and have not been counted to their end.
    entered: VecDeque<Entered>,
    /// Clicks that were read and not counted.
    unsettled: VecDeque<Unsettled>,
    /// Whether positions are stored long after they were read.
    is_held: bool,
    /// Whether it was said that a segment cannot be read just now.
    is_unreadable: bool,
    /// The last segment of which it was told what is missing: it may be come back to.
    told: u64,
}

/// Clicks that were read and not counted.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    /// They end here.
    before: u64,
    /// Of this process.
    live: u64,
    /// Of earlier ones.
    old: u64,
}

/// How to come back to a segment.
#[derive(Debug)]
enum Entered {
    Old(OldSegment),
    /// Its sequence, and the link that leads to it: the segment
    /// itself may be taken back as soon as it is counted.
    Live(u64, Arc<Link>),
}

impl Entered {
    fn sequence(&self) -> u64 {
        match self {
            Entered::Old(segment) => segment.sequence.into(),
            Entered::Live(sequence, _) => *sequence,
        }
    }
}

impl Cursor {
    pub(super) fn new(stream: Arc<Stream>, is_own: bool, old: Vec<OldSegment>) -> Cursor {
        let position = stream.consumed.load(Ordering::Relaxed);
        let next = Arc::clone(&stream.head);
        Cursor {
            stream,
            is_own,
            position,
            old: old.into(),
            current: None,
            current_backlog: 0,
            next,
            previous: None,
            handed: position,
            entered: VecDeque::new(),
            unsettled: VecDeque::new(),
            is_held: false,
            is_unreadable: false,
            told: 0,
        }
    }

    /// Positions are stored long after they were read: no segment goes before what the store knows is behind
    /// it, or the next process would miss it.
    pub(super) fn hold(&mut self) {
        self.is_held = self.is_own;
    }

    /// Hands out up to `limit` clicks and tells how many.
    pub(super) fn read(
        &mut self,
        limit: usize,
        shared: &Shared,
        damage: &mut Vec<Damage>,
        each: &mut dyn FnMut(SegmentKey, &Entry<'_>),
    ) -> usize {
        let mut clicks = 0;
        while clicks < limit && self.has_segment(shared, damage) {
            let Some((source, decoder)) = &mut self.current else { break };
            let (ends, handed) = source.read(decoder, limit - clicks, each);
            clicks += handed;
            self.position = self.position.max(decoder.position());
            if handed > 0 {
                self.handed = self.position;
            }
            let mut unsettled = Unsettled { before: self.position, live: 0, old: 0 };
            match source {
                Source::Live(_) => {
                    let before = self.stream.read.fetch_max(decoder.clicks, Ordering::Release);
                    unsettled.live = decoder.clicks.saturating_sub(before);
                }
                Source::Old(_) => {
                    unsettled.old = handed as u64;
                    let passed = unsettled.old + lost_with(&decoder.damage);
                    self.stream.recovered.fetch_add(passed, Ordering::Release);
                }
            }
            if unsettled.live + unsettled.old > 0 {
                self.unsettled.push_back(unsettled);
            }
            damage.append(&mut decoder.damage);
            if !ends {
                break;
            }
            self.leave(shared);
        }
        clicks
    }

    /// Up to where it has been read, to be stored. In a stream of another node that is the last click, not
    /// the end of its segment: behind a copy's end the original may have more.
    pub(super) fn stored(&self) -> u64 {
        if self.is_own { self.position } else { self.handed }
    }

    /// Everything before `position` has been counted.
    pub(super) fn committed(&mut self, position: u64) {
        // Between the last click and the end of its segment there is nothing that could be lost.
        let ends_here = position >= self.handed && !self.is_held;
        let position = if ends_here { position.max(self.position) } else { position };
        let consumed = self.stream.consumed.fetch_max(position, Ordering::Release).max(position);
        while self.unsettled.pop_front_if(|unsettled| unsettled.before <= consumed).is_some() {}
        while self.entered.pop_front_if(|entered| entered.sequence() < sequence_of(consumed)).is_some() {}
    }

    /// Goes back to what has been counted; or on to `position`, if others have counted more.
    pub(super) fn rewind(&mut self, position: Option<u64>, shared: &Shared) {
        let consumed = self.stream.consumed.load(Ordering::Relaxed);
        let position = position.map_or(consumed, |position| position.max(consumed));
        // Held until the end: a segment that is counted goes as soon as nobody holds it, and with it the way
        // to the next.
        let _current = self.current.take();
        // It is entered as well, and is backlog once.
        shared.backlog_bytes.fetch_sub(std::mem::take(&mut self.current_backlog), Ordering::Relaxed);
        self.previous = None;
        for Unsettled { live, old, .. } in self.unsettled.drain(..) {
            self.stream.read.fetch_sub(live, Ordering::Release);
            self.stream.recovered.fetch_sub(old, Ordering::Release);
        }
        while let Some(entered) = self.entered.pop_back() {
            match entered {
                Entered::Old(segment) => {
                    shared.backlog_bytes.fetch_add(segment.length, Ordering::Relaxed);
                    self.old.push_front(segment);
                }
                Entered::Live(_, link) => self.next = link,
            }
        }
        while let Some(counted) = self.old.pop_front_if(|old| u64::from(old.sequence) < sequence_of(position))
        {
            shared.backlog_bytes.fetch_sub(counted.length, Ordering::Relaxed);
        }
        while let Some(counted) = self.next.get().and_then(Weak::upgrade) {
            if u64::from(counted.header.sequence) >= sequence_of(position) {
                break;
            }
            let mut decoder = Decoder::new(&counted.header, position_of(0, u64::from(u32::MAX)));
            while decoder.next(counted.published(), Ending::Published).is_some() {}
            self.stream.read.fetch_max(decoder.clicks, Ordering::Release);
            self.next = Arc::clone(&counted.next);
        }
        (self.position, self.handed) = (position, position);
        self.stream.consumed.fetch_max(position, Ordering::Release);
    }

    pub(super) fn oldest_waiting(&mut self, shared: &Shared, damage: &mut Vec<Damage>) -> Option<Timestamp> {
        if !self.has_segment(shared, damage) {
            return None;
        }
        let (source, decoder) = self.current.as_ref()?;
        decoder.peek(source.bytes())
    }

    /// Has a segment to read from: the current one, or else the next.
    fn has_segment(&mut self, shared: &Shared, damage: &mut Vec<Damage>) -> bool {
        while self.current.is_none() {
            if let Some(old) = self.old.pop_front() {
                let bytes = fs::read(&old.path);
                if let Err(error) = &bytes
                    && !is_damage(error)
                {
                    self.say_unreadable(&old, error);
                    self.old.push_front(old);
                    return false;
                }
                self.is_unreadable = false;
                self.load(&old, bytes, damage);
                if self.current.is_some() {
                    self.current_backlog = old.length;
                } else {
                    shared.backlog_bytes.fetch_sub(old.length, Ordering::Relaxed);
                }
                self.entered.push_back(Entered::Old(old));
                continue;
            }
            let Some(segment) = self.next.get().and_then(Weak::upgrade) else { return false };
            let sequence = segment.header.sequence.into();
            let decoder = Decoder::new(&segment.header, self.counted_of(sequence));
            self.entered.push_back(Entered::Live(sequence, Arc::clone(&self.next)));
            self.enter(Source::Live(segment), decoder, damage);
        }
        true
    }

    /// The position up to which a segment was counted, if it is the one where counting stopped.
    fn counted_of(&self, sequence: u64) -> u64 {
        if sequence_of(self.position) == sequence { self.position } else { 0 }
    }

    /// Once when it begins: it is tried again many times a second.
    fn say_unreadable(&mut self, old: &OldSegment, error: &io::Error) {
        if !std::mem::replace(&mut self.is_unreadable, true) {
            tracing::warn!(path = %old.path.display(), %error, "a segment cannot be read just now; it is tried again");
        }
    }

    fn load(&mut self, old: &OldSegment, bytes: io::Result<Vec<u8>>, damage: &mut Vec<Damage>) {
        let sequence = u64::from(old.sequence);
        let whole = Damage {
            stream: self.stream.number,
            position: position_of(sequence, 0),
            bytes: old.length,
            clicks: 0,
            kind: DamageKind::Segment,
        };
        let found = bytes.as_deref().map_or(Found::Damaged, Header::find);
        match (found, bytes) {
            (Found::Header { header, whole: is_whole }, Ok(bytes)) => {
                let is_here = (header.stream, header.sequence) == (self.stream.number, old.sequence);
                if !is_here {
                    // It got its name just before a power cut and not
                    // yet its header: nothing was recorded in it.
                    self.pass(sequence);
                    return;
                }
                let mut decoder = Decoder::new(&header, self.counted_of(sequence));
                if !is_whole {
                    decoder.header_is_damaged();
                }
                let missing = header.length.saturating_sub(bytes.len() as u64);
                if missing > 0 {
                    let position = position_of(sequence, bytes.len() as u64);
                    self.tell(Damage { position, bytes: missing, ..whole }, sequence, damage);
                    decoder.is_cut_off(missing);
                }
                self.enter(Source::Old(bytes), decoder, damage);
            }
            (Found::Unused, _) => self.pass(sequence),
            _ => {
                self.tell(whole, sequence, damage);
                self.pass(sequence);
            }
        }
    }

    /// Tells what is missing of a segment, once.
    fn tell(&mut self, missing: Damage, sequence: u64, damage: &mut Vec<Damage>) {
        if self.told < sequence {
            self.told = sequence;
            damage.push(missing);
        }
    }

    fn enter(&mut self, source: Source, mut decoder: Decoder, damage: &mut Vec<Damage>) {
        let passed_over = decoder.key.sequence.saturating_sub(sequence_of(self.position));
        match self.previous.take() {
            Some(previous) if previous.epoch == decoder.epoch => decoder.follow(&previous, passed_over),
            previous => {
                if let Some(mut previous) = previous {
                    previous.end_epoch();
                    self.stream.recovered.fetch_add(lost_with(&previous.damage), Ordering::Release);
                    damage.append(&mut previous.damage);
                }
                // Between two processes sequences leap: whether
                // something is missing there, the first record tells.
                if self.stream.is_counted_here {
                    decoder.misses(passed_over);
                }
            }
        }
        self.current = Some((source, decoder));
    }

    /// Leaves a segment that has been read to its end.
    fn leave(&mut self, shared: &Shared) {
        let Some((source, decoder)) = self.current.take() else { return };
        shared.backlog_bytes.fetch_sub(std::mem::take(&mut self.current_backlog), Ordering::Relaxed);
        if let Source::Live(segment) = source {
            self.next = Arc::clone(&segment.next);
        }
        self.pass(decoder.key.sequence);
        self.previous = Some(decoder);
    }

    /// Moves behind a segment. When all clicks before have been counted, so has it been.
    fn pass(&mut self, sequence: u64) {
        self.position = self.position.max(position_of(sequence + 1, 0));
        if !self.is_held && self.stream.consumed.load(Ordering::Relaxed) >= self.handed {
            self.committed(self.position);
        }
    }
}

/// Whether a file that cannot be read will not be readable later either: it is gone, or its disk has lost it.
/// All else (too many open files, no memory, a network disk that is away) passes.
fn is_damage(error: &io::Error) -> bool {
    let is_lost = error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
    is_lost || error.kind() == io::ErrorKind::NotFound
}

/// The clicks that went with damage.
fn lost_with(damage: &[Damage]) -> u64 {
    damage.iter().map(|damage| damage.clicks).sum()
}
