//! Limits of clicks hold exactly, however many ask at once and whatever dies.

use crate::support::http::{Client, MISS_TIMEOUT, in_time};
use crate::support::limited::Given;
use crate::support::run::{Ending, until};
use crate::support::server::Server;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tempfile::tempdir;

/// How often what is to be shown exactly is tried: with a click that was not answered in time, nobody can
/// say how many are left.
const TRIES: usize = 10;

#[test]
fn a_link_with_a_thousand_clicks_gives_a_thousand_redirects_to_64_clients() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    server.link(&json!({ "url": "https://example.com/", "code": "few", "max_clicks": 1000 }));
    let given = Given::default();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..20 {
                    let asked = Instant::now();
                    let status = client.get("/few").status;
                    assert!(status != 503 || asked.elapsed() >= MISS_TIMEOUT, "turned away at once");
                    given.is_used_up_by(status, asked);
                }
            });
        }
    });
    let mut client = server.client();
    // Where all were answered it is used up by now.
    until("it is used up", || given.unanswered() == 0 || ask(&mut client, &given));
    given.is_all_of(1000);
    let used_up = in_time(|| client.get("/few"));
    assert_eq!((used_up.status, used_up.header("location")), (410, None));
}

/// Asks for a click. Answers whether the link is used up.
fn ask(client: &mut Client, given: &Given) -> bool {
    let asked = Instant::now();
    given.is_used_up_by(client.get("/few").status, asked)
}

#[test]
fn who_looks_ahead_of_a_limited_link_spends_nothing_and_is_not_told_where_it_leads() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let is_shown = (0..TRIES).any(|number| looking_ahead_spends_nothing(&server, &format!("once{number}")));
    assert!(is_shown, "no click was answered in time");
}

/// Whether the click between was answered in time.
fn looking_ahead_spends_nothing(server: &Server, code: &str) -> bool {
    let body =
        json!({ "url": "https://example.com/reward", "code": code, "max_clicks": 1, "redirect_status": 307 });
    let link = server.link(&body);
    let mut client = server.client();
    let (path, preview) = (format!("/{code}"), format!("/{code}+"));
    // The last of each two is what goes to hyper.
    let unusual = ("te", "trailers");
    let ahead = [
        ("HEAD", vec![]),
        ("HEAD", vec![unusual]),
        ("GET", vec![("sec-purpose", "prefetch;prerender")]),
        ("GET", vec![("purpose", "prefetch"), unusual]),
        ("GET", vec![("user-agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")]),
        ("GET", vec![("user-agent", "Mozilla/5.0 (compatible; Mimecast)"), unusual]),
    ];
    let look = |client: &mut Client| {
        ahead.each_ref().map(|(method, headers)| in_time(|| client.request(method, &path, headers, b"")))
    };
    for answer in look(&mut client) {
        assert_eq!((answer.status, answer.header("location")), (307, None));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert!(
            answer.text().is_empty() && answer.header("content-length").is_none_or(|length| length == "0")
        );
    }
    let shown = client.visit(&preview);
    assert!(shown.status == 200 && shown.text().contains("example.com"), "it says whose it is");
    assert!(!shown.text().contains("/reward"), "and what is counted is not given away");
    let asked = Instant::now();
    let followed = client.get(&path);
    if followed.status == 503 {
        assert!(asked.elapsed() >= MISS_TIMEOUT, "turned away at once");
        return false;
    }
    assert_eq!((followed.status, followed.header("location")), (307, Some("https://example.com/reward")));
    for answer in look(&mut client) {
        assert_eq!((answer.status, answer.header("location")), (410, None));
    }
    let shown = client.visit(&preview);
    assert!(shown.status == 410 && !shown.text().contains("example.com"), "it says that it is used up");
    let id = link["id"].as_str().unwrap();
    let counted = server.eventually(|server| {
        let clicks = server.clicks(id);
        (clicks["total"].as_u64()? == 7).then_some(clicks)
    });
    assert_eq!(counted["other"], 4, "who looked ahead while it led somewhere is of a class of their own");
    assert_eq!((&counted["bot"], &counted["human"]), (&json!(3), &json!(0)), "one of them says no name");
    true
}

#[test]
fn a_limit_that_changes_counts_what_the_link_has_given_since_it_first_had_one() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let is_shown = (0..TRIES).any(|number| a_changed_limit_counts_on(&server, &format!("few{number}")));
    assert!(is_shown, "not all clicks were answered in time");
}

/// Whether all clicks were answered in time.
fn a_changed_limit_counts_on(server: &Server, code: &str) -> bool {
    let link = server.link(&json!({ "url": "https://example.com/", "code": code, "max_clicks": 2 }));
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let set = |max_clicks: serde_json::Value| {
        assert_eq!(server.api("PATCH", &path, Some(&json!({ "max_clicks": max_clicks }))).status, 200);
    };
    let mut client = server.client();
    let follow = |client: &mut Client, expected: &[u16]| {
        expected.iter().all(|&expected| {
            let asked = Instant::now();
            let status = client.get(&format!("/{code}")).status;
            let is_late = status == 503 && asked.elapsed() >= MISS_TIMEOUT;
            assert!(status == expected || is_late, "{status} instead of {expected}");
            !is_late
        })
    };
    // Without a limit nothing is counted: at the end three had been given under one, and one is left.
    let changes: [(_, &[u16]); 4] = [
        (json!(3), &[302, 410]),
        (json!(1), &[410]),
        (json!(null), &[302, 302, 302]),
        (json!(4), &[302, 410]),
    ];
    follow(&mut client, &[302, 302, 410])
        && changes.into_iter().all(|(max_clicks, expected)| {
            set(max_clicks);
            follow(&mut client, expected)
        })
}

#[test]
fn kills_do_not_give_a_limited_link_more_clicks_than_it_has() {
    let data = tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let limit = 3000;
    server.link(&json!({ "url": "https://example.com/", "code": "few", "max_clicks": limit }));
    let given = Given::default();
    for _ in 0..3 {
        let stop = AtomicBool::new(false);
        server = std::thread::scope(|scope| {
            let _ending = Ending(&stop);
            let askers: Vec<_> = (0..8)
                .map(|_| {
                    let (address, given, stop) = (server.address, &given, &stop);
                    scope.spawn(move || ask_until_killed(address, given, stop))
                })
                .collect();
            until("enough is given", || given.redirects() + given.unanswered() >= 300);
            let next = server.kill_and_restart();
            stop.store(true, Ordering::Relaxed);
            askers.into_iter().for_each(|asker| asker.join().unwrap());
            next
        });
    }
    let mut client = server.client();
    until("it is used up", || ask(&mut client, &given));
    // A grant whose answer died with the process is spent: one for each asker and kill, at most.
    given.is_all_of(limit);
}

/// Asks until the server dies under it, or the link is used up.
fn ask_until_killed(address: std::net::SocketAddr, given: &Given, stop: &AtomicBool) {
    let Ok(mut client) = Client::try_connect(address) else { return };
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        match client.try_request("GET", "/few", &[], b"") {
            Ok(response) if !given.is_used_up_by(response.status, asked) => {}
            Ok(_) => return,
            Err(_) => return given.note_unanswered(),
        }
    }
}
