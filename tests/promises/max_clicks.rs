//! Limits of clicks hold exactly, however many ask at once and whatever dies.

use crate::support::http::Client;
use crate::support::run::{Ending, until};
use crate::support::server::Server;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
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
fn a_head_is_told_what_a_get_would_be_is_counted_and_spends_nothing() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "once", "max_clicks": 1 }));
    let mut client = server.client();
    let head = |client: &mut Client| client.request("HEAD", "/once", &[], b"");
    for _ in 0..5 {
        let told = head(&mut client);
        assert_eq!((told.status, told.header("location")), (302, Some("https://example.com/")));
    }
    let preview = client.get("/once+");
    assert!(preview.status == 200 && preview.text().contains("https://example.com/"), "it has one to give");
    assert_eq!(client.get("/once").status, 302);
    let told = head(&mut client);
    assert_eq!((told.status, told.header("location")), (410, None));
    let preview = client.get("/once+");
    assert!(
        preview.status == 410 && !preview.text().contains("https://example.com/"),
        "it says that it is used up"
    );
    let id = link["id"].as_str().unwrap();
    let counted = server.eventually(Duration::from_secs(5), |server| {
        let clicks = server.clicks(id);
        (clicks["total"].as_u64()? == 6).then_some(clicks)
    });
    assert_eq!(counted["other"], 5, "a HEAD that was told where to go is a click of its own class");
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
            until("enough is given", Duration::from_secs(60), || given.load(Ordering::Relaxed) >= 300);
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
