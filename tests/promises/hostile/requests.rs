//! Request lines, paths and headers that no browser sends.

use super::{Besieged, MARKER, Reply};
use crate::support::http::MISS_TIMEOUT;
use crate::support::run::until_there_is;
use curtail_servers::PATIENCE;
use std::time::Instant;

/// What may come back.
type Allowed = &'static [u16];

const REFUSED: Allowed = &[400];
const NOT_FOUND: Allowed = &[404];
const REDIRECTED: Allowed = &[302];
const TOO_LARGE: Allowed = &[414, 431];

/// Request lines that are followed by one good `Host`.
const LINES: &[(&[u8], Allowed)] = &[
    (b"GET /%00 HTTP/1.1", NOT_FOUND),
    (b"GET /canary%00 HTTP/1.1", NOT_FOUND),
    (b"GET /canary\0 HTTP/1.1", REFUSED),
    (b"GET /canary\0<m4rk> HTTP/1.1", REFUSED),
    (b"GET /%0d%0aset-cookie:%20m4rk=1 HTTP/1.1", NOT_FOUND),
    (b"GET /canary%0d%0aset-cookie:%20m4rk=1 HTTP/1.1", NOT_FOUND),
    (b"GET /canary\rset-cookie: m4rk=1 HTTP/1.1", REFUSED),
    (b"GET /%c0%ae%c0%ae/%c0%afetc/passwd HTTP/1.1", NOT_FOUND),
    (b"GET /%e0%80%af HTTP/1.1", NOT_FOUND),
    (b"GET /%ed%a0%80 HTTP/1.1", NOT_FOUND),
    (b"GET /%ff%fe HTTP/1.1", NOT_FOUND),
    (b"GET /\xff\xfe HTTP/1.1", REFUSED),
    (b"GET /\xc3\xa4 HTTP/1.1", NOT_FOUND),
    (b"GET /%zz HTTP/1.1", NOT_FOUND),
    (b"GET /% HTTP/1.1", NOT_FOUND),
    (b"GET /%2563anary HTTP/1.1", NOT_FOUND),
    (b"GET /../../etc/passwd HTTP/1.1", NOT_FOUND),
    (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", NOT_FOUND),
    (b"GET /x/../canary HTTP/1.1", NOT_FOUND),
    (b"GET /./canary HTTP/1.1", NOT_FOUND),
    (b"GET /x/..%2fcanary HTTP/1.1", NOT_FOUND),
    (b"GET /canary/ HTTP/1.1", NOT_FOUND),
    (b"GET /canary/.. HTTP/1.1", NOT_FOUND),
    (b"GET /canary%2f HTTP/1.1", NOT_FOUND),
    (b"GET /..%5c..%5cetc HTTP/1.1", NOT_FOUND),
    (b"GET /\\canary HTTP/1.1", NOT_FOUND),
    (b"GET /api%2fv1%2flinks HTTP/1.1", NOT_FOUND),
    (b"GET /API/v1/links HTTP/1.1", NOT_FOUND),
    (b"GET /x/../api/v1/links HTTP/1.1", NOT_FOUND),
    (b"GET //evil.example HTTP/1.1", NOT_FOUND),
    (b"GET //evil.example/canary HTTP/1.1", NOT_FOUND),
    (b"GET /https://evil.example/ HTTP/1.1", NOT_FOUND),
    (b"GET /\xe2\x80\xaecanary HTTP/1.1", NOT_FOUND),
    (b"GET /<m4rk>alert(1)</m4rk> HTTP/1.1", NOT_FOUND),
    (b"GET /%3Cm4rk%3E HTTP/1.1", NOT_FOUND),
    (b"GET /%3Cm4rk%3E+ HTTP/1.1", NOT_FOUND),
    (b"GET /canary;jsessionid=<m4rk> HTTP/1.1", NOT_FOUND),
    (b"GET /api/v1/<m4rk> HTTP/1.1", REFUSED),
    (b"GET /api/v1/links/%2e%2e/keys HTTP/1.1", &[401, 404]),
    (b"GET /api/v1/problems/%3Cm4rk%3E HTTP/1.1", NOT_FOUND),
    (b"GET /api/v1/links/%00 HTTP/1.1", &[401]),
    (b"GET http://evil.example/canary HTTP/1.1", REDIRECTED),
    (b"GET http://evil.example/api/v1/links HTTP/1.1", &[401]),
    (b"GET http://user:m4rk@sho.rt/canary HTTP/1.1", REFUSED),
    (b"GET http://sho.rt@evil.example/canary HTTP/1.1", REFUSED),
    (b"GET ftp://sho.rt/canary HTTP/1.1", REFUSED),
    (b"GET javascript:alert(1) HTTP/1.1", REFUSED),
    (b"GET http://sho.rt/canary HTTP/1.1", REDIRECTED),
    (b"GET sho.rt HTTP/1.1", REFUSED),
    (b"GET canary HTTP/1.1", REFUSED),
    (b"GET * HTTP/1.1", REFUSED),
    (b"OPTIONS * HTTP/1.1", REFUSED),
    (b"CONNECT evil.example:443 HTTP/1.1", REFUSED),
    (b"CONNECT sho.rt:80 HTTP/1.1", REFUSED),
    (b"CONNECT /canary HTTP/1.1", &[400, 405]),
    (b"TRACE /canary HTTP/1.1", &[405]),
    (b"get /canary HTTP/1.1", &[405]),
    (b"Get /canary HTTP/1.1", &[405]),
    (b"DELETE /canary HTTP/1.1", &[405]),
    (b"<m4rk> /canary HTTP/1.1", REFUSED),
    (b"M4RK /canary HTTP/1.1", &[405]),
    (b"GET /canary HTTP/1.2", REFUSED),
    (b"GET /canary HTTP/3.0", REFUSED),
    (b"GET /canary http/1.1", REFUSED),
    (b"GET /canary  HTTP/1.1", REFUSED),
    (b"GET /canary HTTP/1.1 HTTP/1.1", REFUSED),
    (b"GET\t/canary HTTP/1.1", REFUSED),
    (b" GET /canary HTTP/1.1", REFUSED),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", REFUSED),
];

/// What follows `GET /canary HTTP/1.1`.
const HEADERS: &[(&[u8], Allowed)] = &[
    (b"", REFUSED),
    (b"Host:\r\n", REFUSED),
    (b"Host: a\r\nHost: a\r\n", REFUSED),
    (b"Host: a\r\nhOST: <m4rk>\r\n", REFUSED),
    (b"Host: user@sho.rt\r\n", REFUSED),
    (b"Host: sho.rt/x\r\n", REFUSED),
    (b"Host: <m4rk>\r\n", REFUSED),
    (b"Host: a, b\r\n", REFUSED),
    (b"Host: a b\r\n", REFUSED),
    (b"Host: a\0b\r\n", REFUSED),
    (b"Host: \xff\r\n", REFUSED),
    (b"Host: ::1\r\n", REFUSED),
    (b"Host: [zz]\r\n", REFUSED),
    (b"Host: ]:a:b[\r\n", REFUSED),
    (b"Host: [::1]:8080\r\n", REDIRECTED),
    (b"Host : sho.rt\r\n", REFUSED),
    (b"Host: sho.rt\r\n folded: x\r\n", REFUSED),
    (b"Host: sho.rt\r\nX: a\r\n\tb\r\n", REFUSED),
    (b"Host: sho.rt\r\nX: a\rb\r\n", REFUSED),
    (b"Host: sho.rt\r\nX: a\0b\r\n", REFUSED),
    (b"Host: sho.rt\r\n: empty\r\n", REFUSED),
    (b"Host: sho.rt\r\nno colon\r\n", REFUSED),
    (b"Host: sho.rt\r\nX-\xc3\xa4: 1\r\n", REFUSED),
    (
        b"Host: sho.rt\r\nUser-Agent: <m4rk>\xff\xfe\r\nReferer: \"><m4rk>\r\nAccept-Language: '\r\n",
        REDIRECTED,
    ),
    (b"Host: sho.rt\r\nX-Forwarded-For: <m4rk>, 1.2.3.4\r\nX-Forwarded-Host: m4rk\r\n", REDIRECTED),
    (b"Host: sho.rt\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n", REDIRECTED),
];

#[test]
fn tricks_in_request_lines_and_paths_get_their_refusal() {
    let besieged = Besieged::start(&[]);
    for &(line, allowed) in LINES {
        let request = [line, b"\r\nHost: sho.rt\r\nConnection: close\r\n\r\n"].concat();
        is_answered(&asked(&besieged, &request), allowed, line);
    }
    besieged.is_unharmed("request lines");
}

#[test]
fn tricks_in_headers_get_their_refusal() {
    let besieged = Besieged::start(&[]);
    for &(headers, allowed) in HEADERS {
        let request = [b"GET /canary HTTP/1.1\r\n", headers, b"Connection: close\r\n\r\n"].concat();
        is_answered(&besieged.send(&request), allowed, headers);
    }
    besieged.is_unharmed("headers");
}

#[test]
fn heads_beyond_every_measure_are_refused() {
    let besieged = Besieged::start(&[]);
    let head = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: sho.rt\r\nConnection: close\r\n{headers}\r\n").into_bytes()
    };
    let many: String = (0..5_000).map(|number| format!("x-{number}: {MARKER}\r\n")).collect();
    let long = "y".repeat(100_000);
    for request in [
        head("/canary", &many),
        head("/canary", &format!("x: {long}\r\n")),
        head("/canary", &format!("{long}: x\r\n")),
        head(&format!("/{long}"), ""),
        head(&format!("/canary?{long}"), ""),
        head(&format!("/api/v1/links?q={long}"), ""),
    ] {
        is_answered(&besieged.send(&request), TOO_LARGE, &request[..60]);
    }
    let nine_kilobytes = head(&format!("/{}", "y".repeat(9_000)), "");
    is_answered(&asked(&besieged, &nine_kilobytes), NOT_FOUND, b"9 kB");
    besieged.is_unharmed("large heads");
}

#[test]
fn other_versions_of_http_are_served_or_refused() {
    let besieged = Besieged::start(&[]);
    for (request, allowed) in [
        (&b"GET /canary HTTP/1.0\r\n\r\n"[..], REDIRECTED),
        (b"GET /canary HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", REFUSED),
        (b"GET http://user@sho.rt/canary HTTP/1.0\r\n\r\n", REFUSED),
        (b"GET /canary\r\n", REFUSED),
        (b"GET /canary\r\n\r\n", REFUSED),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[505]),
    ] {
        is_answered(&besieged.send(request), allowed, request);
    }
    besieged.is_unharmed("versions");
}

#[test]
fn a_forwarded_query_cannot_break_out_of_the_location() {
    let besieged = Besieged::start(&[]);
    for (query, forwarded) in [
        (&b"a=\xc3\xa4"[..], "a=%C3%A4"),
        (b"%0d%0aset-cookie:m4rk=1", "%0d%0aset-cookie:m4rk=1"),
        (b"a=\"<m4rk>'", "a=\"<m4rk>'"),
        (b"?&&=#", "?&&="),
        (b"\xe2\x80\xa8", "%E2%80%A8"),
    ] {
        let head =
            [b"GET /canary?", query, b" HTTP/1.1\r\nHost: sho.rt\r\nConnection: close\r\n\r\n"].concat();
        let reply = besieged.send(&head);
        assert!(reply.bytes.is_ascii(), "{}", reply.text());
        let location = format!("\r\nlocation: https://example.com/canary?{forwarded}\r\n");
        assert!(reply.text().contains(&location), "{location} in {}", reply.text());
    }
    let broken = b"GET /canary?a=\xff HTTP/1.1\r\nHost: sho.rt\r\nConnection: close\r\n\r\n";
    is_answered(&besieged.send(broken), REFUSED, broken);
    besieged.is_unharmed("queries");
}

/// What comes back of what may have to be looked up. Where the machine has no time for that, whoever asks
/// waits, is turned away, and asks again.
fn asked(besieged: &Besieged, request: &[u8]) -> Reply {
    let begun = Instant::now();
    let first = besieged.send(request);
    if first.statuses() != [503] || begun.elapsed() < MISS_TIMEOUT {
        return first;
    }
    until_there_is("the store answers in time", PATIENCE, || {
        Some(besieged.send(request)).filter(|reply| reply.statuses() != [503])
    })
}

/// One answer with one of these statuses, or none where there is none to give; closed; nothing reflected.
fn is_answered(reply: &Reply, allowed: Allowed, request: &[u8]) {
    let request = request.escape_ascii();
    let (text, statuses) = (reply.text(), reply.statuses());
    assert!(reply.closed, "{request} is left open after {text}");
    match statuses[..] {
        [] => assert!(allowed.is_empty(), "{request} is not answered"),
        [status] => assert!(allowed.contains(&status), "{request} is answered {text}"),
        _ => panic!("{request} is answered more than once: {text}"),
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    assert!(!head.contains("m4rk"), "{request} comes back in {head}");
    assert!(
        !head.contains("text/html") || !body.contains(MARKER),
        "{request} comes back unescaped in {body}"
    );
}
