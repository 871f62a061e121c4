//! L1: the cache that all cores of a process share. Bounded in bytes, index included.
//!
//! Up to 64 shards, each under a lock that is held for one look-up or one insertion; what is found is copied out, so no
//! reference outlives the lock. The locks are seldom contended, because the per-core caches answer for the hot codes.

use crate::entry::{Known, Lifetimes, Seconds, seconds};
use crate::generations::Generations;
use crate::shard::Shard;
use curtail_model::Timestamp;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const SHARDS_MAX: usize = 64;
/// A shard smaller than this would have too few segments to tell old entries from new ones.
const SHARD_BYTES_MIN: usize = 256 * 1024;

/// A layer of the cache behind the cores' own: what it promises, whatever it is made of.
///
/// - It never holds more than its limit.
/// - A newer version replaces an older one; an older one is refused.
/// - What has expired is not given out as fresh, and reading never extends a life.
pub trait Layer: Send + Sync {
    /// Looks a code up and copies its packed record into `record`, replacing what is there.
    fn get(&self, code: &str, now: Timestamp, record: &mut Vec<u8>) -> Held;

    /// Remembers the packed record of a code. Answers whether it was kept; a newer one wins.
    fn put(&self, code: &str, packed: &[u8], now: Timestamp) -> bool;

    /// Remembers that a code has no link: as of the change `version` that removed it, or 0 when only the absence itself
    /// is known (which any known link beats).
    fn put_nothing(&self, code: &str, version: u64, now: Timestamp) -> bool;
}

/// What a layer holds for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A link, good until this second.
    Link {
        /// When it expires.
        expires: Seconds,
    },
    /// The knowledge that there is no link.
    Nothing,
    /// A link whose time is over: to be served only when the store cannot be asked.
    StaleLink,
    /// Nothing either way.
    Unknown,
}

/// How full the cache is and what it has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Codes that it knows something of.
    pub entries: usize,
    /// Bytes in use, index included.
    pub bytes: usize,
    /// Entries that made room for others.
    pub evicted: u64,
    /// Fills that were refused because something newer was known.
    pub refused: u64,
}

/// The process-wide cache.
pub struct SharedCache {
    shards: Box<[Mutex<Shard>]>,
    lifetimes: Lifetimes,
    pub(crate) generations: Generations,
}

impl SharedCache {
    /// A cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize, lifetimes: Lifetimes) -> SharedCache {
        let count = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
        let shards = (0..count).map(|_| Mutex::new(Shard::new(bytes_max / count, hash_of))).collect();
        SharedCache { shards, lifetimes, generations: Generations::new() }
    }

    /// How full it is and what it has done.
    pub fn statistics(&self) -> Statistics {
        self.shards.iter().fold(Statistics::default(), |sum, shard| {
            let shard = lock(shard);
            let (entries, bytes) = shard.size();
            Statistics {
                entries: sum.entries + entries,
                bytes: sum.bytes + bytes,
                evicted: sum.evicted + shard.evicted,
                refused: sum.refused + shard.refused,
            }
        })
    }

    #[inline]
    pub(crate) fn look(&self, hash: u64, code: &[u8], now: Seconds, record: &mut Vec<u8>) -> Held {
        record.clear();
        let mut shard = lock(self.shard(hash));
        match shard.get(hash, code) {
            None => Held::Unknown,
            Some((Known::Nothing { .. }, expires)) if expires > now => Held::Nothing,
            Some((Known::Nothing { .. }, _)) => Held::Unknown,
            Some((Known::Link(packed), expires)) => {
                record.extend_from_slice(packed);
                if expires > now { Held::Link { expires } } else { Held::StaleLink }
            }
        }
    }

    fn keep(&self, code: &str, known: &Known<'_>, now: Timestamp) -> bool {
        let hash = hash_of(code.as_bytes());
        let now = seconds(now);
        let expires = self.lifetimes.expiry(known, hash, now);
        let kept = lock(self.shard(hash)).put(hash, code.as_bytes(), known, expires, now);
        self.generations.advance(hash);
        kept
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[hash as usize % self.shards.len()]
    }
}

impl Layer for SharedCache {
    fn get(&self, code: &str, now: Timestamp, record: &mut Vec<u8>) -> Held {
        self.look(hash_of(code.as_bytes()), code.as_bytes(), seconds(now), record)
    }

    fn put(&self, code: &str, packed: &[u8], now: Timestamp) -> bool {
        self.keep(code, &Known::Link(packed), now)
    }

    fn put_nothing(&self, code: &str, version: u64, now: Timestamp) -> bool {
        self.keep(code, &Known::Nothing { version }, now)
    }
}

/// The hash of a code, seeded once per process so that nobody outside can make codes collide.
#[inline]
pub(crate) fn hash_of(code: &[u8]) -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one("curtail")
    });
    xxh3_64_with_seed(code, seed)
}

/// A panic under this lock leaves at worst an entry that nothing leads to, so the cache goes on.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
