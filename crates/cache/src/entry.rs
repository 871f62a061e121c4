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

/// How long entries may be served, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of a link that exists.
    pub link: Seconds,
    /// Of a code that has none.
    pub nothing: Seconds,
}

impl Lifetimes {
    /// When an entry made at `now` expires. Up to a tenth sooner, by the hash of its code, so that entries made together
    /// do not expire together.
    pub(crate) fn expiry(&self, known: &Known<'_>, hash: u64, now: Seconds) -> Seconds {
        let life = match known {
            Known::Link(_) => self.link,
            Known::Nothing { .. } => self.nothing,
        };
        let jitter = (u64::from(life / 10) * (hash >> 48)) >> 16;
        now.saturating_add(life - jitter as Seconds)
    }
}
