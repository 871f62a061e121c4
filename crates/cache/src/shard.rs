//! One of the parts of the shared cache: an index and a ring, used under one lock.
//!
//! Eviction is CLOCK, a segment of the ring at a time: of the oldest segment the entries go that nobody read since they
//! came round last; the others are given another round. Walks over unknown codes leave entries that nobody reads again,
//! so they push out little else.

use crate::entry::{Known, Seconds};
use crate::index::Index;
use crate::ring::{Ring, for_each_in};

/// The share of the bytes that the index may take: one of eight.
const INDEX_SHARE: usize = 8;

pub(crate) struct Shard {
    index: Index,
    ring: Ring,
    index_bytes_max: usize,
    hash_of: fn(&[u8]) -> u64,
    pub(crate) evicted: u64,
    pub(crate) refused: u64,
}

impl Shard {
    /// A shard of at most `bytes_max`, index included.
    pub(crate) fn new(bytes_max: usize, hash_of: fn(&[u8]) -> u64) -> Shard {
        let index_bytes_max = bytes_max / INDEX_SHARE;
        let ring = Ring::new(bytes_max - index_bytes_max);
        Shard { index: Index::new(), ring, index_bytes_max, hash_of, evicted: 0, refused: 0 }
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
            // A newer version is newer for ever. That there is nothing (version 0: the store's word, of no certain time) is
            // believed once the time of what was known before is over.
            let (is_older, is_undated) = (old.known.version() > known.version(), known.version() == 0);
            if is_older && (!is_undated || old.expires > now) {
                self.refused += 1;
                return false;
            }
            self.index.remove(hash, |candidate| candidate == offset);
        }
        if !Ring::fits(code, known) {
            return false;
        }
        self.make_room(code, known, now);
        let offset = self.ring.append(code, known, expires);
        self.index.insert(hash, offset);
        true
    }

    /// Entries and bytes in use, index included.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.index.len(), self.index.bytes() + self.ring.bytes())
    }

    /// Entries get one chance for each insertion: the second segment that has to go, goes whole.
    fn make_room(&mut self, code: &[u8], known: &Known<'_>, now: Seconds) {
        let mut keep = true;
        while !self.ring.has_room(code, known) {
            self.evict_segment(now, keep);
            keep = false;
        }
        if self.index.is_worn() {
            self.rebuild_as(self.index.fresh());
        }
        while self.index.is_full() {
            let larger = self.index.larger();
            if larger.bytes() <= self.index_bytes_max {
                self.rebuild_as(larger);
            } else {
                self.evict_segment(now, keep);
                keep = false;
            }
        }
    }

    fn evict_segment(&mut self, now: Seconds, keep: bool) {
        let Some((first, bytes, end)) = self.ring.take_oldest() else { return };
        for_each_in(&bytes, end, |at, entry| {
            let hash = (self.hash_of)(entry.code);
            let offset = first + at as u32;
            // Entries that were replaced are still in the ring, but nothing leads to them.
            if !self.index.remove(hash, |candidate| candidate == offset) {
                return;
            }
            if keep && entry.was_read && entry.expires > now {
                let moved = self.ring.append(entry.code, &entry.known, entry.expires);
                self.index.insert(hash, moved);
            } else {
                self.evicted += 1;
            }
        });
        self.ring.give_back(first, bytes);
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
