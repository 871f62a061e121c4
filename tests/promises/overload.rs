//! While more is asked of the API than can be done, redirects go on, what one class of requests takes it
//! takes from no other, and who is turned away is told so at once. When it is over, all is as before.

use crate::support::http::{Client, Response};
use crate::support::server::{KEY, Server, curtail};
use curtail_servers::postgres::Cluster;
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use tempfile::tempdir;

const LOCATION: &str = "https://example.com/canary";
const METRICS: [&str; 2] = ["--admin-listen", "127.0.0.1:0"];
/// Bodies may be on their way for longer than any machine takes for a test.
const PATIENT: [&str; 2] = ["--set", "limits.body_timeout_seconds=600"];
/// Clients that keep a core busy.
const PRESSING: usize = 32;
/// Bulks that may be under way, and requests about one link.
const BULKS: usize = 64;
const SINGLES: usize = 1_024;
/// What a server may grow by under any of this.
const GROWTH_MAX: u64 = 200 << 20;

/// Tells clients that it is over, also where the test has failed: else they would go on for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Keeps a core busy with what it does all by itself, until it is over.
fn press(server: &Server, over: &AtomicBool) {
    const AT_ONCE: usize = 64;
    let requests = "GET /api/v1/nothing HTTP/1.1\r\nHost: sho.rt\r\n\r\n".repeat(AT_ONCE);
    let mut client = server.client();
    while !over.load(Ordering::Relaxed) {
        client.send(requests.as_bytes()).unwrap();
        for _ in 0..AT_ONCE {
            assert!((400..500).contains(&client.receive(false).unwrap().status));
        }
    }
}

fn redirects_go_on(server: &Server) {
    let mut client = server.client();
    for _ in 0..100 {
        assert_eq!(client.get("/canary").header("location"), Some(LOCATION));
    }
}

fn refused(server: &Server, class: &str) -> u64 {
    let reason = |reason| format!("curtail_api_refused_total{{class=\"{class}\",reason=\"{reason}\"}}");
    ["late", "full", "waited"].map(|each| server.metric(&reason(each))).iter().sum()
}

fn is_turned_away(response: &Response) -> bool {
    let is_so = response.status == 503 && response.header("retry-after") == Some("1");
    if is_so {
        assert_eq!(response.json()["type"], "/api/v1/problems/overloaded");
    }
    is_so
}

/// A bulk whose client sends a line and then nothing more.
fn hanging_bulk(server: &Server) -> Client {
    let line = b"{\"url\":\"https://example.com/hangs\"}\n";
    let mut client = server.client();
    let head = format!(
        "POST /api/v1/links/bulk HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 100000\r\n\r\n"
    );
    client.send(&[head.as_bytes(), line].concat()).unwrap();
    client
}

#[test]
fn a_thousand_bulks_that_hang_take_nothing_from_redirects_and_creates() {
    const CLIENTS: usize = 1_000;
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[&METRICS[..], &PATIENT].concat());
    server.link(&json!({ "url": LOCATION, "code": "canary" }));
    let before = server.resident_bytes();
    let under_way = "curtail_api_under_way{class=\"bulk\"}";
    let clients: Vec<Client> = (0..CLIENTS).map(|_| hanging_bulk(&server)).collect();
    server.eventually(|server| {
        (refused(server, "bulk") as usize == CLIENTS - BULKS && server.metric(under_way) as usize == BULKS)
            .then_some(())
    });
    for number in 0..50 {
        server.link(&json!({ "url": "https://example.com/", "code": format!("single{number}") }));
        redirects_go_on(&server);
    }
    assert_eq!(
        server.api("GET", "/api/v1/links?limit=10", None).status,
        200,
        "lists are a class of their own"
    );
    let refusal = hanging_bulk(&server).receive(false).unwrap();
    assert!(is_turned_away(&refusal), "{}", refusal.text());
    assert!(server.resident_bytes() < before + GROWTH_MAX);
    drop(clients);
    server.eventually(|server| (server.metric(under_way) == 0).then_some(()));
    let authorization = format!("Bearer {KEY}");
    let line = b"{\"url\":\"https://example.com/after\"}\n";
    let headers = [("authorization", authorization.as_str())];
    let made = server.client().request("POST", "/api/v1/links/bulk", &headers, line);
    assert_eq!(made.json()["status"], 201);
}

#[test]
fn two_thousand_who_send_a_create_slowly_take_no_place_from_those_who_do_not() {
    const CLIENTS: usize = 2_000;
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[&METRICS[..], &PATIENT].concat());
    server.link(&json!({ "url": LOCATION, "code": "canary" }));
    let head = format!(
        "POST /api/v1/links HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 500\r\n\r\n{{\"url\":"
    );
    let slow = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| slow()).collect();
    server.eventually(|server| {
        (server.metric("curtail_connections_handed_over_total") as usize >= CLIENTS).then_some(())
    });
    // So many at once may make a core late for a moment; of
    // the rest there are still more than there are places.
    assert!(server.metric("curtail_connections_open") as usize > SINGLES);
    for number in 0..50 {
        server.link(&json!({ "url": "https://example.com/", "code": format!("single{number}") }));
    }
    redirects_go_on(&server);
    drop(clients);
}

#[test]
fn on_a_core_that_is_late_lists_are_turned_away_and_redirects_go_on() {
    const CLIENTS: usize = 16;
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[&METRICS[..], &["--set", "threads=1"]].concat());
    server.link(&json!({ "url": LOCATION, "code": "canary" }));
    for number in 0..100 {
        server.link(&json!({ "url": "https://example.com/", "code": format!("listed{number}") }));
    }
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str())];
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _end = Ends(&over);
        for _ in 0..PRESSING {
            scope.spawn(|| press(&server, &over));
        }
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.client();
                while !over.load(Ordering::Relaxed) {
                    let response = client.request("GET", "/api/v1/links?limit=100", &headers, b"");
                    assert!(response.status == 200 || is_turned_away(&response), "{}", response.text());
                    answered.fetch_add(usize::from(response.status == 200), Ordering::Relaxed);
                }
            });
        }
        server.eventually(|server| {
            redirects_go_on(server);
            (server.metric("curtail_api_refused_total{class=\"query\",reason=\"late\"}") > 0).then_some(())
        });
    });
    assert!(answered.into_inner() > 0, "some are served all the same");
    server.eventually(|server| {
        (server.api("GET", "/api/v1/links?limit=100", None).status == 200).then_some(())
    });
}

#[test]
fn while_postgresql_hangs_redirects_go_on_and_creates_and_stats_are_refused_at_once_and_all_go_on_after() {
    const CLIENTS: usize = 200;
    let cluster = Cluster::start(0, &[]);
    let data = tempdir().unwrap();
    let mut command = curtail();
    command.env("CURTAIL_DATABASE_URL", cluster.primary.url());
    let server = Server::launch(command, data.path(), METRICS.map(str::to_owned).into());
    server.link(&json!({ "url": LOCATION, "code": "canary" }));
    redirects_go_on(&server);
    let before = server.resident_bytes();
    let body = json!({ "url": "https://example.com/made" });
    let create = |server: &Server| server.api("POST", "/api/v1/links", Some(&body)).status;
    let over = AtomicBool::new(false);
    cluster.primary.hang();
    thread::scope(|scope| {
        let _end = Ends(&over);
        for client in 0..CLIENTS {
            let (server, over, body) = (&server, &over, &body);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let response = match client % 2 {
                        0 => server.api("POST", "/api/v1/links", Some(body)),
                        _ => server.api("GET", "/api/v1/stats", None),
                    };
                    assert!([503, 201, 200].contains(&response.status), "{}", response.text());
                }
            });
        }
        let open = "curtail_breaker{dependency=\"postgresql_primary\",state=\"open\"}";
        server.eventually(|server| {
            redirects_go_on(server);
            (server.metric(open) == 1).then_some(())
        });
        // One after the other, and the server still hangs: none of them waits for it.
        for _ in 0..100 {
            assert_eq!(create(&server), 503);
            redirects_go_on(&server);
        }
        assert!(server.resident_bytes() < before + GROWTH_MAX);
    });
    cluster.primary.go_on();
    server.eventually(|server| (create(server) == 201).then_some(()));
    server.eventually(|server| (server.api("GET", "/api/v1/stats", None).status == 200).then_some(()));
}
