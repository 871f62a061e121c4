//! What the redirect path knows of a link: a packed record
//! that caches hold and that is read without allocation.
//!
//! # Format
//!
//! Integers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | flags: bits 0-1 index of the status in [`RedirectStatus::ALL`], 2 forward query, 3 archived, 4 conditions follow |
//! | 8 | id |
//! | 6 | version |
//! | 26, only with conditions | starts_at and expires_at (8 each, milliseconds, `i64::MIN` for none), max_clicks (8, 0 for none), length of the password hash (2) |
//! | 2 + n, only with conditions | length of expired_url (0 for none) and its bytes, as a location |
//! | m, only with conditions | the password hash |
//! | rest | the location: visible ASCII |

use crate::destination;
use crate::id::LinkId;
use crate::link::{Link, RedirectStatus};
use crate::timestamp::Timestamp;

/// A packed record's view of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Whose clicks are counted.
    pub id: LinkId,
    /// See [`Link::version`]; 48 bits.
    pub version: u64,
    /// See [`Link::redirect_status`].
    pub status: RedirectStatus,
    /// See [`Link::forward_query`].
    pub forward_query: bool,
    /// See [`Link::archived`].
    pub archived: bool,
    /// The destination, fit for a `Location` header.
    pub location: &'a str,
    /// What must hold before it redirects; a plain link has none.
    pub conditions: Option<Conditions<'a>>,
}

/// What must hold before a link redirects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is that of Link with the same name")]
pub struct Conditions<'a> {
    pub starts_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub max_clicks: Option<u64>,
    pub password_hash: Option<&'a str>,
    pub expired_url: Option<&'a str>,
}

const FORWARD_QUERY: u8 = 1 << 2;
const ARCHIVED: u8 = 1 << 3;
const CONDITIONS: u8 = 1 << 4;
const ABSENT: i64 = i64::MIN;

impl<'a> Target<'a> {
    /// Packs the record of a link.
    pub fn pack(link: &Link) -> Vec<u8> {
        let location = destination::location(&link.url);
        let expired_url = link.expired_url.as_deref().map(destination::location);
        let has_conditions = link.starts_at.is_some()
            || link.expires_at.is_some()
            || link.max_clicks.is_some()
            || link.password_hash.is_some()
            || link.expired_url.is_some();
        let flags = link.redirect_status.index()
            | if link.forward_query { FORWARD_QUERY } else { 0 }
            | if link.archived { ARCHIVED } else { 0 }
            | if has_conditions { CONDITIONS } else { 0 };
        let mut packed = Vec::with_capacity(15 + location.len() + if has_conditions { 128 } else { 0 });
        packed.push(flags);
        packed.extend_from_slice(&link.id.get().to_le_bytes());
        packed.extend_from_slice(&link.version.to_le_bytes()[..6]);
        if has_conditions {
            let time = |at: Option<Timestamp>| at.map_or(ABSENT, Timestamp::millis).to_le_bytes();
            let password = link.password_hash.as_deref().unwrap_or_default();
            let expired = expired_url.as_deref().unwrap_or_default();
            packed.extend_from_slice(&time(link.starts_at));
            packed.extend_from_slice(&time(link.expires_at));
            packed.extend_from_slice(&link.max_clicks.unwrap_or(0).to_le_bytes());
            packed.extend_from_slice(&(password.len() as u16).to_le_bytes());
            packed.extend_from_slice(&(expired.len() as u16).to_le_bytes());
            packed.extend_from_slice(expired.as_bytes());
            packed.extend_from_slice(password.as_bytes());
        }
        packed.extend_from_slice(location.as_bytes());
        packed
    }

    /// Reads a packed record; nothing when it is not one.
    #[inline]
    pub fn unpack(packed: &'a [u8]) -> Option<Target<'a>> {
        let (&flags, rest) = packed.split_first()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (version, mut rest) = rest.split_first_chunk::<6>()?;
        let conditions = if flags & CONDITIONS == 0 {
            None
        } else {
            let (conditions, after) = Conditions::unpack(rest)?;
            rest = after;
            Some(conditions)
        };
        Some(Target {
            id: LinkId::new(u64::from_le_bytes(*id))?,
            version: unpack_version(version),
            status: RedirectStatus::ALL[usize::from(flags & 3)],
            forward_query: flags & FORWARD_QUERY != 0,
            archived: flags & ARCHIVED != 0,
            location: str::from_utf8(rest).ok()?,
            conditions,
        })
    }

    /// The version of a packed record, without reading the rest.
    pub fn version_of(packed: &[u8]) -> Option<u64> {
        packed.get(9..15)?.first_chunk::<6>().map(unpack_version)
    }
}

impl<'a> Conditions<'a> {
    fn unpack(rest: &'a [u8]) -> Option<(Conditions<'a>, &'a [u8])> {
        let (starts_at, rest) = rest.split_first_chunk::<8>()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        let (max_clicks, rest) = rest.split_first_chunk::<8>()?;
        let (password_length, rest) = rest.split_first_chunk::<2>()?;
        let (expired_length, rest) = rest.split_first_chunk::<2>()?;
        let (expired_url, rest) = rest.split_at_checked(u16::from_le_bytes(*expired_length).into())?;
        let (password_hash, rest) = rest.split_at_checked(u16::from_le_bytes(*password_length).into())?;
        let time = |bytes: &[u8; 8]| match i64::from_le_bytes(*bytes) {
            ABSENT => None,
            millis => Some(Timestamp::from_millis(millis)),
        };
        let text = |bytes: &'a [u8]| {
            if bytes.is_empty() { Some(None) } else { str::from_utf8(bytes).ok().map(Some) }
        };
        let conditions = Conditions {
            starts_at: time(starts_at),
            expires_at: time(expires_at),
            max_clicks: Some(u64::from_le_bytes(*max_clicks)).filter(|&max| max > 0),
            password_hash: text(password_hash)?,
            expired_url: text(expired_url)?,
        };
        Some((conditions, rest))
    }
}

fn unpack_version(bytes: &[u8; 6]) -> u64 {
    let mut wide = [0; 8];
    wide[..6].copy_from_slice(bytes);
    u64::from_le_bytes(wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use proptest::prelude::*;

    pub(crate) fn plain() -> Link {
        Link {
            id: LinkId::new(4097).unwrap(),
            code: Code::known("abc"),
            url: "https://example.com/".into(),
            title: None,
            notes: None,
            tags: Vec::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            version: 7,
            starts_at: None,
            expires_at: None,
            max_clicks: None,
            redirect_status: RedirectStatus::Found,
            forward_query: false,
            password_hash: None,
            archived: false,
            expired_url: None,
        }
    }

    #[test]
    fn a_plain_link_costs_fifteen_bytes_and_its_location() {
        let packed = Target::pack(&plain());
        assert_eq!(packed.len(), 15 + "https://example.com/".len());
        assert_eq!(Target::version_of(&packed), Some(7));
    }

    #[test]
    fn a_packed_record_says_all_that_redirects_depend_on() {
        let link = Link {
            url: "https://example.com/ü".into(),
            version: (1 << 48) - 1,
            starts_at: Some(Timestamp::from_millis(-1)),
            expires_at: Some(Timestamp::from_millis(5)),
            max_clicks: Some(3),
            redirect_status: RedirectStatus::PermanentRedirect,
            forward_query: true,
            password_hash: Some("$argon2id$...".into()),
            archived: true,
            expired_url: Some("https://example.com/over".into()),
            ..plain()
        };
        let packed = Target::pack(&link);
        let target = Target::unpack(&packed).unwrap();
        assert_eq!((target.id, target.version, target.status), (link.id, link.version, link.redirect_status));
        assert!(target.forward_query && target.archived);
        assert_eq!(target.location, "https://example.com/%C3%BC");
        let conditions = target.conditions.unwrap();
        assert_eq!((conditions.starts_at, conditions.expires_at), (link.starts_at, link.expires_at));
        assert_eq!(conditions.max_clicks, link.max_clicks);
        assert_eq!(conditions.password_hash, link.password_hash.as_deref());
        assert_eq!(conditions.expired_url, link.expired_url.as_deref());
    }

    proptest! {
        #[test]
        fn no_bytes_make_unpacking_panic(bytes: Vec<u8>) {
            let _ = Target::unpack(&bytes);
        }
    }
}
