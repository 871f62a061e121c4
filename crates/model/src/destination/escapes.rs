//! Percent-encoding in one spelling, for comparing: digits in upper case, and nothing escaped that need not
//! be (RFC 3986, 6.2.2.1 and 6.2.2.2). What is no escape stays as it is.

use std::borrow::Cow;

/// A text with its escapes in their one spelling.
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    if are_normal(text) {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    let mut pieces = text.split('%');
    normal.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match escaped(piece) {
            Some(byte) if is_unreserved(byte) => {
                normal.push(char::from(byte));
                normal.push_str(&piece[2..]);
            }
            Some(_) => {
                normal.push('%');
                normal.extend(piece[..2].chars().map(|digit| digit.to_ascii_uppercase()));
                normal.push_str(&piece[2..]);
            }
            None => {
                normal.push('%');
                normal.push_str(piece);
            }
        }
    }
    Cow::Owned(normal)
}

fn are_normal(text: &str) -> bool {
    text.split('%').skip(1).all(|piece| {
        let is_upper = || !piece.as_bytes()[..2].iter().any(u8::is_ascii_lowercase);
        escaped(piece).is_none_or(|byte| !is_unreserved(byte) && is_upper())
    })
}

/// The byte that the two digits after a `%` stand for.
fn escaped(after: &str) -> Option<u8> {
    let digits = after.as_bytes().first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    Some((high? << 4 | low?) as u8)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::normal;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use std::borrow::Cow;

    #[test]
    fn escapes_that_mean_the_same_are_spelled_the_same() {
        for (given, expected) in [
            ("/%7Ea%7ea%2D%2e%5F%30%41%7A", "/~a~a-._0Az"),
            ("/%c3%a4%C3%a4", "/%C3%A4%C3%A4"),
            ("/a%2fb%2Fb?c%3dd%26e", "/a%2Fb%2Fb?c%3Dd%26e"),
            // Unescaped once, and what is no escape not at all.
            ("/%2541%25%2", "/%2541%25%2"),
            ("/100%&%zz%4%", "/100%&%zz%4%"),
            ("/%\u{e4}%4\u{e4}", "/%\u{e4}%4\u{e4}"),
        ] {
            assert_eq!(normal(given), expected, "{given}");
            assert!(matches!(normal(expected), Cow::Borrowed(_)), "{expected}");
        }
    }

    proptest! {
        #[test]
        fn what_a_text_stands_for_stays(text in "([%0-9a-fA-F]|\\PC){0,30}") {
            let normal = normal(&text);
            prop_assert_eq!(
                percent_decode_str(&normal).collect::<Vec<u8>>(),
                percent_decode_str(&text).collect::<Vec<u8>>()
            );
            prop_assert_eq!(super::normal(&normal), normal.as_ref());
        }
    }
}
