//! Clients that send a whole bulk before they read its answers get all of them, and those that vanish leave
//! nothing.

use crate::support::server::{KEY, Server};
use serde_json::{Value, json};
use std::fs::{read_dir, read_link};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use tempfile::tempdir;

const LINES: usize = 200_000;
const PATH: &str = "/api/v1/links/bulk";

/// Files without a name that the server has open in its data folder.
fn nameless_files(server: &Server, data: &Path) -> usize {
    let opened = read_dir(format!("/proc/{}/fd", server.process().as_raw_nonzero())).unwrap();
    let targets = opened.filter_map(|entry| read_link(entry.unwrap().path()).ok());
    let nameless =
        |target: &Path| target.starts_with(data) && target.to_string_lossy().ends_with(" (deleted)");
    targets.filter(|target| nameless(target)).count()
}

fn lines(count: usize) -> Vec<u8> {
    let line = |number| format!("{{\"url\":\"https://example.com/{number}\"}}\n");
    (0..count).flat_map(|number| line(number).into_bytes()).collect()
}

#[test]
fn a_client_may_send_all_lines_before_it_reads_the_first_answer() {
    let data = tempdir().unwrap();
    // Neither side gives the other one up: a machine that stalls may take long over so many lines.
    let patient = ["--set", "limits.header_timeout_seconds=600", "--set", "limits.body_timeout_seconds=600"];
    let server = Server::start(data.path(), &patient);
    let authorization = format!("Bearer {KEY}");
    let response = server.client().request("POST", PATH, &[("authorization", &authorization)], &lines(LINES));
    assert_eq!(response.status, 200);
    let text = response.text();
    let mut answered = 0;
    for (number, answer) in (1..).zip(text.lines()) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let url = format!("https://example.com/{}", number - 1);
        assert_eq!((&answer["line"], &answer["status"]), (&json!(number), &json!(201)), "{answer}");
        assert_eq!(answer["link"]["url"], url);
        answered = number;
    }
    assert_eq!(answered, LINES);
    server.eventually(|server| (nameless_files(server, data.path()) == 0).then_some(()));
}

#[test]
fn a_client_that_vanishes_leaves_no_file_and_a_healthy_server() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 100000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // More answers than sockets take, and the end of the body never comes.
    stream.write_all(&lines(60_000)).unwrap();
    server.eventually(|server| (nameless_files(server, data.path()) == 1).then_some(()));
    drop(stream);
    server.eventually(|server| (nameless_files(server, data.path()) == 0).then_some(()));
    assert_eq!(server.client().get("/readyz").status, 200);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "after" }));
    assert_eq!(server.client().get("/after").header("location"), link["url"].as_str());
}
