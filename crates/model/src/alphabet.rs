//! The characters that generated codes are written in.

/// An alphabet for generated codes. Custom codes may use far more (see [`crate::code`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// All 62 digits and letters.
    Base62,
    /// 54 of them: without `0 O o 1 l I i L`, which people
    /// confuse when they read a code from paper or a screen.
    Unambiguous,
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const UNAMBIGUOUS: &[u8; 54] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz";

const BASE62_DIGITS: [u8; 256] = digits(BASE62);
const UNAMBIGUOUS_DIGITS: [u8; 256] = digits(UNAMBIGUOUS);
const NOT_A_DIGIT: u8 = 255;

const fn digits(characters: &[u8]) -> [u8; 256] {
    let mut table = [NOT_A_DIGIT; 256];
    let mut digit = 0;
    while digit < characters.len() {
        table[characters[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
}

impl Alphabet {
    /// The name that settings and the store use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Alphabet::Base62 => "base62",
            Alphabet::Unambiguous => "unambiguous",
        }
    }

    /// Its characters, the one that stands for 0 first.
    pub const fn characters(self) -> &'static [u8] {
        match self {
            Alphabet::Base62 => BASE62,
            Alphabet::Unambiguous => UNAMBIGUOUS,
        }
    }

    /// How many characters it has.
    pub const fn base(self) -> u64 {
        self.characters().len() as u64
    }

    /// How many codes of exactly `length` characters there are.
    pub const fn codes_of_length(self, length: u32) -> u64 {
        self.base().pow(length)
    }

    /// The value of a character, if the alphabet has it.
    pub const fn digit(self, character: u8) -> Option<u64> {
        let digit = match self {
            Alphabet::Base62 => BASE62_DIGITS[character as usize],
            Alphabet::Unambiguous => UNAMBIGUOUS_DIGITS[character as usize],
        };
        if digit == NOT_A_DIGIT { None } else { Some(digit as u64) }
    }
}
