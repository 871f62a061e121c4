//! Reads the records of one segment in order, over damage and up to where its writer died.
//!
//! A record that does not pass is followed by one of two things. Valid records behind it: then it was
//! damaged, it is skipped and reported, and the ordinals tell how many clicks went with it. Nothing valid
//! behind it: then it is the one that a dying writer had not finished, or never begun, and the segment ends
//! there.

mod losses;

use crate::journal::header::Header;
use crate::journal::reader::{Damage, DamageKind, Entry, EntryClicked, SegmentKey, Text};
use crate::journal::record::{ALIGNMENT, Click, On, Record, TEXT_PREFIX_BYTES, parse};
use crate::journal::{offset_of, position_of};
use curtail_model::Timestamp;
use curtail_runtime::twin_header::{Found, HEADER_BYTES, TwinHeader};

/// Reads the bytes of one segment, as a file holds them. Nothing if they are not a segment of this format.
///
/// This is what recovery does with what earlier processes left, and what fuzzing feeds.
pub fn decode(bytes: &[u8], each: &mut dyn FnMut(SegmentKey, &Entry<'_>)) -> Option<Vec<Damage>> {
    let Found::Header { header, whole } = Header::find(bytes) else { return None };
    let mut decoder = Decoder::new(&header, 0);
    if !whole {
        decoder.header_is_damaged();
    }
    while let Some(entry) = decoder.next(bytes, Ending::Final) {
        each(decoder.key, &entry);
    }
    decoder.end_epoch();
    Some(std::mem::take(&mut decoder.damage))
}

/// Whether more may be added behind the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// They are all there will ever be, and the last record may be half written.
    Final,
    /// They were published: every one of them was valid once.
    Published,
}

/// How far a segment has been read.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(crate) key: SegmentKey,
    pub(crate) epoch: u64,
    /// What could not be read, in order.
    pub(crate) damage: Vec<Damage>,
    /// How many clicks its process had recorded in the stream where reading is.
    pub(crate) clicks: u64,
    /// Whether that is known to the last, and not only its lowest bits.
    knows_clicks: bool,
    /// The length of a segment.
    length: u64,
    /// Segments right before this one that are neither here nor counted, unless its process had not begun
    /// before it.
    missing: u64,
    seed: u32,
    offset: usize,
    /// Clicks before this offset have been counted by an earlier process.
    counted: usize,
    /// The ordinal that the next click should have.
    expected: Option<u16>,
    /// By id, from 1 on: where the text lies; nothing for one that was lost.
    texts: Vec<Option<(u32, u16)>>,
    gap: Option<Gap>,
    /// So many bytes that the segment had are not there.
    cut_off: u64,
    is_finished: bool,
}

/// Bytes that could not be read and whose clicks are not known yet.
#[derive(Clone, Copy, Debug)]
struct Gap {
    position: u64,
    bytes: u64,
}

impl Decoder {
    /// Starts at the front; clicks before `counted` are not handed out again.
    pub(crate) fn new(header: &Header, counted: u64) -> Decoder {
        Decoder {
            key: SegmentKey { stream: header.stream, sequence: header.sequence.into() },
            epoch: header.epoch,
            damage: Vec::new(),
            clicks: 0,
            knows_clicks: false,
            length: header.length,
            missing: 0,
            seed: header.seed(),
            offset: HEADER_BYTES,
            counted: offset_of(counted) as usize,
            expected: None,
            texts: Vec::new(),
            gap: None,
            cut_off: 0,
            is_finished: false,
        }
    }

    /// Goes on where the previous segment of the same stream and epoch ended, so that what is missing between
    /// them shows: clicks, and so many segments.
    pub(crate) fn follow(&mut self, previous: &Decoder, missing: u64) {
        (self.expected, self.gap) = (previous.expected, previous.gap);
        (self.clicks, self.knows_clicks) = (previous.clicks, previous.knows_clicks);
        self.missing = missing;
    }

    /// So many segments before it are neither here nor counted, if its process wrote any.
    pub(crate) fn misses(&mut self, segments: u64) {
        self.missing = segments;
    }

    /// Everything before it has been read.
    pub(crate) fn position(&self) -> u64 {
        position_of(self.key.sequence, self.offset as u64)
    }

    /// One copy of the header cannot be read; nothing is lost by it.
    pub(crate) fn header_is_damaged(&mut self) {
        let position = position_of(self.key.sequence, 0);
        let (stream, bytes) = (self.key.stream, HEADER_BYTES as u64 / 2);
        self.damage.push(Damage { stream, position, bytes, clicks: 0, kind: DamageKind::Header });
    }

    /// So many bytes of it are not there, behind those that are.
    pub(crate) fn is_cut_off(&mut self, bytes: u64) {
        self.cut_off = bytes;
    }

    /// The next click, if there is one.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8], ending: Ending) -> Option<Entry<'a>> {
        while !self.is_finished && self.offset < bytes.len() {
            let start = self.offset;
            let Some((record, length)) = parse(&bytes[start..], self.seed) else {
                self.skip(bytes, ending);
                continue;
            };
            self.offset += length;
            match record {
                Record::Text { id, bytes: text } => self.define(id, start, text.len()),
                Record::Begin { clicks } if self.missing > 0 => self.begin_behind_missing(clicks),
                Record::Begin { clicks } => self.account_all(clicks),
                Record::Seal { clicks } => {
                    self.account_all(clicks);
                    (self.is_finished, self.cut_off) = (true, 0);
                }
                Record::Click(click) => {
                    self.account(click.ordinal);
                    // The ordinal is the lowest bits of the number of clicks before it.
                    self.clicks += u64::from(click.ordinal.wrapping_sub(self.clicks as u16)) + 1;
                    self.expected = Some(click.ordinal.wrapping_add(1));
                    if start < self.counted {
                        continue;
                    }
                    match self.entry(&click, bytes) {
                        Some(entry) => return Some(entry),
                        None => self.lost_text(start),
                    }
                }
            }
        }
        self.look_at_the_cut(bytes);
        None
    }

    /// What was recorded behind the end of a file that is too short is a gap; nothing was, where the last of
    /// what is there was never used.
    fn look_at_the_cut(&mut self, bytes: &[u8]) {
        let (cut_off, rest) = (std::mem::take(&mut self.cut_off), &bytes[self.offset.min(bytes.len())..]);
        let is_unused = rest.len() >= ALIGNMENT && rest.iter().all(|&byte| byte == 0);
        if cut_off > 0 && !is_unused {
            let position = self.position();
            self.gap.get_or_insert(Gap { position, bytes: 0 }).bytes += rest.len() as u64 + cut_off;
        }
    }

    /// When the next click happened, as far as it can be read.
    pub(crate) fn peek(&self, bytes: &[u8]) -> Option<Timestamp> {
        let mut offset = self.offset;
        loop {
            let (record, length) = parse(bytes.get(offset..)?, self.seed)?;
            match record {
                Record::Click(click) if offset >= self.counted => return Some(click.at),
                Record::Seal { .. } => return None,
                _ => offset += length,
            }
        }
    }

    /// Goes on at the next valid record, wherever it is.
    #[cold]
    fn skip(&mut self, bytes: &[u8], ending: Ending) {
        let valid = (self.offset + ALIGNMENT..bytes.len())
            .step_by(ALIGNMENT)
            .find(|&offset| parse(&bytes[offset..], self.seed).is_some());
        let until = match (valid, ending) {
            (Some(offset), _) => offset,
            (None, Ending::Published) => bytes.len(),
            (None, Ending::Final) => {
                self.is_finished = true;
                return;
            }
        };
        let position = self.position();
        let gap = self.gap.get_or_insert(Gap { position, bytes: 0 });
        gap.bytes += (until - self.offset) as u64;
        self.offset = until;
    }

    fn define(&mut self, id: u16, record: usize, length: usize) {
        let index = usize::from(id) - 1;
        if self.texts.len() <= index {
            self.texts.resize(index + 1, None);
        }
        self.texts[index] = Some(((record + TEXT_PREFIX_BYTES) as u32, length as u16));
    }

    fn text<'a>(&self, id: u16, bytes: &'a [u8]) -> Option<Text<'a>> {
        if id == 0 {
            return Some(Text { id, bytes: b"" });
        }
        let (offset, length) = (*self.texts.get(usize::from(id) - 1)?)?;
        Some(Text { id, bytes: bytes.get(offset as usize..)?.get(..length.into())? })
    }

    fn entry<'a>(&self, click: &Click, bytes: &'a [u8]) -> Option<Entry<'a>> {
        Some(Entry {
            position: self.position(),
            at: click.at,
            clicked: match click.on {
                On::Link(id) => EntryClicked::Link(id),
                On::Orphan(path) => EntryClicked::Orphan(self.text(path, bytes)?),
            },
            network: click.network,
            visitor: click.visitor,
            head: click.head,
            prefetch: click.prefetch,
            user_agent: self.text(click.user_agent, bytes)?,
            referrer: self.text(click.referrer, bytes)?,
            language: self.text(click.language, bytes)?,
            query: self.text(click.query, bytes)?,
        })
    }
}
