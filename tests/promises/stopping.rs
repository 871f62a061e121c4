//! Being told to stop: once, twice, and while it starts.

use crate::support::http::Client;
use crate::support::run::until;
use crate::support::server::{KEY, Server, curtail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use tempfile::tempdir;

/// A client whose request for a new link has reached the server, but for what is missing of these 31 bytes.
fn half_a_request(server: &Server, begin: &str) -> Client {
    let mut half = server.client();
    half.send(b"POST /api/v1/links HTTP/1.1\r\nhost: sho.rt\r\ncontent-type: application/json\r\n").unwrap();
    half.send(format!("authorization: Bearer {KEY}\r\ncontent-length: 31\r\n\r\n{begin}").as_bytes())
        .unwrap();
    // It is there once a later request on another connection was answered by each core.
    (0..16).for_each(|_| assert_eq!(server.client().get("/livez").status, 200));
    half
}

#[test]
fn asked_to_stop_it_answers_what_is_under_way_counts_it_and_ends_well() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "last" }));
    let mut idle = server.client();
    assert_eq!(idle.get("/last").status, 302);
    let mut half = half_a_request(&server, "{\"url\":");
    server.signal(Signal::TERM);
    assert!(idle.is_closed(), "an idle connection is closed");
    half.send(b"\"https://example.com/x\"}").unwrap();
    assert_eq!(half.receive(false).unwrap().status, 201, "what was under way is answered");
    assert!(server.terminate().success());

    let server = Server::start(data.path(), &[]);
    let id = link["id"].as_str().unwrap();
    server.eventually(|server| (server.clicks(id)["total"] == 1).then_some(()));
}

#[test]
fn asked_to_stop_it_answers_whoever_was_just_let_in() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--set", "threads=1"]);
    // All of it is there when it wakes: requests that need more than memory, and the signal.
    server.signal(Signal::STOP);
    let mut clients: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET /unknown{number} HTTP/1.1\r\nhost: sho.rt\r\n\r\n").as_bytes()).unwrap();
    }
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    let answers: Vec<u16> = clients.iter_mut().map(|client| client.receive(false).unwrap().status).collect();
    // Where the disk takes its time, the store is not waited for.
    assert!(answers.iter().all(|status| [404, 503].contains(status)), "{answers:?}");
    assert!(answers.contains(&404), "nobody was waited for");
    assert!(server.terminate().success());
}

#[test]
fn asked_to_stop_while_it_starts_it_ends_at_once_and_well() {
    // A database that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempdir().unwrap();
    let mut starting = curtail()
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"])
        .arg(data.path())
        .env("CURTAIL_DATABASE_URL", format!("postgres://curtail@{}/curtail", silent.local_addr().unwrap()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _asked = silent.accept().unwrap();
    kill_process(Pid::from_child(&starting), Signal::TERM).unwrap();
    let ended = starting.wait().unwrap();
    let mut said = String::new();
    starting.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ended.success() && said.contains("stopped before it had started"), "{ended}: {said}");
}

#[test]
fn told_again_to_stop_it_ends_at_once_and_the_next_start_has_everything() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--set", "shutdown.grace_seconds=3600"]);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "kept" }));
    assert_eq!(server.client().get("/kept").status, 302);
    // It waits for the rest of this for an hour.
    let _half = half_a_request(&server, "{");
    let mut server = server;
    let mut ended = None;
    until("it ends", || {
        server.signal(Signal::TERM);
        ended = server.ended();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(1));

    let server = Server::start(data.path(), &[]);
    let id = link["id"].as_str().unwrap();
    server.eventually(|server| (server.clicks(id)["total"] == 1).then_some(()));
}

#[test]
fn a_request_that_does_not_end_keeps_nobody_from_stopping_well() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--set", "shutdown.grace_seconds=1"]);
    let mut half = half_a_request(&server, "{");
    assert!(server.terminate().success());
    assert!(half.is_closed());
}
