//! How connections end, and what the client is told by then.

use super::{Besieged, Reply};
use crate::support::server::KEY;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

#[test]
fn the_last_answer_arrives_whatever_the_client_sends_behind_its_last_request() {
    let besieged = Besieged::start(&[]);
    let head = |padding: usize| {
        let padding = "x".repeat(padding);
        format!("GET /canary HTTP/1.1\r\nHost: sho.rt\r\nConnection: close\r\nX-Padding: {padding}\r\n\r\n")
    };
    let short = head(0).len();
    // A head as long as what is read at a time, and heads around it.
    for length in [short, 8_191, 8_192, 8_193] {
        for behind in ["\r\n", "GET /canary HTTP/1.1\r\n", &"x".repeat(20_000)] {
            let reply = besieged.send(format!("{}{behind}", head(length - short)).as_bytes());
            assert_eq!(reply.statuses(), [302], "{length} bytes and {} behind", behind.len());
            assert!(reply.text().ends_with("\r\n\r\n"), "{}", reply.text());
        }
    }
    for number in 0..500 {
        let mut client = TcpStream::connect(besieged.server.address).unwrap();
        client.set_nodelay(true).unwrap();
        client.write_all(head(0).as_bytes()).unwrap();
        client.write_all(b"\r\n").unwrap();
        assert_eq!(Reply::read(&mut client).statuses(), [302], "attempt {number}");
    }
}

#[test]
fn a_request_that_is_refused_before_all_of_it_was_read_gets_its_answer_and_is_told_of_the_end() {
    let besieged = Besieged::start(&[]);
    let long = vec![b'x'; 900_000];
    for (start, status) in
        [("POST /api/v1/links", 401), ("POST /canary", 405), ("DELETE /canary", 405), ("GET /canary", 302)]
    {
        let length = long.len();
        let head = format!("{start} HTTP/1.1\r\nHost: sho.rt\r\nContent-Length: {length}\r\n\r\n");
        // As many clients do it: first all is sent, and only then is anything read.
        let mut client = TcpStream::connect(besieged.server.address).unwrap();
        client.write_all(head.as_bytes()).unwrap();
        // One that was held up meets the end of the connection, and still has the answer before it.
        let _ = client.write_all(&long).and_then(|()| client.shutdown(Shutdown::Write));
        let reply = Reply::read(&mut client);
        assert_eq!((reply.statuses(), reply.closed), (vec![status], true), "{start}: {}", reply.text());
        assert!(reply.text().contains("\r\nconnection: close\r\n"), "{start}: {}", reply.text());
    }
    besieged.is_unharmed("bodies that nobody read");
}

#[test]
fn an_answer_that_is_known_already_has_no_length_whatever_asked_for_it() {
    let besieged = Besieged::start(&[]);
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str()), ("if-none-match", "*")];
    for method in ["GET", "HEAD"] {
        let known = besieged.server.client().request(method, "/api/v1/links/by-code/canary", &headers, b"");
        assert_eq!((known.status, known.header("content-length")), (304, None), "{method}");
    }
}

#[test]
fn who_has_sent_all_and_says_so_still_gets_the_answer() {
    let besieged = Besieged::start(&[]);
    let body = r#"{"url":"https://example.com/half"}"#;
    let create = format!(
        "POST /api/v1/links HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: sho.rt\r\n{more}\r\n");
    for (request, status) in [
        (get("/canary", ""), 302),
        (get("/canary", "Content-Length: 0\r\n"), 302),
        (get("/livez", ""), 200),
        (create, 201),
    ] {
        for _ in 0..20 {
            let mut client = TcpStream::connect(besieged.server.address).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(Reply::read(&mut client).statuses(), [status], "{request}");
        }
    }
}
