//! What one server changes, all see.

use super::FIRST;
use crate::support::run::until_there_is;
use crate::support::server::Server;
use crate::support::site::{Part, Shape, Site};
use curtail_servers::PATIENCE;
use serde_json::json;
use std::time::Instant;

const SECOND: &str = "https://example.com/second";
const HITS: &str = "curtail_redis_lookups_total{outcome=\"hit\"}";

/// Where a server leads. One whose database has been too slow for it is asked again.
fn location(server: &Server, path: &str) -> Option<String> {
    let mut client = server.client();
    let answer = until_there_is("the database answers in time", PATIENCE, || {
        Some(client.get(path)).filter(|answer| answer.status != 503)
    });
    answer.header("location").map(str::to_owned)
}

#[test]
fn servers_that_share_a_store_serve_each_others_links_and_see_each_others_changes() {
    let site = Site::start(Shape { apps: 3, replicas: 0, kafka: false, relays: false });
    let made = site.app(0).link(&json!({ "url": FIRST, "code": "shared" }));
    let path = format!("/api/v1/links/{}", made["id"].as_str().unwrap());
    // How soon is a promise of `staleness`.
    let seen_by_all = |url: Option<&str>| {
        for server in site.apps() {
            server.eventually(|server| (location(server, "/shared").as_deref() == url).then_some(()));
        }
    };
    seen_by_all(Some(FIRST));
    let changed = site.app(1).api("PATCH", &path, Some(&json!({ "url": SECOND })));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let there = site.app(1).client().get("/shared");
    assert_eq!(there.header("location"), Some(SECOND), "where it was changed, at once");
    seen_by_all(Some(SECOND));
    assert_eq!(site.app(2).api("DELETE", &path, None).status, 204);
    seen_by_all(None);
}

#[test]
fn changes_that_redis_did_not_take_before_servers_ended_are_not_undone_by_what_it_has() {
    let mut site = Site::start(Shape { apps: 2, replicas: 0, kafka: false, relays: false });
    for are_killed in [false, true] {
        let codes = ["changing", "going"].map(|name| format!("{name}-{are_killed}"));
        let made = codes.each_ref().map(|code| site.app(0).link(&json!({ "url": FIRST, "code": code })));
        let [changing, going] = made.map(|link| format!("/api/v1/links/{}", link["id"].as_str().unwrap()));
        // A server that does not hear yet believes nothing old in any case.
        let visit = |site: &Site, number: usize| {
            let server = site.app(number);
            server.eventually(|server| (server.metric("curtail_bus_hearing") == 1).then_some(()));
            codes.each_ref().map(|code| location(server, &format!("/{code}")))
        };
        // Who has not made a link asks Redis for it, and leaves it there: its next process finds it.
        // What is left there just after the last round is not believed, and is left anew.
        let begun = Instant::now();
        while visit(&site, 1) != [Some(FIRST.to_owned()), Some(FIRST.to_owned())]
            || site.app(1).metric(HITS) < 2
        {
            assert!(begun.elapsed() < PATIENCE, "the links are not in Redis");
            site.stop_app(1);
            site.start_again(Part::App(1));
        }
        site.hang(Part::Redis);
        // What is sent before that shows waits in the sockets of Redis, and arrives.
        site.app(0).eventually(|server| (server.metric("curtail_redis_connected") == 0).then_some(()));
        let changed = site.app(0).api("PATCH", &changing, Some(&json!({ "url": SECOND })));
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(site.app(0).api("DELETE", &going, None).status, 204);
        for number in 0..2 {
            if are_killed { site.kill(Part::App(number)) } else { site.stop_app(number) }
        }
        site.go_on(Part::Redis);
        // The one that made the changes comes last.
        for number in [1, 0] {
            site.start_again(Part::App(number));
            assert_eq!(
                visit(&site, number),
                [Some(SECOND.to_owned()), None],
                "killed: {are_killed}, server {number}"
            );
        }
    }
}
