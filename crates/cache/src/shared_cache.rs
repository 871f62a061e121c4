//! L1: the cache that all cores of a process share. Bounded in bytes, index included.
//!
//! Up to 64 shards, each under a lock that is held for one look-up or one insertion;
//! what is found is copied out, so no reference outlives the lock. The locks are
//! seldom contended, because the per-core caches answer for the hot codes.

use crate::entry::{Known, Lifetimes, Seconds, Times, seconds};
use crate::freshness_lease::{FreshnessLease, NewestAsked, RECENT_MILLIS};
use crate::generations::{Changes, Generations};
use crate::shard::{Reason, Shard};
use curtail_model::Timestamp;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const SHARDS_MAX: usize = 64;
/// A shard smaller than this would have too few segments to tell old entries from new ones.
const SHARD_BYTES_MIN: usize = 256 * 1024;

/// What it holds for a code.
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
///
/// - It never holds more than its limit.
/// - A newer version replaces an older one; an older one is refused.
/// - What has expired is not given out as fresh, and reading never extends a life.
pub struct SharedCache {
    shards: Box<[Mutex<Shard>]>,
    lifetimes: Lifetimes,
    changes: Changes,
    newest_asked: NewestAsked,
    pub(crate) generations: Generations,
    pub(crate) lease: FreshnessLease,
}

impl SharedCache {
    /// A cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize, lifetimes: Lifetimes) -> SharedCache {
        let count = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
        let shards =
            (0..count).map(|_| Mutex::new(Shard::new(bytes_max / count, lifetimes, hash_of))).collect();
        SharedCache {
            shards,
            lifetimes,
            changes: Changes::new(),
            newest_asked: NewestAsked::new(),
            generations: Generations::new(),
            lease: FreshnessLease::endless(),
        }
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

    /// Looks a code up and copies its packed record into `record`, replacing what is there.
    pub fn get(&self, code: &str, now: Timestamp, record: &mut Vec<u8>) -> Held {
        self.look(hash_of(code.as_bytes()), code.as_bytes(), now, record).0
    }

    /// Remembers the packed record of a code. Answers whether it was kept; a newer one wins.
    pub fn put(&self, code: &str, packed: &[u8], now: Timestamp) -> bool {
        self.keep(code, &Known::Link(packed), now)
    }

    /// Remembers that a code has no link: as of the change `version` that
    /// removed it, or 0 when only the absence itself is known, which is believed
    /// where no link is known that is younger than a replica may be behind.
    pub fn put_nothing(&self, code: &str, version: u64, now: Timestamp) -> bool {
        self.keep(code, &Known::Nothing { version }, now)
    }

    /// Remembers what the store said when it was asked at `asked`: the packed record
    /// of a code, or that there is none. Refused as by [`SharedCache::put`], and
    /// when a change may have come in between that nothing here tells of any more.
    pub(crate) fn fill(&self, code: &str, found: Option<&[u8]>, asked: Timestamp) -> bool {
        let hash = hash_of(code.as_bytes());
        let known = found.map_or(Known::Nothing { version: 0 }, Known::Link);
        let times = self.lifetimes.times(&known, hash, asked);
        self.newest_asked.note(asked);
        let mut shard = lock(self.shard(hash));
        // Looked at under the lock: see `learn`.
        let overtaken = self.changes.last(hash) >= asked;
        let kept = shard.put(hash, code.as_bytes(), &known, times, asked, Reason::Fill { overtaken });
        drop(shard);
        self.generations.advance(hash);
        kept
    }

    /// Remembers a link as a copy of the store has it that may be behind, until the end of this second: so
    /// that many who ask for one link ask for it once. Where something has just changed that would make two
    /// seconds of one, so there it is stale at once. Answers whether nothing newer is known of the code.
    pub(crate) fn fill_briefly(&self, code: &str, packed: &[u8], now: Timestamp) -> bool {
        let times = Times { expires: seconds(now).saturating_add(1), fraction: 0 };
        self.fill_unless_newer(code, packed, now, |last_change| {
            let is_settled = now >= last_change.plus_millis(RECENT_MILLIS);
            if is_settled {
                (times, Reason::Fill { overtaken: false })
            } else {
                (Times::OVER, Reason::LastResort)
            }
        })
    }

    /// Remembers a link of whatever age, to be served again when nobody can be asked. Answers whether nothing
    /// newer is known of the code.
    pub(crate) fn fill_stale(&self, code: &str, packed: &[u8], now: Timestamp) -> bool {
        self.fill_unless_newer(code, packed, now, |_| (Times::OVER, Reason::LastResort))
    }

    /// Remembers a link as `how` says, given when something last changed under the hash of its code.
    fn fill_unless_newer(
        &self,
        code: &str,
        packed: &[u8],
        now: Timestamp,
        how: impl FnOnce(Timestamp) -> (Times, Reason),
    ) -> bool {
        let (hash, known) = (hash_of(code.as_bytes()), Known::Link(packed));
        let mut shard = lock(self.shard(hash));
        if shard.knows_newer(hash, code.as_bytes(), &known) {
            return false;
        }
        // Looked at under the lock: see `learn`.
        let (times, reason) = how(self.changes.last(hash));
        shard.put(hash, code.as_bytes(), &known, times, now, reason);
        drop(shard);
        self.generations.advance(hash);
        true
    }

    /// Whether more is known of a code than this record of it says.
    pub(crate) fn knows_newer(&self, code: &str, packed: &[u8]) -> bool {
        let (hash, known) = (hash_of(code.as_bytes()), Known::Link(packed));
        lock(self.shard(hash)).knows_newer(hash, code.as_bytes(), &known)
    }

    /// Whether something may have changed about a code so lately that a copy of the store need not know.
    pub(crate) fn has_just_changed(&self, code: &str, now: Timestamp) -> bool {
        let last = self.changes.last(hash_of(code.as_bytes()));
        now < last.plus_millis(RECENT_MILLIS)
    }

    /// Whether what it holds may be served unchecked, because this process hears of all changes.
    pub(crate) fn has_lease(&self, now: Timestamp) -> bool {
        self.lease.holds(now)
    }

    /// What is known of a code, and whether that is good for as long as the lease holds.
    #[inline]
    pub(crate) fn look(&self, hash: u64, code: &[u8], now: Timestamp, record: &mut Vec<u8>) -> (Held, bool) {
        record.clear();
        let mut shard = lock(self.shard(hash));
        let Some((known, times)) = shard.get(hash, code) else { return (Held::Unknown, false) };
        let asked = self.lifetimes.asked(&known, hash, times);
        let is_fresh = times.expires > seconds(now) && self.lease.may_serve(asked, now);
        let held = match known {
            Known::Nothing { .. } if is_fresh => Held::Nothing,
            Known::Nothing { .. } => Held::Unknown,
            Known::Link(packed) => {
                record.extend_from_slice(packed);
                if is_fresh { Held::Link { expires: times.expires } } else { Held::StaleLink }
            }
        };
        (held, self.lease.is_settled(asked))
    }

    fn keep(&self, code: &str, known: &Known<'_>, now: Timestamp) -> bool {
        let hash = hash_of(code.as_bytes());
        let times = self.lifetimes.times(known, hash, now);
        self.newest_asked.note(now);
        self.changes.note(hash, now);
        let kept = lock(self.shard(hash)).put(hash, code.as_bytes(), known, times, now, Reason::Change);
        self.generations.advance(hash);
        kept
    }

    /// Learns that another node changed a link: what it is now where that is told, else only that nothing
    /// older is right. Of this very version the store has to be asked then: it may have got another one.
    pub(crate) fn learn(&self, code: &str, version: u64, record: Option<&[u8]>, now: Timestamp) {
        let hash = hash_of(code.as_bytes());
        let (known, times) = match record {
            Some(packed) => {
                let known = Known::Link(packed);
                (known, self.lifetimes.times(&known, hash, now))
            }
            None => (Known::Nothing { version }, Times::OVER),
        };
        self.newest_asked.note(now);
        // The order matters: a fill that does not find this note has been put in by now, and is replaced.
        self.changes.note(hash, now);
        lock(self.shard(hash)).put(hash, code.as_bytes(), &known, times, now, Reason::News);
        self.generations.advance(hash);
    }

    /// Until `until`, what is remembered may be served unchecked. In a
    /// process that hears of nobody's changes but its own that is for ever.
    pub(crate) fn renew_lease(&self, until: Timestamp) {
        self.lease.renew(until);
    }

    /// Believes nothing from before `now`, nor what is there
    /// already and seems to be younger: something was missed.
    pub(crate) fn suspect(&self, now: Timestamp) {
        self.lease.suspect(self.newest_asked.or(now));
        self.generations.advance_all();
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[hash as usize % self.shards.len()]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::packed;

    #[test]
    fn when_the_clock_goes_back_nothing_from_before_passes_for_young_or_for_asked_after_a_hole() {
        let cache = SharedCache::new(1 << 20, Lifetimes { link: 1_000, negative: 10 });
        let before = Timestamp::from_seconds(1_000_000);
        let after = before.plus_millis(-600_000);
        let record = packed(1, 1, "https://example.com/");
        cache.put("code", &record, before);
        let is_served = |now| matches!(cache.get("code", now, &mut Vec::new()), Held::Link { .. });
        cache.renew_lease(Timestamp::from_millis(i64::MIN));
        assert!(is_served(before.plus_millis(500)), "it is young");
        assert!(!is_served(after), "nobody knows how old it is");
        cache.renew_lease(after.plus_millis(10_000));
        assert!(is_served(after), "all that changed since was heard");
        cache.suspect(after.plus_millis(curtail_store::AGE_MAX_MILLIS));
        assert!(!is_served(after.plus_millis(2_000)), "what was missed may have been about it");
        cache.put("code", &record, after.plus_millis(3_000));
        assert!(is_served(after.plus_millis(3_000)), "it was asked for anew");
    }

    #[test]
    fn what_may_have_been_overtaken_is_kept_for_when_nobody_can_be_asked() {
        let cache = SharedCache::new(1 << 20, Lifetimes { link: 1_000, negative: 10 });
        let now = Timestamp::from_seconds(1_000_000);
        let record = packed(1, 1, "https://example.com/");
        let held = |code| cache.get(code, now, &mut Vec::new());
        for code in ["asked", "behind", "last resort", "gone"] {
            cache.learn(code, 1, Some(&record), now);
            assert_eq!(held(code), Held::Unknown, "nobody here asked for it");
        }
        assert!(!cache.fill("asked", Some(&record), now));
        assert!(cache.fill_briefly("behind", &record, now));
        assert!(cache.fill_stale("last resort", &record, now));
        assert!(!cache.fill("gone", None, now));
        assert_eq!(["asked", "behind", "last resort"].map(held), [Held::StaleLink; 3]);
        assert_eq!(held("gone"), Held::Unknown);
        // It keeps nothing away that is newer, nor makes anything stale that is not.
        assert!(cache.fill("asked", Some(&record), now.plus_millis(1)));
        assert!(cache.fill_stale("asked", &record, now));
        assert!(cache.fill_briefly("asked", &record, now));
        assert!(matches!(held("asked"), Held::Link { .. }));
        // Newer than what is known it is kept, and it takes the place of no newer knowledge.
        let newer = packed(1, 2, "https://example.com/newer");
        assert!(cache.fill_stale("asked", &newer, now));
        assert_eq!(held("asked"), Held::StaleLink);
        cache.put_nothing("asked", 3, now);
        assert!(!cache.fill_stale("asked", &newer, now) && !cache.fill_briefly("asked", &newer, now));
        assert!(cache.knows_newer("asked", &newer));
        assert_eq!(held("asked"), Held::Nothing);
    }
}
