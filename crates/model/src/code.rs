//! The short part of a short link, as people choose it and as it stands in a request path.
//!
//! A custom code is letters, digits and marks (of any script), emoji and `- _ . ~`, in one or several
//! segments joined by `/`, NFC, at most [`Code::LENGTH_MAX`] characters, which are Unicode's code points.
//! Nothing else is ever stored; a path that asks for something else finds nothing.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode, utf8_percent_encode};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// First segments that a custom code may not have, because pages of our own live or will live there.
pub const RESERVED: &[&str] = &[
    "api",
    "assets",
    "dashboard",
    "livez",
    "readyz",
    "metrics",
    "robots.txt",
    "favicon.ico",
    "favicon.svg",
    "apple-touch-icon.png",
    "apple-touch-icon-precomposed.png",
    ".well-known",
];

/// A code that a link can have: generated, or chosen and found valid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(Box<str>);

/// Why a text cannot be a custom code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Nothing to look up.
    #[error("must not be empty")]
    Empty,
    /// More than [`Code::LENGTH_MAX`] characters.
    #[error("is longer than {max} characters", max = Code::LENGTH_MAX)]
    TooLong,
    /// A character that URLs or people would trip over.
    #[error(
        "may hold letters and digits of any script, emoji and the characters - _ . ~, with / between segments, but not {0:?}"
    )]
    Character(char),
    /// `//`, a slash at either end, `.` or `..`: browsers rewrite such paths before they send them.
    #[error("must not have empty, \".\" or \"..\" segments")]
    Segment,
    /// A segment that holds only what attaches to a character before it, or nothing that can be seen.
    #[error("must have a character that can be seen by itself in every segment, not only marks and joiners")]
    Invisible,
    /// The first segment belongs to Curtail's own pages.
    #[error("starts with {0:?}, which is reserved for Curtail's own pages")]
    Reserved(String),
    /// A last `+` asks for the preview of a link.
    #[error("must not end in \"+\", which asks for a link's preview")]
    Preview,
}

impl Code {
    /// The longest code, in characters.
    pub const LENGTH_MAX: usize = 190;

    /// The longest code, in bytes of UTF-8.
    pub const BYTES_MAX: usize = 4 * Code::LENGTH_MAX;

    /// Checks a code that somebody chose. The result is in Unicode normalisation form C, so that one look is
    /// one code.
    pub fn custom(text: &str) -> Result<Code, CodeError> {
        // Checked before any work is done on it: the text may be as long as a body.
        if text.len() > SPELLED_BYTES_MAX {
            return Err(CodeError::TooLong);
        }
        let text: String = text.nfc().collect();
        if text.is_empty() {
            return Err(CodeError::Empty);
        }
        if is_too_long(&text) {
            return Err(CodeError::TooLong);
        }
        if text.ends_with('+') {
            return Err(CodeError::Preview);
        }
        if let Some(wrong) = text.chars().find(|&c| c != '/' && !is_code_character(c)) {
            return Err(CodeError::Character(wrong));
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(CodeError::Segment);
        }
        if text.split('/').any(|segment| !segment.chars().any(stands_by_itself)) {
            return Err(CodeError::Invisible);
        }
        if let Some(wrong) = unseen(&text) {
            return Err(CodeError::Character(wrong));
        }
        let first = text.split('/').next().unwrap_or_default();
        if is_reserved(first.as_bytes()) {
            return Err(CodeError::Reserved(first.to_owned()));
        }
        Ok(Code(text.into_boxed_str()))
    }

    /// A code that came from [`crate::Codes::encode`] or from the store: known to be good.
    pub fn known(text: impl Into<Box<str>>) -> Code {
        Code(text.into())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a first segment belongs to Curtail's own pages and not to links.
pub fn is_reserved(segment: &[u8]) -> bool {
    RESERVED.iter().any(|reserved| segment.eq_ignore_ascii_case(reserved.as_bytes()))
}

/// The code that a raw request path (with its leading slash, without its query) asks for: the path itself
/// where it is plain, which is nearly always and costs no allocation, else its percent-decoded and normalised
/// form. Nothing when no link can be meant: encoded slashes, characters that no code has, invalid UTF-8, too
/// long. So what comes of it is safe to look for wherever codes are kept beside other names.
pub fn from_path(path: &[u8]) -> Option<Cow<'_, str>> {
    let raw = path.strip_prefix(b"/")?;
    // One more for the `+` that asks for the preview; escaped, it is three times as long.
    if raw.is_empty() || raw.len() > 3 * (SPELLED_BYTES_MAX + 1) {
        return None;
    }
    if raw.len() <= Code::LENGTH_MAX && raw.iter().all(|&byte| is_plain(byte)) {
        return str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    let decoded = percent_decode(raw).decode_utf8().ok()?;
    let separators = |text: &[u8]| text.iter().filter(|&&byte| byte == b'/').count();
    if separators(decoded.as_bytes()) != separators(raw) {
        return None;
    }
    let normal: String = decoded.nfc().collect();
    if normal.chars().any(|c| !matches!(c, '/' | '+') && !is_code_character(c)) {
        return None;
    }
    (!is_too_long(normal.strip_suffix('+').unwrap_or(&normal))).then_some(Cow::Owned(normal))
}

/// A code as the path of a URL spells it, without the leading slash: [`from_path`] finds it again.
pub fn to_path(code: &str) -> PercentEncode<'_> {
    const AS_IT_IS: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    utf8_percent_encode(code, AS_IT_IS)
}

/// The most bytes that the characters of a code are spelled with before they are in normalisation form C: a
/// syllable of Hangul is one character of three bytes, or three such characters.
const SPELLED_BYTES_MAX: usize = 9 * Code::LENGTH_MAX;

fn is_too_long(code: &str) -> bool {
    code.len() > Code::LENGTH_MAX && code.chars().nth(Code::LENGTH_MAX).is_some()
}

/// Bytes that stand for themselves in a path and that a code may hold, and `+` for the preview.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/' | b'+')
}

fn is_code_character(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    }
    // Marks are needed by many scripts; emoji and their joiners are what people ask short links for.
    c.is_alphanumeric() || is_combining_mark(c) || is_emoji(c)
}

/// A character that is not drawn (Unicode 16, Default_Ignorable_Code_Point) and does not shape the emoji
/// before it: with one more of these a code would look the same and be another. Letters of two scripts that
/// look alike (UTS #39) are allowed.
fn unseen(text: &str) -> Option<char> {
    let drawn = |c: char| {
        !is_filler(c)
            && !matches!(c, '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
    };
    let mut before = ' ';
    let mut left = text.chars();
    while let Some(c) = left.next() {
        let shapes = match c {
            '\u{200d}' => is_emoji(before),
            // A keycap is a digit, the selector and the cap.
            '\u{fe0f}' => is_emoji(before) || left.as_str().starts_with('\u{20e3}'),
            _ => false,
        };
        if !drawn(c) && !shapes {
            return Some(c);
        }
        before = c;
    }
    None
}

/// Whether a character of a code can be seen without another before it: not marks, joiners and variation
/// selectors, and not the Hangul fillers, which are letters that look like nothing (Unicode 16,
/// Default_Ignorable_Code_Point).
fn stands_by_itself(c: char) -> bool {
    !is_combining_mark(c) && !is_filler(c) && c != '\u{200d}'
}

/// The Hangul fillers, which are letters that look like nothing (Unicode 16, Default_Ignorable_Code_Point).
const fn is_filler(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// Pictographs and what joins and colours them: the blocks
/// that hold emoji (Unicode 16, Emoji property), as ranges.
const fn is_emoji(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_may_choose_words_of_any_script_and_several_segments() {
        for good in [
            "a",
            "spring-sale",
            "v1.2_final~",
            "docs/start",
            "größe",
            "короткая",
            "短縮",
            "हिन्दी",
            "🚀",
            "👩‍💻",
        ] {
            assert_eq!(Code::custom(good).map(|code| code.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_browsers_rewrite_or_people_confuse_is_refused() {
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a b",
            "a?b",
            "a#b",
            "a%41",
            "a\r\nb",
            "a\0",
            "a+",
            "a+b",
            "<script>",
            "a\\b",
            "a:b",
            "a@b",
            "\u{202e}abc",
            "a\u{200b}b",
            "a\u{feff}",
        ] {
            assert!(Code::custom(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Code::custom(&"x".repeat(191)), Err(CodeError::TooLong));
        assert!(Code::custom(&"x".repeat(190)).is_ok());
        assert_eq!(Code::custom("API/x"), Err(CodeError::Reserved("API".into())));
    }

    #[test]
    fn the_length_of_a_code_is_that_of_its_characters_however_they_are_spelled() {
        for one in ["x", "\u{e4}", "\u{77ed}", "\u{1f680}", "\u{d55c}"] {
            let longest = one.repeat(190);
            let code = Code::custom(&longest).unwrap();
            assert!(code.as_str() == longest && longest.len() <= Code::BYTES_MAX);
            assert_eq!(Code::custom(&one.repeat(191)), Err(CodeError::TooLong), "{one}");
            let decomposed: String = longest.nfd().collect();
            assert_eq!(Code::custom(&decomposed), Ok(code), "{one}");
            let path: String = decomposed.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(from_path(format!("/{path}+").as_bytes()), Some(Cow::Owned(format!("{longest}+"))));
            let path: String = one.repeat(191).bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(from_path(format!("/{path}").as_bytes()), None, "{one}");
        }
    }

    #[test]
    fn a_code_with_characters_that_are_not_drawn_is_refused() {
        for twin in [
            "a\u{200d}",
            "a\u{fe0f}",
            "a\u{34f}",
            "a\u{17b4}",
            "a\u{e0100}",
            "a\u{200b}",
            "a/b\u{200d}c",
            "a\u{3164}",
            "a\u{115f}",
            "a\u{1160}b",
            "a\u{ffa0}",
        ] {
            assert!(matches!(Code::custom(twin), Err(CodeError::Character(_))), "{twin:?}");
        }
        assert!(Code::custom("\u{2764}\u{fe0f}\u{200d}\u{1f525}").is_ok());
    }

    #[test]
    fn a_code_that_nobody_can_see_is_refused() {
        for unseen in [
            "\u{301}",
            "\u{301}\u{302}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{20e3}",
            "\u{3164}",
            "a/\u{301}",
            "\u{200d}/a",
        ] {
            assert_eq!(Code::custom(unseen), Err(CodeError::Invisible), "{unseen:?}");
        }
        for seen in ["a\u{301}b", "हि", "👩\u{200d}💻", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}", "-", "~"]
        {
            assert!(Code::custom(seen).is_ok(), "{seen:?}");
        }
    }

    #[test]
    fn two_spellings_of_one_look_are_one_code() {
        assert_eq!(Code::custom("cafe\u{301}"), Code::custom("caf\u{e9}"));
        assert_eq!(from_path(b"/cafe%CC%81").as_deref(), Some("caf\u{e9}"));
    }

    #[test]
    fn plain_paths_are_borrowed_and_tricks_mean_no_link() {
        assert!(matches!(from_path(b"/abc/d-e_f.g~"), Some(Cow::Borrowed("abc/d-e_f.g~"))));
        for trick in [&b"/"[..], b"", b"abc", b"/a%2fb", b"/a%00b", b"/%ff", b"/a%0d%0ab", &[b'/'; 1000]] {
            assert_eq!(from_path(trick), None, "{trick:?}");
        }
        // What servers keep beside links has names that begin so.
        for trick in ["/!floor", "/%21layout", "/a!b", "/a:b", "/a%20b", "/*", "/a%7fb"] {
            assert_eq!(from_path(trick.as_bytes()), None, "{trick}");
        }
    }

    proptest! {
        #[test]
        fn a_code_is_found_again_by_its_path_however_much_of_it_is_escaped(text in "\\PC{1,40}") {
            if let Ok(code) = Code::custom(&text) {
                let escaped = code.as_str().bytes();
                let escaped: String =
                    escaped.map(|b| if b == b'/' { "/".into() } else { format!("%{b:02X}") }).collect();
                for path in [escaped, to_path(code.as_str()).to_string()] {
                    let found = from_path(format!("/{path}").as_bytes()).map(Cow::into_owned);
                    prop_assert_eq!(found.as_deref(), Some(code.as_str()));
                }
            }
        }

        #[test]
        fn no_path_makes_it_panic(path: Vec<u8>) {
            let _ = from_path(&[b"/", &path[..]].concat());
        }
    }
}
