//! Varints, and a cursor that never reads past the end.

use super::Malformed;

/// What is left to read.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        let (&taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Damaged("a number is too long"))
    }

    /// A number that must not exceed `max`.
    pub(super) fn number_up_to(&mut self, max: usize) -> Result<usize, Malformed> {
        let number = self.number()?;
        if number > max as u64 {
            Err(Malformed::Damaged("a length is over its cap"))
        } else {
            Ok(number as usize)
        }
    }
}

pub(super) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_is_read_as_it_was_written(number: u64) {
            let mut bytes = Vec::new();
            put_number(number, &mut bytes);
            let mut cursor = Cursor(&bytes);
            prop_assert_eq!(cursor.number(), Ok(number));
            prop_assert!(cursor.0.is_empty());
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        assert!(Cursor(&[0xff; 10]).number().is_err());
        assert!(Cursor(&[0x80; 11]).number().is_err());
        assert!(Cursor(&[0x80]).number().is_err());
    }
}
