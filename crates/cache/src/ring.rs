//! The bytes of a shard: entries one behind the other in a ring, the oldest overwritten first.
//!
//! # Entry
//!
//! | bytes | what |
//! |---|---|
//! | 2 | length of the packed record; `0xffff` says that there is no link, and 8 bytes of version follow as the record |
//! | 1 | length of the code |
//! | 1 | whether it was read since it came, or last came round |
//! | 4 | expiry in seconds since the epoch |
//! | n, m | the code, the record |
//!
//! An entry never wraps: where the rest of the ring is too short, it is left unused until the next round.

use crate::entry::{Known, Seconds};

const HEADER: usize = 8;
const NOTHING: u16 = u16::MAX;

pub(crate) struct Ring {
    bytes: Vec<u8>,
    /// Where the next entry goes.
    head: usize,
    /// The oldest entry.
    tail: usize,
    /// Where the entries of the last round end; those of this round end at `head`.
    end: usize,
    /// Whether `head` has wrapped and is now behind `tail`.
    wrapped: bool,
}

/// One entry, read from the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) code: &'a [u8],
    pub(crate) known: Known<'a>,
    pub(crate) expires: Seconds,
    pub(crate) was_read: bool,
    length: usize,
}

impl Ring {
    /// A ring of `capacity` bytes. They are zeroed lazily by the kernel, so an empty ring costs no memory.
    pub(crate) fn new(capacity: usize) -> Ring {
        let capacity = capacity.min(u32::MAX as usize);
        Ring { bytes: vec![0; capacity], head: 0, tail: 0, end: 0, wrapped: false }
    }

    /// The largest entry worth keeping: one that leaves room for others.
    pub(crate) fn fits(&self, code: &[u8], known: &Known<'_>) -> bool {
        entry_length(code, known) <= self.bytes.len() / 16
    }

    /// Where an entry would go if there is room for it now.
    pub(crate) fn room_for(&mut self, code: &[u8], known: &Known<'_>) -> bool {
        let length = entry_length(code, known);
        if self.wrapped {
            return self.head + length <= self.tail;
        }
        if self.head + length <= self.bytes.len() {
            return true;
        }
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
            return length <= self.bytes.len();
        }
        // Start the next round; what is left at the end stays unused.
        self.end = self.head;
        self.head = 0;
        self.wrapped = true;
        length <= self.tail
    }

    /// Appends an entry that there is room for and answers its offset.
    pub(crate) fn append(&mut self, code: &[u8], known: &Known<'_>, expires: Seconds) -> u32 {
        let offset = self.head;
        let version;
        let (marker, record): (u16, &[u8]) = match known {
            Known::Link(packed) => (packed.len() as u16, packed),
            Known::Nothing { version: removed_by } => {
                version = removed_by.to_le_bytes();
                (NOTHING, &version)
            }
        };
        let entry = &mut self.bytes[offset..offset + HEADER + code.len() + record.len()];
        entry[0..2].copy_from_slice(&marker.to_le_bytes());
        entry[2] = code.len() as u8;
        entry[3] = 0;
        entry[4..8].copy_from_slice(&expires.to_le_bytes());
        entry[HEADER..HEADER + code.len()].copy_from_slice(code);
        entry[HEADER + code.len()..].copy_from_slice(record);
        self.head = offset + HEADER + code.len() + record.len();
        offset as u32
    }

    /// The oldest entry, or nothing when the ring is empty.
    pub(crate) fn oldest(&self) -> Option<(u32, Entry<'_>)> {
        if !self.wrapped && self.tail == self.head {
            return None;
        }
        Some((self.tail as u32, self.entry(self.tail as u32)))
    }

    /// Gives up the oldest entry.
    pub(crate) fn drop_oldest(&mut self) {
        let Some((_, entry)) = self.oldest() else { return };
        self.tail += entry.length;
        if self.wrapped && self.tail == self.end {
            self.tail = 0;
            self.wrapped = false;
        }
    }

    /// The entry at an offset that [`Ring::append`] gave and that has not been dropped.
    #[inline]
    pub(crate) fn entry(&self, offset: u32) -> Entry<'_> {
        let bytes = &self.bytes[offset as usize..];
        let marker = u16::from_le_bytes([bytes[0], bytes[1]]);
        let code_length = usize::from(bytes[2]);
        let record_length = if marker == NOTHING { size_of::<u64>() } else { usize::from(marker) };
        let code = &bytes[HEADER..HEADER + code_length];
        let record = &bytes[HEADER + code_length..HEADER + code_length + record_length];
        let known = match record.first_chunk() {
            Some(version) if marker == NOTHING => Known::Nothing { version: u64::from_le_bytes(*version) },
            _ => Known::Link(record),
        };
        Entry {
            code,
            known,
            expires: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            was_read: bytes[3] != 0,
            length: HEADER + code_length + record_length,
        }
    }

    /// Remembers that an entry was read.
    #[inline]
    pub(crate) fn mark_read(&mut self, offset: u32) {
        self.bytes[offset as usize + 3] = 1;
    }

    /// Calls `each` for all entries, the oldest first.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, Entry<'_>)) {
        let rounds = if self.wrapped {
            [(self.tail, self.end), (0, self.head)]
        } else {
            [(self.tail, self.head), (0, 0)]
        };
        for (mut at, end) in rounds {
            while at < end {
                let entry = self.entry(at as u32);
                let length = entry.length;
                each(at as u32, entry);
                at += length;
            }
        }
    }
}

fn entry_length(code: &[u8], known: &Known<'_>) -> usize {
    let record = match known {
        Known::Link(packed) => packed.len(),
        Known::Nothing { .. } => size_of::<u64>(),
    };
    HEADER + code.len() + record
}
