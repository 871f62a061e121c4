//! Recognises the URLs that the WHATWG parser would leave exactly as they are, in a tenth of the time that it
//! takes: most of those that people shorten. What is not recognised is not wrong, it is for the parser.

/// A byte may stand in the host.
const HOST: u8 = 1;
/// A byte may stand in the path.
const PATH: u8 = 2;
/// A byte may stand in the query and in the fragment.
const QUERY: u8 = 4;

/// What each byte may stand in. `%` may, because the parser leaves escapes alone, except those that spell dot
/// segments.
const CLASSES: [u8; 256] = classes();

/// The longest label of a host (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;

/// The host of an `http` or `https` URL that is its own WHATWG form: a domain in lower case, no port, no
/// user, a path without dot segments, and nothing that would have to be escaped. Nothing for any other text.
pub(super) fn host_of(given: &str) -> Option<&str> {
    let rest = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"))?;
    let host = &rest[..length_of(rest.as_bytes(), HOST)];
    let path_and_query = &rest.as_bytes()[host.len()..];
    let path = &path_and_query[..length_of(path_and_query, PATH)];
    if path.first() != Some(&b'/') || has_dot_segment(path) || !is_domain(host) {
        return None;
    }
    let after_path = &path_and_query[path.len()..];
    let after_query = match after_path.split_first() {
        Some((b'?', query)) => &query[length_of(query, QUERY)..],
        _ => after_path,
    };
    let left = match after_query.split_first() {
        Some((b'#', fragment)) => &fragment[length_of(fragment, QUERY)..],
        _ => after_query,
    };
    left.is_empty().then_some(host)
}

/// How many bytes at the beginning are of a class.
fn length_of(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|&byte| CLASSES[usize::from(byte)] & class == 0).unwrap_or(bytes.len())
}

/// Whether the parser would resolve a segment: one that
/// begins with a dot, or that may do so once it is unescaped.
fn has_dot_segment(path: &[u8]) -> bool {
    path.windows(2).any(|two| two == b"/.") || path.windows(3).any(|three| three.eq_ignore_ascii_case(b"%2e"))
}

/// A name that is no address, has no punycode to check, and is not to be repaired.
fn is_domain(host: &str) -> bool {
    let mut last = "";
    for label in host.split('.') {
        if label.is_empty()
            || label.len() > LABEL_BYTES_MAX
            || label.starts_with('-')
            || label.ends_with('-')
            || label.as_bytes().get(2..4) == Some(b"--")
        {
            return false;
        }
        last = label;
    }
    // A last label that begins with a digit may be that of an IPv4 address, in one of its many spellings.
    last.starts_with(|first: char| first.is_ascii_lowercase())
}

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128u8 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => HOST | PATH | QUERY,
            b'A'..=b'Z'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'&'
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b':'
            | b'@'
            | b'/'
            | b'%' => PATH | QUERY,
            b'?' => QUERY,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::host_of;
    use proptest::prelude::*;
    use url::Url;

    fn is_left_alone(given: &str) {
        let Some(host) = host_of(given) else { return };
        let url = Url::parse(given).unwrap_or_else(|error| panic!("{given:?} is refused: {error}"));
        assert_eq!(url.as_str(), given);
        assert_eq!((url.host_str(), url.port()), (Some(host), None), "{given:?}");
        assert!(matches!(url.host(), Some(url::Host::Domain(_))), "{given:?}");
        assert_eq!((url.username(), url.password()), ("", None), "{given:?}");
        assert!(matches!(url.scheme(), "http" | "https"), "{given:?}");
        assert!(given.bytes().all(|byte| byte.is_ascii_graphic()), "{given:?}");
    }

    #[test]
    fn usual_urls_are_recognised() {
        for given in [
            "https://example.com/",
            "http://www.example-shop.com/a/b.html?utm_source=mail&x=1#top",
            "https://a.b.c.example/%C3%A4/x:y@z?q=http://other.example/?a=%2e",
        ] {
            assert!(host_of(given).is_some(), "{given}");
            is_left_alone(given);
        }
    }

    #[test]
    fn what_the_parser_changes_or_refuses_is_not_recognised() {
        for given in [
            "https://example.com",
            "HTTPS://example.com/",
            "https://Example.com/",
            "https://example.com:443/",
            "https://user@example.com/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://a.0x7f/",
            "https://xn--a/",
            "https://a..b/",
            "https://example.com./",
            "https://example.com/a/../b",
            "https://example.com/a/%2E%2e/b",
            "https://example.com/a/.%2e/b",
            "https://example.com/a b",
            "https://example.com/?'",
            "https://example.com\\a",
            "https://example.com/\u{e4}",
            "https:///example.com/",
        ] {
            assert_eq!(host_of(given), None, "{given}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn what_is_recognised_is_what_the_parser_leaves_alone(
            host in "[a-z0-9]{1,3}([a-z0-9.-]{0,6}|x|xn--[a-z0-9]{1,4}|0x[0-9a-f]{1,2})(\\.[a-z0-9-]{1,4}){0,3}",
            rest in "/([ -~]{0,12}|[./%2eE?#a]{0,10})",
        ) {
            is_left_alone(&format!("https://{host}{rest}"));
            is_left_alone(&format!("http://{host}{rest}"));
        }

        #[test]
        fn no_text_is_recognised_wrongly(text in "https?://\\PC{0,20}") {
            is_left_alone(&text);
        }
    }
}
