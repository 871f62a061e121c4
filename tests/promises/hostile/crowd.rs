//! Ten thousand who merely sit there: they cost little memory each, and nobody waits because of them.

use super::{Besieged, LOCATION};
use crate::support::http::Client;
use crate::support::server::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CROWD: usize = 10_000;
/// Connections of the crowd, and what a test process has open besides.
const FILES: u64 = CROWD as u64 + 2_000;
/// What an idle connection may cost the process: less than a buffer, which it is lent only while there is
/// something to read.
const IDLE_BYTES_MAX: u64 = 6_000;
/// What half a head may cost: hyper reads it, with buffers of its own. It is shown out soon, and counts as a
/// connection.
const HALF_SENT_BYTES_MAX: u64 = 36_000;

/// Idle ones are shown out after longer than any machine takes for this test.
const PATIENT: &[&str] =
    &["--set", "limits.header_timeout_seconds=600", "--set", "limits.idle_timeout_seconds=3600"];

#[test]
fn ten_thousand_idle_connections_cost_little_memory_and_hold_up_nobody() {
    allow_files();
    let besieged = Besieged::start(PATIENT);
    redirects_go_on(&besieged.server);
    let empty = besieged.server.resident_bytes();

    // Each was served once, so the server holds it, and it does not wait in the kernel.
    let mut crowd: Vec<Client> = (0..CROWD)
        .map(|_| {
            let mut client = besieged.server.client();
            assert_eq!(client.get("/canary").status, 302);
            client
        })
        .collect();
    redirects_go_on(&besieged.server);
    let idle = besieged.server.resident_bytes();
    let each = idle.saturating_sub(empty) / CROWD as u64;
    assert!(each <= IDLE_BYTES_MAX, "an idle connection costs {each} bytes");

    for client in &mut crowd {
        client.send(b"GET /canary HTTP/1.1\r\nHo").unwrap();
    }
    redirects_go_on(&besieged.server);
    let each = besieged.server.resident_bytes().saturating_sub(empty) / CROWD as u64;
    assert!(each <= HALF_SENT_BYTES_MAX, "half a head costs {each} bytes");

    for client in &mut crowd {
        client.send(b"st: sho.rt\r\n\r\n").unwrap();
    }
    for client in &mut crowd {
        assert_eq!(client.receive(false).unwrap().header("location"), Some(LOCATION));
    }
    besieged.is_unharmed("idle connections");
}

/// New connections and old ones get their redirect.
fn redirects_go_on(server: &Server) {
    for _ in 0..20 {
        let mut client = server.client();
        for _ in 0..20 {
            assert_eq!(client.get("/canary").header("location"), Some(LOCATION));
        }
    }
}

/// Raises the limit of open files, which the server inherits.
fn allow_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let enough = maximum.is_none_or(|maximum| maximum >= FILES);
    let limit = if enough { maximum } else { Some(FILES) };
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap_or_else(|error| {
        panic!("this test needs {FILES} open files, and the hard limit is {maximum:?} ({error}): raise it (ulimit -Hn)")
    });
}
