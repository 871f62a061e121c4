//! One of the parts of the shared cache: an index and a ring, used under one lock.
//!
//! Eviction is CLOCK, a segment of the ring at a time: of the oldest segment the entries go that nobody read
//! since they came round last; the others are given another round. Walks over unknown codes leave entries
//! that nobody reads again, so they push out little else.

use crate::entry::{Known, Lifetimes, Times, seconds};
use crate::index::Index;
use crate::ring::{Ring, for_each_in};
use curtail_model::Timestamp;
use curtail_store::AGE_MAX_MILLIS;

/// The share of the bytes that the index may take: one of eight.
const INDEX_SHARE: usize = 8;

/// What an entry is put in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// This process changed the link.
    Change,
    /// Another did. Matters only where something is known of the code.
    News,
    /// The store was asked. Whether it was overtaken by a change under the same hash tells only where there
    /// is nothing to compare with: a link is there then for when the store cannot be asked again.
    Fill {
        /// Whether it was.
        overtaken: bool,
    },
}

pub(crate) struct Shard {
    index: Index,
    ring: Ring,
    lifetimes: Lifetimes,
    index_bytes_max: usize,
    hash_of: fn(&[u8]) -> u64,
    pub(crate) evicted: u64,
    pub(crate) refused: u64,
}

impl Shard {
    /// A shard of at most `bytes_max`, index included.
    pub(crate) fn new(bytes_max: usize, lifetimes: Lifetimes, hash_of: fn(&[u8]) -> u64) -> Shard {
        let index_bytes_max = bytes_max / INDEX_SHARE;
        let ring = Ring::new(bytes_max - index_bytes_max);
        Shard { index: Index::new(), ring, lifetimes, index_bytes_max, hash_of, evicted: 0, refused: 0 }
    }

    /// What is known of a code, since when and until when.
    #[inline]
    pub(crate) fn get(&mut self, hash: u64, code: &[u8]) -> Option<(Known<'_>, Times)> {
        let ring = &self.ring;
        let offset = self.index.find(hash, |offset| ring.entry(offset).code == code)?;
        self.ring.mark_read(offset);
        let entry = self.ring.entry(offset);
        Some((entry.known, entry.times))
    }

    /// Remembers what is known of a code, unless something
    /// newer is. Answers whether it may be served from here.
    pub(crate) fn put(
        &mut self,
        hash: u64,
        code: &[u8],
        known: &Known<'_>,
        times: Times,
        at: Timestamp,
        reason: Reason,
    ) -> bool {
        let ring = &self.ring;
        if let Some(offset) = self.index.find(hash, |offset| ring.entry(offset).code == code) {
            let old = self.ring.entry(offset);
            // A lower version never replaces a higher one, whenever it comes. "There is
            // nothing" as the store says it has no version (0), so it is not known which
            // is newer: it replaces an entry that has expired, or that is older than a
            // replica may be behind, because the store would know of that link by now.
            let (is_older, is_undated) = (old.known.version() > known.version(), known.version() == 0);
            let age = at.millis() - self.lifetimes.asked(&old.known, hash, old.times).millis();
            let is_past = old.times.expires <= seconds(at) || age > AGE_MAX_MILLIS;
            // Of what was called in doubt the store has to have been
            // asked since, though the version may be the same after all.
            let is_same = old.known.version() == known.version();
            let is_doubtful =
                is_same && old.times == Times::OVER && reason == Reason::Fill { overtaken: true };
            if (is_older && !(is_undated && is_past)) || is_doubtful {
                self.refused += 1;
                return false;
            }
            if is_same && times == Times::OVER && matches!(old.known, Known::Link(_)) {
                // Not to be believed any more; still better than nothing while the store is away.
                self.ring.set_times(offset, Times::OVER);
                return true;
            }
            self.index.remove(hash, |candidate| candidate == offset);
        } else if reason == Reason::News {
            return false;
        } else if reason == (Reason::Fill { overtaken: true }) {
            // It may be old, so it has to be asked for again;
            // still better than nothing while the store is away.
            self.refused += 1;
            if matches!(known, Known::Link(_)) {
                self.insert(hash, code, known, Times::OVER, at);
            }
            return false;
        }
        self.insert(hash, code, known, times, at)
    }

    /// Puts in what nothing is known of. Answers whether it fits.
    fn insert(&mut self, hash: u64, code: &[u8], known: &Known<'_>, times: Times, at: Timestamp) -> bool {
        if !Ring::fits(code, known) {
            return false;
        }
        self.make_room(code, known, at);
        let offset = self.ring.append(code, known, times);
        self.index.insert(hash, offset);
        true
    }

    /// Entries and bytes in use, index included.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.index.len(), self.index.bytes() + self.ring.bytes())
    }

    /// Entries get one chance for each insertion: the second segment that has to go, goes whole.
    fn make_room(&mut self, code: &[u8], known: &Known<'_>, now: Timestamp) {
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

    fn evict_segment(&mut self, now: Timestamp, keep: bool) {
        let Some((first, bytes, end)) = self.ring.take_oldest() else { return };
        for_each_in(&bytes, end, |at, entry| {
            let hash = (self.hash_of)(entry.code);
            let offset = first + at as u32;
            // Entries that were replaced are still in the ring, but nothing leads to them.
            if !self.index.remove(hash, |candidate| candidate == offset) {
                return;
            }
            if keep && entry.was_read && entry.times.expires > seconds(now) {
                let moved = self.ring.append(entry.code, &entry.known, entry.times);
                self.index.insert(hash, moved);
            } else {
                self.evicted += 1;
            }
        });
        self.ring.give_back(first, bytes);
    }

    fn rebuild_as(&mut self, mut fresh: Index) {
        let (index, hash_of) = (&self.index, self.hash_of);
        self.ring.for_each(|offset, entry| {
            let hash = hash_of(entry.code);
            if index.find(hash, |candidate| candidate == offset).is_some() {
                fresh.insert(hash, offset);
            }
        });
        self.index = fresh;
    }
}
