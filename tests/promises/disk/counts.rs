//! Bytes of `clicks.db` that have changed on the disk: no click comes from them, and none is counted twice.

use super::damage::{filled, flip};
use crate::support::server::Server;
use serde_json::{Value, json};
use std::fs;
use tempfile::tempdir;

/// As in `store/src/sqlite/file.rs`.
const PAGE_BYTES: usize = 8_192;

/// Clicks are written at once: what a damaged page keeps from being counted is said when it is written.
const FLAGS: &[&str] = &["--set", "threads=1", "--set", "clicks.write_seconds=0"];

/// Waits until all that is in the journal has been counted, or the server has said why it cannot be.
fn settled(server: &Server) {
    let last = server.link(&json!({ "url": "https://example.com/last" }));
    assert_eq!(server.client().get(&format!("/{}", last["code"].as_str().unwrap())).status, 302);
    let path = format!("/api/v1/links/{}", last["id"].as_str().unwrap());
    server.eventually(|server| {
        let answer = server.api("GET", &path, None);
        let is_counted = answer.status == 200 && answer.json()["clicks"]["total"] == 1;
        let is_said = || server.logged().iter().any(|line| line.contains("cannot be counted"));
        (is_counted || is_said()).then_some(())
    });
}

/// That a link, clicked once, has one click, or fewer, or an error.
fn has_no_click_too_many(server: &Server, link: &Value) {
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    for (path, total) in [(path.clone(), "/clicks/total"), (format!("{path}/stats"), "/total")] {
        let answer = server.api("GET", &path, None);
        if answer.status == 200 {
            let total = answer.json().pointer(total).and_then(Value::as_u64).unwrap();
            assert!(total <= 1, "{path}: {total}");
        } else {
            assert!(answer.status >= 500, "{path}: {}", answer.text());
        }
    }
}

#[test]
fn a_flipped_byte_anywhere_in_the_counts_makes_no_click_and_counts_none_twice() {
    let data = tempdir().unwrap();
    let links = filled(data.path());
    let path = data.path().join("clicks.db");
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / PAGE_BYTES;
    let mut started = 0;
    // Each time a byte in every third page, at other places: cells, their pointers, headers of pages, free
    // room. Beyond the header of the file, which is another test's.
    for round in 0..12 {
        fs::write(&path, &whole).unwrap();
        let pages_hit = (1 + round % 3..pages).step_by(3);
        let place =
            |page: usize| page * PAGE_BYTES + PAGE_BYTES - 1 - (page * 997 + round * 331) % PAGE_BYTES;
        pages_hit.for_each(|page| flip(&path, place(page) as u64));
        let server = match Server::try_start(data.path(), FLAGS) {
            Ok(server) => server,
            Err(said) => {
                assert!(said.contains("damaged") && !said.contains("panicked"), "{said}");
                continue;
            }
        };
        started += 1;
        settled(&server);
        links.iter().step_by(9).for_each(|link| has_no_click_too_many(&server, link));
        assert!(!server.logged().iter().any(|line| line.contains("panicked")));
    }
    assert!(started > 3, "too few of the servers started to show anything: {started}");
}

#[test]
fn without_knowing_what_has_been_counted_it_does_not_start_and_says_what_to_do() {
    let data = tempdir().unwrap();
    filled(data.path());
    let path = data.path().join("clicks.db");
    // The row of positions is the whole of its page: the
    // only stream is 0, and what follows its number is not.
    let whole = fs::read(&path).unwrap();
    let is_leaf = |page: usize| whole[page * PAGE_BYTES] == 0x0d && whole[page * PAGE_BYTES + 4] == 1;
    let page = (1..whole.len() / PAGE_BYTES).find(|&page| is_leaf(page)).unwrap();
    flip(&path, ((page + 1) * PAGE_BYTES - 1) as u64);
    let said = Server::try_start(data.path(), FLAGS).err().expect("started");
    assert!(["clicks.db", "damaged", "twice", "backup"].iter().all(|word| said.contains(word)), "{said}");
    // Restored, it goes on; so it does without, from what is in the journal.
    fs::write(&path, &whole).unwrap();
    let server = Server::start(data.path(), FLAGS);
    assert!(server.terminate().success());
    fs::remove_file(&path).unwrap();
    let said = Server::try_start(data.path(), FLAGS).err().expect("started without a word");
    assert!(said.contains("clicks.anew"), "{said}");
    fs::write(data.path().join("clicks.anew"), "").unwrap();
    let server = Server::start(data.path(), FLAGS);
    settled(&server);
}
