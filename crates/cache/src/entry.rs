//! What the caches hold for a code: a packed record, or the knowledge that there is no link.

use curtail_model::{Target, Timestamp};

/// Seconds since the Unix epoch, as entries carry them: 32 bits last until 2106.
pub type Seconds = u32;

/// The second that a point in time lies in.
pub(crate) fn seconds(at: Timestamp) -> Seconds {
    at.seconds().clamp(0, i64::from(Seconds::MAX)) as Seconds
}

/// What is known of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// Its packed [`Target`].
    Link(&'a [u8]),
    /// There is no link, as of this version (0 when only the absence itself is known).
    Nothing {
        /// The change that removed it.
        version: u64,
    },
}

impl Known<'_> {
    /// The version that decides which of two pieces of knowledge is newer.
    pub(crate) fn version(&self) -> u64 {
        match self {
            Known::Link(packed) => Target::version_of(packed).unwrap_or(0),
            Known::Nothing { version } => *version,
        }
    }
}

/// When an entry was asked for and when it expires. The first follows from the second, because lives differ
/// by kind and by hash alone; only the part of a second is kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) expires: Seconds,
    /// When in its second it was asked for, in 128ths.
    pub(crate) fraction: u8,
}

impl Times {
    pub(crate) const FRACTIONS: i64 = 128;
    /// Over for ever: what has these is only there to refuse what is older.
    pub(crate) const OVER: Times = Times { expires: 0, fraction: 0 };
}

/// How long entries may be served, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of a link that exists.
    pub link: Seconds,
    /// Of a code that has none.
    pub negative: Seconds,
}

impl Lifetimes {
    /// The times of an entry whose store was asked at `asked`.
    pub(crate) fn times(&self, known: &Known<'_>, hash: u64, asked: Timestamp) -> Times {
        let millis = asked.millis() - asked.seconds() * Timestamp::SECOND;
        Times {
            expires: seconds(asked).saturating_add(self.life(known, hash)),
            fraction: (millis * Times::FRACTIONS / Timestamp::SECOND) as u8,
        }
    }

    /// When the store was asked for an entry with these times, to 8 ms, never later than it was.
    pub(crate) fn asked(&self, known: &Known<'_>, hash: u64, times: Times) -> Timestamp {
        let second = times.expires.saturating_sub(self.life(known, hash));
        let millis = i64::from(times.fraction) * Timestamp::SECOND / Times::FRACTIONS;
        Timestamp::from_seconds(i64::from(second)).plus_millis(millis)
    }

    /// Up to a tenth shorter, by the hash of the code, so that entries made together do not expire together.
    fn life(&self, known: &Known<'_>, hash: u64) -> Seconds {
        let life = match known {
            Known::Link(_) => self.link,
            Known::Nothing { .. } => self.negative,
        };
        let jitter = (u64::from(life / 10) * (hash >> 48)) >> 16;
        life - jitter as Seconds
    }
}
