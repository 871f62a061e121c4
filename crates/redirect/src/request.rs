//! A request for a short link, as far as the redirect path cares: views into the bytes it came in.

use curtail_clicks::recorder::{Clicked, RawClick};
use curtail_model::Timestamp;
use std::net::IpAddr;

/// What a visitor asks for and says of itself. Texts that were not sent are empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkRequest<'a> {
    /// Whether only the head of the answer is wanted.
    pub head: bool,
    /// The path as it was sent, percent-encoding and all.
    pub path: &'a [u8],
    /// What follows the `?`.
    pub query: &'a [u8],
    /// `User-Agent`
    pub user_agent: &'a [u8],
    /// `Referer`
    pub referrer: &'a [u8],
    /// `Accept-Language`
    pub language: &'a [u8],
    /// Whether the browser loads ahead of a click (`Sec-Purpose` and its forerunners).
    pub prefetch: bool,
    /// The visitor's address; a trusted proxy's word for it where there is one.
    pub address: IpAddr,
}

impl<'a> LinkRequest<'a> {
    /// A request for nothing but a path, to be filled from headers.
    pub(crate) fn to(target: &'a [u8], head: bool, address: IpAddr) -> LinkRequest<'a> {
        let (path, query) = match target.iter().position(|&byte| byte == b'?') {
            Some(mark) => (&target[..mark], &target[mark + 1..]),
            None => (target, &[][..]),
        };
        LinkRequest {
            head,
            path,
            query,
            user_agent: b"",
            referrer: b"",
            language: b"",
            prefetch: false,
            address,
        }
    }

    /// Takes in a header, if it is one that matters here.
    #[inline]
    pub(crate) fn note(&mut self, name: &[u8], value: &'a [u8]) {
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"referer") => self.referrer = value,
            10 if name.eq_ignore_ascii_case(b"user-agent") => self.user_agent = value,
            15 if name.eq_ignore_ascii_case(b"accept-language") => self.language = value,
            11 if name.eq_ignore_ascii_case(b"sec-purpose") => self.prefetch |= is_ahead(value),
            7 if name.eq_ignore_ascii_case(b"purpose") => self.prefetch |= is_ahead(value),
            9 if name.eq_ignore_ascii_case(b"x-purpose") => self.prefetch |= is_ahead(value),
            5 if name.eq_ignore_ascii_case(b"x-moz") => self.prefetch |= is_ahead(value),
            _ => {}
        }
    }

    /// Whether it only looks ahead: nobody is sent on by its answer.
    pub(crate) fn looks_ahead(&self) -> bool {
        self.head || self.prefetch
    }

    /// The click that this request is.
    #[inline]
    pub(crate) fn click(&self, at: Timestamp, clicked: Clicked<'a>) -> RawClick<'a> {
        RawClick {
            at,
            clicked,
            address: self.address,
            head: self.head,
            prefetch: self.prefetch,
            user_agent: self.user_agent,
            referrer: self.referrer,
            language: self.language,
            query: self.query,
        }
    }
}

/// `prefetch`, `prefetch;prerender`, `prefetch;anonymous-client-ip`, and the older `preview` and `prerender`.
fn is_ahead(value: &[u8]) -> bool {
    let first = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"prefetch"[..], b"prerender", b"preview"].iter().any(|word| first.eq_ignore_ascii_case(word))
}
