//! `kill -9` under load, again and again: what was answered is there, and counted once.

use crate::support::http::Client;
use crate::support::run::{Ending, until};
use crate::support::server::{KEY, Server, random_seed};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::tempdir;

/// The short form. `KILLS=20 cargo test --test main killed_under_load` is the long one.
const KILLS: u64 = 4;
const CLICKERS: usize = 4;
const MAKERS: usize = 2;

/// What one clicker knows of the link that is its own.
#[derive(Default)]
struct Clicked {
    sent: AtomicU64,
    answered: AtomicU64,
}

#[test]
fn killed_under_load_it_loses_no_answered_click_and_no_acknowledged_link() {
    let data = tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let links: Vec<String> = (0..CLICKERS)
        .map(|number| {
            let body = json!({ "url": "https://example.com/", "code": format!("own{number}") });
            server.link(&body)["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let clicked: Vec<Clicked> = (0..CLICKERS).map(|_| Clicked::default()).collect();
    let mut acknowledged = Vec::new();
    let mut seed = random_seed();
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    for kill in 0..kills {
        let (next, made) = one_life(server, &clicked, kill, &mut seed);
        server = next;
        acknowledged.extend(made);
    }
    assert!(!acknowledged.is_empty() && clicked.iter().all(|link| link.answered.load(Ordering::Relaxed) > 0));

    let mut client = server.client();
    for link in &acknowledged {
        let path = format!("/{}", link["code"].as_str().unwrap());
        let location = client.visit(&path).header("location").map(str::to_owned);
        assert_eq!(location.as_deref(), link["url"].as_str(), "an acknowledged link is there");
    }
    for (id, link) in links.iter().zip(&clicked) {
        let (sent, answered) = (link.sent.load(Ordering::Relaxed), link.answered.load(Ordering::Relaxed));
        let counted = server
            .eventually(|server| server.clicks(id)["total"].as_u64().filter(|counted| *counted >= answered));
        assert!(counted <= sent, "{counted} counted of {sent} sent and {answered} answered");
        assert!(sent - answered <= kills, "only what was under way at a kill is without an answer");
    }
    // Counting again what is in the journal, after one more restart, must not change a thing.
    let totals = |server: &Server| -> Vec<Value> {
        links.iter().map(|id| server.clicks(id)["total"].clone()).collect()
    };
    let before = totals(&server);
    let server = server.kill_and_restart();
    server.client().visit("/own0");
    server.eventually(|server| (totals(server)[0] != before[0]).then_some(()));
    let after = totals(&server);
    assert_eq!(after[1..], before[1..]);
    assert_eq!(after[0].as_u64(), before[0].as_u64().map(|clicks| clicks + 1));
}

/// Loads a server, kills it at a random moment and starts the next. Answers the links that were acknowledged.
fn one_life(server: Server, clicked: &[Clicked], life: u64, seed: &mut u64) -> (Server, Vec<Value>) {
    let stop = AtomicBool::new(false);
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    let clicks_before_kill = 500 + *seed % 3_000;
    let answered = || clicked.iter().map(|link| link.answered.load(Ordering::Relaxed)).sum::<u64>();
    let goal = answered() + clicks_before_kill;
    let address = server.address;
    std::thread::scope(|scope| {
        let stop = &stop;
        let _ending = Ending(stop);
        for (number, link) in clicked.iter().enumerate() {
            scope.spawn(move || click(address, number, link, stop));
        }
        let makers: Vec<_> =
            (0..MAKERS).map(|maker| scope.spawn(move || make(address, life, maker, stop))).collect();
        until("enough clicks are answered", || answered() >= goal);
        let next = server.kill_and_restart();
        stop.store(true, Ordering::Relaxed);
        (next, makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect())
    })
}

fn click(address: SocketAddr, number: usize, link: &Clicked, stop: &AtomicBool) {
    let Ok(mut client) = Client::try_connect(address) else { return };
    let path = format!("/own{number}");
    let mut is_warm = false;
    while !stop.load(Ordering::Relaxed) {
        link.sent.fetch_add(1, Ordering::Relaxed);
        match client.try_request("GET", &path, &[("user-agent", "Mozilla/5.0")], b"") {
            // A slow disk may turn away whoever comes before the link is in memory: nobody has clicked then.
            Ok(response) if response.status == 503 && !is_warm => {
                link.sent.fetch_sub(1, Ordering::Relaxed);
            }
            Ok(response) => {
                assert_eq!(response.status, 302);
                is_warm = true;
                link.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => return,
        }
    }
}

fn make(address: SocketAddr, life: u64, maker: usize, stop: &AtomicBool) -> Vec<Value> {
    let mut made = Vec::new();
    let Ok(mut client) = Client::try_connect(address) else { return made };
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    while !stop.load(Ordering::Relaxed) {
        let body = json!({ "url": format!("https://example.com/{life}/{maker}/{}", made.len()) }).to_string();
        match client.try_request("POST", "/api/v1/links", &headers, body.as_bytes()) {
            Ok(response) => {
                assert_eq!(response.status, 201, "{}", response.text());
                made.push(response.json());
            }
            Err(_) => return made,
        }
    }
    made
}

#[test]
fn no_click_is_dropped_after_a_restart_though_the_journal_has_no_more_room_than_it_must_have() {
    const LIVES: u64 = 6;
    const CLICKS: u64 = 200;
    let data = tempdir().unwrap();
    let smallest = ["threads=2", "clicks.segment_bytes=1MiB", "clicks.journal_bytes=10MiB"];
    let flags = smallest.iter().flat_map(|setting| ["--set", setting]).collect::<Vec<_>>();
    let mut made = None;
    for life in 1..=LIVES {
        let server = Server::start(data.path(), &flags);
        let link = made
            .get_or_insert_with(|| server.link(&json!({ "url": "https://example.com/", "code": "again" })));
        // On both cores, right after the start, when nothing of the life before has been counted yet.
        for _ in 0..CLICKS / 2 {
            assert_eq!(server.client().visit("/again").status, 302);
        }
        let mut client = server.client();
        for _ in 0..CLICKS / 2 {
            assert_eq!(client.get("/again").status, 302);
        }
        if life == LIVES {
            let id = link["id"].as_str().unwrap();
            server.eventually(|server| (server.clicks(id)["total"] == LIVES * CLICKS).then_some(()));
        }
        if life % 2 == 0 { server.kill() } else { assert!(server.terminate().success()) }
    }
}
