//! What the query of a short link says about where it was spread: `utm_source` and its siblings.

use percent_encoding::percent_decode;
use std::borrow::Cow;

/// The longest value, in bytes of UTF-8; what is longer is cut at the end of a character.
pub(crate) const VALUE_BYTES_MAX: usize = 100;

/// What comes after so many bytes of the query is not looked at.
const QUERY_BYTES_MAX: usize = 4096;

/// The campaign that a click belongs to, as far as its query tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign<'a> {
    /// `utm_source`; where there is none `ref`, then `source`.
    pub source: Option<Cow<'a, str>>,
    /// `utm_medium`.
    pub medium: Option<Cow<'a, str>>,
    /// `utm_campaign`.
    pub campaign: Option<Cow<'a, str>>,
}

/// Reads a query, with or without its `?`. Of a name that
/// comes twice the first value counts; empty ones never do.
pub fn campaign(query: &[u8]) -> Campaign<'_> {
    let query = query.strip_prefix(b"?").unwrap_or(query);
    let query = &query[..query.len().min(QUERY_BYTES_MAX)];
    let [mut source, mut reference, mut plain_source, mut medium, mut campaign] = [const { None }; 5];
    for pair in query.split(|&byte| byte == b'&') {
        let Some(equals) = pair.iter().position(|&byte| byte == b'=') else { continue };
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        let slot = match name.len() {
            10 if name.eq_ignore_ascii_case(b"utm_source") => &mut source,
            10 if name.eq_ignore_ascii_case(b"utm_medium") => &mut medium,
            12 if name.eq_ignore_ascii_case(b"utm_campaign") => &mut campaign,
            6 if name.eq_ignore_ascii_case(b"source") => &mut plain_source,
            3 if name.eq_ignore_ascii_case(b"ref") => &mut reference,
            _ => continue,
        };
        if slot.is_none() {
            *slot = readable(value);
        }
    }
    Campaign { source: source.or(reference).or(plain_source), medium, campaign }
}

/// A value as people wrote it: decoded, without what cannot be seen, bounded. Nothing when nothing is left.
fn readable(value: &[u8]) -> Option<Cow<'_, str>> {
    if value.iter().all(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'+')) {
        let value = &value[..value.len().min(VALUE_BYTES_MAX)];
        return str::from_utf8(value).ok().filter(|value| !value.is_empty()).map(Cow::Borrowed);
    }
    let spaced: Vec<u8> = value.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8_lossy();
    let mut text = String::new();
    for character in decoded.trim().chars().filter(|&character| is_visible(character)) {
        if text.len() + character.len_utf8() > VALUE_BYTES_MAX {
            break;
        }
        text.push(character);
    }
    text.truncate(text.trim_end().len());
    Some(text).filter(|text| !text.is_empty()).map(Cow::Owned)
}

/// Control characters would break whatever shows the value; marks
/// of direction would let it rewrite what stands beside it.
fn is_visible(character: char) -> bool {
    let is_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_separator = matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}');
    !character.is_control() && !is_direction && !is_separator
}
