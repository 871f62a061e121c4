//! The bytes of a shard: entries one behind the other in a ring of segments, the oldest given up first.
//!
//! Segments are allocated as the ring fills, so an empty cache costs next to nothing,
//! and given up whole. An entry never crosses from one segment into the next. An
//! offset is the number of the segment times its length, and the place in it.
//!
//! # Entry
//!
//! | bytes | what |
//! |---|---|
//! | 2 | low 14 bits: length of the packed record; all of them set say that there is no link, and 8 bytes of version follow as the record. The other two: the high bits of the length of the code |
//! | 1 | the low bits of the length of the code |
//! | 1 | bit 0: whether it was read since it came, or last came round; the others: when in its second it was asked for, in 128ths |
//! | 4 | expiry in seconds since the epoch |
//! | n, m | the code, the record |

use crate::entry::{Known, Times};

const HEADER: usize = 8;
/// The bits of the first two bytes that are of the record.
const RECORD_BITS: u32 = 14;
const NOTHING: u16 = (1 << RECORD_BITS) - 1;
/// The longest code whose length fits beside that of a record.
const CODE_BYTES_MAX: usize = 0x3ff;
const WAS_READ: u8 = 1;
/// Room for the longest destination. Giving up one segment
/// is what an insertion may have to wait for: microseconds.
const SEGMENT: usize = 16 * 1024;

pub(crate) struct Ring {
    segments: Vec<Segment>,
    segments_max: usize,
    /// The segment of the oldest entry; the newest is in the one before it, going round, or in the same.
    oldest: usize,
    /// How many segments hold entries, from the oldest on.
    in_use: usize,
}

struct Segment {
    bytes: Box<[u8]>,
    end: usize,
}

/// One entry, read from the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) code: &'a [u8],
    pub(crate) known: Known<'a>,
    pub(crate) times: Times,
    pub(crate) was_read: bool,
}

impl Ring {
    /// A ring of at most `bytes_max`, and at least four segments.
    pub(crate) fn new(bytes_max: usize) -> Ring {
        let segments_max = (bytes_max / SEGMENT).clamp(4, u32::MAX as usize / SEGMENT);
        Ring { segments: Vec::new(), segments_max, oldest: 0, in_use: 0 }
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.segments.len() * SEGMENT
    }

    /// Whether an entry can be kept at all.
    pub(crate) fn fits(code: &[u8], known: &Known<'_>) -> bool {
        code.len() <= CODE_BYTES_MAX && entry_length(code, known) <= SEGMENT
    }

    /// Whether an entry can be appended without giving up the oldest segment. One segment is always kept
    /// free, so that entries of the oldest can be appended anew.
    pub(crate) fn has_room(&self, code: &[u8], known: &Known<'_>) -> bool {
        self.in_use + 1 < self.segments_max || self.fits_newest(entry_length(code, known))
    }

    /// Appends an entry and answers its offset.
    pub(crate) fn append(&mut self, code: &[u8], known: &Known<'_>, times: Times) -> u32 {
        let length = entry_length(code, known);
        if !self.fits_newest(length) {
            self.open_segment();
        }
        let version;
        let (marker, record): (u16, &[u8]) = match known {
            Known::Link(packed) => (packed.len() as u16, packed),
            Known::Nothing { version: removed_by } => {
                version = removed_by.to_le_bytes();
                (NOTHING, &version)
            }
        };
        let number = self.newest();
        let segment = &mut self.segments[number];
        let at = segment.end;
        segment.end += length;
        let entry = &mut segment.bytes[at..at + length];
        let high = (code.len() >> u8::BITS << RECORD_BITS) as u16;
        entry[0..2].copy_from_slice(&(marker | high).to_le_bytes());
        entry[2] = code.len() as u8;
        entry[3] = times.fraction << 1;
        entry[4..8].copy_from_slice(&times.expires.to_le_bytes());
        entry[HEADER..HEADER + code.len()].copy_from_slice(code);
        entry[HEADER + code.len()..].copy_from_slice(record);
        (number * SEGMENT + at) as u32
    }

    /// Takes the bytes of the oldest segment out of the ring, with the offset of its first entry. They come
    /// back with [`Ring::give_back`].
    pub(crate) fn take_oldest(&mut self) -> Option<(u32, Box<[u8]>, usize)> {
        if self.in_use == 0 {
            return None;
        }
        let number = self.oldest;
        let segment = &mut self.segments[number];
        let (bytes, end) = (std::mem::take(&mut segment.bytes), std::mem::take(&mut segment.end));
        self.oldest = (number + 1) % self.segments_max;
        self.in_use -= 1;
        Some(((number * SEGMENT) as u32, bytes, end))
    }

    /// Puts the bytes of a segment back, to be filled again.
    pub(crate) fn give_back(&mut self, offset: u32, bytes: Box<[u8]>) {
        self.segments[offset as usize / SEGMENT].bytes = bytes;
    }

    /// The entry at an offset that [`Ring::append`] gave and whose segment has not been given up.
    #[inline]
    pub(crate) fn entry(&self, offset: u32) -> Entry<'_> {
        entry_at(&self.segments[offset as usize / SEGMENT].bytes, offset as usize % SEGMENT).0
    }

    /// Remembers that an entry was read.
    #[inline]
    pub(crate) fn mark_read(&mut self, offset: u32) {
        self.segments[offset as usize / SEGMENT].bytes[offset as usize % SEGMENT + 3] |= WAS_READ;
    }

    /// Gives an entry other times.
    pub(crate) fn set_times(&mut self, offset: u32, times: Times) {
        let bytes = &mut self.segments[offset as usize / SEGMENT].bytes[offset as usize % SEGMENT..];
        bytes[3] = times.fraction << 1 | bytes[3] & WAS_READ;
        bytes[4..8].copy_from_slice(&times.expires.to_le_bytes());
    }

    /// Calls `each` for all entries.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, Entry<'_>)) {
        for (number, segment) in self.segments.iter().enumerate() {
            for_each_in(&segment.bytes, segment.end, |at, entry| each((number * SEGMENT + at) as u32, entry));
        }
    }

    fn newest(&self) -> usize {
        (self.oldest + self.in_use - 1) % self.segments_max
    }

    fn fits_newest(&self, length: usize) -> bool {
        self.in_use > 0 && self.segments[self.newest()].end + length <= SEGMENT
    }

    fn open_segment(&mut self) {
        assert!(self.in_use < self.segments_max, "room is made before entries are appended");
        self.in_use += 1;
        if self.newest() == self.segments.len() {
            self.segments.push(Segment { bytes: vec![0; SEGMENT].into_boxed_slice(), end: 0 });
        }
    }
}

/// Calls `each` for the entries in the first `end` bytes of a segment, with their place in it.
pub(crate) fn for_each_in(bytes: &[u8], end: usize, mut each: impl FnMut(usize, Entry<'_>)) {
    let mut at = 0;
    while at < end {
        let (entry, length) = entry_at(bytes, at);
        each(at, entry);
        at += length;
    }
}

#[inline]
fn entry_at(segment: &[u8], at: usize) -> (Entry<'_>, usize) {
    let bytes = &segment[at..];
    let lengths = u16::from_le_bytes([bytes[0], bytes[1]]);
    let marker = lengths & NOTHING;
    let code_length = usize::from(lengths >> RECORD_BITS) << u8::BITS | usize::from(bytes[2]);
    let record_length = if marker == NOTHING { size_of::<u64>() } else { usize::from(marker) };
    let code = &bytes[HEADER..HEADER + code_length];
    let record = &bytes[HEADER + code_length..HEADER + code_length + record_length];
    let known = match record.first_chunk() {
        Some(version) if marker == NOTHING => Known::Nothing { version: u64::from_le_bytes(*version) },
        _ => Known::Link(record),
    };
    let expires = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let times = Times { expires, fraction: bytes[3] >> 1 };
    (Entry { code, known, times, was_read: bytes[3] & WAS_READ != 0 }, HEADER + code_length + record_length)
}

fn entry_length(code: &[u8], known: &Known<'_>) -> usize {
    let record = match known {
        Known::Link(packed) => packed.len(),
        Known::Nothing { .. } => size_of::<u64>(),
    };
    HEADER + code.len() + record
}
