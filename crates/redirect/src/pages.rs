//! The pages that people see when they are not simply redirected.
//!
//! No JavaScript, nothing from elsewhere, and one inline stylesheet that the policy in [`HEADERS`] knows by
//! its hash. Whatever comes from outside is escaped by the templates, which do so unless told otherwise; none
//! is.

use askama::Template;
use bytes::Bytes;
use curtail_model::code::to_path;
use curtail_model::{Inactive, Timestamp, destination};
use curtail_runtime::clock::http_date;
use http::StatusCode;
use std::sync::LazyLock;

/// The headers of every page.
///
/// The policy names no `form-action`: Chromium holds it against the redirects that follow a form too, and
/// would block the way from the password to the destination.
pub const HEADERS: [(&str, &str); 6] = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "private, no-store"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'sha256-i6Cq0gqgddwK/+2XhN/LGQfPnyyeD1BFDAgzWxrTa4g='; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-robots-tag", "noindex"),
];

/// The icon, `image/svg+xml`.
pub const FAVICON_SVG: &[u8] = include_bytes!("../templates/favicon.svg");

/// The icon for who does not read SVG, `image/x-icon`.
pub const FAVICON_ICO: &[u8] = include_bytes!("../templates/favicon.ico");

/// What robots may fetch, `text/plain`.
pub const ROBOTS: &str = include_str!("../templates/robots.txt");

/// The name of the field that carries the password in the form of [`password`].
pub const PASSWORD_FIELD: &str = "password";

/// What the preview of a link shows.
#[derive(Clone, Copy, Debug)]
pub struct Preview<'a> {
    /// The link's code.
    pub code: &'a str,
    /// The query that came with the request, which goes on with whoever continues.
    pub query: &'a [u8],
    /// What is told of its destination.
    pub destination: Shown<'a>,
    /// Its title.
    pub title: Option<&'a str>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a preview tells of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// All of it.
    Address(&'a str),
    /// Who it belongs to: the link has a limit, and the whole address is what it counts.
    Place(&'a str),
    /// That a password protects it.
    Nothing,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    heading: &'a str,
    text: &'a str,
    advice: &'a str,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    wrong: bool,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage<'a> {
    code: &'a str,
    path: String,
    destination: Option<Destination<'a>>,
    title: Option<&'a str>,
    made_on: String,
}

/// A destination as people read it: first who it belongs to, then all of it if that may be told. Both are
/// visible ASCII, so nothing in them can pass for something else.
struct Destination<'a> {
    place: &'a str,
    address: Option<&'a str>,
}

/// `200`: what this address is.
pub fn home() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| render(&HomePage));
    PAGE.clone()
}

/// `404`: there is no such link.
pub fn not_found() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This link leads nowhere",
            "There is no short link with this address.",
            "Check it for typing mistakes: capital and small letters count. Or ask whoever gave it to you.",
        )
    });
    PAGE.clone()
}

/// `404` for a link that starts later, `410` for one whose time is over, with its page.
pub fn inactive(why: Inactive) -> (StatusCode, Bytes) {
    static NOT_YET: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This link is not open yet",
            "Its owner has set it to start at a later time.",
            "Come back later, or ask whoever gave it to you when that is.",
        )
    });
    static EXPIRED: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This link has expired",
            "Its owner had set it to end, and that time has come.",
            "Ask whoever gave it to you for a new one.",
        )
    });
    static USED_UP: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This link is used up",
            "It could be followed only so many times, and has been.",
            "Ask whoever gave it to you for a new one.",
        )
    });
    static ARCHIVED: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This link has been put away",
            "Its owner does not use it any more.",
            "Ask whoever gave it to you for a new one.",
        )
    });
    match why {
        Inactive::NotStarted => (StatusCode::NOT_FOUND, NOT_YET.clone()),
        Inactive::Expired => (StatusCode::GONE, EXPIRED.clone()),
        Inactive::UsedUp => (StatusCode::GONE, USED_UP.clone()),
        Inactive::Archived => (StatusCode::GONE, ARCHIVED.clone()),
    }
}

/// `400`: the request makes no sense.
pub fn bad_request() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This request makes no sense to us",
            "Something in the address or in what was sent with it is not as it should be.",
            "If you followed a link, ask whoever gave it to you for the right one.",
        )
    });
    PAGE.clone()
}

/// `405`: short links can be read, and nothing else.
pub fn method_not_allowed() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "That cannot be done here",
            "A short link can be followed, and nothing else.",
            "Programs: use GET or HEAD. Links are made and changed through the API.",
        )
    });
    PAGE.clone()
}

/// `429`: too many wrong passwords for a link; the next is looked at after so many seconds.
pub fn too_many_attempts(seconds: u32) -> Bytes {
    let wait = match seconds.div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    message(
        "Too many wrong passwords",
        "To protect this link, no more are accepted just now.",
        &format!("Wait {wait} and open the link again."),
    )
}

/// `503`: the link may well exist, but cannot be looked up just now.
pub fn unavailable() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        message(
            "This does not work just now",
            "We cannot look this link up at this moment.",
            "Try again in a few seconds. If it goes on, tell whoever gave you the link.",
        )
    });
    PAGE.clone()
}

/// `200` or `403`: asks for the password of a link, `wrong` saying that one was just tried. The form comes
/// back with `POST` to the same address, its one field being [`PASSWORD_FIELD`].
pub fn password(wrong: bool) -> Bytes {
    static FIRST: LazyLock<Bytes> = LazyLock::new(|| render(&PasswordPage { wrong: false }));
    static AGAIN: LazyLock<Bytes> = LazyLock::new(|| render(&PasswordPage { wrong: true }));
    if wrong { AGAIN.clone() } else { FIRST.clone() }
}

/// `200`: where a link leads. Going on leads through the
/// link itself, so that it counts and its conditions hold.
pub fn preview(preview: &Preview<'_>) -> Bytes {
    let (destination, is_whole) = match preview.destination {
        Shown::Address(destination) => (Some(destination), true),
        Shown::Place(destination) => (Some(destination), false),
        Shown::Nothing => (None, false),
    };
    let parsed = destination.map(destination::parsed);
    let address = parsed.as_deref().map(destination::location);
    let path = format!("/{}", to_path(preview.code));
    render(&PreviewPage {
        code: preview.code,
        path: if preview.query.is_empty() { path } else { destination::with_query(&path, preview.query) },
        destination: address.as_deref().map(|address| Destination {
            place: place(address),
            address: Some(address).filter(|_| is_whole),
        }),
        title: preview.title,
        // Of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110), the day.
        made_on: http_date(preview.created_at.seconds()).get(5..16).unwrap_or_default().to_owned(),
    })
}

/// The host of a URL in its normal form, or its scheme where it has no host.
fn place(normal: &str) -> &str {
    let (scheme, rest) = normal.split_once(':').unwrap_or(("", normal));
    match rest.strip_prefix("//") {
        Some(rest) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            authority.rsplit_once('@').map_or(authority, |(_, host)| host)
        }
        None => scheme,
    }
}

fn message(heading: &str, text: &str, advice: &str) -> Bytes {
    render(&MessagePage { heading, text, advice })
}

fn render(page: &impl Template) -> Bytes {
    page.render().expect("writing to a string does not fail").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    const LINK: Preview<'_> = Preview {
        code: "abc",
        query: b"",
        destination: Shown::Nothing,
        title: None,
        created_at: Timestamp::from_seconds(784_111_777),
    };

    fn text(page: &Bytes) -> &str {
        str::from_utf8(page).unwrap()
    }

    fn every_page() -> Vec<Bytes> {
        let inactive_pages = [Inactive::NotStarted, Inactive::Expired, Inactive::UsedUp, Inactive::Archived]
            .map(|why| inactive(why).1);
        let shown = preview(&Preview {
            destination: Shown::Address("https://example.com/a"),
            title: Some("A"),
            ..LINK
        });
        let mut pages = vec![
            home(),
            not_found(),
            bad_request(),
            method_not_allowed(),
            too_many_attempts(60),
            too_many_attempts(3_600),
            unavailable(),
        ];
        let limited = preview(&Preview { destination: Shown::Place("https://example.com/a"), ..LINK });
        pages.extend([password(false), password(true), preview(&LINK), shown, limited]);
        pages.extend(inactive_pages);
        pages
    }

    #[test]
    fn the_policy_knows_the_one_stylesheet_of_every_page() {
        for page in every_page() {
            let page = text(&page);
            let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
            let expected = format!("style-src 'sha256-{}'", STANDARD.encode(Sha256::digest(style)));
            assert!(HEADERS[2].1.contains(&expected), "{expected}");
            assert_eq!(page.matches("<style").count(), 1);
            assert!(!page.contains(" style="));
        }
    }

    #[test]
    fn every_page_is_whole_needs_nothing_from_elsewhere_and_runs_nothing() {
        for page in every_page() {
            let page = text(&page);
            assert!(
                page.starts_with("<!doctype html>\n<html lang=\"en\">")
                    && page.trim_end().ends_with("</html>")
            );
            for once in ["<title>", "<main>", "</main>", "<h1>"] {
                assert_eq!(page.matches(once).count(), 1, "{once} in {page}");
            }
            assert!(!page.contains("<title></title>"));
            for never in ["<script", "src=", "href=\"http", "url(", "@import", " on"] {
                let markup = page.split_once("</style>").unwrap().1;
                assert!(
                    !markup.split('<').any(|tag| tag.split('>').next().unwrap().contains(never)),
                    "{never}"
                );
            }
        }
    }

    #[test]
    fn a_preview_shows_who_the_destination_belongs_to() {
        for (given, place) in [
            ("https://Example.COM:8443/a?b#c", "example.com:8443"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("https://example.com?@evil.example/", "example.com"),
            ("mailto:someone@example.com", "mailto"),
        ] {
            let page = preview(&Preview { destination: Shown::Address(given), ..LINK });
            assert!(
                text(&page).contains(&format!("<div class=\"host\">{place}</div>")),
                "{given}: {}",
                text(&page)
            );
        }
        let page = preview(&Preview {
            code: "größe/a",
            destination: Shown::Address("https://example.com/"),
            ..LINK
        });
        assert!(text(&page).contains("href=\"/gr%C3%B6%C3%9Fe/a\" rel=\"noreferrer nofollow noopener\""));
        assert!(text(&page).contains("06 Nov 1994"));
    }

    #[test]
    fn a_preview_of_a_protected_link_does_not_tell_its_destination() {
        assert!(text(&preview(&LINK)).contains("Protected by a password"));
        assert!(!text(&preview(&LINK)).contains("class=\"host\""));
    }

    proptest! {
        #[test]
        fn nothing_from_outside_becomes_markup(
            outside in "[<>\"'&a-z/=! ]{0,40}|\\PC{0,40}",
            path in "[<>\"'&a-z ]{0,20}",
        ) {
            let plain = preview(&Preview { query: b"?", destination: Shown::Address("https://x/"), title: Some("t"), ..LINK });
            let url = format!("https://x/{path}?{outside}");
            let page = preview(&Preview {
                code: &outside,
                query: outside.as_bytes(),
                destination: Shown::Address(&url),
                title: Some(&outside),
                ..LINK
            });
            for sign in ['<', '>', '"'] {
                prop_assert_eq!(text(&page).matches(sign).count(), text(&plain).matches(sign).count());
            }
        }
    }
}
