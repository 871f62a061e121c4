//! A record of the journal of new links, and of Redis: its frame, and a link or a block of ids in it.
//!
//! # Format
//!
//! Integers are little-endian. A record is padded with zeros to a multiple of 8 bytes, so that after damage
//! the next one is found at such a multiple.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic, `NEWL` |
//! | 4 | CRC-32C of all that follows, the padding included, from a seed |
//! | 4 | length of the payload |
//! | n | payload |
//! | 0 to 7 | zero |
//!
//! The payload of a block of ids: kind 2 (1), first number (8), number after the last (8). That of a link:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind, 1 |
//! | 8 | id |
//! | 8 | version |
//! | 8 | when it was made, milliseconds since 1970 |
//! | 16 | starts_at and expires_at, `i64::MIN` for none |
//! | 1 | index of the status in [`RedirectStatus::ALL`]; 4 is added where the query is forwarded |
//! | 4 + n, five times | url, title, notes, password hash, expired_url: length (`u32::MAX` for none) and bytes |
//! | 4 + n, to the end | tags |

use crc32c::{crc32c, crc32c_append};
use curtail_model::{Code, Codes, Link, LinkId, RedirectStatus, Timestamp};

const MAGIC: &[u8; 4] = b"NEWL";
/// Before the payload.
const HEAD_BYTES: usize = 12;
/// What records are aligned to.
pub(super) const ALIGNMENT: usize = 8;
/// No payload is longer: all that a link may hold comes to some 50 kB.
const PAYLOAD_MAX: usize = 1 << 17;

const LINK: u8 = 1;
const LEASE: u8 = 2;
const FORWARD_QUERY: u8 = 4;
const NO_TIME: i64 = i64::MIN;
const NO_TEXT: u32 = u32::MAX;

/// What a payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Link(Box<Link>),
    IdBlock { first: u64, end: u64 },
}

/// What is at a place where a record may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framed<'a> {
    /// A whole record, and its length with the frame.
    Record { payload: &'a [u8], length: usize },
    /// The beginning of one whose end is not here.
    CutOff,
    /// None.
    Other,
}

/// The length of a record with this payload.
pub(super) const fn framed_length(payload: usize) -> usize {
    (HEAD_BYTES + payload).next_multiple_of(ALIGNMENT)
}

/// Appends a record.
pub(super) fn frame(payload: &[u8], seed: u32, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(start + framed_length(payload.len()), 0);
    let checksum = crc32c_append(seed, &bytes[start + 8..]);
    bytes[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the record at the beginning of some bytes.
pub(super) fn unframe(bytes: &[u8], seed: u32) -> Framed<'_> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Framed::Other };
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let payload = number(8) as usize;
    if !head.starts_with(MAGIC) || payload > PAYLOAD_MAX {
        return Framed::Other;
    }
    let length = framed_length(payload);
    match bytes.get(8..length) {
        None => Framed::CutOff,
        Some(covered) if crc32c_append(seed, covered) == number(4) => {
            Framed::Record { payload: &bytes[HEAD_BYTES..HEAD_BYTES + payload], length }
        }
        Some(_) => Framed::Other,
    }
}

/// The seed of records that are left in Redis, so that those of another store are none.
pub(super) fn seed_of(store: u64) -> u32 {
    crc32c(&store.to_le_bytes())
}

/// The payload of a block of ids.
pub(super) fn id_block(first: u64, end: u64) -> Vec<u8> {
    [&[LEASE][..], &first.to_le_bytes(), &end.to_le_bytes()].concat()
}

/// The payload of a link that has just been made.
pub(super) fn link(link: &Link) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96 + link.url.len());
    bytes.push(LINK);
    bytes.extend_from_slice(&link.id.get().to_le_bytes());
    bytes.extend_from_slice(&link.version.to_le_bytes());
    bytes.extend_from_slice(&link.created_at.millis().to_le_bytes());
    for time in [link.starts_at, link.expires_at] {
        bytes.extend_from_slice(&time.map_or(NO_TIME, Timestamp::millis).to_le_bytes());
    }
    bytes.push(link.redirect_status.index() + if link.forward_query { FORWARD_QUERY } else { 0 });
    let texts = [&link.title, &link.notes, &link.password_hash, &link.expired_url];
    put_text(&mut bytes, Some(&link.url));
    texts.iter().for_each(|text| put_text(&mut bytes, text.as_deref()));
    link.tags.iter().for_each(|tag| put_text(&mut bytes, Some(tag)));
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.extend_from_slice(&text.map_or(NO_TEXT, |text| text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Reads a payload; nothing where it is none of this version's.
pub(super) fn read(payload: &[u8], codes: &Codes) -> Option<Payload> {
    let mut rest = Reader(payload);
    match rest.byte()? {
        LINK => read_link(&mut rest, codes).map(|link| Payload::Link(Box::new(link))),
        LEASE => {
            let (first, end) = (rest.number()?, rest.number()?);
            (rest.0.is_empty() && first <= end).then_some(Payload::IdBlock { first, end })
        }
        _ => None,
    }
}

/// The link in a payload; nothing where it is none of this version's, or no link.
pub fn link_in(payload: &[u8], codes: &Codes) -> Option<Link> {
    match read(payload, codes)? {
        Payload::Link(link) => Some(*link),
        Payload::IdBlock { .. } => None,
    }
}

fn read_link(rest: &mut Reader<'_>, codes: &Codes) -> Option<Link> {
    let id = LinkId::new(rest.number()?)?;
    let (version, created_at) = (rest.number()?, Timestamp::from_millis(rest.number()?.cast_signed()));
    let (starts_at, expires_at) = (rest.time()?, rest.time()?);
    let flags = rest.byte()?;
    let url = rest.text()??;
    let (title, notes, password_hash, expired_url) = (rest.text()?, rest.text()?, rest.text()?, rest.text()?);
    let mut tags = Vec::new();
    while !rest.0.is_empty() {
        tags.push(rest.text()??);
    }
    Some(Link {
        id,
        code: Code::known(codes.encode(id)?),
        url,
        title,
        notes,
        tags,
        created_at,
        updated_at: created_at,
        version,
        starts_at,
        expires_at,
        max_clicks: None,
        redirect_status: *RedirectStatus::ALL.get(usize::from(flags & !FORWARD_QUERY))?,
        forward_query: flags & FORWARD_QUERY != 0,
        password_hash,
        archived: false,
        expired_url,
    })
}

/// What is left of a payload.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn time(&mut self) -> Option<Option<Timestamp>> {
        let millis = self.number()?.cast_signed();
        Some((millis != NO_TIME).then(|| Timestamp::from_millis(millis)))
    }

    fn text(&mut self) -> Option<Option<String>> {
        let (length, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        let length = u32::from_le_bytes(*length);
        if length == NO_TEXT {
            return Some(None);
        }
        let (text, rest) = rest.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(Some(str::from_utf8(text).ok()?.to_owned()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use curtail_model::{Alphabet, CodeScheme};
    use proptest::prelude::*;

    pub(crate) fn codes() -> Codes {
        Codes::new(CodeScheme::Permuted, Alphabet::Base62, *b"0123456789abcdef")
    }

    pub(crate) fn made(number: u64, url: &str) -> Link {
        let id = LinkId::new(number).unwrap();
        Link {
            id,
            code: Code::known(codes().encode(id).unwrap()),
            url: url.to_owned(),
            title: None,
            notes: None,
            tags: Vec::new(),
            created_at: Timestamp::from_seconds(1_000_000),
            updated_at: Timestamp::from_seconds(1_000_000),
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

    proptest! {
        #[test]
        fn a_link_comes_back_as_it_was(
            number in 0_u64..50_000_000_000,
            texts in proptest::collection::vec(proptest::option::of("\\PC{0,20}"), 4),
            tags in proptest::collection::vec("\\PC{0,8}", 0..4),
            times in proptest::array::uniform2(proptest::option::of(0_i64..1 << 50)),
            status in 0_usize..4,
            forward_query: bool,
        ) {
            let mut texts = texts.into_iter();
            let mut link = made(number, "https://example.com/ä");
            link.title = texts.next().unwrap();
            link.notes = texts.next().unwrap();
            link.password_hash = texts.next().unwrap();
            link.expired_url = texts.next().unwrap();
            link.starts_at = times[0].map(Timestamp::from_millis);
            link.expires_at = times[1].map(Timestamp::from_millis);
            link.redirect_status = RedirectStatus::ALL[status];
            link.forward_query = forward_query;
            link.tags = tags;
            prop_assert_eq!(read(&super::link(&link), &codes()), Some(Payload::Link(Box::new(link))));
        }

        #[test]
        fn no_payload_makes_it_panic_and_each_comes_out_of_its_frame(
            kind in 0_u8..4,
            rest: Vec<u8>,
            seed: u32,
        ) {
            let payload = [&[kind][..], &rest].concat();
            let _ = read(&payload, &codes());
            let mut framed = Vec::new();
            frame(&payload, seed, &mut framed);
            prop_assert_eq!(unframe(&framed, seed), Framed::Record { payload: &payload, length: framed.len() });
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let mut whole = Vec::new();
        frame(&super::link(&made(5, "https://example.com/")), 99, &mut whole);
        assert!(matches!(unframe(&whole, 99), Framed::Record { length, .. } if length == whole.len()));
        assert_eq!(unframe(&whole, 98), Framed::Other, "the seed of another segment");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            assert!(!matches!(unframe(&bytes, 99), Framed::Record { .. }), "byte {at}");
        }
    }
}
