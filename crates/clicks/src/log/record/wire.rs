//! Fields of protobuf messages, as far as records have them
//! ([Encoding](https://protobuf.dev/programming-guides/encoding/)).

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;
/// 64 bits, 7 in each byte.
const VARINT_BYTES_MAX: usize = 10;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

impl<'a> Field<'a> {
    /// Takes a field from the front; nothing if it is broken.
    /// Groups, which protobuf has given up, count as that.
    pub(super) fn read(bytes: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
        let tag = u32::try_from(varint(bytes)?).ok()?;
        let field = match tag & 7 {
            VARINT => Field::Varint(varint(bytes)?),
            FIXED64 => Field::Fixed64(u64::from_le_bytes(*take(bytes, 8)?.first_chunk()?)),
            BYTES => {
                let length = usize::try_from(varint(bytes)?).ok()?;
                Field::Bytes(take(bytes, length)?)
            }
            FIXED32 => {
                take(bytes, 4)?;
                Field::Fixed32
            }
            _ => return None,
        };
        // There is no field 0.
        (tag >> 3 != 0).then_some((tag >> 3, field))
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..VARINT_BYTES_MAX {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            // The last byte has room for one bit only.
            return (place + 1 < VARINT_BYTES_MAX || byte <= 1).then_some(value);
        }
    }
    None
}

pub(super) fn put_fixed64(number: u32, value: u64, out: &mut Vec<u8>) {
    put_number(u64::from(number << 3 | FIXED64), out);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_varint(number: u32, value: u64, out: &mut Vec<u8>) {
    put_number(u64::from(number << 3 | VARINT), out);
    put_number(value, out);
}

pub(super) fn put_text(number: u32, text: &str, out: &mut Vec<u8>) {
    put_number(u64::from(number << 3 | BYTES), out);
    put_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
