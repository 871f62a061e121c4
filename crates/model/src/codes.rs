//! From the id of a link to its generated code and back, and from any code to its bucket.
//!
//! Both directions are total functions of the number and a stored key: a generated code needs no collision
//! check, no index and no look-up to be routed. Ids below `base^6` give six characters, the ones after them
//! seven.

use crate::alphabet::Alphabet;
use crate::bucket::Bucket;
use crate::code::is_reserved;
use crate::id::LinkId;
use crate::offensive::is_offensive;
use crate::permutation::Permutation;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How ids become codes. Fixed when a store is made, because it gives codes their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeScheme {
    /// Codes in an order that only the key knows: nobody can walk them or read the volume from them.
    Permuted,
    /// The id written plainly, the shortest codes first. Anyone can walk them.
    Sequential,
}

impl CodeScheme {
    /// The name that settings and the store use.
    pub const fn as_str(self) -> &'static str {
        match self {
            CodeScheme::Permuted => "permuted",
            CodeScheme::Sequential => "sequential",
        }
    }
}

/// The number of the domain that all links are of until a store knows several.
pub const DEFAULT_DOMAIN: u32 = 0;

const SHORT: u32 = 6;
const LONG: u32 = 7;

/// The generated codes of one store.
#[derive(Clone)]
pub struct Codes {
    alphabet: Alphabet,
    order: Order,
    capacity: u64,
}

#[derive(Clone)]
enum Order {
    Permuted { short: Permutation, long: Permutation },
    Sequential,
}

impl Codes {
    /// The codes of `scheme` in `alphabet`; `key` is made once for each store and kept with it.
    pub fn new(scheme: CodeScheme, alphabet: Alphabet, key: [u8; 16]) -> Codes {
        let (short, long) = (alphabet.codes_of_length(SHORT), alphabet.codes_of_length(LONG));
        match scheme {
            CodeScheme::Permuted => Codes {
                alphabet,
                order: Order::Permuted {
                    short: Permutation::new(key, short),
                    long: Permutation::new(key, long),
                },
                capacity: short + long,
            },
            CodeScheme::Sequential => Codes { alphabet, order: Order::Sequential, capacity: long },
        }
    }

    /// How many ids have a code: every id below this number.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The code of an id that a new link may have: nothing when it offends
    /// or hides a page of our own, or when all codes are used up.
    pub fn generate(&self, id: LinkId) -> Option<String> {
        self.encode(id).filter(|code| !is_offensive(code) && !is_reserved(code.as_bytes()))
    }

    /// The code of an id, or nothing when all codes are used up.
    pub fn encode(&self, id: LinkId) -> Option<String> {
        let id = id.get();
        if id >= self.capacity {
            return None;
        }
        Some(match &self.order {
            Order::Permuted { short, .. } if id < short.size() => self.write(short.forward(id), SHORT),
            Order::Permuted { short, long } => self.write(long.forward(id - short.size()), LONG),
            Order::Sequential => self.write(id, 1),
        })
    }

    /// The id whose generated code this is, whether or not such a link was made.
    pub fn decode(&self, code: &[u8]) -> Option<LinkId> {
        let value = self.read(code)?;
        let id = match &self.order {
            Order::Permuted { short, .. } if code.len() == SHORT as usize => short.backward(value),
            Order::Permuted { short, long } if code.len() == LONG as usize => {
                short.size() + long.backward(value)
            }
            Order::Permuted { .. } => return None,
            // Only the form without leading zeros is a generated code: each link has one.
            Order::Sequential
                if code.len() > 1 && value < self.alphabet.codes_of_length(code.len() as u32 - 1) =>
            {
                return None;
            }
            Order::Sequential => value,
        };
        LinkId::new(id)
    }

    /// The bucket where a code of `domain` is looked for: that of its id when it
    /// has the shape of a generated code, else one chosen by hash. Hash: xxh3-64
    /// of the code, seeded with the domain; fixed for ever, like the ids.
    pub fn bucket_of(&self, domain: u32, code: &[u8]) -> Bucket {
        match self.decode(code) {
            Some(id) => id.bucket(),
            None => Bucket::from_low_bits(xxh3_64_with_seed(code, u64::from(domain))),
        }
    }

    fn write(&self, mut value: u64, at_least: u32) -> String {
        let base = self.alphabet.base();
        let characters = self.alphabet.characters();
        let mut code = Vec::with_capacity(LONG as usize);
        while value > 0 || code.len() < at_least as usize {
            code.push(characters[(value % base) as usize]);
            value /= base;
        }
        code.reverse();
        String::from_utf8(code).expect("alphabets are ASCII")
    }

    fn read(&self, code: &[u8]) -> Option<u64> {
        if code.is_empty() || code.len() > LONG as usize {
            return None;
        }
        code.iter().try_fold(0, |value, &character| {
            Some(value * self.alphabet.base() + self.alphabet.digit(character)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every_kind() -> Vec<Codes> {
        let mut kinds = Vec::new();
        for scheme in [CodeScheme::Permuted, CodeScheme::Sequential] {
            for alphabet in [Alphabet::Base62, Alphabet::Unambiguous] {
                kinds.push(Codes::new(scheme, alphabet, *b"0123456789abcdef"));
            }
        }
        kinds
    }

    proptest! {
        #[test]
        fn every_id_has_one_code_and_every_code_one_id(number: u64) {
            for codes in every_kind() {
                let id = LinkId::new(number % codes.capacity()).unwrap();
                let code = codes.encode(id).unwrap();
                prop_assert_eq!(codes.decode(code.as_bytes()), Some(id));
                prop_assert_eq!(codes.bucket_of(DEFAULT_DOMAIN, code.as_bytes()), id.bucket());
            }
        }

        #[test]
        fn what_decodes_is_what_encodes(code in "[0-9A-Za-z]{1,8}") {
            for codes in every_kind() {
                if let Some(id) = codes.decode(code.as_bytes()) {
                    let again = codes.encode(id);
                    prop_assert_eq!(again.as_deref(), Some(code.as_str()));
                }
            }
        }
    }

    #[test]
    fn codes_have_six_characters_and_seven_when_those_are_used_up() {
        let codes = Codes::new(CodeScheme::Permuted, Alphabet::Base62, [1; 16]);
        let last_short = LinkId::new(62u64.pow(6) - 1).unwrap();
        let first_long = LinkId::new(62u64.pow(6)).unwrap();
        assert_eq!(codes.encode(last_short).unwrap().len(), 6);
        assert_eq!(codes.encode(first_long).unwrap().len(), 7);
        assert_eq!(codes.encode(LinkId::new(codes.capacity()).unwrap()), None);
    }

    #[test]
    fn sequential_codes_count_up_from_the_shortest() {
        let codes = Codes::new(CodeScheme::Sequential, Alphabet::Base62, [1; 16]);
        let code = |number| codes.encode(LinkId::new(number).unwrap()).unwrap();
        assert_eq!([code(0), code(61), code(62), code(3844)], ["0", "z", "10", "100"]);
        assert_eq!(codes.decode(b"010"), None);
    }

    #[test]
    fn the_other_alphabet_has_no_look_alikes() {
        let codes = Codes::new(CodeScheme::Permuted, Alphabet::Unambiguous, [1; 16]);
        for number in 0..2000 {
            let code = codes.encode(LinkId::new(number).unwrap()).unwrap();
            assert!(!code.contains(['0', 'O', 'o', '1', 'l', 'I', 'i', 'L']), "{code}");
        }
    }
}
