//! A link, what is given to make one, and what may change about it.

use crate::code::Code;
use crate::destination::Destination;
use crate::id::LinkId;
use crate::timestamp::Timestamp;

/// A link as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its identity, for ever.
    pub id: LinkId,
    /// The short part, for ever.
    pub code: Code,
    /// The destination as it was given.
    pub url: String,
    /// A name for people.
    pub title: Option<String>,
    /// Anything its owners want to remember.
    pub notes: Option<String>,
    /// Labels, sorted, each once.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The store's change number when it last changed: greater is newer. Links that were made ahead of the
    /// store may share one.
    pub version: u64,
    /// It does not lead anywhere before this.
    pub starts_at: Option<Timestamp>,
    /// It does not lead to its destination from this on.
    pub expires_at: Option<Timestamp>,
    /// How many redirects it gives in all.
    pub max_clicks: Option<u64>,
    /// The status of its redirects.
    pub redirect_status: RedirectStatus,
    /// Whether the query of a visitor's request goes on to the destination.
    pub forward_query: bool,
    /// The PHC string of the password that visitors are asked for (argon2id).
    pub password_hash: Option<String>,
    /// Put away: it leads nowhere, and its history stays.
    pub archived: bool,
    /// Where visitors go when it has expired or is used up, instead of a page that says so.
    pub expired_url: Option<String>,
}

/// What is given to make a link. The store adds the id, the version and the times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// A chosen code; without one it is generated.
    pub code: Option<Code>,
    /// Where it leads.
    pub destination: Destination,
    /// See [`Link::title`].
    pub title: Option<String>,
    /// See [`Link::notes`].
    pub notes: Option<String>,
    /// See [`Link::tags`].
    pub tags: Vec<String>,
    /// See [`Link::starts_at`].
    pub starts_at: Option<Timestamp>,
    /// See [`Link::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// See [`Link::max_clicks`].
    pub max_clicks: Option<u64>,
    /// See [`Link::redirect_status`].
    pub redirect_status: RedirectStatus,
    /// See [`Link::forward_query`].
    pub forward_query: bool,
    /// See [`Link::password_hash`].
    pub password_hash: Option<String>,
    /// See [`Link::expired_url`].
    pub expired_url: Option<String>,
    /// Give an existing link with the same destination instead
    /// of a new one, if there is one that is not archived.
    pub reuse: bool,
}

/// What becomes of one field in a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It takes this value.
    Set(T),
}

/// A change to a link: its id and its code are for ever, the rest may change.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is that of Link with the same name")]
pub struct Change {
    pub destination: Field<Destination>,
    pub title: Field<Option<String>>,
    pub notes: Field<Option<String>>,
    pub tags: Field<Vec<String>>,
    pub starts_at: Field<Option<Timestamp>>,
    pub expires_at: Field<Option<Timestamp>>,
    pub max_clicks: Field<Option<u64>>,
    pub redirect_status: Field<RedirectStatus>,
    pub forward_query: Field<bool>,
    pub password_hash: Field<Option<String>>,
    pub archived: Field<bool>,
    pub expired_url: Field<Option<String>>,
}

/// What a link may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits;

impl Limits {
    /// Characters of a title.
    pub const TITLE: usize = 512;
    /// Characters of the notes.
    pub const NOTES: usize = 4_096;
    /// Tags of a link.
    pub const TAGS: usize = 32;
    /// Characters of a tag.
    pub const TAG: usize = 64;
    /// Bytes of a password.
    pub const PASSWORD: usize = 256;
    /// Redirects that a limited link may give.
    pub const MAX_CLICKS: u64 = 1_000_000_000_000;
}

/// The status codes that a link may redirect with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RedirectStatus {
    /// 301: browsers and search engines remember it; later edits may go unseen.
    MovedPermanently,
    /// 302: asked again each time. The default, so that edits take effect and clicks are counted.
    #[default]
    Found,
    /// 307: as 302, keeping the method.
    TemporaryRedirect,
    /// 308: as 301, keeping the method.
    PermanentRedirect,
}

impl RedirectStatus {
    /// All of them, in the order of their numbers in packed records.
    pub const ALL: [RedirectStatus; 4] = [
        RedirectStatus::MovedPermanently,
        RedirectStatus::Found,
        RedirectStatus::TemporaryRedirect,
        RedirectStatus::PermanentRedirect,
    ];

    /// The number of the status, as on the wire.
    pub const fn code(self) -> u16 {
        match self {
            RedirectStatus::MovedPermanently => 301,
            RedirectStatus::Found => 302,
            RedirectStatus::TemporaryRedirect => 307,
            RedirectStatus::PermanentRedirect => 308,
        }
    }

    /// Its place in [`RedirectStatus::ALL`], which is its number in packed records.
    pub const fn index(self) -> u8 {
        match self {
            RedirectStatus::MovedPermanently => 0,
            RedirectStatus::Found => 1,
            RedirectStatus::TemporaryRedirect => 2,
            RedirectStatus::PermanentRedirect => 3,
        }
    }

    /// The status with this number.
    pub fn from_code(code: u16) -> Option<RedirectStatus> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// Whether browsers and shared caches may remember it.
    pub const fn is_permanent(self) -> bool {
        matches!(self, RedirectStatus::MovedPermanently | RedirectStatus::PermanentRedirect)
    }
}
