//! One of the parts of the shared cache: an index and a ring, used under one lock.
//!
//! Eviction is CLOCK on the ring: the oldest entry goes, unless it was read since it came round last; then it is given
//! another round. Walks over unknown codes leave entries that nobody reads again, so they push out no more than that.

use crate::entry::{Known, Seconds};
use crate::index::Index;
use crate::ring::Ring;

/// How many entries that were read may be given another round to make room for one. It bounds the time under the lock.
const SECOND_CHANCES: usize = 32;

pub(crate) struct Shard {
    index: Index,
    ring: Ring,
    index_bytes_max: usize,
    hash_of: fn(&[u8]) -> u64,
    scratch: Vec<u8>,
    chances: usize,
    pub(crate) evicted: u64,
    pub(crate) refused: u64,
}

impl Shard {
    /// A shard of at most `bytes_max`, index included.
    pub(crate) fn new(bytes_max: usize, hash_of: fn(&[u8]) -> u64) -> Shard {
        Shard {
            index: Index::new(),
            ring: Ring::new(bytes_max / 8 * 7),
            index_bytes_max: bytes_max / 8,
            hash_of,
            scratch: Vec::new(),
            chances: SECOND_CHANCES,
            evicted: 0,
            refused: 0,
        }
    }

    /// What is known of a code, and until when.
    #[inline]
    pub(crate) fn get(&mut self, hash: u64, code: &[u8]) -> Option<(Known<'_>, Seconds)> {
        let ring = &self.ring;
        let offset = self.index.find(hash, |offset| ring.entry(offset).code == code)?;
        self.ring.mark_read(offset);
        let entry = self.ring.entry(offset);
        Some((entry.known, entry.expires))
    }

    /// Remembers what is known of a code, unless something newer is. Answers whether it did.
    pub(crate) fn put(
        &mut self,
        hash: u64,
        code: &[u8],
        known: &Known<'_>,
        expires: Seconds,
        now: Seconds,
    ) -> bool {
        let ring = &self.ring;
        if let Some(offset) = self.index.find(hash, |offset| ring.entry(offset).code == code) {
            let old = self.ring.entry(offset);
            if old.expires > now && old.known.version() > known.version() {
                self.refused += 1;
                return false;
            }
            self.index.remove(hash, |candidate| candidate == offset);
        }
        if code.len() > usize::from(u8::MAX) || !self.ring.fits(code, known) {
            return false;
        }
        self.chances = SECOND_CHANCES;
        self.make_index_room(now);
        while !self.ring.room_for(code, known) {
            self.evict_oldest(now);
        }
        let offset = self.ring.append(code, known, expires);
        self.index.insert(hash, offset);
        true
    }

    /// Entries and bytes in use, index included.
    pub(crate) fn size(&self) -> (usize, usize) {
        let mut bytes = self.index.bytes();
        self.ring.for_each(|_, entry| bytes += 8 + entry.code.len() + record_length(&entry.known));
        (self.index.len(), bytes)
    }

    /// Grows the index within its share of the bytes; beyond it, entries go.
    fn make_index_room(&mut self, now: Seconds) {
        if self.index.is_worn() {
            self.rebuild_as(self.index.fresh());
        }
        while self.index.is_full() {
            let larger = self.index.larger();
            if larger.bytes() <= self.index_bytes_max {
                self.rebuild_as(larger);
            } else {
                self.evict_oldest(now);
            }
        }
    }

    fn evict_oldest(&mut self, now: Seconds) {
        let Some((offset, entry)) = self.ring.oldest() else { return };
        let hash = (self.hash_of)(entry.code);
        let keep = entry.was_read && entry.expires > now && self.chances > 0;
        let (expires, code_length) = (entry.expires, entry.code.len());
        let removal = match entry.known {
            Known::Link(_) => None,
            Known::Nothing { version } => Some(version),
        };
        if keep {
            self.scratch.clear();
            self.scratch.extend_from_slice(entry.code);
            if let Known::Link(packed) = entry.known {
                self.scratch.extend_from_slice(packed);
            }
        }
        // Entries that were replaced are still in the ring, but nothing leads to them.
        let was_current = self.index.remove(hash, |candidate| candidate == offset);
        self.ring.drop_oldest();
        if !was_current {
            return;
        }
        let (code, packed) = self.scratch.split_at(if keep { code_length } else { 0 });
        let known = removal.map_or(Known::Link(packed), |version| Known::Nothing { version });
        if keep && self.ring.room_for(code, &known) {
            self.chances -= 1;
            let moved = self.ring.append(code, &known, expires);
            self.index.insert(hash, moved);
        } else {
            self.evicted += 1;
        }
    }

    fn rebuild_as(&mut self, mut larger: Index) {
        let (index, hash_of) = (&self.index, self.hash_of);
        self.ring.for_each(|offset, entry| {
            let hash = hash_of(entry.code);
            if index.find(hash, |candidate| candidate == offset).is_some() {
                larger.insert(hash, offset);
            }
        });
        self.index = larger;
    }
}

fn record_length(known: &Known<'_>) -> usize {
    match known {
        Known::Link(packed) => packed.len(),
        Known::Nothing { .. } => size_of::<u64>(),
    }
}
