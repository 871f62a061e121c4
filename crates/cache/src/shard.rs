//! One of the parts of the shared cache: an index and a ring, used under one lock.
//!
//! Eviction is CLOCK, a segment of the ring at a time: of the oldest segment the entries go that nobody read
//! since they came round last; the others are given another round. Walks over unknown codes leave entries
//! that nobody reads again, so they push out little else.

use crate::entry::{Known, Lifetimes, Times, seconds};
use crate::index::Index;
use crate::ring::{Entry, Ring, for_each_in};
use curtail_model::Timestamp;
use curtail_store::AGE_MAX_MILLIS;
use std::cmp::Ordering;

/// The share of the bytes that the index may take: one of eight.
const INDEX_SHARE: usize = 8;

/// What an entry is put in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// This process changed the link.
    Change,
    /// Another did. Matters only where something is known of the code.
    News,
    /// The store was asked.
    Fill {
        /// Whether something changed under the same hash since. Then it may be old where no higher version is
        /// there to say so: such a link is kept as stale, and confirms nothing that is in doubt.
        overtaken: bool,
    },
    /// The store could not be asked, and something else told of a link: kept as stale.
    LastResort,
}

/// What is done with something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is what will be served.
    Take,
    /// It, or the same as it is here, is served only when the store cannot be asked.
    MakeStale,
    /// All stays as it is.
    Refuse,
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

    /// Whether something of a higher version than this is known of a code.
    pub(crate) fn knows_newer(&mut self, hash: u64, code: &[u8], known: &Known<'_>) -> bool {
        self.get(hash, code).is_some_and(|(old, _)| old.version() > known.version())
    }

    /// Remembers what is known of a code, unless something newer is.
    /// Answers whether it is what will be served from here.
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
        let old = self.index.find(hash, |offset| ring.entry(offset).code == code);
        let verdict = match old {
            Some(offset) => {
                let old = self.ring.entry(offset);
                let age = at.millis() - self.lifetimes.asked(&old.known, hash, old.times).millis();
                let is_past = old.times.expires <= seconds(at) || age > AGE_MAX_MILLIS;
                beside(&old, is_past, known, times, reason)
            }
            None => beside_nothing(known, reason),
        };
        if let (Verdict::Refuse | Verdict::MakeStale, Reason::Fill { .. }) = (verdict, reason) {
            self.refused += 1;
        }
        match (verdict, old) {
            (Verdict::Refuse, _) => false,
            (Verdict::MakeStale, Some(offset)) => {
                self.ring.set_times(offset, Times::OVER);
                false
            }
            (Verdict::MakeStale, None) => {
                self.insert(hash, code, known, Times::OVER, at);
                false
            }
            (Verdict::Take, None) => self.insert(hash, code, known, times, at),
            (Verdict::Take, Some(offset)) => {
                self.index.remove(hash, |candidate| candidate == offset);
                self.insert(hash, code, known, times, at)
            }
        }
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

/// What becomes of something new about a code of which something is known; `is_past` says that this has
/// expired or is older than a replica may be behind.
fn beside(old: &Entry<'_>, is_past: bool, known: &Known<'_>, times: Times, reason: Reason) -> Verdict {
    let was_link = matches!(old.known, Known::Link(_));
    let was_over = old.times == Times::OVER;
    match old.known.version().cmp(&known.version()) {
        Ordering::Less => Verdict::Take,
        // A lower version never replaces a higher one, whenever it comes. "There is nothing" as the store
        // says it has no version (0), so it is not known which is newer: it replaces what is past, because
        // the store would know of that link by now.
        Ordering::Greater if known.version() == 0 && is_past => Verdict::Take,
        Ordering::Greater => Verdict::Refuse,
        // The same link again, stale: nothing new.
        Ordering::Equal if was_link && reason == Reason::LastResort => Verdict::Refuse,
        // Not to be believed any more; still better than nothing while the store is away.
        Ordering::Equal if was_link && times == Times::OVER => Verdict::MakeStale,
        // Of what was called in doubt the store has to have been asked since, though the version may be the
        // same after all.
        Ordering::Equal if was_over && reason == (Reason::Fill { overtaken: true }) => Verdict::Refuse,
        Ordering::Equal => Verdict::Take,
    }
}

/// What becomes of something new about a code of which nothing is known.
fn beside_nothing(known: &Known<'_>, reason: Reason) -> Verdict {
    match (reason, known) {
        (Reason::News, _) | (Reason::Fill { overtaken: true }, Known::Nothing { .. }) => Verdict::Refuse,
        (Reason::Fill { overtaken: true }, Known::Link(_)) => Verdict::MakeStale,
        (Reason::Change | Reason::Fill { overtaken: false } | Reason::LastResort, _) => Verdict::Take,
    }
}
