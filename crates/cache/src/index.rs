//! The index of a shard: from the hash of a code to the offset of its entry in the ring.
//!
//! One bucket is one cache line: twelve one-byte tags, twelve offsets. A look-up reads the bucket that the
//! hash names and compares tags before it touches an entry; a bucket that was ever full sends it on to the
//! next one. At a load of 0.6 to 0.8 a link costs seven to nine bytes here.

const SLOTS: usize = 12;
const EMPTY: u8 = 0;

/// Fill the index to this share before it grows, and by this factor: small steps keep it tight.
const LOAD_MAX: f64 = 0.80;
const GROWTH: f64 = 1.25;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket {
    offsets: [u32; SLOTS],
    tags: [u8; SLOTS],
    overflowed: bool,
}

const EMPTY_BUCKET: Bucket = Bucket { offsets: [0; SLOTS], tags: [EMPTY; SLOTS], overflowed: false };

pub(crate) struct Index {
    buckets: Vec<Bucket>,
    used: usize,
    removed: usize,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index::with_buckets(2)
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    /// How many entries it leads to.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Whether it should be rebuilt larger before the next insertion.
    pub(crate) fn is_full(&self) -> bool {
        self.used as f64 >= (self.buckets.len() * SLOTS) as f64 * LOAD_MAX
    }

    /// An empty index with room for more than this one has.
    pub(crate) fn larger(&self) -> Index {
        let buckets = (self.buckets.len() as f64 * GROWTH) as usize + 1;
        Index::with_buckets(buckets)
    }

    /// Whether so much was removed that the marks of buckets that were once full lead look-ups astray.
    pub(crate) fn is_worn(&self) -> bool {
        self.removed > 2 * SLOTS * self.buckets.len()
    }

    /// An empty index of the same size.
    pub(crate) fn fresh(&self) -> Index {
        Index::with_buckets(self.buckets.len())
    }

    fn with_buckets(buckets: usize) -> Index {
        Index { buckets: vec![EMPTY_BUCKET; buckets], used: 0, removed: 0 }
    }

    /// The offset for `hash` that `is_it` confirms.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.slot_of(hash, &mut is_it).map(|(bucket, slot)| self.buckets[bucket].offsets[slot])
    }

    /// Adds an offset for `hash`; there must be none for the same code.
    pub(crate) fn insert(&mut self, hash: u64, offset: u32) {
        let mut at = self.home(hash);
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(slot) = bucket.tags.iter().position(|&tag| tag == EMPTY) {
                bucket.tags[slot] = tag_of(hash);
                bucket.offsets[slot] = offset;
                self.used += 1;
                return;
            }
            bucket.overflowed = true;
            at = self.next(at);
        }
    }

    /// Removes the offset for `hash` that `is_it` confirms. Answers whether there was one.
    pub(crate) fn remove(&mut self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> bool {
        let Some((bucket, slot)) = self.slot_of(hash, &mut is_it) else { return false };
        self.buckets[bucket].tags[slot] = EMPTY;
        self.used -= 1;
        self.removed += 1;
        true
    }

    #[inline]
    fn slot_of(&self, hash: u64, is_it: &mut impl FnMut(u32) -> bool) -> Option<(usize, usize)> {
        let tag = tag_of(hash);
        let mut at = self.home(hash);
        for _ in 0..self.buckets.len() {
            let bucket = &self.buckets[at];
            for slot in 0..SLOTS {
                if bucket.tags[slot] == tag && is_it(bucket.offsets[slot]) {
                    return Some((at, slot));
                }
            }
            if !bucket.overflowed {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    /// Maps a hash to a bucket without division (Lemire, "Fast Random Integer
    /// Generation in an Interval", 2019). Shards are chosen by the low bits and tags
    /// come from the lowest byte above them, so the high bits are free for this.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.buckets.len() as u128) >> 64) as usize
    }

    fn next(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets.len() { 0 } else { bucket + 1 }
    }
}

#[inline]
fn tag_of(hash: u64) -> u8 {
    ((hash >> 8) as u8).max(1)
}
