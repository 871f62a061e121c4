//! Changes do what was asked, and never undo what others did.

use crate::server::{Answer, Server};
use axum::body::Body;
use serde_json::Value;

async fn patch(server: &Server, link: &Value, if_match: Option<&str>, body: &str) -> Answer {
    let headers: Vec<_> = if_match.map(|etag| ("if-match", etag)).into_iter().collect();
    server.ask("PATCH", &path(link), &headers, body.to_owned()).await
}

fn path(link: &Value) -> String {
    format!("/api/v1/links/{}", link["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_clears() {
    let server = Server::start().await;
    let link = server.make(r#"{"url": "https://example.com/1", "title": "t", "notes": "n", "tags": ["a"], "max_clicks": 3, "password": "p", "redirect_status": 308}"#).await;
    let changed = patch(
        &server,
        &link,
        None,
        r#"{"title": null, "url": "https://example.com/2", "tags": ["b"], "archived": true}"#,
    )
    .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now = changed.json();
    assert!(
        now["title"].is_null()
            && now["notes"] == "n"
            && now["max_clicks"] == 3
            && now["has_password"] == true
    );
    assert!(
        now["url"] == "https://example.com/2"
            && now["tags"][0] == "b"
            && now["archived"] == true
            && now["code"] == link["code"]
    );
    let cleared = patch(
        &server,
        &link,
        None,
        r#"{"password": null, "tags": null, "redirect_status": null, "archived": false}"#,
    )
    .await
    .json();
    assert!(
        cleared["has_password"] == false
            && cleared["tags"] == serde_json::json!([])
            && cleared["redirect_status"] == 302
    );
    assert_eq!(server.get(&path(&link)).await.json(), cleared);
}

#[tokio::test]
async fn a_change_is_refused_when_others_came_first() {
    let server = Server::start().await;
    let made = server.post("/api/v1/links", r#"{"url": "https://example.com/1"}"#).await;
    let (link, old) = (made.json(), made.header("etag").to_owned());
    let changed = patch(&server, &link, Some(&old), r#"{"title": "mine"}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_ne!(changed.header("etag"), old);
    patch(&server, &link, Some(&old), r#"{"title": "theirs"}"#).await.problem(412, "changed");
    assert_eq!(
        server
            .ask("DELETE", &path(&link), &[("if-match", &old)], Body::empty())
            .await
            .problem(412, "changed"),
        [""; 0]
    );
    assert_eq!(server.get(&path(&link)).await.json()["title"], "mine");
    for (method, header, value) in [
        ("PATCH", "if-none-match", changed.header("etag")),
        ("PATCH", "if-none-match", "*"),
        ("DELETE", "if-none-match", changed.header("etag")),
        ("DELETE", "if-none-match", "*"),
        ("GET", "if-match", &old),
        ("HEAD", "if-match", &old),
    ] {
        let refused = server.ask(method, &path(&link), &[(header, value)], "{}").await;
        assert_eq!(refused.status, 412, "{method} {header}: {value}");
    }
    let read = server.ask("GET", &path(&link), &[("if-match", changed.header("etag"))], Body::empty()).await;
    assert_eq!(read.json()["title"], "mine");
    let other = server.ask("PATCH", &path(&link), &[("if-none-match", &old)], "{}").await;
    assert_eq!(other.status, 200, "{}", other.text());
    let weak = format!("W/{}", changed.header("etag"));
    patch(&server, &link, Some(&weak), "{}").await.problem(412, "changed");
    assert_eq!(patch(&server, &link, Some("v1"), "{}").await.problem(422, "invalid-fields"), ["If-Match"]);
    let any_of = format!("\"x\", {}", changed.header("etag"));
    assert_eq!(server.ask("DELETE", &path(&link), &[("if-match", &any_of)], Body::empty()).await.status, 204);
    for method in ["GET", "PATCH", "DELETE"] {
        server.ask(method, &path(&link), &[], "{}").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_change_that_changes_nothing_leaves_the_link_and_its_tag_as_they_are() {
    let server = Server::start().await;
    let body = r#"{"url": "https://example.com/1", "title": "t", "tags": ["a", "b"], "max_clicks": 3}"#;
    let made = server.post("/api/v1/links", body).await;
    let (link, etag) = (made.json(), made.header("etag").to_owned());
    for same in [
        "{}",
        r#"{"title": "t"}"#,
        r#"{"url": "https://example.com/1", "tags": ["b", "a", "b"], "max_clicks": 3, "notes": null, "archived": false}"#,
    ] {
        for if_match in [None, Some(etag.as_str())] {
            let unchanged = patch(&server, &link, if_match, same).await;
            assert_eq!((unchanged.status.as_u16(), unchanged.header("etag")), (200, etag.as_str()), "{same}");
            assert_eq!(unchanged.json(), link);
        }
        patch(&server, &link, Some("\"v77\""), same).await.problem(412, "changed");
    }
    assert_ne!(patch(&server, &link, None, r#"{"title": "u"}"#).await.header("etag"), etag);
}

#[tokio::test]
async fn a_link_that_is_known_is_not_sent_again() {
    let server = Server::start().await;
    let made = server.post("/api/v1/links", r#"{"url": "https://example.com/1"}"#).await;
    let known = server
        .ask("GET", &path(&made.json()), &[("if-none-match", made.header("etag"))], Body::empty())
        .await;
    assert_eq!(
        (known.status.as_u16(), known.body.len(), known.header("etag")),
        (304, 0, made.header("etag"))
    );
    assert_eq!(known.headers.get("content-type"), None);
    let other = server.ask("GET", &path(&made.json()), &[("if-none-match", "\"x\"")], Body::empty()).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_link_always_has_a_time_at_which_it_leads_somewhere() {
    let server = Server::start().await;
    let link = server.make(r#"{"url": "https://example.com/1", "starts_at": "2030-01-01T00:00:00Z"}"#).await;
    let before = patch(&server, &link, None, r#"{"expires_at": "2029-01-01T00:00:00Z"}"#).await;
    assert_eq!(before.problem(422, "invalid-fields"), ["expires_at"]);
    assert_eq!(patch(&server, &link, None, r#"{"expires_at": "2031-01-01T00:00:00Z"}"#).await.status, 200);
    let after = patch(&server, &link, None, r#"{"starts_at": "2031-01-01T00:00:00Z"}"#).await;
    assert_eq!(after.problem(422, "invalid-fields"), ["starts_at"]);
    let moved =
        patch(&server, &link, None, r#"{"starts_at": null, "expires_at": "2029-01-01T00:00:00Z"}"#).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
}

#[tokio::test]
async fn what_cannot_change_says_so() {
    let server = Server::start().await;
    let link = server.make(r#"{"url": "https://example.com/1"}"#).await;
    let refused = patch(
        &server,
        &link,
        None,
        r#"{"code": "new", "url": null, "id": "1", "clicks": {}, "reuse": true}"#,
    )
    .await;
    let mut fields = refused.problem(422, "invalid-fields");
    fields.sort();
    assert_eq!(fields, ["clicks", "code", "id", "reuse", "url"]);
}
