//! Clicks show in the statistics soon, in the right class, and exactly.

use crate::support::server::Server;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::tempdir;

/// The promise: a click shows within two seconds of its redirect.
const SOON: Duration = Duration::from_secs(2);
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36";

#[test]
fn a_click_shows_in_the_stats_within_two_seconds() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "seen" }));
    let id = link["id"].as_str().unwrap();
    for clicks in 1..4 {
        server.client().request("GET", "/seen", &[("user-agent", CHROME)], b"");
        server.eventually(SOON, |server| (server.clicks(id)["total"] == clicks).then_some(()));
    }
}

#[test]
fn what_waits_and_what_a_power_cut_would_lose_show_in_the_metrics() {
    let data = tempdir().unwrap();
    let settings = ["--admin-listen", "127.0.0.1:0", "--set", "clicks.commit_milliseconds=60000"];
    let server = Server::start(data.path(), &settings);
    server.link(&json!({ "url": "https://example.com/", "code": "seen" }));
    // One commit may have passed before the first click: what comes then waits for a minute.
    server.eventually(SOON, |server| {
        server.client().get("/seen");
        let waiting = ["curtail_journal_waiting_bytes", "curtail_clicks_waiting"];
        waiting.iter().all(|name| server.metric(name) > 0).then_some(())
    });
    server.eventually(SOON, |server| (server.metric("curtail_journal_unsynced_bytes") == 0).then_some(()));
    assert_eq!(server.metric("curtail_journal_sync_failures_total"), 0);
}

#[test]
fn people_bots_prefetches_and_heads_are_counted_apart_and_none_is_dropped() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server.link(&json!({ "url": "https://example.com/", "code": "mixed" }));
    let id = link["id"].as_str().unwrap();
    let mut client = server.client();
    let browser = ("user-agent", CHROME);
    client.request(
        "GET",
        "/mixed",
        &[browser, ("referer", "https://news.example/x"), ("accept-language", "de-DE,de;q=0.9")],
        b"",
    );
    client.request("GET", "/mixed?utm_source=newsletter", &[browser], b"");
    client.request("GET", "/mixed", &[("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")], b"");
    client.request("GET", "/mixed", &[("user-agent", "curl/8.5.0")], b"");
    client.request("GET", "/mixed", &[browser, ("sec-purpose", "prefetch;prerender")], b"");
    client.request("HEAD", "/mixed", &[browser], b"");
    let clicks =
        server.eventually(SOON, |server| Some(server.clicks(id)).filter(|clicks| clicks["total"] == 6));
    assert_eq!(clicks, json!({ "total": 6, "human": 2, "bot": 2, "other": 2 }));

    let stats = |query: &str| server.api("GET", &format!("/api/v1/links/{id}/stats?{query}"), None).json();
    let groups = |group_by: &str, class: &str| -> Value {
        stats(&format!("group_by={group_by}&class={class}"))["groups"].clone()
    };
    assert_eq!(stats("class=human")["total"], 2);
    assert_eq!(stats("class=human")["unique"], 1, "one visitor, two clicks");
    assert!(
        groups("class", "all").as_array().unwrap().contains(&json!({ "value": "prefetch", "clicks": 1 }))
    );
    assert_eq!(groups("browser", "human"), json!([{ "value": "Chrome", "clicks": 2 }]));
    assert_eq!(groups("os", "human"), json!([{ "value": "Windows", "clicks": 2 }]));
    assert!(
        groups("referrer", "human")
            .as_array()
            .unwrap()
            .contains(&json!({ "value": "news.example", "clicks": 1 }))
    );
    assert!(
        groups("source", "human")
            .as_array()
            .unwrap()
            .contains(&json!({ "value": "newsletter", "clicks": 1 }))
    );
    assert!(groups("language", "human").as_array().unwrap().contains(&json!({ "value": "de", "clicks": 1 })));
    for interval in ["minute", "hour", "day"] {
        let series = stats(&format!("interval={interval}{}", recent(interval)))["series"].clone();
        let sum: u64 = series.as_array().unwrap().iter().map(|point| point["clicks"].as_u64().unwrap()).sum();
        assert_eq!(sum, 6, "by {interval}");
    }
}

#[test]
fn requests_for_what_is_not_a_link_are_counted_as_orphans() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client();
    for _ in 0..3 {
        assert_eq!(client.get("/wp-login.php").status, 404);
    }
    assert_eq!(client.get("/nothing").status, 404);
    let orphans = server.eventually(SOON, |server| {
        Some(server.api("GET", "/api/v1/orphans", None).json()).filter(|orphans| orphans["total"] == 4)
    });
    assert!(orphans.to_string().contains("wp-login.php"), "{orphans}");
    assert_eq!(
        server.api("GET", "/api/v1/stats", None).json()["total"],
        0,
        "orphans are not clicks on links"
    );
}

/// A range that is short enough for the interval: the last two hours.
fn recent(interval: &str) -> String {
    if interval == "day" {
        return String::new();
    }
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let at = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap();
    format!("&from={}&to={}", at(seconds - 7_200), at(seconds + 60))
}
