//! L0: a small cache of one core, in front of the one that all share. No lock, no sharing, direct-mapped.
//!
//! It exists for the few codes that most requests ask for: they cost one look at memory that this core has at
//! hand, instead of a lock and three misses.

use crate::entry::{Seconds, seconds};
use crate::shared_cache::{Held, SharedCache, hash_of};
use curtail_model::Timestamp;
use std::sync::Arc;

const SLOTS: usize = 4096;
/// Bytes of code and record together; longer ones are left
/// to L1. With the rest of a slot it makes four cache lines.
const INLINE: usize = 228;

struct Slot {
    hash: u64,
    expires: Seconds,
    generation: u32,
    total: u32,
    code_length: u8,
    bytes: [u8; INLINE],
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The packed record of the link.
    Link(&'a [u8]),
    /// There is no such link.
    Nothing,
    /// The store has to be asked. `stale` is a record whose time is over, for when it cannot be.
    Unknown {
        /// Whether [`CoreCache::stale`] holds a record.
        stale: bool,
    },
}

/// The cache of one core. Not shared: each thread has its own.
pub struct CoreCache {
    shared: Arc<SharedCache>,
    slots: Vec<Option<Box<Slot>>>,
    record: Vec<u8>,
}

impl CoreCache {
    /// The cache of a core in front of `shared`.
    pub fn new(shared: Arc<SharedCache>) -> CoreCache {
        CoreCache { shared, slots: (0..SLOTS).map(|_| None).collect(), record: Vec::with_capacity(512) }
    }

    /// What is known of a code.
    #[inline]
    pub fn look_up(&mut self, code: &[u8], now: Timestamp) -> Lookup<'_> {
        let hash = hash_of(code);
        let second = seconds(now);
        let place = (hash >> 16) as usize % SLOTS;
        // Read before L1 is: a change that comes between makes the slot stale, not wrong.
        let generation = self.shared.generations.of(hash);
        let is_here =
            self.slots[place].as_deref().is_some_and(|slot| slot.holds(hash, code, generation, second));
        if is_here && self.shared.lease.holds(now) {
            return Lookup::Link(self.slots[place].as_deref().map_or(&[], Slot::record));
        }
        let (held, is_settled) = self.shared.look(hash, code, now, &mut self.record);
        match held {
            Held::Link { expires } => {
                if is_settled && code.len() + self.record.len() <= INLINE {
                    self.fill(place, hash, code, expires, generation);
                }
                Lookup::Link(&self.record)
            }
            Held::Nothing => Lookup::Nothing,
            Held::StaleLink => Lookup::Unknown { stale: true },
            Held::Unknown => Lookup::Unknown { stale: false },
        }
    }

    /// The record of the last look-up that answered `Unknown { stale: true }`.
    pub fn stale(&self) -> &[u8] {
        &self.record
    }

    fn fill(&mut self, place: usize, hash: u64, code: &[u8], expires: Seconds, generation: u32) {
        let slot = self.slots[place].get_or_insert_with(|| {
            Box::new(Slot {
                hash: 0,
                expires: 0,
                generation: 0,
                total: 0,
                code_length: 0,
                bytes: [0; INLINE],
            })
        });
        slot.hash = hash;
        slot.expires = expires;
        slot.generation = generation;
        slot.total = (code.len() + self.record.len()) as u32;
        slot.code_length = code.len() as u8;
        slot.bytes[..code.len()].copy_from_slice(code);
        slot.bytes[code.len()..slot.total as usize].copy_from_slice(&self.record);
    }
}

impl Slot {
    #[inline]
    fn record(&self) -> &[u8] {
        &self.bytes[usize::from(self.code_length)..self.total as usize]
    }

    #[inline]
    fn holds(&self, hash: u64, code: &[u8], generation: u32, now: Seconds) -> bool {
        self.hash == hash
            && self.generation == generation
            && self.expires > now
            && &self.bytes[..usize::from(self.code_length)] == code
    }
}
