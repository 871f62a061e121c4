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
