//! What one server changes, all see.

use super::FIRST;
use crate::support::server::Server;
use crate::support::site::{Shape, Site};
use serde_json::json;
use std::time::Duration;

const SECOND: &str = "https://example.com/second";
/// How long a change may be unseen elsewhere.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

fn location(server: &Server, path: &str) -> Option<String> {
    server.client().get(path).header("location").map(str::to_owned)
}

#[test]
fn servers_that_share_a_store_serve_each_others_links_and_see_each_others_changes() {
    let site = Site::start(Shape { apps: 3, replicas: 0, kafka: false, relays: false });
    let made = site.app(0).link(&json!({ "url": FIRST, "code": "shared" }));
    let path = format!("/api/v1/links/{}", made["id"].as_str().unwrap());
    let seen_by_all = |url: Option<&str>| {
        for server in site.apps() {
            server.eventually(SEEN_WITHIN, |server| {
                (location(server, "/shared").as_deref() == url).then_some(())
            });
        }
    };
    seen_by_all(Some(FIRST));
    let changed = site.app(1).api("PATCH", &path, Some(&json!({ "url": SECOND })));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(location(site.app(1), "/shared").as_deref(), Some(SECOND), "where it was changed, at once");
    seen_by_all(Some(SECOND));
    assert_eq!(site.app(2).api("DELETE", &path, None).status, 204);
    seen_by_all(None);
}
