//! Requests that could end in two places. What stands after such a request is never taken for another one.

use super::Besieged;
use crate::support::server::{KEY, Server};
use tempfile::tempdir;

/// The request that an attacker hides behind another.
const HIDDEN: &str = "GET /canary HTTP/1.1\r\nHost: sho.rt\r\n\r\n";

/// Headers that leave the end of a body in doubt, and a body.
const DOUBTFUL: &[(&str, &str)] = &[
    ("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n"),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Content-Length: 4\r\nContent-Length: 0", ""),
    ("Content-Length: 0\r\nContent-Length: 4", ""),
    ("Content-Length: 4, 4", "abcd"),
    ("Content-Length: +4", "abcd"),
    ("Content-Length: -1", ""),
    ("Content-Length: 0x4", "abcd"),
    ("Content-Length: 4 4", "abcd"),
    ("Content-Length: 99999999999999999999", ""),
    ("Content-Length:\u{b}4", "abcd"),
    ("Content-Length : 4", "abcd"),
    ("Content-Length\u{0}: 4", "abcd"),
    (" Content-Length: 4", "abcd"),
    ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
    ("Transfer-Encoding: identity, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked;x=y", "0\r\n\r\n"),
    ("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
    ("Transfer-Encoding : chunked", "0\r\n\r\n"),
    ("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "zz\r\nabc\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "-1\r\nabc\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "3\r\nabcX0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "3\nabc\n0\n\n"),
    ("Transfer-Encoding: chunked", "\r\n0\r\n\r\n"),
];

#[test]
fn what_follows_a_request_of_doubtful_length_is_not_executed() {
    let besieged = Besieged::start(&["--set", "limits.body_timeout_seconds=1"]);
    let api = format!("POST /api/v1/links HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\n");
    for start in
        ["GET /canary HTTP/1.1\r\nHost: sho.rt\r\n", "POST /canary HTTP/1.1\r\nHost: sho.rt\r\n", &api]
    {
        for (headers, body) in DOUBTFUL {
            let request = format!("{start}{headers}\r\n\r\n{body}{HIDDEN}");
            let reply = besieged.send(request.as_bytes());
            let (text, statuses) = (reply.text(), reply.statuses());
            assert!(reply.closed, "{request:?} is left open after {text}");
            assert_eq!(statuses.len(), 1, "{request:?} is answered by {text}");
            // A GET is answered before anybody looks at its chunks; what matters is that it is the last one.
            let answered = headers.contains("Transfer-Encoding: chunked")
                && start.starts_with("GET")
                && statuses[0] == 302;
            assert!((400..500).contains(&statuses[0]) || answered, "{request:?} is answered by {text}");
        }
    }
    besieged.is_unharmed("doubtful lengths");
}

#[test]
fn a_request_that_tells_its_length_twice_is_not_executed_itself() {
    let besieged = Besieged::start(&[]);
    let body = "{\"url\":\"https://example.com/smuggled\"}";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let start = format!("POST /api/v1/links HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\n");
    let first = "GET /livez HTTP/1.1\r\nHost: sho.rt\r\n\r\n";
    for lengths in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let request = format!("{start}{lengths}\r\n\r\n{chunks}{HIDDEN}");
        let reply = besieged.send(request.as_bytes());
        assert_eq!((reply.statuses(), reply.closed), (vec![400], true), "{}", reply.text());
        // In the same packet behind others, whatever those look like.
        let posted = format!("{start}Content-Type: application/json\r\n");
        for before in [
            first.to_owned(),
            format!("{posted}Content-Length: 2\r\n\r\n{{}}"),
            format!("{posted}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nX: y\r\n\r\n"),
        ] {
            let reply = besieged.send(format!("{before}{request}").as_bytes());
            let (statuses, text) = (reply.statuses(), reply.text());
            assert_eq!((statuses.len(), statuses.last(), reply.closed), (2, Some(&400), true), "{text}");
        }
        // As a proxy sends it: on a connection that was used before.
        let mut client = besieged.server.client();
        client.send(first.as_bytes()).unwrap();
        assert_eq!(client.receive(false).unwrap().status, 200);
        client.send(request.as_bytes()).unwrap();
        let refused = client.receive(false).unwrap();
        assert_eq!((refused.status, refused.header("connection")), (400, Some("close")));
    }
    besieged.is_unharmed("lengths that are told twice");
}

#[test]
fn a_chunked_request_to_http_1_0_is_refused() {
    let besieged = Besieged::start(&[]);
    let request = format!("POST /canary HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    let reply = besieged.send(request.as_bytes());
    assert_eq!((reply.statuses(), reply.closed), (vec![400], true), "{}", reply.text());
}

#[test]
fn a_body_that_nobody_asked_for_is_not_taken_for_the_next_request() {
    let besieged = Besieged::start(&[]);
    let length = HIDDEN.len();
    let request = format!(
        "GET /canary HTTP/1.1\r\nHost: sho.rt\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{HIDDEN}"
    );
    let reply = besieged.send(request.as_bytes());
    assert_eq!((reply.statuses(), reply.closed), (vec![302], true), "{}", reply.text());
    let endless = b"GET /canary HTTP/1.1\r\nHost: sho.rt\r\nContent-Length: 1000000000\r\n\r\nx";
    let reply = besieged.send(endless);
    assert_eq!((reply.statuses(), reply.closed), (vec![302], true), "{}", reply.text());
    besieged.is_unharmed("bodies of GET");
}

#[test]
fn programs_are_told_of_requests_that_make_no_sense_as_problems() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for head in
        ["", "host: a\r\nhost: b\r\n", "host: u@h\r\n", "host: a\r\ntransfer-encoding: gzip, chunked\r\n"]
    {
        let mut client = server.client();
        client.send(format!("GET /api/v1/links HTTP/1.1\r\n{head}\r\n").as_bytes()).unwrap();
        let answer = client.receive(false).unwrap();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, Some("application/problem+json")),
            "{head}"
        );
        assert_eq!(answer.json()["status"], 400);
    }
}
