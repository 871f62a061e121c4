//! The records of a segment.
//!
//! # Format
//!
//! Integers are little-endian. Each record begins at a multiple of 8 bytes and is a multiple of 8 bytes long.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC-32C of all bytes after it, started from the segment's seed |
//! | 2 | length of the record, with these 8 bytes |
//! | 1 | kind |
//! | 1 | flags; of a click: bit 0 `HEAD`, 1 prefetch, 2 the network is IPv6, 3 an orphan |
//!
//! | kind | what follows |
//! |---|---|
//! | 1 click, 48 bytes in all | when (8, milliseconds since 1970), id of the link or of the orphan's path (8), visitor (8), network (6; IPv4: 3 and zeros), texts of user agent, referrer, language and query (2 each), ordinal (2) |
//! | 2 text | id (2), length (2), the bytes, zeros |
//! | 3 begin | how many clicks the recorder kept before this segment (8); the first record |
//! | 4 seal | the same, this segment included; the last record |
//!
//! Ids of texts count up from 1; 0 stands for none. The ordinal is the number of the click in its stream and
//! epoch, modulo 2^16: where records are missing it tells how many clicks went with them.
//!
//! A record is complete or does not pass its checksum, so
//! a process may be killed between any two instructions.

use crc32c::crc32c_append;
use curtail_model::{LinkId, Timestamp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest text that is kept of a user agent, referrer, language, query or path; the rest is cut off.
pub const TEXT_BYTES_MAX: usize = 512;
/// A click.
pub const CLICK_BYTES: usize = 48;
/// A begin or a seal.
pub(crate) const MARK_BYTES: usize = 16;
/// Where the bytes of a text begin in its record.
pub(crate) const TEXT_PREFIX_BYTES: usize = 12;
/// The longest record of a text.
pub(crate) const TEXT_RECORD_BYTES_MAX: usize =
    (TEXT_PREFIX_BYTES + TEXT_BYTES_MAX).next_multiple_of(ALIGNMENT);
/// What records begin at multiples of.
pub(crate) const ALIGNMENT: usize = 8;

const PREFIX_BYTES: usize = 8;
const CLICK: u8 = 1;
const TEXT: u8 = 2;
const BEGIN: u8 = 3;
const SEAL: u8 = 4;

const HEAD: u8 = 1 << 0;
const PREFETCH: u8 = 1 << 1;
const IPV6: u8 = 1 << 2;
const ORPHAN: u8 = 1 << 3;

/// A click with its texts as references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Click {
    pub(crate) at: Timestamp,
    pub(crate) on: On,
    pub(crate) visitor: u64,
    pub(crate) network: IpAddr,
    pub(crate) head: bool,
    pub(crate) prefetch: bool,
    pub(crate) user_agent: u16,
    pub(crate) referrer: u16,
    pub(crate) language: u16,
    pub(crate) query: u16,
    pub(crate) ordinal: u16,
}

/// What was clicked: a link, or the path of an orphan as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Link(LinkId),
    Orphan(u16),
}

/// A record that passed its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    Click(Click),
    Text { id: u16, bytes: &'a [u8] },
    Begin { clicks: u64 },
    Seal { clicks: u64 },
}

/// The network of an address: /24 of IPv4, /48 of IPv6. An IPv4 address in IPv6 clothes is the IPv4 address.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

impl Click {
    /// The record.
    #[inline]
    pub(crate) fn encode(&self, seed: u32) -> [u8; CLICK_BYTES] {
        let mut bytes = [0; CLICK_BYTES];
        let mut flags = if self.head { HEAD } else { 0 } | if self.prefetch { PREFETCH } else { 0 };
        let on = match self.on {
            On::Link(id) => id.get(),
            On::Orphan(path) => {
                flags |= ORPHAN;
                path.into()
            }
        };
        bytes[8..16].copy_from_slice(&self.at.millis().to_le_bytes());
        bytes[16..24].copy_from_slice(&on.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.visitor.to_le_bytes());
        match self.network {
            IpAddr::V4(network) => bytes[32..35].copy_from_slice(&network.octets()[..3]),
            IpAddr::V6(network) => {
                flags |= IPV6;
                bytes[32..38].copy_from_slice(&network.octets()[..6]);
            }
        }
        bytes[38..40].copy_from_slice(&self.user_agent.to_le_bytes());
        bytes[40..42].copy_from_slice(&self.referrer.to_le_bytes());
        bytes[42..44].copy_from_slice(&self.language.to_le_bytes());
        bytes[44..46].copy_from_slice(&self.query.to_le_bytes());
        bytes[46..48].copy_from_slice(&self.ordinal.to_le_bytes());
        finish(&mut bytes, CLICK, flags, seed);
        bytes
    }

    fn decode(flags: u8, bytes: &[u8; CLICK_BYTES]) -> Option<Click> {
        let word = |at: usize| bytes[at..].first_chunk().map(|word| u64::from_le_bytes(*word));
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let on = if flags & ORPHAN == 0 {
            On::Link(LinkId::new(word(16)?)?)
        } else {
            On::Orphan(u16::try_from(word(16)?).ok()?)
        };
        let network = if flags & IPV6 == 0 {
            IpAddr::from([bytes[32], bytes[33], bytes[34], 0])
        } else {
            let mut octets = [0; 16];
            octets[..6].copy_from_slice(&bytes[32..38]);
            IpAddr::from(octets)
        };
        Some(Click {
            at: Timestamp::from_millis(word(8)? as i64),
            on,
            visitor: word(24)?,
            network,
            head: flags & HEAD != 0,
            prefetch: flags & PREFETCH != 0,
            user_agent: half(38),
            referrer: half(40),
            language: half(42),
            query: half(44),
            ordinal: half(46),
        })
    }
}

/// The record of a text of at most [`TEXT_BYTES_MAX`] bytes, and its length.
pub(crate) fn encode_text(id: u16, text: &[u8], seed: u32) -> ([u8; TEXT_RECORD_BYTES_MAX], usize) {
    let mut bytes = [0; TEXT_RECORD_BYTES_MAX];
    let length = (TEXT_PREFIX_BYTES + text.len()).next_multiple_of(ALIGNMENT);
    bytes[8..10].copy_from_slice(&id.to_le_bytes());
    bytes[10..12].copy_from_slice(&(text.len() as u16).to_le_bytes());
    bytes[TEXT_PREFIX_BYTES..TEXT_PREFIX_BYTES + text.len()].copy_from_slice(text);
    finish(&mut bytes[..length], TEXT, 0, seed);
    (bytes, length)
}

/// The first record of a segment.
pub(crate) fn encode_begin(clicks: u64, seed: u32) -> [u8; MARK_BYTES] {
    encode_mark(BEGIN, clicks, seed)
}

/// The last record of a segment.
pub(crate) fn encode_seal(clicks: u64, seed: u32) -> [u8; MARK_BYTES] {
    encode_mark(SEAL, clicks, seed)
}

/// The record at the start of `bytes` and its length; nothing unless it is whole and of this segment.
pub(crate) fn parse(bytes: &[u8], seed: u32) -> Option<(Record<'_>, usize)> {
    let prefix = bytes.first_chunk::<PREFIX_BYTES>()?;
    let [c0, c1, c2, c3, l0, l1, kind, flags] = *prefix;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if !(MARK_BYTES..=TEXT_RECORD_BYTES_MAX).contains(&length) || !length.is_multiple_of(ALIGNMENT) {
        return None;
    }
    let bytes = bytes.get(..length)?;
    if crc32c_append(seed, &bytes[4..]) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return None;
    }
    let record = match kind {
        CLICK => Record::Click(Click::decode(flags, bytes.try_into().ok()?)?),
        TEXT => {
            let id = u16::from_le_bytes([bytes[8], bytes[9]]);
            let text_length = usize::from(u16::from_le_bytes([bytes[10], bytes[11]]));
            let text = bytes[TEXT_PREFIX_BYTES..].get(..text_length)?;
            (id > 0).then_some(Record::Text { id, bytes: text })?
        }
        BEGIN => Record::Begin { clicks: mark(bytes)? },
        SEAL => Record::Seal { clicks: mark(bytes)? },
        _ => return None,
    };
    Some((record, length))
}

fn mark(bytes: &[u8]) -> Option<u64> {
    bytes.get(PREFIX_BYTES..)?.try_into().ok().map(u64::from_le_bytes)
}

fn encode_mark(kind: u8, clicks: u64, seed: u32) -> [u8; MARK_BYTES] {
    let mut bytes = [0; MARK_BYTES];
    bytes[8..].copy_from_slice(&clicks.to_le_bytes());
    finish(&mut bytes, kind, 0, seed);
    bytes
}

#[inline]
fn finish(bytes: &mut [u8], kind: u8, flags: u8, seed: u32) {
    let length = bytes.len() as u16;
    bytes[4..6].copy_from_slice(&length.to_le_bytes());
    bytes[6] = kind;
    bytes[7] = flags;
    let checksum = crc32c_append(seed, &bytes[4..]);
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
}
