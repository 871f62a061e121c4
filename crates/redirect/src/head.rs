//! Reads the head of a plain request: the kind that nearly all visitors of short links send.
//!
//! Plain is `GET` or `HEAD` of a path, HTTP/1.1, one `Host`, no body and nothing that changes how the
//! connection is used. Whatever is not plain, in any way, is not judged here: the connection goes to hyper
//! with the bytes untouched (see [`crate::handover`]). So no second opinion on framing exists, and nothing
//! can be smuggled between two.

use crate::proxies::TrustedProxies;
use crate::request::LinkRequest;
use curtail_model::host::is_host;
use httparse::{ParserConfig, Request, Status};
use std::mem::MaybeUninit;
use std::net::IpAddr;

/// Browsers send about fifteen headers; more than this is unusual and goes to hyper, which has its own limit.
const HEADERS_MAX: usize = 48;

/// A plain request at the start of some bytes.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) request: LinkRequest<'a>,
    /// How many bytes it takes.
    pub(crate) length: usize,
    /// Whether the client wants the connection closed after the answer.
    pub(crate) close: bool,
}

/// The plain request that `bytes` begin with, if they do.
#[inline]
pub(crate) fn parse<'a>(bytes: &'a [u8], peer: IpAddr, proxies: &TrustedProxies) -> Option<Head<'a>> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut read = Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(&mut read, bytes, &mut headers);
    let Ok(Status::Complete(length)) = parsed else { return None };
    let head = match read.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return None,
    };
    let target = read.path?.as_bytes();
    if read.version != Some(1) || target.first() != Some(&b'/') || target.contains(&b'#') {
        return None;
    }
    let mut request = LinkRequest::to(target, head, peer);
    let mut hosts = 0;
    let mut close = false;
    let behind_proxy = proxies.trusts(peer);
    let mut is_forwarded = false;
    for header in read.headers.iter() {
        let name = header.name.as_bytes();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                hosts += 1;
                if !is_host(header.value) {
                    return None;
                }
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                // Said once, it holds, whatever another line says (RFC 9112, 9.3).
                close |= match header.value {
                    value if value.eq_ignore_ascii_case(b"keep-alive") => false,
                    value if value.eq_ignore_ascii_case(b"close") => true,
                    _ => return None,
                };
            }
            15 if behind_proxy && name.eq_ignore_ascii_case(b"x-forwarded-for") => {
                // Several lines are one list, which is not put together here.
                if std::mem::replace(&mut is_forwarded, true) {
                    return None;
                }
                request.address = proxies.client(peer, [header.value]);
            }
            _ if changes_framing(name) => return None,
            _ => request.note(name, header.value),
        }
    }
    (hosts == 1).then_some(Head { request, length, close })
}

/// Headers that announce a body, another protocol or an expectation.
#[inline]
fn changes_framing(name: &[u8]) -> bool {
    match name.len() {
        7 => name.eq_ignore_ascii_case(b"upgrade") || name.eq_ignore_ascii_case(b"trailer"),
        6 => name.eq_ignore_ascii_case(b"expect"),
        2 => name.eq_ignore_ascii_case(b"te"),
        14.. => matches!(name[0] | 0x20, b'c' | b't') && contains_framing_word(name),
        _ => false,
    }
}

/// `Content-Length`, `Transfer-Encoding` and what lenient servers read as those, such as `Transfer_Encoding`.
fn contains_framing_word(name: &[u8]) -> bool {
    let starts_with =
        |word: &[u8]| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    starts_with(b"transfer") || starts_with(b"content-len") || starts_with(b"content_len")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn plain(text: &str) -> bool {
        parse(text.as_bytes(), PEER, &TrustedProxies::default()).is_some()
    }

    #[test]
    fn what_browsers_send_is_plain() {
        let text = "GET /abc?utm_source=x HTTP/1.1\r\nHost: sho.rt\r\nUser-Agent: Mozilla/5.0\r\nReferer: https://a/\r\n\
                    Accept-Language: de\r\nSec-Purpose: prefetch;prerender\r\nConnection: keep-alive\r\n\r\nrest";
        let head = parse(text.as_bytes(), PEER, &TrustedProxies::default()).unwrap();
        assert_eq!(head.length, text.len() - 4);
        assert_eq!((head.request.path, head.request.query), (&b"/abc"[..], &b"utm_source=x"[..]));
        assert_eq!(
            (head.request.user_agent, head.request.referrer),
            (&b"Mozilla/5.0"[..], &b"https://a/"[..])
        );
        assert!(head.request.prefetch && !head.request.head && !head.close);
    }

    #[test]
    fn whatever_could_be_framed_in_two_ways_is_not_plain() {
        let with = |line: &str| format!("GET /abc HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        assert!(plain(&with("X: y")));
        for line in [
            "Content-Length: 0",
            "content-length: 5",
            "Transfer-Encoding: chunked",
            "Transfer_Encoding: chunked",
            "Upgrade: h2c",
            "Expect: 100-continue",
            "Connection: upgrade",
            "Connection: keep-alive, x",
            "Host: b",
            "TE: trailers",
            "Content_Length: 3",
            "Transfer-Encoding : chunked",
            " folded: x",
        ] {
            assert!(!plain(&with(line)), "{line}");
        }
        for text in [
            "GET /abc HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET /abc HTTP/1.1\r\n\r\n",
            "GET http://a/abc HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /abc HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /abc HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET /abc HTTP/1.1\r\nHost:\r\n\r\n",
            "GET /abc HTTP/1.1\r\nHost: a\r\n",
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(!plain(text), "{text:?}");
        }
    }

    /// A head with headers that mean something here and others, in which a byte may have changed.
    fn heads() -> impl Strategy<Value = Vec<u8>> {
        let names = "user-agent|cookie|referer|accept|dnt|x-[a-z]{1,20}|connection|host|content-length";
        let header = (names, "[ -~]{0,40}").prop_map(|(name, value)| format!("{name}: {value}\r\n"));
        let target = "/[a-z0-9/+%?=&.-]{0,40}";
        let text = ("GET|HEAD|POST", target, vec(header, 0..8)).prop_map(|(method, target, headers)| {
            format!("{method} {target} HTTP/1.1\r\nhost: sho.rt\r\n{}\r\n", headers.concat()).into_bytes()
        });
        (text, any::<Option<(Index, u8)>>()).prop_map(|(mut text, change)| {
            if let Some((place, byte)) = change {
                let place = place.index(text.len());
                text[place] = byte;
            }
            text
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes, PEER, &TrustedProxies::default());
        }

        #[test]
        fn of_any_head_no_more_is_taken_than_there_is_and_what_follows_changes_nothing(bytes in heads(), more: Vec<u8>) {
            let proxies = TrustedProxies::default();
            if let Some(head) = parse(&bytes, PEER, &proxies) {
                prop_assert!(head.length <= bytes.len() && head.request.path.first() == Some(&b'/'));
                let followed = [&bytes[..], &more].concat();
                let again = parse(&followed, PEER, &proxies).map(|head| (head.length, head.close));
                prop_assert_eq!(again, Some((head.length, head.close)));
            }
        }
    }
}
