//! Which texts a segment holds already, so that a user agent that comes a million times is written once.
//!
//! An open-addressing table of 16-byte slots that refer to the segment's own bytes: a text that is known
//! costs a hash and a comparison, and a new segment costs nothing, because slots carry the generation they
//! belong to. The hash is seeded per process: texts come from outside and must not be able to collide on
//! purpose.

use crate::journal::mapped::Writer;
use crate::journal::record::{TEXT_BYTES_MAX, TEXT_PREFIX_BYTES, encode_text};
use foldhash::quality::RandomState;
use std::hash::BuildHasher;
use xxhash_rust::xxh3::xxh3_64;

const SLOTS_MIN: usize = 1 << 10;

/// The texts of the segment that is being written.
#[derive(Debug)]
pub(crate) struct Dictionary {
    slots: Vec<Slot>,
    generation: u16,
    hasher: RandomState,
    /// By id, from 1 on: what stands for the text in a visitor's
    /// hash, the same on all cores and after a restart.
    digests: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    /// Where the bytes of the text begin in the segment.
    offset: u32,
    length: u16,
    id: u16,
    /// The slot is free unless this is the dictionary's.
    generation: u16,
}

impl Dictionary {
    pub(crate) fn new() -> Dictionary {
        Dictionary {
            slots: vec![Slot::default(); SLOTS_MIN],
            generation: 1,
            hasher: RandomState::default(),
            digests: Vec::with_capacity(SLOTS_MIN / 2),
        }
    }

    /// Forgets all texts, for a new segment.
    pub(crate) fn clear(&mut self) {
        self.digests.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            // Slots of the first generations would look alive again.
            self.slots.fill(Slot::default());
            self.generation = 1;
        }
    }

    /// Whether `more` texts can still get an id.
    #[inline]
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.digests.len() + more <= usize::from(u16::MAX)
    }

    /// A number for the text with this id; 0 for none.
    #[inline]
    pub(crate) fn digest(&self, id: u16) -> u64 {
        if id == 0 { 0 } else { self.digests[usize::from(id) - 1] }
    }

    /// The id of a text, cut to its longest form; a new text
    /// is added to the segment first. 0 for an empty one.
    #[inline]
    pub(crate) fn id(&mut self, text: &[u8], writer: &mut Writer, seed: u32) -> u16 {
        if text.is_empty() {
            return 0;
        }
        let text = &text[..text.len().min(TEXT_BYTES_MAX)];
        let hash = self.hasher.hash_one(text) as u32;
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.generation != self.generation {
                return self.add(text, hash, writer, seed);
            }
            if slot.hash == hash
                && usize::from(slot.length) == text.len()
                && writer.added(slot.offset as usize, text.len()) == text
            {
                return slot.id;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn add(&mut self, text: &[u8], hash: u32, writer: &mut Writer, seed: u32) -> u16 {
        if (self.digests.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.digests.push(xxh3_64(text));
        let id = self.digests.len() as u16;
        let offset = (writer.end() + TEXT_PREFIX_BYTES) as u32;
        let (record, length) = encode_text(id, text, seed);
        writer.append(&record[..length]);
        self.insert(Slot { hash, offset, length: text.len() as u16, id, generation: self.generation });
        id
    }

    fn insert(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = slot.hash as usize & mask;
        while self.slots[at].generation == self.generation {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let wider = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, wider);
        let generation = self.generation;
        for slot in old.into_iter().filter(|slot| slot.generation == generation) {
            self.insert(slot);
        }
    }
}
