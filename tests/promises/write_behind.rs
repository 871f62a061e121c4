//! Promises of links that are acknowledged ahead of PostgreSQL, on two servers whose PostgreSQL hangs and
//! comes back.

use crate::support::server::{KEY, Server, curtail};
use curtail_servers::postgres::Cluster;
use curtail_servers::service;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// What is left by a stop that took no longer is left for another reason than that the disk stood still.
const SWIFT: Duration = Duration::from_secs(1);

fn start(cluster: &Cluster, data: &Path, room: &str) -> Server {
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", cluster.primary.url())
        .env("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS"))
        .env("CURTAIL_CACHE_STRATEGY", "write-behind")
        .env("CURTAIL_CACHE_WRITE_BEHIND_BYTES", room)
        .env("CURTAIL_API_RATE_PER_SECOND", "100000")
        .env("CURTAIL_ADMIN_KEY", KEY);
    Server::launch(command, data, vec!["--admin-listen".into(), "127.0.0.1:0".into()])
}

fn location(server: &Server, link: &Value) -> Option<String> {
    let path = format!("/{}", link["code"].as_str().unwrap());
    server.client().get(&path).header("location").map(str::to_owned)
}

/// A server that did not make a link finds it: Redis has a few milliseconds to answer, and may miss them, on
/// a busy machine many times.
fn found(server: &Server, link: &Value) {
    server.eventually(|server| (location(server, link).as_deref() == link["url"].as_str()).then_some(()));
}

/// A number in the metrics of a server.
fn metric(server: &Server, name: &str) -> u64 {
    let text = crate::support::http::Client::connect(server.admin.unwrap()).get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with(&format!("curtail_{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name}: {text}"))
}

/// All links that a server lists.
fn listed(server: &Server) -> Vec<String> {
    let (mut codes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.api("GET", &format!("/api/v1/links?limit=100{cursor}"), None).json();
        let links = page["links"].as_array().cloned().unwrap_or_default();
        codes.extend(links.iter().map(|link| link["code"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return codes,
        }
    }
}

#[test]
fn links_acknowledged_while_the_database_hangs_are_answered_everywhere_and_written_once_though_the_server_is_killed()
 {
    let cluster = Cluster::start(0, &[]);
    let (data, other_data) = (tempdir().unwrap(), tempdir().unwrap());
    let (server, other) =
        (start(&cluster, data.path(), "64MiB"), start(&cluster, other_data.path(), "64MiB"));
    let mut made = vec![server.link(&json!({ "url": "https://example.com/before" }))];
    cluster.primary.hang();
    for number in 0..60 {
        let url = format!("https://example.com/{number}");
        made.push(server.link(&json!({ "url": url, "title": "made while the database hangs" })));
    }
    let limited =
        server.api("POST", "/api/v1/links", Some(&json!({ "url": "https://a.example/", "max_clicks": 1 })));
    assert_eq!(limited.status, 503, "a limited link needs the database: {}", limited.text());
    let ready = server.client().get("/readyz").text();
    assert!(ready.starts_with("ok") && ready.contains("new links waiting: 6"), "{ready}");
    assert!(metric(&server, "write_behind_waiting") >= 60);
    for link in &made {
        assert_eq!(location(&server, link).as_deref(), link["url"].as_str());
        found(&other, link);
    }
    server.kill();
    for link in &made {
        found(&other, link);
    }
    cluster.primary.go_on();
    let server = start(&cluster, data.path(), "64MiB");
    server.eventually(|server| (metric(server, "write_behind_waiting") == 0).then_some(()));
    assert_eq!(metric(&server, "write_behind_refused_total"), 0);
    let wanted: HashSet<&str> = made.iter().map(|link| link["code"].as_str().unwrap()).collect();
    for server in [&server, &other] {
        let listed = server.eventually(|server| {
            let listed = listed(server);
            (listed.len() >= made.len()).then_some(listed)
        });
        assert_eq!(listed.len(), made.len(), "none is there twice");
        assert_eq!(listed.iter().map(String::as_str).collect::<HashSet<_>>(), wanted);
        made.iter().for_each(|link| found(server, link));
    }
    let path = format!("/api/v1/links/{}", made[7]["id"].as_str().unwrap());
    let changed = other.api("PATCH", &path, Some(&json!({ "title": "changed elsewhere" })));
    assert_eq!(changed.status, 200, "{}", changed.text());
}

#[test]
fn without_room_for_more_new_links_creates_are_refused_with_the_reason_and_go_on_after() {
    let cluster = Cluster::start(0, &[]);
    let data = tempdir().unwrap();
    let mut server = start(&cluster, data.path(), "1MiB");
    server.link(&json!({ "url": "https://example.com/before" }));
    cluster.primary.hang();
    let link = json!({ "url": "https://example.com/", "notes": "n".repeat(4_000) });
    let mut made = 1;
    let refused = loop {
        let answer = server.api("POST", "/api/v1/links", Some(&link));
        match answer.status {
            201 => made += 1,
            _ => break answer,
        }
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("no room for more"), "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert!(made > 200, "only {made} were made in a mebibyte");
    assert_eq!(server.client().get("/readyz").status, 200, "redirects go on");
    cluster.primary.go_on();
    server.eventually(|server| (metric(server, "write_behind_waiting") == 0).then_some(()));
    server.link(&link);
    server.eventually(|server| (listed(server).len() == made + 1).then_some(()));
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(server.terminate().code(), Some(0));
        let left = std::fs::read_dir(data.path().join("write-behind")).unwrap().count();
        if left == 0 {
            return;
        }
        assert!(asked.elapsed() > SWIFT, "a server that is stopped leaves nothing to flush, and not {left}");
        server = start(&cluster, data.path(), "1MiB");
        server.link(&link);
    }
    panic!("each stop was slow and left something");
}
