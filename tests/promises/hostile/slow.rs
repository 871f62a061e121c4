//! Clients that take their time, or take nothing, or merely sit there.

use super::{Besieged, LOCATION, PATIENCE, Reply};
use crate::support::http::Client;
use crate::support::server::{KEY, Server, curtail};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::tempdir;

const SHORT_LIMITS: &[&str] = &[
    "--set",
    "limits.header_timeout_seconds=1",
    "--set",
    "limits.body_timeout_seconds=1",
    "--set",
    "limits.idle_timeout_seconds=1",
];

#[test]
fn who_sends_slowly_is_shown_out() {
    let besieged = Besieged::start(SHORT_LIMITS);
    let address = besieged.server.address;
    let api = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 500\r\n\r\n{{\"url\":"
        )
    };
    let form = "POST /secret HTTP/1.1\r\nHost: sho.rt\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\npassword=";
    let (create, bulk) = (api("/api/v1/links"), api("/api/v1/links/bulk"));
    // What is sent at once, what then comes byte by byte, and the statuses of what comes back.
    let cases: &[(&str, &[u8], &[u16])] = &[
        ("", b"", &[]),
        ("G", b"", &[]),
        ("", b"GET /canary HTTP/1.1\r\nHost: sho.rt\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", &[]),
        ("GET /canary HTTP/1.1\r\nHost: sho.rt\r\n", b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", &[]),
        ("GET /canary HTTP/1.1\r\nHost: sho.rt\r\n\r\n", b"", &[302]),
        ("GET /canary HTTP/1.1\r\nHost: sho.rt\r\n\r\nGET /canary HT", b"TP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", &[302]),
        ("GET /livez HTTP/1.1\r\nHost: sho.rt\r\n\r\n", b"", &[200]),
        (&create, b"", &[408]),
        (&create, b"                                                                                         ", &[408]),
        (&bulk, b"", &[200]),
        (form, b"", &[408]),
        (form, b"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", &[408]),
    ];
    std::thread::scope(|scope| {
        for &(start, rest, statuses) in cases {
            scope.spawn(move || {
                let reply = dribble(address, start.as_bytes(), rest);
                assert!(reply.closed, "{start:?} and slowly {:?}: {}", rest.escape_ascii(), reply.text());
                assert_eq!(reply.statuses(), statuses, "{start:?}: {}", reply.text());
            });
        }
    });
    besieged.is_unharmed("slow senders");
}

#[test]
fn who_sends_nothing_to_the_admin_port_is_shown_out_too() {
    let flags: Vec<&str> = SHORT_LIMITS.iter().copied().chain(["--admin-listen", "127.0.0.1:0"]).collect();
    let besieged = Besieged::start(&flags);
    let address = besieged.server.admin.expect("it was asked for");
    for start in ["", "GET /me", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let reply = dribble(address, start.as_bytes(), b"");
        assert!(reply.closed, "{start:?}: {}", reply.text());
    }
    assert!(besieged.server.shown().contains("curtail_connections"), "it goes on");
}

#[test]
fn between_requests_a_connection_may_rest_for_longer_than_a_head_may_take() {
    let flags = ["--set", "limits.header_timeout_seconds=1", "--set", "limits.idle_timeout_seconds=60"];
    let besieged = Besieged::start(&flags);
    let mut stream = TcpStream::connect(besieged.server.address).unwrap();
    let ask = |stream: &mut TcpStream, path: &str| {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("HEAD {path} HTTP/1.1\r\nHost: sho.rt\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
    };
    for path in ["/livez", "/readyz"] {
        ask(&mut stream, path);
        // Twice what a head may take: nothing comes, and the connection is not closed either.
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let silent = stream.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(silent, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{silent:?}");
    }
    ask(&mut stream, "/livez");
    stream.write_all(b"HEAD /livez HTTP/1.1\r\n").unwrap();
    let reply = Reply::read(&mut stream);
    assert!(reply.closed && reply.bytes.is_empty(), "a head that has begun has to arrive: {}", reply.text());
}

#[test]
fn who_reads_nothing_is_shown_out() {
    let besieged = Besieged::start(SHORT_LIMITS);
    let address = besieged.server.address;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: sho.rt\r\n\r\n").repeat(50);
    let requests = [get("/nothing-of-the-kind"), get("/api/v1/openapi.json")];
    std::thread::scope(|scope| {
        for requests in &requests {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
                let end = Instant::now() + 2 * PATIENCE;
                loop {
                    match stream.write(requests.as_bytes()) {
                        Ok(_) => {}
                        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        }
                        Err(_) => return,
                    }
                    assert!(Instant::now() < end, "a client that reads nothing is still served");
                }
            });
        }
    });
    besieged.is_unharmed("slow readers");
}

#[test]
fn more_connections_than_files_allow_are_turned_away_and_the_others_are_served() {
    let data = tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 600; exec \"$0\" \"$@\""]).arg(curtail().get_program());
    for (name, _) in curtail().get_envs() {
        command.env_remove(name);
    }
    // Half a head may be there for longer than any machine takes for this test.
    let flags = ["--set", "limits.header_timeout_seconds=600"].map(str::to_owned);
    let server = Server::launch(command, data.path(), flags.into());
    server.link(&json!({ "url": LOCATION, "code": "canary" }));
    let mut served = server.client();
    assert_eq!(served.get("/canary").status, 302);
    server.logged();
    // Who says nothing at all stays with the kernel for a second, and takes no room.
    let mut crowd: Vec<Client> =
        (0..1_000).filter_map(|_| Client::try_connect(server.address).ok()).collect();
    crowd.iter_mut().for_each(|client| drop(client.send(b"GET /canary HTTP/1.1\r\nHo")));
    assert_eq!(served.get("/canary").status, 302, "who is in stays in");
    assert!(server.client().try_request("GET", "/canary", &[], b"").is_err(), "there is no room");
    drop(crowd);
    server.eventually(|server| {
        server
            .client()
            .try_request("GET", "/canary", &[], b"")
            .is_ok_and(|answer| answer.status == 302)
            .then_some(())
    });
    let logged = server.logged();
    assert!(logged.is_empty(), "a crowd does not fill the log: {logged:?}");
}

/// Sends the start, then a byte whenever nothing has come
/// back for a tenth of a second, and reads until the end.
fn dribble(address: SocketAddr, start: &[u8], rest: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(start).unwrap();
    let mut rest = rest.iter();
    let mut reply = Reply { bytes: Vec::new(), closed: false };
    let mut piece = [0; 4096];
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && !reply.closed {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        match stream.read(&mut piece) {
            Ok(0) => reply.closed = true,
            Ok(length) => reply.bytes.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // A connection that is being closed may refuse it; the next read tells.
                let _ = rest.next().map(|byte| stream.write_all(&[*byte]));
            }
            Err(_) => reply.closed = true,
        }
    }
    reply
}
