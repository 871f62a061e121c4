//! A keyed permutation of `0..size`: a balanced Feistel network over the next even power of two, walked along
//! its cycle until it lands inside the domain.
//!
//! The construction is the generalised Feistel cipher of Black and Rogaway, "Ciphers with Arbitrary Finite
//! Domains" (CT-RSA 2002): a network over `2^(2w) >= size` is a bijection, and following it from a point
//! inside the domain comes back inside after `2^(2w) / size <= 4` steps on average, which keeps it a
//! bijection of the domain. Eight rounds with a keyed 64-bit mixer hide order and volume from people who see
//! codes; it is no encryption of secrets.

/// Rounds of the network. Luby and Rackoff need four for a strong pseudo-random permutation with ideal
/// rounds; twice as many make up for a mixer that is not ideal.
const ROUNDS: usize = 8;

/// A permutation of the numbers below its size. Equal keys and sizes give equal permutations for ever: codes
/// that people have printed depend on it.
#[derive(Clone)]
pub struct Permutation {
    size: u64,
    half_bits: u32,
    round_keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..size` under `key`; `size` is at least 2 and at most 2^62.
    pub fn new(key: [u8; 16], size: u64) -> Permutation {
        assert!((2..=1 << 62).contains(&size), "a permutation needs between 2 and 2^62 elements");
        let bits = u64::BITS - (size - 1).leading_zeros();
        let (low, high) = key.split_at(8);
        let mut state = u64::from_le_bytes(low.try_into().expect("eight bytes"))
            ^ mix(u64::from_le_bytes(high.try_into().expect("eight bytes")) ^ size);
        let round_keys = std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        });
        Permutation { size, half_bits: bits.div_ceil(2), round_keys }
    }

    /// How many numbers it permutes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where `index` goes; `index` is below the size.
    pub fn forward(&self, index: u64) -> u64 {
        debug_assert!(index < self.size);
        let mut value = index;
        loop {
            value = self.round_trip(value, self.round_keys.iter().copied());
            if value < self.size {
                return value;
            }
        }
    }

    /// Where `value` came from: `backward(forward(index)) == index`.
    pub fn backward(&self, value: u64) -> u64 {
        debug_assert!(value < self.size);
        let mut index = value;
        loop {
            // A Feistel network runs backwards with its halves swapped and its keys reversed.
            index = self.swapped(self.round_trip(self.swapped(index), self.round_keys.iter().rev().copied()));
            if index < self.size {
                return index;
            }
        }
    }

    fn round_trip(&self, value: u64, keys: impl Iterator<Item = u64>) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }

    fn swapped(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        ((value & mask) << self.half_bits) | (value >> self.half_bits)
    }
}

/// The finaliser of splitmix64 (Steele, Lea and Flood,
/// "Fast Splittable Pseudorandom Number Generators", 2014).
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_number_is_reached_exactly_once() {
        for size in [2, 3, 62, 63, 64, 65, 1000, 62 * 62 * 62] {
            let permutation = Permutation::new(*b"a key of 16 byte", size);
            let mut seen = vec![false; size as usize];
            for index in 0..size {
                let value = permutation.forward(index);
                assert!(!std::mem::replace(&mut seen[value as usize], true), "{value} twice in 0..{size}");
            }
        }
    }

    proptest! {
        #[test]
        fn backward_undoes_forward(key: [u8; 16], size in 2u64..=1 << 62, index: u64) {
            let permutation = Permutation::new(key, size);
            let index = index % size;
            prop_assert_eq!(permutation.backward(permutation.forward(index)), index);
        }
    }

    #[test]
    fn neighbours_land_far_apart() {
        let size = 62u64.pow(6);
        let permutation = Permutation::new([7; 16], size);
        let distances: Vec<u64> =
            (0..1000).map(|i| permutation.forward(i).abs_diff(permutation.forward(i + 1))).collect();
        let mean = distances.iter().sum::<u64>() / 1000;
        assert!(
            (size / 4..size / 2).contains(&mean),
            "mean distance {mean}, a random permutation has {}",
            size / 3
        );
    }

    #[test]
    fn printed_codes_keep_their_meaning() {
        let permutation = Permutation::new(*b"0123456789abcdef", 62u64.pow(6));
        let known: Vec<u64> = (0..3).map(|i| permutation.forward(i)).collect();
        assert_eq!(known, PRINTED, "changing the permutation breaks every link that is out there");
    }

    const PRINTED: [u64; 3] = [36_484_547_415, 16_675_909_541, 976_699_552];
}
