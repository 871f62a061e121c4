//! The identity of a link: `(n << 12) | bucket`.

use crate::bucket::Bucket;
use std::fmt;
use std::str::FromStr;

/// A link's identity, unique over all domains and shards. Written as
/// a decimal string, because JSON numbers lose precision beyond 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    /// The greatest id: SQLite and PostgreSQL keep ids in signed 64-bit integers.
    pub const MAX: LinkId = LinkId(i64::MAX as u64);

    /// The id with this number, if it is one that can be stored.
    pub const fn new(raw: u64) -> Option<LinkId> {
        if raw <= Self::MAX.0 { Some(LinkId(raw)) } else { None }
    }

    /// The id number `n` of `bucket`.
    pub const fn from_parts(n: u64, bucket: Bucket) -> Option<LinkId> {
        if n > Self::MAX.0 >> Bucket::BITS {
            None
        } else {
            Self::new((n << Bucket::BITS) | bucket.number() as u64)
        }
    }

    /// All 64 bits.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The bucket that holds the link, wherever that bucket lives.
    pub const fn bucket(self) -> Bucket {
        Bucket::from_low_bits(self.0)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text is not the decimal number of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a link: ids are decimal numbers")]
pub struct NotAnId;

impl FromStr for LinkId {
    type Err = NotAnId;

    /// Accepts exactly what [`fmt::Display`] writes: no sign, no leading zero.
    fn from_str(text: &str) -> Result<LinkId, NotAnId> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !plain || (text.len() > 1 && text.starts_with('0')) {
            return Err(NotAnId);
        }
        text.parse().ok().and_then(LinkId::new).ok_or(NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_number_and_its_bucket() {
        let id = LinkId::from_parts(7, Bucket::from_low_bits(4095)).unwrap();
        assert_eq!(id.get(), 7 * 4096 + 4095);
        assert_eq!(id.bucket().number(), 4095);
    }

    #[test]
    fn only_its_own_decimal_form_is_read_as_an_id() {
        assert_eq!("28671".parse(), LinkId::new(28671).ok_or(NotAnId));
        for wrong in ["", "+1", "-1", " 1", "01", "0x1", "1e3", "9223372036854775808", "99999999999999999999"]
        {
            assert_eq!(wrong.parse::<LinkId>(), Err(NotAnId), "{wrong:?}");
        }
    }
}
