//! Lists show each link once, in order, whatever the size of the pages.

use crate::server::Server;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a search waits for its index, before it answers from what there is.
const INDEX_TIMEOUT: Duration = Duration::from_secs(1);

async fn walk(server: &Server, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = format!("/api/v1/links?{query}");
    loop {
        let page = server.get(&path).await.json();
        ids.extend(
            page["links"].as_array().unwrap().iter().map(|link| link["id"].as_str().unwrap().to_owned()),
        );
        match &page["next_cursor"] {
            Value::String(cursor) => path = format!("/api/v1/links?{query}&cursor={cursor}"),
            _ => return ids,
        }
    }
}

#[tokio::test]
async fn pages_hold_every_link_once_in_both_orders() {
    let server = Server::start().await;
    let lines: String = (0..23)
        .map(|n| format!("{{\"url\":\"https://example.com/{n}\",\"tags\":[\"t{}\"]}}\n", n % 2))
        .collect();
    server.post("/api/v1/links/bulk", &lines).await;
    let all = walk(&server, "limit=100").await;
    assert_eq!(all.len(), 23);
    let mut reversed = walk(&server, "limit=7&sort=created_at").await;
    reversed.reverse();
    assert_eq!(walk(&server, "limit=1").await, all);
    assert_eq!(reversed, all);
    assert_eq!(walk(&server, "limit=5&tag=t1").await.len(), 11);
    assert_eq!(walk(&server, "archived=true").await.len(), 0);
    let tags = server.get("/api/v1/tags").await.json();
    let both = serde_json::json!([{"tag": "t0", "links": 12}, {"tag": "t1", "links": 11}]);
    assert_eq!(tags, serde_json::json!({"tags": both, "next_cursor": null}));
    let first = server.get("/api/v1/tags?limit=1").await.json();
    assert_eq!(first["tags"], serde_json::json!([both[0]]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = server.get(&format!("/api/v1/tags?limit=1&cursor={cursor}")).await.json();
    assert_eq!(last, serde_json::json!({"tags": [both[1]], "next_cursor": null}));
    for wrong in ["limit=0", "limit=1001", "limit=x", "cursor=!", "cursor=_w", "page=2"] {
        server.get(&format!("/api/v1/tags?{wrong}")).await.problem(422, "invalid-fields");
    }
}

#[tokio::test]
async fn links_are_found_by_their_words() {
    let server = Server::start().await;
    let link = server.make(r#"{"url": "https://example.com/1", "title": "Spring sale"}"#).await;
    server.make(r#"{"url": "https://example.com/2", "title": "Summer"}"#).await;
    // On a disk that stands still nothing is indexed: only who is answered in time has to find everything.
    let mut found = Vec::new();
    for _ in 0..100 {
        let asked = Instant::now();
        found = walk(&server, "q=spr+sal").await;
        if !found.is_empty() || asked.elapsed() < INDEX_TIMEOUT {
            break;
        }
    }
    assert_eq!(found, [link["id"].as_str().unwrap()]);
    for odd in ["%22", "a%20AND%20", "*", "(", "-", "title:x", "%00"] {
        assert_eq!(server.get(&format!("/api/v1/links?q={odd}")).await.status, 200, "{odd}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_at_once() {
    let server = Server::start().await;
    for n in 0..3 {
        server.make(&format!("{{\"url\": \"https://example.com/{n}\", \"tags\": [\"a\"]}}")).await;
    }
    let wrong = server.get("/api/v1/links?limit=0&sort=up&archived=maybe&page=2&cursor=x").await;
    let mut fields = wrong.problem(422, "invalid-fields");
    fields.sort();
    assert_eq!(fields, ["archived", "cursor", "limit", "page", "sort"]);
    let page = server.get("/api/v1/links?limit=1&tag=a").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/links?limit=2&tag=a&cursor={cursor}")).await.status, 200);
    let other = server.get(&format!("/api/v1/links?tag=b&cursor={cursor}")).await;
    assert_eq!(other.problem(422, "invalid-fields"), ["cursor"]);
}
