//! Where a link leads: checked, kept as it was given, and made safe for a `Location` header.

mod escapes;
mod plain;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode, utf8_percent_encode};
use std::borrow::Cow;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

/// App schemes that are allowed beside `http` and `https` when the settings name no others. Never
/// `javascript:`, `data:`, `vbscript:`, `file:`, `blob:` or `about:`, which run in the visitor's browser.
pub const APP_SCHEMES: &[&str] =
    &["mailto", "tel", "sms", "geo", "market", "itms-apps", "intent", "whatsapp", "tg"];

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// Schemes that no setting can allow.
pub const FORBIDDEN: &[&str] =
    &["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "ws", "wss"];

/// What a `Location` header must not hold as it is, beside what is not ASCII.
const INVISIBLE: &AsciiSet = &CONTROLS.add(b' ');

/// What would end a query, beside what is invisible.
const UNFIT_IN_QUERY: &AsciiSet = &INVISIBLE.add(b'#');

/// A destination that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    given: Box<str>,
    /// The form for comparing, where it is another one.
    normal: Option<Box<str>>,
    fingerprint: u64,
}

/// Why a text cannot be a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Nothing to go to.
    #[error("must not be empty")]
    Empty,
    /// More than [`Destination::LENGTH_MAX`] bytes.
    #[error("is longer than {max} bytes", max = Destination::LENGTH_MAX)]
    TooLong,
    /// Line breaks, NUL and their like never belong in a URL and split headers.
    #[error("must not hold control characters")]
    Control,
    /// What a paste often brings along, and what the WHATWG parser would cut off in silence.
    #[error("must not begin or end with a space")]
    Space,
    /// `https://a\\@b`: browsers go to the one host, other clients to the other.
    #[error("must not hold a backslash before its query, which browsers and other clients read differently")]
    Backslash,
    /// Not a URL by the WHATWG standard, or one without a scheme.
    #[error("is not an absolute URL ({0})")]
    NotAUrl(String),
    /// A scheme that is not allowed here.
    #[error(
        "has the scheme {0:?}; allowed are http, https and the app schemes in the setting links.app_schemes"
    )]
    Scheme(String),
    /// `http://user:password@host`: a favourite of phishing, and a secret in a public place.
    #[error("must not carry a user name or password")]
    Credentials,
    /// It leads back to this shortener.
    #[error("leads back to this shortener, which would be a loop")]
    Loop,
}

impl Destination {
    /// The longest destination, in bytes, as given and as it is sent.
    pub const LENGTH_MAX: usize = 8_192;

    /// Checks a destination. `app_schemes` are allowed beside http and https; `own_hosts` are this
    /// shortener's own, with their port where it is not the scheme's usual one.
    pub fn new<'a>(
        given: &str,
        app_schemes: &[String],
        own_hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Destination, DestinationError> {
        if given.is_empty() {
            return Err(DestinationError::Empty);
        }
        if given.len() > Self::LENGTH_MAX {
            return Err(DestinationError::TooLong);
        }
        if let Some(host) = plain::host_of(given) {
            let usual = if given.starts_with("https") { HTTPS_PORT } else { HTTP_PORT };
            if own_hosts.into_iter().any(|own| is_authority(host, usual, usual, own)) {
                return Err(DestinationError::Loop);
            }
            return Ok(Destination::of(given.into(), None));
        }
        // The WHATWG parser silently drops tabs and line breaks
        // and trims spaces: what it would repair is refused.
        if given.chars().any(char::is_control) {
            return Err(DestinationError::Control);
        }
        if given.trim() != given {
            return Err(DestinationError::Space);
        }
        let parsed = Url::parse(given).map_err(|error| DestinationError::NotAUrl(error.to_string()))?;
        let scheme = parsed.scheme();
        let web = matches!(scheme, "http" | "https");
        if !web && (FORBIDDEN.contains(&scheme) || !app_schemes.iter().any(|allowed| allowed == scheme)) {
            return Err(DestinationError::Scheme(scheme.to_owned()));
        }
        // `http:path` is absolute to the parser and relative to a browser that is on our own page.
        if web && !given[scheme.len()..].starts_with("://") {
            return Err(DestinationError::NotAUrl("after http: or https: there must be //".to_owned()));
        }
        if web {
            let before_query = given.split(['?', '#']).next().unwrap_or_default();
            if before_query.contains('\\') {
                return Err(DestinationError::Backslash);
            }
            let after_scheme = &before_query[scheme.len() + 3..];
            // The parser passes over more slashes than two, others take what follows for a path.
            if after_scheme.starts_with('/') {
                return Err(DestinationError::NotAUrl(
                    "there must be two / before the host, not more".to_owned(),
                ));
            }
            // The parser drops an empty name, others may not.
            let authority = after_scheme.split('/').next().unwrap_or_default();
            if authority.contains('@') || !parsed.username().is_empty() || parsed.password().is_some() {
                return Err(DestinationError::Credentials);
            }
        }
        if parsed.as_str().len() > Self::LENGTH_MAX {
            return Err(DestinationError::TooLong);
        }
        if web && own_hosts.into_iter().any(|own| is_authority_of(&parsed, own)) {
            return Err(DestinationError::Loop);
        }
        Ok(Destination::of(given.into(), Some(parsed.as_str())))
    }

    /// A destination that was checked when it was first given.
    pub fn known(given: String) -> Destination {
        let parsed = plain::host_of(&given).is_none().then(|| parsed(&given).into_owned());
        Destination::of(given.into(), parsed.as_deref())
    }

    /// A destination with its WHATWG form, where that is another one.
    fn of(given: Box<str>, parsed: Option<&str>) -> Destination {
        let normal = escapes::normal(parsed.unwrap_or(&given));
        let fingerprint = xxh3_64(normal.as_bytes());
        let normal = (*normal != *given).then(|| normal.into_owned().into_boxed_str());
        Destination { given, normal, fingerprint }
    }

    /// The destination as it was given.
    pub fn as_given(&self) -> &str {
        &self.given
    }

    /// The destination as it was given, to keep.
    pub fn into_given(self) -> String {
        self.given.into()
    }

    /// What equal destinations have in common: xxh3-64 of the normal form. Different ones may share it, so
    /// compare [`Destination::normal`] before trusting it.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The form for comparing: that of the WHATWG parser (scheme and host in lower case, default port gone,
    /// dot segments resolved, IDN in punycode) with percent-encoding in one spelling, which that parser
    /// leaves as it is.
    pub fn normal(&self) -> &str {
        self.normal.as_deref().unwrap_or(&self.given)
    }
}

/// The form of a stored destination that may stand in a `Location` header: as it was given when that is all
/// visible ASCII, else its WHATWG form, which always is.
pub fn location(given: &str) -> Cow<'_, str> {
    let visible = |byte: u8| byte.is_ascii_graphic();
    if given.bytes().all(visible) {
        return Cow::Borrowed(given);
    }
    match Url::parse(given) {
        Ok(url) if url.as_str().bytes().all(visible) => Cow::Owned(url.into()),
        // Opaque paths (`mailto:ä`) may keep spaces; nothing invisible may pass.
        _ => Cow::Owned(utf8_percent_encode(given, INVISIBLE).to_string()),
    }
}

/// The form of a stored destination for comparing: see [`Destination::normal`].
pub fn normal(given: &str) -> Cow<'_, str> {
    match parsed(given) {
        Cow::Borrowed(parsed) => escapes::normal(parsed),
        Cow::Owned(parsed) => Cow::Owned(escapes::normal(&parsed).into_owned()),
    }
}

/// The WHATWG form of a stored destination: where a browser takes it to lead.
pub fn parsed(given: &str) -> Cow<'_, str> {
    Url::parse(given).map_or(Cow::Borrowed(given), |url| Cow::Owned(url.into()))
}

/// Adds the query of the visitor's request to a location, before its fragment. Names that the location
/// already has are given again: what the visitor sent comes last, which is what wins in most frameworks.
/// Bytes that a `Location` must not hold are percent-encoded, which is how servers read them anyway.
pub fn with_query(location: &str, query: &[u8]) -> String {
    let (before, fragment) = match location.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (location, None),
    };
    let mut joined = String::with_capacity(location.len() + query.len() + 1);
    joined.push_str(before);
    if !before.contains('?') {
        joined.push('?');
    } else if !before.ends_with(['?', '&']) {
        joined.push('&');
    }
    joined.extend(percent_encode(query, UNFIT_IN_QUERY));
    if let Some(fragment) = fragment {
        joined.push('#');
        joined.push_str(fragment);
    }
    joined
}

/// Whether a URL names one of our own hosts. Without a port either means the usual one of the URL's scheme.
fn is_authority_of(url: &Url, own: &str) -> bool {
    let usual = if url.scheme() == "https" { HTTPS_PORT } else { HTTP_PORT };
    url.host_str().is_some_and(|host| is_authority(host, url.port().unwrap_or(usual), usual, own))
}

fn is_authority(host: &str, port: u16, usual: u16, own: &str) -> bool {
    let with_port = own.rsplit_once(':').filter(|(host, _)| host.ends_with(']') || !host.contains(':'));
    let (own_host, own_port) = match with_port {
        Some((own_host, own_port)) => (own_host, own_port.parse().ok()),
        None => (own, Some(usual)),
    };
    own_host.trim_end_matches('.').eq_ignore_ascii_case(host.trim_end_matches('.')) && own_port == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str) -> Result<Destination, DestinationError> {
        let schemes: Vec<String> = APP_SCHEMES.iter().map(|&scheme| scheme.to_owned()).collect();
        Destination::new(given, &schemes, ["sho.rt", "localhost:8080"])
    }

    #[test]
    fn destinations_are_kept_as_given_and_compared_in_one_form() {
        let one = check("HTTP://Example.COM:80/a/../b?q=1#f").unwrap();
        assert_eq!(one.as_given(), "HTTP://Example.COM:80/a/../b?q=1#f");
        assert_eq!(one.normal(), "http://example.com/b?q=1#f");
        assert_eq!(one.fingerprint(), check("http://example.com/b?q=1#f").unwrap().fingerprint());
    }

    #[test]
    fn destinations_that_differ_only_in_how_they_are_escaped_are_equal_and_lead_where_they_were_given() {
        let one = check("https://example.com/~a/%C3%A4?q=%2F").unwrap();
        for other in [
            "https://example.com/%7Ea/%c3%a4?q=%2f",
            "https://example.com/%7ea/\u{e4}?q=%2F",
            "HTTPS://EXAMPLE.com:443/x/%2e%2E/~%61/%C3%a4?%71=%2f",
        ] {
            let other = check(other).unwrap();
            assert_eq!((other.normal(), other.fingerprint()), (one.normal(), one.fingerprint()));
            assert_eq!(normal(other.as_given()), one.normal());
            assert_eq!(Destination::known(other.as_given().to_owned()), other);
        }
        assert_ne!(check("https://example.com/~a/%C3%A4?q=/").unwrap().normal(), one.normal());
        assert_eq!(location("https://example.com/%7ea"), "https://example.com/%7ea");
    }

    #[test]
    fn what_runs_in_a_browser_or_splits_a_header_is_refused() {
        for bad in [
            "",
            "example.com",
            "//example.com",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://x/y",
            "https://",
            "http://a b/",
            "https://x/\r\nSet-Cookie: a",
            "https://x/\0",
            "java\tscript:alert(1)",
            "http:x",
            "http:/x",
            "https:x/y",
            "https:\\\\x",
            " https://x/",
            "https://x/\n",
            "https://user@x/",
            "https:///user@x/",
            "https:////u:p@x/",
            "http:///x/",
            "https://u:p@x/",
            "https://@x/",
            "https://:@x/",
            "https://x\\@sho.rt/abc",
            "https://x/a\\b",
            "https://x/ ",
            "ftp://x/",
            "about:blank",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_link_to_the_shortener_itself_is_a_loop() {
        for own in [
            "https://sho.rt/abc",
            "http://SHO.RT/",
            "http://sho.rt./x",
            "http://localhost:8080/x",
            "http://sho.rt:80/",
        ] {
            assert_eq!(check(own), Err(DestinationError::Loop), "{own}");
        }
        let dotted = Destination::new("http://sho.rt/x", &[], ["SHO.RT."]);
        assert_eq!(dotted, Err(DestinationError::Loop));
        assert!(check("http://localhost:8081/x").is_ok());
        assert!(check("https://x/?a=b\\c#d\\e").is_ok());
        assert!(check("https://not-sho.rt/").is_ok());
    }

    #[test]
    fn a_location_is_visible_ascii_whatever_was_given() {
        for given in
            ["https://example.com/a b", "https://bücher.example/ü?ö#ä", "mailto:ä b@example.com", "tel:+1 2"]
        {
            assert!(
                location(given).bytes().all(|byte| byte.is_ascii_graphic()),
                "{given}: {}",
                location(given)
            );
        }
        assert_eq!(location("https://Example.com/%7e"), "https://Example.com/%7e");
    }

    #[test]
    fn a_forwarded_query_goes_before_the_fragment() {
        assert_eq!(with_query("https://x/a", b"b=1"), "https://x/a?b=1");
        assert_eq!(with_query("https://x/a?c=2#f", b"b=1"), "https://x/a?c=2&b=1#f");
    }

    #[test]
    fn a_forwarded_query_is_visible_ascii_whatever_was_sent() {
        let sent = "a=%41&b=\u{e4}\r\n #\u{7f}\0".as_bytes();
        assert_eq!(with_query("https://x/a#f", sent), "https://x/a?a=%41&b=%C3%A4%0D%0A%20%23%7F%00#f");
        assert_eq!(with_query("https://x/", b"\xff"), "https://x/?%FF");
    }
}
