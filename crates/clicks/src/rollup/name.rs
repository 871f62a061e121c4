//! How a value is named in a rollup: the few dozen that
//! most clicks have by a number, all others by their text.
//!
//! ```text
//! name := k << 1 | 1                 the k-th of the known values
//!       | length << 1, text          any other
//! ```
//!
//! Names are compared as the bytes that they are, and never need to be taken apart to be merged.

use super::bytes::{Cursor, put_number};
use super::{Malformed, VALUE_BYTES_MAX};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The known values of all sections. Their places are on disk: new ones are only ever appended, and the first
/// 64 take a single byte. A value that became known later may still stand by its text in older rollups, and
/// counts there all the same.
const KNOWN: [&str; 84] = [
    "browser",
    "desktop",
    "mobile",
    "tablet",
    "Chrome",
    "Safari",
    "Edge",
    "Firefox",
    "Samsung Internet",
    "Opera",
    "Windows",
    "Android",
    "iOS",
    "macOS",
    "Linux",
    "ChromeOS",
    "iPadOS",
    "app",
    "bot",
    "Other bot",
    "unrecognised",
    "library or tool",
    "link preview",
    "seo",
    "headless browser",
    "feed reader",
    "monitor",
    "search engine",
    "Facebook",
    "Instagram",
    "TikTok",
    "WhatsApp",
    "X",
    "LinkedIn",
    "Google",
    "Android Browser",
    "Internet Explorer",
    "App",
    "Other",
    "prefetch",
    "HEAD request",
    "google.com",
    "facebook.com",
    "instagram.com",
    "x.com",
    "linkedin.com",
    "youtube.com",
    "reddit.com",
    "tiktok.com",
    "bing.com",
    "duckduckgo.com",
    "mail.google.com",
    "en",
    "es",
    "de",
    "fr",
    "pt",
    "ja",
    "zh",
    "hi",
    "email",
    "newsletter",
    "social",
    "cpc",
    "console",
    "tv",
    "wearable",
    "car",
    "scanner",
    "archiver",
    "ai",
    "Opera Mini",
    "Opera GX",
    "Yandex",
    "UC Browser",
    "Vivaldi",
    "Brave",
    "DuckDuckGo",
    "Silk",
    "Huawei Browser",
    "MIUI Browser",
    "Snapchat",
    "referral",
    "organic",
];

static NUMBERS: LazyLock<HashMap<&str, u64, FixedState>> =
    LazyLock::new(|| KNOWN.into_iter().zip(0..).collect());

/// Appends the name of a text.
pub(super) fn put_name(text: &str, out: &mut Vec<u8>) {
    if let Some(number) = NUMBERS.get(text) {
        put_number(number << 1 | 1, out);
        return;
    }
    put_number((text.len() as u64) << 1, out);
    out.extend_from_slice(text.as_bytes());
}

/// Takes a name as its bytes.
pub(super) fn read_name<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let before = cursor.0;
    let head = cursor.number_up_to(VALUE_BYTES_MAX << 1 | 1)?;
    if head & 1 == 0 {
        cursor.take(head >> 1)?;
    } else if head >> 1 >= KNOWN.len() {
        return Err(Malformed::Newer);
    }
    Ok(&before[..before.len() - cursor.0.len()])
}

/// The text of a name that [`read_name`] took.
pub(crate) fn text_of(name: &[u8]) -> &[u8] {
    let mut cursor = Cursor(name);
    match cursor.number() {
        Ok(head) if head & 1 == 1 => KNOWN.get((head >> 1) as usize).map_or(&[], |text| text.as_bytes()),
        _ => cursor.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name_of(text: &str) -> Vec<u8> {
        let mut name = Vec::new();
        put_name(text, &mut name);
        name
    }

    #[test]
    fn known_values_are_named_by_their_places() {
        for (place, text) in KNOWN.into_iter().enumerate() {
            let name = name_of(text);
            assert_eq!(name.len(), if place < 64 { 1 } else { 2 }, "{text} is there twice");
            assert_eq!(read_name(&mut Cursor(&name)), Ok(&*name));
            assert_eq!(text_of(&name), text.as_bytes());
        }
    }

    #[test]
    fn a_number_that_is_not_known_here_is_a_newer_ones() {
        let mut name = Vec::new();
        put_number((KNOWN.len() as u64) << 1 | 1, &mut name);
        assert_eq!(read_name(&mut Cursor(&name)), Err(Malformed::Newer));
    }

    proptest! {
        #[test]
        fn every_text_has_a_name_and_only_one(text in "\\PC{0,60}") {
            let name = name_of(&text);
            prop_assert_eq!(read_name(&mut Cursor(&name)), Ok(&*name));
            prop_assert_eq!(text_of(&name), text.as_bytes());
        }
    }
}
