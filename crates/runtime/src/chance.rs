//! Chance for jitter, sampling and the like: quick, and good for nothing that must not be guessed.

use std::hash::{BuildHasher, RandomState};

/// A row of random numbers. SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The row that begins with `seed`.
    pub const fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// A row of its own.
    pub fn of_its_own() -> Chance {
        Chance(RandomState::new().hash_one(0_u8))
    }

    /// A number from 0 up to, and without, 1.
    pub fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
