//! Buckets: the 4096 parts that links are dealt into from the first day, so that sharding later moves data
//! but never changes an id or a code.

/// One of the [`Bucket::COUNT`] parts of all links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u16);

impl Bucket {
    /// Bits of an id that name its bucket.
    pub const BITS: u32 = 12;
    /// How many buckets there are; fixed for ever, because ids carry them.
    pub const COUNT: u16 = 1 << Self::BITS;

    /// The bucket that the low bits of `raw` name.
    pub const fn from_low_bits(raw: u64) -> Bucket {
        Bucket((raw & (Self::COUNT as u64 - 1)) as u16)
    }

    /// Its number, below [`Bucket::COUNT`].
    pub const fn number(self) -> u16 {
        self.0
    }
}
