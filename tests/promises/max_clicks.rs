//! Limits of clicks hold exactly, however many ask at once and whatever dies.

use crate::support::http::Client;
use crate::support::run::{Ending, until};
use crate::support::server::Server;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::tempdir;

#[test]
fn a_link_with_a_thousand_clicks_gives_a_thousand_redirects_to_64_clients() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    server.link(&json!({ "url": "https://example.com/", "code": "few", "max_clicks": 1000 }));
    let given = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..20 {
                    match client.get("/few").status {
                        302 => _ = given.fetch_add(1, Ordering::Relaxed),
                        status => assert_eq!(status, 410),
                    }
                }
            });
        }
    });
    assert_eq!(given.load(Ordering::Relaxed), 1000);
    let used_up = server.client().get("/few");
    assert_eq!((used_up.status, used_up.header("location")), (410, None));
}

#[test]
fn who_looks_ahead_of_a_limited_link_spends_nothing_and_is_not_told_where_it_leads() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = json!({ "url": "https://example.com/reward", "code": "once", "max_clicks": 1, "redirect_status": 307 });
    let link = server.link(&body);
    let mut client = server.client();
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
        ahead.each_ref().map(|(method, headers)| client.request(method, "/once", headers, b""))
    };
    for answer in look(&mut client) {
        assert_eq!((answer.status, answer.header("location")), (307, None));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert!(
            answer.text().is_empty() && answer.header("content-length").is_none_or(|length| length == "0")
        );
    }
    let preview = client.get("/once+");
    assert!(preview.status == 200 && preview.text().contains("example.com"), "it says whose it is");
    assert!(!preview.text().contains("/reward"), "and what is counted is not given away");
    let followed = client.get("/once");
    assert_eq!((followed.status, followed.header("location")), (307, Some("https://example.com/reward")));
    for answer in look(&mut client) {
        assert_eq!((answer.status, answer.header("location")), (410, None));
    }
    let preview = client.get("/once+");
    assert!(preview.status == 410 && !preview.text().contains("example.com"), "it says that it is used up");
    let id = link["id"].as_str().unwrap();
    let counted = server.eventually(|server| {
        let clicks = server.clicks(id);
        (clicks["total"].as_u64()? == 7).then_some(clicks)
    });
    assert_eq!(counted["other"], 4, "who looked ahead while it led somewhere is of a class of their own");
    assert_eq!((&counted["bot"], &counted["human"]), (&json!(3), &json!(0)), "one of them says no name");
}

#[test]
fn a_limit_that_changes_counts_what_the_link_has_given_since_it_first_had_one() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "few", "max_clicks": 2 }));
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let set = |max_clicks: serde_json::Value| {
        assert_eq!(server.api("PATCH", &path, Some(&json!({ "max_clicks": max_clicks }))).status, 200);
    };
    let mut client = server.client();
    let mut follow = |expected: &[u16]| {
        let statuses: Vec<u16> = expected.iter().map(|_| client.get("/few").status).collect();
        assert_eq!(statuses, expected);
    };
    follow(&[302, 302, 410]);
    set(json!(3));
    follow(&[302, 410]);
    set(json!(1));
    follow(&[410]);
    set(json!(null));
    follow(&[302, 302, 302]);
    // Without a limit nothing was counted: three had been given under one, and one is left.
    set(json!(4));
    follow(&[302, 410]);
}

#[test]
fn kills_do_not_give_a_limited_link_more_clicks_than_it_has() {
    let data = tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let limit = 3000;
    server.link(&json!({ "url": "https://example.com/", "code": "few", "max_clicks": limit }));
    let given = AtomicU64::new(0);
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
            until("enough is given", || given.load(Ordering::Relaxed) >= 300);
            let next = server.kill_and_restart();
            stop.store(true, Ordering::Relaxed);
            askers.into_iter().for_each(|asker| asker.join().unwrap());
            next
        });
    }
    let mut client = server.client();
    while client.get("/few").status == 302 {
        given.fetch_add(1, Ordering::Relaxed);
    }
    let given = given.load(Ordering::Relaxed);
    // A grant whose answer died with the process is spent: at most one for each asker and kill.
    assert!((limit - 3 * 8..=limit).contains(&given), "{given} of {limit}");
}

fn ask_until_killed(address: std::net::SocketAddr, given: &AtomicU64, stop: &AtomicBool) {
    let Ok(mut client) = Client::try_connect(address) else { return };
    while !stop.load(Ordering::Relaxed) {
        match client.try_request("GET", "/few", &[], b"") {
            Ok(response) if response.status == 302 => _ = given.fetch_add(1, Ordering::Relaxed),
            Ok(_) | Err(_) => return,
        }
    }
}
