//! Requests are counted by route and status, and by nothing that a client can make up.

use crate::server::Server;
use axum::body::Body;

#[tokio::test]
async fn every_request_is_counted_under_its_route_and_no_client_can_make_a_new_one() {
    let server = Server::start().await;
    let series = server.requests.answered().count();
    let count = |method: &str, route: &str, status: &str| {
        let answered = server.requests.answered();
        let mut named = answered
            .filter(|answered| (answered.method, answered.route, answered.status) == (method, route, status));
        let count = named.next().unwrap_or_else(|| panic!("{method} {route} {status}")).count;
        assert_eq!(named.next(), None);
        count
    };
    let link = server.make(r#"{"url": "https://example.com/", "code": "a/b"}"#).await;
    server.post("/api/v1/links", "{}").await;
    server.get(&format!("/api/v1/links/{}", link["id"].as_str().unwrap())).await;
    for n in 0..5 {
        server.get(&format!("/api/v1/links/{n}")).await;
        server.get(&format!("/api/v1/nothing/{n}")).await;
    }
    server.get("/api/v1/links/by-code/a/b").await;
    server.ask("HEAD", "/api/v1/tags", &[], Body::empty()).await;
    server.ask("PUT", "/api/v1/tags", &[], Body::empty()).await;
    server.ask("MADEUP", "/api/v1/tags", &[], Body::empty()).await;
    server.ask_openly("GET", "/api/v1/stats", &[], Body::empty()).await;
    for (method, route, status, wanted) in [
        ("POST", "/api/v1/links", "2xx", 1),
        ("POST", "/api/v1/links", "4xx", 1),
        ("GET", "/api/v1/links/{id}", "2xx", 1),
        ("GET", "/api/v1/links/{id}", "4xx", 5),
        ("GET", "/api/v1/links/by-code/{*code}", "2xx", 1),
        ("GET", "/api/v1/tags", "2xx", 1),
        ("GET", "/api/v1/stats", "4xx", 1),
        ("other", "other", "4xx", 7),
        ("other", "other", "5xx", 0),
    ] {
        assert_eq!(count(method, route, status), wanted, "{method} {route} {status}");
    }
    assert_eq!(server.requests.answered().count(), series);
    let all: u64 = server.requests.answered().map(|answered| answered.count).sum();
    assert_eq!(all, 18);
}
